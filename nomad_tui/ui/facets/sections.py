"""The sections of Facets: values with their counts, in an order that stays stable while they are read."""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, auto
from heapq import nlargest
from itertools import chain
from typing import Final

import msgspec

from nomad_tui.core.level import Level, read_level
from nomad_tui.core.objects.parts import Role, status_role
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.permissions import MANAGEMENT, Permissions, needed
from nomad_tui.core.search.facets import Dimension

DEFAULT_LISTED: Final = 6
"""Values listed in a section before it is expanded."""
MAX_LISTED: Final = 200
"""Maximum values listed in an expanded section; the filter line finds the others."""
VALUES_PER_STEP: Final = 2_000
"""Values ranked between two yields: less than a millisecond of work."""
MAX_UNKNOWN_TOPICS: Final = 64
"""Unknown topics with a row of their own; a server may send any number of names."""
CORE_TOPICS: Final = frozenset({"Allocation", "Evaluation", "Job", "Deployment", "Node"})
"""Topics of every cluster: if the token may not read one, its row is not folded."""
MAX_REFUSED_UNFOLDED: Final = 2
"""Refused topics that are listed; more are folded into one row."""

TITLES: Final[dict[Dimension, str]] = {
    Dimension.TOPIC: "Topics",
    Dimension.LEVEL: "Level",
    Dimension.STATUS: "Status",
    Dimension.TYPE: "Types",
    Dimension.NAMESPACE: "Namespaces",
    Dimension.JOB: "Jobs",
    Dimension.NODE: "Nodes",
}
"""The sections, in display order."""


class Kind(Enum):
    HEADING = auto()
    VALUE = auto()
    MORE = auto()
    """Shows the number of values that are not listed."""
    REFUSED = auto()
    """Shows the number of refused topics that are not listed."""
    NOTE = auto()
    """Says what the token lacks for the topic above, which is the row's value, and for those before it that lack the
    same."""


