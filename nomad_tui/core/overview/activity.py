"""Counts events over time, by topic and level, in cells of a few seconds that become coarser with time."""

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Final

from nomad_tui.core.level import Level
from nomad_tui.core.readable import SECOND

INITIAL_CELL: Final = 1
"""Initial seconds per cell."""
MAX_CELLS: Final = 8_192
"""Above this number, cells are merged in pairs: some 2 MB with the usual topics."""


@dataclass(slots=True)
class Bucket:
    start: int
    """ns since 1970."""
    end: int
    """Exclusive."""
    counts: list[int] = field(default_factory=lambda: [0] * len(Level))
    """Events by level, in ascending order."""
    gaps: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts)


class Activity:
    """Event counts. All times are ns since 1970 on the server's clock."""

    def __init__(self) -> None:
        self.cell = INITIAL_CELL
        """Seconds per cell."""
        self._cells: dict[int, dict[str, list[int]]] = {}
        """By the number of the cell since 1970 and by topic: events of each level."""
        self._gaps: list[int] = []

    @property
    def first(self) -> int | None:
        """The start of the oldest cell."""
        return min(self._cells) * self.cell * SECOND if self._cells else None

    @property
    def end(self) -> int | None:
        """The end of the newest cell."""
        return (max(self._cells) + 1) * self.cell * SECOND if self._cells else None

    def add(self, moment: int, topic: str, level: int) -> None:
        number = moment // (self.cell * SECOND)
        cell = self._cells.get(number)
        if cell is None:
            if len(self._cells) >= MAX_CELLS:
                self._coarsen()
                number = moment // (self.cell * SECOND)
            cell = self._cells.setdefault(number, {})
        counts = cell.get(topic)
        if counts is None:
            counts = cell[topic] = [0] * len(Level)
        counts[level] += 1

    def add_gap(self, moment: int) -> None:
        self._gaps.append(moment)

    def forget_before(self, moment: int) -> None:
        """Remove everything older than the oldest event held."""
        oldest = moment // (self.cell * SECOND)
        for number in [number for number in self._cells if number < oldest]:
            del self._cells[number]
        self._gaps = [gap for gap in self._gaps if gap >= moment]

    def _coarsen(self) -> None:
        while len(self._cells) >= MAX_CELLS:
            self.cell *= 2
            joined: dict[int, dict[str, list[int]]] = {}
            for number, topics in self._cells.items():
                into = joined.setdefault(number // 2, {})
                for topic, counts in topics.items():
                    before = into.get(topic)
                    into[topic] = counts if before is None else [a + b for a, b in zip(before, counts, strict=True)]
            self._cells = joined

    def histogram(self, width: int, span: int | None, until: int | None = None) -> list[Bucket]:
        """At most `width` buckets of whole cells; `span` in seconds before the end, None for everything held.

        Ends at `until` if given, otherwise with the newest event.
        """
        edges = self._edges(width, span, until)
        buckets = [Bucket(start * self.cell * SECOND, end * self.cell * SECOND) for start, end in edges]
        if not buckets:
            return []
        first, size = edges[0][0], edges[0][1] - edges[0][0]
        for number, topics in self._cells.items():
            place = (number - first) // size
            if 0 <= place < len(buckets):
                into = buckets[place].counts
                for counts in topics.values():
                    for level, count in enumerate(counts):
                        into[level] += count
        for gap in self._gaps:
            place = (gap // (self.cell * SECOND) - first) // size
            if 0 <= place < len(buckets):
                buckets[place].gaps += 1
        return buckets

    def rates(self, width: int, span: int | None, until: int | None = None) -> dict[str, list[int]]:
        """By topic, the events in each of at most `width` buckets; the most frequent topic first."""
        edges = self._edges(width, span, until)
        if not edges:
            return {}
        first, size = edges[0][0], edges[0][1] - edges[0][0]
        found: dict[str, list[int]] = {}
        for number, topics in self._cells.items():
            place = (number - first) // size
            if 0 <= place < len(edges):
                for topic, counts in topics.items():
                    found.setdefault(topic, [0] * len(edges))[place] += sum(counts)
        return dict(sorted(found.items(), key=lambda item: (-sum(item[1]), item[0])))

    def _edges(self, width: int, span: int | None, until: int | None) -> list[tuple[int, int]]:
        """Start (inclusive) and end (exclusive) of each bucket, in cells."""
        if not self._cells or width < 1:
            return []
        last = max(self._cells) if until is None else until // (self.cell * SECOND)
        oldest = min(self._cells)
        first = oldest if span is None else last + 1 - max(1, span // self.cell)
        if first > last:
            return []
        size = -(-(last + 1 - first) // width)
        number = -(-(last + 1 - first) // size)
        return [(first + place * size, first + (place + 1) * size) for place in range(number)]


def time_term(start: int, end: int, zone: tzinfo | None) -> str:
    """A filter for times from `start` (inclusive) to `end` (exclusive), in ns since 1970."""
    first = datetime.fromtimestamp(start // SECOND, zone)
    last = datetime.fromtimestamp((end - 1) // SECOND, zone)
    written = f"{last:%H:%M:%S}" if first.date() == last.date() else f"{last:%Y-%m-%dT%H:%M:%S}"
    return f"time:{first:%Y-%m-%dT%H:%M:%S}..{written}"
