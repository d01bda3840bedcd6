"""The line of a dialog in which something is typed."""

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.widgets import Input

from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings


class LineInput(Input):
    """A key of the dialog is not one with which the line is edited; what it runs is the dialog's."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG, Context.NAME_FILTER)

    def on_paste(self, event: events.Paste) -> None:
        """Takes several lines as one, and of a text that is too long what there is room for."""
        event.prevent_default()
        event.stop()
        kept = len(self.value) - len(self.selected_text)
        room = None if self.max_length is None else self.max_length - kept
        self.replace(printable(self.one_line(event.text), room), *self.selection)

    def one_line(self, text: str) -> str:
        return " ".join(text.split())
