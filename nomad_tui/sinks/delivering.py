"""One sink, from its cursor in the journal to its receiver, for as long as it is run.

The cursor moves in a transaction, and only past what was acknowledged or went to the dead letters. Where batches end
that are under way stands beside it, so that after a crash the same batches are sent again under the same IDs.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from time import monotonic, time_ns
from typing import Any, Final

import structlog

from nomad_tui.core.readable import SECOND
from nomad_tui.core.text import printable
from nomad_tui.journal.cursor import Cursor, Letter
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.status import SinkState, SinkStatus
from nomad_tui.sinks.batching import Batch, Batches, Mark
from nomad_tui.sinks.bringing import Bringing
from nomad_tui.sinks.definition import Begin, Definition
from nomad_tui.sinks.sink import Delivery, Sink, UndeliveredError

log = structlog.get_logger("nomad_tui.sinks")

JOURNAL_AGAIN: Final = 1.0
"""Seconds until the journal is tried again that could not be read or written."""
SAID_EVERY: Final = 60
"""Attempts to write to the journal, of which the first is logged."""
OPENED_AGAIN: Final = 30.0
"""Seconds until a sink is tried again that could not be opened."""
HOPELESS_FROM: Final = 2
"""Failed attempts in a row beyond which the end of the program does not wait for a receiver."""
LONGEST_ERROR: Final = 1_000
"""Characters."""
RATE_SECONDS: Final = 10
"""Over which the rate is taken."""

Open = Callable[[Definition], Awaitable[Sink]]
"""Raises ValueError, its text a sentence, where a definition cannot be used as things are."""


class _CursorMovedError(Exception):
    """Somebody else has set the cursor."""


@dataclass(slots=True, eq=False)
class _UnderWay:
    batch: Batch
    task: "asyncio.Task[list[Letter]] | None" = None
    """None until what is under way stands in the journal."""


@dataclass(slots=True)
class _Rate:
    counted: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, events: int) -> None:
        self.counted.append((monotonic(), events))

    def now(self) -> float:
        since = monotonic() - RATE_SECONDS
        while self.counted and self.counted[0][0] < since:
            self.counted.popleft()
        return sum(events for _, events in self.counted) / RATE_SECONDS


class Delivering:
    """`run` until it is cancelled."""

    def __init__(
        self, definition: Definition, journal: Journal, open_sink: Open, region: str, shown_address: str
    ) -> None:
        self.definition = definition
        self.status = SinkStatus(kind=definition.kind.value, address=shown_address)
        self._journal = journal
        self._open = open_sink
        self._region = region
        self._cursor: Cursor | None = None
        self._dropped = 0
        self._rate = _Rate()
        self._changed = asyncio.Event()
        """That the cursor in the journal is to be looked at anew."""
        self._unread_since = 0
        """When the oldest event came that the sink has not had, in ns since 1970; 0 while that is not known."""
        self._news = asyncio.Event()
        """That the cursor or the status has changed."""

    @property
    def id(self) -> str:
        return self.definition.id

    @property
    def lag_events(self) -> int:
        """Events of the stream that the sink has not had, whether it wants them or not."""
        return self._journal.events - self._cursor.events if self._cursor is not None else 0

    @property
    def lag_seconds(self) -> float:
        """How long ago the oldest of them came; 0 where there is none."""
        if not self.lag_events or not self._unread_since:
            return 0.0
        return max(0.0, (time_ns() - self._unread_since) / SECOND)

    @property
    def lost_events(self) -> int:
        """What the journal had to drop before the sink had it, whether the sink was told by now or not."""
        return self.status.lost + self._dropped

    async def caught_up(self) -> None:
        """Returns once everything in the journal is acknowledged, or nothing can be done about it for a while."""
        while not self._is_caught_up():
            self._news.clear()
            await self._news.wait()

    def _is_caught_up(self) -> bool:
        status = self.status
        if status.state in (SinkState.PAUSED, SinkState.BROKEN) or status.attempt > HOPELESS_FROM:
            return True
        return self._cursor is not None and self._cursor.position >= self._journal.end

    def look_again(self) -> None:
        """The cursor in the journal may have been set, or the sink paused or resumed, by another program."""
        self._changed.set()

    async def tick(self) -> None:
        """Brings rate and lag up to date; to be called about once a second. Raises `JournalError`."""
        self.status.rate = round(self._rate.now(), 1)
        if self.lag_events and not self._unread_since and self._cursor is not None:
            unread = await self._journal.read(self._cursor.position, 1)
            self._unread_since = unread[0].received if unread else 0

    async def look_at_losses(self) -> None:
        """To be called whenever the journal may have dropped something. Raises `JournalError`."""
        self._dropped = sum(loss.events for loss in await self._journal.losses(self.id))

    def is_at(self, cursor: Cursor) -> bool:
        """Whether it goes by the cursor that the journal holds; false once another program has set that."""
        own = self._cursor
        return own is None or (own.generation, own.paused) == (cursor.generation, cursor.paused)

    async def run(self) -> None:
        """Delivers until cancelled. Trouble is told in `status` and the log, and tried again."""
        while True:
            try:
                cursor = await self._own_cursor()
                if cursor.paused:
                    self.status.state = SinkState.PAUSED
                    self._news.set()
                    await self._changed.wait()
                    continue
                await self._deliver_from(cursor)
            except _CursorMovedError:
                continue
            except JournalError as error:
                log.error("sink_cannot_use_journal", sink=self.id, what=str(error))
                self._said_error(str(error))
                await asyncio.sleep(JOURNAL_AGAIN)
            except Exception as error:  # what nobody foresaw must not end a sink in silence
                log.exception("sink_failed_unexpectedly", sink=self.id)
                await self._broken(f"{type(error).__name__}: {error}")

    async def _own_cursor(self) -> Cursor:
        self._changed.clear()
        cursor = await register(self._journal, self.definition)
        if self._cursor is None:
            kept = cursor.status
            kept.kind, kept.address = self.status.kind, self.status.address
            self.status = kept
            self.status.attempt = self.status.next_attempt = 0
        self._cursor = cursor
        return cursor

    async def _deliver_from(self, cursor: Cursor) -> None:
        try:
            sink = await self._open(self.definition)
        except ValueError as error:
            if self.status.last_error != str(error):
                log.error("sink_cannot_be_opened", sink=self.id, what=str(error))
            await self._broken(str(error))
            return
        try:
            await _Window(self, self._journal, sink, self._region, cursor).run(self._changed)
        finally:
            await sink.close()

    async def _broken(self, what: str) -> None:
        """Returns when it is worth another try."""
        self._said_error(what)
        self.status.state = SinkState.BROKEN
        with suppress(TimeoutError):
            async with asyncio.timeout(OPENED_AGAIN):
                await self._changed.wait()

    # What the window tells

    def moved(self, cursor: Cursor, unread_since: int) -> None:
        self._cursor = cursor
        self._unread_since = unread_since
        self._news.set()

    def acknowledged(self, events: int, answer: str) -> None:
        status = self.status
        status.delivered += events
        status.last_acknowledged = time_ns()
        status.state = SinkState.DELIVERING
        status.attempt = status.next_attempt = 0
        status.last_error = ""
        if answer:
            status.last_answer = answer
        self._rate.add(events)

    def failed(self, error: UndeliveredError, attempt: int, delay: float) -> None:
        status = self.status
        self._said_error(error.what)
        if not delay:
            return  # divided or buried, which is said once for all of it
        status.state = SinkState.RETRYING
        status.retried += 1
        status.attempt = attempt
        status.next_attempt = time_ns() + int(delay * SECOND)
        if attempt in (1, 2, 5) or attempt % 20 == 0:
            log.warning(
                "sink_refused_or_failed", sink=self.id, what=error.what, attempt=attempt, again_in=round(delay, 1)
            )

    def buried(self, letters: list[Letter]) -> None:
        self.status.dead += len(letters)
        log.error("events_to_dead_letters", sink=self.id, events=len(letters), what=letters[0].why)

    def lost(self, events: int) -> None:
        self.status.lost += events
        self._dropped = max(0, self._dropped - events)
        log.error("events_lost", sink=self.id, events=events, what="the journal was full and had to drop them")

    def idle(self) -> None:
        if self.status.state is not SinkState.RETRYING:
            self.status.state = SinkState.IDLE

    def _said_error(self, what: str) -> None:
        self._news.set()
        self.status.last_error = printable(what, LONGEST_ERROR)
        self.status.last_error_at = time_ns()


async def register(journal: Journal, definition: Definition) -> Cursor:
    """The sink's cursor, or a new one where there is none. Raises `JournalError`."""
    if (known := (await journal.cursors()).get(definition.id)) is not None:
        return known
    position, events = journal.end, journal.events
    if definition.begin is Begin.OLDEST:
        position = journal.first - 1
        oldest = await journal.read(position, 1)
        events = oldest[0].events_before if oldest else events
    log.info("sink_registered", sink=definition.id, position=position)
    return await journal.register(definition.id, position, events)


