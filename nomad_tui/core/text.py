"""Makes text from the cluster safe to display.

Everything a cluster sends is untrusted: an exit message may hold an escape sequence that changes the terminal's title
or clipboard, and Textual 8.2.8 does not filter ESC in any widget. Each such string passes through `printable` once, on
its way to a widget or a terminal line, and is plain text from there on.
"""

from typing import Final

CONTROL_PICTURES: Final = 0x2400
"""U+2400…U+2421 represent the C0 controls and DEL, so that a reader sees which byte it was."""

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

ELLIPSIS: Final = "…"


def _table() -> dict[int, str | None]:
    table: dict[int, str | None] = {code: chr(CONTROL_PICTURES + code) for code in range(0x20)}
    table[0x7F] = "\N{SYMBOL FOR DELETE}"
    table |= dict.fromkeys(range(0x80, 0xA0), REPLACEMENT)  # C1: 0x9B alone starts an escape sequence
    table |= dict.fromkeys((0x2028, 0x2029), "\N{SYMBOL FOR NEWLINE}")
    bidirectional = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    table |= dict.fromkeys(bidirectional, REPLACEMENT)
    table |= dict.fromkeys(range(0xD800, 0xE000), REPLACEMENT)  # lone surrogates cannot be encoded
    table |= dict.fromkeys(range(0xE0000, 0xE0080), REPLACEMENT)  # invisible tag characters
    invisible = (0x00AD, 0x180E, *range(0x2060, 0x2065), *range(0x206A, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC))
    table |= dict.fromkeys(invisible, REPLACEMENT)
    # Terminals disagree about the width of characters with joiners and variation selectors.
    return table | dict.fromkeys((0x200B, 0x200C, 0x200D, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)), None)


_PRINTABLE: Final = _table()


def truncated(text: str, limit: int) -> str:
    """`text` cut to `limit` characters, the last of which is an ellipsis then."""
    if len(text) <= limit:
        return text
    return text[: limit - 1] + ELLIPSIS if limit > 0 else ""


def printable(text: str, limit: int | None = None) -> str:
    """`text` without anything a terminal would interpret, cut to `limit` characters with an ellipsis.

    The result is one line. Control characters, line feeds included, are replaced by their pictures, and invisible or
    reordering characters by U+FFFD, so that a forged name still looks forged.
    """
    if limit is not None and len(text) > limit:
        text = truncated(text, limit)
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_PRINTABLE)


def decapitalized(text: str) -> str:
    """The text with a lower-case first letter, to follow a colon."""
    return text[:1].lower() + text[1:]
