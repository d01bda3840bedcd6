"""The invariant: once the program is idle, a full repaint of the same state changes nothing on the screen."""

import random
import re
import signal
import subprocess
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import pytest

from tests import recordings
from tests.randomized import times
from tests.terminal.conftest import Serve, Server
from tests.terminal.program import COMMAND, Program, running

MOVES: Final[tuple[tuple[str, ...], ...]] = (
    ("j",),
    ("k",),
    ("down",) * 5,
    ("up",) * 5,
    ("pagedown",),
    ("pageup",),
    ("ctrl+d",),
    ("ctrl+u",),
    ("g",),
    ("G",),
    ("home",),
    ("end",),
    ("n",),
    ("N",),
    ("m",),
    ("'",),
    ('"',),
)
VIEWS: Final[tuple[tuple[str, ...], ...]] = (
    ("d",),
    ("t",),
    ("R",),
    ("f",),
    ("p",),
    ("z",),
    ("F",),
    ("H",),
    ("x",),
    ("1",),
    ("2",),
    ("3",),
    ("tab",),
    ("shift+tab",),
    ("enter",),
    ("escape",),
    ("space",),
    ("left",),
    ("right",),
    ("h",),
    ("l",),
    ("+",),
    ("-",),
    ("b",),
    ("f1",),
    ("f2",),
    ("f8",),
    ("ctrl+left",),
    ("ctrl+right",),
)
DIALOGS: Final[tuple[tuple[str, ...], ...]] = (
    ("/", "flaky", "enter"),
    ("/", "ctrl+u", "job:flaky", "tab", "escape"),
    ("/", "ctrl+u", "enter"),
    (":", "200", "enter"),
    (":", "gap", "escape"),
    ("?", "pagedown", "escape"),
    ("y", "escape"),
    ("w", "escape", "escape"),
    ("D", "escape"),
    ("W", "escape"),
    ("u", "escape"),
    ("s", "escape"),
    ("@", "down", "escape"),
    ("ctrl+p", "zo", "down", "escape"),
    ("3", "/", "gpu", "enter", "n", "escape", "2"),
)
OPENING_KEYS: Final = tuple(keys[:-1] for keys in DIALOGS if "ctrl+p" not in keys)
"""Keys that leave each dialog open, except for the palette: its "No matches found" appears half a second later."""
SIZES: Final = ((180, 50), (100, 30), (80, 24), (60, 20))


def _walk(program: Program, seed: int, steps: int, server: Server | None = None) -> int:
    """Press random keys, use the mouse and resize, comparing the screen with a repaint; return the number of inputs."""
    chance = random.Random(seed)
    inputs = 0
    trail: list[tuple[str, ...]] = []
    chosen: tuple[str, ...]
    while inputs < steps:
        kind = chance.random()
        if kind < 0.45:
            chosen = chance.choice(MOVES)
        elif kind < 0.75:
            chosen = chance.choice(VIEWS)
        elif kind < 0.85:
            chosen = chance.choice(DIALOGS)
        elif kind < 0.88:
            chosen = chance.choice(OPENING_KEYS)
        elif kind < 0.985:
            x, y = chance.randrange(program.terminal.width), chance.randrange(1, program.terminal.height - 1)
            button = chance.choice((0, 0, 64, 65, 65))
            chosen = (f"click {button} at {x},{y}",)
            program.click(x, y, button)
        else:
            width, height = chance.choice(SIZES)
            chosen = (f"{width}x{height}",)
            program.resize(width, height)
        if kind < 0.88:
            program.press(*chosen)
        trail.append(chosen)
        inputs += len(chosen)
        if chance.random() < 0.15:
            with server.silent() if server is not None else nullcontext():
                stale = program.stale(after_events=server is not None)
            assert not stale, f"seed {seed}, after {trail[-8:]}:\n" + "\n".join(stale)
    return inputs


@pytest.mark.parametrize("size", SIZES[::3], ids=lambda size: f"{size[0]}x{size[1]}")
def test_paging_through_a_recording_leaves_no_stale_row(tour: Path, home: Path, size: tuple[int, int]) -> None:
    with running("open", tour, size=size, home=home) as program:
        program.wait_for("625")
        for keys in (
            ("g",),
            ("pagedown",),
            ("pagedown", "pagedown"),
            ("pageup",),
            ("ctrl+d",),
            ("ctrl+u",),
            ("j",) * 40,
            ("k",) * 60,
            ("G",),
            ("z",),
            ("pageup",),
            ("z",),
            ("/", "flaky", "enter", "g"),
            ("pagedown",),
            ("escape",),
        ):
            program.press(*keys)
            stale = program.stale()
            assert not stale, f"after {keys}:\n" + "\n".join(stale)


