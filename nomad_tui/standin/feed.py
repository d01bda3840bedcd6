"""Sends a stream its frames: a run through the whole recording, or what is published from now on."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterable
from typing import Final

from nomad_tui.standin.recording import SLICE_SECONDS, Frame, Recording
from nomad_tui.standin.stream import Stream

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


_NEXT_EVAL: Final = re.compile(rb'"NextEval":"[^"]*"')


async def send_recording(stream: Stream, recording: Recording, pace: float | None, repeat: int | None) -> None:
    """Send the whole recording, from the index asked for; `pace` is in frames a second."""
    clock = asyncio.get_running_loop().time
    started = clock()
    select = stream.subscription.select
    lines: list[bytes] = []
    size = 0
    send_at = started + SLICE_SECONDS
    start = recording.start(stream.query.index, repeat)
    for number, (pass_number, position) in enumerate(recording.places(repeat, start)):
        if pace is not None:
            await _beat_until(stream, started + number / pace)
        sent = select(recording.frames[position], recording.sent(position, pass_number))
        if sent is not None:
            lines.append(sent)
            size += len(sent)
        if size >= BATCH_BYTES or pace is not None or clock() >= send_at:
            await stream.send(lines)
            await stream.beat()
            lines.clear()
            size = 0
            send_at = clock() + SLICE_SECONDS
    await stream.send(lines)


async def _beat_until(stream: Stream, due: float) -> None:
    clock = asyncio.get_running_loop().time
    while stream.beats_at < due:
        await asyncio.sleep(max(0.0, stream.beats_at - clock()))
        await stream.beat()
    await asyncio.sleep(max(0.0, due - clock()))


async def follow(stream: Stream, buffer: Buffer, *, next_eval_differs: int, changed: Callable[[], None]) -> None:
    """Send what is published, for as long as the reader keeps up with the buffer; `changed` is called at each step."""
    select = stream.subscription.select
    while True:
        frames = buffer.after(stream.position)
        if frames:
            stream.position += len(frames)
            changed()
            chosen = (
                _varied(stream, frame.index, select(frame, frame.sent), every=next_eval_differs) for frame in frames
            )
            await stream.send([sent for sent in chosen if sent is not None])
        else:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(stream.beats_at):
                    await buffer.grown()
        await stream.beat()


def _varied(stream: Stream, index: int | None, sent: bytes | None, *, every: int) -> bytes | None:
    if not every or sent is None or index is None or index % every:
        return sent
    return _NEXT_EVAL.sub(b'"NextEval":"%08x-0000-4000-8000-000000000000"' % stream.number, sent)
