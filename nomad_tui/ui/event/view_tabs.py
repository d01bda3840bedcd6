"""The tabs of Event."""

from collections.abc import Iterable
from typing import ClassVar

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from nomad_tui.ui.event.inspected import EventView
from nomad_tui.ui.line_view import LaidOutOnce


class ViewTabs(Static, LaidOutOnce):
    """The names of the views in one line; a click on a name opens the view."""

    class Clicked(Message):
        def __init__(self, view: EventView) -> None:
            self.view = view
            super().__init__()

    _GAP: ClassVar[int] = 3

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._ends: list[tuple[int, EventView]] = []
        """The cell after each view's name, including the gap to the next."""

    @property
    def length(self) -> int:
        """Width of the line in cells."""
        return self._ends[-1][0] - self._GAP if self._ends else 0

    def show(self, labels: Iterable[tuple[EventView, str, int | None]], chosen: EventView) -> Content:
        """Shows the names and counts of the views; a count of None is unknown."""
        names: list[Content] = []
        self._ends.clear()
        end = 0
        for view, name, rows in labels:
            style = "bold underline $text-accent" if view is chosen else "$quiet"
            number = "" if rows is None else f" {rows:,}"
            names.append(Content.assemble((name, style), (number, "$quiet")))
            end += len(name) + len(number) + self._GAP
            self._ends.append((end, view))
        line = Content(" " * self._GAP).join(names)
        self.update(line, layout=False)
        return line

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.click(event.x)

    def click(self, x: int) -> None:
        """Opens the view whose name is at cell `x`, if any."""
        for end, view in self._ends:
            if 0 <= x < end:
                self.post_message(self.Clicked(view))
                return
