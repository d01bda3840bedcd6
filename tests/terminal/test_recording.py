"""What a recording shows on a terminal: where it ends, and nothing that only a live stream has."""

from pathlib import Path

from tests.terminal.program import running

LIVE_ONLY = ("following", "follow off", "connecting", "live", "♥", "/s ", "f Follow", "p Pause")


def test_a_recording_shows_nothing_that_only_a_live_stream_has(tour: Path, home: Path) -> None:
    with running("open", tour, size=(80, 24), home=home) as program:
        program.wait_for("tour.ndjson   recording · NDJSON   ■ finished   held 625", "at the end").settle()
        program.press("g").wait_for("row 1 of 625")
        program.press("f").wait_for("at the end")
        program.press("p").wait_for("Nothing to pause")
        shown = program.terminal.raw.decode(errors="replace")
        for words in LIVE_ONLY:
            assert words not in shown, words
