"""What a filter is made of: the terms of `terms.py`, expressions over a payload, and `and`, `or` and `not` over both.

Combinations have one shape, so that equal filters are equal values: one never holds one of its own kind, the same part
twice, or fewer than two parts; `not` is never doubled. `combine.py` builds them so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import msgspec

from nomad_tui.core.filter.comparison import Comparison, test
from nomad_tui.core.filter.path import Path, write_path
from nomad_tui.core.filter.terms import Field, InPayload, Word
from nomad_tui.core.filter.writing import quoted


class And(msgspec.Struct, frozen=True):
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        # Inside braces only the word will do, and between expressions it is what Nomad's own filters have.
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
    """One comparison with the value at a path.

    Raises `PatternError` for a regular expression that RE2 does not accept.
    """

    path: Path
    comparison: Comparison
    value: str = ""
    """As a literal, whatever type it is compared with; empty for `is`."""
    test: Callable[[Any], bool] = field(init=False, repr=False, compare=False)
    """Of the value at the path, if there is one."""
    is_expression: ClassVar[bool] = True
    has_age: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "test", test(self.comparison, self.value))

    def __str__(self) -> str:
        written = f"{write_path(self.path)} {self.comparison.value}"
        return written if self.comparison.value.startswith("is") else f"{written} {quoted(self.value)}"


@dataclass(frozen=True, slots=True)
class Each:
    """Whether any or all items of a list, or members of an object, match an expression of their own."""

    quantifier: str
    """`any` or `all`."""
    path: Path
    names: tuple[str] | tuple[str, str]
    """What the body calls an item: its value (of an object: its key), or its place or key and its value.

    `_` for one that is not named.
    """
    body: Node
    """Of expressions only."""
    is_expression: ClassVar[bool] = True
    has_age: ClassVar[bool] = False

    def __str__(self) -> str:
        return f"{self.quantifier} {write_path(self.path)} as {', '.join(self.names)} {{ {self.body} }}"


Node: TypeAlias = And | Or | Not | Word | InPayload | Field | Match | Each


def is_expression(node: Node) -> bool:
    """Whether a term is nothing but expressions over the payload."""
    match node:
        case And(parts) | Or(parts):
            return all(is_expression(part) for part in parts)
        case Not(part):
            return is_expression(part)
    return node.is_expression


def has_age(node: Node) -> bool:
    """Whether a term counts back from now, so that what matches changes as time passes."""
    match node:
        case And(parts) | Or(parts):
            return any(has_age(part) for part in parts)
        case Not(part):
            return has_age(part)
    return node.has_age


def all_of(parts: Iterable[Node]) -> Node:
    """Every one of at least one part."""
    flat = dict.fromkeys(inner for part in parts for inner in (part.parts if isinstance(part, And) else (part,)))
    return And(tuple(flat)) if len(flat) > 1 else next(iter(flat))


def any_of(parts: Iterable[Node]) -> Node:
    """One or more of at least one part."""
    flat = dict.fromkeys(inner for part in parts for inner in (part.parts if isinstance(part, Or) else (part,)))
    return Or(tuple(flat)) if len(flat) > 1 else next(iter(flat))


def negated(part: Node) -> Node:
    return part.part if isinstance(part, Not) else Not(part)
