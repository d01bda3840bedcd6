"""The line where a filter is typed."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input

from nomad_tui.core.text import printable


class FilterLine(Input, can_focus=False):
    """Takes the focus only when it is asked to, so that Tab moves between the panes."""

    BINDING_GROUP_TITLE = "Filter"
    HELP = """\
**Filter**: words, in any case and order, all of which must occur in an event's topic, type, key, namespace, job or
sentence.

*Enter* keeps the filter and goes to the events, *Esc* clears it.
"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear_filter", "Clear", id="filter.clear", tooltip="Clear the filter"),
        Binding("up,down", "leave", "Events", id="filter.leave", show=False, tooltip="Go to the events"),
    ]

    class Leave(Message):
        """The operator is done typing."""

    def edit(self) -> None:
        """Takes the focus, at once: keys typed ahead are meant for the filter."""
        self.can_focus = True
        self.screen.set_focus(self)

    def on_mouse_down(self) -> None:
        self.edit()

    def on_blur(self) -> None:
        self.can_focus = False

    def action_clear_filter(self) -> None:
        self.value = ""
        self.action_leave()

    def action_leave(self) -> None:
        self.screen.set_focus(None)  # at once: keys typed ahead are not meant for the filter any more
        self.post_message(self.Leave())

    def on_key(self, event: events.Key) -> None:
        """Leaves with Enter here, and not by its binding, which waits for its turn while keys typed ahead come in.

        One that was already on its way here when the line was left goes where keys go now.
        """
        left = self.screen.focused is not self
        if not left and event.key != "enter":
            return
        event.stop()
        event.prevent_default()
        if left:
            self.app.post_message(events.Key(event.key, event.character))
        else:
            self.action_leave()

    async def action_submit(self) -> None:
        self.action_leave()

    def on_paste(self, event: events.Paste) -> None:
        """A paste may hold several lines and control characters; the line takes it as words."""
        event.prevent_default()
        event.stop()
        self.insert_text_at_cursor(printable(" ".join(event.text.split())))
