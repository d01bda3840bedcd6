"""All events seen, within limits on events and bytes, addressed by sequence numbers that never change.

An event costs 36 bytes of columns plus its share of a compressed block (`segment`). The attributes shared by all events
of an object (topic, key, namespace, filter keys) are stored once, as its `Subject`, as long as one of them is held.
Payloads are located and parsed on demand.

Segments of some thousand events are evicted as a unit, oldest first. Gaps in the stream are rows of their own, so that
every view shows them in order.
"""

from bisect import bisect_right
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final

from nomad_tui.core.history.dictionaries import GAP_SUBJECT, Dictionaries, Node, Subject, Subjects
from nomad_tui.core.history.segment import (
    BLOCK_BYTES,
    EVENT_BYTES,
    FACTS_BYTES,
    NOT_VERBATIM,
    UNPACKED_BYTES,
    Blocks,
    FrameTimes,
    HeldEvent,
    Runner,
    Segment,
)
from nomad_tui.core.limits import DEFAULT_MAX_BYTES, DEFAULT_MAX_EVENTS
from nomad_tui.core.objects.registry import frame_moment, no_earlier_than
from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Frame, decode

SEGMENT_EVENTS: Final = 4096
SEGMENT_BYTES: Final = 8 * 1024 * 1024
FRAMES_KEPT: Final = 64
"""Decoded frames cached: a screen of rows needs about as many."""
TIMES_KEPT: Final = 4096
"""Frames whose times are cached."""
GAP_BYTES: Final = 240

_PAYLOAD: Final = b'"Payload":'
_PAYLOAD_KEY: Final = len(_PAYLOAD)
_LARGEST_INDEX: Final = 1 << 63
"""Exclusive; Nomad's indexes are unsigned 64-bit, and half of that range fits a signed column."""
_LARGEST_DISTANCE: Final = 1 << 32


