"""Received events are stored under permanent sequence numbers within bounds, and evicted oldest first."""

import json
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_tui.core.history.history import SEGMENT_EVENTS, History
from nomad_tui.core.topics import released_topic, released_type
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Event, Frame, decode
from tests import recordings
from tests.memory import traced
from tests.recordings import frames

RECORDINGS = ["tour", "beta", "load", "hostile", "large-job"]
GAP = Gap(GapReason.BUFFER, 5, 9, 1.0)


def frame(index: int, *events: tuple[str, str] | tuple[str, str, str], filler: str = "") -> Frame:
    """Return a frame of (topic, key) or (topic, key, filter key) events."""
    members = [
        {"Topic": topic, "Key": key, "FilterKeys": more or None, "Payload": {"Number": number, "Filler": filler}}
        for number, (topic, key, *more) in enumerate(events)
    ]
    decoded = decode(json.dumps({"Index": index, "Events": members}).encode())
    assert isinstance(decoded, Frame)
    return decoded


# Reading back


def check(history: History, sequence: int, frame: Frame, event: Event, received: int) -> None:
    held = history.event(sequence)
    assert held.sequence == sequence
    assert (held.topic, held.type) == (released_topic(event.topic), released_type(event.type))
    assert (held.key, held.namespace, held.filter_keys) == (event.key, event.namespace, event.filter_keys)
    assert held.index == (event.index if event.index >= 0 else frame.index)
    assert held.payload == history.payload(sequence) == bytes(event.payload)
    assert held.received == received
    assert (held.frame.line, held.frame.index, held.frame.repaired) == (frame.line, frame.index, frame.repaired)
    assert bytes(held.frame.events[held.position].payload) == held.payload


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_recorded_event_is_returned_unchanged(name: str) -> None:
    history = History()
    appended = []
    for number, frame in enumerate(frames(name)):
        history.append(frame, received=number)
        appended += [(frame, event, number) for event in frame.events]
    assert (history.first, history.end, history.held, len(history)) == (0, len(appended), len(appended), len(appended))
    for sequence, (frame, event, received) in enumerate(appended):
        check(history, sequence, frame, event, received)
    for sequence in reversed(range(0, len(appended), 29)):
        check(history, sequence, *appended[sequence])


