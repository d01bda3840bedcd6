"""The difference of two payloads: exact, short, and fast for any payload."""

import copy
import json
import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_tui.core import wire
from nomad_tui.core.changes import ChangeKind, Changes, applied, difference
from nomad_tui.core.payload import parse
from nomad_tui.core.payload.parsing import Members, Number, Value
from nomad_tui.core.secrets import is_secret
from nomad_tui.core.topics import released_topic
from tests import recordings
from tests.randomized import times


def same(one: Value, other: Value) -> bool:
    """Return whether two values are equal including types, except for the order of keys."""
    stack: list[tuple[Value, Value]] = [(one, other)]
    while stack:
        left, right = stack.pop()
        if type(left) is not type(right):
            return False
        if isinstance(left, dict) and isinstance(right, dict):
            if left.keys() != right.keys():
                return False
            stack.extend((left[key], right[key]) for key in left)
        elif isinstance(left, Members) and isinstance(right, Members):
            if [key for key, _ in left] != [key for key, _ in right]:
                return False
            stack.extend(zip([value for _, value in left], [value for _, value in right], strict=True))
        elif isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            stack.extend(zip(left, right, strict=True))
        elif repr(left) != repr(right):
            return False
    return True


def pairs(name: str, frames: int | None = None) -> Iterator[tuple[bytes, bytes]]:
    """Return the payloads of each object's consecutive events."""
    last: dict[tuple[str, str, str], bytes] = {}
    for line in islice(recordings.lines(name), frames):
        frame = wire.decode(line)
        if not isinstance(frame, wire.Frame):
            continue
        for event in frame.events:
            identity, payload = (released_topic(event.topic), event.namespace, event.key), bytes(event.payload)
            if identity in last:
                yield last[identity], payload
            last[identity] = payload


def at(value: Value, path: tuple[str | int, ...]) -> Value:
    for step in path:
        value = value[step]  # type: ignore[index, assignment]
    return value


def described(before: Any, after: Any) -> list[str]:
    return [
        f"{change.kind.value} {' › '.join(change.labels)}" + (" (noise)" if change.is_noise else "")
        for change in exact(before, after)
    ]


def exact(before: Any, after: Any) -> Changes:
    """Return the difference, after asserting that it turns `before` into `after` and does not modify `before`."""
    kept = copy.deepcopy(before)
    changes = difference(before, after)
    assert same(applied(before, changes), after)
    assert same(before, kept)
    return changes


@pytest.mark.parametrize(("name", "frames"), [("tour", None), ("beta", None), ("large-job", None), ("load", 150)])
def test_every_recorded_difference_applied_to_the_old_gives_the_new(name: str, frames: int | None) -> None:
    count = 0
    for previous, payload in pairs(name, frames):
        before, after = parse(previous).value, parse(payload).value
        changes = difference(before, after)
        assert same(applied(before, changes), after)
        assert changes.count + changes.noise == len(changes) == len(list(changes))
        for change in changes:
            if change.path_before is not None:
                assert same(at(before, change.path_before), change.before)
            if change.path_after is not None:
                assert same(at(after, change.path_after), change.after)
                assert change.is_secret == is_secret(change.path_after, after)
        count += 1
    assert count


KEYS = st.sampled_from(["Name", "ID", "Time", "Events", "Env", "Job", "ModifyIndex", "a", "b", ""])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from([0.0, -0.0, 1.0, 2.5, float("nan")])
    | st.sampled_from(["", "a", "b", "1", "true", "password=abcdefgh"])
    | st.sampled_from([Number("1e400"), Number("-0"), Number("1")])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(KEYS, inner, max_size=5)
        | st.lists(st.tuples(KEYS, inner), max_size=4).map(Members)
    ),
    max_leaves=25,
)
NAMED = st.lists(
    st.fixed_dictionaries({"Name": st.sampled_from("abcdefgh"), "x": SCALARS | st.lists(SCALARS, max_size=3)}),
    max_size=8,
    unique_by=lambda item: str(item["Name"]),
)
LISTS = st.lists(st.integers(0, 4), max_size=12)


