"""Human-readable durations, sizes, counts and ages.

Nomad's durations and times are integer nanoseconds. Every function accepts any number, because a payload may hold any
number: infinities, NaN and integers of a thousand digits are formatted too and never raise.
"""

import math
from collections.abc import Sequence
from typing import Final

from nomad_tui.core.patterns import lazy_pattern

UNITS: Final = {
    "": 1,
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}{rest}": 1024**power for power, letter in enumerate("KMGT", 1) for rest in ("", "IB")},
}
"""Bytes per unit, by the unit's name in capitals: powers of 1024, except for KB, MB, GB and TB."""

_SIZE: Final = lazy_pattern(r"(\d{1,15}(?:\.\d+)?)\s*([A-Z]*)")
_PART: Final = lazy_pattern(r"(\d{1,9}(?:\.\d+)?)(d|h|ms|m|s)")
_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WRITTEN_SIZES: Final = (("TiB", 1024**4), ("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))


def parse_size(text: str) -> int | None:
    """Bytes, from `512MiB`, `2G` or `64000000`; None if `text` is not a size."""
    match = _SIZE.fullmatch(text.strip().upper())
    return None if match is None or match[2] not in UNITS else int(float(match[1]) * UNITS[match[2]])


def parse_duration(text: str, *, milliseconds: bool = False) -> float | None:
    """Seconds, from `90s`, `10m` or `1h30m`, and from `500ms` with `milliseconds`; None if `text` is not a duration."""
    parts: list[tuple[str, str]] = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    if not milliseconds and any(unit == "ms" for _, unit in parts):
        return None
    return sum(float(number) / 1000 if unit == "ms" else float(number) * _SECONDS[unit] for number, unit in parts)


def write_size(size: int) -> str | int:
    """Text that `parse_size` reads as the same number; the number itself if no unit divides it."""
    return next((f"{size // unit}{name}" for name, unit in _WRITTEN_SIZES if size and size % unit == 0), size)


def write_duration(seconds: float) -> str | float:
    """Text that `parse_duration` reads as exactly the same number; the number itself if that takes fractions of a
    millisecond."""
    rest = round(seconds * 1000)
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        if rest >= size:
            text += f"{rest // size}{unit}"
            rest %= size
    text = text or "0s"
    return text if parse_duration(text, milliseconds=True) == seconds else seconds


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
"""Larger numbers are not measurements: they are shown as too large instead of digit by digit."""


def duration(nanoseconds: int | float) -> str:
    """At most two units, the second omitted if zero: `300 ms`, `1.1 s`, `5 m`, `2 h 5 m`, `3 d`.

    Seconds below ten keep one decimal. Values are truncated, not rounded: a minute never reads `60 s`.
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
    """Age in one unit: `now` within a second, `14 s ago`, `3 m ago`; `in 5 s` for the future.

    Relative to `than`, such as `the end`: `14 s before the end`, `at the end`, `5 s after the end`.
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


def number_of(number: int, noun: str) -> str:
    """`1 event`, `215,280 events`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def enumerated(names: Sequence[str], word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def byte_count(count: int | float) -> str:
    """Decimal units, as in Nomad's own interface: `88 MB`, `2.6 kB`, `512 B`."""
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
