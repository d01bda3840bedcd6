"""Decodes the bytes of a stream into frames of events.

A stream is newline-delimited JSON: `{"Index":n,"Events":[…]}` for the changes of one write to Nomad's state, `{}` for a
heartbeat. The server does not limit the length of lines (1 MB with 40 task groups), keys are in any order, and the body
may end in the middle of a line. This module does not know where the bytes come from, so any chunking can be tested.
"""

import codecs
import re
from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Final

import msgspec
import orjson

from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.core.patterns import lazy_pattern

LONGEST_REPAIRED: Final = 4 * 1024 * 1024
"""Longest line, in bytes, in which events of unexpected types and excessive nesting are repaired: that takes a second
or two."""

LARGEST_INDEX: Final = (1 << 63) - 1
"""Nomad's indexes are unsigned 64-bit; half of that range fits SQLite and a signed column. Larger numbers are not
indexes."""
BEFORE_JSON: Final = codecs.BOM_UTF8 + b" \t\r"
"""Bytes to strip before a line's JSON: a proxy may insert a byte-order mark."""
NOT_A_FRAME: Final = "JSON, but not a frame"
EXCERPT: Final = 400
"""Bytes of an unreadable line that are kept for inspection."""


class Event(msgspec.Struct, rename="pascal", gc=False):
    """One event as the server sent it. Unknown fields remain in the frame's line.

    The payload shares memory with the frame's line, so an `Event` keeps the frame's bytes alive.
    """

    topic: str = ""
    type: str = ""
    key: str = ""
    namespace: str = ""
    filter_keys: tuple[str, ...] | None = None
    index: int = -1
    """-1 if the event itself has none; the frame's index applies then."""
    payload: msgspec.Raw = msgspec.Raw(b"null")


