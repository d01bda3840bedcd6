"""What a runner shows of itself over HTTP: whether it works, whether it can do its work, and its metrics."""

import errno
import ipaddress
import platform
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from time import monotonic, time_ns
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from nomad_tui import __version__
from nomad_tui.core.readable import SECOND
from nomad_tui.core.text import printable
from nomad_tui.journal.log import Log
from nomad_tui.journal.status import SinkState
from nomad_tui.sinks.delivery.worker import SinkWorker
from nomad_tui.sinks.runner.runner import Runner

FAILING: Final = frozenset((SinkState.RETRYING, SinkState.BROKEN))
LABELS: Final = ("sink", "type")

Value = Callable[[SinkWorker], float]

_SINK_COUNTERS: Final[tuple[tuple[str, str, Value], ...]] = (
    (
        "nomad_tui_sink_events_delivered",
        "Events that the sink's receiver has acknowledged.",
        lambda sink: sink.status.delivered,
    ),
    (
        "nomad_tui_sink_attempts_retried",
        "Attempts at a delivery beyond its first.",
        lambda sink: sink.status.retried,
    ),
    (
        "nomad_tui_sink_events_dead",
        "Events that the receiver refused for good and that went to the dead letters.",
        lambda sink: sink.status.dead,
    ),
    (
        "nomad_tui_sink_events_lost",
        "Events that the journal had to drop before the sink had them.",
        lambda sink: sink.lost_events,
    ),
)
"""Counts since the sink first ran: the journal keeps them across restarts."""

_SINK_GAUGES: Final[tuple[tuple[str, str, str, Value], ...]] = (
    (
        "nomad_tui_sink_lag_events",
        "",
        "Events of the stream in the journal that the sink has not had, whether it wants them or not.",
        lambda sink: sink.lag_events,
    ),
    (
        "nomad_tui_sink_lag_seconds",
        "seconds",
        "How long ago the oldest of those came, 0 where there is none.",
        lambda sink: sink.lag_seconds,
    ),
    (
        "nomad_tui_sink_up",
        "",
        "Whether the receiver took the last attempt: 0 while a delivery is tried again or the sink cannot be opened.",
        lambda sink: sink.status.state not in FAILING,
    ),
    (
        "nomad_tui_sink_paused",
        "",
        "Whether an operator has paused the sink.",
        lambda sink: sink.status.state is SinkState.PAUSED,
    ),
    (
        "nomad_tui_sink_last_acknowledged_timestamp_seconds",
        "seconds",
        "When the receiver acknowledged something last, 0 for never.",
        lambda sink: sink.status.last_acknowledged / SECOND,
    ),
)


def registry_of(runner: Runner) -> CollectorRegistry:
    """One with nothing else in it but what the process uses."""
    registry = CollectorRegistry(auto_describe=True)
    registry.register(RunnerMetrics(runner))
    ProcessCollector(registry=registry)
    return registry


class RunnerMetrics(Collector):
    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "nomad_tui_build",
            "Which nomad-tui this is.",
            value={"version": __version__, "python": platform.python_version()},
        )
        yield from self._stream()
        yield from self._journal()
        yield from self._sinks()

    def _stream(self) -> Iterator[Metric]:
        status = self._runner.status
        yield _gauge(
            "nomad_tui_stream_connected",
            "Whether the server's event stream is being read.",
            status.state == "live",
        )
        for name, help_text, value in (
            ("nomad_tui_events_received", "Events that came from the server.", status.events),
            ("nomad_tui_stream_gaps", "Places in the stream where events may be missing.", status.gaps),
            ("nomad_tui_stream_reconnects", "Connections to the server that were lost.", status.reconnects),
            ("nomad_tui_unreadable_lines", "Lines of the server that could not be understood.", status.unreadable),
        ):
            yield CounterMetricFamily(name, help_text, value=value)

    def _journal(self) -> Iterator[Metric]:
        journal = self._runner.journal
        yield _gauge("nomad_tui_journal_bytes", "Size of the journal's file.", journal.bytes, "bytes")
        yield CounterMetricFamily(
            "nomad_tui_journal_events", "Events ever committed to the journal, dropped ones too.", value=journal.events
        )
        yield _gauge(
            "nomad_tui_journal_records",
            "Frames, gaps and unreadable lines that the journal holds.",
            max(0, journal.end - journal.first + 1),
        )
        yield _gauge(
            "nomad_tui_journal_writable",
            "Whether the journal takes what comes: the stream is held back while it is 0.",
            not journal.trouble,
        )

    def _sinks(self) -> Iterator[Metric]:
        sinks = [((id, sink.definition.kind.value), sink) for id, sink in sorted(self._runner.sinks.items())]  # noqa: A001
        for name, help_text, value in _SINK_COUNTERS:
            counter = CounterMetricFamily(name, help_text, labels=LABELS)
            for labels, sink in sinks:
                counter.add_metric(labels, value(sink))
            yield counter
        for name, unit, help_text, value in _SINK_GAUGES:
            gauge = GaugeMetricFamily(name, help_text, labels=LABELS, unit=unit)
            for labels, sink in sinks:
                gauge.add_metric(labels, value(sink))
            yield gauge
        held = GaugeMetricFamily(
            "nomad_tui_sink_dead_letters", "Dead letters that the journal holds for the sink.", labels=LABELS
        )
        for labels, sink in sinks:
            held.add_metric(labels, self._runner.dead_letters.get(sink.id, 0))
        yield held
        yield _gauge(
            "nomad_tui_definitions_mistaken",
            "Definitions of sinks that cannot be used as they are written.",
            len({(mistake.origin, mistake.sink) for mistake in self._runner.mistakes}),
        )


def _gauge(name: str, help_text: str, value: float, unit: str = "") -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value, unit=unit)


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
