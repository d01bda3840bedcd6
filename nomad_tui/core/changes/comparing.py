"""Compares two payloads member by member, and matches the items of their lists."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple

from nomad_tui.core.changes.model import CONTAINERS, Change, ChangeKind, Changes, Container, Place
from nomad_tui.core.changes.rules import COMMON, FREE_FORM, ChangeRules
from nomad_tui.core.payload.parsing import Members, Value
from nomad_tui.core.payload.rows import Step
from nomad_tui.core.secrets import names_secret, secret_beside, secret_items

LONGEST_MATCHED: Final = 200
"""Maximum items in a list for finding runs of equal items; in longer lists, items match the first equal one."""

MAX_MATCHED: Final = 400_000
"""Maximum pairs of items compared that way in all lists of a payload together; some 50 ms."""


class Counterparts(NamedTuple):
    """For each item before, its index after; -1 if it has none."""

    positions: list[int]
    natural: tuple[str, ...]


class Matching:
    """Matches the items of lists in two payloads, which must outlive this object."""

    def __init__(self, item_keys: tuple[tuple[str, ...], ...]) -> None:
        self._item_keys = item_keys
        self._work_left = MAX_MATCHED
        self._shapes: dict[object, int] = {}
        self._shape_of: dict[int, int] = {}
        """By identity of containers."""

    def counterparts(self, before: list[Value], after: list[Value]) -> Counterparts:
        if not before and not after:
            return Counterparts([], ())
        return _by_name(before, after, self._item_keys) or self._by_value(before, after)

    def _by_value(self, before: list[Value], after: list[Value]) -> Counterparts:
        """Match equal items, preferring those in the same order; then pair the remaining items between two kept ones,
        if their numbers are equal."""
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
        """Runs of equal items, as found by `difflib`: its time grows faster than the list, so only in short ones."""
        work = (end_before - start) * (end_after - start)
        if not work or work > LONGEST_MATCHED**2 or work > self._work_left:
            return
        self._work_left -= work
        matcher = SequenceMatcher(None, old[start:end_before], new[start:end_after], autojunk=False)
        for at_before, at_after, length in matcher.get_matching_blocks():
            for offset in range(length):
                yield start + at_before + offset, start + at_after + offset

    def _shape(self, value: Value) -> int:
        """A number that two values share if and only if they are equal."""
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
    """The steps into an object with repeated keys, as in `core.payload`: the key at first, the index for
    repetitions."""
    seen: set[str] = set()
    steps: list[Step] = []
    for position, (key, _) in enumerate(members):
        steps.append(position if key in seen else key)
        seen.add(key)
    return steps


def _by_name(before: list[Value], after: list[Value], item_keys: tuple[tuple[str, ...], ...]) -> Counterparts | None:
    """Match items by identifying members; None unless every item has unique ones."""
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
    """The largest set of indexes of `positions` whose values are ascending and not negative."""
    ends: list[int] = []  # the least value at the end of a run of each length, and its index
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


def applied(before: Value, changes: Changes) -> Value:
    """The payload that results from applying the changes to `before`, which is not modified."""
    if changes.whole is not None:
        return changes.whole.after
    if changes.root is None:
        return before
    sources: dict[Place, Container] = {}
    for place in changes.places:
        source = before if place.parent is None else _member(sources[place.parent], place.step_before)
        sources[place] = source  # type: ignore[assignment]
    results: dict[Place, Value] = {}
    for place in reversed(changes.places):
        source = sources[place]
        if isinstance(source, dict):
            results[place] = _applied_to_members(source, place, results)
        elif isinstance(source, Members):
            positions = _positions(source)
            pairs = list(source)
            for entry in place.entries:
                assert entry.step_before is not None
                position, _ = positions[entry.step_before]
                pairs[position] = (pairs[position][0], results[entry] if isinstance(entry, Place) else entry.after)
            results[place] = Members(pairs)
        else:
            results[place] = _applied_to_items(source, place, results)
    return results[changes.places[0]]


def _applied_to_members(source: dict[str, Value], place: Place, results: Mapping[Place, Value]) -> Value:
    members = dict(source)
    for entry in place.entries:
        if isinstance(entry, Place):
            members[str(entry.step_after)] = results[entry]
        elif entry.kind is ChangeKind.REMOVED:
            del members[str(entry.step_before)]
        else:
            members[str(entry.step_after)] = entry.after
    return members


def _applied_to_items(source: list[Value], place: Place, results: Mapping[Place, Value]) -> Value:
    items = list(source)
    leaving: set[int] = set()
    placed: dict[int, Value] = {}
    moves: list[tuple[int, int]] = []
    for entry in place.entries:
        before, after = entry.step_before, entry.step_after
        if isinstance(entry, Place):
            items[before] = results[entry]  # type: ignore[index]
        elif entry.kind is ChangeKind.CHANGED:
            items[before] = entry.after  # type: ignore[index]
        elif entry.kind is ChangeKind.REMOVED:
            leaving.add(before)  # type: ignore[arg-type]
        elif entry.kind is ChangeKind.ADDED:
            placed[after] = entry.after  # type: ignore[index]
        else:
            moves.append((before, after))  # type: ignore[arg-type]
    for position, to in moves:
        leaving.add(position)
        placed[to] = items[position]
    staying = iter([item for position, item in enumerate(items) if position not in leaving])
    count = len(items) - len(leaving) + len(placed)
    return [placed[position] if position in placed else next(staying) for position in range(count)]


def _member(container: Container, step: Step) -> Value:
    if isinstance(container, Members):
        return _positions(container)[step][1]
    return container[step]  # type: ignore[index]


def _positions(members: Members) -> dict[Step, tuple[int, Value]]:
    return {step: (position, members[position][1]) for position, step in enumerate(steps_of(members))}


class _Comparison:
    def __init__(self, rules: ChangeRules) -> None:
        self.places: list[Place] = []
        self._stack: list[Place] = []
        self._rules = rules
        self._matching = Matching(rules.item_keys)

    def run(self, before: Value, after: Value) -> Changes:
        whole = None
        if _is_comparable(before, after):
            root = Place(None, "", "", before, after, is_attached=True)  # type: ignore[arg-type]
            self.places.append(root)
            self._describe(root)
            self._stack.append(root)
            while self._stack:
                place = self._stack.pop()
                if type(place.before) is dict and type(place.after) is dict:
                    self._compare_members(place, place.before, place.after)
                elif type(place.before) is list and type(place.after) is list:
                    self._compare_items(place, place.before, place.after)
                else:
                    self._compare_repeated(place, place.before, place.after)  # type: ignore[arg-type]
            if not root.entries:
                self.places.clear()
        elif not same_scalar(before, after):
            whole = Change(ChangeKind.CHANGED, None, None, None, before, after)
        return Changes(before, after, self.places, whole)

    def _pair(self, place: Place, steps: tuple[Step, Step], old: Value, new: Value, order: object) -> None:
        """Compare two values that correspond to each other."""
        if _is_comparable(old, new):
            if old or new:
                self._stack.append(Place(place, *steps, old, new, order))  # type: ignore[arg-type]
        elif not same_scalar(old, new):
            self._add(place, ChangeKind.CHANGED, steps, old, new, order)

    def _compare_members(self, place: Place, before: dict[str, Value], after: dict[str, Value]) -> None:
        for key, old in before.items():
            if key not in after:
                self._add(place, ChangeKind.REMOVED, (key, None), old, None, key)
                continue
            new = after[key]
            if old is new:
                continue
            kind = type(old)
            if kind is type(new) and kind not in CONTAINERS and kind is not float:
                if old != new:
                    self._add(place, ChangeKind.CHANGED, (key, key), old, new, key)
            else:
                self._pair(place, (key, key), old, new, key)
        for key, new in after.items():
            if key not in before:
                self._add(place, ChangeKind.ADDED, (None, key), None, new, key)

    def _compare_repeated(self, place: Place, before: Members, after: Members) -> None:
        for position, step in enumerate(steps_of(before)):
            self._pair(place, (step, step), before[position][1], after[position][1], position)

    def _compare_items(self, place: Place, before: list[Value], after: list[Value]) -> None:
        positions, place.natural = self._matching.counterparts(before, after)
        kept = longest_run(positions)
        last = -1
        for position, counterpart in enumerate(positions):
            if counterpart < 0:
                order: object = (last, 2)
                self._add(place, ChangeKind.REMOVED, (position, None), before[position], None, order)
                continue
            if position in kept:
                last = counterpart
            else:
                order = (counterpart, 0)
                steps = (position, counterpart)
                self._add(place, ChangeKind.MOVED, steps, before[position], after[counterpart], order)
            self._pair(place, (position, counterpart), before[position], after[counterpart], (counterpart, 1))
        counterparts = set(positions)
        for position, new in enumerate(after):
            if position not in counterparts:
                self._add(place, ChangeKind.ADDED, (None, position), None, new, (position, 1))

    def _add(
        self,
        place: Place,
        kind: ChangeKind,
        steps: tuple[Step | None, Step | None],
        old: Value,
        new: Value,
        order: object,
    ) -> None:
        self._attach(place)
        change = Change(kind, place, *steps, old, new, order=order)
        key = change.key
        change.is_secret = (
            place.is_secret
            or (key is not None and (names_secret(key) or key in place.beside))
            or any(step in items for step, items in zip(steps, place.secret_items, strict=True))
        )
        change.is_noise = self._rules.is_noise(place, change, key)
        place.entries.append(change)

    def _attach(self, place: Place) -> None:
        """Add a place and its ancestors to the tree."""
        line: list[Place] = []
        while not place.is_attached and place.parent is not None:
            line.append(place)
            place = place.parent
        for inner in reversed(line):
            inner.is_attached = True
            self._describe(inner)
            assert inner.parent is not None
            inner.parent.entries.append(inner)
            self.places.append(inner)

    def _describe(self, place: Place) -> None:
        """Derive a place's attributes from its key, its neighbours and its parent, which must have been described."""
        parent, key = place.parent, place.key
        if parent is not None:
            in_secret = parent.is_secret or (key is not None and (names_secret(key) or key in parent.beside))
            place.is_secret = in_secret
            place.is_loose = parent.is_loose or (parent.parent is None and key in self._rules.loose)
            place.is_free_form = parent.is_free_form or key in FREE_FORM
        besides = [secret_beside(value) for value in (place.before, place.after) if type(value) is dict]
        place.beside = frozenset(key for key in besides if key is not None)
        if isinstance(place.before, list) and isinstance(place.after, list):
            place.secret_items = secret_items(place.before), secret_items(place.after)


def difference(before: Value, after: Value, rules: ChangeRules = COMMON) -> Changes:
    """The changes that turn `before` into `after`."""
    return _Comparison(rules).run(before, after)


def _is_comparable(old: Value, new: Value) -> bool:
    """Whether the members of two values can be compared one by one."""
    if type(old) is not type(new) or type(old) not in CONTAINERS:
        return False
    if isinstance(old, Members) and isinstance(new, Members):
        return [key for key, _ in old] == [key for key, _ in new]
    return True