@settings(deadline=None, max_examples=times(100))
@given(VALUES, VALUES)
def test_any_difference_is_exact(before: Any, after: Any) -> None:
    changes = exact(before, after)
    assert bool(len(changes)) == (not same(before, after))
    for path, mark in changes.marks().items():
        assert changes.marks().at(path) == mark
        if mark.kind is ChangeKind.CHANGED:
            assert not same(mark.before, _found(after, path))
    for change in changes:
        assert isinstance(change.labels, tuple)


def _found(value: Value, path: tuple[str | int, ...]) -> Value:
    for step in path:
        if isinstance(value, Members):
            value = value[step][1] if isinstance(step, int) else next(inner for key, inner in value if key == step)
        else:
            value = at(value, (step,))
    return value


@settings(deadline=None, max_examples=times(80))
@given(NAMED | LISTS, NAMED | LISTS)
def test_any_two_lists_are_matched_exactly(before: Any, after: Any) -> None:
    exact(before, after)


@settings(deadline=None)
@given(VALUES, st.data())
def test_a_changed_part_of_any_value_is_found(value: Any, data: st.DataObject) -> None:
    after = copy.deepcopy(value)
    at_: Any = after
    while isinstance(at_, list | dict) and at_ and data.draw(st.booleans()):
        key = data.draw(st.sampled_from(sorted(at_) if isinstance(at_, dict) else range(len(at_))))
        if not isinstance(at_[key], list | dict):
            at_[key] = data.draw(VALUES)
            break
        at_ = at_[key]
    exact(value, after)


def test_the_order_of_keys_is_no_change() -> None:
    assert described(parse(b'{"a":1,"b":{"c":1,"d":2}}').value, parse(b'{"b":{"d":2,"c":1},"a":1}').value) == []


def test_types_are_distinguished() -> None:
    for one, other in ((1, 1.0), (1, True), (0, False), (1, "1"), (0.0, -0.0), (Number("1"), "1"), (None, "")):
        assert described({"x": one}, {"x": other}) == ["changed x"]
        assert described([one], [other]) == ["changed [0]"]


def test_items_are_matched_by_their_names() -> None:
    before = {"Tasks": [{"Name": "web", "Config": {"image": "a"}}, {"Name": "db", "Config": {"image": "x"}}]}
    after = {
        "Tasks": [
            {"Name": "redis", "Config": {}},
            {"Name": "web", "Config": {"image": "b"}},
            {"Name": "db", "Config": {"image": "x"}},
        ]
    }
    assert described(before, after) == ["added Tasks › redis", "changed Tasks › web › Config › image"]
    assert described(after, before) == ["removed Tasks › redis", "changed Tasks › web › Config › image"]


def test_an_item_at_another_position_has_moved() -> None:
    names = [{"Name": name} for name in "abcde"]
    assert described(names, [names[4], *names[:4]]) == ["moved e"]
    assert described([*"abcde"], [*"eabcd"]) == ["moved [0]"]
    assert described([{"Name": "a", "x": 1}, {"Name": "b"}], [{"Name": "b"}, {"Name": "a", "x": 2}]) in (
        ["moved b", "changed a › x"],
        ["moved a", "changed a › x"],
    )


def test_an_insertion_among_plain_values_is_one_addition() -> None:
    arguments = ["-e", "A", "-e", "B", "-e", "C"]
    assert described(arguments, ["-v", *arguments]) == ["added [0]"]
    assert described(arguments, [*arguments[:4], "-d", *arguments[4:]]) == ["added [4]"]
    assert described(["v1"], ["v2"]) == ["changed [0]"]
    assert described(arguments, ["-e", "X", *arguments[:4]]).count("moved [0]") == 0


