"""What is wrong with the filter that is being typed, under the place where it is wrong."""

from typing import Final

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from nomad_tui.core.filter import FilterError
from nomad_tui.core.text import printable

LONGEST_TEXT: Final = 300
"""Characters; on 80 columns they fill four rows, which is as much as the line gives away."""
POINTER: Final = "^"
BEFORE: Final = "‹"
BEHIND: Final = "›"
"""Instead of the pointer, where the place is out of view to the left or to the right."""


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
