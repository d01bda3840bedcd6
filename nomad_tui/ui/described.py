"""What the inspector is told of a row of the list."""

from collections.abc import Iterable
from typing import Final

import orjson
from textual.content import Content

from nomad_tui.core.history import History
from nomad_tui.core.readable import byte_count
from nomad_tui.core.rows import EventRow, GapRow, row
from nomad_tui.core.sentence import Part, Role
from nomad_tui.core.text import printable
from nomad_tui.ui.inspector import InspectedEvent

_ROLE_STYLES: Final[dict[Role, str]] = {
    Role.PLAIN: "$foreground",
    Role.DIM: "$quiet",
    Role.OBJECT: "bold $foreground",
    Role.GOOD: "$success",
    Role.WARN: "$warning",
    Role.BAD: "$error",
}


def described(history: History, sequence: int) -> InspectedEvent:
    """A held row, whether it is an event or a gap."""
    found = row(history, sequence)
    if isinstance(found, GapRow):
        gap = found.gap
        return InspectedEvent(
            sequence=sequence,
            title="3 Gap",
            heading=(Content.styled("Events may be missing here", "bold $warning"), Content(gap.sentence)),
            facts=(),
            payload=orjson.dumps(
                {"Reason": gap.reason, "After": gap.after, "Before": gap.before, "AwaySeconds": round(gap.away, 1)}
            ),
        )
    event = history.event(sequence)
    return InspectedEvent(
        sequence=sequence,
        title=f"3 {event.topic} {event.key[:8] if len(event.key) == 36 else event.key}",
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
    )


def _heading(found: EventRow) -> Iterable[Content]:
    said = found.sentence
    place = [Content.styled(f"  on {said.place}", "$quiet")] if said.place else []
    yield Content("").join([*_contents(said.subject), *place])
    yield Content("").join(list(_contents(said.happened)))


def _contents(parts: Iterable[Part]) -> Iterable[Content]:
    return (Content.styled(printable(part.text), _ROLE_STYLES[part.role]) for part in parts)
