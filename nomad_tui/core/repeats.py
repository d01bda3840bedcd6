"""Memory of the events seen in a stream, and recognition of repeats.

Neither "index already seen" nor (Index, Topic, Type, Key) distinguishes a repeat from a new event: of 1,610 recorded
indexes 600 had two frames, and 98 of those held the same (Index, Topic, Type, Key) twice, once with the job pending and
once with it running. Payloads are therefore compared, by value (servers write a payload's keys in a different order
every time) and without times and generated IDs (a restarted server replays its log and recomputes them: 7 of 513
payloads, deadlines and `NextEval`). A frame is one write, sent completely or not at all: if it has the same events as a
frame seen before, and any of their payloads is the same, all of it is a repeat. The order of events is not compared: it
differs between servers for a frame's Node events (seen with three servers of 1.6.5).
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import orjson

from nomad_tui.core.history.coverage import MAX_BYTES, MAX_FRAMES
from nomad_tui.core.objects.kind import Kind
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.topics import beta_topic
from nomad_tui.core.wire import Event, Frame, decode

Identity: TypeAlias = tuple[str, str, str]
"""Topic, type and key."""

_COMPUTED: Final = lazy_pattern(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*"
)
_NANOSECOND_TIMES: Final = 10**17
"""Larger integers are times in ns since 1970 (1973 and later); no count or size is as large."""


def unseen(coming: list[Event], seen: list[list[Event]]) -> list[Event]:
    """The frame's events that occur in none of the frames `seen`. Removes the repeated ones from `seen`."""
    ordered = sorted(coming, key=_identity)
    identities = [_identity(event) for event in ordered]
    for position, candidate in enumerate(seen):
        there = sorted(candidate, key=_identity)
        if identities == [_identity(event) for event in there] and (
            not coming or any(map(_same_value, there, ordered))
        ):
            del seen[position]
            return []
    # A namespace created meanwhile adds events to a frame: compare event by event.
    left: dict[tuple[Identity, bytes], list[Event]] = {}
    for event in reversed([event for candidate in seen for event in candidate]):
        left.setdefault((_identity(event), _normalized(event)), []).append(event)
    new: list[Event] = []
    repeated: set[int] = set()
    for event in coming:
        same = left.get((_identity(event), _normalized(event)))
        if same:
            repeated.add(id(same.pop()))
        else:
            new.append(event)
    for candidate in seen:
        candidate[:] = [event for event in candidate if id(event) not in repeated]
    return new


_TIME: Final = lazy_pattern(rb"\d{9,20}")
MAX_FINGERPRINTS: Final = 131_072
"""Events, about 10 MB: the Raft log that a server replays after a restart holds up to some 18,000 entries
(`raft_snapshot_threshold`, `raft_trailing_logs`)."""
_WRITE_TIMES: Final = {
    name: () if kind.has_generated_key else tuple(b'"%s":' % member.encode() for member in kind.write_times)
    for kind in KINDS.values()
    for name in (kind.name, beta_topic(kind.name))
}
"""For each topic, the time members that distinguish two writes of an object; empty if its key does."""
_WRITE_TIMES_OF_UNKNOWN: Final = tuple(b'"%s":' % member.encode() for member in Kind.write_times)
_MODIFIED: Final = lazy_pattern(rb'"Modify(Index|Time)":(\d+)')


def fingerprint(event: Event) -> int:
    """A number that is the same for every repeat of this event and differs from those of other events.

    Valid in this process only. Leaves out the payload, because a rebuilt server generates other IDs. Where the key is
    not generated, the times of the write distinguish events. 1 µs per event (measured with the load recording).
    """
    topic = event.topic
    members = _WRITE_TIMES.get(topic, _WRITE_TIMES_OF_UNKNOWN)
    if not members:
        return hash((topic, event.type, event.key, event.namespace))
    payload = bytes(event.payload)
    times = []
    for name in members:
        at = payload.find(name)
        while at >= 0:
            at += len(name)
            if found := _TIME.match(payload, at):
                times.append(found[0])
            at = payload.find(name, at)
    return hash((topic, event.type, event.key, event.namespace, *sorted(times)))


