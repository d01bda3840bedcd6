"""What a sink would send, without sending it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from typing import Final

import orjson

from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.secrets import redact
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, decode
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.definition import CHATS, HTTP, Definition, Kind
from nomad_tui.sinks.delivery.batching import delivery_id
from nomad_tui.sinks.delivery.grouping import Folding
from nomad_tui.sinks.delivery.selection import Selection
from nomad_tui.sinks.delivery.sink import Delivery, Item, UndeliveredError
from nomad_tui.sinks.types.formats import Body, encode_one, messages
from nomad_tui.sinks.types.opening import http_sink
from nomad_tui.sinks.types.templates import DeliveryTemplate, Template, TemplateInvalidError

MAX_BYTES: Final = 64 * 1024 * 1024
"""Bytes of a journal's newest frames."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """A delivery that was not sent."""

    index: int
    """The index of its first event."""
    bodies: tuple[str, ...]
    """Untrusted text, as it would be sent."""
    error: str = ""
    """Why some of its events cannot be sent; they would become dead letters."""


def newest_records(journal: Path, most: int) -> tuple[list[Record], str]:
    """The newest frames of a journal, and its runner's region. Raises `JournalError`."""
    with JournalReader(journal) as reader:
        frames = reader.last_frames(most, MAX_BYTES)
        runner = reader.overview().runner
    return records_of(frames), runner.region if runner is not None else ""


def records_of(frames: Iterable[Frame]) -> list[Record]:
    """Frames as records received now, in order."""
    return [Record(number, time_ns(), 0, frame) for number, frame in enumerate(frames, 1)]


def previews(definition: Definition, records: Iterable[Record], region: str) -> Iterator[Previewed]:
    """The deliveries for these records, in order."""
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
    """The bodies of a delivery, in order. Raises `UndeliveredError` if one cannot be created."""
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


_ID: Final = "5f3c8d1e-2b4a-4c6d-8e9f-0a1b2c3d4e5f"
_TIME: Final = 1_790_000_000_000_000_000
_NAMED: Final = {"Name": "web", "Namespace": "default", "CreateIndex": 90, "ModifyIndex": 100}
_OBJECTS: Final[dict[str, dict[str, object]]] = {
    "Job": {"ID": "web", "Type": "service", "Status": "running", "Version": 2, "TaskGroups": []},
    "Allocation": {
        "ID": _ID, "Name": "web.frontend[0]", "JobID": "web", "TaskGroup": "frontend", "NodeID": _ID,
        "NodeName": "edge-2", "ClientStatus": "failed", "ClientDescription": "Failed tasks", "DesiredStatus": "run",
        "CreateTime": _TIME, "ModifyTime": _TIME,
        "TaskStates": {"app": {"State": "dead", "Failed": True, "Restarts": 1, "Events": [
            {"Type": "Terminated", "Time": _TIME, "ExitCode": 137, "Signal": 9, "Details": {"oom_killed": "true"}}]}},
    },
    "Evaluation": {"ID": _ID, "JobID": "web", "Status": "blocked", "TriggeredBy": "job-register", "Type": "service"},
    "Deployment": {"ID": _ID, "JobID": "web", "Status": "failed", "StatusDescription": "Failed due to deadline"},
    "Node": {"ID": _ID, "Name": "edge-2", "Status": "down", "SchedulingEligibility": "eligible"},
}  # fmt: skip


def samples(definition: Definition) -> Iterator[Item]:
    """One event of each selected topic, and a gap."""
    for number, (topic, kind) in enumerate(sorted(KINDS.items()), 1):
        key = "web" if topic in ("Job", "Service", "Variable", "NodePool") else _ID
        value = {"ID": key, **_NAMED, **_OBJECTS.get(topic, {})}
        event = {
            "Topic": topic,
            "Type": f"{topic}Updated",
            "Key": key,
            "Namespace": "default" if kind.is_namespaced else "",
            "FilterKeys": ["web"] if kind.is_of_job else [],
            "Index": 100,
            "Payload": {kind.payload_key or topic: value},
        }
        frame = decode(b'{"Index":100,"Events":[%s]}' % orjson.dumps(event))
        if isinstance(frame, Frame) and definition.subscription.admits(frame.events[0]):
            text = frame.event_texts()[0]
            yield Item(
                number,
                0,
                100,
                time_ns(),
                redact(text) if definition.redact else text,
                frame.events[0],
                id=f"sample-{number}",
            )
    if definition.gaps:
        yield Item(999, 0, 140, time_ns(), b"{}", gap=Gap(GapReason.BUFFER, 100, 140, 41.0), id="sample-gap")


def sample_previews(definition: Definition, region: str) -> Iterator[Previewed]:
    """What would be sent for the samples."""
    for item in samples(definition):
        yield previewed(definition, Delivery(item.id, (item,), region))


def template_mistakes(definition: Definition) -> list[str]:
    """Mistakes in a definition's templates, one sentence each: those found when compiling, else those found on
    samples."""
    several = definition.is_grouped or definition.batch.max_events > 1
    try:
        sources = (("text", definition.text), ("blocks", definition.blocks))
        found = [Template(source, name) for name, source in sources if source is not None]
        if definition.kind not in CHATS:
            found = [DeliveryTemplate(definition).check()]
        for template in found:
            if several and not template.is_of_batch:
                what = "sends several events at once, and this uses neither events nor count: loop over events"
                return [f"{template.name}: the definition {what}."]
    except TemplateInvalidError as error:
        return [f"{error}."]
    mistakes: dict[str, str] = {}
    for item in samples(definition):
        try:
            for _ in preview(definition, Delivery(item.id, (item,), "global")):
                pass
        except (UndeliveredError, TemplateInvalidError) as error:
            topic = item.event.topic if item.event is not None else "gap"
            mistakes.setdefault(str(error).rstrip("."), topic)
    return [f"{what} (with an event of {topic}; `topics` selects others)." for what, topic in mistakes.items()]
