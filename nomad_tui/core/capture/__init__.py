"""Reads frames from the bytes of a recording, in any format that programs write.

Plain NDJSON goes directly to `core.wire`. Other formats are UTF-16 and byte order marks, pretty-printed JSON, arrays,
several values per line, and JSON after a prefix or nested in other JSON. The format is determined from the first line
or two; lines that cannot be decoded are searched for frames in any case.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final, TypeAlias

from nomad_tui.core.capture.likeness import HEAD, is_binary, likeness
from nomad_tui.core.capture.wrapped import UNREADABLE, Unwrapper, is_wrapped, one_line
from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.wire import (
    EXCERPT,
    NOT_A_FRAME,
    Frame,
    Heartbeat,
    LineSplitter,
    Unreadable,
    decode,
)

_TOKENS: Final = lazy_pattern(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}"]|\n(?=\{)', re.DOTALL)
"""A complete string, a brace, the quote of an unterminated string, or a line that starts with a brace."""
_FRAME: Final = lazy_pattern(rb'\{\s*+"Index"\s*+:\s*+\d+\s*+,\s*+"Events"\s*+:|(?<=\})\{\}(?=\s*+(?:\{\s*+"Index"|$))')
"""The beginning of a frame as servers write it, or a heartbeat after a frame. Inside a string its quotes are
escaped."""
_SEPARATORS: Final = b" \t\r\n,[]\x1e"
"""Possible separators between objects; 0x1E is that of JSON text sequences (RFC 7464)."""


def frames_of_line(line: bytes) -> list[bytes]:
    """The objects in a line with several of them, as after a lost line feed.

    A truncated frame is a separate part if the next frame starts as servers write it. Any other line is the only part.
    """
    if not line.startswith(b"{"):
        return [line]
    starts = [0, *(found.start() for found in _FRAME.finditer(line) if found.start()), len(line)]
    parts = [line[start:end].strip() for start, end in pairwise(starts)]
    return [each for part in parts for each in _objects(part)]


def _objects(text: bytes) -> list[bytes]:
    splitter = ValueSplitter(len(text))
    values = [each for each in splitter.feed(text) if isinstance(each, bytes)]
    return values if values and not splitter.unfinished else [text]


class ValueSplitter:
    """Splits text, in any chunks, into the objects at its top level or in its arrays, exactly as they were written.

    White space, commas and brackets may separate them. Objects are found by counting braces outside of strings, so that
    an array of a gigabyte needs no more memory than its largest object.
    """

    def __init__(self, max_value: int = DEFAULT_MAX_LINE) -> None:
        self.max_value = max_value
        self._text = b""
        """Text from the start of the incomplete object; separators are not kept."""
        self._scanned = 0
        self._depth = 0
        self._dropped = 0
        """Bytes of an incomplete object beyond the limit, of which only the beginning is kept."""
        self._excerpt = b""
        self._indented: bool | None = None
        """Whether lines within objects are indented, so that a brace at the start of a line begins a new object."""

    @property
    def unfinished(self) -> bool:
        """Whether an object is incomplete."""
        return self._depth > 0

    def feed(self, chunk: bytes) -> list[bytes | Unreadable]:
        """The objects completed by `chunk`, and anything that is neither an object nor a separator."""
        found: list[bytes | Unreadable] = []
        text = self._text + chunk if self._text else chunk
        start = 0
        position = self._scanned
        if self._depth == 0:
            position = 0
        elif self._indented is None and (line_feed := text.find(b"\n")) >= 0 and line_feed + 1 < len(text):
            self._indented = text[line_feed + 1 : line_feed + 2] in (b" ", b"\t")
        while True:
            token = _TOKENS.search(text, position) if self._depth else None
            if self._depth == 0:
                begin = text.find(b"{", position)
                between = text[position : begin if begin >= 0 else len(text)].strip(_SEPARATORS)
                if between:
                    found.append(Unreadable("not JSON", between[:EXCERPT], len(between)))
                if begin < 0:
                    start = position = len(text)
                    break
                start, position, self._depth = begin, begin + 1, 1
                if self._indented is None and (line_feed := text.find(b"\n", begin)) >= 0 and line_feed + 1 < len(text):
                    self._indented = text[line_feed + 1 : line_feed + 2] in (b" ", b"\t")
                continue
            if token is None:
                # A line feed at the end may precede a brace.
                position = len(text) - text.endswith(b"\n")
                break
            matched = token.group()
            position = token.end()
            if matched == b'"':
                position = token.start()
                break
            if matched == b"{":
                self._depth += 1
            elif matched == b"}":
                self._depth -= 1
                if self._depth == 0:
                    found.append(self._completed(text[start:position]))
                    start = position
            elif matched == b"\n" and self._indented:
                found.append(self._unterminated(text[start:position]))
                start, self._depth = position, 0
        self._text, self._scanned = text[start:], position - start
        if len(self._text) > self.max_value or self._dropped:
            self._drop()
        return found

    def finish(self) -> list[Unreadable]:
        """The object that is incomplete at the end."""
        if self._depth == 0:
            return []
        self._depth = 0
        rest = (self._excerpt or self._text)[:EXCERPT]
        length = self._dropped + len(self._text)
        self._text = b""
        return [Unreadable("truncated at the end of the recording", rest, length, cut=True)]

    def _drop(self) -> None:
        """Drop the scanned part of an object beyond the limit."""
        self._excerpt = self._excerpt or self._text[:EXCERPT]
        self._dropped += self._scanned
        self._text, self._scanned = self._text[self._scanned :], 0

    def _completed(self, text: bytes) -> bytes | Unreadable:
        length = self._dropped + len(text)
        if length <= self.max_value:
            return text
        excerpt = self._excerpt or text[:EXCERPT]
        self._excerpt, self._dropped = b"", 0
        reason = f"longer than the line limit ({self.max_value:,} bytes, --max-line)"
        return Unreadable(reason, excerpt, length)

    def _unterminated(self, text: bytes) -> Unreadable:
        excerpt, length = (self._excerpt or text)[:EXCERPT], self._dropped + len(text)
        self._excerpt, self._dropped = b"", 0
        return Unreadable("an unterminated object", excerpt, length)


_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: starts with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ENCODING_HEAD: Final = 4
"""Bytes that determine the encoding."""
NAMES: Final = {"utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32-le": "UTF-32", "utf-32-be": "UTF-32"}


class Utf8:
    """Converts a text in UTF-8, UTF-16 or UTF-32, given in any chunks, to UTF-8."""

    def __init__(self) -> None:
        self._head = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._known = False
        self.name = ""
        """`UTF-16` or `UTF-32`; empty for other encodings."""

    def feed(self, chunk: bytes, *, at_end: bool = False) -> bytes:
        if not self._known:
            self._head += chunk
            if not (at_end or len(self._head) >= _ENCODING_HEAD or self._is_ordinary()):
                return b""
            self._known = True
            chunk, self._head = self._begin(self._head), b""
        if self._decoder is None:
            return chunk
        return self._decoder.decode(chunk, at_end).encode("utf-8", "replace")

    def _is_ordinary(self) -> bool:
        """Whether fewer than `_ENCODING_HEAD` bytes are enough, so that a pipe is not waited for."""
        return self._head[-1:] == b"\n" and b"\0" not in self._head

    def _begin(self, head: bytes) -> bytes:
        mark, encoding = next(
            (each for each in _BYTE_ORDER_MARKS if head.startswith(each[0])), (b"", _without_mark(head))
        )
        if encoding != "utf-8":
            self.name = NAMES[encoding]
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        return head[len(mark) :]


def _without_mark(head: bytes) -> str:
    """Encoding according to the zero bytes next to the first characters, which are ASCII in JSON."""
    match [byte == 0 for byte in head[:_ENCODING_HEAD]]:
        case [False, True, True, True]:
            return "utf-32-le"
        case [True, True, True, False]:
            return "utf-32-be"
        case [False, True, False, True]:
            return "utf-16-le"
        case [True, False, True, False]:
            return "utf-16-be"
    return "utf-8"


Found: TypeAlias = Frame | Heartbeat | Unreadable

NDJSON: Final = "NDJSON"
MAX_UNDECIDED: Final = 1024 * 1024
"""Bytes of a first line after which its end is no longer waited for."""
MAX_HELD: Final = 1_000
"""Unreadable lines kept until the format is known."""
_SPACE: Final = b" \t\r\n"
_CUT: Final = "truncated at the end of the recording"


class Capture:
    """Decodes the bytes of one recording, given in any chunks."""

    def __init__(self, max_line: int = DEFAULT_MAX_LINE) -> None:
        self._utf8 = Utf8()
        self._undecided = b""
        """Bytes received before the format was determined."""
        self._lines: LineSplitter | None = None
        self._values: ValueSplitter | None = None
        self._unwrapper = Unwrapper(max_line)
        self._max_line = max_line
        self._form = NDJSON
        self._head = b""
        """The first bytes, as long as nothing could be decoded."""
        self._held: list[Unreadable] = []
        """Unreadable lines before the first frame, which may belong to another logger."""
        self.read_any = False
        """Whether a frame or a heartbeat was found."""
        self.is_empty = True
        self.skipped = 0
        """Lines of a log without a frame."""

    @property
    def kind(self) -> str:
        """The format, once something was decoded: `NDJSON`, `pretty-printed JSON, UTF-16`; empty before that."""
        if not self.read_any:
            return ""
        return ", ".join(filter(None, (self._unwrapper.kind or self._form, self._utf8.name)))

    @property
    def likeness(self) -> str:
        """What the file looks like if nothing could be decoded, such as `a PNG image`."""
        return likeness(self._head)

    @property
    def is_binary(self) -> bool:
        """Whether its first bytes are not text, so that reading more would not help."""
        return is_binary(self._head)

    def feed(self, chunk: bytes) -> Iterator[Found]:
        """Decode what `chunk` completes. Exhaust the iterator before the next chunk."""
        if not self.read_any and len(self._head) < HEAD:
            self._head += chunk[: HEAD - len(self._head)]
        return self._process(self._utf8.feed(chunk), at_end=False)

    def finish(self) -> Iterator[Found]:
        """Decode the rest at the end."""
        yield from self._process(self._utf8.feed(b"", at_end=True), at_end=True)
        if self._values is not None:
            yield from self._release_held(self._values.finish())
        elif self._lines is not None:
            rest = self._lines.finish()
            yield from self._release_held(self._lines.oversized)
            found = list(self._decode_line(rest))
            last = found[-1] if found else None
            if isinstance(last, Unreadable) and (len(found) > 1 or last.excerpt == rest[:EXCERPT]):
                found[-1] = Unreadable(_CUT, last.excerpt, last.length, cut=True)
            yield from self._release_held(found)
        yield from self._release_held(self._unwrapper.finish())
        if self.read_any:
            self._head = b""

    @property
    def unread(self) -> list[Unreadable]:
        """The first unreadable lines, if nothing could be decoded."""
        return self._held

    def _process(self, text: bytes, *, at_end: bool) -> Iterator[Found]:
        if self._lines is None and self._values is None:
            self._undecided += text
            if not self._decide(at_end):
                return
            text, self._undecided = self._undecided, b""
        if self._lines is not None:
            yield from self._decode_lines(self._lines, text)
        elif self._values is not None:
            for value in self._values.feed(text):
                if isinstance(value, Unreadable):
                    yield from self._release_held([value])
                else:
                    yield from self._decode_value(value)

    def _decide(self, at_end: bool) -> bool:
        """Determine the format. Returns False if more bytes are needed."""
        begun = self._undecided.lstrip(_SPACE)
        if not begun and not at_end:
            return False
        self.is_empty = not begun
        form = self._form_of(begun, at_end)
        if form is None:
            return False
        self._form = form
        if form == NDJSON:
            self._lines = LineSplitter(self._max_line)
        else:
            self._values = ValueSplitter(self._max_line)
        return True

    def _form_of(self, begun: bytes, at_end: bool) -> str | None:
        """`NDJSON` for everything read line by line; None if more bytes are needed."""
        if begun[:1] in (b"[", b"\x1e"):
            inner = begun[1:].lstrip(_SPACE)
            if not inner and not at_end:
                return None
            if begun[:1] == b"\x1e":
                return "a JSON text sequence"
            return "a JSON array" if inner[:1] in (b"{", b"[", b"]") else NDJSON
        if begun[:1] != b"{":
            return NDJSON
        first, line_feed, following = begun.partition(b"\n")
        if line_feed and not isinstance(decode(first), Unreadable):
            return NDJSON
        following = following.lstrip(_SPACE)
        if not at_end and not following and (line_feed or len(begun) < MAX_UNDECIDED):
            return None
        splitter = ValueSplitter(self._max_line)
        values = splitter.feed(first)
        if splitter.unfinished:
            if not line_feed:
                return NDJSON
            return NDJSON if following[:1] == b"{" and first.strip() != b"{" else "pretty-printed JSON"
        return NDJSON if len(values) <= 1 else "concatenated JSON values"

    def _decode_lines(self, splitter: LineSplitter, text: bytes) -> Iterator[Found]:
        lines = splitter.feed(text)
        while splitter.oversized:
            yield from self._release_held([splitter.oversized.pop(0)])
        for line in lines:
            found = decode(line)
            # Ordinary lines first: opening a large recording waits for this loop.
            if isinstance(found, Frame):
                if found.events and found.events[0].topic and self.read_any:
                    yield found
                    continue
            elif found is None:
                continue
            yield from self._classify(found, line)

    def _decode_line(self, line: bytes) -> Iterator[Found]:
        found = decode(line)
        if found is not None:
            yield from self._classify(found, line)

    def _classify(self, found: Found, line: bytes) -> Iterator[Found]:
        if isinstance(found, Unreadable) and len(parts := frames_of_line(line)) > 1:
            decoded = [each for part in parts if (each := decode(part)) is not None]
            if any(not isinstance(each, Unreadable) for each in decoded):
                yield from self._release_held(decoded)
                return
        if isinstance(found, Unreadable) or (isinstance(found, Frame) and is_wrapped(found)):
            inner = self._unwrapper.unwrap(line)
            if inner is not None:
                yield from self._release_held(inner)
                return
            is_json = line.lstrip()[:1] == b"{"
            if self._unwrapper.kind and isinstance(found, Unreadable) and (not is_json or found.reason == NOT_A_FRAME):
                self.skipped += 1
                return
        yield from self._release_held([found])

    def _decode_value(self, value: bytes) -> Iterator[Found]:
        line = one_line(value)
        yield from self._decode_line(line)

    def _release_held(self, found: Iterator[Found] | list[Found] | list[Unreadable]) -> Iterator[Found]:
        """Pass on decoded lines; unreadable ones are held until something was decoded."""
        for each in found:
            if self.read_any:
                yield each
            elif isinstance(each, Unreadable):
                if len(self._held) < MAX_HELD:
                    self._held.append(each)
                else:
                    self.skipped += 1
            else:
                self.read_any = True
                held, self._held = self._held, []
                if held and not held[0].excerpt.lstrip().startswith((b"{", b"[")):
                    self._unwrapper.kind = self._unwrapper.kind or "JSON between other lines"
                lost = [one for one in held if one.reason == UNREADABLE] if self._unwrapper.kind else held
                self.skipped += len(held) - len(lost)
                yield from lost
                yield each
