"""Reads the compressed blocks in which a journal's file stores its records."""

import sqlite3
from collections import OrderedDict
from typing import Final

from nomad_tui.core.text import printable
from nomad_tui.core.wire import Unreadable
from nomad_tui.journal.log import Log
from nomad_tui.journal.record import Record, size_of, unpacked

MAX_UNPACKED: Final = 8 * 1024 * 1024
"""Bytes of unpacked blocks to cache, for sinks that are behind."""
DAMAGED: Final = "the journal is damaged here"

log = Log("nomad_tui.journal")


class Blocks:
    """Reads blocks, with a cache. All records of a damaged block are `Unreadable`, so the others can still be read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._unpacked: OrderedDict[int, list[Record]] = OrderedDict()
        """Cached records of blocks by first position, least recently used first."""
        self._unpacked_bytes = 0

    def after(self, position: int) -> list[Record]:
        """Return the block with the first record after a position; empty at the end."""
        for first, block in reversed(self._unpacked.items()):
            if first <= position + 1 <= block[-1].position:
                self._unpacked.move_to_end(first)
                return block
        found = self.last_where("first <= ?", position + 1)
        if found and found[-1].position > position:
            return found
        return self.first_where("first > ?", position + 1)

    def first_where(self, condition: str, value: int) -> list[Record]:
        """Return the first block whose columns meet a condition; empty if there is none."""
        return self._select(f"{condition} ORDER BY first LIMIT 1", value)

    def last_where(self, condition: str, value: int) -> list[Record]:
        return self._select(f"{condition} ORDER BY first DESC LIMIT 1", value)

    def _select(self, which: str, value: int) -> list[Record]:
        row = self._connection.execute(
            "SELECT first, last, events_before, oldest, size, content FROM content JOIN"
            f" (SELECT first, last, events_before, oldest, size FROM block WHERE {which}) USING (first)",
            (value,),
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
        if size > MAX_UNPACKED // 4:
            return
        if (old := self._unpacked.pop(first, None)) is not None:
            self._unpacked_bytes -= _size(old)
        self._unpacked[first] = records
        self._unpacked_bytes += size
        while self._unpacked_bytes > MAX_UNPACKED:
            _, oldest = self._unpacked.popitem(last=False)
            self._unpacked_bytes -= _size(oldest)


def _size(records: list[Record]) -> int:
    return sum(size_of(record.content) for record in records)
