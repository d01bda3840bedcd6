"""Joining a stream that was interrupted: repeats dropped, real events kept, gaps named.

A source resumes by asking again for the last index it saw. A server that still holds that index sends its frames
once more, which proves that nothing was missed; one that does not starts at the next index it holds.

Neither "index already seen" nor (Index, Topic, Type, Key) tells a repeat from a new event: of 1,610 recorded
indexes 600 had two frames, and 98 of those held the same (Index, Topic, Type, Key) twice, once with the job
pending and once with it running. So payloads are compared, by value (servers write a payload's keys in another order
every time) and without times and generated IDs (a restarted server replays its log and computes those anew: 7 of 513
payloads, deadlines and `NextEval`). A frame is one write, sent whole or not at all: if it has the same events in the
same order as one that was seen and any of their payloads is the same, all of it is a repeat.
"""

import re
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import orjson

from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Event, Frame

REMEMBERED_FRAMES: Final = 256
"""Frames kept to line up with: a server that lags behind another sends up to its buffer (100 frames by default)."""
REMEMBERED_BYTES: Final = 8 * 1024 * 1024
"""Bound on those frames' lines; the frames of the newest index are kept beyond it."""
MOST_FRAMES: Final = 4_096
MOST_BYTES: Final = 64 * 1024 * 1024
"""Bounds on the frames of the newest index: a server that never changes its index must not fill the memory."""

Identity: TypeAlias = tuple[str, str, str]


@dataclass(slots=True)
class Joined:
    """What is left of a frame once repeats are dropped."""

    frame: Frame | None
    """None if all of it had been seen; the same frame if none of it had."""
    gap: Gap | None
    """What may be missing before it."""
    repeats: int


