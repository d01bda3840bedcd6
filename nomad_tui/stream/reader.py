"""One subscription in one namespace, or in all of them, read for as long as anybody wants it.

It connects, reads, reconnects where it left off, and says what happens meanwhile. A connection is asked for the last
index seen, so that what the server sends first tells whether anything was missed (`core.continuity`). A 200 says
nothing on these servers: only the first line does, and a body that ends before it is a refusal, of which the reason is
asked for (`nomad.inquiry`).

The topics follow the dashboard's ticks (`stream.topic_selection`): the reader leaves the stream at a frame's end and
subscribes again, which is neither a lost connection nor a reason to wait.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, aclosing, suppress
from dataclasses import dataclass, field
from time import monotonic, time_ns
from typing import Final

import aiohttp

from nomad_tui.config.connection import ConfigurationError, Connection
from nomad_tui.core.backoff import SHORTEST_DELAY, delays
from nomad_tui.core.continuity import Continuity, Joined
from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.core.permissions import Permissions
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import (
    Concern,
    Connected,
    Connecting,
    Gap,
    GapReason,
    Noted,
    Permitted,
    Refused,
    Retrying,
    Update,
    Warned,
)
from nomad_tui.core.wire import EXCERPT, Frame, Heartbeat, LineSplitter, Unreadable, decode
from nomad_tui.nomad import diagnose, first_line, inquiry
from nomad_tui.nomad.cases import Kind, Trouble, asked
from nomad_tui.nomad.client import SILENCE, Client, ServerInfo, UnexpectedAnswerError
from nomad_tui.nomad.questions import newest_index
from nomad_tui.nomad.release_discovery import Discovery
from nomad_tui.stream.cuts import Cuts
from nomad_tui.stream.harm import Harm
from nomad_tui.stream.heartbeats import HEARTBEAT, Heartbeats
from nomad_tui.stream.resuming import identify, is_replaying, parts_at
from nomad_tui.stream.start import Beginning, Start
from nomad_tui.stream.suspension import elapsed
from nomad_tui.stream.topic_selection import TICKS_SETTLE, Ticked

SHORTEST_DELAY_AFTER_REFUSAL: Final = 5.0
"""A token does not get its rights back within a second."""
SETTLED: Final = 10.0
"""Seconds after which a connection counts as good though nothing new came on it: the next delay is the shortest again,
as after every connection that brought something new. A server that accepts and ends each connection at once would
otherwise be asked twice a second."""
LONGEST_DELAY_WHILE_STARTING: Final = 2.0
"""Seconds: what a restarted server sends meanwhile is held in its buffer only."""
LEADER_WATCHED_EVERY: Final = 30.0
"""Seconds between two questions whether the cluster has a leader."""
REPLAY_PATIENCE: Final = 5.0
"""Seconds for which a server that seems to have been rebuilt is asked again where it does not say whether it is still
replaying its raft log."""

BACKLOG_SECONDS: Final = 1.0
"""Seconds after which a server has sent what it had in its buffer, where it does not say its newest index."""
PATIENCE_WITH_IDENTITY: Final = 2.0
"""Seconds that the header's version may delay the events."""
PATIENCE_WITH_CHOICE: Final = 1.0
"""Seconds after which one of several servers has sent the frame asked for, if it holds it."""
STANDSTILL: Final = 10.0
"""Seconds without reading after which a server may have given this reader up."""
STANDSTILL_OVER: Final = 1.0
"""Seconds of waiting for the server after which it has not: whatever it had sent before has been read by then."""
SKEW: Final = 5.0
"""Seconds by which two clocks may differ without a word."""
SKEW_CHANGED: Final = 2.0
"""Seconds by which that must change to be said anew: a server tells its time to the second."""

