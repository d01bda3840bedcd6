"""The journal returns what was added, in order, to every reader, and continues where it ended."""

import asyncio
import sqlite3
import stat
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, Unreadable, decode
from nomad_tui.journal.cursor import Cursor, DeadLetter
from nomad_tui.journal.errors import JournalError, JournalInUseError
from nomad_tui.journal.journal import MAX_QUEUED, Journal
from nomad_tui.journal.record import Content, Record
from nomad_tui.journal.status import RunnerStatus, SinkState, SinkStatus
from nomad_tui.journal.store import Store
from tests import recordings

NAMES = ("tour", "beta", "hostile", "load", "large-job")
GAP = Gap(GapReason.UNSUBSCRIBED, 5, 9, 1.5, ("Job", "*"), ("pay\x1b[2J",))
LETTER = DeadLetter(
    "web", 7, 3, 0, 12, "Job", "JobRegistered", "é\n", "default", 6, b"\x00{}", "id-1", 8, "400", "global"
)


def contents(name: str) -> list[Content]:
    """Return the decoded lines of a recording, without heartbeats."""
    decoded = [decode(line) for line in recordings.lines(name)]
    return [each for each in decoded if isinstance(each, (Frame, Unreadable))]


def frames(first: int, last: int) -> list[Frame]:
    return [frame(index) for index in range(first, last + 1)]


def frame(index: int, events: int = 1) -> Frame:
    text = b'{"Topic":"Job","Type":"JobRegistered","Key":"web","Payload":{"Job":{"ID":"web"}}}'
    decoded = decode(b'{"Index":%d,"Events":[%s]}' % (index, b",".join([text] * events)))
    assert isinstance(decoded, Frame)
    return decoded


async def filled(path: Path, *all_contents: Content) -> Journal:
    journal = await Journal.open(path)
    for number, content in enumerate(all_contents):
        journal.add(content, number)
    await journal.flushed()
    return journal


async def everything(journal: Journal, most_bytes: int = 1 << 20) -> list[Record]:
    records: list[Record] = []
    while read := await journal.read(records[-1].position if records else journal.first - 1, most_bytes):
        records += read
    return records


def newly_made(folder: Path) -> list[Path]:
    return list(folder.glob("*.new*"))


