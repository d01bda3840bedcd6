"""Renders rows of the event list as lines, and caches them."""

from collections import OrderedDict
from collections.abc import Callable, Container, Iterable
from datetime import datetime, tzinfo
from enum import Enum, auto
from time import time_ns
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from nomad_tui.core.history.event_row import APPROXIMATE, BACKLOG_MARK, EventRow, GapRow, row
from nomad_tui.core.history.history import History
from nomad_tui.core.level import Level
from nomad_tui.core.objects.parts import Part, Role, Sentence
from nomad_tui.core.readable import byte_count, count
from nomad_tui.core.search.view import Fold
from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.ui.events.columns import (
    DEFAULT_COLUMNS,
    FIRST_GUTTER,
    RIGHT_ALIGNED,
    TIME_WIDTH,
    Column,
    Layout,
    Placed,
    lay_out,
)
from nomad_tui.ui.events.viewport import Marks, Viewport
from nomad_tui.ui.themes import glyph, ink

Palette: TypeAlias = dict[str, Style]
"""Styles on the row's background, by the list's component class without its prefix."""

MARK: Final = "★"
MATCH: Final = "▎"
WATCHED: Final = "◉"
"""Shown in the gutter after the first column: `MARK` or `WATCHED` in its first cell, `MATCH` in its second."""
MARGIN: Final = 2
"""Cells before the first column, for the glyph of the event's level and the glyph of a server's backlog."""
LEVEL_MARKS: Final = {Level.FAILURE: ("✖", "bad"), Level.WARNING: ("▲", "warn"), Level.CHANGE: ("•", "dim")}
"""The glyph of each level and the name of its style."""