REFUSALS: Final = frozenset(
    (
        Kind.REFUSED,
        Kind.PERMISSION,
        Kind.AUTHENTICATION,
        Kind.REGION_UNKNOWN,
        Kind.BAD_REQUEST,
        Kind.PUBLISHING_DISABLED,
        Kind.HARMFUL,
    )
)
"""What a Nomad server answers to a subscription it will not serve. Other troubles that waiting does not mend, a
certificate or a wrong address, are tried again as seldom, but nobody has refused anything yet."""
OF_CLUSTER: Final = REFUSALS - {Kind.REFUSED, Kind.PUBLISHING_DISABLED, Kind.HARMFUL}
"""What every server of a cluster would answer alike. A refusal without a reason may be that of one that is stopping."""
ASKED_ABOUT: Final = frozenset((Kind.REFUSED, Kind.PERMISSION, Kind.AUTHENTICATION, Kind.REGION_UNKNOWN))
UNHEARD: Final = frozenset((Kind.SILENT, Kind.TIMED_OUT))


@dataclass(frozen=True, slots=True)
class Settings:
    """Times are in seconds, sizes in bytes."""

    start: Start = field(default_factory=Start)
    silence: float = SILENCE
    max_line: int = DEFAULT_MAX_LINE
    shortest_delay: float = SHORTEST_DELAY
    ticks_settle: float = TICKS_SETTLE
    heartbeat: float = HEARTBEAT
    replay_patience: float = REPLAY_PATIENCE
    leader_watched_every: float = LEADER_WATCHED_EVERY


@dataclass(frozen=True, slots=True)
class Divided:
    """The last that a reader says where one subscription cannot cover all that may be read."""

    permissions: Permissions


