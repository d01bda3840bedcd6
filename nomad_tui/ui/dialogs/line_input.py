"""The input line of dialogs."""

from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.widgets import Input

from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings


class LineInput(Input):
    """Binds the dialog's keys, so that they do not edit the line; their actions are the dialog's."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG, Context.NAME_FILTER)

    def on_paste(self, event: events.Paste) -> None:
        """Inserts several lines as one, truncated to `max_length`."""
        event.prevent_default()
        event.stop()
        kept = len(self.value) - len(self.selected_text)
        room = None if self.max_length is None else self.max_length - kept
        self.replace(printable(self.one_line(event.text), room), *self.selection)

    def one_line(self, text: str) -> str:
        return " ".join(text.split())
