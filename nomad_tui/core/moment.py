"""When an event happened. Events carry no time of their own, so it is read from what the write left in objects.

All events of a frame come from one write, so the time of one of its objects counts for all of them: a node's
or a service's event often has none. Times are the server's clock, not this machine's.
"""

from typing import Final

from nomad_tui.core.objects.kind import THIS_WRITE
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.topics import released_topic, released_type
from nomad_tui.core.wire import Frame

SECOND: Final = 1_000_000_000
_MOST_EVENTS_ASKED: Final = 64
"""Of one frame: a frame of thousands of events without a time must not stop the screen."""


def frame_moment(frame: Frame) -> int | None:
    """When the write behind a frame happened, in ns since 1970 on the server's clock; None if unknown.

    The newest time of all objects that the write changed: some writes leave an object's own time as it was (an
    evaluation in a plan's result, an allocation whose desired status changes).
    """
    return _moments(frame)[0]


def no_earlier_than(frame: Frame) -> int | None:
    """The newest time of any object of a frame, of this write or of one before it; None if there is none."""
    return _moments(frame)[1]


def _moments(frame: Frame) -> tuple[int | None, int | None]:
    if frame.moments is not None:
        return frame.moments
    of_this_write: list[int] = []
    of_nodes: list[int] = []
    times: list[int] = []
    for event in frame.events[:_MOST_EVENTS_ASKED]:
        try:
            of = kind(released_topic(event.topic))
            time, index = of.written_at(released_type(event.type), bytes(event.payload))
        except (ValueError, OverflowError, RecursionError):
            continue
        if time is None or not 0 < time < 1 << 63:
            continue
        times.append(time)
        if index == frame.index:
            of_this_write.append(time)
        elif index is THIS_WRITE:
            of_nodes.append(time)
    frame.moments = (max(of_this_write or of_nodes, default=None), max(times, default=None))
    return frame.moments
