"""The rows of Facets: what the sections list, and how it is drawn."""

from collections.abc import Callable, Collection, Iterator, Mapping
from time import perf_counter
from typing import ClassVar, Final

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip

from nomad_tui.core.permissions import Permissions
from nomad_tui.core.readable import count
from nomad_tui.core.search.facets import Dimension
from nomad_tui.core.sentence import Role, status_role
from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.ui.facets.refusals import need_note, places_note
from nomad_tui.ui.facets.sections import MANY, TITLES, Kind, Row, Section, TopicSection
from nomad_tui.ui.line_view import LineView
from nomad_tui.ui.themes import glyph, ink

TICKED: Final = "▣"
UNTICKED: Final = "□"
EXCLUDED: Final = "⊟"
TICKED_IN_PART: Final = "◧"
"""A topic that is ticked and that the token may read in some of the namespaces only."""
REFUSED: Final = "✕"
OPEN: Final = "▾"
FOLDED: Final = "▸"
HARMS: Final = "harms the servers"
"""The note of a topic that is not subscribed to, because reading it can do so."""
ONE_LINE: Final = 46
"""Cells from which on a topic and what the token lacks for it stand in one row."""
RANK_SLICE: Final = 0.002
"""Seconds a look may take to choose which values are listed."""
RANK_EVERY: Final = 1.0
"""Seconds between two such choices: rows that change places more often cannot be read."""

_LEVEL_STYLES: Final = {"failure": "bad", "warning": "warn"}
_STATUS_STYLES: Final = {Role.GOOD: "good", Role.WARN: "warn", Role.BAD: "bad"}


