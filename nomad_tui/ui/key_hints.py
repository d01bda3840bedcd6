"""The footer: as many keys as fit, each of them whole, and always `? Help` and `q Quit`."""

from typing import Final

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

LIVE_ONLY: Final = ("follow", "pause")
"""Actions that are not offered for a recording or a journal, to which nothing is added."""
LAST: Final = ("help", "quit")
"""Actions whose keys are never left out."""
_BETWEEN: Final = 2
"""Cells between a key and its description, and behind that."""


class KeyHints(Footer):
    def __init__(self, *, live: bool = True) -> None:
        """`live` is whether new events come."""
        self._live = live
        super().__init__(compact=True, show_command_palette=False)

    def compose(self) -> ComposeResult:
        keys = list(super().compose())
        kept = [key for key in keys if _action(key) in LAST]
        room = self.app.size.width - sum(map(_width, kept))
        shown: list[Widget] = []
        for key in keys:
            if key in kept or (not self._live and _action(key) in LIVE_ONLY):
                continue
            room -= _width(key)
            if room < 0:
                break
            shown.append(key)
        yield from (*shown, *kept)

    async def on_resize(self, event: events.Resize) -> None:
        await self.recompose()


def _action(key: Widget) -> str:
    return key.action.removeprefix("app.") if isinstance(key, FooterKey) else ""


def _width(key: Widget) -> int:
    return cell_len(key.key_display + key.description) + _BETWEEN if isinstance(key, FooterKey) else 0
