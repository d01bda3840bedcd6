"""A journal as everybody else has it: read while a runner writes to it, or when none does."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

from nomad_tui.core.readable import SECOND
from nomad_tui.core.wire import Frame
from nomad_tui.journal import book, schema
from nomad_tui.journal.cursor import Cursor, DeadLetter, Loss
from nomad_tui.journal.errors import closed, explained
from nomad_tui.journal.lock import is_held
from nomad_tui.journal.record import Record
from nomad_tui.journal.status import RunnerStatus, SinkStatus
from nomad_tui.journal.stored import Extent, Stored, extent, file_bytes, journal_id

ALIVE: Final = 10 * SECOND
"""For how long a runner that is not heard of is taken to run where its lock does not tell; it writes every five
seconds."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SinkOverview:
    cursor: Cursor
    """Of a sink that has never begun: at the end of the journal."""
    status: SinkStatus
    lag_events: int
    """Events of the stream that it has not been through, whether or not its definition selects them."""
    lag_seconds: float
    """Since the oldest of these was received."""
    dead_letters: int
    losses: tuple[Loss, ...]
    """What was dropped before it had it, and it was not told of yet."""


@dataclass(frozen=True, slots=True)
class Overview:
    runner: RunnerStatus | None
    """The one that wrote last; None where there never was one."""
    alive: bool
    """Whether it still runs, as far as can be told from here."""
    sinks: tuple[SinkOverview, ...]
    """By ID."""
    bytes: int
    """Of the file, without free room in its write-ahead log."""
    first: int
    end: int
    events: int
    oldest: int
    """When the oldest record held was received, in ns since 1970; 0 where none is."""


class JournalReader:
    """Used from one thread at a time, whichever. Changes nothing and needs no lock.

    Works on a journal whose runner was killed, and on one on a read-only medium. Every method raises `JournalError`.
    """

    def __init__(self, path: Path) -> None:
        """Raises `JournalError` for what is missing, no journal, or of another release's form."""
        self.path = path
        self._stored: Stored | None = Stored(schema.open_to_read(path))
        self._version = self._run(_version)

    @staticmethod
    def is_journal(path: Path) -> bool:
        """By its first bytes, whatever its name; False for what cannot be read."""
        return schema.is_journal(path)

    @property
    def id(self) -> str:
        """Random, made once for each file."""
        return self._run(lambda stored: journal_id(stored.connection))

    @property
    def extent(self) -> Extent:
        """`first`, `end` and `events` of one moment."""
        return self._run(lambda stored: extent(stored.connection))

    @property
    def first(self) -> int:
        """Position of the oldest record held; that of the next one where none is."""
        return self.extent.first

    @property
    def end(self) -> int:
        """Position of the newest record; 0 before there was any."""
        return self.extent.end

    @property
    def events(self) -> int:
        """Events ever journaled."""
        return self.extent.events

    def read(self, after: int, most_bytes: int = 1 << 20) -> list[Record]:
        """As `Journal.read`."""
        return self._run(lambda stored: stored.read(after, most_bytes))

    def seek(self, *, index: int | None = None, since: int | None = None, newest_events: int | None = None) -> int:
        """As `Journal.seek`; or the position after which there are so many events, or a few more."""
        return self._run(lambda stored: stored.seek(index=index, since=since, newest_events=newest_events))

    def last_frames(self, frames: int, most_bytes: int) -> list[Frame]:
        """As `Journal.last_frames`."""
        return self._run(lambda stored: stored.last_frames(frames, most_bytes))

    def changed(self) -> bool:
        """Whether anything was written since this was asked last."""
        before, self._version = self._version, self._run(_version)
        return self._version != before

    def overview(self) -> Overview:
        return self._run(self._overview)

    def letters(self, sink: str | None = None, limit: int = 1000) -> list[DeadLetter]:
        """Dead letters, the oldest first; of all sinks for None."""
        return self._run(lambda stored: book.letters(stored.connection, sink, limit))

    def letter(self, number: int) -> DeadLetter | None:
        return self._run(lambda stored: book.letter(stored.connection, number))

    def cursors(self) -> dict[str, Cursor]:
        return self._run(lambda stored: book.cursors(stored.connection))

    def close(self) -> None:
        """May be called more than once."""
        stored, self._stored = self._stored, None
        if stored is not None:
            stored.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _overview(self, stored: Stored) -> Overview:
        connection = stored.connection
        with stored.moment():
            held = extent(connection)
            runner, ended = book.runner(connection)
            cursors = book.cursors(connection)
            statuses = book.statuses(connection)
            dead = book.letter_counts(connection)
            now = time.time_ns()
            sinks = []
            for sink in sorted({*cursors, *statuses}):
                cursor = cursors.get(sink) or Cursor(sink, held.end, 0, held.events)
                waiting = stored.read(cursor.position, 1) if cursor.position < held.end else []
                sinks.append(
                    SinkOverview(
                        cursor=cursor,
                        status=statuses.get(sink) or SinkStatus(),
                        lag_events=max(0, held.events - cursor.events),
                        lag_seconds=max(0, now - waiting[0].received) / SECOND if waiting else 0.0,
                        dead_letters=dead.get(sink, 0),
                        losses=tuple(book.losses(connection, sink)),
                    )
                )
            oldest = connection.execute("SELECT oldest FROM block ORDER BY first LIMIT 1").fetchone()
            return Overview(
                runner=runner,
                alive=runner is not None and not ended and self._is_alive(now - runner.heard),
                sinks=tuple(sinks),
                bytes=file_bytes(connection),
                first=held.first,
                end=held.end,
                events=held.events,
                oldest=0 if oldest is None else oldest[0],
            )

    def _is_alive(self, silent: int) -> bool:
        """Whether a runner that has not closed the journal still runs; `silent` is in ns since it was heard of.

        On a full disk it cannot be heard of, and one that was killed was heard of just now.
        """
        held = is_held(self.path)
        return abs(silent) < ALIVE if held is None else held

    def _run(self, what: Callable[[Stored], _T]) -> _T:
        if self._stored is None:
            raise closed(self.path)
        try:
            return what(self._stored)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise explained(self.path, "read", error) from error


def _version(stored: Stored) -> int:
    return int(stored.connection.execute("PRAGMA data_version").fetchone()[0])
