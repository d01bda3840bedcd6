"""After any interruption of a stream, each event is seen once and in order, or a gap shows where some are missing."""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import Any, TypeAlias, cast
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nomad_tui.core.continuity import Continuity
from nomad_tui.core.repeats import REMEMBERED_FRAMES
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Event, Frame, decode
from tests import recordings
from tests.memory import alive
from tests.randomized import times

Seen: TypeAlias = tuple[int, str, str, str, str]
Resend: TypeAlias = Callable[[bytes], bytes]


frame_of = cache(recordings.frame_of)


def line_of(index: int, *events: dict[str, Any]) -> bytes:
    return json.dumps({"Index": index, "Events": [{"Index": index, **event} for event in events]}).encode()


def event(key: str, payload: object, topic: str = "Job", namespace: str = "default") -> dict[str, Any]:
    return {"Topic": topic, "Type": "PlanResult", "Key": key, "Namespace": namespace, "Payload": payload}


def identity(event: Event) -> Seen:
    """Return an event as an operator sees it, without the payload's times and generated IDs."""
    value = without_computed(json.loads(bytes(event.payload)))
    return (event.index, event.topic, event.type, event.key, json.dumps(value, sort_keys=True))


@cache
def seen_of(line: bytes) -> tuple[Seen, ...]:
    return tuple(map(identity, frame_of(line).events))


def events_of(lines: Iterable[bytes]) -> list[Seen]:
    return [seen for line in lines for seen in seen_of(line)]


def key_of(event: Event) -> tuple[str, str, str]:
    return (event.topic, event.type, event.key)


