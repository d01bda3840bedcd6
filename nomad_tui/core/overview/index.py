"""Follows a history: folds its events into the state of the cluster, counts them over time, and takes snapshots.

The caller provides time in small slices, so that reading is never blocked.
"""

from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from time import perf_counter
from typing import Final

import zstandard

from nomad_tui.core.history.derived import Derived, PayloadReader
from nomad_tui.core.history.dictionaries import GAP_SUBJECT
from nomad_tui.core.history.event_row import happened
from nomad_tui.core.history.segment import NO_LEVEL, Segment
from nomad_tui.core.overview.activity import Activity
from nomad_tui.core.overview.fold import FOLDED, ClusterFold, Happened
from nomad_tui.core.overview.listed import Seed
from nomad_tui.core.overview.state import Cluster, Trouble
from nomad_tui.core.updates import Gap, GapReason

RUN_LENGTH: Final = 16
"""Snapshots per run; the more there are, the less each has in common with the full one."""
OVERHEAD: Final = 200
"""Memory per snapshot besides its content, in bytes."""


@dataclass(slots=True)
class _Run:
    """A full snapshot, and the snapshots that are compressed relative to it."""

    sequence: int
    full: bytes
    """Compressed."""
    compressor: zstandard.ZstdCompressor | None
    others: list[tuple[int, bytes]] = field(default_factory=list)
    count: int = 1


class Snapshots:
    """Snapshots of the state, limited in bytes by dropping every other one."""

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self.bytes = 0
        self.last = -1
        """Sequence number of the event before which the newest snapshot was taken; -1 if there is none."""
        self.spread = 1
        """Factor by which the distance between snapshots has grown."""

    def add(self, sequence: int, snapshot: bytes) -> None:
        """Store the state before the event `sequence`; calls must be in order."""
        run = self._runs[-1] if self._runs else None
        if run is None or run.count >= RUN_LENGTH or run.compressor is None:
            if run is not None:
                run.compressor = None
            compressor = zstandard.ZstdCompressor(level=3)
            run = _Run(sequence, compressor.compress(snapshot), _compressor_with(snapshot))
            self._runs.append(run)
            self.bytes += len(run.full) + OVERHEAD
        else:
            compressed = run.compressor.compress(snapshot)
            run.others.append((sequence, compressed))
            run.count += 1
            self.bytes += len(compressed) + OVERHEAD
        self.last = sequence

    def before(self, sequence: int) -> tuple[int, bytes] | None:
        """The newest snapshot taken at or before an event, with its sequence number."""
        place = bisect_right(self._runs, sequence, key=lambda run: run.sequence) - 1
        if place < 0:
            return None
        run = self._runs[place]
        full = zstandard.ZstdDecompressor().decompress(run.full)
        other = bisect_right(run.others, sequence, key=lambda one: one[0]) - 1
        if other < 0:
            return run.sequence, full
        at, compressed = run.others[other]
        return at, zstandard.ZstdDecompressor(dict_data=_dictionary(full)).decompress(compressed)

    def forget_before(self, sequence: int) -> None:
        """Drop snapshots that are needed only for events before `sequence`."""
        while len(self._runs) > 1 and self._runs[1].sequence <= sequence:
            self._drop(self._runs.pop(0))

    def thin(self, most: int) -> None:
        """Drop every other snapshot until all of them take at most `most` bytes; the newest run is kept."""
        while self.bytes > most and len(self._runs) > 1:
            self.spread *= 2
            if any(run.others for run in self._runs[:-1]):
                for run in self._runs[:-1]:
                    self.bytes -= sum(len(each) + OVERHEAD for _, each in run.others[::2])
                    run.others = run.others[1::2]
            else:
                for run in self._runs[1:-1:2]:
                    self._drop(run)
                kept = [*self._runs[:-1:2], self._runs[-1]]
                if len(kept) == len(self._runs):
                    return
                self._runs = kept

    def _drop(self, run: _Run) -> None:
        self.bytes -= len(run.full) + OVERHEAD + sum(len(each) + OVERHEAD for _, each in run.others)


