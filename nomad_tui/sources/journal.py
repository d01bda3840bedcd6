"""A journal as a source: what a runner wrote to it and, on request, what the runner continues to write.

Makes no requests to any server.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time_ns
from typing import Final, TypeVar

from nomad_tui.config.folders import file_identity
from nomad_tui.core.backoff import delays
from nomad_tui.core.readable import SECOND, duration
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL
from nomad_tui.core.updates import Connected, Ended, Gap, GapReason, Noted, Retrying, Update
from nomad_tui.core.wire import HEARTBEAT, Frame, Unreadable
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.reader import JournalReader, Overview
from nomad_tui.journal.record import Record
from nomad_tui.sources.source import Part
from nomad_tui.stream.start import START_TOLERANCE, Start, StartFilter

PAGE_BYTES: Final = 1024 * 1024
"""Size of a page."""

Result = TypeVar("Result")


class Pages:
    """Part of a journal, read page by page; created by `opened`."""

    def __init__(self, reader: JournalReader, part: Part, thread: ThreadPoolExecutor) -> None:
        """`thread` is the reader's thread; nothing else may use it meanwhile."""
        self._reader = reader
        self._part = part
        self._thread = thread
        self._file = file_identity(reader.path)
        self._position = 0
        """Records up to this position were read or skipped."""
        self._last_index = 0
        self._events_read = 0
        """Events counted by the journal up to `_position`; 0 before the first page."""
        self._beginning: StartFilter | None = None
        self._note = ""
        self.received = 0
        """When the last record read had been received, in ns since 1970."""

    async def begin(self) -> None:
        """Seeks to the start; await it before the first page."""
        await self._in_thread(self._begin)

    async def next(self) -> list[Update]:
        """The next page; empty at the end of the journal, which may grow later. Raises `JournalError`."""
        return await self._in_thread(self._next)

    async def changed(self) -> bool:
        """Whether the journal has been written to since the last call."""
        return await self._in_thread(self._reader.changed)

    async def overview(self) -> Overview | None:
        """The status of the runner and its sinks; None if the file was replaced since it was opened."""
        return await self._in_thread(self._overview)

    async def close(self) -> None:
        await self._in_thread(self._reader.close)

    async def _in_thread(self, function: Callable[[], Result]) -> Result:
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
            self._note = self._note_late_start(now, start.since) if position < first else ""
            if first <= position == reader.end:
                self._note = self._note_nothing_since(now, start.since)
        elif start.index:
            position = reader.seek(index=start.index)
            self._note = self._note_index_below_start(start.index) if position < first else ""
        newest = self._part.newest_events
        if newest is not None and (after := reader.seek(newest_events=newest)) > max(position, first - 1):
            position = after
            self._note = f"Only the newest {newest:,} events of the journal are shown (--max-events)."
        self._position = max(position, first - 1)

    def _note_late_start(self, now: int, since: int) -> str:
        oldest = next(iter(self._reader.read(0, 1)), None)
        if oldest is None or oldest.received - (now - since) <= START_TOLERANCE:
            return ""
        return (
            f"The journal begins {duration(max(0, now - oldest.received))} ago; the last "
            f"{duration(since)} were requested."
        )

    def _note_nothing_since(self, now: int, since: int) -> str:
        newest = next(iter(self._reader.read(self._reader.end - 1, 1)), None)
        if newest is None:
            return ""
        return (
            f"The journal has nothing from the last {duration(since)}: its newest record is "
            f"{duration(max(0, now - newest.received))} old. Raise --since, or check whether its runner runs "
            "(`nomad-tui sink status`)."
        )

    def _note_index_below_start(self, index: int) -> str:
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
                updates.append(self._retention_gap(records))
            for record in records:
                updates += self._updates_of(record)
            last = records[-1]
            self._position, self.received = last.position, last.received
            self._events_read = last.events_before + (
                len(last.content.events) if isinstance(last.content, Frame) else 0
            )
        return updates

    def _updates_of(self, record: Record) -> list[Frame] | list[Gap | Unreadable]:
        content = record.content
        if isinstance(content, Frame):
            self._last_index = content.index
            content.received = record.received
        wanted = self._part.of(content)
        if isinstance(wanted, Frame):
            if self._beginning is None:
                return [wanted]
            # Frames journaled from the server's buffer may have happened long before they were received.
            frames = self._beginning.wanted(wanted, wanted.fresh)
            if self._beginning.over:
                self._beginning = None
            return frames
        return [] if wanted is None else [wanted]

    def _retention_gap(self, records: list[Record]) -> Gap:
        indexes = (record.content.index for record in records if isinstance(record.content, Frame))
        part = self._part
        selects_all = part.namespace == ALL and part.subscription.everything
        lost = records[0].events_before - self._events_read if selects_all and self._events_read else 0
        return Gap(GapReason.DROPPED, self._last_index, next(indexes, self._last_index), 0.0, events=lost)

    def _overview(self) -> Overview | None:
        return self._reader.overview() if self._file == file_identity(self._reader.path) else None


