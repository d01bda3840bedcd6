"""What Event shows: an event as it is handed to the inspector, and the views of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from nomad_tui.core.objects.registry import Summary
from nomad_tui.core.readable import age, byte_count, count
from nomad_tui.core.text import printable

if TYPE_CHECKING:
    from nomad_tui.core.diagnosis import Diagnosis


LONGEST_FACT: Final = 200
"""Characters of one fact. A key can be 10,000 long and must not push the payload off the screen."""

_GAP: Final = 2
"""Cells between two facts of a line."""

_ROLE_STYLES: Final[dict[Role, str]] = {
    Role.PLAIN: "$foreground",
    Role.DIM: "$quiet",
    Role.OBJECT: "bold $foreground",
    Role.GOOD: "$success",
    Role.WARN: "$warning",
    Role.BAD: "$error",
}


class DrawnFact(msgspec.Struct, frozen=True):
    content: Content
    begins_line: bool = False


def contents(parts: Iterable[Part]) -> Iterable[Content]:
    """Parts of a sentence in the colors of their meaning."""
    return (Content.styled(printable(part.text), _ROLE_STYLES[part.role]) for part in parts)


def of_envelope(facts: Iterable[tuple[str, str]]) -> list[DrawnFact]:
    """Labels and untrusted values; a fact without a value is left out."""
    return [
        DrawnFact(Content.assemble((label, "$faint"), " ", (printable(value, LONGEST_FACT), "$quiet")))
        for label, value in facts
        if value
    ]


def of_summary(shown: Summary) -> list[DrawnFact]:
    return [
        DrawnFact(
            Content("").join([Content.styled(f"{fact.label} " if fact.label else "", "$faint"), *contents(fact.parts)]),
            fact.own_line,
        )
        for fact in shown.facts
    ]


def laid_out(facts: Sequence[DrawnFact], width: int) -> Content:
    """As many facts to a line as fit in `width` cells; a label is never separated from its value."""
    lines: list[list[Content]] = []
    left = 0
    for fact in facts:
        needed = fact.content.cell_length
        if lines and not fact.begins_line and needed + _GAP <= left:
            lines[-1].append(fact.content)
            left -= needed + _GAP
        else:
            lines.append([fact.content])
            left = width - needed
    return Content("\n").join([Content(" " * _GAP).join(line) for line in lines])


class EventView(StrEnum):
    """One of the four views of an event."""

    TREE = "tree"
    CHANGES = "changes"
    TIMELINE = "timeline"
    RAW = "raw"

    @property
    def is_searched(self) -> bool:
        """Whether it has a search line."""
        return self in (EventView.TREE, EventView.RAW)


class Before(msgspec.Struct, frozen=True):
    """What an event is compared with."""

    payload: bytes
    label: str
    """Which event that is, as a sentence; untrusted."""


def _no_name(_topic: str, _id: str) -> str:
    return ""


class InspectedEvent(msgspec.Struct, frozen=True):
    sequence: int
    """The event's number in the history."""
    title: str
    """Which object, such as `Allocation 3f2a91c4`; untrusted."""
    heading: tuple[Content, ...]
    """One to three lines that say what happened, made of text that is fit to be drawn."""
    facts: tuple[tuple[str, str], ...]
    """Label and value of what the envelope says, such as `("Type", "PlanResult")`; the values are untrusted,
    and a fact without one is left out."""
    payload: bytes
    """As the server sent it."""
    trouble: str | None = None
    """What was wrong with the event itself, or what a gap means, in a sentence or two; untrusted."""
    topic: str = ""
    """The released name; empty for a gap in the stream, which is no object."""
    key: str = ""
    before: Before | None = None
    """What it is compared with; None where the object's event before is not held."""
    happened: int | None = None
    """When it happened, in ns since 1970; ages in the summary are relative to it. None if it is unknown."""
    newest: Callable[[], str] = str
    """What the object has become since, as far as it is held; empty where its state is the same."""
    name: Callable[[str, str], str] = _no_name
    """The name of the object of a topic that has an ID, or ""."""
    diagnose: Callable[[], Diagnosis] | None = None
    """Begins to read what the events held prove of a failure."""


def described(history: History, names: Names, sequence: int, against: int | None = None) -> InspectedEvent:
    """A held row, whether it is an event or a gap; compared with the event `against` instead of the object's own
    event before, if that one is held."""
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
    """Which object an event is about, such as `Allocation 3f2a91c4`; untrusted."""
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
    ago = "" if earlier is None or now is None or now < earlier else f", {age(now - earlier).replace('ago', 'earlier')}"
    index = count(history.event(event.previous).index)
    return Before(history.payload(event.previous), f"Compared with its previous event: index {index}{ago}.")


def _heading(found: EventRow) -> Iterable[Content]:
    sentence = found.sentence
    place = [Content.styled(f"  on {sentence.place}", "$quiet")] if sentence.place else []
    yield Content("").join([*contents(sentence.subject), *place])
    yield Content("").join(list(contents(sentence.happened)))
