"""Events to try a template on: one of each topic, written for that, and those that an operator names."""

from collections.abc import Iterator
from time import time_ns
from typing import Final

import orjson

from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.secrets import redact
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, decode
from nomad_tui.sinks.definition.definition import CHATS, Definition
from nomad_tui.sinks.delivery.sink import Delivery, Item, UndeliveredError
from nomad_tui.sinks.types.preview import Previewed, preview, previewed
from nomad_tui.sinks.types.templates import DeliveryTemplate, Template, TemplateInvalidError

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
    """One event of each topic that the definition selects, and a gap."""
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
    """What is wrong with the templates of a definition, a sentence each, first as written and then on samples."""
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
    return [f"{what} (with an event of {topic})." for what, topic in mistakes.items()]
