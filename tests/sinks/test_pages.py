"""The runner's HTTP pages: health for an orchestrator, metrics for Prometheus."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from nomad_tui.sinks.runner.pages import HttpAddress, HttpError, serve
from nomad_tui.standin import ALL_FRAMES, Options, StandIn
from tests import recordings
from tests.receiver import Receiver, receiver
from tests.runner import Running, at, define, running

FRAMES = recordings.frames("tour", 60)
EVENTS = sum(len(frame.events) for frame in FRAMES)
ANY_PORT = HttpAddress.parse("0")
FAST = "[retry]\nmin_backoff = 0.01\nmax_backoff = 0.05\nmax_attempts = 2\n"
PASSWORD = "hunter2-hunter2"


@pytest.fixture
async def server() -> AsyncIterator[StandIn]:
    async with StandIn([frame.line for frame in FRAMES], Options(lead=ALL_FRAMES, buffer_size=len(FRAMES))) as opened:
        yield opened


class Watched:
    """A runner and an HTTP client."""

    def __init__(self, run: Running, address: HttpAddress, client: aiohttp.ClientSession) -> None:
        self.run = run
        self.address = address
        self.client = client

    async def get(self, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, str]:
        async with self.client.get(f"http://{self.address}{path}", headers=headers) as response:
            return response, await response.text()

    async def json(self, path: str) -> dict[str, Any]:
        async with self.client.get(f"http://{self.address}{path}") as response:
            content = await response.json()
            assert isinstance(content, dict)
            return content

    async def metrics(self) -> dict[str, float]:
        """Metrics by name and labels, as Prometheus would store them."""
        _, text = await self.get("/metrics")
        return {
            sample.name + "".join(f" {label}={value}" for label, value in sorted(sample.labels.items())): sample.value
            for family in read_text(text)
            for sample in family.samples
        }


@asynccontextmanager
async def watched(folder: Path, server: StandIn) -> AsyncIterator[Watched]:
    async with (
        running(folder, at(server), drain=0.1) as run,
        serve(run.runner, ANY_PORT) as address,
        aiohttp.ClientSession() as client,
    ):
        yield Watched(run, address, client)


def webhook(hook: Receiver, more: str = "") -> str:
    address = hook.url.replace("http://", f"http://ops:{PASSWORD}@")
    return f'type = "webhook"\naddress = "{address}"\n{more}{FAST}'


# Listening addresses


@pytest.mark.parametrize(
    ("written", "address", "shown"),
    [
        ("127.0.0.1:9646", ("127.0.0.1", 9646), "127.0.0.1:9646"),
        (":9646", ("127.0.0.1", 9646), "127.0.0.1:9646"),
        ("9646", ("127.0.0.1", 9646), "127.0.0.1:9646"),
        ("[::1]:9646", ("::1", 9646), "[::1]:9646"),
        ("[::]:80", ("::", 80), "[::]:80"),
        ("0.0.0.0:9646", ("0.0.0.0", 9646), "0.0.0.0:9646"),
        ("localhost:1", ("localhost", 1), "localhost:1"),
        ("nomad-1.example.com:9646", ("nomad-1.example.com", 9646), "nomad-1.example.com:9646"),
    ],
)
def test_an_address_is_host_and_port_or_a_port_on_loopback(written: str, address: tuple[str, int], shown: str) -> None:
    parsed = HttpAddress.parse(written)
    assert (parsed.host, parsed.port) == address
    assert str(parsed) == shown
    assert HttpAddress.parse(shown) == parsed


@pytest.mark.parametrize(
    "written",
    [
        *("", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "::1:9646", "[::1]", "[127.0.0.1]:9646", "[]:9646"),
        *("300.0.0.1:9646", "[nonsense]:9646", "a b:9646", "host:-1", "host:٣", "ho\x1bst:9646", "http://localhost:80"),
    ],
)
def test_an_invalid_address_is_reported(written: str) -> None:
    with pytest.raises(ValueError, match=r"is no address to listen on: write a host and a port, such as") as raised:
        HttpAddress.parse(written)
    assert str(raised.value).isprintable()


async def test_a_port_in_use_is_reported(server: StandIn, tmp_path: Path) -> None:
    async with running(tmp_path, at(server)) as run:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(HttpError, match=rf"^127.0.0.1:{port} cannot be listened on: another program"):
                async with serve(run.runner, HttpAddress("127.0.0.1", port)):
                    pass
        with pytest.raises(HttpError, match=r"cannot be listened on: this machine has no such address"):
            async with serve(run.runner, HttpAddress("192.0.2.1", 9646)):
                pass


async def test_the_runner_shows_where_it_listens(server: StandIn, tmp_path: Path) -> None:
    async with watched(tmp_path, server) as seen:
        assert seen.run.runner.status.http == str(seen.address)
        assert seen.address.port


# Health and readiness


async def test_it_is_healthy_and_ready_while_the_stream_is_read(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        define(tmp_path, "all", webhook(hook))
        async with watched(tmp_path, server) as seen:
            await seen.run.journaled(EVENTS)
            await seen.run.delivered("all")
            health = await seen.json("/healthz")
            assert health["pid"] == seen.run.runner.status.pid
            assert set(health) == {"version", "pid", "uptime_seconds"}
            response, _ = await seen.get("/readyz")
            assert response.status == 200
            ready = await seen.json("/readyz")
            assert (ready["ready"], ready["wrong"]) == (True, [])


async def test_it_is_not_ready_while_the_stream_cannot_be_read_and_says_why(server: StandIn, tmp_path: Path) -> None:
    async with server.down(), watched(tmp_path, server) as seen:
        await seen.run.until(lambda: seen.run.runner.status.state == "retrying")
        response, _ = await seen.get("/readyz")
        assert response.status == 503
        ready = await seen.json("/readyz")
        assert ready["ready"] is False
        assert "nothing has been heard of the server yet" in str(ready["wrong"])
        assert (await seen.get("/healthz"))[0].status == 200
        assert (await seen.metrics())["nomad_tui_stream_connected"] == 0


async def test_it_stays_ready_right_after_the_stream_was_lost(server: StandIn, tmp_path: Path) -> None:
    async with watched(tmp_path, server) as seen:
        await seen.run.journaled(EVENTS)
        async with server.down():
            await seen.run.until(lambda: seen.run.runner.status.state == "retrying")
            assert (await seen.json("/readyz"))["ready"] is True


async def test_it_is_not_ready_while_the_journal_cannot_be_written_and_says_why(
    server: StandIn, tmp_path: Path
) -> None:
    async with watched(tmp_path, server) as seen:
        await seen.run.journaled(EVENTS)
        (tmp_path / "test.journal").unlink()
        server.publish(b'{"Index":99999,"Events":[{"Topic":"Job","Type":"X","Key":"after","Payload":{}}]}')
        await seen.run.until(lambda: seen.run.journal.trouble)
        response, _ = await seen.get("/readyz")
        assert response.status == 503
        (wrong,) = (await seen.json("/readyz"))["wrong"]
        assert "its file was removed or replaced" in wrong
        assert (await seen.metrics())["nomad_tui_journal_writable"] == 0


async def test_it_stays_ready_while_a_sink_fails_and_names_the_sink(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        hook.answer(503, times=None)
        define(tmp_path, "all", webhook(hook))
        async with watched(tmp_path, server) as seen:
            await seen.run.journaled(EVENTS)
            await seen.run.until(lambda: "all" in seen.run.runner.sinks and seen.run.sink("all").status.retried > 2)
            response, text = await seen.get("/readyz")
            assert response.status == 200
            (sink,) = (await seen.json("/readyz"))["sinks"]
            assert (sink["id"], sink["state"], sink["failing"]) == ("all", "retrying", True)
            assert "503" in sink["last_error"]
            assert PASSWORD not in text


# Metrics


async def test_the_metrics_count_received_and_delivered_events(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        hook.answer(500, times=3)
        define(tmp_path, "all", webhook(hook, 'format = "event"\n'))
        async with watched(tmp_path, server) as seen:
            await seen.run.journaled(EVENTS)
            await seen.run.delivered("all")
            # The cursor is stored once for several acknowledgements, so a moment later.
            await seen.run.until(lambda: seen.run.sink("all").lag_events == 0)
            metrics = await seen.metrics()
        of = " sink=all type=webhook"
        assert metrics["nomad_tui_events_received_total"] == EVENTS
        assert metrics["nomad_tui_journal_events_total"] == EVENTS
        assert metrics["nomad_tui_journal_records"] == len(FRAMES)
        assert metrics["nomad_tui_journal_bytes"] > 0
        assert metrics["nomad_tui_journal_writable"] == 1
        assert metrics["nomad_tui_stream_connected"] == 1
        assert metrics["nomad_tui_stream_gaps_total"] == 0
        assert metrics["nomad_tui_stream_reconnects_total"] == 0
        assert metrics["nomad_tui_unreadable_lines_total"] == 0
        assert metrics["nomad_tui_definitions_mistaken"] == 0
        assert metrics[f"nomad_tui_sink_events_delivered_total{of}"] == EVENTS
        assert metrics[f"nomad_tui_sink_attempts_retried_total{of}"] == 3
        assert metrics[f"nomad_tui_sink_events_dead_total{of}"] == 0
        assert metrics[f"nomad_tui_sink_events_lost_total{of}"] == 0
        assert metrics[f"nomad_tui_sink_lag_events{of}"] == 0
        assert metrics[f"nomad_tui_sink_lag_seconds{of}"] == 0
        assert metrics[f"nomad_tui_sink_up{of}"] == 1
        assert metrics[f"nomad_tui_sink_paused{of}"] == 0
        assert metrics[f"nomad_tui_sink_last_acknowledged_timestamp_seconds{of}"] > 1.7e9


async def test_the_metrics_show_lag_dead_letters_and_mistakes_in_definitions(server: StandIn, tmp_path: Path) -> None:
    async with receiver() as hook:
        hook.answer(400, times=2)
        hook.answer(503, times=None)
        define(tmp_path, "all", webhook(hook))
        define(tmp_path, "wrong", 'type = "nonsense"\n')
        async with watched(tmp_path, server) as seen:
            await seen.run.journaled(EVENTS)
            await seen.run.until(lambda: seen.run.sink("all").status.retried > 3 and seen.run.runner.dead_letters)
            metrics = await seen.metrics()
            _, text = await seen.get("/metrics")
        of = " sink=all type=webhook"
        assert metrics[f"nomad_tui_sink_events_dead_total{of}"] == len(FRAMES[0].events)
        assert metrics[f"nomad_tui_sink_dead_letters{of}"] == len(FRAMES[0].events)
        assert metrics[f"nomad_tui_sink_lag_events{of}"] == EVENTS - len(FRAMES[0].events)
        assert metrics[f"nomad_tui_sink_lag_seconds{of}"] > 0
        assert metrics[f"nomad_tui_sink_up{of}"] == 0
        assert metrics["nomad_tui_definitions_mistaken"] == 1
        assert PASSWORD not in text


def check(families: list[Metric]) -> None:
    """Problems that `promtool check metrics` would report."""
    assert families
    for family in families:
        assert family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge", "info"), family.name
        assert not family.unit or family.name.endswith(f"_{family.unit}"), family.name
        assert len({tuple(sorted(sample.labels.items())) for sample in family.samples}) == len(family.samples)
        for sample in family.samples:
            assert (family.type == "counter") == sample.name.endswith("_total"), sample.name


async def test_the_metrics_are_valid_and_complete_in_both_formats(server: StandIn, tmp_path: Path) -> None:
    define(tmp_path, "out", f'type = "file"\naddress = "{tmp_path}/out.ndjson"\n')
    async with watched(tmp_path, server) as seen:
        await seen.run.journaled(EVENTS)
        await seen.run.until(lambda: "out" in seen.run.runner.sinks)
        response, text = await seen.get("/metrics")
        assert response.content_type == "text/plain"
        own = [family for family in read_text(text) if not family.name.startswith("process_")]
        assert {family.name.startswith("nomad_tui_") for family in own} == {True}
        response, text = await seen.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,*/*;q=0.1")
        assert response.content_type == "application/openmetrics-text"
        read: list[Metric] = list(read_openmetrics(text))  # type: ignore[no-untyped-call]
        families = [family for family in read if not family.name.startswith("process_")]
        check(families)
        units = {family.name: family.unit for family in families if family.unit}
        assert units == {
            "nomad_tui_journal_bytes": "bytes",
            "nomad_tui_sink_lag_seconds": "seconds",
            "nomad_tui_sink_last_acknowledged_timestamp_seconds": "seconds",
        }


async def test_metrics_can_be_requested_by_name(server: StandIn, tmp_path: Path) -> None:
    async with watched(tmp_path, server) as seen:
        _, text = await seen.get("/metrics?name[]=nomad_tui_journal_writable")
        assert [family.name for family in read_text(text)] == ["nomad_tui_journal_writable"]


async def test_an_unknown_format_is_refused(server: StandIn, tmp_path: Path) -> None:
    async with watched(tmp_path, server) as seen:
        response, text = await seen.get("/metrics", Accept="application/openmetrics-text;version=abc")
        assert (response.status, text) == (406, "The version in the Accept header is not a number.\n")


# HTTP


async def test_head_works_and_an_unknown_path_lists_the_known_ones(server: StandIn, tmp_path: Path) -> None:
    async with watched(tmp_path, server) as seen:
        await seen.run.journaled(EVENTS)
        for path in ("/", "/healthz", "/readyz", "/metrics"):
            async with seen.client.head(f"http://{seen.address}{path}") as response:
                assert (response.status, await response.read()) == (200, b"")
        response, text = await seen.get("/metricz")
        assert (response.status, text) == (404, "There are /healthz, /readyz and /metrics here.\n")
        async with seen.client.post(f"http://{seen.address}/healthz") as response:
            assert response.status == 405
        assert "/readyz" in (await seen.get("/"))[1]


async def test_nothing_listens_after_the_runner_has_ended(server: StandIn, tmp_path: Path) -> None:
    async with watched(tmp_path, server) as seen:
        address = seen.address
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(address.host, address.port)
