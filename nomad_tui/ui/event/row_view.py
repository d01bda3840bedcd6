"""A view of rows with a cursor: moving, folding, scrolling sideways and drawing.

A line is drawn from pieces, and only the visible part of each text is rendered.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.strip import Strip

from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.ui.line_view import CachedLines

INDENT: Final = 2
"""Cells per level, and of the triangle at the start of a row."""
MARGIN: Final = 16
"""Minimum cells of a deep row that are scrolled into view with the cursor."""

Pieces: TypeAlias = Iterable[tuple[str, str]]
"""A line from left to right: component classes without prefix, separated by spaces, each with an untrusted text."""


class RowView(CachedLines, can_focus=True):
    """Subclasses define the rows, numbered from 0. By default, rows cannot be folded."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._cursor = 0
        self._lines_above: Sequence[str] = ()
        """Untrusted sentences above the first row, drawn in the component `note`."""
        self._shift = 0
        """Characters of every row that are scrolled out of view on the left."""
        self._shifted_by_hand = False
        self._drawn_width = 0
        """Width in cells of the cached lines."""

    # What the rows are

    @property
    @abstractmethod
    def row_count(self) -> int: ...

    @abstractmethod
    def _pieces(self, row: int, width: int, is_whole: bool) -> Pieces:
        """The text of a row, not truncated; unless `is_whole`, it may omit what does not fit in `width` cells."""

    def _triangle_at(self, row: int) -> int:
        """Cells before a row's triangle; -1 in a list without folding."""
        return -1

    def _parent_of(self, row: int) -> int:
        """The parent of a row; -1 if it has none."""
        return -1

    def _can_set_open(self, row: int, is_open: bool) -> bool:
        """Whether a row can be unfolded (`is_open`) or folded, and is not already."""
        return False

    def _set_open(self, row: int, is_open: bool) -> None:
        """Unfold or fold a row."""

    @abstractmethod
    def _cursor_moved(self) -> None:
        """Called after the operator has moved the cursor."""

    def _before_move(self, row: int) -> int:
        """Called before the cursor moves to another row; returns that row's number after any change of the rows."""
        return row

    def _toggle(self) -> None:
        """Called for a click on the triangle under the cursor."""
        self._set_open(self._cursor, self._can_set_open(self._cursor, True))

    def _enter(self) -> None:
        """Called for a double click on the row under the cursor."""
        self._toggle()

    # Drawing

    def on_resize(self) -> None:
        self._scroll_to_cursor()

    @property
    def _width(self) -> int:
        """Width of a line in cells, without the scrollbar."""
        return self.scrollable_content_region.width

    @property
    def _height(self) -> int:
        return self.scrollable_content_region.height

    def render_line(self, y: int) -> Strip:
        line = y + self.scroll_offset.y
        width = self._width
        if width != self._drawn_width:
            self._drawn_width = width
            self._strips.clear()
        row = line - len(self._lines_above)
        if row >= self.row_count:
            return self._draw(self._pieces_after(line), False, width, 0)
        has_cursor = row == self._cursor
        strip = self._strips.get((line, has_cursor))
        if strip is None:
            if row < 0:
                strip = self._draw((("note", self._lines_above[line]),), False, width, 0)
            else:
                strip = self._draw(self._pieces(row, width, bool(self._shift)), has_cursor, width, self._shift)
            self._cache_strip(line, has_cursor, strip)
        return strip

    def _pieces_after(self, _line: int) -> Pieces:
        """The text of a line after the last row."""
        return ()

    def _draw(self, pieces: Pieces, has_cursor: bool, width: int, hidden: int) -> Strip:
        """A line of `width` cells without its first `hidden` characters."""
        segments: list[Segment] = []
        cells, is_cut = 0, False
        for components, piece in pieces:
            if hidden >= len(piece):
                hidden -= len(piece)
                continue
            end = hidden + width - cells + 1
            text = printable(piece[hidden:end])
            is_cut = end < len(piece)
            hidden = 0
            cells += cell_len(text)
            segments.extend(self._segments(text, components, has_cursor))
            if is_cut or cells > width:
                break
        strip = Strip(segments, cells)
        if is_cut or cells > width:
            strip = strip.crop(0, max(0, min(cells, width - 1)))
            last = Segment(ELLIPSIS, segments[-1].style)
            strip = Strip([*strip, last], strip.cell_length + 1)
        return strip.adjust_cell_length(width, self._rich_style("", has_cursor))

    def _segments(self, text: str, components: str, has_cursor: bool) -> Iterable[Segment]:
        """The segments of one piece."""
        return (Segment(text, self._rich_style(components, has_cursor)),)

    # Moving

    def _move_to(self, row: int) -> None:
        if not self.row_count:
            return
        row = max(0, min(row, self.row_count - 1))
        if row != self._cursor:
            row = self._before_move(row)
        previous, self._cursor = self._cursor, row
        self._cursor_moved()
        self.refresh_line(previous + len(self._lines_above))
        self.refresh_line(row + len(self._lines_above))
        self._scroll_to_cursor()

    def _scroll_to_cursor(self) -> None:
        """Scrolls to the cursor; sideways only if the operator has not scrolled further, or the row is too deep."""
        height = self._height
        if not self.row_count or not height:
            return
        top = self.scroll_offset.y
        line = self._cursor + len(self._lines_above) if self._cursor else 0
        if line < top:
            self.scroll_to(y=line, animate=False)
        elif line >= top + height:
            self.scroll_to(y=line - height + 1, animate=False)
        least = max(0, self._triangle_at(self._cursor) + min(MARGIN, self._width) - self._width)
        if least > self._shift or (least < self._shift and not self._shifted_by_hand):
            self._set_shift(least)

    def _set_shift(self, shift: int) -> None:
        if shift != self._shift:
            self._shift = shift
            self._clear_strips()

    def action_move(self, rows: int) -> None:
        self._move_to(self._cursor + rows)

    def action_move_pages(self, pages: float) -> None:
        distance = max(1, int(self._height * abs(pages)))
        row = self._cursor + (distance if pages > 0 else -distance)
        self.scroll_to(y=self.scroll_offset.y + row - self._cursor, animate=False)
        self._move_to(row)

    def action_first(self) -> None:
        self._move_to(0)

    def action_last(self) -> None:
        self._move_to(self.row_count - 1)

    def action_shift(self, direction: int) -> None:
        """Move the view half its width sideways, at most to where the longest row in view ends."""
        width = self._width
        top = max(0, self.scroll_offset.y - len(self._lines_above))
        in_view = range(top, min(top + self._height, self.row_count))
        longest = max((sum(len(piece) for _, piece in self._pieces(row, width, True)) for row in in_view), default=0)
        step = max(1, width // 2)
        most = -(-max(0, longest - width) // step) * step
        self._set_shift(max(0, min(self._shift + direction * step, max(most, self._shift))))
        self._shifted_by_hand = self._shift > 0

    # Folding

    def action_fold_or_parent(self) -> None:
        if not self.row_count:
            return
        if self._can_set_open(self._cursor, False):
            self._set_open(self._cursor, False)
        elif (parent := self._parent_of(self._cursor)) >= 0:
            self._move_to(parent)

    def action_unfold_or_child(self) -> None:
        if not self.row_count:
            return
        below = self._cursor + 1
        if self._can_set_open(self._cursor, True):
            self._set_open(self._cursor, True)
        elif below < self.row_count and self._parent_of(below) == self._cursor:
            self._move_to(below)

    # Mouse

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        row = -1 if offset is None else offset.y + self.scroll_offset.y - len(self._lines_above)
        if offset is None or not 0 <= row < self.row_count:
            return
        event.stop()
        self._move_to(row)
        triangle = self._triangle_at(self._cursor)
        if triangle >= 0 and 0 <= offset.x - triangle + self._shift < INDENT:
            self._toggle()
        elif event.chain == 2:
            self._enter()

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        event.stop()
        self.action_shift(-1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        event.stop()
        self.action_shift(1)
