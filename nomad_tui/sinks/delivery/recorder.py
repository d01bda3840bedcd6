"""Records the stream in the journal: updates are queued at once; reading pauses only while nothing can be written."""

import asyncio
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic, time_ns
from typing import Final

from nomad_tui.core.text import printable
from nomad_tui.core.updates import Connected, Gap, Noted, Permitted, Refused, Retrying, Update, Warned
from nomad_tui.core.wire import Frame, Heartbeat, Unreadable
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.log import Log
from nomad_tui.journal.status import RunnerStatus
from nomad_tui.sources.source import Source
from nomad_tui.stream.status import Pace, State, StreamStatus

log = Log("nomad_tui.stream")

RATE_SECONDS: Final = 10


@dataclass(slots=True)
class Recorder:
    """Reads one source into one journal, and keeps `status` up to date."""

    source: Source
    journal: Journal
    status: RunnerStatus
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the region is known, or once the connection failed."""
    stream: StreamStatus = field(default_factory=StreamStatus)
    _counted: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def heard(self) -> float:
        """Time of the server's last line, by `monotonic`; 0.0 for never."""
        return self.stream.last_heard or 0.0

    async def run(self) -> None:
        """Read until the source ends or this is cancelled; everything received by then is queued."""
        pace = Pace()
        async with aclosing(self.source.updates()) as updates:
            async for update in updates:
                if isinstance(update, Frame | Gap | Unreadable):
                    received = update.received if isinstance(update, Frame) else 0
                    self.journal.add(update, received or time_ns())
                    await self.journal.room()
                self.stream.take(update)
                if isinstance(update, Frame):
                    self.status.events = self.stream.events
                elif not isinstance(update, Heartbeat):
                    self._report()
                    self._log(update)
                await pace.give_turn()

    def tick(self) -> None:
        """Update the event rate. Call it about once a second."""
        now = monotonic()
        self._counted.append((now, self.stream.events))
        while len(self._counted) > 1 and self._counted[0][0] < now - RATE_SECONDS:
            self._counted.popleft()
        since, before = self._counted[0]
        self.status.rate = round((self.stream.events - before) / (now - since), 1) if now > since else 0.0

    def _report(self) -> None:
        """Copy the stream's status to the status that the journal stores."""
        stream, status = self.stream, self.status
        status.state = stream.state.value
        status.what = f"{stream.what} {stream.remedy}".strip()
        status.gaps, status.unreadable, status.reconnects = stream.gaps, stream.unreadable, stream.reconnects
        status.region = printable(stream.region or "", 100) or status.region
        if stream.state is State.LIVE:
            status.address = stream.to
        if stream.state in (State.LIVE, State.RETRYING, State.REFUSED):
            self.connected.set()

    def _log(self, update: Update) -> None:
        match update:
            case Gap():
                log.warning("gap", **update.record())
            case Unreadable():
                log.warning("unreadable_line", reason=update.reason, length=update.length)
            case Connected():
                log.info(
                    "stream_connected",
                    address=update.to,
                    region=self.status.region,
                    version=printable(update.version or "", 100),
                )
            case Retrying() | Refused():
                log.warning(
                    f"stream_{self.status.state}",
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
                pass
