"""Which of several marked events the one that is looked at is to be compared with."""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from nomad_tui.core.history.event_row import EventRow, row
from nomad_tui.core.history.history import History
from nomad_tui.core.readable import count
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.event.facts import contents

MOST_OFFERED: Final = 200
"""Marks, the newest; more are out of sight anyway."""


class CompareWith(Modal[int | None]):
    """Offers marked events; gives the sequence number of the chosen one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.OPTIONS)

    def __init__(self, history: History, marks: Sequence[int]) -> None:
        super().__init__()
        self._history = history
        self._marks = tuple(mark for mark in reversed(marks) if mark >= history.first)[:MOST_OFFERED]

    def compose(self) -> ComposeResult:
        offered = OptionList(*self._options(), markup=False, id="marked")
        offered.border_title = Content("Compare with a marked event")
        offered.border_subtitle = Content("Enter compares · Esc leaves")
        yield offered

    def _options(self) -> Iterable[Option]:
        for mark in self._marks:
            found = row(self._history, mark)
            if isinstance(found, EventRow):
                said = found.sentence
                where = (f"{count(found.index):>9}  {printable(found.topic, 16):<16}  ", "$quiet")
                yield Option(
                    Content("").join([Content.styled(*where), *contents((*said.subject,)), Content("  "),
                                      *contents(said.happened)]),
                    id=str(mark),
                )  # fmt: skip

    def action_move(self, rows: int) -> None:
        offered = self.query_one(OptionList)
        (offered.action_cursor_down if rows > 0 else offered.action_cursor_up)()

    @on(OptionList.OptionSelected)
    def _choose(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        if message.option_id is not None:
            self.dismiss(int(message.option_id))
