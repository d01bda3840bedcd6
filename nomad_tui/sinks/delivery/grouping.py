"""Groups the events of one time window; each group becomes one message.

A group keeps its first events. Of the others it keeps only their positions in the journal and what happened, so that a
storm of events needs little memory. They are read again if a receiver finally refuses the group.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from time import time_ns
from typing import Final

import msgspec
from msgspec import structs

from nomad_tui.core.readable import SECOND
from nomad_tui.core.secrets import redact
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Event, Frame
from nomad_tui.journal.cursor import DeadLetter
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.definition import Definition, GroupBy
from nomad_tui.sinks.delivery.about import Known
from nomad_tui.sinks.delivery.sink import Item, More

KEPT: Final = 20
"""Events that a group keeps as items."""
MAX_GROUPS: Final = 200
"""Groups in one window; a window with more ends early."""
MAX_BYTES: Final = 32 * 1024 * 1024
"""Bytes of the events kept in one window; a window with more ends early."""
MAX_KINDS: Final = 50
"""Distinct kinds of events that a group counts separately."""
OLD: Final = "\0old"
"""The group of all events older than `max_age`."""
READ_BYTES: Final = 1024 * 1024
"""Bytes of the journal in one read, when refused events are read again."""


def is_old(item: Item, definition: Definition, now: int) -> bool:
    """Whether the item is older than `max_age`; `now` is in ns since 1970."""
    return definition.max_age is not None and 0 < item.received < now - definition.max_age * SECOND


def group_of(item: Item, definition: Definition, now: int) -> str:
    """Return the key of the item's group; "" if the event is a message of its own."""
    if is_old(item, definition, now):
        return OLD
    if definition.group_by is None:
        return ""
    about, event = item.about, item.event
    if about is None or event is None:
        return "gap"
    if definition.group_by is GroupBy.JOB and about.job:
        return f"job {event.namespace} {about.job}"
    if definition.group_by is not GroupBy.OBJECT and about.node:
        return f"node {about.node}"
    return f"{about.topic} {event.namespace} {event.key}"


def happened(item: Item) -> str:
    """Return what a group counts: the topic and what happened, with the node if it is known."""
    if item.about is None:
        return item.gap.sentence if item.gap is not None else ""
    about = item.about
    where = f" on {about.node}" if about.node and about.topic != "Node" else ""
    return f"{about.topic}\t{about.sentence.what}{where}"


@dataclass(slots=True)
class Folding:
    """The events of the window that is being collected."""

    definition: Definition
    count: int = 0
    size: int = 0
    """Bytes of the events kept."""
    _groups: dict[str, list[Item]] = field(default_factory=dict)
    _single: int = 0

    def add(self, items: Iterable[Item]) -> None:
        now = time_ns()
        for item in items:
            self.count += 1
            name = group_of(item, self.definition, now)
            if not name:
                self._single += 1
                name = f"\1{self._single:06}"
            kept = self._groups.setdefault(name, [])
            if len(kept) < KEPT:
                kept.append(_kept(item, name))
                self.size += item.size
                continue
            last = kept[-1]
            if last.more is None:
                kept[-1] = last = structs.replace(last, more=More())
            assert last.more is not None
            _count(last.more, item)

    @property
    def is_full(self) -> bool:
        return len(self._groups) >= MAX_GROUPS or self.size >= MAX_BYTES

    def take(self) -> list[Item]:
        """Remove and return all items, group by group, in the order in which the groups began."""
        items = [item for group in self._groups.values() for item in group]
        self.count = self.size = self._single = 0
        self._groups = {}
        return items


def _count(more: More, item: Item) -> None:
    """Add an item, and the events it summarizes, to the counts of a group."""
    more.places.extend((item.position, item.offset))
    counted = Counter({happened(item): 1})
    if item.more is not None:
        more.places.extend(item.more.places)
        counted += item.more.counts
    for what, number in counted.items():
        more.counts[what if what in more.counts or len(more.counts) < MAX_KINDS else ""] += number
    level = item.about.level if item.about is not None else 0
    more.level = max(more.level, level, item.more.level if item.more is not None else 0)


