"""The batches of one sink that are in flight or next, and its cursor behind them.

The cursor moves in a transaction, and only past what was acknowledged or went to the dead letters. The ends of the
batches in flight and of the next ones are stored with it, so that after a crash the same ones are sent again under the
same IDs; none is sent before its end is written. Ends of several are written ahead, and acknowledgements together, so
that a receiver need not wait for the journal between two batches: while one transaction is written, deliveries go on.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from time import monotonic
from typing import Any, Final, TypeVar

from nomad_tui.journal.cursor import Cursor, DeadLetter
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.log import Log
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.delivery.batching import Batch, Batches
from nomad_tui.sinks.delivery.grouping import Counted, counted_with, letters_of, total
from nomad_tui.sinks.delivery.progress import Progress
from nomad_tui.sinks.delivery.retrier import DeliveryRetrier
from nomad_tui.sinks.delivery.sink import Delivery, Sink
from nomad_tui.stream.tasks import end

log = Log("nomad_tui.sinks")

_T = TypeVar("_T")

MOST_AHEAD: Final = 16
"""Batches beyond those that may be under way: they are ready to be sent, or done while an earlier one is not."""
MOST_AHEAD_BYTES: Final = 4 * 1024 * 1024
"""Of the events of all these batches, beyond which no further one is made ready."""
LEAST_READY: Final = 8
"""Batches whose ends are in the journal and that wait to be sent; with fewer, the next ends are written at once."""
ACKNOWLEDGED_FOR: Final = 0.1
"""Seconds that acknowledgements may wait to be written together. A crash in between repeats these batches, which is no
more than those whose ends are written."""
AGAIN: Final = 1.0
"""Seconds until a transaction is tried again that could not be written."""
SAID_EVERY: Final = 60
"""Attempts to write, of which the first is logged."""

Moved = Callable[[Cursor, int], None]
"""Called with the cursor as it is written, and when the oldest event came that is under way (ns since 1970, 0 for
none)."""


class CursorMovedError(Exception):
    """Somebody else has set the cursor."""


@dataclass(slots=True, eq=False)
class _Waiting:
    batch: Batch
    marked: bool = False
    """Whether its end is in the journal."""
    task: "asyncio.Task[list[DeadLetter]] | None" = None
    """None until it is sent."""

    @property
    def is_done(self) -> bool:
        if self.task is None:
            return not self.batch.items
        return self.task.done() and not self.task.cancelled()


class InFlightWindow:
    """Delivers what comes after a cursor to a sink, one batch after the other or, if unordered, several at once."""

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
        """Everything beyond the cursor, in order: done, under way, then what is to be sent."""
        self._letters: list[DeadLetter] = []
        """Of what is done and not yet written."""
        self._counted: list[Counted] = []
        """The same, of events that groups only counted."""
        self._written = True
        """Whether the journal has all of this as it stands here."""
        self._unwritten_since = 0.0
        self._wake = asyncio.Event()
        """Set whenever something under way has ended."""
        self._leaving = asyncio.Event()

    async def run(self, changed: asyncio.Event) -> None:
        """Until `changed` is set. Raises `CursorMovedError` and `JournalError`."""
        asked = self._started(changed.wait())
        gathering: asyncio.Task[Batch] | None = None
        writing: asyncio.Task[None] | None = None
        timer: asyncio.TimerHandle | None = None
        loop = asyncio.get_running_loop()
        try:
            while not asked.done():
                self._wake.clear()
                if gathering is not None and gathering.done():
                    self._queue.append(_Waiting(gathering.result()))
                    self._note_unwritten()
                    gathering = None
                if writing is not None and writing.done():
                    writing.result()
                    writing = None
                self._pass_done()
                self._send()
                if not self._queue:
                    self._progress.idle()
                if gathering is None and self._wants_more():
                    gathering = self._started(self._batches.next())
                if writing is None and not self._written:
                    wait = 0.0 if self._is_urgent() else self._unwritten_since + ACKNOWLEDGED_FOR - monotonic()
                    if wait <= 0:
                        writing = self._started(self._write(*self._to_write()))
                    elif timer is None or timer.when() <= loop.time():
                        timer = loop.call_later(wait, self._wake.set)
                await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
            await self._leave(asked, gathering, writing)

    def _started(self, work: Coroutine[Any, Any, _T]) -> "asyncio.Task[_T]":
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._wake.set())
        return task

    def _note_unwritten(self) -> None:
        if self._written:
            self._written = False
            self._unwritten_since = monotonic()

    def _is_urgent(self) -> bool:
        """Whether a receiver may soon wait for what is to be written, or something was given up."""
        ready = 0
        for each in reversed(self._queue):
            if each.task is not None:
                break
            ready += each.marked
        has_unmarked = bool(self._queue) and not self._queue[-1].marked and bool(self._queue[-1].batch.items)
        return bool(self._letters) or (has_unmarked and ready < LEAST_READY)

    def _wants_more(self) -> bool:
        """What is not full yet may as well grow, in the journal, until it can be sent."""
        return (
            len(self._queue) < MOST_AHEAD + self._most
            and all(each.batch.full for each in self._queue if each.task is None)
            and sum(each.batch.size for each in self._queue) < MOST_AHEAD_BYTES
        )

    def _send(self) -> None:
        """Starts what may be under way now."""
        free = self._most - sum(each.task is not None and not each.task.done() for each in self._queue)
        for each in self._queue:
            if free <= 0 or not each.marked:
                return
            if each.task is None and each.batch.items:
                each.task = self._started(self._deliver(each.batch))
                free -= 1

    async def _deliver(self, batch: Batch) -> list[DeadLetter]:
        self._progress.started()
        return await self._retrier.deliver(Delivery(batch.id, batch.items, self._region))

    def _pass_done(self) -> None:
        """Takes what is done off the queue, from the first on."""
        while self._queue and self._queue[0].is_done:
            done = self._queue[0]
            letters = done.task.result() if done.task is not None else []
            self._queue.popleft()
            batch = done.batch
            counted = counted_with(letters, batch.items)
            self._letters += letters
            self._counted += counted
            self._progress.passed(total(batch.items) - _dead(letters, counted), batch.lost)
            end = batch.end
            self._cursor = replace(self._cursor, position=end.position, offset=end.offset, events=end.events)
            self._note_unwritten()

    def _to_write(self) -> tuple[Cursor, tuple[_Waiting, ...], list[DeadLetter], list[Counted]]:
        """What is acknowledged by now, the batches whose ends come next, and what was given up."""
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
        """Returns once it is in the journal. Raises `CursorMovedError`."""
        more = partial(letters_of, counted, self._definition.redact) if counted else None
        for attempt in count():
            try:
                if not await self._journal.advance(cursor, letters, more):
                    raise CursorMovedError
                break
            except JournalError as error:
                # What was acknowledged stays acknowledged: only what is marked is sent until that can be written down.
                if attempt % SAID_EVERY == 0:
                    log.error("cursor_cannot_be_written", sink=self._progress.sink, what=str(error))
                with suppress(TimeoutError):
                    async with asyncio.timeout(AGAIN):
                        await self._leaving.wait()
                if self._leaving.is_set():
                    raise
        if letters:
            self._progress.buried(_dead(letters, counted), letters[0].why)
        for each in queue:
            each.marked = True
        self._moved(cursor, next((each.batch.items[0].received for each in queue if each.batch.items), 0))

    async def _leave(
        self,
        asked: "asyncio.Task[Any]",
        gathering: "asyncio.Task[Batch] | None",
        writing: "asyncio.Task[None] | None",
    ) -> None:
        """Ends what is under way, and writes down what was acknowledged before."""
        self._leaving.set()
        tasks: list[asyncio.Task[Any]] = [each.task for each in self._queue if each.task is not None]
        await end(asked, gathering, *tasks)
        await self._batches.close()
        if writing is not None:
            (failed,) = await asyncio.gather(writing, return_exceptions=True)
            if failed is not None:
                return
        with suppress(Exception):  # of a batch that failed in a way nobody foresaw: `run` has raised it
            self._pass_done()
        if not self._written:
            with suppress(JournalError, CursorMovedError):
                await self._write(*self._to_write())


def _dead(letters: Sequence[DeadLetter], counted: Iterable[Counted]) -> int:
    return len(letters) + sum(each.events for each in counted)
