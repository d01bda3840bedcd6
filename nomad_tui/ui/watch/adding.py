"""The dialog that makes a watch rule of the current filter."""

from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from nomad_tui.config.watch_rules import LONGEST_NAME
from nomad_tui.core.filter import Filter
from nomad_tui.core.level import Level
from nomad_tui.core.readable import SECOND, duration
from nomad_tui.core.text import printable
from nomad_tui.core.watch import Action, Origin, Rule
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.dialog import Dialog
from nomad_tui.ui.filter.saved import NameInput

COUNTS: Final = (1, 3, 5, 10)
WINDOWS: Final = (60.0, 300.0, 900.0, 3_600.0)
ACTIONS: Final = (Action.HIGHLIGHT, Action.BELL, Action.NOTIFY, Action.PAUSE)
"""By F1 to F4. A command is written in config.toml."""


class AddRule(Dialog[Rule | None]):
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)

    def __init__(self, filter_text: str) -> None:
        """`filter_text` has no mistake."""
        super().__init__()
        self._text = filter_text
        self._actions = {Action.HIGHLIGHT, Action.BELL, Action.NOTIFY}
        self._level = Level.ROUTINE if filter_text else Level.FAILURE
        self._count, self._window = COUNTS[0], WINDOWS[1]
        self._settings = Static(id="add-rule-settings")

    def compose(self) -> ComposeResult:
        with Vertical(id="add-rule") as box:
            box.border_title = Content("Add a watch rule")
            box.border_subtitle = Content("Enter add · Esc cancel")
            yield Static(Content.styled(printable(self._text, 200) or "every event", "$quiet"))
            yield NameInput(placeholder="name", max_length=LONGEST_NAME, compact=True)
            yield self._settings

    def on_mount(self) -> None:
        self.query_one(NameInput).focus()
        self._show()

    def _show(self) -> None:
        lines = [
            f"{'▣' if action in self._actions else '□'} F{number} {action}" for number, action in enumerate(ACTIONS, 1)
        ]
        level = "any level" if self._level is Level.ROUTINE else f"level {self._level.word} or worse"
        lines.append(f"  F5 {level}".replace("failure or worse", "failure"))
        lines.append(
            f"  F6 at {self._count} of them"
            + (f", F7 within {duration(int(self._window * SECOND))}" if self._count > 1 else "")
        )
        self._settings.update(Content("\n").join(map(Content, lines)))

    def on_key(self, event: events.Key) -> None:
        keys = {f"f{number}": action for number, action in enumerate(ACTIONS, 1)}
        match event.key:
            case key if key in keys:
                self._actions ^= {keys[key]}
            case "f5":
                self._level = Level((self._level + 1) % len(Level))
            case "f6":
                self._count = COUNTS[(COUNTS.index(self._count) + 1) % len(COUNTS)]
            case "f7":
                self._window = WINDOWS[(WINDOWS.index(self._window) + 1) % len(WINDOWS)]
            case _:
                return
        event.stop()
        self._show()

    def action_leave(self) -> None:
        self.dismiss(None)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name = printable(event.value.strip())
        if not name:
            return
        if not self._text and self._level is Level.ROUTINE:
            self.notify("A rule for every event fires all the time. Choose a level with F5.", markup=False)
        elif not self._actions:
            self.notify("Choose an action with F1 to F4.", markup=False)
        else:
            self.dismiss(
                Rule(
                    name,
                    Filter.parse(self._text),
                    self._level,
                    self._count,
                    self._window,
                    frozenset(self._actions),
                    origin=Origin.OWN,
                )
            )
