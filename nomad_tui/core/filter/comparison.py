"""The operators of Nomad's filter expressions, applied to JSON values.

A literal is converted to the type of the value it is compared with, like Go's `strconv`. Where go-bexpr returns an
error (a number compared with a word, a list with `==`), neither an operator nor its negation matches.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.regular import searcher


class Comparison(Enum):
    """An operator; the value is its notation."""

    EQUAL = "=="
    UNEQUAL = "!="
    CONTAINS = "contains"
    NOT_CONTAINS = "not contains"
    MATCHES = "matches"
    NOT_MATCHES = "not matches"
    IS_EMPTY = "is empty"
    IS_NOT_EMPTY = "is not empty"
    IS_NIL = "is nil"
    IS_NOT_NIL = "is not nil"


NEGATED: Final = {
    Comparison.UNEQUAL: Comparison.EQUAL,
    Comparison.NOT_CONTAINS: Comparison.CONTAINS,
    Comparison.NOT_MATCHES: Comparison.MATCHES,
    Comparison.IS_NOT_EMPTY: Comparison.IS_EMPTY,
    Comparison.IS_NOT_NIL: Comparison.IS_NIL,
}

Answer = bool | None
"""None if the operator is undefined for the value."""

_BOOLEANS: Final = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "FALSE", "false", "False"), False
)
_INTEGER: Final = lazy_pattern(
    r"([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[bB]((?:_?[01])+)|0[oO]?((?:_?[0-7])+)|([1-9](?:_?[0-9])*|0))"
)
_FLOAT: Final = lazy_pattern(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN])"
)
_MAX_DIGITS: Final = 400


def read_integer(literal: str) -> int | None:
    """Parse like `strconv.ParseInt` with base 0, for any size; None if the literal is not an integer."""
    found = _INTEGER.fullmatch(literal) if len(literal) <= _MAX_DIGITS else None
    if found is None:
        return None
    for digits, base in zip(found.groups()[1:], (16, 2, 8, 10), strict=True):
        if digits is not None:
            number = int(digits.replace("_", ""), base)
            return -number if found[1] == "-" else number
    return None


def read_float(literal: str) -> float | None:
    """Parse like `strconv.ParseFloat`, without hexadecimal; None if the literal is not a number."""
    return float(literal) if len(literal) <= _MAX_DIGITS and _FLOAT.fullmatch(literal) else None


def _equality(literal: str) -> Callable[[Any], Answer]:
    boolean, integer, number = _BOOLEANS.get(literal), read_integer(literal), read_float(literal)
    exact = integer if integer is not None else number

    def equal(value: Any) -> Answer:
        kind = type(value)
        if kind is str:
            return bool(value == literal)
        if kind is bool:
            return None if boolean is None else value is boolean
        if kind is int:
            return None if exact is None else bool(value == exact)
        if kind is float:
            return None if number is None else bool(value == number)
        return False if value is None else None

    return equal


def _containment(literal: str) -> Callable[[Any], Answer]:
    equal = _equality(literal)

    def contains(value: Any) -> Answer:
        kind = type(value)
        if kind is str or kind is dict:
            return literal in value
        if kind is list:
            for item in value:
                if equal(item):
                    return True
                if isinstance(item, dict | list):
                    return None
            return False
        return False if value is None else None

    return contains


def _search(pattern: str) -> Callable[[Any], Answer]:
    found = searcher(pattern)

    def matches(value: Any) -> Answer:
        if type(value) is str:
            return found(value.encode("utf-8", "surrogatepass"))
        return False if value is None else None

    return matches


def _is_empty(value: Any) -> Answer:
    return not value if value is None or isinstance(value, str | list | dict) else None


def _is_nil(value: Any) -> Answer:
    return value is None


def test(comparison: Comparison, literal: str) -> Callable[[Any], bool]:
    """A test for an existing value. Raises `PatternError` for a pattern that RE2 rejects."""
    answer: Callable[[Any], Answer]
    match NEGATED.get(comparison, comparison):
        case Comparison.EQUAL:
            answer = _equality(literal)
        case Comparison.CONTAINS:
            answer = _containment(literal)
        case Comparison.MATCHES:
            answer = _search(literal)
        case Comparison.IS_EMPTY:
            answer = _is_empty
        case _:
            answer = _is_nil
    wanted = comparison not in NEGATED
    return lambda value: answer(value) is wanted
