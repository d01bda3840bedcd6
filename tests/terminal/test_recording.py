"""A recording in a terminal: its end is shown, and nothing that only applies to a live stream."""

from pathlib import Path

from tests.terminal.program import running

LIVE_ONLY = ("following", "follow off", "connecting", "live", "♥", "/s ", "f Follow", "p Pause")


def test_a_recording_shows_nothing_that_only_applies_to_a_live_stream(tour: Path, home: Path) -> None:
    with running("open", tour, size=(80, 24), home=home) as program:
        program.wait_for("tour.ndjson   recording · NDJSON   ■ finished   held 625", "at the end").settle()
        program.press("g").wait_for("row 1 of 625")
        program.press("f").wait_for("at the end")
        program.press("p").wait_for("Nothing to pause")
        shown = program.terminal.raw.decode(errors="replace")
        for words in LIVE_ONLY:
            assert words not in shown, words


def test_a_time_of_day_in_a_recording_is_on_its_last_day(tour: Path, home: Path) -> None:
    with running("open", tour, "--filter", "time:08:51:05..08:51:20", size=(100, 40), home=home) as program:
        program.wait_for("57 of 625", "at the end")


def test_ages_in_a_recording_are_relative_to_its_end(tour: Path, home: Path) -> None:
    with running("open", tour, "--filter", "time:<11s", size=(100, 40), home=home) as program:
        program.wait_for("38 of 625, ages before the recording's end", "at the end")
        program.press("escape").wait_gone("ages before").settle().press(":", "1m", "enter")
        program.wait_for("row 460 of 625", "ready → down · heartbeat missed")
        program.press("d").wait_for("Node heartbeat missed  52 s before the end")
        program.press("d").wait_gone("Cluster").press("3").settle().press("/").settle()
        program.press("StatusUpdatedAt", "enter")
        program.wait_until(
            lambda: any("StatusUpdatedAt " in line and "52 s before the end" in line for line in program.lines),
            "the age of the status in the tree",
        )