class Frame(msgspec.Struct, eq=False, gc=False):
    """One line of the stream. Several frames may share an index; the order of events is the server's."""

    index: int
    events: list[Event]
    line: bytes
    """As received, without the line feed and a byte-order mark; `decode` returns an equal frame for it."""
    repaired: str | None = None
    """What was repaired or left out to read the line, as the end of a sentence; None for almost every frame."""

    fresh: bool = False
    """Whether its reader was connected when it was written, so that its receipt time tells when that was.

    False for frames from a server's buffer or a recording.
    """
    received: int = 0
    """When the recorder that forwards it received it, in ns since 1970; 0 if it is being received now."""
    moments: tuple[int | None, int | None] | None = None
    """Cached by `core.objects.registry`: when the events happened."""
    write: Any = None
    """Cached by `core.objects.parts`: the decoded objects."""

    def __eq__(self, other: object) -> bool:
        """Whether it has the same content, whenever it was received."""
        if not isinstance(other, Frame):
            return NotImplemented
        return (self.index, self.events, self.line, self.repaired) == (
            other.index, other.events, other.line, other.repaired
        )  # fmt: skip

    __hash__ = None  # type: ignore[assignment]

    def received_when_written(self, now: int) -> int:
        """The receipt time if it tells when the events happened, else 0: an argument of `History.append`.

        `now` applies to a frame being received now, or is the receipt time in its record; in ns since 1970.
        """
        return (self.received or now) if self.fresh else 0

    def with_events(self, events: list[Event]) -> "Frame":
        """The same frame with a subset of its events, each with its original bytes."""
        wanted = set(map(id, events))
        kept = [position for position, event in enumerate(self.events) if id(event) in wanted]
        texts = self.event_texts()
        line = b'{"Index":%d,"Events":[%s]}' % (self.index, b",".join(texts[position] for position in kept))
        return Frame(self.index, events, line, self.repaired, self.fresh, self.received)

    def event_texts(self) -> list[bytes]:
        """Each event as JSON: the server's own text, or encoded again if the line had to be repaired."""
        if self.repaired is None:
            try:
                texts = event_lines(self.line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                texts = []
            if len(texts) == len(self.events):
                return texts
        return [event_text(event, self.index) for event in self.events]


class Unreadable(msgspec.Struct, frozen=True):
    """A line, or part of one, that could not be decoded into events."""

    reason: str
    excerpt: bytes
    """The first `EXCERPT` bytes, unaltered and untrusted."""
    length: int
    """Length of the line in bytes."""
    cut: bool = False
    """True for a last line without a line feed: the normal end of a closed stream."""


class Heartbeat(Enum):
    """`{}`: the server is alive and has no events to send."""

    HEARTBEAT = b"{}"


HEARTBEAT: Final = Heartbeat.HEARTBEAT


class LineSplitter:
    """Collects chunks and returns complete lines, split at line feeds only.

    (`bytes.splitlines` and text-mode readers also split at U+0085 and U+2028, which may occur inside a JSON string.) A
    line over `max_line` bytes is dropped as it arrives and reported in `oversized`.
    """

    def __init__(self, max_line: int = DEFAULT_MAX_LINE) -> None:
        self.max_line = max_line
        self.oversized: list[Unreadable] = []
        """Lines dropped since the caller last cleared this list."""
        self._parts: list[bytes] = []
        self._length = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines completed by `chunk`, without line feeds; often none, often many."""
        lines = chunk.split(b"\n")
        rest = lines.pop()
        if not lines:
            self._keep(chunk)
            return []
        if self._parts:
            self._keep(lines[0])
            lines[0] = self._take_line()
        self._keep(rest)
        if len(chunk) + len(lines[0]) > self.max_line:
            lines = [line for line in lines if self._within_bound(line)]
        if self.oversized:
            lines = [line for line in lines if line]
        return lines

    @property
    def unfinished(self) -> int:
        """Bytes of the incomplete line, including dropped ones."""
        return self._length

    def finish(self) -> bytes:
        """The incomplete line at the end of the stream; empty at a clean end."""
        return self._take_line()

    def _keep(self, part: bytes) -> None:
        if not part:
            return
        self._length += len(part)
        if self._length <= self.max_line:
            self._parts.append(part)
        elif len(self._parts) != 1 or len(self._parts[0]) != EXCERPT:
            self._parts = [b"".join([*self._parts, part[:EXCERPT]])[:EXCERPT]]

    def _take_line(self) -> bytes:
        line = b"".join(self._parts)
        length, self._length, self._parts = self._length, 0, []
        if length > self.max_line:
            self._report(line, length)
            return b""
        return line

    def _within_bound(self, line: bytes) -> bool:
        if len(line) <= self.max_line:
            return True
        self._report(line, len(line))
        return False

    def _report(self, line: bytes, length: int) -> None:
        reason = f"longer than the line limit ({self.max_line:,} bytes, --max-line)"
        self.oversized.append(Unreadable(reason, line[:EXCERPT], length))


class _Batch(msgspec.Struct, rename="pascal", gc=False):
    index: Annotated[int, msgspec.Meta(ge=-1, le=LARGEST_INDEX)]
    events: list[Event] | None = None


class _LooseBatch(msgspec.Struct, rename="pascal"):
    index: Any = None
    events: Any = None


class _RawBatch(msgspec.Struct, rename="pascal"):
    events: list[msgspec.Raw] = []


_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_event = msgspec.json.Decoder(Event).decode
_decode_loose = msgspec.json.Decoder(_LooseBatch).decode
_decode_raws = msgspec.json.Decoder(_RawBatch).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_HEARTBEAT: Final = lazy_pattern(rb"\{\s*\}")
_SURROGATES: Final = lazy_pattern(
    rb"(?<!\\)((?:\\\\)*+)"
    rb"(?:(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""An even number of backslashes, followed by a surrogate pair or a lone surrogate."""
_TOKENS: Final = lazy_pattern(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},:]')
_TEXTS: Final = lazy_pattern(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(?<![\w.-])-?(?:NaN|Infinity)(?!\w)')
"""A string, or a number that is not JSON but is written by some programs."""
_CONTROLS: Final = lazy_pattern(rb"[\x00-\x1f]")
_PAYLOAD_DEPTHS: Final = (1, 3)
"""Depth of brackets at a payload's key: in a line of a single event, and in a frame's `{ "Events": [ { "Payload":`."""


def decode(line: bytes) -> Frame | Heartbeat | Unreadable | None:
    """The content of a line; None for a blank one. Never raises.

    The fast path is one call of msgspec, which skips payloads without building them (1.4 µs per event of 2.8 KB,
    measured). Lines that it rejects are repaired if possible: bytes that are not UTF-8, lone surrogates, envelope
    fields of another type, nesting beyond its limit.
    """
    if line == b"{}":
        return HEARTBEAT
    if not line:
        return None
    try:
        batch = _decode_batch(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decode_slowly(line)
    if batch.events is None:
        return _without_events(batch.index, line)
    return Frame(batch.index, batch.events, line)


def event_lines(line: bytes) -> list[bytes]:
    """Each event of a frame's line exactly as the server wrote it, including unknown fields.

    A line with a single event (as printed by `tail --output ndjson`) is returned itself. Raises `msgspec.MsgspecError`,
    `UnicodeDecodeError` or `RecursionError` for lines that only `decode` can repair.
    """
    if raws := _decode_raws(line).events:
        return [bytes(raw) for raw in raws]
    return [line]


def event_text(event: Event, frame_index: int) -> bytes:
    """Encode an event that could only be read after repairs. The payload's bytes are unchanged."""
    return orjson.dumps(
        {
            "Topic": event.topic,
            "Type": event.type,
            "Key": event.key,
            "Namespace": event.namespace,
            "FilterKeys": event.filter_keys,
            "Index": orjson.Fragment(b"%d" % (frame_index if event.index < 0 else event.index)),
            "Payload": orjson.Fragment(bytes(event.payload)),
        }
    )


def _without_events(index: int, line: bytes) -> Frame | Heartbeat | Unreadable | None:
    if b'"Topic"' not in line:
        return Frame(index, [], line)
    try:
        return Frame(index, [_decode_event(line)], line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _decode_slowly(line)


def _decode_slowly(line: bytes) -> Frame | Heartbeat | Unreadable | None:
    if line.startswith(codecs.BOM_UTF8):
        return decode(line.lstrip(BEFORE_JSON))
    stripped = line.strip()
    if not stripped:
        return None
    if _HEARTBEAT.fullmatch(stripped):
        return HEARTBEAT
    repaired: list[str] = []
    text = stripped.decode("utf-8", "replace").encode()
    if text != stripped:
        repaired.append("bytes that are not UTF-8 were replaced")
    repaired_line = _SURROGATES.sub(_without_lone_surrogate, text)
    if repaired_line != text:
        repaired.append("lone surrogates were replaced")
    if len(line) > LONGEST_REPAIRED:
        return _repaired_long_line(line, repaired_line, repaired)
    try:
        try:
            try:
                return _repaired_frame(line, repaired_line, repaired, {})
            except msgspec.ValidationError:
                raise
            except msgspec.DecodeError:
                if (quoted := _TEXTS.sub(_as_json, repaired_line)) == repaired_line:
                    raise
                repaired_line = quoted
                repaired.append("NaN, Infinity or unescaped control characters are shown as text")
                return _repaired_frame(line, repaired_line, repaired, {})
        except RecursionError:
            without_payloads, payloads = _without_payloads(repaired_line)
            repaired.append("a payload is nested too deeply to show as a tree")
            return _repaired_frame(line, without_payloads, repaired, payloads)
    except msgspec.ValidationError:
        reason = NOT_A_FRAME
    except msgspec.DecodeError:
        reason = "not JSON"
    except RecursionError:
        reason = "nested too deeply, outside a payload"
    return Unreadable(reason, line[:EXCERPT], len(line))


def _repaired_long_line(line: bytes, repaired_line: bytes, repaired: list[str]) -> Frame | Unreadable:
    try:
        batch = _decode_batch(repaired_line)
    except (msgspec.MsgspecError, RecursionError):
        return Unreadable("not a frame, and too long to repair", line[:EXCERPT], len(line))
    return Frame(batch.index, batch.events or [], line, "; ".join(repaired) or None)


def _without_lone_surrogate(found: re.Match[bytes]) -> bytes:
    return found[1] + rb"\ufffd" if found[2] is None else found[0]


def _as_json(found: re.Match[bytes]) -> bytes:
    if found[0][:1] != b'"':
        return b'"%s"' % found[0]
    return _CONTROLS.sub(lambda control: b"\\u%04x" % control[0][0], found[0])


def _repaired_frame(
    line: bytes, repaired_line: bytes, repaired: list[str], payloads: dict[bytes, bytes]
) -> Frame | Unreadable:
    """Decode `line` from `repaired_line`, in which each of `payloads` is replaced by a number."""
    loose = _decode_loose(repaired_line)
    if loose.events is None and b'"Topic"' in repaired_line:
        raws = [msgspec.Raw(repaired_line)]
    elif isinstance(loose.events, list):
        raws = _decode_raws(repaired_line).events
    else:
        return Unreadable(NOT_A_FRAME, line[:EXCERPT], len(line))
    events = [event for raw in raws if (event := _lenient_event(raw, repaired)) is not None]
    for event in events:
        if payload := payloads.get(bytes(event.payload)):
            event.payload = msgspec.Raw(payload)
    index = _whole_number(loose.index)
    return Frame(index if 0 <= index <= LARGEST_INDEX else -1, events, line, "; ".join(dict.fromkeys(repaired)) or None)


def _lenient_event(raw: msgspec.Raw, repaired: list[str]) -> Event | None:
    try:
        return _decode_event(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    try:
        members = _decode_members(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        repaired.append("an event that is not an object was skipped")
        return None
    repaired.append("fields of an unexpected type are shown as text")
    event = Event(
        topic=_as_text(members.get("Topic")),
        type=_as_text(members.get("Type")),
        key=_as_text(members.get("Key")),
        namespace=_as_text(members.get("Namespace")),
        payload=members.get("Payload", msgspec.Raw(b"null")),
    )
    keys = _value(members.get("FilterKeys"))
    if isinstance(keys, list):
        event.filter_keys = tuple(key if isinstance(key, str) else str(key) for key in keys)
    event.index = _whole_number(_value(members.get("Index")))
    return event


def _whole_number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _value(raw: msgspec.Raw | None) -> Any:
    return None if raw is None else msgspec.json.decode(raw)


def _as_text(raw: msgspec.Raw | None) -> str:
    value = _value(raw)
    if value is None:
        return ""
    return value if isinstance(value, str) else bytes(raw or b"").decode("utf-8", "replace")


def _without_payloads(line: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """`line` with each event's payload replaced by a number, and the payloads by these numbers."""
    kept: list[bytes] = []
    payloads: dict[bytes, bytes] = {}
    done = 0
    for start, end in _payload_extents(line):
        number = b"%d" % len(payloads)
        kept += (line[done:start], number)
        payloads[number] = line[start:end].strip()
        done = end
    return b"".join([*kept, line[done:]]), payloads


def _payload_extents(line: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of each event's payload, found by counting brackets: nesting uses no stack."""
    depth = depth_of_key = 0
    after_key = False
    start: int | None = None
    for token in _TOKENS.finditer(line):
        match token.group():
            case b"{" | b"[":
                depth += 1
            case b"}" | b"]":
                depth -= 1
                if start is not None and depth < depth_of_key:
                    yield start, token.start()
                    start = None
            case b"," if start is not None and depth == depth_of_key:
                yield start, token.start()
                start = None
            case b":" if after_key and start is None:
                start, depth_of_key = token.end(), depth
            case b'"Payload"' if depth in _PAYLOAD_DEPTHS and start is None:
                after_key = True
                continue
            case _:
                pass
        after_key = False
