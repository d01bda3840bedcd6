"""Creates the sink for a definition."""

from typing import TYPE_CHECKING

from nomad_tui.sinks.definition.definition import Definition, Kind
from nomad_tui.sinks.delivery.sink import Sink

if TYPE_CHECKING:
    from nomad_tui.sinks.types.webhook import Webhook

# Each type is imported on demand, because it needs libraries of its own.


async def open_sink(definition: Definition) -> Sink:
    """Creates a sink without connecting it. Raises `ValueError` with one sentence if files or variables that the
    definition names cannot be used."""
    match definition.kind:
        case Kind.FILE:
            from nomad_tui.sinks.types.file import FileSink

            return FileSink(definition)
        case Kind.STDOUT:
            from nomad_tui.sinks.types.stdout import StandardOutput

            return StandardOutput(definition)
        case Kind.EXEC:
            from nomad_tui.sinks.types.exec import ExecSink

            return ExecSink(definition)
        case Kind.NATS:
            from nomad_tui.sinks.types.jetstream import JetStreamSink

            return JetStreamSink(definition)
        case _:
            return await http_sink(definition.kind).open(definition)


def http_sink(kind: Kind) -> "type[Webhook]":
    """The class of a sink type that uses HTTP."""
    match kind:
        case Kind.SLACK:
            from nomad_tui.sinks.types.slack import Slack

            return Slack
        case Kind.DISCORD:
            from nomad_tui.sinks.types.discord import Discord

            return Discord
        case Kind.TEAMS:
            from nomad_tui.sinks.types.teams import Teams

            return Teams
        case Kind.PAGERDUTY:
            from nomad_tui.sinks.types.incidents import PagerDuty

            return PagerDuty
        case Kind.ALERTMANAGER:
            from nomad_tui.sinks.types.incidents import Alertmanager

            return Alertmanager
        case Kind.LOKI:
            from nomad_tui.sinks.types.loki import Loki

            return Loki
        case _:
            from nomad_tui.sinks.types.webhook import Webhook

            return Webhook
