"""Applies a filter to the columns of a history, and counts the facets.

A filter is evaluated in stages, cheapest first. The envelope is tested once per object and type rather than per event,
which decides most events. The rest of the filter is tested on the remaining rows, using columns, payloads and sentences
in that order.
"""

from array import array
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from datetime import tzinfo
from operator import itemgetter
from typing import Final, TypeAlias

from nomad_tui.core.filter import And, Field, Filter, Node, Not, Or, Word
from nomad_tui.core.history.derived import BYTES_PER_STEP, Derived
from nomad_tui.core.history.dictionaries import GAP_SUBJECT, Subject
from nomad_tui.core.history.segment import NO_LEVEL, Segment
from nomad_tui.core.level import Level
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.search.facets import Counts, Dimension, split
from nomad_tui.core.search.row_tests import Cost, RowTests, Undecided, is_among

ROWS_PER_STEP: Final = 32
"""Rows tested beyond their envelope before yielding: a sentence takes 40 µs."""
PAIRS_PER_STEP: Final = 100
"""Pairs of object and type decided before yielding."""

Decision: TypeAlias = bool | Undecided


class Matcher:
    """One filter over one history.

    `now` is the reference of ages such as `time:<5m`, in ns since 1970, and `timezone` applies to clock times; None is
    the zone of this machine. `region` is that of the server.
    """

    def __init__(
        self,
        derived: Derived,
        chosen: Filter,
        hidden_topics: frozenset[str] = frozenset(),
        *,
        counting: bool = False,
        region: str = "",
        now: int | None = None,
        timezone: tzinfo | None = None,
    ) -> None:
        self._derived = derived
        self._history = derived.history
        self._region = region
        self.tests = RowTests(derived, region, now, timezone)
        self._hidden = hidden_topics
        self._ticked: dict[Dimension, Field] = {}
        self._root = chosen.root
        if counting:
            self._root, self._ticked = split(chosen)
        self._decisions: dict[int, tuple[Subject | None, Decision]] = {}
        """By subject and type numbers: the subject, None for gaps, and the decision of the envelope."""
        self._counting = counting
        self.counts_levels = Dimension.LEVEL in self._ticked
        """Whether levels are counted during the search; otherwise they are counted afterwards, as they cost more than
        the rest."""

    def matches(self, sequence: int) -> bool:
        """Whether a row is shown; gaps always are. Raises `IndexError` for a row that is not held."""
        segment = self._history.segment_of(sequence)
        row = sequence - segment.first
        found = array("Q")
        for _ in self.search(segment, row, row + 1, found):
            pass
        return bool(found)

    def search(
        self, segment: Segment, start: int, stop: int, found: "array[int]", counts: Counts | None = None
    ) -> Iterator[None]:
        """Append the sequence numbers of matching rows in [start, stop) to `found`, in order.

        A generator, so that a search can be interrupted: yields after about a millisecond of work. A matcher made for
        `counting` adds to `counts`.
        """
        shown: list[int] = []
        undecided: list[tuple[int, Undecided]] = []
        yield from self._test_envelopes(segment, start, stop, shown, undecided)
        if undecided:
            if any(Cost.FACTS in remaining.columns for _, remaining in undecided):
                yield from self._derived.facts(segment, stop)
            if any(Cost.LEVEL in remaining.columns for _, remaining in undecided):
                yield from self._derived.levels(segment, stop)
            if self._is_evicted(segment):
                return
            yield from self._test_rows(segment, undecided, shown)
            shown.sort()
        if self._counting and shown and not self._is_evicted(segment):
            yield from self._derived.facts(segment, stop)
            if self.counts_levels:
                yield from self._derived.levels(segment, stop)
            if not self._is_evicted(segment):
                shown = self._count(segment, shown, counts)
        if not self._is_evicted(segment):
            first = segment.first
            found.extend([first + row for row in shown])

    def _is_evicted(self, segment: Segment) -> bool:
        """Whether the segment was evicted while the search was interrupted: none of its rows can be shown."""
        return segment.first < self._history.first

    # The envelope

    def _test_envelopes(
        self, segment: Segment, start: int, stop: int, shown: list[int], undecided: list[tuple[int, Undecided]]
    ) -> Iterator[None]:
        subjects, types, subject_of, decisions = segment.subject, segment.type, self._history.subject, self._decisions
        decided = 0
        for row in range(start, stop):
            number = subjects[row]
            pair = number << 32 | types[row]
            known = decisions.get(pair)
            # A number is reused for another subject once the first one's events are evicted.
            if known is None or known[0] is not subject_of(number):
                decided += 1
                if decided % PAIRS_PER_STEP == 0:
                    yield
                    if self._is_evicted(segment):
                        shown.clear()
                        undecided.clear()
                        return
                subject = subject_of(number)
                known = decisions[pair] = (subject, self._decide(subject, types[row]))
            decision = known[1]
            if decision is True:
                shown.append(row)
            elif decision is not False:
                undecided.append((row, decision))

    def _decide(self, subject: Subject | None, type_number: int) -> Decision:
        """The envelope's decision on an object's events of one type."""
        if subject is None:  # a gap
            return True
        if not self._counting and subject.topic in self._hidden:
            return False
        if self._root is None:
            return True
        remaining = self._remaining(self._root, subject, self._history.type_names()[type_number])
        return remaining if isinstance(remaining, bool) else self.tests.compile(remaining)

    def _remaining(self, node: Node, subject: Subject, type_name: str) -> bool | Node:
        """The part of the filter that the envelope does not decide, or its decision on all of it."""
        match node:
            case And(parts) | Or(parts):
                absorbing = isinstance(node, Or)
                left: list[Node] = []
                for part in parts:
                    remaining = self._remaining(part, subject, type_name)
                    if remaining is absorbing:
                        return absorbing
                    if not isinstance(remaining, bool):
                        left.append(remaining)
                if not left:
                    return not absorbing
                return left[0] if len(left) == 1 else type(node)(tuple(left))
            case Not(part):
                remaining = self._remaining(part, subject, type_name)
                return not remaining if isinstance(remaining, bool) else Not(remaining)
            case Word(text):
                envelope = (subject.topic, subject.key, subject.namespace, type_name, *(subject.filter_keys or ()))
                return True if any(map(text.matches, envelope)) else node
            case Field():
                return self._envelope_field(node, subject, type_name)
            case _:
                return node

    def _envelope_field(self, node: Field, subject: Subject, type_name: str) -> bool | Node:
        topic = subject.topic
        match node.name:
            case "topic":
                return node.matches(topic)
            case "type":
                return is_among(node, type_name)
            case "key":
                return is_among(node, subject.key)
            case "ns":
                return is_among(node, subject.namespace)
            case "job":
                return is_among(node, subject.job)
            case name if (mention := kind(topic).mentions.get(name)) is not None:
                return node if mention.members else is_among(node, subject.key)
            case "region":
                return is_among(node, self._region)
            case name if name in _REFERENCE_FIELDS:
                return False
            case _:
                return node

    def _test_rows(self, segment: Segment, undecided: list[tuple[int, Undecided]], shown: list[int]) -> Iterator[None]:
        """Test columns, payloads and sentences of the rows that the envelope does not decide."""
        undecided = yield from self._narrow(segment, undecided)
        rows_left = bytes_left = 0
        for row, remaining in undecided:
            if remaining.cost > Cost.LEVEL:
                rows_left -= 1
                bytes_left -= segment.payload_length[row]
                if rows_left < 0 or bytes_left < 0:
                    yield
                    if self._is_evicted(segment):
                        break
                    rows_left, bytes_left = ROWS_PER_STEP - 1, BYTES_PER_STEP
            if remaining.test(segment, row):
                shown.append(row)
        self._derived.keep()

    def _narrow(
        self, segment: Segment, undecided: list[tuple[int, Undecided]]
    ) -> Generator[None, None, list[tuple[int, Undecided]]]:
        """Remove the rows that are ruled out by the bytes of their blocks."""
        groups = {id(remaining): remaining for _, remaining in undecided}
        if not any(remaining.narrowings for remaining in groups.values()):
            return undecided
        left: list[tuple[int, Undecided]] = []
        for group in groups.values():
            rows: Sequence[int] = [row for row, remaining in undecided if remaining is group]
            for narrowing in group.narrowings:
                rows = yield from narrowing(segment, rows)
            left += [(row, group) for row in rows]
        left.sort(key=itemgetter(0))
        return left

    # The facets

    def _count(self, segment: Segment, matching: list[int], counts: Counts | None) -> list[int]:
        """The rows with only ticked values. Counts each row for every dimension that does not itself exclude it."""
        subjects, types, statuses, nodes = segment.subject, segment.type, segment.status, segment.node
        levels = [segment.level[row] for row in matching] if self.counts_levels else [NO_LEVEL] * len(matching)
        keys = [
            (subjects[row], types[row], statuses[row], nodes[row], level)
            for row, level in zip(matching, levels, strict=True)
        ]
        shown = {key: self._tally(*key, count, counts) for key, count in Counter(keys).items()}
        return [row for row, key in zip(matching, keys, strict=True) if shown[key]]

    def _tally(
        self, number: int, type_: int, status: int, node: int, level: int, count: int, counts: Counts | None
    ) -> bool:
        if number == GAP_SUBJECT:
            return True
        subject = self._history.subject(number)
        if subject is None:
            return False
        of = self._history.nodes[node]
        values = {
            Dimension.LEVEL: "" if level == NO_LEVEL else Level(level).word,
            Dimension.TOPIC: subject.topic,
            Dimension.STATUS: self._history.statuses[status],
            Dimension.TYPE: self._history.type_names()[type_],
            Dimension.NAMESPACE: subject.namespace,
            Dimension.JOB: subject.job,
            Dimension.NODE: of.value,
        }
        left_out = []
        if subject.topic in self._hidden:
            left_out.append(Dimension.TOPIC)
        for dimension, ticked in self._ticked.items():
            if not is_among(ticked, values[dimension]) and not (
                dimension is Dimension.NODE and is_among(ticked, of.id)
            ):
                left_out.append(dimension)
        if counts is not None and len(left_out) < 2:
            for dimension in left_out or values:
                if value := values[dimension]:
                    counts.of[dimension][value] += count
        return not left_out


_REFERENCE_FIELDS: Final = frozenset(("alloc", "deploy", "eval", "group", "task", "user"))
"""Fields that refer to other objects; kinds without one need not be read."""
