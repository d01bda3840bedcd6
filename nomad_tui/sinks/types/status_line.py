"""Reading the status line of a receiver's answer, whatever follows it.

Many small receivers send answers that break the rules of HTTP behind the status line: lengths that are wrong or sent
twice, a body with 204, a space in a header's name. curl and browsers accept them; aiohttp's parser rejects the whole
answer. The status line has said all that a delivery needs, so it is read here, beside aiohttp, from the same bytes.
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
"""Bytes; a line that is longer is no status line."""

_LINE: Final = re.compile(rb"HTTP/(?:1\.[0-9]|2|2\.0)[ \t]+([1-9][0-9]{2})(?:[ \t]+([^\r\n]*))?[ \t]*\r?\n")
_BEGINNING: Final = re.compile(rb"HTTP/[123]")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")


class Watcher(Protocol):
    """Follows one request."""

    connected: bool
    """Set once a connection to the receiver is there, through a proxy or not."""

    def on_status_line(self, status: int, reason: str, *, is_head_complete: bool) -> None:
        """Called as soon as the line is there; whether the rest of the answer's head came with it."""
        ...


watcher: Final[ContextVar[Watcher | None]] = ContextVar("watcher", default=None)
"""To be set before each request, in the task that makes it."""


class Connector(aiohttp.TCPConnector):
    """Reports to `watcher` what happens on its connections.

    aiohttp has no public place for status lines; where its inner one is not as expected, sloppy answers stay errors.
    (Its tracing would report connections, at a tenth of the cost of a request, measured.)
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
        """What has come of an answer, until its status line is there."""
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
        """The data without what belongs to the body of the answer before, which was longer than that answer said."""
        found = _BEGINNING.search(data)
        if found is not None:
            return data[found.start() :]
        return data if b"HTTP/".startswith(data[:5]) else b""

    def _read(self, head: bytes) -> bytes | None:
        """What is left to be looked at again once more has come; None once the line of the final answer was read."""
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
