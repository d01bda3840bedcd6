"""What the journal keeps, drops and reports, and that merging blocks changes nothing for readers."""

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

from nomad_tui.core.readable import SECOND
from nomad_tui.core.wire import Frame, decode
from nomad_tui.journal.cursor import DeadLetter
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.record import Content
from nomad_tui.journal.retention import Retention
from nomad_tui.journal.store import Store
from tests.journal.test_journal import GAP, contents, everything, filled, frame, frames

HOUR_AGO = time.time_ns() - 3_600 * SECOND


async def committed_one_by_one(path: Path, count: int, *, received: int = HOUR_AGO, size: int = 0) -> Journal:
    """Create a journal of that many blocks."""
    journal = await Journal.open(path)
    for index in range(journal.end + 1, journal.end + count + 1):
        journal.add(sized(index, size) if size else frame(index, events=2), received)
        await journal.flushed()
    return journal


def sized(index: int, size: int) -> Frame:
    """Return a frame of one event that takes about that many bytes in the file."""
    text = Random(index).randbytes(size).hex().encode()
    decoded = decode(b'{"Index":%d,"Events":[{"Key":"%s"}]}' % (index, text))
    assert isinstance(decoded, Frame)
    return decoded


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM block").fetchone()[0])


async def test_old_events_delivered_to_every_sink_are_dropped(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await committed_one_by_one(tmp_path / "journal", 20)
        fast = await journal.register("fast", 0)
        slow = await journal.register("slow", 0)
        await journal.advance(replace(fast, position=20, events=40))
        await journal.advance(replace(slow, position=7, events=14))
        journal.retention = Retention(keep=7_200)
        assert await journal.prune() == []
        assert journal.first == 1
        journal.retention = Retention(keep=60)
        assert await journal.prune() == []
        assert (journal.first, journal.end, journal.events) == (8, 20, 40)
        assert [record.position for record in await everything(journal)] == list(range(8, 21))
        assert [record.position for record in await journal.read(0)] == list(range(8, 21))
        await journal.forget("slow")
        await journal.prune()
        # The newest frame is kept: the stream is resumed after it.
        assert (journal.first, journal.end) == (20, 20)
        await journal.close()
        journal = await Journal.open(tmp_path / "journal", Retention(keep=60))
        assert (journal.first, journal.end, journal.events) == (20, 20, 40)
        journal.add(frame(21), 0)
        await journal.flushed()
        assert journal.end == 21
        assert (await journal.read(19))[0].events_before == 38
        await journal.close()


async def test_the_newest_frame_is_kept_whatever_follows_it(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal", Retention(keep=0))
        went_in: list[Content] = [*frames(1, 3), GAP, GAP]
        for content in went_in:
            journal.add(content, HOUR_AGO)
            await journal.flushed()
        await journal.prune()
        assert [each.index for each in await journal.last_frames(10, 1 << 20)] == [3]
        await journal.close()


async def test_a_full_journal_drops_the_oldest_and_reports_losses_per_sink(tmp_path: Path) -> None:
    limit = 400_000
    async with asyncio.timeout(60):
        journal = await committed_one_by_one(tmp_path / "journal", 40, size=20_000)
        journal.retention = Retention(max_size=limit)
        behind = await journal.register("behind", 4)
        ahead = await journal.register("ahead", 40)
        [lost] = await journal.prune()
        first = journal.first
        assert journal.bytes <= limit and first > 15
        assert (lost.sink, lost.first_position, lost.last_position, lost.events) == ("behind", 5, first - 1, first - 5)
        assert (lost.first_index, lost.last_index) == (5, first - 1)
        assert await journal.losses("behind") == [lost]
        assert await journal.losses("ahead") == []
        assert (await journal.cursors())["ahead"] == ahead
        assert (await journal.read(behind.position))[0].position == first

        for index in range(41, 51):  # more is dropped before the sink notices
            journal.add(sized(index, 20_000), 0)
            await journal.flushed()
        [more] = await journal.prune()
        assert (more.first_position, more.events) == (first, journal.first - first)
        [both] = await journal.losses("behind")
        assert (both.first_position, both.last_position) == (5, journal.first - 1)
        assert (both.events, both.first_index, both.last_index) == (journal.first - 5, 5, journal.first - 1)
        with JournalReader(journal.path) as reader:
            overview = reader.overview()
            assert overview.bytes <= limit
            assert {sink.cursor.sink: sink.losses for sink in overview.sinks} == {"ahead": (), "behind": (both,)}

        # Events dropped while the sink already had them in flight are not lost.
        assert await journal.advance(replace(behind, position=20, events=20))
        [rest] = await journal.losses("behind")
        assert (rest.first_position, rest.last_position, rest.events) == (21, journal.first - 1, journal.first - 21)
        assert await journal.advance(replace(behind, position=journal.first, events=journal.first))
        assert await journal.losses("behind") == []
        assert await journal.prune() == []
        await journal.close()


async def test_a_rewound_sink_still_gets_its_losses(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await committed_one_by_one(tmp_path / "journal", 40, size=20_000)
        journal.retention = Retention(max_size=400_000)
        await journal.register("sink", 4)
        [lost] = await journal.prune()
        with Store(journal.path) as control:
            assert (control.rewind("sink", 0).position, control.rewind("sink", 0).events) == (4, 4)
            assert await journal.losses("sink") == [lost]
            assert control.rewind("sink", 30).events == 30
            assert await journal.losses("sink") == []
            assert control.rewind("sink", 1_000).position == 40
            assert control.rewind("sink", 0).position == journal.first - 1
        await journal.close()


async def test_the_file_shrinks(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await committed_one_by_one(tmp_path / "journal", 120, size=100_000)
        assert await journal.prune() == []
        await journal.close()
        journal = await Journal.open(tmp_path / "journal", Retention(keep=60))
        before = journal.bytes
        await journal.prune()
        await journal.close()
    assert before > 12_000_000
    assert (tmp_path / "journal").stat().st_size < 4_500_000


async def test_merging_small_blocks_changes_nothing_for_readers(tmp_path: Path) -> None:
    went_in: list[Content] = [*contents("tour")[:150], GAP, *contents("hostile"), *contents("tour")[150:200]]
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal")
        for number, content in enumerate(went_in):
            journal.add(content, HOUR_AGO + number)
            await journal.flushed()
        await journal.register("sink", 70)
        with JournalReader(journal.path) as reader:
            before = reader.read(0, 1 << 30)
            blocks = rows(journal.path)
            assert await journal.prune() == []
            assert rows(journal.path) < blocks / 3
            for step in (1, 100_000, 1 << 30):
                after = reader.read(0, step)
                while read := reader.read(after[-1].position, step):
                    after += read
                assert after == before
        await journal.close()
        journal = await Journal.open(tmp_path / "journal")
        assert await everything(journal) == before
        assert [record.content for record in before] == went_in
        for index in {content.index for content in went_in if isinstance(content, Frame)}:
            wanted = next(r for r in before if isinstance(r.content, Frame) and r.content.index >= index)
            assert await journal.seek(index=index) == wanted.position - 1
        for record in before[::20]:
            assert await journal.seek(since=record.received) == record.position - 1
        await journal.close()
    with closing(sqlite3.connect(tmp_path / "journal")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_recent_blocks_are_not_merged_yet(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await committed_one_by_one(tmp_path / "journal", 100, received=time.time_ns())
        await journal.prune()
        assert rows(journal.path) == 100
        await journal.close()


async def test_the_stream_continues_while_the_journal_is_pruned(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await committed_one_by_one(tmp_path / "journal", 200, size=5_000)
        journal.retention = Retention(max_size=300_000)
        pruning = [asyncio.create_task(journal.prune()) for _ in range(2)]
        for index in range(201, 301):
            journal.add(sized(index, 5_000), time.time_ns())
            await journal.flushed()
        await asyncio.gather(*pruning)
        await journal.prune()
        assert journal.bytes <= 300_000
        positions = [record.position for record in await everything(journal)]
        assert positions == list(range(journal.first, 301))
        await journal.close()


async def test_a_journal_without_sinks_keeps_all_of_a_recording(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await filled(tmp_path / "journal", *contents("load"))
        await journal.register("down", 0)
        journal.retention = Retention(keep=0)
        assert await journal.prune() == []
        assert journal.first == 1
        await journal.close()


async def test_dead_letters_do_not_evict_events_that_others_still_need(tmp_path: Path) -> None:
    limit = 2_000_000
    async with asyncio.timeout(60):
        journal = await committed_one_by_one(tmp_path / "journal", 40, size=20_000)
        await journal.register("behind", 0)
        refused = await journal.register("refused", 0)
        letters = [
            DeadLetter(
                "refused", 1, 1, 0, 1, "Job", "X", "k", "", 1, Random(number).randbytes(3000).hex().encode(), "", 1, ""
            )
            for number in range(200)
        ]
        assert await journal.advance(refused, letters)
        journal.retention = Retention(max_size=limit)
        assert await journal.prune() == []
        assert journal.first == 1
        left = (await journal.letter_counts())["refused"]
        assert 20 < left < 200
        assert journal.bytes < limit * 1.25
        await journal.close()
