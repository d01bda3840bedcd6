"""HTTP requests to one Nomad server, with the connection's TLS, token and proxy. Redirects are not followed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from email.utils import parsedate_to_datetime
from functools import partial
from time import monotonic, time_ns
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

import aiohttp
import msgspec
import orjson
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

from nomad_tui import __version__
from nomad_tui.config.address import Proxy
from nomad_tui.config.connection import Connection
from nomad_tui.config.setting import ConfigurationError
from nomad_tui.nomad import diagnose
from nomad_tui.nomad.diagnose import NomadError

INVALID: Final = b"HTTP/0.0"
VALID: Final = b"HTTP/1.0"


def mend_status_lines(connector: aiohttp.BaseConnector, mended: Callable[[], None]) -> None:
    """Make the connector's connections accept the invalid status line as HTTP/1.0; `mended` is called for each."""
    factory = getattr(connector, "_factory", None)
    if isinstance(factory, partial) and factory.func is ResponseHandler:
        mending = partial(_LenientHandler, mended, *factory.args, **factory.keywords)
        connector._factory = cast("partial[ResponseHandler]", mending)


class _LenientHandler(ResponseHandler):
    def __init__(self, mended: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._mended = mended
        self._status_line = b""
        """Received beginning of a status line that may still become the invalid one."""

    def set_response_params(self, **parameters: Any) -> None:
        self._status_line = b""
        # Overrides the method only until the status line is received, so that the body needs no extra call.
        self.data_received = self._receive_status_line  # type: ignore[method-assign]
        super().set_response_params(**parameters)

    def _receive_status_line(self, data: bytes) -> None:
        if data:
            data = self._status_line + data
            if len(data) < len(INVALID) and INVALID.startswith(data):
                self._status_line = data
                return
            del self.data_received
            if data.startswith(INVALID):
                data = VALID + data[len(INVALID) :]
                self._mended()
        super().data_received(data)

    def set_exception(self, exc: BaseException, *cause: Any) -> None:
        super().set_exception(exc, *cause)
        body = self._payload
        if body is not None and isinstance(exc, HttpProcessingError) and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("the response is no longer HTTP"))


Kind = TypeVar("Kind")

STREAM: Final = "/v1/event/stream"

CONNECT_TIMEOUT: Final = 10.0
"""Seconds for name resolution, connecting, a proxy's tunnel and TLS together: Go's client allows as much for TLS
alone."""

SILENCE: Final = 40.0
"""Seconds without a byte after which a stream is considered dead: heartbeats are sent every 30 s. A server that ends a
stream, such as for a deleted token, may leave the connection open for two minutes."""

ANSWER_TIMEOUT: Final = 10.0
"""Seconds for a request other than a stream, from connecting to the last byte of the response."""

READ_BUFFER: Final = 256 * 1024
"""Bytes of a stream that aiohttp buffers before it stops reading the socket."""

BODY_KEPT: Final = 4096
"""Bytes kept of an error response."""

_DECODED: Final = ("", "identity", "gzip", "deflate", "br", "zstd")
"""Content encodings that aiohttp decodes, or rejects if a library is missing."""
MAX_PAGE_TOKEN: Final = 1_000
"""Characters of a pagination token."""
ANSWER_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of JSON accepted from an untrusted server."""


class Answer(msgspec.Struct, frozen=True):
    """A JSON response, and facts from its headers."""

    value: Any
    index: int | None
    """`X-Nomad-Index`: the index at which the requested data last changed."""
    date: int | None
    """The server's clock when it responded, in ns since 1970, whole seconds."""
    sent: int
    """This machine's clock when the request was sent, in ns since 1970."""
    seconds: float
    """From the request, including connecting if necessary, to the last byte of the response."""
    next_token: str = ""
    """`X-Nomad-NextToken`, which requests the next page; untrusted, empty on the last one."""


class ServerInfo(msgspec.Struct, frozen=True):
    """The response of `/v1/agent/self`, as untrusted text; None for missing values."""

    version: str | None = None
    """Such as `2.0.6-dev`."""
    region: str | None = None
    name: str | None = None
    newest_index: int | None = None
    """The last index of the server's Raft log; None for a client agent."""
    applied_index: int | None = None
    """The last applied index of that log: lower than the last index while a restarted server replays its log."""
    publishes: bool | None = None
    """Whether it publishes events at all (`enable_event_broker`); None for a client agent."""
    buffer_size: int | None = None
    """Frames in its event buffer (`event_buffer_size`)."""
    is_server: bool = False
    """Whether the responding agent is a server; a client agent reports its own release, not that of the servers."""


