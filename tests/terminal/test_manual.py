"""`?` and `m` show the manual at the page about what has the focus, and `/` searches all of it."""

from pathlib import Path

from tests.terminal.program import running


def test_the_manual_opens_at_the_page_of_the_focused_pane_and_can_be_searched(home: Path) -> None:
    with running("demo", size=(80, 24), home=home) as program:
        program.wait_for("● live").press("3", "?").wait_for("Help", "manual")
        program.press("m").wait_for("The event\n".strip(), "a summary, and below it")
        program.settle().press("/").wait_for("text or").settle()
        program.press("NOMAD_CACERT").wait_for("/ NOMAD_CACERT", "1 of", "The CA certificate that")
        program.press("escape", "escape").wait_for("● live")
