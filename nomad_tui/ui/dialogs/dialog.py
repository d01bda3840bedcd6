"""A dialog over the dashboard that does not cover the selected event."""

from typing import TypeVar

from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.events.event_list import EventList

Result = TypeVar("Result")


class Dialog(Modal[Result]):
    """Shown at the bottom of the screen, or at the top if the selected event is in the lower half."""

    def on_mount(self) -> None:
        size = self.app.size
        lines = [events.line_of_shown for events in self.app.screen_stack[0].query(EventList)]
        self.set_class(any(line is not None and line >= size.height // 2 for line in lines), "-above")
