"""Chooses the source for a command line: a live server, a journal, both joined, recordings, or a NATS stream.

Each source is imported only when it is used, to keep the start fast.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click
import msgspec
from click.core import ParameterSource

from nomad_tui.cli import is_terminal
from nomad_tui.cli.options import DEFAULT_JOURNAL, FROM, JOURNAL, NATS_CREDENTIALS, NATS_NKEY, ConfigurationFailure
from nomad_tui.config.setting import (
    CA_CERT,
    CLIENT_CERT,
    CLIENT_KEY,
    HELP,
    NAMESPACE,
    TLS_SERVER_NAME,
    TLS_SKIP_VERIFY,
    Setting,
)
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.topics import ALL
from nomad_tui.stream.start import STANDARD_INPUT, Start

if TYPE_CHECKING:
    from nomad_tui.config.connection import Connection
    from nomad_tui.config.folders import Folders
    from nomad_tui.sources.journal import JournalSource
    from nomad_tui.sources.journaled import JournaledLive
    from nomad_tui.sources.source import Source
    from nomad_tui.stream.settings import Settings


class SourceFactory(msgspec.Struct, frozen=True):
    """Creates the source selected by a command's options, once the connection is known."""

    subscription: Subscription
    settings: Settings
    folders: Folders
    journal: str | None
    """A file or `DEFAULT_JOURNAL`; None for no journal."""

    def live(self, connection: Connection, newest_events: int) -> Source:
        """The dashboard's first source; reads about `newest_events` from a journal. Raises `click.ClickException`."""
        if self.journal is None:
            return self._live(connection)
        from nomad_tui.sources.journaled import JournaledLive

        if self.settings.start.live:
            raise click.UsageError("--live leaves out all that --journal would show: give one of them.")
        source = JournaledLive(
            self._file(connection), connection, self.subscription, self.settings, newest_events=newest_events
        )
        _check(source)
        return source

    def elsewhere(self, connection: Connection, start: Connection, newest_events: int) -> Source:
        """The dashboard's source after a switch; with the connection's journal, if journals are read and it exists.

        A file that was named is that of `start`, the first connection. `--index` does not apply to another cluster.
        """
        from nomad_tui.sources.live import LiveServer
        from nomad_tui.stream.settings import Settings

        begin = self.settings.start
        settings = Settings(start=Start(0, begin.live, begin.since), max_line=self.settings.max_line)
        plain = LiveServer(connection, self.subscription, settings)
        if self.journal is None:
            return plain
        from nomad_tui.journal.errors import JournalError
        from nomad_tui.journal.place import journal_path
        from nomad_tui.sources.journaled import JournaledLive

        file = self._file(connection) if connection == start else journal_path(self.folders, connection)
        source = JournaledLive(file, connection, self.subscription, settings, newest_events=newest_events)
        try:
            source.check()
        except JournalError:
            return plain
        return source

    def printed(self, connection: Connection, follow: bool) -> Source:
        """The source for `tail`. Raises `click.ClickException`."""
        start = self.settings.start
        if self.journal is None:
            if follow:
                raise click.UsageError(
                    "--follow goes on with a file or journal: name a file, give --journal too, or leave --follow out."
                )
            return self._live(connection)
        from nomad_tui.sources.journal import JournalSource

        if start.live and not follow:
            raise click.UsageError("--live begins where --journal ends: give --follow too, or leave --live out.")
        source = JournalSource(
            self._file(connection),
            start,
            subscription=self.subscription,
            namespace=connection.namespace,
            follow=follow,
        )
        _check(source)
        return source

    def _live(self, connection: Connection) -> Source:
        from nomad_tui.sources.live import LiveServer

        return LiveServer(connection, self.subscription, self.settings)

    def _file(self, connection: Connection) -> Path:
        from nomad_tui.journal.place import journal_path

        if self.journal == DEFAULT_JOURNAL or self.journal is None:
            return journal_path(self.folders, connection)
        return Path(self.journal)


def of_files(
    files: Sequence[str],
    start: Start,
    *,
    follow: bool,
    max_line: int,
    subscription: Subscription | None = None,
    namespace: str = ALL,
    newest_events: int | None = None,
    standard_input: Callable[[], BinaryIO] | None = None,
) -> Source:
    """Recordings or a journal, detected by content, not by name. Raises `click.ClickException`.

    `standard_input` returns the pipe if the program needs standard input for keys; it is called only if `-` is read.
    """
    journals = [file for file in files if file != STANDARD_INPUT and _is_journal(Path(file))]
    if journals:
        from nomad_tui.sources.journal import JournalSource

        if len(files) > 1:
            raise click.UsageError(f"A journal is opened alone, and {journals[0]!r} is one: name one file.")
        if start.live and not follow:
            raise click.UsageError("--live begins where the journal ends: give --follow too, or leave --live out.")
        source = JournalSource(
            Path(journals[0]),
            start,
            subscription=subscription,
            namespace=namespace,
            newest_events=newest_events,
            follow=follow,
        )
        _check(source)
        return source
    if list(files).count(STANDARD_INPUT) > 1:
        raise click.UsageError("Standard input (-) can be read only once: name it once.")
    if follow and len(files) > 1:
        raise click.UsageError("--follow reads one file on as it grows, and several are named: name one.")
    if start.live and not (follow and STANDARD_INPUT not in files):
        raise click.UsageError("--live begins where a file ends: give --follow too, or leave --live out.")
    from nomad_tui.sources.finding import RecordingError
    from nomad_tui.sources.recording import Recording

    pipe = standard_input() if standard_input is not None and STANDARD_INPUT in files else None
    recording = Recording(
        files, max_line, pipe, follow=follow, start=start, subscription=subscription, namespace=namespace
    )
    try:
        recording.check()
    except RecordingError as error:
        raise ConfigurationFailure(str(error)) from None
    return recording


