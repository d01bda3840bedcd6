"""The sink that a definition describes."""

from nomad_tui.sinks.definition.definition import Definition, Kind
from nomad_tui.sinks.delivery.sink import Sink


async def open_sink(definition: Definition) -> Sink:
    """Connects to nobody yet. Raises `ValueError`, its text one sentence, where files or variables that the
    definition names cannot be used."""
    # Each brings libraries of its own, which the others need not wait for.
    match definition.kind:
        case Kind.WEBHOOK:
            from nomad_tui.sinks.types.webhook import Webhook

            return await Webhook.open(definition)
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
        case Kind.SLACK:
            from nomad_tui.sinks.types.slack import Slack

            return await Slack.open(definition)
        case Kind.DISCORD:
            from nomad_tui.sinks.types.discord import Discord

            return await Discord.open(definition)
        case Kind.TEAMS:
            from nomad_tui.sinks.types.teams import Teams

            return await Teams.open(definition)
        case Kind.PAGERDUTY:
            from nomad_tui.sinks.types.incidents import PagerDuty

            return await PagerDuty.open(definition)
        case Kind.ALERTMANAGER:
            from nomad_tui.sinks.types.incidents import Alertmanager

            return await Alertmanager.open(definition)
        case Kind.LOKI:
            from nomad_tui.sinks.types.loki import Loki

            return await Loki.open(definition)
