"""Connections through a SOCKS5 proxy, which resolves the server's name itself, as with Go's client."""

import asyncio
import ssl as tls
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp_socks import ProxyConnector, ProxyType
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError
from python_socks.async_.asyncio import Proxy as Socks

from nomad_tui.config.address import Proxy
from nomad_tui.nomad.cases.connecting import SocksError


def socks_connector(proxy: Proxy, server_name: str | None, **options: Any) -> aiohttp.BaseConnector:
    """Like `aiohttp.TCPConnector(**options)`, through the proxy.

    `server_name` is the name expected in the certificate; None for the requested host.
    """
    parts = urlsplit(proxy.url)
    user, password = proxy.credentials or (None, None)
    connector = _Connector(
        host=parts.hostname or "",
        port=parts.port or 1080,
        proxy_type=ProxyType.SOCKS5,
        username=user,
        password=password,
        rdns=True,
        **options,
    )
    connector.server_name = server_name
    return connector


class _Connector(ProxyConnector):
    """Respects `server_name`, which aiohttp-socks ignores: it verifies certificates against the host."""

    server_name: str | None = None

    async def _connect_via_proxy(
        self,
        host: str,
        port: int,
        ssl: tls.SSLContext | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the name is aiohttp-socks'
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        socks = Socks(
            ProxyType.SOCKS5,
            host=self._proxy_host,
            port=self._proxy_port,
            username=self._proxy_username,
            password=self._proxy_password,
            rdns=True,
        )
        try:
            connected = await socks.connect(host, port, timeout=timeout)
        except (ProxyError, ProxyConnectionError, ProxyTimeoutError) as error:
            raise SocksError(str(error)) from error
        name = None if ssl is None else self.server_name or host
        try:
            # With aiohttp's factory, as the invalid status line of some releases is corrected there.
            return await self._loop.create_connection(self._factory, sock=connected, ssl=ssl, server_hostname=name)
        except BaseException:
            connected.close()
            raise
