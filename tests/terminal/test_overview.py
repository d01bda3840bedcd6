"""The overview in a terminal: what needs attention, now and as of an event, and jumps to the stream."""

from pathlib import Path

import pytest

from tests.terminal.program import running

SHOWN = (
    "Activity",
    "Needs attention  5",
    "✖ flaky.g",
    "oom-killed",
    "▲ greedy",
    "3 nodes filtered",
    "web.frontend",
)


@pytest.mark.parametrize("size", [(180, 50), (80, 24)])
def test_the_overview_shows_problems_and_jumps_to_them(size: tuple[int, int], tour: Path, home: Path) -> None:
    with running("open", tour, size=size, home=home) as program:
        program.wait_for("held 625", "at the end").settle()
        program.press("0").wait_for(*SHOWN).wait_gone("reading")
        shown = program.terminal.raw.decode(errors="replace")
        for early in ("No nodes", "No event of a running job", "Needs attention  0"):
            assert early not in shown, "what is not known before all is read"
        program.press("n", "n", "n").press("enter").wait_gone("Needs attention").wait_for("needs promotion")
        program.press("0").wait_for(*SHOWN).press("n", "+").wait_gone("Needs attention")
        program.wait_for("job:=flaky ns:=default group:=g")


def test_the_overview_as_of_an_event_shows_the_problems_then(tour: Path, home: Path) -> None:
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("held 625", "at the end").settle()
        program.press(":", "204", "enter").wait_for("row ").settle()
        program.press("O").wait_for(
            "as of 08:50:34, index 204", "Needs attention  5", "ready · draining · deadline 20 s"
        )
        program.press("O").wait_gone("Needs attention")


def test_a_marked_range_of_time_is_added_to_the_filter(tour: Path, home: Path) -> None:
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("held 625", "at the end").settle()
        program.press("0").wait_for(*SHOWN, "✔ edge-2").press("tab").wait_for("Space mark")
        program.press("g", "space", "right", "right").wait_for("range 08:48:06–08:48:15")
        program.press("enter").wait_gone("Needs attention").wait_for("time:2026-11-23T08:48:06..08:48:14", "7 of 625")
