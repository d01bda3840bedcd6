"""`nomad-tui sink new`: asks for what a sink needs, writes its definition, and sends a test."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Any

import click

from nomad_tui.cli import is_terminal
from nomad_tui.cli.command import Command
from nomad_tui.cli.options import connections_options, journal_file_option
from nomad_tui.sinks.definition.kinds import Kind

if TYPE_CHECKING:
    from pathlib import Path

    from nomad_tui.config.folders import Folders
    from nomad_tui.config.profiles import Connections
    from nomad_tui.sinks.definition.making import Making

TO = ("address", "command", "routing_key")
"""Settings that name the receiver; each type has at most one of them."""
TYPES = click.Choice([kind.value for kind in Kind])


@click.command(cls=Command)
@click.option("--type", "kind", type=TYPES, metavar="TYPE", help="See sink list --types; asked for otherwise.")
@click.option("--id", "name", metavar="ID", help="Its ID; asked for otherwise.")
@click.option("--to", metavar="ADDRESS", help="URL, file, command or key; asked for otherwise.")
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
    from nomad_tui.sinks.definition.folder import Definitions
    from nomad_tui.sinks.definition.making import EVERYTHING, Making
    from nomad_tui.sinks.definition.reading import DefinitionErrors
    from nomad_tui.sinks.types.registering import register

    if kind is None:
        click.echo("\n".join(f"  {each.value:<13} {each.meaning}" for each in Kind))
        kind = _prompt("Type", "--type", type=TYPES, show_choices=False)
    definitions = Definitions(folders.config)
    making = Making(Kind(kind), definitions.read().definitions)
    given = {"id": name, **dict.fromkeys(TO, to)} | (
        {"topics": EVERYTHING, "group_by": "n"} if name is not None else {}
    )
    _ask(making, {setting: answer for setting, answer in given.items() if answer is not None})
    if to is not None and not making.answers.keys() & {*TO}:
        making.answers["address"] = to  # reported below: the type has no address
    text = making.definition()
    try:
        definition, target, _ = register(definitions, text, "The definition")
    except (DefinitionErrors, FileError) as error:
        raise ConfigurationFailure(str(error)) from None
    click.echo(f"\n{text}")
    _print(f"Written to {shown(target)}. A running `nomad-tui sink run` starts it at once.")
    for note in definitions.read().notes.get(definition.id, ()):
        _print(f"Warning: {note}")
    if tests is None:
        try:
            tests = click.confirm("Send a test event now?", default=True)
        except click.Abort:
            if is_terminal(sys.stdin):
                raise
            click.echo(f"\nStandard input ended, so no test is sent. `nomad-tui sink test {definition.id}` sends one.")
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
        flag = "--to" if question.setting in TO else "--id, which also answers what has a default"
        typed = _prompt(question.text, flag, default=question.default or None)
        if mistake := making.answer(question, typed):
            _print(mistake)


def _prompt(text: str, flag: str, **options: Any) -> Any:
    """Prompts for an answer. Raises `ConfigurationFailure`, which names `flag`, if piped standard input ends."""
    from nomad_tui.cli.options import ConfigurationFailure

    try:
        return click.prompt(text, **options)
    except click.Abort:
        if is_terminal(sys.stdin):
            raise
        click.echo()
        raise ConfigurationFailure(f"Standard input ended, and {text!r} has no answer. Add {flag}.") from None


def _print(text: str) -> None:
    """Wraps lines between words; a path or URL is never broken."""
    width = get_terminal_size().columns - 1
    click.echo(fill(text, width, break_long_words=False, break_on_hyphens=False))
