"""Keys typed before the first picture, as after `nomad-tui open FILE` and Enter, without a pause."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.terminal.program import running


@pytest.mark.parametrize(
    ("seconds", "keys", "shown"),
    [
        (0.0, ["/", "failed", "enter", "home", "down"], ["/ failed", "row 2 of 6"]),
        (0.3, [":", "12", "enter", "down", "enter"], ["row 6 of 625", "E Unfold all"]),
    ],
)
def test_they_act_in_their_order_once_it_is_there(
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_before_the_first_picture_leaves_the_terminal_as_it_was(
    number: signal.Signals, tour: Path, home: Path
) -> None:
    with running("open", tour, home=home) as program:
        program.wait_until(lambda: not program.echoes, "no echo")
        with program.kept_open():
            program.signal(number)
            assert program.wait_for_exit() in (-number, 128 + number)
            assert program.echoes
