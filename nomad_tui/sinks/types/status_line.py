"""Reads the status line of a response, even if the rest of it is invalid.

Many small receivers send responses that violate HTTP after the status line: wrong or repeated lengths, a body with 204,
a space in a header's name. curl and browsers accept them; aiohttp's parser rejects the whole response. A delivery needs
only the status line, so it is parsed here from the same bytes, in addition to aiohttp.
"""

import asyncio
import re
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler

if TYPE_CHECKING:
    from aiohttp.tracing import Trace

LONGEST_LINE: Final = 8 * 1024
"""Bytes; a longer line is not a status line."""

_LINE: Final = re.compile(rb"HTTP/(?:1\.[0-9]|2|2\.0)[ \t]+([1-9][0-9]{2})(?:[ \t]+([^\r\n]*))?[ \t]*\r?\n")
_BEGINNING: Final = re.compile(rb"HTTP/[123]")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")


class Watcher(Protocol):
    """Observes one request."""

    connected: bool
    """Set once a connection to the receiver exists, through a proxy or not."""

    def on_status_line(self, status: int, reason: str, *, is_head_complete: bool) -> None:
        """Called as soon as the status line has arrived; `is_head_complete` if the headers arrived with it."""
        ...


watcher: Final[ContextVar[Watcher | None]] = ContextVar("watcher", default=None)
"""Set this before each request, in the task that makes it."""


class Connector(aiohttp.TCPConnector):
    """Reports events on its connections to `watcher`.

    aiohttp has no public hook for status lines. If its internals differ from what is expected, malformed responses
    remain errors. (Its tracing would report connections, but costs a tenth of a request, measured.)
    """

    def __init__(self, limit: int) -> None:
        super().__init__(limit=limit)
        factory = getattr(self, "_factory", None)
        if isinstance(factory, partial) and factory.func is ResponseHandler:
            self._factory = cast("partial[ResponseHandler]", partial(_Handler, *factory.args, **factory.keywords))

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: "list[Trace]",
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> aiohttp.connector.Connection:
        connection = await super().connect(req, traces, timeout)
        if (watching := watcher.get()) is not None:
            watching.connected = True
        return connection


class _Handler(ResponseHandler):
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._head: bytes | None = None
        """Received bytes of a response, until its status line is complete."""
        self._watcher: Watcher | None = None
        self._answers = 0

    def set_response_params(self, **parameters: Any) -> None:
        self._head = b""
        self._watcher = watcher.get()
        self._answers += 1
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        if self._head is not None and data:
            if not self._head and self._answers > 1:
                data = self._without_rest(data)
                if not data:
                    return
            self._head = self._read(self._head + data)
        super().data_received(data)

    def _without_rest(self, data: bytes) -> bytes:
        """The data without the rest of the previous response's body, which was longer than announced."""
        found = _BEGINNING.search(data)
        if found is not None:
            return data[found.start() :]
        return data if b"HTTP/".startswith(data[:5]) else b""

    def _read(self, head: bytes) -> bytes | None:
        """The bytes to keep until more data arrives; None once the final response's status line has been read."""
        while True:
            head = head.lstrip(b"\r\n")
            line = _LINE.match(head)
            if line is None:
                return head if len(head) < LONGEST_LINE and b"\n" not in head else None
            status = int(line[1])
            if status >= 200:
                if self._watcher is not None:
                    reason = (line[2] or b"").decode("utf-8", "replace").strip()
                    self._watcher.on_status_line(status, reason, is_head_complete=_head_end(head, line) is not None)
                return None
            end = _head_end(head, line)
            if status == 101 or (end is None and len(head) > LONGEST_LINE):
                return None
            if end is None:
                return head
            head = head[end.end() :]


def _head_end(head: bytes, line: re.Match[bytes]) -> re.Match[bytes] | None:
    return _HEAD_END.search(head, line.end() - 2)
