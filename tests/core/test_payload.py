"""Payloads: the rows show what the server sent, for any payload."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_tui.core import wire
from nomad_tui.core.payload import Folding, Kind, Number, Path, RawText, Rows, Step, Value, annotation, decode, parse
from nomad_tui.core.payload.find import Haystack, PatternError, of_rows, read_wanted
from nomad_tui.core.payload.flattening import KeyOrder, flatten
from nomad_tui.core.payload.order import PAYLOAD, kind_beneath, members_of
from nomad_tui.core.payload.parsing import unsnapped
from nomad_tui.core.payload.showing import Showing, without_secrets
from nomad_tui.core.secrets import MASK, Masking, can_hide, is_secret
from nomad_tui.core.text import printable
from tests import recordings

NOW = 1_795_424_043_007_000_000
"""2026-11-23 08:54:03.007 UTC, some minutes after the recordings."""


def everything_open() -> Folding:
    folding = Folding()
    folding.open_all(())
    return folding


def rows_of(payload: bytes, folding: Folding | None = None) -> Rows:
    return flatten(parse(payload).value, folding or Folding())


def text(rows: Rows, row: int) -> str:
    return "".join(Showing(rows, Masking()).pieces(row))


def lines(payload: bytes, folding: Folding | None = None) -> list[str]:
    """Return every row as `key value`, indented by depth."""
    rows = rows_of(payload, folding)
    return [
        " " * rows.depths[row] + ("" if rows.keys[row] is None else f"{rows.keys[row]} ") + text(rows, row)
        for row in range(len(rows))
    ]


def payloads(name: str) -> Iterator[tuple[str, bytes]]:
    """Return topic and payload of every event of a recording."""
    for line in recordings.lines(name):
        frame = wire.decode(line)
        if isinstance(frame, wire.Frame):
            for event in frame.events:
                yield event.topic, bytes(event.payload)


def test_rows_are_sorted_by_key_and_items_keep_their_order() -> None:
    payload = b'{"Job":{"Stop":false,"Meta":null,"Datacenters":["z","a"],"Priority":50,"ID":"web"}}'
    assert lines(payload, everything_open()) == [
        "Job {5}",
        " Datacenters [2]",
        '  0 "z"',
        '  1 "a"',
        ' ID "web"',
        " Meta null",
        " Priority 50",
        " Stop false",
    ]


@pytest.mark.parametrize(
    "number",
    [
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "1e400",
        "1E5",
        "-0",
        "-0.0",
        "1.50",
        "0.003969069646295311",
        "0.1000000000000000055511151231257827",
        "1795424043007000001",
        "9" * 5_000,
    ],
)
def test_a_number_keeps_its_notation(number: str) -> None:
    assert lines(f'{{"n":{number}}}'.encode()) == [f"n {number}"]


def test_every_member_of_a_repeated_key_is_shown_and_reported() -> None:
    payload = b'{"O":{"b":0,"a":1,"a":{"x":2},"a" :3}}'
    assert lines(payload, everything_open()) == ["O {4}", " a 1", " a {1}", "  x 2", " a 3", " b 0"]
    assert "repeats a key" in (parse(payload).trouble or "")
    paths = [rows_of(payload).path(row) for row in range(5)]
    assert len(set(paths)) == 5


def test_one_of_two_members_of_the_same_key_can_be_opened() -> None:
    payload = b'{"O":{"a":{"x":1},"a":{"y":2}}}'
    folding = Folding()
    folding.set_open(rows_of(payload).path(2), True)
    assert lines(payload, folding) == ["O {2}", " a {1}", " a {1}", "  y 2"]


def test_broken_utf8_is_repaired_and_reported() -> None:
    payload = parse(b'{"s":"\xc3("}')
    assert payload.value == {"s": "\ufffd("}
    assert "UTF-8" in (payload.trouble or "")


def test_a_payload_too_deep_for_a_tree_is_shown_as_text() -> None:
    payload = parse(b"[" * 200_000 + b"]" * 200_000)
    assert "too deep" in (payload.trouble or "")
    rows = flatten(payload.value, Folding())
    assert rows.kind(0) is Kind.RAW
    assert "".join(text(rows, row) for row in range(len(rows))) == "[" * 200_000 + "]" * 200_000


def test_a_payload_that_is_not_json_is_shown_as_lines_of_text() -> None:
    payload = parse(b"event dropped\nfrom buffer\n")
    assert "not JSON" in (payload.trouble or "")
    assert lines(b"event dropped\nfrom buffer\n") == ["event dropped", "from buffer"]


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b"null", ["null"]),
        (b'"text"', ['"text"']),
        (b"[1,{}]", ["0 1", "1 {}"]),
        (b'{"":1}', [" 1"]),
        (b'"\\ud800"', ['"\ud800"']),
        (b'["a\tb"]', ['0 "a\tb"']),
        (b"[NaN]", ["0 NaN"]),
    ],
)
def test_unusual_payloads_are_shown_without_a_report(payload: bytes, shown: list[str]) -> None:
    assert parse(payload).trouble is None
    assert lines(payload) == shown


@pytest.mark.parametrize(("payload", "message"), [(b"", "no payload"), (b"{}", "object"), (b"[]", "list")])
def test_an_empty_payload_has_no_rows_and_says_so(payload: bytes, message: str) -> None:
    assert lines(payload) == []
    assert message in (parse(payload).trouble or "")


def test_initially_the_object_and_an_allocations_task_states_are_open() -> None:
    allocation = next(
        payload for topic, payload in payloads("tour") if topic == "Allocation" and b'"Received"' in payload
    )
    rows = rows_of(allocation)
    assert rows.path(0) == ("Allocation",)
    assert {rows.path(row) for row in range(len(rows)) if rows.is_open(row)} == {
        ("Allocation",),
        ("Allocation", "TaskStates"),
    }


def test_nodes_opened_in_one_payload_are_open_in_the_next() -> None:
    folding = Folding()
    folding.set_open(("Job", "Update"), True)
    assert lines(b'{"Job":{"Update":{"A":1}}}', folding)[-1] == "  A 1"
    assert lines(b'{"Node":{"Update":{"A":1}}}', folding)[-1] == " Update {1}"
    assert lines(b'{"Job":{"ID":"x","Update":{"B":2}}}', folding)[-1] == "  B 2"


def test_open_all_includes_nodes_of_a_later_payload() -> None:
    folding = Folding()
    folding.open_all(("Job", "Groups"))
    assert lines(b'{"Job":{"Groups":[{"A":[1]}],"X":{"Y":1}}}', folding) == [
        "Job {2}",
        " Groups [1]",
        "  0 {1}",
        "   A [1]",
        "    0 1",
        " X {1}",
    ]
    assert lines(b'{"Job":{"Groups":[0,{"A":[1]}]}}', folding)[-1] == "    0 1"


def test_closing_beneath_open_all_and_close_all() -> None:
    folding = everything_open()
    folding.set_open(("Job", "A"), False)
    payload = b'{"Job":{"A":{"B":1},"C":{"D":1}}}'
    assert lines(payload, folding) == ["Job {2}", " A {1}", " C {1}", "  D 1"]
    folding.close_all()
    assert lines(payload, folding) == ["Job {2}", " A {1}", " C {1}"]


def test_a_path_resolves_to_its_row_or_nearest_visible_ancestor() -> None:
    folding = Folding()
    folding.set_open(("Job", "List"), True)
    rows = rows_of(b'{"Job":{"A":1,"List":[1,2],"Shut":{"B":1}}}', folding)
    for row in range(len(rows)):
        assert rows.find(rows.path(row)) == row
    assert rows.path(rows.find(("Job", "List", 7))) == ("Job", "List")
    assert rows.path(rows.find(("Job", "Shut", "B"))) == ("Job", "Shut")
    assert rows.path(rows.find(("Node", "List", 0))) == ("Job",)
    assert Rows().find(("Job",)) == 0


def test_items_and_task_states_are_labelled_by_their_name_type_or_state() -> None:
    folding = everything_open()
    rows = rows_of(b'{"A":{"TaskStates":{"web":{"State":"dead","Events":[{"Type":"Received"},{}]}}}}', folding)
    showing = Showing(rows, Masking())
    labels = {rows.keys[row]: showing.label(row) for row in range(len(rows)) if showing.label(row)}
    assert labels == {"web": "dead", 0: "Received"}


def test_a_large_job_has_a_row_for_every_node() -> None:
    def nodes(value: object) -> int:
        members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + sum(map(nodes, members))

    jobs = [payload for topic, payload in payloads("large-job") if topic == "Job"]
    assert max(map(len, jobs)) > 900_000
    for job in jobs:
        assert len(rows_of(job, everything_open())) == nodes(json.loads(job)) - 1


@pytest.mark.parametrize("name", ["hostile", "beta"])
def test_no_recorded_payload_breaks_parsing_or_drawing(name: str) -> None:
    count = 0
    for _, payload in payloads(name):
        count += 1
        rows = rows_of(payload, everything_open())
        showing = Showing(rows, Masking())
        for row in range(min(len(rows), 2_000)):
            note = annotation(rows.keys[row], rows.values[row], NOW, parent_key=rows.parent_key(row))
            untrusted = (*showing.pieces(row), str(rows.keys[row]), showing.label(row) or "")
            drawn = "".join(printable(piece[:500]) for piece in untrusted) + (note or "")
            assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in drawn)
    assert count > 10


@given(st.binary(max_size=200))
def test_no_bytes_make_parsing_fail(payload: bytes) -> None:
    rows = rows_of(payload, everything_open())
    assert all(rows.path(row) is not None for row in range(len(rows)))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=15,
)


@given(json_values)
def test_paths_lead_to_their_rows_and_their_values(value: Value) -> None:
    def at(path: Path) -> object:
        found: object = value
        step: Step
        for step in path:
            found = found[step]  # type: ignore[index]
        return found

    rows = rows_of(json.dumps(value).encode(), everything_open())
    for row in range(len(rows)):
        if rows.keys[row] is not None:
            path = rows.path(row)
            assert rows.find(path) == row
            if rows.kind(row) in (Kind.STRING, Kind.BOOLEAN, Kind.NULL):
                assert rows.values[row] == at(path)


@pytest.mark.parametrize(
    ("key", "value", "note"),
    [
        ("CreateTime", NOW - 14_000_000_000, "14 s ago · 2026-11-23 08:53:49.007"),
        ("Time", NOW, "now · 2026-11-23 08:54:03.007"),
        ("RescheduleTime", NOW + 60_000_000_000, "in 1 m · 2026-11-23 08:55:03.007"),
        ("ModifyTime", 0, None),
        ("ModifyTime", 12, None),
        ("StatusUpdatedAt", 1_795_424_000, "43 s ago · 2026-11-23 08:53:20.000"),
        ("StatusUpdatedAt", 0, None),
        ("StartedAt", "2026-11-23T08:49:03.564442413Z", "5 m ago"),
        ("ForceDeadline", "2026-11-23T10:54:13+02:00", "in 9 s · 2026-11-23 08:54:13"),
        ("FinishedAt", "0001-01-01T00:00:00Z", None),
        ("StartedAt", "2026-13-45T99:00:00Z", None),
        ("Name", "2026", None),
        ("ProgressDeadline", 600_000_000_000, "10 m"),
        ("Interval", 86_400_000_000_000, "1 d"),
        ("MinHealthyTime", 2_000_000_000, "2 s"),
        ("AllocationTime", 250_655_681, "250 ms"),
        ("NodeIdentityTTL", 86_400_000_000_000, "1 d"),
        ("KillTimeout", 0, None),
        ("KillTimeout", True, None),
        ("MemoryMB", 24_103, "24 GB"),
        ("MemoryMB", 10, None),
        ("CPU", 500, "500 MHz"),
        ("CpuShares", 8_000, "8.0 GHz"),
        ("cpu.frequency", "2445", "2.4 GHz"),
        ("MBits", 1_000, "1,000 Mbit/s"),
        ("Percent", 30, "30 %"),
        ("unique.storage.bytestotal", "270553174016", "271 GB"),
        ("memory.totalbytes", "not a number", None),
        ("CreateIndex", NOW, None),
        (3, NOW, None),
        (None, NOW, None),
    ],
)
def test_raw_values_are_explained(key: Step | None, value: Value, note: str | None) -> None:
    assert annotation(key, value, NOW, UTC) == note


def test_times_are_shown_in_the_readers_time_zone() -> None:
    two_hours_east = timezone(timedelta(hours=2))
    assert annotation("Time", NOW, NOW, two_hours_east) == "now · 2026-11-23 10:54:03.007"


def test_a_templates_wait_is_a_duration() -> None:
    assert annotation("Min", 5_000_000_000, NOW, parent_key="Wait") == "5 s"
    assert annotation("Min", 5_000_000_000, NOW) is None


# Secrets


@pytest.mark.parametrize("name", ["tour", "hostile", "beta", "large-job"])
def test_exactly_the_secrets_are_masked(name: str) -> None:
    """As `core.secrets` determines them, for every row of every recorded payload; no row contains part of one."""
    count = 0
    for _, payload in payloads(name):
        value = parse(payload).value
        rows = flatten(value, everything_open())
        showing = Showing(rows, Masking())
        for row in range(min(len(rows), 1_000)):
            if rows.keys[row] is None:
                continue
            secret = is_secret(rows.path(row), value)
            assert rows.secret[row] == secret
            if secret and not rows.is_foldable(row) and can_hide(rows.values[row]) and rows.member_count(row) is None:
                count += 1
                assert showing.pieces(row) == (MASK,)
                assert Showing(rows, Masking(reveals_all=True)).pieces(row) != (MASK,)
    assert count or name != "tour"


SECRET = "hunter2-hunter2"
secret_values = st.recursive(
    st.just(SECRET),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, min_size=1),
    max_leaves=5,
)


@given(secret_values, st.sampled_from(["SecretID", "Env", "password", "Authorization"]))
def test_nothing_beneath_a_secret_key_is_shown_or_found(value: Value, key: str) -> None:
    payload = parse(json.dumps({"Job": {key: value, "List": [{"Name": "API_TOKEN", "Value": SECRET}]}}).encode())
    rows = flatten(payload.value, everything_open(), masking=Masking())
    showing = Showing(rows, Masking())
    for row in range(len(rows)):
        assert SECRET not in "".join(showing.pieces(row)) + (showing.label(row) or "")
        assert showing.decodable(row) is None
    assert of_rows(showing).rows(read_wanted("hunter")) == []
    assert of_rows(Showing(rows, Masking(reveals_all=True))).rows(read_wanted("hunter"))


def test_a_text_that_is_not_json_is_masked_across_its_rows() -> None:
    text = parse(b'"Password": "' + b"x" * 40 + b'hunter2"\nplain').value
    assert isinstance(text, RawText)
    hidden = "".join(without_secrets(text))
    assert "hunter" not in hidden
    assert "Password" in hidden


# The order of keys


def test_every_key_of_a_recorded_object_has_a_position_in_the_documented_order() -> None:
    def check(value: object, kind: str | None) -> None:
        if isinstance(value, list):
            for item in value:
                check(item, kind)
        elif isinstance(value, dict) and kind is not None:
            known = members_of(kind)
            for key, inner in value.items():
                assert kind.startswith("*") or key in known, f"{kind}.{key}"
                check(inner, kind_beneath(kind, key))

    for name in ("tour", "large-job"):
        for _, payload in payloads(name):
            check(json.loads(payload), PAYLOAD)


def test_documented_keys_come_first_then_unknown_ones_sorted() -> None:
    rows = flatten({"Job": {"Zoo": 1, "Type": 1, "Abc": 1, "ID": 1}}, Folding(), order=KeyOrder.DOCUMENTED)
    assert rows.keys == ["Job", "ID", "Type", "Abc", "Zoo"]
    assert flatten({"b": 1, "a": 1}, Folding(), order=KeyOrder.DOCUMENTED).keys == ["a", "b"]


@given(json_values)
def test_the_order_of_keys_changes_nothing_else(value: Value) -> None:
    payload = {"Job": value, "Allocation": {"Job": value, "TaskStates": {"a": value}}}
    one = flatten(payload, everything_open())
    other = flatten(payload, everything_open(), order=KeyOrder.DOCUMENTED)
    assert sorted(map(repr, map(one.path, range(len(one))))) == sorted(map(repr, map(other.path, range(len(other)))))


# Decoding


@pytest.mark.parametrize(
    ("text", "key", "value", "how"),
    [
        ('{"a": 1.50}', None, {"a": Number("1.50")}, "JSON"),
        (" [1, 2] ", None, [1, 2], "JSON"),
        (base64.b64encode(b"hello\nworld\n").decode(), None, ["hello", "world"], "base64"),
        (base64.b64encode(b'{"a":1}    ').decode(), None, {"a": 1}, "base64, JSON"),
        (base64.b64encode(b"\x04\x0chiya").decode(), "Payload", ["hiya"], "base64 of Snappy"),
        (base64.b64encode(b"\x0a\x04ab\x1e\x02\x00").decode(), "Payload", ["ababababab"], "base64 of Snappy"),
    ],
)
def test_the_content_of_a_string_is_decoded(text: str, key: str | None, value: Value, how: str) -> None:
    decoded = decode(text, key)
    assert decoded is not None
    assert decoded.value == value
    assert decoded.how == how


@pytest.mark.parametrize(
    "text",
    ["", "{", "{}", "[]", "running", "complete", "c1d09a77-c5a2-4b0f-9d2f-2a6f8c1d09a7", "[web]", "0" * 64, "optional"],
)
def test_ordinary_strings_are_left_alone(text: str) -> None:
    assert decode(text) is None
    assert decode(text, "Payload") is None


@given(st.binary(max_size=200))
def test_no_bytes_make_decoding_fail(data: bytes) -> None:
    unsnapped(data)
    decode(base64.b64encode(data).decode(), "Payload")


# Finding


@given(
    st.lists(st.text(alphabet="aAbİé\n ", max_size=6), max_size=8), st.text(alphabet="aAbİé", min_size=1, max_size=2)
)
def test_searching_all_rows_at_once_finds_the_same_as_one_by_one(texts: list[str], wanted: str) -> None:
    haystack = Haystack(enumerate(texts))
    for written in (wanted, f"/{wanted}/", f"/{wanted}+$/"):
        looked_for = read_wanted(written)
        assert haystack.rows(looked_for) == [row for row, text in enumerate(texts) if looked_for.spans(text)]


def test_spans_are_positions_in_the_text() -> None:
    assert read_wanted("b").spans("aBbİb") == [(1, 2), (2, 3), (4, 5)]
    assert read_wanted("B").spans("aBb") == [(1, 2)]
    assert read_wanted("/[é-ü]b/").spans("aébüb") == [(1, 3), (3, 5)]
    assert read_wanted("/x*/").spans("ab") == []
    assert len(read_wanted("a").spans("a" * 100, 7)) == 7
    with pytest.raises(PatternError):
        read_wanted("/(/")
