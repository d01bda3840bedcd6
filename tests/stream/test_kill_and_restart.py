"""With any failures of the server, its events are shown once, in order and byte for byte, or a gap is shown.

A server publishes a recorded stream while it is killed, cut off, emptied and rolled back; a real connection reads it
into a real history. The expected rows are derived only from what was done to the server: every event it sent, and a
gap wherever it no longer held the newest frame that was seen.
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

TIMEOUT: Final = 60
"""Seconds after which a run counts as hung."""
PATIENCE: Final = 6
"""Seconds to wait for the expected rows."""
RETRY_DELAY: Final = 0.01
"""Seconds before a lost connection is retried."""
SILENCE: Final = 0.4
"""Seconds without a byte after which a connection counts as dead."""
LARGE: Final = 100_000
NAMESPACES: Final = ("default", "payments")
ENDINGS: Final[Sequence[Fault]] = (End(), Reset(), Cut(), Cut(fragment=b""))


class Row(NamedTuple):
    """A row of the list; a rebuilt server's gap without the index to which it went back, which may be its newest."""

    at_index: int
    """Index of the event."""
    text: bytes
    """The event as the server sent it; empty for a gap."""
    gap: tuple[GapReason, int, int] | None = None
    """Reason, the last index before, and the first one after."""

    def __repr__(self) -> str:
        return f"{self.gap}" if self.gap else f"{self.at_index} {hash(self.text) & 0xFFFF:04x} {self.text[:48]!r}"


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
def with_index(line: bytes, index: int) -> bytes:
    """Return the frame with another index."""
    for start, end in sorted(index_places(line), reverse=True):
        line = b"%b%d%b" % (line[:start], index, line[end:])
    return line


