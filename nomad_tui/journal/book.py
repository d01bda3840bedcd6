"""What the journal knows of its sinks and its runner: cursors, status, dead letters and losses.

Functions of a connection. Those that write belong into a transaction.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import msgspec
from msgspec.structs import replace as replaced

from nomad_tui.journal.cursor import Cursor, DeadLetter, Loss, joined
from nomad_tui.journal.status import RunnerStatus, SinkStatus

_encode = msgspec.json.Encoder().encode
_decode_status = msgspec.json.Decoder(SinkStatus).decode
_decode_runner = msgspec.json.Decoder(RunnerStatus).decode
_decode_letter = msgspec.json.Decoder(DeadLetter).decode
_decode_sending = msgspec.json.Decoder(tuple[tuple[int, int], ...]).decode

_CURSOR: Final = (
    'SELECT cursor.sink, position, "offset", events, generation, paused, sending, status.content'
    " FROM cursor LEFT JOIN status USING (sink)"
)
_LOSS: Final = "SELECT id, sink, first_position, last_position, events, first_index, last_index, at FROM loss"


@contextmanager
def transaction(connection: sqlite3.Connection, *, durable: bool = False) -> Iterator[None]:
    """Commits at its end, or changes nothing. `durable` means that it survives a loss of power too."""
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have ended it already
            connection.execute("ROLLBACK")
        raise


def cursors(connection: sqlite3.Connection) -> dict[str, Cursor]:
    return {row[0]: _cursor(row) for row in connection.execute(f"{_CURSOR} ORDER BY sink")}


def cursor(connection: sqlite3.Connection, sink: str) -> Cursor | None:
    row = connection.execute(f"{_CURSOR} WHERE cursor.sink = ?", (sink,)).fetchone()
    return None if row is None else _cursor(row)


def register(connection: sqlite3.Connection, sink: str, position: int, events: int) -> Cursor:
    """The cursor that there is, or a new one at that position."""
    connection.execute(
        'INSERT INTO cursor (sink, position, "offset", events, generation, paused, sending)'
        " VALUES (?, ?, 0, ?, 0, 0, x'5b5d') ON CONFLICT DO NOTHING",
        (sink, position, events),
    )
    found = cursor(connection, sink)
    assert found is not None
    return found


def advance(connection: sqlite3.Connection, moved: Cursor, letters: Sequence[DeadLetter]) -> bool:
    """False, with nothing changed, where the cursor was moved back or forgotten since it was read.

    What was lost before the place it is moved to is settled: the sink was told, or had read it before it was dropped.
    """
    changed = connection.execute(
        'UPDATE cursor SET position = ?, "offset" = ?, events = ?, sending = ? WHERE sink = ? AND generation = ?',
        (moved.position, moved.offset, moved.events, _encode(moved.sending), moved.sink, moved.generation),
    )
    if not changed.rowcount:
        return False
    connection.execute("DELETE FROM loss WHERE sink = ? AND last_position <= ?", (moved.sink, moved.position))
    write_status(connection, {moved.sink: moved.status})
    bury(connection, letters)
    return True


def rewind(connection: sqlite3.Connection, sink: str, position: int, events: int) -> Cursor | None:
    connection.execute(
        "UPDATE cursor SET position = ?, \"offset\" = 0, events = ?, generation = generation + 1, sending = x'5b5d'"
        " WHERE sink = ?",
        (position, events, sink),
    )
    return cursor(connection, sink)


def pause(connection: sqlite3.Connection, sink: str, paused: bool) -> bool:
    """Whether there is such a sink."""
    return connection.execute("UPDATE cursor SET paused = ? WHERE sink = ?", (paused, sink)).rowcount > 0


def hold(connection: sqlite3.Connection, sink: str, until: int) -> bool:
    """Pauses a sink until that moment, in ns since 1970; 0 ends that. Whether an operator has not paused it."""
    return connection.execute("UPDATE cursor SET paused = ? WHERE sink = ? AND paused <> 1", (until, sink)).rowcount > 0


def forget(connection: sqlite3.Connection, sink: str) -> bool:
    """Whether anything was known of it."""
    return (
        sum(
            connection.execute(f"DELETE FROM {table} WHERE sink = ?", (sink,)).rowcount
            for table in ("cursor", "status", "letter", "loss")
        )
        > 0
    )


def write_status(connection: sqlite3.Connection, sinks: Mapping[str, SinkStatus]) -> None:
    connection.executemany(
        "INSERT INTO status VALUES (?, ?) ON CONFLICT DO UPDATE SET content = excluded.content",
        [(sink, _encode(status)) for sink, status in sinks.items()],
    )


def report_status(connection: sqlite3.Connection, sinks: Mapping[str, SinkStatus]) -> None:
    """The same, but counts that fit a cursor stay: a sink may have been sent more since, or less."""
    stored = statuses(connection)
    reported = {}
    for sink, status in sinks.items():
        kept = stored.get(sink, status)
        reported[sink] = replaced(status, delivered=kept.delivered, dead=kept.dead, lost=kept.lost)
    write_status(connection, reported)


def statuses(connection: sqlite3.Connection) -> dict[str, SinkStatus]:
    return {sink: _decode_status(text) for sink, text in connection.execute("SELECT sink, content FROM status")}


def write_runner(connection: sqlite3.Connection, runner: RunnerStatus) -> None:
    connection.execute(
        "INSERT INTO runner VALUES (1, 0, ?) ON CONFLICT DO UPDATE SET ended = 0, content = excluded.content",
        (_encode(runner),),
    )


def end_runner(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE runner SET ended = 1")


def runner(connection: sqlite3.Connection) -> tuple[RunnerStatus | None, bool]:
    """The last one that wrote, and whether it has closed the journal since."""
    row = connection.execute("SELECT content, ended FROM runner").fetchone()
    return (None, True) if row is None else (_decode_runner(row[0]), bool(row[1]))


def letters(connection: sqlite3.Connection, sink: str | None, limit: int) -> list[DeadLetter]:
    """The oldest first."""
    which, values = ("", ()) if sink is None else ("WHERE sink = ?", (sink,))
    rows = connection.execute(f"SELECT id, content FROM letter {which} ORDER BY id LIMIT ?", (*values, limit))
    return [replace(_decode_letter(content), id=number) for number, content in rows]


def letter(connection: sqlite3.Connection, number: int) -> DeadLetter | None:
    row = connection.execute("SELECT id, content FROM letter WHERE id = ?", (number,)).fetchone()
    return None if row is None else replace(_decode_letter(row[1]), id=row[0])


def letter_counts(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT sink, count(*) FROM letter GROUP BY sink").fetchall())


def bury(connection: sqlite3.Connection, letters: Sequence[DeadLetter]) -> None:
    connection.executemany(
        "INSERT INTO letter (sink, content) VALUES (?, ?)", [(letter.sink, _encode(letter)) for letter in letters]
    )


def drop_letter(connection: sqlite3.Connection, number: int) -> bool:
    """Whether there was one."""
    return connection.execute("DELETE FROM letter WHERE id = ?", (number,)).rowcount > 0


def lose(connection: sqlite3.Connection, loss: Loss, read: int) -> int:
    """Stores a loss, as one together with what was lost right before it and is not settled: the ID, a new one.

    The sink has what lies up to the position `read`, at least in memory: a loss on either side of it is another one.
    """
    row = connection.execute(
        f"{_LOSS} WHERE sink = ? AND last_position = ?", (loss.sink, loss.first_position - 1)
    ).fetchone()
    if row is not None and loss.first_position - 1 > read:
        before = Loss(*row)
        connection.execute("DELETE FROM loss WHERE id = ?", (before.id,))
        loss = joined(before, loss)
    added = connection.execute(
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


def losses(connection: sqlite3.Connection, sink: str) -> list[Loss]:
    """What is lost to a sink beyond its cursor, and of that only what it has not had by now."""
    found = [Loss(*row) for row in connection.execute(f"{_LOSS} WHERE sink = ? ORDER BY first_position", (sink,))]
    at = cursor(connection, sink) if found else None
    if at is None or at.position < found[0].first_position:
        return found
    # It had read some of it before that was dropped. What is lost beyond its cursor reaches, without a hole, to the
    # oldest record that is held.
    (dropped,) = connection.execute("SELECT dropped_events FROM journal").fetchone()
    left = [loss for loss in found if loss.last_position > at.position]
    if left and left[0].first_position <= at.position:
        events = max(0, dropped - at.events - sum(loss.events for loss in left[1:]))
        left[0] = replace(left[0], first_position=at.position + 1, events=events)
    return left


def settle_all(connection: sqlite3.Connection, sink: str) -> None:
    connection.execute("DELETE FROM loss WHERE sink = ?", (sink,))


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
