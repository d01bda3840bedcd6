"""The three panes: their focus, zoom and widths."""

from collections.abc import Collection
from enum import StrEnum
from math import floor
from typing import Final

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal
from textual.content import Content

from nomad_tui.config.ui_settings import StartPane
from nomad_tui.ui.event.inspector import Inspector
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.facets.picker import TopicPicker
from nomad_tui.ui.keymap import keymap_of

STEP: Final = 4
"""Cells by which a key moves an edge."""
FACETS_LEAST, EVENTS_LEAST, EVENT_LEAST = 16, 40, 30
"""Minimum width of each pane in cells."""
FACETS_GROWN, GROWS_FROM = 40, 240
"""Width of Facets in cells, and the minimum width of a terminal in which it has that width by default."""


class Pane(StrEnum):
    TOPICS = "topics"
    EVENTS = "events"
    INSPECTOR = "inspector"


class EventPanes(Container):
    """Events and Event, side by side or stacked."""

    BLANK = True
    """Covered by its children, so Textual need not draw its lines."""


class Panes(Horizontal):
    """Refers to its panes directly: a query would fail when the focus moves while the screen is removed."""

    BLANK = True

    def __init__(
        self,
        topics: TopicPicker,
        event_list: EventList,
        inspector: Inspector,
        id: str,  # noqa: A002
        facets_width: int | None = None,
        event_width: float | None = None,
    ) -> None:
        """`facets_width` is in cells, `event_width` in percent of Events and Event; None for the style sheet's."""
        super().__init__(id=id)
        self.topics = topics
        self.event_list = event_list
        self.inspector = inspector
        topics.border_title = Content("1 Facets")
        event_list.border_title = Content("2 Events")
        self.zoomed: Pane | None = None
        """The pane that fills the screen."""
        self.facets_width = facets_width
        """Cells; None for the style sheet's."""
        self._shares: tuple[float, float] | None = None if event_width is None else (100 - event_width, event_width)
        """Widths of Events and Event side by side, in proportion; None for the style sheet's."""
        self._widths: tuple[int | None, str | None, str | None] = (None, None, None)
        """Widths applied to the panes, from left to right; None for the style sheet's."""

    def compose(self) -> ComposeResult:
        yield self.topics
        with EventPanes(id="main"):
            yield self.event_list
            yield self.inspector

    def start(self, pane: StartPane, *, follows: bool, folded: Collection[str]) -> None:
        """Applies the operator's settings; `folded` are sections of Facets."""
        self.topics.fold(folded)
        if not follows:
            self.event_list.follow(False)
        if pane is not StartPane.EVENTS:
            self.go_to(Pane.TOPICS if pane is StartPane.FACETS else Pane.INSPECTOR)

    @property
    def is_ready(self) -> bool:
        """False while the screen is removed, when timers still fire and messages still arrive."""
        return bool(self.app.screen_stack) and self.event_list.is_attached and bool(self.inspector.children)

    @property
    def focused(self) -> Pane:
        """The pane that has the focus; Events if none has."""
        focused = self.screen.focused
        holders = [] if focused is None else focused.ancestors_with_self
        if self.topics in holders:
            return Pane.TOPICS
        return Pane.INSPECTOR if self.inspector in holders else Pane.EVENTS

    def go_to(self, pane: Pane) -> None:
        """Focuses a pane; if another is zoomed, zooms this one instead."""
        self.set_class(pane is Pane.TOPICS, "-topics")
        if self.zoomed is not None:
            self.zoom(pane)
        # `focus` would be deferred, and keys typed ahead would go to the previous pane.
        match pane:
            case Pane.TOPICS:
                self.screen.set_focus(self.topics)
            case Pane.EVENTS:
                self.screen.set_focus(self.event_list)
            case Pane.INSPECTOR:
                self.screen.set_focus(self.inspector.shown_view)

    def zoom(self, pane: Pane | None) -> None:
        """Shows only one pane; None shows all of them again."""
        self.zoomed = pane
        for one in Pane:
            self.set_class(one is pane, f"-zoom-{one}")
        self._set_widths()

    def move_edge(self, direction: int) -> str:
        """Moves the focused pane's right edge, or the last pane's left edge. Returns why it cannot, or ""."""
        if self.zoomed is not None:
            return keymap_of(self.app).text("The pane is zoomed. Press {app.zoom} to show all panes.")
        if self.focused is Pane.TOPICS:
            most = self.size.width - EVENTS_LEAST
            width = self.facets_width or self.topics.outer_size.width
            self.facets_width = max(FACETS_LEAST, min(width + direction * STEP, max(width, most)))
        elif not self._is_side_by_side:
            return "Events and Event are stacked at this width. Only Facets can be resized."
        else:
            both = self.event_list.outer_size.width + self.inspector.outer_size.width
            # The last move may not be laid out yet.
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
        """Percent of the width that Events and Event share; None for the style sheet's."""
        # Rounded down so that Events does not lose a cell when the widths are computed from it again.
        return None if self._shares is None else floor(1e6 * self._shares[1] / sum(self._shares)) / 1e4

    @property
    def _is_side_by_side(self) -> bool:
        return self.screen.has_class("-wide")

    def _set_widths(self) -> None:
        """Applies the operator's widths if the layout supports them, otherwise the style sheet's."""
        usual = FACETS_GROWN if self.size.width >= GROWS_FROM else None
        facets = (self.facets_width or usual) if self.zoomed is None else None
        most = max(FACETS_LEAST, self.size.width - EVENTS_LEAST)
        shares = self._shares if self.zoomed is None and self._is_side_by_side else None
        widths = (
            None if facets is None else min(facets, most),
            None if shares is None else f"{shares[0]}fr",
            None if shares is None else f"{shares[1]}fr",
        )
        for pane, width, before in zip(
            (self.topics, self.event_list, self.inspector), widths, self._widths, strict=True
        ):
            if width != before:  # each assignment causes a layout
                pane.styles.width = width
        self._widths = widths

    def on_resize(self) -> None:
        self._set_widths()

    @on(events.DescendantFocus)
    def _fold_topics_away(self) -> None:
        """Hides Facets on a narrow screen unless they have the focus."""
        self.set_class(self.topics.has_focus, "-topics")
