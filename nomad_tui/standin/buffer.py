"""The newest frames of a server, and the place of each reader among them."""

import asyncio
from collections.abc import Iterable
from typing import Final

from nomad_tui.standin.recording import Frame

BATCH_BYTES: Final = 256 * 1024
"""About how much is joined for one write: more would keep the event loop from the rest."""


class DroppedError(Exception):
    """A reader wants a frame that the buffer no longer holds."""


class Buffer:
    """The newest `size` frames. A position counts all frames ever published, from 0."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: list[Frame] = []
        self._first = 0
        """The position of the first of `_held`, which is trimmed only now and then."""
        self._grown = asyncio.Event()
        self.newest_index = 0

    @property
    def next_position(self) -> int:
        """The position of the next frame to be published."""
        return self._first + len(self._held)

    @property
    def oldest_position(self) -> int:
        return max(self._first, self.next_position - self._size)

    @property
    def full(self) -> bool:
        return self.next_position - self.oldest_position >= self._size

    def frames(self) -> list[Frame]:
        return self._held[self.oldest_position - self._first :]

    def append(self, frame: Frame) -> None:
        self._held.append(frame)
        if frame.index is not None:
            self.newest_index = frame.index
        if len(self._held) > 2 * self._size:
            surplus = len(self._held) - self._size
            del self._held[:surplus]
            self._first += surplus
        self._grown.set()
        self._grown = asyncio.Event()

    def replace(self, frames: Iterable[Frame]) -> None:
        """Hold these instead, as a server that was started anew."""
        self._first = self.next_position
        self._held = []
        self.newest_index = 0
        for frame in frames:
            self.append(frame)

    def start(self, index: int) -> int:
        """Where a reader that asks for `index` starts.

        0 is the oldest frame held; an index that is gone gives the next one held, and one above the newest
        gives the newest frame again.
        """
        oldest = self.oldest_position
        held = self.frames()
        if index == 0 or not held:
            return oldest
        for offset, frame in enumerate(held):
            if frame.index is not None and frame.index >= index:
                return oldest + offset
        return oldest + len(held) - 1

    def after(self, position: int) -> list[Frame]:
        """Frames from `position` on, about one write of them; none if there are none yet.

        Raises DroppedError if the frame at `position` is no longer held.
        """
        if position < self.oldest_position:
            raise DroppedError
        batch: list[Frame] = []
        size = 0
        for at in range(position - self._first, len(self._held)):
            frame = self._held[at]
            batch.append(frame)
            size += len(frame.sent)
            if size >= BATCH_BYTES:
                break
        return batch

    async def grown(self) -> None:
        """Wait for the next frame."""
        await self._grown.wait()
