"""The data that the inspector shows of an event, and the names of its views."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
import orjson
from textual.content import Content

from nomad_tui.core.history.event_row import EventRow, GapRow, happened, newest_state, row
from nomad_tui.core.history.history import History
from nomad_tui.core.history.related import Names
from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.objects.parts import Part, Role
from nomad_tui.core.readable import age, byte_count, count
from nomad_tui.core.text import printable

if TYPE_CHECKING:
    from nomad_tui.core.diagnosis import Diagnosis


_ROLE_STYLES: Final[dict[Role, str]] = {
    Role.PLAIN: "$foreground",
    Role.DIM: "$quiet",
    Role.OBJECT: "bold $foreground",
    Role.GOOD: "$success",
    Role.WARN: "$warning",
    Role.BAD: "$error",
}


def contents(parts: Iterable[Part]) -> Iterable[Content]:
    """The parts of a sentence, colored by their role."""
    return (Content.styled(printable(part.text), _ROLE_STYLES[part.role]) for part in parts)


class EventView(StrEnum):
    """The views of an event."""

    TREE = "tree"
    CHANGES = "changes"
    TIMELINE = "timeline"
    RAW = "raw"

    @property
    def is_searched(self) -> bool:
        """Whether it has a search line."""
        return self in (EventView.TREE, EventView.RAW)


class Before(msgspec.Struct, frozen=True):
    """The event that another one is compared with."""

    payload: bytes
    label: str
    """A sentence that describes it; untrusted."""


def _no_name(_topic: str, _id: str) -> str:
    return ""


class InspectedEvent(msgspec.Struct, frozen=True):
    sequence: int
    """The event's sequence number in the history."""
    title: str
    """The object, such as `Allocation 3f2a91c4`; untrusted."""
    heading: tuple[Content, ...]
    """One to three lines that describe what happened; safe to display."""
    facts: tuple[tuple[str, str], ...]
    """Labels and values of the envelope, such as `("Type", "PlanResult")`; the values are untrusted, and those that are
    empty are not shown."""
    payload: bytes
    """As the server sent it."""
    trouble: str | None = None
    """What was wrong with the event itself, or what a gap means, in one or two sentences; untrusted."""
    topic: str = ""
    """The topic's name as in Nomad's releases; empty for a gap."""
    key: str = ""
    before: Before | None = None
    """The event to compare with; None if the object's previous event is not in memory."""
    happened: int | None = None
    """When it happened, in ns since 1970, or None if unknown; ages in the summary are relative to it."""
    newest: Callable[[], str] = str
    """Returns the object's newest state in memory; empty if it has not changed since."""
    name: Callable[[str, str], str] = _no_name
    """Returns the name of an object by topic and ID, or ""."""
    diagnose: Callable[[], Diagnosis] | None = None
    """Starts the diagnosis of a failure from the events in memory."""


def described(history: History, names: Names, sequence: int, against: int | None = None) -> InspectedEvent:
    """The data of an event or gap in memory, compared with the event `against` if that is in memory, otherwise with the
    object's previous event."""
    found = row(history, sequence)
    if isinstance(found, GapRow):
        gap = found.gap
        return InspectedEvent(
            sequence=sequence,
            title="3 Gap",
            heading=(
                Content.styled("Events may be missing here", "bold $warning"),
                Content(gap.missing),
            ),
            facts=(),
            payload=orjson.dumps(gap.record()),
            trouble=f"{gap.cause[0].upper()}{gap.cause[1:]}. {gap.remedy}",
        )
    event = history.event(sequence)
    return InspectedEvent(
        sequence=sequence,
        title=f"3 {object_title(event)}",
        heading=tuple(_heading(found)),
        facts=(
            ("Type", event.type),
            ("Index", str(event.index)),
            ("Namespace", event.namespace),
            ("Size", byte_count(len(event.payload))),
            ("Key", event.key),
            ("FilterKeys", ", ".join(key for key in event.filter_keys or () if key)),
        ),
        payload=event.payload,
        trouble=event.frame.repaired,
        topic=event.topic,
        key=event.key,
        before=_before(history, event, against),
        happened=found.when()[0],
        newest=partial(newest_state, history, sequence),
        diagnose=partial(_diagnose, history, sequence),
        name=partial(_name, names, event.namespace),
    )


def object_title(event: HeldEvent) -> str:
    """The object of an event, such as `Allocation 3f2a91c4`; untrusted."""
    return f"{event.topic} {event.key[:8] if len(event.key) == 36 else event.key}"


def _diagnose(history: History, sequence: int) -> Diagnosis:
    from nomad_tui.core.diagnosis import Diagnosis

    return Diagnosis(history, sequence)


def _name(names: Names, namespace: str, topic: str, key: str) -> str:
    return names.name(topic, key, namespace)


def _before(history: History, event: HeldEvent, against: int | None) -> Before | None:
    if against is not None and against >= history.first and history.gap(against) is None:
        other = history.event(against)
        return Before(other.payload, f"Compared with {object_title(other)}, index {count(other.index)} (marked).")
    if event.previous is None:
        return None
    earlier, now = happened(history, event.previous), happened(history, event.sequence)
    ago = ""
    if earlier is not None and now is not None and now >= earlier:
        lasted = age(now - earlier).removesuffix(" ago")
        ago = f", {'less than 1 s' if lasted == 'now' else lasted} earlier"
    index = count(history.event(event.previous).index)
    return Before(history.payload(event.previous), f"Compared with its previous event: index {index}{ago}.")


def _heading(found: EventRow) -> Iterable[Content]:
    sentence = found.sentence
    place = [Content.styled(f"  on {sentence.place}", "$quiet")] if sentence.place else []
    yield Content("").join([*contents(sentence.subject), *place])
    yield Content("").join(list(contents(sentence.happened)))
