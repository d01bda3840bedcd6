"""The runner's Prometheus metrics, computed for each scrape."""

import platform
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from nomad_tui import __version__
from nomad_tui.core.readable import SECOND
from nomad_tui.journal.status import SinkState
from nomad_tui.sinks.delivery.worker import SinkWorker
from nomad_tui.sinks.runner.runner import Runner

FAILING: Final = frozenset((SinkState.RETRYING, SinkState.BROKEN))
LABELS: Final = ("sink", "type")

Value = Callable[[SinkWorker], float]

_SINK_COUNTERS: Final[tuple[tuple[str, str, Value], ...]] = (
    (
        "nomad_tui_sink_events_delivered",
        "Events that the sink's receiver acknowledged.",
        lambda sink: sink.status.delivered,
    ),
    (
        "nomad_tui_sink_attempts_retried",
        "Attempts beyond the first of each delivery.",
        lambda sink: sink.status.retried,
    ),
    (
        "nomad_tui_sink_events_dead",
        "Events that the receiver finally refused and that became dead letters.",
        lambda sink: sink.status.dead,
    ),
    (
        "nomad_tui_sink_events_lost",
        "Events that the full journal dropped before they were delivered.",
        lambda sink: sink.lost_events,
    ),
)
"""Counts since the sink first ran: the journal keeps them across restarts."""

_SINK_GAUGES: Final[tuple[tuple[str, str, str, Value], ...]] = (
    (
        "nomad_tui_sink_lag_events",
        "",
        "Events of the stream beyond the sink's cursor, selected or not.",
        lambda sink: sink.lag_events,
    ),
    (
        "nomad_tui_sink_lag_seconds",
        "seconds",
        "Seconds since the oldest of these was received, 0 if there is none.",
        lambda sink: sink.lag_seconds,
    ),
    (
        "nomad_tui_sink_up",
        "",
        "Whether the last attempt succeeded: 0 while a delivery is retried or the sink cannot be opened.",
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
        "When the receiver last acknowledged a delivery, 0 for never.",
        lambda sink: sink.status.last_acknowledged / SECOND,
    ),
)


def registry_of(runner: Runner) -> CollectorRegistry:
    """Return a registry with the runner's metrics and those of the process."""
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
            "Version of nomad-tui.",
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
            ("nomad_tui_events_received", "Events received from the server.", status.events),
            ("nomad_tui_stream_gaps", "Places in the stream where events may be missing.", status.gaps),
            ("nomad_tui_stream_reconnects", "Connections to the server that were lost.", status.reconnects),
            ("nomad_tui_unreadable_lines", "Lines from the server that could not be parsed.", status.unreadable),
        ):
            yield CounterMetricFamily(name, help_text, value=value)

    def _journal(self) -> Iterator[Metric]:
        journal = self._runner.journal
        yield _gauge("nomad_tui_journal_bytes", "Size of the journal's file.", journal.bytes, "bytes")
        yield CounterMetricFamily(
            "nomad_tui_journal_events",
            "Events ever committed to the journal, including dropped ones.",
            value=journal.events,
        )
        yield _gauge(
            "nomad_tui_journal_records",
            "Frames, gaps and unreadable lines that the journal holds.",
            max(0, journal.end - journal.first + 1),
        )
        yield _gauge(
            "nomad_tui_journal_writable",
            "Whether the journal can be written: reading the stream pauses while it is 0.",
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
            "Sink definitions with mistakes.",
            len({(mistake.origin, mistake.sink) for mistake in self._runner.mistakes}),
        )


def _gauge(name: str, help_text: str, value: float, unit: str = "") -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=value, unit=unit)
