"""The Facets pane: lists the values of the sections, and handles its keys and clicks."""

from collections.abc import Callable, Collection, Iterator, Mapping
from time import perf_counter
from typing import ClassVar, Final

from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip

from nomad_tui.core.permissions import Permissions
from nomad_tui.core.search.facets import Dimension
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.facets.facet_painter import ONE_LINE, REFUSED, FacetPainter
from nomad_tui.ui.facets.sections import TITLES, Kind, Row, Section, TopicSection
from nomad_tui.ui.line_view import LineView, component_classes
from nomad_tui.ui.themes import ink

RANK_SLICE: Final = 0.002
"""Seconds per update spent ranking the values."""
RANK_INTERVAL: Final = 1.0
"""Seconds between two rankings: rows that move more often cannot be read."""


class TopicPicker(LineView, can_focus=True):
    """Posts messages for what the operator ticks; the screen changes the filter and the list."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE, Context.FACETS)
    COMPONENT_CLASSES: ClassVar[set[str]] = component_classes(
        "topic-picker",
        "bad count cursor empty excluded good heading name note refused tick topic value warn",
    )
    hidden: var[frozenset[str]] = var(frozenset())
    """Names of the topics whose events are hidden, as in Nomad's releases."""
    cursor: var[int] = var(0)

    class Changed(Message):
        """The set of hidden topics has changed."""

        def __init__(self, hidden: frozenset[str]) -> None:
            self.hidden = hidden
            super().__init__()

    class Ticked(Message):
        """The ticked values of a dimension have changed; none ticked means all."""

        def __init__(self, dimension: Dimension, values: frozenset[str]) -> None:
            self.dimension = dimension
            self.values = values
            super().__init__()

    class Narrow(Message):
        """The operator asks to show only a value (`only`), or to exclude it."""

        def __init__(self, dimension: Dimension, value: str, only: bool) -> None:
            self.dimension = dimension
            self.value = value
            self.only = only
            super().__init__()

    class Explain(Message):
        """The operator asks what the token lacks for these topics."""

        def __init__(self, topics: tuple[str, ...]) -> None:
            self.topics = topics
            super().__init__()

    class Folded(Message):
        """The set of folded sections has changed; contains the names of their dimensions."""

        def __init__(self, sections: frozenset[str]) -> None:
            self.sections = sections
            super().__init__()

    class Leave(Message):
        """The operator goes to the pane on the right."""

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.topic_section = TopicSection()
        self.sections: dict[Dimension, Section] = {
            dimension: self.topic_section if dimension is Dimension.TOPIC else Section(dimension)
            for dimension in TITLES
        }
        self._painter = FacetPainter(self.sections, self.topic_section, self._style)
        self.rows: list[Row] = []
        self._counts_grow = False
        self._counts: Callable[[Dimension], Mapping[str, int]] = lambda _dimension: {}
        self._hides_unknown = False
        """Whether topics that are new to the picker are hidden, as after `none` and `only`."""
        self._ranking: Iterator[None] | None = None
        self._ranked_at = 0.0
        self._ranks_all = False
        """Whether the ranking in progress uses complete counts."""
        self._awaits_counts = True
        """Whether the listed values have not yet been ranked by complete counts."""
        self._styles: dict[str, Style] = {}
        self._drawn: list[object] = []
        """What each row showed when it was last drawn."""

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
        """Updates the rows, and repaints those that have changed.

        `held` is the number of events in memory by topic; `counts` returns the number of matches by value, which still
        grows while `counting`. `permissions` is None while no topic is refused; `harmful` topics are not subscribed to.
        `at_once` ranks the values without waiting for `RANK_INTERVAL`.
        """
        self._counts = counts
        at_once = at_once or (self._awaits_counts and not counting)
        self._counts_grow = counting
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
            self._ranks_all = False
            self._drawn = []
        if not self.is_on_screen:
            return
        now = perf_counter()
        if self._ranking is None and (at_once or now - self._ranked_at >= RANK_INTERVAL or not self.rows):
            self._ranked_at = now
            self._ranks_all = not counting
            self._ranking = self._rank()
        while self._ranking is not None and perf_counter() - now < RANK_SLICE:
            if next(self._ranking, _DONE) is _DONE:
                self._ranking = None
                self._awaits_counts = self._awaits_counts and not self._ranks_all
        for section in self.sections.values():
            if not self._ranking:
                section.counts = counts(section.dimension)
        self._list()

    @property
    def is_counting(self) -> bool:
        """Whether counts still grow, or the values have not yet been ranked by complete counts."""
        return self._counts_grow or self._awaits_counts

    @property
    def is_on_screen(self) -> bool:
        return bool(self.region.area)

    def choose(self, ticked: Mapping[Dimension, frozenset[str]], excluded: Mapping[Dimension, frozenset[str]]) -> None:
        """Shows the values that the filter selects in each dimension as ticked, and those that it excludes."""
        for dimension, section in self.sections.items():
            section.ticked = ticked.get(dimension, frozenset())
            section.excluded = excluded.get(dimension, frozenset())
        self._ranking = self._rank()
        self._ranks_all, self._awaits_counts = False, True
        self._list()

    def fold(self, sections: Collection[str]) -> None:
        """Folds the sections with these dimension names, and unfolds the others."""
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
        drawn = [self._drawn_state(row) for row in rows]
        if len(drawn) != len(self._drawn):
            self.refresh()
        else:
            width = self.scrollable_content_region.width
            for number, (before, now) in enumerate(zip(self._drawn, drawn, strict=True)):
                if before != now:
                    self.refresh(Region(0, number - self.scroll_offset.y, width, 1))
        self._drawn = drawn

    def _drawn_state(self, row: Row) -> object:
        section = self.sections[row.dimension]
        match row.kind:
            case Kind.HEADING:
                return row, section.folded, self.is_counting, section.title
            case Kind.MORE:
                return row, section.more, section.unfolded
            case Kind.REFUSED:
                return row, len(self.topic_section.refused_folded)
            case Kind.NOTE:
                return row
            case Kind.VALUE:
                return (
                    row,
                    self._painter.state(row),
                    section.counts.get(row.value, 0),
                    row.value in self.topic_section.held,
                )

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
        strip = Strip(self._painter.pieces(self.rows[number], width, counting=self.is_counting)).adjust_cell_length(
            width
        )
        if number == self.cursor and self.has_focus:
            strip = strip.apply_style(Style(bgcolor=self.get_component_rich_style("topic-picker--cursor").bgcolor))
        return strip.apply_style(self.rich_style)

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = ink(self.get_component_rich_style(f"topic-picker--{name}"))
        return style

    # Keys

    def action_move(self, rows: int) -> None:
        self._move(min(max(self.cursor + rows, 0), len(self.rows) - 1))

    def action_move_pages(self, pages: float) -> None:
        self.action_move(int(pages * max(2, self.scrollable_content_region.height)))

    def action_first(self) -> None:
        self.action_move(-len(self.rows))

    def action_last(self) -> None:
        self.action_move(len(self.rows))

    def action_section(self, direction: int) -> None:
        headings = [number for number, row in enumerate(self.rows) if row.kind is Kind.HEADING]
        beyond = [number for number in headings if (number - self.cursor) * direction > 0]
        if beyond:
            self._move(beyond[0] if direction > 0 else beyond[-1])

    def action_tick(self) -> None:
        row = self.row
        if row is None:
            return
        section = self.sections[row.dimension]
        match row.kind:
            case Kind.HEADING:
                section.folded = not section.folded
                self._list()
                folded = frozenset(each.dimension.name.lower() for each in self.sections.values() if each.folded)
                self.post_message(self.Folded(folded))
            case Kind.MORE:
                section.unfolded = not section.unfolded
                self._ranking = None
                section.listed = [] if not section.unfolded else section.listed
                for _ in section.rank(self._counts(row.dimension), hold=True):
                    pass
                self._list()
            case Kind.REFUSED:
                self.topic_section.refused_unfolded = not self.topic_section.refused_unfolded
                self._list()
            case Kind.NOTE:
                self.post_message(self.Explain(tuple(self.topic_section.lacking_as(row.value))))
            case Kind.VALUE if row.value in section.excluded:
                self.action_narrow(False)  # removes the exclusion
            case Kind.VALUE if self._painter.state(row) == REFUSED and row.value not in section.ticked:
                self.post_message(self.Explain((row.value,)))
            case Kind.VALUE if row.dimension is Dimension.TOPIC and not section.ticked:
                self._hide(self.hidden ^ {row.value})
            case Kind.VALUE:
                section.ticked ^= {row.value}  # at once: the next key may arrive before the filter is parsed
                self.post_message(self.Ticked(row.dimension, section.ticked))
                self._list()

    def action_narrow(self, only: bool) -> None:
        row = self.row
        if row is not None and row.kind is Kind.VALUE:
            self.post_message(self.Narrow(row.dimension, row.value, only))

    def action_all(self) -> None:
        """Shows all values of the dimension under the cursor."""
        row = self.row
        dimension = Dimension.TOPIC if row is None else row.dimension
        if self.sections[dimension].ticked:
            self.post_message(self.Ticked(dimension, frozenset()))
        if dimension is Dimension.TOPIC:
            self.action_all_topics()

    def action_all_topics(self) -> None:
        self._hides_unknown = False
        self._hide(frozenset())

    def action_none(self) -> None:
        self._hides_unknown = True
        self._hide(self._every_topic)

    def action_only(self) -> None:
        row = self.row
        if row is None or row.kind is not Kind.VALUE:
            return
        if self._painter.state(row) == REFUSED:
            self.post_message(self.Explain((row.value,)))
        elif row.dimension is Dimension.TOPIC and not self.topic_section.ticked:
            self._hides_unknown = True
            self._hide(self._every_topic - {row.value})
        else:
            self.post_message(self.Ticked(row.dimension, frozenset((row.value,))))

    def action_leave(self) -> None:
        self.post_message(self.Leave())

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self.scroll_offset.y + offset.y >= len(self.rows):
            return
        self._move(self.scroll_offset.y + offset.y)
        self.action_tick()

    @property
    def _every_topic(self) -> frozenset[str]:
        return frozenset((*self.topic_section.topics, *self.topic_section.held))


_DONE: Final = object()
