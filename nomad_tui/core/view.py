"""The rows that a filter lets through, in the order they arrived, growing at both ends.

A new filter is applied to the newest events first, so that a screenful appears at once, and backwards from there; new
events are added at the other end. The owner lends time in small slices (`advance`), so nothing waits for a search.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from time import perf_counter

from nomad_tui.core.filter import Filter, Matcher
from nomad_tui.core.history import History


class View:
    """Rows number from 0 for the oldest, and every row is held by the history: one that is evicted is gone at once.

    Row numbers shift when older rows are found or evicted; sequences do not.
    """

    def __init__(self, history: History, chosen: Filter | None = None) -> None:
        self.history = history
        self.filter = chosen if chosen is not None else Filter()
        self.show(self.filter)

    def show(self, chosen: Filter) -> None:
        """Applies another filter; rows appear as `advance` is called."""
        self.filter = chosen
        self._matcher = Matcher(self.history, chosen)
        self._older = array("Q")
        """Matches found by searching backwards: newest first, so that finding older ones appends."""
        self._newer = array("Q")
        """Matches that came after the filter was set, oldest first."""
        self._searched_from = self._searched_to = self.history.end
        self._backwards: Iterator[None] | None = None if chosen.everything else self._search_backwards()
        self._forwards: Iterator[None] | None = None

    @property
    def complete(self) -> bool:
        """False while events that are held have not been looked at."""
        return self.filter.everything or (self._backwards is None and self._searched_to == self.history.end)

    def advance(self, seconds: float) -> bool:
        """Searches on for about so long; True if there is more to do."""
        if self.filter.everything:
            return False
        deadline = perf_counter() + seconds
        while perf_counter() < deadline:
            if self._forwards is None and self._searched_to < self.history.end:
                self._forwards = self._search_forwards()
            if self._forwards is not None:
                if next(self._forwards, _DONE) is _DONE:
                    self._forwards = None
            elif self._backwards is not None:
                if next(self._backwards, _DONE) is _DONE:
                    self._backwards = None
            else:
                return False
        return not self.complete

    def __len__(self) -> int:
        if self.filter.everything:
            return len(self.history)
        self._forget_evicted()
        return len(self._older) + len(self._newer)

    def sequence_at(self, row: int) -> int:
        """Raises `IndexError` outside [0, len)."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        if self.filter.everything:
            return self.history.first + row
        older = len(self._older)
        return self._older[older - 1 - row] if row < older else self._newer[row - older]

    def row_at(self, sequence: int) -> int:
        """The row of a sequence number, or where it would stand; from 0 to `len`."""
        if self.filter.everything:
            return min(max(sequence - self.history.first, 0), len(self.history))
        self._forget_evicted()
        older = len(self._older)
        if self._newer and sequence >= self._newer[0]:
            return older + bisect_left(self._newer, sequence)
        return older - bisect_left(self._older, -sequence, key=lambda held: -held) - self._is_in_older(sequence)

    def _is_in_older(self, sequence: int) -> bool:
        place = bisect_left(self._older, -sequence, key=lambda held: -held)
        return place < len(self._older) and self._older[place] == sequence

    def __contains__(self, sequence: int) -> bool:
        row = self.row_at(sequence)
        return row < len(self) and self.sequence_at(row) == sequence

    def _search_backwards(self) -> Iterator[None]:
        history = self.history
        for segment in reversed(tuple(history.segments())):
            if segment.first < history.first or segment.first >= self._searched_from:
                continue
            found = array("Q")
            yield from self._matcher.search(segment, 0, self._searched_from - segment.first, found)
            found.reverse()
            self._older.extend(found)
            self._searched_from = segment.first
            yield

    def _search_forwards(self) -> Iterator[None]:
        history = self.history
        start = max(self._searched_to, history.first)
        segment = history.segment_of(start)
        stop = segment.first + len(segment)
        yield from self._matcher.search(segment, start - segment.first, stop - segment.first, self._newer)
        self._searched_to = stop

    def _forget_evicted(self) -> None:
        first = self.history.first
        while self._older and self._older[-1] < first:
            self._older.pop()
        if self._newer and self._newer[0] < first:
            del self._newer[: bisect_left(self._newer, first)]


_DONE = object()
