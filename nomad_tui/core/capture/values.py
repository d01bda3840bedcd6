"""JSON objects out of a text in which they follow one another with anything between: white space, commas, brackets.

Objects are found by counting braces outside of strings, so that an array of a gigabyte needs no more memory than its
largest object.
"""

import re
from typing import Final

from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.wire import EXCERPT, Unreadable

_TOKENS: Final = lazy_pattern(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}"]|\n(?=\{)', re.DOTALL)
"""A whole string, a brace, the quote of a string that has not ended yet, a line that begins with a brace."""
_BETWEEN: Final = b" \t\r\n,[]\x1e"
"""What may separate objects; 0x1E is that of a JSON text sequence (RFC 7464)."""


class ValueSplitter:
    """Fed with a text in any chunks, gives the objects at its top level, or in its arrays, as they were written."""

    def __init__(self, max_value: int = DEFAULT_MAX_LINE) -> None:
        self.max_value = max_value
        self._text = b""
        """From the start of the object under way; what is between objects is not kept."""
        self._scanned = 0
        self._depth = 0
        self._dropped = 0
        """Bytes of an object under way that is too large; its beginning alone is kept."""
        self._excerpt = b""
        self._indented: bool | None = None
        """Whether lines within objects are indented, so that a brace at the start of a line begins an object anew."""

    @property
    def unfinished(self) -> bool:
        """Whether an object has begun and not ended."""
        return self._depth > 0

    def feed(self, chunk: bytes) -> list[bytes | Unreadable]:
        """The objects that `chunk` completes, and what is neither an object nor between objects."""
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
                between = text[position : begin if begin >= 0 else len(text)].strip(_BETWEEN)
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
                # A line feed at the very end may come before a brace.
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
                    found.append(self._ended(text[start:position]))
                    start = position
            elif matched == b"\n" and self._indented:
                found.append(self._broken(text[start:position]))
                start, self._depth = position, 0
        self._text, self._scanned = text[start:], position - start
        if len(self._text) > self.max_value or self._dropped:
            self._drop()
        return found

    def finish(self) -> list[Unreadable]:
        """What had not ended when the text did."""
        if self._depth == 0:
            return []
        self._depth = 0
        rest = (self._excerpt or self._text)[:EXCERPT]
        length = self._dropped + len(self._text)
        self._text = b""
        return [Unreadable("truncated at the end of the recording", rest, length, cut=True)]

    def _drop(self) -> None:
        """Forgets what was scanned of an object that is too large."""
        self._excerpt = self._excerpt or self._text[:EXCERPT]
        self._dropped += self._scanned
        self._text, self._scanned = self._text[self._scanned :], 0

    def _ended(self, text: bytes) -> bytes | Unreadable:
        length = self._dropped + len(text)
        if length <= self.max_value:
            return text
        excerpt = self._excerpt or text[:EXCERPT]
        self._excerpt, self._dropped = b"", 0
        reason = f"longer than the line limit ({self.max_value:,} bytes, --max-line)"
        return Unreadable(reason, excerpt, length)

    def _broken(self, text: bytes) -> Unreadable:
        excerpt, length = (self._excerpt or text)[:EXCERPT], self._dropped + len(text)
        self._excerpt, self._dropped = b"", 0
        return Unreadable("an unterminated object", excerpt, length)
