"""The page of `u`: lines of the stream that could not be read as events."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import BindingType

from nomad_tui.core.readable import byte_count, count
from nomad_tui.core.secrets import masked_text
from nomad_tui.core.text import printable
from nomad_tui.session import Status
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.text_page import TextPage, paragraph
from nomad_tui.ui.event.text_viewer import Pieces


class UnreadableLines(TextPage):
    """Shows the first lines, with their secrets masked."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.UNREADABLE)
    FRAME = "unreadable"

    def __init__(self, status: Status) -> None:
        super().__init__(f"Unreadable: {count(status.unreadable)}, repaired: {count(status.repaired)}")
        self._status = status

    def lines(self, width: int) -> Iterable[Pieces]:
        status = self._status
        lines = status.unreadable_lines
        if not lines:
            yield (("", "Every line could be read."),)
        for line in lines:
            yield ("warn", line.reason[:200]), ("quiet", f" {byte_count(line.length)}")
            yield from paragraph(printable(masked_text(line.excerpt.decode("utf-8", "replace")), 400), width)
            yield ()
        if status.unreadable > len(lines):
            yield from paragraph(f"… and {count(status.unreadable - len(lines))} more, which were only counted.", width)
