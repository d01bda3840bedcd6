"""Which topics a token may read, found out by opening each of them alone.

A server refuses a request for many topics as a whole and does not say for which of them. From 1.11.2 on a refusal is
a body that ends before its first line, or stays silent (`nomad.probing`); before that it is 403 or 500. Silence is
permission only on the oldest releases, which send not even a head until the first event or heartbeat
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
"""Seconds from the head to the first line, beyond which a stream is refused."""
LONGEST_PATIENCE: Final = 15.0
ROUND_TRIPS: Final = 3.0
"""As many times what the slowest answer took: a link or a server that is slow has refused nothing."""


def first_line_patience(
    response: aiohttp.ClientResponse, version: str | None, round_trip: float, shortest: float | None = None
) -> float | None:
    """Seconds within which the first line comes if the server accepts; None where its absence says nothing.

    `version` is the server's release, if that is known; `round_trip` is what its slowest answer took, in seconds.
    """
    if not is_hijacked(response) or (version is not None and sends_late_first_line(version)):
        return None
    return min(LONGEST_PATIENCE, max(SHORTEST_PATIENCE if shortest is None else shortest, ROUND_TRIPS * round_trip))


def is_hijacked(response: aiohttp.ClientResponse) -> bool:
    """Whether the body ends with the connection, as Nomad's own streams do; a proxy usually sends chunks."""
    headers = response.headers
    if "Content-Length" in headers or "Transfer-Encoding" in headers:
        return False
    return headers.get("Connection", "").lower() == "close"


def sends_late_first_line(version: str) -> bool:
    """Whether a release sends neither head nor heartbeat before its first event or 30 s: 1.0.0 to 1.0.6, and 1.1.0."""
    release = Release.parse(version)
    return release is not None and NO_FIRST_HEARTBEAT.affects(release)


AT_ONCE: Final = 4
"""Streams open at the same time: a server bounds the connections of one address (100 by default)."""
PATIENCE: Final = 5.0
"""Seconds for a stream's head; those of the oldest releases that send none by then count as allowed."""
NEWEST: Final = (1 << 63) - 1
"""An index above every other: asked for it, a server sends its newest frame at most, instead of its whole buffer."""
REFUSALS: Final = frozenset((Kind.PERMISSION, Kind.REFUSED))


class Probed(msgspec.Struct, frozen=True):
    """What became of one topic in one namespace."""

    topic: str
    namespace: str
    allowed: bool | None
    """None where the server could not be asked; then `trouble` says why."""
    seconds: float
    """Until the first byte, the refusal, or the end of patience."""
    heard: bool = False
    """Whether a first byte came; an older server that allows a topic may keep silent."""
    trouble: Trouble | None = None
    is_silent: bool = False
    """Whether the server accepted the request and then neither sent anything nor ended the stream."""
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
    """Each topic, by released name, in each namespace, in the order in which the answers come.

    A topic that belongs to no namespace is asked for in the first of them only, and reported for all. `version` is the
    server's release, if that is known. Where a proxy may hold a silent stream back, the other answers decide: if any
    stream sent a first line, the silent ones are refused. Those are reported last.
    """
    places = list(namespaces)
    is_heard = False
    undecided: list[Probed] = []
    slots = asyncio.Semaphore(AT_ONCE)

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
    """What is allowed by what was found; what could not be asked counts as refused."""
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
        response = None  # it has ended, and is not silent
    return found(bool(first), heard=bool(first))
