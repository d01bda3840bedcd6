"""Where the operator was, to be found again after a look at something else."""

from typing import Final

import msgspec

from nomad_tui.ui.event.inspected import EventView
from nomad_tui.ui.panes import Pane

MOST_PLACES: Final = 100
"""Beyond these the oldest is forgotten."""


class Place(msgspec.Struct, frozen=True):
    pane: Pane
    view: EventView
    sequence: int | None
    """The event that was looked at."""
    selected: bool
    """Whether it was selected in the list; else the list followed the newest, or had nothing selected."""
    following: bool


class Places:
    """The way back, one step at a time. It ends when the operator selects something else by hand."""

    def __init__(self) -> None:
        self._places: list[Place] = []

    def __bool__(self) -> bool:
        return bool(self._places)

    def leave(self, place: Place) -> None:
        """Remembers a place that is being left."""
        self._places.append(place)
        del self._places[:-MOST_PLACES]

    def back(self) -> Place:
        """The place left last, which is forgotten."""
        return self._places.pop()

    def forget(self) -> None:
        self._places.clear()
