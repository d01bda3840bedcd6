"""`w`: the saved events are exactly those shown."""

import csv
import json
import subprocess
from pathlib import Path

from tests.terminal.program import COMMAND, Program, running

WANTED = "topic:Allocation,Node"


def tail(*arguments: str | Path) -> bytes:
    return subprocess.run([COMMAND, "tail", *map(str, arguments)], capture_output=True, check=True, timeout=60).stdout


def save(program: Program, keys: str, file: Path) -> bytes:
    """Save, and return the content of the file, which exists only once it is complete."""
    program.press(keys).wait_for("Enter write").press("ctrl+u", str(file), "enter")
    program.wait_until(file.exists, f"{file} written").wait_gone("Enter write")
    return file.read_bytes()


def test_the_matches_are_saved_in_every_format_as_tail_prints_them(tour: Path, home: Path, tmp_path: Path) -> None:
    with running("open", tour, "--filter", WANTED, home=home) as program:
        program.wait_for(" of 625").wait_until_idle()
        shown = next(line for line in program.lines if " of 625" in line)
        for letter, output in (("n", "ndjson"), ("f", "frames"), ("c", "csv")):
            saved = save(program, f"wf{letter}", tmp_path / f"saved.{output}")
            assert saved == tail(tour, "--filter", WANTED, "--output", output, "--redact"), output
        program.press("k", "m").settle()
        report = save(program, "wfr", tmp_path / "report.md").decode()
        marked = json.loads(save(program, "wmn", tmp_path / "marked.ndjson"))
    with (tmp_path / "saved.csv").open(newline="") as opened:
        rows = list(csv.reader(opened))[1:]
    assert f" {len(rows)} of 625" in shown
    assert (tmp_path / "saved.csv").stat().st_mode & 0o777 == 0o600
    assert tail(tmp_path / "saved.frames", "--output", "ndjson") == (tmp_path / "saved.ndjson").read_bytes()
    assert "- Filter: topic:Allocation,Node\n" in report
    assert f"- Events: {len(rows)}, indexes {rows[0][1]}–{rows[-1][1]}\n" in report
    assert f"- index: {marked['Index']}\n- key: {marked['Key']}\n" in report
    timeline = report[report.index("## Timeline") :].splitlines()[2:]
    assert timeline == tail(tour, "--filter", WANTED, "--output", "markdown").decode().splitlines()


def test_replacing_a_file_is_confirmed_and_secrets_are_included_only_if_chosen(
    tour: Path, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.ndjson"
    file.write_text("mine")
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("625").settle()
        program.press("waxf").wait_for("Enter write").press("ctrl+u", str(file), "enter").wait_for("Enter again")
        assert file.read_text() == "mine"
        as_they_came = tail(tour, "--output", "frames")
        program.press("enter").wait_until(lambda: file.read_bytes() == as_they_came, "replaced").wait_for("secrets")
        program.press("wm").wait_for("No marks. Press m to mark an event")


def test_keys_typed_at_once_wait_for_what_is_being_saved(tour: Path, home: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one.ndjson", tmp_path / "other.ndjson"
    other.write_text("mine")
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("625").settle()
        for file in (one, other):
            program.press("waxf", "ctrl+u", str(file), "enter")
        program.wait_for("already exists")
        assert one.read_bytes() == tail(tour, "--output", "frames")
        assert other.read_text() == "mine"
        program.press("enter", "g", "j").wait_for("row 2 of 625").wait_gone("Enter write")
        program.press("waxf", "ctrl+u", str(one), "enter", "enter", "j").wait_for("row 3 of 625")
        assert one.read_bytes() == other.read_bytes()


def test_a_long_save_can_be_stopped_and_leaves_no_file(tmp_path: Path, home: Path) -> None:
    recording, folder = tmp_path / "long.ndjson", tmp_path / "folder"
    folder.mkdir()
    recording.write_bytes(b"".join(b'{"Index":%d,"Topic":"Job","Key":"job-%d"}\n' % (n, n) for n in range(1, 6_001)))
    with running("open", recording, size=(120, 30), home=home) as program:
        program.wait_for("held 6,000").wait_until_idle()
        program.press("wac").wait_for("Enter write").press("ctrl+u", str(folder / "long.csv"), "enter")
        program.wait_for(" of 6,000,", "░").press("escape").wait_gone(" of 6,000,").press("g").wait_for("job-1 ")
    assert list(folder.iterdir()) == []


def test_a_recording_contains_the_shown_events_and_is_shown_in_the_header(
    tour: Path, home: Path, tmp_path: Path
) -> None:
    file = tmp_path / "recorded.ndjson"
    with running("open", tour, home=home) as program:
        program.wait_for("held 625").settle()
        program.press("ctrl+r", "h").wait_for("Enter write").press("ctrl+u", str(file), "enter").wait_for("rec 625")
        program.press("ctrl+r").wait_for("Recorded: 625 events").wait_gone("rec 625")
    assert file.read_bytes() == tail(tour, "--output", "frames", "--redact")
