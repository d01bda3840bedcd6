"""Keys typed without a pause: before the first frame, and before the dialog of the previous key is open."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import pytest

from nomad_tui.ui.screen import OPENS_AFTER
from tests.terminal.program import KEYS, Program, running


@pytest.mark.parametrize(
    ("seconds", "keys", "shown"),
    [
        (0.0, ["/", "failed", "enter", "home", "down"], ["/ failed", "row 2 of 6"]),
        (0.3, [":", "12", "enter", "down", "enter"], ["row 6 of 625", "E Unfold all"]),
        (0.0, ["waxf", "enter"], ["Saved: 625 events"]),
    ],
)
def test_they_act_in_order_once_the_program_is_ready(
    seconds: float, keys: Sequence[str], shown: Sequence[str], tour: Path, home: Path
) -> None:
    with running("open", tour, size=(100, 30), home=home) as program:
        program.read_for(seconds)
        program.press(*keys).wait_for(*shown)


@pytest.mark.parametrize("arguments", [["demo"], ["open", "tour"], ["--address", "http://127.0.0.1:1"]], ids=str)
def test_they_are_not_echoed_and_q_quits_at_once(arguments: list[str], tour: Path, home: Path) -> None:
    with running(*(tour if each == "tour" else each for each in arguments), size=(100, 30), home=home) as program:
        program.wait_until(lambda: not program.echoes, "no echo")
        program.press("q")
        assert program.wait_for_exit() == 0
        assert b"q" not in program.terminal.raw.partition(b"\x1b")[0]


def test_q_quits_while_the_source_is_silent(home: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with running("open", pipe, size=(100, 30), home=home) as program, pipe.open("r+b", buffering=0):
        program.wait_for("Facets").press("q")
        assert program.wait_for_exit() == 0


def test_other_keys_act_soon_while_the_source_is_silent(home: Path, tmp_path: Path) -> None:
    def opened_after(program: Program) -> float:
        began = monotonic()
        program.press("?").wait_for("╭─ Help")
        return monotonic() - began

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    waited: list[float] = []
    while not waited or (min(waited) > 0.6 and len(waited) < 5):
        with running("open", pipe, size=(100, 30), home=home) as program, pipe.open("r+b", buffering=0):
            first = opened_after(program.wait_for("Facets"))
            program.press("q").wait_gone("╭─ Help")
            waited.append(first - opened_after(program))
    assert min(waited) <= 0.6, waited


def test_keys_for_rows_wait_for_the_first_of_a_slow_source(tour: Path, home: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with running("open", pipe, size=(100, 30), home=home) as program, pipe.open("r+b", buffering=0) as source:
        program.wait_for("Facets").press("home", "down", "enter").read_for(OPENS_AFTER + 0.2)
        source.write(b"".join(tour.read_bytes().splitlines(keepends=True)[:100]))
        program.wait_for("row 2 of", "E Unfold all")


@pytest.mark.parametrize("before", ["?", "j" * 200 + "?", "\x10web"], ids=ascii)
def test_ctrl_c_twice_quits_at_once_after_any_other_keys(before: str, tour: Path, home: Path) -> None:
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("625").settle().press(before + "\x03\x03")
        assert program.wait_for_exit() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_before_the_first_frame_restores_the_terminal(number: signal.Signals, tour: Path, home: Path) -> None:
    with running("open", tour, home=home) as program:
        program.wait_until(lambda: not program.echoes, "no echo")
        with program.kept_open():
            program.signal(number)
            assert program.wait_for_exit() in (-number, 128 + number)
            assert program.echoes


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        (["ctrl+p", "gap"], ["🔎 gap"]),
        (["ctrl+p", "columns", "enter", "down", "space"], ["╭─ Columns", "□ "]),
        (["?", "/", "gap", "enter"], ["╭─ Help", "/ gap", "1 of "]),
        ([":", "12", "enter", "down", "?", "q", "down"], ["row 7 of 625"]),
        (["/", "failed", "enter", "g", "j"], ["/ failed", "row 2 of 6"]),
        (["g", "j" * 60], ["row 61 of 625"]),
        (["3", "/", "id", "enter", "n"], ["/ id ", "2 of "]),
        (["/", "x" * 60 + "y", "enter", "?"], ["╭─ Help"]),
    ],
    ids=lambda value: "".join(value),
)
def test_keys_typed_at_once_go_to_the_dialog_of_the_previous_key(
    keys: Sequence[str], shown: Sequence[str], tour: Path, home: Path
) -> None:
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("625").settle()
        program.send(b"".join(KEYS.get(key) or key.encode() for key in keys))
        program.wait_for(*shown)