class RememberedFrame(msgspec.Struct, eq=False, gc=False):
    """A frame seen before, without its decoded events: the next frame's events then reuse memory that is still in the
    processor's cache (measured: reading takes a tenth less time than with decoded frames)."""

    index: int
    line: bytes
    fingerprints: tuple[int, ...]
    """Fingerprints of its events."""

    @classmethod
    def of(cls, frame: Frame) -> "RememberedFrame":
        return cls(frame.index, frame.line, tuple(map(fingerprint, frame.events)))

    @property
    def frame(self) -> Frame:
        """The frame, decoded on each access."""
        decoded = decode(self.line)
        assert isinstance(decoded, Frame), "the line of a frame always decodes to the same"
        return decoded

    @property
    def events(self) -> list[Event]:
        """The events, decoded on each access."""
        return self.frame.events


class Fingerprints:
    """Fingerprints of the newest `most` events that are no longer remembered, by index."""

    def __init__(self, most: int = MAX_FINGERPRINTS) -> None:
        self._max_events = most
        self._events = 0
        self._by_index: OrderedDict[int, tuple[int, ...]] = OrderedDict()
        """Oldest index first. (A plain dictionary takes 10 µs to find its first entry after many deletions.)"""

    def of(self, index: int) -> tuple[int, ...]:
        return self._by_index.get(index, ())

    def keep(self, index: int, fingerprints: tuple[int, ...]) -> None:
        known = self._by_index.get(index)
        self._by_index[index] = fingerprints if known is None else (*known, *fingerprints)
        self._events += len(fingerprints)
        while self._events > self._max_events and len(self._by_index) > 1:
            self._events -= len(self._by_index.popitem(last=False)[1])

    def add(self, others: "Fingerprints") -> None:
        """Add what others hold, each event once."""
        for index, fingerprints in others._by_index.items():
            known = self.of(index)
            self.keep(index, tuple(each for each in fingerprints if each not in known))


def written_at(events: Iterable[Event], index: int) -> int | None:
    """Time of the write with this index, in ns since 1970, taken from the evaluations and allocations that it
    changed."""
    times: list[int] = []
    for event in events:
        if event.topic in ("Evaluation", "Allocation", "Eval", "Alloc"):
            found = {name: int(digits) for name, digits in _MODIFIED.findall(bytes(event.payload))}
            if found.get(b"Index") == index and b"Time" in found:
                times.append(found[b"Time"])
    return max(times, default=None)


def created_at(events: Iterable[Event]) -> Iterator[int]:
    """The indexes at which the events' objects were created. In all recordings, each creation sent an event."""
    for event in events:
        try:
            members = orjson.loads(bytes(event.payload))
        except (orjson.JSONDecodeError, RecursionError):
            continue
        for member in members.values() if isinstance(members, dict) else ():
            index = member.get("CreateIndex") if isinstance(member, dict) else None
            if isinstance(index, int):
                yield index


def created_between(events: Iterable[Event], after: int, before: int) -> int:
    """The number of objects among the events that were created at an index between the two."""
    return len(
        {
            (event.topic, event.key, event.namespace)
            for event in events
            if any(after < index < before for index in created_at((event,)))
        }
    )


def _identity(event: Event) -> Identity:
    return (event.topic, event.type, event.key)


def _same_value(ours: Event, theirs: Event) -> bool:
    return bytes(ours.payload) == bytes(theirs.payload) or _normalized(ours) == _normalized(theirs)


