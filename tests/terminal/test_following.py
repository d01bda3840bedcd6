"""A stream that continues while one of its events is read."""

import re
from pathlib import Path

from tests.terminal.conftest import Serve
from tests.terminal.program import Program, running


def _held(program: Program) -> tuple[int, list[str]]:
    """Number of newer events than the one in the pane, and the pane's text about them."""
    lines = program.lines
    at = next(y for y, line in enumerate(lines) if "─ 3 " in line)
    newer = re.search(r"([\d,]+) newer · 2 follows", lines[at])
    return int(newer[1].replace(",", "")) if newer else 0, lines[at + 1 : at + 3]


def test_an_event_stays_while_its_pane_has_the_focus_and_newer_ones_are_counted(
    tour: Path, home: Path, serve: Serve
) -> None:
    address = serve(tour, "--pace", "5", "--repeat", "forever", "--lead", "200").address
    with running("--address", address, size=(80, 24), home=home) as program:
        program.wait_for("live", "following").settle()
        program.press("3").wait_until(lambda: _held(program)[0] > 0, "newer events are counted")
        before = _held(program)
        program.wait_until(lambda: _held(program)[0] > before[0] + 5, "more newer events")
        assert _held(program)[1] == before[1]
        program.press("2").wait_until(lambda: _held(program)[0] == 0, "it follows again")
        program.wait_until(lambda: _held(program)[1] != before[1], "another event")
