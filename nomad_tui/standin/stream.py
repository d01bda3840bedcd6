"""One response of `/v1/event/stream`: a body without length or chunks that ends when the connection does."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Final

from nomad_tui.standin.options import Cut, Drip, End, Fault, Garbage, LongLine, Reset, Scheduled, Silence
from nomad_tui.standin.recording import HEARTBEAT
from nomad_tui.standin.subscription import StreamQuery, Subscription

_HEARTBEAT_LINE: Final = HEARTBEAT + b"\n"
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class StalledError(Exception):
    """The reader has taken nothing for as long as a server waits."""


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
    """Close a connection with RST instead of FIN, where its kind of socket has one."""
    with contextlib.suppress(OSError):
        underlying = writer.get_extra_info("socket")
        underlying.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()


class Stream:
    """A subscriber: what it asked for, how far it is, and what is going wrong with it."""

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
        """In the order in which streams were opened, from 1."""
        self.position = 0
        """The next frame it takes from the server's buffer."""
        self.frames_sent = 0
        self.bytes_sent = 0
        """Of the body, heartbeats too."""
        self.silent = False
        self.lingers: float | None = None
        """Seconds of silence until EOF; None for ever."""
        self.over = False
        """The server has ended it."""
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
        """When the next heartbeat is due, on the event loop's clock."""

    def served_by(self, task: asyncio.Task[None]) -> None:
        """The task to be stopped when the stream ends or falls silent."""
        self._serving = task

    def begin(self, head: bytes) -> None:
        """Send the head of the response, or keep it for the first line where the first heartbeat comes late."""
        if self._first_heartbeat:
            self._unsent_head = head
        else:
            self._writer.write(head)

    async def start(self) -> None:
        """Send the first heartbeat, if it is due at once; the next is due one interval later."""
        self.beats_at = asyncio.get_running_loop().time() + self._first_heartbeat
        await self.beat()

    async def beat(self) -> None:
        """Send a heartbeat if one is due."""
        if asyncio.get_running_loop().time() >= self.beats_at:
            self.beats_at += self._heartbeat
            await self._send(_HEARTBEAT_LINE, frames=0)

    async def send(self, lines: Sequence[bytes]) -> None:
        """Send lines of frames, perhaps none, as fast as the reader takes them; others get a turn.

        Raises StalledError, or ConnectionError when the reader is gone.
        """
        if not self._faults or not lines:
            await self._send(b"".join(lines), frames=len(lines))
            return
        for line in lines:
            await self._send(line, frames=1)

    async def _send(self, data: bytes, frames: int) -> None:
        data = await self._meet_faults_in(data)
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

    async def _meet_faults_in(self, data: bytes) -> bytes:
        """Send `data` up to the byte where a fault is due, perform that, and return the rest."""
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
        await asyncio.sleep(0)  # draining does not suspend while the reader keeps up

    def perform(self, fault: Fault) -> None:
        """Let something go wrong, now."""
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
        """End the body, after what is still on its way."""
        if not self.over:
            self._write(last_words)
            self.over = True
            self._writer.close()
            self._stop()

    def linger(self, seconds: float) -> None:
        """Send nothing more, and end the body after so long."""
        self.lingers = seconds
        self.silent = True
        self._stop()

    def abort(self) -> None:
        """End the connection without sending what is still on its way."""
        self.over = True
        self._writer.transport.abort()
        self._stop()

    def _stop(self) -> None:
        if self._serving is not None:
            self._serving.cancel()
