"""The command line: the dashboard, `tail`, and the names of the other commands."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from nomad_tui import __version__
from nomad_tui.cli import allow_interrupts
from nomad_tui.cli.event_options import (
    filter_option,
    history_options,
    reveal_option,
    stream_options,
)
from nomad_tui.cli.options import (
    DEFAULT_JOURNAL,
    FROM,
    JOURNAL,
    NATS_CREDENTIALS,
    NATS_NKEY,
    CommandGroup,
    connections_options,
    follow_option,
    journal_option,
    max_line_option,
    nats_options,
    subscription_to,
)
from nomad_tui.core import glyphs

if TYPE_CHECKING:
    from pathlib import Path

    from nomad_tui.config.connection import Connection
    from nomad_tui.config.folders import Folders
    from nomad_tui.config.profiles import Connections
    from nomad_tui.core.filter import Filter
    from nomad_tui.sources.source import Source
    from nomad_tui.stream.start import Start

NO_ROOM: Final = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
"""Of an `OSError` from printing: files are written elsewhere, where their errors are handled."""
INTERRUPTED: Final = 130
"""The exit code after Ctrl+C, as in shells."""


class _Group(CommandGroup):
    """Prints an error without click's usage block."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._join_journal_file(args))

    def _join_journal_file(self, args: list[str]) -> list[str]:
        """The arguments with `--journal=FILE` for `--journal FILE`, and `--journal=` if no file follows.

        click itself would take a command's name for the file. Commands other than `tail` always require a file.
        """
        commands = self.list_commands(click.Context(self))
        others = {"--", *commands} - {"tail"}
        end = next((place for place, part in enumerate(args) if part in others), len(args))
        parts: list[str] = []
        for part in args[:end]:
            if parts and parts[-1] == f"{JOURNAL}=" and not part.startswith("-") and part not in commands:
                parts[-1] += part
            else:
                parts.append(f"{JOURNAL}=" if part == JOURNAL else part)
        return [*parts, *args[end:]]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if ctx.params.get("journal") == DEFAULT_JOURNAL and name not in (None, "tail"):
            raise click.UsageError(f"{name} needs the name of the journal: write {JOURNAL}=FILE.")
        return name, command, rest

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        def run() -> Any:
            return super(_Group, self).main(args, prog_name, complete_var, standalone_mode=False, **extra)

        # The locale may not be UTF-8: unsupported characters are written as ASCII glyphs or escapes.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=glyphs.ERRORS)
        if not standalone_mode:
            return run()
        try:
            try:
                code = run()
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                raise _not_written(error) from None
        except click.ClickException as error:
            message = error.format_message().replace("\n\t", " ")  # click writes one choice per line
            click.echo(f"nomad-tui: {message}", err=True)
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            import signal

            signal.signal(signal.SIGINT, signal.SIG_DFL)  # another Ctrl+C kills the process at once
            sys.exit(INTERRUPTED)
        gc.freeze()  # or the interpreter walks all objects on exit: 0.4 s after `q` (measured)
        sys.exit(code if isinstance(code, int) else 0)


def _discard_output() -> None:
    """Or the interpreter reports an error when it flushes standard output on exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _not_written(error: OSError) -> click.ClickException:
    _discard_output()
    reason = (error.strerror or str(error)).lower()
    return click.ClickException(f"Cannot write to standard output: {reason}. Free disk space, or write elsewhere.")


LAZY: Final = {
    "sink": "nomad_tui.cli.sink:sink",
    "record": "nomad_tui.cli.run:record",
    "open": "nomad_tui.cli.dashboard:open_",
    "demo": "nomad_tui.cli.dashboard:demo",
    "doctor": "nomad_tui.cli.doctor:doctor",
    "completion": "nomad_tui.cli.completion:completion",
    "config": "nomad_tui.cli.config:config",
    "keys": "nomad_tui.cli.config:keys",
    "help": "nomad_tui.cli.help:help_",
}


@click.group(
    cls=_Group,
    lazy=LAZY,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\
nomad-tui demo
nomad-tui --profile prod --filter 'job:=web status:failed'""",
)
@click.version_option(__version__, prog_name="nomad-tui")
@connections_options
@nats_options
@journal_option
@stream_options
@filter_option
@reveal_option
@history_options
@click.option(
    "--no-seed",
    "seeds",
    flag_value=False,
    default=True,
    help="Do not ask the server's lists for what is in trouble when the overview opens first.",
)
def main(
    connections: Connections,
    origin: str | None,
    nats_credentials: Path | None,
    nats_nkey: Path | None,
    journal: str | None,
    topics: Sequence[str],
    index: int,
    live: bool,
    since: int | None,
    chosen: Filter | None,
    folders: Folders,
    reveal: bool,
    max_events: int,
    max_memory: int,
    max_line: int,
    seeds: bool,
) -> int:
    """Watch a Nomad cluster's event stream: without a command, in the dashboard."""
    from nomad_tui.cli.dashboard import open_dashboard, starting

    with starting():
        from nomad_tui.cli.source_factory import SourceFactory, of_jetstream
        from nomad_tui.stream.settings import Settings

        bounds = (max_events, max_memory)
        start = _start(index, live, since)
        stream = of_jetstream(origin, start, nats_credentials, nats_nkey, topics=bool(topics), journal=journal)
        if stream is not None:
            return open_dashboard(stream, bounds, str(chosen or ""), folders, reveal)
        factory = SourceFactory(subscription_to(topics), Settings(start=start, max_line=max_line), folders, journal)
        source = factory.live(connections.start, max_events)

        def elsewhere(connection: Connection) -> Source:
            return factory.elsewhere(connection, connections.start, max_events)

        return open_dashboard(source, bounds, str(chosen or ""), folders, reveal, connections, elsewhere, seeds=seeds)


