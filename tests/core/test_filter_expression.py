"""Nomad's filter expressions: go-bexpr's own examples and cases on the same values as JSON, and our differences."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from nomad_tui.core.filter import Filter, FilterError, compile_all
from tests import recordings

FLAT = {
    "Int": -1,
    "Uint64": 10,
    "Float32": 1.1,
    "Float64": 1.2,
    "Bool": True,
    "String": "exported",
    "ColonString": "expo:rted",
    "slash/value": "hello",
}
MAPS = {"foo": {"bar": True, "baz": False}, "abc": None, "co:lon": {"bar": True}}
NESTED = {
    "Nested": {
        "Map": {
            "foo": "bar",
            "bar": "baz",
            "abc": "123",
            "colon": "co:lon",
            "co:lon": "co:lon",
            "email": "foo@example.com",
        },
        "MapOfStructs": {"one": {"Foo": 42, "Baz": "exported"}, "two": {"Foo": 77, "Baz": "consul"}},
        "SliceOfInts": [1, 3, 5, 7, 9],
        "SliceOfStructs": [{"X": 1, "Y": 2}, {"X": 3, "Y": 5}],
        "SliceOfInfs": ["foobar", 1, True],
        "SliceOfPointersToStructs": [{"X": 1, "Y": 2}, None],
    },
    "TopInt": 5,
}
EXAMPLE = {
    "Map": {"abc": "def", "ghi": "jkl"},
    "X": 5,
    "Internal": {"Name": "main", "fields": [1, 2, 3]},
    "MapInternal": {"odd": {"Name": "odd"}, "fib": {"Name": "fib"}},
}
README_EXAMPLE = {"foo": {"X": 5, "y": "foo", "baz": True}, "bar": {"X": 42, "y": "bar", "baz": False}}

TRUE: list[tuple[Any, Sequence[str]]] = [
    (
        FLAT,
        (
            "Int == -1",
            "Int != -99",
            "Uint64 == 10",
            "Uint64 != 99",
            "Float32 == 1.1",
            "Float32 != 9.9",
            "Float64 == 1.2",
            "Float64 != 9.9",
            "Bool == true",
            "Bool != false",
            "String == `exported`",
            "String != `not-it`",
            "port in String",
            "part not in String",
            "ColonString == `expo:rted`",
            "ColonString != `expor:ted`",
            "slash/value == `hello`",
            "String matches \t`^ex.*`",
            "String not matches `^anchored.*`",
        ),
    ),
    (
        MAPS,
        (
            "bar in foo",
            'bar in "/co:lon"',
            "arg not in foo",
            "foo is not empty",
            "abc is empty",
            "foo not in abc",
            "foo.bar == true",
            "foo.baz == false",
            "foo.bar != false",
            "foo.baz != true",
        ),
    ),
    (
        NESTED,
        (
            "Nested.Map.foo == bar",
            "Nested.Map.foo contains ba",
            "Nested.Map is not empty",
            "Nested.Map contains foo and Nested.Map contains bar",
            'Nested.Map.colon == "co:lon"',
            '"/Nested/Map/co:lon" == "co:lon"',
            "Nested.Map contains bar",
            "TopInt != 0",
            "Nested.Map contains nope or (Nested.Map contains bar and Nested.Map.bar == `bazel`) or TopInt != 0",
            "Nested.MapOfStructs.one.Foo == 42",
            "Nested.MapOfStructs.one.Baz == `exported`",
            "Nested.MapOfStructs.two.Foo == 77",
            "Nested.MapOfStructs.two.Baz == `consul`",
            "7 in Nested.SliceOfInts",
            "Nested.MapOfStructs is empty or (Nested.SliceOfInts contains 7 and 9 in Nested.SliceOfInts)",
            "Nested.SliceOfStructs.0.X == 1",
            '"foobar" in "/Nested/SliceOfInfs"',
            '"1" in "/Nested/SliceOfInfs"',
            '"true" in "/Nested/SliceOfInfs"',
            '"/Nested/Map/email" matches "(foz|foo)@example.com"',
            "all Nested.SliceOfInts as i { i != 42 }",
            'all Nested.Map as v { v != "hello" }',
            'all Nested.Map as k, _ { k != "hello" }',
            'all Nested.Map as k, v { k != "foo" or v != "baz" }',
            "any Nested.SliceOfInts as i { i == 1 }",
            'any Nested.SliceOfStructs as i { "/i/X" == 1 }',
            'any Nested.Map as k { k != "bar" }',
            'any Nested.Map as k { k == "bar" }',
            'any Nested.Map as k, v { k == "foo" and v == "bar" }',
            "Nested.SliceOfPointersToStructs.1 is nil",
            "Nested.SliceOfPointersToStructs.0 is not nil",
        ),
    ),
    (EXAMPLE, ("Map[`abc`] == `def`", "Internal.fields is not empty", "odd in MapInternal")),
    (README_EXAMPLE, ("foo.X == 5", "bar.y == bar", "foo.baz == true")),
    ({"Role": ["admin", "foo"]}, ("Role contains admin", "admin in Role")),
    ({"Role": "dbadmin"}, ("Role contains admin", "admin in Role")),
    ({"X": 1, "Y": "c"}, ("X==1", "Y==`c`")),
]
FALSE: list[tuple[Any, Sequence[str]]] = [
    (
        FLAT,
        (
            "Int == -99",
            "Int != -1",
            "Uint64 == 99",
            "Uint64 != 10",
            "Float32 == 9.9",
            "Float32 != 1.1",
            "Float64 == 9.9",
            "Float64 != 1.2",
            "Bool == false",
            "Bool != true",
            "String == `not-it`",
            "String != `exported`",
            "part in String",
            "port not in String",
            "unexported == `unexported`",
            "Hidden == false",
            "String matches `^anchored.*`",
            "String not matches `^ex.*`",
        ),
    ),
    (
        MAPS,
        (
            "arg in foo",
            "baz not in foo",
            "foo is empty",
            "abc is not empty",
            "foo in abc",
            "foo.bar == false",
            "foo.baz == true",
            "foo.bar != true",
            "foo.baz != false",
            "foo.bar.baz == 3",
        ),
    ),
    (
        NESTED,
        (
            "Nested.Map.foo == baz",
            "Nested.Map contains nope",
            "Nested.Map.bar == `bazel`",
            "Nested.MapOfStructs.one.bar == `unexported`",
            '"/Nested/SliceOfInts" == "7"',
            "Nested.SliceOfStructs.0.Y == 4",
            "Map in Nested.TopInt",
            '"2" in "/Nested/SliceOfInfs"',
            "Nested.Map.notfound == 4",
            "4 in Nested.Map.notfound",
            "Nested.Map.notfound is not empty",
            'Nested.Map.notfound matches ".*"',
            "Nested.Notfound == 4",
            "Nested.Notfound != 4",
            "4 in Nested.Notfound",
            "4 not in Nested.Notfound",
            "Nested.Notfound is empty",
            "Nested.Notfound is not empty",
            'Nested.Notfound matches ".*"',
            'Nested.Notfound not matches ".*"',
            "all Nested.SliceOfInts as i { i == 1 }",
            'all Nested.Map as v { v == "bar" }',
            'all Nested.Map as k, _ { k != "foo" }',
            'all TopInt as k, v { k != "foo" or v != "baz" }',
            "any Nested.SliceOfInts as i { i == 42 }",
            'any Nested.Map as k { k == "hello" }',
            'any Nested.Map as k { k.Color == "red" }',
            'any Nested.SliceOfInts as i, _ { i.Color == "red" }',
            "Nested.SliceOfPointersToStructs.0 is nil",
            "Nested.SliceOfPointersToStructs.1 is not nil",
        ),
    ),
    (EXAMPLE, ("Foo == 3", "Internal.Hidden == 5", "X == 3", "MapInternal.fib.Name != fib")),
    (README_EXAMPLE, ("bar.Hidden != yes", "foo.unexported == no")),
    ({"Role": ["dbadmin", "foo"]}, ("Role contains admin", "admin in Role")),
]

DIFFERENT: list[tuple[Any, str, bool]] = [
    # A missing key of a map: go-bexpr returns true for each of these.
    (NESTED, "Nested.Map.notfound != 4", False),
    (NESTED, "4 not in Nested.Map.notfound", False),
    (NESTED, "Nested.Map.notfound is empty", False),
    (NESTED, "Nested.Map.notfound is nil", False),
    (NESTED, 'Nested.Map.notfound not matches ".*"', False),
    (NESTED, 'all Nested.Map.notfound as k { k == "x" }', False),
    # JSON does not distinguish structs from maps or nil pointers from nil lists: go-bexpr returns an error for these.
    (NESTED, "Map in Nested", True),
    (NESTED, "Nested.SliceOfPointersToStructs.0 is empty", False),
    (NESTED, "Nested.SliceOfPointersToStructs.1 is empty", True),
    (MAPS, "abc == x", False),
    (MAPS, "abc != x", True),
    (MAPS, "abc not matches x", True),
    (FLAT, "Int is not nil", True),
    (FLAT, "Int is nil", False),
    (NESTED, "word not in Nested.SliceOfInts", True),
    # Numbers are compared by value.
    ({"N": 123456789012345678901234567890}, "N == 123456789012345678901234567890", True),
    ({"N": 5}, "N == 5.0", True),
    # We accept more.
    ({"N": "web-1"}, "N == web-1", True),
    ({"N": "3x"}, "N == 3x", True),
    ({"N": 'a"b'}, 'N == "a\\"b"', True),
]


def outcome(text: str, value: Any, topic: str = "") -> bool:
    node = Filter.parse(text).root
    assert node is not None
    return compile_all((node,))(json.dumps(value).encode(), topic)[0]


@pytest.mark.parametrize(("value", "text"), [(value, text) for value, texts in TRUE for text in texts])
def test_true_in_go_bexpr(value: Any, text: str) -> None:
    assert outcome(text, value)
    assert outcome(str(Filter.parse(text)), value)
    assert not outcome(f"not ({text})", value)


@pytest.mark.parametrize(("value", "text"), [(value, text) for value, texts in FALSE for text in texts])
def test_false_in_go_bexpr_or_an_error_for_its_values(value: Any, text: str) -> None:
    assert not outcome(text, value)
    assert not outcome(str(Filter.parse(text)), value)
    assert outcome(f"not ({text})", value)


@pytest.mark.parametrize(("value", "text", "expected"), DIFFERENT)
def test_where_we_differ_from_go_bexpr(value: Any, text: str, expected: bool) -> None:
    assert outcome(text, value) is expected


EQUAL: list[tuple[str, str]] = [
    ("foo == 3", 'foo == "3"'),
    ('"/foo" == 3', "foo == 3"),
    (
        '"/hy-phen/under_score/pi|pe/do.t/ti~lde/co:lon" == 3',
        '"/hy-phen/under_score/pi|pe/do.t/ti~0lde/co:lon" == "3"',
    ),
    ("foo/bar == 3", '"/foo~1bar" == 3'),
    ("foo in bar", "bar contains foo"),
    ("foo not in bar", "bar not contains foo"),
    ('foo == "bar"', "foo == `bar`"),
    ('"foo" in bar', "`foo` in bar"),
    (
        "x in foo and not str == something or list is empty",
        "((x in foo) and (not (str == something))) or list is empty",
    ),
    ("\t\r\n  foo \t\r\n == \t\r\n x \t\r\n", "foo==x"),
    ("\t\r\n  foo \t\r\n not \t\r\n in \t\r\n x \t\r\n", "foo not in x"),
    ("\t\r\n  foo \t\r\n is \t\r\n not \t\r\n empty \t\r\n", "foo is not empty"),
    ("\t\r\n not \t\r\n  foo \t\r\n in \t\r\n x \t\r\n", "not (foo in x)"),
    ("\t\r\n ( \t\r\n foo \t\r\n == \t\r\n x \t\r\n ) \t\r\n", "foo==x"),
    ('`environment` in foo.bar["meta"].tags[\t`ENV` ]', "environment in foo.bar.meta.tags.ENV"),
    ('environment in foo["bar"]["meta"]["tags"]["ENV"]', "environment in foo.bar.meta.tags.ENV"),
    ('environment in foo["abc-def ghi åß∂ƒ"]', "foo[`abc-def ghi åß∂ƒ`] contains environment"),
    ("foo == 0.2", 'foo == "0.2"'),
    ("foo == -0.2", 'foo == "-0.2"'),
    ("-3 in foo", 'foo contains "-3"'),
    ("not not foo == 3", "foo == 3"),
    ('all group.tasks as t { all t.test as i { i == "test" }}', 'all group.tasks as t{all t.test as i{i=="test"}}'),
    ("all group.tasks as k, v { k == v }", 'all group.tasks as k , v { k == "v" }'),
    (
        "(((foo == 3) and (not ((bar in baz) and (not (one != two))))) or "
        "(((next is empty) and (not (foo is not empty))) and (bar not in foo)))",
        "foo == 3 and not (bar in baz and not one != two) or next is empty and not foo is not empty and bar not in foo",
    ),
    ('foo == "\\x41\\u00e9\\t\\101"', "foo == `A\u00e9\tA`"),
    ('foo == "\\xc3\\xa9"', 'foo == "é"'),
]


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_expressions_are_parsed_like_go_bexpr(one: str, other: str) -> None:
    assert Filter.parse(one) == Filter.parse(other)


@pytest.mark.parametrize(
    "text",
    [
        '"/hy-phen/do.t/" == 3',
        'foo == "12x',
        "foo == `12x",
        "foo[3] == abc",
        'x in foo["abc"',
        'foo["abc" == 3',
        "x in 32",
        "32 == 32",
        "32 is empty",
        "x in foo and ",
        "x in foo or ",
        "x in foo or not ",
        "(foo == 4",
        'all group.tasks as { t.name == "hello" }',
        'all as t { t.name == "hello" }',
        'all Nested.Map as k, k { TopInt == "5" }',
        'foo == "\\d"',
        'foo == "\\ud800"',
        'foo == "\\777"',
    ],
)
def test_syntax_errors_of_go_bexpr_are_mistakes(text: str) -> None:
    with pytest.raises(FilterError):
        Filter.parse(text)


@pytest.mark.parametrize(
    ("literal", "value", "equal"),
    [
        ("0x10", 16, True),
        ("017", 15, True),
        ("0b101", 5, True),
        ("1_000", 1000, True),
        ("1__000", 1000, None),
        ("+5", 5, True),
        ("5x", 5, None),
        ("9" * 5000, 5, None),
        ("1e3", 1000.5, False),
        ("1e3", 1000, True),
        (".5", 0.5, True),
        ("0x1p-2", 0.25, None),
        ("inf", 0.5, False),
        ("T", True, True),
        ("tRUE", True, None),
        ("0", False, True),
        ("", "", True),
        ("true", "true", True),
        ("5", "5", True),
        ("5", "05", False),
        ("x", None, False),
        ("x", [], None),
        ("x", {}, None),
    ],
)
def test_a_literal_takes_the_type_of_the_value(literal: str, value: Any, equal: bool | None) -> None:
    assert outcome(f'V == "{literal}"', {"V": value}) is (equal is True)
    assert outcome(f'V != "{literal}"', {"V": value}) is (equal is False)


ALLOCATION = {"Allocation": {"ClientStatus": "failed", "JobID": "web", "DeploymentStatus": None}, "Deleted": True}


@pytest.mark.parametrize(
    "text",
    [
        'Allocation.ClientStatus == "failed"',
        'ClientStatus == "failed"',
        'ClientStatus == "failed" and JobID matches "^web"',
        "Deleted == true",
        "Allocation is not empty",
        "DeploymentStatus is nil",
        "Allocation.DeploymentStatus is empty",
    ],
)
def test_a_path_starts_at_the_payload_or_at_its_object(text: str) -> None:
    assert outcome(text, ALLOCATION, "Allocation")


def test_the_objects_key_is_the_topics() -> None:
    assert outcome("Name == data", {"Volume": {"Name": "data"}}, "HostVolume")
    assert outcome("Name == x", {"Novelty": {"Name": "x"}}, "Novelty")
    assert not outcome("Name == data", {"Volume": {"Name": "data"}}, "Job")
    assert outcome("Name == top", {"Name": "top", "Job": {"Name": "inner"}}, "Job")
    assert not outcome("DeploymentStatus.Healthy != true", ALLOCATION, "Allocation")


def test_several_expressions_decode_the_payload_once() -> None:
    nodes = [Filter.parse(text).root for text in ("JobID == web", "ClientStatus == lost", "Missing is empty")]
    decide = compile_all([node for node in nodes if node is not None])
    assert decide(json.dumps(ALLOCATION).encode(), "Allocation") == [True, False, False]
    assert compile_all(())(b"{}", "Job") == []


def test_names_of_items_are_scoped_and_shadow_others() -> None:
    value = {"List": [{"t": ["x", "y"]}, {"t": []}], "t": "outside", "Object": {"k": {"v": 1}}}
    assert outcome('any List as t { any t.t as t { t == "y" } }', value)
    assert outcome('any List as t { t.t is empty } and t == "outside"', value)
    assert outcome("any Object as k, v { k == k and v.v == 1 }", value)
    assert outcome("any Object as _, v { v.v == 1 }", value)
    assert outcome('any List as i, _ { i == 1 and t == "outside" }', value)
    assert not outcome("any List as l { Missing == 1 }", value)
    assert outcome("all Missing as l { l == 1 } or all Null as l { l == 1 }", {"Null": None})


def test_the_work_of_nested_loops_is_bounded() -> None:
    numbers = {"N": list(range(1000))}
    assert not outcome("any N as a { any N as b { any N as c { any N as d { d == -1 } } } }", numbers)
    assert not outcome("all N as a { all N as b { b != -1 } }", numbers)
    assert outcome("any N as a { any N as b { b == 5 } }", numbers)


DEEP = b'{"Job":' * 5000 + b"1" + b"}" * 5000


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"Job"',
        b"5",
        b"{",
        b'{"Job":',
        b'{"Job":5}',
        b'{"Job":[{"Name":"x"}]}',
        b'{"Job":{"Name":"\\ud800"}}',
        b'{"Job":{"Name":1e999}}',
        b'{"Job":{"Name":NaN}}',
        b'{"Job":{"Name":' + b"9" * 5000 + b"}}",
        b'{"Job":{"Name":' + b"[" * 5000 + b"]" * 5000 + b"}}",
        DEEP,
        b'{"\xff":{"Name":1}}',
    ],
)
def test_no_payload_raises(payload: bytes) -> None:
    for text in (
        "Name == web",
        "Name != web",
        "Job.Name matches w",
        "Job.0.Name == y",
        "Name is empty",
        "any Job as j { j == 1 }",
        "all Name as k, v { v.x != 1 }",
    ):
        node = Filter.parse(text).root
        assert node is not None
        assert compile_all((node,))(payload, "Job") in ([True], [False])


def test_the_readable_parts_of_an_odd_payload_match() -> None:
    assert outcome("Job.0.Name == x", {"Job": [{"Name": "x"}]}, "Job")
    assert outcome('Job["0"].Name == x', {"Job": {"0": {"Name": "x"}}}, "Job")
    assert outcome("Name.First == x or Name == y", {"Job": {"Name": "y"}}, "Job")
    node = Filter.parse("Name == web").root
    assert node is not None
    decide = compile_all((node,))
    assert decide(b'{"Job":{"Name":"web","Other":"\xff"}}', "Job") == [True]
    assert decide(b'{"Job":{"\xff":1,"Name":"web"}}', "Job") == [True]
    assert decide(b'{"Job":{"Name":"api"},"Job":{"Name":"web"}}', "Job") == [True]


def test_a_recorded_stream_is_searched() -> None:
    frames = [json.loads(line) for line in recordings.lines("tour") if line.startswith(b"{") and len(line) > 2]
    events = [event for frame in frames for event in frame["Events"]]
    for text, path, wanted in (
        ('ClientStatus == "running"', ("Allocation", "ClientStatus"), "running"),
        ('Allocation.ClientStatus == "failed"', ("Allocation", "ClientStatus"), "failed"),
        ('Node.Attributes["os.name"] == "ubuntu"', ("Node", "Attributes", "os.name"), "ubuntu"),
    ):
        node = Filter.parse(text).root
        assert node is not None
        decide = compile_all((node,))
        for event in events:
            value = event["Payload"]
            for step in path:
                value = value.get(step) if isinstance(value, dict) else None
            found = decide(json.dumps(event["Payload"]).encode(), event["Topic"])[0]
            assert found is (value == wanted)
