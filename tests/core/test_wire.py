"""Frames from bytes: for any chunks and bytes, each line is shown, repaired or reported, once."""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from time import process_time
from typing import Any, TypeAlias

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nomad_tui.core.wire import (
    EXCERPT,
    HEARTBEAT,
    Event,
    Frame,
    Heartbeat,
    LineSplitter,
    Unreadable,
    decode,
    event_lines,
    event_text,
)
from tests import recordings
from tests.recordings import frame_of

Outcome: TypeAlias = Frame | Heartbeat | Unreadable


def read(chunks: Iterable[bytes], max_line: int = 1 << 30) -> list[Outcome]:
    """Return everything that a reader of a stream gets from its chunks, including a line cut at the end."""
    splitter = LineSplitter(max_line)
    read: list[Outcome] = []
    for chunk in chunks:
        read += [outcome for line in splitter.feed(chunk) if (outcome := decode(line)) is not None]
        read += splitter.oversized
        splitter.oversized.clear()
    if (outcome := decode(splitter.finish())) is not None:
        read.append(outcome)
    return read + splitter.oversized


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


def cut_at(content: bytes, places: Iterable[int]) -> list[bytes]:
    return [content[start:end] for start, end in pairwise([0, *sorted(places), len(content)])]


def envelope(event: Event) -> tuple[object, ...]:
    return (event.topic, event.type, event.key, event.namespace, event.filter_keys, event.index, bytes(event.payload))


def by_value(outcome: Outcome) -> object:
    """Return a representation of an outcome that compares by value."""
    if isinstance(outcome, Frame):
        return (outcome.index, [envelope(event) for event in outcome.events], outcome.line, outcome.repaired)
    return outcome


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


# Chunks


@pytest.mark.parametrize("name", ["tour", "beta", "hostile"])
@pytest.mark.parametrize("size", [997, 65_536])
def test_any_chunks_give_the_same_frames_and_the_same_unreadable_lines(name: str, size: int) -> None:
    content = recordings.content(name)
    whole = [by_value(outcome) for outcome in read([content])]
    assert [by_value(outcome) for outcome in read(pieces(content, size))] == whole
    assert len(whole) == sum(decode(line) is not None for line in recordings.lines(name))


def test_a_stream_that_arrives_byte_by_byte_is_read_like_any_other() -> None:
    content = recordings.content("tour")[:60_000]
    assert list(map(by_value, read(pieces(content, 1)))) == list(map(by_value, read([content])))


LINES = (b"{}", b"", b" {} \r", b"{ }\r", compact({"Index": 3, "Events": [{"Topic": "Job", "Key": "a b\\n"}]}), b"no")


@given(st.lists(st.sampled_from(LINES), max_size=8), st.data())
def test_splitting_a_stream_anywhere_gives_the_same(lines: list[bytes], data: st.DataObject) -> None:
    content = b"\n".join(lines)
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=12))
    assert list(map(by_value, read(cut_at(content, cuts)))) == list(map(by_value, read([content])))


# Lines that are too long


@given(
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(b"abc")), min_size=1, max_size=8),
    st.integers(1, 40),
    st.booleans(),
    st.data(),
)
def test_a_line_over_the_bound_is_reported_once_without_affecting_its_neighbours(
    shape: list[tuple[int, int]], max_line: int, ended: bool, data: st.DataObject
) -> None:
    lines = [bytes([letter]) * length for length, letter in shape]
    content = b"\n".join(lines) + b"\n" * ended
    splitter = LineSplitter(max_line)
    whole: list[bytes] = []
    for chunk in cut_at(content, data.draw(st.lists(st.integers(0, len(content)), max_size=12))):
        whole += splitter.feed(chunk)
    whole.append(splitter.finish())
    assert [line for line in whole if line] == [line for line in lines if 0 < len(line) <= max_line]
    long = [line for line in lines if len(line) > max_line]
    assert [(each.length, each.excerpt) for each in splitter.oversized] == [(len(line), line) for line in long]
    assert all(f"{max_line:,} bytes, --max-line" in each.reason for each in splitter.oversized)


@pytest.mark.parametrize("size", [1, 7, 100, EXCERPT, 1000, 5000])
def test_the_stored_part_of_a_long_line_does_not_depend_on_the_chunks(size: int) -> None:
    long = bytes(range(48, 58)) * 300
    outcomes = read(pieces(b"{}\n" + long + b"\n{}\n", size), max_line=1000)
    reported = [outcome for outcome in outcomes if isinstance(outcome, Unreadable)]
    assert [(each.excerpt, each.length) for each in reported] == [(long[:EXCERPT], 3000)]
    assert outcomes.count(HEARTBEAT) == 2


