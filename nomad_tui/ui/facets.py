"""What the picker lists: sections of values with their counts, in an order that does not jump under the reader."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from heapq import nlargest
from itertools import chain
from typing import Final

from nomad_tui.core.facets import Dimension
from nomad_tui.core.sentence import Role, status_role
from nomad_tui.core.topics import TOPICS

FEW: Final = 6
"""Values of a section that are listed until it is unfolded."""
MANY: Final = 200
"""Values of a section that are listed at most; the filter line finds the others."""
VALUES_A_STEP: Final = 2_000
"""Values ranked between two chances to yield: under a millisecond of work."""
MOST_UNKNOWN_TOPICS: Final = 64
"""Unknown topics that get a row of their own; a server may send any number of names."""

TITLES: Final[dict[Dimension, str]] = {
    Dimension.TOPIC: "Topics",
    Dimension.STATUS: "Status",
    Dimension.TYPE: "Types",
    Dimension.NAMESPACE: "Namespaces",
    Dimension.JOB: "Jobs",
    Dimension.NODE: "Nodes",
}
"""The sections, in the order of the screen."""


class Kind(Enum):
    HEADING = auto()
    VALUE = auto()
    MORE = auto()
    """Says how many values are not listed."""


@dataclass(frozen=True, slots=True)
class Row:
    kind: Kind
    dimension: Dimension
    value: str = ""


class Section:
    """The values of one dimension."""

    def __init__(self, dimension: Dimension) -> None:
        self.dimension = dimension
        self.title = TITLES[dimension]
        self.folded = False
        self.unfolded = False
        """Whether more than the most frequent few are listed."""
        self.listed: list[str] = []
        self.counts: Mapping[str, int] = {}
        self.ticked: frozenset[str] = frozenset()
        self.excluded: frozenset[str] = frozenset()

    @property
    def more(self) -> int:
        """Values that are not listed."""
        return max(0, len(self.counts) - sum(value in self.counts for value in self.listed))

    def rank(self, counts: Mapping[str, int], *, hold: bool) -> Iterator[None]:
        """Chooses the values to list, yielding after every millisecond or so; `hold` leaves those listed in place."""
        limit = MANY if self.unfolded else FEW
        best: list[tuple[int, str]] = []
        names = list(counts)
        for start in range(0, len(names), VALUES_A_STEP):
            some = ((counts.get(name, 0), name) for name in names[start : start + VALUES_A_STEP])
            best = nlargest(limit, chain(best, some), key=self._order)
            if start + VALUES_A_STEP < len(names):
                yield
        self.counts = counts
        found = [name for _, name in sorted(best, key=self._order, reverse=True)]
        if hold:
            found = [*self.listed, *(name for name in found if name not in self.listed)]
            found = found[: max(limit, len(self.listed))]
        chosen = sorted((self.ticked | self.excluded) - set(found))
        self.listed = [*found, *chosen]

    def _order(self, counted: tuple[int, str]) -> tuple[bool, int, tuple[int, ...]]:
        """What is wrong first, then the most frequent, and by name where they are even."""
        number, name = counted
        is_bad = self.dimension is Dimension.STATUS and status_role(name) is Role.BAD
        return is_bad, number, tuple(-ord(character) for character in name[:24])

    def rows(self) -> Iterator[Row]:
        if not self.listed:
            return
        yield Row(Kind.HEADING, self.dimension)
        if self.folded:
            return
        yield from (Row(Kind.VALUE, self.dimension, value) for value in self.listed)
        if self.more or self.unfolded:
            yield Row(Kind.MORE, self.dimension)


class TopicSection(Section):
    """Every known topic has its place; those without events are folded away until they are asked for."""

    def __init__(self) -> None:
        super().__init__(Dimension.TOPIC)
        self.topics: list[str] = [topic.name for topic in TOPICS]
        self.hidden: frozenset[str] = frozenset()
        self.held: Mapping[str, int] = {}
        """Events held of each topic, whatever the filter."""
        self._silent = 0

    @property
    def more(self) -> int:
        return self._silent

    def add(self, topics: Iterable[str]) -> None:
        """Gives unknown topics a row each, as long as there are not too many."""
        known = set(self.topics)
        unknown = [topic for topic in topics if topic not in known]
        self.topics += unknown[: max(0, len(TOPICS) + MOST_UNKNOWN_TOPICS - len(self.topics))]

    def rank(self, counts: Mapping[str, int], *, hold: bool) -> Iterator[None]:
        self.counts = counts
        before = set(self.listed) if hold else set()
        kept = {*self.held, *self.hidden, *self.ticked, *self.excluded, *before}
        if self.unfolded or len(self.hidden) > len(self.topics) // 2 or not self.held:
            kept = set(self.topics)
        self.listed = [topic for topic in self.topics if topic in kept]
        self._silent = len(self.topics) - len(self.listed)
        yield from ()