def test_items_with_one_name_twice_are_matched_by_value() -> None:
    services = [{"Name": "web", "Port": 1}, {"Name": "web", "Port": 2}]
    assert described(services, [{"Name": "web", "Port": 0}, *services]) == ["added web"]
    assert described(services, [services[0], {"Name": "web", "Port": 3}]) == ["changed web › Port"]


def test_constraints_and_task_events_are_matched() -> None:
    constraint = {"LTarget": "${attr.kernel.name}", "RTarget": "linux", "Operand": "="}
    other = {**constraint, "RTarget": "amd64"}
    assert described({"Constraints": [constraint]}, {"Constraints": [other, constraint]}) == [
        "added Constraints › ${attr.kernel.name} = amd64"
    ]
    events = [{"Time": position, "Type": f"T{position}"} for position in range(12)]
    assert described({"Events": events[:10]}, {"Events": events[2:]}) == [
        "removed Events › T0 (noise)",
        "removed Events › T1 (noise)",
        "added Events › T10",
        "added Events › T11",
    ]


def test_repeated_keys_are_compared_one_by_one() -> None:
    before, after = parse(b'{"a":1,"a":2,"b":{}}').value, parse(b'{"a":1,"a":3,"b":{}}').value
    (change,) = exact(before, after)
    assert (change.path_after, change.before, change.after) == ((1,), 2, 3)
    assert described(before, parse(b'{"a":1,"b":2,"a":2}').value) == ["changed "]


def test_payloads_that_are_not_json_are_replaced_entirely() -> None:
    changes = exact(parse(b"nonsense").value, parse(b'{"a":1}').value)
    assert (changes.count, changes.root) == (1, None)
    assert changes.marks()[()].kind is ChangeKind.CHANGED
    assert not len(exact(parse(b"nonsense").value, parse(b"nonsense").value))


def test_bookkeeping_is_noise_except_where_the_author_chose_the_key() -> None:
    before: Any = {"Node": {"ModifyIndex": 1, "StatusUpdatedAt": 1, "Meta": {"ModifyIndex": "1"}}}
    after: Any = {"Node": {"ModifyIndex": 2, "StatusUpdatedAt": 2, "Meta": {"ModifyIndex": "2"}}}
    changes = exact(before, after)
    assert (changes.count, changes.noise) == (1, 2)
    assert described(before, after)[0] == "changed Node › Meta › ModifyIndex"


def test_unset_fields_of_a_job_are_noise() -> None:
    before: Any = {"Job": {"Meta": None, "Region": "", "Update": {}, "Stop": False}}
    after: Any = {"Job": {"Meta": {}, "Region": None, "Spreads": [], "Stop": None}}
    assert {change.label for change in exact(before, after) if not change.is_noise} == {"Stop"}
    assert described({"Node": {"Meta": None}}, {"Node": {"Meta": {}}}) == ["changed Node › Meta"]


def test_secrets_are_recognized_by_keys_and_siblings() -> None:
    before: Any = {"Env": {"A": "1"}, "T": [{"Envvars": True, "EmbeddedTmpl": "a", "x": 1}], "p": {"password": "a"}}
    after: Any = {"Env": {"A": "2"}, "T": [{"Envvars": True, "EmbeddedTmpl": "b", "x": 2}], "p": {"password": "b"}}
    assert {change.label: change.is_secret for change in exact(before, after)} == {
        "A": True,
        "EmbeddedTmpl": True,
        "x": False,
        "password": True,
    }
    (change,) = difference([], [{"Name": "https://me:hunter22@host", "x": 1}])
    assert "hunter22" not in change.label


