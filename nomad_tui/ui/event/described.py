"""What the inspector shows of a row of the list."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import orjson
from textual.content import Content

from nomad_tui.core.history.event_row import EventRow, GapRow, happened, newest_state, row
from nomad_tui.core.history.history import History
from nomad_tui.core.history.related import Names
from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.readable import age, byte_count, count
from nomad_tui.ui.event.facts import contents
from nomad_tui.ui.event.inspected import Before, InspectedEvent

if TYPE_CHECKING:
    from nomad_tui.core.diagnosis import Diagnosis


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
