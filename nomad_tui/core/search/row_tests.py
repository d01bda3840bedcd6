"""Tests rows of columns, payloads and sentences for the rest of a filter, the cheapest first."""

from collections.abc import Callable, Generator, Sequence
from datetime import tzinfo
from enum import IntEnum
from functools import partial
from time import time_ns
from typing import Final, TypeAlias

import msgspec

from nomad_tui.core.filter import And, Field, InPayload, Node, Not, Or, Word, compile_all
from nomad_tui.core.filter.nodes import is_expression
from nomad_tui.core.history.derived import Derived
from nomad_tui.core.history.event_row import happened, related
from nomad_tui.core.history.segment import Segment
from nomad_tui.core.search.raw_text import RawText, from_cluster, rows_of_blocks


class Cost(IntEnum):
    """What a test has to read, the cheapest first."""

    COLUMN = 1
    FACTS = 2
    LEVEL = 3
    PAYLOAD = 4
    SENTENCE = 5
    TIME = 6


Test: TypeAlias = Callable[[Segment, int], bool]
Narrowing: TypeAlias = Callable[[Segment, Sequence[int]], Generator[None, None, Sequence[int]]]
"""Those of a segment's rows, in order, that can pass the test, judged by the bytes of blocks alone. May yield."""


class Undecided(msgspec.Struct, frozen=True):
    """The rest of a filter that the envelope does not decide."""

    cost: Cost
    """The most expensive data that the test reads."""
    columns: frozenset[Cost]
    """`FACTS` and `LEVEL` if the test reads them: these columns have to be filled first."""
    test: Test
    """Takes a segment and a row of it."""
    narrowings: tuple[Narrowing, ...] = ()
    """Cheap ways to exclude most rows before any is tested."""


class RowTests:
    """The tests of one filter on the rows of one history; `Matcher` describes the parameters."""

    def __init__(self, derived: Derived, region: str, now: int | None, timezone: tzinfo | None) -> None:
        self._derived = derived
        self._history = derived.history
        self._region = region
        self.now = time_ns() if now is None else now
        """May be changed between two matches."""
        self._timezone = timezone
        self._compiled: dict[Node, Undecided] = {}

    def compile(self, node: Node) -> Undecided:
        known = self._compiled.get(node)
        if known is None:
            known = self._compiled[node] = self._compile_new(node)
        return known

    def _compile_new(self, node: Node) -> Undecided:
        if is_expression(node):
            return Undecided(Cost.PAYLOAD, _NO_COLUMNS, self._expression(node))
        match node:
            case And(parts) | Or(parts):
                return self._combination(node, parts)
            case Not(part):
                member = self.compile(part)
                test = member.test
                return Undecided(member.cost, member.columns, lambda segment, row: not test(segment, row))
            case Word(text):
                sentence, holds = self._derived.sentence, text.matches
                if (looked_for := from_cluster(text)) is not None:
                    raw = RawText(looked_for, self._history, self._derived.payloads)
                    return Undecided(
                        Cost.PAYLOAD,
                        _NO_COLUMNS,
                        lambda segment, row: raw.may_be_in(segment, row) and holds(sentence(segment, row)),
                        (raw.rows,),
                    )
                return Undecided(Cost.SENTENCE, _NO_COLUMNS, lambda segment, row: holds(sentence(segment, row)))
            case InPayload(text):
                payload, occurs = self._derived.payloads.payload, text.in_bytes
                narrowings = () if text.literal is None else (partial(rows_of_blocks, self._derived.payloads, occurs),)
                return Undecided(
                    Cost.PAYLOAD, _NO_COLUMNS, lambda segment, row: occurs(payload(segment, row)), narrowings
                )
            case Field():
                return self._field(node)
            case _:
                raise TypeError("expressions are all that is left")

    def _combination(self, node: And | Or, parts: tuple[Node, ...]) -> Undecided:
        expressions = [part for part in parts if is_expression(part)]
        if len(expressions) > 1:  # decoded once for all of them
            others = [part for part in parts if not is_expression(part)]
            parts = (*others, type(node)(tuple(expressions)))
        members = sorted(map(self.compile, parts), key=lambda member: member.cost)
        tests = [member.test for member in members]
        cost, columns = members[-1].cost, _NO_COLUMNS.union(*(member.columns for member in members))
        if isinstance(node, Or):
            return Undecided(cost, columns, lambda segment, row: any(test(segment, row) for test in tests))
        narrowings = tuple(narrowing for member in members for narrowing in member.narrowings)
        return Undecided(cost, columns, lambda segment, row: all(test(segment, row) for test in tests), narrowings)

    def _expression(self, node: Node) -> Test:
        holds, payload = compile_all((node,)), self._derived.payloads.payload
        subjects = self._history.subject

        def test(segment: Segment, row: int) -> bool:
            subject = subjects(segment.subject[row])
            return subject is not None and holds(payload(segment, row), subject.topic)[0]

        return test

    def _field(self, node: Field) -> Undecided:
        match node.name:
            case "index":
                holds = node.matches_index
                return Undecided(Cost.COLUMN, _NO_COLUMNS, lambda segment, row: holds(segment.index[row]))
            case "time":
                return Undecided(Cost.TIME, _NO_COLUMNS, self._time(node))
            case "status":
                return Undecided(Cost.FACTS, _FACTS, self._status(node))
            case "node":
                return Undecided(Cost.FACTS, _FACTS, self._node(node))
            case "level":
                wanted = node.levels
                return Undecided(Cost.LEVEL, _LEVEL, lambda segment, row: segment.level[row] in wanted)
            case _:
                return Undecided(Cost.PAYLOAD, _NO_COLUMNS, self._related(node))

    def _time(self, node: Field) -> Test:
        bounded_at = self.now
        earliest, end = node.bounds(bounded_at, self._timezone)

        def test(segment: Segment, row: int) -> bool:
            nonlocal bounded_at, earliest, end
            if self.now != bounded_at:
                bounded_at = self.now
                earliest, end = node.bounds(bounded_at, self._timezone)
            at = happened(self._history, segment.first + row)
            return at is not None and (earliest is None or earliest <= at) and (end is None or at < end)

        return test

    def _status(self, node: Field) -> Test:
        statuses = self._history.statuses
        known: dict[int, bool] = {0: False}

        def test(segment: Segment, row: int) -> bool:
            number = segment.status[row]
            holds = known.get(number)
            if holds is None:
                holds = known[number] = node.matches(statuses[number])
            return holds

        return test

    def _node(self, node: Field) -> Test:
        nodes = self._history.nodes

        def test(segment: Segment, row: int) -> bool:
            number = segment.node[row]
            return number > 0 and (is_among(node, nodes[number].name) or is_among(node, nodes[number].id))

        return test

    def _related(self, node: Field) -> Test:
        history, payload, region = self._history, self._derived.payloads.payload, self._region

        def test(segment: Segment, row: int) -> bool:
            subject = history.subject(segment.subject[row])
            if subject is None:
                return False
            return any(is_among(node, value) for value in related(node.name, subject, payload(segment, row), region))

        return test


_NO_COLUMNS: Final[frozenset[Cost]] = frozenset()
_FACTS: Final = frozenset((Cost.FACTS,))
_LEVEL: Final = frozenset((Cost.LEVEL,))


def is_among(node: Field, value: str) -> bool:
    """Whether an event's value is one of those in the filter; false for an empty value."""
    return bool(value) and node.matches(value)
