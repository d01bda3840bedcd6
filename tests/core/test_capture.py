"""Events are read from anything that captured them, and input without events is identified."""

import json
import random
from collections.abc import Callable, Iterable

import pytest

from nomad_tui.core.capture import Capture, Found
from nomad_tui.core.wire import Frame, Heartbeat, Unreadable, event_lines
from tests import recordings

FRAMES = [line for line in recordings.lines("tour") if b'"Events"' in line][:12]
TEXTS = [line.decode() for line in FRAMES]
EVENTS = [json.loads(text) for line in FRAMES for text in event_lines(line)]
CRLF = "\r\n"


def read(content: bytes, size: int = 1 << 30, max_line: int = 1 << 26) -> tuple[Capture, list[Found]]:
    capture = Capture(max_line)
    found = [each for start in range(0, len(content), size) for each in capture.feed(content[start : start + size])]
    return capture, [*found, *capture.finish()]


def events(found: Iterable[Found]) -> list[object]:
    lines = [each.line for each in found if isinstance(each, Frame)]
    assert not any(b"\n" in line for line in lines), "a frame must fit on a line: tail --output frames prints it"
    return [json.loads(text) for line in lines for text in event_lines(line)]


def pretty(indent: int | None) -> str:
    return "\n".join(json.dumps(json.loads(text), indent=indent) for text in TEXTS)


def prefixed(prefix: Callable[[int], str], cut: int = 0) -> str:
    """Each frame with a prefix; with `cut`, split into pieces of that many characters, each with a prefix."""
    lines: list[str] = []
    for text in TEXTS:
        step = cut or len(text)
        lines += [prefix(len(lines)) + text[start : start + step] for start in range(0, len(text), step)]
    return "\n".join(lines) + "\n"


def docker(cut: int = 16384) -> str:
    entries: list[str] = []
    for text in (f"{each}\n" for each in TEXTS):
        for start in range(0, len(text), cut):
            entry = {
                "log": text[start : start + cut],
                "stream": "stdout",
                "time": f"2026-11-29T02:40:{len(entries):02}Z",
            }
            entries.append(json.dumps(entry))
            entries.append(json.dumps({"log": "heartbeat\n", "stream": "stderr", "time": "2026-11-29T02:40:18Z"}))
    return "\n".join(entries)


def cri(cut: int) -> str:
    lines: list[str] = []
    for text in TEXTS:
        pieces = [text[start : start + cut] for start in range(0, len(text), cut)]
        for number, piece in enumerate(pieces, 1):
            lines.append(
                f"2026-11-29T02:40:18.{'1' * (1 + number % 9)}Z stdout {'F' if number == len(pieces) else 'P'} {piece}"
            )
    return "\n".join(lines)


def journald(message: Callable[[str], object]) -> str:
    return "\n".join(
        json.dumps(
            {
                "_HOSTNAME": "ops-1",
                "__REALTIME_TIMESTAMP": "17",
                "_PID": "712",
                "MESSAGE": message(text),
                "PRIORITY": "6",
            }
        )
        for text in ["Started events of Nomad.", *TEXTS]
    )


