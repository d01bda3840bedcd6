"""The filter line and what belongs to it: the number of matches, suggestions, and what is wrong with the text."""

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
"""Characters; on 80 columns they fill four rows, which is as much as the line gives away."""
POINTER: Final = "^"
BEFORE: Final = "‹"
BEHIND: Final = "›"
"""Instead of the pointer, where the place is out of view to the left or to the right."""


class Matches(Static, LaidOutOnce):
    """How many events match."""


class Mistake(Static):
    """Hidden while there is none."""

    def point(self, error: FilterError, column: int, length: int, width: int) -> None:
        """`column` is where the mistake begins, in cells from this widget's left edge, perhaps beyond either edge;
        `length` is its length in cells, and `width` this widget's."""
        content = mistake(error, column, length, width)
        if content != self.content:
            self.update(content)
        self.display = True

    def hide(self) -> None:
        self.display = False


def mistake(error: FilterError, column: int, length: int, width: int) -> Content:
    """On one row if the text fits beside the pointer, and else below it."""
    text = printable(error.text, LONGEST_TEXT)
    if column < 0:
        at, pointer = 0, BEFORE
    elif column >= width:
        at, pointer = max(0, width - 1), BEHIND
    else:
        at, pointer = column, POINTER * max(1, min(length, width - column))
    room = width - at - len(pointer) - 1
    if cell_len(text) <= room:
        return Content.assemble(" " * at, (pointer, "bold $error"), " ", text)
    if cell_len(text) < at:
        return Content.assemble(" " * (at - cell_len(text) - 1), text, " ", (pointer, "bold $error"))
    return Content.assemble(" " * at, (pointer, "bold $error"), "\n", text)


MISTAKE_AFTER: Final = 0.3
"""Seconds without a key after which a mistake is shown: most of them are a filter that is not typed to its end."""


class FilterBar(Vertical):
    """The error has rows of its own only while there is one."""

    def __init__(self, history: FilterHistory, view: View, hints: Sequence[str], id: str) -> None:  # noqa: A002
        """`view` holds the events whose values are suggested; `hints` are what the empty line shows."""
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
        """Marks the line at once; says what is wrong a moment later, or at once if something was wrong before."""
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
            self._timer = self.set_timer(MISTAKE_AFTER, self._show_mistake)
        else:
            self._timer.reset()

    def show_matches(self, text: str) -> None:
        """Keeps the widest place it has had: another layout for each number would keep keys waiting."""
        before = str(self.matches.content)
        if text:
            text = text.rjust(len(before))
        if text != before:
            self.matches.update(Content(text), layout=len(text) != len(before))

    def _show_mistake(self) -> None:
        self._timer = None
        self._point()

    def _point(self) -> None:
        """Puts the pointer under the place, wherever the line has scrolled to."""
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
