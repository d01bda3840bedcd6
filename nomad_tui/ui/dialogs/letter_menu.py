"""Menus in which a letter, Enter or a click chooses a line; among them those of columns and themes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.dialog import Dialog
from nomad_tui.ui.events.columns import MEANINGS, Column, UnusableColumnsError, parse_columns
from nomad_tui.ui.keymap import keymap_of

LONGEST_PREVIEW: Final = 300
"""Characters of a text to copy that are generated for its preview; a line shows fewer."""
_MOVES: Final = {"up": -1, "down": 1}

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Choice:
    letter: str
    """Empty for a line that only Enter or a click chooses."""
    label: str
    """Name of the choice; repeated after it was chosen."""
    text: str | Callable[[], str] | None
    """The chosen text, or a function that returns it; None if it is not available."""
    why_not: str = ""
    """A sentence that says why it is not available."""
    preview: str = ""
    """Start of the text, if generating all of it is slow."""
    warning: str = ""
    """A sentence about what running the text may do; shown after it was copied."""

    def made(self) -> str:
        """The chosen text; empty if it is not available."""
        return self.text() if callable(self.text) else self.text or ""

    @property
    def shown(self) -> str:
        """One line that is safe to display: the text, or why it is not available."""
        if self.text is None:
            return self.why_not
        text = self.preview if callable(self.text) else self.text
        if self.warning:
            text = f"▲ {self.warning} {text}"
        return printable(" ".join(text[:LONGEST_PREVIEW].split()), LONGEST_PREVIEW)


class ChoiceList(Widget, can_focus=True):
    """One line per choice."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MENU)

    DEFAULT_CSS = """
    ChoiceList { text-wrap: nowrap; }
    """

    cursor: reactive[int] = reactive(0)

    class Moved(Message):
        """The cursor has moved to another choice."""

    def __init__(
        self,
        choices: Sequence[Choice],
        choose: Callable[[Choice], None],
        click: Callable[[Choice], None] | None = None,
    ) -> None:
        """`choose` is called with the choice of a letter or Enter, available or not; `click` with that of a click, by
        default `choose`."""
        super().__init__()
        self._choose = choose
        self._click = click or choose
        self.put(choices)

    def put(self, choices: Sequence[Choice], cursor: int = 0) -> None:
        """Replaces the choices."""
        self.choices = tuple(choices)
        self._has_letters = any(choice.letter for choice in choices)
        self._lines = [(choice.letter, choice.label, choice.shown, choice.text is not None) for choice in choices]
        self.styles.height = max(1, len(self._lines))
        self._widest = max((len(choice.label) for choice in choices), default=0)
        self.cursor = cursor
        self.refresh(layout=True)

    def watch_cursor(self) -> None:
        self._keep_in_view()
        self.post_message(self.Moved())

    def on_key(self, event: events.Key) -> None:
        """Chooses a line by its letter."""
        row = next((n for n, choice in enumerate(self.choices) if choice.letter == event.character), None)
        if row is not None:
            event.stop()
            self._choose_row(row)

    def action_move(self, rows: int) -> None:
        self.cursor = max(0, min(self.cursor + rows, len(self.choices) - 1))

    def action_choose(self) -> None:
        """Chooses the line under the cursor."""
        if self.choices:
            self._choose_row(self.cursor)

    def _keep_in_view(self) -> None:
        if isinstance(self.parent, VerticalScroll):
            self.parent.scroll_to(y=self.cursor - 2, animate=False)

    def on_click(self, event: events.Click) -> None:
        if 0 <= event.y < len(self.choices):
            event.stop()
            self.cursor = event.y
            self._click(self.choices[event.y])

    def _choose_row(self, row: int) -> None:
        self.cursor = row
        self._choose(self.choices[row])

    def render(self) -> Content:
        return Content("\n").join([self._line(row) for row in range(len(self._lines))])

    def _line(self, row: int) -> Content:
        letter, label, shown, is_possible = self._lines[row]
        if not is_possible:
            shown = keymap_of(self.app).text(shown)
        line = Content.assemble(
            (f"{letter:<1}  " if self._has_letters else "", "bold $accent" if is_possible else "$faint"),
            (f"{label:<{self._widest}}  ", "$foreground" if is_possible else "$faint"),
            (shown, "$quiet" if is_possible else "$faint"),
        )
        width = self.content_size.width
        line = line.truncate(width, ellipsis=True, pad=True)
        return line.stylize("on $chosen" if row == self.cursor else "")