@pytest.mark.parametrize("most", [1 << 20, 1 << 30])
def test_late_compression_and_early_eviction_do_not_mix_up_events(most: int) -> None:
    history = History(max_bytes=most)
    waiting: list[Callable[[], None]] = []
    history.compress_in(waiting.append)
    appended = []
    for number in range(3):
        for frame in frames("load"):
            history.append(frame, received=number)
            appended += [(frame, event, number) for event in frame.events]
            if len(waiting) > number:  # the delay grows
                waiting.pop(0)()
            for sequence in {history.first, (history.first + history.end) // 2, history.end - 1}:
                if history.first <= sequence < history.end:
                    assert history.payload(sequence) == bytes(appended[sequence][1].payload)
    for compress in waiting:
        compress()
    assert (history.evicted > 0) == (most == 1 << 20)
    for sequence in range(history.first, history.end, 7):
        check(history, sequence, *appended[sequence])


@pytest.mark.parametrize("index", [-1, -(1 << 63) - 1, 1 << 63, 1 << 64, 1 << 70])
def test_an_index_that_no_server_sends_is_accepted(index: int) -> None:
    line = b'{"Index":%d,"Events":[{"Topic":"Job","Key":"a"},{"Topic":"Job","Index":%d,"Key":"b"}]}' % (index, index)
    decoded = decode(line)
    assert isinstance(decoded, Frame)
    history = History()
    history.append(decoded, 1)
    history.append_gap(Gap(GapReason.BUFFER, 1, index, 1.0), 1)
    assert [history.event(sequence).key for sequence in (0, 1)] == ["a", "b"]
    assert history.event(0).index == -1
    gap = history.gap(2)
    assert gap is not None
    assert gap.before == index


def test_a_frame_without_events_adds_nothing() -> None:
    history = History()
    history.append(frame(7), 1)
    assert (len(history), history.held, history.end) == (0, 0, 0)


def test_a_row_that_is_not_held_is_an_error() -> None:
    history = History()
    history.append(frame(7, ("Job", "a")), 1)
    history.append_gap(GAP, 2)
    for sequence in (-1, 2, 100):
        with pytest.raises(IndexError):
            history.event(sequence)
        with pytest.raises(IndexError):
            history.gap(sequence)
    for look in (history.event, history.payload):
        with pytest.raises(LookupError):
            look(1)


def test_a_gap_is_a_row_but_not_an_event() -> None:
    history = History()
    history.append_gap(GAP, 1)
    history.append(frame(9, ("Job", "a"), ("Job", "b")), 2)
    history.append_gap(Gap(GapReason.REBUILT, 9, 3, 2.0), 3)
    history.append(frame(3, ("Job", "a")), 4)
    assert [gap.reason if (gap := history.gap(row)) else None for row in range(history.end)] == [
        GapReason.BUFFER,
        None,
        None,
        GapReason.REBUILT,
        None,
    ]
    assert (len(history), history.held, history.gaps, history.gaps_held) == (5, 3, 2, 2)
    assert history.previous(4) == 1
    assert history.topic_counts == {"Job": 3}


def test_an_event_has_the_name_of_its_job_if_any() -> None:
    history = History()
    history.append(
        frame(
            1, ("Job", "web"), ("Allocation", "a1", "web"), ("Alloc", "a2", "web"), ("Node", "n1", "x"), ("Eval", "e")
        ),
        1,
    )
    assert [history.event(sequence).job for sequence in range(5)] == ["web", "web", "web", "", ""]


def test_a_host_volumes_deletion_belongs_to_its_volume_though_servers_leave_out_its_key() -> None:
    """As the source of Nomad 2.0.5 has it."""
    history = History()
    history.append(frame(1, ("HostVolume", "v1", "v1"), ("HostVolume", "", "v1"), ("HostVolume", "", "v2")), 1)
    assert [history.event(sequence).key for sequence in range(3)] == ["v1", "v1", "v2"]
    assert history.newest("HostVolume", "", "v1") == 1


# Bounds: a simple list against the history


def _object(event: Event) -> tuple[str, str, str]:
    return released_topic(event.topic), event.namespace, event.key


@dataclass
class Model:
    """Everything that was appended, and what a history of it must contain."""

    history: History
    rows: list[tuple[Frame, Event] | Gap] = field(default_factory=list)

    def append(self, frame: Frame) -> None:
        self.history.append(frame, 1)
        self.rows += [(frame, event) for event in frame.events]

    def append_gap(self) -> None:
        self.history.append_gap(GAP, 1)
        self.rows.append(GAP)

    def objects(self) -> list[tuple[str, str, str] | None]:
        return [None if isinstance(row, Gap) else _object(row[1]) for row in self.rows]

    def check(self) -> None:
        history, first = self.history, self.history.first
        held = self.rows[first:]
        assert history.end == len(self.rows)
        assert len(history) == len(held)
        gaps = sum(isinstance(row, Gap) for row in held)
        assert (history.held, history.gaps_held) == (len(held) - gaps, gaps)
        assert history.evicted + history.held == history.received_events
        topics = Counter(released_topic(row[1].topic) for row in held if not isinstance(row, Gap))
        assert {topic: count for topic, count in history.topic_counts.items() if count} == topics
        objects = self.objects()
        last: dict[tuple[str, str, str], int] = {}
        for sequence, named in enumerate(objects):
            before = None if named is None else last.get(named)
            if named is not None:
                last[named] = sequence
            if sequence < first:
                continue
            row = self.rows[sequence]
            assert history.gap(sequence) == (row if isinstance(row, Gap) else None)
            assert history.previous(sequence) == (before if before is not None and before >= first else None)
            if not isinstance(row, Gap):
                check(history, sequence, *row, received=1)
                assert history.event(sequence).previous == history.previous(sequence)


events = st.tuples(st.sampled_from(["Job", "Alloc", "Allocation", "Node"]), st.sampled_from("abcdefgh")) | st.tuples(
    st.sampled_from(["Allocation", "Evaluation"]), st.sampled_from("abc"), st.sampled_from("xy")
)
steps = st.one_of(
    st.lists(events, max_size=5), st.lists(events, min_size=15, max_size=40), st.sampled_from(["gap", "look"])
)


@given(st.sampled_from([1, 16, 64, 200]), st.lists(steps, max_size=25))
def test_any_history_holds_its_newest_events_correctly(max_events: int, steps: list[object]) -> None:
    model = Model(History(max_events=max_events))
    for index, step in enumerate(steps, 1):
        if isinstance(step, list):
            model.append(frame(index, *step))
        elif step == "gap":
            model.append_gap()
        else:
            model.check()
        newest_segment = model.history.end - model.history.segment_of(model.history.end - 1).first if model.rows else 0
        assert len(model.history) <= max(max_events, newest_segment)
    model.check()


def test_segments_are_evicted_oldest_first_and_only_when_necessary() -> None:
    history = History(max_events=160)
    firsts = [0]
    for index in range(1, 1000):
        history.append(frame(index, ("Job", f"job-{index % 7}")), 1)
        if history.first != firsts[-1]:
            assert len(history) + history.first - firsts[-1] == 161
            firsts.append(history.first)
    assert {after - before for before, after in pairwise(firsts)} == {160 // 16}
    assert len(firsts) > 50
    with pytest.raises(IndexError):
        history.event(history.first - 1)
    assert history.event(history.first).index == history.first + 1


def test_bytes_are_bounded_within_one_segment() -> None:
    history = History(max_bytes=3_000_000)
    load = frames("load")
    most = 0  # what is held at the end depends on when the last segment was evicted
    for _ in range(3):
        for each in load:
            history.append(each, 1)
            most = max(most, history.retained_bytes)
            assert history.retained_bytes <= history.max_bytes
    assert history.evicted > 0
    assert most > history.max_bytes * 9 / 10


def test_one_event_larger_than_the_bounds_is_held_alone() -> None:
    history = History(max_events=10, max_bytes=100_000)
    for index in range(1, 60):
        history.append(frame(index, ("Job", "small")), 1)
    history.append(frame(60, ("Job", "large"), filler="x" * 3_000_000), 1)
    large = history.end - 1
    assert len(history.payload(large)) > 3_000_000
    history.append(frame(61, ("Job", "small")), 1)
    assert history.event(history.end - 1).key == "small"
    for index in range(62, 200):
        history.append(frame(index, ("Job", "small")), 1)
    assert history.first > large
    assert history.retained_bytes <= history.max_bytes


def test_a_storm_of_gaps_stays_within_the_bounds() -> None:
    history = History(max_events=100)
    for index in range(1, 2000):
        history.append_gap(GAP, 1)
        if index % 50 == 0:
            history.append(frame(index, ("Job", "a")), 1)
    assert len(history) <= 100
    assert history.gaps == 1999
    assert history.gaps_held == sum(history.gap(row) is not None for row in range(history.first, history.end))


def test_evicted_objects_use_no_memory() -> None:
    """A cluster creates allocations for years; only those held may use memory."""
    history = History(max_events=400)

    def pass_by(first: int, end: int) -> None:
        for index in range(first, end):
            key, job = f"allocation-{index}", f"job-{index}/dispatch-1"
            history.append(frame(index, ("Allocation", key, "web"), ("Allocation", key, job), ("Job", "web")), 1)

    with traced() as memory:
        pass_by(1, 1000)
        before, counted = memory.held, history.retained_bytes
        pass_by(1000, 4000)
        assert memory.held - before < 100_000, "each that stays would cost some hundred bytes"
    assert abs(history.retained_bytes - counted) < 5_000
    assert len(list(history.subjects())) <= history.held
    assert len(history.segments()) <= history.held // 16 + 2
    history.append(frame(5000, ("Allocation", "allocation-1", "web"), ("Job", "web")), 1)
    assert history.previous(history.end - 2) is None
    assert history.previous(history.end - 1) == history.end - 3


def test_memory_for_decompressed_segments_is_bounded() -> None:
    history = History(unpacked_bytes=1_000_000)
    for each in frames("load"):
        history.append(each, 1)
    unpacked = sum(len(each.line) for each in frames("load"))
    with traced() as memory:
        for sequence in range(0, history.end, 5):
            history.event(sequence)
        assert memory.most < 4_000_000 < unpacked


def test_a_decompressed_segment_is_never_mistaken_for_an_evicted_one() -> None:
    history = History(max_events=2 * SEGMENT_EVENTS)
    payloads: list[bytes] = []
    for each in frames("load") * 2:
        history.append(each, 1)
        payloads += (bytes(event.payload) for event in each.events)
        if history.end % 50 == 0:
            assert history.payload(history.first) == payloads[history.first]
    assert history.evicted


def test_the_counted_memory_approximates_the_used_memory() -> None:
    lines = [line for line in recordings.lines("load") if line]
    history = History()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for again in range(3):
            for line in lines:
                each = decode(line.replace(b'"Key":"', b'"Key":"%d-' % again))
                if isinstance(each, Frame):
                    history.append(each, 1)
        del each, line
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert history.held == 3 * 10_764
    assert used / 2 < history.retained_bytes < used * 2
    assert history.retained_bytes < sum(map(len, lines)) * 3 / 5
