"""`?` shows the keys and the page of the focused widget; `/` searches the manual, and Enter follows its links."""

from pathlib import Path

from tests.terminal.program import running


def test_the_manual_opens_at_the_page_of_the_focused_pane_and_can_be_searched(home: Path) -> None:
    with running("demo", size=(80, 24), home=home) as program:
        program.wait_for("● live").press("3", "?").wait_for("Help  The event", "── Event: Tree")
        program.press("m").wait_for("Help  nomad-tui manual").press("\t", "enter").wait_for("Help  Start")
        program.press("]").wait_for("Help  The dashboard").press("[").wait_for("Help  Start")
        program.press("\x7f", "\x7f", "\x7f").wait_for("Help  nomad-tui manual")
        program.press("a").wait_for("Help  Keys", "── Dashboard")
        program.settle().press("/").wait_for("text or").settle()
        program.press("NOMAD_CACERT").wait_for("/ NOMAD_CACERT", "1 of", "The CA certificate that")
        program.press("escape", "escape").wait_for("● live")
        program.send(b"?]m")  # before the page is laid out
        program.wait_for("Help  nomad-tui manual")
