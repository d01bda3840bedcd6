"""Reads a journal, whether or not a runner writes to it."""

import sqlite3
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import msgspec

from nomad_tui.core.readable import SECOND
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame
from nomad_tui.journal import schema
from nomad_tui.journal.blocks import Blocks
from nomad_tui.journal.cursor import Cursor, DeadLetter, Loss, letter_from
from nomad_tui.journal.errors import closed, doing
from nomad_tui.journal.lock import is_held
from nomad_tui.journal.record import Record, size_of
from nomad_tui.journal.status import RunnerStatus, SinkStatus

ALIVE: Final = 10 * SECOND
"""Time without a write after which a runner counts as dead if its lock does not tell. It writes every five seconds."""

_CURSOR: Final = (
    'SELECT cursor.sink, position, "offset", events, generation, paused, sending, status.content'
    " FROM cursor LEFT JOIN status USING (sink)"
)
LOSS: Final = "SELECT id, sink, first_position, last_position, events, first_index, last_index, at FROM loss"

_decode_status = msgspec.json.Decoder(SinkStatus).decode
_decode_runner = msgspec.json.Decoder(RunnerStatus).decode
_decode_sending = msgspec.json.Decoder(tuple[tuple[int, int], ...]).decode


@dataclass(frozen=True, slots=True)
class Extent:
    first: int
    """Position of the oldest record held, or of the next one if the journal is empty."""
    end: int
    """Position of the newest record."""
    events: int
    """Events in all records up to the newest, including dropped ones."""


@dataclass(frozen=True, slots=True)
class SinkOverview:
    cursor: Cursor
    """At the end of the journal for a sink that never ran."""
    status: SinkStatus
    lag_events: int
    """Events of the stream beyond its cursor, selected or not."""
    lag_seconds: float
    """Seconds since the oldest of these was received."""
    dead_letters: int
    losses: tuple[Loss, ...]
    """What was dropped beyond its cursor and is not reported to it yet."""


@dataclass(frozen=True, slots=True)
class Overview:
    runner: RunnerStatus | None
    """The last runner that wrote; None if there never was one."""
    alive: bool
    """Whether it still runs, judged by its lock, else by its last write."""
    sinks: tuple[SinkOverview, ...]
    """Ordered by ID."""
    bytes: int
    """Size of the file, without unused space in its write-ahead log."""
    first: int
    end: int
    events: int
    oldest: int
    """When the oldest record held was received, in ns since 1970; 0 if the journal is empty."""


