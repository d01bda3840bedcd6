"""Bytes sent to the terminal: no control sequence of a payload, and every mode restored at the end."""

import json
import random
import signal
from pathlib import Path
from typing import Final

import pytest

from tests import recordings
from tests.terminal.program import Program, running

MEANT: Final = {
    *(f"\x1b[?{mode}{state}" for mode in (25, 1000, 1003, 1004, 1006, 1015, 1049, 2004, 2026) for state in "hl"),
    "\x1b[?2026$p",  # query: synchronized output
    "\x1b[?2048$p",  # query: in-band reports of the size
    "\x1b[>25u",  # the kitty keyboard protocol, on and off
    "\x1b[<u",
}
"""Control sequences by us and Textual, in addition to colors, moves, erasing and line wrap."""
POINTER: Final = "\x1b]22;"
"""Sets the shape of the mouse pointer, as Textual does."""
ATTACKS: Final = (
    "\x1b]0;title\x07",
    "\x1b]52;c;cHduZWQ=\x07",
    "\x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[6n",
    "\x1b[?1049l",
    "\x1b[2J",
    "\x1bc",
    "\x1bP$q q\x1b\\",
    "\x9b31m",
    "\x9d52;c;cHduZWQ=\x9c",
    "\x90q\x9c",
    "\x05",
    "\x08\x08\x7f",
    "\r\n",
    "\u202eevil",
    "[red]x[/",
    "\x1b",
)


def _assert_clean(program: Program) -> None:
    terminal = program.terminal
    foreign = [each for each in terminal.sequences if each not in MEANT and not each.startswith(POINTER)]
    assert not foreign
    assert not terminal.controls
    assert not terminal.unfinished


def _assert_restored(program: Program) -> None:
    """Checks the bytes: the emulator supports neither the keyboard protocol nor faint."""
    assert program.terminal.modes == {25}, "only the cursor is on"
    raw = bytes(program.terminal.raw)
    assert raw.rfind(b"\x1b[<u") > raw.rfind(b"\x1b[>25u") >= 0
    assert raw.rfind(b"\x1b[?7h") > raw.rfind(b"\x1b[?7l")


def _visit_views(program: Program) -> None:
    for keys in (("g",), ("enter",), ("ctrl+l",), ("d",), ("t",), ("R",), ("escape",), ("pagedown",), ("y", "escape")):
        program.press(*keys).settle()
    for _ in range(12):
        program.press("j", "3", "*", "2").read_for(0.05)
    program.press("u").settle().press("escape").settle().press("?").settle().press("escape").settle()


def test_hostile_payloads_send_no_control_sequences(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "hostile.ndjson"
    file.write_bytes(recordings.content("markup") + recordings.content("hostile"))
    with running("open", file, size=(100, 30), home=home) as program:
        program.wait_for("held").settle()
        _visit_views(program)
        _assert_clean(program)
        program.press("escape").settle().press("q")
        assert program.wait_for_exit() == 0
        _assert_clean(program)
        _assert_restored(program)


@pytest.mark.parametrize("seed", range(2))
def test_attacks_in_every_string_send_no_control_sequences(tmp_path: Path, home: Path, seed: int) -> None:
    """The keys and strings of real payloads, each with part of a control sequence."""
    chance = random.Random(seed)

    def poisoned(value: object) -> object:
        if isinstance(value, dict):
            return {f"{key}{chance.choice(ATTACKS)}" if chance.random() < 0.05 else key: poisoned(each)
                    for key, each in value.items()}  # fmt: skip
        if isinstance(value, list):
            return [poisoned(each) for each in value]
        if isinstance(value, str) and chance.random() < 0.5:
            return chance.choice(ATTACKS) + value + chance.choice(ATTACKS)
        return value

    frames = [json.loads(line) for line in chance.sample(recordings.lines("tour")[:-1], 60)]
    for frame in frames:
        for event in frame.get("Events", ()):
            event["Payload"] = poisoned(event["Payload"])
            event["Key"] = poisoned(event["Key"])
            event["Type"] = poisoned(event["Type"])
    file = tmp_path / f"{chance.choice(('a', 'b'))}.ndjson"
    file.write_text("".join(json.dumps(frame) + "\n" for frame in frames))
    with running("open", file, size=(100, 30), home=home) as program:
        program.wait_for("held").settle()
        _visit_views(program)
        _assert_clean(program)


@pytest.mark.parametrize("end", ("q", "ctrl+q", "SIGTERM", "SIGHUP"))
def test_every_kind_of_exit_restores_the_terminal(tour: Path, home: Path, end: str) -> None:
    with running("open", tour, size=(80, 24), home=home) as program:
        program.wait_for("625")
        if end.startswith("SIG"):
            program.signal(signal.Signals[end])
        else:
            program.press(end, *"jjjjdt")  # keys typed ahead have no recipient
        program.wait_for_exit()
        _assert_restored(program)
        assert b"never awaited" not in program.terminal.raw
        assert b"Traceback" not in program.terminal.raw
