"""Evaluates expressions over a payload, as Nomad's list APIs have them: `JobID matches "^web"`, `any Tasks as t { … }`.

A missing path is no match, whatever the operator, and never an error.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from nomad_tui.core.filter.nodes import And, Each, Match, Node, Not, Or
from nomad_tui.core.filter.path import Path, follow, reader_of_topics

MOST_ITEMS: Final = 100_000
"""Items that `any` and `all` look at in one payload, those of nested ones included; beyond that nothing matches."""


class _Event(msgspec.Struct):
    """What one evaluation knows."""

    values: list[Any]
    """At the paths of all expressions, in the order they were asked for."""
    named: dict[str, Any]
    """Items and their places by the names that bodies give them."""
    items_left: int = MOST_ITEMS


class _TooManyItems(Exception):  # noqa: N818  # no error: the answer is no
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
    """Decides several expressions (or combinations of nothing else) and decodes the payload once for all of them.

    What comes out is a function of a payload and its topic (released name) that never raises; its answers are in the
    order of the expressions.
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
