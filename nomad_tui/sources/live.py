"""A live server as a source: connects, reads, reconnects where it left off, and says what happens meanwhile.

A connection is asked for the last index seen, so that what the server sends first tells whether anything was missed
(`core.continuity`). A 200 says nothing on these servers: only the first line does, and a body that ends before it is a
refusal, which is tried again seldom.

Which topics are asked for follows the dashboard's ticks (`sources.ticked`): the stream is left at a frame's end and
asked for anew, which is neither a lost connection nor a reason to wait.
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
from nomad_tui.sources.ticked import TICKS_SETTLE, Ticked

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
        ticks_settle: float = TICKS_SETTLE,
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
        self._ticked = Ticked(self.subscription, ticks_settle)
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

    def watch(self, topics: frozenset[str] | None) -> None:
        """Asks for these topics only, by released names, once that has not changed for some seconds; None is for all.

        It is never more than the session was started with. Topics that are left out and come back are read on from
        where they were left, or a gap says what the server no longer holds of them.

        A topic that nobody has heard of yet cannot be asked for by name: while anything is left out, the first event
        of a new kind does not come. None gets it, if the server still holds it. If nothing would be left to ask for,
        the connection stays as it is: it costs little, and tells whether the server is there.
        """
        self._ticked.watch(topics)

    @property
    def watched(self) -> Subscription:
        """What the server sends now, or was last known to send."""
        return self._ticked.accepted

    def retry_now(self) -> None:
        """Cuts the wait before the next attempt short."""
        self._retry_now.set()

    async def updates(self) -> AsyncGenerator[Update, None]:
        waits = delays(self._shortest_delay)
        refusal_waits = delays(max(self._shortest_delay, SHORTEST_DELAY_AFTER_REFUSAL))
        attempt = 0
        losses = 0
        changing = False
        while True:
            if not changing:
                yield Connecting(self.name)
            trouble: Trouble | None = None
            connected_at: float | None = None
            answered = False
            subscription = self._ticked.subscription(self._continuity.last_index > 0)
            try:
                async with (
                    Client(self.connection) as client,
                    aclosing(self._read(client, subscription, losses)) as updates,
                ):
                    async for update in updates:
                        if isinstance(update, Trouble):
                            trouble = update
                            break
                        if isinstance(update, Connected):
                            connected_at = monotonic()
                        yield update
            except (aiohttp.ClientError, OSError, TimeoutError, UnexpectedAnswerError, ConfigurationError) as error:
                trouble = diagnose.explain(error, self.connection)
                answered = isinstance(error, UnexpectedAnswerError)
            if connected_at is not None:
                attempt = 0
                if monotonic() - connected_at > SETTLED:
                    waits = delays(self._shortest_delay)
                    refusal_waits = delays(max(self._shortest_delay, SHORTEST_DELAY_AFTER_REFUSAL))
            if trouble is None:
                changing = True
                continue
            changing = connected_at is None and (trouble.refused or answered) and self._ticked.not_taken(subscription)
            if changing:
                continue
            self._ticked.lost()
            if connected_at is not None:
                losses += 1
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

    async def _read(
        self, client: Client, subscription: Subscription, losses: int
    ) -> AsyncGenerator[Update | Trouble, None]:
        """One connection: what it brings, and last the trouble that ended it; none if other topics are to be read."""
        server = await _identify(client)
        continuity, ticked = self._continuity, self._ticked
        splitter = LineSplitter(self.max_line)
        narrow = None if subscription.everything else subscription
        connected = False
        seen_before = continuity.last_index
        resuming = seen_before > 0
        away = 0.0
        last_text: bytes | None = None
        newest = server.newest_index if server is not None else None
        connected_at = monotonic()
        async with client.open_stream(self._parameters(server, subscription), self.silence) as response:
            changing = False
            while not changing:
                chunk = await ticked.chunk(response.content, connected and continuity.last_index > 0)
                if chunk is None:
                    changing = True
                    chunk = response.content.read_nowait()
                elif not chunk:
                    break
                lines = splitter.feed(chunk)
                if (lines or splitter.oversized) and not connected:
                    connected = True
                    connected_at = monotonic()
                    away = connected_at - self._last_byte
                    continuity.reconnected(subscription.released_topics)
                    ticked.taken(subscription)
                    yield self._connected(server, losses)
                while splitter.oversized:
                    yield splitter.oversized.pop(0)
                settled = monotonic() - connected_at > BACKLOG_SECONDS
                for line in lines:
                    update = decode(line)
                    if isinstance(update, Frame):
                        if newest is None:
                            update.fresh = settled and update.index > seen_before
                        else:
                            update.fresh = update.index > newest
                        sent = update.events
                        if narrow is not None:
                            update = _narrowed(update, narrow)
                        joined = continuity.join(update, away, sent)
                        if joined.missed is not None:
                            yield joined.missed
                        if joined.gap is not None:
                            yield joined.gap
                            seen_before = 0
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
        if changing:
            return
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

    def _connected(self, server: ServerInfo | None, losses: int) -> Connected:
        return Connected(
            self.name,
            server.version if server is not None else None,
            server.region if server is not None else None,
            losses,
            self._ticked.refused_topics,
        )

    def _parameters(self, server: ServerInfo | None, subscription: Subscription) -> list[tuple[str, str]]:
        beta = server is not None and (server.version or "").startswith("1.0.0-beta")
        resumption = self._continuity.resumption(subscription.released_topics)
        parameters = [("index", str(resumption.index or self.start_index))]
        parameters += subscription.parameters(beta, resumption.witnesses)
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
