"""The commands that operate a sink: `nomad-tui sink test`, `status`, `dead-letters`, `resend`, and so on.

`cli.sink_operations`, `cli.sink_letters` and `cli.sink_preview` implement them; one is imported when it is needed.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from nomad_tui.cli.command import Command
from nomad_tui.cli.options import Index, Since, connections_options, journal_file_option, text_or_json
from nomad_tui.cli.sink import complete_sink

if TYPE_CHECKING:
    from pathlib import Path

    from nomad_tui.config.folders import Folders
    from nomad_tui.config.profiles import Connections

output_option: Final = text_or_json("text, a table, or json")


def operation(command: Callable[[], None], module: str = "sink_operations") -> Callable[..., Any]:
    """Adds the connection's options and `--journal`. The command runs the function of its name in a module of `cli`,
    with the `loaded` definitions, the `journal`'s path, and its own options.

    A `JournalError` ends it with a message and exit code 1.
    """

    @functools.wraps(command)
    def run(connections: Connections, folders: Folders, journal: Path | None, **options: Any) -> Any:
        from importlib import import_module

        from nomad_tui.journal.errors import JournalError
        from nomad_tui.journal.place import journal_path
        from nomad_tui.sinks.definition.folder import Definitions

        function = getattr(import_module(f"nomad_tui.cli.{module}"), command.__name__)
        loaded = Definitions(folders.config).read()
        try:
            return function(loaded=loaded, journal=journal or journal_path(folders, connections.start), **options)
        except JournalError as error:
            raise click.ClickException(str(error)) from None

    return journal_file_option(connections_options(run))


id_argument = click.argument("id", metavar="ID", shell_complete=complete_sink)
some_id_argument = click.argument("id", metavar="[ID]", required=False, shell_complete=complete_sink)


@click.command(cls=Command, epilog="nomad-tui sink test deployments")
@operation
@id_argument
def test() -> None:
    """Send one marked event to a sink, and print the answer.

    Exit codes: 0 acknowledged, 1 not acknowledged or no such sink, 2 mistake in its definition.
    """


@click.command(
    cls=Command, epilog="nomad-tui sink preview deployments\nnomad-tui sink preview deployments incident.ndjson"
)
@functools.partial(operation, module="sink_preview")
@id_argument
@click.argument("files", nargs=-1, metavar="[FILE…]", type=click.Path())
@click.option(
    "--last", type=click.IntRange(1, 10_000), default=20, metavar="N", help="Of the journal, the last N. Default: 20."
)
def preview() -> None:
    """Print what a sink would send, without sending it.

    For the events of recordings, or else for the newest frames of the journal.

    Exit codes: 0 done, 1 an event cannot be sent or no such sink, 2 mistake in its definition.
    """


@click.command(cls=Command, epilog="nomad-tui sink resend deployments\nnomad-tui sink resend 17 18")
@functools.partial(operation, module="sink_letters")
@click.argument("which", nargs=-1, metavar="[ID] [LETTER…]", shell_complete=complete_sink)
@click.option("--all", "everything", is_flag=True, help="Resend those of all sinks.")
def resend() -> None:
    """Resend dead letters, in order: all of a sink, or by number.

    Acknowledged ones are removed.

    Exit codes: 0 all acknowledged, 1 not all, 2 mistake in a definition.
    """


@click.command(cls=Command, epilog="nomad-tui sink replay deployments --since 2h")
@operation
@id_argument
@click.option("--from-index", type=Index(), metavar="INDEX", help="From this index on.")
@click.option("--since", type=Since(), metavar="DURATION", help="From events received that long ago on, such as 2h.")
def replay() -> None:
    """Deliver a sink's events again, from an index or time on.

    Exit codes: 0 done, 1 the journal does not hold that, 2 wrong usage.
    """


@click.command(cls=Command)
@operation
@id_argument
def pause() -> None:
    """Pause a sink.

    The journal keeps its events until `sink resume`.

    Exit codes: 0 done, 1 it has never run.
    """


@click.command(cls=Command)
@operation
@id_argument
def resume() -> None:
    """Resume a paused sink.

    Exit codes: 0 done, 1 it has never run.
    """


@click.command(cls=Command, epilog="nomad-tui sink status\nnomad-tui sink status deployments --output json")
@operation
@some_id_argument
@output_option
def status() -> None:
    """Show the state of the runner and its sinks.

    Exit codes: 0 a runner is alive and nothing fails, 1 otherwise, 2 wrong usage.
    """


@click.command(
    "dead-letters",
    cls=Command,
    epilog="nomad-tui sink dead-letters deployments\nnomad-tui sink dead-letters --delete 17",
)
@functools.partial(operation, module="sink_letters")
@some_id_argument
@text_or_json("text, a table, or json, one object per line")
@click.option(
    "--delete",
    "numbers",
    multiple=True,
    type=click.IntRange(min=1),
    metavar="LETTER",
    help="Delete this one; repeatable.",
)
@click.option("--delete-all", is_flag=True, help="Delete all that are listed.")
def dead_letters() -> None:
    """List the events that receivers refused, of one sink or all.

    `sink resend` sends them again.

    Exit codes: 0 done, 1 no such sink or dead letter, 2 wrong usage.
    """
