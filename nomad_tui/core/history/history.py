"""Every event seen, bounded by events and by bytes, addressed by a sequence number that never changes.

An event costs 36 bytes of columns plus its share of a compressed block: the lines of frames are kept as they came,
in blocks of about 256 KB under zstandard level 1 (this stream shrinks 22 times at 1 GB/s, measured). What is the
same for all events of one object (topic, key, namespace, filter keys) is kept once, as its `Subject`, for as long as
an event of it is held. Payloads are found and parsed when somebody looks at them.

Segments of some thousand events are evicted whole, oldest first. Gaps in the stream are rows of their own, so that
every view shows them in their place.
"""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final

import zstandard

from nomad_tui.core.history.segment import (
    EVENT_BYTES,
    FACTS_BYTES,
    GAP_SUBJECT,
    NOT_IN_PLACE,
    Block,
    FrameTimes,
    HeldEvent,
    Identity,
    Node,
    ObjectHistory,
    ObjectKey,
    Segment,
    Subject,
    weight,
)
from nomad_tui.core.limits import DEFAULT_MAX_BYTES, DEFAULT_MAX_EVENTS
from nomad_tui.core.moment import frame_moment, no_earlier_than
from nomad_tui.core.topics import released_topic, released_type
from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Frame, decode

BLOCK_BYTES: Final = 256 * 1024
"""Before compression. Larger blocks shrink better, but looking at one payload unpacks its whole block."""
SEGMENT_EVENTS: Final = 4096
SEGMENT_BYTES: Final = 8 * 1024 * 1024
UNPACKED_BYTES: Final = 16 * 1024 * 1024
"""Blocks kept unpacked for the next look, and as much again of decoded frames; the newest whatever its size."""
FRAMES_KEPT: Final = 64
"""Decoded frames kept for the next look: a screenful of rows comes from about as many."""
TIMES_KEPT: Final = 4096
"""Frames of which it is kept when they happened."""

_PAYLOAD: Final = b'"Payload":'
_PAYLOAD_KEY: Final = len(_PAYLOAD)

MOST_TYPES: Final = 10_000
LONGEST_TYPE: Final = 200
"""Distinct type names that are kept, and characters of one; servers send 36, a hostile one any number."""
OTHER_TYPE: Final = 0
"""The number of all types beyond those bounds; their names are in the frames' lines."""
MOST_TOPICS: Final = 200
OTHER_TOPICS: Final = "(other topics)"
"""Under this name the events of all topics beyond `MOST_TOPICS` are counted."""
GAP_BYTES: Final = 240
JOB_BYTES: Final = 350
"""More for each job of which something is held, estimated: two dictionaries with their entries."""
MOST_STATUSES: Final = 4_000
MOST_NODES: Final = 100_000
"""Distinct ones that are told apart; a hostile server may send any number of them."""
LONGEST_NAME: Final = 200
"""Characters of a status, and of a node's ID or name, that is told apart."""
NAME_BYTES: Final = 250
"""Of a status or a node beside its characters, estimated."""
OTHER: Final = "(other)"
_LARGEST_INDEX: Final = 1 << 63
"""Exclusive; Nomad's indexes are unsigned 64-bit, and half of that is what a signed column holds."""
_LARGEST_DISTANCE: Final = 1 << 32


_CHILD: Final = ("/dispatch-", "/periodic-")
"""Stand in a job's ID between its parent's and its own part (`nomad/structs`)."""


def parent_by_name(job: str) -> str:
    """The ID of the job from which one was dispatched or launched, by the names Nomad gives; "" for none."""
    at = max(job.rfind(mark) for mark in _CHILD)
    return job[:at] if at > 0 else ""


