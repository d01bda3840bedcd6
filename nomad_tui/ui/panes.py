"""The three panes side by side: which of them has the focus, and which of them has the screen."""

from enum import StrEnum
from math import floor
from typing import Final

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal

from nomad_tui.ui.event.inspector import Inspector
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.facets.picker import TopicPicker

STEP: Final = 4
"""Cells by which an edge moves."""
FACETS_LEAST, EVENTS_LEAST, EVENT_LEAST = 16, 40, 30
"""Cells that an edge leaves a pane."""
FACETS_GROWN, GROWS_FROM = 40, 240
"""Cells of the facets in a window of at least so many."""


class Pane(StrEnum):
    TOPICS = "topics"
    EVENTS = "events"
    INSPECTOR = "inspector"


class Panes(Horizontal):
    """Holds its panes instead of looking them up: the focus moves while the screen is being taken down too."""

    def __init__(
        self,
        topics: TopicPicker,
        event_list: EventList,
        inspector: Inspector,
        id: str,  # noqa: A002
        facets_width: int | None = None,
        event_width: float | None = None,
    ) -> None:
        """`facets_width` are cells, `event_width` percent of what Events and Event share; None for the style's own."""
        super().__init__(id=id)
        self.topics = topics
        self.event_list = event_list
        self.inspector = inspector
        self.zoomed: Pane | None = None
        """The pane that has the whole screen."""
        self.facets_width = facets_width
        """Cells; None for the style's own."""
        self._shares: tuple[float, float] | None = None if event_width is None else (100 - event_width, event_width)
        """Of Events and Event in the width that they share side by side; None for the style's own."""

    def compose(self) -> ComposeResult:
        yield self.topics
        with Container(id="main"):
            yield self.event_list
            yield self.inspector

    @property
    def focused(self) -> Pane:
        """The pane that keys go to; the events while none has the focus."""
        focused = self.screen.focused
        holders = [] if focused is None else focused.ancestors_with_self
        if self.topics in holders:
            return Pane.TOPICS
        return Pane.INSPECTOR if self.inspector in holders else Pane.EVENTS

    def go_to(self, pane: Pane) -> None:
        """Gives a pane the focus, and the screen if another one has it."""
        self.set_class(pane is Pane.TOPICS, "-topics")
        if self.zoomed is not None:
            self.zoom(pane)
        # At once: `focus` waits for its turn, and keys typed ahead would go to the pane that is being left.
        match pane:
            case Pane.TOPICS:
                self.screen.set_focus(self.topics)
            case Pane.EVENTS:
                self.screen.set_focus(self.event_list)
            case Pane.INSPECTOR:
                self.screen.set_focus(self.inspector.shown_view)

    def zoom(self, pane: Pane | None) -> None:
        """Gives a pane the whole screen; None shows all of them again."""
        self.zoomed = pane
        for one in Pane:
            self.set_class(one is pane, f"-zoom-{one}")
        self._set_widths()

    def move_edge(self, direction: int) -> str:
        """Moves the edge right of the focused pane, of the last one its left edge; why it cannot, if it cannot."""
        if self.zoomed is not None:
            return "The pane has the whole screen: z shows all of them again."
        if self.focused is Pane.TOPICS:
            most = self.size.width - EVENTS_LEAST
            width = self.facets_width or self.topics.outer_size.width
            self.facets_width = max(FACETS_LEAST, min(width + direction * STEP, max(width, most)))
        elif not self._is_side_by_side:
            return "Events and Event stand above each other here: only Facets has a width of its own."
        else:
            both = self.event_list.outer_size.width + self.inspector.outer_size.width
            # What was chosen last may not be laid out yet.
            is_same = self._shares is not None and sum(self._shares) == both
            before = (
                round(self._shares[0]) if self._shares is not None and is_same else self.event_list.outer_size.width
            )
            width = max(EVENTS_LEAST, min(before + direction * STEP, both - EVENT_LEAST))
            self._shares = (width, both - width)
        self._set_widths()
        return ""

    @property
    def event_width(self) -> float | None:
        """Percent of the width that Events and Event share; None for the style's own."""
        # Rounded down, so that Events does not lose a cell when the widths are made of it again.
        return None if self._shares is None else floor(1e6 * self._shares[1] / sum(self._shares)) / 1e4

    @property
    def _is_side_by_side(self) -> bool:
        return self.screen.has_class("-wide")

    def _set_widths(self) -> None:
        """Those the operator has chosen, where they mean anything; elsewhere the style's own."""
        usual = FACETS_GROWN if self.size.width >= GROWS_FROM else None
        facets = (self.facets_width or usual) if self.zoomed is None else None
        most = max(FACETS_LEAST, self.size.width - EVENTS_LEAST)
        self.topics.styles.width = None if facets is None else min(facets, most)
        shares = self._shares if self.zoomed is None and self._is_side_by_side else None
        self.event_list.styles.width = None if shares is None else f"{shares[0]}fr"
        self.inspector.styles.width = None if shares is None else f"{shares[1]}fr"

    def on_resize(self) -> None:
        self._set_widths()

    @on(events.DescendantFocus)
    def _fold_topics_away(self) -> None:
        """On a narrow screen the topics are there while they have the focus."""
        self.set_class(self.topics.has_focus, "-topics")
