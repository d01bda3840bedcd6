"""What a string says that is not meant to be read as it is: JSON in a string, base64, a dispatched payload.

A dispatched job's `Payload` is what `nomad job dispatch` was given, compressed with Snappy and written as base64
(`nomad/job_endpoint.go`).
"""

import base64
import binascii
import re
from typing import Final

import msgspec

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.payload.parsing import Members, Raw, RawText, Value, parse

LARGEST: Final = 2 * 1024 * 1024
"""Characters of a string that is decoded, and bytes that may come of it."""
MOST_LINES: Final = 5_000
"""Lines of a decoded text that are shown as rows."""
_SHORTEST_BASE64: Final = 12
"""Characters. A shorter word is base64 by chance, unless its key says that it is."""

_BASE64: Final = lazy_pattern(r"[A-Za-z0-9+/\s]+={0,2}\s*", re.ASCII)
_BASE64_KEYS: Final = frozenset(("Payload",))
"""Bytes that Nomad itself writes as base64."""
_UNPRINTABLE: Final = lazy_pattern("[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Decoded(msgspec.Struct, frozen=True):
    value: Value
    """An object or a list, or a list of lines, each a `Raw`."""
    how: str
    """What it was: `JSON`, `base64`, `base64 of Snappy`, or `base64, JSON`."""
    text: str | None = None
    """What `value` holds the lines of; None for JSON."""


def may_decode(value: Value) -> bool:
    """Whether it is worth asking `decode`; false for nearly every string, at once."""
    if type(value) is not str or not 2 <= len(value) <= LARGEST:
        return False
    first = value[0]
    return first in "{[ \n" or (len(value) % 4 == 0 and len(value) >= 4 and first not in "-./") or value[-1] == "\n"


def decode(text: str, key: object = None) -> Decoded | None:
    """What a string says, if it is JSON of more than one value or base64 of a text; None for any other."""
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
    lines: list[Value] = [Raw(line) for line in decoded.rstrip("\n").split("\n")[:MOST_LINES]]
    return Decoded(lines, how, decoded)


def _json(text: str) -> Value:
    text = text.strip()
    if text[:1] + text[-1:] not in ("{}", "[]"):
        return None
    value = parse(text.encode("utf-8", "replace")).value
    return value if isinstance(value, dict | list | Members) and value and not isinstance(value, RawText) else None


def unsnapped(data: bytes) -> bytes | None:
    """Bytes that Snappy compressed as one block, by its format description; None for anything else.

    https://github.com/google/snappy/blob/main/format_description.txt
    """
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
