"""Runs one sink from its cursor in the journal to its receiver: opens, pauses, rewinds and closes it.

`in_flight` delivers in between.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import time_ns
from typing import Final

from nomad_tui.core.readable import SECOND
from nomad_tui.journal.cursor import Cursor
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.log import Log
from nomad_tui.journal.status import SinkState, SinkStatus
from nomad_tui.sinks.definition.definition import Begin, Definition
from nomad_tui.sinks.delivery.in_flight import CursorMovedError, InFlightWindow
from nomad_tui.sinks.delivery.progress import Progress
from nomad_tui.sinks.delivery.retrier import DeliveryRetrier
from nomad_tui.sinks.delivery.sink import Delivery, Sink, UnavailableError

log = Log("nomad_tui.sinks")

JOURNAL_RETRY: Final = 1.0
"""Seconds until a failed read or write of the journal is retried."""
OPEN_RETRY: Final = 5.0
"""Seconds until a sink that could not be opened is opened again. Opening it contacts no receiver."""
FAILURE_RETRY: Final = 30.0
"""Seconds until a sink is restarted after an unforeseen error."""
MAX_FAILURES_AT_EXIT: Final = 2
"""Failed attempts in a row beyond which the end of the program does not wait for the receiver."""

Open = Callable[[Definition], Awaitable[Sink]]
"""Raises `ValueError` with a sentence if the definition cannot be used now."""


class SinkWorker:
    """Call `run`, and cancel it to stop the sink."""

    def __init__(
        self, definition: Definition, journal: Journal, open_sink: Open, region: str, shown_address: str
    ) -> None:
        self.definition = definition
        self._progress = Progress(definition.id, SinkStatus(kind=definition.kind.value, address=shown_address))
        self._journal = journal
        self._open = open_sink
        self.region = region
        self._sink: Sink | None = None
        """The sink while it is open."""
        self._cursor: Cursor | None = None
        self._changed = asyncio.Event()
        """Set when the cursor has to be read from the journal again."""
        self._unread_since = 0
        """When the oldest undelivered event was received, in ns since 1970; 0 while unknown."""

    @property
    def id(self) -> str:
        return self.definition.id

    @property
    def status(self) -> SinkStatus:
        return self._progress.status

    @property
    def failing_since(self) -> int:
        """Time of the first failed attempt since the last acknowledgement, in ns since 1970; 0 if there is none."""
        return self._progress.failing_since

    def forget_refusals(self) -> None:
        """Call if the sink waits for events and none of it is a dead letter any more: it does not fail then."""
        self._progress.failing_since = 0

    async def deliver_now(self, delivery: Delivery) -> None:
        """Make one attempt, bypassing the journal. Raises `UndeliveredError`, also if the sink is paused or broken."""
        if self._sink is None:
            raise UnavailableError(f"it is {self.status.state.value}")
        await DeliveryRetrier(self.definition, self._sink, lambda *_: None, lambda *_: None).once(delivery)

    @property
    def lag_events(self) -> int:
        """Events of the stream beyond the cursor, selected or not."""
        return self._journal.events - self._cursor.events if self._cursor is not None else 0

    @property
    def lag_seconds(self) -> float:
        """Seconds since the oldest of them was received; 0 if there is none."""
        if not self.lag_events or not self._unread_since:
            return 0.0
        return max(0.0, (time_ns() - self._unread_since) / SECOND)

    @property
    def lost_events(self) -> int:
        """Events that the journal dropped before they were delivered, reported to the sink or not."""
        return self.status.lost + self._progress.dropped

    async def caught_up(self) -> None:
        """Wait until everything in the journal is acknowledged, or the sink is paused or keeps failing."""
        while not self._is_caught_up():
            self._progress.news.clear()
            await self._progress.news.wait()

    def _is_caught_up(self) -> bool:
        status = self.status
        if status.state in (SinkState.PAUSED, SinkState.BROKEN) or status.attempt > MAX_FAILURES_AT_EXIT:
            return True
        return self._cursor is not None and self._cursor.position >= self._journal.end

    def reread_cursor(self) -> None:
        """Read the cursor again: another process may have moved it, or paused or resumed the sink."""
        self._changed.set()

    async def tick(self) -> None:
        """Update rate and lag. Call it about once a second. Raises `JournalError`."""
        self._progress.tick()
        if self.lag_events and not self._unread_since and self._cursor is not None:
            unread = await self._journal.read(self._cursor.position, 1)
            self._unread_since = unread[0].received if unread else 0

    async def count_losses(self) -> None:
        """Count the dropped events. Call it whenever the journal may have dropped records. Raises `JournalError`."""
        self._progress.dropped = sum(loss.events for loss in await self._journal.losses(self.id))

    def is_at(self, cursor: Cursor) -> bool:
        """Whether the worker uses this cursor of the journal; false once another process changed it."""
        own = self._cursor
        return own is None or (own.generation, own.paused) == (cursor.generation, cursor.paused)

    async def run(self) -> None:
        """Deliver until cancelled. Errors are logged, shown in `status`, and retried."""
        while True:
            try:
                cursor = await self._own_cursor()
                if cursor.paused:
                    self._progress.paused()
                    await self._changed.wait()
                    continue
                await self._deliver_from(cursor)
            except CursorMovedError:
                continue
            except JournalError as error:
                log.error("sink_cannot_use_journal", sink=self.id, what=str(error))
                self._progress.note_error(str(error))
                await asyncio.sleep(JOURNAL_RETRY)
            except Exception as error:  # an unforeseen error must not end a sink silently
                log.exception("sink_failed_unexpectedly", sink=self.id)
                await self._broken(f"{type(error).__name__}: {error}", FAILURE_RETRY)

    async def _own_cursor(self) -> Cursor:
        self._changed.clear()
        cursor = await register(self._journal, self.definition)
        if self._cursor is None:
            self._progress.take_on(cursor.status)
        self._progress.count_from(cursor.status)
        self._cursor = cursor
        self._progress.news.set()  # it may be caught up already
        return cursor

    async def _deliver_from(self, cursor: Cursor) -> None:
        try:
            sink = await self._open(self.definition)
        except ValueError as error:
            if self.status.last_error != str(error):
                log.error("sink_cannot_be_opened", sink=self.id, what=str(error))
            await self._broken(str(error), OPEN_RETRY)
            return
        self._sink = sink
        try:
            window = InFlightWindow(
                self.definition, self._journal, sink, self.region, cursor, self._progress, self._moved
            )
            await window.run(self._changed)
        finally:
            self._sink = None
            await sink.close()

    async def _broken(self, what: str, retry: float) -> None:
        """Show the error, and wait until the sink should be opened again: at most `retry` seconds."""
        self._progress.broken(what)
        with suppress(TimeoutError):
            async with asyncio.timeout(retry):
                await self._changed.wait()

    def _moved(self, cursor: Cursor, unread_since: int) -> None:
        self._cursor = cursor
        self._unread_since = unread_since
        self._progress.news.set()


async def register(journal: Journal, definition: Definition) -> Cursor:
    """Return the sink's cursor, creating it if there is none. Raises `JournalError`."""
    if (known := (await journal.cursors()).get(definition.id)) is not None:
        return known
    position = journal.first - 1 if definition.begin is Begin.OLDEST else journal.end
    log.info("sink_registered", sink=definition.id, position=position)
    return await journal.register(definition.id, position)