CAPTURES: dict[str, tuple[str, str]] = {
    "indented by two": (pretty(2), "pretty-printed JSON"),
    "indented by tabs": ("\n".join(json.dumps(json.loads(text), indent="\t") for text in TEXTS), "pretty-printed JSON"),
    "not indented": (pretty(0), "pretty-printed JSON"),
    "pretty with CRLF": (pretty(4).replace("\n", CRLF), "pretty-printed JSON"),
    "array": (json.dumps([json.loads(text) for text in TEXTS], indent=2), "a JSON array"),
    "array on one line": (f"[{','.join(TEXTS)}]", "a JSON array"),
    "array of events": (json.dumps(EVENTS), "a JSON array"),
    "array, a frame a line": ("[\n" + ",\n".join(TEXTS) + "\n]\n", "a JSON array"),
    "arrays in an array": (f"[[{TEXTS[0]}],[{','.join(TEXTS[1:])}]]", "a JSON array"),
    "one after another": ("".join(TEXTS), "concatenated JSON values"),
    "text sequence": ("".join(f"\x1e{text}\n" for text in TEXTS), "a JSON text sequence"),
    "journalctl": (
        prefixed(lambda _: "Nov 23 08:48:06 ops-1 nomad-events[712]: "),
        "JSON after a prefix on each line",
    ),
    "journalctl, long lines broken": (
        prefixed(lambda number: f"Nov 23 08:48:{number % 60:02} ops-1 nomad-events[712]: ", 700),
        "JSON after a prefix on each line",
    ),
    "journalctl --output json": (journald(str), "journald's JSON"),
    "journalctl --output json of bytes": (journald(lambda text: list(text.encode())), "journald's JSON"),
    "syslog": (
        prefixed(lambda _: '<134>1 2026-11-29T02:40:18.1Z host app 7 - [a@1 b="{"] '),
        "JSON after a prefix on each line",
    ),
    "compose": (prefixed(lambda _: "events-1  | "), "JSON after a prefix on each line"),
    "kubectl": (prefixed(lambda _: "[pod/events-0/tail] "), "JSON after a prefix on each line"),
    "server-sent events": (
        ": welcome\n\n" + "".join(f"event: nomad\nid: {number}\ndata: {text}\n\n" for number, text in enumerate(TEXTS)),
        "server-sent events",
    ),
    "server-sent events of several lines": (
        "".join(
            "".join(f"data: {line}\n" for line in json.dumps(json.loads(text), indent=2).split("\n")) + "\n"
            for text in TEXTS
        ),
        "server-sent events",
    ),
    "Docker": (docker(), "a container's log (Docker json-file)"),
    "Docker, in pieces": (docker(500), "a container's log (Docker json-file)"),
    "CRI": (cri(1 << 20), "a container's log (CRI)"),
    "CRI, in pieces": (cri(600), "a container's log (CRI)"),
    "Loki": (
        "\n".join(json.dumps({"labels": {"job": "x"}, "line": text, "timestamp": "t"}) for text in TEXTS),
        "JSON around each frame",
    ),
    "a logger of objects": (
        "\n".join(f'{{"level":"info","event":{text}}}' for text in TEXTS),
        "JSON around each frame",
    ),
    "an answer with its headers": (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + "\n".join(TEXTS),
        "JSON between other lines",
    ),
    "CRLF": (CRLF.join(TEXTS), "NDJSON"),
    "single events": ("\n".join(json.dumps(event) for event in EVENTS), "NDJSON"),
}


@pytest.mark.parametrize("name", CAPTURES)
def test_every_event_is_read_however_it_was_captured(name: str) -> None:
    text, kind = CAPTURES[name]
    for size in (1 << 30, 977):
        capture, found = read(text.encode(), size)
        assert (events(found), capture.kind) == (EVENTS, kind)
        assert [each for each in found if isinstance(each, Unreadable)] == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("name", ["single events", "indented by two", "Docker, in pieces"])
def test_the_encoding_makes_no_difference(name: str, encoding: str) -> None:
    text, kind = CAPTURES[name]
    for size in (1 << 30, 3):
        capture, found = read(text.encode(encoding), size)
        assert events(found) == EVENTS
        assert capture.kind.startswith(kind) and ("UTF" in capture.kind) is (encoding != "utf-8-sig")


def test_concatenated_recordings_lose_no_frame_to_a_byte_order_mark() -> None:
    _, found = read(b"".join(b"\xef\xbb\xbf" + line + b"\n" for line in FRAMES))
    assert events(found) == EVENTS


def test_numbers_keep_their_notation() -> None:
    event = '{"Topic":"X","Index":7,"Payload":{"Big":123456789012345678901234567890,"Small":1.10}}'
    _, found = read(("{\n" + event[1:-1].replace(",", ",\n") + "\n}\n").encode())
    [frame] = [each for each in found if isinstance(each, Frame)]
    assert frame.line == event.encode()


@pytest.mark.parametrize("size", [1 << 30, 7])
def test_frames_joined_on_a_line_are_read_and_a_truncated_one_is_reported(size: int) -> None:
    first, second = (text.encode() for text in TEXTS[:2])
    third, fourth = (b'{"Index":%d,"Events":%s}' % (number, json.dumps(EVENTS[:3]).encode()) for number in (3, 4))
    joined = b"\n".join([b"{}", first + second + b"{}", third[:50] + fourth + third + b" " + fourth[:-20]])
    _, found = read(joined, size)
    cut, rest = (each for each in found if isinstance(each, Unreadable))
    assert [each.line for each in found if isinstance(each, Frame)] == [first, second, fourth, third]
    assert sum(isinstance(each, Heartbeat) for each in found) == 2
    assert (cut.excerpt, cut.cut) == (third[:50], False)
    assert (rest.length, rest.cut) == (len(fourth) - 20, True)


