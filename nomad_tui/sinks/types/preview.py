"""What a sink would send, without sending it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nomad_tui.sinks.definition.definition import CHATS, Definition, Format, Kind
from nomad_tui.sinks.delivery.sink import Delivery
from nomad_tui.sinks.types.formats import Body, encode, encode_one

if TYPE_CHECKING:
    from nomad_tui.sinks.types.chat import Chat


def preview(definition: Definition, delivery: Delivery) -> Iterator[Body]:
    """The bodies of a delivery, in order. Raises `UndeliveredError` where one cannot be made."""
    if definition.kind in CHATS:
        yield from _chat(definition).messages(delivery)
    elif definition.format is Format.TEMPLATE:
        from nomad_tui.sinks.types.templates import DeliveryTemplate

        yield Body(DeliveryTemplate(definition).render(delivery).encode(), definition.content_type)
    elif definition.batch.max_events > 1:
        yield encode(delivery, definition.format, array=True)
    else:
        for item in delivery.items:
            yield encode_one(item, definition.format, region=delivery.region, test=delivery.test)


def _chat(definition: Definition) -> "Chat":
    match definition.kind:
        case Kind.SLACK:
            from nomad_tui.sinks.types.slack import Slack

            return Slack(definition)
        case Kind.DISCORD:
            from nomad_tui.sinks.types.discord import Discord

            return Discord(definition)
        case _:
            from nomad_tui.sinks.types.teams import Teams

            return Teams(definition)
