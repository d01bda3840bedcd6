"""Writes to a journal: for the one runner that holds its lock, and briefly for an operator's commands."""

import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias

import msgspec
from msgspec.structs import replace

from nomad_tui import __version__
from nomad_tui.core.readable import duration
from nomad_tui.core.text import printable
from nomad_tui.journal import schema
from nomad_tui.journal.cursor import Cursor, DeadLetter, Loss, joined, packed_letter
from nomad_tui.journal.errors import JournalError, doing, explained, shown
from nomad_tui.journal.lock import lock
from nomad_tui.journal.reader import LOSS, JournalReader
from nomad_tui.journal.record import Block, Record, packed
from nomad_tui.journal.status import RunnerStatus, SinkStatus

if TYPE_CHECKING:
    import filelock

MoreLetters: TypeAlias = Callable[[JournalReader], Iterable[DeadLetter]]
"""Creates dead letters from records of the journal while they are stored."""

_NONE_SENDING: Final = b"[]"

_encode = msgspec.json.Encoder().encode


class Store(JournalReader):
    """For the thread that created it. Every method raises only `JournalError`.

    A store created from a path makes an operator's changes: it waits up to five seconds for other transactions, its
    changes survive a power failure, and a runner sees them with its next call of `changed`.
    """

    def __init__(self, path: Path) -> None:
        """Raises `JournalError` if the file is missing, not a journal, or not writable."""
        self._file = path
        """The file that `path` resolves to."""
        self._node: tuple[int, int] | None = None
        """Device and inode of the open file."""
        self._lock: filelock.BaseFileLock | None = None
        self._durable = True
        super().__init__(path)

    @classmethod
    def own(cls, path: Path) -> Self:
        """Open the store for the one runner, until `close`. Creates the file if it is missing or empty.

        Raises `JournalInUseError` if another process has it, or `JournalError`.
        """
        held: filelock.BaseFileLock | None = None
        store: Self | None = None
        try:
            file = path.resolve()
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if file.exists() and (not file.is_file() or file.stat().st_size > 0):
                schema.refuse_others(file)
            held = lock(file, lambda: _holder(file))
            if not file.exists() or file.stat().st_size == 0:
                schema.make(file)
            store = cls(path)
            status = file.stat()
            store._node = status.st_dev, status.st_ino
            store._durable = False  # except for records, the last changes may be repeated after a crash
            store._start_runner()
        except BaseException as error:
            if store is not None:
                store.close()
            if held is not None:
                held.release()
            if isinstance(error, (sqlite3.Error, OSError, RuntimeError, ValueError)):
                raise explained(path, "opened", error) from error
            raise
        store._lock = held
        return store

    def close(self) -> None:
        """May be called more than once. Always releases the lock."""
        try:
            if self._open is not None and self._lock is not None:
                with suppress(sqlite3.Error):
                    self.connection.execute("PRAGMA busy_timeout = 1000")
                    with self.transaction():
                        self.connection.execute("UPDATE runner SET ended = 1")
                with suppress(sqlite3.Error):
                    self.checkpoint()
            super().close()
        finally:
            held, self._lock = self._lock, None
            if held is not None:
                held.release()

    @contextmanager
    def transaction(self, *, durable: bool | None = None) -> Iterator[None]:
        """Commit at the end, or change nothing. A `durable` transaction also survives a power failure."""
        durable = self._durable if durable is None else durable
        connection = self.connection
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # a full disk may have ended it already
                connection.execute("ROLLBACK")
            raise

    def checkpoint(self) -> None:
        """Move as much as possible of the write-ahead log into the file."""
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    # Records and status, by the runner

    @doing("written")
    def commit(self, records: Sequence[Record]) -> int:
        """Store the records so that they survive a power failure, and return the size of the file."""
        self._refuse_removed()
        blocks = list(packed(records))
        with self.transaction(durable=True):
            self.insert(blocks)
        return self.bytes

    def insert(self, blocks: Sequence[Block]) -> None:
        """Call it in a transaction."""
        rows = [block.row for block in blocks]
        self.connection.executemany("INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        contents = [(block.first, block.content) for block in blocks]
        self.connection.executemany("INSERT INTO content VALUES (?, ?)", contents)

    @doing("written")
    def report(self, runner: RunnerStatus, sinks: Mapping[str, SinkStatus]) -> None:
        """Store the status, except for the counts that belong to a cursor, which `advance` stores."""
        with self.transaction():
            self._write_runner(runner)
            stored = self.statuses()
            for sink, status in sinks.items():
                kept = stored.get(sink, status)
                self._write_status(sink, replace(status, delivered=kept.delivered, dead=kept.dead, lost=kept.lost))

    # Sinks

    @doing("written")
    def register(self, sink: str, position: int) -> Cursor:
        """Return the sink's cursor, or create one after that position or the nearest one held."""
        with self.transaction():
            position, events = self._held(position)
            self.connection.execute(
                'INSERT INTO cursor (sink, position, "offset", events, generation, paused, sending)'
                " VALUES (?, ?, 0, ?, 0, 0, ?) ON CONFLICT DO NOTHING",
                (sink, position, events, _NONE_SENDING),
            )
            found = self.cursor(sink)
        assert found is not None
        return found

    @doing("written")
    def advance(self, moved: Cursor, letters: Sequence[DeadLetter] = (), more: MoreLetters | None = None) -> bool:
        """Store a sink's cursor, status and new dead letters in one transaction.

        False, with nothing changed, if the cursor was rewound or deleted meanwhile: read `cursors` again. Losses before
        the new cursor are deleted: they were reported to the sink, or it had read the records before they were dropped.
        """
        with self.transaction():
            changed = self.connection.execute(
                'UPDATE cursor SET position = ?, "offset" = ?, events = ?, sending = ?'
                " WHERE sink = ? AND generation = ?",
                (moved.position, moved.offset, moved.events, _encode(moved.sending), moved.sink, moved.generation),
            )
            if not changed.rowcount:
                return False
            self.connection.execute(
                "DELETE FROM loss WHERE sink = ? AND last_position <= ?", (moved.sink, moved.position)
            )
            self._write_status(moved.sink, moved.status)
            self._add_letters(letters if more is None else chain(letters, more(self)))
            return True

    @doing("written")
    def rewind(self, sink: str, position: int) -> Cursor:
        """Move the cursor, so that everything after that position that is still held is delivered again.

        It can also be moved forward: the records in between are then never delivered.
        """
        with self.transaction():
            position, events = self._held(position)
            losses = self.losses(sink)
            if losses and position == losses[-1].last_position:
                # Before the loss, so that it is reported to the sink; otherwise the operator has skipped it.
                position = losses[0].first_position - 1
                events -= sum(loss.events for loss in losses)
            else:
                self.connection.execute("DELETE FROM loss WHERE sink = ?", (sink,))
            self.connection.execute(
                'UPDATE cursor SET position = ?, "offset" = 0, events = ?, generation = generation + 1, sending = ?'
                " WHERE sink = ?",
                (position, events, _NONE_SENDING, sink),
            )
            moved = self.cursor(sink)
        if moved is None:
            raise self._unknown(sink)
        return moved

    @doing("written")
    def pause(self, sink: str, paused: bool) -> None:
        with self.transaction():
            changed = self.connection.execute("UPDATE cursor SET paused = ? WHERE sink = ?", (paused, sink))
        if not changed.rowcount:
            raise self._unknown(sink)

    @doing("written")
    def hold(self, sink: str, until: int) -> None:
        """Pause a sink until that time, in ns since 1970; 0 ends the pause. An operator's pause is not affected."""
        with self.transaction():
            self.connection.execute("UPDATE cursor SET paused = ? WHERE sink = ? AND paused <> 1", (until, sink))

    @doing("written")
    def forget(self, sink: str) -> None:
        """Delete a sink's cursor, status, losses and dead letters, if there are any."""
        with self.transaction():
            for table in ("cursor", "status", "letter", "loss", "incident"):
                self.connection.execute(f"DELETE FROM {table} WHERE sink = ?", (sink,))

    @doing("written")
    def note_incident(self, sink: str, name: str, position: int, is_open: bool) -> None:
        """Store that the record at a position opens or closes an incident of a sink, before the cursor passes it."""
        with self.transaction():
            cursor = self.connection.execute("SELECT position FROM cursor WHERE sink = ?", (sink,)).fetchone()
            passed = cursor[0] if cursor is not None else 0
            self.connection.execute("DELETE FROM incident WHERE sink = ? AND closed <= ?", (sink, passed))
            if is_open:
                # An incident whose recovery is not delivered yet keeps its first opening.
                self.connection.execute(
                    "INSERT INTO incident VALUES (?, ?, ?, NULL) ON CONFLICT DO UPDATE SET closed = NULL",
                    (sink, name, position),
                )
            else:
                self.connection.execute(
                    "UPDATE incident SET closed = ? WHERE sink = ? AND name = ?", (position, sink, name)
                )

    @doing("read")
    def open_incidents(self, sink: str, position: int) -> list[str]:
        """Return the incidents that were open after the record at that position, oldest first."""
        rows = self.connection.execute(
            "SELECT name FROM incident WHERE sink = ? AND opened <= ? AND (closed IS NULL OR closed > ?)"
            " ORDER BY opened",
            (sink, position, position),
        )
        return [name for (name,) in rows]

    @doing("written")
    def drop_letter(self, number: int) -> bool:
        """Delete a dead letter, and return whether there was one."""
        with self.transaction():
            return self.connection.execute("DELETE FROM letter WHERE id = ?", (number,)).rowcount > 0

    def lose(self, loss: Loss, read: int) -> int:
        """Store a loss, merged with an unreported one directly before it, and return its new ID.

        Call it in a transaction. `read` is the position up to which the sink has read: losses on its two sides are not
        merged.
        """
        row = self.connection.execute(
            f"{LOSS} WHERE sink = ? AND last_position = ?", (loss.sink, loss.first_position - 1)
        ).fetchone()
        if row is not None and loss.first_position - 1 > read:
            before = Loss(*row)
            self.connection.execute("DELETE FROM loss WHERE id = ?", (before.id,))
            loss = joined(before, loss)
        added = self.connection.execute(
            "INSERT INTO loss (sink, first_position, last_position, events, first_index, last_index, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                loss.sink,
                loss.first_position,
                loss.last_position,
                loss.events,
                loss.first_index,
                loss.last_index,
                loss.at,
            ),
        )
        return added.lastrowid or 0

    # Inside

    def _connect(self) -> sqlite3.Connection:
        try:
            self._file = self.path.resolve()
            return schema.open_to_write(self._file)
        except (sqlite3.Error, OSError, RuntimeError) as error:
            raise explained(self.path, "opened", error) from error

    def _start_runner(self) -> None:
        now = time.time_ns()
        try:
            with self.transaction():
                self._write_runner(RunnerStatus(os.getpid(), socket.gethostname(), now, now, __version__))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise  # space can be freed, but a file that cannot be written fails at once

    def _write_runner(self, runner: RunnerStatus) -> None:
        self.connection.execute(
            "INSERT INTO runner VALUES (1, 0, ?) ON CONFLICT DO UPDATE SET ended = 0, content = excluded.content",
            (_encode(runner),),
        )

    def _write_status(self, sink: str, status: SinkStatus) -> None:
        self.connection.execute(
            "INSERT INTO status VALUES (?, ?) ON CONFLICT DO UPDATE SET content = excluded.content",
            (sink, _encode(status)),
        )

    def _add_letters(self, letters: Iterable[DeadLetter]) -> None:
        for letter in letters:  # one by one: there may be many, and they may be read from this journal
            row = (letter.sink, packed_letter(letter))
            self.connection.execute("INSERT INTO letter (sink, content) VALUES (?, ?)", row)

    def _held(self, position: int) -> tuple[int, int]:
        """Return the nearest position held, and the number of events before it."""
        held = self.extent
        position = max(held.first - 1, min(position, held.end))
        following = self.read(position, 1)
        return position, following[0].events_before if following else held.events

    def _unknown(self, sink: str) -> JournalError:
        known = ", ".join(printable(each, 64) for each in list(self.cursors())[:8])
        return JournalError(
            f"The journal {shown(self.path)} has no sink {printable(sink, 64)}: no runner has run it yet. "
            + (f"Name one of {known}." if known else "Run it with `nomad-tui sink run` first.")
        )

    def _refuse_removed(self) -> None:
        """Raise `JournalError` if the path now leads to another file: writes to the open one would be lost."""
        try:
            status = self._file.stat()
        except FileNotFoundError:
            status = None
        except OSError as error:
            raise explained(self.path, "written", error) from error
        if status is None or (status.st_dev, status.st_ino) != self._node:
            raise JournalError(
                f"The journal {shown(self.path)} cannot be written: its file was removed or replaced. "
                "Restart nomad-tui, which creates a new one if needed."
            )


def _holder(file: Path) -> str:
    with suppress(JournalError), JournalReader(file) as reader:
        runner, ended = reader.runner()
        if runner is not None and not ended:
            since = duration(max(0, time.time_ns() - runner.started))
            return f"process {runner.pid} on {printable(runner.host, 80) or 'this host'}, for {since} now,"
    return "another process"
