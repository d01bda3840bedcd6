"""What `w` and `Ctrl+R` ask before they write: one menu after another, and then the file, all on one screen.

Operators who know the letters type them faster than a screen is drawn, so that no key may fall between two screens.
"""

from collections.abc import Callable, Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from nomad_tui.ui.actions import Context
from nomad_tui.ui.dialogs.letter_menu import Choice, ChoiceList
from nomad_tui.ui.dialogs.write_file import WriteFile
from nomad_tui.ui.keymap import declared_key, keymap_of

KEYS = "letter or Enter choose · {dialog.leave} cancel"


class AskFile(WriteFile):
    """Acts in `_write_to` on the path that is entered."""

    AUTO_FOCUS = ""

    def __init__(self, title: str, choices: Sequence[Choice], chosen: Callable[[Choice], None]) -> None:
        """`chosen` is called with each choice, and goes on with `ask`, `ask_name` or `leave`."""
        super().__init__("", "")
        self.input.display = False
        self._title, self._chosen = title, chosen
        self.choices: tuple[Choice, ...] = tuple(choices)
        """What the menu offers now; empty while the file's name is typed."""
        self.menu = ChoiceList(self.choices, self._choose)
        self.progress = Static(id="write-file-progress")

    def compose(self) -> ComposeResult:
        with Vertical(id="write-file", classes="-wide") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content(keymap_of(self.app).text(KEYS))
            yield self.menu
            yield self.input
            yield self.progress
            yield self.trouble

    def begin(self) -> None:
        self.progress.display = False

    # What to ask next

    def ask(self, title: str, choices: Sequence[Choice], cursor: int = 0) -> None:
        self.choices = tuple(choices)
        self.menu.put(self.choices)
        self.menu.cursor = cursor
        self._head(title, KEYS)

    def ask_name(self, title: str, name: str) -> None:
        self.choices = ()
        self.menu.display = False
        self.input.display = True
        self.input.value = name
        self.input.cursor_position = len(name)
        self.trouble.display = False
        self.set_focus(self.input)
        self._head(title, "Enter write · {dialog.leave} cancel")

    def show_progress(self, text: str) -> None:
        """Instead of the line for the file; `ask_again` shows that again."""
        self.progress.update(Content(text))
        if not self.progress.display:
            self.progress.display = True
            self.input.display = self.trouble.display = False
            self._head(self._title, "{dialog.leave} stop and remove the file")

    def ask_again(self) -> None:
        self.progress.display = False
        self.input.display = True
        self.set_focus(self.input)
        self._head(self._title, "Enter write · {dialog.leave} cancel")

    @property
    def is_writing(self) -> bool:
        return bool(self.progress.display)

    # Keys

    def take_key(self, event: events.Key) -> None:
        if self._left or self.input.display:
            super().take_key(event)
            return
        if declared_key(self.app, event.key, Context.DIALOG, Context.MENU) == "escape":
            self.action_leave()
        elif self.choices:
            self.menu.take(event)
        event.stop()
        event.prevent_default()

    def _choose(self, choice: Choice) -> None:
        if choice.text is None:
            self.say_trouble(keymap_of(self.app).text(choice.why_not))
        else:
            self.trouble.display = False
            self._chosen(choice)

    def _enter(self, typed: str) -> None:
        if not self.is_writing:
            super()._enter(typed)

    def _head(self, title: str, keys: str) -> None:
        self._title = title
        box = self.query_one("#write-file")
        box.border_title = Content(title)
        box.border_subtitle = Content(keymap_of(self.app).text(keys))
