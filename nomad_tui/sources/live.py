"""A live server as a source: connects, reads, reconnects where it left off, and says what happens meanwhile.

A connection is asked for the last index seen, so that what the server sends first tells whether anything was missed
(`core.continuity`). A 200 says nothing on these servers: only the first line does, and a body that ends before it is a
refusal, which is tried again seldom.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from time import monotonic
from typing import Final

import aiohttp

from nomad_tui.config import ConfigurationError, Connection
from nomad_tui.core.continuity import Continuity
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.topics import ALL
from nomad_tui.core.updates import Connected, Connecting, GapReason, Refused, Retrying, Update
from nomad_tui.core.wire import DEFAULT_MAX_LINE, EXCERPT, Frame, LineSplitter, Unreadable, decode
from nomad_tui.nomad import diagnose
from nomad_tui.nomad.client import SILENCE, Client, ServerInfo, UnexpectedAnswerError
from nomad_tui.nomad.diagnose import Kind, Trouble

SHORTEST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 30.0
"""Seconds between attempts. A cluster that restarts has hundreds of readers come back."""
SHORTEST_DELAY_AFTER_REFUSAL: Final = 5.0
"""A token does not get its rights back within a second."""
SETTLED: Final = 10.0
"""Seconds after which a connection counts as good and the next delay is the shortest again: a server that accepts
and ends each connection at once would otherwise be asked twice a second."""

BACKLOG_SECONDS: Final = 1.0
"""Seconds after which a server has sent what it had in its buffer, where it does not say its newest index."""
PATIENCE_WITH_IDENTITY: Final = 2.0
"""Seconds that the header's version may delay the events."""

REFUSALS: Final = frozenset((Kind.REFUSED, Kind.PERMISSION, Kind.AUTHENTICATION, Kind.REGION_UNKNOWN, Kind.BAD_REQUEST))
"""What a Nomad server answers to a subscription it will not serve. Other troubles that waiting does not mend, a
certificate or a wrong address, are tried again as seldom, but nobody has refused anything yet."""


def delays(shortest: float = SHORTEST_DELAY, longest: float = LONGEST_DELAY) -> Iterator[float]:
    """Seconds to wait before each attempt: doubling, the upper half of each random, within the bounds."""
    ceiling = shortest
    while True:
        yield random.uniform(max(shortest, ceiling / 2), ceiling)
        ceiling = min(longest, ceiling * 2)


