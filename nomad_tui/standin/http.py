"""Requests as they come in, and ordinary answers; the stream's own response is written by `stream`."""

import asyncio
import base64
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
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
    """In the order they were sent."""
    headers: Mapping[str, str]
    """By lower-case name; of a repeated one the last."""

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
        """The ACL token: `X-Nomad-Token` goes before `Authorization: Bearer`; empty for none."""
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
        """`index` goes into `X-Nomad-Index`, which every answer of a real server's reads carries."""
        headers = {
            "Vary": "Accept-Encoding, Origin",
            "X-Nomad-Index": str(index),
            "X-Nomad-Knownleader": "true",
            "X-Nomad-Lastcontact": "0",
        }
        return cls(HTTPStatus.OK, orjson.dumps(value), "application/json", headers)


class Connection:
    """One client's connection, until it becomes a stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._protocol = h11.Connection(h11.SERVER)

    async def request(self) -> Request | None:
        """The next request; None when the client is gone, or sent what is no HTTP."""
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
        """Send an ordinary answer; whether the connection can take another request."""
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
        """Wait until the client closes its side; discard what it still sends."""
        try:
            while await self._reader.read(_READ_BYTES):
                pass
        except ConnectionError:
            return
