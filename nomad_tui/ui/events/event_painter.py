"""How rows of the event list become lines on the screen, and which of them are kept for the next drawing."""

from collections import OrderedDict
from enum import Enum, auto
from typing import Final

from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from nomad_tui.core.history.event_row import EventRow, GapRow, row
from nomad_tui.core.history.history import History
from nomad_tui.ui.events.columns import Column
from nomad_tui.ui.events.event_line import MARGIN, Clock, Look, Palette, line, margin
from nomad_tui.ui.themes import ink

ROWS_KEPT: Final = 1024
"""Rows and lines built and kept, many times a screenful."""

PREFIX: Final = "event-list--"


class Dimmed(Enum):
    NOTHING = auto()
    WORDS = auto()
    """What a routine event says."""
    ALL = auto()
    """A row that does not match, among others that do."""


_KEPT: Final[dict[Dimmed, frozenset[str] | None]] = {
    Dimmed.NOTHING: None,
    Dimmed.WORDS: frozenset(("mark", "match", "time", "received", "backlog")),
    Dimmed.ALL: frozenset(("mark",)),
}
"""The styles that stay what they are."""


class EventPainter:
    """Draws for one widget, whose component classes beginning with `PREFIX` give the styles."""

    def __init__(self, widget: Widget, clock: Clock, live: bool = False) -> None:
        """`live` is whether a server sends the events, so that those which had waited are its backlog."""
        self.clock = clock
        self.live = live
        self._widget = widget
        self._rows: OrderedDict[int, EventRow | GapRow] = OrderedDict()
        self._strips: OrderedDict[tuple[int, int, int, Look], Strip] = OrderedDict()
        self._palettes: dict[tuple[int, Dimmed], Palette] = {}

    def forget_lines(self) -> None:
        """To be called when something changes that shows in every line."""
        self._strips.clear()

    def forget_styles(self) -> None:
        self._rows.clear()
        self._palettes.clear()
        self._strips.clear()

    def looked_up(self, history: History, sequence: int) -> EventRow | GapRow:
        found = self._rows.get(sequence)
        if found is None:
            found = self._rows[sequence] = row(history, sequence)
            if len(self._rows) > ROWS_KEPT:
                self._rows.popitem(last=False)
        return found

    def line(
        self,
        history: History,
        sequence: int,
        width: int,
        cursor: int,
        look: Look,
        columns: tuple[Column, ...],
        server_region: str,
    ) -> Strip:
        """One row and the margin before it.

        `cursor` is 0 where it is not, 1 in a list without the focus, 2 in one with it.
        """
        key = (sequence, width, cursor, look)
        strip = self._strips.get(key)
        if strip is None:
            found = self.looked_up(history, sequence)
            dimmed = Dimmed.NOTHING
            if isinstance(found, EventRow) and look.matching is not True:
                dimmed = Dimmed.ALL if look.matching is False else Dimmed.NOTHING if found.level else Dimmed.WORDS
            palette = self._palette(cursor, dimmed)
            before = margin(found, palette, self.live)
            if len(before) > 1:
                palette = {**palette, "time": palette["backlog"]}
            row_itself = line(found, max(0, width - MARGIN), palette, self.clock, columns, look, server_region)
            strip = self._strips[key] = Strip([*before, *row_itself], width)
            if len(self._strips) > ROWS_KEPT:
                self._strips.popitem(last=False)
        return strip

    def day(self, history: History, sequence: int) -> str:
        """The day of an event, such as `2026-11-23`; empty for today, or where none is known."""
        found = self.looked_up(history, sequence)
        day = self.clock.date(found) if isinstance(found, EventRow) else ""
        return "" if day == self.clock.today() else day

    def _palette(self, cursor: int, dimmed: Dimmed) -> Palette:
        """The styles of a row on its ground, which is another one under the cursor."""
        palette = self._palettes.get((cursor, dimmed))
        if palette is None:
            widget = self._widget
            ground = widget.rich_style
            if cursor:
                name = f"{PREFIX}cursor" if cursor == 2 else f"{PREFIX}cursor-blurred"
                ground += Style(bgcolor=widget.get_component_rich_style(name).bgcolor)
            names = {name.removeprefix(PREFIX): name for name in widget.COMPONENT_CLASSES}
            kept = _KEPT[dimmed]
            if kept is not None:
                names = {role: name if role in kept else f"{PREFIX}unmatched" for role, name in names.items()}
            palette = {role: ground + ink(widget.get_component_rich_style(name)) for role, name in names.items()}
            self._palettes[cursor, dimmed] = palette
        return palette
