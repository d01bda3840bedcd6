"""The status of one sink, as `sink status`, metrics and the dashboard show it."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from time import monotonic, time_ns
from typing import Final

from nomad_tui.core.readable import SECOND
from nomad_tui.core.text import printable
from nomad_tui.journal.log import Log
from nomad_tui.journal.status import SinkState, SinkStatus
from nomad_tui.sinks.delivery.sink import UndeliveredError

log = Log("nomad_tui.sinks")

LONGEST_ERROR: Final = 1_000
"""Characters of an error message that are kept."""
LOG_INTERVAL: Final = 600.0
"""Seconds after which continued failures are logged again."""
RATE_SECONDS: Final = 10
"""Seconds over which the rate is averaged."""


@dataclass(slots=True)
class _Rate:
    counted: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, events: int) -> None:
        self.counted.append((monotonic(), events))

    def now(self) -> float:
        since = monotonic() - RATE_SECONDS
        while self.counted and self.counted[0][0] < since:
            self.counted.popleft()
        return sum(events for _, events in self.counted) / RATE_SECONDS


class Progress:
    """Updates a sink's status, and logs what an operator must know."""

    def __init__(self, sink: str, status: SinkStatus) -> None:
        self.sink = sink
        """ID of the sink."""
        self.status = status
        self.dropped = 0
        """Events that the journal dropped before they were delivered, and that are not reported to the sink yet."""
        self.failing_since = 0
        """Time of the first failed attempt since the last acknowledgement, in ns since 1970; 0 if there is none."""
        self.news = asyncio.Event()
        """Set whenever the cursor moved or an attempt failed."""
        self._rate = _Rate()
        self._logged = 0.0

    def take_on(self, kept: SinkStatus) -> None:
        """Continue with the counts of the previous runner."""
        kept.kind, kept.address = self.status.kind, self.status.address
        kept.attempt = kept.next_attempt = 0
        self.status = kept

    def count_from(self, kept: SinkStatus) -> None:
        """Reset the counts to those stored with the cursor: uncommitted deliveries are sent, and counted, again."""
        self.status.delivered, self.status.dead, self.status.lost = kept.delivered, kept.dead, kept.lost

    def tick(self) -> None:
        """Update the rate. Call it about once a second."""
        self.status.rate = round(self._rate.now(), 1)

    def started(self) -> None:
        """Record the start of a delivery."""
        if self.status.state is SinkState.IDLE:
            self.status.state = SinkState.DELIVERING

    def idle(self) -> None:
        """Record that nothing is in flight or queued."""
        if self.status.state is not SinkState.RETRYING:
            self.status.state = SinkState.IDLE

    def paused(self) -> None:
        self.status.state = SinkState.PAUSED
        self.news.set()

    def broken(self, what: str) -> None:
        self.note_error(what)
        self.status.state = SinkState.BROKEN
        self.failing_since = self.failing_since or time_ns()
        self.news.set()

    def acknowledged(self, events: int, answer: str) -> None:
        status = self.status
        status.last_acknowledged = time_ns()
        self.failing_since = 0
        status.state = SinkState.DELIVERING
        status.attempt = status.next_attempt = 0
        status.last_error = ""
        if answer:
            status.last_answer = answer
        self._rate.add(events)

    def passed(self, delivered: int, lost: int) -> None:
        """Count the delivered items that the cursor moved past, and the events that the journal had dropped."""
        self.status.delivered += delivered
        if lost:
            self.lost(lost)

    def failed(self, error: UndeliveredError, attempt: int, delay: float) -> None:
        """`delay` is in seconds until the next attempt; 0 if the refused batch is divided or given up."""
        status = self.status
        self.failing_since = self.failing_since or time_ns()
        if not delay:
            self.note_error(error.what)
            return  # logged once for the whole batch
        status.state = SinkState.RETRYING
        status.retried += 1
        status.attempt = attempt
        status.next_attempt = time_ns() + int(delay * SECOND)
        self.note_error(error.what)
        if attempt in (1, 2, 5) or monotonic() - self._logged > LOG_INTERVAL:
            self._logged = monotonic()
            log.warning(
                "sink_refused_or_failed", sink=self.sink, what=error.what, attempt=attempt, again_in=round(delay, 1)
            )

    def buried(self, events: int, why: str) -> None:
        """Count events that became dead letters, once those are in the journal."""
        status = self.status
        status.dead += events
        status.attempt = status.next_attempt = 0
        status.state = SinkState.DELIVERING
        log.error("events_to_dead_letters", sink=self.sink, events=events, what=why)

    def lost(self, events: int) -> None:
        self.status.lost += events
        self.dropped = max(0, self.dropped - events)
        log.error("events_lost", sink=self.sink, events=events, what="the journal was full and had to drop them")

    def note_error(self, what: str) -> None:
        self.status.last_error = printable(what, LONGEST_ERROR)
        self.status.last_error_at = time_ns()
        self.news.set()
