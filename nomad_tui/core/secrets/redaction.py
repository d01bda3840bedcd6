"""Redacts payloads fast enough for every event of a stream.

Most events contain no secret, and most of their bytes can be shown to be harmless without decoding them: the rules
examine only the places that may hold one, which takes a tenth of the time.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from typing import Any, Final, cast

import msgspec
import orjson

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.payload.parsing import RawText, parse
from nomad_tui.core.regular import HAS_RE2, Match
from nomad_tui.core.secrets.forms import KEYS_OF, LAST_WORDS, REDACTED, WHOLE, WORDS, is_flag, names_secret
from nomad_tui.core.secrets.masking import SIGNS, TOKEN, masked, masked_text, rewritten, written
from nomad_tui.core.wire import Frame

_REST: Final = r'(?:[^"\\]|\\.)*'
"""Remainder of a JSON string up to its end."""
_NO_LETTERS: Final = r'[^A-Za-z"\\]*'


def _any_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(sorted(words))})"


_OF_A_NAME: Final = r'[^"\\]*'
"""Remainder of a JSON string without escapes up to its end."""


def _not_just(rest: str) -> str:
    """Any remainder of a string without escapes, except exactly `rest`."""
    parted = (rf'{rest[:length]}(?:[^{rest[length]}"\\]{_OF_A_NAME})?' for length in range(len(rest)))
    return f'(?:{"|".join(parted)}|{rest}[^"\\\\]+)'


_SIGNS: Final = frozenset(
    word for word in WORDS | LAST_WORDS if not any(part in word for part in (WORDS | LAST_WORDS) - {word})
)
"""Every name of a secret contains one of these, or a word of `KEYS_OF` and `key`, or starts with one of `WHOLE`."""
_SIGN: Final = rf"(?:{_any_of(_SIGNS)}|{_any_of(KEYS_OF)}{_NO_LETTERS}key)"
_WHOLE: Final = rf"(?i:{_NO_LETTERS}{_any_of(_NO_LETTERS.join(word) for word in WHOLE)}){_OF_A_NAME}"
_NAMES: Final = rf"(?:(?i:{_OF_A_NAME}{_SIGN}){_OF_A_NAME}|{_WHOLE})"
"""Every string without escapes that `names_secret`, and some others."""
_KEYS: Final = "|".join(
    (
        rf'[^"\\](?i:{_OF_A_NAME}{_SIGN}){_OF_A_NAME}',
        rf"(?i:{_any_of(_SIGNS - {'secret'})}|{_any_of(KEYS_OF - {'signing'})}{_NO_LETTERS}key){_OF_A_NAME}",
        rf"(?i:secret){_not_just('sMB')}",
        rf'(?i:signing)(?:[^A-Za-z"\\]{_OF_A_NAME}|(?i:key){_not_just("ID")})',
        _WHOLE,
    )
)
"""The same without `SecretsMB` and `SigningKeyID`, which are in every allocation and Job: that is twice as fast."""
_NOT_EMPTY: Final = r'(?:[^\s"tfn\[{]|"[^"]|[\[{]\s*[^\s\]}])'
"""Beginnings of values that can be secret: not null, a boolean, an empty string, an empty list or object."""
_PLACE: Final = "|".join(
    (
        rf'"(?:{_KEYS})"\s*:\s*{_NOT_EMPTY}',
        # A value next to the name of a secret; names with escapes match too.
        rf'"(?:[Nn]ame|[Kk]ey)"\s*:\s*"(?:{_NAMES}"|[^"\\]*\\)',
        r'"Envvars"\s*:\s*true',
        # A flag before its value.
        rf'"-{_NAMES}"\s*,',
        # A string that is JSON itself, has one of the forms, or contains escaped letters.
        rf'"(?:[\[{{]|{_REST}(?:{SIGNS}|://{_REST}@|\\u|\\/)){_REST}"\s*(?:[^\s:]|$)',
        # A key with an escape; ſ and the Kelvin sign, which match s and k when ignoring case.
        rf'\\.{_REST}"\s*:|\xc5\xbf|\xe2\x84\xaa',
    )
)


def search(payload: bytes, start: int) -> Match | None:
    """The first suspicious place in valid JSON from `start`, which must not be inside a string; may match a quote
    inside one.

    Requires RE2: with a backtracking search, such a pattern saves nothing.
    """
    return cast("Match | None", _place().search(payload, start))


@cache
def _place() -> Any:
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.dot_nl = True
    return re2.compile(_PLACE.encode("latin-1"), options)


_MASK: Final = written(REDACTED)
_MAX_UNCHECKED: Final = 200
"""Number of objects and lists up to which nesting need not be checked."""
_MAX_DEPTH: Final = 100
"""Maximum nesting for checking place by place; far below the limit of `parse`."""
_validate: Final = msgspec.json.Decoder(msgspec.Raw).decode
"""Raises for invalid JSON, and for some that `parse` still accepts."""

_SPACE: Final = lazy_pattern(rb"\s*")
_NESTED: Final = lazy_pattern(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]])', re.DOTALL)
"""Matches up to the end of a string or to a bracket."""
_QUOTE, _BACKSLASH, _LIST = b'"\\['
_NAMING: Final = frozenset((b"Name", b"name", b"Key", b"key"))
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"{}[]"))
_HARMLESS: Final = frozenset((b"null", b"true", b"false", b'""'))
_TEMPLATES: Final = b'"Templates":'
_EVENTS: Final = b'"Events":['


def redact(payload: bytes) -> bytes:
    """JSON with secrets replaced, otherwise byte for byte the same.

    In text that is not valid JSON every value is replaced, because none is known to be harmless.
    """
    if not HAS_RE2:
        return _redact_parsed(payload)
    try:
        _validate(payload)
    except (msgspec.DecodeError, RecursionError):
        return _redact_parsed(payload)
    if payload.count(b"{") + payload.count(b"[") > _MAX_UNCHECKED and not _is_shallow(payload):
        return _redact_parsed(payload)
    without = _redact_places(payload)
    return _redact_parsed(payload) if without is None else without


def redact_frame(frame: Frame, texts: list[bytes]) -> list[bytes]:
    """Each event of a frame, given as JSON, with secrets replaced.

    The complete line is searched at once, and only events with a suspicious place are processed, which are few.
    """
    line = frame.line
    starts = _starts(line, texts)
    if (
        not HAS_RE2
        or frame.repaired is not None  # it may be invalid JSON
        or starts is None
        or not _is_shallow(line)
    ):
        return [redact(text) for text in texts]
    without: list[bytes] | None = None
    at = starts[0]
    while (place := search(line, at)) is not None:
        number = bisect_right(starts, place.start()) - 1
        without = without or list(texts)
        without[number] = redact(texts[number])
        if number + 1 == len(starts):
            break
        at = starts[number + 1]
    return without or texts


def _starts(line: bytes, texts: list[bytes]) -> list[int] | None:
    """Offset of each event in a line; None if they do not directly follow each other."""
    at = line.find(_EVENTS) + len(_EVENTS)
    starts: list[int] = []
    for text in texts:
        if not line.startswith(text, at):
            return None
        starts.append(at)
        at += len(text) + 1
    return starts or None


def _is_shallow(payload: bytes) -> bool:
    brackets = payload.translate(None, _NOT_BRACKETS)
    for _ in range(_MAX_DEPTH):
        if not brackets:
            return True
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return False


def _redact_parsed(payload: bytes) -> bytes:
    value = parse(payload).value
    if not isinstance(value, RawText):
        try:
            without = masked(value)
        except RecursionError:  # too deeply nested for the rules
            pass
        else:
            return payload if without is value else rewritten(payload, value, without)
    return TOKEN.sub(lambda found: found[0] if found[1] is not None else _MASK, payload)


def _redact_places(payload: bytes) -> bytes | None:
    """Redact valid JSON place by place; None where a rule needs more context."""
    changes: list[tuple[int, int, bytes]] = []
    at = 0
    while (place := search(payload, at)) is not None:
        start = place.start()
        if payload[start] != _QUOTE:  # an escape in a key, letters with odd cases
            return None
        if start and payload[start - 1] == _BACKSLASH:  # a quote inside a string that was processed already
            at = start + 1
            continue
        token = TOKEN.match(payload, start)
        assert token is not None
        if token[1] is None:
            text = _text(token[0])
            if text is None or (text.startswith("-") and is_flag(text)):
                return None
            at = token.end()
            without = masked_text(text, REDACTED)
            if without != text:
                changes.append((start, at, written(without)))
            continue
        key = token[0][1 : token[0].rindex(b'"')]
        at = _after_space(payload, token.end())
        if key in _NAMING:
            named = TOKEN.match(payload, at)
            name = _text(named[0]) if named is not None else None
            if name is None or (names_secret(name) and (b'"Value"' in payload or b'"value"' in payload)):
                return None
        elif key == b"Envvars" and payload.startswith(b"true", at):
            opened = payload.rfind(_TEMPLATES + b"[", 0, start) + len(_TEMPLATES)
            closed = _end_of_value(payload, opened) if payload[opened] == _LIST else 0
            if closed < start:
                return None
            while changes and changes[-1][0] > opened:
                changes.pop()
            changes.append((opened, closed, _redact_parsed(payload[opened:closed])))
            at = closed
        elif names_secret(key.decode(errors="replace")):
            start, at = at, _end_of_value(payload, at)
            changes.append((start, at, TOKEN.sub(_masked, payload[start:at])))
    if not changes:
        return payload
    pieces: list[bytes] = []
    end = 0
    for start, stop, piece in changes:
        pieces += (payload[end:start], piece)
        end = stop
    return b"".join((*pieces, payload[end:]))


def _text(token: bytes) -> str | None:
    """The value of a JSON string; None if it is invalid UTF-8 or has a lone surrogate."""
    try:
        text: str = orjson.loads(token)
    except orjson.JSONDecodeError:
        return None
    return text


def _masked(scalar: re.Match[bytes]) -> bytes:
    """The replacement of a scalar under a key that names a secret, according to `can_hide`; keys are kept."""
    return scalar[0] if scalar[1] is not None or scalar[0] in _HARMLESS else _MASK


def _after_space(payload: bytes, at: int) -> int:
    space = _SPACE.match(payload, at)
    return at if space is None else space.end()


def _end_of_value(payload: bytes, start: int) -> int:
    """Offset of the end of the value that starts at `start`."""
    if payload[start] not in b"{[":
        scalar = TOKEN.match(payload, start)
        return start if scalar is None else scalar.end()
    depth = 0
    for found in _NESTED.finditer(payload, start):
        last = payload[found.end() - 1]
        if last in b"{[":
            depth += 1
        elif last in b"}]":
            depth -= 1
            if not depth:
                return found.end()
    return len(payload)
