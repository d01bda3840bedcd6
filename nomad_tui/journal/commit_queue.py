"""Records that wait to be committed, and when the next commit begins."""

import asyncio
from collections import deque
from contextlib import suppress
from time import monotonic
from typing import Final

from nomad_tui.journal.record import Content, Record, events_in, size_of

MOST_COMMITTED: Final = 8 * 1024 * 1024
"""Bytes of one commit."""
GATHER: Final = 0.05
"""Seconds from the beginning of one commit to that of the next, while records come one by one: each commit costs a wait
for the disk and some CPU time, however small it is."""
GATHERED: Final = 1024 * 1024
"""Bytes that are committed at once."""


class CommitQueue:
    """Gives records their positions and keeps them, in order, until they are committed."""

    def __init__(self, end: int, events: int) -> None:
        """`end` is the position of the newest record in the journal, `events` how many were ever journaled."""
        self.end = end
        """Position of the newest record added."""
        self.bytes = 0
        """Of what waits and of what is being committed."""
        self.closing = asyncio.Event()
        """Set once nothing more is added."""
        self._records: deque[Record] = deque()
        self._events = events
        self._wake = asyncio.Event()
        self._urgent = asyncio.Event()
        """Set where the next commit should not wait for more."""
        self._begun = 0.0
        """When the last commit began, by `monotonic`."""

    def add(self, content: Content, received: int) -> None:
        """`received` is in ns since 1970."""
        self.end += 1
        self._records.append(Record(self.end, received, self._events, content))
        self._events += events_in(content)
        self.bytes += size_of(content)
        self._wake.set()
        if self.bytes >= GATHERED:
            self._urgent.set()

    def hurry(self) -> None:
        """What was added so far is committed next, without waiting for more."""
        self._urgent.set()

    def close(self) -> None:
        self.closing.set()
        self._wake.set()
        self._urgent.set()

    async def next(self) -> list[Record]:
        """What is committed next: the oldest records, once they have waited for more or are many.

        They stay in the queue until `done`. Empty once the queue is closed and nothing is left.
        """
        while not self._records and not self.closing.is_set():
            self._wake.clear()
            await self._wake.wait()
        if not self._records:
            return []
        await self._gather(self._begun + GATHER)
        self._begun = monotonic()
        return self._oldest()

    def done(self, records: list[Record]) -> None:
        """These, the oldest, are committed."""
        for record in records:
            self._records.popleft()
            self.bytes -= size_of(record.content)

    async def _gather(self, until: float) -> None:
        """Waits until then, by `monotonic`, or until much came or the queue is closed."""
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
            if oldest and size + own > MOST_COMMITTED:
                break
            oldest.append(record)
            size += own
        return oldest