def test_a_line_of_exactly_the_bound_is_read() -> None:
    line = compact({"Index": 1, "Events": []})
    assert read([line + b"\n"], max_line=len(line)) == [Frame(1, [], line)]
    assert [type(outcome) for outcome in read([line + b"\n"], max_line=len(line) - 1)] == [Unreadable]


def fastest(work: Callable[[], object]) -> float:
    def once() -> float:
        start = process_time()
        work()
        return process_time() - start

    return min(once() for _ in range(3))


@pytest.mark.parametrize("max_line", [1 << 30, 1 << 20], ids=["read", "dropped"])
def test_a_line_of_64_mib_takes_about_as_long_as_joining_its_chunks(max_line: int) -> None:
    """With chunks of a socket's size: joining the buffer for each chunk would take 2,000 times as long."""
    chunks = [b'{"Index":1,"Events":[{"Topic":"Job","Payload":"', *[b"x" * 16_384] * 4096, b'"}]}\n']
    assert fastest(lambda: read(chunks, max_line)) < 30 * fastest(lambda: b"".join(chunks))


# Forms of a line


@pytest.mark.parametrize("line", [b"{}", b" {}", b"{} ", b"{}\r", b"   {}  \r", b"{ }", b"\t{ \t}\r"])
def test_a_heartbeat_may_contain_white_space(line: bytes) -> None:
    assert decode(line) is HEARTBEAT


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xef\xbb\xbf \xef\xbb\xbf"])
def test_a_byte_order_mark_before_a_line_is_ignored(mark: bytes) -> None:
    line = b'{"Index":5,"Events":[{"Topic":"Job"}]}'
    assert decode(mark + line) == decode(line)
    assert (decode(mark + b"{}\r"), decode(mark)) == (HEARTBEAT, None)


@pytest.mark.parametrize("line", [b"", b" ", b"\r", b" \t\r"])
def test_a_blank_line_is_ignored(line: bytes) -> None:
    assert decode(line) is None


def test_a_stream_cut_within_a_line_loses_only_that_line() -> None:
    content = recordings.content("tour")
    end = content.index(b"\n", 40_000) + 1
    whole = read([content[:end]])
    cut = read([content[: end - 100]])
    assert [by_value(outcome) for outcome in cut[:-1]] == [by_value(outcome) for outcome in whole[:-1]]
    assert isinstance(cut[-1], Unreadable)


EVENT = {
    "Topic": "Job",
    "Type": "JobRegistered",
    "Key": "web",
    "Namespace": "default",
    "FilterKeys": ["a", "b"],
    "Index": 7,
    "Payload": {"Job": {"ID": "web"}},
}


@given(st.permutations(list(EVENT.items())), st.booleans(), st.sampled_from([None, 1]))
def test_keys_can_be_in_any_order_and_json_can_contain_spaces(
    members: list[tuple[str, Any]], events_first: bool, indent: int | None
) -> None:
    events = [dict(members)]
    value = {"Events": events, "Index": 7} if events_first else {"Index": 7, "Events": events}
    frame = frame_of(json.dumps(value, indent=indent).replace("\n", " ").encode())
    assert frame.index == 7
    assert frame.repaired is None
    *wanted, payload = envelope(frame.events[0])
    assert wanted == ["Job", "JobRegistered", "web", "default", ("a", "b"), 7]
    assert isinstance(payload, bytes)
    assert orjson.loads(payload) == EVENT["Payload"]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c"])
def test_only_a_line_feed_ends_a_line(separator: str) -> None:
    line = compact({"Index": 1, "Events": [{**EVENT, "Key": f"a{separator}b"}]})
    assert [frame.events[0].key for frame in read([line + b"\n"]) if isinstance(frame, Frame)] == [f"a{separator}b"]


DEEP = b"[" * 10_000 + b"]" * 10_000


