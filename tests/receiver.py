"""A webhook receiver on loopback, over real sockets, that records requests and fails as a test requires.

    async with receiver() as hook:
        hook.answer(503, headers={"Retry-After": "1"}, times=2)
        hook.answer(fault=Fault.RESET)
        ...                             # send to hook.url
        await hook.received(4)
        hook.requests[3].events

Without other instructions a request is answered with 204.
"""

import asyncio
import json
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import Any

import h11
import trustme


class Fault(Enum):
    """A fault in place of a normal response; `HANG` and `DRIP` last until the client leaves or `release` is called."""

    HANG = auto()
    """Read the request and never answer."""
    DRIP = auto()
    """Send the response head, one byte every 20 ms."""
    DRIP_BODY = auto()
    """Send the head at once, and an endless body at that pace."""
    RESET = auto()
    """Read the request and reset the connection (RST)."""
    UNREAD = auto()
    """Answer after the request's head, and discard its body, as nginx does."""
    RESET_UNREAD = auto()
    """Reset the connection after the request's head."""
    CLOSE = auto()
    """Close the connection properly without an answer."""
    CUT_HEAD = auto()
    """Close in the middle of the response head."""
    CUT_BODY = auto()
    """Close in the middle of the response body."""
    GARBAGE = auto()
    """Send the answer's `body` without HTTP, and close."""
    RAW = auto()
    """Send the answer's `body`, which includes status line and headers, in chunks separated by zero bytes, and keep the
    connection open."""
    ENDLESS = auto()
    """Send the head and an endless body at full speed."""


@dataclass(frozen=True)
class Answer:
    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: Fault | None = None
    reason: str = ""


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes
    connection: int
    """Number of the connection, from 0."""
    certificate: Any = None
    """Client certificate, as returned by `ssl.SSLSocket.getpeercert`."""

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The objects in the body: one, or an array."""
        body = self.json
        return body if isinstance(body, list) else [body]

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The events in the body, whatever its format; without gaps."""
        return list(self._events())

    def _events(self) -> Iterator[dict[str, Any]]:
        for message in self.messages:
            if "specversion" in message:
                if not message["type"].endswith(".Gap"):
                    yield message["data"]
            elif "Events" in message:
                yield from message["Events"]
            elif "Gap" not in message:
                yield message


