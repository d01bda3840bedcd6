"""The outcome of work outside the dashboard, for a notification."""

from dataclasses import dataclass
from typing import Any

from textual.app import App

from nomad_tui.ui.keymap import keymap_of


@dataclass(frozen=True, slots=True)
class Outcome:
    done: bool
    sentence: str
    """What was done, or what failed, why, and what to do next. Keys are written as `{action}`. May be empty."""

    def notify(self, app: App[Any]) -> None:
        if self.sentence:
            sentence = keymap_of(app).text(self.sentence)
            app.notify(sentence, severity="information" if self.done else "warning", markup=False, timeout=5)
