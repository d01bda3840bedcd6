"""What one connection reads of the blocks: records by position, and where something stands."""

import sqlite3
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from nomad_tui.core.text import printable
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, Unreadable
from nomad_tui.journal.blocks import size_of, unpacked
from nomad_tui.journal.log import Log
from nomad_tui.journal.record import Record

MOST_UNPACKED: Final = 8 * 1024 * 1024
"""Bytes of blocks that are kept unpacked, for the sinks that are behind."""
DAMAGED: Final = "the journal is damaged here"

log = Log("nomad_tui.journal")


@dataclass(frozen=True, slots=True)
class Extent:
    first: int
    """Position of the oldest record held, or of the next one where none is."""
    end: int
    """Position of the newest record."""
    events: int
    """In all records up to the newest, dropped ones too."""


def journal_id(connection: sqlite3.Connection) -> str:
    return str(connection.execute("SELECT id FROM journal").fetchone()[0])


def file_bytes(connection: sqlite3.Connection) -> int:
    """Of the file, once all that is in its write-ahead log has been moved there."""
    pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages * size)


def extent(connection: sqlite3.Connection) -> Extent:
    dropped, dropped_events, end, events = connection.execute(
        "SELECT dropped, dropped_events, last, events_before + events FROM journal LEFT JOIN block"
        " ON first = (SELECT max(first) FROM block)"
    ).fetchone()
    if end is None:
        return Extent(dropped + 1, dropped, dropped_events)
    return Extent(dropped + 1, end, events)


class Stored:
    """Used by one thread at a time. All methods raise `sqlite3.Error`.

    Each sees the journal as it is at one moment: blocks that are committed, joined or dropped while it reads could
    otherwise make it pass over records. Of a damaged block every record is `Unreadable`, so that the others can still
    be read.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._unpacked: OrderedDict[int, list[Record]] = OrderedDict()
        """Records of blocks by their first position, the one used last at the end."""
        self._unpacked_bytes = 0

    def read(self, after: int, most_bytes: int) -> list[Record]:
        """At least one record if any is after that position. Below the oldest it begins with the oldest."""
        with self.moment():
            return self._read(after, most_bytes)

    def _read(self, after: int, most_bytes: int) -> list[Record]:
        after = max(after, extent(self.connection).first - 1)
        records: list[Record] = []
        left = most_bytes
        while left > 0 and (block := self._block_after(after)):
            start = bisect_right(block, after, key=_position)
            for record in block[start:]:
                size = size_of(record.content)
                if records and size > left:
                    return records
                records.append(record)
                left -= size
            after = block[-1].position
        return records

    def last_frames(self, frames: int, most_bytes: int) -> list[Frame]:
        """The newest, oldest first, back to where the server's indexes began anew at most."""
        with self.moment():
            return self._last_frames(frames, most_bytes)

    def _last_frames(self, frames: int, most_bytes: int) -> list[Frame]:
        newest_first: list[Frame] = []
        before = 2**63 - 1
        while len(newest_first) < frames and (block := self._block_before(before)):
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

    def seek(self, *, index: int | None = None, since: int | None = None, newest_events: int | None = None) -> int:
        """The position before the first record that fits all that is asked, or the newest where none does."""
        with self.moment():
            held = extent(self.connection)
            found = [held.first - 1]
            if index is not None:
                found.append(self._before_first("last_index >= ?", index, held, lambda record: _index(record) >= index))
            if since is not None:
                found.append(self._before_first("newest >= ?", since, held, lambda record: record.received >= since))
            if newest_events is not None:
                found.append(self._before_newest(newest_events, held))
            return max(found)

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Until its end nothing changes for whoever reads."""
        within = self.connection.in_transaction
        if within:
            yield
            return
        self.connection.execute("BEGIN")
        try:
            yield
        finally:
            if self.connection.in_transaction:  # an error may have ended it
                self.connection.execute("ROLLBACK")

    def _before_first(self, column: str, value: int, held: Extent, fits: Callable[[Record], bool]) -> int:
        value = max(-(2**63), min(2**63 - 1, value))
        row = self.connection.execute(f"SELECT first FROM block WHERE {column} ORDER BY first LIMIT 1", (value,))
        if (found := row.fetchone()) and (block := self._block_after(found[0] - 1)):
            return next((record.position - 1 for record in block if fits(record)), held.end)
        return held.end

    def _before_newest(self, events: int, held: Extent) -> int:
        wanted = max(0, held.events - events)
        if events <= 0:
            return held.end
        block = self._select("events_before <= ? ORDER BY first DESC LIMIT 1", wanted)
        return next(
            (record.position - 1 for record in reversed(block) if record.events_before <= wanted), held.first - 1
        )

    def _block_after(self, position: int) -> list[Record]:
        """The block that holds the first record after a position; empty at the end."""
        for first, block in reversed(self._unpacked.items()):
            if first <= position + 1 <= block[-1].position:
                self._unpacked.move_to_end(first)
                return block
        found = self._select("first <= ? ORDER BY first DESC LIMIT 1", position + 1)
        if found and found[-1].position > position:
            return found
        return self._select("first > ? ORDER BY first LIMIT 1", position + 1)

    def _block_before(self, position: int) -> list[Record]:
        return self._select("first < ? ORDER BY first DESC LIMIT 1", position)

    def _select(self, which: str, position: int) -> list[Record]:
        row = self.connection.execute(
            "SELECT first, last, events_before, oldest, size, content FROM content JOIN"
            f" (SELECT first, last, events_before, oldest, size FROM block WHERE {which}) USING (first)",
            (position,),
        ).fetchone()
        if row is None:
            return []
        first, last, events_before, received, size, content = row
        if (kept := self._unpacked.get(first)) and kept[-1].position == last:
            return kept
        try:
            records = unpacked(first, events_before, content)
            if not records or records[-1].position != last:
                raise ValueError(f"{len(records)} records")
        except ValueError as error:
            log.error("journal_block_damaged", first=first, last=last, why=printable(str(error), 200))
            records = [
                Record(position, received, events_before, Unreadable(DAMAGED, b"", 0))
                for position in range(first, last + 1)
            ]
        self._keep(first, records, size)
        return records

    def _keep(self, first: int, records: list[Record], size: int) -> None:
        if size > MOST_UNPACKED // 4:
            return
        if (old := self._unpacked.pop(first, None)) is not None:
            self._unpacked_bytes -= _size(old)
        self._unpacked[first] = records
        self._unpacked_bytes += size
        while self._unpacked_bytes > MOST_UNPACKED:
            _, oldest = self._unpacked.popitem(last=False)
            self._unpacked_bytes -= _size(oldest)


def _position(record: Record) -> int:
    return record.position


def _index(record: Record) -> int:
    return record.content.index if isinstance(record.content, Frame) else -(2**64)


def _size(records: list[Record]) -> int:
    return sum(size_of(record.content) for record in records)
