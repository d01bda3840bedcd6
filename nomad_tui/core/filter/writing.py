"""The notation of values in a filter: quoted strings, texts that need no quotes, and the error for invalid filters."""

import re
from typing import Final

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.text import printable

LONGEST_QUOTE: Final = 40
"""Characters of the filter that an error quotes; its position shows the rest."""


class FilterError(ValueError):
    """The text is not a filter. `str()` says what is wrong and what would be accepted there."""

    def __init__(self, text: str, position: int, length: int = 1) -> None:
        super().__init__(text)
        self.text = text
        """One or two sentences, safe to display."""
        self.position = position
        """Offset in characters; the filter's length if something is missing at its end."""
        self.length = max(1, length)
        """Number of characters to mark."""


def shown(text: str) -> str:
    """A part of the filter in double quotes, safe to display."""
    return f'"{printable(text, LONGEST_QUOTE)}"'


KEYWORDS: Final = frozenset(
    ("and", "or", "not", "AND", "OR", "NOT", "in", "contains", "matches", "is", "empty", "nil", "any", "all", "as")
)
"""Words with a special meaning in some position; they are always quoted when used as text."""

_PLAIN: Final = lazy_pattern(r"\w[\w./@%#:-]*")
_LIKE_A_FIELD: Final = lazy_pattern(r"[A-Za-z]+:")

_NAMED_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPES_OF: Final = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F)} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    ord("\\"): "\\\\",
    ord('"'): '\\"',
}
_ESCAPE: Final = lazy_pattern(
    r"""(?P<bytes>(?:\\x[0-9a-fA-F]{2}|\\[0-7]{3})+)
      | \\u(?P<short>[0-9a-fA-F]{4})
      | \\U(?P<long>[0-9a-fA-F]{8})
      | \\(?P<one>[\s\S])""",
    re.VERBOSE,
)
_BYTE: Final = lazy_pattern(r"\\x([0-9a-fA-F]{2})|\\([0-7]{3})")


def is_plain_word(text: str) -> bool:
    """Whether a word needs no quotes."""
    return _PLAIN.fullmatch(text) is not None and text not in KEYWORDS and not _LIKE_A_FIELD.match(text)


def is_plain_value(text: str) -> bool:
    """Whether a value needs no quotes after a colon, a comma or a tilde."""
    return _PLAIN.fullmatch(text) is not None


def quoted(text: str) -> str:
    """`text` in double quotes; the inverse of `unquoted`."""
    return f'"{text.translate(_ESCAPES_OF)}"'


def unquoted(string: str, position: int) -> str:
    """The value of a string in double quotes or back quotes, by the rules of Go's `strconv.Unquote`.

    In addition, `\\"` and a line feed are allowed in double quotes. Raises `FilterError` for an escape unknown to Go;
    `position` is the string's offset in the filter.
    """
    inner = string[1:-1]
    if string[0] == "`":
        return inner.replace("\r", "")
    if "\\" not in inner:
        return inner

    def replaced(match: re.Match[str]) -> str:
        found = _character(match)
        if found is None:
            raise FilterError(
                'A backslash in double quotes comes before \\, ", n, t, r, x41 or u00e9; '
                "in back quotes (`\\d`) everything means itself.",
                position + 1 + match.start(),
                len(match[0]),
            )
        return found

    return _ESCAPE.sub(replaced, inner)


def _character(match: re.Match[str]) -> str | None:
    if match["bytes"]:
        codes = [int(found[1], 16) if found[1] else int(found[2], 8) for found in _BYTE.finditer(match["bytes"])]
        return bytes(codes).decode("utf-8", "replace") if max(codes) < 256 else None
    if match["one"]:
        one = match["one"]
        return one if one in '\\"' else _NAMED_ESCAPES.get(one)
    code = int(match["short"] or match["long"], 16)
    return chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else None
