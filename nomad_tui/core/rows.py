"""One row of the event list, ready to be drawn: everything looked up, nothing left to parse."""

from dataclasses import dataclass
from typing import Final

from nomad_tui.core.history import HeldEvent, History
from nomad_tui.core.moment import frame_moment, no_earlier_than
from nomad_tui.core.sentence import Sentence, describe
from nomad_tui.core.updates import Gap

LOOK_BACK: Final = 32
"""Frames in which an earlier moment is looked for; services come and go a dozen at a time."""


@dataclass(frozen=True, slots=True)
class EventRow:
    sequence: int
    index: int
    topic: str
    sentence: Sentence
    moment: int | None
    """When it happened, in ns since 1970 on the server's clock; None where the payloads of its frame tell none."""
    shortly_after: int | None
    """Where nothing else tells: the newest known time of its own objects and of the events just before it."""
    received: int
    """When its bytes arrived, in ns since 1970 on this machine's clock; 0 for a server's backlog and a recording."""
    type: str = ""
    namespace: str = ""
    """Empty for objects that belong to no namespace; untrusted, as the type is."""
    size: int = 0
    """Bytes of the payload as it came."""

    def when(self) -> tuple[int | None, bool]:
        """The best that is known of when it happened, in ns since 1970, and whether it is exact.

        An event without a moment of its own happened when it was received, unless it had waited in a buffer or a
        recording: then some time after the events before it.
        """
        if self.moment is not None:
            return self.moment, True
        return (self.received, True) if self.received else (self.shortly_after, False)

    @property
    def node(self) -> str:
        """The name of the node where it happened, fit to be drawn; empty where the payload does not say."""
        return self.sentence.place


@dataclass(frozen=True, slots=True)
class GapRow:
    sequence: int
    gap: Gap


def row(history: History, sequence: int) -> EventRow | GapRow:
    """The row of a sequence number; raises `IndexError` if it is not held."""
    gap = history.gap(sequence)
    if gap is not None:
        return GapRow(sequence, gap)
    event = history.event(sequence)
    moment = frame_moment(event.frame)
    return EventRow(
        sequence=sequence,
        index=event.index,
        topic=event.topic,
        sentence=describe(event.topic, event.type, event.key, event.payload, _before(history, event.previous)),
        moment=moment,
        shortly_after=_shortly_before(history, event) if moment is None and not event.received else None,
        received=event.received,
        type=event.type,
        namespace=event.namespace,
        size=len(event.payload),
    )


def happened(history: History, sequence: int) -> int | None:
    """What `EventRow.when` tells, without the sentence; None for a gap too. Raises `IndexError` if it is not held."""
    if history.gap(sequence) is not None:
        return None
    event = history.event(sequence)
    moment = frame_moment(event.frame)
    return moment if moment is not None else event.received or _shortly_before(history, event)


def sentence(history: History, sequence: int) -> Sentence:
    """What happened, in words. Raises `IndexError` if it is not held, `LookupError` if the row is a gap."""
    event = history.event(sequence)
    return describe(event.topic, event.type, event.key, event.payload, _before(history, event.previous))


def _shortly_before(history: History, event: HeldEvent) -> int | None:
    """The newest time known of an event's own objects and of the frames just before it, whichever is later."""
    before: int | None = None
    sequence = event.sequence - event.position - 1
    for _ in range(LOOK_BACK):
        if before is not None or sequence < history.first or history.gap(sequence) is not None:
            break
        frame, first = history.frame(sequence)
        before, sequence = frame_moment(frame), first - 1
    return max(before or 0, no_earlier_than(event.frame) or 0) or None


def _before(history: History, previous: int | None) -> bytes | None:
    return None if previous is None else history.payload(previous)
