"""Facets: what keys and the mouse do with the sections."""

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from nomad_tui.core.search.facets import Dimension
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.facets.facet_rows import REFUSED, FacetRows
from nomad_tui.ui.facets.sections import Kind


class TopicPicker(FacetRows):
    """Messages say what the operator did; the screen decides what that means."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE, Context.FACETS)

    class Ticked(Message):
        """Other values of a dimension are ticked; none stands for all."""

        def __init__(self, dimension: Dimension, values: frozenset[str]) -> None:
            self.dimension = dimension
            self.values = values
            super().__init__()

    class Narrow(Message):
        """The operator wants to see only this, or anything but this."""

        def __init__(self, dimension: Dimension, value: str, only: bool) -> None:
            self.dimension = dimension
            self.value = value
            self.only = only
            super().__init__()

    class Explain(Message):
        """The operator wants to know what the token lacks for these topics."""

        def __init__(self, topics: tuple[str, ...]) -> None:
            self.topics = topics
            super().__init__()

    class Folded(Message):
        """Other sections are folded; by the names of their dimensions."""

        def __init__(self, sections: frozenset[str]) -> None:
            self.sections = sections
            super().__init__()

    class Leave(Message):
        """The operator wants to go to the pane on the right."""

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
                self.action_narrow(False)  # which takes back that it is left out
            case Kind.VALUE if self._state(row) == REFUSED and row.value not in section.ticked:
                self.post_message(self.Explain((row.value,)))
            case Kind.VALUE if row.dimension is Dimension.TOPIC and not section.ticked:
                self._hide(self.hidden ^ {row.value})
            case Kind.VALUE:
                section.ticked ^= {row.value}  # at once, as the next key may come before the filter has been read
                self.post_message(self.Ticked(row.dimension, section.ticked))
                self._list()

    def action_narrow(self, only: bool) -> None:
        row = self.row
        if row is not None and row.kind is Kind.VALUE:
            self.post_message(self.Narrow(row.dimension, row.value, only))

    def action_all(self) -> None:
        """Where the cursor is among the topics, all of them; elsewhere whatever is ticked there is unticked."""
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
        if self._state(row) == REFUSED:
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
