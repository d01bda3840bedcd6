"""The footer: as many keys as fit untruncated, and always `? Help` and `q Quit`."""

from typing import Any, Final

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

from nomad_tui.ui.actions import UNBOUND, shown_key

LIVE_ONLY: Final = ("app.follow", "app.pause")
"""Actions that are not offered for a recording or a journal, to which nothing is added."""
LAST: Final = ("app.help", "app.quit")
"""Actions whose keys are never left out."""
GAP: Final = 2
"""Cells between two keys."""


class KeyHints(Widget):
    DEFAULT_CSS = """
    KeyHints { dock: bottom; height: 1; padding: 0 1; }
    """

    def __init__(self, *, live: bool = True) -> None:
        """`live` is whether new events come."""
        super().__init__()
        self._live = live

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[Any]) -> None:
        if self.app.app_focus:
            self.refresh()

    def render(self) -> Content:
        return Content(" " * GAP).join([_hint(binding) for binding in self._shown()])

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        at = 0 if offset is None else offset.x
        for binding in self._shown():
            width = _hint(binding).cell_length
            if 0 <= at < width:
                self.app.simulate_key(binding.key)
            at -= width + GAP

    def _shown(self) -> list[Binding]:
        """Those that are shown, from left to right."""
        found: dict[str, Binding] = {}
        for active in self.screen.active_bindings.values():
            binding = active.binding
            if binding.key == UNBOUND:
                continue
            if binding.show and binding.id is not None and (self._live or binding.id not in LIVE_ONLY):
                found.setdefault(binding.id, binding)
        last = [found.pop(name) for name in LAST if name in found]
        room = self.content_size.width - sum(_hint(binding).cell_length + GAP for binding in last)
        shown: list[Binding] = []
        for binding in found.values():
            room -= _hint(binding).cell_length + GAP
            if room < 0:
                break
            shown.append(binding)
        return [*shown, *last]


def _hint(binding: Binding) -> Content:
    return Content.assemble(
        (shown_key(binding.key), "bold $footer-key-foreground"),
        (f" {binding.description}", "$footer-description-foreground"),
    )
