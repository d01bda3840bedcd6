"""The two waits of a reader, for bytes and for the next attempt, both of which can be ended early."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from time import monotonic

import aiohttp

from nomad_tui.core.updates import Update
from nomad_tui.stream.reports import LineWatch
from nomad_tui.stream.topic_selection import TopicSelection


class Waits:
    def __init__(self, selection: TopicSelection, line_watch: LineWatch) -> None:
        self._selection = selection
        self._line_watch = line_watch
        self._pending: deque[Update] = deque()
        """Updates from `pass_on`, yielded between two lines."""
        self._interrupted = False
        """Whether the wait for bytes must end at once."""
        self._reading: asyncio.Timeout | None = None
        """Timeout of the current wait for bytes, if any."""
        self._attempts_now = False
        self._woken = asyncio.Event()
        """Ends the wait for the next attempt, or interrupts it to yield pending updates."""

    def pass_on(self, update: Update) -> None:
        """Queues an update for `pending`, and ends the current wait."""
        self._pending.append(update)
        self._interrupted = True
        self.look_again()
        self._woken.set()

    def pending(self) -> Iterator[Update]:
        while self._pending:
            yield self._pending.popleft()

    def look_again(self) -> None:
        """Reschedules the timeout of the wait for bytes to the next deadline."""
        if self._reading is not None and not self._reading.expired():
            left = self._seconds_left()
            self._reading.reschedule(None if left is None else asyncio.get_running_loop().time() + left)

    def attempt_now(self) -> None:
        """Skips the wait for the next attempt, even if it has not started since the last failure."""
        self._attempts_now = True
        self._woken.set()

    def failed(self) -> None:
        self._attempts_now = False

    async def attempt_after(self, seconds: float) -> AsyncGenerator[Update, None]:
        """Waits `seconds`, or until `attempt_now`; yields updates from `pass_on` in the meantime."""
        until = monotonic() + seconds
        while not self._attempts_now and (left := until - monotonic()) > 0:
            self._woken.clear()
            for update in self.pending():
                yield update
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._woken.wait()

    async def next_chunk(self, content: aiohttp.StreamReader) -> bytes | None:
        """The next bytes; empty at the end of the stream, None if it is time to reconnect or an update is pending.

        In the latter case, bytes that have already arrived stay buffered.
        """
        left = self._seconds_left()
        if left != 0:
            waiting = asyncio.timeout(left)
            try:
                async with waiting:
                    self._reading = waiting
                    return await content.readany()
            except TimeoutError:
                if not waiting.expired():
                    raise
            finally:
                self._reading = None
        self._interrupted = False
        if self._selection.is_due:
            self._selection.forget_refusals()
        return None

    def _seconds_left(self) -> float | None:
        """Seconds until the next deadline that the wait for bytes must not exceed; None if there is none."""
        if self._interrupted:
            return 0.0
        due = [self._selection.seconds_left()] if self._selection.is_changing else []
        if self._line_watch.since is not None:
            due.append(self._line_watch.seconds_left())
        return min((left for left in due if left is not None), default=None) if due else None
