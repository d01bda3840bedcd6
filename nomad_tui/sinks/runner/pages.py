"""What a runner shows of itself over HTTP: whether it works, whether it can do its work, its metrics."""

import errno
import ipaddress
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from time import monotonic, time_ns
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.exposition import choose_encoder

from nomad_tui import __version__
from nomad_tui.core.readable import SECOND
from nomad_tui.core.text import printable
from nomad_tui.journal.log import Log
from nomad_tui.sinks.runner.metrics import FAILING, registry_of
from nomad_tui.sinks.runner.runner import Runner

log = Log("nomad_tui.http")

LOOPBACK: Final = "127.0.0.1"
HEARD_WITHIN: Final = 60.0
"""Seconds without a line from the server after which a runner is not ready; a heartbeat is sent every 30 s."""
SHUTDOWN_TIMEOUT: Final = 1.0
"""Seconds for open requests to end when the runner ends."""
PATHS: Final = ("/healthz", "/readyz", "/metrics")

_WRITTEN: Final = re.compile(r"(?:(?P<host>\[[^\[\]]*\]|[^\[\]:]*):)?(?P<port>[0-9]{1,5})")
_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")


class HttpError(OSError):
    """Cannot listen on the address. The text says what happened, why, and what to do now."""


@dataclass(frozen=True, slots=True)
class HttpAddress:
    host: str
    """An IPv6 address without brackets."""
    port: int
    """0 for any free port."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `127.0.0.1:9646`, `[::1]:9646` or `name:9646`; `:9646` and `9646` mean loopback only.

        Raises `ValueError` with a sentence.
        """
        found = _WRITTEN.fullmatch(text.strip())
        host = (found["host"] or LOOPBACK) if found else ""
        if found is None or not _is_host(host) or int(found["port"]) > 65535:
            raise ValueError(
                f"“{printable(text, 60)}” is no address to listen on: write a host and a port, such as "
                "127.0.0.1:9646 or [::1]:9646, or the port alone for loopback."
            )
        return cls(host.strip("[]"), int(found["port"]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _is_host(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        # Digits and dots that are not an IPv4 address are not a host name either.
        return _NAME.fullmatch(host) is not None and re.fullmatch(r"[0-9.]+", host) is None
    return (address.version == 6) == host.startswith("[")


@asynccontextmanager
async def serve(runner: Runner, address: HttpAddress) -> AsyncIterator[HttpAddress]:
    """Serve `/healthz`, `/readyz` and `/metrics` until the context ends.

    Yields the address with the actual port, which the runner's status names too. Raises `HttpError`.
    """
    pages = _Pages(runner)
    application = web.Application(middlewares=[_unknown_paths])
    application.add_routes(
        [
            web.get("/", pages.start),
            web.get("/healthz", pages.health),
            web.get("/readyz", pages.readiness),
            web.get("/metrics", pages.metrics),
        ]
    )
    server = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
    try:
        await server.setup()
        try:
            await web.TCPSite(server, address.host, address.port).start()
        except OSError as error:
            raise HttpError(_sentence(address, error)) from error
        taken = replace(address, port=server.addresses[0][1])
        runner.status.http = str(taken)
        log.info("http_listening", address=str(taken))
        yield taken
    finally:
        await server.cleanup()


class _Pages:
    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._metrics = make_aiohttp_handler(registry_of(runner))

    async def start(self, request: web.Request) -> web.Response:
        links = "\n".join(f'<li><a href="{path}">{path}</a></li>' for path in PATHS)
        page = f"<!doctype html>\n<title>nomad-tui</title>\n<h1>nomad-tui {__version__}</h1>\n<ul>\n{links}\n</ul>\n"
        return web.Response(text=page, content_type="text/html")

    async def health(self, request: web.Request) -> web.Response:
        """Answer 200: an answer proves that the event loop runs."""
        status = self._runner.status
        return _json({"version": __version__, "pid": status.pid, "uptime_seconds": _ago(status.started)})

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        try:
            choose_encoder(",".join(request.headers.getall("Accept", [])))
        except (TypeError, ValueError):  # raised by the library for a version that is not a number
            return web.Response(status=406, text="The version in the Accept header is not a number.\n")
        return await self._metrics(request)

    async def readiness(self, request: web.Request) -> web.Response:
        wrong = self._wrong()
        answer = {"ready": not wrong, "wrong": wrong, "sinks": self._sinks()}
        return _json(answer, status=503 if wrong else 200)

    def _wrong(self) -> list[str]:
        """Return what keeps the runner from its own work; failing receivers do not count."""
        runner = self._runner
        wrong = []
        if runner.journal.trouble:
            wrong.append(runner.journal.trouble)
        silent = monotonic() - runner.heard if runner.heard else None
        if runner.status.state != "live" and (silent is None or silent > HEARD_WITHIN):
            heard = "nothing has been heard of the server yet" if silent is None else f"silent for {silent:.0f} s"
            wrong.append(f"The event stream is not being read ({heard}). {runner.status.what}".strip())
        return wrong

    def _sinks(self) -> list[dict[str, object]]:
        return [
            {
                "id": id,
                "type": sink.definition.kind.value,
                "address": sink.status.address,
                "state": sink.status.state.value,
                "failing": sink.status.state in FAILING,
                "lag_events": sink.lag_events,
                "lag_seconds": round(sink.lag_seconds, 1),
                "last_error": sink.status.last_error,
            }
            for id, sink in sorted(self._runner.sinks.items())  # noqa: A001
        ]


@web.middleware
async def _unknown_paths(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return web.Response(status=404, text=f"There are {', '.join(PATHS[:-1])} and {PATHS[-1]} here.\n")


def _json(content: dict[str, object], status: int = 200) -> web.Response:
    return web.json_response(content, status=status, headers={"Cache-Control": "no-store"})


def _ago(at: int) -> float:
    return round((time_ns() - at) / SECOND, 1) if at else 0.0


def _sentence(address: HttpAddress, error: OSError) -> str:
    # Since Python 3.12 asyncio skips addresses that this machine does not have, and then has none left.
    match error.errno or errno.EADDRNOTAVAIL:
        case errno.EADDRINUSE:
            why, remedy = "another program listens there already", "End that one, or give another port with --http."
        case errno.EACCES | errno.EPERM:
            why, remedy = "this user may not listen there", "Give a port from 1024 on with --http."
        case errno.EADDRNOTAVAIL:
            why, remedy = "this machine has no such address", "Give one that it has, or the port alone for loopback."
        case _:
            why = printable(error.strerror or str(error), 200).lower()
            remedy = "Give an address of this machine with --http."
    return f"{address} cannot be listened on: {why}. {remedy}"
