"""Rows of the event list, complete for display: nothing is left to look up or parse."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

import msgspec

from nomad_tui.core.history.dictionaries import Subject
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import FrameTimes, HeldEvent
from nomad_tui.core.level import Level
from nomad_tui.core.objects.parts import Beside, Sentence
from nomad_tui.core.objects.reading import Object, Reader
from nomad_tui.core.objects.registry import describe, kind, level
from nomad_tui.core.readable import duration
from nomad_tui.core.topics import released_topic
from nomad_tui.core.updates import Gap


def status_and_node(topic: str, type_: str, key: str, payload: bytes) -> tuple[str, str, str]:
    """The object's status in Nomad's word, and the ID and name of its node; each empty if it has none."""
    return kind(topic).facts(type_, key, payload)


def related(field: str, subject: Subject, payload: bytes, region: str) -> Iterable[str]:
    """The values of `field` in an event's payload; `field` is one of `group task user alloc eval deploy region`.

    `region` is the region of the server that sent it: payloads rarely contain theirs.
    """
    named = kind(subject.topic).mentioned(field, subject.key, payload)
    if field != "region":
        return named
    return [name for name in named if name] or (region,)


LOOKBACK_FRAMES: Final = 32
"""Earlier frames searched for a time; services come and go a dozen at a time."""
LOOKBACK_EVENTS: Final = 1_000
"""Events of an object searched for one before a given event."""
MAX_TRANSPORT_DELAY: Final = 5_000_000_000
"""Largest difference between the time of a write and its receipt, in ns, that counts as transport delay."""

BACKLOG_MARK: Final = "‹"
"""Marks an event from the server's buffer: it happened before the connection was made, or while it was lost."""
APPROXIMATE: Final = "~"
"""Marks an approximate time."""


class EventRow(msgspec.Struct, frozen=True):
    sequence: int
    index: int
    topic: str
    sentence: Sentence
    moment: int | None
    """When it happened, in ns since 1970 on the server's clock; None if its frame's payloads contain no time."""
    about: int | None
    """Approximate time taken from preceding events; used if neither `moment` nor `received` tells."""
    received: int
    """When its bytes arrived, in ns since 1970 on this machine's clock; 0 for a server's backlog and a recording."""
    type: str = ""
    namespace: str = ""
    """Empty for objects without a namespace; untrusted, like the type."""
    size: int = 0
    """Bytes of the payload as received."""
    level: Level = Level.ROUTINE

    def when(self) -> tuple[int | None, bool]:
        """The best known time at which it happened, in ns since 1970, and whether it is exact.

        An event without a time of its own happened when it was received, unless it was sent from a buffer or a
        recording, or this machine's clock differs from the server's: then its time is approximate.
        """
        if self.moment is not None:
            return self.moment, True
        if self.about is not None or not self.received:
            return self.about, False
        return self.received, True

    @property
    def waited(self) -> bool:
        """Whether it was sent from a server's buffer, or is from a recording, as all of its events are."""
        return not self.received

    def signs(self, live: bool) -> str:
        """Two characters shown before its time: `‹` for a server's backlog, `~` for an approximate time.

        `live` is whether a server sent it: nothing in a recording is a backlog.
        """
        backlog = BACKLOG_MARK if live and self.waited else ""
        return (backlog + ("" if self.when()[1] else APPROXIMATE)).rjust(2)

    @property
    def node(self) -> str:
        """The name of the node where it happened, safe to display; empty if the payload does not contain it."""
        return self.sentence.place


class GapRow(msgspec.Struct, frozen=True):
    sequence: int
    gap: Gap


def row(history: History, sequence: int) -> EventRow | GapRow:
    """The row of a sequence number. Raises `IndexError` if it is not held."""
    gap = history.gap(sequence)
    if gap is not None:
        return GapRow(sequence, gap)
    event = history.event(sequence)
    times = history.frame_times(sequence)
    before = payload_before(history, sequence)
    return EventRow(
        sequence=sequence,
        index=event.index,
        topic=event.topic,
        sentence=describe_event(history, event, before),
        moment=times.moment,
        about=_approximate_time(history, times) if times.moment is None else None,
        received=event.received,
        type=event.type,
        namespace=event.namespace,
        size=len(event.payload),
        level=level(event.topic, event.type, event.key, event.payload, before),
    )


def happened(history: History, sequence: int) -> int | None:
    """The time of `EventRow.when`, without the sentence; also None for a gap. Raises `IndexError` if it is not held."""
    if history.gap(sequence) is not None:
        return None
    times = history.frame_times(sequence)
    return times.moment if times.moment is not None else _approximate_time(history, times) or times.received or None


def latest_moment(history: History, end: int | None = None) -> int | None:
    """Time of the newest event, before the row `end` if given, whose time is known; for a recording, its end."""
    end = history.end if end is None else end
    for sequence in range(end - 1, max(history.first, end - LOOKBACK_EVENTS) - 1, -1):
        if (moment := happened(history, sequence)) is not None:
            return moment
    return None


