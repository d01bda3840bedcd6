"""A receiver over HTTP: one POST per delivery, acknowledged by any 2xx status line, whatever follows it.

Any other outcome is one of two: the receiver is unavailable, or it refuses the delivery. A definition that cannot be
used, for example because its secret is missing, counts as unavailable, so that no event is given up because of it.
"""

import asyncio
import io
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import quote, urlsplit

import aiohttp
from standardwebhooks import Webhook as Signer

from nomad_tui import __version__
from nomad_tui.config.address import Address, Credentials, Proxy, parse_address, proxy_for
from nomad_tui.config.connection import Connection
from nomad_tui.config.references import reads_file, refers, resolve
from nomad_tui.core.text import printable
from nomad_tui.nomad.diagnose import in_words
from nomad_tui.sinks.definition.definition import Definition, Format
from nomad_tui.sinks.delivery.batching import delivery_id
from nomad_tui.sinks.delivery.grouping import groups
from nomad_tui.sinks.delivery.sink import Delivery, LocalError, UnavailableError, UndeliveredError
from nomad_tui.sinks.types.answers import Answer, Settings, judged, secrets_of_target
from nomad_tui.sinks.types.formats import Body, encode
from nomad_tui.sinks.types.status_line import Connector, watcher
from nomad_tui.sinks.types.tls import TlsContext
from nomad_tui.sinks.types.unreachable import unreachable

if TYPE_CHECKING:
    from nomad_tui.sinks.types.templates import DeliveryTemplate

ANSWER_LIMIT: Final = 64 * 1024
"""Bytes read of a response; the connection of a longer one is closed."""
RESPONSE_TIMEOUT: Final = 1.0
"""Seconds to wait for a response's headers, and again for its body: the status line is sufficient."""
LAST_REQUEST_GRACE: Final = 1.0
"""Seconds beyond the timeout for the last of a delivery's requests."""
SHORT_RESPONSE_TIMEOUT: Final = 0.05
"""The same for the body of an acknowledgement, after one that did not end."""
LARGEST_HEADER: Final = 64 * 1024
"""Bytes of one response header."""
LARGE: Final = 1024 * 1024
"""Bytes from which aiohttp requires a file-like body, which it sends in chunks."""

OWN_HEADERS: Final = frozenset(
    (
        *("connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"),
        *("webhook-id", "webhook-signature", "webhook-timestamp"),
    )
)
"""Headers that a definition cannot set."""
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
"""Characters not allowed in a header's value."""


@dataclass(slots=True)
class _Progress:
    """The progress of a request."""

    limit: asyncio.Timeout
    connected: bool = False
    answer: "Answer | None" = None
    """None until its status line has arrived."""

    def on_status_line(self, status: int, reason: str, *, is_head_complete: bool) -> None:
        if self.connected:  # before that, it is the response of a proxy to CONNECT
            self.answer = Answer(status, reason)
            if is_head_complete:  # aiohttp accepts or rejects it at once
                return
            end = self.limit.when()
            patience = asyncio.get_running_loop().time() + 2 * RESPONSE_TIMEOUT
            if not self.limit.expired() and end is not None:
                self.limit.reschedule(min(end, patience))


