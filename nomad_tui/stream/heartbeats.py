"""Telling from the heartbeats whether something between holds the stream back.

A server sends `{}` every 30 s whatever else it sends, so two of them can only come together if they waited somewhere:
in a proxy that fills its buffer before it passes anything on, or here, while this program was stopped.
"""

from typing import Final

HEARTBEAT: Final = 30.0
"""Seconds between two heartbeats (`command/agent/event_endpoint.go`)."""


class Heartbeats:
    """Of one connection; to be told of everything that arrives."""

    def __init__(self, interval: float = HEARTBEAT) -> None:
        self._interval = interval
        self._together = 0
        """Heartbeats in what arrived at about the same time."""
        self._since = 0.0
        """When the first of that arrived."""
        self._silence = 0.0
        """Seconds without anything before it."""
        self._heard_at: float | None = None
        self._beat_at: float | None = None
        self.regular = False
        """Whether the last heartbeat came alone, and one interval after the one before it."""

    def heard(self, heartbeats: int, now: float) -> int:
        """`heartbeats` of what has just arrived, at `now` in seconds; how many came in bulk after a silence, or 0."""
        before, self._heard_at = self._heard_at, now
        beat_before = self._beat_at
        if heartbeats:
            self._beat_at = now
        if before is None:
            self._since = now
            return 0
        silence = now - before
        if silence > self._interval / 10 or now - self._since > self._interval / 2:
            self._together, self._silence, self._since = 0, silence, now
        self._together += heartbeats
        if heartbeats:
            apart = 0.0 if beat_before is None else now - beat_before
            self.regular = heartbeats == 1 and abs(apart - self._interval) < self._interval / 5
        return self._together if self._together >= 2 and self._silence > self._interval * 1.2 else 0
