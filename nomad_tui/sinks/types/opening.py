"""Creates the sink for a definition."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from nomad_tui.sinks.definition.definition import HTTP, Definition, Kind
from nomad_tui.sinks.delivery.sink import Sink

if TYPE_CHECKING:
    from nomad_tui.sinks.types.webhook import Webhook

CLASSES: Final = {
    Kind.WEBHOOK: "webhook:Webhook",
    Kind.FILE: "file:FileSink",
    Kind.STDOUT: "stdout:StandardOutput",
    Kind.NATS: "jetstream:JetStreamSink",
    Kind.EXEC: "exec:ExecSink",
    Kind.SLACK: "slack:Slack",
    Kind.DISCORD: "discord:Discord",
    Kind.TEAMS: "teams:Teams",
    Kind.PAGERDUTY: "incidents:PagerDuty",
    Kind.ALERTMANAGER: "incidents:Alertmanager",
    Kind.LOKI: "loki:Loki",
}
"""Module of `sinks.types`, and class. Each is imported on demand, because it needs libraries of its own."""


async def open_sink(definition: Definition) -> Sink:
    """Creates a sink without connecting it. Raises `ValueError` with one sentence if files or variables that the
    definition names cannot be used."""
    if definition.kind in HTTP:
        return await http_sink(definition.kind).open(definition)
    return cast("Sink", _class(definition.kind)(definition))


def http_sink(kind: Kind) -> "type[Webhook]":
    """The class of a sink type that uses HTTP."""
    return cast("type[Webhook]", _class(kind))


def _class(kind: Kind) -> Any:
    module, _, name = CLASSES[kind].partition(":")
    return getattr(import_module(f"nomad_tui.sinks.types.{module}"), name)