class Clock(msgspec.Struct, frozen=True):
    """Formats times of events in `TIME_WIDTH` cells."""

    timezone: tzinfo | None
    """None for this machine's."""
    now: Callable[[], int] = time_ns
    """Returns ns since 1970."""

    def format(self, event: EventRow) -> str:
        nanoseconds, exact = event.when()
        if nanoseconds is None:
            return " " * TIME_WIDTH
        return self._format(nanoseconds) if exact else f"{APPROXIMATE}{self._format(nanoseconds)[:8]}".ljust(TIME_WIDTH)

    def format_received(self, event: EventRow) -> str:
        """When its bytes arrived; blank for events from a server's buffer or a recording."""
        return self._format(event.received) if event.received else " " * TIME_WIDTH

    def date(self, event: EventRow) -> str:
        """The day, such as `2026-11-23`; empty if unknown."""
        nanoseconds, _ = event.when()
        at = None if nanoseconds is None else self._at(nanoseconds)
        return "" if at is None else f"{at:%Y-%m-%d}"

    def today(self) -> str:
        at = self._at(self.now())
        return "" if at is None else f"{at:%Y-%m-%d}"

    def _format(self, nanoseconds: int) -> str:
        at = self._at(nanoseconds)
        if at is None:
            return " " * TIME_WIDTH
        return f"{at.hour:02}:{at.minute:02}:{at.second:02}.{nanoseconds // 1_000_000 % 1000:03}"

    def _at(self, nanoseconds: int) -> datetime | None:
        try:
            return datetime.fromtimestamp(nanoseconds // 1_000_000_000, self.timezone)
        except (OverflowError, ValueError, OSError):
            return None


class Look(msgspec.Struct, frozen=True):
    """The state of a row that is not part of its event."""

    marked: bool = False
    watched: bool = False
    """Whether a watch rule has highlighted it."""
    matching: bool | None = None
    """Whether it matches the filter, while other rows are shown too; otherwise None."""
    repeats: int = 0
    """Number of further events folded into this row: those of the same object with the same sentence."""
    is_run: bool = False
    """Whether the folded events are a run of routine events instead, of any objects."""


PLAIN: Final = Look()


def margin(row: EventRow | GapRow, palette: Palette, live: bool) -> list[Segment]:
    """The glyphs before the first column. `live` means that a server sends the events."""
    if isinstance(row, GapRow):
        return [Segment(" " * MARGIN, palette["plain"])]
    mark, style = LEVEL_MARKS.get(row.level, (" ", "plain"))
    if live and row.waited:
        return [Segment(mark, palette[style]), Segment(BACKLOG_MARK, palette["backlog"])]
    return [Segment(mark + " " * (MARGIN - 1), palette[style])]


def line(
    row: EventRow | GapRow,
    width: int,
    palette: Palette,
    clock: Clock,
    columns: tuple[Column, ...] = DEFAULT_COLUMNS,
    look: Look = PLAIN,
    region: str = "",
) -> Strip:
    """The row in exactly `width` cells. `region` is untrusted, like everything from a server."""
    if isinstance(row, GapRow):
        text = printable(f"──── gap: {row.gap.sentence} ", width)
        text += "─" * max(0, width - len(text))
        if look.marked and width:
            return Strip([Segment(MARK, palette["mark"]), Segment(text[1:], palette["gap"])], width)
        return Strip([Segment(text, palette["gap"])], width)
    if look.is_run and look.repeats:
        routine = Sentence((Part("", Role.DIM),), (Part(f"{count(look.repeats + 1)} routine", Role.DIM),))
        row, look = (
            replace(row, sentence=routine, topic="", type="", namespace=""),
            replace(look, repeats=0),
        )
    layout = lay_out(columns, width)
    strip = Strip(_segments(row, layout, palette, clock, look, region), layout.width)
    return strip if layout.width == width else strip.crop(0, width)


def heading(width: int, style: Style, columns: tuple[Column, ...]) -> Strip:
    """The column headings in exactly `width` cells, including the margin."""
    text = " " * MARGIN
    for placed in lay_out(columns, width - MARGIN).placed:
        name = placed.column if placed.width >= len(placed.column) else ""
        aligned = name.rjust(placed.width) if placed.column in RIGHT_ALIGNED else name.ljust(placed.width)
        text += aligned + " " * placed.gutter
    return Strip([Segment(text.ljust(width)[:width], style)], width)


def _segments(
    event: EventRow, layout: Layout, palette: Palette, clock: Clock, look: Look, region: str
) -> list[Segment]:
    plain = palette["plain"]
    line: list[Segment] = []
    placed = layout.placed
    covered = False
    for number, at in enumerate(placed):
        if covered:
            covered = False
            continue
        width, gutter = at.width, at.gutter
        signs = number == 0 and (look.marked or look.watched or bool(look.matching))
        if at.column is Column.SENTENCE:
            node = ""
            if number + 1 < len(placed) and (after := placed[number + 1]).column is Column.NODE:
                # The sentence also gets the cells that the node's name does not need.
                covered = True
                taken = min(cell_len(event.node), after.width)
                width += after.width - taken + (0 if taken else gutter)
                node, gutter = event.node, gutter if taken else after.gutter
            _add_sentence(line, event, width, gutter - signs * FIRST_GUTTER, palette, look, layout.node_in_sentence)
            if node:
                _add(line, [(node, palette["place"])], taken, after.gutter, plain)
        else:
            _add(line, _cell(at, event, palette, clock, region), width, gutter - signs * FIRST_GUTTER, plain)
        if signs:
            line.append(Segment(MARK if look.marked else WATCHED if look.watched else " ", palette["mark"]))
            line.append(Segment(MATCH if look.matching else " ", palette["match"]))
    left = layout.width - sum(at.width + at.gutter for at in placed)
    if left > 0:
        line.append(Segment(" " * left, plain))
    return line


def _cell(at: Placed, event: EventRow, palette: Palette, clock: Clock, region: str) -> list[tuple[str, Style]]:
    """The content of any column except the sentence."""
    match at.column:
        case Column.TIME:
            return [(clock.format(event), palette["time" if event.when()[1] else "received"])]
        case Column.TOPIC:
            sign = glyph(event.topic) if event.topic else " "
            name = set_cell_size(printable(event.topic, max(0, at.width - 2)), max(0, at.width - 2))
            return [(f"{sign} {name}" if at.width > 1 else sign, palette["topic"])]
        case Column.OBJECT:
            return [(part.text, palette[part.role]) for part in event.sentence.subject]
        case Column.NODE:
            return [(" " * max(0, at.width - cell_len(event.node)) + event.node, palette["place"])]
        case Column.INDEX:
            digits = str(event.index) if event.index >= 0 else ""
            shown = digits if len(digits) <= at.width else ELLIPSIS + digits[1 - at.width :]
            return [(shown.rjust(at.width), palette["dim"])]
        case Column.SIZE:
            return [(byte_count(event.size).rjust(at.width), palette["dim"])]
        case Column.RECEIVED:
            return [(clock.format_received(event), palette["time"])]
        case Column.TYPE:
            return [(printable(event.type, at.width + 1), palette["plain"])]
        case Column.NAMESPACE:
            return [(printable(event.namespace, at.width + 1), palette["place"])]
        case _:
            return [(printable(region, at.width + 1), palette["place"])]


def _add_sentence(
    line: list[Segment], event: EventRow, width: int, gutter: int, palette: Palette, look: Look, node_in_sentence: bool
) -> None:
    """Appends what happened; truncates it so that the count of repeats stays visible."""
    parts = [(part.text, palette[part.role]) for part in event.sentence.happened]
    if look.repeats:
        times = f" ×{count(look.repeats + 1)}"
        kept, _ = _truncated(parts, max(0, width - len(times)))
        parts = [*((segment.text, segment.style or palette["plain"]) for segment in kept), (times, palette["dim"])]
    if node_in_sentence and event.node:
        parts.append((f"  {event.node}", palette["place"]))
    _add(line, parts, width, gutter, palette["plain"])


def _add(line: list[Segment], parts: list[tuple[str, Style]], width: int, gutter: int, plain: Style) -> None:
    """Appends the parts, truncated or padded to `width` cells, and `gutter` spaces.

    Spaces are part of the last segment, because lines with fewer segments are drawn faster.
    """
    segments, used = _truncated(parts, width)
    spaces = " " * (width - used + gutter)
    if spaces:
        text, style = (segments[-1].text, segments[-1].style) if segments else ("", plain)
        segments[-1:] = [Segment(text + spaces, style)]
    line += segments


def _truncated(parts: list[tuple[str, Style]], width: int) -> tuple[list[Segment], int]:
    """The parts truncated to `width` cells, and the number of cells they take."""
    segments = [Segment(text, style) for text, style in parts if text]
    used = sum(len(segment.text) if segment.text.isascii() else segment.cell_length for segment in segments)
    if used > width:
        kept = list(Strip(segments, used).crop(0, max(0, width - 1)))
        last = kept.pop() if kept else Segment("", segments[0].style)
        segments = [*kept, Segment(last.text + ELLIPSIS, last.style)] if width else []
        used = width
    return segments, used


MAX_CACHED_ROWS: Final = 1024
"""Maximum number of cached rows, and of cached lines: many screenfuls."""

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
"""Component classes of the widget that draws the rows."""


class Dimmed(Enum):
    NOTHING = auto()
    WORDS = auto()
    """The text of a routine event."""
    ALL = auto()
    """A row that does not match, while highlighting those that do."""


_NOT_DIMMED: Final[dict[Dimmed, frozenset[str] | None]] = {
    Dimmed.NOTHING: None,
    Dimmed.WORDS: frozenset(("mark", "match", "time", "received", "backlog")),
    Dimmed.ALL: frozenset(("mark",)),
}
"""The styles that are not dimmed; None for all."""


class EventPainter:
    """Draws the rows of one widget, which has the component classes `STYLES`."""

    def __init__(self, widget: Widget, clock: Clock, columns: tuple[Column, ...], live: bool = False) -> None:
        """`live` means that a server sends the events: those from its buffer are marked as backlog."""
        self.clock = clock
        self.columns = columns
        self.live = live
        self.server_region = ""
        """Content of the column `region`; untrusted."""
        self.marks = Marks()
        self.watched: Container[int] = ()
        """Sequence numbers of the rows that a watch rule has highlighted."""
        self._widget = widget
        self._rows: OrderedDict[int, EventRow | GapRow] = OrderedDict()
        self._strips: OrderedDict[tuple[int, int, int, Look], Strip] = OrderedDict()
        self._palettes: dict[tuple[int, Dimmed], Palette] = {}

    def clear_lines(self) -> None:
        """Discards the cached lines; call it after a change that affects every line."""
        self._strips.clear()

    def clear_styles(self) -> None:
        self._rows.clear()
        self._palettes.clear()
        self._strips.clear()

    def _row_of(self, history: History, sequence: int) -> EventRow | GapRow:
        found = self._rows.get(sequence)
        if found is None:
            found = self._rows[sequence] = row(history, sequence)
            if len(self._rows) > MAX_CACHED_ROWS:
                self._rows.popitem(last=False)
        return found

    @property
    def heading_rows(self) -> int:
        """Number of lines above the rows: one with the column headings unless the columns are the default ones.

        The default columns need no headings; an index and a size, or a namespace and a region, could be confused.
        """
        return 0 if self.columns == DEFAULT_COLUMNS else 1

    def heading(self, width: int) -> Strip:
        return heading(width, self._style("heading"), self.columns)

    def line(self, viewport: Viewport, y: int, width: int, why_empty: str) -> Strip:
        """Line `y` below the heading. `why_empty` is shown in a list without rows."""
        # The first drawing precedes the first scrolling to the end.
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
        """A row, including the margin."""
        cursor = 0 if sequence != viewport.cursor else 2 if self._widget.has_focus else 1
        look = self._look(viewport, sequence)
        key = (sequence, width, cursor, look)
        strip = self._strips.get(key)
        if strip is None:
            found = self._row_of(viewport.view.history, sequence)
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
            if len(self._strips) > MAX_CACHED_ROWS:
                self._strips.popitem(last=False)
        return strip

    def day(self, viewport: Viewport) -> str:
        """The day of the row at the top, such as `2026-11-23`; empty for today, or if unknown."""
        first = viewport.first_row
        if not 0 <= first < viewport.rows:
            return ""
        found = self._row_of(viewport.view.history, viewport.view.sequence_at(first))
        day = self.clock.date(found) if isinstance(found, EventRow) else ""
        return "" if day == self.clock.today() else day

    def _style(self, name: str) -> Style:
        widget = self._widget
        return widget.rich_style + ink(widget.get_component_rich_style(f"{PREFIX}{name}"))

    def _palette(self, cursor: int, dimmed: Dimmed) -> Palette:
        """The styles of a row on its background, which differs under the cursor."""
        palette = self._palettes.get((cursor, dimmed))
        if palette is None:
            widget = self._widget
            ground = widget.rich_style
            if cursor:
                name = f"{PREFIX}cursor" if cursor == 2 else f"{PREFIX}cursor-blurred"
                ground += Style(bgcolor=widget.get_component_rich_style(name).bgcolor)
            names = {name.removeprefix(PREFIX): name for name in widget.COMPONENT_CLASSES}
            kept = _NOT_DIMMED[dimmed]
            if kept is not None:
                names = {role: name if role in kept else f"{PREFIX}unmatched" for role, name in names.items()}
            palette = {role: ground + ink(widget.get_component_rich_style(name)) for role, name in names.items()}
            self._palettes[cursor, dimmed] = palette
        return palette
