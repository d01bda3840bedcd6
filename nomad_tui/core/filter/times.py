"""Times in a filter: ages such as `1h30m`, and points on a clock or a calendar.

Everything is turned into a range of nanoseconds since 1970 when it is asked for, because "five minutes ago" moves.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_UNITS: Final = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
_AGE: Final = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
_INSTANT: Final = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)T(?P<at>\d\d:\d\d(?::\d\d)?)(?P<utc>Z?)|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<clock>\d{1,2}:\d\d(?::\d\d)?))",
    re.ASCII,
)
EARLIEST_YEAR: Final = 1970
LATEST_YEAR: Final = 2999

Range = tuple[int | None, int | None]
"""From (inclusive) and to (exclusive), in ns since 1970; None where it is open."""


@dataclass(frozen=True, slots=True)
class Age:
    """How long ago, in ns; at least a second, or nothing."""

    nanoseconds: int

    def __str__(self) -> str:
        rest, written = self.nanoseconds, ""
        for unit, size in _UNITS.items():
            if rest >= size:
                written += f"{rest // size}{unit}"
                rest %= size
        return written or "0s"

    def unit(self, now_ns: int, zone: tzinfo | None) -> tuple[int, int]:
        """The moment it means, as a range without extent."""
        return now_ns - self.nanoseconds, now_ns - self.nanoseconds


@dataclass(frozen=True, slots=True)
class Instant:
    """A day, a minute or a second, as it was typed: `2026-11-23`, `14:30`, `2026-11-23T14:30:05Z`.

    Without a date it is the last time the clock showed it.
    """

    written: str

    def __str__(self) -> str:
        return self.written

    def unit(self, now_ns: int, zone: tzinfo | None) -> tuple[int, int]:
        """The start (inclusive) and the end (exclusive) of the day, minute or second, in ns since 1970."""
        found = _INSTANT.fullmatch(self.written)
        assert found is not None, "read_time made it"
        if found["clock"]:
            now = datetime.fromtimestamp(now_ns / SECOND, zone)
            start = datetime.combine(now.date(), _clock(found["clock"]), zone)
            if start > now.replace(tzinfo=zone):
                start -= timedelta(days=1)
        elif found["day"]:
            start = datetime.fromisoformat(found["day"]).replace(tzinfo=zone)
            return _nanoseconds(start), _nanoseconds(start + timedelta(days=1))
        else:
            at = UTC if found["utc"] else zone
            start = datetime.fromisoformat(f"{found['date']}T{found['at']}").replace(tzinfo=at)
        begin = _nanoseconds(start)
        return begin, begin + (SECOND if self.written.count(":") == 2 else MINUTE)


def _clock(written: str) -> time:
    hour, minute, second = (int(part) for part in f"{written}:0".split(":")[:3])
    return time(hour, minute, second)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND


def read_time(written: str) -> Age | Instant | None:
    """None for what is no time."""
    age = _AGE.fullmatch(written)
    if age is not None and written:
        return Age(sum(int(count or 0) * size for count, size in zip(age.groups(), _UNITS.values(), strict=True)))
    found = _INSTANT.fullmatch(written)
    if found is None:
        return None
    try:
        if found["clock"]:
            _clock(found["clock"])
        else:
            day = datetime.fromisoformat(written.removesuffix("Z"))
            if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
                return None
    except ValueError:
        return None
    return Instant(written)