def test_an_unterminated_object_does_not_affect_others() -> None:
    broken = pretty(2).split("\n{")
    broken[3] = broken[3][: len(broken[3]) // 2] + "\n"
    _, found = read("\n{".join(broken).encode())
    assert [type(each) for each in found].count(Unreadable) == 1
    assert len([each for each in found if isinstance(each, Frame)]) == len(FRAMES) - 1


def test_an_object_that_is_too_long_is_reported_and_the_next_is_read() -> None:
    large = json.dumps({"Index": 2, "Events": [{"Topic": "Job", "Payload": {"Text": "x{" * 9000}}]}, indent=1)
    small = json.dumps({"Index": 3, "Events": [{"Topic": "Job", "Payload": {}}]}, indent=1)
    for size in (1 << 30, 500):
        _, found = read(f"[{small},{large},{small}]".encode(), size, max_line=4000)
        assert [type(each) for each in found] == [Frame, Unreadable, Frame]
        assert isinstance(found[1], Unreadable) and (found[1].length, "--max-line" in found[1].reason) == (
            len(large),
            True,
        )


def test_a_frame_with_a_missing_piece_is_reported() -> None:
    lines = prefixed(lambda number: f"Nov 23 08:48:{number % 60:02} ops-1 events[7]: ", 900).splitlines()
    middle = next(number for number, line in enumerate(lines) if not line.partition(": ")[2].startswith("{"))
    _, found = read("\n".join(lines[:middle] + lines[middle + 1 :]).encode())
    assert [each.reason for each in found if isinstance(each, Unreadable)] == ["a frame with a missing part"]
    assert len([each for each in found if isinstance(each, Frame)]) == len(FRAMES) - 1


NOT_RECORDINGS = [
    (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
    (b"\xfd7zXZ\0\0", "xz -d"),
    (b"PK\x03\x04\x14\0", "zip"),
    (b"SQLite format 3\0" + bytes(100), "SQLite"),
    (b"\x7fELF" + bytes(100), "a program"),
    (bytes(range(256)) * 4, "binary data"),
    (b"<!DOCTYPE html><html></html>", "an HTML page"),
    (b'job "web" {\n  type = "service"\n}\n', "HCL"),
    (b"name: web\nreplicas: 3\nimage: x\n", "YAML"),
    (b"a,b,c\n1,2,3\n", "CSV"),
    (b"Nov 23 08:48:06 ops-1 sshd[7]: session opened\n" * 500, "a log without events"),
    (b'Nov 23 08:48:06 ops-1 app[7]: {"level":"info"}\n' * 500, "a log without events"),
    (
        b'{"ID":"web","Name":"web","Type":"service","Status":"running","X":1}',
        "JSON with the keys ID, Name, Type, Status",
    ),
    (
        b'[\n  {\n    "ID": "web",\n    "Node": {"Deep": 1},\n    "Name": "a"\n  }\n]',
        "JSON array of objects with the keys ID, Node, Name",
    ),
    (b"-----BEGIN CERTIFICATE-----\n", "a PEM file"),
    (b"HTTP/1.1 403 Forbidden\r\n\r\nPermission denied", "an HTTP response"),
    (b"Permission denied\n", "text without JSON"),
]


@pytest.mark.parametrize(("content", "words"), NOT_RECORDINGS, ids=[words for _, words in NOT_RECORDINGS])
def test_input_without_events_is_identified(content: bytes, words: str) -> None:
    capture, found = read(content)
    assert (found, capture.read_any) == ([], False)
    assert words in capture.likeness
    assert capture.likeness.isprintable()


def test_damaged_input_never_raises() -> None:
    """Input truncated, duplicated and shuffled gives frames and reports, and no intact frame is lost."""
    chance = random.Random(7)
    sources = [text.encode() for text, _ in CAPTURES.values()]
    for number in range(300):
        content = bytearray(chance.choice(sources)[: chance.randrange(200, 20_000)])
        for _ in range(chance.randrange(6)):
            place = chance.randrange(len(content))
            content[place : place + chance.choice((0, 1, 40))] = chance.choice(
                (b"{", b"}", b'"', b"\n", b"\0", b"\xff\xfe", b"[", b"\\", b'{"Index":', b"data: {", b"\x1e")
            )
        _, whole = read(bytes(content))
        _, in_pieces = read(bytes(content), chance.randrange(1, 3000))
        assert [each.line for each in whole if isinstance(each, Frame)] == [
            each.line for each in in_pieces if isinstance(each, Frame)
        ], number
