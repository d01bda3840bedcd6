"""The times of payloads as a timeline reads them."""

from datetime import datetime
from typing import Final, TypeAlias

_EARLIEST: Final = 946_684_800_000_000_000
_LATEST: Final = 4_102_444_800_000_000_000
"""ns since 1970: from 2000 to 2100 a number can be a time."""

TaskEventKey: TypeAlias = tuple[str, int, str, str]
"""Task, time, type and message: payloads repeat a task's newest events, which have no ID."""


def moment(nanoseconds: int) -> int | None:
    """A time of a payload, or None where it cannot be one."""
    return nanoseconds if _EARLIEST <= nanoseconds < _LATEST else None


def timestamp(text: str | None) -> int | None:
    """An RFC 3339 time in ns since 1970, or None where it cannot be one; microseconds are kept."""
    if not text or len(text) > 40:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            return None
        return moment(int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000)
    except (ValueError, OverflowError, OSError):
        return None
