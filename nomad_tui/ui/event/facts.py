"""Facts about an event, label and value, flowed into as few lines as they fit in."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from textual.content import Content

from nomad_tui.core.describe import Summary
from nomad_tui.core.objects.parts import Part, Role
from nomad_tui.core.text import printable

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
