"""The command line: source, front end and exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

from nomad_tui import __version__
from nomad_tui.cli.options import (
    DEFAULT_JOURNAL,
    FROM,
    JOURNAL,
    NATS_CREDENTIALS,
    NATS_NKEY,
    CommandGroup,
    config_option,
    connection_options,
    connections_options,
    follow_option,
    index_option,
    journal_option,
    live_option,
    max_line_option,
    nats_options,
    subscription_to,
    topic_option,
)
from nomad_tui.cli.parameters import ByteSize, Since
from nomad_tui.config.setting import HELP
from nomad_tui.core import glyphs
from nomad_tui.core.limits import DEFAULT_MAX_BYTES, DEFAULT_MAX_EVENTS

if TYPE_CHECKING:
    from pathlib import Path

    from nomad_tui.config.connection import Connection
    from nomad_tui.config.folders import Folders
    from nomad_tui.config.profiles import Connections
    from nomad_tui.core.filter import Filter, FilterError
    from nomad_tui.sources.source import Source
    from nomad_tui.stream.start import Start

Function = TypeVar("Function", bound=Callable[..., Any])

INTERRUPTED: Final = 130
"""The exit code after Ctrl+C, as shells have it."""


class FilterText(click.ParamType["Filter"]):
    """A filter. An error points at the mistake."""

    name = "filter"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Filter:
        from nomad_tui.core.filter import Filter, FilterError

        if isinstance(value, Filter):
            return value
        text = str(value)
        try:
            return Filter.parse(text)
        except FilterError as error:
            self.fail(f"{error.text}\n{_pointed_at(text, error)}", param, ctx)


POINTED_AT_WIDTH: Final = 76
"""Cells of a filter that an error repeats."""


def _pointed_at(text: str, error: FilterError) -> str:
    """The part of a text with the mistake, and a line that marks the place."""
    from rich.cells import cell_len

    start = max(0, error.position - POINTED_AT_WIDTH // 2)
    shown = "".join(character if character.isprintable() else " " for character in text[start:][:POINTED_AT_WIDTH])
    before = "".join(shown[: error.position - start])
    mark = "^" * max(1, cell_len(shown[len(before) :][: error.length]))
    return f"  {shown}\n  {' ' * cell_len(before)}{mark}"


class _Group(CommandGroup):
    """Prints an error without click's usage block."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._with_journals_file(args))

    def _with_journals_file(self, args: list[str]) -> list[str]:
        """The arguments with `--journal=FILE` for `--journal FILE`, and `--journal=` if no file follows.

        click itself would mistake a command for the file. Commands other than `tail` always need a file.
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

        # Not every locale is UTF-8: missing characters are written as ASCII glyphs or escapes.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=glyphs.ERRORS)
        if not standalone_mode:
            return run()
        try:
            code = run()
        except click.ClickException as error:
            click.echo(f"nomad-tui: {error.format_message()}", err=True)
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        sys.exit(code if isinstance(code, int) else 0)


def history_options(command: Function) -> Function:
    """Adds the limits of the history."""
    for option in (
        max_line_option,
        click.option(
            "--max-memory",
            type=ByteSize(1024 * 1024),
            default=DEFAULT_MAX_BYTES,
            metavar="SIZE",
            help="Memory for the events held. Default: 512MiB.",
        ),
        click.option(
            "--max-events",
            type=click.IntRange(min=16),
            default=DEFAULT_MAX_EVENTS,
            metavar="EVENTS",
            help="Events held. Default: 1,000,000.",
        ),
    ):
        command = option(command)
    return command


def stream_options(command: Function) -> Function:
    """Adds topics and where to start."""
    for option in (
        index_option,
        live_option,
        click.option(
            "--since",
            type=Since(),
            metavar="DURATION",
            help="Start this long ago, such as 10m.",
        ),
        topic_option,
    ):
        command = option(command)
    return command


filter_option = click.option(
    "--filter",
    "chosen",
    type=FilterText(),
    metavar="FILTER",
    help="Only events that match; see `nomad-tui help filter`.",
)


reveal_option = click.option("--reveal", is_flag=True, help="Show secrets in payloads; masked by default.")


LAZY: Final = {
    "sink": "nomad_tui.cli.sink:sink",
    "record": "nomad_tui.cli.run:record",
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
    from nomad_tui.cli.source_factory import SourceFactory, of_jetstream
    from nomad_tui.stream.settings import Settings

    bounds = (max_events, max_memory)
    start = _start(index, live, since)
    stream = of_jetstream(origin, start, nats_credentials, nats_nkey, topics=bool(topics), journal=journal)
    if stream is not None:
        return _dashboard(stream, bounds, str(chosen or ""), folders, reveal)
    factory = SourceFactory(subscription_to(topics), Settings(start=start, max_line=max_line), folders, journal)
    source = factory.live(connections.start, max_events)

    def elsewhere(connection: Connection) -> Source:
        return factory.elsewhere(connection, connections.start, max_events)

    return _dashboard(source, bounds, str(chosen or ""), folders, reveal, connections, elsewhere, seeds=seeds)


@main.command(epilog="nomad-tui demo --filter status:failed")
@filter_option
@config_option
@reveal_option
@history_options
def demo(chosen: Filter | None, folders: Folders, reveal: bool, max_events: int, max_memory: int, max_line: int) -> int:
    """Open the dashboard on a recorded cluster; no network needed."""
    _need_terminal()
    import gc

    gc.disable()  # until the screen is drawn: see ui.terminal.garbage

    from nomad_tui.cli.demo import run_demo
    from nomad_tui.core.history.history import History

    return run_demo(History(max_events, max_memory), str(chosen or ""), folders, max_line, reveal=reveal)


@main.command(
    "open",
    epilog="""\
