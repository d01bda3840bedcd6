"""The histogram of the overview: events by time, stacked by level, and a cursor along its buckets."""

from collections.abc import Callable
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from nomad_tui.core.level import Level
from nomad_tui.core.overview.activity import Bucket
from nomad_tui.core.readable import count
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.themes import ink

BARS: Final = " ▁▂▃▄▅▆▇█"
GAP: Final = "┊"
MARKS: Final = {Level.FAILURE: "✖", Level.WARNING: "▲"}
PREFIX: Final = "activity-chart--"
_STYLES: Final = {Level.FAILURE: "bad", Level.WARNING: "warn", Level.CHANGE: "change", Level.ROUTINE: "routine"}


def bar(counts: list[int], most: int, rows: int) -> list[tuple[str, Level]]:
    """The cells of one bucket from the bottom up: each a glyph and the level that sets its color.

    Failures and warnings get at least one cell each.
    """
    total = sum(counts)
    if not total or rows < 1:
        return []
    eighths = max(1, round(total / max(most, 1) * rows * 8))
    cells = -(-eighths // 8)
    levels: list[Level] = []
    for level in reversed(Level):
        share = round(cells * counts[level] / total)
        if counts[level]:
            levels += [level] * (max(1, share) if level >= Level.WARNING else share)
    levels += [levels[-1] if levels else _most(counts)] * cells
    return [(BARS[min(8, eighths - 8 * row)], levels[row]) for row in range(cells)]


def _most(counts: list[int]) -> Level:
    return max(Level, key=lambda level: (counts[level], level))


def figures(buckets: list[Bucket]) -> str:
    """The number of events in `buckets` by level, the worst first."""
    sums = [sum(bucket.counts[level] for bucket in buckets) for level in Level]
    gaps = sum(bucket.gaps for bucket in buckets)
    parts = [f"{count(sums[level])} {level.word}" for level in reversed(Level) if sums[level]] or ["no events"]
    return ", ".join(parts) + (f", {count(gaps)} gap{'s' if gaps > 1 else ''}" if gaps else "")


class ActivityChart(Widget, can_focus=True):
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"{PREFIX}{name}" for name in ("bad", "warn", "change", "routine", "gap", "axis", "cursor")
    }
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.CHART)

    cursor: var[int | None] = var(None)
    """The start of the bucket under the cursor, in ns since 1970; None for the newest one."""

    class Moved(Message):
        """The cursor or the marked range has changed."""

    class Take(Message):
        """The operator asks to filter by a time range, from `start` to `end` (exclusive), in ns since 1970."""

        def __init__(self, start: int, end: int) -> None:
            self.start = start
            self.end = end
            super().__init__()

    def __init__(self, time_of_day: Callable[[int], str], id: str) -> None:  # noqa: A002
        """`time_of_day` formats a time in ns since 1970."""
        super().__init__(id=id)
        self._time_of_day = time_of_day
        self.buckets: list[Bucket] = []
        self.range_start: int | None = None
        """The start of the bucket at which the marked range begins; None without a range."""

    def show(self, buckets: list[Bucket]) -> None:
        if buckets != self.buckets:
            self.buckets = buckets
            self.refresh()

    @property
    def place(self) -> int:
        """Index of the bucket under the cursor."""
        return self._place_of(self.cursor)

    def _place_of(self, moment: int | None) -> int:
        last = len(self.buckets) - 1
        if moment is None:
            return last
        return next((place for place, each in enumerate(self.buckets) if moment < each.end), last)

    @property
    def chosen(self) -> list[Bucket]:
        """The bucket under the cursor, or those of the marked range."""
        if not self.buckets:
            return []
        ends = sorted((self.place, self.place if self.range_start is None else self._place_of(self.range_start)))
        return self.buckets[ends[0] : ends[1] + 1]

    def watch_cursor(self) -> None:
        self.refresh()

    def action_step(self, places: int) -> None:
        if self.buckets:
            place = max(0, min(len(self.buckets) - 1, self.place + places))
            self.cursor = self.buckets[place].start
            self.post_message(self.Moved())

    def action_first(self) -> None:
        self.action_step(-len(self.buckets))

    def action_last(self) -> None:
        self.action_step(len(self.buckets))

    def action_mark(self) -> None:
        self.range_start = self.buckets[self.place].start if self.range_start is None and self.buckets else None
        self.refresh()
        self.post_message(self.Moved())

    def action_take(self) -> None:
        if chosen := self.chosen:
            self.post_message(self.Take(chosen[0].start, chosen[-1].end))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        place = None if offset is None else offset.x // self._columns
        if place is not None and place < len(self.buckets):
            self.cursor = self.buckets[place].start
            self.post_message(self.Moved())

    @property
    def _columns(self) -> int:
        """Width of a bucket in cells."""
        return max(1, self.content_size.width // max(1, len(self.buckets)))

    def render_line(self, y: int) -> Strip:
        width, height = self.content_size.width, self.content_size.height
        rows = height - 2
        ground = self.rich_style
        if y == height - 1:
            return Strip([Segment(self._axis(width), ground + self._ink("axis"))], width)
        chosen = {id(bucket) for bucket in self.chosen}
        most = max((bucket.total for bucket in self.buckets), default=1)
        line: list[Segment] = []
        columns = self._columns
        for bucket in self.buckets[:width]:
            glyph, style = self._cell(bucket, most, rows, y)
            under = ground
            if id(bucket) in chosen:
                under += Style(bgcolor=self.get_component_rich_style(f"{PREFIX}cursor").bgcolor)
            # A mark has one cell; a bar is as wide as its bucket.
            wide = glyph * columns if glyph in BARS else glyph.ljust(columns)
            line.append(Segment(wide, under + self._ink(style)))
        left = width - len(line) * columns
        return Strip([*line, Segment(" " * left, ground)], width).simplify()

    def _cell(self, bucket: Bucket, most: int, rows: int, y: int) -> tuple[str, str]:
        if y == rows:  # below the bars: the level, which must not be shown by color alone
            worst = next((level for level in (Level.FAILURE, Level.WARNING) if bucket.counts[level]), None)
            return (" ", "axis") if worst is None else (MARKS[worst], _STYLES[worst])
        cells = bar(bucket.counts, most, rows)
        row = rows - 1 - y
        if row < len(cells):
            return cells[row][0], _STYLES[cells[row][1]]
        return (GAP, "gap") if bucket.gaps else (" ", "axis")

    def _axis(self, width: int) -> str:
        if not self.buckets:
            return " " * width
        first, last = self._time_of_day(self.buckets[0].start), self._time_of_day(self.buckets[-1].end)
        end = min(width, max(len(self.buckets) * self._columns, len(first) + len(last) + 2))
        return f"{first}{last.rjust(end - len(first))}".ljust(width)[:width]

    def _ink(self, name: str) -> Style:
        return ink(self.get_component_rich_style(f"{PREFIX}{name}"))