@pytest.mark.timeout(times(300))
@pytest.mark.parametrize("seed", range(4))
def test_a_walk_on_a_recording_leaves_nothing_stale(tour: Path, home: Path, seed: int) -> None:
    with running("open", tour, size=SIZES[seed % len(SIZES)], home=home) as program:
        program.wait_for("625")
        assert _walk(program, seed, times(140)) >= times(140)


@pytest.mark.timeout(times(300))
@pytest.mark.parametrize("seed", (11, 12))
def test_a_walk_on_a_quiet_server_leaves_nothing_stale(tour: Path, home: Path, serve: Serve, seed: int) -> None:
    server = serve(tour, "--lead", "all", "--buffer-size", "1000")
    with running("--address", server.address, size=SIZES[seed % len(SIZES)], home=home) as program:
        program.wait_for("live", "625")
        assert _walk(program, seed, times(90)) >= times(90)


@pytest.mark.timeout(times(300))
@pytest.mark.parametrize("seed", (21, 22))
def test_a_walk_on_a_busy_server_leaves_nothing_stale(tour: Path, home: Path, serve: Serve, seed: int) -> None:
    server = serve(tour, "--pace", "40", "--repeat", "forever", "--lead", "200")
    with running("--address", server.address, size=SIZES[seed % len(SIZES)], home=home) as program:
        program.wait_for("live")
        assert _walk(program, seed, times(70), server) >= times(70)


def test_the_rows_match_the_output_of_tail(tour: Path, home: Path, serve: Serve) -> None:
    address = serve(tour, "--lead", "all", "--buffer-size", "1000").address
    printed = subprocess.run(
        [COMMAND, "tail", "--address", address, "--limit", "625"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    with running("--address", address, size=(220, 50), home=home) as program:
        program.wait_for("live", "625").press("z", "g")
        program.wait_until(lambda: any(_agrees(row, printed[0]) for row in _rows(program)[:1]), "row 1").settle()
        pages = [_rows(program)]
        while not _agrees(pages[-1][-1], printed[-1]):
            program.press("pagedown").wait_until(lambda: _rows(program) != pages[-1], "another page").settle()
            pages.append(_rows(program))
    rows = [row for page in pages[:-1] for row in page]
    rows += pages[-1][len(rows) - len(printed) :]
    assert len(rows) == len(printed) == 625
    for shown, line in zip(rows, printed, strict=True):
        assert _agrees(shown, line), f"{shown!r} is not {line!r}"


def _rows(program: Program) -> list[str]:
    rows = [re.match(r"│ ?(.*?)[▁-█ ]*│$", line) for line in program.lines]
    return [found[1].strip() for found in rows if found and re.match(r"[ ✖▲•‹~]*\d\d:\d\d:\d\d", found[1])]


def _agrees(shown: str, line: str) -> bool:
    """Whether a row of the list matches a line of `tail`: the time, and all its words in order."""
    words = line.replace("‹", " ").replace("~", " ").split()
    _date, clock, _index, _topic, *rest = words
    seen = shown.lstrip(" ✖▲•‹~").split()
    if seen[0] != clock:
        return False
    at = 3  # after the time, the topic's glyph and its name
    for word in rest:
        if at >= len(seen):
            return False
        if seen[at].endswith("…"):
            return word.startswith(seen[at][:-1])
        if seen[at] != word:
            return False
        at += 1
    return True


def test_after_stop_and_continue_the_screen_is_complete_and_the_stream_continues(
    tour: Path, home: Path, serve: Serve
) -> None:
    server = serve(tour, "--lead", "100", "--pace", "20", "--buffer-size", "1000")
    with running("--address", server.address, size=(100, 30), home=home) as program:
        program.wait_for("live", "Facets")
        for way in ("signal", "key"):
            if way == "signal":
                program.stop()
            else:
                program.press("ctrl+z").wait_until_stopped()
            assert 1049 not in program.terminal.modes and 1003 not in program.terminal.modes
            program.terminal.feed(b"$ the shell's line\r\n")
            program.signal(signal.SIGCONT)
            program.wait_for("Facets", "Events", "live")
            assert "the shell's line" not in program.text
            with server.silent():
                assert not program.stale(after_events=True)
        program.wait_for("625")


@pytest.mark.parametrize("name", ("hostile", "beta", "large-job"))
def test_odd_recordings_leave_nothing_stale(home: Path, tmp_path: Path, name: str) -> None:
    file = tmp_path / f"{name}.ndjson"
    file.write_bytes(recordings.content(name))
    with running("open", file, size=(100, 30), home=home) as program:
        program.wait_for("held").settle()
        assert _walk(program, 31, times(40)) >= times(40)
