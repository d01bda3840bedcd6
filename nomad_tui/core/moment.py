"""When an event happened. Events carry no time of their own, so it is read from what the write left in objects.

All events of a frame come from one write, so the time that one of its objects tells counts for all of them: a node's
or a service's event often tells none. Times are the server's clock, not this machine's.
"""

from datetime import datetime
from typing import Any, Final

import msgspec

from nomad_tui.core.topics import released_topic, released_type
from nomad_tui.core.wire import Event, Frame

SECOND: Final = 1_000_000_000
_NODE_WRITES: Final = frozenset(("NodeRegistration", "NodeStreamEvent", "NodeDrain", "NodeEligibility"))
"""Types after which a node's newest own event is of this write."""


class _Written(msgspec.Struct, rename="pascal"):
    modify_time: Any = None
    modify_index: Any = None
    job_modify_index: Any = None
    submit_time: Any = None


class _NodeEvent(msgspec.Struct, rename="pascal"):
    timestamp: Any = None


class _WrittenNode(msgspec.Struct, rename="pascal"):
    events: list[_NodeEvent] | None = None
    status_updated_at: Any = None


class _Allocation(msgspec.Struct, rename="pascal"):
    allocation: _Written


class _Evaluation(msgspec.Struct, rename="pascal"):
    evaluation: _Written


class _Deployment(msgspec.Struct, rename="pascal"):
    deployment: _Written


class _Variable(msgspec.Struct, rename="pascal"):
    metadata: _Written


class _Job(msgspec.Struct, rename="pascal"):
    job: _Written


class _Node(msgspec.Struct, rename="pascal"):
    node: _WrittenNode


_allocation = msgspec.json.Decoder(_Allocation).decode
_evaluation = msgspec.json.Decoder(_Evaluation).decode
_deployment = msgspec.json.Decoder(_Deployment).decode
_variable = msgspec.json.Decoder(_Variable).decode
_job = msgspec.json.Decoder(_Job).decode
_node = msgspec.json.Decoder(_Node).decode

_MOST_EVENTS_ASKED: Final = 64
"""Of one frame: a frame of thousands of events without a time must not stop the screen."""


def frame_moment(frame: Frame) -> int | None:
    """When the write behind a frame happened, in ns since 1970 on the server's clock; None where nothing tells it.

    The newest time of all objects that the write changed: some writes leave an object's own time as it was (an
    evaluation in a plan's result, an allocation whose desired status changes).
    """
    if frame.moment_known:
        return frame.moment
    moments: list[int] = []
    from_nodes: list[int] = []
    for event in frame.events[:_MOST_EVENTS_ASKED]:
        try:
            moment = _moment(event, frame.index)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, OverflowError):
            continue
        if moment is not None and 0 < moment < 1 << 63:
            (from_nodes if released_topic(event.topic) == "Node" else moments).append(moment)
    frame.moment = max(moments or from_nodes, default=None)
    frame.moment_known = True
    return frame.moment


def _moment(event: Event, index: int) -> int | None:
    match released_topic(event.topic):
        case "Allocation":
            return _modified(_allocation(event.payload).allocation, index)
        case "Evaluation":
            return _modified(_evaluation(event.payload).evaluation, index)
        case "Deployment":
            return _modified(_deployment(event.payload).deployment, index)
        case "Variable":
            return _modified(_variable(event.payload).metadata, index)
        case "Job":
            job = _job(event.payload).job
            return _integer(job.submit_time) if job.job_modify_index == index else None
        case "Node" if released_type(event.type) in _NODE_WRITES:
            node = _node(event.payload).node
            newest = _timestamp(node.events[-1].timestamp) if node.events else None
            status = _integer(node.status_updated_at)
            return max(newest or 0, (status or 0) * SECOND) or None
        case _:
            return None


def _modified(written: _Written, index: int) -> int | None:
    """The time of the write; None for an object that this write sent along without changing it."""
    return _integer(written.modify_time) if written.modify_index == index else None


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _timestamp(value: Any) -> int | None:
    if not isinstance(value, str):
        return None
    at = datetime.fromisoformat(value)
    return int(at.timestamp()) * SECOND if at.tzinfo is not None else None
