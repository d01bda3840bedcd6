"""Facets: the values of events in some dimensions, and which of them are ticked.

Ticked values are part of the filter's text (`status:=failed,lost`), so that they are shown, typed and saved with it.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeGuard

from nomad_tui.core.filter import And, Field, Filter, Node, Not, Operator, Text
from nomad_tui.core.filter.nodes import all_of
from nomad_tui.core.level import Level


class Dimension(StrEnum):
    """What events are counted by; the value is the field's name in a filter."""

    LEVEL = "level"
    TOPIC = "topic"
    STATUS = "status"
    TYPE = "type"
    NAMESPACE = "ns"
    JOB = "job"
    NODE = "node"


@dataclass(slots=True)
class Counts:
    """For each value of each dimension, how many events have it and match the rest of the filter."""

    of: dict[Dimension, Counter[str]] = field(default_factory=lambda: {dimension: Counter() for dimension in Dimension})

    def add(self, other: "Counts", sign: int = 1) -> None:
        """Add another's counts, or subtract them with `sign` -1; values with a count of 0 are removed."""
        for dimension, counter in other.of.items():
            mine = self.of[dimension]
            for value, count in counter.items():
                mine[value] += sign * count
                if not mine[value]:
                    del mine[value]


_TICKED: Final = frozenset(Dimension) - {Dimension.TOPIC}
"""Topics are ticked outside the filter, because they also narrow the subscription."""


def split(chosen: Filter) -> tuple[Node | None, dict[Dimension, Field]]:
    """The filter without its ticked terms, and these terms, at most one per dimension."""
    ticked: dict[Dimension, Field] = {}
    rest: list[Node] = []
    for part in _parts(chosen):
        if isinstance(part, Field) and (dimension := _dimension(part)) is not None and dimension not in ticked:
            ticked[dimension] = part
        else:
            rest.append(part)
    return _filter(rest).root, ticked


def ticked(chosen: Filter, dimension: Dimension) -> frozenset[str]:
    """The ticked values of a dimension; empty if all are shown."""
    term = split(chosen)[1].get(dimension)
    return frozenset() if term is None else frozenset(_values(term))


def with_ticked(chosen: Filter, dimension: Dimension, values: Iterable[str]) -> Filter:
    """The filter with these values ticked instead of the previous ones; none for all."""
    wanted = sorted(set(values))
    term = _term(dimension, *wanted) if wanted else None
    before = split(chosen)[1].get(dimension)
    parts: list[Node] = []
    for part in _parts(chosen):
        if part is not before:
            parts.append(part)
        elif term is not None:
            parts.append(term)
    if before is None and term is not None:
        parts.append(term)
    return _filter(parts)


def only(chosen: Filter, field: str, value: str) -> Filter:
    """The filter with an additional condition: the exact value of a field."""
    admitted = readmitted(chosen, field, value)
    if field in _TICKED:
        return with_ticked(admitted, Dimension(field), (value,))
    return _filter([*_parts(admitted), _term(field, value)])


def without(chosen: Filter, field: str, value: str) -> Filter:
    """The filter with the exact value of a field excluded, and no longer ticked."""
    rest = readmitted(chosen, field, value)
    if field in _TICKED:
        rest = with_ticked(rest, Dimension(field), ticked(rest, Dimension(field)) - {value})
    return _filter([*_parts(rest), Not(_term(field, value))])


def readmitted(chosen: Filter, field: str, value: str) -> Filter:
    """The filter without the term that excludes a value."""
    term = Not(_term(field, value))
    return _filter([part for part in _parts(chosen) if part != term])


def left_out(chosen: Filter, field: str) -> frozenset[str]:
    """The values that the filter excludes by terms such as `-job:=web`."""
    found: set[str] = set()
    for part in _parts(chosen):
        term = part.part if isinstance(part, Not) else None
        if isinstance(term, Field) and term.name == field and term.operator is Operator.IS:
            found.update(_values(term))
    return frozenset(found)


def least_level(chosen: Filter) -> Level:
    """The minimum level of a term such as `level:>=warning`; routine if there is none."""
    return next((min(part.levels) for part in _parts(chosen) if _is_least(part)), Level.ROUTINE)


def with_least_level(chosen: Filter, least: Level) -> Filter:
    """The filter with another minimum level instead of the previous one; routine for all."""
    parts = [part for part in _parts(chosen) if not _is_least(part)]
    if least is not Level.ROUTINE:
        parts.append(Field("level", Operator.AT_LEAST, (Text(least.word),)))
    return _filter(parts)


def _is_least(part: Node) -> TypeGuard[Field]:
    return isinstance(part, Field) and part.name == "level" and part.operator is Operator.AT_LEAST


def _parts(chosen: Filter) -> list[Node]:
    """The terms of the top-level conjunction."""
    if chosen.root is None:
        return []
    return list(chosen.root.parts) if isinstance(chosen.root, And) else [chosen.root]


def _filter(parts: list[Node]) -> Filter:
    return Filter(all_of(parts) if parts else None)


def _dimension(term: Field) -> Dimension | None:
    """The dimension whose ticked values this term holds; None for other terms."""
    is_exact = term.operator is Operator.IS and len(_values(term)) == len(term.values)
    return next((dimension for dimension in _TICKED if is_exact and dimension == term.name), None)


def _values(term: Field) -> list[str]:
    return [value.source for value in term.values if isinstance(value, Text) and not value.is_regular]


def _term(field: str, *values: str) -> Field:
    return Field(field, Operator.IS, tuple(Text(value) for value in values))
