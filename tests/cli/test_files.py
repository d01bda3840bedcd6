"""`nomad-tui tail FILE`: files as operators have them, read by the program itself."""

import asyncio
import csv
import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from time import time_ns

import pytest

from nomad_tui.core.export.formats import csv_line, markdown_line
from nomad_tui.core.updates import Gap, Noted, Update
from nomad_tui.core.wire import Frame
from nomad_tui.sources.finding import RecordingError
from nomad_tui.sources.recording import Recording
from nomad_tui.sources.unpacking import Growing
from tests import recordings
from tests.cli.test_tail import SECONDS
from tests.fork_server import command

CAPTURES = Path(__file__).parents[1] / "cases" / "captures"
FRAMES = (CAPTURES / "frames.ndjson").read_bytes().splitlines()
EVENTS = [event for line in FRAMES for event in json.loads(line)["Events"]]


def tail(*arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*command(), "tail", *map(str, arguments)], input=stdin, capture_output=True, timeout=SECONDS)


def evaluation(index: int, written: int, identifier: str = "") -> bytes:
    """Return a frame whose event has a modification time, in seconds since 1970."""
    payload = {"ID": f"e{index}{identifier}", "ModifyIndex": index, "ModifyTime": written * 10**9}
    event = {"Topic": "Evaluation", "Type": "X", "Key": payload["ID"], "Payload": {"Evaluation": payload}}
    return json.dumps({"Index": index, "Events": [event]}).encode() + b"\n"


@pytest.mark.parametrize("name", sorted(file.name for file in CAPTURES.iterdir()))
def test_a_capture_loses_no_event_as_a_file_and_as_a_pipe(name: str) -> None:
    file = CAPTURES / name
    whole = tail(file, "--output", "ndjson")
    assert [json.loads(line) for line in whole.stdout.splitlines()] == EVENTS
    assert (whole.returncode, b"unreadable" in whole.stderr) == (0, False)
    assert name == "frames.ndjson" or whole.stderr.startswith(b"nomad-tui: " + name.encode() + b" is ")
    if name != "debug.tar.gz":  # in a pipe its two streams are concatenated
        assert tail("-", "--output", "ndjson", stdin=file.read_bytes()).stdout == whole.stdout


@pytest.mark.parametrize("damage", ["truncated", "damaged"])
def test_the_readable_part_of_a_truncated_archive_is_printed_with_an_exit_code(damage: str, tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"\n".join(FRAMES * 50)))
    if damage == "truncated":
        del packed[-200:]
    else:
        packed[-8] ^= 0xFF  # part of the checksum
    file = tmp_path / "events.ndjson.gz"
    file.write_bytes(packed)
    result = tail(file)
    assert result.returncode == 1 and len(result.stdout.splitlines()) > len(EVENTS) // 2
    assert f"reading the recording failed: the archive is {damage}".encode() in result.stderr
    file.write_bytes(gzip.compress(FRAMES[0] + b"\n" + FRAMES[1][:50]))
    result = tail(file)
    assert (result.returncode, b"truncated at the end" in result.stderr) == (0, True), "as a recording that was killed"


def test_the_options_of_tail_work_on_files() -> None:
    file = CAPTURES / "docker.log"
    assert len(tail(file, "--limit", "2").stdout.splitlines()) == 2
    assert len(tail(file, "--index", "24").stdout.splitlines()) == sum(each["Index"] >= 24 for each in EVENTS)
    topic = EVENTS[0]["Topic"]
    wanted = sum(each["Topic"] == topic for each in EVENTS)
    assert len(tail(file, "--topic", topic).stdout.splitlines()) == wanted
    assert len(tail(file, "--filter", f"topic:{topic}").stdout.splitlines()) == wanted
    assert tail(file, "--namespace", "elsewhere").stdout.count(b"\n") == sum(not each["Namespace"] for each in EVENTS)
    assert tail(file, "--output", "frames").stdout.splitlines() == FRAMES
    old = tail("-", "--since", "1s", stdin=file.read_bytes())  # the end of a pipe is not known yet
    assert old.stdout == b"" and b"nothing from the last 1 s: the newest event is" in old.stderr


@pytest.mark.parametrize(
    "option",
    [["--since", "5m"], ["--filter", "time:<5m"], ["--filter", "time:08:50..09:00"], ["--filter", "time:>=8:50"]],
)
def test_times_are_relative_to_the_end_of_a_file(option: list[str], tmp_path: Path) -> None:
    file = tmp_path / "old.ndjson"
    file.write_bytes(b"".join(evaluation(index, 1_795_424_043 - ago) for index, ago in ((1, 900), (2, 100), (3, 0))))
    printed = tail(file, *option, "--output", "ndjson")
    assert [json.loads(line)["Key"] for line in printed.stdout.splitlines()] == ["e2", "e3"]
    assert b"from the recording's end, 2026-11-23" in printed.stderr


