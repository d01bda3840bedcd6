"""The menu of marked events to compare the selected event with."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from textual.binding import BindingType

from nomad_tui.core.history.event_row import EventRow, row
from nomad_tui.core.history.history import History
from nomad_tui.core.readable import count
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.letter_menu import Choice, LetterMenu

MAX_OFFERED: Final = 200
"""Maximum number of marked events in the menu, the newest ones."""


class CompareWith(LetterMenu[int]):
    """Its result is the sequence number of the chosen event."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.OPTIONS)
    BOX = "compare"

    def __init__(self, history: History, marks: Sequence[int]) -> None:
        held = [mark for mark in reversed(marks) if mark >= history.first][:MAX_OFFERED]
        offered = list(_choices(history, held))
        self._marks = [mark for mark, _ in offered]
        keys = "{menu.choose} compare · {dialog.leave} close"
        title = "Compare with a marked event"
        super().__init__([choice for _, choice in offered], title, keys, lambda _: self._marks[self.list.cursor])


def _choices(history: History, marks: Sequence[int]) -> Iterator[tuple[int, Choice]]:
    for mark in marks:
        found = row(history, mark)
        if isinstance(found, EventRow):
            sentence = "".join(part.text for part in (*found.sentence.subject, *found.sentence.happened))
            yield mark, Choice("", f"{count(found.index):>9}  {printable(found.topic, 16):<16}", sentence)
