"""What has been seen so far, for completion: values of fields, and paths of payloads."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from time import perf_counter
from typing import Final

from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import GAP_SUBJECT, Subject
from nomad_tui.core.level import Level
from nomad_tui.core.objects.kind import OWN_KEY
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.search.facets import Dimension
from nomad_tui.core.search.paths import Paths
from nomad_tui.core.search.view import View

MOST_VALUES: Final = 400
"""Values proposed for one field; those of the newest events where they cannot be counted."""
MOST_LOOKED_AT: Final = 5_000
"""Values and repetitions of them looked at for one list."""
MOST_SUBJECTS: Final = 2_000
"""Objects looked at for one list: about a millisecond of work."""
MOST_SEGMENTS: Final = 16

_DIMENSIONS: Final = {str(dimension): dimension for dimension in Dimension}
_SHORT: Final = 8
"""Characters of an ID, as Nomad shortens them."""


class Seen:
    """Values that were counted once stay, so that a filter in force does not take away what it may be changed to."""

    def __init__(self, view: View) -> None:
        self._view = view
        self.paths = Paths()
        self._looked_at: dict[str, int] = {}
        """Per topic: the newest event whose payload was looked into."""
        self._known: dict[Dimension, dict[str, None]] = {}

    def read_facts(self, seconds: float) -> None:
        """Reads the status and node of the newest events for about so long, where they are not being counted."""
        deadline = perf_counter() + seconds
        for segment in reversed(self._view.history.segments()[-2:]):
            for _ in self._view.derived.facts(segment, len(segment)):
                if perf_counter() > deadline:
                    return

    def look(self) -> None:
        """Looks into the newest payload of every topic; to be called now and then, as it may take some milliseconds."""
        history = self._view.history
        wanted = set(history.topic_counts)
        for segment in reversed(history.segments()[-MOST_SEGMENTS:]):
            for number in dict.fromkeys(reversed(segment.subject)):
                subject = None if number == GAP_SUBJECT else history.subject(number)
                if subject is None or subject.topic not in wanted:
                    continue
                wanted.discard(subject.topic)
                if subject.last >= history.first and self._looked_at.get(subject.topic) != subject.last:
                    self._looked_at[subject.topic] = subject.last
                    self.paths.learn(history.payload(subject.last))
            if not wanted:
                return

    def values(self, field: str) -> Iterable[tuple[str, int | None]]:
        dimension = _DIMENSIONS.get(field)
        if dimension is not None:
            return self._counts(dimension)
        history = self._view.history
        topic = next((each.name for each in KINDS.values() if each.mentions.get(field) is OWN_KEY), None)
        if topic is not None:
            keys = (subject.key[:_SHORT] for subject in newest_subjects(history) if subject.topic == topic)
            return [(key, None) for key in islice(dict.fromkeys(keys), MOST_VALUES)]
        if field == "key":
            keys = (subject.key for subject in newest_subjects(history))
            return [(key, None) for key in islice(dict.fromkeys(keys), MOST_VALUES)]
        return ()

    def _counts(self, dimension: Dimension) -> list[tuple[str, int | None]]:
        counts = self._view.counts(dimension)
        known = self._known.setdefault(dimension, {})
        for value in islice(chain(counts, self._values(dimension)), MOST_LOOKED_AT):
            if value and len(known) < MOST_VALUES:
                known.setdefault(value)
        found: list[tuple[str, int | None]] = [(value, counts.get(value)) for value in known]
        return sorted(found, key=lambda each: (-(each[1] or 0), each[0]))

    def _values(self, dimension: Dimension) -> Iterator[str]:
        """Values that are known without counting, which is only done while the picker is on the screen."""
        history = self._view.history
        match dimension:
            case Dimension.LEVEL:
                yield from (level.word for level in reversed(Level))
            case Dimension.TOPIC:
                yield from history.topic_counts
                yield from KINDS
            case Dimension.TYPE:
                yield from islice(history.type_names(), 1, None)  # the first stands for those without a name
            case Dimension.STATUS:
                yield from history.statuses
            case Dimension.NODE:
                yield from (node.value for node in history.nodes)
            case Dimension.JOB:
                yield from (subject.job for subject in newest_subjects(history))
            case Dimension.NAMESPACE:
                yield from (subject.namespace for subject in newest_subjects(history))


def newest_subjects(history: History) -> Iterator[Subject]:
    """Objects of the newest events first, each once; a bounded number of them."""
    seen: dict[int, None] = {}
    for segment in reversed(history.segments()[-MOST_SEGMENTS:]):
        for number in dict.fromkeys(reversed(segment.subject)):
            if number == GAP_SUBJECT or number in seen:
                continue
            seen[number] = None
            subject = history.subject(number)
            if subject is not None:
                yield subject
            if len(seen) >= MOST_SUBJECTS:
                return