@asynccontextmanager
async def opened(path: Path, part: Part) -> AsyncIterator[Pages]:
    """A journal's pages, positioned at the start. Raises `JournalError`."""
    with ThreadPoolExecutor(1, "journal") as thread:
        reader = await asyncio.get_running_loop().run_in_executor(thread, JournalReader, path)
        pages = Pages(reader, part, thread)
        try:
            await pages.begin()
            yield pages
        finally:
            await pages.close()


STREAM_LOST: Final = frozenset(("retrying", "refused"))
"""States of a runner's stream in which nothing is received, by the names of `stream.status.State`."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Intervals while following a journal, in seconds."""

    poll: float = 0.2
    """Between two checks for a commit; cheap, as they read one number from shared memory."""
    check: float = 2.0
    """Between two checks of the runner's status."""
    shortest_delay: float = 5.0
    """Between a runner's stop and the first check for a new one: it may only be restarting."""


class JournalSource:
    """A journal from a start to its end or, with `follow`, until the caller stops reading."""

    def __init__(
        self,
        path: Path,
        start: Start | None = None,
        *,
        subscription: Subscription | None = None,
        namespace: str = ALL,
        newest_events: int | None = None,
        follow: bool = False,
        pace: Pace | None = None,
    ) -> None:
        self.path = path
        self.part = Part(start or Start(), subscription or Subscription(), namespace, newest_events)
        self.follow = follow
        self._pace = pace or Pace()

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def files(self) -> tuple[Path, ...]:
        return (self.path,)

    @property
    def live(self) -> bool:
        return self.follow

    def scope(self, region: str | None) -> str:
        parts = [region, "journal"]
        if self.part.namespace != ALL:
            parts.append(f"namespace {self.part.namespace}")
        if not self.part.subscription.everything:
            parts.append(str(self.part.subscription))
        return " · ".join(part for part in parts if part)

    def check(self) -> None:
        """Raises `JournalError` if the file is missing or unreadable; called before the dashboard opens."""
        JournalReader(self.path).close()

    async def updates(self) -> AsyncGenerator[Update, None]:
        try:
            async with opened(self.path, self.part) as pages:
                overview = await pages.overview()
                runner = overview.runner if overview is not None else None
                region = (runner.region or None) if runner is not None else None
                yield Connected(self.name, region=region)
                while page := await pages.next():
                    for update in page:
                        yield update
                if self.follow:
                    async for update in self._follow(pages, region):
                        yield update
        except JournalError as error:
            yield Unreadable(f"reading the journal failed: {error}", b"", 0, cut=True)
            yield Ended("the journal cannot be read on", is_truncated=True)
        else:
            yield Ended("end of journal")

    async def _follow(self, pages: Pages, region: str | None) -> AsyncGenerator[Update, None]:
        """Records committed from now on, and the status of their writer; ends if the file is replaced."""
        attempt = losses = heard = 0
        waits = delays(self._pace.shortest_delay)
        check_at = next_attempt = 0.0
        while True:
            if await pages.changed():
                while page := await pages.next():
                    for update in page:
                        yield update
            if (now := monotonic()) >= check_at:
                check_at = now + self._pace.check
                overview = await pages.overview()
                if overview is None:
                    yield Noted(
                        f"The journal {printable(self.name, 60)} was moved or replaced. Open it again to read more."
                    )
                    return
                trouble = _trouble(overview)
                if trouble is None:
                    if attempt:
                        losses += 1
                        attempt, next_attempt, waits = 0, 0.0, delays(self._pace.shortest_delay)
                        yield Connected(self.name, region=region, reconnects=losses)
                    if overview.runner is not None and overview.runner.heard != heard:
                        heard = overview.runner.heard
                        yield HEARTBEAT
                elif now >= next_attempt:
                    attempt += 1
                    delay = next(waits)
                    next_attempt = now + delay
                    yield Retrying(*trouble, delay, attempt)
            await asyncio.sleep(self._pace.poll)


def _trouble(overview: Overview) -> tuple[str, str] | None:
    """Why no events can be received, and what to do; None if nothing is wrong."""
    runner = overview.runner
    if runner is None:
        return "This journal is still empty.", f"{_START} New events appear here."
    which = f"The runner on {printable(runner.host, 60)} (process {runner.pid})"
    if not overview.alive:
        ago = duration(max(0, (time_ns() - runner.heard) // SECOND * SECOND))
        return f"{which} no longer writes to this journal: last seen {ago} ago.", f"{_START} {_SHOWN}"
    if runner.journal_trouble:
        return f"{which} cannot write to this journal: {printable(runner.journal_trouble, 230)}", _SHOWN
    if runner.state in STREAM_LOST:
        return f"{which} is disconnected: {printable(runner.what, 230)}", _SHOWN
    return None


_START: Final = "Start nomad-tui sink run or nomad-tui record."
_SHOWN: Final = "New events appear here."