class LetterMenu(Dialog[Result | None], Generic[Result]):
    """Its result is that of an available choice, or None."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)
    BOX: ClassVar[str] = "copy"
    """ID of the frame."""

    def __init__(self, choices: Sequence[Choice], title: str, keys: str, result: Callable[[Choice], Result]) -> None:
        """`keys` is the bottom line of the frame, in which keys are written as `{action}`; `result` returns the menu's
        result for a choice."""
        super().__init__()
        self._title, self._keys, self._result = title, keys, result
        self.list = ChoiceList(choices, self._choose, self._clicked)

    @property
    def choices(self) -> tuple[Choice, ...]:
        return self.list.choices

    def compose(self) -> ComposeResult:
        with VerticalScroll(id=self.BOX, can_focus=False) as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content(keymap_of(self.app).text(self._keys))
            yield self.list

    def action_move(self, rows: int) -> None:
        self.list.action_move(rows)

    def explain(self, text: str) -> None:
        """Shows a sentence at the bottom of the frame."""
        self.query_one(f"#{self.BOX}").border_subtitle = Content.styled(keymap_of(self.app).text(text), "$warning")

    @on(ChoiceList.Moved)
    def _moved(self, message: ChoiceList.Moved) -> None:
        message.stop()
        if self.is_current:
            self.preview()

    def preview(self) -> None:
        """Called when the cursor has moved to another choice."""

    def _clicked(self, choice: Choice) -> None:
        self._choose(choice)

    def _choose(self, choice: Choice) -> None:
        if choice.text is None:
            self.explain(choice.why_not)
        else:
            self.dismiss(self._result(choice))


class ChoiceMenu(LetterMenu[Choice]):
    """Its result is the choice itself."""

    def __init__(self, choices: Sequence[Choice], title: str, keys: str) -> None:
        super().__init__(choices, title, keys, lambda choice: choice)


class ColumnMenu(LetterMenu[tuple[Column, ...]]):
    """All columns, with the current ones first and ticked. Its result is the chosen columns in order."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.OPTIONS, Context.COLUMNS)
    BOX = "columns"

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self.order = [*columns, *(column for column in Column if column not in columns)]
        self.chosen = set(columns)
        keys = (
            "{columns.tick} show or hide · {columns.left} {columns.right} move · {menu.choose} apply · "
            "{dialog.leave} cancel"
        )
        super().__init__(self._lines(), "Columns", keys, lambda _: self._columns())

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

    def _columns(self) -> tuple[Column, ...]:
        return parse_columns(column for column in self.order if column in self.chosen)

    def _choose(self, choice: Choice) -> None:
        try:
            super()._choose(choice)
        except UnusableColumnsError as error:
            self.explain(str(error))


class ThemeMenu(LetterMenu[str]):
    """Its result is the chosen theme; None after restoring the previous one."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.PAGE, Context.OPTIONS)
    BOX = "themes"

    def __init__(self, themes: Sequence[str]) -> None:
        choices = [Choice("", theme, lambda: "") for theme in themes]
        super().__init__(choices, "Theme", "{menu.choose} apply · {dialog.leave} restore", self._apply)

    def compose(self) -> ComposeResult:
        self._before = self.app.theme
        labels = [choice.label for choice in self.choices]
        self.list.cursor = labels.index(self._before) if self._before in labels else 0
        yield from super().compose()

    def preview(self) -> None:
        self.app.theme = self.choices[self.list.cursor].label

    def _apply(self, choice: Choice) -> str:
        self.app.theme = choice.label
        return choice.label

    def action_leave(self) -> None:
        self.app.theme = self._before
        super().action_leave()
