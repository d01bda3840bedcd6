"""Which topics a token may read, found out by opening each of them alone.

A server refuses a request for many topics as a whole and does not say for which of them. Refusals come at once: from
1.11.2 on as the end of the body before its first line, before that as 403 or 500. What is neither refused nor sent
anything is allowed: older servers say nothing until the first event or heartbeat (`nomad/stream/ndjson.go`).
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Final

import aiohttp

from nomad_tui.config import ConfigurationError
from nomad_tui.core.permissions import Permissions, is_namespaced
from nomad_tui.core.topics import beta_topic
from nomad_tui.nomad import diagnose
from nomad_tui.nomad.cases import Kind, Trouble
from nomad_tui.nomad.client import Client, UnexpectedAnswerError

AT_ONCE: Final = 4
"""Streams open at the same time: a server bounds the connections of one address (100 by default)."""
PATIENCE: Final = 5.0
"""Seconds after which what was not refused counts as allowed."""
NEWEST: Final = (1 << 63) - 1
"""An index above every other: asked for it, a server sends its newest frame at most, instead of its whole buffer."""
REFUSALS: Final = frozenset((Kind.PERMISSION, Kind.REFUSED))


@dataclass(frozen=True, slots=True)
class Probed:
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


async def probe(
    client: Client, topics: Iterable[str], namespaces: Iterable[str], *, beta: bool = False, patience: float = PATIENCE
) -> AsyncGenerator[Probed, None]:
    """Each topic, by released name, in each namespace, in the order in which the answers come.

    A topic that belongs to no namespace is asked for in the first of them only, and reported for all.
    """
    places = list(namespaces)
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(topic: str, namespace: str) -> Probed:
        async with slots:
            return await _probe(client, beta_topic(topic) if beta else topic, topic, namespace, patience)

    wanted = [(topic, place) for topic in topics for place in (places if is_namespaced(topic) else places[:1])]
    tasks = [asyncio.create_task(one(*each)) for each in wanted]
    try:
        for coming in asyncio.as_completed(tasks):
            probed = await coming
            yield probed
            if not is_namespaced(probed.topic):
                for place in places[1:]:
                    yield Probed(probed.topic, place, probed.allowed, probed.seconds, probed.heard, probed.trouble)
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


async def _probe(client: Client, asked: str, topic: str, namespace: str, patience: float) -> Probed:
    region = client.connection.region
    parameters = [("index", str(NEWEST)), ("topic", f"{asked}:*"), ("namespace", namespace)]
    if region is not None:
        parameters.append(("region", region))
    begun = monotonic()

    def found(allowed: bool | None, heard: bool = False, trouble: Trouble | None = None) -> Probed:
        return Probed(topic, namespace, allowed, monotonic() - begun, heard, trouble)

    try:
        async with asyncio.timeout(patience), client.open_stream(parameters) as response:
            first = await response.content.readany()
    except (aiohttp.ClientError, OSError, TimeoutError, UnexpectedAnswerError, ConfigurationError) as error:
        if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
            return found(True)
        trouble = diagnose.explain(error, client.connection)
        if isinstance(error, UnexpectedAnswerError) and trouble.kind in REFUSALS:
            return found(False)
        return found(None, trouble=trouble)
    return found(bool(first), bool(first))
