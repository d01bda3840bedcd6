"""`nomad-tui sink new`: asks for what a sink needs, writes its definition, and sends a test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nomad_tui.cli.command import Command
from nomad_tui.cli.options import connections_options
from nomad_tui.cli.sink_operate import journal_option

if TYPE_CHECKING:
    from pathlib import Path

    from nomad_tui.config.folders import Folders
    from nomad_tui.config.profiles import Connections
    from nomad_tui.sinks.definition.definition import Kind
    from nomad_tui.sinks.definition.folder import Loaded

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
@journal_option
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

    Exit codes: 0 done, 1 the test was not acknowledged, 2 there is a mistake in what was given.
    """
    from nomad_tui.cli import sink_operations
    from nomad_tui.cli.options import ConfigurationFailure
    from nomad_tui.config.folders import FileError, shown
    from nomad_tui.journal.place import journal_path
    from nomad_tui.sinks.definition.definition import Kind
    from nomad_tui.sinks.definition.describing import MEANINGS
    from nomad_tui.sinks.definition.folder import Definitions
    from nomad_tui.sinks.definition.reading import DefinitionErrors

    if kind is None:
        click.echo("\n".join(f"  {each.value:<13} {MEANINGS[each]}" for each in Kind))
        kind = click.prompt("Type", type=click.Choice(KINDS), show_choices=False)
    definitions = Definitions(folders.config)
    loaded = definitions.read()
    table = _asked(Kind(kind), name, to, loaded)
    text = _written(table)
    try:
        definition, target, _ = definitions.register(text, "What you gave")
    except (DefinitionErrors, FileError) as error:
        raise ConfigurationFailure(str(error)) from None
    click.echo(f"\n{text}\nWritten to {shown(target)}. A running `nomad-tui sink run` starts it at once.")
    if tests is None:
        tests = click.confirm("Send a test event now?", default=True)
    if not tests:
        return 0
    return sink_operations.test(definitions.read(), journal or journal_path(folders, connections.start), definition.id)


def _asked(kind: Kind, name: str | None, address: str | None, loaded: Loaded) -> dict[str, Any]:
    from nomad_tui.sinks.definition.checking import EXAMPLES
    from nomad_tui.sinks.definition.definition import ADDRESSED, CHATS, Kind

    table: dict[str, Any] = {"id": name or click.prompt("ID", default=_free(kind.value, loaded)), "type": kind.value}
    if table["id"] in loaded.definitions:
        raise click.ClickException(f"The sink {table['id']} is defined already. Give another ID, or edit that one.")
    if kind is Kind.EXEC:
        import shlex

        table["command"] = shlex.split(click.prompt("Command"))
    elif kind is Kind.PAGERDUTY:
        table["routing_key"] = click.prompt("Integration key, ${VARIABLE} or file:PATH", default="${PAGERDUTY_KEY}")
    elif kind in ADDRESSED:
        click.echo(f"Such as {EXAMPLES[kind]}; ${{VARIABLE}} and file:PATH keep a secret out of the file.")
    if address is not None:
        table["address"] = address
    elif kind in ADDRESSED and kind is not Kind.PAGERDUTY:
        table["address"] = click.prompt("Address")
    if name is None:
        topics = click.prompt("Topics, with commas between", default="all")
        if topics.strip() != "all":
            table["topics"] = [each.strip() for each in topics.split(",") if each.strip()]
        if kind in CHATS and click.confirm("One message for each job in 30 s?", default=True):
            table["group_by"] = "job"
    return table


def _free(kind: str, loaded: Loaded) -> str:
    taken = loaded.definitions
    return next(each for each in (kind, *(f"{kind}-{number}" for number in range(2, 1000))) if each not in taken)


def _written(table: dict[str, Any]) -> str:
    import tomli_w

    return tomli_w.dumps(table)
