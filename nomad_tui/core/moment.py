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
    return _moments(frame)[0]


def no_earlier_than(frame: Frame) -> int | None:
    """The newest time that any object of a frame tells, of this write or of one before it; None where none does."""
    return _moments(frame)[1]


def _moments(frame: Frame) -> tuple[int | None, int | None]:
    if frame.moments is not None:
        return frame.moments
    of_this_write: list[int] = []
    of_nodes: list[int] = []
    told: list[int] = []
    for event in frame.events[:_MOST_EVENTS_ASKED]:
        try:
            time, index = _told(event)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, OverflowError):
            continue
        if time is None or not 0 < time < 1 << 63:
            continue
        told.append(time)
        if index == frame.index:
            of_this_write.append(time)
        elif index is _THIS_WRITE:
            of_nodes.append(time)
    frame.moments = (max(of_this_write or of_nodes, default=None), max(told, default=None))
    return frame.moments


_THIS_WRITE: Final = object()
"""In place of an index, for objects that do not tell the index of their time but were written now."""


def _told(event: Event) -> tuple[int | None, object]:
    """The time that an event's object tells, and the index of the write it belongs to."""
    match released_topic(event.topic):
        case "Allocation":
            return _modified(_allocation(event.payload).allocation)
        case "Evaluation":
            return _modified(_evaluation(event.payload).evaluation)
        case "Deployment":
            return _modified(_deployment(event.payload).deployment)
        case "Variable":
            return _modified(_variable(event.payload).metadata)
        case "Job":
            job = _job(event.payload).job
            return _integer(job.submit_time), job.job_modify_index
        case "Node":
            node = _node(event.payload).node
            newest = _timestamp(node.events[-1].timestamp) if node.events else None
            status = _integer(node.status_updated_at)
            written_now = _THIS_WRITE if released_type(event.type) in _NODE_WRITES else None
            return max(newest or 0, (status or 0) * SECOND) or None, written_now
        case _:
            return None, None


def _modified(written: _Written) -> tuple[int | None, object]:
    return _integer(written.modify_time), written.modify_index


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _timestamp(value: Any) -> int | None:
    if not isinstance(value, str):
        return None
    at = datetime.fromisoformat(value)
    return int(at.timestamp()) * SECOND if at.tzinfo is not None else None