class Continuity:
    """Sees every frame of every connection of one source, in order, and says what of it is new."""

    def __init__(self) -> None:
        self.last_index = 0
        """The index to resume from; 0 before the first frame."""
        self._recent: deque[Frame] = deque()
        self._recent_bytes = 0
        self._expected: dict[int, list[list[Event]]] | None = None
        """While repeats are possible: per remembered index, the events of each frame that have not come again."""
        self._proven = False
        self._came_again: set[int] = set()
        """Remembered indexes of which something was repeated in this connection."""
        self._strange: int | None = None
        """The remembered index under which only unknown events have come so far."""

    def reconnected(self) -> None:
        """A new connection starts: frames that come next may repeat what was seen."""
        if self.last_index == 0:
            return
        expected: dict[int, list[list[Event]]] = {}
        for frame in self._recent:
            expected.setdefault(frame.index, []).append(list(frame.events))
        self._expected = expected
        self._proven = False
        self._came_again = set()
        self._strange = None

    def join(self, frame: Frame, away: float = 0.0) -> Joined:
        """`frame` without repeats, and the gap before it if there may be one.

        `away` is the time in seconds since the previous connection's last byte, for the gap's text. A frame none of
        whose events was asked for counts too: it came, so nothing before it is missing.
        """
        if frame.index < 0:
            return Joined(frame, None, 0)
        if self._expected is not None:
            return self._join_after_reconnect(frame, away)
        if frame.index < self.last_index:
            gap = Gap(GapReason.REBUILT, self.last_index, frame.index, away)
            self._forget()
            self._remember(frame)
            return Joined(frame, gap, 0)
        self._remember(frame)
        return Joined(frame, None, 0)

    def _join_after_reconnect(self, frame: Frame, away: float) -> Joined:
        joined = self._line_up(frame, away)
        if self._strange is not None and self._strange < frame.index:
            # Below the last index everything had been seen, so a server that sends something else there, and nothing
            # of what was seen, was set back to an earlier state and has gone on from there.
            if joined.gap is None and self._strange not in self._came_again:
                joined.gap = Gap(GapReason.REBUILT, self.last_index, self._strange, away)
            self._strange = None
        return joined

    def _line_up(self, frame: Frame, away: float) -> Joined:
        if frame.index > self.last_index:
            gap = None
            if not self._proven:
                gap = Gap(GapReason.BUFFER, self.last_index, frame.index, away)
            self._expected = None
            self._remember(frame)
            return Joined(frame, gap, 0)
        new = self._not_seen(frame)
        if new is None:
            gap = Gap(GapReason.REBUILT, self.last_index, frame.index, away)
            self._expected = None
            self._forget()
            self._remember(frame)
            return Joined(frame, gap, 0)
        self._proven = True
        repeats = len(frame.events) - len(new)
        if repeats:
            self._came_again.add(frame.index)
        elif new and frame.index < self.last_index and frame.index in (self._expected or {}):
            self._strange = frame.index
        if not new:
            return Joined(None, None, repeats)
        if repeats == 0:
            self._remember(frame)
            return Joined(frame, None, 0)
        rest = frame.with_events(new)
        self._remember(rest)
        return Joined(rest, None, repeats)

    def _not_seen(self, frame: Frame) -> list[Event] | None:
        """The frame's events that are no repeats; None if this server's past is another one than that seen."""
        seen = (self._expected or {}).get(frame.index)
        if seen is None:
            return list(frame.events) if self._proven else None
        coming = [_identity(event) for event in frame.events]
        for position, candidate in enumerate(seen):
            if coming == [_identity(event) for event in candidate] and (
                not coming or any(map(_same_value, candidate, frame.events))
            ):
                del seen[position]
                return []
        # A namespace made meanwhile widens a frame: then event by event.
        left: dict[tuple[Identity, bytes], list[Event]] = {}
        for event in reversed([event for candidate in seen for event in candidate]):
            left.setdefault((_identity(event), _settled(event)), []).append(event)
        new: list[Event] = []
        repeated: set[int] = set()
        for event in frame.events:
            same = left.get((_identity(event), _settled(event)))
            if same:
                repeated.add(id(same.pop()))
            else:
                new.append(event)
        for candidate in seen:
            candidate[:] = [event for event in candidate if id(event) not in repeated]
        if new and len(new) == len(frame.events) and frame.index < self.last_index and not self._proven:
            return None
        return new

    def _remember(self, frame: Frame) -> None:
        self.last_index = max(self.last_index, frame.index)
        recent = self._recent
        recent.append(frame)
        self._recent_bytes += len(frame.line)
        while (
            recent[0].index != frame.index
            and (len(recent) > REMEMBERED_FRAMES or self._recent_bytes > REMEMBERED_BYTES)
        ) or (len(recent) > 1 and (len(recent) > MOST_FRAMES or self._recent_bytes > MOST_BYTES)):
            self._recent_bytes -= len(recent.popleft().line)

    def _forget(self) -> None:
        self._recent.clear()
        self._recent_bytes = 0
        self.last_index = 0


def _identity(event: Event) -> Identity:
    return (event.topic, event.type, event.key)


def _same_value(ours: Event, theirs: Event) -> bool:
    return bytes(ours.payload) == bytes(theirs.payload) or _settled(ours) == _settled(theirs)


_COMPUTED: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*"
)
_NANOSECOND_TIMES: Final = 10**17
"""Integers from here on are times in ns since 1970 (1973 and later); no count or size comes near."""


def _settled(event: Event) -> bytes:
    """The payload with sorted keys, without the times and IDs that a restarted server computes anew.

    Without empty members too: a `NextEval` may be empty, or not there, where there is an ID the other time.
    """
    try:
        value = orjson.loads(bytes(event.payload))
        return orjson.dumps(_without_computed(value), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return bytes(event.payload)


def _without_computed(value: Any) -> Any:
    if isinstance(value, dict):
        settled = ((key, _without_computed(member)) for key, member in value.items())
        return {key: member for key, member in settled if member is not None}
    if isinstance(value, list):
        return [_without_computed(item) for item in value]
    if isinstance(value, str):
        return value if value and not _COMPUTED.fullmatch(value) else None
    if isinstance(value, int) and value >= _NANOSECOND_TIMES:
        return None
    return value
