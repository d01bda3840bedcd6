"""`nomad-tui sink …`: the definitions of event sinks."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NoReturn

import click

from nomad_tui.cli.options import (
    CommandGroup,
    ConfigurationFailure,
    config_of_group,
    config_option,
    folders_of,
    text_or_json,
)

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from nomad_tui.config.folders import Folders
    from nomad_tui.sinks.definition.definition import Definition
    from nomad_tui.sinks.definition.folder import Loaded
    from nomad_tui.sinks.definition.reading import DefinitionError

STANDARD_INPUT: Final = "-"
LONGEST_CELL: Final = 60
"""Cells of a column in the list."""

OPERATIONS: Final = ("test", "preview", "status", "pause", "resume", "replay", "dead-letters", "resend")
"""The commands of `cli.sink_operate`."""

EXAMPLE: Final = """\
id = "deployments"
type = "webhook"
address = "https://example.com/hook"
topics = ["Deployment", "Job:web"]"""

output_option = text_or_json("text, or json in the form of Nomad's beta")
reveal_option = click.option("--reveal", is_flag=True, help="Show secrets written in definitions; masked by default.")


def complete_sink(context: click.Context, _argument: click.Parameter, begun: str) -> list[CompletionItem]:
    """The IDs that start with the typed text, each with its address."""
    from click.shell_completion import CompletionItem

    from nomad_tui.sinks.definition.folder import Definitions, shown_address

    defined = Definitions(folders_of(context).config).read().definitions.values()
    return [CompletionItem(each.id, help=shown_address(each)) for each in defined if each.id.startswith(begun)]


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    lazy={
        "run": "nomad_tui.cli.run:run",
        "new": "nomad_tui.cli.sink_new:new",
        **{name: f"nomad_tui.cli.sink_operate:{name.replace('-', '_')}" for name in OPERATIONS},
    },
)
@config_of_group
@click.pass_context
def sink(context: click.Context, folders: Folders | None) -> None:
    """Send events to webhooks, files, commands and NATS."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@sink.command(epilog="nomad-tui sink register deployments.toml")
@click.argument("file", metavar="FILE|-")
@config_option
def register(file: str, folders: Folders) -> None:
    """Register a sink from a definition in TOML or JSON.

    It replaces the one with the same ID.

    Exit codes: 0 done, 2 mistake in the definition.
    """
    from pathlib import Path

    from nomad_tui.config.folders import FileError, shown
    from nomad_tui.sinks.definition.folder import Definitions, shown_address
    from nomad_tui.sinks.definition.reading import DefinitionErrors
    from nomad_tui.sinks.types.registering import register as register_checked

    text = _definition_text(file)
    name = "Standard input" if file == STANDARD_INPUT else shown(Path(file))
    definitions = Definitions(folders.config)
    try:
        definition, target, replaced = register_checked(definitions, text, name)
    except DefinitionErrors as errors:
        _fail_for(errors.errors)
    except FileError as error:
        raise ConfigurationFailure(str(error)) from None
    done = "Replaced" if replaced else "Registered"
    click.echo(f"{done} {definition.id}: {definition.subscription} to {shown_address(definition)}, in {shown(target)}.")
    _echo_errors(definitions.read().notes.get(definition.id, ()))


@sink.command("list")
@output_option
@reveal_option
@click.option("--types", is_flag=True, help="Describe each type of sink and its settings instead.")
@config_option
def list_(output: str, reveal: bool, types: bool, folders: Folders) -> None:
    """List the sinks, or with --types what types there are.

    Exit codes: 0 done, 2 mistake in a definition (the others are listed).
    """
    import json
    import shlex

    from nomad_tui.config.folders import NO_HOME, Folders, shown
    from nomad_tui.sinks.definition.folder import Definitions
    from nomad_tui.sinks.definition.writing import as_json, without_secrets

    if types:
        from nomad_tui.sinks.definition.writing import describe_types, type_records

        click.echo(json.dumps(type_records(), indent=2) if output == "json" else describe_types())
        return
    definitions = Definitions(folders.config)
    loaded = definitions.read()
    shown_ones = [each if reveal else without_secrets(each) for each in loaded.definitions.values()]
    if output == "json":
        click.echo(json.dumps([as_json(each) for each in shown_ones], indent=2, ensure_ascii=False))
    elif shown_ones:
        _echo_definitions(shown_ones)
    elif not loaded.mistakes:
        if folders.config == NO_HOME:
            raise ConfigurationFailure(
                "No home folder is known, so no sinks are defined. Set HOME to an absolute path, or name a "
                "folder with --config."
            )
        elsewhere = [] if folders.config == Folders.of_user().config else ["--config", str(folders.config)]
        command = shlex.join(["nomad-tui", "sink", "register", *elsewhere, STANDARD_INPUT])
        click.echo(
            f"No sink is defined in {shown(definitions.folder)}. This registers one for the events of all "
            f"deployments and of the job web:\n\n{command} <<'END'\n{EXAMPLE}\nEND"
        )
    _fail_for(loaded.mistakes)


