"""Connections through a SOCKS5 proxy, which looks up the server's name itself, as Go's client has it do."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp_socks import ProxyConnector, ProxyType
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError
from python_socks.async_.asyncio import Proxy as Socks

from nomad_tui.nomad.address import Proxy
from nomad_tui.nomad.cases.connecting import SocksError


def socks_connector(proxy: Proxy, **options: Any) -> aiohttp.BaseConnector:
    """As `aiohttp.TCPConnector(**options)`, through the proxy."""
    parts = urlsplit(proxy.url)
    user, password = proxy.credentials or (None, None)
    return _Connector(
        host=parts.hostname or "",
        port=parts.port or 1080,
        proxy_type=ProxyType.SOCKS5,
        username=user,
        password=password,
        rdns=True,
        **options,
    )


class _Connector(ProxyConnector):
    """aiohttp-socks' own way would verify a certificate against the address, whatever `server_hostname` says."""

    async def _wrap_create_connection(
        self, *args: Any, addr_infos: Any, **options: Any
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        host, port = addr_infos[0][4][:2]
        for_socket = {name: value for name, value in options.items() if name in ("ssl", "server_hostname")}
        socks = Socks(
            ProxyType.SOCKS5,
            host=self._proxy_host,
            port=self._proxy_port,
            username=self._proxy_username,
            password=self._proxy_password,
            rdns=True,
        )
        try:
            connected = await socks.connect(host, port, timeout=options["timeout"].sock_connect)
        except (ProxyError, ProxyConnectionError, ProxyTimeoutError) as error:
            raise SocksError(str(error)) from error
        try:
            return await self._loop.create_connection(*args, sock=connected, **for_socket)
        except BaseException:
            connected.close()
            raise
