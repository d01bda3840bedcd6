"""Whatever happens to the server, its events are shown once each, in order, byte for byte, or a gap says what is not.

A recorded stream is published by a server that is killed, cut off, emptied and set back meanwhile, and read by a real
connection into a real history. Beside it is what the operator must see, worked out from what was done to the server
alone: every event it sent, and a gap in exactly the places where it had forgotten the newest frame that was seen.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from itertools import pairwise
from time import monotonic
from typing import Final, NamedTuple, TypeAlias

import pytest

from nomad_tui.config.connection import Connection
from nomad_tui.core.history.history import History
from nomad_tui.core.updates import Concern, Gap, GapReason
from nomad_tui.core.wire import event_lines
from nomad_tui.session import Session, State
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import Cut, End, Fault, Options, Reset, Silence, StandIn
from nomad_tui.standin.recording import index_places
from nomad_tui.stream.settings import Settings
from tests.core.test_continuity import frame_of, load_frames, recomputed
from tests.recordings import lines

SECONDS: Final = 60
"""How long a run may take before it counts as hung."""
PATIENCE: Final = 6
"""Seconds to wait for what the operator must see."""
SOON: Final = 0.01
"""Seconds before a lost connection is tried again."""
SILENCE: Final = 0.4
"""Seconds without a byte after which a connection counts as dead."""
LARGE: Final = 100_000
NAMESPACES: Final = ("default", "payments")
ENDINGS: Final[Sequence[Fault]] = (End(), Reset(), Cut(), Cut(fragment=b""))


class Row(NamedTuple):
    """A row of the list; of a rebuilt server's gap not to which index it went back, which may be its newest."""

    under: int
    """Its index."""
    text: bytes
    """The event as the server wrote it; empty for a gap."""
    gap: tuple[GapReason, int, int] | None = None
    """Why, the last index before, and the first one behind."""

    def __repr__(self) -> str:
        return f"{self.gap}" if self.gap else f"{self.under} {hash(self.text) & 0xFFFF:04x} {self.text[:48]!r}"


def gap_row(reason: GapReason, after: int, before: int) -> Row:
    known = 0 if reason is GapReason.REBUILT else before
    return Row(known, b"", (reason, after, known))


def index_of(line: bytes) -> int:
    return frame_of(line).index


@cache
def rows_of(line: bytes) -> tuple[Row, ...]:
    index = index_of(line)
    return tuple(Row(index, text) for text in event_lines(line))


@cache
def under(line: bytes, index: int) -> bytes:
    """The frame under another index."""
    for start, end in sorted(index_places(line), reverse=True):
        line = b"%b%d%b" % (line[:start], index, line[end:])
    return line


def shown(history: History) -> Iterator[Row]:
    """What the list shows, read back from what is held."""
    for sequence in range(history.first, history.end):
        gap = history.gap(sequence)
        if gap is not None:
            yield gap_row(gap.reason, gap.after, gap.before)
            continue
        event = history.event(sequence)
        text = event_lines(event.frame.line)[event.position]
        assert event.payload == bytes(event.frame.events[event.position].payload)
        assert event.payload in text
        yield Row(event.index, text)


