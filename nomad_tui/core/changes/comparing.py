"""Two payloads side by side, member by member."""

from collections.abc import Mapping

from nomad_tui.core.changes.items import Matching, longest_run, same_scalar, steps_of
from nomad_tui.core.changes.model import CONTAINERS, Change, ChangeKind, Changes, Container, Place
from nomad_tui.core.changes.rules import COMMON, FREE_FORM, ChangeRules
from nomad_tui.core.payload.parsing import Members, Value
from nomad_tui.core.payload.rows import Step
from nomad_tui.core.secrets import names_secret, secret_beside, secret_items


def applied(before: Value, changes: Changes) -> Value:
    """The payload that comes of putting the changes to the one they are relative to; `before` stays as it is."""
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
        """Two values that are each other's counterpart."""
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
        """Hang a place, and those around it, on the tree."""
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
        """What its keys, and what is beside it, say of a place; the one around it has been described."""
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
    """What has to change in `before` to make it `after`."""
    return _Comparison(rules).run(before, after)


def _is_comparable(old: Value, new: Value) -> bool:
    """Whether the members of two values can be compared one by one."""
    if type(old) is not type(new) or type(old) not in CONTAINERS:
        return False
    if isinstance(old, Members) and isinstance(new, Members):
        return [key for key, _ in old] == [key for key, _ in new]
    return True
