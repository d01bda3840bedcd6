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
        """Heartbeats in what arrived at once."""
        self._heard_at: float | None = None
        self._silence = 0.0
        self.held_back = False
        """Whether the heartbeats heard last had waited for each other."""

    def heard(self, heartbeats: int, now: float) -> int:
        """`heartbeats` of what has just arrived, at `now` in seconds; how many came in bulk after a silence, or 0."""
        before, self._heard_at = self._heard_at, now
        if before is None:
            return 0
        silence = now - before
        if silence > self._interval / 10:
            self._together = 0
            self._silence = silence
        self._together += heartbeats
        if self._together >= 2 and self._silence > self._interval * 1.2:
            self.held_back = True
            return self._together
        if heartbeats and self._together == 1 and silence > self._interval / 2:
            self.held_back = False
        return 0
