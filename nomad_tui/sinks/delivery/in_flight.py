"""The batches of one sink that are in flight or queued, and the cursor behind them.

The cursor moves in a transaction, and only past events that were acknowledged or became dead letters. The ends of the
batches in flight and of the queued ones are stored with it, so that after a crash the same batches are sent again with
the same IDs. No batch is sent before its end is stored. Ends are stored ahead of time, and acknowledgements together,
so that a receiver does not wait for the journal between two batches: deliveries continue during a transaction.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count, islice
from time import monotonic, time_ns
from typing import Any, Final, TypeVar

from nomad_tui.journal.cursor import Cursor, DeadLetter
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.log import Log
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.delivery.batching import TIME_SLICE, Batch, Batches, delivery_id
from nomad_tui.sinks.delivery.grouping import OLD, Counted, counted_with, is_old, letters_of, refolded, total
from nomad_tui.sinks.delivery.progress import Progress
from nomad_tui.sinks.delivery.retrier import DeliveryRetrier
from nomad_tui.sinks.delivery.sink import Delivery, Sink
from nomad_tui.stream.tasks import end

log = Log("nomad_tui.sinks")

_T = TypeVar("_T")

MAX_AHEAD: Final = 16
"""Batches beyond those that may be in flight: ready to send, or done before an earlier one is."""
MAX_AHEAD_BYTES: Final = 4 * 1024 * 1024
"""Bytes of the events in the queue beyond which no further batch is formed."""
MIN_READY: Final = 8
"""Batches that are ready to send, below which the ends of the next ones are stored at once."""
COMMIT_DELAY: Final = 0.1
"""Seconds that acknowledgements may wait to be committed together. After a crash in between these batches are sent
again; their number is limited by the stored ends."""
RETRY_DELAY: Final = 1.0
"""Seconds until a failed transaction is retried."""
MAX_DOUBLINGS: Final = 2
"""How often that delay is doubled if each attempt has to create many dead letters again: up to 4 s."""
LOGGED_ATTEMPTS: Final = 60
"""Of this many failed attempts, the first is logged."""

Moved = Callable[[Cursor, int], None]
"""Called with the stored cursor and the time at which the oldest undelivered event was received (ns since 1970, 0 for
none)."""


class CursorMovedError(Exception):
    """Another process moved the cursor."""


@dataclass(slots=True, eq=False)
class _Waiting:
    batch: Batch
    stored: bool = False
    """Whether its end is in the journal."""
    sent: bool = False
    """Whether its delivery has begun."""
    letters: list[DeadLetter] | None = None
    """The items that were finally refused; None until the delivery has ended."""

    @property
    def is_done(self) -> bool:
        return self.letters is not None or not self.batch.items


class InFlightWindow:
    """Delivers the records after a cursor to a sink: one batch after another or, if unordered, several concurrently."""

    def __init__(
        self,
        definition: Definition,
        journal: Journal,
        sink: Sink,
        region: str,
        cursor: Cursor,
        progress: Progress,
        moved: Moved,
    ) -> None:
        self._definition = definition
        self._journal = journal
        self._region = region
        self._cursor = cursor
        self._progress = progress
        self._moved = moved
        self._batches = Batches(journal, definition, region, cursor)
        self._retrier = DeliveryRetrier(definition, sink, progress.acknowledged, progress.failed)
        self._most = 1 if definition.ordered else definition.concurrency
        self._queue: deque[_Waiting] = deque()
        """The batches after the cursor, in order: done, in flight, ready, and not stored yet."""
        self._size = 0
        """Bytes of the items in the queue."""
        self._ready: deque[_Waiting] = deque()
        """Batches of the queue that are stored but not sent yet."""
        self._is_ready = asyncio.Event()
        """Set while there may be ready batches."""
        self._senders: list[asyncio.Task[None]] = []
        """Each sends one batch after another."""
        self._busy = 0
        """Senders with a delivery in flight."""
        self._letters: list[DeadLetter] = []
        """Dead letters that are not committed yet."""
        self._counted: list[Counted] = []
        """Events of them that their groups only counted."""
        self._written = True
        """Whether the journal holds the current state."""
        self._unwritten_since = 0.0
        self._write_timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        """Set whenever `run` has something to do."""
        self._leaving = asyncio.Event()

    async def run(self, changed: asyncio.Event) -> None:
        """Deliver until `changed` is set. Raises `CursorMovedError` and `JournalError`."""
        interrupted = self._started(changed.wait())
        gathering: asyncio.Task[Batch] | None = None
        writing: asyncio.Task[None] | None = None
        try:
            while not interrupted.done():
                self._wake.clear()
                if gathering is not None and gathering.done():
                    self._add(gathering.result())
                    gathering = None
                if writing is not None and writing.done():
                    writing.result()
                    writing = None
                for sender in self._senders:
                    if sender.done():
                        sender.result()
                if gathering is None:
                    gathering = self._gather()
                self._pass_done()
                if not self._queue:
                    self._progress.idle()
                if writing is None and self._is_to_be_written():
                    writing = self._started(self._write(*self._to_write()))
                await self._wake.wait()
        finally:
            if self._write_timer is not None:
                self._write_timer.cancel()
            await self._leave(interrupted, gathering, writing)

    def _started(self, work: Coroutine[Any, Any, _T]) -> "asyncio.Task[_T]":
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._wake.set())
        return task

    # Forming batches

    def _gather(self) -> "asyncio.Task[Batch] | None":
        """Queue the batches that need no waiting; if there is room for more, return a task that waits for the next."""
        until = monotonic() + TIME_SLICE
        while self._wants_more():
            batch = self._batches.take() if monotonic() < until else None
            if batch is None:
                return self._started(self._batches.next())
            self._add(batch)
        return None

    def _add(self, batch: Batch) -> None:
        self._queue.append(_Waiting(batch))
        self._size += batch.size
        self._note_unwritten()

    def _wants_more(self) -> bool:
        """Whether to form another batch: not behind one that is not full, as its successors can wait in the journal."""
        return (
            len(self._queue) < MAX_AHEAD + self._most
            and self._size < MAX_AHEAD_BYTES
            and (not self._queue or self._queue[-1].batch.full or self._queue[-1].sent)
        )

    # Sending

    async def _send(self) -> None:
        while True:
            if not self._ready:
                self._is_ready.clear()
                await self._is_ready.wait()
                continue
            each = self._ready.popleft()
            each.sent = True
            self._progress.started()
            self._busy += 1
            renew = partial(self._with_summary, each) if self._definition.max_age is not None else None
            each.letters = await self._retrier.deliver(Delivery(each.batch.id, each.batch.items, self._region), renew)
            self._busy -= 1
            self._pass_done()
            if self._letters or not self._queue or len(self._ready) < MIN_READY:
                self._wake.set()

    def _with_summary(self, each: _Waiting, left: Delivery) -> Delivery:
        """Replace the events of a batch, and of the next ready ones, that exceeded `max_age` while waiting by one
        summary."""
        now = time_ns()
        later: list[_Waiting] = []
        following = islice(self._queue, self._queue.index(each) + 1, None)
        while is_old(left.items[0], self._definition, now) and (after := next(following, None)) is not None:
            if not after.batch.items:
                later.append(after)  # only moves the cursor; sends nothing
            elif after in self._ready and is_old(after.batch.items[0], self._definition, now):
                later.append(after)
            else:
                break
        if not later and all(item.group == OLD or not is_old(item, self._definition, now) for item in left.items):
            return left
        for after in later:
            self._queue.remove(after)
            if after in self._ready:
                self._ready.remove(after)
        batches = [each.batch, *(after.batch for after in later)]
        waiting = chain(left.items, *(batch.items for batch in batches[1:]))
        items = refolded(waiting, self._definition)
        acknowledged = each.batch.items[: len(each.batch.items) - len(left.items)]
        each.batch = replace(
            each.batch,
            items=acknowledged + items,
            end=batches[-1].end,
            lost=sum(batch.lost for batch in batches),
            size=sum(item.size for item in items),
        )
        self._size += each.batch.size - sum(batch.size for batch in batches)
        self._wake.set()  # the queue has room again
        return replace(left, id=delivery_id(items), items=items)

    def _make_ready(self, queue: Iterable[_Waiting]) -> None:
        """Let the batches be sent whose ends are now stored."""
        for each in queue:
            if not each.stored:
                each.stored = True
                if each.batch.items:
                    self._ready.append(each)
        if self._ready and not self._leaving.is_set():
            self._is_ready.set()
            while len(self._senders) < min(self._most, self._busy + len(self._ready)):
                self._senders.append(self._started(self._send()))

    def _pass_done(self) -> None:
        """Remove the batches at the front of the queue that are done, and move the cursor past them."""
        while self._queue and self._queue[0].is_done:
            done = self._queue.popleft()
            batch = done.batch
            self._size -= batch.size
            dead = 0
            if letters := done.letters:
                counted = counted_with(letters, batch.items)
                self._letters += letters
                self._counted += counted
                dead = _dead(letters, counted)
            self._progress.passed(total(batch.items) - dead, batch.lost)
            end = batch.end
            self._cursor = replace(self._cursor, position=end.position, offset=end.offset, events=end.events)
            self._note_unwritten()

    # Writing

    def _note_unwritten(self) -> None:
        if self._written:
            self._written = False
            self._unwritten_since = monotonic()
            self._wake_later(COMMIT_DELAY)

    def _wake_later(self, seconds: float) -> None:
        if self._write_timer is None:
            self._write_timer = asyncio.get_running_loop().call_later(seconds, self._wake_to_write)

    def _wake_to_write(self) -> None:
        self._write_timer = None
        self._wake.set()

    def _is_to_be_written(self) -> bool:
        """Whether to commit now: few batches are ready, there are dead letters, or acknowledgements have waited for
        `COMMIT_DELAY`."""
        if self._written:
            return False
        last = self._queue[-1] if self._queue else None
        is_wanted = last is not None and not last.stored and bool(last.batch.items)
        if self._letters or (is_wanted and len(self._ready) < MIN_READY):
            return True
        wait = self._unwritten_since + COMMIT_DELAY - monotonic()
        if wait > 0:
            self._wake_later(wait)
        return wait <= 0

    def _to_write(self) -> tuple[Cursor, tuple[_Waiting, ...], list[DeadLetter], list[Counted]]:
        """The cursor after the acknowledged batches, the queue whose ends it stores, and the dead letters."""
        queue = tuple(self._queue)
        letters, self._letters = self._letters, []
        counted, self._counted = self._counted, []
        status = copy(self._progress.status)
        status.dead += _dead(letters, counted)
        cursor = replace(self._cursor, sending=tuple(each.batch.end.place for each in queue), status=status)
        self._written = True
        return cursor, queue, letters, counted

    async def _write(
        self, cursor: Cursor, queue: tuple[_Waiting, ...], letters: list[DeadLetter], counted: list[Counted]
    ) -> None:
        """Commit, and retry until that succeeds. Raises `CursorMovedError`."""
        more = partial(letters_of, counted, self._definition.redact) if counted else None
        for attempt in count():
            try:
                if not await self._journal.advance(cursor, letters, more):
                    raise CursorMovedError
                break
            except JournalError as error:
                # Acknowledgements are kept in memory; until the journal can be written, only stored batches are sent.
                if attempt % LOGGED_ATTEMPTS == 0:
                    log.error("cursor_cannot_be_written", sink=self._progress.sink, what=str(error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(
                        RETRY_DELAY * 2 ** min(attempt, MAX_DOUBLINGS if more is not None else 0)
                    ):
                        await self._leaving.wait()
                if self._leaving.is_set():
                    raise
        if letters:
            self._progress.buried(_dead(letters, counted), letters[0].why)
        self._make_ready(queue)
        self._moved(cursor, next((each.batch.items[0].received for each in queue if each.batch.items), 0))

    async def _leave(
        self,
        interrupted: "asyncio.Task[Any]",
        gathering: "asyncio.Task[Batch] | None",
        writing: "asyncio.Task[None] | None",
    ) -> None:
        """Cancel the deliveries in flight, and commit what was acknowledged."""
        self._leaving.set()
        await end(interrupted, gathering, *self._senders)
        await self._batches.close()
        if writing is not None:
            (failed,) = await asyncio.gather(writing, return_exceptions=True)
            if failed is not None:
                return
        with suppress(Exception):  # an unforeseen error of a batch, which `run` already raises
            self._pass_done()
        if not self._written:
            with suppress(JournalError, CursorMovedError):
                await self._write(*self._to_write())


def _dead(letters: Sequence[DeadLetter], counted: Iterable[Counted]) -> int:
    return len(letters) + sum(each.events for each in counted)