@pytest.mark.parametrize(
    "line",
    [
        b'{"Index":1,"Events":[{"Topic":"Node","Payload":%b,"Key":"k"}]}',
        b'{"Index":1,"Events":[{"Topic":"Node","Key":"k","Payload":%b}]}',
        b'{"Index":1,"Events":[{"Topic":"Node","Key":"k","Payload" : %b}, {"Topic":"Job"}, {"Payload":7}]}',
        b'{"Index":1,"Topic":"Node","Key":"k","Payload":%b}',
    ],
)
def test_a_payload_10_000_levels_deep_is_kept_completely(line: bytes) -> None:
    frame = frame_of(line % DEEP)
    assert (frame.index, frame.events[0].topic, frame.events[0].key) == (1, "Node", "k")
    assert bytes(frame.events[0].payload) == DEEP
    assert [bytes(event.payload) for event in frame.events[1:]] == [b"null", b"7"][: len(frame.events) - 1]
    assert frame.repaired == "a payload is nested too deeply to show as a tree"


@pytest.mark.parametrize("depth", range(900, 1100, 9))
def test_nesting_around_the_limit_is_a_frame_or_reported(depth: int) -> None:
    nested = b"[" * depth + b"]" * depth
    assert isinstance(decode(b'{"Index":1,"Events":[{"Key":1,"Payload":%b}]}' % nested), Frame)
    decode(b'{"Index":1,"Events":[{"Key":1,"FilterKeys":%b}]}' % nested)
    too_deep = decode(b'{"Index":1,"Events":[{"Key":1,"FilterKeys":%b}]}' % DEEP)
    assert isinstance(too_deep, Unreadable)
    assert "too deeply" in too_deep.reason


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (rb"\ud800", "\ufffd"),
        (rb"\udc00", "\ufffd"),
        (rb"\ud83d\ude80", "🚀"),
        (rb"\ud83d\ud83d\ude80", "\ufffd🚀"),
        (rb"\ude80\ud83d", "\ufffd\ufffd"),
        (rb"\\ud83d\ude80", "\\ud83d\ufffd"),
        (rb"\\\ud83d", "\\\ufffd"),
        (rb"\\ud83d", "\\ud83d"),
        (b"\xff", "\ufffd"),
    ],
)
def test_invalid_text_is_repaired_in_place(written: bytes, shown: str) -> None:
    for line in (b'{"Index":1,"Events":[{"Key":"<%b>"}]}', b'{"Index":1,"Topic":"Job","Key":"<%b>"}'):
        frame = frame_of(line % written)
        assert frame.events[0].key == f"<{shown}>"
        assert (frame.repaired is not None) == ("\ufffd" in shown)


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        ({"Topic": 3}, ("3", "", "", "", None, 7)),
        ({"Topic": "Job", "Key": None}, ("Job", "", "", "", None, 7)),
        ({"Topic": "Job", "Key": {"a": 1}}, ("Job", "", '{"a":1}', "", None, 7)),
        ({"Topic": "Job", "FilterKeys": ["a", 1, None]}, ("Job", "", "", "", ("a", "1", "None"), 7)),
        ({"Topic": "Job", "FilterKeys": "a"}, ("Job", "", "", "", None, 7)),
        ({"Topic": "Job", "Index": "x"}, ("Job", "", "", "", None, -1)),
        ({"Topic": "Job", "Index": True}, ("Job", "", "", "", None, -1)),
    ],
)
def test_an_envelope_field_of_another_type_is_shown_as_text(event: dict[str, Any], shown: tuple[Any, ...]) -> None:
    member = {"Index": 7, **event}
    for value in ({"Index": 7, "Events": [member]}, member):
        frame = frame_of(compact(value))
        assert envelope(frame.events[0])[:-1] == shown
        assert frame.repaired == "fields of an unexpected type are shown as text"


def test_a_frame_without_a_usable_index_is_still_shown() -> None:
    for index in ("7", True, None, 1.5):
        frame = frame_of(compact({"Index": index, "Events": [EVENT]}))
        assert frame.index == -1
        assert frame.events[0].index == 7


# Never an exception

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
event_values = st.fixed_dictionaries({}, optional=dict.fromkeys(EVENT, json_values)) | json_values
frame_values = (
    st.fixed_dictionaries({}, optional={"Index": json_values, "Events": st.lists(event_values) | json_values})
    | event_values
)
surrogates = st.text(st.characters(categories=["Cs", "L"]), max_size=4).map(lambda text: {"Key": text})


