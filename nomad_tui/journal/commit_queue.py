"""Queues records for the next commit, and decides when that begins."""

import asyncio
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Final

from nomad_tui.journal.record import Content, Record, events_in, size_of

MAX_COMMITTED: Final = 8 * 1024 * 1024
"""Bytes in one commit at most."""
COMMIT_INTERVAL: Final = 0.05
"""Seconds between the starts of two commits while few records arrive: each one waits for the disk and costs CPU time,
however small it is."""
URGENT_BYTES: Final = 1024 * 1024
"""Queued bytes that are committed without waiting for the interval."""


class CommitQueue:
    """Assigns positions to records and keeps them, in order, until they are committed."""

    def __init__(self, end: int, events: int) -> None:
        """`end` is the position of the newest record in the journal, `events` the number of events ever journaled."""
        self.end = end
        """Position of the newest record added."""
        self.bytes = 0
        """Bytes of the records in the queue, including those being committed."""
        self.closing = asyncio.Event()
        """Set by `close`: nothing is added after that."""
        self._records: deque[Record] = deque()
        self._events = events
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        """Set if the next commit should not wait for more records."""
        self._begun = 0.0
        """Start of the last commit, by `monotonic`."""

    def add(self, content: Content, received: int) -> None:
        """`received` is in ns since 1970."""
        self.end += 1
        self._records.append(Record(self.end, received, self._events, content))
        self._events += events_in(content)
        self.bytes += size_of(content)
        self._wake.set()
        if self.bytes >= URGENT_BYTES:
            self._urgent.set()

    def hurry(self) -> None:
        """Commit the queued records without waiting for more."""
        self._urgent.set()

    def close(self) -> None:
        self.closing.set()
        self._wake.set()
        self._urgent.set()

    async def next(self) -> list[Record]:
        """Wait until a commit is due, and return its records, the oldest in the queue.

        They stay in the queue until `done`. Empty once the queue is closed and drained.
        """
        while not self._records and not self.closing.is_set():
            self._wake.clear()
            await self._wake.wait()
        if not self._records:
            return []
        await self._gather(self._begun + COMMIT_INTERVAL)
        self._begun = monotonic()
        return self._oldest()

    def done(self, records: list[Record]) -> None:
        """Remove these records, the oldest, after their commit."""
        for record in records:
            self._records.popleft()
            self.bytes -= size_of(record.content)

    async def _gather(self, until: float) -> None:
        """Wait for more records until that time, by `monotonic`, or until a commit is urgent or the queue is closed."""
        while (left := until - monotonic()) > 0 and not self._urgent.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._urgent.wait()
        if not self.closing.is_set():
            self._urgent.clear()

    def _oldest(self) -> list[Record]:
        oldest: list[Record] = []
        size = 0
        for record in self._records:
            own = size_of(record.content)
            if oldest and size + own > MAX_COMMITTED:
                break
            oldest.append(record)
            size += own
        return oldest
