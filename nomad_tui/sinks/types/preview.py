"""What a sink would send, without sending it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from typing import Final

from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.definition import HTTP, Definition, Kind
from nomad_tui.sinks.definition.selection import Selection
from nomad_tui.sinks.delivery.batching import delivery_id
from nomad_tui.sinks.delivery.grouping import Folding
from nomad_tui.sinks.delivery.opening import http_sink
from nomad_tui.sinks.delivery.sink import Delivery, Item, UndeliveredError
from nomad_tui.sinks.types.formats import Body, encode_one, messages

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of a journal's newest frames."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """One delivery."""

    index: int
    """Of its first event."""
    bodies: tuple[str, ...]
    """Untrusted text, as it would be sent."""
    error: str = ""
    """Why nothing can be made of its events, or of the rest of them; they would be dead letters."""


def newest_records(journal: Path, most: int) -> tuple[list[Record], str]:
    """The newest frames of a journal, and the region of its runner. Raises `JournalError`."""
    with JournalReader(journal) as reader:
        frames = reader.last_frames(most, MOST_BYTES)
        runner = reader.overview().runner
    records = [Record(number, time_ns(), 0, frame) for number, frame in enumerate(frames, 1)]
    return records, runner.region if runner is not None else ""


def previews(definition: Definition, records: Iterable[Record], region: str) -> Iterator[Previewed]:
    """What would be sent for these records, in order."""
    for delivery in _deliveries(definition, records, region):
        yield previewed(definition, delivery)


def previewed(definition: Definition, delivery: Delivery) -> Previewed:
    bodies: list[str] = []
    error = ""
    try:
        for body in preview(definition, delivery):
            bodies.append(body.content.decode("utf-8", "replace"))
    except UndeliveredError as undelivered:
        error = undelivered.what
    return Previewed(delivery.items[0].index, tuple(bodies), error)


def preview(definition: Definition, delivery: Delivery) -> Iterator[Body]:
    """The bodies of a delivery, in order. Raises `UndeliveredError` where one cannot be made."""
    form = definition.format
    if definition.kind in HTTP:
        yield from http_sink(definition.kind)(definition).messages(delivery)
    elif definition.kind is Kind.NATS:
        for item in delivery.items:
            yield encode_one(item, form, region=delivery.region, test=delivery.test)
    else:
        for line in messages(delivery.items, form, region=delivery.region, test=delivery.test):
            yield Body(line, "application/x-ndjson")


def _deliveries(definition: Definition, records: Iterable[Record], region: str) -> Iterator[Delivery]:
    selection = Selection(definition, region, "preview")
    if definition.is_grouped:
        folding = Folding(definition)
        for record in records:
            folding.add(selection.items(record))
        if items := folding.take():
            yield _delivery(items, region)
        return
    most = definition.together.max_events
    waiting: list[Item] = []
    for record in records:
        items = selection.items(record)
        if definition.keeps_frames:
            if waiting and len(waiting) + len(items) > most:
                yield _delivery(waiting, region)
                waiting = []
            waiting += items
            continue
        waiting += items
        while len(waiting) >= most:
            yield _delivery(waiting[:most], region)
            del waiting[:most]
    if waiting:
        yield _delivery(waiting, region)


def _delivery(items: Sequence[Item], region: str) -> Delivery:
    return Delivery(delivery_id(items), tuple(items), region)
