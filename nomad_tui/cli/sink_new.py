"""`nomad-tui sink new`: asks for what a sink needs, writes its definition, and sends a test."""

from __future__ import annotations

from collections.abc import Mapping
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING

import click

from nomad_tui.cli.command import Command
from nomad_tui.cli.options import connections_options, journal_file_option

if TYPE_CHECKING:
    from pathlib import Path

    from nomad_tui.config.folders import Folders
    from nomad_tui.config.profiles import Connections
    from nomad_tui.sinks.definition.making import Making

KINDS = (
    "webhook", "file", "stdout", "nats", "exec", "slack", "discord", "teams", "pagerduty", "alertmanager", "loki",
)  # fmt: skip


@click.command(cls=Command)
@click.option(
    "--type", "kind", type=click.Choice(KINDS), metavar="TYPE", help="See sink list --types; asked for otherwise."
)
@click.option("--id", "name", metavar="ID", help="Its ID; asked for otherwise.")
@click.option("--to", metavar="ADDRESS", help="Where the events go; asked for otherwise.")
@click.option("--test/--no-test", "tests", default=None, help="Whether to send a test event; asked otherwise.")
@journal_file_option
@connections_options
def new(
    connections: Connections,
    folders: Folders,
    journal: Path | None,
    kind: str | None,
    name: str | None,
    to: str | None,
    tests: bool | None,
) -> int:
    """Make a sink: answer a few questions, and send a test.

    Exit codes: 0 done, 1 the test was not acknowledged, 2 mistake in the answers.
    """
    from nomad_tui.cli import sink_operations
    from nomad_tui.cli.options import ConfigurationFailure
    from nomad_tui.config.folders import FileError, shown
    from nomad_tui.journal.place import journal_path
    from nomad_tui.sinks.definition.definition import Kind
    from nomad_tui.sinks.definition.folder import Definitions
    from nomad_tui.sinks.definition.making import EVERYTHING, Making
    from nomad_tui.sinks.definition.reading import DefinitionErrors
    from nomad_tui.sinks.definition.writing import MEANINGS
    from nomad_tui.sinks.types.registering import register

    if kind is None:
        click.echo("\n".join(f"  {each.value:<13} {MEANINGS[each]}" for each in Kind))
        kind = click.prompt("Type", type=click.Choice(KINDS), show_choices=False)
    definitions = Definitions(folders.config)
    making = Making(Kind(kind), definitions.read().definitions)
    given = {"id": name, "address": to} | ({"topics": EVERYTHING, "group_by": "n"} if name is not None else {})
    _ask(making, {setting: answer for setting, answer in given.items() if answer is not None})
    if to is not None:
        making.answers.setdefault("address", to)
    text = making.definition()
    try:
        definition, target, _ = register(definitions, text, "The definition")
    except (DefinitionErrors, FileError) as error:
        raise ConfigurationFailure(str(error)) from None
    click.echo(f"\n{text}")
    _print(f"Written to {shown(target)}. A running `nomad-tui sink run` starts it at once.")
    if tests is None:
        tests = click.confirm("Send a test event now?", default=True)
    if not tests:
        return 0
    return sink_operations.test(definitions.read(), journal or journal_path(folders, connections.start), definition.id)


def _ask(making: Making, given: Mapping[str, str]) -> None:
    """Answers all questions, from the options or else by asking."""
    from nomad_tui.cli.options import ConfigurationFailure

    while question := making.next:
        if question.setting in given:
            if mistake := making.answer(question, given[question.setting]):
                raise ConfigurationFailure(mistake)
            continue
        if question.hint:
            _print(question.hint)
        typed = click.prompt(question.text, default=question.default or None)
        if mistake := making.answer(question, typed):
            _print(mistake)


def _print(text: str) -> None:
    """Wraps lines between words; a path or URL is never broken."""
    width = get_terminal_size().columns - 1
    click.echo(fill(text, width, break_long_words=False, break_on_hyphens=False))