class LiveServer:
    """One server's event stream, for as long as anybody reads it."""

    def __init__(
        self,
        connection: Connection,
        subscription: Subscription | None = None,
        index: int = 0,
        silence: float = SILENCE,
        max_line: int = DEFAULT_MAX_LINE,
        shortest_delay: float = SHORTEST_DELAY,
    ) -> None:
        """`index` is where to start: 0 for everything the server's buffer holds. Times are in seconds."""
        self.connection = connection
        self.subscription = subscription or Subscription()
        self.start_index = index
        self.silence = silence
        self.max_line = max_line
        self.repeats = 0
        """Events dropped because they had been seen."""
        self._shortest_delay = shortest_delay
        self._continuity = Continuity()
        self._last_byte = 0.0
        self._retry_now = asyncio.Event()

    @property
    def name(self) -> str:
        return str(self.connection.address)

    @property
    def live(self) -> bool:
        return True

    def scope(self, region: str | None) -> str:
        namespace = self.connection.namespace
        namespaces = "all namespaces" if namespace == ALL else f"namespace {namespace}"
        parts = [self.connection.region or region, namespaces]
        if not self.subscription.everything:
            parts.append(str(self.subscription))
        return " · ".join(part for part in parts if part)

    def retry_now(self) -> None:
        """Cuts the wait before the next attempt short."""
        self._retry_now.set()

    async def updates(self) -> AsyncGenerator[Update, None]:
        waits = delays(self._shortest_delay)
        refusal_waits = delays(max(self._shortest_delay, SHORTEST_DELAY_AFTER_REFUSAL))
        attempt = 0
        connections = 0
        while True:
            yield Connecting(self.name)
            trouble: Trouble | None = None
            connected_at: float | None = None
            try:
                async with Client(self.connection) as client, aclosing(self._read(client, connections)) as updates:
                    async for update in updates:
                        if isinstance(update, Trouble):
                            trouble = update
                            break
                        if isinstance(update, Connected):
                            connected_at = monotonic()
                            connections += 1
                        yield update
            except (aiohttp.ClientError, OSError, TimeoutError, UnexpectedAnswerError, ConfigurationError) as error:
                trouble = diagnose.explain(error, self.connection)
            trouble = trouble or diagnose.ended(None)
            if connected_at is not None:
                attempt = 0
                if monotonic() - connected_at > SETTLED:
                    waits = delays(self._shortest_delay)
                    refusal_waits = delays(max(self._shortest_delay, SHORTEST_DELAY_AFTER_REFUSAL))
            attempt += 1
            delay = next(refusal_waits if trouble.refused else waits)
            kind = Refused if trouble.refused and trouble.kind in REFUSALS else Retrying
            yield kind(trouble.account, f"{trouble.remedy}.", delay, attempt)
            await self._wait(delay)

    async def _wait(self, delay: float) -> None:
        self._retry_now.clear()
        try:
            async with asyncio.timeout(delay):
                await self._retry_now.wait()
        except TimeoutError:
            pass

    async def _read(self, client: Client, connections: int) -> AsyncGenerator[Update | Trouble, None]:
        """One connection: what it brings, and last the trouble that ended it."""
        server = await _identify(client)
        continuity = self._continuity
        continuity.reconnected()
        splitter = LineSplitter(self.max_line)
        narrow = None if self.subscription.everything else self.subscription
        connected = False
        resuming = continuity.last_index > 0
        away = 0.0
        last_text: bytes | None = None
        newest = server.newest_index if server is not None else None
        connected_at = monotonic()
        async with client.open_stream(self._parameters(server), self.silence) as response:
            async for chunk in response.content.iter_any():
                lines = splitter.feed(chunk)
                if (lines or splitter.oversized) and not connected:
                    connected = True
                    connected_at = monotonic()
                    away = connected_at - self._last_byte
                    yield self._connected(server, connections)
                while splitter.oversized:
                    yield splitter.oversized.pop(0)
                settled = monotonic() - connected_at > BACKLOG_SECONDS
                for line in lines:
                    update = decode(line)
                    if isinstance(update, Frame):
                        update.fresh = settled if newest is None else update.index > newest
                        if narrow is not None:
                            update = _narrowed(update, narrow)
                        joined = continuity.join(update, away)
                        if joined.gap is not None:
                            yield joined.gap
                            if resuming and joined.gap.reason is GapReason.REBUILT:
                                yield self._start_over()
                                return
                        resuming = False
                        self.repeats += joined.repeats
                        if joined.frame is not None:
                            yield joined.frame
                    elif update is not None:
                        yield update
                    if update is not None:
                        last_text = update.excerpt if isinstance(update, Unreadable) else None
                self._last_byte = monotonic()
        rest = splitter.finish()
        if splitter.oversized:
            yield splitter.oversized.pop()
        if not connected:
            yield diagnose.refusal(self.connection)
            return
        # A cut frame is the normal end of a stream and comes again; a whole line of text is the server's last word.
        if rest and not rest.lstrip().startswith(b"{"):
            last_text = rest[:EXCERPT]
        yield diagnose.ended(last_text)

    def _start_over(self) -> Trouble:
        """For a rebuilt server: asked for an index above its newest, it sends its newest frame and none before it."""
        self._continuity = Continuity()
        self.start_index = 0
        return Trouble(
            Kind.ENDED,
            "The server has another history now",
            "its newest index is below one that was seen before",
            "Everything that it holds is asked for next",
            refused=False,
        )

    def _connected(self, server: ServerInfo | None, connections: int) -> Connected:
        return Connected(
            self.name,
            server.version if server is not None else None,
            server.region if server is not None else None,
            connections,
        )

    def _parameters(self, server: ServerInfo | None) -> list[tuple[str, str]]:
        beta = server is not None and (server.version or "").startswith("1.0.0-beta")
        parameters = [("index", str(self._continuity.last_index or self.start_index))]
        parameters += self.subscription.parameters(beta)
        parameters.append(("namespace", self.connection.namespace))
        if self.connection.region is not None:
            parameters.append(("region", self.connection.region))
        return parameters


async def _identify(client: Client) -> ServerInfo | None:
    """Who answers, unless that takes long: a server that hangs on this question may still send its events."""
    try:
        async with asyncio.timeout(PATIENCE_WITH_IDENTITY):
            return await client.server()
    except TimeoutError:
        return None


def _narrowed(frame: Frame, subscription: Subscription) -> Frame:
    """The frame with the events asked for; the line stays whole only if all of them are."""
    wanted = [event for event in frame.events if subscription.admits(event)]
    if len(wanted) == len(frame.events):
        return frame
    return frame.with_events(wanted)