class Watch:
    """A server to which things happen, and what an operator must see of it."""

    def __init__(self, server: StandIn, session: Session, source: LiveServer, recorded: Sequence[bytes]) -> None:
        self.server = server
        self.session = session
        self.source = source
        self.expected: list[Row] = []
        self.begun = monotonic()
        self._recorded = recorded
        self._next = 0
        self._lowered = 0
        """By how much indexes are lower than the recorded ones."""
        self._held: list[bytes] = []
        """What the server has in its buffer."""
        self._newest_seen = 0
        """The index of the newest frame that is or will be shown."""
        self._unproven = False
        """Whether the server has forgotten the newest frame that was seen, and has sent none since."""
        self._set_back = False
        """Whether the server's history is another one than that seen, and it has sent nothing of it."""

    # What will be published

    def upcoming(self, ahead: int = 0) -> bytes:
        line = self._recorded[self._next + ahead]
        return under(line, index_of(line) - self._lowered) if self._lowered else line

    def _take(self) -> bytes:
        line = self.upcoming()
        self._next += 1
        return line

    @property
    def left(self) -> int:
        return len(self._recorded) - self._next

    def _expect(self, line: bytes) -> None:
        index = index_of(line)
        if self._set_back:
            self.expected.append(gap_row(GapReason.REBUILT, self._newest_seen, index))
        elif self._unproven and index > self._newest_seen:
            self.expected.append(gap_row(GapReason.BUFFER, self._newest_seen, index))
        self._set_back = self._unproven = False
        self._newest_seen = index
        self.expected += rows_of(line)

    # What happens

    def happens(self, frames: int = 1) -> None:
        """So many frames are written, whoever reads them."""
        for _ in range(min(frames, self.left)):
            line = self._take()
            self._held.append(line)
            self._expect(line)
            self.server.publish(line)

    async def seen(self) -> None:
        """Waits until all is shown that must be."""
        try:
            async with asyncio.timeout(PATIENCE):
                while self.session.history.end < len(self.expected):
                    self.hurry()
                    await asyncio.sleep(0.002)
        except TimeoutError:
            self.compare()
            raise

    def hurry(self) -> None:
        """Does not wait for the next attempt where the one before was refused."""
        if self.session.status.state in (State.REFUSED, State.RETRYING):
            self.source.retry_now()

    async def connected(self) -> None:
        """Waits until there is a stream that can be broken."""
        while not any(not (stream.over or stream.silent) for stream in self.server.streams):
            self.hurry()
            await asyncio.sleep(0.002)

    async def breaks(self, fault: Fault) -> None:
        await self.connected()
        self.server.inject(fault)

    async def restarts(self, *, meanwhile: int = 0, keeps: int = LARGE, anew: bool = False) -> None:
        """It is killed and started again, and holds the newest `keeps` frames, of which `meanwhile` were written
        while it was away; `anew` if it has played its log again and has computed times and IDs anew."""
        await self.seen()
        missed = [self._take() for _ in range(min(meanwhile, self.left))]
        held = [*self._held, *missed]
        held = held[max(0, len(held) - keeps) :]
        new = held[max(0, len(held) - len(missed)) :] if missed else []
        self._unproven |= not any(index_of(line) <= self._newest_seen for line in held)
        for line in new:
            self._expect(line)
        if anew:
            old = held[: len(held) - len(new)]
            held = [*map(recomputed, old[-100:]), *new]
        self._held = held
        await self.server.restart(held)

    async def is_rebuilt(self, frames: int = 0) -> None:
        """Another server takes its place, whose indexes begin anew; it holds so many frames."""
        await self.seen()
        if self._newest_seen < 100:
            return  # it would be as far as that again before anybody reads it
        self._lowered += index_of(self.upcoming()) - 10
        self._set_back = True
        self._held = [self._take() for _ in range(frames)]
        for line in self._held:
            self._expect(line)
        await self.server.restart(self._held)
        await self.connected()

    async def loses_its_newest(self, frames: int, *, keeps: int = LARGE) -> None:
        """It is set back to an earlier state, holds at most the newest `keeps` frames of that, and goes on from it."""
        await self.seen()
        left = self._held[: max(1, len(self._held) - frames)]
        while len(left) > 1 and index_of(left[-1]) == index_of(self._held[len(left)]):
            left.pop()
        self._lowered += index_of(self.upcoming()) - (index_of(left[-1]) + 1)
        self._set_back = True
        self._held = left[len(left) - min(keeps, len(left)) :]
        await self.server.restart(self._held)
        await self.connected()

    async def is_cut_in_a_line(self, share: float) -> None:
        """A frame is sent in part."""
        await self.seen()
        line = self.upcoming()
        await self.breaks(Cut(fragment=line[: int(len(line) * share)]))
        self.happens()

    async def is_cut_between_two_events(self) -> None:
        """A frame is sent in part: its first event whole, and nothing of the next."""
        while self.left > 1 and len(rows_of(self.upcoming())) < 2:
            self.happens()
        await self.seen()
        line = self.upcoming()
        first = rows_of(line)[0].text
        await self.breaks(Cut(fragment=line[: line.index(first) + len(first)]))
        self.happens()

    async def reaches_a_shared_index(self) -> None:
        """The first of two frames of one index is shown."""
        while self.left > 2 and index_of(self.upcoming()) != index_of(self.upcoming(1)):
            self.happens()
        self.happens()
        await self.seen()

    async def is_cut_in_an_index(self, share: float = 0.0) -> None:
        """Of two frames that share an index one is sent, and of the other a part."""
        await self.reaches_a_shared_index()
        await self.is_cut_in_a_line(share)

    async def refuses(self, connections: int) -> None:
        self.server.refuse(connections)
        await self.breaks(End())

    async def is_away(self, frames: int = 0) -> None:
        """Takes no connections until two were tried in vain, while so many frames are written."""
        async with self.server.down():
            self.happens(frames)
            while self.session.status.attempt < 2:
                self.hurry()
                await asyncio.sleep(0.002)

    # What is seen of it

    def compare(self) -> None:
        """Says where what is shown first differs from what must be."""
        seen = list(shown(self.session.history))
        at = next(
            (at for at, (one, other) in enumerate(zip(seen, self.expected, strict=False)) if one != other),
            min(len(seen), len(self.expected)),
        )
        if seen != self.expected:
            near = slice(max(0, at - 4), at + 8)
            differences = [
                f"{name:8} {row}" for name, rows in (("shown", seen), ("expected", self.expected)) for row in rows[near]
            ]
            pytest.fail("\n".join([f"{len(seen)} rows, not {len(self.expected)}; from row {at} on:", *differences]))

    def gaps(self) -> list[Gap]:
        history = self.session.history
        return [gap for sequence in range(history.end) if (gap := history.gap(sequence)) is not None]