def shown(history: History) -> Iterator[Row]:
    """Yield the rows of the list, read back from the history."""
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
    """A server with simulated failures, and the rows that an operator must see."""

    def __init__(self, server: StandIn, session: Session, source: LiveServer, recorded: Sequence[bytes]) -> None:
        self.server = server
        self.session = session
        self.source = source
        self.expected: list[Row] = []
        self.begun = monotonic()
        self._recorded = recorded
        self._next = 0
        self._lowered = 0
        """Amount by which indexes are lower than the recorded ones."""
        self._held: list[bytes] = []
        """Frames in the server's buffer."""
        self._newest_seen = 0
        """Index of the newest frame that is or will be shown."""
        self._unproven = False
        """Whether the server no longer holds the newest frame that was seen, and has sent none since."""
        self._set_back = False
        """Whether the server has a different history from the one seen, and has sent nothing of it."""

    # Frames to publish

    def upcoming(self, ahead: int = 0) -> bytes:
        line = self._recorded[self._next + ahead]
        return with_index(line, index_of(line) - self._lowered) if self._lowered else line

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

    # Failures

    def publish(self, frames: int = 1) -> None:
        """Publish the next frames."""
        for _ in range(min(frames, self.left)):
            line = self._take()
            self._held.append(line)
            self._expect(line)
            self.server.publish(line)

    async def wait_until_shown(self) -> None:
        """Wait until all expected rows are shown."""
        try:
            async with asyncio.timeout(PATIENCE):
                while self.session.history.end < len(self.expected):
                    self.skip_backoff()
                    await asyncio.sleep(0.002)
        except TimeoutError:
            self.compare()
            raise

    def skip_backoff(self) -> None:
        """Skip the backoff if the previous attempt was refused."""
        if self.session.status.state in (State.REFUSED, State.RETRYING):
            self.source.retry_now()

    async def wait_until_connected(self) -> None:
        """Wait until there is a stream that can be broken."""
        while not any(not (stream.over or stream.silent) for stream in self.server.streams):
            self.skip_backoff()
            await asyncio.sleep(0.002)

    async def break_stream(self, fault: Fault) -> None:
        await self.wait_until_connected()
        self.server.inject(fault)

    async def restart(self, *, meanwhile: int = 0, keeps: int = LARGE, anew: bool = False) -> None:
        """Restart the server with the newest `keeps` frames, of which `meanwhile` were written while it was down; with
        `anew` it has replayed its log and recomputed times and IDs."""
        await self.wait_until_shown()
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

    async def rebuild(self, frames: int = 0) -> None:
        """Replace the server by one whose indexes start again and which holds that many frames."""
        await self.wait_until_shown()
        if self._newest_seen < 100:
            return  # its indexes would be as high again before anyone reads them
        self._lowered += index_of(self.upcoming()) - 10
        self._set_back = True
        self._held = [self._take() for _ in range(frames)]
        for line in self._held:
            self._expect(line)
        await self.server.restart(self._held)
        await self.wait_until_connected()

    async def roll_back(self, frames: int, *, keeps: int = LARGE) -> None:
        """Roll the server back to an earlier state, of which it holds at most the newest `keeps` frames."""
        await self.wait_until_shown()
        left = self._held[: max(1, len(self._held) - frames)]
        while len(left) > 1 and index_of(left[-1]) == index_of(self._held[len(left)]):
            left.pop()
        self._lowered += index_of(self.upcoming()) - (index_of(left[-1]) + 1)
        self._set_back = True
        self._held = left[len(left) - min(keeps, len(left)) :]
        await self.server.restart(self._held)
        await self.wait_until_connected()

    async def cut_in_line(self, share: float) -> None:
        """Send part of a frame."""
        await self.wait_until_shown()
        line = self.upcoming()
        await self.break_stream(Cut(fragment=line[: int(len(line) * share)]))
        self.publish()

    async def cut_between_events(self) -> None:
        """Send part of a frame: its complete first event and nothing of the second."""
        while self.left > 1 and len(rows_of(self.upcoming())) < 2:
            self.publish()
        await self.wait_until_shown()
        line = self.upcoming()
        first = rows_of(line)[0].text
        await self.break_stream(Cut(fragment=line[: line.index(first) + len(first)]))
        self.publish()

    async def publish_shared_index(self) -> None:
        """Publish up to the first of two frames of one index, and wait until it is shown."""
        while self.left > 2 and index_of(self.upcoming()) != index_of(self.upcoming(1)):
            self.publish()
        self.publish()
        await self.wait_until_shown()

    async def cut_in_shared_index(self, share: float = 0.0) -> None:
        """Send one of two frames that share an index, and part of the other."""
        await self.publish_shared_index()
        await self.cut_in_line(share)

    async def refuse_connections(self, connections: int) -> None:
        self.server.refuse(connections)
        await self.break_stream(End())

    async def go_down(self, frames: int = 0) -> None:
        """Refuse connections until two attempts have failed, while that many frames are written."""
        async with self.server.down():
            self.publish(frames)
            while self.session.status.attempt < 2:
                self.skip_backoff()
                await asyncio.sleep(0.002)

    # Results

    def compare(self) -> None:
        """Fail with the first difference between shown and expected rows."""
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
    """Open a server at the beginning of a recording, and a session; at the end, all expected rows must be shown."""
    options = Options(buffer_size=LARGE, namespaces=NAMESPACES, heartbeat=SILENCE / 5)
    async with asyncio.timeout(TIMEOUT), StandIn((), options) as server:
        connection = Connection.from_environment({"address": server.address}, environ={})
        settings = Settings(silence=SILENCE, shortest_delay=RETRY_DELAY, shortest_delay_after_refusal=RETRY_DELAY)
        source = LiveServer(connection, settings=settings)
        session = Session(source)
        watch = Watch(server, session, source, recorded)
        watch.publish(15)
        task = asyncio.create_task(session.run())
        try:
            yield watch
            watch.publish()  # a gap only shows with the next frame
            await watch.wait_until_shown()
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


# Scenarios, with the expected gaps

Step: TypeAlias = Callable[[Watch], Awaitable[None] | None]


class Scenario(NamedTuple):
    steps: Sequence[Step]
    gaps: Sequence[GapReason] = ()


BUFFER, REBUILT = GapReason.BUFFER, GapReason.REBUILT

