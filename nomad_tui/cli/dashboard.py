"""The commands that open a dashboard."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from nomad_tui.cli import is_terminal
from nomad_tui.cli.command import Command
from nomad_tui.cli.event_options import filter_option, history_options, reveal_option
from nomad_tui.cli.options import Since, config_option, follow_option

if TYPE_CHECKING:
    from nomad_tui.config.connection import Connection
    from nomad_tui.config.folders import Folders
    from nomad_tui.config.profiles import Connections
    from nomad_tui.core.filter import Filter
    from nomad_tui.sources.source import Source


@click.command(cls=Command, epilog="nomad-tui demo --filter status:failed")
@filter_option
@config_option
@reveal_option
@history_options
def demo(chosen: Filter | None, folders: Folders, reveal: bool, max_events: int, max_memory: int, max_line: int) -> int:
    """Open the dashboard on a recorded cluster; no network needed."""
    need_terminal()
    with starting():
        from nomad_tui.cli.demo import run_demo
        from nomad_tui.core.history.history import History

        return run_demo(History(max_events, max_memory), str(chosen or ""), folders, max_line, reveal=reveal)


@click.command(
    "open",
    cls=Command,
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
    with starting():
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
        return open_dashboard(source, (max_events, max_memory), str(chosen or ""), folders, reveal)


def open_dashboard(
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
    """Opens a dashboard, and another one each time the operator switches the cluster. Returns the exit code.

    `bounds` are the limits of a `History`. Each dashboard has its own: events of two clusters are never mixed.
    """
    import gc

    from nomad_tui.core.history.history import History
    from nomad_tui.session import Session
    from nomad_tui.ui.app import NomadTui
    from nomad_tui.ui.dashboard import DashboardOptions, Demo

    need_terminal()
    theme: str | None = None
    profile = connections.start.profile if connections is not None else None
    while True:
        preset = os.environ.get("NOMAD_NAMESPACE", "") if connections is None else connections.namespace(profile)
        options = DashboardOptions(
            filter_text=filter_text,
            folders=folders,
            reveal=reveal,
            namespace=preset,
            connections=connections,
            seeds=seeds,
        )
        app = NomadTui(Session(source, History(*bounds)), options)
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
        del app  # free its history before the next one is filled
        gc.collect()


@contextmanager
def starting() -> Iterator[None]:
    """Prepares to open a dashboard: keys typed from now on are kept for it.

    Disables garbage collection, which takes a tenth of the start although imports create hardly any garbage;
    `ui.terminal.garbage` collects once the screen is drawn.
    """
    import gc

    from nomad_tui.ui.terminal.early import keys_kept

    gc.disable()
    with keys_kept():
        yield


def need_terminal() -> None:
    """Textual reads keys from standard input and draws on standard error."""
    if not all(map(is_terminal, (sys.stdin, sys.stdout, sys.stderr))):
        raise click.UsageError("The dashboard needs a terminal. To print events, use `nomad-tui tail`.")


def _standard_input_for_recording() -> int:
    """Replaces the pipe on standard input with the terminal, from which the dashboard reads its keys.

    Returns the pipe's file descriptor.
    """
    if sys.stdin is None or is_terminal(sys.stdin):
        raise click.UsageError("Standard input is a terminal, or closed. Pipe a recording: `… | nomad-tui open -`.")
    pipe = os.dup(0)
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise click.UsageError("The dashboard needs a terminal for its keys. Run it in one.") from None
    os.dup2(terminal, 0)
    os.close(terminal)
    return pipe