class Client:
    """An async context manager for one session with a server.

    Entering it, requests, and reading an open stream raise only `NomadError`.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        answer_limit: int = ANSWER_LIMIT,
        first_line: float | None = None,
    ) -> None:
        self.connection = connection
        self.first_line = first_line
        """Minimum seconds to wait for a stream's first line; None for `probing.SHORTEST_PATIENCE`."""
        self._connect_timeout = connect_timeout
        self._answer_limit = answer_limit
        self.ahead: float | None = None
        """Seconds by which the server's clock was ahead of this machine's at the last response; None before the first.

        Precise to one second plus half the duration of the request.
        """
        self.round_trip = 0.0
        """Largest time in seconds from a request to the head of its response so far; 0 before the first response."""
        self.mended_status_line = False
        """Whether a response started with `HTTP/0.0` and was read as HTTP/1.0."""
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Self:
        address = self.connection.address
        connector: aiohttp.BaseConnector
        if address.socket is not None:
            connector = aiohttp.UnixConnector(str(address.socket))
        else:
            options: dict[str, Any] = {}
            if address.scheme == "https":
                with self._diagnosing():
                    options["ssl"] = await asyncio.to_thread(self.connection.tls_context)
            connector = self._tcp_connector(options)
        mend_status_lines(connector, self._on_mended_status_line)
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # With `trust_env`, aiohttp would also send credentials from ~/.netrc.
            trust_env=False,
            read_bufsize=READ_BUFFER,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    def _tcp_connector(self, options: dict[str, Any]) -> aiohttp.BaseConnector:
        proxy = self.connection.proxy
        if proxy is None or not proxy.is_socks:
            return aiohttp.TCPConnector(**options)
        from nomad_tui.nomad.socks import socks_connector  # rarely needed, and slow to import

        return socks_connector(proxy, self.connection.tls_server_name, **options)

    @property
    def _http_proxy(self) -> Proxy | None:
        """The proxy for requests; a SOCKS proxy is handled by the connector instead."""
        proxy = self.connection.proxy
        return None if proxy is None or proxy.is_socks else proxy

    @asynccontextmanager
    async def open_stream(
        self, parameters: Sequence[tuple[str, str]], silence: float = SILENCE, path: str = STREAM
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Open a stream and wait for status 200; read it with `content.iter_any()`. Leaving the block closes it.

        Status 200 does not mean that the server will send anything: it may refuse by ending the body before the first
        heartbeat. `silence` seconds without a byte raise `NomadError`, as does anything that ends the connection within
        the block.
        """
        limits = aiohttp.ClientTimeout(total=None, connect=self._connect_timeout, sock_read=silence)
        async with self._get(path, parameters, limits) as response:
            yield response

    async def get_json(
        self, path: str, parameters: Sequence[tuple[str, str]] = (), seconds: float = ANSWER_TIMEOUT
    ) -> Any:
        """The decoded response to a GET request for `path`, such as `/v1/regions`, received completely within
        `seconds`."""
        return (await self.ask(path, parameters, seconds)).value

    async def ask(
        self, path: str, parameters: Sequence[tuple[str, str]] = (), seconds: float = ANSWER_TIMEOUT
    ) -> Answer:
        """Like `get_json`, with facts from the headers."""
        sent, begun = time_ns(), monotonic()
        limits = aiohttp.ClientTimeout(total=seconds, connect=self._connect_timeout)
        async with self._get(path, parameters, limits) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > self._answer_limit:
                    raise self._unexpected(response, body)
            try:
                value = orjson.loads(body)
            except orjson.JSONDecodeError as error:
                raise self._unexpected(response, body) from error
            index = response.headers.get("X-Nomad-Index", "")
            return Answer(
                value,
                int(index) if index.isascii() and index.isdigit() else None,
                _clock(response.headers.get("Date", "")),
                sent,
                monotonic() - begun,
                response.headers.get("X-Nomad-NextToken", "")[:MAX_PAGE_TOKEN],
            )

    async def server(self) -> ServerInfo | None:
        """The agent that responds; None if that cannot be determined: the request requires `agent:read`."""
        try:
            return _server_info(await self.get_json("/v1/agent/self"))
        except (NomadError, ValueError):
            return None

    @asynccontextmanager
    async def _get(
        self, path: str, parameters: Sequence[tuple[str, str]], limits: aiohttp.ClientTimeout
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        proxy = self._http_proxy
        sent, asked_at = time_ns(), monotonic()
        with self._diagnosing():
            async with self._session.get(
                f"{self.connection.address.base_url}{self.connection.address.path}{path}",
                params=parameters,
                headers=await self._headers(),
                allow_redirects=False,  # another server would receive the token
                timeout=limits,
                server_hostname=self.connection.tls_server_name,
                proxy=proxy.url if proxy is not None else None,
                proxy_headers=self._proxy_headers(),
            ) as response:
                self.round_trip = max(self.round_trip, monotonic() - asked_at)
                date = _clock(response.headers.get("Date", ""))
                if date is not None:
                    # A date is truncated to seconds, which is half a second too early on average.
                    self.ahead = (date - (sent + time_ns()) / 2) / 1e9 + 0.5
                encoding = response.headers.get("Content-Encoding", "").strip().lower()
                if encoding not in _DECODED:  # aiohttp would return it undecoded
                    raise aiohttp.ClientResponseError(
                        response.request_info, (), status=response.status, message=f"content-encoding: {encoding}"
                    )
                if response.status != 200 or response.content_type == "text/html":
                    raise self._unexpected(response, await _head_of_body(response))
                yield response

    @contextmanager
    def _diagnosing(self) -> Iterator[None]:
        """Raise `NomadError` instead of exceptions from aiohttp, the system and settings."""
        try:
            yield
        except (aiohttp.ClientError, OSError, TimeoutError, ConfigurationError) as error:
            trouble = diagnose.explain(error, self.connection, worked=self.round_trip > 0)
            raise NomadError(trouble) from error

    def _unexpected(self, response: aiohttp.ClientResponse, body: bytes | bytearray) -> NomadError:
        return diagnose.unexpected_answer(response.status, bytes(body[:BODY_KEPT]), response.headers, self.connection)

    def _on_mended_status_line(self) -> None:
        self.mended_status_line = True

    async def _headers(self) -> dict[str, str]:
        headers = await asyncio.to_thread(self.connection.current_headers)
        headers |= {
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # a proxy that compresses would delay events until a block is full
            "User-Agent": f"nomad-tui/{__version__}",
        }
        token = await asyncio.to_thread(self.connection.current_token)
        if token is not None:
            headers["X-Nomad-Token"] = token
        if self.connection.http_auth is not None:
            headers["Authorization"] = aiohttp.encode_basic_auth(*self.connection.http_auth)
        if self.connection.address.scheme == "http":
            headers |= self._proxy_headers()  # aiohttp passes proxy headers only with CONNECT
        return headers

    def _proxy_headers(self) -> dict[str, str]:
        proxy = self._http_proxy
        if proxy is None or proxy.credentials is None:
            return {}
        return {"Proxy-Authorization": aiohttp.encode_basic_auth(*proxy.credentials)}


async def _head_of_body(response: aiohttp.ClientResponse) -> bytes:
    """The part of an error's body that arrives soon: a short text, a page, or nothing."""
    body = b""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT):
            while len(body) < BODY_KEPT and (chunk := await response.content.read(BODY_KEPT)):
                body += chunk
    except (aiohttp.ClientError, OSError, TimeoutError):
        pass
    return body


