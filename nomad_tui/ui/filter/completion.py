"""The list of suggestions above the filter line."""

from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.content import Content
from textual.geometry import Offset
from textual.message import Message
from textual.widgets import Static

from nomad_tui.core.readable import count
from nomad_tui.core.search.completion import Candidate, Completion

MOST_ROWS: Final = 8
TAKEN_BY: Final = "⇥"
"""Stands at the end of the marked row: Tab takes it."""
WIDEST_LABEL: Final = 48
WIDEST_NOTE: Final = 44


class CandidateList(Static):
    """Drawn over what is above the line, so that nothing moves when it opens.

    It hangs on the bar that holds the line, and moves with it when a mistake is shown below the line.
    """

    DEFAULT_CLASSES: ClassVar[str] = "-closed"

    class Chosen(Message):
        """The operator clicked a candidate."""

        def __init__(self, number: int) -> None:
            self.number = number
            super().__init__()

    def __init__(self, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._first = 0
        """Number of the candidate on the first row."""
        self._rows = 0

    def offer(self, completion: Completion, chosen: int, at: Offset) -> None:
        """Lists the candidates around the chosen one above the line; `at` is where on the screen they begin in it."""
        candidates = completion.candidates
        screen = self.screen.size
        rows = max(1, min(MOST_ROWS, len(candidates), at.y - 2))
        self._first = min(max(0, chosen - rows + 1), len(candidates) - rows)
        self._rows = rows
        shown = candidates[self._first : self._first + rows]
        labels = max(min(WIDEST_LABEL, cell_len(each.label)) for each in shown)
        notes = max(min(WIDEST_NOTE, cell_len(_note(each))) for each in shown)
        labels = min(labels, max(8, screen.width - 6))
        notes = max(0, min(notes, screen.width - labels - 6))
        lines = [
            self._line(each, number == chosen, labels, notes) for number, each in enumerate(shown, start=self._first)
        ]
        more = len(candidates) - rows
        width = labels + notes + 6
        if more:
            lines.append(Content.styled(set_cell_size(f" … {count(more)} more", width), "$quiet"))
        self.update(Content("\n").join(lines))
        self.styles.width = width
        self.styles.height = len(lines)
        self.styles.offset = (max(0, min(at.x - 1, screen.width - width)), -len(lines))
        self.remove_class("-closed")

    def close(self) -> None:
        self.add_class("-closed")

    @staticmethod
    def _line(candidate: Candidate, is_chosen: bool, labels: int, notes: int) -> Content:
        label = set_cell_size(candidate.label, labels)
        note = _note(candidate)
        note = note.rjust(notes) if candidate.count is not None else note
        end = f" {TAKEN_BY} " if is_chosen else "   "
        line = Content.assemble(f" {label}  ", (set_cell_size(note, notes), "$quiet"), (end, "$accent"))
        return line.stylize("bold on $chosen") if is_chosen else line

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < self._rows:
            self.post_message(self.Chosen(self._first + offset.y))


def _note(candidate: Candidate) -> str:
    return candidate.note if candidate.count is None else count(candidate.count)
