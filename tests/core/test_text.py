"""Text from a cluster never sends a control sequence to a terminal."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_tui.core.text import ELLIPSIS, printable

EVERY_CHARACTER = "".join(map(chr, range(sys.maxunicode + 1)))
BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
INVISIBLE = "\u00ad\u180e\u200b\u200c\u200d\u2060\u2064\u206a\u206f\ufe00\ufe0f\ufeff\ufff9\ufffb\U000e0041\U000e0100"

any_text = st.text(st.characters(codec=None) | st.sampled_from("\x1b\x9b\n\x00\u202e\ud800"))


def test_nothing_of_all_unicode_controls_the_terminal_or_reorders_its_text() -> None:
    drawn = printable(EVERY_CHARACTER)
    assert not {character for character in drawn if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")}
    assert not set(drawn) & set(BIDIRECTIONAL)
    assert not set(drawn) & set(INVISIBLE)
    assert drawn.encode().decode() == drawn


def test_every_character_is_converted_independently_of_its_context() -> None:
    assert "".join(map(printable, EVERY_CHARACTER)) == printable(EVERY_CHARACTER)


def test_printable_text_is_unchanged() -> None:
    assert printable(printable(EVERY_CHARACTER)) == printable(EVERY_CHARACTER)
    ascii_text = "".join(map(chr, range(0x20, 0x7F)))
    assert printable(ascii_text) == ascii_text
    for text in ("naïve", "日本語", "Ελληνικά", "العربية", "🚀", "ｆｕｌｌ", "e\u0301", "→ … “”"):
        assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "drawn"),
    [
        ("esc-\x1b]2;OWNED\x1b\\", "esc-␛]2;OWNED␛\\"),
        ("two\nlines\r\tand\x00\x7f", "two␊lines␍␉and␀␡"),
        ("\x9b31mred\x85", "�31mred�"),
        ("admin\u202etxt.exe", "admin�txt.exe"),
        ("line\u2028line\u2029", "line␤line␤"),
        ("👩\u200d👩\u200d👧", "👩👩👧"),
        ("❤\ufe0f", "❤"),
        ("lone \ud800", "lone �"),
        ("[red]markup[/red]", "[red]markup[/red]"),
    ],
)
def test_unprintable_characters_are_replaced_visibly(text: str, drawn: str) -> None:
    assert printable(text) == drawn


@given(any_text, st.integers(0, 30))
def test_text_is_truncated_visibly_at_its_limit(text: str, limit: int) -> None:
    drawn = printable(text, limit)
    assert len(drawn) <= limit
    assert drawn.encode().decode() == drawn
    assert printable(drawn, limit) == drawn
    if len(text) <= limit:
        assert drawn == printable(text)
    elif limit:
        assert drawn == printable(text[: limit - 1]) + ELLIPSIS


@given(any_text)
def test_text_without_a_limit_is_drawn_completely(text: str) -> None:
    drawn = printable(text)
    assert drawn == "".join(map(printable, text))
    assert printable(drawn) == drawn
