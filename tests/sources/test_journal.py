"""The journal as a source: everything a runner wrote, in order and with its time, and everything it writes later."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from time import time_ns

import pytest

from nomad_tui.config.connection import Connection
from nomad_tui.core.history.event_row import EventRow, row
from nomad_tui.core.history.history import History
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Connected, Ended, Gap, GapReason, Noted, Retrying, Update
from nomad_tui.core.wire import HEARTBEAT, Frame, Unreadable, decode
from nomad_tui.journal.retention import Retention
from nomad_tui.session import Session, State
from nomad_tui.sources.journal import JournalSource, Pace
from nomad_tui.sources.journaled import JournaledLive
from nomad_tui.sources.source import Source, Watchable
from nomad_tui.standin import ALL_FRAMES, Options, StandIn
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.start import Start
from tests import recordings
from tests.journals import SECOND, frames_of, report, write, writing, written

SECONDS = 60
"""Seconds after which a test counts as hung."""

LONG_AGO = 1_700_000_000 * SECOND


def line(index: int, topic: str = "Job", namespace: str = "default", text: str = "") -> bytes:
    return (
        b'{"Index":%d,"Events":[{"Topic":"%s","Type":"JobRegistered","Key":"key-%d","Namespace":"%s","Payload":{"T":"%s"}}]}'
        % (index, topic.encode(), index, namespace.encode(), text.encode())
    )


def frames(indexes: Iterable[int], *, fresh: bool = True) -> list[Frame]:
    return frames_of(map(line, indexes), fresh=fresh)


def of_records(updates: Iterable[Update]) -> list[Update]:
    return [update for update in updates if isinstance(update, Frame | Gap | Unreadable)]


def indexes(updates: Iterable[Update]) -> list[int]:
    return [update.index for update in updates if isinstance(update, Frame)]


async def read(source: Source) -> list[Update]:
    """Return all updates of a source that ends."""
    async with aclosing(source.updates()) as updates:
        return [update async for update in updates]


class Reading:
    """A source that is being read."""

    def __init__(self) -> None:
        self.seen: list[Update] = []
        self._changed = asyncio.Event()

    def receive(self, update: Update) -> None:
        self.seen.append(update)
        self._changed.set()

    async def until(self, fact: Callable[[list[Update]], object]) -> None:
        while not fact(self.seen):
            self._changed.clear()
            await self._changed.wait()

    @property
    def gaps(self) -> list[Gap]:
        return [update for update in self.seen if isinstance(update, Gap)]


@asynccontextmanager
async def reading(source: Source) -> AsyncIterator[Reading]:
    heard = Reading()

    async def run() -> None:
        async with aclosing(source.updates()) as updates:
            async for update in updates:
                heard.receive(update)

    task = asyncio.create_task(run())
    try:
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Replayed:
    """A source that yields given updates."""

    name = "replayed"
    live = True

    def __init__(self, updates: list[Update]) -> None:
        self._updates = updates

    def scope(self, region: str | None) -> str:
        return ""

    async def updates(self) -> AsyncGenerator[Update, None]:
        for update in self._updates:
            yield update


SOON = Pace(poll=0.01, check=0.02, shortest_delay=0.05)
"""Checks the runner often enough for a test."""


# Read as a recording


@pytest.mark.parametrize("name", ["tour", "beta", "hostile", "large-job"])
async def test_everything_is_read_back_in_order(name: str, tmp_path: Path) -> None:
    contents = [decoded for each in recordings.lines(name) if isinstance(decoded := decode(each), Frame | Unreadable)]
    gap = Gap(GapReason.BUFFER, 5, 9, 41.0, ("Job",), ("payments",))
    async with asyncio.timeout(SECONDS):
        path = await written(tmp_path / "a.journal", [*contents, gap])
        first, *updates, last = await read(JournalSource(path))
    assert first == Connected("a.journal")
    assert updates == [*contents, gap]
    assert [each.line for each in updates if isinstance(each, Frame)] == [
        each.line for each in contents if isinstance(each, Frame)
    ]
    assert last == Ended("end of journal")


async def test_an_event_was_received_when_the_runner_received_it(tmp_path: Path) -> None:
    waited, fresh = frames([1, 2], fresh=False), frames([3, 4])
    async with asyncio.timeout(SECONDS):
        path = await written(tmp_path / "a.journal", [*waited, *fresh], LONG_AGO)
        session = Session(JournalSource(path))
        await session.run()
    rows = [row(session.history, sequence) for sequence in range(4)]
    assert [each.received for each in rows if isinstance(each, EventRow)] == [
        0,
        0,
        LONG_AGO + 2 * SECOND,
        LONG_AGO + 3 * SECOND,
    ]
    # Of the live events, exactly those that were in the server's buffer when the runner connected are marked.
    assert ["‹" in each.signs(live=True) for each in rows if isinstance(each, EventRow)] == [True, True, False, False]
    assert session.status.state is State.ENDED


NEWEST_5 = "Only the newest 5 events of the journal are shown (--max-events)."


@pytest.mark.parametrize(
    ("start", "newest_events", "first", "note"),
    [
        (Start(), None, 10, None),
        (Start(index=40), None, 40, None),
        (Start(index=41), None, 42, None),
        (Start(index=9), None, 10, "The journal begins at index 10; events from 9 on were requested."),
        (Start(index=10), None, 10, None),
        (
            Start(since=3600 * SECOND),
            None,
            None,
            "The journal has nothing from the last 1 h: its newest record is 1 h 59 m old. Raise --since, or check "
            "whether its runner runs (`nomad-tui sink status`).",
        ),
        (Start(since=7200 * SECOND - SECOND // 2), None, 12, None),
        (
            Start(since=4 * 3600 * SECOND),
            None,
            10,
            "The journal begins 2 h ago; the last 4 h were requested.",
        ),
        (Start(live=True), None, None, None),
        (Start(), 5, 90, NEWEST_5),
        (Start(index=40), 5, 90, NEWEST_5),
        (Start(index=94), 5, 94, None),
        (Start(), 10_000, 10, None),
    ],
    ids=str,
)
async def test_it_starts_at_the_requested_position(
    start: Start, newest_events: int | None, first: int | None, note: str | None, tmp_path: Path
) -> None:
    """Return one event per second starting two hours ago, at every second index from 10 to 98."""
    async with asyncio.timeout(SECONDS):
        async with writing(tmp_path / "a.journal") as journal:
            began = time_ns() - 7200 * SECOND
            for number, frame in enumerate(frames(range(10, 100, 2))):
                journal.add(frame, began + number * SECOND)
            await journal.flushed()
        updates = await read(JournalSource(tmp_path / "a.journal", start, newest_events=newest_events))
    expected = [] if first is None else list(range(first, 100, 2))
    if newest_events == 5 and first == 90:
        assert indexes(updates)[-5:] == expected and set(indexes(updates)) <= set(range(10, 100, 2))
    else:
        assert indexes(updates) == expected
    assert [each.text for each in updates if isinstance(each, Noted)] == ([] if note is None else [note])


async def test_events_that_were_old_when_journaled_are_not_recent(tmp_path: Path) -> None:
    old = frames_of(recordings.lines("tour"), fresh=False)
    async with asyncio.timeout(SECONDS):
        path = await written(tmp_path / "a.journal", [*old, *frames([5000, 5001])])
        updates = await read(JournalSource(path, Start(since=600 * SECOND)))
    assert indexes(updates) == [5000, 5001]


async def test_it_yields_the_requested_topics_and_namespace(tmp_path: Path) -> None:
    lines = [
        line(1),
        line(2, "Node", ""),
        line(3, "Job", "payments"),
        line(4, "Allocation", "payments"),
        b'{"Index":5,"Events":[{"Topic":"Job","Key":"web","Namespace":"default","Payload":{}},'
        b'{"Topic":"Evaluation","Key":"e","Namespace":"payments","Payload":{}}]}',
    ]
    gaps = [
        Gap(GapReason.BUFFER, 5, 9, 0.0, topics, namespaces) for topics, namespaces in ((("Node",), ()), ((), ("web",)))
    ]
    async with asyncio.timeout(SECONDS):
        path = await written(tmp_path / "a.journal", [*frames_of(lines), *gaps])
        jobs = await read(JournalSource(path, subscription=Subscription.parse(["Job"])))
        payments = await read(JournalSource(path, namespace="payments"))
    assert indexes(jobs) == [1, 3, 5]
    assert [each.line for each in jobs if isinstance(each, Frame)][2] == (
        b'{"Index":5,"Events":[{"Topic":"Job","Key":"web","Namespace":"default","Payload":{}}]}'
    )
    assert [each for each in jobs if isinstance(each, Gap)] == [gaps[1]]
    assert indexes(payments) == [2, 3, 4, 5]
    assert [each for each in payments if isinstance(each, Gap)] == [gaps[0]]


async def test_a_long_journal_does_not_block_the_screen(tmp_path: Path) -> None:
    lines = [each for each in recordings.lines("load") if b'"Events"' in each]
    async with asyncio.timeout(SECONDS):
        path = await written(tmp_path / "a.journal", frames_of(lines))
        longest = 0.0
        reader = asyncio.create_task(Session(JournalSource(path), History()).run())
        loop = asyncio.get_running_loop()
        while not reader.done():
            before = loop.time()
            await asyncio.sleep(0.001)
            longest = max(longest, loop.time() - before)
        await reader
    assert longest < 0.5


# A journal while it is written


async def test_commits_of_a_runner_are_shown_immediately(tmp_path: Path) -> None:
    async with asyncio.timeout(SECONDS), writing(tmp_path / "a.journal") as journal:
        await report(journal)
        await write(journal, frames([1, 2]))
        source = JournalSource(journal.path, follow=True, pace=SOON)
        async with reading(source) as heard:
            assert source.live
            await heard.until(lambda seen: indexes(seen) == [1, 2])
            gap = Gap(GapReason.BUFFER, 2, 7, 3.0)
            for contents in (frames([7]), [gap], frames([8, 9])):
                await write(journal, contents)
                await heard.until(partial(_holds, contents[-1]))
            await report(journal)
            await heard.until(lambda seen: HEARTBEAT in seen)
    assert heard.seen[0] == Connected("a.journal", region="global")
    assert of_records(heard.seen) == [*frames([1, 2, 7]), gap, *frames([8, 9])]
    assert not [each for each in heard.seen if isinstance(each, Ended | Retrying)]


def _holds(update: Update, seen: list[Update]) -> bool:
    return update in seen


async def test_following_can_start_at_the_end(tmp_path: Path) -> None:
    async with asyncio.timeout(SECONDS), writing(tmp_path / "a.journal") as journal:
        await report(journal)
        await write(journal, frames([1, 2]))
        async with reading(JournalSource(journal.path, Start(live=True), follow=True, pace=SOON)) as heard:
            await heard.until(lambda seen: HEARTBEAT in seen)
            await write(journal, frames([3]))
            await heard.until(indexes)
    assert indexes(heard.seen) == [3]


async def test_a_runner_that_stops_is_reported_and_so_is_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    async with asyncio.timeout(SECONDS):
        async with writing(path) as journal:
            await write(journal, frames([1]))
            await report(journal, heard=time_ns() - 75 * SECOND)
        async with reading(JournalSource(path, follow=True, pace=SOON)) as heard:
            await heard.until(lambda seen: isinstance(seen[-1] if seen else None, Retrying))
            stopped = heard.seen[-1]
            assert isinstance(stopped, Retrying)
            assert stopped.what.startswith("The runner on build-7 (process 4711) no longer writes to this journal: ")
            assert "1 m 1" in stopped.what
            assert "nomad-tui sink run" in stopped.remedy
            await heard.until(lambda seen: [each.attempt for each in seen if isinstance(each, Retrying)][:2] == [1, 2])
            async with writing(path) as journal:
                await report(journal)
                await heard.until(lambda seen: isinstance(seen[-1], Connected) or seen[-1] is HEARTBEAT)
                await write(journal, frames([2]))
                await heard.until(lambda seen: indexes(seen) == [1, 2])
                await report(journal, state="retrying", what="The server went away. Start it again.")
                await heard.until(lambda seen: isinstance(seen[-1], Retrying))
    lost = heard.seen[-1]
    assert isinstance(lost, Retrying) and lost.attempt == 1
    assert lost.what == "The runner on build-7 (process 4711) is disconnected: The server went away. Start it again."
    assert Connected("a.journal", region="global", reconnects=1) in heard.seen


async def test_events_dropped_before_they_were_read_are_a_gap(tmp_path: Path) -> None:
    lines = [line(index, text="x" * 200_000) for index in range(1, 41)]
    async with asyncio.timeout(SECONDS), writing(tmp_path / "a.journal", Retention(keep=0.0)) as journal:
        await report(journal)
        for each in frames_of(lines):
            await write(journal, [each], LONG_AGO)
        source = JournalSource(journal.path, follow=True, pace=SOON)
        async with aclosing(source.updates()) as updates:
            seen = [await anext(updates), await anext(updates)]  # more of the first page is pending
            await write(journal, frames([41]))
            await journal.prune()
            assert journal.first > 10
            while 41 not in indexes(seen):
                seen.append(await anext(updates))
    [gap] = [each for each in seen if isinstance(each, Gap)]
    before = indexes(seen[: seen.index(gap)])
    after = indexes(seen[seen.index(gap) :])
    assert (gap.reason, gap.after, gap.before) == (GapReason.DROPPED, before[-1], after[0])
    assert [*before, *after] == [*range(1, before[-1] + 1), *range(after[0], 42)]
    assert gap.cause == "the journal dropped them before they were read, because of its limits"
    lost = gap.before - gap.after - 1
    assert gap.missing == f"indexes {gap.after + 1}–{gap.before - 1} are missing, at least {lost} events"


async def test_a_replaced_journal_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.journal"
    async with asyncio.timeout(SECONDS):
        await written(path, frames([1]))
        async with reading(JournalSource(path, follow=True, pace=SOON)) as heard:
            await heard.until(indexes)
            path.rename(tmp_path / "moved")
            await written(path, frames([7]))
            await heard.until(lambda seen: isinstance(seen[-1], Ended))
    assert indexes(heard.seen) == [1]
    assert any(isinstance(each, Noted) and "was moved or replaced" in each.text for each in heard.seen)


async def test_the_readable_part_of_a_damaged_journal_is_read(tmp_path: Path) -> None:
    lines = [line(index, text="x" * 300_000) for index in range(1, 11)]
    async with asyncio.timeout(SECONDS):
        path = await written(tmp_path / "a.journal", frames_of(lines))
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE content SET content = x'00' WHERE first = 8")
        _, *updates, last = await read(JournalSource(path))
    assert indexes(updates) == [1, 2, 3, 4, 5, 6, 7, 9, 10]
    damaged = updates[7]
    assert isinstance(damaged, Unreadable) and "damaged" in damaged.reason
    assert isinstance(last, Ended)


async def test_a_truncated_journal_is_reported(tmp_path: Path) -> None:
    lines = [line(index, text="x" * 300_000) for index in range(1, 11)]
    async with asyncio.timeout(SECONDS):
        path = await written(tmp_path / "a.journal", frames_of(lines))
        path.write_bytes(path.read_bytes()[:8192])
        updates = await read(JournalSource(path))
    assert isinstance(updates[-2], Unreadable) and "reading the journal failed: " in updates[-2].reason
    assert isinstance(updates[-1], Ended)


# The journal, then the server


def journaled(path: Path, server: StandIn, start: Start | None = None, **given: str) -> JournaledLive:
    connection = Connection.from_environment({"address": server.address, **given}, environ={})
    settings = Settings(start=start or Start(), shortest_delay=0.05)
    return JournaledLive(path, connection, None, settings)


TOUR = [each for each in recordings.lines("tour") if b'"Events"' in each]


@pytest.mark.parametrize("held", [100_000, 100])
@pytest.mark.parametrize("journaled_frames", [1, 7, 150, len(TOUR) - 50, len(TOUR)])
async def test_the_journal_and_the_stream_are_one(journaled_frames: int, held: int, tmp_path: Path) -> None:
    """Every event is read once and in order; if the server holds too little, there is one gap."""
    whole = frames_of(TOUR)
    options = Options(lead=ALL_FRAMES, buffer_size=held)
    async with asyncio.timeout(SECONDS), StandIn(TOUR, options) as server:
        path = await written(tmp_path / "a.journal", whole[:journaled_frames])
        await server.published()
        source = journaled(path, server)
        async with reading(source) as heard:
            await server.subscribed()
            await heard.until(lambda seen: whole[-1] in seen)
            server.publish(line(90_000))
            await heard.until(lambda seen: seen and isinstance(seen[-1], Frame) and seen[-1].index == 90_000)
    shown = [each.line for each in heard.seen if isinstance(each, Frame)]
    if held < len(TOUR) - journaled_frames:
        [gap] = heard.gaps
        assert shown == [each.line for each in (*whole[:journaled_frames], *whole[-held:])] + [line(90_000)]
        assert (gap.reason, gap.after) == (GapReason.BUFFER, whole[journaled_frames - 1].index)
        assert gap.before == whole[-held].index
        at = heard.seen.index(gap)
        assert len(of_records(heard.seen[:at])) == journaled_frames
        assert "reconnected after" in gap.sentence
    else:
        assert shown == [*TOUR, line(90_000)]
        assert heard.gaps == []
    assert isinstance(source, Watchable) and source.last_index == 90_000


async def test_the_journal_fills_gaps_of_the_servers_buffer(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn([], Options(buffer_size=8)) as server,
        writing(tmp_path / "a.journal") as journal,
    ):
        await write(journal, frames(range(1, 11)))
        async with reading(journaled(journal.path, server)) as heard:
            await server.subscribed()
            await write(journal, frames(range(11, 26)))
            server.publish(*(line(index) for index in range(21, 31)))
            await heard.until(lambda seen: 30 in indexes(seen))
    assert indexes(heard.seen) == list(range(1, 31))
    assert heard.gaps == []


async def test_the_newest_journal_events_are_not_a_backlog_and_a_rebuilt_server_is_reported(tmp_path: Path) -> None:
    async with asyncio.timeout(SECONDS), StandIn([line(1), line(2)], Options(lead=ALL_FRAMES)) as server:
        path = await written(tmp_path / "a.journal", frames([500, 501]), LONG_AGO)
        async with reading(journaled(path, server)) as heard:
            await heard.until(lambda seen: 2 in indexes(seen))
            await server.subscribed()
            server.publish(line(3))
            await heard.until(lambda seen: 3 in indexes(seen))
    session = Session(Replayed(heard.seen))
    await session.run()
    history = session.history
    gap = history.gap(2)
    assert gap is not None and (gap.reason, gap.after, gap.before) == (GapReason.REBUILT, 501, 2)
    rows = [each for sequence in range(history.end) if isinstance(each := row(history, sequence), EventRow)]
    assert [(each.index, "‹" in each.signs(live=True)) for each in rows] == [
        (500, False),
        (501, False),
        (1, True),
        (2, True),
        (3, False),
    ]


@pytest.mark.parametrize("namespace", ["*", "payments"])
async def test_only_the_connections_subscription_is_read_from_either(namespace: str, tmp_path: Path) -> None:
    def lines(first: int, last: int) -> list[bytes]:
        return [line(index, namespace="payments" if index % 3 == 0 else "default") for index in range(first, last)]

    options = Options(lead=ALL_FRAMES, namespaces=("default", "payments"))
    async with asyncio.timeout(SECONDS), StandIn(lines(1, 30), options) as server:
        path = await written(tmp_path / "a.journal", frames_of(lines(1, 20)))
        async with reading(journaled(path, server, namespace=namespace)) as heard:
            await heard.until(lambda seen: 27 in indexes(seen))
            await server.subscribed()
            server.publish(line(30, namespace="payments"))
            await heard.until(lambda seen: 30 in indexes(seen))
    assert indexes(heard.seen) == list(range(1, 31) if namespace == "*" else range(3, 31, 3))
    assert heard.gaps == []


@pytest.mark.parametrize("since", [60, 7200])
async def test_the_start_applies_to_both(since: int, tmp_path: Path) -> None:
    """With a journal whose last event was an hour ago, and a server that holds that one and a later one."""

    def line_of(index: int, ago: int) -> bytes:
        return (
            b'{"Index":%d,"Events":[{"Topic":"Evaluation","Key":"e","Payload":{"Evaluation":'
            b'{"ModifyTime":%d,"ModifyIndex":%d}}}]}' % (index, time_ns() - ago * SECOND, index)
        )

    held = [line_of(3, 3600), line_of(4, 1800)]
    async with asyncio.timeout(SECONDS), StandIn(held, Options(lead=ALL_FRAMES)) as server:
        path = await written(tmp_path / "a.journal", [*frames([1, 2]), *frames_of(held[:1])], time_ns() - 3602 * SECOND)
        async with reading(journaled(path, server, Start(since=since * SECOND))) as heard:
            await server.subscribed()
            server.publish(line(5))
            await heard.until(lambda seen: 5 in indexes(seen))
    assert indexes(heard.seen) == ([1, 2, 3, 4, 5] if since > 3600 else [5])
    assert heard.gaps == []


async def test_a_journal_that_disappears_loses_only_the_past(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn([line(7)], Options(lead=ALL_FRAMES)) as server,
        reading(journaled(tmp_path / "missing.journal", server)) as heard,
    ):
        await heard.until(indexes)
    assert indexes(heard.seen) == [7]
    [note] = [each.text for each in heard.seen if isinstance(each, Noted)]
    assert "missing.journal" in note