def _kept(item: Item, name: str) -> Item:
    """Return a copy of the item that does not reference its frame or the history, to free their memory."""
    event, about = item.event, item.about
    if event is not None:
        event = structs.replace(event, payload=event.payload.copy())
    known = Known.of(about) if about is not None else None
    return structs.replace(item, source=item.text, event=event, about=known, group=name)


def refolded(items: Iterable[Item], definition: Definition) -> tuple[Item, ...]:
    """Group waiting items again by their current age."""
    folding = Folding(definition)
    folding.add(items)
    return tuple(folding.take())


def groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield the groups of a delivery, in order; an item without a group is a group of its own."""
    for name, group in groupby(items, lambda item: item.group):
        if name:
            yield list(group)
        else:
            yield from ([item] for item in group)


def total(items: Iterable[Item]) -> int:
    """Return the number of events in the items, including those that are only counted."""
    return sum(1 + (len(item.more.places) // 2 if item.more is not None else 0) for item in items)


def counts(items: Iterable[Item]) -> Counter[str]:
    """Return how often each thing happened, by the result of `happened`; "" for events counted together."""
    found: Counter[str] = Counter()
    for item in items:
        found[happened(item)] += 1
        if item.more is not None:
            found.update(item.more.counts)
    return found


@dataclass(frozen=True, slots=True)
class Counted:
    """Events that a group only counted, refused together with one of its kept events."""

    letter: DeadLetter
    """Dead letter of that kept event."""
    places: "array[int]"
    """As in `More`."""

    @property
    def events(self) -> int:
        return len(self.places) // 2


def counted_with(letters: Iterable[DeadLetter], items: Iterable[Item]) -> list[Counted]:
    """Return the counted events that are refused together with the events of the letters."""
    places = {(item.position, item.offset): item.more.places for item in items if item.more is not None}
    if not places:
        return []
    found = [(letter, places.get((letter.position, letter.offset))) for letter in letters]
    return [Counted(letter, each) for letter, each in found if each is not None]


def letters_of(refused: Sequence[Counted], redacts: bool, journal: JournalReader) -> Iterator[DeadLetter]:
    """Yield a dead letter for each of these events, in stream order, with few in memory at a time.

    The letter of an event that the journal dropped is a gap.
    """
    letters = [each.letter for each in refused]
    wanted = sorted(
        (each.places[at], each.places[at + 1], number)
        for number, each in enumerate(refused)
        for at in range(0, len(each.places), 2)
    )
    journal_id = journal.id
    held: dict[int, Record] = {}
    read_to = 0
    for position, of_record in groupby(wanted, lambda place: place[0]):
        if position > read_to:
            records = journal.read(position - 1, READ_BYTES)
            held = {record.position: record for record in records}
            read_to = records[-1].position if records else position
        record = held.get(position)
        content = record.content if record is not None else None
        texts = content.event_texts() if isinstance(content, Frame) else []
        for _, offset, number in of_record:
            letter = replace(
                letters[number],
                position=position,
                offset=offset,
                received=record.received if record is not None else 0,
                event_id=f"{journal_id}-{position}-{offset}",
            )
            if isinstance(content, Frame) and offset < len(texts):
                yield _of_event(letter, content, content.events[offset], texts[offset], redacts)
            else:
                gap = content if isinstance(content, Gap) else Gap(GapReason.JOURNAL, letter.index, letter.index, 0.0)
                text = msgspec.json.encode(gap)
                yield replace(letter, topic="", type="", key="", namespace="", text=text, gap=True)


def _of_event(letter: DeadLetter, frame: Frame, event: Event, text: bytes, redacts: bool) -> DeadLetter:
    return replace(
        letter,
        index=frame.index,
        topic=event.topic,
        type=event.type,
        key=event.key,
        namespace=event.namespace,
        text=redact(text) if redacts else text,
        gap=False,
    )