def sentence(history: History, sequence: int) -> Sentence:
    """What happened, as a sentence. Raises `IndexError` if it is not held, `LookupError` if the row is a gap."""
    event = history.event(sequence)
    return describe_event(history, event, payload_before(history, sequence))


def describe_event(history: History, event: HeldEvent, before: bytes | None) -> Sentence:
    """The sentence of an event, given its object's previous payload, its frame, and the names known by then."""
    end = event.sequence - event.position + len(event.frame.events)
    beside = Beside(event.frame, event.namespace, partial(name_before, history, event.namespace, end))
    return describe(event.topic, event.type, event.key, event.payload, before, beside)


def event_level(history: History, event: HeldEvent) -> Level:
    """The level of an event. If there is a gap before it, its object's previous event is ignored."""
    return level(event.topic, event.type, event.key, event.payload, payload_before(history, event.sequence))


def name_before(history: History, namespace: str, end: int, topic: str, identifier: str) -> str:
    """The name that an object had before the row `end`: later events must not change a sentence."""
    of = kind(topic)
    sequence = history.newest(topic, namespace if of.is_namespaced else "", identifier)
    for _ in range(LOOKBACK_EVENTS):
        if sequence is None:
            break
        if sequence < end:
            return of.called(of.links(history.payload(sequence)))
        sequence = history.previous(sequence)
    return ""


def _approximate_time(history: History, times: FrameTimes) -> int | None:
    """Approximate time of a frame without a time of its own; None if its receipt time applies.

    For a frame from a server's buffer or a recording: the newest time in its objects and in the frames just before it,
    whichever is later. Otherwise the receipt time converted to the server's clock, if that differs.
    """
    if times.about is msgspec.UNSET:
        times.about = _time_from_frames_before(history, times)
    return times.about


def _time_from_frames_before(history: History, times: FrameTimes) -> int | None:
    for before in _frames_before(history, times.first):
        moment, received = before.moment, before.received
        if not times.received:
            if moment is not None:
                return max(moment, times.earliest or 0)
        elif moment is not None and received:
            return times.received - (received - moment) if abs(received - moment) > MAX_TRANSPORT_DELAY else None
    return None if times.received else times.earliest or None


def _frames_before(history: History, first: int) -> Iterator[FrameTimes]:
    """The times of the frames before a frame's first event, newest first, up to the last gap."""
    sequence = first - 1
    for _ in range(LOOKBACK_FRAMES):
        if sequence < history.first or history.gap(sequence) is not None:
            return
        before = history.frame_times(sequence)
        yield before
        sequence = before.first - 1


def payload_before(history: History, sequence: int) -> bytes | None:
    """The payload of the object's previous event; None across a gap, where it does not show what this write changed."""
    previous = history.previous(sequence)
    if previous is None or history.gaps_between(previous, sequence):
        return None
    return history.payload(previous)


class _State(Object):
    """The state fields of any object; empty if it has none."""

    client_status: str = ""
    desired_status: str = ""
    status: str = ""
    state: str = ""
    scheduling_eligibility: str = ""
    drain: bool = False
    drain_strategy: msgspec.Raw | None = None


_MEMBERS: Final = Reader[dict[str, msgspec.Raw]](dict[str, msgspec.Raw])
_STATE: Final = Reader[_State](_State)
_REMOVED: Final = ("Deleted", "Deregistered", "Deregistration")
_DELETED: Final = msgspec.Raw(b"true")


def newest_state(history: History, sequence: int) -> str:
    """The object's newest state, such as `now: ready, 25 s later`; empty if nothing newer is held or the state is
    unchanged."""
    if sequence < history.first or history.gap(sequence) is not None:
        return ""
    event = history.event(sequence)
    newest = history.newest(released_topic(event.topic), event.namespace, event.key)
    if newest is None or newest <= sequence:
        return ""
    latest = history.event(newest)
    state = _state(latest)
    if latest.index < event.index or not state or state == _state(event):
        return ""
    then, since = happened(history, sequence), happened(history, newest)
    later = f", {duration(since - then)} later" if then is not None and since is not None and since > then else ""
    return f"now: {state}{later}"


def _state(event: HeldEvent) -> str:
    topic = released_topic(event.topic)
    members = _MEMBERS.read(event.payload) or {}
    if members.get("Deleted") == _DELETED or (event.type.endswith(_REMOVED) and event.type.startswith(topic)):
        return kind(topic).removed
    found = next((members[key] for key in kind(topic).payload_keys if key in members), None)
    read = None if found is None else _STATE.read(found)
    if read is None:
        return ""
    words = [read.client_status or read.status or read.state]
    if read.desired_status in ("stop", "evict") and read.client_status in ("pending", "running"):
        words.append(f"to {read.desired_status}")
    if read.drain or read.drain_strategy not in (None, msgspec.Raw(b"null")):
        words.append("draining")
    elif read.scheduling_eligibility == "ineligible":
        words.append("ineligible")
    return ", ".join(word for word in words if word) or "there"
