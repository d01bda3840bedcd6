"""How rows of the event list become lines on the screen, and which of them are kept for the next drawing."""

from collections import OrderedDict
from collections.abc import Container, Iterable
from enum import Enum, auto
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from nomad_tui.core.history.event_row import EventRow, GapRow, row
from nomad_tui.core.history.history import History
from nomad_tui.core.objects.parts import Role
from nomad_tui.core.search.view import Fold
from nomad_tui.ui.events.columns import DEFAULT_COLUMNS, Column
from nomad_tui.ui.events.event_line import MARGIN, Clock, Look, Palette, heading, line, margin
from nomad_tui.ui.events.marks import Marks
from nomad_tui.ui.events.viewport import Viewport
from nomad_tui.ui.themes import ink

ROWS_KEPT: Final = 1024
"""Rows and lines built and kept, many times a screenful."""

PREFIX: Final = "event-list--"
STYLES: Final = {
    "event-list--time",
    "event-list--received",
    "event-list--backlog",
    "event-list--gap",
    "event-list--cursor",
    "event-list--cursor-blurred",
    "event-list--hint",
    "event-list--place",
    "event-list--mark",
    "event-list--match",
    "event-list--unmatched",
    "event-list--heading",
    *(f"event-list--{role}" for role in Role),
    "event-list--topic",
}
"""Component classes of the widget that the rows are drawn for."""


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
    """Draws for one widget, whose component classes `STYLES` give the styles."""

    def __init__(self, widget: Widget, clock: Clock, columns: tuple[Column, ...], live: bool = False) -> None:
        """`live` is whether a server sends the events, so that those which had waited are its backlog."""
        self.clock = clock
        self.columns = columns
        self.live = live
        self.server_region = ""
        """For the column `region`; untrusted."""
        self.marks = Marks()
        self.watched: Container[int] = ()
        """The rows that a watch rule has highlighted."""
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

    def _looked_up(self, history: History, sequence: int) -> EventRow | GapRow:
        found = self._rows.get(sequence)
        if found is None:
            found = self._rows[sequence] = row(history, sequence)
            if len(self._rows) > ROWS_KEPT:
                self._rows.popitem(last=False)
        return found

    @property
    def heading_rows(self) -> int:
        """Lines above the rows: the columns' names, where the operator has chosen others than the usual ones.

        Of the usual columns each says what it is; an index and a size, a namespace and a region do not.
        """
        return 0 if self.columns == DEFAULT_COLUMNS else 1

    def heading(self, width: int) -> Strip:
        return heading(width, self._style("heading"), self.columns)

    def line(self, viewport: Viewport, y: int, width: int, why_empty: str) -> Strip:
        """Line `y` below the heading. `why_empty` is what a list without rows says."""
        # The first picture is drawn before the list has scrolled to the end that it follows.
        number = (viewport.first_row or (viewport.last_top if viewport.following else 0)) + y
        if number < viewport.rows:
            return self.row(viewport, viewport.view.sequence_at(number), width)
        if y != 1 or not why_empty:
            return Strip.blank(width, self._widget.rich_style)
        return Strip([Segment(f"   {why_empty}".ljust(width)[:width], self._style("hint"))], width)

    def looks(self, viewport: Viewport, rows: Iterable[int]) -> list[Look]:
        return [self._look(viewport, viewport.view.sequence_at(row)) for row in rows]

    def _look(self, viewport: Viewport, sequence: int) -> Look:
        view, matches = viewport.view, viewport.matches
        return Look(
            marked=sequence in self.marks,
            watched=sequence in self.watched,
            matching=None if matches is None else sequence in matches,
            repeats=view.repeats(sequence) if view.fold else 0,
            is_run=view.fold is Fold.ROUTINE,
        )

    def row(self, viewport: Viewport, sequence: int, width: int) -> Strip:
        """One row and the margin before it."""
        cursor = 0 if sequence != viewport.cursor else 2 if self._widget.has_focus else 1
        look = self._look(viewport, sequence)
        key = (sequence, width, cursor, look)
        strip = self._strips.get(key)
        if strip is None:
            found = self._looked_up(viewport.view.history, sequence)
            dimmed = Dimmed.NOTHING
            if isinstance(found, EventRow) and look.matching is not True:
                dimmed = Dimmed.ALL if look.matching is False else Dimmed.NOTHING if found.level else Dimmed.WORDS
            palette = self._palette(cursor, dimmed)
            before = margin(found, palette, self.live)
            if len(before) > 1:
                palette = {**palette, "time": palette["backlog"]}
            row_itself = line(
                found, max(0, width - MARGIN), palette, self.clock, self.columns, look, self.server_region
            )
            strip = self._strips[key] = Strip([*before, *row_itself], width)
            if len(self._strips) > ROWS_KEPT:
                self._strips.popitem(last=False)
        return strip

    def day(self, viewport: Viewport) -> str:
        """The day of the row at the top, such as `2026-11-23`; empty for today, or where none is known."""
        first = viewport.first_row
        if not 0 <= first < viewport.rows:
            return ""
        found = self._looked_up(viewport.view.history, viewport.view.sequence_at(first))
        day = self.clock.date(found) if isinstance(found, EventRow) else ""
        return "" if day == self.clock.today() else day

    def _style(self, name: str) -> Style:
        widget = self._widget
        return widget.rich_style + ink(widget.get_component_rich_style(f"{PREFIX}{name}"))

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
