"""Where in the bytes of a payload a secret could be.

A place is found whenever one of its signs is there, so that what is not found is harmless; that it is found tells
nothing yet. Words are derived from those of the rules; a key is looked at whole, however long it is.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, Final, cast

from nomad_tui.core.regular import Match
from nomad_tui.core.secrets.masking import SIGNS
from nomad_tui.core.secrets.naming import KEYS_OF, LAST_WORDS, WHOLE, WORDS

_REST: Final = r'(?:[^"\\]|\\.)*'
"""Of a text, from within it to its end."""
_NO_LETTERS: Final = r'[^A-Za-z"\\]*'


def _any_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(sorted(words))})"


_OF_A_NAME: Final = r'[^"\\]*'
"""Of a text without an escape, from within it to its end."""


def _not_just(rest: str) -> str:
    """Any end of a text without an escape, but not exactly `rest`."""
    parted = (rf'{rest[:length]}(?:[^{rest[length]}"\\]{_OF_A_NAME})?' for length in range(len(rest)))
    return f'(?:{"|".join(parted)}|{rest}[^"\\\\]+)'


_SIGNS: Final = frozenset(
    word for word in WORDS | LAST_WORDS if not any(part in word for part in (WORDS | LAST_WORDS) - {word})
)
"""One of these, or a word of `KEYS_OF` and `key`, or the beginning of one of `WHOLE`, is in each name of a secret."""
_SIGN: Final = rf"(?:{_any_of(_SIGNS)}|{_any_of(KEYS_OF)}{_NO_LETTERS}key)"
_WHOLE: Final = rf"(?i:{_NO_LETTERS}{_any_of(_NO_LETTERS.join(word) for word in WHOLE)}){_OF_A_NAME}"
_NAMES: Final = rf"(?:(?i:{_OF_A_NAME}{_SIGN}){_OF_A_NAME}|{_WHOLE})"
"""Every text without an escape that `names_secret`, and some that do not."""
_KEYS: Final = "|".join(
    (
        rf'[^"\\](?i:{_OF_A_NAME}{_SIGN}){_OF_A_NAME}',
        rf"(?i:{_any_of(_SIGNS - {'secret'})}|{_any_of(KEYS_OF - {'signing'})}{_NO_LETTERS}key){_OF_A_NAME}",
        rf"(?i:secret){_not_just('sMB')}",
        rf'(?i:signing)(?:[^A-Za-z"\\]{_OF_A_NAME}|(?i:key){_not_just("ID")})',
        _WHOLE,
    )
)
"""The same but `SecretsMB` and `SigningKeyID`, which are in every allocation and Job: that is twice as fast."""
_TELLING: Final = r'(?:[^\s"tfn\[{]|"[^"]|[\[{]\s*[^\s\]}])'
"""How a value begins that can hide something: not null, a truth value, an empty text, an empty list or object."""
_PLACE: Final = "|".join(
    (
        rf'"(?:{_KEYS})"\s*:\s*{_TELLING}',
        # Beside the name of a secret; what is a name only after its escapes are read is found as well.
        rf'"(?:[Nn]ame|[Kk]ey)"\s*:\s*"(?:{_NAMES}"|[^"\\]*\\)',
        r'"Envvars"\s*:\s*true',
        # A flag, before the item that it names.
        rf'"-{_NAMES}"\s*,',
        # A text that is JSON itself, that has one of the forms, or letters written as escapes.
        rf'"(?:[\[{{]|{_REST}(?:{SIGNS}|://{_REST}@|\\u|\\/)){_REST}"\s*(?:[^\s:]|$)',
        # A key with an escape; letters that are ſ and K without case.
        rf'\\.{_REST}"\s*:|\xc5\xbf|\xe2\x84\xaa',
    )
)


def search(payload: bytes, start: int) -> Match | None:
    """The first place in valid JSON, from a position that is in no text; a quote within a text may be found too.

    Needs RE2: where a search backtracks, such a pattern saves nothing.
    """
    return cast("Match | None", _place().search(payload, start))


@cache
def _place() -> Any:
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    return re2.compile(_PLACE.encode("latin-1"), options)