async def in_trouble(journal: Journal) -> None:
    while not journal.trouble:  # noqa: ASYNC110 - there is no notification
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", NAMES)
async def test_every_recording_is_read_back_unchanged(name: str, tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        went_in: list[Content] = [*contents(name), GAP]
        if isinstance(went_in[0], Frame):
            went_in[0].fresh = True
        journal = await filled(tmp_path / "journal", *went_in)
        from_memory = await everything(journal)
        counted = journal.events
        await journal.close()
        journal = await Journal.open(tmp_path / "journal")
        from_disk = await everything(journal, most_bytes=300_000)
        assert journal.events == counted
        await journal.close()
    assert [record.content for record in from_disk] == went_in
    assert [record.position for record in from_disk] == list(range(1, len(went_in) + 1))
    assert [record.received for record in from_disk] == list(range(len(went_in)))
    assert [isinstance(record.content, Frame) and record.content.fresh for record in from_disk].count(True) <= 1
    assert from_disk[-len(from_memory) :] == from_memory[-len(from_disk) :]
    before = 0
    for record in from_disk:
        assert record.events_before == before
        before += len(record.content.events) if isinstance(record.content, Frame) else 0
    assert before == counted


async def test_an_empty_journal(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "state" / "journal")
        assert (journal.first, journal.end, journal.events) == (1, 0, 0)
        assert await journal.read(0) == []
        assert await journal.last_frames(10, 1000) == []
        assert await journal.seek(index=5) == 0
        await journal.flushed()
        await journal.close()


async def test_positions_and_counts_continue_where_they_ended(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await filled(tmp_path / "journal", *frames(1, 3))
        identity = journal.id
        await journal.close()
        journal = await Journal.open(tmp_path / "journal")
        assert (journal.id, journal.first, journal.end, journal.events) == (identity, 1, 3, 3)
        journal.add(frame(9, events=4), 0)
        await journal.flushed()
        assert (journal.end, journal.events) == (4, 7)
        assert [record.events_before for record in await everything(journal)] == [0, 1, 2, 3]
        await journal.close()


async def test_no_record_is_read_before_it_is_committed(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal")
        journal.add(frame(1), 0)
        assert (journal.end, await journal.read(0)) == (0, [])
        await journal.flushed()
        with sqlite3.connect(tmp_path / "journal") as other:
            assert other.execute("SELECT max(last) FROM block").fetchone() == (1,)
        other.close()
        await journal.close()


async def test_waiting_readers_are_woken_and_can_be_cancelled(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal")
        waiting = [asyncio.create_task(journal.beyond(position)) for position in (0, 0, 1, 2)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        journal.add(frame(1), 0)
        journal.add(frame(2), 0)
        await asyncio.gather(waiting[0], waiting[2])
        assert waiting[1].cancelled() and not waiting[3].done()
        await journal.close()
        with pytest.raises(JournalError, match="is closed"):
            await waiting[3]


async def test_reading_waits_while_much_is_queued(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal")
        large = Frame(1, [], b'{"Index":1,"Events":[],"Filler":"%s"}' % (b"x" * 1024 * 1024))
        for _ in range(2 * MAX_QUEUED // len(large.line)):
            journal.add(large, 0)
        assert journal.end == 0
        await journal.room()
        assert journal.end > 25
        await journal.flushed()
        await journal.room()
        await journal.close()


async def test_a_second_runner_reports_who_uses_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    script = (
        "import asyncio, sys; from pathlib import Path; from nomad_tui.journal.journal import Journal\n"
        "async def main():\n  await Journal.open(Path(sys.argv[1]))\n"
        "  print('open', flush=True)\n  await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True) as holder:  # noqa: ASYNC220
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "open\n"
            async with asyncio.timeout(60):
                with pytest.raises(
                    JournalInUseError, match=rf"is in use: process {holder.pid} on .* for .* now, writes"
                ):
                    await Journal.open(path)
        finally:
            holder.kill()
    async with asyncio.timeout(60):  # the system releases the lock of a killed process
        journal = await Journal.open(path)
        with pytest.raises(JournalInUseError):
            await Journal.open(path)
        link = tmp_path / "link"
        link.symlink_to(path)
        with pytest.raises(JournalInUseError):
            await Journal.open(link)
        await journal.close()
        await (await Journal.open(link)).close()


async def test_a_forked_child_neither_keeps_nor_releases_the_lock(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, sys; from pathlib import Path; from nomad_tui.journal.journal import Journal\n"
        "async def main():\n  await Journal.open(Path(sys.argv[1]))\nloop = asyncio.new_event_loop()\n"
        "loop.run_until_complete(main())\n"
        "if not (child := os.fork()):\n  import gc; gc.collect(); sys.stdout.flush(); os._exit(0)\n"
        "os.waitpid(child, 0)\nprint('forked', flush=True)\nsys.stdin.read()\nos._exit(0)"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "journal")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:  # noqa: ASYNC220
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == "forked\n"
        async with asyncio.timeout(60):
            with pytest.raises(JournalInUseError):
                await Journal.open(tmp_path / "journal")
        holder.stdin.close()


async def test_the_file_is_private(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await filled(tmp_path / "state" / "journal", frame(1))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "state").iterdir()}
        assert modes == dict.fromkeys(("journal", "journal-wal", "journal-shm", "journal.lock"), 0o600)
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
        await journal.close()
    assert not (tmp_path / "state" / "journal-wal").exists()


async def test_a_file_that_is_not_a_journal_is_not_changed(tmp_path: Path) -> None:
    notes, shop, newer = tmp_path / "notes", tmp_path / "shop", tmp_path / "newer"
    notes.write_text("dear diary")
    with sqlite3.connect(shop) as connection:
        connection.execute("CREATE TABLE block (first)")
    connection.close()
    async with asyncio.timeout(60):
        await (await Journal.open(newer)).close()
        connection = sqlite3.connect(newer)
        connection.execute("PRAGMA user_version = 2")
        connection.close()
        for path, why in (
            (notes, "not a journal of nomad-tui. Name another"),
            (shop, "another program's SQLite file. Name another"),
            (newer, "has format version 2, but .* Use the release that wrote it"),
            (tmp_path, "is a directory"),
            (notes / "journal", "not a directory|file exists"),
        ):
            with pytest.raises(JournalError, match=why):
                await Journal.open(path)
    assert notes.read_text() == "dear diary"
    assert not newly_made(tmp_path)


async def test_an_empty_file_becomes_a_journal_without_leftovers(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        old = await filled(tmp_path / "old", *frames(1, 3))
        left = (tmp_path / "old-wal").read_bytes()
        await old.close()
        (tmp_path / "journal").touch()
        (tmp_path / "journal-wal").write_bytes(left)
        journal = await Journal.open(tmp_path / "journal")
        assert (journal.end, await journal.read(0)) == (0, [])
        await journal.close()


async def test_a_cursor_moves_with_its_status_and_dead_letters_or_not_at_all(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await filled(tmp_path / "journal", *frames(1, 5))
        cursor = await journal.register("web", 1)
        assert cursor == Cursor("web", 1, 0, 1) == await journal.register("web", 4)
        status = SinkStatus(SinkState.DELIVERING, delivered=3, last_answer="200 OK")
        moved = replace(cursor, position=3, offset=2, events=5, sending=((4, 0), (4, 2)), status=status)
        assert await journal.advance(moved, [LETTER, replace(LETTER, topic="Node")])
        with Store(journal.path) as control:
            back = control.rewind("web", 2)
            assert (back.position, back.offset, back.events, back.generation, back.sending) == (2, 0, 2, 1, ())
        assert not await journal.advance(replace(moved, position=5), [LETTER])
        assert not await journal.advance(Cursor("nobody", 5))
        await journal.close()
        journal = await Journal.open(tmp_path / "journal")
        kept = (await journal.cursors())["web"]
        assert (kept, kept.status) == (back, status)
        await journal.forget("web")
        assert await journal.cursors() == {}
        assert not await journal.advance(kept)
        await journal.close()


async def test_a_runner_detects_changes_by_others_and_not_its_own(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await filled(tmp_path / "journal", *frames(1, 5))
        cursor = await journal.register("web", 0)
        await journal.advance(replace(cursor, position=1))
        assert not await journal.changes()
        with Store(journal.path) as control:
            control.pause("web", True)
            assert await journal.changes()
            assert not await journal.changes()
            await journal.advance(replace(cursor, position=2))  # which does not undo the pause
            assert (await journal.cursors())["web"].paused
            control.pause("web", False)
            assert await journal.changes()
            with pytest.raises(JournalError, match=r"has no sink n␛obody: .* Name one of web\."):
                control.pause("n\x1bobody", True)
        await journal.close()


async def test_closing_twice_or_incompletely_releases_the_journal(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal")
        journal.add(frame(1), 0)
        first = asyncio.create_task(journal.close())
        await asyncio.sleep(0)
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        await journal.close()
        await journal.close()
        with pytest.raises(JournalError, match="is closed"):
            journal.add(frame(2), 0)
        for use in (journal.read(0), journal.cursors(), journal.seek(index=1), journal.changes()):
            with pytest.raises(JournalError, match="is closed"):
                await use
        await journal.report(RunnerStatus(), {})
        assert await journal.prune() == []
        journal = await Journal.open(tmp_path / "journal")
        assert journal.end == 1
        await journal.close()


def test_an_interrupted_program_releases_the_journal(tmp_path: Path) -> None:
    async def interrupted() -> None:
        journal = await Journal.open(tmp_path / "journal")
        journal.add(frame(1), 0)
        await journal.flushed()
        asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)  # type: ignore[union-attr]
        try:
            await asyncio.sleep(60)
        finally:
            asyncio.get_running_loop().call_soon(asyncio.current_task().cancel)  # type: ignore[union-attr]
            await journal.close()

    async def cancelled_while_opening() -> None:
        opening = asyncio.create_task(Journal.open(tmp_path / "journal"))
        await asyncio.sleep(0)
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening

    async def next_one() -> int:
        async with asyncio.timeout(60):
            while True:
                try:
                    journal = await Journal.open(tmp_path / "journal")
                except JournalInUseError:
                    await asyncio.sleep(0.01)
                    continue
                await journal.close()
                return journal.end

    with suppress(asyncio.CancelledError):
        asyncio.run(interrupted())
    asyncio.run(cancelled_while_opening())
    assert asyncio.run(next_one()) == 1


async def test_the_last_frames_are_those_since_the_server_was_rebuilt(tmp_path: Path) -> None:
    rebuilt = Gap(GapReason.REBUILT, 9, 1, 0.0)
    async with asyncio.timeout(60):
        journal = await filled(tmp_path / "journal", *frames(5, 9), rebuilt, *frames(1, 6), GAP, frame(7))
        assert [each.index for each in await journal.last_frames(100, 1 << 20)] == [1, 2, 3, 4, 5, 6, 7]
        assert [each.index for each in await journal.last_frames(3, 1 << 20)] == [5, 6, 7]
        assert [each.index for each in await journal.last_frames(100, 700)] == [6, 7]
        assert [each.index for each in await journal.last_frames(100, 1)] == [7]
        await journal.close()


async def test_a_position_is_found_by_index_and_by_time(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal")
        for number, index in enumerate((10, 11, 11, 14, 3, 10**18), start=1):
            journal.add(frame(index), 1_000 * number)
            if number % 2:
                await journal.flushed()
        await journal.flushed()
        found = [await journal.seek(index=index) for index in (0, 10, 11, 12, 14, 15, 10**18, 10**19)]
        assert found == [0, 0, 1, 3, 3, 5, 5, 6]
        assert [await journal.seek(since=since) for since in (0, 1_000, 1_001, 6_000, 6_001)] == [0, 0, 1, 5, 6]
        await journal.close()


async def test_a_removed_file_is_not_written_any_more(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await filled(tmp_path / "journal", frame(1))
        (tmp_path / "journal").unlink()
        journal.add(frame(2), 0)
        await in_trouble(journal)
        assert "its file was removed or replaced. Restart nomad-tui" in journal.trouble
        started = time.monotonic()
        await journal.close()
        assert time.monotonic() - started < 20


async def test_a_damaged_part_does_not_hide_others(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal")
        for index in (1, 2, 3):
            journal.add(frame(index), 0)
            await journal.flushed()
        await journal.close()
        with sqlite3.connect(tmp_path / "journal") as connection:
            connection.execute("UPDATE content SET content = x'00ff' WHERE first = 2")
        connection.close()
        journal = await Journal.open(tmp_path / "journal")
        first, second, third = await everything(journal)
        assert (first.content, third.content) == (frame(1), frame(3))
        assert second.content == Unreadable("the journal is damaged here", b"", 0)
        await journal.close()
