"""A journal is read by others: while a runner writes it, after a runner was killed, and on read-only media."""

import asyncio
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from nomad_tui.core.readable import SECOND
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.record import Record
from nomad_tui.journal.retention import join
from nomad_tui.journal.status import RunnerStatus, SinkState, SinkStatus
from nomad_tui.journal.store import Store
from tests.journal.test_journal import GAP, LETTER, filled, frame, frames
from tests.mounting import MAY_MOUNT, in_own_mounts


async def test_others_read_committed_events_while_it_is_written(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal")
        with JournalReader(journal.path) as reader:  # of a journal that was just created
            assert (reader.id, reader.first, reader.end, reader.events) == (journal.id, 1, 0, 0)
            assert (reader.read(0), reader.last_frames(1, 1), reader.seek(newest_events=5)) == ([], [], 0)
            assert not reader.changed()
            journal.add(frame(1, events=3), 5)
            assert (reader.end, reader.changed()) == (0, False)
            await journal.flushed()
            assert reader.changed() and not reader.changed()
            assert (reader.end, reader.events) == (1, 3)
            assert reader.read(0) == await journal.read(0)
            assert [each.index for each in reader.last_frames(1, 1)] == [1]
            await journal.close()
            assert reader.read(0)[0].content == frame(1, events=3)
        reader.close()
        with pytest.raises(JournalError, match="is closed"):
            reader.read(0)


def test_commits_and_merges_while_reading_make_no_reader_skip_a_record(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    store = Store.own(path)
    add = (Record(number, number, number - 1, frame(number)) for number in count(1))
    store.commit([next(add)])
    with JournalReader(path) as reader:
        seen: list[int] = []

        def meanwhile(statement: str) -> None:
            if "first >" in statement:  # nothing after the block just read
                store.commit([next(add)])
                store.commit([next(add)])
                join(store, 1)

        reader.connection.set_trace_callback(meanwhile)
        while len(seen) < 300:
            seen += [record.position for record in reader.read(seen[-1] if seen else 0, 200)]
        assert seen == list(range(1, len(seen) + 1))
    store.close()


async def test_a_position_is_found_by_the_number_of_later_events(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal")
        for content in (frame(1, 2), frame(2, 2), GAP, frame(3, 5), frame(4, 1)):
            journal.add(content, 0)
            await journal.flushed()
        with JournalReader(journal.path) as reader:
            found = [reader.seek(newest_events=events) for events in (0, 1, 2, 6, 7, 9, 10, 11, 1_000)]
            assert found == [5, 4, 3, 3, 1, 0, 0, 0, 0]
        await journal.close()


async def test_an_overview_shows_the_runner_and_each_sink(tmp_path: Path) -> None:
    now = time.time_ns()
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal")
        with JournalReader(journal.path) as reader:
            started = reader.overview()
            assert started.alive and started.runner is not None
            assert (started.runner.pid, started.runner.host) == (os.getpid(), socket.gethostname())
            assert (started.sinks, started.oldest) == ((), 0)
            for index in range(1, 5):
                journal.add(frame(index, events=2), now - 60 * SECOND)
            await journal.flushed()
            behind = await journal.register("behind", 0)
            await journal.advance(replace(behind, position=1, events=2), [replace(LETTER, sink="behind")])
            await journal.advance(replace(await journal.register("web", 4), events=8), [LETTER, LETTER])
            status = SinkStatus(SinkState.RETRYING, "webhook", last_error="500")
            await journal.report(
                RunnerStatus(7, "h", now, now, region="eu"), {"web": status, "broken": SinkStatus(SinkState.BROKEN)}
            )
            overview = reader.overview()
            assert overview.runner == RunnerStatus(7, "h", now, now, region="eu") and overview.alive
            assert (overview.first, overview.end, overview.events) == (1, 4, 8)
            assert overview.oldest == now - 60 * SECOND
            assert overview.bytes == journal.bytes
            lags = {sink.cursor.sink: (sink.lag_events, round(sink.lag_seconds / 60)) for sink in overview.sinks}
            assert lags == {"behind": (6, 1), "broken": (0, 0), "web": (0, 0)}
            assert [sink.dead_letters for sink in overview.sinks] == [1, 0, 2]
            assert [sink.status.state for sink in overview.sinks] == ["stopped", "broken", "retrying"]
            await journal.report(RunnerStatus(7, "h", now, now - 11 * SECOND), {})
            assert reader.overview().alive  # it cannot store its status, as on a full disk
            await journal.close()
            assert not reader.overview().alive


async def test_dead_letters_are_listed_and_dropped_one_by_one(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await filled(tmp_path / "journal", *frames(1, 5))
        await journal.advance(await journal.register("web", 0), [LETTER, replace(LETTER, topic="Node")])
        with JournalReader(journal.path) as reader, Store(journal.path) as control:
            control.advance(control.register("file", 0), [replace(LETTER, sink="file")])
            first, second, third = reader.letters()
            assert first == replace(LETTER, id=first.id)
            assert (second.topic, third.sink) == ("Node", "file")
            assert reader.letters("web", limit=1) == [first]
            assert reader.letter(second.id) == second
            assert control.drop_letter(first.id) and not control.drop_letter(first.id)
            assert (reader.letters("web"), reader.letter(first.id)) == ([second], None)
            control.forget("web")
            control.forget("nobody")
            assert reader.cursors().keys() == {"file"}
            assert reader.letters() == [third]
            control.advance(control.register("web", 0), [LETTER])
            assert reader.letters("web")[0].id > third.id
        with pytest.raises(JournalError, match="is closed"):
            control.pause("web", True)
        await journal.close()


async def test_the_journal_of_a_killed_runner_is_read_completely(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await filled(tmp_path / "journal", *frames(1, 50))
        (tmp_path / "left").mkdir()
        for name in ("journal", "journal-wal"):
            shutil.copy(tmp_path / name, tmp_path / "left" / name)
        await journal.close()
    with JournalReader(tmp_path / "left" / "journal") as reader:
        assert [record.position for record in reader.read(0)] == list(range(1, 51))
        assert reader.overview().runner is not None
    with Store(tmp_path / "left" / "journal") as control, pytest.raises(JournalError):
        control.pause("web", True)


@pytest.mark.parametrize("make", [JournalReader, Store])
def test_a_file_that_is_not_a_journal_is_refused(make: type[JournalReader] | type[Store], tmp_path: Path) -> None:
    notes, shop, empty = tmp_path / "notes", tmp_path / "shop", tmp_path / "empty"
    notes.write_bytes(b"SQLite format 3\0 and then no more")
    empty.touch()
    with closing(sqlite3.connect(shop)) as connection:
        connection.execute("CREATE TABLE block (first)")
        connection.commit()
    for path, why in (
        (tmp_path / "nothing", r"There is no journal .*nothing.*`nomad-tui record`"),
        (notes, "is left alone: it is not a journal of nomad-tui"),
        (shop, "is left alone: it is another program's SQLite file"),
        (empty, "is left alone: it is empty"),
        (tmp_path, "cannot be opened: it is a directory"),
    ):
        assert not JournalReader.is_journal(path)
        with pytest.raises(JournalError, match=why):
            make(path)
    assert not (tmp_path / "nothing").exists()


def names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


async def test_a_journal_is_recognized_with_any_name(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        path = tmp_path / "eins zwei?mode=rwc#%41ü.ndjson"
        journal = await filled(path, frame(1))
        assert JournalReader.is_journal(path)
        with JournalReader(path) as reader:
            assert reader.end == 1
        await journal.close()
    assert sorted(names(tmp_path)) == [path.name, f"{path.name}.lock"]


CLOSE = (
    "import sys; from pathlib import Path; from nomad_tui.journal.store import Store\n"
    "with Store(Path(sys.argv[1])) as control:\n    control.forget('nobody')\n"
)


async def test_a_writing_process_can_also_read_while_others_open_and_close_it(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        path = tmp_path / "journal"
        journal = await filled(path, frame(1))
        assert JournalReader.is_journal(path)
        JournalReader(path).close()
        Store(path).close()
        with pytest.raises(JournalError, match="is in use"):
            await Journal.open(path)
        other = await asyncio.create_subprocess_exec(sys.executable, "-c", CLOSE, str(path))
        assert await other.wait() == 0
        assert "journal-wal" in names(tmp_path)  # its last reader would have removed it
        journal.add(frame(2), 0)
        await journal.flushed()
        with JournalReader(path) as reader:
            assert (reader.end, len(reader.read(0))) == (2, 2)
        await journal.close()


READ = (
    "import sys; from pathlib import Path; from nomad_tui.journal.reader import *; "
    "from nomad_tui.journal.errors import JournalError\n"
    "try:\n    reader = JournalReader(Path(sys.argv[1]))\n"
    "except JournalError as error:\n    print(error)\n"
    "else:\n    print(len(reader.read(0)), reader.overview().alive)\n"
)


@pytest.mark.parametrize("killed", [False, True] if MAY_MOUNT else [])
async def test_a_read_only_medium_is_read_if_everything_is_in_the_file(killed: bool, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    async with asyncio.timeout(60):
        journal = await filled(tmp_path / "journal", *frames(1, 9))
        if not killed:
            await journal.close()
        for name in ("journal", "journal-wal"):
            if (tmp_path / name).exists():
                shutil.copy(tmp_path / name, tmp_path / "there" / name)
        await journal.close()
    command = in_own_mounts('mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" -c "$3" "$1/journal"')
    command += ["sh", str(tmp_path / "there"), sys.executable, READ]
    ran = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr == ""
    if killed:
        assert "cannot be read: it needs" in ran.stdout
        assert "Copy both elsewhere" in ran.stdout
    else:
        assert ran.stdout == "9 False\n"
