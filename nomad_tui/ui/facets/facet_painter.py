"""Draws the rows of Facets."""

from collections.abc import Callable, Mapping
from typing import Final

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style

from nomad_tui.core.objects.parts import Role, status_role
from nomad_tui.core.readable import count
from nomad_tui.core.search.facets import Dimension
from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.ui.facets.refusals import need_note, places_note
from nomad_tui.ui.facets.sections import MAX_LISTED, Kind, Row, Section, TopicSection
from nomad_tui.ui.themes import glyph

TICKED: Final = "▣"
UNTICKED: Final = "□"
EXCLUDED: Final = "⊟"
PARTLY_TICKED: Final = "◧"
"""A ticked topic that the token may read in only some of the namespaces."""
REFUSED: Final = "✕"
OPEN: Final = "▾"
FOLDED: Final = "▸"
HARMS: Final = "harms servers"
"""The note of a topic that is not subscribed to for this reason."""
ONE_LINE: Final = 46
"""Minimum width in cells at which a topic and its note share a row."""

_LEVEL_STYLES: Final = {"failure": "bad", "warning": "warn"}
_STATUS_STYLES: Final = {Role.GOOD: "good", Role.WARN: "warn", Role.BAD: "bad"}


class FacetPainter:
    """`style` returns the style of a component."""

    def __init__(
        self, sections: Mapping[Dimension, Section], topics: TopicSection, style: Callable[[str], Style]
    ) -> None:
        self._sections = sections
        self._topics = topics
        self._style = style

    def state(self, row: Row) -> str:
        section = self._sections[row.dimension]
        is_topic = row.dimension is Dimension.TOPIC
        if row.value in section.excluded:
            return EXCLUDED
        if is_topic and row.value in self._topics.refused:
            return REFUSED
        ticked = row.value in section.ticked if section.ticked else is_topic
        if not ticked or row.value in self._topics.hidden:
            return UNTICKED
        return PARTLY_TICKED if is_topic and self._topics.refused_in(row.value) else TICKED

    def pieces(self, row: Row, width: int, *, counting: bool) -> list[Segment]:
        section = self._sections[row.dimension]
        match row.kind:
            case Kind.HEADING:
                fold = FOLDED if section.folded else OPEN
                number = len(section.ticked | section.excluded)
                chosen = f" {count(number)} chosen" if section.folded and number else ""
                return [
                    Segment(f"{fold} {section.title}", self._style("heading")),
                    Segment(chosen + (" …" if counting else ""), self._style("count")),
                ]
            case Kind.MORE:
                text = f"  … {count(section.more)} more"
                if section.unfolded:
                    listed = len(section.listed) >= MAX_LISTED and section.more
                    text = f"  … {count(section.more)} more: type" if listed else "  … fewer"
                elif row.dimension is Dimension.TOPIC:
                    text = f"  … {count(section.more)} with no events"
                    if len(text) > width:
                        text = f"  … {count(section.more)} no events"
                return [Segment(text, self._style("count"))]
            case Kind.REFUSED:
                folded = len(self._topics.refused_folded)
                return [Segment(f"  … {count(folded)} refused" if folded else "  … fewer", self._style("count"))]
            case Kind.NOTE:
                return [Segment(f"  {self._note(row.value, width - 2)}", self._style("note"))]
            case Kind.VALUE if self.state(row) == REFUSED:
                return self._refused_pieces(row.value, width)
            case Kind.VALUE:
                return self._value_pieces(row, section, width)

    def _note(self, topic: str, width: int) -> str:
        """What the token lacks for a topic, or why it is not subscribed to, in `width` cells."""
        if topic in self._topics.harmful:
            return HARMS if len(HARMS) <= width else printable("harms", width)
        namespaces = self._topics.refused_in(topic)
        return places_note(namespaces, width) if namespaces else need_note(topic, width)

    def _refused_pieces(self, topic: str, width: int) -> list[Segment]:
        section = self._topics
        listed = set(section.refused).difference(section.refused_folded)
        note = "refused" if section.notes_below else self._note(topic, width)
        if any(4 + len(each) + 1 + len(note) > width for each in listed):
            note = ""  # in no row, rather than in only some
        name_width = max(1, width - 4 - len(note))
        return [
            Segment(f"{REFUSED} ", self._style("refused")),
            Segment(f"{glyph(topic)} {set_cell_size(printable(topic, name_width), name_width)}", self._style("empty")),
            Segment(note, self._style("note")),
        ]

    def _value_pieces(self, row: Row, section: Section, width: int) -> list[Segment]:
        is_topic = row.dimension is Dimension.TOPIC
        state = self.state(row)
        matching = section.counts.get(row.value, 0)
        is_ticked = state in (TICKED, PARTLY_TICKED)
        lit = bool(matching) and (is_ticked or not (is_topic or section.ticked))
        number = count(matching) if matching else "·"
        if is_topic and not self._topics.notes_below and self._topics.lacks(row.value) is not None:
            number = f"{self._note(row.value, width // 2)}  {number}"
        name_width = max(1, width - len(number) - (5 if is_topic else 3))
        name = printable(row.value, name_width) if is_topic else shortened(row.value, name_width)
        tick = "tick" if is_ticked else "excluded" if state == EXCLUDED else "empty"
        name_style = "name" if is_topic else "value"
        if row.dimension is Dimension.STATUS:
            name_style = _STATUS_STYLES.get(status_role(row.value), "value")
        elif row.dimension is Dimension.LEVEL:
            name_style = _LEVEL_STYLES.get(row.value, "value")
        return [
            Segment(f"{state} ", self._style(tick)),
            *([Segment(f"{glyph(row.value)} ", self._style("topic" if lit else "empty"))] * is_topic),
            Segment(set_cell_size(name, name_width), self._style(name_style if lit else "empty")),
            Segment(f" {number}", self._style("count" if lit else "empty")),
        ]


def shortened(text: str, width: int) -> str:
    """The text truncated in the middle: names of types and jobs often differ only at their ends."""
    if len(text) <= width:
        return printable(text)
    end = (width - 1) // 2
    return printable(text[: width - 1 - end]) + ELLIPSIS + printable(text[len(text) - end :])