@asynccontextmanager
async def watched(recorded: Sequence[bytes]) -> AsyncIterator[Watch]:
    """A server whose recording has just begun, and somebody who watches it. In the end all of what must be is seen."""
    options = Options(buffer_size=LARGE, namespaces=NAMESPACES, heartbeat=SILENCE / 5)
    async with asyncio.timeout(SECONDS), StandIn((), options) as server:
        connection = Connection.from_environment({"address": server.address}, environ={})
        settings = Settings(silence=SILENCE, shortest_delay=SOON, shortest_delay_after_refusal=SOON)
        source = LiveServer(connection, settings=settings)
        session = Session(source)
        watch = Watch(server, session, source, recorded)
        watch.happens(15)
        task = asyncio.create_task(session.run())
        try:
            yield watch
            watch.happens()  # what is missing shows with the next frame
            await watch.seen()
            watch.compare()
            assert session.status.unreadable == 0
            assert session.status.permissions is None, "nothing was refused"
            assert Concern.PERMISSION not in session.status.warnings
            assert session.history.gaps == len(watch.gaps())
            for gap in watch.gaps():
                assert 0 <= gap.away <= monotonic() - watch.begun
                assert (gap.topics, gap.namespaces) == ((), ())
        finally:
            task.cancel()
            await asyncio.wait({task})
        assert task.cancelled()


# What can happen to a server, and whether anything is missing then

Step: TypeAlias = Callable[[Watch], Awaitable[None] | None]


class Scenario(NamedTuple):
    steps: Sequence[Step]
    gaps: Sequence[GapReason] = ()


BUFFER, REBUILT = GapReason.BUFFER, GapReason.REBUILT

