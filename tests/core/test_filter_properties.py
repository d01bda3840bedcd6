"""Properties of all filters and texts: one kind of error, one canonical form, and negation splits every list."""

import json
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_tui.core.filter import (
    FIELDS,
    And,
    Each,
    Field,
    Filter,
    FilterError,
    InPayload,
    Match,
    Node,
    Not,
    Or,
    Word,
    compile_all,
)
from nomad_tui.core.text import printable
from tests import recordings
from tests.randomized import times

PIECES = (
    *(
        " ",
        "  ",
        "\n",
        "(",
        ")",
        "{",
        "}",
        "-",
        "~",
        ",",
        ".",
        ":",
        "=",
        "==",
        "!=",
        "<",
        ">=",
        "*",
        "[",
        "]",
        "/",
        "`",
    ),
    *('"', "\\", '"two words"', "`raw \\d`", "/re+/", "/x y/i", "and", "or", "not", "in", "contains", "matches", "is"),
    *("empty", "nil", "any", "all", "as", "_", "web", "Web", "failed", "AllocUpdated", "10.0.0.1:80", "ns:", "status:"),
    *("job:=", "index:>", "1000", "time:<", "5m", "14:30", "payload:", "topic:NodeDrain", "node:edge-*", "x:y", "-3"),
    *("Allocation.ClientStatus", 'Meta["a b"]', '"/Job/ID"', "Tasks.0.Name", "any Tasks as t {", "t.Name", "é", "日本"),
    *("\x00", "\x1b", "\u202e", "\ud800", "\U0001f600", '["', "'", "|", "\u2028"),
)
typed = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.lists(
    st.sampled_from(PIECES), max_size=20
).map(" ".join)
anything = st.text(st.characters(), max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1"))

texts = st.text(st.characters(), max_size=12)
keys = st.sampled_from(("ID", "Name", "ClientStatus", "Status", "a b", "co:lon", "0", "not", "_x", "ä")) | texts


def quoted(text: str) -> str:
    """In Go's double quotes, implemented without the project's code."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def path(first: str, steps: list[str]) -> str:
    return first + "".join(f"[{quoted(step)}]" for step in steps)


paths = st.builds(path, st.sampled_from(("Allocation", "Job", "ID", "as", "Status", "any")), st.lists(keys, max_size=3))
values = texts.map(quoted) | st.sampled_from(("1", "-1", "true", "failed", "a-b", "x:y"))
comparisons = (
    st.tuples(paths, st.sampled_from(("==", "!=", "contains", "not contains")), values).map(" ".join)
    | st.tuples(paths, st.sampled_from(("is empty", "is not empty", "is nil", "is not nil"))).map(" ".join)
    | st.tuples(values, st.sampled_from(("in", "not in")), paths).map(" ".join).filter(lambda text: text[0] != "x")
    | st.tuples(paths, st.sampled_from(('matches "a+|^b"', "not matches `\\d$`"))).map(" ".join)
)


def combined(inner: st.SearchStrategy[str], negations: tuple[str, ...], glues: tuple[str, ...]) -> Any:
    return (
        st.tuples(st.sampled_from(negations), inner).map(lambda parts: f"{parts[0]}({parts[1]})")
        | st.tuples(inner, st.sampled_from(glues), inner).map("".join)
        | inner.map(lambda text: f"({text})")
    )


ITEMS = ("t", "k, v", "_, v", "ID", "in")


def each(body: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = st.tuples(st.sampled_from(("any", "all")), paths, st.sampled_from(ITEMS), body)
    return parts.map(lambda part: f"{part[0]} {part[1]} as {part[2]} {{ {part[3]} }}")


bodies = st.recursive(
    comparisons, lambda inner: combined(inner, ("not ", "not not "), (" and ", " or ")) | each(inner), max_leaves=4
)


listed = st.lists(texts.map(quoted) | st.sampled_from(("web", "a*b", "*", "/x.y/i", "and")), min_size=1, max_size=3)
fields = st.builds(
    lambda field, values: f"{field}:{','.join(values)}",
    st.sampled_from([field.name for field in FIELDS if field.kind.value == "text"] + ["payload", "namespace"]),
    listed,
)
terms = (
    texts.map(quoted)
    | fields
    | texts.map(lambda text: "~" + quoted(text))
    | comparisons
    | each(bodies)
    | st.sampled_from(
        ("web", "AllocUpdated", '"in"', "/a\\/b/", "index:>5", "index:5,6", "time:90s", "topic:NodeDrain,job")
    )
    | st.sampled_from(
        ("status:running,complete", "~running", "job:web", "node:edge", "plan", 'ClientStatus == "running"')
    )
)
filters = st.recursive(terms, lambda inner: combined(inner, ("-", "not ", "--"), (" ", " and ", " or ")), max_leaves=8)


def parsed(text: str) -> Filter | None:
    """Return the filter; None for a mistake, which must have a valid position and a printable message."""
    try:
        return Filter.parse(text)
    except FilterError as error:
        assert 0 <= error.position <= len(text)
        assert error.length >= 1
        assert error.text == printable(error.text)
        return None


@given(typed | anything)
@settings(deadline=None)
def test_any_text_is_a_mistake_or_a_filter_that_round_trips(text: str) -> None:
    filter_ = parsed(text)
    if filter_ is not None:
        assert Filter.parse(str(filter_)) == filter_


@given(filters)
@settings(deadline=None)
def test_a_filter_round_trips(text: str) -> None:
    filter_ = Filter.parse(text)
    again = Filter.parse(str(filter_))
    assert again == filter_
    assert hash(again) == hash(filter_)
    assert str(again) == str(filter_)


@cache
def events() -> list[dict[str, Any]]:
    """Every fifth event of the tour, and all objects with events of the hostile recording."""
    found: list[dict[str, Any]] = []
    for name in ("tour", "hostile"):
        for line in recordings.lines(name):
            try:
                frame = json.loads(line)
            except (ValueError, RecursionError):
                continue
            of_frame = frame.get("Events") if isinstance(frame, dict) and len(line) < 20_000 else None
            found += [event for event in of_frame or () if isinstance(event, dict)]
    for event in found:
        event["bytes"] = json.dumps(event.get("Payload")).encode()
    return found[::5]


def matches_plainly(node: Node, event: dict[str, Any]) -> bool:
    """Whether a filter matches an event, implemented as plainly as possible."""
    match node:
        case And(parts):
            return all(matches_plainly(part, event) for part in parts)
        case Or(parts):
            return any(matches_plainly(part, event) for part in parts)
        case Not(part):
            return not matches_plainly(part, event)
        case Word(text):
            return any(text.matches(str(event.get(key))) for key in ("Topic", "Type", "Key", "Namespace"))
        case InPayload(text):
            return text.in_bytes(event["bytes"])
        case Field(name="index"):
            return node.matches_index(int(event.get("Index") or 0))
        case Field(name="time"):
            start, end = node.bounds(10**18, None)
            return (start is None or start <= 5) and (end is None or end > 5)
        case Field(name=name):
            return node.matches(str(event.get({"ns": "Namespace"}.get(name, name.capitalize()), "")))
        case Match() | Each():
            return compile_all((node,))(event["bytes"], str(event.get("Topic")))[0]


@given(filters)
@settings(deadline=None, max_examples=times(30))
def test_a_filter_and_its_negation_split_every_list_in_two(text: str) -> None:
    chosen, others = Filter.parse(text).root, Filter.parse(f"-({text})").root
    assert chosen is not None
    assert others is not None
    for event in events():
        assert matches_plainly(chosen, event) is not matches_plainly(others, event)


@given(bodies)
@settings(deadline=None, max_examples=times(40))
def test_filters_decide_the_same_together_and_one_by_one(text: str) -> None:
    nodes = [node for node in (Filter.parse(text).root, Filter.parse("ClientStatus == running").root) if node]
    together = compile_all(nodes)
    for event in events()[::4]:
        topic = str(event.get("Topic"))
        assert together(event["bytes"], topic) == [matches_plainly(node, event) for node in nodes]


@given(st.binary(max_size=80), filters)
@settings(deadline=None)
def test_no_bytes_or_text_make_a_filter_raise(payload: bytes, text: str) -> None:
    event = {"Topic": payload.decode("utf-8", "surrogateescape"), "bytes": payload}
    node = Filter.parse(text).root
    assert node is not None
    assert matches_plainly(node, event) in (True, False)
