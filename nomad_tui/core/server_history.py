"""Tells from a frame whether its server has another history than the one that was seen."""

from collections.abc import Sequence
from typing import Final

from nomad_tui.core.repeats import created_at, written_at
from nomad_tui.core.wire import Frame

OTHER_WRITE: Final = 600_000_000_000
"""ns by which a frame of the last index is newer than all that was seen when it cannot be of the same history. An
object's time may be older than its write: by up to 124 s in the recordings."""


def is_later_write(frame: Frame, seen: Sequence[Frame]) -> bool:
    """Whether a frame of the last index was written long after everything that was seen up to it."""
    written = written_at(frame.events, frame.index)
    times = [time for each in seen if (time := written_at(each.events, each.index)) is not None]
    return written is not None and bool(times) and written - max(times) > OTHER_WRITE


def has_another_past(frame: Frame, seen: Sequence[Frame], forgotten: int) -> bool:
    """Whether an object of the frame was created at an index that was read, and not by what was seen there.

    `forgotten` is the index up to which not all frames are in `seen`.
    """
    here: dict[int, set[tuple[str, str, str]]] = {}
    begun: dict[tuple[str, str], int] = {}
    for each in seen:
        for event in each.events:
            here.setdefault(each.index, set()).add((event.topic, event.key, event.namespace))
            begun.setdefault((event.topic, event.namespace), each.index)
    for event in frame.events:
        since = max(forgotten, begun.get((event.topic, event.namespace), frame.index))
        for created in created_at((event,)):
            identity = (event.topic, event.key, event.namespace)
            if since < created < frame.index and identity not in here.get(created, ()):
                return True
    return False