SCENARIOS: Final[dict[str, Scenario]] = {
    "restarted, holds all it held": Scenario([lambda it: it.restart()]),
    "restarted, holds all it held and what was written meanwhile": Scenario([lambda it: it.restart(meanwhile=30)]),
    "restarted, plays its log again with other times and IDs": Scenario(
        [lambda it: it.restart(anew=True), lambda it: it.publish(5), lambda it: it.restart(meanwhile=9, anew=True)]
    ),
    "restarted, holds just the newest frame that was seen": Scenario([lambda it: it.restart(keeps=1)]),
    "restarted, holds from the newest frame on that was seen": Scenario(
        [lambda it: it.restart(meanwhile=8, keeps=9)],
    ),
    "restarted, has just forgotten the newest frame that was seen": Scenario(
        [lambda it: it.restart(meanwhile=8, keeps=8)], [BUFFER]
    ),
    "restarted, has forgotten most of what was written meanwhile": Scenario(
        [lambda it: it.restart(meanwhile=20, keeps=3)], [BUFFER]
    ),
    "restarted, empty, nothing was written meanwhile": Scenario([lambda it: it.restart(keeps=0)], [BUFFER]),
    "restarted, empty, though frames were written meanwhile": Scenario(
        [lambda it: it.restart(meanwhile=12, keeps=0)], [BUFFER]
    ),
    "restarted three times, empty, before anything is written": Scenario(
        [lambda it: it.restart(keeps=0)] * 3 + [lambda it: it.go_down()], [BUFFER]
    ),
    "restarted, empty, twice, with frames between": Scenario(
        [lambda it: it.restart(keeps=0), lambda it: it.publish(8), lambda it: it.restart(keeps=0)], [BUFFER, BUFFER]
    ),
    "restarted between two frames of an index, holds both": Scenario(
        [lambda it: it.publish_shared_index(), lambda it: it.restart(meanwhile=1)]
    ),
    "restarted between two frames of an index, holds the second": Scenario(
        [lambda it: it.publish_shared_index(), lambda it: it.restart(meanwhile=1, keeps=1)]
    ),
    "restarted between two frames of an index, has forgotten both": Scenario(
        [lambda it: it.publish_shared_index(), lambda it: it.restart(meanwhile=3, keeps=2)], [BUFFER]
    ),
    "restarted between two frames of an index, empty, writes the second": Scenario(
        [lambda it: it.publish_shared_index(), lambda it: it.restart(keeps=0)]
    ),
    "cut in a line, near its beginning": Scenario([lambda it: it.cut_in_line(0.01)]),
    "cut in a line, within a payload": Scenario([lambda it: it.cut_in_line(0.5)]),
    "cut in a line, just before its line feed": Scenario([lambda it: it.cut_in_line(1.0)]),
    "cut in a line, between two events": Scenario([lambda it: it.cut_between_events()] * 3),
    "cut in a line of garbage": Scenario([lambda it: it.break_stream(Cut())]),
    "cut in an index, between its frames": Scenario([lambda it: it.cut_in_shared_index()] * 3),
    "cut in an index, within its second frame": Scenario([lambda it: it.cut_in_shared_index(0.6)] * 3),
    "ended without a reason": Scenario([lambda it: it.break_stream(End()), lambda it: it.publish(5)] * 3),
    "reset": Scenario(
        [lambda it: it.break_stream(Reset()), lambda it: it.publish(5), lambda it: it.wait_until_shown()] * 3
    ),
    "ended, and again before its first line": Scenario([lambda it: it.break_stream(End())] * 4),
    "reset, and again before its first line": Scenario([lambda it: it.break_stream(Reset())] * 4),
    "silent, while frames are written": Scenario([lambda it: it.break_stream(Silence()), lambda it: it.publish(5)]),
    "refuses connections for a while": Scenario([lambda it: it.refuse_connections(5), lambda it: it.publish(5)]),
    "away for a while": Scenario([lambda it: it.go_down(25)]),
    "rebuilt, its indexes begin anew": Scenario([lambda it: it.rebuild(20)], [REBUILT]),
    "rebuilt, and holds a single frame": Scenario([lambda it: it.rebuild(1)], [REBUILT]),
    "rebuilt, empty, and goes on below": Scenario([lambda it: it.rebuild()], [REBUILT]),
    "rebuilt twice": Scenario(
        [lambda it: it.rebuild(9), lambda it: it.publish(125), lambda it: it.rebuild()], [REBUILT, REBUILT]
    ),
    "rebuilt, then restarted with all it held": Scenario(
        [lambda it: it.rebuild(9), lambda it: it.publish(9), lambda it: it.restart(meanwhile=4)], [REBUILT]
    ),
    "set back by some frames, holds those before": Scenario(
        [lambda it: it.roll_back(12), lambda it: it.publish(30)], [REBUILT]
    ),
    "set back by some frames, holds some of those before": Scenario(
        [lambda it: it.roll_back(12, keeps=4), lambda it: it.publish(30)], [REBUILT]
    ),
    "set back by some frames, empty": Scenario(
        [lambda it: it.roll_back(12, keeps=0), lambda it: it.publish(30)], [REBUILT]
    ),
    "set back by one frame": Scenario([lambda it: it.roll_back(1), lambda it: it.publish(30)], [REBUILT]),
}


