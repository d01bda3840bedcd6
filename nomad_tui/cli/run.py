"""The commands that write a journal: `sink run` and `record`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

import click

from nomad_tui.cli.command import Command
from nomad_tui.cli.options import (
    ByteSize,
    ConfigurationFailure,
    Duration,
    FilePath,
    connections_options,
    index_option,
    journal_file_option,
    live_option,
    max_line_option,
    subscription_to,
    text_or_json,
    together,
    topic_option,
)
from nomad_tui.cli.sink import complete_sink
from nomad_tui.core.limits import SMALLEST_JOURNAL

if TYPE_CHECKING:
    from pathlib import Path

    from nomad_tui.config.connection import Connection
    from nomad_tui.config.folders import Folders
    from nomad_tui.config.profiles import Connections
    from nomad_tui.journal.retention import Retention


keeping_options = together(
    max_line_option,
    click.option("--log-file", type=FilePath(), metavar="FILE", help="The log. Default: standard error."),
    text_or_json("text, or json with one object per line", "--log-format"),
    click.option(
        "--drain",
        type=Duration(),
        default="10s",
        metavar="DURATION",
        help="Time to deliver after SIGTERM. Default: 10s.",
    ),
    click.option("--http", metavar="ADDRESS", help="Serve /healthz, /readyz and /metrics, such as on :9646."),
    click.option(
        "--max-size",
        type=ByteSize(SMALLEST_JOURNAL),
        metavar="SIZE",
        help="Largest size of it. Default: config.toml or 4GiB.",
    ),
    click.option(
        "--keep", type=Duration(), metavar="DURATION", help="How long to keep events. Default: config.toml or 7d."
    ),
    journal_file_option,
    index_option,
    live_option,
    topic_option,
)
"""The options of a journal: its file, its limits, its log."""


@click.command(
    cls=Command,
    epilog="""\
nomad-tui sink run
nomad-tui sink run deployments --http 127.0.0.1:9646""",
)
@click.argument("ids", nargs=-1, metavar="[ID…]", shell_complete=complete_sink)
@connections_options
@keeping_options
def run(connections: Connections, folders: Folders, ids: Sequence[str], **options: Any) -> int:
    """Run all sinks, or those named, from a journal of the stream.

    SIGTERM delivers the events received so far and exits; SIGHUP reads the definitions again. --index and --live
    apply only to an empty journal.

    Exit codes: 0 stopped, 1 journal or HTTP address not usable, 2 wrong usage.
    """
    from nomad_tui.sinks.definition.folder import Definitions, NoSinkError
    from nomad_tui.sinks.runner.runner import Wanted

    definitions = Definitions(folders.config)
    loaded = definitions.read()
    for named in ids:
        if named not in loaded.definitions:
            mistakes = [str(each) for each in loaded.mistakes if each.sink == named]
            raise ConfigurationFailure("\nnomad-tui: ".join(mistakes or [str(NoSinkError(named))]))
    if not loaded.definitions:
        for mistake in loaded.mistakes:
            click.echo(f"nomad-tui: {mistake}", err=True)
        if loaded.mistakes:
            raise ConfigurationFailure("No sink can run. Correct the mistakes above.")
    return _run_service(connections.start, folders, Wanted(definitions, frozenset(ids)), **options)


@click.command(cls=Command, epilog="nomad-tui record --keep 7d --max-size 4GiB")
@connections_options
@keeping_options
def record(connections: Connections, folders: Folders, **options: Any) -> int:
    """Keep a journal of the stream, without sinks.

    `nomad-tui --journal`, `tail --journal` and `open` read it.

    Exit codes: 0 stopped, 1 journal or HTTP address not usable, 2 wrong usage.
    """
    from nomad_tui.sinks.runner.runner import Wanted

    return _run_service(connections.start, folders, Wanted(None), **options)


def _run_service(
    connection: Connection,
    folders: Folders,
    wanted: Any,
    *,
    topics: Sequence[str],
    live: bool,
    index: int,
    journal: Path | None,
    keep: float | None,
    max_size: int | None,
    http: str | None,
    drain: float,
    log_format: str,
    log_file: Path | None,
    max_line: int,
) -> int:
    import asyncio

    from nomad_tui.journal.errors import JournalError
    from nomad_tui.journal.place import journal_path
    from nomad_tui.sinks.runner.logs import LogFormat, configure
    from nomad_tui.sinks.runner.pages import HttpAddress, HttpError
    from nomad_tui.sinks.runner.service import Service
    from nomad_tui.stream.settings import Settings
    from nomad_tui.stream.start import Start

    if live and index:
        raise click.UsageError("--index and --live exclude each other. Give one of them.")
    subscription = subscription_to(topics)
    try:
        address = HttpAddress.parse(http) if http else None
    except ValueError as error:
        raise ConfigurationFailure(str(error)) from None
    service = Service(
        connection,
        journal or journal_path(folders, connection),
        wanted,
        subscription,
        _retention(folders, keep, max_size),
        Settings(start=Start(index, live), max_line=max_line),
        address,
        drain,
    )
    output = _log_output(log_file)
    log = configure(LogFormat(log_format), output, log_file)
    try:
        asyncio.run(service.run())
    except (JournalError, HttpError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        log.close()
        if output is not None:
            with suppress(OSError):  # the disk may be full
                output.close()
    return 0


def _retention(folders: Folders, keep: float | None, max_size: int | None) -> Retention:
    """From the flags, else `config.toml`, else the defaults."""
    from nomad_tui.config.folders import FileError
    from nomad_tui.config.settings import read_journal
    from nomad_tui.journal.retention import Retention

    try:
        own = read_journal(folders.config)
    except FileError as error:
        raise ConfigurationFailure(str(error)) from None
    usual = Retention()
    chosen_keep = next(each for each in (keep, own.keep, usual.keep) if each is not None)
    return Retention(chosen_keep, max_size or own.max_size or usual.max_size)


def _log_output(file: Path | None) -> TextIO | None:
    if file is None:
        return None
    try:
        return file.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise click.ClickException(
            f"Cannot write the log to {file}: {reason}. Name a file in a writable folder."
        ) from None
