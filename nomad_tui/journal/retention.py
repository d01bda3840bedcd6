"""What the journal keeps, how it drops the rest, and how it joins small blocks.

Each function takes the writing store and is one short transaction, so that new records are committed in between.
"""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from nomad_tui.core.readable import SECOND
from nomad_tui.core.wire import Frame
from nomad_tui.journal.cursor import Loss
from nomad_tui.journal.errors import JournalError, doing
from nomad_tui.journal.record import BLOCK_SIZE, events_in, packed, unpacked
from nomad_tui.journal.store import Store

MAX_DROPPED: Final = 256
"""Blocks dropped in one transaction at most."""
JOIN_AGE: Final = 60 * SECOND
"""Blocks younger than this are not joined yet."""
MAX_JOINED: Final = 64
"""Blocks joined into one at most."""
MAX_SCANNED: Final = 4096
"""Blocks scanned in one transaction at most."""
MAX_VACUUMED: Final = 1024
"""Pages returned to the disk in one transaction at most."""
SPARE: Final = 0.1
"""Share of the file that may be free pages, for the records to come."""

LETTERS: Final = 0.25
"""Share of the largest size that dead letters may take, in addition to the history."""
_LETTER_SIZE: Final = (
    "CASE WHEN length(content) < 4000 THEN 4096 / (4070 / (length(content) + 40))"
    " ELSE (length(content) / 4092 + 1) * 4096 END"
)
"""Bytes of a row, by how many fit into one SQLite page."""


@dataclass(frozen=True, slots=True)
class Retention:
    keep: float = 7 * 86400.0
    """Seconds for which a record is kept after every sink is past it."""
    max_size: int = 4 * 1024**3
    """Largest size of the file in bytes, without its write-ahead log and its dead letters. Older records beyond it are
    dropped, delivered or not."""


@dataclass(frozen=True, slots=True)
class Dropped:
    first: int
    """Position of the oldest record still held."""
    losses: tuple[Loss, ...]


@doing("pruned")
def drop_old(store: Store, keep: float) -> Dropped | None:
    """Drop records older than `keep` seconds that every sink is past; None if there are none."""
    before = time.time_ns() - int(keep * SECOND)
    with store.transaction():
        return _drop(store, before=before, most_bytes=None, unread=False)


