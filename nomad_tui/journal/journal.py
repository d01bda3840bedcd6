"""The journal in the one process that writes to it."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, Self, TypeAlias, TypeVar

from nomad_tui.core.wire import Frame
from nomad_tui.journal import retention
from nomad_tui.journal.commit_queue import CommitQueue
from nomad_tui.journal.cursor import Cursor, DeadLetter, Loss, joined
from nomad_tui.journal.errors import JournalError, closed, explained
from nomad_tui.journal.log import Log
from nomad_tui.journal.reader import Extent, JournalReader
from nomad_tui.journal.record import Content, Record, Tail, events_in, size_of
from nomad_tui.journal.retention import Dropped, Retention
from nomad_tui.journal.status import RunnerStatus, SinkStatus
from nomad_tui.journal.store import MoreLetters, Store

log = Log("nomad_tui.journal")

MAX_QUEUED: Final = 32 * 1024 * 1024
"""Uncommitted bytes beyond which reading the stream pauses."""
MIN_ROOM: Final = 4 * 1024 * 1024
"""Bytes of history to drop when the disk is full, if every sink is past them."""
RETRY: Final = 1.0
"""Seconds between attempts to write to a disk that is full or fails."""
TAIL_BYTES: Final = 16 * 1024 * 1024
"""Bytes of the newest records that stay in memory for sinks that keep up with the stream."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Journal:
    """Created by `open`. For one event loop; slow work runs in two threads, one that reads and one that writes.

    Every coroutine raises `JournalError` if the disk fails, unless documented otherwise.
    """

    def __init__(self, path: Path, keep: Retention, store: Store, thread: ThreadPoolExecutor) -> None:
        self.path = path
        self.retention = keep
        """May be replaced; the next `prune` uses it."""
        self.id = ""
        """Random, created with the file."""
        self.first = 1
        """Position of the oldest record held, or of the next one if the journal is empty."""
        self.end = 0
        """Position of the newest record that is committed; 0 before there was any."""
        self.events = 0
        """Events ever journaled."""
        self.bytes = 0
        """Size of the file, without unused space in its write-ahead log."""
        self.trouble = ""
        """Why the journal cannot be written now, printable; "" while it can."""
        self._is_full = False
        """Whether a full disk is the reason."""
        self._store = store
        """Used in the writing thread only."""
        self._writing = thread
        self._reading = ThreadPoolExecutor(1, "journal-reading")
        self._reader: JournalReader | None = None
        """Used in the reading thread only."""
        self._tail = Tail(0, TAIL_BYTES)
        self._queue = CommitQueue(0, 0)
        self._moved = asyncio.Event()
        """Set, and replaced by a new one, after each commit and when the journal is closed."""
        self._shut = False
        self._pruning = asyncio.Lock()
        self._notes: deque[tuple[str, str, int, bool]] = deque()
        """Changes of incidents, as arguments of `Store.note_incident`, until they are stored."""
        self._had: dict[str, int] = {}
        """Position up to which each sink has read records into memory."""
        self._dropping = asyncio.Lock()
        """Held while records are dropped, so that `_had` does not change meanwhile."""
        self._joined = 0
        """Position up to which small blocks have been joined."""
        self._committing: asyncio.Task[None] | None = None
        self._closed: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, path: Path, retention: Retention = Retention()) -> Self:  # noqa: B008 - frozen
        """Open the journal, creating the file and its folder if needed. Raises `JournalInUseError`."""
        thread = ThreadPoolExecutor(1, "journal-writing")
        opening = thread.submit(_opened, path)
        try:
            store, extent, journal_id, size = await asyncio.shield(asyncio.wrap_future(opening))
        except BaseException:
            thread.submit(_close_unwanted, opening)
            thread.shutdown(wait=False)
            raise
        journal = cls(path, retention, store, thread)
        journal.id, journal.bytes = journal_id, size
        journal.first, journal.end, journal.events = extent.first, extent.end, extent.events
        journal._queue = CommitQueue(extent.end, extent.events)
        journal._tail = Tail(extent.end, TAIL_BYTES)
        journal._committing = asyncio.create_task(journal._commit_all())
        return journal

    def add(self, content: Content, received: int) -> None:
        """Queue the content for the next commit. Does not wait. `received` is in ns since 1970."""
        if self._queue.closing.is_set():
            raise closed(self.path)
        self._queue.add(content, received)

    async def room(self) -> None:
        """Wait while more than `MAX_QUEUED` bytes are uncommitted. Await it before each read of the stream."""
        while self._queue.bytes > MAX_QUEUED and not self._queue.closing.is_set():
            await self._moved.wait()

    @property
    def uncommitted(self) -> int:
        """Number of records that were added but not committed yet."""
        return self._queue.end - self.end

    async def flushed(self) -> None:
        """Wait until everything added so far is committed."""
        self._queue.hurry()
        await self.beyond(self._queue.end - 1)

    async def beyond(self, position: int) -> None:
        """Wait until there is a record after that position. Raises `JournalError` once the journal is closed."""
        while self.end <= position:
            if self._shut:
                raise closed(self.path)
            await self._moved.wait()

    async def read(self, after: int, most_bytes: int = 1 << 20) -> list[Record]:
        """Return records after a position, in order; at least one if there is one.

        A position below `first` reads from `first` on.
        """
        after = max(after, self.first - 1)  # dropped records may still be in memory
        if (newest := self._tail.read(after, most_bytes)) is not None:
            self._refuse_closed()
            return newest
        return await self._read(JournalReader.read, after, most_bytes)

    async def read_on(self, sink: str, after: int, most_bytes: int) -> list[Record]:
        """Like `read`, for a sink: what it has read is not lost to it when it is dropped, until `read_anew`."""
        records = await self.read(after, most_bytes)
        async with self._dropping:
            records = [record for record in records if record.position >= self.first]
            if records:
                self._had[sink] = records[-1].position
        return records

    def read_newest(self, sink: str, after: int, most_bytes: int) -> list[Record] | None:
        """Like `read_on`, but from memory and without waiting; None if that is impossible, [] if there is no record."""
        self._refuse_closed()
        if self._dropping.locked():
            return None
        records = self._tail.read(max(after, self.first - 1), most_bytes)
        if records:
            self._had[sink] = records[-1].position
        return records

    def read_anew(self, sink: str) -> None:
        """Forget what the sink has read: it starts again from its cursor."""
        self._had.pop(sink, None)

    async def last_frames(self, frames: int, most_bytes: int) -> list[Frame]:
        """Return the newest frames, oldest first, but none from before the server's indexes last restarted."""
        return await self._read(JournalReader.last_frames, frames, most_bytes)

    async def seek(self, *, index: int | None = None, since: int | None = None) -> int:
        """Return the position before the first frame of that index or higher, or before the first record received at
        that time (ns since 1970) or later. With both, the later of the two; `end` if there is no such record."""
        return await self._read(JournalReader.seek, index=index, since=since)

    async def cursors(self) -> dict[str, Cursor]:
        return await self.change(Store.cursors)

    async def register(self, sink: str, position: int) -> Cursor:
        """Return the sink's cursor, or create one after that position."""
        return await self.change(Store.register, sink, position)

    async def forget(self, sink: str) -> None:
        """Delete a sink's cursor, status, losses and dead letters."""
        await self.change(Store.forget, sink)

    async def advance(
        self, cursor: Cursor, letters: Sequence[DeadLetter] = (), more: MoreLetters | None = None
    ) -> bool:
        """See `Store.advance`."""
        return await self.change(self._advance, cursor, letters, more)

    async def changes(self) -> bool:
        """Whether another process wrote since the last call: it may have paused or rewound a sink."""
        return await self.change(Store.changed)

    async def report(self, runner: RunnerStatus, sinks: Mapping[str, SinkStatus]) -> None:
        """Store the status for other processes to read. Errors are ignored: `trouble` has the reason."""
        with suppress(JournalError):
            await self.change(Store.report, runner, sinks)

    def note_incident(self, sink: str, name: str, position: int, is_open: bool) -> None:
        """See `Store.note_incident`. While it cannot be stored, no cursor moves, so a restart repeats it."""
        self._refuse_closed()
        self._notes.append((sink, name, position, is_open))
        self._writing.submit(self._write_notes).add_done_callback(_log_failure)

    async def losses(self, sink: str) -> list[Loss]:
        """Return what was dropped beyond the sink's cursor."""
        return await self.change(Store.losses, sink)

    async def letter_counts(self) -> dict[str, int]:
        """Return the number of dead letters of each sink that has any."""
        return await self.change(Store.letter_counts)

    async def prune(self) -> list[Loss]:
        """Drop what `retention` does not keep, and return what sinks lose by this call.

        Also joins small blocks and returns free space to the disk. Call it every few seconds. Failures are logged and
        retried by the next call.
        """
        lost: dict[str, Loss] = {}
        keep = self.retention
        async with self._pruning:
            try:
                await self._drop(lost, lambda store: retention.drop_old(store, keep.keep))
                await self._drop(lost, lambda store: retention.drop_beyond(store, keep.max_size, self._had))
                for sink, letters in (await self.change(retention.drop_letters, keep.max_size)).items():
                    log.error(
                        "dead_letters_dropped",
                        sink=sink,
                        letters=letters,
                        what="dead letters took more than a quarter of the journal's largest size",
                    )
                more = True
                while more:
                    self._joined, more = await self.change(retention.join, self._joined)
                while await self.change(retention.vacuum, keep.max_size):
                    pass
                self.bytes = await self.change(lambda store: store.bytes)
            except JournalError as error:
                log.warning("journal_not_pruned", why=str(error))
        return list(lost.values())

    async def close(self) -> None:
        """Commit what is queued, if that is possible now, and release the lock."""
        if self._closed is None:
            self._closed = asyncio.create_task(self._close())
        await asyncio.shield(self._closed)

    async def change(self, what: Callable[Concatenate[Store, _P], _T], /, *args: _P.args, **options: _P.kwargs) -> _T:
        """Call a method of the store, or a function that takes a store, in the writing thread."""
        self._refuse_closed()
        call = partial(what, self._store, *args, **options)
        return await asyncio.get_running_loop().run_in_executor(self._writing, call)

    async def _commit_all(self) -> None:
        while group := await self._queue.next():
            if not await self._commit(group):
                log.warning("journal_closed_unwritten", path=str(self.path), records=self.uncommitted)
                return
            self._tail.extend(group)
            newest = group[-1]
            self.end, self.events = newest.position, newest.events_before + events_in(newest.content)
            self._queue.done(group)
            self._tell()

    async def _commit(self, group: Sequence[Record]) -> bool:
        """Commit, retrying until it succeeds; False if the journal is closed before."""
        has_made_room = False
        while True:
            why = await self._attempt(group)
            if not why:
                if self.trouble:
                    log.info("journal_written_again", path=str(self.path))
                self.trouble = ""
                return True
            if not self.trouble:
                log.error("journal_not_written", path=str(self.path), why=why)
            self.trouble = why
            if self._is_full and not has_made_room:
                has_made_room = await self._make_room(group)
                if has_made_room:
                    continue
            if self._queue.closing.is_set():
                return False
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY):
                    await self._queue.closing.wait()

    async def _attempt(self, group: Sequence[Record]) -> str:
        """Try to commit the group, and return the reason of a failure; "" for success."""
        try:
            self.bytes = await self.change(Store.commit, group)
        except JournalError as error:
            self._is_full = error.is_full
            return str(error)
        except Exception as error:
            log.exception("journal_commit_failed", path=str(self.path))
            return str(explained(self.path, "written", error))
        return ""

    async def _make_room(self, group: Sequence[Record]) -> bool:
        """Drop the oldest records that every sink is past. Called once for consecutive failures."""
        wanted = max(MIN_ROOM, sum(size_of(record.content) for record in group))
        dropped = await self.change(retention.make_room, wanted)
        if dropped is not None:
            self.first = dropped.first
            log.warning("journal_dropped_read", path=str(self.path), first=dropped.first)
        return dropped is not None

    async def _drop(self, lost: dict[str, Loss], what: Callable[[Store], Dropped | None]) -> None:
        """Drop until nothing more has to be dropped, and add to `lost` what sinks lose."""
        while True:
            async with self._dropping:
                dropped = await self.change(what)
                if dropped is None:
                    return
                self.first = dropped.first
            for loss in dropped.losses:
                lost[loss.sink] = joined(lost[loss.sink], loss) if loss.sink in lost else loss

    async def _close(self) -> None:
        self._queue.close()
        try:
            if self._committing is not None:
                await asyncio.wait((self._committing,))
        finally:
            # Both are submitted before the first await, so they run even if this task is cancelled.
            reading = self._reading.submit(self._close_reading)
            writing = self._writing.submit(self._close_writing, reading)
            self._reading.shutdown(wait=False)
            self._writing.shutdown(wait=False)
            self._shut = True
            self._tell()
            await asyncio.shield(asyncio.wrap_future(writing))

    def _close_reading(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def _write_notes(self) -> None:
        """Store the changes of incidents, oldest first. Runs in the writing thread."""
        while self._notes:
            self._store.note_incident(*self._notes[0])
            self._notes.popleft()

    def _advance(self, store: Store, cursor: Cursor, letters: Sequence[DeadLetter], more: MoreLetters | None) -> bool:
        self._write_notes()  # a cursor past an incident that is not stored would lose it
        return store.advance(cursor, letters, more)

    def _close_writing(self, reading: Future[None]) -> None:
        reading.exception()  # the last connection to close must be the writer: only it may remove the write-ahead log
        self._store.close()

    def _tell(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def _read(
        self, what: Callable[Concatenate[JournalReader, _P], _T], /, *args: _P.args, **options: _P.kwargs
    ) -> _T:
        """Call a method of the reader in the reading thread, so that large reads do not delay commits."""

        def read() -> _T:
            if self._reader is None:
                self._reader = JournalReader(self.path)
            return what(self._reader, *args, **options)

        self._refuse_closed()
        return await asyncio.get_running_loop().run_in_executor(self._reading, read)

    def _refuse_closed(self) -> None:
        if self._shut:
            raise closed(self.path)


_Opened: TypeAlias = tuple[Store, Extent, str, int]
"""Store, extent, ID and size in bytes."""


def _opened(path: Path) -> _Opened:
    store = Store.own(path)
    try:
        return store, store.extent, store.id, store.bytes
    except BaseException:
        store.close()
        raise


def _close_unwanted(opening: Future[_Opened]) -> None:
    """Close a store that was opened after its caller was cancelled. Runs in the writing thread."""
    if opening.exception() is None:
        opening.result()[0].close()


def _log_failure(noting: "Future[None]") -> None:
    if not noting.cancelled() and (error := noting.exception()) is not None:
        log.warning("incident_not_stored", why=str(error))
