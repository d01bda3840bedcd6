"""Frames in the output of loggers: after a prefix on each line, or nested in JSON.

journald and syslog, containers' logs (Docker's json-file, CRI, `docker compose logs`, `kubectl logs --prefix`),
server-sent events, and others that write a line of text or an object per message. Some of them split long lines;
consecutive pieces are joined.
"""

import re
from collections.abc import Iterator
from typing import Final, TypeGuard

import msgspec

from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.wire import EXCERPT, Frame, Heartbeat, Unreadable, decode

MAX_DEPTH: Final = 4
"""Maximum levels of wrapping around a frame."""
MAX_BRACES: Final = 4
"""Braces of a line that are tried as the beginning of a frame: a prefix may contain some."""
MAX_SOURCES: Final = 32
"""Loggers whose pieces are joined simultaneously."""
UNREADABLE: Final = "a frame with a missing part"

_CRI: Final = lazy_pattern(rb"\d{4}-\d\d-\d\dT\S+ (stdout|stderr) [FP](?::\S*)? (.*)", re.DOTALL)
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_KEY: Final = rb'\s*\{\s*(?:"(?:Index|Events|Topic|Type|Key|Namespace|FilterKeys|Payload)"'
_KEYED: Final = lazy_pattern(_KEY + rb")")
_MAYBE_FRAME: Final = lazy_pattern(_KEY + rb"|$)")
_SOURCE: Final = ("stream", "_PID", "tag", "source")
"""Members that identify loggers."""
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_bytes = msgspec.json.Decoder(list[int]).decode
_decode_text = msgspec.json.Decoder(str).decode


class Unwrapper:
    def __init__(self, longest: int = DEFAULT_MAX_LINE) -> None:
        self.kind = ""
        """The wrapping of the first frame; empty before that."""
        self.longest = longest
        self._pieces: dict[bytes, list[bytes]] = {}
        """Incomplete frames by the identity of their logger."""
        self._has_new_piece = False

    def unwrap(self, line: bytes) -> list[Frame | Heartbeat | Unreadable] | None:
        """The frames in a line, or completed by it; None if the line contains no part of a frame."""
        self._has_new_piece = False
        found = list(self._unwrap(line))
        return found if found or self._has_new_piece else None

    def _unwrap(self, line: bytes) -> Iterator[Frame | Heartbeat | Unreadable]:
        stripped = line.strip()
        if not stripped:
            return
        if stripped[:1] == b"{":
            if (members := _members(stripped)) is not None:
                yield from self._unwrap_members(members, MAX_DEPTH)
            elif stripped == b"{" or b"" in self._pieces:
                yield from self._joined(b"", line, "pretty-printed JSON after other lines")
            return
        if (matched := _CRI.fullmatch(stripped)) is not None:
            yield from self._joined(b"CRI " + matched[1], matched[2], "a container's log (CRI)")
            return
        if b"" in self._pieces:
            yield from self._joined(b"", line, "pretty-printed JSON after other lines")
            return
        yield from self._after_prefix(line)

    def finish(self) -> Iterator[Unreadable]:
        """Report incomplete frames."""
        for source in list(self._pieces):
            yield from self._drop_incomplete(source)

    def _after_prefix(self, line: bytes) -> Iterator[Frame | Heartbeat | Unreadable]:
        kind = "server-sent events" if line.startswith(b"data:") else "JSON after a prefix on each line"
        for shape in self._pieces:
            if shape and _shape(line[: len(shape)]) == shape:
                yield from self._joined(shape, line[len(shape) :], kind)
                return
        begin = -1
        for _ in range(MAX_BRACES):
            begin = line.find(b"{", begin + 1)
            if begin < 0:
                break
            rest = line[begin:].strip()
            found = decode(rest)
            if self._is_frame(found):
                yield from self._drop_incomplete(_shape(line[:begin]))
                yield self._record_kind(found, kind)
                return
            if (members := _members(rest)) is not None:
                inner = list(self._unwrap_members(members, MAX_DEPTH))
                if inner:
                    yield from inner
                    return
            if _MAYBE_FRAME.match(rest):
                yield from self._joined(_shape(line[:begin]), line[begin:], kind)
                return

    def _unwrap_members(self, members: dict[str, msgspec.Raw], depth: int) -> Iterator[Frame | Heartbeat | Unreadable]:
        for name, raw in members.items():
            text = _message(raw)
            if text is None:
                continue
            content = text.lstrip()
            kind = _wrapper(members, name)
            found = decode(content) if content[:1] == b"{" else None
            if self._is_frame(found):
                yield self._record_kind(found, kind)
                return
            inner: list[Frame | Heartbeat | Unreadable] = []
            source = b"JSON " + b" ".join([name.encode(), *(bytes(members.get(each, b"")) for each in _SOURCE)])
            is_text = bytes(raw)[:1] != b"{"
            if is_text and source in self._pieces:
                yield from self._joined(source, text.rstrip(b"\r\n"), kind)
                return
            if depth and content[:1] == b"[":
                inner = [each for item in _items(content) for each in self._unwrap_members({"": item}, depth - 1)]
            elif depth and (nested := _members(content)) is not None:
                inner = list(self._unwrap_members(nested, depth - 1))
            elif is_text and _MAYBE_FRAME.match(content):
                yield from self._joined(source, text.rstrip(b"\r\n"), kind)
                return
            if inner:
                yield from inner
                return

    def _joined(self, source: bytes, piece: bytes, kind: str) -> Iterator[Frame | Heartbeat | Unreadable]:
        """The frame that a piece completes, if any."""
        if _MAYBE_FRAME.match(piece):
            found = decode(piece)
            is_whole = self._is_frame(found)
            if is_whole or source not in self._pieces or piece.lstrip()[1:2] == b'"':
                yield from self._drop_incomplete(source)
            if self._is_frame(found):
                yield self._record_kind(found, kind)
                return
        elif source not in self._pieces:
            if (members := _members(piece.strip())) is not None:
                yield from self._unwrap_members(members, MAX_DEPTH)
            return
        if len(self._pieces) >= MAX_SOURCES and source not in self._pieces:
            yield from self._drop_incomplete(next(iter(self._pieces)))
        pieces = self._pieces.setdefault(source, [])
        pieces.append(piece)
        self._has_new_piece = True
        if piece.rstrip().endswith(b"}"):
            found = decode(b"".join(pieces))
            if self._is_frame(found):
                del self._pieces[source]
                yield self._record_kind(found, kind)
                return
        if sum(map(len, pieces)) > self.longest:
            yield from self._drop_incomplete(source)

    def _drop_incomplete(self, source: bytes) -> Iterator[Unreadable]:
        pieces = self._pieces.pop(source, ())
        text = b"".join(pieces[:3])
        if _KEYED.match(text):
            yield Unreadable(UNREADABLE, text[:EXCERPT], sum(map(len, pieces)))

    def _is_frame(self, found: Frame | Heartbeat | Unreadable | None) -> TypeGuard[Frame | Heartbeat]:
        """Whether it is certainly a frame: `{}` and a bare index occur in other logs too."""
        if isinstance(found, Heartbeat):
            return bool(self.kind)
        return isinstance(found, Frame) and bool(found.events) and not is_wrapped(found)

    def _record_kind(self, found: Frame | Heartbeat, kind: str) -> Frame | Heartbeat:
        self.kind = self.kind or kind
        if isinstance(found, Frame):
            found.line = one_line(found.line)
        return found