class Row(msgspec.Struct, frozen=True):
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
        """Whether more than the most frequent values are listed."""
        self.listed: list[str] = []
        self.counts: Mapping[str, int] = {}
        self.ticked: frozenset[str] = frozenset()
        self.excluded: frozenset[str] = frozenset()

    @property
    def more(self) -> int:
        """Number of values that are not listed."""
        return max(0, len(self.counts) - sum(value in self.counts for value in self.listed))

    def rank(self, counts: Mapping[str, int], *, hold: bool) -> Iterator[None]:
        """Chooses the values to list, yielding about every millisecond. `hold` keeps the listed values in place."""
        limit = MAX_LISTED if self.unfolded else DEFAULT_LISTED
        best: list[tuple[int, str]] = []
        names = list(counts)
        for start in range(0, len(names), VALUES_PER_STEP):
            some = ((counts.get(name, 0), name) for name in names[start : start + VALUES_PER_STEP])
            best = nlargest(limit, chain(best, some), key=self._order)
            if start + VALUES_PER_STEP < len(names):
                yield
        self.counts = counts
        found = [name for _, name in sorted(best, key=self._order, reverse=True)]
        if hold:
            found = [*self.listed, *(name for name in found if name not in self.listed)]
            found = found[: max(limit, len(self.listed))]
        chosen = sorted((self.ticked | self.excluded) - set(found))
        self.listed = [*found, *chosen]

    def _order(self, counted: tuple[int, str]) -> tuple[bool, int, tuple[int, ...]]:
        """Sort key: bad statuses first, then by count, then by name; levels by their rank."""
        number, name = counted
        if self.dimension is Dimension.LEVEL:
            return False, read_level(name) or Level.ROUTINE, ()
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
    """Lists every known topic in a fixed order; those without events are folded.

    Below them are the topics that the token may not read in any namespace, grouped by what they need.
    """

    def __init__(self) -> None:
        super().__init__(Dimension.TOPIC)
        self.topics: list[str] = list(KINDS)
        self.hidden: frozenset[str] = frozenset()
        self.held: Mapping[str, int] = {}
        """Events in memory by topic, regardless of the filter."""
        self.permissions: Permissions | None = None
        """None while no topic is refused."""
        self.harmful: frozenset[str] = frozenset()
        """Topics that are not subscribed to, because reading them harms or may harm the servers."""
        self.refused: list[str] = []
        """Topics that the token may not read in any namespace, and without events in memory."""
        self.refused_unfolded = False
        self.notes_below = True
        """Whether notes have rows of their own, because the topics' rows have no room for them."""
        self._silent = 0

    @property
    def more(self) -> int:
        return self._silent

    def add(self, topics: Iterable[str]) -> None:
        """Adds a row for each unknown topic, up to `MAX_UNKNOWN_TOPICS`."""
        known = set(self.topics)
        unknown = [topic for topic in topics if topic not in known]
        self.topics += unknown[: max(0, len(KINDS) + MAX_UNKNOWN_TOPICS - len(self.topics))]

    def rank(self, counts: Mapping[str, int], *, hold: bool) -> Iterator[None]:
        self.counts = counts
        before = set(self.listed) if hold else set()
        nowhere = set() if self.permissions is None else {*self.permissions.refused_everywhere} - self.held.keys()
        nowhere |= self.harmful & {*self.topics}
        # Topics that need a management token are last: it is the hardest to get.
        groups = list(dict.fromkeys(needed(topic) for topic in self.topics if topic in nowhere))
        groups.sort(key=lambda need: need == MANAGEMENT)  # harmful topics among those with the same need
        self.refused = [topic for need in groups for topic in self.topics if topic in nowhere and needed(topic) == need]
        kept = {*self.held, *self.hidden, *self.ticked, *self.excluded, *before}
        if self.unfolded or len(self.hidden) > len(self.topics) // 2 or not self.held:
            kept = set(self.topics)
        self.listed = [topic for topic in self.topics if topic in kept - nowhere]
        self._silent = len(self.topics) - len(self.listed) - len(self.refused)
        yield from ()

    @property
    def refused_folded(self) -> list[str]:
        """Refused topics that are folded."""
        chosen = CORE_TOPICS | self.ticked | self.excluded | self.harmful
        folded = [topic for topic in self.refused if topic not in chosen]
        return [] if self.refused_unfolded or len(folded) <= MAX_REFUSED_UNFOLDED else folded

    def refused_in(self, topic: str) -> tuple[str, ...]:
        """The namespaces in which a topic may not be read, if it may be read in others."""
        if self.permissions is None or not self.permissions.allowed.get(topic):
            return ()
        return self.permissions.refused.get(topic, ())

    def lacks(self, topic: str) -> object:
        """What the token lacks for the topic, or None; topics with equal values share a note."""
        if topic in self.harmful:
            return self.harmful
        if self.permissions is None or topic not in self.permissions.refused:
            return None
        return self.refused_in(topic) or needed(topic)

    def lacking_as(self, topic: str) -> list[str]:
        """The topics that share a note with `topic`."""
        lacks = self.lacks(topic)
        return [] if lacks is None else [each for each in self.topics if self.lacks(each) == lacks]

    def rows(self) -> Iterator[Row]:
        if not self.listed and not self.refused:
            return
        yield Row(Kind.HEADING, self.dimension)
        if self.folded:
            return
        yield from self._with_notes(self.listed)
        if self.more or self.unfolded:
            yield Row(Kind.MORE, self.dimension)
        folded = self.refused_folded
        yield from self._with_notes([topic for topic in self.refused if topic not in folded])
        if folded or self.refused_unfolded:
            yield Row(Kind.REFUSED, self.dimension)
        if len({self.lacks(topic) for topic in folded}) == 1:
            yield Row(Kind.NOTE, self.dimension, folded[-1])

    def _with_notes(self, topics: list[str]) -> Iterator[Row]:
        for number, topic in enumerate(topics, 1):
            yield Row(Kind.VALUE, self.dimension, topic)
            lacks = self.lacks(topic)
            is_last = lacks not in map(self.lacks, topics[number:])
            if lacks is not None and is_last and self.notes_below:
                yield Row(Kind.NOTE, self.dimension, topic)
