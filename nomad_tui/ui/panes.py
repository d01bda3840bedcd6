"""The three panes side by side: which of them has the focus, and which of them has the screen."""

from enum import StrEnum

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Container, Horizontal

from nomad_tui.ui.events import EventList
from nomad_tui.ui.inspector import Inspector
from nomad_tui.ui.topics import TopicPicker


class Pane(StrEnum):
    TOPICS = "topics"
    EVENTS = "events"
    INSPECTOR = "inspector"


class Panes(Horizontal):
    """Holds its panes instead of looking them up: the focus moves while the screen is being taken down too."""

    def __init__(self, topics: TopicPicker, event_list: EventList, inspector: Inspector, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.topics = topics
        self.event_list = event_list
        self.inspector = inspector
        self.zoomed: Pane | None = None
        """The pane that has the whole screen."""

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

    @on(events.DescendantFocus)
    def _fold_topics_away(self) -> None:
        """On a narrow screen the topics are there while they have the focus."""
        self.set_class(self.topics.has_focus, "-topics")
