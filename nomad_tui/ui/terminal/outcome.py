"""What came of letting something out of the dashboard: to a program, the clipboard, the browser or a file."""

from dataclasses import dataclass
from typing import Any

from textual.app import App


@dataclass(frozen=True, slots=True)
class Outcome:
    done: bool
    sentence: str
    """What was done, or what failed, why, and what to do now; fit to be drawn. Empty where there is nothing to say."""

    def notify(self, app: App[Any]) -> None:
        if self.sentence:
            app.notify(self.sentence, severity="information" if self.done else "warning", markup=False, timeout=5)
