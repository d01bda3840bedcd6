"""The newest records in memory, as they came: whoever keeps up with the stream reads them without disk or decoding."""

from collections.abc import Sequence
from typing import Final

from nomad_tui.journal.blocks import size_of
from nomad_tui.journal.record import Record

MOST_BYTES: Final = 8 * 1024 * 1024


class Tail:
    def __init__(self, end: int, most_bytes: int = MOST_BYTES) -> None:
        self._records: list[Record] = []
        self._first = end + 1
        self._bytes = 0
        self._most_bytes = most_bytes

    def extend(self, records: Sequence[Record]) -> None:
        """Records that follow those held."""
        self._records.extend(records)
        self._bytes += sum(size_of(record.content) for record in records)
        dropped = 0
        while self._bytes > self._most_bytes and dropped < len(self._records):
            self._bytes -= size_of(self._records[dropped].content)
            dropped += 1
        if dropped:
            del self._records[:dropped]
            self._first += dropped

    def read(self, after: int, most_bytes: int) -> list[Record] | None:
        """At least one if there is any after that position; None where they are not held any more."""
        start = after + 1 - self._first
        if start < 0:
            return None
        for number in range(start, len(self._records)):
            most_bytes -= size_of(self._records[number].content)
            if most_bytes < 0:
                return self._records[start : max(number, start + 1)]
        return self._records[start:]