class Receiver:
    """Created by `receiver`."""

    def __init__(self, host: str, tls: ssl.SSLContext | None) -> None:
        self.requests: list[Request] = []
        """In order of completion; without bodies for `UNREAD` and `RESET_UNREAD`."""
        self.connections = 0
        """Connections accepted so far, including those without a request."""
        self.port = 0
        self._host = host
        self._tls = tls
        self.decide: Callable[[Request], int | Answer | None] = lambda _: None
        """Returns the answer or status for a request; None for the usual answer."""
        self._always = Answer()
        self._answers: deque[Answer] = deque()
        self._server: asyncio.Server | None = None
        self._connected: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}
        self._arrived = asyncio.Condition()
        self._released = asyncio.Event()

    @property
    def url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}/hook"

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events of all requests, including repeats and refused ones."""
        return [event for request in self.requests for event in request.events]

    def answer(
        self,
        status: int = 204,
        body: bytes | str = b"",
        *,
        headers: Mapping[str, str] | None = None,
        fault: Fault | None = None,
        reason: str = "",
        times: int | None = 1,
    ) -> None:
        """Queue an answer for the next requests; with `times=None` it becomes the answer for all others."""
        text = body.encode() if isinstance(body, str) else body
        result = Answer(status, headers or {}, text, fault, reason)
        if times is None:
            self._always = result
        else:
            self._answers.extend([result] * times)

    async def received(self, requests: int) -> None:
        """Wait for that many requests."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.requests) >= requests)

    async def arrived(self, events: int) -> None:
        """Wait for that many events, including repeats."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.events) >= events)

    def release(self) -> None:
        """End all current and future `HANG` and `DRIP` faults: hanging requests are answered."""
        self._released.set()

    async def down(self) -> None:
        """Stop listening, and reset all connections."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._connected.values():
            _reset(writer)
        await asyncio.gather(*filter(None, self._connected), return_exceptions=True)

    async def up(self) -> None:
        """Listen again on the same port."""
        self._server = await asyncio.start_server(
            self._serve, self._host, self.port, ssl=self._tls, reuse_address=True, limit=1 << 20
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, self.connections = self.connections, self.connections + 1
        self._connected[asyncio.current_task()] = writer
        try:
            with suppress(OSError):
                try:
                    await self._talk(reader, writer, number)
                except h11.RemoteProtocolError:
                    writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                    await writer.drain()
        finally:
            with suppress(OSError):
                writer.close()
                await writer.wait_closed()
            del self._connected[asyncio.current_task()]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        state = h11.Connection(h11.SERVER)
        certificate = writer.get_extra_info("peercert")
        while True:
            asked: h11.Request | None = None
            body = bytearray()
            result: Answer | None = None
            while True:
                match state.next_event():
                    case h11.NEED_DATA:
                        state.receive_data(await reader.read(1 << 20))
                    case h11.Request() as asked:
                        result = self._answers.popleft() if self._answers else self._always
                        if result.fault in (Fault.UNREAD, Fault.RESET_UNREAD):
                            break
                    case h11.Data() as data:
                        body += data.data
                    case h11.EndOfMessage():
                        break
                    case _:
                        return
            assert asked is not None and result is not None
            headers = {name.decode(): value.decode("utf-8", "replace") for name, value in asked.headers}
            request = Request(asked.method.decode(), asked.target.decode(), headers, bytes(body), number, certificate)
            if (decided := self.decide(request)) is not None:
                result = decided if isinstance(decided, Answer) else Answer(decided)
            async with self._arrived:
                self.requests.append(request)
                self._arrived.notify_all()
            if not await self._answered(reader, writer, result, state):
                return
            state.start_next_cycle()

    async def _answered(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, result: Answer, state: h11.Connection
    ) -> bool:
        """Answer a request, and return whether the connection can be reused."""
        match result.fault:
            case Fault.HANG:
                await self._until_released_or_left(reader)
            case Fault.RESET | Fault.RESET_UNREAD:
                _reset(writer)
                return False
            case Fault.CLOSE:
                return False
            case Fault.GARBAGE:
                writer.write(result.body)
                await writer.drain()
                return False
            case Fault.RAW:
                state.send(h11.Response(status_code=204, headers=[]))
                state.send(h11.EndOfMessage())
                for piece in result.body.split(b"\0"):
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                return state.our_state is h11.DONE and state.their_state is h11.DONE
            case Fault.CUT_HEAD:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
                await writer.drain()
                return False
            case Fault.CUT_BODY:
                writer.write(b"HTTP/1.1 %d Cut\r\nContent-Length: 1000\r\n\r\nonly this" % result.status)
                await writer.drain()
                return False
            case Fault.DRIP | Fault.DRIP_BODY | Fault.ENDLESS:
                await self._dribble(writer, result)
                return False
            case Fault.UNREAD | None:
                pass
        content = [] if result.status in (204, 304) else [("Content-Length", str(len(result.body)))]
        head = h11.Response(
            status_code=result.status,
            headers=[(name.encode(), value.encode("latin-1")) for name, value in (*result.headers.items(), *content)],
            reason=result.reason.encode(),
        )
        events = [head, *([h11.Data(result.body)] if content else []), h11.EndOfMessage()]
        writer.write(b"".join(state.send(event) or b"" for event in events))
        await writer.drain()
        if result.fault is Fault.UNREAD:
            writer.write_eof()
            while await reader.read(1 << 20):
                pass
            return False
        return state.our_state is h11.DONE and state.their_state is h11.DONE

    async def _dribble(self, writer: asyncio.StreamWriter, result: Answer) -> None:
        head = b"HTTP/1.1 %d Slow\r\nContent-Length: 1000000000000\r\n\r\n" % result.status
        if result.fault is Fault.DRIP:
            head = b"HTTP/1.1 %d Slow\r\nX-Slow: " % result.status
        writer.write(head)
        while not self._released.is_set() and not writer.is_closing():
            writer.write(b"x" * 65536 if result.fault is Fault.ENDLESS else b"x")
            await writer.drain()
            if result.fault is not Fault.ENDLESS:
                await asyncio.sleep(0.02)

    async def _until_released_or_left(self, reader: asyncio.StreamReader) -> None:
        released = asyncio.ensure_future(self._released.wait())
        left = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait((released, left), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in (released, left):
                waiting.cancel()
            await asyncio.gather(released, left, return_exceptions=True)


@asynccontextmanager
async def receiver(
    host: str = "127.0.0.1",
    *,
    authority: trustme.CA | None = None,
    names: tuple[str, ...] = ("127.0.0.1", "localhost", "::1"),
    clients: trustme.CA | None = None,
) -> AsyncIterator[Receiver]:
    """Start a receiver on a free port. With `authority`: over TLS, with its certificate for `names`. With `clients`:
    only for clients with a certificate of that authority."""
    tls: ssl.SSLContext | None = None
    if authority is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(tls)
        if clients is not None:
            clients.configure_trust(tls)
            tls.verify_mode = ssl.CERT_REQUIRED
    made = Receiver(host, tls)
    await made.up()
    try:
        yield made
    finally:
        made.release()
        await made.down()


def _reset(writer: asyncio.StreamWriter) -> None:
    if (connection := writer.get_extra_info("socket")) is not None:
        with suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
