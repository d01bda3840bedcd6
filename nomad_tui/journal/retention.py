"""What the journal keeps, and how it drops and joins the rest.

Functions of the connection that writes, each one short transaction, so that what the stream brings is committed
between them.
"""

import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from nomad_tui.core.readable import SECOND
from nomad_tui.core.wire import Frame
from nomad_tui.journal import book
from nomad_tui.journal.blocks import BLOCK_SIZE, events_in, packed, unpacked, write
from nomad_tui.journal.cursor import Loss

MOST_DROPPED: Final = 256
"""Blocks that one transaction drops."""
SETTLED: Final = 60 * SECOND
"""Blocks younger than this are not joined yet."""
MOST_JOINED: Final = 64
"""Blocks that become one at once."""
MOST_LOOKED_AT: Final = 4096
"""Blocks that are looked at in one go."""
MOST_VACUUMED: Final = 1024
"""Pages that one transaction gives back to the disk."""
SPARE: Final = 0.1
"""Of the file: free pages are kept up to this, for what comes next."""

LETTERS: Final = 0.25
"""Of the largest size: dead letters may take so much beside the history, which they do not push out."""
_LETTER_SIZE: Final = (
    "CASE WHEN length(content) < 4000 THEN 4096 / (4070 / (length(content) + 40))"
    " ELSE (length(content) / 4092 + 1) * 4096 END"
)
"""By how many fit into a page of SQLite."""


@dataclass(frozen=True, slots=True)
class Retention:
    keep: float = 7 * 86400.0
    """Seconds for which a record is kept that every sink has had."""
    max_size: int = 4 * 1024**3
    """Bytes of the file, without its write-ahead log and its dead letters. What goes beyond is dropped, whoever has
    had it."""


@dataclass(frozen=True, slots=True)
class Dropped:
    first: int
    """Of the oldest record held now."""
    losses: tuple[Loss, ...]


def drop_old(connection: sqlite3.Connection, keep: float) -> Dropped | None:
    """Drops what is older than that many seconds and every sink has had; None where there is nothing like it."""
    before = time.time_ns() - int(keep * SECOND)
    with book.transaction(connection):
        return _drop(connection, before=before, most_bytes=None, unread=False)


def drop_letters(connection: sqlite3.Connection, max_size: int) -> dict[str, int]:
    """Drops the oldest dead letters beyond their own share: how many of each sink."""
    if used_bytes(connection) <= int(max_size * LETTERS):  # most journals have few
        return {}
    with book.transaction(connection):
        excess = letter_bytes(connection) - int(max_size * LETTERS)
        dropped: dict[str, int] = {}
        for number, sink, size in connection.execute(f"SELECT id, sink, {_LETTER_SIZE} FROM letter ORDER BY id"):
            if excess <= 0:
                break
            excess -= size
            dropped[sink] = dropped.get(sink, 0) + 1
            newest = number
        if dropped:
            connection.execute("DELETE FROM letter WHERE id <= ?", (newest,))
    return dropped


def letter_bytes(connection: sqlite3.Connection) -> int:
    """Of the pages that dead letters take."""
    return int(connection.execute(f"SELECT coalesce(sum({_LETTER_SIZE}), 0) FROM letter").fetchone()[0])


def drop_read(connection: sqlite3.Connection, most_bytes: int) -> Dropped | None:
    """Drops about so many bytes of what every sink has had, however young."""
    with book.transaction(connection):
        return _drop(connection, before=None, most_bytes=most_bytes, unread=False)


def drop_beyond(
    connection: sqlite3.Connection, max_size: int, had: Mapping[str, int] = MappingProxyType({})
) -> Dropped | None:
    """Drops the oldest where the file's content is larger than that; None where nothing needs to or may be dropped.

    `had` says up to which position sinks have records in memory: these are sent all the same, unless the program ends.
    """
    with book.transaction(connection, durable=True):
        excess = used_bytes(connection) - max_size
        if excess <= 0 or (excess := excess - letter_bytes(connection)) <= 0:
            return None
        return _drop(connection, before=None, most_bytes=excess, unread=True, had=had)