@main.command(
    epilog="""\
nomad-tui tail --topic Job:web --topic Deployment
nomad-tui tail --live --level warning
nomad-tui tail --output frames > incident.ndjson"""
)
@click.argument("files", nargs=-1, metavar="[FILE… | -]")
@connections_options
@nats_options
@journal_option
@follow_option
@stream_options
@filter_option
@click.option(
    "--output",
    type=click.Choice(["line", "csv", "markdown", "report", "ndjson", "frames"]),
    default="line",
    metavar="FORMAT",
    help="line, csv, markdown, report, ndjson or frames. Default: line.",
)
@click.option("--redact", is_flag=True, help="Mask secrets in ndjson and frames, too.")
@click.option(
    "--level",
    type=click.Choice(["failure", "warning", "change", "routine"]),
    default="routine",
    metavar="LEVEL",
    help="failure, warning, change or routine, and above.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="EVENTS", help="Exit after this many events.")
@click.option(
    "--idle-exit",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Exit after this long without an event.",
)
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=None,
    metavar="ATTEMPTS",
    help="Give up after this many failed reconnects. Default: 10.",
)
@max_line_option
def tail(
    connections: Connections,
    files: Sequence[str],
    origin: str | None,
    nats_credentials: Path | None,
    nats_nkey: Path | None,
    journal: str | None,
    follow: bool,
    topics: Sequence[str],
    index: int,
    live: bool,
    since: int | None,
    chosen: Filter | None,
    output: str,
    redact: bool,
    level: str,
    limit: int | None,
    idle_exit: float | None,
    retries: int | None,
    max_line: int,
    folders: Folders,
) -> int:
    """Print events, one line each, from the server or from FILEs.

    Exit codes: 0 done, 1 gave up reconnecting or a file is truncated, 2 wrong usage, 3 refused by the server, 130
    interrupted.
    """
    import gc

    gc.disable()  # imports create hardly any garbage, and collecting takes a tenth of the start
    from nomad_tui.cli import interrupts
    from nomad_tui.cli.source_factory import SourceFactory, of_jetstream, tailed_files
    from nomad_tui.cli.tail import DEFAULT_RETRIES, Options
    from nomad_tui.cli.tail import tail as run_tail
    from nomad_tui.core.export.formats import Output
    from nomad_tui.core.filter import Filter
    from nomad_tui.core.level import Level
    from nomad_tui.stream.settings import LEADER_WATCHED_EVERY, Settings

    if sys.stdout is None:
        raise click.UsageError("Standard output is closed. Leave it open: events are printed there.")
    start = _start(index, live, since)
    source: Source | None
    if files:
        given = {FROM: origin, NATS_CREDENTIALS: nats_credentials, NATS_NKEY: nats_nkey, JOURNAL: journal}
        others = [option for option, value in given.items() if value is not None]
        source = tailed_files(files, start, subscription_to(topics), follow=follow, max_line=max_line, others=others)
    else:
        source = of_jetstream(
            origin, start, nats_credentials, nats_nkey, topics=bool(topics), journal=journal, follow=follow
        )
    if source is None:
        watched_every = LEADER_WATCHED_EVERY if idle_exit is None else min(LEADER_WATCHED_EVERY, idle_exit / 2)
        settings = Settings(start=start, max_line=max_line, leader_watched_every=watched_every)
        factory = SourceFactory(subscription_to(topics), settings, folders, journal)
        source = factory.printed(connections.start, follow)
    options = Options(
        output=Output(output),
        encoding=sys.stdout.encoding or "utf-8",
        filter=chosen or Filter.parse(""),
        redact=redact,
        level=Level[level.upper()],
        limit=limit,
        idle_exit=idle_exit,
        retries=DEFAULT_RETRIES if retries is None else retries,
    )
    gc.freeze()
    gc.enable()
    try:
        return interrupts.run(run_tail(source, options, sys.stdout.buffer, sys.stderr))
    except BrokenPipeError:
        _discard_output()
        return 0
    except OSError as error:
        raise _not_written(error) from None


def _start(index: int, live: bool, since: int | None) -> Start:
    if (index > 0) + live + (since is not None) > 1:
        raise click.UsageError("--index, --live and --since exclude each other. Give one of them.")
    from nomad_tui.stream.start import Start

    return Start(index, live, since)


allow_interrupts()
