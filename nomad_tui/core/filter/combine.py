"""And, or and not over any terms, kept in one shape so that equal filters are equal values.

A combination never holds one of its own kind, the same part twice, or fewer than two parts; not is never doubled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nomad_tui.core.filter.nodes import Node


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        # Inside braces only the word will do, and between expressions it is what Nomad's own filters have.
        glue = " and " if any(is_expression(part) for part in self.parts) else " "
        return glue.join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " or ".join(str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Not:
    part: Node

    def __str__(self) -> str:
        inner = f"({self.part})" if isinstance(self.part, And | Or) else str(self.part)
        return f"not {inner}" if is_expression(self.part) else f"-{inner}"


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
