"""A view of a long text, which can be scrolled and searched.

Lines are wrapped instead of scrolled sideways, because a raw payload is one line of up to several MB. Only the starts
of rows are computed in advance; a row is rendered when it is drawn.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import ClassVar, Final, TypeAlias

from rich.cells import cell_len, get_character_cell_size
from rich.segment import Segment
from textual.binding import BindingType
from textual.strip import Strip

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.payload.find import MAX_SPANS, Wanted
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.event.find_line import FindAsked, Found
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.line_view import CachedLines, component_classes

TAB: Final = 4
"""Cells between two tab stops."""
_MEASURED: Final = 100_000
"""Maximum length of a line whose wide characters are measured one by one; a longer one is wrapped as if every character
were wide."""
_NARROW: Final = lazy_pattern(r"[\t\n -\u02ff\u2010-\u203f\u2500-\u257f]*")
"""Matches texts in which every character takes one cell."""

Pieces: TypeAlias = Iterable[tuple[str, str]]
"""A line from left to right: component classes without prefix, or "", each with an untrusted text."""
Span: TypeAlias = tuple[int, int, str]
"""Start, end and component class of a part of the text."""


class TextView(CachedLines, can_focus=True):
    """Shows a text, wrapped."""

    PREFIX = "text-view"
    COMPONENT_CLASSES: ClassVar[set[str]] = component_classes(
        "text-view",
        "bad chosen code good here key link match note number quiet strong text title warn",
    )
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE, Context.TEXT)

    def __init__(self, text: str = "", *, line_numbers: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._line_numbers = line_numbers
        self._text = ""
        self._line_starts: list[int] = []
        self._is_narrow = True
        self._rows_end: list[int] = []
        """For each line, the number after its last row."""
        self._wide: dict[int, list[int]] = {}
        """For each line with wide characters, the offsets of its rows in the line."""
        self._wrapped_at = 0
        self._wanted: Wanted | None = None
        self._styled: Sequence[Span] = ()
        """The styled parts of the text, in order."""
        self._spans: list[tuple[int, int]] = []
        """The matches of the search."""
        self._current_match = -1
        """Index of the current match; -1 for none."""
        self._before_find: int | None = None
        self._set_text(text)

    # What is shown

    def show_text(self, text: str) -> None:
        """Show another text from its start; it is untrusted, and its secrets must be masked already."""
        self._set_text(text)
        self._wrap()
        self.scroll_to(y=0, animate=False)
        self._search_again()

    def show_lines(self, lines: Iterable[Pieces]) -> None:
        """Show lines of styled pieces, keeping the scroll position."""
        texts: list[str] = []
        styled: list[Span] = []
        at = 0
        for line in lines:
            for component, piece in line:
                texts.append(printable(piece))
                if component:
                    styled.append((at, at + len(piece), component))
                at += len(piece)
            texts.append("\n")
            at += 1
        self._set_text("".join(texts))
        self._styled = styled
        self._wrap()
        self._search_again()

    def _search_again(self) -> None:
        if self._wanted is not None:
            self._spans = self._wanted.spans(self._text)
            self._current_match = max(min(self._current_match, len(self._spans) - 1), 0 if self._spans else -1)
            self._report_match()

    @property
    def top(self) -> int:
        """Offset in the text of the first row in view."""
        return self._place(int(self.scroll_offset.y))

    @property
    def bottom(self) -> int:
        """Offset in the text after the last row in view."""
        row = int(self.scroll_offset.y) + self.scrollable_content_region.height
        return self._place(row) if self._rows_end and row < self._rows_end[-1] else len(self._text)

    def show_place(self, place: int) -> None:
        """Scroll so that the row with this offset in the text is the first in view."""
        self.scroll_to(y=self._row(place), animate=False)

    @property
    def text(self) -> str:
        """The text shown, with tabs expanded to spaces."""
        return self._text

    def _set_text(self, text: str) -> None:
        self._styled = ()
        text = text.replace("\r\n", "\n")
        self._text = text.expandtabs(TAB) if "\t" in text else text
        lines = self._text.split("\n")
        if len(lines) > 1 and not lines[-1]:
            lines.pop()  # a final line feed does not start a line
        self._line_starts = [0, *accumulate(len(line) + 1 for line in lines)]
        self._is_narrow = self._text.isascii() or _NARROW.fullmatch(self._text) is not None

    def _line(self, line: int) -> str:
        return self._text[self._line_starts[line] : self._line_starts[line + 1] - 1]

    @property
    def _line_count(self) -> int:
        return len(self._line_starts) - 1

    @property
    def _gutter(self) -> int:
        """Cells of the line numbers."""
        return len(str(self._line_count)) + 2 if self._line_numbers else 0

    def _wrap(self) -> None:
        """Compute the rows of each line."""
        if not self.scrollable_content_region.width:
            self.call_after_refresh(self.on_resize)  # a layout with the same size posts no `Resize`
        width = self._wrapped_at = max(1, self.scrollable_content_region.width - self._gutter)
        self._wide = {}
        starts = self._line_starts
        lengths = [end - start - 1 for start, end in pairwise(starts)]
        if not self._is_narrow:
            for line in range(self._line_count):
                text = self._line(line)
                if not text.isascii() and not _NARROW.fullmatch(text):
                    self._wide[line] = _rows_of(text, width)
        rows = [1 if length <= width else -(-length // width) for length in lengths]
        for line, places in self._wide.items():
            rows[line] = len(places)
        self._rows_end = list(accumulate(rows))
        self.set_row_count(self._rows_end[-1] if self._rows_end else 0)
        self._clear_strips()

    def on_resize(self) -> None:
        if self._wrapped_at == max(1, self.scrollable_content_region.width - self._gutter):
            return
        top = self._place(int(self.scroll_offset.y))
        self._wrap()
        self.scroll_to(y=self._row(top), animate=False)

    # Places and rows

    def _span(self, row: int) -> tuple[int, int, int]:
        """The line of a row, and the row's start and end in the text."""
        line = bisect_right(self._rows_end, row)
        within = row - (self._rows_end[line - 1] if line else 0)
        start, end = self._line_starts[line], self._line_starts[line + 1] - 1
        places = self._wide.get(line)
        if places is None:
            first = start + within * self._wrapped_at
            return line, first, min(first + self._wrapped_at, end)
        return line, start + places[within], start + places[within + 1] if within + 1 < len(places) else end

    def _place(self, row: int) -> int:
        """Offset in the text of a row's start."""
        return self._span(row)[1] if self._rows_end and 0 <= row < self._rows_end[-1] else 0

    def _row(self, place: int) -> int:
        """The row that contains an offset in the text."""
        if not self._rows_end:
            return 0
        line = min(bisect_right(self._line_starts, place) - 1, self._line_count - 1)
        within = max(0, place - self._line_starts[line])
        places = self._wide.get(line)
        row = bisect_right(places, within) - 1 if places is not None else within // self._wrapped_at
        first = self._rows_end[line - 1] if line else 0
        return min(first + row, self._rows_end[line] - 1)

    # Drawing

    def render_line(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if not self._rows_end or row >= self._rows_end[-1]:
            return Strip.blank(width, self._rich_style("text"))
        return self._strips.get((row, False)) or self._cache_strip(row, False, self._draw(row, width))

    def _draw(self, row: int, width: int) -> Strip:
        line, start, end = self._span(row)
        segments: list[Segment] = []
        if self._gutter:
            number = str(line + 1) if start == self._line_starts[line] else ""
            segments.append(Segment(f"{number:>{self._gutter - 2}}  ", self._rich_style("number")))
        plain = self._rich_style("text")
        for first, last, component in self._parts(start, end):
            segments.append(Segment(printable(self._text[first:last]), self._rich_style(component)))
        strip = Strip(segments, sum(cell_len(segment.text) for segment in segments))
        return strip.adjust_cell_length(width, plain)

    def _parts(self, start: int, end: int) -> Iterator[Span]:
        """A row's text in parts of one style each; the style of a match takes precedence."""
        matches = [
            (*self._spans[number], "here" if number == self._current_match else "match")
            for number in _within(self._spans, start, end)
        ]
        layers = (matches, [self._styled[number] for number in _within(self._styled, start, end)])
        edges = {max(start, min(end, edge)) for layer in layers for span in layer for edge in span[:2]}
        for first, last in pairwise(sorted({start, end} | edges)):
            covering = (span[2] for layer in layers for span in layer if span[0] <= first < span[1])
            yield first, last, next(covering, "text")

    # Moving

    def action_move(self, rows: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False)

    def action_move_pages(self, pages: float) -> None:
        height = self.scrollable_content_region.height
        distance = max(1, int((height - 1) * abs(pages)))
        self.action_move(distance if pages > 0 else -distance)

    def action_first(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_last(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False)

    def action_line_numbers(self) -> None:
        top = self._place(int(self.scroll_offset.y))
        self._line_numbers = not self._line_numbers
        self._wrap()
        self.scroll_to(y=self._row(top), animate=False)

    # Finding

    def action_find(self) -> None:
        self.post_message(FindAsked())

    def begin_find(self) -> None:
        self._before_find = int(self.scroll_offset.y)

    def look_for(self, wanted: Wanted) -> None:
        top = self._before_find if self._before_find is not None else int(self.scroll_offset.y)
        self._wanted = wanted if wanted.source else None
        self._spans = wanted.spans(self._text)
        self._current_match = -1
        if self._spans:
            self._current_match = bisect_left(self._spans, (self._place(top), 0)) % len(self._spans)
            self._scroll_to_offset(self._spans[self._current_match][0])
        else:
            self.scroll_to(y=top, animate=False)
        self._clear_strips()
        if self._wanted is not None:
            self._report_match()

    def keep_find(self) -> None:
        self._before_find = None

    def end_find(self) -> None:
        if self._before_find is not None:
            self.scroll_to(y=self._before_find, animate=False)
        self._before_find = self._wanted = None
        self._spans = []
        self._current_match = -1
        self._clear_strips()

    def action_find_next(self, step: int) -> None:
        if self._wanted is None:
            self.notify(keymap_of(self.app).text("No search yet: press {text.find} to search."), markup=False)
            return
        if self._spans:
            self._current_match = (self._current_match + step) % len(self._spans)
            self._scroll_to_offset(self._spans[self._current_match][0])
            self._clear_strips()
        self._report_match()

    def _scroll_to_offset(self, place: int) -> None:
        row, top = self._row(place), self.scroll_offset.y
        height = self.scrollable_content_region.height
        if not top <= row < top + height:
            self.scroll_to(y=max(0, row - height // 3), animate=False)

    def _report_match(self) -> None:
        self.post_message(Found(self._current_match + 1, len(self._spans), len(self._spans) < MAX_SPANS))


def _rows_of(text: str, width: int) -> list[int]:
    """Offsets of the rows in a line with wide characters."""
    if len(text) > _MEASURED:
        return list(range(0, len(text), max(1, width // 2)))
    places, cells = [0], 0
    for place, character in enumerate(text):
        size = get_character_cell_size(character)
        if cells + size > width and cells:
            places.append(place)
            cells = 0
        cells += size
    return places


def _within(spans: Sequence[tuple[int, int] | Span], start: int, end: int) -> range:
    """Indexes of the spans, which are sorted, that overlap a range."""
    first = bisect_left(spans, start, key=itemgetter(0))
    if first and spans[first - 1][1] > start:
        first -= 1
    return range(first, bisect_left(spans, end, key=itemgetter(0)))
