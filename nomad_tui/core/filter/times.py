"""Times in a filter: ages such as `1h30m`, and times of day or dates.

All are converted to a range of nanoseconds since 1970 on use, because ages are relative to the current time.
"""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import ClassVar, Final

import msgspec

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.readable import DAY, HOUR, MINUTE, SECOND

_UNITS: Final = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
_AGE: Final = lazy_pattern(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
_INSTANT: Final = lazy_pattern(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)T(?P<at>\d\d:\d\d(?::\d\d)?)(?P<utc>Z?)|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<clock>\d{1,2}:\d\d(?::\d\d)?))",
    re.ASCII,
)
EARLIEST_YEAR: Final = 1970
LATEST_YEAR: Final = 2999

Range = tuple[int | None, int | None]
"""Start (inclusive) and end (exclusive), in ns since 1970; None if unbounded."""


class Age(msgspec.Struct, frozen=True):
    """An age in ns; 0 or at least a second."""

    nanoseconds: int
    is_relative: ClassVar[bool] = True

    def __str__(self) -> str:
        rest, written = self.nanoseconds, ""
        for unit, size in _UNITS.items():
            if rest >= size:
                written += f"{rest // size}{unit}"
                rest %= size
        return written or "0s"

    def unit(self, now_ns: int, zone: tzinfo | None) -> tuple[int, int]:
        """The time as an empty range."""
        return now_ns - self.nanoseconds, now_ns - self.nanoseconds


class Instant(msgspec.Struct, frozen=True):
    """A day, a minute or a second, as typed: `2026-11-23`, `14:30`, `2026-11-23T14:30:05Z`.

    Without a date, the last occurrence of the time of day.
    """

    written: str

    def __str__(self) -> str:
        return self.written

    @property
    def date(self) -> str:
        """The date before a time of day; empty if there is none."""
        return self.written.partition("T")[0] if "T" in self.written else ""

    @property
    def is_clock(self) -> bool:
        """Whether it is a time of day without a date."""
        return "-" not in self.written

    @property
    def is_relative(self) -> bool:
        return self.is_clock

    @property
    def is_utc(self) -> bool:
        return self.written.endswith("Z")

    def unit(self, now_ns: int, zone: tzinfo | None) -> tuple[int, int]:
        """Start (inclusive) and end (exclusive) of the day, minute or second, in ns since 1970."""
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


class Span(msgspec.Struct, frozen=True):
    """A range with both ends included, such as `14:30..14:45`; None if unbounded."""

    first: Age | Instant | None
    last: Age | Instant | None

    def __str__(self) -> str:
        return f"{'' if self.first is None else self.first}..{'' if self.last is None else self.last}"

    @property
    def has_age(self) -> bool:
        return isinstance(self.first, Age) or isinstance(self.last, Age)

    @property
    def is_relative(self) -> bool:
        if isinstance(self.first, Instant) and self.first.date:  # a time of day at the end is on that day
            return isinstance(self.last, Age)
        return any(each is not None and each.is_relative for each in (self.first, self.last))

    def bounds(self, now_ns: int, zone: tzinfo | None) -> Range:
        """Start (inclusive) and end (exclusive), in ns since 1970; None if unbounded."""
        start = None if self.first is None else self.first.unit(now_ns, zone)[0]
        last = self.last
        if isinstance(last, Instant) and isinstance(self.first, Instant) and last.is_clock and self.first.date:
            clock = f"0{last.written}" if last.written[1] == ":" else last.written
            last = Instant(f"{self.first.date}T{clock}{'Z' if self.first.is_utc else ''}")
        if last is None:
            return start, None
        end = last.unit(now_ns, zone)[1]
        if isinstance(last, Age):
            return start, end + 1
        if start is not None and end <= start and isinstance(self.last, Instant) and self.last.is_clock:
            end += DAY  # past midnight, or a time later today
        return start, end


def _clock(written: str) -> time:
    hour, minute, second = (int(part) for part in f"{written}:0".split(":")[:3])
    return time(hour, minute, second)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND


def read_time(written: str) -> Age | Instant | Span | None:
    """None if the text is not a time."""
    if ".." in written:
        start, _, end = written.partition("..")
        first, last = _read_one(start), _read_one(end)
        if (start and first is None) or (end and last is None) or not (start or end):
            return None
        return Span(first, last)
    return _read_one(written)


def _read_one(written: str) -> Age | Instant | None:
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