@doing("pruned")
def drop_letters(store: Store, max_size: int) -> dict[str, int]:
    """Drop dead letters beyond their share, the oldest of the sink with most, and return how many of each sink."""
    most = int(max_size * LETTERS)
    if used_bytes(store) <= most:  # usually they are few
        return {}
    with store.transaction():
        rows = store.connection.execute(f"SELECT sink, sum({_LETTER_SIZE}) FROM letter GROUP BY sink").fetchall()
        left: dict[str, int] = dict(rows)
        excess = sum(left.values()) - most
        dropped: dict[str, int] = {}
        while excess > 0:
            sink = max(left, key=lambda each: left[each])
            others = max((size for each, size in left.items() if each != sink), default=0)
            freed, number = _drop_letters_of(store, sink, min(excess, max(left[sink] - others, excess // len(left), 1)))
            left[sink] -= freed
            excess -= freed
            dropped[sink] = dropped.get(sink, 0) + number
    return dropped


def _drop_letters_of(store: Store, sink: str, most_bytes: int) -> tuple[int, int]:
    """Drop the oldest letters of one sink, at least one, and return the freed bytes and their number."""
    freed = number = last = 0
    rows = store.connection.execute(f"SELECT id, {_LETTER_SIZE} FROM letter WHERE sink = ? ORDER BY id", (sink,))
    for letter, size in rows:
        last = letter
        freed += size
        number += 1
        if freed >= most_bytes:
            break
    store.connection.execute("DELETE FROM letter WHERE sink = ? AND id <= ?", (sink, last))
    return freed, number


def letter_bytes(store: Store) -> int:
    """Return the bytes of the pages that dead letters occupy."""
    row = store.connection.execute(f"SELECT coalesce(sum({_LETTER_SIZE}), 0) FROM letter").fetchone()
    return int(row[0])


def make_room(store: Store, most_bytes: int) -> Dropped | None:
    """Drop about that many bytes of records that every sink is past, however young. Works on a full disk.

    The checkpoint comes second: one that fails halfway has used the space that dropping needs.
    """
    dropped: Dropped | None = None
    with suppress(JournalError):
        dropped = _drop_read(store, most_bytes)
    with suppress(JournalError):
        _checkpoint(store)
    if dropped is None:
        with suppress(JournalError):
            dropped = _drop_read(store, most_bytes)
    return dropped


@doing("written")
def _checkpoint(store: Store) -> None:
    store.checkpoint()


@doing("pruned")
def _drop_read(store: Store, most_bytes: int) -> Dropped | None:
    with store.transaction():
        return _drop(store, before=None, most_bytes=most_bytes, unread=False)


@doing("pruned")
def drop_beyond(store: Store, max_size: int, had: Mapping[str, int] = MappingProxyType({})) -> Dropped | None:
    """Drop the oldest records while the file's content exceeds `max_size`; None if nothing has to or may be dropped.

    `had` is the position up to which each sink has read: those records are still delivered, unless the program ends.
    """
    with store.transaction(durable=True):
        excess = used_bytes(store) - max_size
        if excess <= 0 or (excess := excess - letter_bytes(store)) <= 0:
            return None
        return _drop(store, before=None, most_bytes=excess, unread=True, had=had)


def _drop(
    store: Store,
    *,
    before: int | None,
    most_bytes: int | None,
    unread: bool,
    had: Mapping[str, int] = MappingProxyType({}),
) -> Dropped | None:
    """Drop the oldest blocks, but never the newest block of frames: the stream resumes after it."""
    connection = store.connection
    held = store.cursors().values()
    acknowledged = min((cursor.position for cursor in held), default=2**63 - 1)
    newest = connection.execute(
        "SELECT first FROM block WHERE last_index IS NOT NULL ORDER BY first DESC LIMIT 1"
    ).fetchone()
    rows = connection.execute(
        "SELECT first, last, events_before + events, newest, stored FROM block ORDER BY first LIMIT ?", (MAX_DROPPED,)
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
        after = max(cursor.position, dropped)  # earlier drops are already recorded as losses
        read = max(cursor.position, had.get(cursor.sink, 0))
        for start, end in ((after, min(read, last)), (max(after, read), last)):
            if start < end:
                number, first_index, last_index = _between(store, start, end)
                loss = Loss(0, cursor.sink, start + 1, end, number, first_index, last_index, time.time_ns())
                losses.append(replace(loss, id=store.lose(loss, read)))
    connection.execute("DELETE FROM content WHERE first <= ?", (last,))
    connection.execute("DELETE FROM block WHERE first <= ?", (last,))
    connection.execute("UPDATE journal SET dropped = ?, dropped_events = ?", (last, events))
    return Dropped(last + 1, tuple(losses))


def _between(store: Store, after: int, last: int) -> tuple[int, int, int]:
    """Return the number of events after position `after` up to `last`, and their lowest and highest index or 0."""
    rows = store.connection.execute(
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
        (content,) = store.connection.execute("SELECT content FROM content WHERE first = ?", (first,)).fetchone()
        try:
            records = [each for each in unpacked(first, events_before, content) if after < each.position <= last]
        except ValueError:  # damaged: none of it can be delivered
            continue
        events += sum(events_in(each.content) for each in records)
        indexes += [each.content.index for each in records if isinstance(each.content, Frame)]
    return events, min(indexes, default=0), max(indexes, default=0)


def used_bytes(store: Store) -> int:
    """Return the size of the file without its free pages."""
    pages, free, size = _pages(store)
    return (pages - free) * size


@doing("pruned")
def vacuum(store: Store, max_size: int) -> bool:
    """Return some free pages to the disk, and return whether there are more."""
    pages, free, size = _pages(store)
    wanted = min(free, max(free - int((pages - free) * SPARE), pages - max_size // size))
    if wanted < MAX_VACUUMED and pages * size <= max_size:
        return False
    # As a script, because `execute` takes one step only of a statement without rows, and each step frees one page.
    store.connection.executescript(f"PRAGMA incremental_vacuum({min(wanted, MAX_VACUUMED)})")
    if wanted > MAX_VACUUMED:
        return True
    store.checkpoint()  # this is what shrinks the file
    return False


@doing("pruned")
def join(store: Store, start: int) -> tuple[int, bool]:
    """Join the next small blocks from position `start` on into one. The records stay the same.

    Returns the position to continue from, and whether to continue at once: young blocks are left for later.
    """
    settled = time.time_ns() - JOIN_AGE
    blocks = store.connection.execute(
        "SELECT first, size, newest FROM block WHERE first >= ? ORDER BY first LIMIT ?", (start, MAX_SCANNED)
    ).fetchall()
    run: list[int] = []
    size = 0
    more = len(blocks) == MAX_SCANNED
    for first, own, newest in blocks:
        if newest >= settled:
            more = False
            break
        if size + own > BLOCK_SIZE or len(run) == MAX_JOINED:
            if len(run) > 1:
                _join(store, run)
                return first, True
            run, size = [], 0
        run.append(first)
        size += own
    if len(run) > MAX_JOINED // 2:
        _join(store, run)
    return (run[0] if run else start), more


def _join(store: Store, firsts: list[int]) -> None:
    """Join these blocks, unless one is damaged."""
    with suppress(ValueError), store.transaction():
        rows = store.connection.execute(
            "SELECT first, events_before, content FROM block JOIN content USING (first)"
            " WHERE first BETWEEN ? AND ? ORDER BY first",
            (firsts[0], firsts[-1]),
        ).fetchall()
        blocks = list(packed([record for row in rows for record in unpacked(*row)]))
        for table in ("content", "block"):
            store.connection.execute(f"DELETE FROM {table} WHERE first BETWEEN ? AND ?", (firsts[0], firsts[-1]))
        store.insert(blocks)


def _pages(store: Store) -> tuple[int, int, int]:
    """Return the file's number of pages, its number of free pages, and the page size in bytes."""
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (int(store.connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in names)
    return pages, free, size
