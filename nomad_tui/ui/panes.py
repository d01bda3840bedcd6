"""The three panes side by side: which has the focus, which is zoomed, and how wide each is."""

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
"""Cells by which an edge moves."""
FACETS_LEAST, EVENTS_LEAST, EVENT_LEAST = 16, 40, 30
"""Least width of a pane, in cells."""
FACETS_GROWN, GROWS_FROM = 40, 240
"""Cells of Facets, in a terminal of at least so many."""


class Pane(StrEnum):
    TOPICS = "topics"
    EVENTS = "events"
    INSPECTOR = "inspector"


class EventPanes(Container):
    """Events and Event, side by side or stacked."""

    BLANK = True
    """Covered by its children, so Textual need not draw its lines one by one."""


class Panes(Horizontal):
    """Holds its panes instead of querying for them: the focus also moves while the screen is taken down."""

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
        """`facets_width` in cells, `event_width` in percent of Events and Event; None for the style sheet's own."""
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
        """Of Events and Event in the width that they share side by side; None for the style sheet's."""
        self._widths: tuple[int | None, str | None, str | None] = (None, None, None)
        """Applied to the panes, from left to right; None for the style sheet's."""

    def compose(self) -> ComposeResult:
        yield self.topics
        with EventPanes(id="main"):
            yield self.event_list
            yield self.inspector

    def start(self, pane: StartPane, *, follows: bool, folded: Collection[str]) -> None:
        """Shows what the operator's settings ask for; `folded` are sections of Facets."""
        self.topics.fold(folded)
        if not follows:
            self.event_list.follow(False)
        if pane is not StartPane.EVENTS:
            self.go_to(Pane.TOPICS if pane is StartPane.FACETS else Pane.INSPECTOR)

    @property
    def is_ready(self) -> bool:
        """False while the screen is taken down, when timers still fire and messages still arrive."""
        return bool(self.app.screen_stack) and self.event_list.is_attached and bool(self.inspector.children)

    @property
    def focused(self) -> Pane:
        """The pane that keys go to; Events while none has the focus."""
        focused = self.screen.focused
        holders = [] if focused is None else focused.ancestors_with_self
        if self.topics in holders:
            return Pane.TOPICS
        return Pane.INSPECTOR if self.inspector in holders else Pane.EVENTS

    def go_to(self, pane: Pane) -> None:
        """Focuses a pane; while another is zoomed, zooms this one instead."""
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
        """Shows one pane alone; None shows all of them again."""
        self.zoomed = pane
        for one in Pane:
            self.set_class(one is pane, f"-zoom-{one}")
        self._set_widths()

    def move_edge(self, direction: int) -> str:
        """Moves the focused pane's right edge, or the last pane's left one. Returns why it cannot, or ""."""
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
        """Percent of the width that Events and Event share; None for the style sheet's."""
        # Rounded down, so that Events does not lose a cell when the widths are made of it again.
        return None if self._shares is None else floor(1e6 * self._shares[1] / sum(self._shares)) / 1e4

    @property
    def _is_side_by_side(self) -> bool:
        return self.screen.has_class("-wide")

    def _set_widths(self) -> None:
        """Applies the widths that the operator chose where the layout has them; else those of the style sheet."""
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
            if width != before:  # each assignment lays the screen out
                pane.styles.width = width
        self._widths = widths

    def on_resize(self) -> None:
        self._set_widths()

    @on(events.DescendantFocus)
    def _fold_topics_away(self) -> None:
        """A narrow screen shows Facets only while they have the focus."""
        self.set_class(self.topics.has_focus, "-topics")