@sink.command()
@click.argument("id", metavar="ID", shell_complete=complete_sink)
@output_option
@reveal_option
@config_option
def show(id: str, output: str, reveal: bool, folders: Folders) -> None:  # noqa: A002
    """Show a definition, marking defaults.

    Exit codes: 0 done, 1 no such sink, 2 mistake in its definition.
    """
    import json

    from nomad_tui.config.folders import shown
    from nomad_tui.sinks.definition.folder import Definitions
    from nomad_tui.sinks.definition.writing import as_json, left_out, without_secrets, write_definition

    loaded = Definitions(folders.config).read()
    definition = defined(loaded, id)
    notes = loaded.notes.get(id, ())
    shown_one = definition if reveal else without_secrets(definition)
    if output == "json":
        click.echo(json.dumps(as_json(shown_one), indent=2, ensure_ascii=False))
        _echo_errors(notes)
        return
    lines = [] if definition.origin is None else [f"# {shown(definition.origin)}"]
    lines += [f"# {note}" for note in notes]
    lines += write_definition(shown_one).splitlines()
    if shown_one != definition:
        lines += ["", "# --reveal shows what is <redacted>."]
    lines += ["", "# Defaults:", *(f"# {line}" for line in left_out(definition))]
    click.echo("\n".join(lines))


@sink.command()
@click.argument("id", metavar="ID", shell_complete=complete_sink)
@config_option
def deregister(id: str, folders: Folders) -> None:  # noqa: A002
    """Remove a sink definition.

    Exit codes: 0 done, 1 no such sink, 2 it cannot be removed.
    """
    from nomad_tui.config.folders import FileError, shown
    from nomad_tui.core.text import printable
    from nomad_tui.sinks.definition.folder import Definitions, NoSinkError

    definitions = Definitions(folders.config)
    try:
        file = definitions.deregister(id)
    except NoSinkError as error:
        raise click.ClickException(str(error)) from None
    except FileError as error:
        raise ConfigurationFailure(str(error)) from None
    click.echo(f"Deregistered {printable(id)}: {shown(file)} is removed.")
    left = definitions.read()
    for each in left.definitions.values():
        if each.alert_to == id:
            _echo_errors(left.notes.get(each.id, ()))


def _definition_text(file: str) -> str:
    """The text of the definition to register. Raises `ConfigurationFailure`."""
    from pathlib import Path

    from nomad_tui.config.folders import MAX_BYTES, FileError, read_text, shown

    try:
        if file != STANDARD_INPUT:
            text = read_text(Path(file))
            if text is None:
                raise FileError(f"{shown(Path(file))} does not exist. Name a file, or - for standard input.")
            return text
        content = b"" if sys.stdin is None else sys.stdin.buffer.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise FileError("Standard input is larger than 1 MiB. Send one definition.")
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigurationFailure(f"Standard input is not UTF-8 at byte {error.start}: send it as UTF-8.") from None
    except FileError as error:
        raise ConfigurationFailure(str(error)) from None


def defined(loaded: Loaded, id: str) -> Definition:  # noqa: A002
    """Raises `click.ClickException`, with exit code 2 if the definition has a mistake."""
    from nomad_tui.sinks.definition.folder import NoSinkError

    if id in loaded.definitions:
        return loaded.definitions[id]
    _fail_for([mistake for mistake in loaded.mistakes if mistake.sink == id])
    raise click.ClickException(str(NoSinkError(id)))


def _fail_for(mistakes: Sequence[DefinitionError]) -> None:
    if mistakes:
        _fail([str(mistake) for mistake in mistakes])


def _fail(sentences: Sequence[str]) -> NoReturn:
    raise ConfigurationFailure("\n".join((sentences[0], *(f"nomad-tui: {sentence}" for sentence in sentences[1:]))))


def _echo_errors(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        click.echo(f"nomad-tui: {sentence}", err=True)


def _echo_definitions(definitions: Iterable[Definition]) -> None:
    from nomad_tui.sinks.definition.definition import FORMATTED
    from nomad_tui.sinks.definition.folder import shown_address

    rows: list[Sequence[str]] = [("ID", "TYPE", "ADDRESS", "TOPICS", "FILTER", "FORMAT")]
    for each in definitions:
        form = each.format if each.kind in FORMATTED else "-"
        rows.append((each.id, each.kind, shown_address(each), str(each.subscription), str(each.filter) or "-", form))
    echo_table(rows)


def echo_table(rows: Sequence[Sequence[str]], *, whole: bool = False, notes: Sequence[str] = ()) -> None:
    """Prints a table; the first row is the heading. Cells may be untrusted text; long ones are truncated unless
    `whole`.

    `notes` are printed below the other rows, one line each.
    """
    from rich.cells import cell_len

    from nomad_tui.core.text import printable

    cut = [[printable(cell) if whole else cut_cell(printable(cell)) for cell in row] for row in rows]
    widths = [max(cell_len(row[column]) for row in cut) for column in range(len(cut[0]))]
    for number, row in enumerate(cut):
        line = "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
        if number and notes:
            click.echo(f"  {printable(notes[number - 1])}")


def cut_cell(text: str, most: int = LONGEST_CELL) -> str:
    """A printable text, truncated to `most` cells."""
    from rich.cells import cell_len

    from nomad_tui.core.text import ELLIPSIS

    while cell_len(text) > most:
        text = text[: -2 if text.endswith(ELLIPSIS) else -1].rstrip() + ELLIPSIS
    return text