def test_a_file_without_events_is_reported_in_one_sentence(tmp_path: Path) -> None:
    picture = tmp_path / "look.json"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + os.urandom(3_000_000))
    log = tmp_path / "server.log"
    log.write_text("2026-11-29T02:40:18Z [INFO] nomad: serf: EventMemberJoin\n" * 5_000)
    archive = tmp_path / "backup.snap"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(log, "state.bin")
    (tmp_path / "folder").mkdir()
    cases = {picture: "a PNG image", log: "a log", archive: "a snapshot", tmp_path / "folder": "directory"}
    for file, words in cases.items():
        result = tail(file)
        assert (result.returncode, result.stdout) == (2, b"")
        [sentence] = result.stderr.decode().splitlines()
        assert words in sentence and "name a file of NDJSON" in sentence
    piped = tail("-", stdin=log.read_bytes())
    assert (piped.returncode, piped.stdout, len(piped.stderr.splitlines())) == (1, b"", 1)
    assert b"standard input is not a recording; it looks like a log" in piped.stderr


def test_an_unpacked_archive_of_operator_debug_is_read_from_its_directory(tmp_path: Path) -> None:
    with tarfile.open(CAPTURES / "debug.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    printed = tail(tmp_path, "--output", "ndjson")
    assert [json.loads(line) for line in printed.stdout.splitlines()] == EVENTS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--address", "http://x", "a.ndjson"], "--address is for something else"),
        (["--journal", "x", "a.ndjson"], "--journal is for something else"),
        (["--live", "a.ndjson"], "--live begins where a file ends"),
        (["--follow", "a.ndjson", "a.ndjson"], "--follow reads one file on as it grows"),
        (["-", "-"], "only once"),
        (["missing.ndjson"], "no such file or directory"),
    ],
)
def test_options_that_do_not_apply_to_files_are_refused(arguments: list[str], words: str, tmp_path: Path) -> None:
    shutil.copy(CAPTURES / "frames.ndjson", tmp_path / "a.ndjson")
    result = subprocess.run(
        [*command(), "tail", *arguments], cwd=tmp_path, input=b"", capture_output=True, timeout=SECONDS
    )
    assert (result.returncode, result.stdout) == (2, b"")
    assert words in result.stderr.decode() and len(result.stderr.splitlines()) == 1


# Tables


def test_csv_is_read_by_other_programs_and_contains_no_formula(tmp_path: Path) -> None:
    file = tmp_path / "evil.ndjson"
    names = ['=cmd|"/c calc"!A1', "+1", "-1", "@SUM(1)", "\t=1", "a;=1", 'plain, "quoted"', "two\nlines"]
    job = {"Topic": "Job", "Type": "JobRegistered", "Namespace": "default", "Payload": None}
    file.write_text(
        "".join(json.dumps(job | {"Index": number, "Key": name}) + "\n" for number, name in enumerate(names))
    )
    result = tail(file, "--output", "csv")
    head, *rows = csv.reader(io.StringIO(result.stdout.decode()), strict=True)
    assert head[:3] == ["Time", "Index", "Topic"] and len(rows) == len(names)
    assert {len(each) for each in rows} == {len(head)}
    assert not [cell for each in rows for cell in each if cell.lstrip().startswith(("=", "+", "-", "@"))]
    assert [each[-1] for each in rows][:2] == ["'" + names[0], "'+1"]
    assert rows[6][-1] == names[6]
    assert csv_line(["a;=1", "1-1"]) == '"a;\'=1","1-1"'


def test_csv_times_are_parsed_by_spreadsheets_and_programs() -> None:
    _, *rows = csv.reader(io.StringIO(tail(CAPTURES / "cri.log", "--output", "csv").stdout.decode()))
    assert len(rows) == len(EVENTS)
    assert all(datetime.fromisoformat(each[0]).tzinfo is not None for each in rows if each[0])


def test_markdown_is_a_table_with_escaped_cells() -> None:
    head, rule, *rows = tail(CAPTURES / "cri.log", "--output", "markdown").stdout.decode().splitlines()
    assert rule == "|" + "---|" * (head.count("|") - 1)
    assert len(rows) == len(EVENTS) and all(each.count(" | ") == head.count(" | ") for each in rows)
    assert markdown_line(["a|b", "<b>*x*", "`c`"]) == r"| a\|b | &lt;b>\*x\* | \`c\` |"


def test_an_empty_table_has_its_headings() -> None:
    assert tail("-", "--output", "csv").stdout.startswith(b'"Time","Index"')


# Several files


async def found(*files: Path) -> list[Update]:
    recording = Recording([str(file) for file in files])
    recording.check()
    async with asyncio.timeout(SECONDS):
        return [update async for update in recording.updates()]


async def test_recordings_that_overlap_show_each_event_once(tmp_path: Path) -> None:
    lines = [line + b"\n" for line in recordings.lines("tour") if b'"Events"' in line]
    first, second, third = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    first.write_bytes(b"".join(lines[:60]))
    second.write_bytes(b"".join(lines[40:]))
    events = [event for line in lines[50:70] for event in json.loads(line)["Events"]]
    third.write_text("".join(json.dumps(event) + "\n" for event in events))
    updates = await found(third, second, first)
    texts = [json.loads(text) for update in updates if isinstance(update, Frame) for text in update.event_texts()]
    whole = [event for line in lines for event in json.loads(line)["Events"]]

    def known(event: object) -> str:
        return json.dumps(event, sort_keys=True)

    assert sorted(map(known, texts)) == sorted(map(known, whole))
    indexes = [update.index for update in updates if isinstance(update, Frame)]
    assert indexes == sorted(indexes)
    assert not [update for update in updates if isinstance(update, Gap)]