SCENARIOS: Final[dict[str, Scenario]] = {
    "restarted, holds all it held": Scenario([lambda it: it.restarts()]),
    "restarted, holds all it held and what was written meanwhile": Scenario([lambda it: it.restarts(meanwhile=30)]),
    "restarted, plays its log again with other times and IDs": Scenario(
        [lambda it: it.restarts(anew=True), lambda it: it.happens(5), lambda it: it.restarts(meanwhile=9, anew=True)]
    ),
    "restarted, holds just the newest frame that was seen": Scenario([lambda it: it.restarts(keeps=1)]),
    "restarted, holds from the newest frame on that was seen": Scenario(
        [lambda it: it.restarts(meanwhile=8, keeps=9)],
    ),
    "restarted, has just forgotten the newest frame that was seen": Scenario(
        [lambda it: it.restarts(meanwhile=8, keeps=8)], [BUFFER]
    ),
    "restarted, has forgotten most of what was written meanwhile": Scenario(
        [lambda it: it.restarts(meanwhile=20, keeps=3)], [BUFFER]
    ),
    "restarted, empty, nothing was written meanwhile": Scenario([lambda it: it.restarts(keeps=0)], [BUFFER]),
    "restarted, empty, though frames were written meanwhile": Scenario(
        [lambda it: it.restarts(meanwhile=12, keeps=0)], [BUFFER]
    ),
    "restarted three times, empty, before anything is written": Scenario(
        [lambda it: it.restarts(keeps=0)] * 3 + [lambda it: it.is_away()], [BUFFER]
    ),
    "restarted, empty, twice, with frames between": Scenario(
        [lambda it: it.restarts(keeps=0), lambda it: it.happens(8), lambda it: it.restarts(keeps=0)], [BUFFER, BUFFER]
    ),
    "restarted between two frames of an index, holds both": Scenario(
        [lambda it: it.reaches_a_shared_index(), lambda it: it.restarts(meanwhile=1)]
    ),
    "restarted between two frames of an index, holds the second": Scenario(
        [lambda it: it.reaches_a_shared_index(), lambda it: it.restarts(meanwhile=1, keeps=1)]
    ),
    "restarted between two frames of an index, has forgotten both": Scenario(
        [lambda it: it.reaches_a_shared_index(), lambda it: it.restarts(meanwhile=3, keeps=2)], [BUFFER]
    ),
    "restarted between two frames of an index, empty, writes the second": Scenario(
        [lambda it: it.reaches_a_shared_index(), lambda it: it.restarts(keeps=0)]
    ),
    "cut in a line, near its beginning": Scenario([lambda it: it.is_cut_in_a_line(0.01)]),
    "cut in a line, within a payload": Scenario([lambda it: it.is_cut_in_a_line(0.5)]),
    "cut in a line, just before its line feed": Scenario([lambda it: it.is_cut_in_a_line(1.0)]),
    "cut in a line, between two events": Scenario([lambda it: it.is_cut_between_two_events()] * 3),
    "cut in a line of garbage": Scenario([lambda it: it.breaks(Cut())]),
    "cut in an index, between its frames": Scenario([lambda it: it.is_cut_in_an_index()] * 3),
    "cut in an index, within its second frame": Scenario([lambda it: it.is_cut_in_an_index(0.6)] * 3),
    "ended without a word": Scenario([lambda it: it.breaks(End()), lambda it: it.happens(5)] * 3),
    "reset": Scenario([lambda it: it.breaks(Reset()), lambda it: it.happens(5), lambda it: it.seen()] * 3),
    "ended, and again before its first line": Scenario([lambda it: it.breaks(End())] * 4),
    "reset, and again before its first line": Scenario([lambda it: it.breaks(Reset())] * 4),
    "silent, while frames are written": Scenario([lambda it: it.breaks(Silence()), lambda it: it.happens(5)]),
    "refuses connections for a while": Scenario([lambda it: it.refuses(5), lambda it: it.happens(5)]),
    "away for a while": Scenario([lambda it: it.is_away(25)]),
    "rebuilt, its indexes begin anew": Scenario([lambda it: it.is_rebuilt(20)], [REBUILT]),
    "rebuilt, and holds a single frame": Scenario([lambda it: it.is_rebuilt(1)], [REBUILT]),
    "rebuilt, empty, and goes on below": Scenario([lambda it: it.is_rebuilt()], [REBUILT]),
    "rebuilt twice": Scenario(
        [lambda it: it.is_rebuilt(9), lambda it: it.happens(125), lambda it: it.is_rebuilt()], [REBUILT, REBUILT]
    ),
    "rebuilt, then restarted with all it held": Scenario(
        [lambda it: it.is_rebuilt(9), lambda it: it.happens(9), lambda it: it.restarts(meanwhile=4)], [REBUILT]
    ),
    "set back by some frames, holds those before": Scenario(
        [lambda it: it.loses_its_newest(12), lambda it: it.happens(30)], [REBUILT]
    ),
    "set back by some frames, holds some of those before": Scenario(
        [lambda it: it.loses_its_newest(12, keeps=4), lambda it: it.happens(30)], [REBUILT]
    ),
    "set back by some frames, empty": Scenario(
        [lambda it: it.loses_its_newest(12, keeps=0), lambda it: it.happens(30)], [REBUILT]
    ),
    "set back by one frame": Scenario([lambda it: it.loses_its_newest(1), lambda it: it.happens(30)], [REBUILT]),
}


