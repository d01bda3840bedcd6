"""The menu of themes: the dashboard shows the theme under the cursor."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.letter_menu import Choice, LetterMenu


class ThemeMenu(LetterMenu[str]):
    """Its result is the chosen theme; None after it has restored the one before."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.OPTIONS)
    BOX = "themes"

    def __init__(self, themes: Sequence[str]) -> None:
        choices = [Choice("", theme, lambda: "") for theme in themes]
        super().__init__(choices, "Theme", "{menu.choose} apply · {dialog.leave} restore")

    def compose(self) -> ComposeResult:
        self._before = self.app.theme
        labels = [choice.label for choice in self.choices]
        self.list.cursor = labels.index(self._before) if self._before in labels else 0
        yield from super().compose()

    def preview(self) -> None:
        self.app.theme = self.choices[self.list.cursor].label

    def result(self, choice: Choice) -> str:
        self.app.theme = choice.label
        return choice.label

    def action_leave(self) -> None:
        self.app.theme = self._before
        super().action_leave()
