"""`nomad-tui help`: pages and commands, as text or in the pager."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nomad_tui.cli.main import main
from nomad_tui.manual import pages
from tests.terminal.program import running


def shown(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["help", *arguments])


def test_without_a_topic_every_page_is_listed() -> None:
    text = shown().stdout
    assert [page.topic for page in pages()[1:] if f"help {page.topic})" not in text] == []


def test_a_topic_is_a_page_or_a_command() -> None:
    assert shown("start").stdout.startswith("Start\n═════\n\n")
    assert "nomad-tui sink replay" in (text := shown("sink", "replay").stdout.replace("main", "nomad-tui"))
    assert "--from-index" in text


@pytest.mark.parametrize(("topic", "hint"), [("strat", "Try start"), ("xxyyxx", "`nomad-tui help` lists all topics")])
def test_an_unknown_topic_says_which_there_are(topic: str, hint: str) -> None:
    result = shown(topic)
    assert (result.exit_code, hint in result.output) == (2, True)


def test_in_a_terminal_a_page_opens_in_the_pager(tmp_path: Path) -> None:
    pager = {"PAGER": "sed s/Start/Paged/"}
    with running("help", "start", size=(100, 120), home=tmp_path, environment=pager) as program:
        program.wait_for("Paged")
        assert program.wait_for_exit() == 0
