"""The footer: as many keys as fit, each of them whole, and always `? Help` and `q Quit`."""

from typing import Final

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

LAST: Final = ("help", "quit")
"""Actions whose keys are never left out."""
_BETWEEN: Final = 2
"""Cells between a key and its description, and behind that."""


class KeyHints(Footer):
    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)

    def compose(self) -> ComposeResult:
        keys = list(super().compose())
        kept = [key for key in keys if _action(key) in LAST]
        room = self.app.size.width - sum(map(_width, kept))
        shown: list[Widget] = []
        for key in keys:
            if key in kept:
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