class Webhook:
    """Implements `Sink`. Connections are kept between deliveries, at most `Definition.concurrency` of them."""

    def __init__(self, definition: Definition, environ: Mapping[str, str] = os.environ) -> None:
        """`environ` also provides proxies. Never fails: `deliver` reports what is wrong with a definition."""
        self._definition = definition
        self._environ = environ
        self._tls = TlsContext(definition.tls)
        texts = (
            definition.address,
            definition.proxy or "",
            definition.secret or "",
            definition.routing_key or "",
            *dict(definition.headers).values(),
        )
        self._template = _template(definition)
        self._reads_files = any(map(reads_file, texts))
        self._cached: Settings | None = None
        """Cached unless a file must be read again for each delivery; the environment of a process does not change."""
        self._base: tuple[object, dict[str, str]] | None = None
        """The headers shared by deliveries, and the values that they depend on."""
        self._session: aiohttp.ClientSession | None = None
        self._patience = RESPONSE_TIMEOUT
        """Seconds to wait for the body of an acknowledgement."""

    @classmethod
    async def open(cls, definition: Definition, environ: Mapping[str, str] = os.environ) -> Self:
        """Creates a sink without connecting. Raises `ValueError` with one sentence if the definition cannot be used
        now."""
        sink = cls(definition, environ)
        settings = await sink._current_settings()
        if settings.connection.address.scheme == "https":
            await sink._tls.current()
        return sink

    async def deliver(self, delivery: Delivery) -> str:
        if self._definition.is_grouped:
            return await self._deliver_groups(delivery)
        return await self._post(delivery)

    async def _deliver_groups(self, delivery: Delivery) -> str:
        """Sends one request per group, in order, within the timeout of one; what is left is sent next."""
        done, answer = 0, ""
        ends = monotonic() + self._definition.timeout
        for group in groups(delivery.items):
            try:
                await self._wait_for_turn(ends)
                async with asyncio.timeout(max(ends - monotonic(), 0.0) + LAST_REQUEST_GRACE):
                    answer = await self._post(replace(delivery, id=delivery_id(group), items=tuple(group)))
            except TimeoutError:
                raise UnavailableError("The receiver timed out during one of several messages.", done=done) from None
            except UndeliveredError as error:
                error.done = done
                raise
            done += len(group)
        return answer

    async def _wait_for_turn(self, ends: float) -> None:
        """Waits until a message may be sent. Raises `UnavailableError` if that is after `ends`, by `monotonic`."""
        if monotonic() > ends:
            within = in_words(self._definition.timeout)
            raise UnavailableError(f"Not all messages were accepted within {within}. The rest follow.", retry_after=0)

    async def _post(self, delivery: Delivery) -> str:
        """Makes one request. Raises `UndeliveredError`."""
        limit = asyncio.timeout(self._definition.timeout)
        progress = _Progress(limit)
        address = "the receiver"
        settings: Settings | None = None
        try:
            async with limit:
                try:
                    settings = await self._current_settings()
                    address = str(settings.connection.address)
                    tls = await self._tls.current() if settings.connection.address.scheme == "https" else True
                except ValueError as error:
                    raise LocalError(f"Nothing can be sent. {str(error).rstrip('.')}.") from None
                body = self.encode(delivery, settings)
                headers = self._headers(delivery, body, settings)
                proxy = settings.connection.proxy
                watcher.set(progress)
                try:
                    async with self._opened().request(
                        self._definition.method,
                        self.target(settings.url),
                        data=io.BytesIO(body.content) if len(body.content) >= LARGE else body.content,
                        headers=headers,
                        allow_redirects=False,
                        ssl=tls,
                        server_hostname=self._definition.tls.server_name,
                        proxy=proxy.url if proxy is not None else None,
                        proxy_headers=_proxy_headers(proxy),
                    ) as response:
                        reason = response.reason or ""
                        progress.answer = Answer(response.status, reason, response.headers)
                        content = await self._read_body(response)
                        progress.answer = replace(progress.answer, body=content)
                except (aiohttp.ClientError, OSError, ValueError) as error:
                    if isinstance(error, TimeoutError):
                        raise
                    if progress.answer is None:
                        raise UnavailableError(unreachable(error, settings.connection)) from None
        except TimeoutError:
            if progress.answer is None:
                raise UnavailableError(self._timeout_message(address, progress)) from None
        assert settings is not None and progress.answer is not None
        return self.judge(progress.answer, settings)

    # Overridden by other types of sink

    def encode(self, delivery: Delivery, settings: Settings) -> Body:
        """The body of a request. Raises `UndeliveredError`."""
        return self._body(delivery)

    def messages(self, delivery: Delivery) -> Iterable[Body]:
        """What would be sent, without sending it. Raises `UndeliveredError`."""
        for group in groups(delivery.items) if self._definition.is_grouped else [delivery.items]:
            yield self._body(replace(delivery, items=tuple(group)))

    def _body(self, delivery: Delivery) -> Body:
        if self._template is not None:
            return Body(self._template.render(delivery).encode(), self._definition.content_type)
        return encode(delivery, self._definition.format, array=self._definition.batch.max_events > 1)

    def target(self, url: str) -> str:
        """The URL to send to, from the address in the definition."""
        return url

    def judge(self, answer: Answer, settings: Settings) -> str:
        """The receiver's response in one line. Raises `UndeliveredError` if it is not an acknowledgement."""
        return judged(answer, settings)

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=Connector(self._definition.concurrency),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(),  # a delivery has one overall timeout
                trust_env=False,  # it would also send credentials from ~/.netrc
                auto_decompress=False,  # a small response may decompress to a large one
                max_line_size=LARGEST_HEADER,
                max_field_size=LARGEST_HEADER,
            )
        return self._session

    async def _read_body(self, response: aiohttp.ClientResponse) -> bytes:
        """The response's body, up to `ANSWER_LIMIT`. The connection is reused only if the body is complete."""
        if response.content.is_eof() and response.content.exception() is None:  # all of it arrived with the headers
            self._patience = RESPONSE_TIMEOUT
            return response.content.read_nowait()
        body = bytearray()
        acknowledges = 200 <= response.status < 300
        try:
            async with asyncio.timeout(self._patience if acknowledges else RESPONSE_TIMEOUT):
                while len(body) <= ANSWER_LIMIT:
                    chunk = await response.content.readany()
                    if not chunk:
                        self._patience = RESPONSE_TIMEOUT
                        return bytes(body)
                    body += chunk
        except TimeoutError:
            if acknowledges:
                self._patience = SHORT_RESPONSE_TIMEOUT
        except (aiohttp.ClientError, OSError, ValueError):
            pass
        response.close()
        return bytes(body)

    async def _current_settings(self) -> Settings:
        if self._reads_files:
            return await asyncio.to_thread(self._settings)
        if self._cached is None:
            self._cached = self._settings()
        return self._cached

    def _settings(self) -> Settings:
        """Raises `ValueError` with a sentence that contains no secret."""
        definition = self._definition
        text = resolve(definition.address, self._environ)
        address, credentials = _parse_url(text, "address")
        hidden = [text] if refers(definition.address) else []
        headers: dict[str, str] = {}
        for name, value in definition.headers:
            found = resolve(value, self._environ)
            _check_header(name, found)
            headers[name] = found
            if refers(value) or name.lower() == "authorization":
                hidden += (found, found.rpartition(" ")[2])
        if definition.routing_key is not None:
            hidden.append(resolve(definition.routing_key, self._environ))
        if credentials is not None:
            headers = _merged({"Authorization": aiohttp.encode_basic_auth(*credentials)}, headers)
            hidden.append(credentials[1])
        connection = Connection(
            address=address,
            ca_cert=definition.tls.ca_cert,
            client_cert=definition.tls.client_cert,
            client_key=definition.tls.client_key,
            tls_server_name=definition.tls.server_name,
            proxy=self._proxy() if definition.proxy is not None else proxy_for(address, self._environ, socks=False),
        )
        if connection.proxy is not None and connection.proxy.credentials is not None:
            hidden.append(connection.proxy.credentials[1])
        parts = urlsplit(text)
        url = f"{address.base_url}{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        hidden += secrets_of_target(parts.path, parts.query)
        hidden = sorted({each for each in hidden if len(each) > 3}, key=len, reverse=True)
        return Settings(connection, url, headers, self._signers(), tuple(hidden))

    def _proxy(self) -> Proxy:
        address, credentials = _parse_url(resolve(self._definition.proxy or "", self._environ), "proxy")
        return Proxy(str(address), "proxy", credentials)

    def _signers(self) -> tuple[Signer, ...]:
        if self._definition.secret is None:
            return ()
        secrets = resolve(self._definition.secret, self._environ).split()
        try:
            signers = tuple(map(Signer, secrets))
        except Exception:  # the library's exception for an empty secret is not public
            signers = ()
        if not signers:
            raise ValueError("Its secret is not base64 (after whsec_, if it starts so). Correct it.")
        return signers

    def _headers(self, delivery: Delivery, body: Body, settings: Settings) -> dict[str, str]:
        own = {"Nomad-Index": str(delivery.items[-1].index), "webhook-id": delivery.id}
        if delivery.region:
            own["Nomad-Region"] = quote(delivery.region, safe=" !#$&'()*+,/:;=?@[]", errors="replace")
        if delivery.test:
            own["Nomad-Tui-Test"] = "1"
        if settings.signers:
            now = datetime.now(UTC).replace(microsecond=0)
            text = body.content.decode()
            own["webhook-timestamp"] = str(int(now.timestamp()))
            own["webhook-signature"] = " ".join(
                signer.sign(msg_id=delivery.id, timestamp=now, data=text) for signer in settings.signers
            )
        if settings.connection.address.scheme == "http":
            own |= _proxy_headers(settings.connection.proxy)  # aiohttp itself sends them only with CONNECT
        return self._base_headers(settings, body.content_type, tuple(own)) | own

    def _base_headers(self, settings: Settings, content_type: str, own: tuple[str, ...]) -> dict[str, str]:
        """All headers except those in `own`."""
        depends = (settings, content_type, own)
        if self._base is None or self._base[0] != depends:
            defaults = {
                "Accept": "*/*",
                "Accept-Encoding": "identity",
                "User-Agent": f"nomad-tui/{__version__}",
                "Content-Type": content_type,
            }
            self._base = depends, _without(_merged(defaults, settings.headers), own)
        return self._base[1]

    def _timeout_message(self, address: str, progress: _Progress) -> str:
        patience = in_words(self._definition.timeout)
        if progress.connected:
            return (
                f"{address} accepted the connection, but sent no complete answer within {patience}. "
                "Check the receiver, or raise timeout in the definition."
            )
        or_tls = "it may not answer TLS, " if address.startswith("https:") else ""
        return (
            f"Cannot reach {address}: no connection within {patience}; the host may be down, {or_tls}or a firewall may "
            "drop packets. Check the network, and address in the definition."
        )


