"""Reading the event stream of Nomad 1.11.2, 1.10.8 and 1.8.20, whose status line says `HTTP/0.0` (nomad#27582).

Nothing else is wrong with their answer: the body ends where the connection does, as with HTTP/1.0. aiohttp has no
public place to say so; where its inner one is not as expected, the answer stays an error that `cases` names.

A body whose chunks are garbled is ended here too: aiohttp 3.14 closes the connection, drops the timeout, and leaves who
reads the body waiting for ever.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

INVALID: Final = b"HTTP/0.0"
VALID: Final = b"HTTP/1.0"


def mend_status_lines(connector: aiohttp.BaseConnector, mended: Callable[[], None]) -> None:
    """Lets the connector's connections read such answers as HTTP/1.0; `mended` is called at each of them."""
    factory = getattr(connector, "_factory", None)
    if isinstance(factory, partial) and factory.func is ResponseHandler:
        mending = partial(_MendingHandler, mended, *factory.args, **factory.keywords)
        connector._factory = cast("partial[ResponseHandler]", mending)


class _MendingHandler(ResponseHandler):
    def __init__(self, mended: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._mended = mended
        self._beginning: bytes | None = None
        """What has come of an answer's status line, as long as that may be an invalid one."""

    def set_response_params(self, **parameters: Any) -> None:
        self._beginning = b""
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        if self._beginning is not None and data:
            data = self._beginning + data
            if len(data) < len(INVALID) and INVALID.startswith(data):
                self._beginning = data
                return
            self._beginning = None
            if data.startswith(INVALID):
                data = VALID + data[len(INVALID) :]
                self._mended()
        super().data_received(data)

    def set_exception(self, exc: BaseException, *cause: Any) -> None:
        super().set_exception(exc, *cause)
        body = self._payload
        if body is not None and isinstance(exc, HttpProcessingError) and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the response is not HTTP any more"))