def test_marks_are_at_paths_of_the_later_payload() -> None:
    before: Any = {"L": [{"Name": "a"}, {"Name": "b", "x": 1}, {"Name": "c"}], "same": {"y": 1}, "n": None}
    after: Any = {"L": [{"Name": "new", "in": {"z": 1}}, {"Name": "b", "x": 2}], "same": {"y": 1}, "n": {"m": 1}}
    marks = difference(before, after).marks()
    assert set(marks) == {(), ("L",), ("L", 0), ("L", 1), ("L", 1, "x"), ("n",)}
    assert len(marks) == 6
    assert (marks[("L",)].kind, marks[("L",)].inside, marks[("L",)].removed) == (None, 4, 2)
    assert marks[("L", 0)].kind is ChangeKind.ADDED
    assert (marks[("L", 1, "x")].kind, marks[("L", 1, "x")].before) == (ChangeKind.CHANGED, 1)
    beneath = marks.at(("L", 0, "in", "z"))
    assert beneath is not None
    assert beneath.kind is ChangeKind.ADDED
    assert ("L", 0, "in", "z") not in marks
    assert marks.at(("n", "m")) is not None
    assert marks.at(("same", "y")) is None
    assert marks.at(("nowhere", 3)) is None


def deep(value: Any, levels: int) -> Any:
    for level in range(levels):
        value = [value] if level % 2 else {"d": value}
    return value


def test_deep_nesting_is_handled() -> None:
    before, after = parse(json.dumps(deep(1, 450)).encode()).value, parse(json.dumps(deep(2, 450)).encode()).value
    assert len(exact(before, after)) == 1
    before, after = deep(1, 900), deep([], 900)
    changes = difference(before, after)
    assert same(applied(before, changes), after)
    (change,) = changes
    assert len(change.labels) == 900
    assert len(changes.marks()) == 901


def _quickest(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.thread_time()
        work()
        best = min(best, time.thread_time() - start)
    return best


def test_two_large_jobs_are_compared_at_once() -> None:
    (previous, payload), *_ = pairs("large-job")
    assert len(payload) > 900_000
    before, after = parse(previous).value, json.loads(payload)
    for group in after["Job"]["TaskGroups"][::2]:
        group["Count"] += 1
    del after["Job"]["TaskGroups"][7]
    floor = _quickest(lambda: parse(payload))
    assert _quickest(lambda: difference(before, after)) < 20 * floor, "about as long as parsing one of them, measured"
    changes = difference(before, after)
    assert changes.count == 22
    assert same(applied(before, changes), after)


@pytest.mark.parametrize("kind", ["same", "shuffled", "few", "named", "unnamed", "other"])
def test_long_lists_do_not_take_quadratic_time(kind: str) -> None:
    """Eight times the length takes some ten times as long; quadratic time would be 64 times."""
    short = _pair(kind, 2_500)
    before, after = _pair(kind, 20_000)
    floor = _quickest(lambda: difference(*short))
    assert _quickest(lambda: difference(before, after)) < 40 * floor
    changes = difference(before, after)
    assert same(applied(before, changes), after)
    if kind in ("same", "unnamed"):
        assert len(changes) == 1
    if kind == "named":
        assert len(changes) == 10


def _pair(kind: str, count: int) -> tuple[Any, Any]:
    chance = random.Random(7)
    lists: dict[str, tuple[Any, Any]] = {
        "same": ([1] * count, [1] * (count + 1)),
        "shuffled": (list(range(count)), chance.sample(range(count), count)),
        "few": ([chance.randrange(3) for _ in range(count)], [chance.randrange(3) for _ in range(count)]),
        "named": (
            [{"Name": str(n), "x": n} for n in range(count)],
            [{"Name": str(n), "x": n} for n in range(5, count + 5)],
        ),
        "unnamed": ([{"q": [n]} for n in range(count)], [{"q": [n]} for n in range(1, count)]),
        "other": (list(range(count)), list(range(count, 2 * count))),
    }
    return lists[kind]


def test_many_short_lists_do_not_take_quadratic_time() -> None:
    def lists(count: int) -> Any:
        return [[chance.randrange(2) for _ in range(200)] for _ in range(count)]

    chance = random.Random(7)
    few, before, after = (lists(60), lists(60)), lists(500), lists(500)
    floor = _quickest(lambda: difference(*few))
    assert _quickest(lambda: difference(before, after)) < 40 * floor
    assert same(applied(before, difference(before, after)), after)
