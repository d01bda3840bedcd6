"""What a sink would send, without sending it."""

from collections.abc import Iterator

from nomad_tui.sinks.definition.definition import Definition, Format
from nomad_tui.sinks.delivery.sink import Delivery
from nomad_tui.sinks.types.formats import Body, encode, encode_one


def preview(definition: Definition, delivery: Delivery) -> Iterator[Body]:
    """The bodies of a delivery, in order. Raises `UndeliveredError` where one cannot be made."""
    if definition.format is Format.TEMPLATE:
        from nomad_tui.sinks.types.templates import DeliveryTemplate

        yield Body(DeliveryTemplate(definition).render(delivery).encode(), definition.content_type)
    elif definition.batch.max_events > 1:
        yield encode(delivery, definition.format, array=True)
    else:
        for item in delivery.items:
            yield encode_one(item, definition.format, region=delivery.region, test=delivery.test)
