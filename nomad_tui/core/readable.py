"""Numbers as a person reads them: durations, sizes, counts and ages.

Nomad's durations and times are integer nanoseconds. Every function takes any number, because a payload may
hold any number: infinities, NaN and integers of a thousand digits come out as text too, never as an error.
"""

import math
from typing import Final

MICROSECOND: Final = 1_000
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_COARSE: Final = ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "m"), (MINUTE, "m", SECOND, "s"))
_FINE: Final = ((SECOND, "s"), (MILLISECOND, "ms"), (MICROSECOND, "µs"), (1, "ns"))
_BYTES: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_LARGEST: Final = 10**18
"""Beyond this a number is not a measurement: it is shown as too large rather than digit by digit."""


def duration(nanoseconds: int | float) -> str:
    """At most two units, the second dropped when zero: `300 ms`, `1.1 s`, `5 m`, `2 h 5 m`, `3 d`.

    Seconds below ten keep one decimal. What is lost is cut off, not rounded: a minute never reads `60 s`.
    """
    if isinstance(nanoseconds, float) and not math.isfinite(nanoseconds):
        return "unknown"
    if nanoseconds < 0:
        return "-" + duration(-nanoseconds)
    if nanoseconds > _LARGEST * 100:
        return f"over {count(_LARGEST * 100 // DAY)} d"
    whole = int(nanoseconds)
    for size, unit, smaller, smaller_unit in _COARSE:
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size:,} {unit}" + (f" {rest} {smaller_unit}" if rest else "")
    for size, unit in _FINE:
        if whole >= size:
            tenths = whole * 10 // size
            if tenths >= 100 or tenths % 10 == 0 or size < MILLISECOND:
                return f"{tenths // 10} {unit}"
            return f"{tenths // 10}.{tenths % 10} {unit}"
    return "0 s"


def age(nanoseconds: int, than: str = "") -> str:
    """How long ago, in one unit: `now` within a second, `14 s ago`, `3 m ago`; `in 5 s` for the future.

    With what it is older `than`, such as `the end`: `14 s before the end`, `at the end`, `5 s after the end`.
    """
    size = abs(nanoseconds)
    if size < SECOND:
        return f"at {than}" if than else "now"
    if size > _LARGEST * 100:
        return "long ago" if nanoseconds > 0 else "far ahead"
    unit = next(unit for unit in (DAY, HOUR, MINUTE, SECOND) if size >= unit)
    text = duration(size // unit * unit)
    if than:
        return f"{text} {'before' if nanoseconds > 0 else 'after'} {than}"
    return f"{text} ago" if nanoseconds > 0 else f"in {text}"


def count(number: int) -> str:
    """Digits in groups of three: `215,280`."""
    if abs(number) > _LARGEST:
        return "over 10^18" if number > 0 else "below -10^18"
    return f"{number:,}"


def byte_count(count: int | float) -> str:
    """Decimal units as Nomad's own interface uses them: `88 MB`, `2.6 kB`, `512 B`."""
    if isinstance(count, float) and not math.isfinite(count):
        return "unknown"
    if count < 0:
        return "-" + byte_count(-count)
    if count > _LARGEST * 1000:
        return "over 1,000 EB"
    value = float(count)
    for unit in _BYTES:
        if value < 999.5 or unit == _BYTES[-1]:
            break
        value /= 1000
    if unit == "B" or value >= 9.95 or f"{value:.1f}".endswith(".0"):
        return f"{value:.0f} {unit}"
    return f"{value:.1f} {unit}"