def one_line(text: bytes, *, always: bool = False) -> bytes:
    """JSON without white space between its tokens, if it has line feeds or with `always`; values are unchanged."""
    if b"\n" not in text and not always:
        return text.strip()
    try:
        return bytes(msgspec.json.format(text, indent=-1))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return text.replace(b"\n", b" ").strip()


def is_wrapped(found: Frame) -> bool:
    """Whether an event without a topic is actually an object around one."""
    return len(found.events) == 1 and not found.events[0].topic and not found.events[0].type


def _shape(prefix: bytes) -> bytes:
    """The constant part of a logger's prefixes: digits of times and counters are normalized."""
    return prefix.translate(_DIGITS)


def _wrapper(members: dict[str, msgspec.Raw], name: str) -> str:
    if "__REALTIME_TIMESTAMP" in members or name == "MESSAGE":
        return "journald's JSON"
    if name == "log" and "stream" in members:
        return "a container's log (Docker json-file)"
    return "JSON around each frame"


def _message(raw: msgspec.Raw) -> bytes | None:
    """The content of a member: an object, an array, a string, or a string that journald writes as numbers."""
    text = bytes(raw).lstrip()
    try:
        match text[:1]:
            case b'"':
                return _decode_text(text).encode("utf-8", "replace")
            case b"[" if text[1:2].isdigit():
                return bytes(_decode_bytes(text))
            case b"{" | b"[":
                return text
    except (msgspec.MsgspecError, ValueError):
        pass
    return None


def _members(text: bytes) -> dict[str, msgspec.Raw] | None:
    if text[:1] != b"{":
        return None
    try:
        return _decode_members(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _items(text: bytes) -> list[msgspec.Raw]:
    try:
        return _decode_items(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