def _server_info(body: Any) -> ServerInfo:
    """Parse the response; `config.Version` is an object with a release and a pre-release part."""
    version = _text(body, "config", "Version", "Version")
    prerelease = _text(body, "config", "Version", "VersionPrerelease")
    return ServerInfo(
        version=f"{version}-{prerelease}" if version and prerelease else version,
        region=_text(body, "config", "Region"),
        name=_text(body, "member", "Name"),
        newest_index=_number(body, "stats", "raft", "last_log_index"),
        applied_index=_number(body, "stats", "raft", "applied_index"),
        publishes=_found(body, bool, "config", "Server", "EnableEventBroker")
        if _found(body, bool, "config", "Server", "Enabled")
        else None,
        buffer_size=_found(body, int, "config", "Server", "EventBufferSize"),
        is_server=_found(body, bool, "config", "Server", "Enabled") is True
        or _text(body, "stats", "nomad", "server") == "true",
    )


def _number(value: Any, *path: str) -> int | None:
    """A number encoded as text, like those of Raft."""
    text = _text(value, *path)
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _text(value: Any, *path: str) -> str | None:
    return _found(value, str, *path) or None


def _found(value: Any, kind: type[Kind], *path: str) -> Kind | None:
    """The value at a path of keys, if it has exactly this type."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if type(value) is kind else None


def _clock(date: str) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp()) * 1_000_000_000
    except (ValueError, OverflowError):
        return None
