"""A response of `/v1/event/stream`, and the frames sent on it.

Its body has no length and is not chunked; it ends with the connection.
"""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from nomad_tui.standin.options import Cut, Drip, End, Fault, Garbage, LongLine, Reset, Scheduled, Silence
from nomad_tui.standin.recording import HEARTBEAT, SLICE_SECONDS, Frame, Recording
from nomad_tui.standin.subscription import StreamQuery, Subscription

_HEARTBEAT_LINE: Final = HEARTBEAT + b"\n"
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class StalledError(Exception):
    """The reader has accepted nothing for the server's write timeout."""


def head(protocol: str) -> bytes:
    """The status line and headers of the hijacked connection."""
    lines = (
        f"{protocol} 200 OK",
        "Cache-Control: no-cache",
        "Content-Type: application/json",
        "Vary: Accept-Encoding",
        "Vary: Origin",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


def reset(writer: asyncio.StreamWriter) -> None:
    """Closes a connection with RST instead of FIN, if its type of socket supports that."""
    with contextlib.suppress(OSError):
        underlying = writer.get_extra_info("socket")
        underlying.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()


class Stream:
    """A subscriber: its request, its progress, and its faults."""

    def __init__(
        self,
        writer: asyncio.StreamWriter,
        *,
        query: StreamQuery,
        subscription: Subscription,
        secret: str,
        heartbeat: float,
        first_heartbeat: float,
        write_timeout: float,
        faults: Sequence[Scheduled],
        changed: Callable[[], None],
    ) -> None:
        self.query = query
        self.subscription = subscription
        self.secret = secret
        self.number = 0
        """In order of opening, from 1."""
        self.position = 0
        """Position in the server's buffer of the next frame to send."""
        self.frames_sent = 0
        self.bytes_sent = 0
        """Bytes of the body, including heartbeats."""
        self.silent = False
        self.lingers: float | None = None
        """Seconds of silence before EOF; None for forever."""
        self.over = False
        """Whether the server has ended it."""
        self._writer = writer
        self._heartbeat = heartbeat
        self._first_heartbeat = first_heartbeat
        self._unsent_head = b""
        self._write_timeout = write_timeout
        self._faults = list(faults)
        self._drip: Drip | None = None
        self._serving: asyncio.Task[None] | None = None
        self._changed = changed
        self.beats_at = 0.0
        """When the next heartbeat is due, by the event loop's clock."""

    def served_by(self, task: asyncio.Task[None]) -> None:
        """Sets the task to be stopped when the stream ends or falls silent."""
        self._serving = task

    def begin(self, head: bytes) -> None:
        """Sends the head of the response, or defers it to the first line if the first heartbeat comes late."""
        if self._first_heartbeat:
            self._unsent_head = head
        else:
            self._writer.write(head)

    async def start(self) -> None:
        """Sends the first heartbeat if it is due at once; the next is due one interval later."""
        self.beats_at = asyncio.get_running_loop().time() + self._first_heartbeat
        await self.beat()

    async def beat(self) -> None:
        """Sends a heartbeat if one is due."""
        if asyncio.get_running_loop().time() >= self.beats_at:
            self.beats_at += self._heartbeat
            await self._send(_HEARTBEAT_LINE, frames=0)

    async def send(self, lines: Sequence[bytes]) -> None:
        """Sends lines of frames, possibly none, as fast as the reader accepts them, and yields to the event loop.

        Raises StalledError, or ConnectionError if the reader has disconnected.
        """
        if not self._faults or not lines:
            await self._send(b"".join(lines), frames=len(lines))
            return
        for line in lines:
            await self._send(line, frames=1)

    async def _send(self, data: bytes, frames: int) -> None:
        data = await self._send_until_faults(data)
        self.frames_sent += frames
        if self._drip is None:
            self._write(data)
        else:
            await self._dribble(data)
        for fault in [fault for fault in self._faults if self._is_due(fault)]:
            self._faults.remove(fault)
            self.perform(fault.fault)
        self._changed()
        await self._flush()

    async def _send_until_faults(self, data: bytes) -> bytes:
        """Sends `data` up to the byte where a fault is due, performs the fault, and returns the rest."""
        inside = [
            fault
            for fault in self._faults
            if fault.after_bytes is not None and fault.after_bytes < self.bytes_sent + len(data)
        ]
        for fault in sorted(inside, key=lambda fault: fault.after_bytes or 0):
            size = max(0, (fault.after_bytes or 0) - self.bytes_sent)
            self._write(data[:size])
            data = data[size:]
            self._faults.remove(fault)
            self.perform(fault.fault)
            await asyncio.sleep(0)
        return data

    def _is_due(self, fault: Scheduled) -> bool:
        if fault.after_frames is not None:
            return self.frames_sent >= fault.after_frames
        return fault.after_bytes is not None and self.bytes_sent >= fault.after_bytes

    def _write(self, data: bytes) -> None:
        if not (self.over or self.silent):
            self.bytes_sent += len(data)
            if data and self._unsent_head:
                data, self._unsent_head = self._unsent_head + data, b""
            self._writer.write(data)

    async def _dribble(self, data: bytes) -> None:
        sent = 0
        while self._drip is not None and sent < len(data):
            piece = data[sent : sent + self._drip.size]
            sent += len(piece)
            self._write(piece)
            await self._flush()
            await asyncio.sleep(self._drip.seconds)
        self._write(data[sent:])

    async def _flush(self) -> None:
        transport = self._writer.transport
        if transport.is_closing():
            raise ConnectionResetError
        if transport.get_write_buffer_size():
            try:
                async with asyncio.timeout(self._write_timeout):
                    await self._writer.drain()
            except TimeoutError:
                raise StalledError from None
        await asyncio.sleep(0)  # `drain` does not suspend while the reader keeps up

    def perform(self, fault: Fault) -> None:
        """Makes a fault occur now."""
        match fault:
            case Cut():
                self._write(fault.fragment)
                self.end()
            case End():
                self.end()
            case Reset():
                reset(self._writer)
                self.abort()
            case Silence():
                self.silent = True
                self._stop()
            case Drip():
                self._drip = fault
            case Garbage():
                self._write(fault.line + b"\n")
            case LongLine():
                self._write(b"x" * fault.size + b"\n")

    def end(self, last_words: bytes = b"") -> None:
        """Ends the body after sending pending data."""
        if not self.over:
            self._write(last_words)
            self.over = True
            self._writer.close()
            self._stop()

    def linger(self, seconds: float) -> None:
        """Sends nothing more, and ends the body after `seconds`."""
        self.lingers = seconds
        self.silent = True
        self._stop()

    def abort(self) -> None:
        """Ends the connection without sending pending data."""
        self.over = True
        self._writer.transport.abort()
        self._stop()

    def _stop(self) -> None:
        if self._serving is not None:
            self._serving.cancel()


BATCH_BYTES: Final = 256 * 1024
"""Approximate bytes per write: larger writes would block the event loop."""


class DroppedError(Exception):
    """A reader requests a frame that the buffer no longer holds."""


class Buffer:
    """The newest `size` frames. A position counts all frames ever published, from 0."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: list[Frame] = []
        self._first = 0
        """The position of the first of `_held`, which is trimmed only occasionally."""
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
        """Replaces the content, as a restarted server."""
        self._first = self.next_position
        self._held = []
        self.newest_index = 0
        for frame in frames:
            self.append(frame)

    def start(self, index: int) -> int:
        """The start position for a reader that requests `index`.

        0 is the oldest frame held; an index that is no longer held gives the next one, and one above the newest gives
        the newest frame again.
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
        """Frames from `position` on, about enough for one write; empty if there are none yet.

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
        """Waits for the next frame."""
        await self._grown.wait()


_NEXT_EVAL: Final = re.compile(rb'"NextEval":"[^"]*"')


async def send_recording(stream: Stream, recording: Recording, pace: float | None, repeat: int | None) -> None:
    """Sends the recording from the requested index to its end; `pace` is in frames per second."""
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
    """Sends published frames as long as the reader keeps up with the buffer; `changed` is called at each step."""
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
