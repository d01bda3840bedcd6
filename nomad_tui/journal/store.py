"""The journal's file as it is changed: by the one runner that has its lock, and in short moments by anybody else."""

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
"""Makes dead letters from what the journal holds, while they are stored."""

_NONE_SENDING: Final = b"[]"

_encode = msgspec.json.Encoder().encode


class Store(JournalReader):
    """Used in the thread that made it. Every method raises `JournalError` and nothing else that can be foreseen.

    Made from a path it serves an operator's changes: it waits up to five seconds for its turn, what it returns from
    survives a loss of power, and a runner sees the change when it next asks `changed`.
    """

    def __init__(self, path: Path) -> None:
        """Raises `JournalError` for what is missing, no journal, or may not be written."""
        self._file = path
        """What `path` leads to."""
        self._node: tuple[int, int] | None = None
        """Device and number of the file that was opened."""
        self._lock: filelock.BaseFileLock | None = None
        self._durable = True
        super().__init__(path)

    @classmethod
    def own(cls, path: Path) -> Self:
        """The store of the one runner, until `close`. Makes the file where there is none or an empty one.

        Raises `JournalInUseError` where another process has it, or `JournalError`.
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
            store._durable = False  # but for records, what was written last may be done again
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
        """May be called more than once. The lock is released whatever happens."""
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
        """Commits at its end, or changes nothing. `durable` means that it survives a loss of power too."""
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
        """Moves what it can of the write-ahead log into the file."""
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    # Records and status, by the runner

    @doing("written")
    def commit(self, records: Sequence[Record]) -> int:
        """Returns the bytes of the file once the records survive a loss of power."""
        self._refuse_removed()
        blocks = list(packed(records))
        with self.transaction(durable=True):
            self.insert(blocks)
        return self.bytes

    def insert(self, blocks: Sequence[Block]) -> None:
        """Belongs into a transaction."""
        rows = [block.row for block in blocks]
        self.connection.executemany("INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        contents = [(block.first, block.content) for block in blocks]
        self.connection.executemany("INSERT INTO content VALUES (?, ?)", contents)

    @doing("written")
    def report(self, runner: RunnerStatus, sinks: Mapping[str, SinkStatus]) -> None:
        """Stores status, but the counts that fit a cursor stay: a sink may have been sent more since, or less."""
        with self.transaction():
            self._write_runner(runner)
            stored = self.statuses()
            for sink, status in sinks.items():
                kept = stored.get(sink, status)
                self._write_status(sink, replace(status, delivered=kept.delivered, dead=kept.dead, lost=kept.lost))

    # Sinks

    @doing("written")
    def register(self, sink: str, position: int) -> Cursor:
        """The sink's cursor: the one there is, or a new one after that position, as far as that is still held."""
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
        """Stores in one transaction how far a sink is, its status and its new dead letters.

        False, with nothing changed, if its cursor was moved back or forgotten meanwhile: read `cursors` again. What was
        lost before the place it is moved to is settled: it was reported to the sink, or the sink had read it before it
        was dropped.
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
        """Has the sink get again everything after that position, as far as it is still held.

        Forward works too: what lies between is never sent.
        """
        with self.transaction():
            position, events = self._held(position)
            losses = self.losses(sink)
            if losses and position == losses[-1].last_position:
                # Before what it lost, so that this is reported to it; elsewhere the operator has passed over it.
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
        """Pauses a sink until that moment, in ns since 1970, unless an operator pauses it; 0 ends that."""
        with self.transaction():
            self.connection.execute("UPDATE cursor SET paused = ? WHERE sink = ? AND paused <> 1", (until, sink))

    @doing("written")
    def forget(self, sink: str) -> None:
        """Its cursor, status, losses and dead letters. A sink that is not known is forgotten already."""
        with self.transaction():
            for table in ("cursor", "status", "letter", "loss", "incident"):
                self.connection.execute(f"DELETE FROM {table} WHERE sink = ?", (sink,))

    @doing("written")
    def note_incident(self, sink: str, name: str, position: int, is_open: bool) -> None:
        """Stores that the record at a position opens or closes what a sink reports, before the cursor passes it."""
        with self.transaction():
            cursor = self.connection.execute("SELECT position FROM cursor WHERE sink = ?", (sink,)).fetchone()
            passed = cursor[0] if cursor is not None else 0
            self.connection.execute("DELETE FROM incident WHERE sink = ? AND closed <= ?", (sink, passed))
            if is_open:
                # One whose recovery is still to be sent counts from its first opening.
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
        """What was open after the record at that position, oldest first."""
        rows = self.connection.execute(
            "SELECT name FROM incident WHERE sink = ? AND opened <= ? AND (closed IS NULL OR closed > ?)"
            " ORDER BY opened",
            (sink, position, position),
        )
        return [name for (name,) in rows]

    @doing("written")
    def drop_letter(self, number: int) -> bool:
        """Whether there was such a dead letter."""
        with self.transaction():
            return self.connection.execute("DELETE FROM letter WHERE id = ?", (number,)).rowcount > 0

    def lose(self, loss: Loss, read: int) -> int:
        """Stores a loss, as one together with what was lost right before it and is not settled: the ID, a new one.

        Belongs into a transaction. The sink has everything up to the position `read`, at least in memory: a loss on
        either side of it is another one.
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
                raise  # room may be made, but where nothing may be written at all it fails at once

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
        for letter in letters:  # one by one: they may be many, and be read from here too
            row = (letter.sink, packed_letter(letter))
            self.connection.execute("INSERT INTO letter (sink, content) VALUES (?, ?)", row)

    def _held(self, position: int) -> tuple[int, int]:
        """The nearest position that is held, and how many events are before it."""
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
        """Raises `JournalError` where the file is another one than was opened: what is written to it would be lost."""
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
