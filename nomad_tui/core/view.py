"""The rows that a filter lets through, in the order they arrived.

The newest events are always looked at first: a screenful of them appears at once after the filter has changed, and
stays current while events pour in faster than they can be searched. The owner lends time in small slices (`advance`),
so nothing waits for a search. What was found is kept by segment, so a search may go on at any of them.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate
from time import perf_counter

from nomad_tui.core.history import History, Segment
from nomad_tui.core.search import Filter, Matcher


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
        self._found: dict[int, array[int]] = {}
        """Per segment, by its first sequence number: the matches among the rows looked at, in order."""
        self._looked_at: dict[int, int] = {}
        """Per segment: how many of its rows have been looked at, from its first."""
        self._search: Iterator[None] | None = None
        self._firsts: list[int] = []
        """The segments with matches, oldest first; with `_ends` it says which row is where."""
        self._ends: list[int] = []
        """Per segment of `_firsts`: the number of the row behind its last match."""

    @property
    def complete(self) -> bool:
        """False while events that are held have not been looked at."""
        return self.filter.everything or (self._search is None and self._next_segment() is None)

    def advance(self, seconds: float) -> bool:
        """Searches on for about so long; True if there is more to do."""
        if self.filter.everything:
            return False
        deadline = perf_counter() + seconds
        while perf_counter() < deadline:
            if self._search is None:
                segment = self._next_segment()
                if segment is None:
                    return False
                self._search = self._look_through(segment)
            if next(self._search, _DONE) is _DONE:
                self._search = None
        return not self.complete

    def __len__(self) -> int:
        if self.filter.everything:
            return len(self.history)
        self._forget_evicted()
        return self._ends[-1] if self._ends else 0

    def sequence_at(self, row: int) -> int:
        """Raises `IndexError` outside [0, len)."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        if self.filter.everything:
            return self.history.first + row
        place = bisect_right(self._ends, row)
        return self._found[self._firsts[place]][row - self._start(place)]

    def row_at(self, sequence: int) -> int:
        """The row of a sequence number, or where it would stand; from 0 to `len`."""
        if self.filter.everything:
            return min(max(sequence - self.history.first, 0), len(self.history))
        self._forget_evicted()
        place = bisect_right(self._firsts, sequence) - 1
        return 0 if place < 0 else self._start(place) + bisect_left(self._found[self._firsts[place]], sequence)

    def __contains__(self, sequence: int) -> bool:
        row = self.row_at(sequence)
        return row < len(self) and self.sequence_at(row) == sequence

    def _start(self, place: int) -> int:
        return self._ends[place - 1] if place else 0

    def _next_segment(self) -> Segment | None:
        """The newest segment with rows that have not been looked at."""
        looked_at = self._looked_at
        for segment in reversed(self.history.segments()):
            if looked_at.get(segment.first, 0) < len(segment):
                return segment
        return None

    def _look_through(self, segment: Segment) -> Iterator[None]:
        first, stop = segment.first, len(segment)
        found = array("Q")
        yield from self._matcher.search(segment, self._looked_at.get(first, 0), stop, found)
        if first < self.history.first:
            return
        self._looked_at[first] = stop
        if found:
            self._found.setdefault(first, array("Q")).extend(found)
            self._count()

    def _forget_evicted(self) -> None:
        if self._firsts and self._firsts[0] < self.history.first:
            for held in (self._found, self._looked_at):
                for first in [first for first in held if first < self.history.first]:
                    del held[first]
            self._count()

    def _count(self) -> None:
        self._firsts = sorted(self._found)
        self._ends = list(accumulate(len(self._found[first]) for first in self._firsts))


_DONE = object()
