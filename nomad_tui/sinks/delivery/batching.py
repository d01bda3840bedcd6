"""Reads records from the journal and forms the batches of one sink, each acknowledged as a unit."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final, TypeAlias

from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.journal.cursor import Cursor, Loss
from nomad_tui.journal.errors import JournalError, shown
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.record import Record, events_in
from nomad_tui.journal.store import Store
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.delivery.grouping import Folding
from nomad_tui.sinks.delivery.selection import Selection
from nomad_tui.sinks.delivery.sink import Item

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of events in one batch. Only a single frame or event may be larger."""
READ_BYTES: Final = 1024 * 1024
REPLAYED: Final = 64
"""Records before the cursor to replay on start: identical events of one index are told apart by counting them."""
REPLAYED_FOR_FILTER: Final = 2_000
"""The same for a sink with a filter, which may compare an event with the previous one of its object."""
SKIP_INTERVAL: Final = 1.0
"""Seconds after which the cursor moves past records without a selected event."""
GRACE_PERIOD: Final = 0.2
"""Seconds that a batch may exceed `max_wait` while records that were already read can still fill it."""
TIME_SLICE: Final = 0.005
"""Seconds of work before control returns to the event loop."""
SELECTED_AT_ONCE: Final = 64
"""Records to select from before the batch is checked again."""

Place: TypeAlias = tuple[int, int]
"""The last record that is completely done, and how many events of the next one are done."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the journal up to which a sink is done."""

    position: int
    offset: int
    events: int
    """Events of the stream before this place."""

    @property
    def place(self) -> Place:
        return self.position, self.offset


@dataclass(frozen=True, slots=True)
class Batch:
    items: tuple[Item, ...]
    """Empty if the batch only moves the cursor past records without a selected event."""
    end: Mark
    lost: int = 0
    """Events that the journal dropped before they were read. If the sink reports gaps, an item says so."""
    id: str = ""
    size: int = 0
    """Bytes of its items."""
    full: bool = True
    """False if `max_wait` ended it."""


@dataclass(slots=True)
class _Part:
    """The selected events of one record, or the rest of them after a batch took some."""

    items: list[Item]
    end: Mark
    lost: int
    events_before: int
    size: int