def _normalized(event: Event) -> bytes:
    """The payload with sorted keys, without the times and IDs that a restarted server recomputes.

    Empty members are removed too: a `NextEval` that holds an ID may be empty or absent the other time.
    """
    try:
        value = orjson.loads(bytes(event.payload))
        return orjson.dumps(_without_computed(value), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
        return bytes(event.payload)


def _without_computed(value: Any) -> Any:
    if isinstance(value, dict):
        normalized = ((key, _without_computed(member)) for key, member in value.items())
        return {key: member for key, member in normalized if member is not None}
    if isinstance(value, list):
        return [_without_computed(item) for item in value]
    if isinstance(value, str):
        return value if value and not _COMPUTED.fullmatch(value) else None
    if isinstance(value, int) and value >= _NANOSECOND_TIMES:
        return None
    return value


REMEMBERED_FRAMES: Final = 256
"""Frames kept to recognize repeats: a server that lags behind another sends up to its buffer (100 frames by
default)."""
REMEMBERED_BYTES: Final = 8 * 1024 * 1024
"""Limit for the lines of those frames; frames of the newest index are kept beyond it."""
LOOKBACK_FRAMES: Final = 32
"""How many frames before the last one to request, to check whether a server's history is the one seen."""
MAX_WRITE_GAP: Final = 600_000_000_000
"""ns by which a frame of the last index must be newer than everything seen to belong to another history. An object's
time may be older than its write, by up to 124 s in the recordings."""


class Seen:
    """The newest frames of a stream, and fingerprints of older events."""

    def __init__(self, most_frames: int = REMEMBERED_FRAMES) -> None:
        self.last_index = 0
        """The highest index seen; 0 before the first frame."""
        self.newest: Sequence[Event] = ()
        """The events of the newest frame of the last index, as sent by the server."""
        self.frames: list[RememberedFrame] = []
        """In index order."""
        self.forgotten = 0
        """All frames above this index are remembered; of those up to it, some are not."""
        self.fingerprints = Fingerprints()
        """Of events in frames that are no longer remembered."""
        self._most_frames = most_frames
        self._bytes = 0

    def clear(self) -> None:
        """Forget everything except `newest`."""
        self.frames.clear()
        self._bytes = self.last_index = self.forgotten = 0
        self.fingerprints = Fingerprints()

    def remember(self, frame: Frame, sent: Sequence[Event]) -> None:
        """Remember a frame. `sent` are all events that the server sent in it."""
        frames = self.frames
        if frame.index >= self.last_index:
            self.last_index = frame.index
            self.newest = sent
            frames.append(RememberedFrame.of(frame))
        elif frame.index > self.forgotten:
            frames.insert(bisect_right(frames, frame.index, key=_index), RememberedFrame.of(frame))
        else:
            return
        self._bytes += len(frame.line)
        while (
            frames[0].index != self.last_index and (len(frames) > self._most_frames or self._bytes > REMEMBERED_BYTES)
        ) or (len(frames) > 1 and (len(frames) > MAX_FRAMES or self._bytes > MAX_BYTES)):
            gone = frames.pop(0)
            self._bytes -= len(gone.line)
            self.forgotten = gone.index
            self.fingerprints.keep(gone.index, gone.fingerprints)

    def up_to(self, index: int) -> RememberedFrame | None:
        """The newest remembered frame with an index up to `index`."""
        at = bisect_right(self.frames, index, key=_index)
        return self.frames[at - 1] if at else None

    def of_last_index(self) -> list[RememberedFrame]:
        return self.frames[bisect_right(self.frames, self.last_index - 1, key=_index) :]

    @property
    def lookback_index(self) -> int:
        """An older index to request from a server that does not prove continuity; the last index if no older one is
        remembered."""
        older = [frame.index for frame in self.frames if frame.index < self.last_index and frame.fingerprints]
        return older[-LOOKBACK_FRAMES:][0] if older else self.last_index

    def recognizes(self, frame: Frame) -> bool | None:
        """Whether some of the frame's events were seen under its index; None if that cannot be determined."""
        here = [list(each.events) for each in self.frames if each.index == frame.index]
        if any(here):
            return len(unseen(list(frame.events), here)) < len(frame.events)
        if known := self.fingerprints.of(frame.index):
            return any(fingerprint(event) in known for event in frame.events)
        oldest = self.frames[0].index if self.frames else self.last_index
        return False if oldest < frame.index <= self.last_index else None

    def is_followed_late_by(self, frame: Frame) -> bool:
        """Whether a frame of the last index was written long after everything seen up to it."""
        written = written_at(frame.events, frame.index)
        times = [time for each in self.frames if (time := written_at(each.events, each.index)) is not None]
        return written is not None and bool(times) and written - max(times) > MAX_WRITE_GAP

    def contradicts(self, frame: Frame) -> bool:
        """Whether an object of the frame was created at an index that was read, but was not seen there."""
        here: dict[int, set[tuple[str, str, str]]] = {}
        begun: dict[tuple[str, str], int] = {}
        for each in self.frames:
            for event in each.events:
                here.setdefault(each.index, set()).add((event.topic, event.key, event.namespace))
                begun.setdefault((event.topic, event.namespace), each.index)
        for event in frame.events:
            since = max(self.forgotten, begun.get((event.topic, event.namespace), frame.index))
            for created in created_at((event,)):
                identity = (event.topic, event.key, event.namespace)
                if since < created < frame.index and identity not in here.get(created, ()):
                    return True
        return False


def _index(frame: RememberedFrame) -> int:
    return frame.index
