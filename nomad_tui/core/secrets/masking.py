"""Masks secrets in payload values and texts."""

import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Final

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.payload.parsing import Members, RawText, Value, parse
from nomad_tui.core.regular import Match, Pattern, TooSlowError
from nomad_tui.core.secrets import forms
from nomad_tui.core.secrets.forms import (
    MASK,
    REDACTED,
    REFERENCE,
    is_prose,
    is_value,
    is_word,
    names_secret,
    secret_beside,
    secret_items,
)

TRIGGER: Final = (
    "passwo?r?d|passphrase|secret|token|credential|authorization|basicauth|(?:api|access|private|ssh|account)[_.-]?key"
)
SIGNS: Final = rf"(?i:{TRIGGER}|bearer|basic )|{forms.SIGNS}"
"""Matches every text with a secret recognizable by its form, except one before the host of a URL."""
_VALUE: Final = r"""("[^"\n]*"|'[^'\n]*'|[^\s"',;&]+)"""
_ASSIGNED: Final = rf"""(?i)((?:{TRIGGER})[\w.-]{{0,40}}["']?\s{{0,4}}=\s{{0,4}}){_VALUE}"""
"""`password=…`, up to the end of the word or of the quotes."""
_FLAG: Final = rf"""(?im)((?:^|[^\w-])--?(?:[\w.-]{{1,40}}[.-])?(?:{TRIGGER})[\w.-]{{0,40}}\s+){_VALUE}"""
"""`--token …`."""
_LINE: Final = rf"(?im)(^\s*[\w.-]{{0,60}}(?:{TRIGGER})[\w.-]{{0,40}}:[ \t]+)(\S.*)$"
"""A line of YAML or a header: `password: …`, `Authorization: …`."""
_MEMBER: Final = rf"""(?i)((?:{TRIGGER})[\w.-]{{0,40}}["']\s{{0,4}}:\s{{0,4}}){_VALUE}"""
"""`"token": "…"`."""
_AFTER_COLON: Final = rf"(?i)((?:{TRIGGER})[\w.-]{{0,40}}:[ \t]+){_VALUE}"
"""In the middle of a line, where an error message is as likely to follow."""
_AUTHORIZATION: Final = (
    r"""(?i)(authorization["']?\s{0,4}[=:]\s{0,4}["']?(?:basic|bearer|digest|key|negotiate|token)\s+)([\w+/.~=-]{6,})"""
)
_BEARER: Final = r"(?i)(\bbearer\s+)([\w+/.~=-]{8,})"
_BASIC: Final = r"(?i)(\bbasic +)([A-Za-z0-9+/]{8,}={0,2})"
_HARMLESS_NAME: Final = lazy_pattern(r"(?:accessor|error|errors|err|reason|status)\W*", re.IGNORECASE)
"""Last words of names that contain a word for a secret but are not one."""
_PASSWORD: Final = lazy_pattern(r"(?:passwo?r?d|passphrase):\s+$", re.IGNORECASE)
"""Names that are followed by a plain word more often than by a one-word error message."""
_END_OF_TEXT: Final = lazy_pattern(r"\s*(?:[,;)\n]|$)")
_LONGEST_JSON: Final = 64 * 1024
"""Longest text, in characters, that is parsed as JSON."""
_SHORTEST: Final = 8
"""Characters; shorter texts cannot contain such a form."""


def masked_text(text: str, mask: str = MASK) -> str:
    """Mask the secrets in a text that are recognizable by their form: keys, tokens, passwords in URLs and assignments.

    If the text is JSON, values under keys that name a secret are masked too. References to a secret, such as `{{ with
    secret … }}`, and error messages about an unavailable secret are not masked.
    """
    if len(text) < _SHORTEST:
        return text
    if text[0] in "{[" and text[-1] in "}]" and len(text) <= _LONGEST_JSON:
        payload = text.encode("utf-8", "replace")
        inner = parse(payload).value
        try:
            without = masked(inner) if isinstance(inner, dict | list) else inner
        except RecursionError:
            return mask
        if without is not inner:
            return rewritten(payload, inner, without).decode().replace(REDACTED, mask)
    encoded = text.encode("utf-8", "replace")  # lone surrogates occur in no form and cannot be searched
    whole = without = encoded.decode()
    try:
        if _any_sign().search(whole) is None:
            return text
        for pattern, is_secret_there in _patterns():
            if pattern.search(without) is not None:
                without = pattern.sub(partial(_mask_match, mask, is_secret_there), without)
    except TooSlowError:
        return mask
    return text if without == whole else without


def _mask_match(mask: str, is_secret_there: "_IsSecret", found: Match) -> str:
    groups = found.groups()
    value = groups[1].strip("\"'")
    if not value or value.lstrip().startswith(REFERENCE) or not is_secret_there(found):
        return str(found.group())
    quote = groups[1][0] if groups[1][0] in "\"'" and groups[1][-1] == groups[1][0] else ""
    return f"{groups[0]}{quote}{mask}{quote}{''.join(groups[2:])}"


# Decide whether a match is a secret rather than prose


