"""ASCII replacements of the program's own signs, for terminals and locales without others."""

import codecs
import unicodedata
from typing import Final, TextIO

ERRORS: Final = "nomad-tui-glyphs"
"""As `errors` of a text file: ASCII glyphs for the program's signs, and JSON's escapes for all else that is lacking."""
UNKNOWN: Final = "?"
"""Drawn for a letter that the terminal lacks, once for each of its cells."""

_GLYPHS: Final[dict[str, str]] = {
    "±": "~", "µ": "u", "·": "-", "×": "x", "–": "-", "‖": "|", "“": '"', "”": '"', "‘": "'", "’": "'", "•": "*",
    "…": "~", "‹": "<", "›": ">", "←": "<", "↑": "^", "→": ">", "↓": "v", "↕": "|", "↻": "o", "⇥": ">", "−": "-",
    "∗": "*", "⊘": "0", "⊟": "-", "⋯": "~", "⏎": "<", "▎": "|", "▏": "|", "■": "#", "□": "-", "▣": "x", "▤": "=",
    "▮": "|", "▲": "^", "△": "^", "▶": ">", "▷": ">", "▸": ">", "▼": "v", "▽": "v", "▾": "v", "◆": "*", "◇": "o",
    "◈": "%", "◉": "@", "○": "o", "◌": ".", "◎": "o", "●": "*", "◧": "[", "◰": "[", "◱": "[", "★": "*", "♥": "&",
    "✔": "+", "✓": "+", "✕": "x", "✖": "x", "❯": ">", "—": "-", "\xa0": " ",
}  # fmt: skip
"""One cell each, as what they replace."""
_LINES: Final = {
    **dict.fromkeys("─━┄┅┈┉╌╍═╴╶╸╺╼╾", "-"),
    **dict.fromkeys("│┃┆┇┊┋╎╏║╵╷╹╻╽╿", "|"),
}
_BARS: Final = dict(zip("▁▂▃▄▅▆▇█", "__..--##", strict=True))
_WORDS: Final = {"…": "...", "→": "->", "←": "<-", "⋯": "...", "±": "+-"}
"""Where a cell more does no harm."""


def _table() -> dict[str, str]:
    table = {chr(code): "+" for code in range(0x2500, 0x2580)}
    table |= {chr(code): "#" for code in range(0x2580, 0x25A0)}
    table |= {chr(code): ":" for code in range(0x2801, 0x2900)} | {"\u2800": " "}
    return table | _LINES | _BARS | _GLYPHS


ASCII: Final = _table()
"""By sign; the cells that are drawn stay as many."""


def is_utf8(file: TextIO | None) -> bool:
    """Whether everything can be written to a file as it is."""
    try:
        return codecs.lookup(getattr(file, "encoding", None) or "utf-8").name == "utf-8"
    except LookupError:
        return False


def drawn(text: str, encoding: str) -> str:
    """`text` with as many cells, and nothing that an encoding lacks."""
    if text.isascii():
        return text
    return "".join(
        each if each.isascii() else ASCII[each] if each in ASCII else _drawn_letter(each, encoding) for each in text
    )


def _drawn_letter(letter: str, encoding: str) -> str:
    if letter.encode(encoding, "ignore"):
        return letter
    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return ""
    return UNKNOWN * (2 if unicodedata.east_asian_width(letter) in ("W", "F") else 1)


def escaped(letter: str) -> str:
    """As JSON has it, so that what is printed as JSON stays it."""
    code = ord(letter)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def escaped_json(text: str) -> str:
    """One line of JSON with the same value, and nothing in it that a terminal acts on."""
    if text.isascii() and text.isprintable():
        return text
    # Tabs and carriage returns can only be between the tokens of JSON, where an escape could not.
    return "".join(each if each.isprintable() else " " if each in "\t\r" else escaped(each) for each in text)


def _instead(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_WORDS.get(each) or ASCII.get(each) or escaped(each) for each in lacking), error.end


codecs.register_error(ERRORS, _instead)
