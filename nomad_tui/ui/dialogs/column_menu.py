"""The menu in which the columns of Events are chosen and ordered."""

from typing import ClassVar

from textual.binding import BindingType

from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.letter_menu import Choice, LetterMenu
from nomad_tui.ui.events.columns import MEANINGS, Column, UnusableColumnsError, parse_columns


class ColumnMenu(LetterMenu[tuple[Column, ...]]):
    """All columns, the shown ones ticked and first. Its result is the new ones, in order."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.OPTIONS, Context.COLUMNS)
    BOX = "columns"

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.order = [*columns, *(column for column in Column if column not in columns)]
        self.chosen = set(columns)
        keys = (
            "{columns.tick} show or hide · {columns.left} {columns.right} move · {menu.choose} apply · "
            "{dialog.leave} cancel"
        )
        super().__init__(self._lines(), "Columns", keys)

    def _lines(self) -> list[Choice]:
        return [Choice("", f"{'▣' if each in self.chosen else '□'} {each}", MEANINGS[each]) for each in self.order]

    def action_tick(self) -> None:
        self.chosen ^= {self.order[self.list.cursor]}
        self.list.put(self._lines(), self.list.cursor)

    def action_shift(self, rows: int) -> None:
        to = min(max(self.list.cursor + rows, 0), len(self.order) - 1)
        self.order.insert(to, self.order.pop(self.list.cursor))
        self.list.put(self._lines(), to)

    def _clicked(self, choice: Choice) -> None:
        self.action_tick()

    def _choose(self, choice: Choice) -> None:
        try:
            self._leave(parse_columns(column for column in self.order if column in self.chosen))
        except UnusableColumnsError as error:
            self.explain(str(error))