def _always(_: Match) -> bool:
    return True


def _is_assigned(found: Match) -> bool:
    name: str = found.group(1).rstrip("\"'= \t\n:")
    return _HARMLESS_NAME.fullmatch(re.split(r"[._-]", name)[-1]) is None


def _is_given(found: Match) -> bool:
    return not is_word(found.group(2))


def _is_not_prose(found: Match) -> bool:
    text: str = found.string
    start: int = found.start(2)
    end = text.find("\n", start)
    return _is_assigned(found) and not is_prose(text[start : end if end >= 0 else len(text)].lstrip("\"'"))


def _is_generated(found: Match) -> bool:
    value: str = found.group(2)
    return ((value[0] in "\"'" or is_value(value)) and _is_not_prose(found)) or _is_last_word(found)


def _is_last_word(found: Match) -> bool:
    """Whether `password:` is followed by a single plain word that is not common in error messages."""
    value: str = found.group(2)
    text: str = found.string
    is_last = _END_OF_TEXT.match(text, found.end(2)) is not None
    return is_last and _PASSWORD.search(found.group(1)) is not None and value.isalpha() and not is_word(value)


def _is_login(found: Match) -> bool:
    value: str = found.group(2)
    try:
        return b":" in b64decode(value + "=" * (-len(value) % 4))
    except ValueError:
        return False


_IsSecret = Callable[[Match], bool]


@cache
def _any_sign() -> Pattern:
    """Compiled on first use, like the other patterns, to keep start-up fast."""
    return Pattern(rf"{SIGNS}|://\S*@")


@cache
def _patterns() -> tuple[tuple[Pattern, _IsSecret], ...]:
    patterns = (
        *((form, _always) for form in forms.FORMS),
        (_AUTHORIZATION, _is_given),
        (_ASSIGNED, _is_assigned),
        (_FLAG, _is_given),
        (_LINE, _is_not_prose),
        (_MEMBER, _is_not_prose),
        (_AFTER_COLON, _is_generated),
        (_BEARER, _is_given),
        (_BASIC, _is_login),
    )
    return tuple((Pattern(pattern), is_secret_there) for pattern, is_secret_there in patterns)


def can_hide(value: Value) -> bool:
    """Whether a value under a key that names a secret can reveal anything: not null, a boolean or an empty text."""
    return not (value is None or value is True or value is False or value == "")


def masked(value: Value, mask: str = REDACTED, *, secret: bool = False) -> Value:
    """A payload's value, or a part of it, with secrets masked; `secret` if a key above names one.

    Values without secrets are not copied.
    """
    if isinstance(value, dict):
        beside = None if secret else secret_beside(value)
        changed: dict[str, Value] | None = None
        for key, member in value.items():
            other = masked(member, mask, secret=secret or key == beside or names_secret(key))
            if other is not member:
                if changed is None:
                    changed = dict(value)
                changed[key] = other
        return value if changed is None else changed
    if isinstance(value, list):
        beside_it = frozenset[int]() if secret else secret_items(value)
        items = [masked(item, mask, secret=secret or position in beside_it) for position, item in enumerate(value)]
        return value if all(map(_same, items, value)) else items
    if isinstance(value, Members):
        members = Members((key, masked(member, mask, secret=secret or names_secret(key))) for key, member in value)
        return value if all(new[1] is old[1] for new, old in zip(members, value, strict=True)) else members
    if isinstance(value, RawText):
        return value
    if secret:
        return mask if can_hide(value) else value
    if type(value) is str:
        text = masked_text(value, mask)
        return value if text == value else text
    return value


def _same(one: object, other: object) -> bool:
    return one is other


TOKEN: Final = lazy_pattern(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(\s*:)?|[^\s{}\[\],:"]+', re.DOTALL)
"""A string or another scalar; the group distinguishes keys from values."""


def rewritten(payload: bytes, value: Value, without: Value) -> bytes:
    """JSON text in which the scalars that differ between `value`, which was parsed from it, and `without` are
    replaced."""
    pairs = zip(_leaves(value), _leaves(without), strict=True)
    pieces: list[bytes] = []
    end = 0
    for found in TOKEN.finditer(payload):
        if found[1] is not None:
            continue
        before, after = next(pairs)
        if before is not after:
            pieces += (payload[end : found.start()], written(after))
            end = found.end()
    return b"".join((*pieces, payload[end:]))


def written(scalar: Value) -> bytes:
    """A replaced scalar as JSON."""
    return json.dumps(scalar, ensure_ascii=False).encode("utf-8", "replace")


def _leaves(value: Value) -> Iterator[Value]:
    """The scalars of a value in the order of its text."""
    stack: list[Iterator[Value]] = [iter((value,))]
    while stack:
        for member in stack[-1]:
            if isinstance(member, dict):
                stack.append(iter(member.values()))
            elif isinstance(member, list):
                stack.append(iter(member))
            elif isinstance(member, Members):
                stack.append(iter([inner for _, inner in member]))
            else:
                yield member
                continue
            break
        else:
            stack.pop()
