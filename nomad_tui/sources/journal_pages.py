"""A part of a journal, read a page at a time in a thread of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from time import time_ns
from typing import Final, TypeVar

from nomad_tui.core.readable import duration
from nomad_tui.core.topics import ALL
from nomad_tui.core.updates import Gap, GapReason, Noted, Update
from nomad_tui.core.wire import Frame, Unreadable
from nomad_tui.journal.reader import JournalReader, Overview
from nomad_tui.journal.record import Record
from nomad_tui.sources.source import Part
from nomad_tui.stream.start import SHORT, StartFilter

PAGE_BYTES: Final = 1024 * 1024
"""Read at once."""

Result = TypeVar("Result")


class Pages:
    """A part of a journal, page by page, from `opened`."""

    def __init__(self, reader: JournalReader, part: Part, thread: ThreadPoolExecutor) -> None:
        """`thread` is where the reader is used; nothing else may use it meanwhile."""
        self._reader = reader
        self._part = part
        self._thread = thread
        self._file = _identity(reader.path)
        self._position = 0
        """Everything up to this one was read, or is not wanted."""
        self._last_index = 0
        self._events_read = 0
        """Events that the journal had counted up to there; 0 before the first page."""
        self._beginning: StartFilter | None = None
        self._note = ""
        self.received = 0
        """When the last record read had come, in ns since 1970."""

    async def begin(self) -> None:
        """To be awaited before the first page."""
        await self._do(self._begin)

    async def next(self) -> list[Update]:
        """What follows; empty at the end of the journal, where more may follow later. Raises `JournalError`."""
        return await self._do(self._next)

    async def changed(self) -> bool:
        """Whether anybody has written to the journal since this was asked last."""
        return await self._do(self._reader.changed)

    async def overview(self) -> Overview | None:
        """How the runner and its sinks are; None if the file is not the journal any more that was opened."""
        return await self._do(self._overview)

    async def close(self) -> None:
        await self._do(self._reader.close)

    async def _do(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    # In the thread

    def _begin(self) -> None:
        reader, start, now = self._reader, self._part.start, time_ns()
        first = reader.first
        position = first - 1
        if start.live:
            position = reader.end
        elif start.since is not None:
            position = reader.seek(since=now - start.since)
            self._beginning = StartFilter(start, now)
            self._note = self._late(now, start.since) if position < first else ""
        elif start.index:
            position = reader.seek(index=start.index)
            self._note = self._above(start.index) if position < first else ""
        newest = self._part.newest_events
        if newest is not None and (after := reader.seek(newest_events=newest)) > max(position, first - 1):
            position = after
            self._note = f"Only the newest {newest:,} events of the journal are shown (--max-events)."
        self._position = max(position, first - 1)

    def _late(self, now: int, since: int) -> str:
        oldest = next(iter(self._reader.read(0, 1)), None)
        if oldest is None or oldest.received - (now - since) <= SHORT:
            return ""
        return (
            f"The journal begins {duration(max(0, now - oldest.received))} ago; the last "
            f"{duration(since)} were requested."
        )

    def _above(self, index: int) -> str:
        oldest = next((each.content for each in self._reader.read(0) if isinstance(each.content, Frame)), None)
        if oldest is None or oldest.index <= index:
            return ""
        return f"The journal begins at index {oldest.index:,}; events from {index:,} on were requested."

    def _next(self) -> list[Update]:
        updates: list[Update] = []
        while not updates:
            records = self._reader.read(self._position, PAGE_BYTES)
            if self._note:
                updates.append(Noted(self._note))
                self._note = ""
            if not records:
                if self._beginning is not None:
                    updates += self._beginning.left()
                break
            if records[0].position > self._position + 1:
                updates.append(self._vanished(records))
            for record in records:
                updates += self._of(record)
            last = records[-1]
            self._position, self.received = last.position, last.received
            self._events_read = last.events_before + (
                len(last.content.events) if isinstance(last.content, Frame) else 0
            )
        return updates

    def _of(self, record: Record) -> list[Frame] | list[Gap | Unreadable]:
        content = record.content
        if isinstance(content, Frame):
            self._last_index = content.index
            content.received = record.received
        wanted = self._part.of(content)
        if isinstance(wanted, Frame):
            if self._beginning is None:
                return [wanted]
            # What had waited in the server's buffer when it was journaled may have happened long before.
            frames = self._beginning.wanted(wanted, wanted.fresh)
            if self._beginning.over:
                self._beginning = None
            return frames
        return [] if wanted is None else [wanted]

    def _vanished(self, records: list[Record]) -> Gap:
        indexes = (record.content.index for record in records if isinstance(record.content, Frame))
        part = self._part
        selects_all = part.namespace == ALL and part.subscription.everything
        lost = records[0].events_before - self._events_read if selects_all and self._events_read else 0
        return Gap(GapReason.DROPPED, self._last_index, next(indexes, self._last_index), 0.0, events=lost)

    def _overview(self) -> Overview | None:
        return self._reader.overview() if self._file == _identity(self._reader.path) else None


def _identity(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@asynccontextmanager
async def opened(path: Path, part: Part) -> AsyncIterator[Pages]:
    """The pages of a journal, of which the first is next. Raises `JournalError`."""
    with ThreadPoolExecutor(1, "journal") as thread:
        reader = await asyncio.get_running_loop().run_in_executor(thread, JournalReader, path)
        pages = Pages(reader, part, thread)
        try:
            await pages.begin()
            yield pages
        finally:
            await pages.close()