def _dictionary(full: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(full, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _compressor_with(full: bytes) -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=3, dict_data=_dictionary(full))


EVENTS_PER_SNAPSHOT: Final = 1_024
"""Events between snapshots. Folding this number takes some 30 ms."""
EVENTS_PER_STEP: Final = 64
"""Events folded before yielding: some milliseconds of work."""
MAX_MEMORY_SHARE: Final = 0.05
"""Snapshots' maximum share of the history's memory."""
_LOST: Final = Gap(GapReason.DROPPED, 0, 0, 0.0)
"""Stands for events that were evicted before they were folded."""


class Talker(StrEnum):
    JOB = "job"
    NODE = "node"
    TYPE = "type"


class OverviewIndex:
    def __init__(self, derived: Derived) -> None:
        self._derived = derived
        self._history = derived.history
        self._payloads = PayloadReader(derived.history)
        self._fold = ClusterFold()
        self.activity = Activity()
        self.snapshots = Snapshots()
        self.next = 0
        """Sequence number of the first event that is not folded yet."""
        self.seed = Seed()
        """Objects from the server's lists; empty if they were not requested."""
        self._seeded_at = 0
        """The history's end when the lists were requested."""
        self._talkers: dict[Talker, Counter[str]] = {talker: Counter() for talker in Talker}
        self._segment_talkers: deque[tuple[int, dict[Talker, Counter[str]]]] = deque()
        """For each segment, by its first sequence number, the counts of its events."""
        self._first = 0
        self._work: Iterator[None] | None = None

    @property
    def cluster(self) -> Cluster:
        """The state after the last folded event."""
        return self._fold.cluster

    @property
    def progress(self) -> float:
        """Share of the held events that is folded, from 0 to 1."""
        held = self._history.end - self._history.first
        return 1.0 if held <= 0 else min(1.0, max(0, self.next - self._history.first) / held)

    @property
    def complete(self) -> bool:
        return self.next >= self._history.end

    def put_seed(self, seed: Seed) -> None:
        """Merge the server's lists; events take precedence."""
        for _ in seed.forget_known(self._history):
            pass
        self.seed = seed
        self._seeded_at = self._history.end

    def attention(self) -> list[Trouble]:
        """Everything that needs attention now, the worst and newest first; including what only a list reports."""
        cluster = self.cluster
        return sorted((*cluster.troubles.values(), *self.seed.troubles(cluster)), key=Trouble.rank)

    def talkers(self, end: int | None = None) -> dict[Talker, Counter[str]]:
        """Number of held events by job, node and type; only those before `end` if given, which must be folded."""
        return self._talkers if end is None else self._talkers_before(end)

    def _talkers_before(self, end: int) -> dict[Talker, Counter[str]]:
        counted: dict[Talker, Counter[str]] = {talker: Counter() for talker in Talker}
        segment = self._history.segment_of(end - 1)
        for first, of_segment in self._segment_talkers:
            if self._history.first <= first < segment.first:
                for talker, counter in of_segment.items():
                    counted[talker].update(counter)
        for row in range(end - segment.first):
            for talker, name in self._named(segment, row):
                counted[talker][name] += 1
        return counted

    def _named(self, segment: Segment, row: int) -> Iterator[tuple[Talker, str]]:
        """The names that an event counts for; none for a gap."""
        subject = self._history.subject(segment.subject[row])
        if subject is not None:
            node = self._history.nodes[segment.node[row]].value
            names = (subject.job, node, self._history.type_names()[segment.type[row]])
            yield from ((talker, name) for talker, name in zip(Talker, names, strict=True) if name)

    def advance(self, seconds: float) -> bool:
        """Fold events for about `seconds`. Returns whether there is more to do."""
        deadline = perf_counter() + seconds
        while perf_counter() < deadline:
            if self._work is None:
                if self.complete:
                    self._forget_evicted()
                    return False
                self._work = self._fold_segment()
            if next(self._work, _DONE) is _DONE:
                self._work = None
        return not self.complete

    def as_of(self, sequence: int) -> Cluster:
        """The state after the frame of an event held, or after a gap. Raises `IndexError` if it is not held."""
        history = self._history
        segment = history.segment_of(sequence)
        end = sequence + 1
        if segment.subject[sequence - segment.first] != GAP_SUBJECT:
            frame, start = history.frame(sequence)
            end = start + len(frame.events)
        found = self.snapshots.before(end)
        at, fold = (0, ClusterFold()) if found is None else (found[0], ClusterFold.restore(found[1]))
        if at < history.first:
            at = history.first
            fold.apply_gap(_LOST)
        for each in range(at, end):
            self._apply(fold, each)
        return fold.cluster

    def _apply(self, fold: ClusterFold, sequence: int) -> Happened | None:
        history = self._history
        segment = history.segment_of(sequence)
        row = sequence - segment.first
        subject = history.subject(segment.subject[row])
        if subject is None:
            fold.apply_gap(segment.gaps[row])
        elif subject.topic in FOLDED:
            type_ = history.type_names()[segment.type[row]]
            payload = self._payloads.payload(segment, row)
            moment = partial(happened, history, sequence)
            event = Happened(sequence, subject.topic, type_, subject.key, subject.namespace, payload, moment)
            fold.apply(event)
            return event
        return None

    def _fold_segment(self) -> Iterator[None]:
        """Fold the available events of the next segment, frame by frame."""
        history = self._history
        self._forget_evicted()
        segment = history.segment_of(self.next)
        stop = len(segment)
        yield from self._derived.facts(segment, stop)
        yield from self._derived.levels(segment, stop)
        while self.next < segment.first + stop:
            if segment.first < history.first:
                return
            if self.next - max(0, self.snapshots.last) >= EVENTS_PER_SNAPSHOT * self.snapshots.spread:
                self.snapshots.add(self.next, self._fold.snapshot())
                self.snapshots.thin(int(history.retained_bytes * MAX_MEMORY_SHARE))
                yield
            yield from self._fold_frame(segment, stop)
            yield

    def _fold_frame(self, segment: Segment, stop: int) -> Iterator[None]:
        history = self._history
        row = self.next - segment.first
        number = bisect_right(segment.frame_row, row)
        end = min(stop, segment.frame_row[number]) if number < len(segment.frame_row) else stop
        first = max(row, end - 1) if segment.subject[row] == GAP_SUBJECT else row
        at = happened(history, segment.first + first)
        if not self._segment_talkers or self._segment_talkers[-1][0] != segment.first:
            self._segment_talkers.append((segment.first, {talker: Counter() for talker in Talker}))
        of_segment = self._segment_talkers[-1][1]
        for each in range(row, end):
            if (each - row) % EVENTS_PER_STEP == EVENTS_PER_STEP - 1:
                yield
                if segment.first < history.first:
                    return
            sequence = segment.first + each
            self.next = sequence + 1
            subject = history.subject(segment.subject[each])
            level = segment.level[each]
            if subject is None or level == NO_LEVEL:
                self.activity.add_gap(self._gap_moment(sequence))
                if segment.gaps[each].reason is GapReason.REBUILT and sequence >= self._seeded_at:
                    self.seed = Seed()  # it belonged to another history
            else:
                if at is not None:
                    self.activity.add(at, subject.topic, level)
                for talker, name in self._named(segment, each):
                    of_segment[talker][name] += 1
                    self._talkers[talker][name] += 1
            event = self._apply(self._fold, sequence)
            if event is not None:
                self.seed.replace(event, segment.index[each])

    def _gap_moment(self, sequence: int) -> int:
        """Time of a gap, taken from the event before it."""
        before = happened(self._history, sequence - 1) if sequence > self._history.first else None
        return before or self.activity.end or 0

    def _forget_evicted(self) -> None:
        history = self._history
        if history.first == self._first:
            return
        self._first = history.first
        if self.next < history.first:
            self.next = history.first
            self._fold.apply_gap(_LOST)
        while self._segment_talkers and self._segment_talkers[0][0] < history.first:
            _, counted = self._segment_talkers.popleft()
            for talker, counter in counted.items():
                self._talkers[talker] -= counter
        self.snapshots.forget_before(history.first)
        if history.first < history.end and (oldest := happened(history, history.first)) is not None:
            self.activity.forget_before(oldest)


_DONE: Final = object()