def tailed_files(
    files: Sequence[str],
    start: Start,
    subscription: Subscription,
    *,
    follow: bool,
    max_line: int,
    others: Sequence[str],
) -> Source:
    """The source for `tail FILE`. `others` are the given options that select something else to read."""
    context = click.get_current_context()
    taken = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)
    given = [each for each in HELP if context.get_parameter_source(each.name) in taken]
    wrong = [each.flag for each in given if each is not NAMESPACE] + list(others)
    if wrong:
        raise click.UsageError(f"A file is read, and {wrong[0]} is for something else: leave one of them out.")
    if STANDARD_INPUT in files and (sys.stdin is None or is_terminal(sys.stdin)):
        raise click.UsageError("Standard input is the terminal, or closed: pipe a recording into nomad-tui tail -.")
    # The namespace of the environment is meant for a server.
    namespace = context.params[NAMESPACE.name] if NAMESPACE in given else ALL
    return of_files(files, start, follow=follow, max_line=max_line, subscription=subscription, namespace=namespace)


def of_jetstream(
    origin: str | None,
    start: Start,
    credentials: Path | None,
    nkey: Path | None,
    *,
    topics: bool,
    journal: str | None,
    follow: bool = False,
) -> Source | None:
    """The source of `--from`; None without it. Raises `click.ClickException`, also for options that conflict with
    it."""
    keys = {NATS_CREDENTIALS: credentials, NATS_NKEY: nkey}
    given = [flag for flag, file in keys.items() if file is not None]
    if origin is None:
        if given:
            raise click.UsageError(f"{given[0]} says who reads a stream of NATS: give {FROM} too, or leave it out.")
        return None
    if len(given) > 1:
        raise click.UsageError(f"{given[0]} and {given[1]} both say who reads the stream: give one of them.")
    context = click.get_current_context()
    taken = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)
    others = [each for each in HELP if each not in _OF_NATS and context.get_parameter_source(each.name) in taken]
    if others:
        raise click.UsageError(f"{FROM} asks no Nomad server, and {others[0].flag} is for one: leave one of them out.")
    if journal is not None or follow:
        option = JOURNAL if journal is not None else "--follow"
        raise click.UsageError(f"{FROM} and {option} each name something else to read: give one of them.")
    if topics:
        raise click.UsageError(f"{FROM} reads all that was published, whatever --topic says: use --filter topic:NAME.")

    # Importing the NATS library takes a while, so do it only here.
    from nomad_tui.sources.jetstream import JetStreamAddress, JetStreamAddressError, JetStreamSource, Keys

    def file(setting: Setting) -> Path | None:
        # Files named by the environment are meant for Nomad's servers.
        value = context.params[setting.name] if context.get_parameter_source(setting.name) in taken else None
        return Path(value) if value else None

    try:
        address = JetStreamAddress.parse(origin)
    except JetStreamAddressError as error:
        raise ConfigurationFailure(str(error)) from None
    tls = {each.name: file(each) for each in (CA_CERT, CLIENT_CERT, CLIENT_KEY)}
    return JetStreamSource(
        address,
        Keys(
            credentials=credentials,
            nkey=nkey,
            **tls,
            server_name=context.params[TLS_SERVER_NAME.name] or None,
            skip_verify=bool(context.params[TLS_SKIP_VERIFY.name]),
        ),
        start,
    )


_SQLITE: Final = b"SQLite format 3\0"
_OF_NATS: Final = (
    CA_CERT,
    CLIENT_CERT,
    CLIENT_KEY,
    TLS_SERVER_NAME,
    TLS_SKIP_VERIFY,
)


def _is_journal(file: Path) -> bool:
    """Whether it is a journal. Other files are ruled out without importing SQLite."""
    try:
        if not file.is_file():
            return False
        with file.open("rb") as opened:
            head = opened.read(len(_SQLITE))
    except OSError:
        return False
    if head and head != _SQLITE:  # an empty file may have its content in the write-ahead log
        return False
    from nomad_tui.journal.schema import is_journal

    return is_journal(file)


def _check(source: JournalSource | JournaledLive) -> None:
    from nomad_tui.journal.errors import JournalError

    try:
        source.check()
    except JournalError as error:
        raise ConfigurationFailure(str(error)) from None