class Reader:
    def __init__(
        self,
        connection: Connection,
        subscription: Subscription,
        settings: Settings,
        discovery: Discovery | None = None,
    ) -> None:
        """`connection` names the namespace, and the servers to choose from. `discovery` is shared with whoever reads
        the same servers."""
        self.connection = connection
        self.settings = settings
        self.repeats = 0
        """Events dropped because they had been seen."""
        self.connected = False
        self.failed = False
        """Whether the last attempt to connect was in vain."""
        self.newest: int | None = None
        """The server's newest index just before the connection was made, where it says so."""
        self.ticked = Ticked(subscription, settings.ticks_settle)
        self.harm = Harm(self.ticked, discovery or Discovery(), connection.allow_harmful_topics)
        self.standstill = 0.0
        """Seconds for which nothing was read during this connection, because this program did not run."""
        self._start = settings.start
        self._beginning: Beginning | None = None
        """From the first connection on until the start is behind."""
        self._continuity = Continuity()
        self._last_byte: float | None = None
        """When the last connection brought something, by `elapsed`; None if there was none."""
        self._retry_now = False
        self._retry_now_or_said = asyncio.Event()
        self._at = 0
        """Which of the servers is read, or is tried first."""
        self._read_from: int | None = None
        """Which of them was read last."""
        self._losses = 0
        self._restricted = False
        self._held_back = False
        self._cuts = Cuts()
        self._skew: float | None = None
        """Seconds by which the server's clock was ahead when that was said last; None if it was right."""
        self._told_of_release = False
        self._said: deque[Update] = deque()
        self._progressed = False
        """Whether this connection, or the last one, brought a frame that is newer than what was seen before."""
        self._doubted_since: float | None = None
        """When a server first seemed to have been rebuilt, by `monotonic`; None if it does not."""
        self._is_held_back = False
        """Whether silence was found to be something between that holds the stream back, and not a refusal."""
        self._warned_of_permission: Warned | None = None
        self._parted_at = 0
        """The index from which on a server's history is another one; 0 for all of it."""

    @property
    def last_index(self) -> int:
        return self._continuity.last_index

    @property
    def continuity(self) -> Continuity:
        return self._continuity

    def resume(self, continuity: Continuity, restricted: bool = False, away: float | None = None) -> None:
        """Goes on where another reader stopped; before `updates`. `restricted` if that one could not read all.

        `away` is for how many seconds nobody has read, if that is known.
        """
        self._continuity = continuity
        self._restricted = restricted
        self._last_byte = None if away is None else elapsed() - away
        if continuity.begun:
            self._start = Start()

    def say(self, update: Update) -> None:
        """Passes something on as soon as a line that is being read is at its end."""
        self._said.append(update)
        self.ticked.interrupt()
        self._retry_now_or_said.set()

    def appeared(self, namespace: str, created: int) -> None:
        """There is a namespace that the connection does not cover; it is made anew for that."""
        self._continuity.appeared(namespace, created)
        self.ticked.again()

    def connect_again(self) -> None:
        """Leaves the connection at a frame's end and makes another at once, or cuts the wait for one short."""
        self.ticked.again()
        self._retry_now = True
        self._retry_now_or_said.set()

    def ask_for_all(self) -> None:
        """The token may read more by now: asks anew for all that was wanted."""
        self.ticked.restrict(None)
        self.connect_again()

    async def updates(self) -> AsyncGenerator[Update | Divided, None]:
        shortest = self.settings.shortest_delay
        waits = delays(shortest)
        refusal_waits = delays(max(shortest, SHORTEST_DELAY_AFTER_REFUSAL))
        attempt = 0
        changing = False
        probed = False
        """Whether what may be read has been asked since the last connection, or the last wait."""
        while True:
            if not changing:
                yield Connecting(self._name)
            connected_at: float | None = None
            trouble: Trouble | None = None
            asked_anew = self._progressed = False
            was_held_back = self._is_held_back
            subscription = self.ticked.subscription(self._continuity.last_index > 0)
            async with aclosing(self._any_server(subscription)) as updates:
                async for update in updates:
                    if isinstance(update, Trouble):
                        trouble = update
                    elif isinstance(update, Permissions):
                        if probed:
                            continue  # what was found allowed a moment ago is refused: waiting may help
                        probed = True
                        if len(update.namespaces) > 1 or update.namespaces[0] != self.connection.namespace:
                            yield Divided(update)
                            return
                        self.ticked.restrict(update.topics_in(self.connection.namespace))
                        self._restricted = asked_anew = True
                        yield Permitted(update)
                    else:
                        if isinstance(update, Connected):
                            connected_at = monotonic()
                            self.connected, self.failed = True, False
                        yield update
            self.connected = False
            if connected_at is not None:
                attempt = 0
                probed = False
                if self._progressed or monotonic() - connected_at > SETTLED:
                    waits = delays(shortest)
                    refusal_waits = delays(max(shortest, SHORTEST_DELAY_AFTER_REFUSAL))
            changing = trouble is None or asked_anew
            if trouble is None or asked_anew:
                continue
            if trouble.kind is Kind.BUFFERED and self._is_held_back and not was_held_back:
                # Silence is no refusal there: what the proxy holds is waited for at once, for as long as it may take.
                self._held_back = True
                yield Warned(Concern.BUFFERED, trouble.account, f"{trouble.remedy}.")
                continue
            if connected_at is not None:
                now = elapsed()
                silent = now - (self._last_byte or now)
                trouble = self._cuts.named(trouble, monotonic() - connected_at, silent)
            self.failed = True
            self.ticked.lost()
            if trouble.refused:
                self.ticked.restrict(None)
            if connected_at is not None:
                self._losses += 1
            attempt += 1
            delay = next(refusal_waits if trouble.refused else waits)
            if trouble.kind is Kind.STARTING:
                delay = min(delay, LONGEST_DELAY_WHILE_STARTING)
            kind = Refused if trouble.refused and trouble.kind in REFUSALS else Retrying
            yield kind(trouble.account, f"{trouble.remedy}.", delay, attempt)
            async with aclosing(self._wait(delay)) as updates_meanwhile:
                async for each in updates_meanwhile:
                    yield each
            probed = False

    @property
    def server(self) -> Connection:
        """Which of the servers is read, or is tried."""
        return self.connection.servers[self._at]

    @property
    def _name(self) -> str:
        return str(self.server.address)

    async def _wait(self, delay: float) -> AsyncGenerator[Update, None]:
        """Passes on meanwhile what is to be said."""
        until = monotonic() + delay
        self._retry_now = False
        while not self._retry_now and (left := until - monotonic()) > 0:
            self._retry_now_or_said.clear()
            while self._said:
                yield self._said.popleft()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._retry_now_or_said.wait()

    # Which server

    async def _any_server(self, subscription: Subscription) -> AsyncGenerator[Update | Trouble | Permissions, None]:
        """One connection to the best of the servers: what it brings, and last the trouble that ended it, if any."""
        servers = self.connection.servers
        order = [(self._at + step) % len(servers) for step in range(len(servers))]
        troubles: list[Trouble] = []
        second_best: list[tuple[int, int]] = []
        for number, at in enumerate(order):
            self._at = at
            if number:
                yield Connecting(self._name)
            if len(servers) > 1 and self._continuity.last_index:
                held = await self._held_by(servers[at], subscription)
                if isinstance(held, Trouble):
                    troubles.append(held)
                    continue
                if (
                    held is not None
                    and held != self._resumption(subscription)
                    and not (number == len(order) - 1 and not second_best)
                ):
                    second_best.append((held, at))
                    continue
            made = False
            async with aclosing(self._one_server(servers[at], subscription)) as updates:
                async for update in updates:
                    if isinstance(update, Trouble) and not made and len(order) > 1 and update.kind not in OF_CLUSTER:
                        troubles.append(update)
                        break
                    made = made or isinstance(update, Connected | Permissions)
                    yield update
                else:
                    return
        if second_best:
            _, self._at = min(second_best)
            async with aclosing(self._one_server(servers[self._at], subscription)) as updates:
                async for update in updates:
                    yield update
            return
        self._at = order[0]
        yield _all_failed(troubles)

    def _resumption(self, subscription: Subscription) -> int:
        return self._continuity.resumption(subscription.released_topics, self.ticked.readable).index

    async def _held_by(self, connection: Connection, subscription: Subscription) -> int | Trouble | None:
        """The index of the first frame that a server sends to whoever goes on from here; None if it refuses.

        One that sends none holds nothing: then it is one above every other.
        """
        splitter = LineSplitter(self.settings.max_line)
        try:
            async with AsyncExitStack() as stack:
                client = await stack.enter_async_context(Client(connection))
                harmless = await self.harm.harmless(client, subscription)
                if harmless is None:
                    return None
                parameters = self._parameters(connection, None, harmless)
                response = await stack.enter_async_context(client.open_stream(parameters))
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE_WITH_CHOICE):
                        accepted = False
                        while chunk := await response.content.readany():
                            for line in splitter.feed(chunk):
                                accepted = True
                                if isinstance(update := decode(line), Frame):
                                    return update.index
                        if not accepted:
                            return None
        except (aiohttp.ClientError, OSError, TimeoutError, UnexpectedAnswerError, ConfigurationError) as error:
            trouble = await inquiry.explain_fully(error, connection)
            return None if trouble.kind in REFUSALS else trouble
        return 1 << 63

    async def _one_server(
        self, connection: Connection, subscription: Subscription
    ) -> AsyncGenerator[Update | Trouble | Permissions, None]:
        """One connection to one server."""
        trouble: Trouble | None = None
        connected = answered = False
        self.ticked.asked()
        self.standstill = 0.0
        try:
            async with Client(connection) as client:
                try:
                    async with aclosing(self._read(client, subscription)) as updates:
                        async for update in updates:
                            if isinstance(update, Trouble):
                                trouble = update
                                break
                            connected = connected or isinstance(update, Connected)
                            yield update
                except (aiohttp.ClientError, OSError, TimeoutError, UnexpectedAnswerError, ConfigurationError) as error:
                    trouble = await inquiry.explain_fully(error, connection, worked=client.round_trip > 0)
                    answered = isinstance(error, UnexpectedAnswerError)
                if trouble is None:
                    return
                if trouble.kind in UNHEARD and not connected:
                    trouble = await inquiry.why_silent(client, trouble)
                    if trouble.kind is Kind.BUFFERED:
                        # A proxy that passes nothing on looks the same as a refusal that it passed on.
                        found = (await inquiry.why_refused(client, self.ticked.started_with, trouble)).trouble
                        trouble = found if found.kind in REFUSALS else trouble
                if not connected and (trouble.refused or answered):
                    if self.ticked.not_taken(subscription):
                        return
                    if trouble.kind in ASKED_ABOUT:
                        findings = await inquiry.why_refused(client, self.ticked.started_with, trouble)
                        trouble = findings.trouble
                        self._is_held_back = trouble.kind is Kind.BUFFERED
                        if findings.permissions is not None:
                            warned = Warned(Concern.PERMISSION, trouble.account, f"{trouble.remedy}.")
                            if warned != self._warned_of_permission:
                                self._warned_of_permission = warned
                                yield warned
                            yield findings.permissions
        except (aiohttp.ClientError, OSError, TimeoutError, UnexpectedAnswerError, ConfigurationError) as error:
            trouble = await inquiry.explain_fully(error, connection)
        if trouble is not None:
            yield trouble

    # What it sends

    async def _read(self, client: Client, subscription: Subscription) -> AsyncGenerator[Update | Trouble, None]:
        """One connection: what it brings, and last the trouble that ended it; none if it is to be made anew."""
        server = await identify(client, PATIENCE_WITH_IDENTITY)
        if server is not None and server.publishes is False:
            yield diagnose.fill(asked.PUBLISHING_DISABLED, client.connection, said="")
            return
        if await self.harm.changes(client, server):
            return
        if (harmful := self.harm.trouble()) is not None:
            yield harmful
            return
        continuity, ticked = self._continuity, self.ticked
        splitter = LineSplitter(self.settings.max_line)
        heartbeats = Heartbeats(self.settings.heartbeat)
        narrow = None if subscription.everything else subscription
        connected = False
        seen_before = continuity.last_index
        resumed_from = continuity.last_index
        resuming = resumed_from > 0
        older = continuity.looked_back
        away = 0.0
        last_text: bytes | None = None
        newest = self.newest = server.newest_index if server is not None else None
        beginning = await self._begin(client, newest)
        connected_at = monotonic()
        parameters = self._parameters(client.connection, server, subscription)
        async with client.open_stream(parameters, self.settings.silence) as response:
            patience = None
            if not self._is_held_back:
                version = server.version if server is not None else None
                patience = first_line.patience(response, version, client.round_trip)
            changing = False
            while not changing:
                waited_from = elapsed()
                self._last_byte = waited_from if connected else self._last_byte
                if connected or patience is None:
                    chunk = await ticked.chunk(response.content, connected and continuity.last_index > 0)
                else:
                    try:
                        async with asyncio.timeout(patience):
                            chunk = await ticked.chunk(response.content, False)
                    except TimeoutError as error:
                        if isinstance(error, aiohttp.ClientError):
                            raise
                        break
                if chunk is None:
                    if not ticked.is_due:
                        while self._said:
                            yield self._said.popleft()
                        continue
                    changing = True
                    chunk = response.content.read_nowait()
                elif not chunk:
                    break
                heard_at = elapsed()
                if heard_at - waited_from > STANDSTILL_OVER:
                    self.standstill = 0.0
                lines = splitter.feed(chunk)
                if (lines or splitter.oversized) and not connected:
                    connected = True
                    connected_at = monotonic()
                    away = 0.0 if self._last_byte is None else heard_at - self._last_byte
                    continuity.reconnected(subscription.released_topics, heard_at, ticked.readable)
                    ticked.taken(subscription)
                    if beginning is not None:
                        beginning.connected()
                    for said in self._connected(client, server):
                        yield said
                while self._said:
                    yield self._said.popleft()
                while splitter.oversized:
                    yield splitter.oversized.pop(0)
                settled = monotonic() - connected_at > BACKLOG_SECONDS
                beats = 0
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
                        joined = continuity.join(update, away, sent, tentative=resuming and not continuity.is_proven)
                        was_set_back = (
                            joined.gap is not None
                            and joined.gap.reason is GapReason.REBUILT
                            and continuity.is_proven
                            and not joined.doubtful
                        )
                        if resuming and not was_set_back and (joined.doubtful or joined.gap is not None):
                            doubt = await self._resolved(client, subscription, joined, update, older)
                            if doubt is not None:
                                yield doubt
                                return
                        for gap in (joined.missed, joined.unread, joined.gap):
                            if gap is not None:
                                yield gap
                        if joined.gap is not None:
                            seen_before = 0
                            is_another = resuming and joined.gap.reason is GapReason.REBUILT and not was_set_back
                            if is_another and not (joined.doubtful and joined.gap.before == resumed_from):
                                yield self._start_over()
                                return
                        self._doubted_since = None
                        if update.index > resumed_from:
                            self._progressed = True
                            resuming = False
                        self.repeats += joined.repeats
                        if joined.frame is not None and beginning is None:
                            yield joined.frame
                        elif joined.frame is not None and beginning is not None:
                            wanted = beginning.wanted(joined.frame, update.fresh)
                            if beginning.note:
                                yield Noted(beginning.note)
                                beginning.note = ""
                            for shown in wanted:
                                yield shown
                            if beginning.over:
                                beginning = self._beginning = None
                                self._start = Start()
                    elif update is not None:
                        if isinstance(update, Heartbeat):
                            beats += 1
                            for waited in beginning.left() if beginning is not None and settled else ():
                                yield waited
                        yield update
                    if update is not None:
                        last_text = update.excerpt if isinstance(update, Unreadable) else None
                if warning := await self._bulk(heartbeats, beats, heard_at):
                    yield warning
                self.standstill = max(self.standstill, elapsed() - heard_at)
        if changing:
            return
        rest = splitter.finish()
        if splitter.oversized:
            yield splitter.oversized.pop()
        if not connected:
            yield diagnose.refusal(client.connection)
            return
        # A cut frame is the normal end of a stream and comes again; a whole line of text is the server's last word.
        if rest and not rest.lstrip().startswith(b"{"):
            last_text = rest[:EXCERPT]
        yield diagnose.too_slow(self.standstill) if self.standstill > STANDSTILL else diagnose.ended(last_text)

    async def _begin(self, client: Client, newest: int | None) -> Beginning | None:
        """None if everything that comes is wanted."""
        start = self._start
        if start.is_bounded and self._beginning is None:
            reached = await newest_index(client) if start.live and newest is None else newest
            ahead = client.ahead or 0.0
            began = time_ns() + (int(ahead * 1e9) if abs(ahead) > SKEW else 0)
            self._beginning = Beginning(start, began, reached, is_newest=newest is not None)
        return self._beginning

    async def _resolved(
        self, client: Client, subscription: Subscription, joined: Joined, frame: Frame, older: int
    ) -> Trouble | None:
        """Finds out what a first frame means that does not prove to go on, and sets the gap to be shown; `older` is an
        index before the last one seen.

        Returns the reason to ask again later, where the server is starting or may be.
        """
        continuity, gap = self._continuity, joined.gap
        last_index = continuity.last_index if gap is None else gap.after
        if gap is not None and gap.reason is GapReason.REBUILT:
            starting = await is_replaying(client, last_index, PATIENCE_WITH_IDENTITY)
            if starting is None and frame.index < last_index and not continuity.is_proven:
                self._doubted_since = self._doubted_since or monotonic()
                starting = monotonic() - self._doubted_since < self.settings.replay_patience
            return diagnose.fill(asked.STARTING, client.connection) if starting else None
        parameters = [("index", str(older)), *self._parameters(client.connection, None, subscription)[1:]]
        limits = (self.settings.max_line, PATIENCE_WITH_CHOICE)
        strange, has_common = None, False
        if older < last_index:
            strange, has_common = await parts_at(client, parameters, subscription, continuity, last_index, *limits)
        self._parted_at = strange or 0 if has_common else 0
        if strange or (strange == 0 and gap is None):
            # Where older frames are still held and what was seen last is not, the server was set back.
            joined.gap = Gap(
                GapReason.REBUILT, last_index, min(strange or frame.index, frame.index), gap.away if gap else 0.0
            )
        return None

    def _start_over(self) -> Trouble:
        """For a rebuilt server: asked for an index above its newest, it sends its newest frame and none before it."""
        self._continuity = Continuity()
        self._start = Start(self._parted_at)
        self._parted_at = 0
        self._beginning = None
        return Trouble(
            Kind.ENDED,
            "The server has another history now",
            "what it holds is not what was seen before",
            "Everything that it holds is asked for next",
            refused=False,
        )

    def _connected(self, client: Client, server: ServerInfo | None) -> Iterator[Update]:
        name = str(client.connection.address)
        before = self._read_from or 0
        if before != self._at:
            reason = "was lost, or holds less" if self._read_from is not None else "could not be read"
            yield Noted(f"Events come from {name} now: {self.connection.servers[before].address} {reason}.")
        self._read_from = self._at
        if self._restricted and self.ticked.permits_all:
            self._restricted = False
            yield Permitted(Permissions((self.connection.namespace,), {}))
            self._warned_of_permission = None
            yield Warned(Concern.PERMISSION)
        yield Connected(
            name,
            self.harm.version(server),
            server.region if server is not None else None,
            self._losses,
            self.ticked.refused_topics,
            self.harm.left_out,
            self.harm.csi_read_warning,
        )
        yield from self.harm.news()
        if client.mended_status_line and not self._told_of_release:
            self._told_of_release = True
            yield Noted(diagnose.mended_status_line(client.connection).sentence)
        if client.ahead is not None:
            yield from self._clock(client.ahead)

    def _clock(self, ahead: float) -> Iterator[Warned]:
        told = self._skew
        if told is not None and abs(ahead - told) < SKEW_CHANGED:
            ahead = told
        self._skew = ahead if abs(ahead) > SKEW else None
        if self._skew is not None:
            trouble = diagnose.clock_skew(ahead)
            yield Warned(Concern.CLOCK, trouble.account, f"{trouble.remedy}.")
        elif told is not None:
            yield Warned(Concern.CLOCK)

    async def _bulk(self, heartbeats: Heartbeats, beats: int, heard_at: float) -> Warned | None:
        """The news about whether something between holds the stream back."""
        if together := heartbeats.heard(beats, heard_at):
            await asyncio.sleep(0)  # whoever notices that this program was stopped says so first
            if not self._held_back and self.standstill < self.settings.heartbeat / 2:
                self._held_back = True
                told = diagnose.buffered(together * self.settings.heartbeat, together)
                return Warned(Concern.BUFFERED, told.account, f"{told.remedy}.")
        elif self._held_back and heartbeats.regular:
            self._held_back = False
            return Warned(Concern.BUFFERED)
        return None

    def _parameters(
        self, connection: Connection, server: ServerInfo | None, subscription: Subscription
    ) -> list[tuple[str, str]]:
        beta = server is not None and (server.version or "").startswith("1.0.0-beta")
        resumption = self._continuity.resumption(subscription.released_topics, self.ticked.readable)
        start = self._beginning.request if self._beginning is not None else 0
        parameters = [("index", str(resumption.index or start))]
        parameters += subscription.parameters(beta, resumption.witnesses)
        parameters.append(("namespace", connection.namespace))
        if connection.region is not None:
            parameters.append(("region", connection.region))
        return parameters


def _all_failed(troubles: list[Trouble]) -> Trouble:
    """What to say when none of several servers can be read."""
    first, *rest = troubles
    if not rest:
        return first
    others = "the other one" if len(rest) == 1 else f"all {len(rest)} others"
    return Trouble(
        first.kind,
        first.what,
        f"{first.why}, and {others} failed too",
        first.remedy,
        all(each.refused for each in troubles),
    )


def _narrowed(frame: Frame, subscription: Subscription) -> Frame:
    """The frame with the events asked for; the line stays whole only if all of them are."""
    wanted = [event for event in frame.events if subscription.admits(event)]
    if len(wanted) == len(frame.events):
        return frame
    return frame.with_events(wanted)
