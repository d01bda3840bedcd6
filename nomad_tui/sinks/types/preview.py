"""What a sink would send, without sending it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from nomad_tui.sinks.definition.definition import FORMATTED, Definition, Format, Kind
from nomad_tui.sinks.delivery.grouping import groups
from nomad_tui.sinks.delivery.sink import Delivery
from nomad_tui.sinks.types.formats import Body, encode, encode_one

if TYPE_CHECKING:
    from nomad_tui.sinks.types.chat import Chat
    from nomad_tui.sinks.types.incidents import Alertmanager, PagerDuty
    from nomad_tui.sinks.types.loki import Loki


def preview(definition: Definition, delivery: Delivery) -> Iterator[Body]:
    """The bodies of a delivery, in order. Raises `UndeliveredError` where one cannot be made."""
    if definition.kind not in FORMATTED:
        yield from _sink(definition).messages(delivery)
    elif definition.format is Format.TEMPLATE:
        from nomad_tui.sinks.types.templates import DeliveryTemplate

        template = DeliveryTemplate(definition)
        for group in groups(delivery.items) if definition.is_grouped else [delivery.items]:
            text = template.render(replace(delivery, items=tuple(group)))
            yield Body(text.encode(), definition.content_type)
    elif definition.batch.max_events > 1:
        yield encode(delivery, definition.format, array=True)
    else:
        for item in delivery.items:
            yield encode_one(item, definition.format, region=delivery.region, test=delivery.test)


def _sink(definition: Definition) -> "Chat | PagerDuty | Alertmanager | Loki":
    match definition.kind:
        case Kind.SLACK:
            from nomad_tui.sinks.types.slack import Slack

            return Slack(definition)
        case Kind.DISCORD:
            from nomad_tui.sinks.types.discord import Discord

            return Discord(definition)
        case Kind.PAGERDUTY:
            from nomad_tui.sinks.types.incidents import PagerDuty

            return PagerDuty(definition)
        case Kind.ALERTMANAGER:
            from nomad_tui.sinks.types.incidents import Alertmanager

            return Alertmanager(definition)
        case Kind.LOKI:
            from nomad_tui.sinks.types.loki import Loki

            return Loki(definition)
        case _:
            from nomad_tui.sinks.types.teams import Teams

            return Teams(definition)
