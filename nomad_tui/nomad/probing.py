"""Determines which topics a token may read by opening a stream for each of them.

A server refuses a request for several topics as a whole and does not report for which of them. Since 1.11.2 a refused
stream ends before its first line or stays silent; earlier releases return 403 or 500. Silence means permission only on
the oldest releases, which do not even send a response head until the first event or heartbeat
(`nomad/stream/ndjson.go`).
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from time import monotonic
from typing import Final

import aiohttp
import msgspec
from msgspec.structs import replace

from nomad_tui.core.permissions import Permissions, is_namespaced
from nomad_tui.core.topics import beta_topic
from nomad_tui.nomad import diagnose
from nomad_tui.nomad.cases import Kind, Trouble, by_inquiry
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.diagnose import NomadError
from nomad_tui.nomad.releases import NO_FIRST_HEARTBEAT, Release

SHORTEST_PATIENCE: Final = 1.5
"""Minimum seconds from the head to the first line before a stream counts as refused."""
LONGEST_PATIENCE: Final = 15.0
ROUND_TRIPS: Final = 3.0
"""Factor for the slowest response time: a slow link or server is not a refusal."""


def first_line_patience(
    response: aiohttp.ClientResponse, version: str | None, round_trip: float, shortest: float | None = None
) -> float | None:
    """Seconds in which an accepting server sends the first line; None if its absence proves nothing.

    `version` is the server's release, if known; `round_trip` is its slowest response time in seconds.
    """
    if not is_hijacked(response) or (version is not None and sends_late_first_line(version)):
        return None
    return min(LONGEST_PATIENCE, max(SHORTEST_PATIENCE if shortest is None else shortest, ROUND_TRIPS * round_trip))


def is_hijacked(response: aiohttp.ClientResponse) -> bool:
    """Whether the body ends with the connection, as in Nomad's own streams; proxies usually send chunks."""
    headers = response.headers
    if "Content-Length" in headers or "Transfer-Encoding" in headers:
        return False
    return headers.get("Connection", "").lower() == "close"


def sends_late_first_line(version: str) -> bool:
    """Whether a release sends neither head nor heartbeat before its first event or 30 s: 1.0.0 to 1.0.6, and 1.1.0."""
    release = Release.parse(version)
    return release is not None and NO_FIRST_HEARTBEAT.affects(release)


MAX_CONCURRENT: Final = 4
"""Maximum concurrent streams: a server limits the connections of one address (100 by default)."""
PATIENCE: Final = 5.0
"""Seconds for a stream's head; on the oldest releases, a topic without a head by then counts as allowed."""
NEWEST: Final = (1 << 63) - 1
"""An index above all others: a server then sends at most its newest frame instead of its whole buffer."""
REFUSALS: Final = frozenset((Kind.PERMISSION, Kind.REFUSED))


class Probed(msgspec.Struct, frozen=True):
    """The result for one topic in one namespace."""

    topic: str
    namespace: str
    allowed: bool | None
    """None if the request failed; `trouble` says why."""
    seconds: float
    """Until the first byte, the refusal, or the end of patience."""
    heard: bool = False
    """Whether a first byte was received; old servers may stay silent for an allowed topic."""
    trouble: Trouble | None = None
    is_silent: bool = False
    """Whether the server accepted the request but neither sent anything nor ended the stream."""
    in_words: bool = False
    """Whether it was refused with a status and a text, rather than by silence."""


async def probe(
    client: Client,
    topics: Iterable[str],
    namespaces: Iterable[str],
    *,
    beta: bool = False,
    patience: float = PATIENCE,
    version: str | None = None,
) -> AsyncGenerator[Probed, None]:
    """Probe each topic, by released name, in each namespace; results are yielded as they arrive.

    A topic without a namespace is requested only in the first one, and reported for all. `version` is the server's
    release, if known. If a proxy may hold back a silent stream, the other results decide: if any stream sent a first
    line, the silent ones are refused. These are reported last.
    """
    places = list(namespaces)
    is_heard = False
    undecided: list[Probed] = []
    slots = asyncio.Semaphore(MAX_CONCURRENT)

    async def one(topic: str, namespace: str) -> Probed:
        async with slots:
            return await _probe(client, beta_topic(topic) if beta else topic, topic, namespace, patience, version)

    def everywhere(probed: Probed) -> list[Probed]:
        others = [] if is_namespaced(probed.topic) else places[1:]
        return [probed, *(replace(probed, namespace=place) for place in others)]

    wanted = [(topic, place) for topic in topics for place in (places if is_namespaced(topic) else places[:1])]
    tasks = [asyncio.create_task(one(*each)) for each in wanted]
    try:
        for coming in asyncio.as_completed(tasks):
            probed = await coming
            is_heard = is_heard or probed.heard
            if probed.is_silent and probed.allowed is None:
                undecided.append(probed)
                continue
            for each in everywhere(probed):
                yield each
        for probed in undecided:
            for each in everywhere(replace(probed, allowed=False, trouble=None) if is_heard else probed):
                yield each
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def permissions(probed: Iterable[Probed], namespaces: Iterable[str]) -> Permissions:
    """The permissions according to the results; failed requests count as refused."""
    allowed: dict[str, set[str]] = {}
    for each in probed:
        granted = allowed.setdefault(each.topic, set())
        if each.allowed:
            granted.add(each.namespace)
    return Permissions(tuple(namespaces), {topic: frozenset(granted) for topic, granted in allowed.items()})


async def _probe(client: Client, name: str, topic: str, namespace: str, patience: float, version: str | None) -> Probed:
    region = client.connection.region
    parameters = [("index", str(NEWEST)), ("topic", f"{name}:*"), ("namespace", namespace)]
    if region is not None:
        parameters.append(("region", region))
    begun = monotonic()

    response: aiohttp.ClientResponse | None = None
    refused_after: float | None = None

    def found(allowed: bool | None, trouble: Trouble | None = None, *, heard: bool = False) -> Probed:
        is_silent = response is not None and not heard and allowed is not True
        return Probed(topic, namespace, allowed, monotonic() - begun, heard, trouble, is_silent)

    try:
        async with asyncio.timeout(patience) as limit, client.open_stream(parameters) as response:
            refused_after = first_line_patience(response, version, client.round_trip, client.first_line)
            if refused_after is not None:
                limit.reschedule(asyncio.get_running_loop().time() + refused_after)
            first = await response.content.readany()
    except (NomadError, TimeoutError) as error:
        if not isinstance(error, NomadError):
            if refused_after is not None:
                return found(False)
            if response is None and (version is None or sends_late_first_line(version)):
                return found(True)
            kept = by_inquiry.HELD_BACK if response is not None else by_inquiry.NO_ANSWER
            return found(None, diagnose.fill(kept, client.connection))
        if error.status is not None and error.trouble.kind in REFUSALS:
            return replace(found(False), in_words=True)
        return found(None, error.trouble)
    if not first:
        response = None  # it has ended, so it is not silent
    return found(bool(first), heard=bool(first))
