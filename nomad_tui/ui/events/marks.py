"""Rows an operator has marked, by sequence number, and steps from one shown row to the next."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable

from nomad_tui.core.search.view import View


class Marks:
    """In the order of arrival. The owner says which rows are held."""

    def __init__(self) -> None:
        self._sequences: list[int] = []

    def toggle(self, sequence: int) -> None:
        if sequence in self:
            self._sequences.remove(sequence)
        else:
            insort(self._sequences, sequence)

    def add(self, sequences: Iterable[int]) -> None:
        for sequence in sequences:
            if sequence not in self:
                insort(self._sequences, sequence)

    def held(self, first: int) -> tuple[int, ...]:
        """The marks from `first` on, the oldest row that is held; those before it are forgotten."""
        if self._sequences and self._sequences[0] < first:
            del self._sequences[: bisect_left(self._sequences, first)]
        return tuple(self._sequences)

    def __contains__(self, sequence: int) -> bool:
        at = bisect_left(self._sequences, sequence)
        return at < len(self._sequences) and self._sequences[at] == sequence

    def beyond(self, sequence: int, step: int, view: View, rows: int) -> int | None:
        """The next mark below (`step` 1) or above (-1) a row, of those in the view's first `rows` rows; None for none.

        `sequence` may be any number, such as -1 to begin before the oldest.
        """
        marks = self._sequences
        below, above = marks[bisect_right(marks, sequence) :], marks[: bisect_left(marks, sequence)]
        found = below if step > 0 else reversed(above)
        return next((mark for mark in found if is_shown(mark, view, rows)), None)


def match_beyond(matches: View, sequence: int, step: int, view: View, rows: int) -> int | None:
    """The next event of `matches` below (`step` 1) or above (-1) a row, of those in the view's first `rows` rows.

    Gaps match every filter, so that they are never hidden; they are not what is looked for here.
    """
    row = matches.row_at(sequence + 1) if step > 0 else matches.row_at(sequence) - 1
    last = view.sequence_at(rows - 1) if rows else -1
    while 0 <= row < len(matches):
        found = matches.sequence_at(row)
        if step > 0 and found > last:
            break
        if is_shown(found, view, rows) and view.history.gap(found) is None:
            return found
        row += step
    return None


def is_shown(sequence: int, view: View, rows: int) -> bool:
    """Whether it is one of the view's first `rows` rows."""
    row = view.row_at(sequence)
    return row < rows and view.sequence_at(row) == sequence
