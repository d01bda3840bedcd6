"""How one row of the event list looks: columns of exact widths, cut with an ellipsis, never wrapped."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from time import time_ns
from typing import Final, TypeAlias

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from nomad_tui.core.rows import EventRow, GapRow
from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.ui.themes import glyph, topic_style

Palette: TypeAlias = dict[str, Style]
"""The list's component classes, without their prefix, to a style on the row's ground."""

TIME_WIDTH: Final = 12
TOPIC_WIDTH: Final = 10
SUBJECT_SHARE: Final = 0.28
"""Of the width that time and topic leave; the sentence needs the larger part."""
PLACE_FROM: Final = 92
"""Cells; a narrower list has no column for the node's name and says it after the sentence."""
PLACE_WIDTH: Final = 12
NO_TOPIC_BELOW: Final = 80
"""Cells; a narrower list shows the topic's glyph only."""
GUTTER: Final = 2
MIN_WIDTH: Final = 34
"""Cells; the columns of a narrower list do not all fit and are cut off at its edge."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Tells when an event happened, in `TIME_WIDTH` cells."""

    timezone: tzinfo | None
    """None for this machine's."""
    now: Callable[[], int] = time_ns
    """ns since 1970."""

    def tell(self, event: EventRow) -> str:
        nanoseconds, exact = event.when()
        if nanoseconds is None:
            return " " * TIME_WIDTH
        return self._tell(nanoseconds) if exact else f"~{self._tell(nanoseconds)[:8]}".ljust(TIME_WIDTH)

    def date(self, event: EventRow) -> str:
        """The day, such as `2026-11-23`; empty where none is known."""
        nanoseconds, _ = event.when()
        at = None if nanoseconds is None else self._at(nanoseconds)
        return "" if at is None else f"{at:%Y-%m-%d}"

    def today(self) -> str:
        at = self._at(self.now())
        return "" if at is None else f"{at:%Y-%m-%d}"

    def _tell(self, nanoseconds: int) -> str:
        at = self._at(nanoseconds)
        if at is None:
            return " " * TIME_WIDTH
        return f"{at.hour:02}:{at.minute:02}:{at.second:02}.{nanoseconds // 1_000_000 % 1000:03}"

    def _at(self, nanoseconds: int) -> datetime | None:
        try:
            return datetime.fromtimestamp(nanoseconds // 1_000_000_000, self.timezone)
        except (OverflowError, ValueError, OSError):
            return None


def line(row: EventRow | GapRow, width: int, palette: Palette, clock: Clock) -> Strip:
    """The row in exactly `width` cells."""
    if isinstance(row, GapRow):
        text = printable(f"──── gap: {row.gap.sentence} ", width)
        return Strip([Segment(text + "─" * max(0, width - len(text)), palette["gap"])], width)
    laid_out = max(width, MIN_WIDTH)
    strip = Strip(_segments(row, laid_out, palette, clock), laid_out)
    return strip if laid_out == width else strip.crop(0, width)


def _segments(event: EventRow, width: int, palette: Palette, clock: Clock) -> list[Segment]:
    plain, place = palette["plain"], palette["place"]
    sentence = event.sentence
    left = width - TIME_WIDTH - 4
    topic = f"{glyph(event.topic)} "
    if width >= NO_TOPIC_BELOW:
        topic += f"{set_cell_size(printable(event.topic, TOPIC_WIDTH), TOPIC_WIDTH)} "
        left -= TOPIC_WIDTH + 1
    line = [
        Segment(f"{clock.tell(event)}  ", palette["time" if event.when()[1] else "received"]),
        Segment(topic, palette[topic_style(event.topic)]),
    ]
    subject_width = max(12, min(36, int(left * SUBJECT_SHARE)))
    _add(line, [(part.text, palette[part.role]) for part in sentence.subject], subject_width, GUTTER, plain)
    left -= subject_width + GUTTER
    happened = [(part.text, palette[part.role]) for part in sentence.happened]
    if width >= PLACE_FROM and sentence.place:
        _add(line, happened, left - PLACE_WIDTH - 1, 1, plain)
        _add(line, [(sentence.place, place)], PLACE_WIDTH, 0, plain)
    else:
        if sentence.place:
            happened.append((f"  {sentence.place}", place))
        _add(line, happened, left, 0, plain)
    return line


def _add(line: list[Segment], parts: list[tuple[str, Style]], width: int, gutter: int, plain: Style) -> None:
    """Appends the parts in exactly `width` cells, cut with an ellipsis if they are longer, and `gutter` more cells.

    Spaces join the last part's segment: the fewer segments a line has, the sooner it is on the screen.
    """
    segments = [Segment(text, style) for text, style in parts if text]
    used = sum(len(segment.text) if segment.text.isascii() else segment.cell_length for segment in segments)
    if used > width:
        *segments, last = Strip(segments, used).crop(0, max(0, width - 1))
        segments.append(Segment(last.text + ELLIPSIS, last.style))
        used = width
    spaces = " " * (width - used + gutter)
    if spaces:
        text, style = (segments[-1].text, segments[-1].style) if segments else ("", plain)
        segments[-1:] = [Segment(text + spaces, style)]
    line += segments