class Batches:
    """The batches after a cursor, in order. Not for concurrent use."""

    def __init__(
        self,
        journal: Journal,
        definition: Definition,
        region: str,
        cursor: Cursor,
        *,
        read_bytes: int = READ_BYTES,
    ) -> None:
        """`read_bytes` is the size of one read from the journal."""
        self._journal = journal
        self._definition = definition
        self._selection = Selection(definition, region, journal.id, partial(journal.note_incident, definition.id))
        self._whole_frames = definition.keeps_frames
        self._cursor = cursor
        self._read_bytes = read_bytes
        journal.read_anew(definition.id)
        self._most = definition.together.max_events
        self._max_wait = definition.together.max_wait
        self._mark = Mark(cursor.position, cursor.offset, cursor.events)
        self._sending: deque[Place] = deque(cursor.sending)
        """Ends of the batches that were in flight when the sink last stopped: the same batches are formed again."""
        self._read_to: int | None = None
        self._ahead: asyncio.Task[list[Record]] | None = None
        """Reads the next records while the previous ones are delivered."""
        self._records: deque[Record] = deque()
        self._parts: deque[_Part] = deque()
        self._taken: list[Item] = []
        """Items of the batch being formed; the next attributes are of the same batch."""
        self._folding = Folding(definition) if definition.is_grouped else None
        """Replaces `_taken` in a sink that groups."""
        self._lost_events = 0
        self._end: Mark | None = None
        """None before anything was taken."""
        self._size = 0
        self._first_at = 0.0
        self._ended_at = monotonic()
        self._slice_began = monotonic()

    async def next(self) -> Batch:
        """Return the next batch once it is full or its first item has waited for `max_wait`. May be cancelled.

        Raises `JournalError`.
        """
        if self._read_to is None:
            await self._replay()
        while (batch := self.take()) is None:
            await self._wait()
        return batch

    def take(self) -> Batch | None:
        """Return the next batch if it can be formed without waiting, within `TIME_SLICE`; else None: call `next`.

        Most batches are formed here: a task for each would double the cost of a batch, as measured. Raises
        `JournalError`.
        """
        until = monotonic() + TIME_SLICE
        while self._read_to is not None:
            if (batch := self._batch()) is not None:
                return batch
            if not self._records:
                self._read_newest()
            patience = self._time_left()
            # Records already read may still fill the batch, and a batch that is formed again must end where it ended.
            is_due = patience <= -GRACE_PERIOD and not self._sending if self._records else patience <= 0
            if is_due and (batch := self._cut(full=False)) is not None:
                return batch
            if not self._records or self._records[0].position > self._mark.position + 1:
                return None
            self._select(self._most - self._count)
            if monotonic() > until:
                return None
        return None

    def _select(self, items: int) -> None:
        """Select from the next records, at least one, until there are `items` items or a record is missing."""
        records = self._records
        for _ in range(SELECTED_AT_ONCE):
            part = self._part_of(records.popleft())
            self._parts.append(part)
            items -= len(part.items)
            if items <= 0 or not records or records[0].position != self._mark.position + 1:
                return

    async def _wait(self) -> None:
        """Wait for whatever `take` needs next: a read from disk, new records, or other tasks of the event loop."""
        if self._records and (record := self._records[0]).position > self._mark.position + 1:
            self._parts.append(await self._lost(record))
            self._mark = self._parts[-1].end
            self._selection.lost_before(record)
        elif self._records or self._parts:
            await asyncio.sleep(0)
        elif (self._read_to or 0) < self._journal.end:
            await self._read()
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(self._time_left(), 0.001) if self._end is not None else None):
                    await self._journal.beyond(self._read_to or 0)

    async def _replay(self) -> None:
        """Pass the records before the cursor to the selection, which compares later events with them."""
        compares = self._definition.needs_earlier or not self._definition.filter.everything
        reach = REPLAYED_FOR_FILTER if compares else REPLAYED
        if self._selection.keeps_incidents:
            incidents = await self._journal.change(Store.open_incidents, self._definition.id, self._cursor.position)
            self._selection.recall(incidents)
        position = max(0, self._cursor.position - reach)
        while position < self._cursor.position:
            records = await self._journal.read(position, self._read_bytes)
            before = [record for record in records if record.position <= self._cursor.position]
            for record in before:
                self._selection.pass_by(record)
                await self._yield()
            if len(before) < len(records) or not before:
                break
            position = before[-1].position
        self._read_to = self._cursor.position

    async def close(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
        self._journal.read_anew(self._definition.id)

    async def _read(self) -> None:
        ahead = self._ahead or self._read_ahead()
        self._ahead = ahead  # kept if this is cancelled: the next call uses the result
        records = await asyncio.shield(ahead)
        self._ahead = None
        if records:
            self._records.extend(records)
            self._read_to = records[-1].position
            if self._read_to < self._journal.end:
                self._ahead = self._read_ahead()

    def _read_ahead(self) -> "asyncio.Task[list[Record]]":
        return asyncio.create_task(self._journal.read_on(self._definition.id, self._read_to or 0, self._read_bytes))

    def _read_newest(self) -> None:
        """Read the next records from memory, if they are there."""
        if self._ahead is None:
            records = self._journal.read_newest(self._definition.id, self._read_to or 0, self._read_bytes)
            if records:
                self._records.extend(records)
                self._read_to = records[-1].position

    async def _yield(self) -> None:
        if monotonic() - self._slice_began > TIME_SLICE:
            await asyncio.sleep(0)
            self._slice_began = monotonic()

    def _part_of(self, record: Record) -> _Part:
        """Select from the record after the mark, and advance the mark past it."""
        items = self._selection.items(record, self._mark.offset)
        self._mark = Mark(record.position, 0, record.events_before + events_in(record.content))
        return _Part(items, self._mark, 0, record.events_before, _size(items))

    async def _lost(self, record: Record) -> _Part:
        """Report the dropped records before `record`. Raises `JournalError` if the journal did not drop them."""
        # Other losses were read before they were dropped, or lie behind the mark.
        losses = [
            loss
            for loss in await self._journal.losses(self._definition.id)
            if loss.last_position > self._mark.position and loss.first_position < record.position
        ]
        if not losses and self._mark.position + 1 >= self._journal.first:
            raise JournalError(
                f"The journal {shown(self._journal.path)} lacks the records between {self._mark.position} and "
                f"{record.position}, which it has not dropped. They are read again."
            )
        end = Mark(record.position - 1, 0, record.events_before)
        lost = max(0, end.events - self._mark.events) if losses else 0
        items = []
        if self._definition.gaps:
            items = [
                Item(
                    loss.last_position,
                    0,
                    loss.last_index,
                    loss.at,
                    b"{}",
                    gap=Gap(
                        GapReason.JOURNAL,
                        max(0, loss.first_index - 1),
                        loss.last_index + 1,
                        0.0,
                        events=self._missing_at_least(loss),
                    ),
                    id=f"{self._journal.id}-{loss.last_position}-0",
                )
                for loss in losses
            ]
        return _Part(items, end, lost, record.events_before, 0)

    def _missing_at_least(self, loss: Loss) -> int:
        """Return how many selected events a loss cost at least: exact only for a sink that selects everything."""
        definition = self._definition
        selects_all = definition.filter.everything and definition.subscription.everything and not definition.namespaces
        return loss.events if selects_all else 0

    def _batch(self) -> Batch | None:
        """Return the batch being formed once it is full, or ends where the same batch ended before a restart."""
        most = self._most
        while self._parts:
            part = self._parts[0]
            is_too_large = self._count and part.items and self._size + part.size > MAX_BYTES
            if self._sending:
                if self._folding is None and is_too_large:  # formed while the sink still grouped
                    return self._cut()
                if self._take_until(part, self._sending[0]):
                    self._sending.popleft()
                    return self._cut()
                continue
            room = most - self._count
            if self._folding is not None and self._folding.is_full:
                return self._cut()
            if self._folding is None and is_too_large:
                return self._cut()
            if len(part.items) > room:
                if self._count and self._whole_frames:
                    return self._cut()
                if not self._whole_frames:
                    self._divide(part, room)
                    return self._cut()
            self._take(self._parts.popleft())
            if self._count >= most:
                return self._cut()
        return None

    def _take_until(self, part: _Part, place: Place) -> bool:
        """Take the items of a part up to `place`, and return whether the part reached it."""
        if part.end.place > place and not self._whole_frames:
            within = part.end.position == place[0] + 1
            self._divide(part, sum(item.offset < place[1] for item in part.items) if within else 0)
            return True
        self._take(self._parts.popleft())
        return part.end.place >= place

    def _divide(self, part: _Part, count: int) -> None:
        """Take the first `count` items of a part."""
        if not count:
            return
        items, part.items = part.items[:count], part.items[count:]
        done = items[-1].offset + 1
        end = Mark(part.end.position - 1, done, part.events_before + done)
        size = _size(items)
        part.size -= size
        self._take(_Part(items, end, 0, part.events_before, size))

    def _take(self, part: _Part) -> None:
        if part.items and not self._count:
            self._first_at = monotonic()
        if self._folding is not None:
            before = self._folding.size
            self._folding.add(part.items)
            part.size = self._folding.size - before
        else:
            self._taken += part.items
        self._lost_events += part.lost
        self._end = part.end
        self._size += part.size

    @property
    def _count(self) -> int:
        """Number of items in the batch being formed."""
        return self._folding.count if self._folding is not None else len(self._taken)

    def _time_left(self) -> float:
        """Seconds until the batch being formed is due; negative once it is overdue."""
        now = monotonic()
        if not self._count:
            return self._ended_at + SKIP_INTERVAL - now
        return self._first_at + self._max_wait - now

    def _cut(self, *, full: bool = True) -> Batch | None:
        """End the batch being formed; None if there is none."""
        if self._end is None:
            return None
        items = tuple(self._folding.take() if self._folding is not None else self._taken)
        batch = Batch(items, self._end, self._lost_events, delivery_id(items), self._size, full)
        self._taken, self._end = [], None
        self._size = self._lost_events = 0
        self._ended_at = monotonic()
        return batch


def _size(items: Sequence[Item]) -> int:
    return sum([item.size for item in items])


def delivery_id(items: Sequence[Item]) -> str:
    """Return the delivery ID of these items, the same for each attempt; "" for no items."""
    if len(items) < 2:
        return items[0].id if items else ""
    return f"{items[0].id}+{items[-1].id}"
