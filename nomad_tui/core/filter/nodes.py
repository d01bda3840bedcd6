"""The nodes of a filter: the terms of `terms.py`, payload expressions, and `and`, `or` and `not` of both.

Combinations are normalized so that equal filters are equal values: none directly contains another of its kind, the same
part twice, or fewer than two parts; `not` is never doubled.

Expressions are those of Nomad's list APIs: `JobID matches "^web"`, `any Tasks as t { … }`. A missing path never
matches, whatever the operator, and never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeAlias

import msgspec
from msgspec import UNSET

from nomad_tui.core.filter.comparison import Comparison, test
from nomad_tui.core.filter.path import Path, follow, reader_of_topics, write_path
from nomad_tui.core.filter.terms import Field, InPayload, Word
from nomad_tui.core.filter.writing import quoted


class And(msgspec.Struct, frozen=True):
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        # Braces require the word, and Nomad's own filters have it between expressions.
        glue = " and " if any(is_expression(part) for part in self.parts) else " "
        return glue.join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


class Or(msgspec.Struct, frozen=True):
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " or ".join(str(part) for part in self.parts)


class Not(msgspec.Struct, frozen=True):
    part: Node

    def __str__(self) -> str:
        inner = f"({self.part})" if isinstance(self.part, And | Or) else str(self.part)
        return f"not {inner}" if is_expression(self.part) else f"-{inner}"


@dataclass(frozen=True, slots=True)
class Match:
    """A comparison with the value at a path.

    Raises `PatternError` for a regular expression that RE2 rejects.
    """

    path: Path
    comparison: Comparison
    value: str = ""
    """A literal, whatever type it is compared with; empty for `is`."""
    test: Callable[[Any], bool] = field(init=False, repr=False, compare=False)
    """Tests an existing value at the path."""
    is_expression: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "test", test(self.comparison, self.value))

    def __str__(self) -> str:
        written = f"{write_path(self.path)} {self.comparison.value}"
        return written if self.comparison.value.startswith("is") else f"{written} {quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Each:
    """Whether any or all items of a list, or members of an object, match a nested expression."""

    quantifier: str
    """`any` or `all`."""
    path: Path
    names: tuple[str] | tuple[str, str]
    """Names in the body: of the value (for an object: the key) if there is one name, or of index or key and of value.

    `_` stands for no name.
    """
    body: Node
    """Consists of expressions only."""
    is_expression: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"{self.quantifier} {write_path(self.path)} as {', '.join(self.names)} {{ {self.body} }}"


Node: TypeAlias = And | Or | Not | Word | InPayload | Field | Match | Each


def is_expression(node: Node) -> bool:
    """Whether a term consists of payload expressions only."""
    match node:
        case And(parts) | Or(parts):
            return all(is_expression(part) for part in parts)
        case Not(part):
            return is_expression(part)
    return node.is_expression


def fields(node: Node) -> Iterator[Field]:
    """The fields of a filter, also of its negated parts."""
    match node:
        case And(parts) | Or(parts):
            for part in parts:
                yield from fields(part)
        case Not(part):
            yield from fields(part)
        case Field():
            yield node


def all_of(parts: Iterable[Node]) -> Node:
    """The conjunction of at least one part."""
    flat = dict.fromkeys(inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,)))
    return And(tuple(flat)) if len(flat) > 1 else next(iter(flat))


def any_of(parts: Iterable[Node]) -> Node:
    """The disjunction of at least one part."""
    flat = dict.fromkeys(inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,)))
    return Or(tuple(flat)) if len(flat) > 1 else next(iter(flat))


def negated(part: Node) -> Node:
    return part.part if isinstance(part, Not) else Not(part)


MAX_ITEMS: Final = 100_000
"""Items that `any` and `all` examine in one payload, including nested ones; beyond that the expression does not
match."""


class _Event(msgspec.Struct):
    """The state of one evaluation."""

    values: list[Any]
    """Values at the paths of all expressions, in order of registration."""
    named: dict[str, Any]
    """Items and their indexes or keys, by the names in the bodies."""
    items_left: int = MAX_ITEMS


class _TooManyItems(Exception):  # noqa: N818  # not an error: the result is false
    pass


_Decision = Callable[[_Event], bool]


class _Compiler:
    def __init__(self) -> None:
        self.paths: dict[Path, int] = {}

    def value_at(self, path: Path, names: frozenset[str]) -> Callable[[_Event], Any]:
        name, rest = path[0], path[1:]
        if name in names:
            return lambda event: follow(event.named[name], rest)
        place = self.paths.setdefault(path, len(self.paths))
        return lambda event: event.values[place]

    def decision(self, node: Node, names: frozenset[str]) -> _Decision:
        match node:
            case And(parts):
                every = tuple(self.decision(part, names) for part in parts)
                return lambda event: all(each(event) for each in every)
            case Or(parts):
                some = tuple(self.decision(part, names) for part in parts)
                return lambda event: any(each(event) for each in some)
            case Not(part):
                decide = self.decision(part, names)
                return lambda event: not decide(event)
            case Match(path=path, test=holds):
                value_at = self.value_at(path, names)

                def holds_there(event: _Event) -> bool:
                    value = value_at(event)
                    return value is not UNSET and holds(value)

                return holds_there
            case Each():
                return self.each(node, names)
        raise TypeError("the parser puts nothing else into braces")

    def each(self, node: Each, names: frozenset[str]) -> _Decision:
        value_at = self.value_at(node.path, names)
        own = frozenset(node.names) - {"_"}
        decide = self.decision(node.body, names | own)
        stop_at = node.quantifier == "any"
        first, second = node.names[0], node.names[-1]
        is_pair = len(node.names) == 2

        def decision(event: _Event) -> bool:
            items = value_at(event)
            if items is None:
                return not stop_at
            pairs: Any
            if isinstance(items, dict):
                pairs = items.items() if is_pair else zip(items, items, strict=True)
            elif isinstance(items, list):
                pairs = enumerate(items)
            else:
                return False
            outer = event.named
            try:
                for key, value in pairs:
                    event.items_left -= 1
                    if event.items_left < 0:
                        raise _TooManyItems
                    event.named = {**outer, first: key, second: value}
                    if decide(event) is stop_at:
                        return stop_at
            finally:
                event.named = outer
            return not stop_at

        return decision


def compile_all(expressions: Sequence[Node]) -> Callable[[bytes, str], list[bool]]:
    """Compile several expressions, or combinations of expressions only, so that they share one decoding of the payload.

    Returns a function of a payload and its topic (released name), which never raises. Its results are in the order of
    the expressions.
    """
    compiler = _Compiler()
    decisions = [compiler.decision(each, frozenset()) for each in expressions]
    read = reader_of_topics(list(compiler.paths))

    def decide(payload: bytes, topic: str) -> list[bool]:
        values = read(payload, topic)
        answers = []
        for decision in decisions:
            try:
                answers.append(decision(_Event(values, {})))
            except _TooManyItems:
                answers.append(False)
        return answers

    return decide
