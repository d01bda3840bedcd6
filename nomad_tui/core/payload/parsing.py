"""From the bytes of a payload to Python values that say exactly what the server sent.

The standard library's decoder is used rather than a faster one because it hands over every number's own text
and every member of an object, repeated keys included: 1.5 ms for a 1 MB Job, 0.1 ms for a usual payload.
"""

import json
from typing import Final, TypeAlias

import msgspec

RAW_ROW: Final = 48
"""Characters of one row of a payload that is shown as it came; about the width of the pane."""

_LONGEST_INTEGER: Final = 40
"""Digits. Far more than any counter or time has; beyond it an integer stays text, because reading it costs
time in the square of its length."""


class Number(str):
    """A number that Python would write differently or could not hold, such as `1e400`, in its own text."""

    __slots__ = ()


class Members(tuple[tuple[str, "Value"], ...]):
    """An object in which a key came more than once: all its members, in the order they came."""

    __slots__ = ()


class Raw(str):
    """A piece, of at most `RAW_ROW` characters, of a payload that could not be read as JSON."""

    __slots__ = ()


class RawText(tuple[Raw, ...]):
    """A payload that could not be read as JSON, whole."""

    __slots__ = ()


Value: TypeAlias = "dict[str, Value] | list[Value] | Members | RawText | Raw | Number | str | int | float | bool | None"


class Payload(msgspec.Struct, frozen=True):
    value: Value
    trouble: str | None = None
    """What a reader has to know about `value`, in whole sentences: what was repaired, why it is no tree."""


def _integer(text: str) -> int | Number:
    return Number(text) if text == "-0" or len(text) > _LONGEST_INTEGER else int(text)


def _fraction(text: str) -> float | Number:
    value = float(text)
    return value if repr(value) == text else Number(text)


def raw_text(text: str) -> RawText:
    """A text as it came, in pieces that fit a row."""
    return RawText(
        Raw(line[start : start + RAW_ROW])
        for line in text.rstrip("\n").split("\n")
        for start in range(0, max(1, len(line)), RAW_ROW)
    )


def parse(payload: bytes) -> Payload:
    """The payload's value; raises nothing, whatever the bytes are.

    An object with a repeated key is a `Members`, a number Python would alter is a `Number`. What is not JSON,
    or nested deeper than the interpreter's stack allows (about 900 levels), is a `RawText`.
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
        parse_int=_integer,
        parse_float=_fraction,
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
