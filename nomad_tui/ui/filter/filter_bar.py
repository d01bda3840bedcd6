"""The filter line with its number of matches, suggestions and error message."""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from nomad_tui.config.kept import FilterHistory
from nomad_tui.core.filter import FilterError
from nomad_tui.core.search.completion import Seen
from nomad_tui.core.search.view import View
from nomad_tui.core.text import printable
from nomad_tui.ui.filter.filter_line import CandidateList, FilterLine
from nomad_tui.ui.line_view import LaidOutOnce, show_content

LONGEST_TEXT: Final = 300
"""Characters of an error; at 80 columns they fill four rows, the most that the bar may take."""
POINTER: Final = "^"
BEFORE: Final = "‹"
AFTER: Final = "›"
"""Shown instead of the pointer if the mistake is scrolled out of view to the left or to the right."""


class Matches(Static, LaidOutOnce):
    """The number of matching events."""


class Mistake(Static):
    """The error message, with a pointer to its place in the line. Hidden while there is none."""

    def point(self, error: FilterError, column: int, length: int, width: int) -> None:
        """`column` is the start of the mistake in cells from this widget's left edge, and may be beyond either edge;
        `length` is the mistake's length and `width` the widget's, in cells."""
        content = mistake(error, column, length, width)
        if content != self.content:
            self.update(content)
        self.display = True

    def hide(self) -> None:
        self.display = False


def mistake(error: FilterError, column: int, length: int, width: int) -> Content:
    """The pointer and the message, in one row if both fit, otherwise in two."""
    text = printable(error.text, LONGEST_TEXT)
    if column < 0:
        at, pointer = 0, BEFORE
    elif column >= width:
        at, pointer = max(0, width - 1), AFTER
    else:
        at, pointer = column, POINTER * max(1, min(length, width - column))
    room = width - at - len(pointer) - 1
    if cell_len(text) <= room:
        return Content.assemble(" " * at, (pointer, "bold $error"), " ", text)
    if cell_len(text) < at:
        return Content.assemble(" " * (at - cell_len(text) - 1), text, " ", (pointer, "bold $error"))
    return Content.assemble(" " * at, (pointer, "bold $error"), "\n", text)


MISTAKE_DELAY: Final = 0.3
"""Seconds without a key before a mistake is shown: most mistakes are just incomplete filters."""


class FilterBar(Vertical):
    """Takes rows for an error message only while there is one."""

    def __init__(self, history: FilterHistory, view: View, hints: Sequence[str], id: str) -> None:  # noqa: A002
        """`view` contains the events whose values are suggested; `hints` are texts for the empty line."""
        super().__init__(id=id)
        self.history = history
        self.seen = Seen(view)
        self.candidates = CandidateList(id="candidates")
        self.line = FilterLine(history, self.seen, self.candidates, hints=hints, id="filter")
        self.mark = Static(Content("/"), id="filter-mark")
        self.matches = Matches(id="matches")
        self.mistake = Mistake(id="mistake")
        self.mistake.hide()
        self._error: FilterError | None = None
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self.candidates
        with Horizontal(id="filter-row"):
            yield self.mark
            yield self.line
            yield self.matches
        yield self.mistake

    def on_mount(self) -> None:
        self.watch(self.line, "scroll_x", self._point_again, init=False)

    @on(FilterLine.Entered)
    def _learn_words(self) -> None:
        self.seen.look()

    @on(CandidateList.Chosen)
    def _take_candidate(self, message: CandidateList.Chosen) -> None:
        self.line.take(message.number)

    def show_error(self, error: FilterError | None) -> None:
        """Marks the line at once; shows the message after `MISTAKE_DELAY`, or at once if one is already shown."""
        self._error = error
        self.set_class(error is not None, "-mistaken")
        show_content(self.mark, Content("/" if error is None else "!"))
        if error is None:
            if self._timer is not None:
                self._timer.stop()
                self._timer = None
            self.mistake.hide()
        elif self.mistake.display:
            self.call_after_refresh(self._point)
        elif self._timer is None:
            self._timer = self.set_timer(MISTAKE_DELAY, self._show_mistake)
        else:
            self._timer.reset()

    def show_matches(self, text: str) -> None:
        """Never gets narrower: a new layout for each number would delay keys."""
        before = str(self.matches.content)
        if text:
            text = text.rjust(len(before))
        if text != before:
            self.matches.update(Content(text), layout=len(text) != len(before))

    def _show_mistake(self) -> None:
        self._timer = None
        self._point()

    def _point(self) -> None:
        """Shows the error with the pointer under its place, taking the line's scroll position into account."""
        error = self._error
        if error is None or not self.is_attached:
            return
        line, value = self.line, self.line.value
        before = cell_len(value[: error.position])
        length = cell_len(value[error.position : error.position + error.length]) or 1
        column = line.content_region.x - self.region.x + before - line.scroll_offset.x
        self.mistake.point(error, column, length, self.region.width)

    def on_resize(self) -> None:
        self._point_again()

    def _point_again(self) -> None:
        if self.mistake.display:
            self._point()
