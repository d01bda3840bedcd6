"""Changes put to the payload they are relative to."""

from collections.abc import Mapping

from nomad_tui.core.changes.items import steps_of
from nomad_tui.core.changes.model import ChangeKind, Changes, Container, Place
from nomad_tui.core.payload.parsing import Members, Value
from nomad_tui.core.payload.rows import Step


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