def _drop(
    connection: sqlite3.Connection,
    *,
    before: int | None,
    most_bytes: int | None,
    unread: bool,
    had: Mapping[str, int] = MappingProxyType({}),
) -> Dropped | None:
    """Drops from the oldest on, but never the newest block of frames: the stream is resumed after it."""
    held = book.cursors(connection).values()
    acknowledged = min((cursor.position for cursor in held), default=2**63 - 1)
    newest = connection.execute(
        "SELECT first FROM block WHERE last_index IS NOT NULL ORDER BY first DESC LIMIT 1"
    ).fetchone()
    rows = connection.execute(
        "SELECT first, last, events_before + events, newest, stored FROM block ORDER BY first LIMIT ?", (MOST_DROPPED,)
    ).fetchall()
    last = events = freed = 0
    for first, block_last, events_behind, received, stored in rows:
        if newest is None or first >= newest[0] or (most_bytes is not None and freed >= most_bytes):
            break
        if (before is not None and received >= before) or (not unread and block_last > acknowledged):
            break
        last, events = block_last, events_behind
        freed += stored
    if not last:
        return None
    (dropped,) = connection.execute("SELECT dropped FROM journal").fetchone()
    losses = []
    for cursor in held:
        after = max(cursor.position, dropped)  # what was dropped earlier is recorded as lost already
        read = max(cursor.position, had.get(cursor.sink, 0))
        for start, end in ((after, min(read, last)), (max(after, read), last)):
            if start < end:
                number, first_index, last_index = _between(connection, start, end)
                loss = Loss(0, cursor.sink, start + 1, end, number, first_index, last_index, time.time_ns())
                losses.append(replace(loss, id=book.lose(connection, loss, read)))
    connection.execute("DELETE FROM content WHERE first <= ?", (last,))
    connection.execute("DELETE FROM block WHERE first <= ?", (last,))
    connection.execute("UPDATE journal SET dropped = ?, dropped_events = ?", (last, events))
    return Dropped(last + 1, tuple(losses))


def _between(connection: sqlite3.Connection, after: int, last: int) -> tuple[int, int, int]:
    """Of the records after one and up to another: the events, and the lowest and highest index, 0 where none has."""
    rows = connection.execute(
        "SELECT first, last, events, events_before, first_index, last_index FROM block"
        " WHERE last > ? AND first <= ? ORDER BY first",
        (after, last),
    ).fetchall()
    events = 0
    indexes: list[int] = []
    for first, block_last, own, events_before, first_index, last_index in rows:
        if after < first and block_last <= last:
            events += own
            indexes += () if first_index is None else (first_index, last_index)
            continue
        (content,) = connection.execute("SELECT content FROM content WHERE first = ?", (first,)).fetchone()
        try:
            records = [each for each in unpacked(first, events_before, content) if after < each.position <= last]
        except ValueError:  # damaged: nothing of it can be sent
            continue
        events += sum(events_in(each.content) for each in records)
        indexes += [each.content.index for each in records if isinstance(each.content, Frame)]
    return events, min(indexes, default=0), max(indexes, default=0)


def used_bytes(connection: sqlite3.Connection) -> int:
    """Of the file, without pages that are free."""
    pages, free, size = (_pragma(connection, name) for name in ("page_count", "freelist_count", "page_size"))
    return (pages - free) * size


def vacuum(connection: sqlite3.Connection, max_size: int) -> bool:
    """Gives some free pages back to the disk; whether there is more to give back."""
    pages, free, size = (_pragma(connection, name) for name in ("page_count", "freelist_count", "page_size"))
    wanted = min(free, max(free - int((pages - free) * SPARE), pages - max_size // size))
    if wanted < MOST_VACUUMED and pages * size <= max_size:
        return False
    # As a script, because `execute` takes one step only of a statement without rows, and each step frees one page.
    connection.executescript(f"PRAGMA incremental_vacuum({min(wanted, MOST_VACUUMED)})")
    if wanted > MOST_VACUUMED:
        return True
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()  # the file itself shrinks only now
    return False


def join(connection: sqlite3.Connection, start: int) -> tuple[int, bool]:
    """Makes one block of the next small ones from position `start` on.

    Returns where to go on, and whether at once: what is too young is left for later. Changes nothing that is read.
    """
    settled = time.time_ns() - SETTLED
    blocks = connection.execute(
        "SELECT first, size, newest FROM block WHERE first >= ? ORDER BY first LIMIT ?", (start, MOST_LOOKED_AT)
    ).fetchall()
    run: list[int] = []
    size = 0
    more = len(blocks) == MOST_LOOKED_AT
    for first, own, newest in blocks:
        if newest >= settled:
            more = False
            break
        if size + own > BLOCK_SIZE or len(run) == MOST_JOINED:
            if len(run) > 1:
                _join(connection, run)
                return first, True
            run, size = [], 0
        run.append(first)
        size += own
    if len(run) > MOST_JOINED // 2:
        _join(connection, run)
    return (run[0] if run else start), more


def _join(connection: sqlite3.Connection, firsts: list[int]) -> None:
    """Leaves them alone if one is damaged."""
    with suppress(ValueError), book.transaction(connection):
        rows = connection.execute(
            "SELECT first, events_before, content FROM block JOIN content USING (first)"
            " WHERE first BETWEEN ? AND ? ORDER BY first",
            (firsts[0], firsts[-1]),
        ).fetchall()
        blocks = list(packed([record for row in rows for record in unpacked(*row)]))
        for table in ("content", "block"):
            connection.execute(f"DELETE FROM {table} WHERE first BETWEEN ? AND ?", (firsts[0], firsts[-1]))
        write(connection, blocks)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