class History:
    """See the module. `append` and `append_gap` add at the end; sequence numbers run from 0."""

    def __init__(
        self,
        max_events: int = DEFAULT_MAX_EVENTS,
        max_bytes: int = DEFAULT_MAX_BYTES,
        unpacked_bytes: int = UNPACKED_BYTES,
    ) -> None:
        self.max_events = max_events
        self.max_bytes = max_bytes
        self._most_cached = unpacked_bytes
        self._segment_events = max(1, min(SEGMENT_EVENTS, max_events // 16))
        self._segment_bytes = max(BLOCK_BYTES, min(SEGMENT_BYTES, max_bytes // 16))
        self.end = 0
        """The sequence number that the next row will get."""
        self.evicted = 0
        """Events dropped to stay within the bounds."""
        self.received_events = 0
        """Events ever appended."""
        self.gaps = 0
        """Gaps ever appended."""
        self.gaps_held = 0
        self.topic_counts: dict[str, int] = {}
        """Events held of each topic, by released name."""
        self._segments: list[Segment] = [Segment(0)]
        self._starts: list[int] = [0]
        self._sealed_bytes = 0
        self._open_bytes = 0
        self._subject_bytes = 0
        self._subjects: list[Subject | None] = [None]
        self._free_subjects: list[int] = []
        self._by_identity: dict[Identity, Subject] = {}
        self._objects: dict[ObjectKey, ObjectHistory] = {}
        self._of_jobs: dict[tuple[str, str], dict[Subject, None]] = {}
        """Per namespace and job ID: the subjects of the job and of what belongs to it, in the order they came."""
        self._children: dict[tuple[str, str], dict[str, None]] = {}
        """Per namespace and job ID: the IDs of the jobs dispatched and launched from it, by their names."""
        self._types: dict[str, int] = {}
        self._type_names: list[str] = ["(another type)"]
        self.statuses: list[str] = [""]
        """All names that the `status` column may refer to, by number; 0 is none."""
        self.nodes: list[Node] = [Node("", "")]
        """The same for the `node` column."""
        self._named_bytes = 0
        """Of both."""
        self._status_numbers: dict[str, int] = {"": 0}
        self._node_numbers: dict[str, int] = {"": 0}
        self._compressor = zstandard.ZstdCompressor(level=1, write_content_size=True)
        self._decompressor = zstandard.ZstdDecompressor()
        self._unpacked: OrderedDict[int, bytes] = OrderedDict()
        self._unpacked_bytes = 0
        self._frames: OrderedDict[tuple[int, int], Frame] = OrderedDict()
        self._frames_bytes = 0
        self._times: OrderedDict[tuple[int, int], FrameTimes] = OrderedDict()

    # Adding

    def add(self, update: Frame | Gap, now: int) -> None:
        """Adds what a source yielded, received `now` in ns since 1970, or when the frame's record says.

        The receipt counts only where it tells when a frame happened (`Frame.fresh`): what a server's buffer or a
        recording held is older than its receipt.
        """
        if isinstance(update, Frame):
            self.append(update, update.received_when_written(now))
        else:
            self.append_gap(update, now)

    def append(self, frame: Frame, received: int) -> None:
        """Adds a frame's events; `received` is in ns since 1970, or 0 for what happened some time before."""
        if not frame.events:
            return
        segment = self._segment_to_fill()
        row = len(segment.index)
        self._add_line(segment, frame.line, row, received)
        sequence = segment.first + row
        frame_index = frame.index if 0 <= frame.index < _LARGEST_INDEX else -1
        subject_of, type_of = self._by_identity.get, self._types.get
        counts = self.topic_counts
        line, line_at, searched = frame.line, segment.frame_offset[-1], 0
        # A flood of events goes through here: what is looked up once a frame is not looked up for each of them.
        add_index, add_subject, add_type = segment.index.append, segment.subject.append, segment.type.append
        add_distance, add_place = segment.distance.append, segment.payload_at.append
        add_length, find, holds = segment.payload_length.append, line.find, line.startswith
        for event in frame.events:
            identity = (event.topic, event.key, event.namespace, event.filter_keys)
            subject = subject_of(identity)
            if subject is None:
                subject = self._new_subject(identity)
            index = event.index
            add_index(index if 0 <= index < _LARGEST_INDEX else frame_index)
            add_subject(subject.id)
            number = type_of(event.type)
            add_type(self._new_type(event.type) if number is None else number)
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
                add_place(NOT_IN_PLACE)
                searched = place if place >= 0 else len(line)  # a long line is not gone through for each of its events
            add_length(length)
            sequence += 1
        self.received_events += len(frame.events)
        self.end = sequence
        if self.end - self.first > self.max_events or self.retained_bytes > self.max_bytes:
            self._evict()

    def append_gap(self, gap: Gap, received: int) -> None:
        """Adds a row that says where events may be missing."""
        segment = self._segment_to_fill()
        row = len(segment.index)
        self._add_line(segment, b"", row, received)
        segment.gaps[row] = gap
        segment.index.append(gap.before if 0 <= gap.before < _LARGEST_INDEX else -1)
        segment.subject.append(GAP_SUBJECT)
        segment.type.append(0)
        segment.distance.append(0)
        segment.payload_at.append(NOT_IN_PLACE)
        segment.payload_length.append(0)
        self.gaps += 1
        self.gaps_held += 1
        self.end += 1
        self._evict()

    def _add_line(self, segment: Segment, line: bytes, row: int, received: int) -> None:
        block = segment.blocks[-1] if segment.blocks else None
        if block is None or block.compressed or (block.lines and block.size + len(line) > BLOCK_BYTES):
            if block is not None and not block.compressed:
                self._seal(segment, block)
            block = Block(len(segment.frame_row))
            segment.blocks.append(block)
        segment.frame_row.append(row)
        segment.frame_block.append(len(segment.blocks) - 1)
        segment.frame_offset.append(block.size)
        segment.frame_length.append(len(line))
        segment.received.append(received)
        block.lines.append(line)
        block.size += len(line)
        self._open_bytes += len(line)

    def _seal(self, segment: Segment, block: Block) -> None:
        # A copy: the compressor's own result keeps its worst-case buffer, five times the memory (measured).
        block.compressed = bytes(memoryview(self._compressor.compress(b"".join(block.lines))))
        block.lines = []
        self._open_bytes -= block.size
        segment.retained += len(block.compressed)
        self._sealed_bytes += len(block.compressed)

    def _segment_to_fill(self) -> Segment:
        """The newest segment, or a new one if that is full."""
        filled = self._segments[-1]
        retained = filled.retained + self._subject_bytes - filled.subject_bytes
        if len(filled.index) < self._segment_events and retained < self._segment_bytes:
            return filled
        if filled.blocks and not filled.blocks[-1].compressed:
            self._seal(filled, filled.blocks[-1])
        segment = Segment(self.end)
        segment.subject_bytes = self._subject_bytes
        self._segments.append(segment)
        self._starts.append(segment.first)
        return segment

    def _new_subject(self, identity: Identity) -> Subject:
        topic, key, namespace, _ = identity
        object_key = (released_topic(topic), namespace, key)
        of = self._objects.get(object_key)
        if of is None:
            of = self._objects[object_key] = ObjectHistory(object_key)
        number = self._free_subjects.pop() if self._free_subjects else len(self._subjects)
        subject = Subject(number, identity, of)
        if subject.topic not in self.topic_counts and len(self.topic_counts) >= MOST_TOPICS:
            subject.counted_as = OTHER_TOPICS
        if number == len(self._subjects):
            self._subjects.append(subject)
        else:
            self._subjects[number] = subject
        self._by_identity[identity] = subject
        self._subject_bytes += weight(identity)
        if job := subject.job:
            self._subject_bytes += self._join(namespace, job, subject)
        return subject

    def _join(self, namespace: str, job: str, subject: Subject) -> int:
        """Notes what belongs to a job; the bytes that takes beside the subject's own."""
        subjects = self._of_jobs.get((namespace, job))
        if subjects is not None:
            subjects[subject] = None
            return 0
        self._of_jobs[namespace, job] = {subject: None}
        if parent := parent_by_name(job):
            self._children.setdefault((namespace, parent), {})[job] = None
        return JOB_BYTES

    def _leave(self, namespace: str, job: str, subject: Subject) -> int:
        """Undoes `_join`; the bytes that are freed."""
        subjects = self._of_jobs[namespace, job]
        del subjects[subject]
        if subjects:
            return 0
        del self._of_jobs[namespace, job]
        if parent := parent_by_name(job):
            children = self._children[namespace, parent]
            del children[job]
            if not children:
                del self._children[namespace, parent]
        return JOB_BYTES

    def _new_type(self, name: str) -> int:
        if len(self._types) >= MOST_TYPES or len(name) > LONGEST_TYPE:
            return OTHER_TYPE
        number = self._types[name] = len(self._type_names)
        self._type_names.append(released_type(name))
        return number

    # Bounds

    @property
    def first(self) -> int:
        """Sequence number of the oldest row held; equal to `end` when there is none."""
        return self._starts[0]

    @property
    def held(self) -> int:
        """Events held; gaps are not counted."""
        return self.received_events - self.evicted

    @property
    def retained_bytes(self) -> int:
        """Bytes that count towards `max_bytes`."""
        columns = (self.end - self._starts[0]) * EVENT_BYTES + self.gaps_held * GAP_BYTES
        return self._sealed_bytes + self._open_bytes + columns + self._subject_bytes + self._named_bytes

    def _evict(self) -> None:
        while len(self._segments) > 1 and (
            self.end - self.first > self.max_events or self.retained_bytes > self.max_bytes
        ):
            self._evict_segment()

    def _evict_segment(self) -> None:
        segment = self._segments.pop(0)
        self._starts.pop(0)
        self._sealed_bytes -= segment.retained + self._derived_bytes(segment)
        self.evicted += len(segment) - len(segment.gaps)
        self.gaps_held -= len(segment.gaps)
        oldest = self.first
        counts = self.topic_counts
        dropped: set[Subject] = set()
        for number in segment.subject:
            subject = self._subjects[number]
            if subject is None:
                continue
            counts[subject.counted_as] -= 1
            if not counts[subject.counted_as]:
                del counts[subject.counted_as]
            if subject.last < oldest:
                dropped.add(subject)
        for subject in dropped:
            self._drop(subject, oldest)
        for block in segment.blocks:
            self._forget_unpacked(block)

    def _drop(self, subject: Subject, oldest: int) -> None:
        """Forgets a subject none of whose events is held."""
        del self._by_identity[subject.identity]
        self._subject_bytes -= weight(subject.identity)
        if job := subject.job:
            self._subject_bytes -= self._leave(subject.namespace, job, subject)
        self._subjects[subject.id] = None
        self._free_subjects.append(subject.id)
        if subject.of.last < oldest:
            self._objects.pop(subject.of.key, None)  # gone with a subject of other filter keys, perhaps

    # Looking

    def __len__(self) -> int:
        """Rows held: events and gaps."""
        return self.end - self.first

    def segments(self) -> Sequence[Segment]:
        """Segments held, oldest first; a copy."""
        return tuple(self._segments)

    def segment_of(self, sequence: int) -> Segment:
        """Raises `IndexError` for a row that was evicted or has not come yet."""
        if not self.first <= sequence < self.end:
            raise IndexError(sequence)
        return self._segments[bisect_right(self._starts, sequence) - 1]

    def subject(self, number: int) -> Subject | None:
        """The subject of a row's `subject` column; None for a gap."""
        return self._subjects[number]

    def subjects(self) -> Iterator[Subject]:
        """Every subject of which an event is held."""
        return iter(self._by_identity.values())

    def newest(self, topic: str, namespace: str, key: str) -> int | None:
        """Sequence number of the newest event held of an object, by its topic's released name; None for none.

        `previous` leads on from there, to ever older ones.
        """
        of = self._objects.get((topic, namespace, key))
        return of.last if of is not None and of.last >= self.first else None

    def of_job(self, namespace: str, job: str) -> list[Subject]:
        """The subjects of a job and of what belongs to it, the first to come first; an object may have several.

        Takes time by their number alone.
        """
        return list(self._of_jobs.get((namespace, job), ()))

    def children(self, namespace: str, job: str) -> list[str]:
        """The IDs of jobs that by their names were dispatched or launched from a job, the first to come first."""
        return list(self._children.get((namespace, job), ()))

    def gaps_between(self, first: int, end: int) -> list[int]:
        """Sequence numbers, from `first` up to but not including `end`, of the rows that are gaps, oldest first."""
        if not self.gaps_held:
            return []
        start = max(0, bisect_right(self._starts, first) - 1)
        rows = (
            segment.first + row for segment in self._segments[start:] if segment.first < end for row in segment.gaps
        )
        return [sequence for sequence in rows if first <= sequence < end]

    def node_name(self, node: str) -> str:
        """The name of a node by its ID, where a decoded event had it; "" otherwise."""
        number = self._node_numbers.get(node, 0)
        return self.nodes[number].name if node else ""

    def type_names(self) -> list[str]:
        """All names that the `type` column may refer to, by number."""
        return self._type_names

    def gap(self, sequence: int) -> Gap | None:
        """The gap that this row is; None for an event."""
        segment = self.segment_of(sequence)
        return segment.gaps.get(sequence - segment.first)

    def event(self, sequence: int) -> HeldEvent:
        """One event with its payload. Raises `IndexError` if it is not held, `LookupError` if the row is a gap."""
        segment = self.segment_of(sequence)
        row = sequence - segment.first
        subject = self._subjects[segment.subject[row]]
        if subject is None:
            raise LookupError(sequence)
        frame, position, received = self._frame_at(segment, row)
        distance = segment.distance[row]
        previous = sequence - distance
        return HeldEvent(
            sequence=sequence,
            index=segment.index[row],
            topic=subject.topic,
            type=self._type_names[segment.type[row]],
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
        """The payload as it came. Raises as `event` does."""
        segment = self.segment_of(sequence)
        row = sequence - segment.first
        at = segment.payload_at[row]
        if at == NOT_IN_PLACE:
            if segment.subject[row] == GAP_SUBJECT:
                raise LookupError(sequence)
            frame, position, _ = self._frame_at(segment, row)
            return bytes(frame.events[position].payload)
        number = bisect_right(segment.frame_row, row) - 1
        block = segment.blocks[segment.frame_block[number]]
        if block.compressed:
            return self._content(block)[at : at + segment.payload_length[row]]
        at -= segment.frame_offset[number]
        return block.lines[number - block.first_frame][at : at + segment.payload_length[row]]

    def previous(self, sequence: int) -> int | None:
        """Sequence number of the object's previous event, if it is still held."""
        segment = self.segment_of(sequence)
        distance = segment.distance[sequence - segment.first]
        return sequence - distance if distance and sequence - distance >= self.first else None

    def frame_times(self, sequence: int) -> FrameTimes:
        """When the frame of a row happened; of each frame held that is read once. Raises as `event` does."""
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
            content = self._content(block)
            decoded = decode(content[offset : offset + segment.frame_length[number]])
            assert isinstance(decoded, Frame), "only frames are appended, and a line always decodes to the same"
            frame = self._frames[key] = decoded
            self._frames_bytes += len(decoded.line)
            while len(self._frames) > 1 and (len(self._frames) > FRAMES_KEPT or self._frames_bytes > self._most_cached):
                self._frames_bytes -= len(self._frames.popitem(last=False)[1].line)
        else:
            self._frames.move_to_end(key)
        return frame, position, segment.received[number]

    def _content(self, block: Block) -> bytes:
        if not block.compressed:
            return b"".join(block.lines)
        key = id(block)
        content = self._unpacked.get(key)
        if content is not None:
            self._unpacked.move_to_end(key)
            return content
        content = self._decompressor.decompress(block.compressed)
        self._unpacked[key] = content
        self._unpacked_bytes += len(content)
        while self._unpacked_bytes > self._most_cached and len(self._unpacked) > 1:
            self._unpacked_bytes -= len(self._unpacked.popitem(last=False)[1])
        return content

    def _forget_unpacked(self, block: Block) -> None:
        content = self._unpacked.pop(id(block), None)
        if content is not None:
            self._unpacked_bytes -= len(content)

    def keep_text(self, segment: Segment, text: bytes) -> None:
        """Stores the sentences of a filled segment, compressed; they count towards `max_bytes`."""
        segment.sentences = []
        self._sealed_bytes += len(text) - len(segment.text or b"")
        segment.text = text

    def keep_facts(self, segment: Segment, status: str, node_id: str, node_name: str) -> None:
        """Stores what the next row of a segment belongs to, "" for nothing; it counts towards `max_bytes`."""
        segment.status.append(self._status(status))
        segment.node.append(self._node(node_id, node_name))
        self._sealed_bytes += FACTS_BYTES

    def keep_level(self, segment: Segment, level: int) -> None:
        """Stores how much the next row of a segment matters; it counts towards `max_bytes`."""
        segment.level.append(level)
        self._sealed_bytes += 1

    def _status(self, status: str) -> int:
        number = self._status_numbers.get(status)
        if number is None:
            if len(self.statuses) > MOST_STATUSES or len(status) > LONGEST_NAME:
                status = OTHER
            number = self._status_numbers.get(status)
        if number is None:
            number = self._status_numbers[status] = len(self.statuses)
            self.statuses.append(status)
            self._named_bytes += NAME_BYTES + len(status)
        return number

    def _node(self, id_: str, name: str) -> int:
        if len(id_) > LONGEST_NAME or len(name) > LONGEST_NAME:
            id_ = name = OTHER
        number = self._node_numbers.get(id_ or name)
        if number is None:
            if len(self.nodes) > MOST_NODES:
                id_ = name = OTHER
            number = self._node_numbers.get(id_ or name)
        if number is None:
            number = self._node_numbers[id_ or name] = len(self.nodes)
            self.nodes.append(Node(id_, name))
            self._named_bytes += NAME_BYTES + len(id_) + len(name)
        elif name and number and self.nodes[number].name != name:
            self._named_bytes += len(name) - len(self.nodes[number].name)
            self.nodes[number].name = name
        return number

    def _derived_bytes(self, segment: Segment) -> int:
        return len(segment.text or b"") + len(segment.status) * FACTS_BYTES + len(segment.level)

    def is_filled(self, segment: Segment) -> bool:
        """True once no more events will be added to it."""
        return segment is not self._segments[-1]


class PayloadReader:
    """Reads payloads row after row, as a search does, and leaves alone what is kept unpacked for the screen."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._decompress = zstandard.ZstdDecompressor().decompress
        self._block: Block | None = None
        self._size = 0
        self._content = b""

    def block(self, segment: Segment, row: int) -> tuple[bytes, int]:
        """The lines of the row's block, one behind the other, and the first row of the segment behind the block."""
        number = bisect_right(segment.frame_row, row) - 1
        place = segment.frame_block[number]
        block = segment.blocks[place]
        if block is not self._block or block.size != self._size:
            self._block, self._size = block, block.size
            self._content = self._decompress(block.compressed) if block.compressed else b"".join(block.lines)
        behind = segment.blocks[place + 1].first_frame if place + 1 < len(segment.blocks) else None
        return self._content, len(segment) if behind is None else segment.frame_row[behind]

    def payload(self, segment: Segment, row: int) -> bytes:
        """The payload of a row that is an event."""
        at = segment.payload_at[row]
        if at == NOT_IN_PLACE:
            return self._history.payload(segment.first + row)
        content, _ = self.block(segment, row)
        return content[at : at + segment.payload_length[row]]
