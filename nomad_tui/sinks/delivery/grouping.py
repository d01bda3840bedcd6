"""Events of one window as groups that each become one message.

A group keeps its first events as they are, and of the others only where they are in the journal and what happened, so
that a storm needs little memory. They are read again where a receiver refuses the group for good.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from time import time_ns
from typing import Final

from nomad_tui.core.readable import SECOND
from nomad_tui.core.secrets import redact
from nomad_tui.core.wire import Frame
from nomad_tui.journal.cursor import DeadLetter
from nomad_tui.journal.journal import Journal
from nomad_tui.sinks.definition.definition import Definition, GroupBy
from nomad_tui.sinks.delivery.sink import Item, More

KEPT: Final = 20
"""Events of a group that are kept as they are."""
MOST_GROUPS: Final = 200
"""In one window; a window with more ends early."""
MOST_KINDS: Final = 50
"""Things that happened in a group that are counted one by one."""
OLD: Final = "\0old"
"""The group of everything that is older than `max_age`."""


def group_of(item: Item, definition: Definition, now: int) -> str:
    """What events of one message have in common; "" for an event that is a message of its own."""
    if definition.max_age is not None and item.received and now - item.received > definition.max_age * SECOND:
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
    """What a group counts: the topic and what happened, with the node where that is known."""
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
    """Bytes of what is kept."""
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
                kept.append(_grouped(item, name))
                self.size += len(item.text)
                continue
            last = kept[-1]
            if last.more is None:
                kept[-1] = last = _grouped(last, name, More())
            assert last.more is not None
            last.more.places.extend((item.position, item.offset))
            what = happened(item)
            last.more.counts[what if what in last.more.counts or len(last.more.counts) < MOST_KINDS else ""] += 1
            last.more.level = max(last.more.level, item.about.level if item.about is not None else 0)

    @property
    def is_full(self) -> bool:
        return len(self._groups) >= MOST_GROUPS

    def take(self) -> list[Item]:
        """All of it, group after group in the order in which each began."""
        items = [item for group in self._groups.values() for item in group]
        self.count = self.size = self._single = 0
        self._groups = {}
        return items


def _grouped(item: Item, name: str, more: More | None = None) -> Item:
    return Item(
        item.position,
        item.offset,
        item.index,
        item.received,
        item.text,
        item.event,
        item.gap,
        item.id,
        item.about,
        item.resolves,
        more,
        name,
    )


def groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The groups of a delivery, in order; what is in none is one of its own."""
    for name, group in groupby(items, lambda item: item.group):
        if name:
            yield list(group)
        else:
            yield from ([item] for item in group)


def total(items: Iterable[Item]) -> int:
    """The events of items, those that were only counted too."""
    return sum(1 + (len(item.more.places) // 2 if item.more is not None else 0) for item in items)


def counts(items: Iterable[Item]) -> Counter[str]:
    """How often each thing happened, by what `happened` gives; "" for what was not told apart."""
    found: Counter[str] = Counter()
    for item in items:
        found[happened(item)] += 1
        if item.more is not None:
            found.update(item.more.counts)
    return found


async def unfolded(
    letters: list[DeadLetter], items: Iterable[Item], journal: Journal, definition: Definition
) -> list[DeadLetter]:
    """Dead letters, with one for each event that was only counted in a group that was refused."""
    folded = {(item.position, item.offset): item.more.places for item in items if item.more is not None}
    found: list[DeadLetter] = []
    for letter in letters:
        found.append(letter)
        places = folded.get((letter.position, letter.offset), array("Q"))
        for at in range(0, len(places), 2):
            position, offset = places[at], places[at + 1]
            records = await journal.read(position - 1, 1)
            if not records or records[0].position != position or not isinstance(frame := records[0].content, Frame):
                continue
            event, text = frame.events[offset], frame.event_texts()[offset]
            found.append(
                replace(
                    letter,
                    position=position,
                    offset=offset,
                    index=frame.index,
                    topic=event.topic,
                    type=event.type,
                    key=event.key,
                    namespace=event.namespace,
                    received=records[0].received,
                    text=redact(text) if definition.redact else text,
                    event_id=f"{journal.id}-{position}-{offset}",
                    gap=False,
                )
            )
    return found