nomad-tui open incident.ndjson
nomad-tui open debug.tar.gz --filter topic:node
nomad-tui open prod.journal --since 2h""",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE… | -")
@click.option(
    "--since", type=Since(), metavar="DURATION", help="Only this long before the recording's end, such as 10m."
)
@follow_option
@filter_option
@config_option
@reveal_option
@history_options
def open_(
    files: tuple[str, ...],
    since: int | None,
    follow: bool,
    chosen: Filter | None,
    folders: Folders,
    reveal: bool,
    max_events: int,
    max_memory: int,
    max_line: int,
) -> int:
    """Open the dashboard on recordings or a journal.

    FILE is JSON of frames or events in any form, also in a log's lines, plain, .gz or .zst; an archive of `nomad
    operator debug`; a journal; or - for a pipe. Files of one cluster are merged by index.
    """
    from nomad_tui.cli.source_factory import of_files
    from nomad_tui.stream.start import Start

    source = of_files(
        files,
        Start(since=since),
        follow=follow,
        max_line=max_line,
        newest_events=max_events,
        standard_input=lambda: os.fdopen(_standard_input_for_recording(), "rb"),
    )
    return _dashboard(source, (max_events, max_memory), str(chosen or ""), folders, reveal)


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

    Exit codes: 0 done, 1 gave up reconnecting, 2 wrong usage, 3 refused by the server, 130 interrupted.
    """
    import asyncio

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
    try:
        return asyncio.run(run_tail(source, options, sys.stdout.buffer, sys.stderr))
    except OSError as error:
        # The buffered rest has no reader, and the interpreter would report that when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 0
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(
            f"Cannot write to standard output: {reason}. Free disk space, or write elsewhere."
        ) from None


@main.command(
    epilog="""\
nomad-tui doctor
nomad-tui doctor --profile prod --topic Job --topic Node
nomad-tui doctor --no-wait --output json"""
)
@connection_options
@topic_option
@click.option(
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    metavar="FORMAT",
    help="text, each check as it runs, or json, one object. Default: text.",
)
@click.option("--no-wait", is_flag=True, help="Do not wait up to 35 s for a heartbeat.")
def doctor(connection: Connection, topics: Sequence[str], output: str, no_wait: bool) -> int:
    """Diagnose the connection, token and event stream.

    Exit codes: 0 well, 1 unreachable or broken, 2 wrong usage, 3 refused by the server, 130 interrupted.
    """
    import asyncio

    from nomad_tui.doctor.checks import examine
    from nomad_tui.doctor.subject import Patience
    from nomad_tui.doctor.terminal import print_json, print_text

    if sys.stdout is None:
        raise click.UsageError("Standard output is closed. Leave it open: results are printed there.")
    patience = Patience(heartbeat=None) if no_wait else Patience()
    items = examine(connection, subscription_to(topics), patience=patience, origins=_origins(connection))
    printing = print_json if output == "json" else print_text
    try:
        return asyncio.run(printing(items, sys.stdout))
    except BrokenPipeError:
        # The interpreter would report the buffered rest when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _origins(connection: Connection) -> dict[str, str]:
    """By setting, the flag or variable it came from, as far as that is certain with a profile."""
    context = click.get_current_context()
    origins = {} if connection.profile is not None else {"address": "default"}
    for setting in HELP:
        source = context.get_parameter_source(setting.name)
        if source in (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP):
            origins[setting.name] = setting.flag
        elif connection.profile is None and setting.variable is not None and os.environ.get(setting.variable):
            origins[setting.name] = setting.variable
    return origins


def _start(index: int, live: bool, since: int | None) -> Start:
    if (index > 0) + live + (since is not None) > 1:
        raise click.UsageError("--index, --live and --since exclude each other. Give one of them.")
    from nomad_tui.stream.start import Start

    return Start(index, live, since)


def _dashboard(
    source: Source,
    bounds: tuple[int, int],
    filter_text: str,
    folders: Folders,
    reveal: bool,
    connections: Connections | None = None,
    elsewhere: Callable[[Connection], Source] | None = None,
    *,
    seeds: bool = True,
) -> int:
    """Open a dashboard, and another one whenever the operator switches the cluster. Returns the exit code.

    `bounds` are those of a `History`. Each dashboard has its own: events of two clusters are never mixed.
    """
    import gc

    gc.disable()  # until the screen is drawn: see ui.terminal.garbage

    from nomad_tui.core.history.history import History
    from nomad_tui.session import Session
    from nomad_tui.ui.app import NomadTui
    from nomad_tui.ui.dialogs.switch import Demo

    _need_terminal()
    theme: str | None = None
    profile = connections.start.profile if connections is not None else None
    while True:
        app = NomadTui(
            Session(source, History(*bounds)),
            filter_text=filter_text,
            folders=folders,
            reveal=reveal,
            namespace=os.environ.get("NOMAD_NAMESPACE", "") if connections is None else connections.namespace(profile),
            connections=connections,
            seeds=seeds,
        )
        app.theme = theme or app.theme
        switch = app.run()
        if isinstance(switch, Demo):
            from nomad_tui.cli.demo import run_demo
            from nomad_tui.core.limits import DEFAULT_MAX_LINE

            return run_demo(History(*bounds), switch.filter_text, folders, DEFAULT_MAX_LINE, reveal=reveal)
        if switch is None or elsewhere is None:
            return app.return_code or 0
        source, filter_text, theme = elsewhere(switch.connection), switch.filter_text, switch.theme
        profile = switch.connection.profile
        del app  # its history is as large as the next one may become
        gc.collect()


def _need_terminal() -> None:
    """Textual reads keys from standard input and draws on standard error."""
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise click.UsageError("The dashboard needs a terminal. To print events, use `nomad-tui tail`.")


def _standard_input_for_recording() -> int:
    """Replace the pipe on standard input with the terminal, from which the dashboard reads its keys.

    Returns the pipe's file descriptor.
    """
    if sys.stdin.isatty():
        raise click.UsageError("Standard input is a terminal. Pipe a recording: `… | nomad-tui open -`.")
    pipe = os.dup(0)
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise click.UsageError("The dashboard needs a terminal for its keys. Run it in one.") from None
    os.dup2(terminal, 0)
    os.close(terminal)
    return pipe