class JournalReader:
    """For one thread at a time. Changes nothing and needs no lock.

    Works on a journal whose runner was killed, and on read-only media. Every method raises `JournalError`. Each method
    reads one snapshot: blocks that are committed, joined or dropped meanwhile could otherwise make it skip records.
    """

    def __init__(self, path: Path) -> None:
        """Raises `JournalError` if the file is missing, not a journal, or in another release's format."""
        self.path = path
        self._version = 0
        connection = self._connect()
        self._open: sqlite3.Connection | None = connection
        self._blocks = Blocks(connection)
        self.changed()

    @staticmethod
    def is_journal(path: Path) -> bool:
        """Whether a file is a journal, by its header; False if it cannot be read."""
        return schema.is_journal(path)

    @property
    def connection(self) -> sqlite3.Connection:
        """Raises `JournalError` once it is closed."""
        if self._open is None:
            raise closed(self.path)
        return self._open

    def close(self) -> None:
        """May be called more than once."""
        connection, self._open = self._open, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @doing("read")
    def changed(self) -> bool:
        """Whether another connection wrote since the last call."""
        before, self._version = self._version, self._pragma("data_version")
        return self._version != before

    # The journal itself

    @property
    @doing("read")
    def id(self) -> str:
        """Random, created with the file."""
        return str(self.connection.execute("SELECT id FROM journal").fetchone()[0])

    @property
    @doing("read")
    def bytes(self) -> int:
        """Size of the file once its write-ahead log is checkpointed."""
        return self._pragma("page_count") * self._pragma("page_size")

    @property
    @doing("read")
    def extent(self) -> Extent:
        dropped, dropped_events, end, events = self.connection.execute(
            "SELECT dropped, dropped_events, last, events_before + events FROM journal LEFT JOIN block"
            " ON first = (SELECT max(first) FROM block)"
        ).fetchone()
        if end is None:
            return Extent(dropped + 1, dropped, dropped_events)
        return Extent(dropped + 1, end, events)

    @property
    def first(self) -> int:
        """Position of the oldest record held, or of the next one if the journal is empty."""
        return self.extent.first

    @property
    def end(self) -> int:
        """Position of the newest record; 0 before there was any."""
        return self.extent.end

    @property
    def events(self) -> int:
        """Events ever journaled."""
        return self.extent.events

    @doing("read")
    def overview(self) -> Overview:
        with self._snapshot():
            held = self.extent
            runner, ended = self.runner()
            cursors, statuses, dead = self.cursors(), self.statuses(), self.letter_counts()
            now = time.time_ns()
            sinks = []
            for sink in sorted({*cursors, *statuses}):
                cursor = cursors.get(sink) or Cursor(sink, held.end, 0, held.events)
                waiting = self.read(cursor.position, 1) if cursor.position < held.end else []
                sinks.append(
                    SinkOverview(
                        cursor=cursor,
                        status=statuses.get(sink) or SinkStatus(),
                        lag_events=max(0, held.events - cursor.events),
                        lag_seconds=max(0, now - waiting[0].received) / SECOND if waiting else 0.0,
                        dead_letters=dead.get(sink, 0),
                        losses=tuple(self.losses(sink)),
                    )
                )
            oldest = self.connection.execute("SELECT oldest FROM block ORDER BY first LIMIT 1").fetchone()
            return Overview(
                runner=runner,
                alive=runner is not None and not ended and self._is_alive(now - runner.heard),
                sinks=tuple(sinks),
                bytes=self.bytes,
                first=held.first,
                end=held.end,
                events=held.events,
                oldest=0 if oldest is None else oldest[0],
            )

    @doing("read")
    def runner(self) -> tuple[RunnerStatus | None, bool]:
        """Return the last runner that wrote, and whether it has closed the journal since."""
        row = self.connection.execute("SELECT content, ended FROM runner").fetchone()
        return (None, True) if row is None else (_decode_runner(row[0]), bool(row[1]))

    # Records

    @doing("read")
    def read(self, after: int, most_bytes: int = 1 << 20) -> list[Record]:
        """Return records after a position, in order; at least one if there is one.

        A position below `first` reads from `first` on.
        """
        with self._snapshot():
            after = max(after, self.extent.first - 1)
            records: list[Record] = []
            left = most_bytes
            while left > 0 and (block := self._blocks.after(after)):
                for record in block[bisect_right(block, after, key=_position) :]:
                    size = size_of(record.content)
                    if records and size > left:
                        return records
                    records.append(record)
                    left -= size
                after = block[-1].position
            return records

    @doing("read")
    def last_frames(self, frames: int, most_bytes: int) -> list[Frame]:
        """Return the newest frames, oldest first, but none from before the server's indexes last restarted."""
        with self._snapshot():
            newest_first: list[Frame] = []
            before = 2**63 - 1
            while len(newest_first) < frames and (block := self._blocks.last_where("first < ?", before)):
                for record in reversed(block):
                    content = record.content
                    if isinstance(content, Gap) and content.reason is GapReason.REBUILT:
                        return newest_first[::-1]
                    if not isinstance(content, Frame):
                        continue
                    most_bytes -= size_of(content)
                    if newest_first and (most_bytes < 0 or len(newest_first) == frames):
                        return newest_first[::-1]
                    newest_first.append(content)
                before = block[0].position
            return newest_first[:frames][::-1]

    @doing("read")
    def seek(self, *, index: int | None = None, since: int | None = None, newest_events: int | None = None) -> int:
        """Return the position before the first frame of that index or higher, before the first record received at that
        time (ns since 1970) or later, or before at least the newest `newest_events` events. With several, the latest of
        these positions; `end` if there is no such record."""
        with self._snapshot():
            held = self.extent
            found = [held.first - 1]
            if index is not None:
                found.append(self._before_first("last_index >= ?", index, held, lambda record: _index(record) >= index))
            if since is not None:
                found.append(self._before_first("newest >= ?", since, held, lambda record: record.received >= since))
            if newest_events is not None:
                found.append(self._before_newest(newest_events, held))
            return max(found)

    # Sinks

    @doing("read")
    def cursors(self) -> dict[str, Cursor]:
        return {row[0]: _cursor(row) for row in self.connection.execute(f"{_CURSOR} ORDER BY sink")}

    @doing("read")
    def cursor(self, sink: str) -> Cursor | None:
        row = self.connection.execute(f"{_CURSOR} WHERE cursor.sink = ?", (sink,)).fetchone()
        return None if row is None else _cursor(row)

    @doing("read")
    def statuses(self) -> dict[str, SinkStatus]:
        rows = self.connection.execute("SELECT sink, content FROM status")
        return {sink: _decode_status(text) for sink, text in rows}

    @doing("read")
    def letters(self, sink: str | None = None, limit: int = 1000) -> list[DeadLetter]:
        """Return dead letters of one sink or, for None, of all, oldest first."""
        which, values = ("", ()) if sink is None else ("WHERE sink = ?", (sink,))
        rows = self.connection.execute(f"SELECT id, content FROM letter {which} ORDER BY id LIMIT ?", (*values, limit))
        return [letter_from(*row) for row in rows]

    @doing("read")
    def letter(self, number: int) -> DeadLetter | None:
        row = self.connection.execute("SELECT id, content FROM letter WHERE id = ?", (number,)).fetchone()
        return None if row is None else letter_from(*row)

    @doing("read")
    def letter_counts(self) -> dict[str, int]:
        """Return the number of dead letters of each sink that has any."""
        return dict(self.connection.execute("SELECT sink, count(*) FROM letter GROUP BY sink").fetchall())

    @doing("read")
    def losses(self, sink: str) -> list[Loss]:
        """Return what was dropped beyond the sink's cursor."""
        rows = self.connection.execute(f"{LOSS} WHERE sink = ? ORDER BY first_position", (sink,))
        found = [Loss(*row) for row in rows]
        at = self.cursor(sink) if found else None
        if at is None or at.position < found[0].first_position:
            return found
        # The sink had read some of it before it was dropped. The rest reaches without a hole to the oldest record held.
        (dropped,) = self.connection.execute("SELECT dropped_events FROM journal").fetchone()
        left = [loss for loss in found if loss.last_position > at.position]
        if left and left[0].first_position <= at.position:
            events = max(0, dropped - at.events - sum(loss.events for loss in left[1:]))
            left[0] = replace(left[0], first_position=at.position + 1, events=events)
        return left

    # Inside

    def _connect(self) -> sqlite3.Connection:
        return schema.open_to_read(self.path)

    def _pragma(self, name: str) -> int:
        return int(self.connection.execute(f"PRAGMA {name}").fetchone()[0])

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """Make all reads inside use one snapshot of the journal."""
        connection = self.connection
        within = connection.in_transaction
        if within:
            yield
            return
        connection.execute("BEGIN")
        try:
            yield
        finally:
            if connection.in_transaction:  # an error may have ended it
                connection.execute("ROLLBACK")

    def _is_alive(self, silent: int) -> bool:
        """Whether a runner that has not closed the journal still runs; `silent` is in ns since its last write.

        The lock decides if it can: a runner cannot write to a full disk, and a killed one may have written just now.
        """
        held = is_held(self.path)
        return abs(silent) < ALIVE if held is None else held

    def _before_first(self, condition: str, value: int, held: Extent, fits: Callable[[Record], bool]) -> int:
        block = self._blocks.first_where(condition, max(-(2**63), min(2**63 - 1, value)))
        return next((record.position - 1 for record in block if fits(record)), held.end)

    def _before_newest(self, events: int, held: Extent) -> int:
        wanted = max(0, held.events - events)
        if events <= 0:
            return held.end
        block = self._blocks.last_where("events_before <= ?", wanted)
        return next(
            (record.position - 1 for record in reversed(block) if record.events_before <= wanted), held.first - 1
        )


def _cursor(row: tuple[str, int, int, int, int, int, bytes, bytes | None]) -> Cursor:
    sink, position, offset, events, generation, paused, sending, status = row
    return Cursor(
        sink,
        position,
        offset,
        events,
        generation,
        paused == 1 or paused > time.time_ns(),
        _decode_sending(sending),
        SinkStatus() if status is None else _decode_status(status),
    )


def _position(record: Record) -> int:
    return record.position


def _index(record: Record) -> int:
    return record.content.index if isinstance(record.content, Frame) else -(2**64)
