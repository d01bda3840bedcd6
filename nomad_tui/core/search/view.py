"""The rows that match a filter, in order of arrival, and the counts of the facets.

The newest events are always searched first: a screen of them appears at once after the filter has changed, and stays
current while events arrive faster than they can be searched. The caller provides time in small slices (`advance`), so
nothing waits for a search. Results are kept by segment, so that a search may continue at any segment.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo
from enum import IntEnum
from itertools import accumulate
from time import perf_counter, time_ns
from typing import Final

from nomad_tui.core.filter import Filter
from nomad_tui.core.history.derived import Derived
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import NO_LEVEL, Segment
from nomad_tui.core.level import Level
from nomad_tui.core.search.facets import Counts, Dimension
from nomad_tui.core.search.search import Matcher

ROWS_AT_ONCE: Final = 512
"""Rows of a segment searched before their matches are shown: several screens, and 20 ms of sentences."""


class Fold(IntEnum):
    """Which rows are folded into one."""

    OFF = 0
    REPEATS = 1
    """Events with the same sentence as their object's previous event, if that is shown."""
    ROUTINE = 2
    """Runs of routine events; a run ends with its segment of the history."""


class View:
    """Matching rows, numbered from 0 for the oldest. Evicted rows disappear at once.

    Row numbers shift when older rows are found or evicted; sequence numbers do not.
    """

    def __init__(
        self,
        history: History,
        chosen: Filter | None = None,
        hidden_topics: frozenset[str] = frozenset(),
        *,
        derived: Derived | None = None,
        counts_facets: bool = False,
        timezone: tzinfo | None = None,
    ) -> None:
        """Views of one history share `derived`. `timezone` applies to times in a filter."""
        self.history = history
        self.derived = derived if derived is not None else Derived(history)
        self.timezone = timezone
        self.region = ""
        """The server's region, once it is known."""
        self._counts_facets = counts_facets
        self.restarts = 0
        """How often the search has restarted: until it is complete, rows found before may be missing."""
        self.show(chosen if chosen is not None else Filter(), hidden_topics)

    def show(
        self,
        chosen: Filter,
        hidden_topics: frozenset[str] = frozenset(),
        *,
        fold: Fold = Fold.OFF,
        now: int | None = None,
    ) -> None:
        """Apply another filter; rows appear as `advance` is called.

        Ages in the filter are relative to `now`, in ns since 1970.
        """
        self.filter = chosen
        self.hidden_topics = hidden_topics
        self.fold = fold
        self.everything = chosen.everything and not hidden_topics and not fold
        """Whether no row is left out."""
        self._now = time_ns() if now is None else now
        self._restart()

    def _new_matcher(self) -> Matcher:
        return Matcher(
            self.derived,
            self.filter,
            self.hidden_topics,
            counting=self._counts_facets,
            region=self.region,
            now=self._now,
            timezone=self.timezone,
        )

    def _restart(self) -> None:
        self.restarts += 1
        self._matcher = self._new_matcher()
        self._found: dict[int, array[int]] = {}
        """By the first sequence number of a segment: the matches among the searched rows, in order."""
        self._searched: dict[int, tuple[int, int]] = {}
        """By segment: the range of rows searched, as (first, end)."""
        self._counts: dict[int, Counts] = {}
        """By segment: the facets of the searched rows."""
        self._total = Counts()
        self._without_levels: deque[tuple[Segment, array[int]]] = deque()
        """Matches whose levels are not counted yet: they are derived after the search."""
        self._level_work: Iterator[None] | None = None
        self._repeats: dict[int, array[int]] = {}
        """By row with others folded into it: these, in order."""
        self._roots: dict[int, int] = {}
        """By folded row: the row it is folded into."""
        self._first = self.history.first
        self._search: Iterator[None] | None = None
        self._firsts: list[int] = []
        """The segments with matches, oldest first; together with `_ends` it locates a row."""
        self._ends: list[int] = []
        """For each segment of `_firsts`: the row number after its last match."""

    # The search

    @property
    def complete(self) -> bool:
        """False while some of the held events are not searched."""
        return self.everything or self._is_complete()

    @property
    def facets_complete(self) -> bool:
        """False while the counts do not cover all held events."""
        return self._counts_facets and self._is_complete() and not self._lacks_levels

    @property
    def counts_facets(self) -> bool:
        """Whether facets are counted. Enabling it restarts the search; disabling it keeps the matches."""
        return self._counts_facets

    @counts_facets.setter
    def counts_facets(self, counted: bool) -> None:
        if counted != self._counts_facets:
            self._counts_facets = counted
            if counted or self.everything:
                self._restart()
            else:
                self._matcher = self._new_matcher()
                self._without_levels.clear()
                self._level_work = None

    def counts(self, dimension: Dimension) -> Mapping[str, int]:
        """By value, how many held events match the filter without the ticked values of this dimension itself.

        Grows while the search continues.
        """
        self._forget_evicted()
        return self._total.of[dimension]

    def advance(self, seconds: float, clock: Callable[[], float] = perf_counter) -> bool:
        """Search for about `seconds` by `clock`. Returns whether there is more to do."""
        if self.everything and not self._counts_facets:
            return False
        deadline = clock() + seconds
        while clock() < deadline:
            if self._search is None and (rows := self._next_rows()) is not None:
                self._search = self._search_rows(*rows)
            # The first levels are counted at once: a section that appeared later would move those below it.
            is_first = self._lacks_levels and not self._total.of[Dimension.LEVEL]
            if self._search is not None and not is_first:
                if next(self._search, _DONE) is _DONE:
                    self._search = None
            elif self._level_work is not None:
                if next(self._level_work, _DONE) is _DONE:
                    self._level_work = None
            elif self._without_levels:
                self._level_work = self._count_levels(*self._without_levels.popleft())
            else:
                return False
        return not self._is_complete() or self._lacks_levels

    @property
    def _lacks_levels(self) -> bool:
        return self._level_work is not None or bool(self._without_levels)

    def _count_levels(self, segment: Segment, matching: "array[int]") -> Iterator[None]:
        first = segment.first
        yield from self.derived.levels(segment, matching[-1] - first + 1)
        if first < self.history.first:
            return
        counts = Counts()
        for number, count in Counter(segment.level[sequence - first] for sequence in matching).items():
            if number != NO_LEVEL:
                counts.of[Dimension.LEVEL][Level(number).word] += count
        self._counts.setdefault(first, Counts()).add(counts)
        self._total.add(counts)

    def _is_complete(self) -> bool:
        return self._search is None and self._next_rows() is None

    def _next_rows(self) -> tuple[Segment, int, int] | None:
        """The newest rows not searched yet: a segment, the first of them, and the end of the range."""
        for segment in reversed(self.history.segments()):
            length = len(segment)
            first, behind = self._searched.get(segment.first, (length, length))
            if behind < length:
                return segment, behind, min(length, behind + ROWS_AT_ONCE)
            if first > 0:
                return segment, max(0, first - ROWS_AT_ONCE), first
        return None

    def _search_rows(self, segment: Segment, start: int, stop: int) -> Iterator[None]:
        first = segment.first
        if first < self.history.first:
            return  # evicted before its turn
        found = array("Q")
        counts = Counts() if self._counts_facets else None
        yield from self._matcher.search(segment, start, stop, found, counts)
        matching = found[:]
        if self.fold is Fold.REPEATS and found:
            yield from self._fold(segment, found)
        elif self.fold is Fold.ROUTINE:
            yield from self.derived.levels(segment, stop)
        if first < self.history.first:
            return
        searched_from, searched_to = self._searched.get(first, (stop, start))
        self._searched[first] = (min(searched_from, start), max(searched_to, stop))
        if counts is not None:
            self._counts.setdefault(first, Counts()).add(counts)
            self._total.add(counts)
            if matching and not self._matcher.counts_levels:
                self._without_levels.append((segment, matching))
        if found and not self.everything:
            known = self._found.get(first)
            if known is None:
                self._found[first] = found
            elif known[0] > found[-1]:
                self._found[first] = found + known
            elif known[-1] < found[0]:
                known.extend(found)
            else:  # a repeat among these rows has been unfolded meanwhile
                self._found[first] = array("Q", sorted((*known, *found)))
            if self.fold is Fold.ROUTINE:
                self._fold_runs(segment)
            self._renumber()

    # Folding

    def repeats(self, sequence: int) -> int:
        """How many later events are folded into this row."""
        return len(self._repeats.get(sequence, ()))

    def _fold(self, segment: Segment, found: "array[int]") -> Iterator[None]:
        """Remove from `found` the events that repeat their object's previous event, if that is shown."""
        kept = array("Q")
        for sequence in found:
            passed = []
            at = sequence
            while at not in self._roots:
                yield
                if segment.first < self.history.first:
                    return
                self._forget_evicted()
                previous = self._repeated_by(at)
                if previous is None:
                    break
                passed.append(at)
                at = previous
            while at < self.history.first:  # evicted meanwhile
                at = passed.pop()
            root = self._roots.get(at, at)
            for one in passed:
                self._roots[one] = root
            if root == sequence:
                kept.append(sequence)
            else:
                insort(self._repeats.setdefault(root, array("Q")), sequence)
        found[:] = kept

    def _fold_runs(self, segment: Segment) -> None:
        """Fold the runs of routine events among the segment's matches again."""
        first, levels = segment.first, segment.level
        matches = array("Q", self._found[first])
        for root in self._found[first]:
            matches.extend(self._repeats.pop(root, ()))
        kept = array("Q")
        run: array[int] | None = None
        for sequence in sorted(matches):
            if levels[sequence - first] != Level.ROUTINE:
                run = None
            elif run is not None:
                run.append(sequence)
                self._repeats[kept[-1]] = run
                continue
            else:
                run = array("Q")
            kept.append(sequence)
        self._found[first] = kept

    def _repeated_by(self, sequence: int) -> int | None:
        """The object's previous event, if it is shown and has the same sentence."""
        history, derived = self.history, self.derived
        if sequence < history.first or history.gap(sequence) is not None:
            return None
        previous = history.previous(sequence)
        if previous is None:
            return None
        segment, before = history.segment_of(sequence), history.segment_of(previous)
        sentence = derived.sentence(segment, sequence - segment.first)
        if sentence != derived.sentence(before, previous - before.first):
            return None
        return previous if self._matcher.matches(previous) else None

    # The rows

    def __len__(self) -> int:
        if self.everything:
            return len(self.history)
        self._forget_evicted()
        return self._ends[-1] if self._ends else 0

    def sequences(self) -> Sequence[int]:
        """A copy of the sequence numbers of all rows, including folded ones, oldest first."""
        if self.everything:
            return range(self.history.first, self.history.end)
        self._forget_evicted()
        found = array("Q")
        for first in self._firsts:
            found.extend(self._found[first])
        for repeats in self._repeats.values():
            found.extend(repeats)
        return array("Q", sorted(found)) if self._repeats else found

    def sequence_at(self, row: int) -> int:
        """Raises `IndexError` outside [0, len)."""
        if not 0 <= row < len(self):
            raise IndexError(row)
        if self.everything:
            return self.history.first + row
        place = bisect_right(self._ends, row)
        return self._found[self._firsts[place]][row - self._start(place)]

    def row_at(self, sequence: int) -> int:
        """The row of a sequence number, or the row it would have; from 0 to `len`."""
        if self.everything:
            return min(max(sequence - self.history.first, 0), len(self.history))
        self._forget_evicted()
        place = bisect_right(self._firsts, sequence) - 1
        return 0 if place < 0 else self._start(place) + bisect_left(self._found[self._firsts[place]], sequence)

    def __contains__(self, sequence: int) -> bool:
        row = self.row_at(sequence)
        return row < len(self) and self.sequence_at(row) == sequence

    def _start(self, place: int) -> int:
        return self._ends[place - 1] if place else 0

    def _renumber(self) -> None:
        self._firsts = sorted(self._found)
        self._ends = list(accumulate(len(self._found[first]) for first in self._firsts))

    def _forget_evicted(self) -> None:
        first = self.history.first
        if first == self._first:
            return
        self._first = first
        for evicted in [one for one in self._searched if one < first]:
            del self._searched[evicted]
            if counts := self._counts.pop(evicted, None):
                self._total.add(counts, -1)
        self._without_levels = deque(one for one in self._without_levels if one[0].first >= first)
        for evicted in [one for one in self._found if one < first]:
            del self._found[evicted]
        for root in [root for root in self._repeats if root < first]:
            repeats = self._repeats.pop(root)
            self._unfold(repeats[bisect_left(repeats, first) :])
        # If a root is evicted, its repeats that are not searched yet will find another root.
        for repeat in [one for one, root in self._roots.items() if one < first or root < first]:
            del self._roots[repeat]
        self._renumber()

    def _unfold(self, repeats: "array[int]") -> None:
        """Show the first of some repeats whose root was evicted, and fold the others into it."""
        if not repeats:
            return
        root, rest = repeats[0], repeats[1:]
        del self._roots[root]
        insort(self._found.setdefault(self.history.segment_of(root).first, array("Q")), root)
        if rest:
            self._repeats[root] = rest
            for repeat in rest:
                self._roots[repeat] = root


_DONE: Final = object()
