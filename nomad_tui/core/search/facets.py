"""Facets: the values that events have in some dimensions, and what is ticked of them.

What is ticked is part of the filter's text (`status:=failed,lost`), so that what is shown, typed and saved is one.
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
    """How many events have each value of each dimension and match everything else that is asked for."""

    of: dict[Dimension, Counter[str]] = field(default_factory=lambda: {dimension: Counter() for dimension in Dimension})

    def add(self, other: "Counts", sign: int = 1) -> None:
        """Adds another's counts, or takes them away; a value with none left is forgotten."""
        for dimension, counter in other.of.items():
            mine = self.of[dimension]
            for value, count in counter.items():
                mine[value] += sign * count
                if not mine[value]:
                    del mine[value]


_TICKED: Final = frozenset(Dimension) - {Dimension.TOPIC}
"""Topics are ticked beside the filter, because that narrows the subscription too."""


def split(chosen: Filter) -> tuple[Node | None, dict[Dimension, Field]]:
    """The filter without what is ticked in it, and that: at most one term of a dimension."""
    ticked: dict[Dimension, Field] = {}
    rest: list[Node] = []
    for part in _parts(chosen):
        if isinstance(part, Field) and (dimension := _dimension(part)) is not None and dimension not in ticked:
            ticked[dimension] = part
        else:
            rest.append(part)
    return _filter(rest).root, ticked


def ticked(chosen: Filter, dimension: Dimension) -> frozenset[str]:
    """The values of the dimension that the filter asks for; empty if it leaves out none."""
    term = split(chosen)[1].get(dimension)
    return frozenset() if term is None else frozenset(_values(term))


def with_ticked(chosen: Filter, dimension: Dimension, values: Iterable[str]) -> Filter:
    """The filter with other values ticked, in the place of those before; none for all."""
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
    """The filter with one more thing asked for: the exact value of a field."""
    admitted = readmitted(chosen, field, value)
    if field in _TICKED:
        return with_ticked(admitted, Dimension(field), (value,))
    return _filter([*_parts(admitted), _term(field, value)])


def without(chosen: Filter, field: str, value: str) -> Filter:
    """The filter with the exact value of a field left out, and no longer ticked."""
    rest = readmitted(chosen, field, value)
    if field in _TICKED:
        rest = with_ticked(rest, Dimension(field), ticked(rest, Dimension(field)) - {value})
    return _filter([*_parts(rest), Not(_term(field, value))])


def readmitted(chosen: Filter, field: str, value: str) -> Filter:
    """The filter without the term that leaves a value out."""
    term = Not(_term(field, value))
    return _filter([part for part in _parts(chosen) if part != term])


def left_out(chosen: Filter, field: str) -> frozenset[str]:
    """The values that the filter leaves out by terms such as `-job:=web`."""
    found: set[str] = set()
    for part in _parts(chosen):
        term = part.part if isinstance(part, Not) else None
        if isinstance(term, Field) and term.name == field and term.operator is Operator.IS:
            found.update(_values(term))
    return frozenset(found)


def least_level(chosen: Filter) -> Level:
    """The least level that the filter shows by a term such as `level:>=warning`; routine if it has none."""
    return next((min(part.levels) for part in _parts(chosen) if _is_least(part)), Level.ROUTINE)


def with_least_level(chosen: Filter, least: Level) -> Filter:
    """The filter with another least level, in the place of the one before; routine for all."""
    parts = [part for part in _parts(chosen) if not _is_least(part)]
    if least is not Level.ROUTINE:
        parts.append(Field("level", Operator.AT_LEAST, (Text(least.word),)))
    return _filter(parts)


def _is_least(part: Node) -> TypeGuard[Field]:
    return isinstance(part, Field) and part.name == "level" and part.operator is Operator.AT_LEAST


def _parts(chosen: Filter) -> list[Node]:
    """The terms all of which must hold."""
    if chosen.root is None:
        return []
    return list(chosen.root.parts) if isinstance(chosen.root, And) else [chosen.root]


def _filter(parts: list[Node]) -> Filter:
    return Filter(all_of(parts) if parts else None)


def _dimension(term: Field) -> Dimension | None:
    """The dimension of which a term is what is ticked."""
    is_exact = term.operator is Operator.IS and len(_values(term)) == len(term.values)
    return next((dimension for dimension in _TICKED if is_exact and dimension == term.name), None)


def _values(term: Field) -> list[str]:
    return [value.source for value in term.values if isinstance(value, Text) and not value.is_regular]


def _term(field: str, *values: str) -> Field:
    return Field(field, Operator.IS, tuple(Text(value) for value in values))
