"""Text in UTF-8, UTF-16 or UTF-32, with or without a byte order mark, as UTF-8."""

import codecs
from typing import Final

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: it begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
HEAD: Final = 4
"""Bytes that show the encoding."""
NAMES: Final = {"utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "utf-32-le": "UTF-32", "utf-32-be": "UTF-32"}


class Utf8:
    """Fed with bytes of a text in any chunks, gives the same text in UTF-8."""

    def __init__(self) -> None:
        self._head = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._known = False
        self.name = ""
        """`UTF-16` or `UTF-32`; empty for UTF-8 and whatever else."""

    def feed(self, chunk: bytes, *, at_end: bool = False) -> bytes:
        if not self._known:
            self._head += chunk
            if not (at_end or len(self._head) >= HEAD or self._is_ordinary()):
                return b""
            self._known = True
            chunk, self._head = self._begin(self._head), b""
        if self._decoder is None:
            return chunk
        return self._decoder.decode(chunk, at_end).encode("utf-8", "replace")

    def _is_ordinary(self) -> bool:
        """Whether a pipe that has sent less than `HEAD` bytes need not be waited for."""
        return self._head[-1:] == b"\n" and b"\0" not in self._head

    def _begin(self, head: bytes) -> bytes:
        mark, encoding = next((each for each in _MARKS if head.startswith(each[0])), (b"", _without_mark(head)))
        if encoding != "utf-8":
            self.name = NAMES[encoding]
            self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        return head[len(mark) :]


def _without_mark(head: bytes) -> str:
    """By where the zeros are beside the first characters, which are ASCII in JSON."""
    match [byte == 0 for byte in head[:HEAD]]:
        case [False, True, True, True]:
            return "utf-32-le"
        case [True, True, True, False]:
            return "utf-32-be"
        case [False, True, False, True]:
            return "utf-16-le"
        case [True, False, True, False]:
            return "utf-16-be"
    return "utf-8"
