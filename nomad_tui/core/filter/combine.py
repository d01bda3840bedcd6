"""Builds `and`, `or` and `not` in their one shape."""

from collections.abc import Iterable

from nomad_tui.core.filter.nodes import And, Node, Not, Or


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