def still_reads(line: bytes) -> None:
    """Decoding never raises, and the line that the history stores of a frame gives the same frame again."""
    outcome = decode(line)
    if not isinstance(outcome, Frame):
        return
    assert by_value(frame_of(outcome.line)) == by_value(outcome)
    for event in outcome.events:
        (alone,) = frame_of(event_text(event, outcome.index)).events
        assert envelope(alone)[:5] == envelope(event)[:5]
    kept = outcome.with_events(outcome.events[1:])
    assert [envelope(event)[:4] for event in frame_of(kept.line).events] == [
        envelope(event)[:4] for event in outcome.events[1:]
    ]


@given(st.binary(max_size=80))
def test_no_bytes_make_decode_raise(line: bytes) -> None:
    still_reads(line)


@given(frame_values | surrogates)
@example({"Index": 1 << 70, "Events": [{"Index": 1 << 70, "Topic": 1}, {"Index": -(1 << 70), "Topic": 1}]})
def test_no_json_makes_decode_raise(value: object) -> None:
    still_reads(json.dumps(value, ensure_ascii=True).encode())
    still_reads(b" " + json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@given(st.data())
def test_no_damage_to_a_real_frame_makes_decode_raise(data: st.DataObject) -> None:
    line = bytearray(compact({"Index": 7, "Events": [{**EVENT, "Key": "a\n\u2028\x1b🚀"}, EVENT]}))
    for place in data.draw(st.lists(st.integers(0, len(line) - 1), min_size=1, max_size=4)):
        line[place] = data.draw(st.integers(0, 255) | st.sampled_from(b'\\"{}[]:,u0'))
    still_reads(bytes(line))


@pytest.mark.parametrize("name", ["tour", "beta", "hostile", "large-job"])
def test_the_line_of_a_frame_gives_the_frame_again(name: str) -> None:
    for line in recordings.lines(name):
        outcome = decode(line)
        if isinstance(outcome, Frame):
            assert outcome.line == line
            assert by_value(frame_of(bytes(bytearray(line)))) == by_value(outcome)


# Text of a frame's events

UNKNOWN_FIELDS = (
    b'{ "Index":7, "Future":{"Events":[1]}, "Events":[{"Key":"a","Topic":"Job","Since":"3.0", "Payload":{"b":1,"a":2}}'
    b',{"Payload":null,"Topic":"Node" ,"Key":"\\u0062","Future":[]},{"Topic":"Job","Key":"c"}] }'
)


def test_each_event_keeps_its_bytes_and_unknown_fields() -> None:
    assert event_lines(UNKNOWN_FIELDS) == [
        b'{"Key":"a","Topic":"Job","Since":"3.0", "Payload":{"b":1,"a":2}}',
        b'{"Payload":null,"Topic":"Node" ,"Key":"\\u0062","Future":[]}',
        b'{"Topic":"Job","Key":"c"}',
    ]


def test_a_frame_of_some_events_keeps_their_bytes_and_their_order() -> None:
    frame = frame_of(UNKNOWN_FIELDS)
    some = frame.with_events([frame.events[0], frame.events[1]])
    assert some.line == b'{"Index":7,"Events":[%b]}' % b",".join(event_lines(UNKNOWN_FIELDS)[:2])
    assert [event.key for event in frame_of(some.line).events] == ["a", "b"]


def test_an_event_on_its_own_line_gives_itself() -> None:
    for line in event_lines(UNKNOWN_FIELDS):
        assert event_lines(line) == [line]
        assert [event.key for event in frame_of(line).events] == [frame_of(line).events[0].key]


@pytest.mark.parametrize("name", ["tour", "beta", "hostile", "large-job"])
def test_some_events_of_a_recorded_frame_are_those_events(name: str) -> None:
    for line in recordings.lines(name):
        frame = decode(line)
        if isinstance(frame, Frame):
            for kept in (frame.events[::2], frame.events[1:]):
                again = frame_of(frame.with_events(kept).line)
                assert [envelope(event) for event in again.events] == [envelope(event) for event in kept]


def test_a_repaired_event_encoded_again_keeps_its_payload_and_any_index() -> None:
    line = b'{"Index":5,"Events":[{"Topic":1,"Index":%d,"Payload":{"b": 1,"a":2}},{"Topic":2}]}' % (1 << 70)
    first, second = frame_of(line).events
    assert event_text(first, 5).endswith(b'"Index":%d,"Payload":{"b": 1,"a":2}}' % (1 << 70))
    assert orjson.loads(event_text(second, 5))["Index"] == 5


# The hostile recording, line by line

TOO_DEEP = "a payload is nested too deeply to show as a tree"
NOT_UTF8 = "bytes that are not UTF-8 were replaced"
HOSTILE: tuple[tuple[str, object], ...] = (
    ("heartbeat", HEARTBEAT),
    ("escape sequences in a key", (10, 1, None)),
    ("escape sequences in a message", (11, 1, None)),
    ("markup in key, type and filter keys", (12, 1, None)),
    ("a payload of null", (13, 1, None)),
    ("a payload of {}", (14, 1, None)),
    ("a payload without its object", (15, 1, None)),
    ("a payload whose object is text", (16, 1, None)),
    ("no filter keys, no namespace", (17, 1, None)),
    ("envelope fields missing", (18, 1, None)),
    ("a topic and a type of the future", (19, 1, None)),
    ("fields of other types in a payload", (20, 1, None)),
    ("10,000-deep payload", (21, 1, TOO_DEEP)),
    ("a payload of many fields", (22, 1, None)),
    ("a 3 MB value", (23, 1, None)),
    ("an integer of more than 64 bits", (24, 1, None)),
    ("a key twice in one object", (25, 1, None)),
    ("invalid UTF-8 in key and payload", (26, 1, NOT_UTF8)),
    ("U+0085 and U+2028 inside strings", (27, 1, None)),
    ("plain text", "not JSON"),
    ("an old server's last words", "not JSON"),
    ("an empty line", None),
    ("a heartbeat with spaces and CR", HEARTBEAT),
    ("no events", (28, 0, None)),
    ("events: null", (29, 0, None)),
    ("events: []", (30, 0, None)),
    ("a list", "JSON, but not a frame"),
    ("null", "JSON, but not a frame"),
    ("a string", "JSON, but not a frame"),
    ("events that are text", "JSON, but not a frame"),
    ("the same event twice in one frame", (32, 2, None)),
    ("a key of 10,000 characters", (33, 1, None)),
    ("wide characters, joiners, ligatures", (34, 1, None)),
    ("an index that goes back", (12, 1, None)),
    ("the last good frame", (35, 1, None)),
    ("a cut line", "not JSON"),
)
"""The expected result of each line of the recording: (index, events, repair) of a frame that is shown, the reason for a
line that cannot be shown, None for a blank one."""


def test_every_line_of_the_hostile_recording_is_shown_or_reported() -> None:
    lines = recordings.lines("hostile")
    assert len(lines) == len(HOSTILE)
    for line, (what, expected) in zip(lines, HOSTILE, strict=True):
        outcome = decode(line)
        if isinstance(outcome, Frame):
            # How deeply msgspec decodes depends on Python: 3.13 accepts what 3.11 refuses.
            repaired = TOO_DEEP if what == "10,000-deep payload" else outcome.repaired
            assert (outcome.index, len(outcome.events), repaired) == expected, what
        elif isinstance(outcome, Unreadable):
            assert (outcome.reason, outcome.excerpt, outcome.length) == (expected, line[:EXCERPT], len(line)), what
        else:
            assert outcome is expected, what


def test_hostile_events_keep_their_content() -> None:
    frames = recordings.frames("hostile")
    by_index = {frame.index: frame.events[0] for frame in reversed(frames) if frame.events}
    assert by_index[10].key == "esc-\x1b]2;OWNED\x1b\\-title"
    assert by_index[12].filter_keys == ("[/]", "[@click=app.quit]x[/]")
    assert by_index[19].topic == "FutureTopic"
    assert len(bytes(by_index[21].payload)) == 10_000
    assert len(bytes(by_index[23].payload)) > 3_000_000
    assert by_index[26].key == "bad-utf8-\ufffd\ufffd"
    assert by_index[27].key == "line-\x85-sep-\u2028-x"
    assert [event.key for event in frames[-1].events] == ["last-good"]


@pytest.mark.parametrize(
    ("sent", "shown"), [("NaN", '"NaN"'), ("[-Infinity, 1]", '["-Infinity", 1]'), ('"a\tNaN"', '"a\\u0009NaN"')]
)
def test_invalid_json_that_other_programs_emit_is_shown_as_text(sent: str, shown: str) -> None:
    frame = decode(b'{"Index":5,"Events":[{"Topic":"Job","Key":"k","Payload":%s}]}' % sent.encode())
    assert isinstance(frame, Frame)
    assert (bytes(frame.events[0].payload).decode(), frame.index) == (shown, 5)
    assert "shown as text" in (frame.repaired or "")
