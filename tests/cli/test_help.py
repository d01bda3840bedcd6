"""`nomad-tui help`: pages and commands, as text or in the pager."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from nomad_tui.cli.main import main
from nomad_tui.config.setting import HELP
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
def test_an_unknown_topic_lists_the_known_ones(topic: str, hint: str) -> None:
    result = shown(topic)
    assert (result.exit_code, hint in result.output) == (2, True)


def test_in_a_terminal_a_page_opens_in_the_pager(tmp_path: Path) -> None:
    pager = {"PAGER": "sed s/Start/Paged/"}
    with running("help", "start", size=(100, 120), home=tmp_path, environment=pager) as program:
        program.wait_for("Paged")
        assert program.wait_for_exit() == 0


def every_command(command: click.Command, *path: str) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from every_command(inner, *path, name)


@pytest.mark.parametrize("path", [*every_command(main)], ids=" ".join)
def test_help_fits_a_screen_of_80_by_40(path: tuple[str, ...]) -> None:
    text = CliRunner().invoke(main, [*path, "--help"], terminal_width=80).stdout
    lines = text.splitlines()
    assert len(lines) <= 40, text
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith("...") for line in lines[1:]), text  # click truncates descriptions
    if "Examples:" in lines:
        assert all(line.startswith("  nomad-tui") for line in lines[lines.index("Examples:") + 1 :])


def test_connection_options_are_one_line_until_requested() -> None:
    for path in ([], ["tail"], ["doctor"], ["sink", "run"], ["record"]):
        folded = CliRunner().invoke(main, [*path, "--help"]).stdout
        unfolded = CliRunner().invoke(main, [*path, "--help-connection"]).stdout
        assert "--ca-cert" not in folded and "(--help-connection)" in folded
        assert [setting.flag for setting in HELP if f"  {setting.flag} " not in unfolded] == []
