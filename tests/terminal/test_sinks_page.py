"""The sinks page in a terminal: a sink is created, edited in an editor, and previewed."""

from pathlib import Path

import pytest

from tests.terminal.program import running

EDITOR = """\
#!/bin/sh
# Each time it is started it saves the next text.
n=$(cat {folder}/times 2>/dev/null || echo 0)
n=$((n + 1))
echo $n > {folder}/times
test -f {folder}/text.$n && cp {folder}/text.$n "$1"
sleep 0.4
"""
RIGHT = 'id = "{id}"\ntype = "file"\naddress = "{target}"\nformat = "event"\n'


@pytest.mark.parametrize("size", [(180, 50), (80, 24)])
def test_a_sink_is_created_edited_and_previewed(tour: Path, home: Path, size: tuple[int, int]) -> None:
    home.mkdir()
    editor, target = home / "editor", home / "events.ndjson"
    editor.write_text(EDITOR.format(folder=home))
    editor.chmod(0o700)
    file = home / ".config" / "nomad-tui" / "sinks" / "file.toml"
    wrong = RIGHT.format(id="other", target=target)
    mistakes = f'id = "file"\ntype = "file"\naddress = "{target}"\nfromat = "event"\ntimeout = "soon"\n'
    right = RIGHT.format(id="file", target=target)
    for number, text in enumerate((mistakes, wrong, right), 1):
        (home / f"text.{number}").write_text(text)
    with running("open", tour, size=size, home=home, environment={"VISUAL": str(editor)}) as program:
        program.wait_for("625").settle().press("s").wait_for("No sink is defined", "n new")
        program.press("n").wait_for("HTTP requests to a URL").press("f").wait_for("Enter next").press("enter")
        program.wait_for("Such as /var/log").press("sinks/x/", "enter").wait_for("a folder")
        program.press("ctrl+u", str(target), "enter").wait_for("Topics, with commas").press("enter")
        program.wait_for("○ file", "Registered file")
        before = file.read_text()
        assert f'address = "{target}"' in before
        program.press("e").wait_for("2 mistakes, nothing is changed", "`fromat`", "`timeout`")
        assert file.read_text() == before
        program.press("e").wait_for("1 mistake, nothing is changed", "keeps").press("enter")
        program.wait_for("Saved").wait_gone("nothing is changed")
        assert file.read_text() == right
        program.press("v").wait_for("would send, for the newest events of this dashboard", '"FilterKeys"').press(
            "escape"
        ).wait_for("format event")
        assert program.stale() == []
        assert not target.exists(), "neither an edit nor a preview sends anything"
