"""ASCII replacements of the program's own symbols, for terminals and locales that lack them."""

import codecs
import unicodedata
from typing import Final, TextIO

ERRORS: Final = "nomad-tui-glyphs"
"""Codec error handler: replaces the program's symbols by ASCII glyphs and other unencodable characters by JSON
escapes."""
UNKNOWN: Final = "?"
"""Drawn once per cell for a character that the terminal lacks."""

_GLYPHS: Final[dict[str, str]] = {
    "±": "~", "µ": "u", "·": "-", "×": "x", "–": "-", "‖": "|", "“": '"', "”": '"', "‘": "'", "’": "'", "•": "*",
    "…": "~", "‹": "<", "›": ">", "←": "<", "↑": "^", "→": ">", "↓": "v", "↕": "|", "↻": "o", "⇥": ">", "−": "-",
    "∗": "*", "⊘": "0", "⊟": "-", "⋯": "~", "⏎": "<", "▎": "|", "▏": "|", "■": "#", "□": "-", "▣": "x", "▤": "=",
    "▮": "|", "▲": "^", "△": "^", "▶": ">", "▷": ">", "▸": ">", "▼": "v", "▽": "v", "▾": "v", "◆": "*", "◇": "o",
    "◈": "%", "◉": "@", "○": "o", "◌": ".", "◎": "o", "●": "*", "◧": "[", "◰": "[", "◱": "[", "★": "*", "♥": "&",
    "✔": "+", "✓": "+", "✕": "x", "✖": "x", "❯": ">", "—": "-", "\xa0": " ",
}  # fmt: skip
"""One cell wide, like the symbols they replace."""
_LINES: Final = {
    **dict.fromkeys("─━┄┅┈┉╌╍═╴╶╸╺╼╾", "-"),
    **dict.fromkeys("│┃┆┇┊┋╎╏║╵╷╹╻╽╿", "|"),
}
_BARS: Final = dict(zip("▁▂▃▄▅▆▇█", "__..--##", strict=True))
_WORDS: Final = {"…": "...", "→": "->", "←": "<-", "⋯": "...", "±": "+-"}
"""Used where a replacement may be wider."""


def _table() -> dict[str, str]:
    table = {chr(code): "+" for code in range(0x2500, 0x2580)}
    table |= {chr(code): "#" for code in range(0x2580, 0x25A0)}
    table |= {chr(code): ":" for code in range(0x2801, 0x2900)} | {"\u2800": " "}
    return table | _LINES | _BARS | _GLYPHS


ASCII: Final = _table()
"""ASCII replacement of each symbol, of the same width in cells."""


def is_utf8(file: TextIO | None) -> bool:
    """Whether the file's encoding can represent every character."""
    try:
        return codecs.lookup(getattr(file, "encoding", None) or "utf-8").name == "utf-8"
    except LookupError:
        return False


def drawn(text: str, encoding: str) -> str:
    """`text` at the same width in cells, without characters that `encoding` lacks."""
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
    """`letter` as a JSON escape, so that printed JSON stays valid."""
    code = ord(letter)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def escaped_json(text: str) -> str:
    """One line of JSON with the same value and without control characters."""
    if text.isascii() and text.isprintable():
        return text
    # In JSON, tabs and carriage returns occur only between tokens, where an escape is not allowed.
    return "".join(each if each.isprintable() else " " if each in "\t\r" else escaped(each) for each in text)


def _replace_unencodable(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_WORDS.get(each) or ASCII.get(each) or escaped(each) for each in lacking), error.end


codecs.register_error(ERRORS, _replace_unencodable)