class _Window:
    """The batches that are under way at once: one, or as many as an unordered sink may have."""

    def __init__(self, delivering: Delivering, journal: Journal, sink: Sink, region: str, cursor: Cursor) -> None:
        definition = delivering.definition
        self._delivering = delivering
        self._journal = journal
        self._region = region
        self._cursor = cursor
        self._batches = Batches(journal, definition, region, cursor)
        self._bringing = Bringing(definition, sink, delivering.acknowledged, delivering.failed)
        self._most = 1 if definition.ordered else definition.concurrency
        self._under_way: deque[_UnderWay] = deque()

    async def run(self, changed: asyncio.Event) -> None:
        """Until `changed` is set. Raises `_CursorMovedError` and `JournalError`."""
        delivering = self._delivering
        ready: Batch | None = None
        gathering = asyncio.create_task(self._batches.next())  # the next one, while others are under way
        asked = asyncio.create_task(changed.wait())
        try:
            while not asked.done():
                if ready is None and gathering.done():
                    ready = gathering.result()
                    gathering = asyncio.create_task(self._batches.next())
                first = self._under_way[0].task if self._under_way else None
                if first is not None and first.done():
                    # What is ready goes into the same transaction.
                    await self._acknowledge(ready)
                    ready = None
                elif ready is not None and len(self._under_way) < self._most:
                    await self._begin(ready)
                    ready = None
                else:
                    if first is None:
                        delivering.idle()
                    waited: set[asyncio.Task[Any]] = {asked} if ready is not None else {asked, gathering}
                    await asyncio.wait(
                        waited if first is None else waited | {first}, return_when=asyncio.FIRST_COMPLETED
                    )
        finally:
            tasks: list[asyncio.Task[Any]] = [each.task for each in self._under_way if each.task is not None]
            tasks += [asked, gathering]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._batches.close()

    async def _begin(self, batch: Batch) -> None:
        if batch.items or self._under_way:
            self._under_way.append(_UnderWay(batch))
            await self._write()
            self._start()
        else:
            self._cursor = _moved(self._cursor, batch.end)
            self._tell_lost(batch)
            await self._write()

    def _start(self) -> None:
        for each in self._under_way:
            if each.task is None:
                each.task = asyncio.create_task(self._bring(each.batch))

    async def _bring(self, batch: Batch) -> list[Letter]:
        if not batch.items:
            return []
        if self._delivering.status.state is SinkState.IDLE:
            self._delivering.status.state = SinkState.DELIVERING
        return await self._bringing.bring(Delivery(batch.id, batch.items, self._region))

    async def _acknowledge(self, following: Batch | None) -> None:
        """Moves the cursor past the batches that are done, from the first on."""
        letters: list[Letter] = []
        done: list[Batch] = []
        while self._under_way and (task := self._under_way[0].task) is not None and task.done():
            letters += task.result()
            done.append(self._under_way.popleft().batch)
        self._cursor = _moved(self._cursor, done[-1].end)
        if following is not None:
            self._under_way.append(_UnderWay(following))
        if letters:
            self._delivering.buried(letters)
        for batch in done:
            self._tell_lost(batch)
        await self._write(letters)
        self._start()

    def _tell_lost(self, batch: Batch) -> None:
        if batch.lost:
            self._delivering.lost(batch.lost)

    async def _write(self, letters: list[Letter] | None = None) -> None:
        sending = tuple(each.batch.end.place for each in self._under_way)
        cursor = replace(self._cursor, sending=sending, status=self._delivering.status)
        for attempt in count():
            try:
                if not await self._journal.advance(cursor, letters or ()):
                    raise _CursorMovedError
                break
            except JournalError as error:
                # What was acknowledged stays acknowledged: nothing else is sent until that can be written down.
                if attempt % SAID_EVERY == 0:
                    log.error("cursor_cannot_be_written", sink=self._delivering.id, what=str(error))
                await asyncio.sleep(JOURNAL_AGAIN)
        self._cursor = cursor
        since = self._under_way[0].batch.items[0].received if self._under_way and self._under_way[0].batch.items else 0
        self._delivering.moved(cursor, since)


def _moved(cursor: Cursor, end: Mark) -> Cursor:
    return replace(cursor, position=end.position, offset=end.offset, events=end.events)
