"""What the thread does that writes to the journal: it has the lock and the only connection that writes frames."""

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import filelock

from nomad_tui import __version__
from nomad_tui.journal import blocks, book, retention, schema
from nomad_tui.journal.errors import JournalError, closed, explained, shown
from nomad_tui.journal.lock import lock
from nomad_tui.journal.record import Record
from nomad_tui.journal.retention import Dropped
from nomad_tui.journal.status import RunnerStatus
from nomad_tui.journal.stored import Extent, extent, file_bytes, journal_id

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Opened:
    id: str
    extent: Extent
    bytes: int
    version: int
    """As `Writer.changes` has it."""


class Writer:
    """Every method is called in the one thread, and raises `JournalError` and nothing else that can be foreseen."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path
        """What `path` leads to."""
        self._node: tuple[int, int] | None = None
        """Which file was opened: its device and number."""
        self._lock: filelock.BaseFileLock | None = None
        self._connection: sqlite3.Connection | None = None

    def open(self) -> Opened:
        """Makes it where there is none, or where there is an empty file."""
        try:
            self._file = self._path.resolve()
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self._file.exists() and (not self._file.is_file() or self._file.stat().st_size > 0):
                schema.refuse_others(self._file)
            self._lock = lock(self._file)
            if not self._file.exists() or self._file.stat().st_size == 0:
                schema.make(self._file)
            self._connection = connection = schema.open_to_write(self._file)
            status = self._file.stat()
            self._node = status.st_dev, status.st_ino
            now = time.time_ns()
            started = RunnerStatus(os.getpid(), socket.gethostname(), now, now, __version__)
            try:
                with book.transaction(connection):
                    book.write_runner(connection, started)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                    raise  # room may be made, but what may not be written at all is told at once
            return Opened(journal_id(connection), extent(connection), file_bytes(connection), self.changes())
        except BaseException as error:
            self.close()
            if isinstance(error, (sqlite3.Error, OSError, RuntimeError, ValueError)):
                raise explained(self._path, "opened", error) from error
            raise

    def run(self, doing: str, what: Callable[[sqlite3.Connection], _T]) -> _T:
        """`doing` is for the sentence of a failure, such as `read`."""
        if self._connection is None:
            raise closed(self._path)
        try:
            return what(self._connection)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise explained(self._path, doing, error) from error

    def commit(self, records: Sequence[Record]) -> int:
        """Returns once they survive a loss of power: the bytes of the file."""
        return self.run("written", lambda connection: self._commit(connection, records))

    def make_room(self, most_bytes: int) -> Dropped | None:
        """Gives up about so many bytes of what every sink has had. Does what it can on a full disk."""
        with suppress(JournalError):
            self.run("written", _checkpoint)
        with suppress(JournalError):
            return self.run("pruned", lambda connection: retention.drop_read(connection, most_bytes))
        return None

    def changes(self) -> int:
        """A number that is another one whenever another connection has written."""
        return self.run("read", lambda connection: int(connection.execute("PRAGMA data_version").fetchone()[0]))

    def close(self) -> None:
        """Also after an `open` that failed. The lock is released whatever happens."""
        connection, self._connection = self._connection, None
        try:
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.execute("PRAGMA busy_timeout = 1000")
                    with book.transaction(connection):
                        book.end_runner(connection)
                with suppress(sqlite3.Error):
                    _checkpoint(connection)
                connection.close()
        finally:
            held, self._lock = self._lock, None
            if held is not None:
                held.release()

    def _commit(self, connection: sqlite3.Connection, records: Sequence[Record]) -> int:
        self._refuse_removed()
        packed = list(blocks.packed(records))
        with book.transaction(connection, durable=True):
            blocks.write(connection, packed)
        return file_bytes(connection)

    def _refuse_removed(self) -> None:
        """Raises `JournalError` where the file is another one than was opened: what is written to it would be lost."""
        try:
            status = self._file.stat()
        except FileNotFoundError:
            status = None
        except OSError as error:
            raise explained(self._path, "written", error) from error
        if status is None or (status.st_dev, status.st_ino) != self._node:
            raise JournalError(
                f"The journal {shown(self._path)} cannot be written: somebody removed or replaced its file. "
                "Restart nomad-tui: it goes on in the file that is there, or makes a new one."
            )


def _checkpoint(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
