"""What a sink is to be sent next: records of the journal, as batches that each are acknowledged as one."""

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

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of the events of one batch, where it has more than one frame or event."""
READ_BYTES: Final = 1024 * 1024
SEEN_BEFORE: Final = 64
"""Records before the cursor that are looked at again: those of the same index tell events apart that are alike."""
SEEN_BEFORE_FILTER: Final = 2_000
"""The same for a filter, to which an object's previous event may matter."""
MOVE_ON_EVERY: Final = 1.0
"""Seconds after which the cursor moves past what the sink does not want."""
MOMENT: Final = 0.2
"""Seconds that a batch waits longer than it is to, while what has come is looked through for more."""
TURN: Final = 0.005
"""Seconds of work between two turns for everything else."""
AT_ONCE: Final = 64
"""Records that are looked through before the batch is looked at again."""

Place: TypeAlias = tuple[int, int]
"""A record that is done, and how many events of the next one are."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a sink has come."""

    position: int
    offset: int
    events: int
    """Of the stream, before it."""

    @property
    def place(self) -> Place:
        return self.position, self.offset


@dataclass(frozen=True, slots=True)
class Batch:
    items: tuple[Item, ...]
    """Empty where only the cursor is to move, past what the sink does not want."""
    end: Mark
    lost: int = 0
    """Events that the journal had dropped: the items tell of it where the sink wants that."""
    id: str = ""
    size: int = 0
    """Bytes of its items."""
    full: bool = True
    """False where it was ended because its first item had waited for long enough."""


@dataclass(slots=True)
class _Part:
    """What a record has for the sink, or what is left of that."""

    items: list[Item]
    end: Mark
    lost: int
    events_before: int
    size: int