class Reader:
    """An operator's view of several successive connections."""

    def __init__(self) -> None:
        self.continuity = Continuity()
        self.seen: list[Seen | Gap] = []
        self.repeats = 0

    def connect(self, lines: Iterable[bytes] = ()) -> None:
        self.continuity.reconnected()
        self.receive(lines)

    def receive(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            joined = self.continuity.join(frame_of(line), away=3.0)
            if joined.gap is not None:
                self.seen.append(joined.gap)
            if joined.frame is not None:
                self.seen += seen_of(joined.frame.line)
                assert list(map(key_of, joined.frame.events)) == list(map(key_of, frame_of(joined.frame.line).events))
            self.repeats += joined.repeats

    @property
    def gaps(self) -> list[Gap]:
        return [each for each in self.seen if isinstance(each, Gap)]


def from_index(lines: Sequence[bytes], index: int) -> list[bytes]:
    """Return what a server that holds `lines` sends for `index`."""
    held = [line for line in lines if frame_of(line).index >= index]
    return held or list(lines[-1:])


# How a server can repeat its frames


def same(line: bytes) -> bytes:
    return line


@cache
def shuffled(line: bytes) -> bytes:
    """Return an object with shuffled keys, as servers send them each time."""
    order = random.Random(len(line))

    def shuffle(value: Any) -> Any:
        if isinstance(value, dict):
            members = [(key, shuffle(member)) for key, member in value.items()]
            order.shuffle(members)
            return dict(members)
        return [shuffle(item) for item in value] if isinstance(value, list) else value

    return json.dumps(shuffle(json.loads(line)), separators=(",", ":")).encode()


def is_time(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 10**17


def is_uuid(value: object) -> bool:
    return isinstance(value, str) and len(value) == 36 and value.count("-") == 4


def without_computed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_computed(member) for key, member in value.items()}
    if isinstance(value, list):
        return [without_computed(item) for item in value]
    return None if is_time(value) or is_uuid(value) else value


@cache
def recomputed(line: bytes) -> bytes:
    """Return an event as after a server restart: times and IDs in the payload change, the envelope does not."""
    order = random.Random(line)

    def compute(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: compute(member) for key, member in value.items()}
        if isinstance(value, list):
            return [compute(item) for item in value]
        if is_time(value):
            return value + order.randrange(10**9)
        return str(UUID(int=order.getrandbits(128))) if is_uuid(value) else value

    frame = json.loads(line)
    for each in frame["Events"]:
        each["Payload"] = compute(each["Payload"])
    return shuffled(json.dumps(frame).encode())


RESENDS: list[Resend] = [same, shuffled, recomputed]


# Part of a real stream, interrupted everywhere


def load_frames() -> list[bytes]:
    return [line for line in recordings.lines("load") if isinstance(frame := decode(line), Frame) and frame.events]


def narrowed(lines: Iterable[bytes], topic: str) -> list[bytes]:
    """Return what a server sends for `topic=…:*`: frames that contain only other events are omitted."""
    frames = map(frame_of, lines)
    wanted = ((frame, [event for event in frame.events if event.topic == topic]) for frame in frames)
    return [frame.with_events(events).line for frame, events in wanted if events]


def window(lines: Sequence[bytes], length: int, looks: Callable[[Sequence[Frame]], bool]) -> list[bytes]:
    """Return `length` frames around the first index at which two frames satisfy the predicate."""
    frames = [frame_of(line) for line in lines]
    place = next(
        place
        for place in range(length // 2, len(frames) - 1)
        if frames[place].index == frames[place + 1].index and looks(frames[place : place + 2])
    )
    return list(lines[place - length // 2 : place + length // 2])


def keys(frame: Frame) -> list[tuple[str, str, str]]:
    return list(map(key_of, frame.events))


def two_with_one_event_in_common(frames: Sequence[Frame]) -> bool:
    return bool(set(keys(frames[0])) & set(keys(frames[1])))


def two_that_look_alike(frames: Sequence[Frame]) -> bool:
    return keys(frames[0]) == keys(frames[1])


ALL_TOPICS = window(load_frames(), 40, two_with_one_event_in_common)
JOBS_ONLY = window(narrowed(load_frames(), "Job"), 40, two_that_look_alike)
"""At one of these indexes, both frames have the same topic, type and key: a job pending, then running."""

streams = pytest.mark.parametrize("lines", [ALL_TOPICS, JOBS_ONLY], ids=["all topics", "jobs only"])
resends = pytest.mark.parametrize("resend", RESENDS)


def interrupted(lines: Sequence[bytes]) -> Iterator[tuple[int, Reader]]:
    """Return readers that were disconnected after each of the frames."""
    for cut in range(1, len(lines) + 1):
        reader = Reader()
        reader.connect(lines[:cut])
        yield cut, reader


@streams
def test_the_recorded_part_is_worth_testing_on(lines: list[bytes]) -> None:
    frames_of_index = [len(list(frames)) for _, frames in groupby(lines, lambda line: frame_of(line).index)]
    assert frames_of_index.count(2) >= 5
    assert len(set(events_of(lines))) == len(events_of(lines))


@streams
@resends
def test_a_stream_resumed_at_any_frame_is_seen_once_and_without_a_gap(lines: list[bytes], resend: Resend) -> None:
    for cut, reader in interrupted(lines):
        reader.connect(map(resend, from_index(lines, reader.continuity.seen.last_index)))
        assert reader.seen == events_of(lines), cut


@streams
@resends
def test_a_stream_resumed_at_each_of_its_frames_in_turn_is_seen_once(lines: list[bytes], resend: Resend) -> None:
    reader = Reader()
    for end in range(1, len(lines) + 1):
        reader.connect(map(resend, from_index(lines[:end], reader.continuity.seen.last_index)))
    assert reader.seen == events_of(lines)


@streams
@resends
def test_the_second_frame_of_an_index_is_kept_when_the_first_is_gone(lines: list[bytes], resend: Resend) -> None:
    """The server's buffer begins with it, whether it was seen or not."""
    tried = 0
    for cut, reader in interrupted(lines):
        last = reader.continuity.seen.last_index
        held = from_index(lines, last)[1:]
        if held and frame_of(held[0]).index == last:
            reader.connect(map(resend, held))
            assert reader.seen == events_of(lines), cut
            tried += 1
    assert tried >= 10


@streams
@resends
def test_a_gap_is_exactly_where_frames_are_missing(lines: list[bytes], resend: Resend) -> None:
    for cut, reader in interrupted(lines[:-10]):
        last = reader.continuity.seen.last_index
        held = [line for line in lines if frame_of(line).index > last][5:]
        reader.connect(map(resend, held))
        first, gap = frame_of(held[0]), reader.gaps[-1]
        missing = [frame_of(each) for each in lines if last < frame_of(each).index < first.index]
        assert gap.events <= sum(len(each.events) for each in missing)
        gap = Gap(GapReason.BUFFER, last, first.index, 3.0, events=gap.events)
        assert reader.seen == [*events_of(lines[:cut]), gap, *events_of(held)]


@streams
@resends
def test_repeats_of_a_lagging_server_are_not_shown_twice(lines: list[bytes], resend: Resend) -> None:
    """For an index that it has not reached it sends its newest frame, and then those with which it catches up."""
    for behind in (1, 2, 3, 7, 20):
        for cut, reader in interrupted(lines):
            if cut > behind:
                reader.connect(map(resend, lines[cut - behind - 1 :]))
                assert reader.seen == events_of(lines), (cut, behind)


@streams
def test_a_rebuilt_server_is_detected_and_all_its_events_are_shown(lines: list[bytes]) -> None:
    rebuilt = [line_of(index, event(f"new-{index}", {"Status": index})) for index in (3, 4, 5)]
    for cut, reader in interrupted(lines):
        last = reader.continuity.seen.last_index
        reader.connect(rebuilt)
        gap = Gap(GapReason.REBUILT, last, 3, 3.0)
        assert reader.seen == [*events_of(lines[:cut]), gap, *events_of(rebuilt)]
        assert reader.continuity.seen.last_index == 5


def test_all_of_the_load_recording_is_seen_once_with_occasional_interruptions() -> None:
    lines = load_frames()
    expected = [bytes(event.payload) for line in lines for event in frame_of(line).events]
    continuity = Continuity()
    seen = []
    position = 0
    for end in [*range(97, len(lines), 97), len(lines)]:
        continuity.reconnected()
        while position and frame_of(lines[position - 1]).index == continuity.seen.last_index:
            position -= 1
        for line in lines[position:end]:
            joined = continuity.join(frame_of(line))
            assert joined.gap is None
            seen += joined.frame.events if joined.frame is not None else []
        position = end
    assert [bytes(event.payload) for event in seen] == expected


# Single cases


def test_all_events_of_a_first_connection_are_seen() -> None:
    reader = Reader()
    reader.connect(ALL_TOPICS[:9])
    assert reader.seen == events_of(ALL_TOPICS[:9])
    assert reader.continuity.seen.last_index == frame_of(ALL_TOPICS[8]).index


def test_the_same_event_twice_at_one_index_is_two_events() -> None:
    pending = line_of(7, event("web", {"Job": {"Status": "pending"}}))
    running = line_of(7, event("web", {"Job": {"Status": "running"}}))
    for before, after in (([pending], [pending, running]), ([pending], [running]), ([pending, running], [running])):
        reader = Reader()
        reader.connect(before)
        reader.connect(after)
        assert reader.seen == events_of([pending, running])


def test_two_equal_events_at_one_index_are_two_events() -> None:
    line = line_of(7, event("web", {"Job": {"Status": "pending"}}))
    reader = Reader()
    reader.connect([line])
    reader.connect([line, line])
    assert reader.seen == events_of([line, line])


def test_a_partly_recomputed_frame_is_a_repeat() -> None:
    before = line_of(7, event("web", {"Score": 0.5}), event("db", {"Score": 1}))
    after = line_of(7, event("web", {"Score": 0.75}), event("db", {"Score": 1}))
    reader = Reader()
    reader.connect([before])
    reader.connect([after, line_of(8, event("web", {}))])
    assert reader.seen == events_of([before, line_of(8, event("web", {}))])
    assert reader.repeats == 2


def test_another_server_may_order_the_events_of_a_frame_differently() -> None:
    """With another change in the event, which alone would make it a different event."""
    one, other = event("n1", {"Node": {"Score": 1}}, topic="Node"), event("n2", {"Node": {"Score": 2}}, topic="Node")
    before, after = line_of(7, one, other), line_of(7, {**other, "Payload": {"Node": {"Score": 3}}}, one)
    reader = Reader()
    reader.connect([before])
    reader.connect([after, line_of(8, event("web", {}))])
    assert reader.seen == events_of([before, line_of(8, event("web", {}))])
    assert reader.repeats == 2


def test_a_new_namespace_adds_its_events_to_a_frame_already_seen() -> None:
    ours = event("n1", {"Node": {"Status": "ready"}}, topic="Node")
    theirs = event("ledger", {"Job": {"ID": "ledger"}}, namespace="payments")
    reader = Reader()
    reader.connect([line_of(7, ours)])
    reader.connect([line_of(7, ours, theirs)])
    assert reader.seen == events_of([line_of(7, ours, theirs)])
    reader.connect([line_of(7, ours, theirs), line_of(8, ours)])
    assert reader.seen == events_of([line_of(7, ours, theirs), line_of(8, ours)])


def test_an_event_is_repeated_by_one_event_only() -> None:
    ours = event("n1", {"Node": {"Status": "ready"}}, topic="Node")
    theirs = event("ledger", {"Job": {"ID": "ledger"}}, namespace="payments")
    reader = Reader()
    reader.connect([line_of(7, ours)])
    reader.connect([line_of(7, ours, theirs), line_of(7, ours)])
    assert reader.seen == events_of([line_of(7, ours), line_of(7, theirs), line_of(7, ours)])


def test_frames_without_subscribed_events_prove_that_nothing_is_missing() -> None:
    """A subscription to two keys of a topic is filtered on the client: most frames of the topic become empty."""
    wanted, unwanted = event("web", {"Status": 1}), event("db", {"Status": 2})
    lines = [line_of(7, wanted), line_of(8, unwanted), line_of(9, unwanted), line_of(10, wanted)]
    as_narrowed = [
        frame.with_events([event for event in frame.events if event.key == "web"]).line
        for frame in map(frame_of, lines)
    ]
    reader = Reader()
    reader.connect(as_narrowed[:2])
    assert reader.continuity.seen.last_index == 8
    reader.connect(as_narrowed[1:])
    assert reader.seen == events_of([lines[0], lines[3]])
    reader.connect([as_narrowed[2], *as_narrowed[3:]])
    assert reader.seen == events_of([lines[0], lines[3]])
    reader.connect([line_of(12), line_of(13, wanted)])
    assert reader.seen[2:] == [Gap(GapReason.BUFFER, 10, 12, 3.0), *events_of([line_of(13, wanted)])]


def test_an_index_that_goes_back_within_a_connection_is_a_gap() -> None:
    reader = Reader()
    reader.connect([line_of(7, event("a", 1)), line_of(5, event("b", 2)), line_of(6, event("c", 3))])
    assert reader.gaps == [Gap(GapReason.REBUILT, 7, 5, 3.0)]
    assert isinstance(reader.seen[1], Gap)
    assert len(reader.seen) == 4


def test_a_node_that_a_leader_changed_in_memory_is_not_another_history() -> None:
    """Seen with Nomad 1.6.5: the node's ports, for allocations that were preempted, are gone once it has restarted."""

    def node(ports: list[int], since: int = 5) -> bytes:
        now = {"ID": "n", "StatusUpdatedAt": since * 10**9, "NodeResources": {"Ports": ports}}
        return line_of(4, event("n", {"Node": now}, topic="Node")).replace(b": ", b":")  # as servers write it

    seen = [line_of(3, event("web", {"a": 1})), node([8080]), line_of(5, event("web", {"a": 2}))]
    again = [seen[0], node([]), seen[2], line_of(6, event("web", {"a": 3}))]
    reader = Reader()
    reader.connect(seen)
    reader.connect(again)
    assert reader.seen == events_of([*seen, again[3]])
    other = Reader()
    other.connect(seen)
    other.connect([seen[0], node([], since=9)])
    assert [gap.reason for gap in other.gaps] == [GapReason.REBUILT]


def test_another_server_with_other_events_under_an_index_that_was_seen_is_a_gap() -> None:
    reader = Reader()
    reader.connect([line_of(index, event("web", {"Status": index})) for index in (5, 6, 7)])
    reader.connect([line_of(6, event("other", {"Status": "x"}))])
    assert reader.gaps == [Gap(GapReason.REBUILT, 7, 6, 3.0)]
    assert len(reader.seen) == 5


def test_a_frame_without_an_index_is_shown_and_changes_nothing() -> None:
    reader = Reader()
    reader.connect([line_of(7, event("a", 1))])
    reader.connect([b'{"Events":[{"Key":"b","Payload":1}]}', line_of(7, event("a", 1)), line_of(8, event("c", 1))])
    assert [each[3] for each in reader.seen if not isinstance(each, Gap)] == ["a", "b", "c"]
    assert reader.gaps == []


def test_no_gap_is_reported_twice() -> None:
    reader = Reader()
    reader.connect([line_of(7, event("a", 1))])
    reader.connect([line_of(9, event("b", 1)), line_of(10, event("c", 1)), line_of(12, event("d", 1))])
    reader.connect([line_of(12, event("d", 1)), line_of(20, event("e", 1))])
    assert reader.gaps == [Gap(GapReason.BUFFER, 7, 9, 3.0)]


def test_a_gap_describes_what_may_be_missing() -> None:
    assert Gap(GapReason.BUFFER, 1035, 1451, 41.2).sentence == (
        "indexes 1,036–1,450 may be missing: "
        "reconnected after 41 s, when the server no longer held 1,035, or was rebuilt"
    )
    assert Gap(GapReason.REBUILT, 1035, 12, 754.0).sentence == (
        "the index went back from 1,035 to 12: reconnected after 12 m 34 s to a server that was rebuilt or is a "
        "different one, so events in between are unknown"
    )
    assert Gap(GapReason.REBUILT, 1035, 1035, 1.0).missing == "index 1,035 was repeated with different events"
    assert Gap(GapReason.UNSUBSCRIBED, 1035, 1451, 41.0, ("Job",)).sentence == (
        "indexes 1,036–1,450 of Job may be missing: not subscribed to for 41 s, "
        "and the server no longer holds all of them"
    )
    assert Gap(GapReason.NAMESPACE, 1035, 1451, 41.0, namespaces=("payments",)).sentence == (
        "indexes 1,036–1,450 of namespace payments may be missing: created or first readable up to 41 s before being "
        "subscribed to, and the server no longer holds all"
    )
    assert Gap(GapReason.JOURNAL, 1035, 1451, 7200.0).sentence == (
        "indexes 1,036–1,450 may be missing: the journal was full, and dropped events not delivered for 2 h"
    )
    assert Gap(GapReason.BUFFER, 3, 4, 1.0).sentence.startswith("events at index 3 may be missing")
    assert Gap(GapReason.BUFFER, 3, 5, 1.0).sentence.startswith("events at index 4 may be missing")


def test_a_gap_names_the_topics_that_were_not_subscribed() -> None:
    def topics(*names: str) -> str:
        sentence = Gap(GapReason.UNSUBSCRIBED, 10, 20, 1.0, names).sentence
        assert sentence.endswith(
            " may be missing: not subscribed to for 1 s, and the server no longer holds all of them"
        )
        return sentence.partition(" may be")[0].removeprefix("indexes 11–19 of ")

    assert topics("Job") == "Job"
    assert topics("Job", "*") == "Job and unknown topics"
    assert topics("Allocation", "Deployment", "Evaluation", "Job") == "Allocation, Deployment, Evaluation and Job"
    assert topics("A", "B", "C", "D", "E", "*") == "A, B, C and 3 other topics"


def test_a_gap_names_the_namespaces_that_it_concerns() -> None:
    def missing(topics: tuple[str, ...], *namespaces: str) -> str:
        return Gap(GapReason.BUFFER, 10, 20, 1.0, topics, namespaces).sentence.partition(":")[0]

    assert missing((), "payments") == "indexes 11–19 of namespace payments may be missing"
    assert missing((), "a", "b") == "indexes 11–19 of namespaces a and b may be missing"
    assert missing(("Job",), "payments") == "indexes 11–19 of Job in namespace payments may be missing"
    assert missing((), *"abcdef") == "indexes 11–19 of namespaces a, b, c and 3 other namespaces may be missing"
    assert missing((), "pay\x1b[2Jments\n") == "indexes 11–19 of namespace pay␛[2Jments␊ may be missing"
    back = Gap(GapReason.REBUILT, 59, 3, 1.0, namespaces=("payments",)).sentence
    assert back.startswith("the index of namespace payments went back from 59 to 3: ")


NO_DURATION = (GapReason.UNREADABLE, GapReason.EXPIRED)
"""Reasons without a duration: the stream was read all the time, or it is unknown."""


@pytest.mark.parametrize("reason", [reason for reason in GapReason if reason not in NO_DURATION])
def test_a_gap_shows_its_duration_if_known(reason: GapReason) -> None:
    def sentence(away: float) -> str:
        text = Gap(reason, 59, 80, away, ("Job",), ("payments",)).sentence
        assert text == text.strip() and "\n" not in text and text[0].islower() and not text.endswith(".")
        assert len(text) < 220
        return text

    assert "41 s" in sentence(41.3)
    assert "12 m" in sentence(720.0)
    assert "2 d 7 h" in sentence(200_000.0)
    assert " 0 s" not in sentence(0.0)  # not known in a recording
    assert "  " not in sentence(0.0)


def test_a_gap_is_written_to_a_file_completely() -> None:
    gap = Gap(GapReason.UNSUBSCRIBED, 59, 80, 41.26, ("Job", "*"), ("payments",))
    assert json.loads(json.dumps(gap.record())) == {
        "Reason": "unsubscribed",
        "After": 59,
        "Before": 80,
        "AwaySeconds": 41.3,
        "Topics": ["Job", "*"],
        "Namespaces": ["payments"],
        "Events": 0,
        "Sentence": gap.sentence,
    }


def test_a_gap_has_at_least_as_many_events_as_objects_created_within() -> None:
    """Each object in the first frame after the gap that was created within the gap had an event there."""
    reader = Reader()
    reader.connect([line_of(37, event("web", 1))])
    new = [event(name, {"Job": {"CreateIndex": index}}) for name, index in [("a", 38), ("b", 85), ("c", 86), ("d", 9)]]
    reader.connect([line_of(86, *new, event("e", {"Job": [1]}))])
    (gap,) = reader.gaps
    assert gap.missing == "indexes 38–85 are missing, at least 2 events"
    assert gap.record()["Events"] == 2


def test_memory_does_not_grow_with_the_stream() -> None:
    lines = [line_of(index, event("web", {"Text": "x" * 1000})) for index in range(1, 4 * REMEMBERED_FRAMES)]
    before, continuity = alive(Frame), Continuity()
    for line in lines:
        continuity.join(cast(Frame, decode(line)))
    assert alive(Frame) - before <= REMEMBERED_FRAMES
    reader = Reader()
    reader.connect(lines)
    one_index = [line_of(len(lines) + 1, event(f"job-{number}", number)) for number in range(2 * REMEMBERED_FRAMES)]
    reader.receive(one_index)
    reader.connect(one_index)
    assert reader.seen == events_of([*lines, *one_index])


# Any history of cuts


class Interruptions(RuleBasedStateMachine):
    """A cluster with lagging servers that have small buffers, and one reader."""

    @initialize(buffer_size=st.integers(1, 6))
    def start(self, buffer_size: int) -> None:
        self.buffer_size = buffer_size
        self.published: list[bytes] = []
        self.serial = 0
        self.reader = Reader()
        self.expected: list[Seen | Gap] = []
        self.delivered = 0
        """Frames before this one were delivered, or are in a gap."""
        self.together_from = 0
        """Frames from here to `delivered` were delivered without a gap."""
        self.sending: list[bytes] = []
        """Frames that the connection's server has sent and the reader has not read."""
        self.resend: Resend = same

    def index(self) -> int:
        return frame_of(self.published[-1]).index if self.published else 0

    @rule(
        step=st.integers(0, 3),
        shape=st.lists(st.sampled_from(["Job:web", "Job:db", "Node:n1"]), min_size=1, max_size=3, unique=True),
    )
    def publish(self, step: int, shape: list[str]) -> None:
        index = self.index() + (step if self.published else step + 1)
        if sum(frame_of(line).index == index for line in self.published[-2:]) == 2:
            index += 1
        self.serial += 1
        payload = {
            "Status": self.serial,
            "ModifyTime": 1_700_000_000_000_000_000 + self.serial,
            "ID": str(UUID(int=self.serial)),
        }
        events = [event(each.partition(":")[2], payload, each.partition(":")[0]) for each in shape]
        self.published.append(line_of(index, *events))
        self.sending.append(self.published[-1])

    @rule(count=st.integers(1, 5))
    def read(self, count: int) -> None:
        for line in self.sending[:count]:
            self.reader.receive([self.resend(line)])
            position = self.published.index(line)
            if position >= self.delivered:
                self.expected += events_of([line])
                self.delivered = position + 1
        del self.sending[:count]

    @precondition(lambda self: self.published)
    @rule(behind=st.integers(0, 8), resend=st.sampled_from(RESENDS))
    def reconnect(self, behind: int, resend: Resend) -> None:
        end = max(len(self.published) - behind, min(self.together_from + 1, len(self.published)))
        held = self.published[max(end - self.buffer_size, min(self.together_from, end - 1)) : end]
        last = self.reader.continuity.seen.last_index
        self.sending = from_index(held, last) + self.published[end:]
        self.resend = resend
        self.reader.connect()
        first = frame_of(self.sending[0]).index
        if last and first > last:
            self.expected.append(Gap(GapReason.BUFFER, last, first, 3.0))
            self.read(1)
            self.together_from = self.delivered - 1
        elif not last:
            self.read(1)
            self.together_from = self.delivered - 1

    @invariant()
    def everything_is_seen_once_in_order(self) -> None:
        assert self.reader.seen == self.expected


Interruptions.TestCase.settings = settings(max_examples=times(50), stateful_step_count=30)
TestInterruptions = Interruptions.TestCase
