"""Writes to a file or pipe from a thread of its own, so that a reader that stalls holds up nothing else."""

import asyncio
import os
from contextlib import suppress
from threading import Condition, Thread
from typing import BinaryIO, Final

LOOKED_EVERY: Final = 0.05
"""Seconds between two looks whether what waits has become less."""
AT_ONCE: Final = 64 * 1024
"""Bytes handed to the operating system at once."""


class Writer:
    """What is written waits in memory until `flush`, and then until the output takes it."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output
        self._descriptor: int | None = None
        with suppress(OSError):  # what is no file has no descriptor
            output.flush()
            self._descriptor = output.fileno()
        self._changed = Condition()
        self._waiting: list[bytes] = []
        self._is_due = self._is_closed = False
        self.size = 0
        """Bytes that were not taken yet."""
        self.error: OSError | None = None
        """Why nothing can be written any more."""
        # Not waited for at the program's end: a write to a pipe that stalls cannot be interrupted.
        self._thread = Thread(target=self._run, name="output", daemon=True)
        self._thread.start()

    def write(self, text: bytes) -> None:
        with self._changed:
            self._waiting.append(text)
            self.size += len(text)

    def flush(self) -> None:
        """Has everything written; does not wait for it. Raises the `OSError` that an earlier writing met."""
        if self.error is not None:
            raise self.error
        with self._changed:
            self._is_due = bool(self._waiting)
            self._changed.notify()

    async def until_below(self, size: int) -> None:
        """Waits until less than `size` bytes have not been taken. Raises `OSError`."""
        while self.size >= size:
            self.flush()
            await asyncio.sleep(LOOKED_EVERY)
        self.flush()

    async def close(self) -> None:
        """Waits until everything is taken. Raises `OSError`."""
        await self.until_below(1)
        self._end()

    def abandon(self) -> None:
        """Leaves what the output does not take at once."""
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
                written = self._output.write(rest[:AT_ONCE])
                self._output.flush()
            else:
                written = os.write(self._descriptor, rest[:AT_ONCE])
            rest = rest[written:]
            with self._changed:
                self.size -= written
