"""Writes to a file or pipe in a thread of its own, so that a stalled reader does not block the program."""

import asyncio
import os
from contextlib import suppress
from threading import Condition, Thread
from typing import BinaryIO, Final

POLL_INTERVAL: Final = 0.05
"""Seconds between two checks of the buffer's size."""
WRITE_BYTES: Final = 64 * 1024
"""Bytes per write."""


class Writer:
    """Buffers data in memory until `flush`, and then until the output accepts it."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._descriptor: int | None = None
        with suppress(OSError):  # not a file
            output.flush()
            self._descriptor = output.fileno()
        self._changed = Condition()
        self._waiting: list[bytes] = []
        self._is_due = self._is_closed = False
        self.size = 0
        """Bytes not written yet."""
        self.error: OSError | None = None
        """Why writing failed."""
        # A daemon: a write to a stalled pipe cannot be interrupted when the program exits.
        self._thread = Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    def write(self, text: bytes) -> None:
        with self._changed:
            self._waiting.append(text)
            self.size += len(text)

    def flush(self) -> None:
        """Starts to write everything buffered, without waiting. Raises the `OSError` of an earlier write."""
        if self.error is not None:
            raise self.error
        with self._changed:
            self._is_due = bool(self._waiting)
            self._changed.notify()

    async def until_below(self, size: int) -> None:
        """Waits until less than `size` bytes are buffered. Raises `OSError`."""
        while self.size >= size:
            self.flush()
            await asyncio.sleep(POLL_INTERVAL)
        self.flush()

    async def close(self) -> None:
        """Waits until everything is written. Raises `OSError`."""
        await self.until_below(1)
        self._end()

    def abandon(self) -> None:
        """Discards what the output does not accept at once."""
        self._end()

    def _end(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_due or self._is_closed)
                text, self._waiting, self._is_due = b"".join(self._waiting), [], False
                if not text and self._is_closed:
                    return
            try:
                self._put(text)
            except OSError as error:
                self.error = error
                return

    def _put(self, text: bytes) -> None:
        rest = memoryview(text)
        while rest:
            if self._descriptor is None:
                written = self._output.write(rest[:WRITE_BYTES])
                self._output.flush()
            else:
                written = os.write(self._descriptor, rest[:WRITE_BYTES])
            rest = rest[written:]
            with self._changed:
                self.size -= written