class FacetRows(LineView, can_focus=True):
    """Says what was ticked; what that means for the filter and the list is the app's business."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "topic-picker--heading",
        "topic-picker--name",
        "topic-picker--value",
        "topic-picker--good",
        "topic-picker--warn",
        "topic-picker--bad",
        "topic-picker--empty",
        "topic-picker--tick",
        "topic-picker--excluded",
        "topic-picker--refused",
        "topic-picker--note",
        "topic-picker--count",
        "topic-picker--cursor",
        "topic-picker--topic",
    }
    hidden: var[frozenset[str]] = var(frozenset())
    """Topics whose events are hidden, by released name."""
    cursor: var[int] = var(0)

    class Changed(Message):
        """Another set of topics is hidden."""

        def __init__(self, hidden: frozenset[str]) -> None:
            self.hidden = hidden
            super().__init__()

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.topic_section = TopicSection()
        self.sections: dict[Dimension, Section] = {
            dimension: self.topic_section if dimension is Dimension.TOPIC else Section(dimension)
            for dimension in TITLES
        }
        self.rows: list[Row] = []
        self.counting = False
        """Whether the counts are still growing."""
        self._counts: Callable[[Dimension], Mapping[str, int]] = lambda _dimension: {}
        self._hides_unknown = False
        """Whether topics that have not come yet will be hidden, as after `none` and `only`."""
        self._ranking: Iterator[None] | None = None
        self._ranked_at = 0.0
        self._awaits_counts = True
        """Whether the values were last chosen while they were not all counted for the filter in force."""
        self._styles: dict[str, Style] = {}
        self._drawn: list[object] = []
        """What each row said when it was last drawn."""

    def sync(
        self,
        held: Mapping[str, int],
        counts: Callable[[Dimension], Mapping[str, int]],
        counting: bool,
        permissions: Permissions | None = None,
        harmful: frozenset[str] = frozenset(),
        *,
        at_once: bool = False,
    ) -> None:
        """Takes over what is held of each topic and how much of each value matches; `counting` while that grows.

        `permissions` is None while nothing that was asked for is refused; `harmful` topics are left out.
        Repaints only what has changed. `at_once`
        does not wait for its turn to rank the values.
        """
        self._counts = counts
        at_once = at_once or (self._awaits_counts and not counting)
        self.counting = counting
        topics = self.topic_section
        unknown = held.keys() - topics.held.keys() - set(topics.topics)
        topics.held = dict(held)
        topics.hidden = self.hidden
        topics.add(topic for topic in held if topic in unknown)
        if unknown and self._hides_unknown:
            self._hide(self.hidden | unknown)
        if (permissions, harmful) != (topics.permissions, topics.harmful):
            topics.permissions, topics.harmful = permissions, harmful
            self._ranking = self._rank()
            self._drawn = []
        if not self.is_on_screen:
            return
        now = perf_counter()
        if self._ranking is None and (at_once or now - self._ranked_at >= RANK_EVERY or not self.rows):
            self._ranked_at = now
            self._awaits_counts = counting
            self._ranking = self._rank()
        while self._ranking is not None and perf_counter() - now < RANK_SLICE:
            if next(self._ranking, _DONE) is _DONE:
                self._ranking = None
        for section in self.sections.values():
            if not self._ranking:
                section.counts = counts(section.dimension)
        self._list()

    @property
    def is_settled(self) -> bool:
        """Whether what is listed is chosen from everything held; true of a picker that is not on the screen."""
        return not self.is_on_screen or not (self.counting or self._awaits_counts or self._ranking is not None)

    @property
    def is_on_screen(self) -> bool:
        return bool(self.region.area)

    def choose(self, ticked: Mapping[Dimension, frozenset[str]], excluded: Mapping[Dimension, frozenset[str]]) -> None:
        """Shows which values the filter names as the only ones of their dimension, and which it leaves out."""
        for dimension, section in self.sections.items():
            section.ticked = ticked.get(dimension, frozenset())
            section.excluded = excluded.get(dimension, frozenset())
        self._ranking = self._rank()
        self._awaits_counts = True
        self._list()

    def fold(self, sections: Collection[str]) -> None:
        """Folds the sections of these dimensions, by their names, and unfolds the others."""
        for section in self.sections.values():
            section.folded = section.dimension.name.lower() in sections
        self._list()

    def _rank(self) -> Iterator[None]:
        for dimension, section in self.sections.items():
            yield from section.rank(self._counts(dimension), hold=self.has_focus)
            yield

    def _list(self) -> None:
        self.topic_section.notes_below = self.scrollable_content_region.width < ONE_LINE
        rows = [row for section in self.sections.values() for row in section.rows()]
        if rows != self.rows:
            at = self.rows[self.cursor] if self.cursor < len(self.rows) else None
            self.rows = rows
            if at in rows:
                self.cursor = rows.index(at)
            else:
                self.cursor = max(0, min(self.cursor, len(rows) - 1))
            self.set_row_count(len(rows))
        drawn = [self._said(row) for row in rows]
        if len(drawn) != len(self._drawn):
            self.refresh()
        else:
            width = self.scrollable_content_region.width
            for number, (before, now) in enumerate(zip(self._drawn, drawn, strict=True)):
                if before != now:
                    self.refresh(Region(0, number - self.scroll_offset.y, width, 1))
        self._drawn = drawn

    def _said(self, row: Row) -> object:
        section = self.sections[row.dimension]
        match row.kind:
            case Kind.HEADING:
                return row, section.folded, self.counting, section.title
            case Kind.MORE:
                return row, section.more, section.unfolded
            case Kind.REFUSED:
                return row, len(self.topic_section.refused_folded)
            case Kind.NOTE:
                return row
            case Kind.VALUE:
                return row, self._state(row), section.counts.get(row.value, 0), row.value in self.topic_section.held

    def _state(self, row: Row) -> str:
        section = self.sections[row.dimension]
        is_topic = row.dimension is Dimension.TOPIC
        if row.value in section.excluded:
            return EXCLUDED
        if is_topic and row.value in self.topic_section.refused:
            return REFUSED
        ticked = row.value in section.ticked if section.ticked else is_topic
        if not ticked or row.value in self.hidden:
            return UNTICKED
        return TICKED_IN_PART if is_topic and self.topic_section.refused_in(row.value) else TICKED

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def _move(self, row: int) -> None:
        self.cursor = max(0, row)
        self.scroll_to_region(Region(0, self.cursor, 1, 1), animate=False, force=True)
        self.refresh()

    def _hide(self, hidden: frozenset[str]) -> None:
        if hidden != self.hidden:
            self.hidden = self.topic_section.hidden = hidden
            self.refresh()
            self.post_message(self.Changed(hidden))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()

    def on_resize(self) -> None:
        self._drawn = []
        self._list()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        number = self.scroll_offset.y + y
        if number >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        strip = Strip(self._pieces(self.rows[number], width)).adjust_cell_length(width)
        if number == self.cursor and self.has_focus:
            strip = strip.apply_style(Style(bgcolor=self.get_component_rich_style("topic-picker--cursor").bgcolor))
        return strip.apply_style(self.rich_style)

    def _pieces(self, row: Row, width: int) -> list[Segment]:
        section = self.sections[row.dimension]
        match row.kind:
            case Kind.HEADING:
                fold = FOLDED if section.folded else OPEN
                number = len(section.ticked | section.excluded)
                chosen = f" {count(number)} chosen" if section.folded and number else ""
                return [
                    Segment(f"{fold} {section.title}", self._style("heading")),
                    Segment(chosen + (" …" if self.counting else ""), self._style("count")),
                ]
            case Kind.MORE:
                text = f"  … {count(section.more)} more"
                if section.unfolded:
                    listed = len(section.listed) >= MANY and section.more
                    text = f"  … {count(section.more)} more: type" if listed else "  … fewer"
                elif row.dimension is Dimension.TOPIC:
                    text = f"  … {count(section.more)} with no events"
                    if len(text) > width:
                        text = f"  … {count(section.more)} no events"
                return [Segment(text, self._style("count"))]
            case Kind.REFUSED:
                folded = len(self.topic_section.refused_folded)
                return [Segment(f"  … {count(folded)} refused" if folded else "  … fewer", self._style("count"))]
            case Kind.NOTE:
                return [Segment(f"  {self._note(row.value, width - 2)}", self._style("note"))]
            case Kind.VALUE if self._state(row) == REFUSED:
                return self._refused_pieces(row.value, width)
            case Kind.VALUE:
                return self._value_pieces(row, section, width)

    def _note(self, topic: str, width: int) -> str:
        """What the token lacks for a topic, or why it is left out, in `width` cells."""
        if topic in self.topic_section.harmful:
            return HARMS if len(HARMS) <= width else printable("harms", width)
        namespaces = self.topic_section.refused_in(topic)
        return places_note(namespaces, width) if namespaces else need_note(topic, width)

    def _refused_pieces(self, topic: str, width: int) -> list[Segment]:
        section = self.topic_section
        listed = set(section.refused).difference(section.refused_folded)
        note = "refused" if section.notes_below else self._note(topic, width)
        if any(4 + len(each) + 1 + len(note) > width for each in listed):
            note = ""  # in no row rather than in some
        name_width = max(1, width - 4 - len(note))
        return [
            Segment(f"{REFUSED} ", self._style("refused")),
            Segment(f"{glyph(topic)} {set_cell_size(printable(topic, name_width), name_width)}", self._style("empty")),
            Segment(note, self._style("note")),
        ]

    def _value_pieces(self, row: Row, section: Section, width: int) -> list[Segment]:
        is_topic = row.dimension is Dimension.TOPIC
        state = self._state(row)
        matching = section.counts.get(row.value, 0)
        is_ticked = state in (TICKED, TICKED_IN_PART)
        lit = bool(matching) and (is_ticked or not (is_topic or section.ticked))
        number = count(matching) if matching else "·"
        if is_topic and not self.topic_section.notes_below and self.topic_section.lacks(row.value) is not None:
            number = f"{self._note(row.value, width // 2)}  {number}"
        name_width = max(1, width - len(number) - (5 if is_topic else 3))
        name = printable(row.value, name_width) if is_topic else shortened(row.value, name_width)
        tick = "tick" if is_ticked else "excluded" if state == EXCLUDED else "empty"
        ink_of_name = "name" if is_topic else "value"
        if row.dimension is Dimension.STATUS:
            ink_of_name = _STATUS_STYLES.get(status_role(row.value), "value")
        elif row.dimension is Dimension.LEVEL:
            ink_of_name = _LEVEL_STYLES.get(row.value, "value")
        return [
            Segment(f"{state} ", self._style(tick)),
            *([Segment(f"{glyph(row.value)} ", self._style("topic" if lit else "empty"))] * is_topic),
            Segment(set_cell_size(name, name_width), self._style(ink_of_name if lit else "empty")),
            Segment(f" {number}", self._style("count" if lit else "empty")),
        ]

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = ink(self.get_component_rich_style(f"topic-picker--{name}"))
        return style


def shortened(text: str, width: int) -> str:
    """Cut in the middle: the ends of type names and of jobs tell more of them apart than their beginnings alone."""
    if len(text) <= width:
        return printable(text)
    end = (width - 1) // 2
    return printable(text[: width - 1 - end]) + ELLIPSIS + printable(text[len(text) - end :])


_DONE: Final = object()
