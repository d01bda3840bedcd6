"""Connections, requests and ordinary responses; `stream` writes the response of a stream."""

import asyncio
import base64
import contextlib
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator, Mapping
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from time import time
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
import msgspec
import orjson

_READ_BYTES: Final = 64 * 1024


class Request(msgspec.Struct, frozen=True):
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    """In the order in which they were sent."""
    headers: Mapping[str, str]
    """By lower-case name; the last value of a repeated header."""

    @classmethod
    def of(cls, received: h11.Request) -> "Request":
        target = urlsplit(received.target.decode("ascii", "replace"))
        return cls(
            method=received.method.decode("ascii"),
            path=unquote(target.path),
            query=tuple(parse_qsl(target.query, keep_blank_values=True)),
            headers={name.decode("ascii"): value.decode("latin-1") for name, value in received.headers},
        )

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == name]

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def secret(self) -> str:
        """The ACL token: `X-Nomad-Token` takes precedence over `Authorization: Bearer`; empty if none."""
        token = self.headers.get("x-nomad-token", "").strip()
        if token:
            return token
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        return value.split()[0] if scheme.lower() == "bearer" and value.split() else ""

    def has_basic_auth(self, user: str, password: str) -> bool:
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        expected = base64.b64encode(f"{user}:{password}".encode()).decode()
        return scheme.lower() == "basic" and value.strip() == expected


class Answer(msgspec.Struct, frozen=True):
    status: HTTPStatus = HTTPStatus.OK
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)

    @classmethod
    def text(cls, status: HTTPStatus, text: str, **headers: str) -> "Answer":
        return cls(status, text.encode(), headers=headers)

    @classmethod
    def json(cls, value: Any, index: int) -> "Answer":
        """`index` is the value of `X-Nomad-Index`, which a real server sends with every read."""
        headers = {
            "Vary": "Accept-Encoding, Origin",
            "X-Nomad-Index": str(index),
            "X-Nomad-Knownleader": "true",
            "X-Nomad-Lastcontact": "0",
        }
        return cls(HTTPStatus.OK, orjson.dumps(value), "application/json", headers)


class Connection:
    """A client's connection, until it becomes a stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._protocol = h11.Connection(h11.SERVER)

    async def request(self) -> Request | None:
        """The next request; None if the client has disconnected or did not send HTTP."""
        if self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()
        request: Request | None = None
        while True:
            try:
                event = self._protocol.next_event()
            except h11.RemoteProtocolError:
                self.writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request")
                return None
            match event:
                case h11.NEED_DATA:
                    self._protocol.receive_data(await self._reader.read(_READ_BYTES))
                case h11.Request():
                    request = Request.of(event)
                case h11.EndOfMessage():
                    return request
                case h11.ConnectionClosed() | h11.PAUSED:
                    return None

    async def answer(self, answer: Answer, request: Request, clock_offset: float = 0.0) -> bool:
        """Sends an ordinary response. Returns whether the connection can be reused."""
        headers = {
            "Content-Type": answer.content_type,
            "Content-Length": str(len(answer.body)),
            "Date": formatdate(time() + clock_offset, usegmt=True),
            **answer.headers,
        }
        head = h11.Response(
            status_code=answer.status,
            reason=answer.status.phrase.encode(),
            headers=list(headers.items()),
        )
        body = b"" if request.method == "HEAD" else answer.body
        parts = (head, h11.Data(data=body), h11.EndOfMessage())
        self.writer.write(b"".join(self._protocol.send(part) or b"" for part in parts))
        await self.writer.drain()
        return self._protocol.our_state is h11.DONE

    async def gone(self) -> None:
        """Waits until the client closes its side; discards what it still sends."""
        try:
            while await self._reader.read(_READ_BYTES):
                pass
        except ConnectionError:
            return


_BACKLOG: Final = 1024


class Listener:
    """Serves each connection in its own task.

    It accepts connections itself: one that an asyncio server has accepted but not yet passed on when it is closed stays
    open, unserved, until it is garbage-collected.
    """

    def __init__(
        self,
        port: int,
        unix_path: Path | None,
        tls: ssl.SSLContext | None,
        *,
        serve: Callable[[Connection], Coroutine[Any, Any, None]],
        ended: Callable[[asyncio.Task[None]], None],
    ) -> None:
        """`ended` is called with the task of each finished connection."""
        self._port = port
        self._unix_path = unix_path
        self._tls = tls
        self._serve = serve
        self._ended = ended
        self._socket: socket.socket | None = None
        self._connections: dict[asyncio.Task[None], Connection | None] = {}
        """Connections by their tasks, from acceptance on; None until the TLS handshake is over."""

    @property
    def address(self) -> str:
        """In the form of `NOMAD_ADDR`."""
        if self._unix_path is not None:
            return f"unix://{self._unix_path}"
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def open(self) -> None:
        """Starts to listen; port 0 is replaced with a free one, which is kept from then on."""
        self._listen(self._bind())

    def close(self) -> None:
        """Stops listening; connections stay open."""
        self._stop_listening()
        if self._unix_path is not None:
            self._unix_path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Keeps the address but refuses connections."""
        self._stop_listening()
        bound = self._bind()  # stays bound: otherwise the port may be assigned to a reconnecting client's own socket
        try:
            yield
        finally:
            self._listen(bound)

    async def end_connections(self) -> None:
        """Aborts every connection, and waits until its task has ended."""
        for task, connection in self._connections.items():
            if connection is not None:
                connection.writer.transport.abort()
            task.cancel()
        if self._connections:
            await asyncio.wait(set(self._connections))

    def _bind(self) -> socket.socket:
        """A socket bound to the server's address that refuses connections."""
        path = self._unix_path
        bound = socket.socket(socket.AF_INET if path is None else socket.AF_UNIX)
        try:
            bound.setblocking(False)
            if path is None:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                bound.bind(("127.0.0.1", self._port))
                self._port = bound.getsockname()[1]
            else:
                path.unlink(missing_ok=True)
                bound.bind(str(path))
        except OSError:
            bound.close()
            raise
        return bound

    def _listen(self, bound: socket.socket) -> None:
        bound.listen(_BACKLOG)
        asyncio.get_running_loop().add_reader(bound, self._accept, bound)
        self._socket = bound

    def _stop_listening(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _accept(self, listener: socket.socket) -> None:
        try:
            accepted, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):  # the client has disconnected again
            return
        accepted.setblocking(False)
        task = asyncio.create_task(self._serve_accepted(accepted))
        self._connections[task] = None
        task.add_done_callback(self._task_ended)
        task.add_done_callback(lambda _: accepted.close())  # a task cancelled at once never owns the socket

    async def _serve_accepted(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, accepted, ssl=self._tls)
        except OSError:  # the TLS handshake failed
            return
        connection = Connection(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
        task = asyncio.current_task()
        assert task is not None, "this is a coroutine"
        self._connections[task] = connection
        await self._serve(connection)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        del self._connections[task]
        self._ended(task)
