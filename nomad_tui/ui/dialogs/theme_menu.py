"""The choice of a theme, which is seen while the cursor moves."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.keymap import keymap_of


class ThemeMenu(Modal[str | None]):
    """Its result is the chosen theme; None leaves the one that was there, which it has put back."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.OPTIONS)

    def __init__(self, themes: Sequence[str]) -> None:
        super().__init__()
        self._themes = themes

    def compose(self) -> ComposeResult:
        self._before = self.app.theme
        options = OptionList(*(Option(name, id=name) for name in self._themes), markup=False, id="themes")
        options.border_title = Content("Theme")
        options.border_subtitle = Content(keymap_of(self.app).text("Enter keeps · {page.leave} restores"))
        options.highlighted = self._themes.index(self._before) if self._before in self._themes else 0
        yield options

    @on(OptionList.OptionHighlighted)
    def _preview(self, message: OptionList.OptionHighlighted) -> None:
        message.stop()
        if message.option_id is not None and self.is_current:
            self.app.theme = message.option_id

    @on(OptionList.OptionSelected)
    def _choose(self, message: OptionList.OptionSelected) -> None:
        message.stop()
        self.dismiss(message.option_id)

    def action_move(self, rows: int) -> None:
        options = self.query_one(OptionList)
        (options.action_cursor_down if rows > 0 else options.action_cursor_up)()

    def action_leave(self) -> None:
        self.app.theme = self._before
        self.dismiss(None)
