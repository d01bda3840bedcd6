"""The stream, into the journal: what comes is queued there at once, and held back only while nothing can be written."""

import asyncio
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic, time_ns
from typing import Final

from nomad_tui.core.text import printable
from nomad_tui.core.updates import (
    Connected,
    Connecting,
    Gap,
    Noted,
    Permitted,
    Refused,
    Retrying,
    Update,
    Warned,
)
from nomad_tui.core.wire import Frame, Heartbeat, Unreadable
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.log import Log
from nomad_tui.journal.status import RunnerStatus
from nomad_tui.sources.source import Source

log = Log("nomad_tui.stream")

TURN: Final = 0.005
"""Seconds of reading between two turns for the sinks."""
RATE_SECONDS: Final = 10


@dataclass(slots=True)
class Recorder:
    """Reads one source into one journal, and keeps `status` as it goes."""

    source: Source
    journal: Journal
    status: RunnerStatus
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the region is known, or will not be for a while."""
    heard: float = 0.0
    """When the server said something last, by `monotonic`; 0.0 for never."""
    _counted: deque[tuple[float, int]] = field(default_factory=deque)

    async def run(self) -> None:
        """Until the source has nothing more to come, or it is cancelled; what came by then is queued."""
        loop = asyncio.get_running_loop()
        turn = loop.time()
        async with aclosing(self.source.updates()) as updates:
            async for update in updates:
                if isinstance(update, Frame | Gap | Unreadable):
                    received = update.received if isinstance(update, Frame) else 0
                    self.journal.add(update, received or time_ns())
                    await self.journal.room()
                self._take(update)
                if loop.time() - turn > TURN:
                    await asyncio.sleep(0)
                    turn = loop.time()

    def tick(self) -> None:
        """To be called about once a second."""
        now = monotonic()
        self._counted.append((now, self.status.events))
        while len(self._counted) > 1 and self._counted[0][0] < now - RATE_SECONDS:
            self._counted.popleft()
        since, before = self._counted[0]
        self.status.rate = round((self.status.events - before) / (now - since), 1) if now > since else 0.0

    def _take(self, update: Update) -> None:
        status = self.status
        match update:
            case Frame():
                self.heard = monotonic()
                status.events += len(update.events)
            case Heartbeat():
                self.heard = monotonic()
            case Gap():
                status.gaps += 1
                log.warning("gap", **update.record())
            case Unreadable():
                status.unreadable += 1
                log.warning("unreadable_line", reason=update.reason, length=update.length)
            case Connecting():
                status.state = "connecting"
            case Connected():
                status.state, status.what = "live", ""
                status.address, status.region = update.to, printable(update.region or "", 100) or status.region
                status.reconnects = update.reconnects
                self.heard = monotonic()
                self.connected.set()
                log.info(
                    "stream_connected",
                    address=update.to,
                    region=status.region,
                    version=printable(update.version or "", 100),
                )
            case Retrying() | Refused():
                status.state = "retrying" if isinstance(update, Retrying) else "refused"
                status.what = f"{update.what} {update.remedy}"
                self.connected.set()
                log.warning(
                    f"stream_{status.state}",
                    what=update.what,
                    remedy=update.remedy,
                    again_in=round(update.delay, 1),
                    attempt=update.attempt,
                )
            case Warned():
                if update.what:
                    log.warning("stream_warning", about=update.concern.value, what=update.what, remedy=update.remedy)
            case Noted():
                log.info("stream_note", what=update.text)
            case Permitted():
                log.info("stream_permissions", namespaces=list(update.permissions.namespaces))
            case _:
                status.state = "ended"
