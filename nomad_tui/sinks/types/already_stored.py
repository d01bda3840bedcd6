"""Which message IDs a stream already holds, to prevent duplicates beyond the stream's duplicate window.

Within its duplicate window, a server recognizes a message by its ID. Older messages must be known here. The IDs are
read from the stream once, starting some time before the oldest event to be sent, and later whatever other publishers
have added. A runner that publishes alone never reads the stream again: the sequence numbers of its own acknowledgements
prove that nobody else published in between.

A stream may not be readable, because of work-queue retention, consumer limits or permissions. It is then published to
all the same, and `unchecked` says why events older than the window may be duplicated.
"""

import asyncio
from datetime import datetime
from time import monotonic
from typing import Final

from nats.js.errors import NotFoundError

from nomad_tui.journal.log import Log
from nomad_tui.nats.errors import NatsError
from nomad_tui.nats.link import NatsLink
from nomad_tui.nats.reading import KnownIds, Reading, ReadingLostError

log = Log("nomad_tui.sinks.nats")

MARGIN: Final = 600_000_000_000
"""ns before the oldest event to be sent, because clocks differ and another runner may have received it earlier."""
MIN_MESSAGES: Final = 20_000
"""Messages. What a runner reads from a Nomad server's buffer looks new to it, but another runner may have published it
long ago."""
OUTDATED_AFTER: Final = 0.5
"""Fraction of the duplicate window after which the known IDs are outdated."""
MAX_AHEAD: Final = 10_000
MAX_FAILURES: Final = 2
"""Failed reads in a row after which the stream is published to without them; a server may be busy for a moment."""
RECHECK_DELAY: Final = 300.0
"""Seconds before a failed read is retried."""
REMEDY: Final = "It is tried again"


class AlreadyStored:
    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._ids = KnownIds()
        self._created: datetime | None = None
        """When the stream was created; None while nothing is known about it."""
        self._since = 0
        """ns since 1970: messages stored from then on have been read."""
        self._covered = 0
        """All messages up to this sequence number are known."""
        self._covered_at = 0.0
        """`monotonic()` time at which the stream held nothing after `_covered`."""
        self._ahead: dict[int, float] = {}
        """Send times of own messages after `_covered`, by sequence number."""
        self._reading: asyncio.Task[None] | None = None
        self._read_by: NatsLink | None = None
        self._failures = 0
        self._again_at = 0.0
        """`monotonic()` time before which reading is not retried."""
        self.unchecked = ""
        """Why the stream cannot be read; "" if it can."""
        self.read = 0
        """Messages read by the current or last read."""

    def __contains__(self, message: str) -> bool:
        return message in self._ids

    @property
    def is_reading(self) -> bool:
        return self._reading is not None and not self._reading.done()

    async def update(self, link: NatsLink, window: float, oldest: int) -> None:
        """Returns once a message published now, for an event received at `oldest` ns or later, cannot be a duplicate.

        The read continues if the caller is cancelled. Also returns if the stream cannot be read, with the reason in
        `unchecked`. Raises `NatsError` if the connection is lost, or if the read should be retried.
        """
        while True:
            if self._reading is None:
                if self._created and self._since <= oldest - MARGIN and not self._is_old(window):
                    return
                if monotonic() < self._again_at:
                    return
                self._read_by = link
                self._reading = asyncio.create_task(self._read(link, oldest - MARGIN))
                self._reading.add_done_callback(_retrieve_exception)
            try:
                await asyncio.shield(self._reading)
            except NatsError as error:
                if self._read_by is None or self._read_by.broken:
                    raise
                self._failures += 1
                if self._failures < MAX_FAILURES and not error.refused:
                    raise
                self._again_at = monotonic() + RECHECK_DELAY
                self.unchecked = error.why
            finally:
                if self._reading.done():
                    self._reading = None

    def acknowledged(self, message: str, sequence: int, sent: float, *, duplicate: bool) -> None:
        """Records an acknowledgement; `sent` is when the message was sent, by `monotonic()`."""
        self._ids.add(message)
        if not duplicate and sequence <= self._covered:
            self._created = None  # the stream was recreated
        elif sequence == self._covered + 1:
            self._covered = sequence
            if not duplicate:
                self._covered_at = max(self._covered_at, sent)
            while (next_sent := self._ahead.pop(self._covered + 1, None)) is not None:
                self._covered += 1
                self._covered_at = max(self._covered_at, next_sent)
        elif not duplicate and len(self._ahead) < MAX_AHEAD:
            self._ahead[sequence] = sent

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    def _is_old(self, window: float) -> bool:
        return monotonic() - self._covered_at > window * OUTDATED_AFTER

    async def _read(self, link: NatsLink, since: int) -> None:
        asked_at = monotonic()
        stream = await link.stream_info(self._stream)
        if stream is None:
            self._created = None
            return
        whole = stream.created != self._created or since < self._since
        if whole:
            if stream.created != self._created:
                self._ids = KnownIds()
                self._since = 0
            self._created = None
        self.read = 0
        reading = Reading(link, self._stream, headers_only=True, held_only=True)
        try:
            if whole:
                pending = await reading.open(time=since)
                if pending < MIN_MESSAGES:
                    await reading.close()
                    reading = Reading(link, self._stream, headers_only=True, held_only=True)
                    pending = await reading.open(sequence=max(stream.state.last_seq - MIN_MESSAGES + 1, 1))
            else:
                pending = await reading.open(sequence=self._covered + 1) if stream.state.last_seq > self._covered else 0
            last = 0
            while pending and last < stream.state.last_seq and not reading.ended:
                for message in await reading.some(1.0):
                    last, pending = message.sequence, message.pending
                    self.read += 1
                    if known := message.headers.get("Nats-Msg-Id"):
                        self._ids.add(known)
        except ReadingLostError as error:
            raise NatsError(f"{link.server} stopped sending what {self._stream} holds", str(error), REMEDY) from None
        except NotFoundError as error:
            raise NatsError(f"{link.server} has no stream {self._stream} now", str(error.description), REMEDY) from None
        finally:
            await reading.close()
        if self.read:
            log.info("stream_read_for_duplicates", stream=self._stream, messages=self.read, known=len(self._ids))
        if self._ids.forgotten:
            log.warning("too_many_to_remember", stream=self._stream, forgotten=self._ids.forgotten)
        self._created = stream.created
        self._since = since if not self._since or since < self._since else self._since
        self._covered = stream.state.last_seq
        self._covered_at = asked_at
        self._ahead.clear()
        self._failures = 0
        self._again_at = 0.0
        self.unchecked = ""


def _retrieve_exception(reading: "asyncio.Task[None]") -> None:
    """Retrieves the exception, because nobody may be waiting for it any more."""
    if not reading.cancelled():
        reading.exception()