class Batches:
    """From one cursor on. Must not be asked by two at once."""

    def __init__(
        self,
        journal: Journal,
        definition: Definition,
        region: str,
        cursor: Cursor,
        *,
        read_bytes: int = READ_BYTES,
    ) -> None:
        """`read_bytes`: how much of the journal is read at once."""
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
        """Where batches ended that had been under way when it was stopped: the same are made again."""
        self._read_to: int | None = None
        self._ahead: asyncio.Task[list[Record]] | None = None
        """What follows is read while what was read before is on its way."""
        self._records: deque[Record] = deque()
        self._parts: deque[_Part] = deque()
        self._taken: list[Item] = []
        """Of the batch that is being made, as are the next three."""
        self._folding = Folding(definition) if definition.is_grouped else None
        """In the place of `_taken`, for a sink that groups."""
        self._lost_events = 0
        self._end: Mark | None = None
        """None where nothing was taken."""
        self._size = 0
        self._first_at = 0.0
        self._moved_at = monotonic()
        self._turn = monotonic()

    async def next(self) -> Batch:
        """The next batch, as soon as it is full or its first item has waited for long enough. May be cancelled.

        Raises `JournalError`.
        """
        if self._read_to is None:
            await self._look_back()
        while (batch := self.take()) is None:
            await self._progress()
        return batch

    def take(self) -> Batch | None:
        """The next batch where it needs no waiting and little time; `next` goes on where it is None.

        (Most batches come this way: a task for each would cost as much as the batch, measured.) Raises `JournalError`.
        """
        until = monotonic() + TURN
        while self._read_to is not None:
            if (batch := self._batch()) is not None:
                return batch
            if not self._records:
                self._read_newest()
            patience = self._patience()
            # Records already read may hold more for the batch, and one that is made again ends where it had ended.
            is_due = patience <= -MOMENT and not self._sending if self._records else patience <= 0
            if is_due and (batch := self._cut(full=False)) is not None:
                return batch
            if not self._records or self._records[0].position > self._mark.position + 1:
                return None
            self._look_through(self._most - self._count)
            if monotonic() > until:
                return None
        return None

    def _look_through(self, items: int) -> None:
        """Selects from the next records until there are so many items or a record is missing; at least from one."""
        records = self._records
        for _ in range(AT_ONCE):
            part = self._of(records.popleft())
            self._parts.append(part)
            items -= len(part.items)
            if items <= 0 or not records or records[0].position != self._mark.position + 1:
                return

    async def _progress(self) -> None:
        """Waits for what `take` needs next: the disk, the stream, or a turn of the event loop."""
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
                async with asyncio.timeout(max(self._patience(), 0.001) if self._end is not None else None):
                    await self._journal.beyond(self._read_to or 0)

    async def _look_back(self) -> None:
        """Shows what lies before the cursor to the parts that compare later records with it."""
        compares = self._definition.needs_earlier or not self._definition.filter.everything
        reach = SEEN_BEFORE_FILTER if compares else SEEN_BEFORE
        if self._selection.keeps_incidents:
            incidents = await self._journal.change(Store.open_incidents, self._definition.id, self._cursor.position)
            self._selection.recall(incidents)
        position = max(0, self._cursor.position - reach)
        while position < self._cursor.position:
            records = await self._journal.read(position, self._read_bytes)
            before = [record for record in records if record.position <= self._cursor.position]
            for record in before:
                self._selection.pass_by(record)
                await self._give_way()
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
        ahead = self._ahead or self._read_on()
        self._ahead = ahead  # should this be cancelled, what is read counts the next time
        records = await asyncio.shield(ahead)
        self._ahead = None
        if records:
            self._records.extend(records)
            self._read_to = records[-1].position
            if self._read_to < self._journal.end:
                self._ahead = self._read_on()

    def _read_on(self) -> "asyncio.Task[list[Record]]":
        return asyncio.create_task(self._journal.read_on(self._definition.id, self._read_to or 0, self._read_bytes))

    def _read_newest(self) -> None:
        """Reads on without waiting, where that can be done."""
        if self._ahead is None:
            records = self._journal.read_newest(self._definition.id, self._read_to or 0, self._read_bytes)
            if records:
                self._records.extend(records)
                self._read_to = records[-1].position

    async def _give_way(self) -> None:
        if monotonic() - self._turn > TURN:
            await asyncio.sleep(0)
            self._turn = monotonic()

    def _of(self, record: Record) -> _Part:
        """What the record after the mark has for the sink."""
        items = self._selection.items(record, self._mark.offset)
        self._mark = Mark(record.position, 0, record.events_before + events_in(record.content))
        return _Part(items, self._mark, 0, record.events_before, _size(items))

    async def _lost(self, record: Record) -> _Part:
        """Says of records that the journal had to drop that they are missing."""
        # Others were read before they were dropped, or are behind what has been read since.
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
        """The journal counts what it dropped, of which a filter or a selection would have left some out."""
        definition = self._definition
        selects_all = definition.filter.everything and definition.subscription.everything and not definition.namespaces
        return loss.events if selects_all else 0

    def _batch(self) -> Batch | None:
        """The batch under way, once no more would fit or it ends where it had ended before."""
        most = self._most
        while self._parts:
            part = self._parts[0]
            is_too_large = self._count and part.items and self._size + part.size > MOST_BYTES
            if self._sending:
                if self._folding is None and is_too_large:  # it was made when the sink still grouped
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
        """Takes what of a part lies before the place; whether that was reached."""
        if part.end.place > place and not self._whole_frames:
            within = part.end.position == place[0] + 1
            self._divide(part, sum(item.offset < place[1] for item in part.items) if within else 0)
            return True
        self._take(self._parts.popleft())
        return part.end.place >= place

    def _divide(self, part: _Part, count: int) -> None:
        """Takes the first so many items of a part."""
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
        """Of the items that were taken."""
        return self._folding.count if self._folding is not None else len(self._taken)

    def _patience(self) -> float:
        """Seconds that what was taken may still wait."""
        now = monotonic()
        if not self._count:
            return self._moved_at + MOVE_ON_EVERY - now
        return self._first_at + self._max_wait - now

    def _cut(self, *, full: bool = True) -> Batch | None:
        """Ends the batch with what was taken."""
        if self._end is None:
            return None
        items = tuple(self._folding.take() if self._folding is not None else self._taken)
        batch = Batch(items, self._end, self._lost_events, delivery_id(items), self._size, full)
        self._taken, self._end = [], None
        self._size = self._lost_events = 0
        self._moved_at = monotonic()
        return batch


def _size(items: Sequence[Item]) -> int:
    return sum([item.size for item in items])


def delivery_id(items: Sequence[Item]) -> str:
    """Of these items together, the same each time; "" for none."""
    if len(items) < 2:
        return items[0].id if items else ""
    return f"{items[0].id}+{items[-1].id}"