@pytest.mark.parametrize("name", SCENARIOS)
async def test_one_kind_of_server_failure(name: str) -> None:
    steps, gaps = SCENARIOS[name]
    async with watched(load_frames()[300:500]) as watch:
        watch.publish(30)
        await watch.wait_until_shown()
        for step in steps:
            done = step(watch)
            if done is not None:
                await done
        watch.publish(6)
        await watch.wait_until_shown()
    assert [gap.reason for gap in watch.gaps()] == list(gaps)
    assert watch.session.status.reconnects > 0
    asked = [request.first("index") for request in watch.server.requests if request.path == "/v1/event/stream"]
    assert len(asked) > 1
    assert asked[0] == "0"


async def test_a_server_that_returns_empty_is_not_a_gap_until_it_sends_a_frame() -> None:
    async with watched(load_frames()[:60]) as watch:
        watch.publish(20)
        await watch.restart(meanwhile=10, keeps=0)
        await watch.wait_until_connected()
        heard = watch.session.status.last_heard
        while watch.session.status.last_heard == heard:  # noqa: ASYNC110 - a session sends no notification
            await asyncio.sleep(0.002)
        assert watch.gaps() == []
        watch.publish()
        await watch.wait_until_shown()
        [gap] = watch.gaps()
        assert gap.sentence.startswith(
            f"indexes {gap.after + 1:,}–{gap.before - 1:,} may be missing: reconnected after "
        )


# Random failures


async def anything(watch: Watch, chance: random.Random) -> None:
    """Do one random thing to the server."""
    match chance.randrange(13):
        case 0 | 1:
            await watch.cut_in_line(chance.random())
        case 2:
            await watch.cut_in_shared_index(chance.choice([0.0, chance.random()]))
        case 3:
            await watch.cut_between_events()
        case 4 | 5:
            await watch.break_stream(chance.choice(ENDINGS))
        case 6:
            await watch.refuse_connections(chance.randrange(1, 4))
        case 7:
            await watch.go_down(chance.randrange(10))
        case 8:
            await watch.restart(meanwhile=chance.randrange(12), anew=chance.random() < 0.5)
        case 9 | 10:
            await watch.restart(meanwhile=chance.randrange(12), keeps=chance.randrange(1, 12))
        case 11:
            await watch.restart(meanwhile=chance.randrange(3), keeps=0)
        case _:
            await watch.rebuild(chance.randrange(8))


@pytest.mark.parametrize("seed", range(4))
async def test_a_recorded_stream_is_seen_completely_with_random_server_failures(seed: int) -> None:
    chance = random.Random(seed)
    recorded = load_frames()
    start = chance.randrange(len(recorded) - 550)
    async with watched(recorded[start : start + 550]) as watch:
        watch.publish(chance.randrange(5, 30))
        while watch.left > 60:
            await anything(watch, chance)
            watch.publish(chance.randrange(25))
            if chance.random() < 0.3:
                await watch.wait_until_shown()
            await asyncio.sleep(chance.choice([0, 0, RETRY_DELAY, 3 * RETRY_DELAY]))
        watch.publish(watch.left - 1)
    assert watch.session.status.reconnects > 5


async def test_all_of_a_recorded_stream_is_seen_through_a_server_that_fails_often() -> None:
    """Two thousand frames, of which six hundred share their index with another."""
    chance = random.Random(6)
    recorded = load_frames()
    assert sum(index_of(one) == index_of(other) for one, other in pairwise(recorded)) > 500
    async with watched(recorded) as watch:
        while watch.left > 1:
            watch.publish(min(chance.randrange(20, 120), watch.left - 1))
            match chance.randrange(4):
                case 0:
                    await watch.restart(anew=chance.random() < 0.2)
                case 1:
                    await watch.break_stream(chance.choice(ENDINGS))
                case 2 if watch.left > 5:
                    await watch.cut_in_shared_index(chance.random())
                case _ if watch.left > 5:
                    await watch.cut_in_line(chance.random())
                case _:
                    pass
    assert watch.gaps() == []
    assert watch.expected == [
        row for line in lines("load") if line.startswith(b"{") and line != b"{}" for row in rows_of(line)
    ]
