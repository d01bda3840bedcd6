"""What a stream holds already: so that nothing is doubled that another runner published longer ago than the server
remembers.

A server knows a message again by its ID for the stream's duplicate window. What is older must be known here: once, from
some time before the oldest event that is to be sent, the IDs are read from the stream, and later whatever others have
published since. A runner that is alone never reads anything again: the sequence numbers of its own acknowledgements
tell that nobody published between.

A stream may not let itself be read: work queues, limits of consumers and permissions are in the way. Then it is
published to all the same, and `unchecked` says why what is older than its window may be doubled.
"""

import asyncio
from datetime import datetime
from time import monotonic
from typing import Final

from nats.js.errors import NotFoundError

from nomad_tui.journal.log import Log
from nomad_tui.nats.link import NatsError, NatsLink
from nomad_tui.nats.reading import KnownIds, Reading, ReadingLostError

log = Log("nomad_tui.sinks.nats")

SLACK: Final = 600_000_000_000
"""ns before the oldest event that is to be sent: clocks differ, and another runner may have had it earlier."""
READ_AT_LEAST: Final = 20_000
"""Messages: what a runner takes from the buffer of a Nomad server looks new to it, and another may have published it
long ago."""
PART: Final = 0.5
"""Of the duplicate window, after which what is known counts as old."""
MOST_AHEAD: Final = 10_000
MOST_FAILURES: Final = 2
"""In a row, of reading a stream, after which it is published to without; a server may be busy for a moment."""
CHECKED_AGAIN: Final = 300.0
"""Seconds after which reading is tried again."""
AGAIN: Final = "It is tried again"


class AlreadyStored:
    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._ids = KnownIds()
        self._created: datetime | None = None
        """When the stream was made; None while nothing is known of it."""
        self._since = 0
        """ns since 1970: what the stream took from then on was read."""
        self._covered = 0
        """Up to this sequence number it is known."""
        self._covered_at = 0.0
        """`monotonic()` before which the stream held nothing beyond that."""
        self._ahead: dict[int, float] = {}
        """When own messages beyond it were sent, by their sequence numbers."""
        self._reading: asyncio.Task[None] | None = None
        self._read_by: NatsLink | None = None
        self._failures = 0
        self._again_at = 0.0
        """`monotonic()` before which it is not tried to read it."""
        self.unchecked = ""
        """Why the stream cannot be read; "" while it can."""
        self.read = 0
        """Messages, by the reading under way or the last one."""

    def __contains__(self, message: str) -> bool:
        return message in self._ids

    @property
    def is_reading(self) -> bool:
        return self._reading is not None and not self._reading.done()

    async def update(self, link: NatsLink, window: float, oldest: int) -> None:
        """Returns once a message that is published now, of an event received at `oldest` ns or later, is doubled
        neither by what was stored before nor by what comes.

        Goes on reading where its caller gives up. Where the stream cannot be read, returns as well, and
        `unchecked` says why. Raises `NatsError` where the connection is lost, or reading is worth another attempt.
        """
        while True:
            if self._reading is None:
                if self._created and self._since <= oldest - SLACK and not self._is_old(window):
                    return
                if monotonic() < self._again_at:
                    return
                self._read_by = link
                self._reading = asyncio.create_task(self._read(link, oldest - SLACK))
                self._reading.add_done_callback(_looked_at)
            try:
                await asyncio.shield(self._reading)
            except NatsError as error:
                if self._read_by is None or self._read_by.broken:
                    raise
                self._failures += 1
                if self._failures < MOST_FAILURES and not error.refused:
                    raise
                self._again_at = monotonic() + CHECKED_AGAIN
                self.unchecked = error.why
            finally:
                if self._reading.done():
                    self._reading = None

    def acknowledged(self, message: str, sequence: int, sent: float, *, duplicate: bool) -> None:
        """Of a message that was sent at `sent` (`monotonic()`)."""
        self._ids.add(message)
        if not duplicate and sequence <= self._covered:
            self._created = None  # it was made anew
        elif sequence == self._covered + 1:
            self._covered = sequence
            if not duplicate:
                self._covered_at = max(self._covered_at, sent)
            while (next_sent := self._ahead.pop(self._covered + 1, None)) is not None:
                self._covered += 1
                self._covered_at = max(self._covered_at, next_sent)
        elif not duplicate and len(self._ahead) < MOST_AHEAD:
            self._ahead[sequence] = sent

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()

    def _is_old(self, window: float) -> bool:
        return monotonic() - self._covered_at > window * PART

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
                if pending < READ_AT_LEAST:
                    await reading.close()
                    reading = Reading(link, self._stream, headers_only=True, held_only=True)
                    pending = await reading.open(sequence=max(stream.state.last_seq - READ_AT_LEAST + 1, 1))
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
            raise NatsError(f"{link.server} stopped sending what {self._stream} holds", str(error), AGAIN) from None
        except NotFoundError as error:
            raise NatsError(f"{link.server} has no stream {self._stream} now", str(error.description), AGAIN) from None
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


def _looked_at(reading: "asyncio.Task[None]") -> None:
    """Nobody may be waiting for it any more when it fails."""
    if not reading.cancelled():
        reading.exception()