class History:
    """Holds events and gaps. `append` and `append_gap` add at the end; sequence numbers start at 0."""

    def __init__(
        self,
        max_events: int = DEFAULT_MAX_EVENTS,
        max_bytes: int = DEFAULT_MAX_BYTES,
        unpacked_bytes: int = UNPACKED_BYTES,
    ) -> None:
        self.max_events = max_events
        self.max_bytes = max_bytes
        self._max_cached = unpacked_bytes
        self._segment_events = max(1, min(SEGMENT_EVENTS, max_events // 16))
        self._segment_bytes = max(BLOCK_BYTES, min(SEGMENT_BYTES, max_bytes // 16))
        self.end = 0
        """The sequence number of the next row."""
        self.evicted = 0
        """Events dropped to stay within the limits."""
        self.received_events = 0
        """Events ever appended."""
        self.gaps = 0
        """Gaps ever appended."""
        self.gaps_held = 0
        self._segments: list[Segment] = [Segment(0)]
        self._starts: list[int] = [0]
        self._subjects = Subjects()
        self._dictionaries = Dictionaries()
        self._blocks = Blocks(max_bytes, unpacked_bytes)
        self._derived_bytes = 0
        """Bytes of the values that `core.history.derived` stores here."""
        self._frames: OrderedDict[tuple[int, int], Frame] = OrderedDict()
        self._frames_bytes = 0
        self._times: OrderedDict[tuple[int, int], FrameTimes] = OrderedDict()

    def compress_in(self, run: Runner) -> None:
        """Compress full blocks through `run`, which calls the functions it is given one after another, such as in a
        thread."""
        self._blocks.run = run

    # Appending

    def add(self, update: Frame | Gap, now: int) -> None:
        """Append what a source yielded, received at `now` in ns since 1970, or at the time in the frame's record.

        The receipt time is used only if it tells when a frame happened (`Frame.fresh`): frames from a server's buffer
        or a recording are older than their receipt.
        """
        if isinstance(update, Frame):
            self.append(update, update.received_when_written(now))
        else:
            self.append_gap(update, now)

    def append(self, frame: Frame, received: int) -> None:
        """Append a frame's events; `received` is in ns since 1970, or 0 for events that happened some time before."""
        if not frame.events:
            return
        segment = self._segment_to_fill()
        row = len(segment.index)
        self._add_line(segment, frame.line, row, received)
        sequence = segment.first + row
        frame_index = frame.index if 0 <= frame.index < _LARGEST_INDEX else -1
        subjects, dictionaries = self._subjects, self._dictionaries
        subject_of, type_of, counts = subjects.by_identity.get, dictionaries.type_numbers.get, subjects.topic_counts
        line, line_at, searched = frame.line, segment.frame_offset[-1], 0
        # Hot path: lookups are made once per frame rather than once per event.
        add_index, add_subject, add_type = segment.index.append, segment.subject.append, segment.type.append
        add_distance, add_place = segment.distance.append, segment.payload_at.append
        add_length, find, holds = segment.payload_length.append, line.find, line.startswith
        for event in frame.events:
            identity = (event.topic, event.key, event.namespace, event.filter_keys)
            subject = subject_of(identity)
            if subject is None:
                subject = subjects.add(identity)
            index = event.index
            add_index(index if 0 <= index < _LARGEST_INDEX else frame_index)
            add_subject(subject.id)
            number = type_of(event.type)
            add_type(dictionaries.add_type(event.type) if number is None else number)
            of = subject.of
            distance = sequence - of.last
            add_distance(distance if distance <= sequence and distance < _LARGEST_DISTANCE else 0)
            of.last = subject.last = sequence
            counted_as = subject.counted_as
            counts[counted_as] = counts.get(counted_as, 0) + 1
            payload = event.payload
            length = len(payload)
            place = find(_PAYLOAD, searched)
            at = place + _PAYLOAD_KEY
            if place >= 0 and holds(payload, at):
                add_place(line_at + at)
                searched = at + length
            else:
                add_place(NOT_VERBATIM)
                searched = place if place >= 0 else len(line)  # do not search a long line again for each of its events
            add_length(length)
            sequence += 1
        self.received_events += len(frame.events)
        self.end = sequence
        if self.end - self.first > self.max_events or self.retained_bytes > self.max_bytes:
            self._evict()

    def append_gap(self, gap: Gap, received: int) -> None:
        """Append a row that marks where events may be missing."""
        segment = self._segment_to_fill()
        row = len(segment.index)
        self._add_line(segment, b"", row, received)
        segment.gaps[row] = gap
        segment.index.append(gap.before if 0 <= gap.before < _LARGEST_INDEX else -1)
        segment.subject.append(GAP_SUBJECT)
        segment.type.append(0)
        segment.distance.append(0)
        segment.payload_at.append(NOT_VERBATIM)
        segment.payload_length.append(0)
        self.gaps += 1
        self.gaps_held += 1
        self.end += 1
        self._evict()

    def _add_line(self, segment: Segment, line: bytes, row: int, received: int) -> None:
        block, at = self._blocks.add(segment, line)
        segment.frame_row.append(row)
        segment.frame_block.append(block)
        segment.frame_offset.append(at)
        segment.frame_length.append(len(line))
        segment.received.append(received)

    def _segment_to_fill(self) -> Segment:
        """The newest segment, or a new one if that is full."""
        filled = self._segments[-1]
        retained = filled.retained + self._subjects.bytes - filled.subject_bytes
        if len(filled.index) < self._segment_events and retained < self._segment_bytes:
            return filled
        self._blocks.seal(filled)
        segment = Segment(self.end)
        segment.subject_bytes = self._subjects.bytes
        self._segments.append(segment)
        self._starts.append(segment.first)
        return segment

    # Limits

    @property
    def first(self) -> int:
        """Sequence number of the oldest row held; equal to `end` if there is none."""
        return self._starts[0]

    @property
    def held(self) -> int:
        """Number of events held, without gaps."""
        return self.received_events - self.evicted

    @property
    def retained_bytes(self) -> int:
        """Bytes that count towards `max_bytes`."""
        columns = (self.end - self._starts[0]) * EVENT_BYTES + self.gaps_held * GAP_BYTES
        return columns + self._blocks.size + self._subjects.bytes + self._dictionaries.bytes + self._derived_bytes

    def _evict(self) -> None:
        while len(self._segments) > 1 and (
            self.end - self.first > self.max_events or self.retained_bytes > self.max_bytes
        ):
            self._evict_segment()

    def _evict_segment(self) -> None:
        segment = self._segments.pop(0)
        self._starts.pop(0)
        self._blocks.drop(segment)
        self._derived_bytes -= len(segment.text or b"") + len(segment.status) * FACTS_BYTES + len(segment.level)
        self.evicted += len(segment) - len(segment.gaps)
        self.gaps_held -= len(segment.gaps)
        oldest = self.first
        for number, events in Counter(segment.subject).items():
            subject = self._subjects.by_number[number]
            if subject is not None:
                self._subjects.discount(subject, events)
                if subject.last < oldest:
                    self._subjects.drop(subject, oldest)

    # Reading

    def __len__(self) -> int:
        """Number of rows held: events and gaps."""
        return self.end - self.first

    def segments(self) -> Sequence[Segment]:
        """A copy of the list of segments, oldest first."""
        return tuple(self._segments)

    def segment_of(self, sequence: int) -> Segment:
        """Raises `IndexError` for a row that was evicted or does not exist yet."""
        if not self.first <= sequence < self.end:
            raise IndexError(sequence)
        return self._segments[bisect_right(self._starts, sequence) - 1]

    def subject(self, number: int) -> Subject | None:
        """The subject of a number in the `subject` column; None for a gap."""
        return self._subjects.by_number[number]

    def subjects(self) -> Iterator[Subject]:
        """All subjects of which an event is held."""
        return iter(self._subjects)

    def newest(self, topic: str, namespace: str, key: str) -> int | None:
        """Sequence number of an object's newest event, by its topic's released name; None if none is held.

        `previous` returns older ones from there.
        """
        last = self._subjects.last((topic, namespace, key))
        return last if last >= self.first else None

    def of_job(self, namespace: str, job: str) -> list[Subject]:
        """The subjects of a job and of the objects that belong to it, in order of arrival; an object may have several.

        Takes time in proportion to their number.
        """
        return self._subjects.of_job(namespace, job)

    def children(self, namespace: str, job: str) -> list[str]:
        """The IDs of jobs that were dispatched or launched from a job, according to their names, in order of
        arrival."""
        return self._subjects.children(namespace, job)

    def gaps_between(self, first: int, end: int) -> list[int]:
        """Sequence numbers of the gaps from `first` up to but not including `end`, oldest first."""
        if not self.gaps_held:
            return []
        start = max(0, bisect_right(self._starts, first) - 1)
        rows = (
            segment.first + row for segment in self._segments[start:] if segment.first < end for row in segment.gaps
        )
        return [sequence for sequence in rows if first <= sequence < end]

    def node_name(self, node: str) -> str:
        """The name of a node by its ID, if a decoded event contained it; "" otherwise."""
        return self._dictionaries.node_name(node)

    def type_names(self) -> list[str]:
        """Names for the `type` column, by number."""
        return self._dictionaries.types

    @property
    def statuses(self) -> list[str]:
        """Names for the `status` column, by number; 0 is none."""
        return self._dictionaries.statuses

    @property
    def nodes(self) -> list[Node]:
        """Nodes for the `node` column, by number."""
        return self._dictionaries.nodes

    @property
    def topic_counts(self) -> dict[str, int]:
        """Number of events held of each topic, by released name."""
        return self._subjects.topic_counts

    def gap(self, sequence: int) -> Gap | None:
        """The gap at this row; None for an event."""
        segment = self.segment_of(sequence)
        return segment.gaps.get(sequence - segment.first)

    def event(self, sequence: int) -> HeldEvent:
        """One event with its payload. Raises `IndexError` if it is not held, `LookupError` if the row is a gap."""
        segment = self.segment_of(sequence)
        row = sequence - segment.first
        subject = self._subjects.by_number[segment.subject[row]]
        if subject is None:
            raise LookupError(sequence)
        frame, position, received = self._frame_at(segment, row)
        distance = segment.distance[row]
        previous = sequence - distance
        return HeldEvent(
            sequence=sequence,
            index=segment.index[row],
            topic=subject.topic,
            type=self._dictionaries.types[segment.type[row]],
            key=subject.key,
            namespace=subject.namespace,
            filter_keys=subject.filter_keys,
            job=subject.job,
            received=received,
            previous=previous if distance and previous >= self.first else None,
            payload=bytes(frame.events[position].payload),
            frame=frame,
            position=position,
        )

    def frame(self, sequence: int) -> tuple[Frame, int]:
        """The frame of a row and the sequence number of its first event. Raises as `event` does."""
        segment = self.segment_of(sequence)
        row = sequence - segment.first
        if segment.subject[row] == GAP_SUBJECT:
            raise LookupError(sequence)
        frame, position, _ = self._frame_at(segment, row)
        return frame, sequence - position

    def payload(self, sequence: int) -> bytes:
        """The payload as received. Raises as `event` does."""
        segment = self.segment_of(sequence)
        row = sequence - segment.first
        at = segment.payload_at[row]
        if at == NOT_VERBATIM:
            if segment.subject[row] == GAP_SUBJECT:
                raise LookupError(sequence)
            frame, position, _ = self._frame_at(segment, row)
            return bytes(frame.events[position].payload)
        number = bisect_right(segment.frame_row, row) - 1
        block = segment.blocks[segment.frame_block[number]]
        if block.is_full:
            return self._blocks.content(block)[at : at + segment.payload_length[row]]
        at -= segment.frame_offset[number]
        return block.lines[number - block.first_frame][at : at + segment.payload_length[row]]

    def previous(self, sequence: int) -> int | None:
        """Sequence number of the object's previous event; None if it is not held."""
        segment = self.segment_of(sequence)
        distance = segment.distance[sequence - segment.first]
        return sequence - distance if distance and sequence - distance >= self.first else None

    def frame_times(self, sequence: int) -> FrameTimes:
        """The times of a row's frame, cached. Raises as `event` does."""
        segment = self.segment_of(sequence)
        row = sequence - segment.first
        key = (segment.first, bisect_right(segment.frame_row, row) - 1)
        times = self._times.get(key)
        if times is None:
            if segment.subject[row] == GAP_SUBJECT:
                raise LookupError(sequence)
            frame, position, received = self._frame_at(segment, row)
            times = FrameTimes(sequence - position, frame_moment(frame), no_earlier_than(frame), received)
            self._times[key] = times
            if len(self._times) > TIMES_KEPT:
                self._times.popitem(last=False)
        return times

    def _frame_at(self, segment: Segment, row: int) -> tuple[Frame, int, int]:
        number = bisect_right(segment.frame_row, row) - 1
        # A frame without events shares its first row with the next one; `bisect_right` finds the last of them.
        position = row - segment.frame_row[number]
        key = (segment.first, number)
        frame = self._frames.get(key)
        if frame is None:
            block = segment.blocks[segment.frame_block[number]]
            offset = segment.frame_offset[number]
            content = self._blocks.content(block)
            decoded = decode(content[offset : offset + segment.frame_length[number]])
            assert isinstance(decoded, Frame), "only frames are appended, and a line always decodes to the same"
            frame = self._frames[key] = decoded
            self._frames_bytes += len(decoded.line)
            while len(self._frames) > 1 and (len(self._frames) > FRAMES_KEPT or self._frames_bytes > self._max_cached):
                self._frames_bytes -= len(self._frames.popitem(last=False)[1].line)
        else:
            self._frames.move_to_end(key)
        return frame, position, segment.received[number]

    def keep_text(self, segment: Segment, text: bytes) -> None:
        """Store the compressed sentences of a complete segment; they count towards `max_bytes`."""
        segment.sentences = []
        self._derived_bytes += len(text) - len(segment.text or b"")
        segment.text = text

    def keep_facts(self, segment: Segment, status: str, node_id: str, node_name: str) -> None:
        """Store the status and node of a segment's next row, "" for none; they count towards `max_bytes`."""
        segment.status.append(self._dictionaries.status(status))
        segment.node.append(self._dictionaries.node(node_id, node_name))
        self._derived_bytes += FACTS_BYTES

    def keep_level(self, segment: Segment, level: int) -> None:
        """Store the level of a segment's next row; it counts towards `max_bytes`."""
        segment.level.append(level)
        self._derived_bytes += 1

    def is_filled(self, segment: Segment) -> bool:
        """Whether no more events will be added to the segment."""
        return segment is not self._segments[-1]
