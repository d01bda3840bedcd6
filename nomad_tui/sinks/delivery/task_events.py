"""Task events, which allocations carry, as separate records, each once."""

from typing import Any, Final

import msgspec
import orjson

from nomad_tui.core.objects.allocation.fields import Allocation, TaskEvent
from nomad_tui.core.objects.reading import Object
from nomad_tui.core.readable import SECOND
from nomad_tui.core.secrets import redact
from nomad_tui.core.topics import released_topic
from nomad_tui.sinks.delivery.sink import Item

TOPIC: Final = "Allocation"
FRESH: Final = 10 * SECOND
"""Age, relative to the allocation's last write, up to which task events are new if no earlier event is known."""


class _Payload(Object):
    allocation: Allocation | None = None


_DECODER: Final = msgspec.json.Decoder(_Payload)


def has_task_events(item: Item) -> bool:
    return item.gap is not None or bool(_new_events(item))


def task_records(item: Item) -> list[bytes]:
    """Return a JSON object for each task event missing in the allocation's previous event, oldest first."""
    event = item.event
    now = _allocation(_masked_payload(item)) if event is not None else None
    if event is None or now is None:
        return []
    return [_record(item, now, task, one) for task, one in _new_events(item)]


def _new_events(item: Item) -> list[tuple[str, TaskEvent]]:
    event = item.event
    if event is None or released_topic(event.topic) != TOPIC:
        return []
    now = _allocation(_masked_payload(item))
    if now is None:
        return []
    before = item.about.before if item.about is not None else None
    earlier = _allocation(before) if before is not None else None
    if earlier is not None:
        seen = {task: max((one.time for one in state.events or ()), default=0) for task, state in earlier.tasks.items()}
        least: dict[str, int] = seen
        other = 0
    elif item.about is None:  # sent by hand: include all
        least, other = {}, 0
    else:
        least, other = {}, 0 if now.create_index == now.modify_index else now.modify_time - FRESH
    new = [
        (task, one)
        for task, state in now.tasks.items()
        for one in state.events or ()
        if one.time > least.get(task, other)
    ]
    return sorted(new, key=lambda each: each[1].time)


def _record(item: Item, now: Allocation, task: str, one: TaskEvent) -> bytes:
    event = item.event
    assert event is not None
    details = one.details or {}
    record: dict[str, Any] = {
        "Index": item.index,
        "Time": one.time,
        "Namespace": event.namespace,
        "JobID": now.job_id,
        "TaskGroup": now.task_group,
        "Task": task,
        "AllocID": event.key,
        "AllocName": now.name,
        "NodeID": now.node_id,
        "NodeName": now.node_name,
        "Type": one.type,
        "Message": one.display_message or one.message,
        "ExitCode": one.exit_code if one.type == "Terminated" else None,
        "Signal": one.signal if one.type == "Terminated" else None,
        "OOMKilled": details.get("oom_killed") == "true",
    }
    return orjson.dumps({name: _text(value) for name, value in record.items()})


def _text(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _masked_payload(item: Item) -> bytes:
    """The payload, masked if the definition says so."""
    try:
        return bytes(msgspec.json.decode(item.text, type=_Event).payload)
    except (msgspec.DecodeError, RecursionError):
        return redact(bytes(item.event.payload)) if item.event is not None else b"null"


class _Event(msgspec.Struct, rename="pascal"):
    payload: msgspec.Raw = msgspec.Raw(b"null")


def _allocation(payload: bytes) -> Allocation | None:
    try:
        return _DECODER.decode(payload).allocation
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