async def test_recordings_of_two_clusters_are_not_merged(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_bytes(b"".join(evaluation(index, 1_700_000_000 + index) for index in range(500, 560)))
    theirs.write_bytes(b"".join(evaluation(index, 1_700_000_400 + index, "b") for index in range(520, 580)))
    updates = await found(ours, theirs)
    assert [update.index for update in updates if isinstance(update, Frame)] == [*range(500, 560), *range(520, 580)]
    assert any("different or rebuilt clusters" in update.text for update in updates if isinstance(update, Noted))


# A file that grows


@asynccontextmanager
async def following(file: Path, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    process = await asyncio.create_subprocess_exec(
        *(*command(), "tail", str(file), "--follow", "--output", "ndjson", *arguments),
        stdout=subprocess.PIPE,
        limit=1 << 24,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(SECONDS):
            yield process.stdout
    finally:
        process.terminate()
        await process.communicate()


async def keys(out: asyncio.StreamReader, count: int) -> list[str]:
    return [json.loads(await out.readline())["Key"] for _ in range(count)]


def append(file: Path, *frames: bytes) -> None:
    with file.open("ab") as opened:
        opened.write(b"".join(frames))


async def test_a_file_is_followed_as_it_grows_and_across_rotation(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    append(file, evaluation(1, 10), evaluation(2, 10)[:30])
    async with following(file) as out:
        assert await keys(out, 1) == ["e1"]
        append(file, evaluation(2, 10)[30:])
        assert await keys(out, 1) == ["e2"]
        # Like logrotate: the writer continues with the old file for a while.
        with file.open("ab") as writer:
            file.rename(tmp_path / "events.ndjson.1")
            file.touch()
            writer.write(evaluation(3, 10))
        assert await keys(out, 1) == ["e3"]
        append(file, evaluation(4, 10))
        assert await keys(out, 1) == ["e4"]
        # Like copytruncate: the file becomes shorter than what was read.
        os.truncate(file, 0)
        append(file, evaluation(5, 1))
        assert await keys(out, 1) == ["e5"]
        # And it has grown beyond that again before it is checked.
        file.write_bytes(evaluation(6, 1) + evaluation(7, 1) + evaluation(8, 1))
        assert await keys(out, 3) == ["e6", "e7", "e8"]


async def test_files_rotated_between_checks_are_read(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    append(file, evaluation(1, 10))
    async with following(file) as out:
        assert await keys(out, 1) == ["e1"]
        append(tmp_path / "a", evaluation(2, 10))
        append(tmp_path / "b", gzip.compress(evaluation(3, 10)))
        append(tmp_path / "c", evaluation(4, 10))
        for number, name in enumerate("abc", 1):
            os.utime(tmp_path / name, ns=(time_ns() + number, time_ns() + number * 10**6))
        # The name now refers to the newest file, with two others between it and the open one.
        (tmp_path / "a").rename(tmp_path / "events.ndjson.2")
        (tmp_path / "b").rename(tmp_path / "events.ndjson.1.gz")
        # The open file was compressed meanwhile, so its modification time is newer.
        append(tmp_path / "events.ndjson.3.gz", gzip.compress(evaluation(1, 10)))
        file.unlink()
        (tmp_path / "c").rename(file)
        assert await keys(out, 3) == ["e2", "e3", "e4"]


def test_live_skips_the_existing_content_of_a_followed_file(tmp_path: Path) -> None:
    """The read part begins with a complete line that was written after the start."""
    file = tmp_path / "events.ndjson"
    append(file, evaluation(1, 10), evaluation(2, 10)[:40])
    growing = Growing(str(file), at_end=True)
    append(file, evaluation(2, 10)[40:], evaluation(3, 10))
    reader = io.BufferedReader(growing)
    assert reader.read1() == evaluation(3, 10)
    file.write_bytes(evaluation(4, 1))
    assert reader.read1() == evaluation(4, 1)
    assert "Lines written just before may be lost" in growing.notes[0]
    growing.interrupt()


def test_a_followed_file_can_be_unreadable_at_first(tmp_path: Path) -> None:
    log = tmp_path / "events.log"
    log.write_text("starting\n")
    Recording([str(log)], follow=True).check()
    with pytest.raises(RecordingError):
        Recording([str(log)]).check()


def test_a_file_that_cannot_be_followed_is_reported_in_one_sentence(tmp_path: Path) -> None:
    for name, reason in (
        ("x" * 300, b"file name too long"),
        (str(tmp_path), b"is a directory, and --follow reads one file"),
    ):
        refused = tail("--follow", name)
        assert (refused.returncode, refused.stderr.count(b"\n")) == (2, 1)
        assert reason in refused.stderr
