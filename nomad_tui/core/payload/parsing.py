"""Parses the bytes of a payload into Python values without losing anything the server sent.

Uses the standard library's decoder instead of a faster one because it passes on each number's text and all members of
an object, including repeated keys: 1.5 ms for a 1 MB Job, 0.1 ms for a typical payload.
"""

import base64
import binascii
import json
import re
from typing import Final, TypeAlias

import msgspec

from nomad_tui.core.patterns import lazy_pattern

RAW_ROW: Final = 48
"""Characters per row of a payload that is shown as raw text; about the width of the pane."""

_LONGEST_INTEGER: Final = 40
"""Digits. Far more than any counter or time has; longer integers remain text, because parsing takes quadratic time."""


class Number(str):
    """The text of a number that Python would format differently or cannot represent, such as `1e400`."""

    __slots__ = ()


class Members(tuple[tuple[str, "Value"], ...]):
    """An object with a repeated key: all its members, in the original order."""

    __slots__ = ()


class Raw(str):
    """A piece, of at most `RAW_ROW` characters, of a payload that is not valid JSON."""

    __slots__ = ()


class RawText(tuple[Raw, ...]):
    """A complete payload that is not valid JSON."""

    __slots__ = ()


Value: TypeAlias = "dict[str, Value] | list[Value] | Members | RawText | Raw | Number | str | int | float | bool | None"


class Payload(msgspec.Struct, frozen=True):
    value: Value
    trouble: str | None = None
    """Sentences about `value` for the reader: what was repaired, or why there is no tree."""


def _parse_integer(text: str) -> int | Number:
    return Number(text) if text == "-0" or len(text) > _LONGEST_INTEGER else int(text)


def _parse_fraction(text: str) -> float | Number:
    value = float(text)
    return value if repr(value) == text else Number(text)


def raw_text(text: str) -> RawText:
    """Raw text in pieces that fit a row."""
    return RawText(
        Raw(line[start : start + RAW_ROW])
        for line in text.rstrip("\n").split("\n")
        for start in range(0, max(1, len(line)), RAW_ROW)
    )


def parse(payload: bytes) -> Payload:
    """The payload's value. Never raises, whatever the bytes are.

    An object with a repeated key is a `Members`, a number that Python would alter is a `Number`. A payload that is not
    JSON, or is nested too deeply for the interpreter's stack (about 900 levels), is a `RawText`.
    """
    trouble: list[str] = []
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        text = payload.decode(errors="replace")
        trouble.append("The payload is not valid UTF-8: invalid bytes are shown as \ufffd.")
    repeated_keys = False

    def members(pairs: list[tuple[str, Value]]) -> Value:
        nonlocal repeated_keys
        by_key = dict(pairs)
        if len(by_key) == len(pairs):
            return by_key
        repeated_keys = True
        return Members(pairs)

    decoder = json.JSONDecoder(
        object_pairs_hook=members,
        parse_int=_parse_integer,
        parse_float=_parse_fraction,
        parse_constant=Number,
        strict=False,
    )
    value: Value
    try:
        value = decoder.decode(text)
    except RecursionError:
        value = raw_text(text)
        trouble.append("The payload is nested too deeply for a tree. This is its raw text.")
    except json.JSONDecodeError as error:
        value = raw_text(text)
        if text.strip():
            trouble.append(
                f"The payload is not JSON ({error.msg} at character {error.pos + 1:,}): this is its raw text."
            )
        else:
            value = RawText()
            trouble.append("The event has no payload.")
    if repeated_keys:
        trouble.append("An object repeats a key: all its values are shown.")
    if value == {}:
        trouble.append("The payload is an empty object.")
    elif value == []:
        trouble.append("The payload is an empty list.")
    return Payload(value, " ".join(trouble) or None)


LARGEST: Final = 2 * 1024 * 1024
"""Limits for decoding a string: its characters, and the resulting bytes."""
MAX_LINES: Final = 5_000
"""Maximum lines of a decoded text that are shown as rows."""
_SHORTEST_BASE64: Final = 12
"""Characters. A shorter word is valid base64 by chance, unless its key indicates base64."""

_BASE64: Final = lazy_pattern(r"[A-Za-z0-9+/\s]+={0,2}\s*", re.ASCII)
_BASE64_KEYS: Final = frozenset(("Payload",))
"""Members that Nomad itself encodes as base64."""
_UNPRINTABLE: Final = lazy_pattern("[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Decoded(msgspec.Struct, frozen=True):
    value: Value
    """An object or a list, or a list of lines, each a `Raw`."""
    how: str
    """The encoding: `JSON`, `base64`, `base64 of Snappy`, or `base64, JSON`."""
    text: str | None = None
    """The decoded text whose lines are in `value`; None for JSON."""


def may_decode(value: Value) -> bool:
    """Whether calling `decode` is worthwhile; a fast check that is false for nearly all strings."""
    if type(value) is not str or not 2 <= len(value) <= LARGEST:
        return False
    first = value[0]
    return first in "{[ \n" or (len(value) % 4 == 0 and len(value) >= 4 and first not in "-./") or value[-1] == "\n"


def decode(text: str, key: object = None) -> Decoded | None:
    """Decode a string that is JSON with more than one value, or base64 of text; None for any other."""
    if len(text) > LARGEST:
        return None
    if (value := _json(text)) is not None:
        return Decoded(value, "JSON")
    known = key in _BASE64_KEYS
    if (len(text) < _SHORTEST_BASE64 and not known) or not _BASE64.fullmatch(text):
        return None
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    how = "base64"
    if known and (plain := unsnapped(data)) is not None:
        data, how = plain, "base64 of Snappy"
    try:
        decoded = data.decode()
    except UnicodeDecodeError:
        return None
    if not decoded or _UNPRINTABLE.search(decoded):
        return None
    if (value := _json(decoded)) is not None:
        return Decoded(value, f"{how}, JSON")
    lines: list[Value] = [Raw(line) for line in decoded.rstrip("\n").split("\n")[:MAX_LINES]]
    return Decoded(lines, how, decoded)


def _json(text: str) -> Value:
    text = text.strip()
    if text[:1] + text[-1:] not in ("{}", "[]"):
        return None
    value = parse(text.encode("utf-8", "replace")).value
    return value if isinstance(value, dict | list | Members) and value and not isinstance(value, RawText) else None


def unsnapped(data: bytes) -> bytes | None:
    """Decompress one Snappy block, according to its format description; None for anything else."""
    length = shift = at = 0
    while True:
        if at >= len(data) or shift > 28:
            return None
        length |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            break
    if length > LARGEST:
        return None
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            size = tag >> 2
            if size >= 60:
                width = size - 59
                size = int.from_bytes(data[at : at + width], "little")
                at += width
            size += 1
            if at + size > len(data):
                return None
            out += data[at : at + size]
            at += size
        else:
            width = (1, 2, 4)[(tag & 3) - 1]
            if at + width > len(data):
                return None
            offset = int.from_bytes(data[at : at + width], "little")
            at += width
            size = (tag >> 2) + 1
            if width == 1:
                offset |= (tag >> 5) << 8
                size = (tag >> 2 & 7) + 4
            if not 0 < offset <= len(out):
                return None
            for _ in range(size):
                out.append(out[-offset])
        if len(out) > length:
            return None
    return bytes(out) if len(out) == length else None