@pytest.mark.parametrize("name", SCENARIOS)
async def test_what_happens_to_a_server(name: str) -> None:
    steps, gaps = SCENARIOS[name]
    async with watched(load_frames()[300:500]) as watch:
        watch.happens(30)
        await watch.seen()
        for step in steps:
            done = step(watch)
            if done is not None:
                await done
        watch.happens(6)
        await watch.seen()
    assert [gap.reason for gap in watch.gaps()] == list(gaps)
    assert watch.session.status.reconnects > 0
    asked = [request.first("index") for request in watch.server.requests if request.path == "/v1/event/stream"]
    assert len(asked) > 1
    assert asked[0] == "0"


async def test_a_server_that_comes_back_empty_is_no_gap_until_it_sends_something() -> None:
    async with watched(load_frames()[:60]) as watch:
        watch.happens(20)
        await watch.restarts(meanwhile=10, keeps=0)
        await watch.connected()
        heard = watch.session.status.last_heard
        while watch.session.status.last_heard == heard:  # noqa: ASYNC110 - a session tells nobody: it is asked
            await asyncio.sleep(0.002)
        assert watch.gaps() == []
        watch.happens()
        await watch.seen()
        [gap] = watch.gaps()
        assert gap.sentence.startswith(
            f"indexes {gap.after + 1:,}–{gap.before - 1:,} may be missing: reconnected after "
        )


# Any of it, in any order


async def anything(watch: Watch, chance: random.Random) -> None:
    """One thing that may happen to a server."""
    match chance.randrange(13):
        case 0 | 1:
            await watch.is_cut_in_a_line(chance.random())
        case 2:
            await watch.is_cut_in_an_index(chance.choice([0.0, chance.random()]))
        case 3:
            await watch.is_cut_between_two_events()
        case 4 | 5:
            await watch.breaks(chance.choice(ENDINGS))
        case 6:
            await watch.refuses(chance.randrange(1, 4))
        case 7:
            await watch.is_away(chance.randrange(10))
        case 8:
            await watch.restarts(meanwhile=chance.randrange(12), anew=chance.random() < 0.5)
        case 9 | 10:
            await watch.restarts(meanwhile=chance.randrange(12), keeps=chance.randrange(1, 12))
        case 11:
            await watch.restarts(meanwhile=chance.randrange(3), keeps=0)
        case _:
            await watch.is_rebuilt(chance.randrange(8))


@pytest.mark.parametrize("seed", range(4))
async def test_a_recorded_stream_is_seen_whole_whatever_happens_to_its_server(seed: int) -> None:
    chance = random.Random(seed)
    recorded = load_frames()
    start = chance.randrange(len(recorded) - 550)
    async with watched(recorded[start : start + 550]) as watch:
        watch.happens(chance.randrange(5, 30))
        while watch.left > 60:
            await anything(watch, chance)
            watch.happens(chance.randrange(25))
            if chance.random() < 0.3:
                await watch.seen()
            await asyncio.sleep(chance.choice([0, 0, SOON, 3 * SOON]))
        watch.happens(watch.left - 1)
    assert watch.session.status.reconnects > 5


async def test_all_of_a_recorded_stream_is_seen_through_a_server_that_never_stays_up_long() -> None:
    """Two thousand frames, of which six hundred share their index with another."""
    chance = random.Random(6)
    recorded = load_frames()
    assert sum(index_of(one) == index_of(other) for one, other in pairwise(recorded)) > 500
    async with watched(recorded) as watch:
        while watch.left > 1:
            watch.happens(min(chance.randrange(20, 120), watch.left - 1))
            match chance.randrange(4):
                case 0:
                    await watch.restarts(anew=chance.random() < 0.2)
                case 1:
                    await watch.breaks(chance.choice(ENDINGS))
                case 2 if watch.left > 5:
                    await watch.is_cut_in_an_index(chance.random())
                case _ if watch.left > 5:
                    await watch.is_cut_in_a_line(chance.random())
                case _:
                    pass
    assert watch.gaps() == []
    assert watch.expected == [
        row for line in lines("load") if line.startswith(b"{") and line != b"{}" for row in rows_of(line)
    ]