def _template(definition: Definition) -> "DeliveryTemplate | None":
    if definition.format is not Format.TEMPLATE:
        return None
    from nomad_tui.sinks.types.templates import DeliveryTemplate  # importing Jinja2 takes a while

    return DeliveryTemplate(definition)


def _parse_url(text: str, key: str) -> tuple[Address, Credentials | None]:
    try:
        if not text.startswith(("http://", "https://")):
            raise ValueError("it must begin with http:// or https://")
        parts = urlsplit(text)
        return parse_address(f"{parts.scheme}://{parts.netloc}")  # the path may be a secret: no message contains it
    except ValueError as error:
        reason = printable(str(error)).partition(", ")[0]  # without the advice, which is for Nomad's own settings
        raise ValueError(f"Its {key} cannot be used: {reason}. Correct it in the definition.") from None


def _check_header(name: str, value: str) -> None:
    shown = printable(name, 60)
    if _HEADER_NAME.fullmatch(name) is None:
        raise ValueError(f"'{shown}' cannot be the name of a header: correct it in headers.")
    if name.lower() in OWN_HEADERS:
        raise ValueError(f"The header {shown} is nomad-tui's own: remove it from headers.")
    if _FORBIDDEN.search(value) is not None:
        raise ValueError(f"The value of the header {shown} holds a control character: write it in one line.")


def _proxy_headers(proxy: Proxy | None) -> dict[str, str]:
    if proxy is None or proxy.credentials is None:
        return {}
    return {"Proxy-Authorization": aiohttp.encode_basic_auth(*proxy.credentials)}


def _merged(headers: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """Merges headers, ignoring case; `others` take precedence."""
    return {**_without(headers, others), **others}


def _without(headers: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The headers without those names, ignoring case."""
    left_out = {name.lower() for name in names}
    return {name: value for name, value in headers.items() if name.lower() not in left_out}
