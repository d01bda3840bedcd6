"""A full or lost disk, or a killed runner: committed events are kept, and the others wait."""

import asyncio
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from nomad_tui.core.wire import Frame
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.status import RunnerStatus
from nomad_tui.journal.store import Store
from tests.journal.test_journal import LETTER, contents, everything, frame, in_trouble
from tests.journal.test_retention import committed_one_by_one, sized
from tests.mounting import MAY_MOUNT, in_own_mounts


async def limited(journal: Journal, more_pages: int) -> None:
    """Make SQLite report a full disk once the file has grown by that many pages."""

    def limit(store: Store) -> None:
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count = {pages + more_pages}")

    await journal.change(limit)


async def written_again(journal: Journal) -> None:
    await journal.flushed()
    assert journal.trouble == ""


async def test_a_full_disk_stops_reading_until_there_is_space(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await committed_one_by_one(tmp_path / "journal", 5, size=20_000)
        cursor = await journal.register("behind", 0)
        await limited(journal, 20)
        for index in range(6, 21):
            journal.add(sized(index, 20_000), index)
        await in_trouble(journal)
        assert "cannot be written: there is no room left for it. Free disk space; it resumes" in journal.trouble
        assert (journal.first, journal.end) == (1, 5)
        assert len(await journal.read(0)) == 5
        await journal.room()
        for index in range(21, 25):
            journal.add(Frame(index, [], b'{"Index":%d,"Events":[],"F":"%s"}' % (index, b"x" * 10_000_000)), index)
        waiting = asyncio.create_task(journal.room())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await journal.report(RunnerStatus(), {})
        with pytest.raises(JournalError, match="no room left"):
            await journal.advance(cursor, [replace(LETTER, text=Random(1).randbytes(200_000))])
        assert await journal.prune() == []
        await limited(journal, 100_000)
        await written_again(journal)
        await waiting
        assert await journal.advance(cursor, [LETTER])
        records = await everything(journal)
        assert [record.position for record in records] == list(range(1, 25))
        assert [record.content for record in records[:20]] == [sized(index, 20_000) for index in range(1, 21)]
        await journal.close()


async def test_no_cursor_passes_an_incident_that_could_not_be_stored(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await committed_one_by_one(tmp_path / "journal", 5, size=20_000)
        cursor = await journal.register("chat", 0)
        await limited(journal, 0)
        for number in range(500):
            journal.note_incident("chat", f"allocation/{'x' * 1_000}/{number}", 3, is_open=True)
        with pytest.raises(JournalError, match="no room left"):
            await journal.advance(replace(cursor, position=4))
        await limited(journal, 100_000)
        assert await journal.advance(replace(cursor, position=4))
        assert len(await journal.change(Store.open_incidents, "chat", 4)) == 500
        await journal.close()


async def test_delivered_history_is_dropped_to_make_room(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await committed_one_by_one(tmp_path / "journal", 30, size=20_000)
        cursor = await journal.register("web", 0)
        await journal.advance(replace(cursor, position=12, events=12))
        await limited(journal, 0)
        journal.add(sized(31, 100_000), 0)
        await written_again(journal)
        assert (journal.first, journal.end) == (13, 31)
        await journal.close()


async def test_a_journal_is_closed_soon_although_the_disk_is_full(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await committed_one_by_one(tmp_path / "journal", 5, size=20_000)
        await limited(journal, 0)
        for index in range(6, 9):
            journal.add(sized(index, 200_000), 0)
        await in_trouble(journal)
        started = time.monotonic()
        await journal.close()
        assert time.monotonic() - started < 20
        journal = await Journal.open(tmp_path / "journal")
        assert journal.end == 5
        await journal.close()


FULL = """
import asyncio, os, sys, time
from pathlib import Path
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.journal import Journal
from tests.journal.test_journal import everything, in_trouble
from tests.journal.test_retention import sized

async def main(folder):
    journal = await Journal.open(folder / "journal")
    cursor = await journal.register("down", 0)
    half = os.statvfs(folder)  # so that all of the write-ahead log fits into the file once others have left
    (folder / "others").write_bytes(bytes(half.f_blocks * half.f_frsize // 2))
    index = 0
    while not journal.trouble:
        index += 1
        journal.add(sized(index, 50_000), index)
        await asyncio.sleep(0.002)
    print(journal.trouble)
    held, before = journal.end, await everything(journal)
    assert len(before) == held and held > 5
    started = time.monotonic()
    await journal.close()
    assert time.monotonic() - started < 20
    try:
        journal = await Journal.open(folder / "journal")
    except JournalError as error:  # not even a list of readers fits: it is opened once there is room
        print("refused:", error)
        (folder / "others").unlink()
        journal = await Journal.open(folder / "journal")
    assert (await everything(journal))[:held] == before
    held = journal.end  # closing may have found room for some more
    for index in range(held + 1, held + 11):
        journal.add(sized(index, 50_000), index)
    flushed = asyncio.create_task(journal.flushed())
    while not journal.trouble and not flushed.done():
        await asyncio.sleep(0.01)
    (folder / "others").unlink(missing_ok=True)
    await flushed
    assert journal.trouble == ""
    records = await everything(journal)
    assert [record.content for record in records] == [sized(index, 50_000) for index in range(1, held + 11)]
    assert [record.position for record in records] == list(range(1, held + 11))
    await journal.close()
    print("all there")

asyncio.run(asyncio.wait_for(main(Path(sys.argv[1])), 40))
"""


@pytest.mark.parametrize("size", ["3m", "4m"] if MAY_MOUNT else [])
def test_a_small_disk_that_fills_up_loses_nothing(size: str, tmp_path: Path) -> None:
    command = in_own_mounts(f'mount -t tmpfs -o size={size} tmpfs "$1" && exec "$2" -c "$3" "$1"')
    command += ["sh", str(tmp_path), sys.executable, FULL]
    root = Path(__file__).parents[2]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=root)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "cannot be written: " in ran.stdout
    assert ran.stdout.endswith("all there\n")


WRITE = """
import asyncio, sys, time
from dataclasses import replace
from pathlib import Path
from nomad_tui.core.wire import Frame
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.retention import Retention
from tests.journal.test_journal import contents

async def main():
    journal = await Journal.open(Path(sys.argv[1]), Retention(max_size=600_000))
    frames = [each for each in contents("load") if isinstance(each, Frame)]
    cursor = await journal.register("sink", 0)
    print("open", flush=True)
    number = journal.end
    while True:
        for _ in range(int(sys.argv[2])):
            journal.add(frames[number % len(frames)], 1)
            number += 1
        await journal.room()
        await journal.beyond(cursor.position)
        records = await journal.read(cursor.position)
        cursor = replace(cursor, position=records[-1].position, events=journal.events)
        await journal.advance(cursor)
        if number % 5 == 0:
            await journal.prune()
        await journal.flushed()
        print(journal.end, cursor.position, flush=True)

asyncio.run(main())
"""


async def test_a_killed_runner_leaves_everything_it_committed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    frames = [each for each in contents("load") if isinstance(each, Frame)]
    random = Random(7)
    known_end = known_cursor = 0
    for kill in range(6):
        command = [sys.executable, "-c", WRITE, str(path), str(random.choice((1, 7, 400)))]
        writer = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        assert writer.stdout is not None
        async with asyncio.timeout(60):
            assert await writer.stdout.readline() == b"open\n"
            await asyncio.sleep(random.uniform(0, 0.4))
            writer.send_signal(signal.SIGKILL)
            progress = (await writer.stdout.read()).decode().rpartition("\n")[0].split("\n")
            assert await writer.wait() == -signal.SIGKILL
        if progress[-1]:
            known_end, known_cursor = map(int, progress[-1].split())
        copy = tmp_path / f"copy-{kill}"
        for suffix in ("", "-wal"):
            if (left := path.with_name(path.name + suffix)).exists():
                shutil.copy(left, copy.with_name(copy.name + suffix))
        for each in (copy, path):
            with closing(sqlite3.connect(each)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with JournalReader(path) as reader:
            assert reader.end >= known_end
            cursor = reader.cursors()["sink"]
            assert known_cursor <= cursor.position <= reader.end
            after = reader.first - 1
            while records := reader.read(after):
                for record in records:
                    assert record.position == after + 1
                    assert record.content == frames[(record.position - 1) % len(frames)]
                    after = record.position
            assert after == reader.end
    assert known_end > 0


FAR_BEHIND = """
import asyncio, json, resource, sys
from pathlib import Path
from nomad_tui.core.wire import Frame
from nomad_tui.journal.journal import Journal
from tests.journal.test_journal import contents

def memory():
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024

async def main():
    frames = [each for each in contents("load") if isinstance(each, Frame)]
    journal = await Journal.open(Path(sys.argv[1]))
    used = []
    for turn in range(10):
        for start in range(0, len(frames), 100):
            for frame in frames[start:start + 100]:
                journal.add(frame, 1)
            await journal.room()
        await journal.flushed()
        used.append(memory())
    position = events = 0
    while position < journal.end:
        for record in await journal.read(position):
            position = record.position
            events += len(record.content.events)
        used.append(memory())
    await journal.close()
    print(json.dumps([events, journal.events, used[2], used[9], used[-1]]))

asyncio.run(main())
"""


def test_a_sink_that_lags_far_behind_uses_no_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FAR_BEHIND, str(tmp_path / "journal")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=Path(__file__).parents[2])
    read, journaled, early, written, at_last = json.loads(ran.stdout)
    assert read == journaled > 100_000
    assert written - early < 50_000_000
    assert at_last - written < 50_000_000


async def test_a_journal_locked_by_another_process_is_waited_for(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        journal = await Journal.open(tmp_path / "journal")
        with closing(sqlite3.connect(tmp_path / "journal", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            journal.add(frame(1), 0)
            await asyncio.sleep(0.2)
            assert journal.end == 0
            other.execute("ROLLBACK")
            await journal.flushed()
        with Store(journal.path) as control:
            control.forget("nobody")
        await journal.close()
