"""Durations and sizes as a person writes them, `1h30m` and `512MiB`, and back."""

from typing import Final

from nomad_tui.core.patterns import lazy_pattern

UNITS: Final = {
    "": 1,
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}{rest}": 1024**power for power, letter in enumerate("KMGT", 1) for rest in ("", "IB")},
}
"""Bytes in one of each unit, in capitals: powers of 1024 but for KB, MB, GB and TB."""

_SIZE: Final = lazy_pattern(r"(\d{1,15}(?:\.\d+)?)\s*([A-Z]*)")
_PART: Final = lazy_pattern(r"(\d{1,9}(?:\.\d+)?)(d|h|ms|m|s)")
_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WRITTEN_SIZES: Final = (("TiB", 1024**4), ("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024))


def parse_size(text: str) -> int | None:
    """Bytes, of `512MiB`, `2G` or `64000000`; None for what is no size."""
    match = _SIZE.fullmatch(text.strip().upper())
    return None if match is None or match[2] not in UNITS else int(float(match[1]) * UNITS[match[2]])


def parse_duration(text: str, *, milliseconds: bool = False) -> float | None:
    """Seconds, of `90s`, `10m` or `1h30m`, and of `500ms` where that is asked for; None for what is no duration."""
    parts: list[tuple[str, str]] = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    if not milliseconds and any(unit == "ms" for _, unit in parts):
        return None
    return sum(float(number) / 1000 if unit == "ms" else float(number) * _SECONDS[unit] for number, unit in parts)


def write_size(size: int) -> str | int:
    """What `parse_size` reads as the same number; a number where no unit divides it."""
    return next((f"{size // unit}{name}" for name, unit in _WRITTEN_SIZES if size and size % unit == 0), size)


def write_duration(seconds: float) -> str | float:
    """What `parse_duration` reads as the very same number; a number where whole milliseconds cannot say it."""
    rest = round(seconds * 1000)
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        if rest >= size:
            text += f"{rest // size}{unit}"
            rest %= size
    text = text or "0s"
    return text if parse_duration(text, milliseconds=True) == seconds else seconds
