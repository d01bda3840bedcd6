"""Which item of a list is which item of another."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from nomad_tui.core.changes.model import CONTAINERS
from nomad_tui.core.payload.parsing import Members, Value
from nomad_tui.core.payload.rows import Step

LONGEST_MATCHED: Final = 200
"""Items of lists whose equal runs are looked for; in longer ones the first equal one is the counterpart."""

MOST_MATCHED: Final = 400_000
"""Pairs of items that are compared so in all lists of a payload together; some 50 ms."""


class Counterparts(NamedTuple):
    """For each item before, its position after; -1 for none."""

    positions: list[int]
    natural: tuple[str, ...]


class Matching:
    """Matches the items of the lists of two payloads, which live as long as it does."""

    def __init__(self, item_keys: tuple[tuple[str, ...], ...]) -> None:
        self._item_keys = item_keys
        self._work_left = MOST_MATCHED
        self._shapes: dict[object, int] = {}
        self._shape_of: dict[int, int] = {}
        """By identity of containers."""

    def counterparts(self, before: list[Value], after: list[Value]) -> Counterparts:
        if not before and not after:
            return Counterparts([], ())
        return _by_name(before, after, self._item_keys) or self._by_value(before, after)

    def _by_value(self, before: list[Value], after: list[Value]) -> Counterparts:
        """Equal items, those in the same order before others; then, where as many are left between two that stay,
        one to one."""
        old, new = [self._shape(item) for item in before], [self._shape(item) for item in after]
        positions = [-1] * len(old)
        start = 0
        while start < min(len(old), len(new)) and old[start] == new[start]:
            positions[start] = start
            start += 1
        end_before, end_after = len(old), len(new)
        while min(end_before, end_after) > start and old[end_before - 1] == new[end_after - 1]:
            end_before, end_after = end_before - 1, end_after - 1
            positions[end_before] = end_after
        for position, counterpart in self._blocks(old, new, start, end_before, end_after):
            positions[position] = counterpart
        taken = set(positions)
        places: dict[int, list[int]] = {}
        for position in reversed(range(start, end_after)):
            if position not in taken:
                places.setdefault(new[position], []).append(position)
        for position in range(start, end_before):
            same = places.get(old[position])
            if same and positions[position] < 0:
                positions[position] = same.pop()
        kept = sorted(longest_run(positions))
        free = [True] * len(new)
        for position in positions:
            if position >= 0:
                free[position] = False
        gaps = zip([-1, *kept], [*kept, len(old)], strict=True)
        for left, right in gaps:
            gone = [position for position in range(left + 1, right) if positions[position] < 0]
            if not gone:
                continue
            first = 0 if left < 0 else positions[left] + 1
            beyond = len(new) if right == len(old) else positions[right]
            come = [position for position in range(first, beyond) if free[position]]
            if len(gone) == len(come):
                for position, counterpart in zip(gone, come, strict=True):
                    if (type(before[position]) in CONTAINERS) == (type(after[counterpart]) in CONTAINERS):
                        positions[position] = counterpart
        return Counterparts(positions, ())

    def _blocks(
        self, old: list[int], new: list[int], start: int, end_before: int, end_after: int
    ) -> Iterator[tuple[int, int]]:
        """Equal items in runs, as `difflib` finds them: its time grows faster than a list, so only for short ones."""
        work = (end_before - start) * (end_after - start)
        if not work or work > LONGEST_MATCHED**2 or work > self._work_left:
            return
        self._work_left -= work
        matcher = SequenceMatcher(None, old[start:end_before], new[start:end_after], autojunk=False)
        for at_before, at_after, length in matcher.get_matching_blocks():
            for offset in range(length):
                yield start + at_before + offset, start + at_after + offset

    def _shape(self, value: Value) -> int:
        """A number that two values share if, and only if, they are the same."""
        if type(value) not in CONTAINERS:
            return self._number(_scalar(value))
        stack: list[Value] = [value]
        while stack:
            top = stack[-1]
            inner = [
                member for member in _values(top) if type(member) in CONTAINERS and id(member) not in self._shape_of
            ]
            if inner:
                stack.extend(inner)
                continue
            stack.pop()
            form: tuple[object, ...]
            if isinstance(top, dict):
                form = (dict, frozenset((key, self._known(member)) for key, member in top.items()))
            elif isinstance(top, Members):
                form = (Members, tuple((key, self._known(member)) for key, member in top))
            else:
                form = (list, tuple(self._known(member) for member in _values(top)))
            self._shape_of[id(top)] = self._number(form)
        return self._shape_of[id(value)]

    def _known(self, value: Value) -> int:
        return self._shape_of[id(value)] if type(value) in CONTAINERS else self._number(_scalar(value))

    def _number(self, form: object) -> int:
        return self._shapes.setdefault(form, len(self._shapes))


def same_scalar(old: Value, new: Value) -> bool:
    if type(old) is not type(new) or type(old) in CONTAINERS:
        return False
    return repr(old) == repr(new) if type(old) is float else old == new


def _scalar(value: Value) -> tuple[type, object]:
    return type(value), repr(value) if type(value) is float else value


def _values(value: Value) -> Sequence[Value]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, Members):
        return [member for _, member in value]
    return value if isinstance(value, list) else ()


def steps_of(members: Members) -> list[Step]:
    """As `core.payload` steps into an object with repeated keys: by key the first time, then by position."""
    seen: set[str] = set()
    steps: list[Step] = []
    for position, (key, _) in enumerate(members):
        steps.append(position if key in seen else key)
        seen.add(key)
    return steps


def _by_name(before: list[Value], after: list[Value], item_keys: tuple[tuple[str, ...], ...]) -> Counterparts | None:
    """The items with the same name; None where not every item has a name of its own."""
    first = before[0] if before else after[0]
    if not isinstance(first, dict):
        return None
    for keys in item_keys:
        if all(key in first for key in keys):
            old = _names(before, keys)
            new = _names(after, keys) if old is not None else None
            if old is not None and new is not None:
                return Counterparts([new.get(name, -1) for name in old], keys)
    return None


def _names(items: list[Value], keys: tuple[str, ...]) -> dict[tuple[Value, ...], int] | None:
    named: dict[tuple[Value, ...], int] = {}
    for position, item in enumerate(items):
        if type(item) is not dict:
            return None
        name = tuple([item.get(key) for key in keys])
        if not any(name) or not all(type(part) is str or type(part) is int for part in name) or name in named:
            return None
        named[name] = position
    return named


def longest_run(positions: Sequence[int]) -> set[int]:
    """The most of the places of `positions`, without its negative ones, whose values rise."""
    ends: list[int] = []  # the least value that a run of each length ends with, and the place where it is
    places: list[int] = []
    previous: dict[int, int] = {}
    for place, value in enumerate(positions):
        if value < 0:
            continue
        length = len(ends) if not ends or value > ends[-1] else bisect_left(ends, value)
        previous[place] = places[length - 1] if length else -1
        if length == len(ends):
            ends.append(value)
            places.append(place)
        else:
            ends[length], places[length] = value, place
    kept: set[int] = set()
    place = places[-1] if places else -1
    while place >= 0:
        kept.add(place)
        place = previous[place]
    return kept
