"""A timeline shows which event caused which, how long each step took, and where it stopped."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_tui.core.history.history import History
from nomad_tui.core.objects.parts import Role
from nomad_tui.core.readable import duration
from nomad_tui.core.text import printable
from nomad_tui.core.timeline.family import SHOWN, SHOWN_MORE, SHOWN_UNCOUNTED
from nomad_tui.core.timeline.rows import RowKind, TimelineRow
from nomad_tui.core.timeline.timeline import EventTimeline
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Event, Frame, decode
from tests import recordings
from tests.bench.trace import filled, focuses
from tests.bench.trace import trace as measure
from tests.randomized import times

SECOND = 1_000_000_000
BEGAN = 1_795_423_752 * SECOND


held = cache(recordings.held)


def read_fully(timeline: EventTimeline) -> EventTimeline:
    """Read a timeline to its end."""
    for _ in range(10_000):
        if not timeline.advance(0.05):
            assert timeline.complete
            return timeline
    raise AssertionError("a timeline that never ends")


def text(row: TimelineRow) -> str:
    title, description = ("".join(part.text for part in parts) for parts in (row.title, row.text))
    since = f"  +{duration(row.since)}" if row.since is not None else ""
    return "  " * row.depth + "  ".join(one for one in (title, description) if one) + since


def sequence_of(history: History, topic: str, key: str) -> int:
    """Return the newest event of the object whose key has this prefix."""
    return max(subject.last for subject in history.subjects() if subject.topic == topic and subject.key.startswith(key))


def timeline_of(topic: str, key: str, name: str = "tour") -> EventTimeline:
    history = held(name)
    return read_fully(EventTimeline(history, sequence_of(history, topic, key)))


def lines(timeline: EventTimeline, *kinds: RowKind) -> list[str]:
    return [text(row) for row in timeline.rows if not kinds or row.kind in kinds]


def focus(timeline: EventTimeline) -> TimelineRow:
    return next(row for row in timeline.rows if row.is_focus)


def beneath(timeline: EventTimeline, start: str) -> list[TimelineRow]:
    """Return the row whose text has this prefix, and all rows below it."""
    rows = list(timeline.rows)
    at = next(number for number, row in enumerate(rows) if text(row).strip().startswith(start))
    behind = next((n for n in range(at + 1, len(rows)) if rows[n].depth <= rows[at].depth), len(rows))
    return rows[at:behind]


# Chains in the recording


def test_a_deployment_reads_from_the_job_to_the_tasks() -> None:
    history = History()
    for frame in recordings.frames("tour"):
        if frame.index <= 49:
            history.append(frame, 0)
    timeline = read_fully(EventTimeline(history, sequence_of(history, "Job", "report")))
    assert lines(timeline)[:4] == [
        "report  v0 · dead",
        "  registered batch · g 4",
        "  evaluation f3f3113a  job-register · complete, place 4 · after 43 ms  +0 s",
        "    report.g[1] 0e8c08cd  complete · exit 0 in 2.9 s · placed after 17 ms, running after 229 ms  +17 ms",
    ]
    assert [text(row) for row in beneath(timeline, "report.g[1]")][1:] == [
        "      crunch  received by the client  +34 ms",
        "      crunch  setting up  +13 ms",
        "      crunch  started  +164 ms",
        "      crunch  terminated · exit 0  +2.9 s",
    ]
    assert lines(timeline)[-2:] == ["  pending → running  +17 ms", "  running → dead  +3.4 s"]
    assert all(row.ended for row in timeline.rows if row.kind is RowKind.OBJECT)
    assert not any(row.stopped for row in timeline.rows)


def test_a_flaky_allocation_shows_where_it_stopped_and_its_replacement() -> None:
    timeline = timeline_of("Allocation", "9d48d801")
    row = focus(timeline)
    drawn = text(row)
    assert drawn.strip().startswith(
        "flaky.g[0] 9d48d801  failed before healthy, stopped at: task crash exit 137 · oom-killed"
    )
    assert "restarts 2 of 2 · placed after 14 ms, running after 149 ms · replaced by cc73679a" in drawn
    assert row.stopped
    assert row.ended
    assert [part.role for part in row.text[:2]] == [Role.BAD, Role.BAD]
    branch = beneath(timeline, "flaky.g[0] 9d48d801")
    stopped = [text(one).strip() for one in branch if one.stopped and one.kind is RowKind.TASK_EVENT]
    assert len(stopped) == 2
    assert all(one.startswith("crash  terminated · exit 137") for one in stopped)
    later = [text(one) for one in branch if one.kind is RowKind.OBJECT][1]
    assert "cc73679a  failed before healthy" in later
    assert "rescheduled from 9d48d801, placed after 3.5 s" in later
    steps = [text(one).strip() for one in branch if one.kind is RowKind.STEP]
    assert steps == [
        "unhealthy",
        "may be rescheduled",
        "to be rescheduled later by evaluation 5704a3c0",
        "unhealthy",
        "desired run → stop, replaced by cc73679a",
    ]
    evaluations = [one.strip() for one in lines(timeline) if one.strip().startswith("evaluation")]
    assert "evaluation 5704a3c0  alloc-reschedule · complete, place 1, stop 1 · after 3.5 s  +258 ms" in evaluations
    assert lines(timeline)[-1] == "  … 5 more evaluations  5 complete"


def test_a_failed_deployment_is_marked() -> None:
    timeline = timeline_of("Deployment", "7dfd78cc")
    assert text(focus(timeline)).strip() == "deployment 7dfd78cc  v0 · failed · progress deadline, 2 unhealthy  +14 ms"
    assert focus(timeline).stopped


def test_a_blocked_evaluation_shows_what_it_waits_for() -> None:
    timeline = timeline_of("Evaluation", "cff3e7cf")
    assert lines(timeline)[2:6] == [
        "  evaluation 7fc4d11f  job-register · complete · not placed, 3 nodes filtered: kernel.name = plan9"
        " · after 11 ms  +0 s",
        "    deployment 4cabcf86  v0 · running · 0 of 1 healthy  +6.1 ms",
        "      started v0 · 0 of 1 healthy",
        "    evaluation cff3e7cf  queued-allocs · blocked: 3 nodes filtered: kernel.name = plan9  +6.2 ms",
    ]
    assert focus(timeline).stopped
    assert focus(timeline).text[2].role is Role.BAD
    assert not focus(timeline).ended
    assert [row.stopped for row in timeline.rows].count(True) == 1


def test_a_canary_deployment_shows_promotion_and_its_consequences() -> None:
    timeline = timeline_of("Deployment", "0e81259d")
    branch = beneath(timeline, "deployment 0e81259d")
    shown = [text(row).strip() for row in branch if row.kind in (RowKind.STEP, RowKind.OBJECT) and row.depth <= 3]
    wanted = [
        "started v1 · 1 canary",
        "running · canary 1 of 1 healthy, needs promotion",
        "running · promoted, 3 of 5 healthy",
        "evaluation 437e6493  deployment-watcher · complete, stop 1, replace 1",
        "web.frontend[1] 623720bd  running · in place of da765c9c, placed after 5.3 ms",
        "running → successful · 5 of 5 healthy",
    ]
    places = [next(n for n, one in enumerate(shown) if one.startswith(begin)) for begin in wanted]
    assert places == sorted(places)
    canary = [text(row).strip() for row in beneath(timeline, "web.frontend[0] c99e392a") if row.kind is RowKind.STEP]
    assert canary[:2] == ["canary healthy", "canary promoted"]


def test_a_drained_node_shows_its_own_events_once_and_its_allocations() -> None:
    timeline = timeline_of("Node", "d7d7a09d")
    assert timeline.rows[0].is_focus
    assert [text(row).strip() for row in timeline.rows if row.kind is RowKind.NODE_EVENT] == [
        "cluster  registered",
        "drain  drain strategy set  +2 m 14 s",
        "drain  drain complete  +13 s",
    ]
    steps = [text(row).strip().split("  +")[0] for row in timeline.rows if row.kind is RowKind.STEP]
    assert "drain started · deadline 20 s" in steps
    assert steps[-1] == "eligible"
    moved = next(row for row in timeline.rows if "web.frontend[0] c99e392a" in text(row))
    assert "being migrated" in text(moved)
    assert "replaced by 31dd08ce" in text(moved)


def test_a_lost_node_shows_its_lost_allocations() -> None:
    timeline = timeline_of("Node", "1014b580")
    shown = [text(row).strip() for row in timeline.rows]
    assert any(one.startswith("ready → down · heartbeat missed") for one in shown)
    assert any(one.startswith("cluster  heartbeat missed") for one in shown)
    assert any(one.startswith("evaluation 9a47098c web  node-update · complete, place 5, stop 5") for one in shown)
    assert len([row for row in timeline.rows if row.topic == "Allocation"]) == 17
    lost = timeline_of("Allocation", "0f2f13ef")
    steps = [text(row).strip() for row in beneath(lost, "web.cache[0] 0f2f13ef") if row.kind is RowKind.STEP]
    assert steps == ["healthy", "running → lost · node is down, replaced by 69e83995", "lost → complete"]
    row = focus(lost)
    assert row.depth == next(one.depth for one in lost.rows if "web.cache[0] 36e006c4" in text(one)) + 1
    assert next(one.depth for one in lost.rows if "web.cache[0] 69e83995" in text(one)) == row.depth


def test_dispatched_and_launched_jobs_are_below_their_parent() -> None:
    timeline = timeline_of("Job", "cron")
    shown = lines(timeline)
    assert shown[1] == "  registered batch · periodic */5 * * * * * *"
    assert shown[2] == "  cron/periodic-1795423775  dead"
    assert shown[4].startswith("      cron/periodic-1795423775.g[0] c88ab605  complete · exit 0 in 999 ms")
    assert shown[-1] == "  stopped · running → dead  +12 s"
    child = timeline_of("Job", "encode/dispatch-1795423766-c233636f")
    assert lines(child)[0].startswith("encode  ")
    assert next(row for row in child.rows if row.is_focus).depth == 1
    rest = child.rows[-1]
    assert text(rest).strip() == "… 1 more job"
    assert child.open_rest(rest)
    assert any("encode/dispatch-1795423766-0838a49f" in text(row) for row in read_fully(child).rows)
    assert child.rows[-1].kind is not RowKind.REST


def test_a_service_is_below_its_allocation() -> None:
    timeline = timeline_of("Service", "_nomad-task-c59abe9a")
    assert text(focus(timeline)).strip() == "service web  deregistered 192.0.2.2:28002 v1 · job web in default"
    assert focus(timeline) in beneath(timeline, "web.frontend[0] c59abe9a")


def test_objects_that_belong_to_nothing_show_their_own_events() -> None:
    timeline = timeline_of("Variable", "secrets/app")
    assert lines(timeline) == ["secrets/app  updated", "  created", "  updated  +71 ms"]


def test_a_beta_servers_stream_has_timelines_as_well() -> None:
    timeline = timeline_of("Allocation", "c59abe9a", "beta")
    shown = [one.strip() for one in lines(timeline)]
    assert shown[0] == "web  v1 · running"
    assert any(one.startswith("deployment 60d9a656  v0 · successful") for one in shown)
    assert "placed after 19 ms, running after 331 ms, healthy after 2.4 s" in text(focus(timeline))


# Properties of every timeline


def every_focus(history: History) -> Iterator[int]:
    newest = {subject.of.key: subject.of.last for subject in history.subjects()}
    yield from newest.values()


@pytest.mark.parametrize("name", ["tour", "beta", "hostile", "large-job"])
def test_any_event_has_a_timeline(name: str) -> None:
    history = held(name)
    for sequence in every_focus(history):
        timeline = read_fully(EventTimeline(history, sequence))
        rows = timeline.rows
        assert [row.is_focus for row in rows].count(True) == 1
        row = focus(timeline)
        event = history.event(sequence)
        assert (row.topic, row.kind) == (event.topic, RowKind.OBJECT)
        assert row.key == ("object", event.topic, event.namespace, event.key)
        assert len({row.key for row in rows}) == len(rows) < 2_000
        assert rows[0].depth == 0
        assert all(later.depth <= row.depth + 1 for row, later in pairwise(rows))
        for row in rows:
            for part in (*row.title, *row.text):
                assert part.text == printable(part.text)
            if row.sequence is not None:
                assert history.first <= row.sequence < history.end
            assert (row.sequence is None) == (row.kind in (RowKind.REST, RowKind.NOT_HELD))
            if row.stopped:
                assert Role.BAD in {part.role for part in row.text}
            assert row.since is None or row.since >= 0


def test_each_task_event_appears_once_although_payloads_repeat_them() -> None:
    history = held("tour")
    expected: dict[str, set[tuple[str, int, str, str]]] = {}
    for sequence in range(history.end):
        event = history.event(sequence)
        if event.topic == "Allocation":
            for task, state in (json.loads(event.payload)["Allocation"].get("TaskStates") or {}).items():
                for one in state["Events"]:
                    identity = (task, one["Time"], one["Type"], one["Message"])
                    expected.setdefault(event.key, set()).add(identity)
    # More than one payload contains: entries that the newest has dropped come from earlier events.
    assert max(Counter(task for task, *_ in found).most_common(1)[0][1] for found in expected.values()) > 10
    for key, found in expected.items():
        timeline = timeline_of("Allocation", key)
        rows = [row for row in timeline.rows if row.kind is RowKind.TASK_EVENT and row.key[3] == key]
        assert len(rows) == len(found)
        assert {row.key[4:6] for row in rows} == {(task, str(time)) for task, time, *_ in found}
        for row in rows:
            assert row.sequence is not None
            assert row.moment is not None


def identities(timeline: EventTimeline) -> list[Any]:
    return [
        (text(row), row.key, row.moment, row.sequence, row.is_focus, row.ended, row.stopped) for row in timeline.rows
    ]


@pytest.mark.parametrize(
    ("topic", "key"),
    [
        ("Job", "web"),
        ("Job", "cron"),
        ("Allocation", "9d48d801"),
        ("Allocation", "31dd08ce"),
        ("Evaluation", "7fc4d11f"),
        ("Deployment", "0e81259d"),
        ("Node", "1014b580"),
        ("Variable", "secrets/app"),
        ("Job", "encode"),
        ("Service", "_nomad-task-c59abe9a"),
    ],
)
def test_a_timeline_that_grew_equals_one_built_at_the_end(topic: str, key: str) -> None:
    growing: EventTimeline | None = None
    history = History()
    at = 0
    for frame in recordings.frames("tour"):
        history.append(frame, 0)
        if growing is None:
            for sequence in range(at, history.end):
                event = history.event(sequence)
                if event.topic == topic and event.key.startswith(key) and "/" not in event.key.removeprefix(key):
                    growing = EventTimeline(history, sequence)
                    break
            at = history.end
        else:
            growing.advance(0.05)
            assert growing.rows
    assert growing is not None
    newest = history.newest(*growing.focus)
    assert newest is not None
    assert identities(read_fully(growing)) == identities(read_fully(EventTimeline(history, newest)))


def test_a_row_keeps_its_key_while_the_timeline_grows() -> None:
    history = History()
    timeline: EventTimeline | None = None
    seen: dict[tuple[str, ...], None] = {}
    for frame in recordings.frames("tour", 110):
        history.append(frame, 0)
        if timeline is None and history.end > 92:
            timeline = EventTimeline(history, 92)
        if timeline is not None:
            now = {row.key: None for row in read_fully(timeline).rows if row.kind is not RowKind.REST}
            assert not [key for key in seen if key not in now and key[0] in ("object", "task event", "step")]
            seen |= now
    assert len(seen) > 20


def test_unrelated_events_change_nothing() -> None:
    history = History()
    for frame in recordings.frames("tour"):
        history.append(frame, 0)
    timeline = read_fully(EventTimeline(history, sequence_of(history, "Job", "report")))
    revision, rows = timeline.revision, timeline.rows
    for frame in recordings.frames("tour", 7):  # nodes only
        history.append(frame, 0)
    assert not timeline.complete
    read_fully(timeline)
    assert timeline.revision == revision
    assert timeline.rows is rows


@settings(max_examples=times(15), deadline=None)
@given(st.integers(0, 250), st.sampled_from([64, 200, 400]), st.sampled_from([0.0, 0.0002, 0.05]))
def test_eviction_at_any_moment_never_raises(start: int, max_events: int, seconds: float) -> None:
    history = History(max_events=max_events)
    traces: list[EventTimeline] = []
    for number, frame in enumerate(recordings.frames("tour")):
        history.append(frame, 0)
        if number >= start and number % 40 == start % 40 and len(traces) < 5:
            traces.append(EventTimeline(history, history.end - 1))
        for timeline in traces:
            timeline.advance(seconds)
            for row in timeline.rows:
                assert row.key
    for timeline in traces:
        read_fully(timeline)
        assert [row for row in timeline.rows if row.is_focus] or history.newest(*timeline.focus) is None
        for row in timeline.rows:
            assert row.sequence is None or row.sequence >= history.first


def test_events_that_are_not_held_have_no_timeline() -> None:
    history = History()
    history.append_gap(Gap(GapReason.BUFFER, 5, 9, 1.0), 1)
    with pytest.raises(LookupError):
        EventTimeline(history, 0)
    with pytest.raises(IndexError):
        EventTimeline(history, 7)


# Missing events


def without(keep: Callable[[Event], bool]) -> History:
    history = History()
    for frame in recordings.frames("tour"):
        history.append(frame.with_events([event for event in frame.events if keep(event)]), 0)
    return history


def test_a_cause_that_is_not_held_is_named() -> None:
    history = without(lambda event: event.topic in ("Allocation", "Node"))
    timeline = read_fully(EventTimeline(history, sequence_of(history, "Allocation", "9d48d801")))
    assert lines(timeline, RowKind.NOT_HELD) == [
        "job flaky  not held",
        "  evaluation eaea2c03  not held",
        "    deployment 7dfd78cc  not held",
        "  evaluation 5704a3c0  not held",
    ]
    assert "placed, running after 134 ms" in text(focus(timeline))


def test_a_gap_within_the_timeline_is_a_row() -> None:
    history = History()
    tour = recordings.frames("tour")
    for number, frame in enumerate(tour):
        if number == 3:
            history.append_gap(Gap(GapReason.BUFFER, 1, 2, 1.0), 0)
        if frame.index == 63:
            history.append_gap(Gap(GapReason.BUFFER, 62, 70, 41.0), 0)
            history.append_gap(Gap(GapReason.UNSUBSCRIBED, 62, 70, 41.0, ("ACLToken",)), 0)
        history.append(frame, 0)
    timeline = read_fully(EventTimeline(history, sequence_of(history, "Allocation", "9d48d801")))
    gaps = [row for row in timeline.rows if row.kind is RowKind.GAP]
    assert [text(row).strip() for row in gaps] == [
        "gap: indexes 63–69 may be missing: reconnected after 41 s, when the server no longer held 62, or was rebuilt"
    ]
    assert gaps[0].sequence is not None
    assert history.gap(gaps[0].sequence) is not None


# Large jobs


def an_allocation(number: int, status: str = "running", *, evaluation: int = 0, previous: str = "") -> dict[str, Any]:
    id_ = f"a-{number}"
    allocation = {
        "ID": id_,
        "Name": f"big.g[{number}]",
        "JobID": "big",
        "EvalID": f"e-{evaluation}",
        "ClientStatus": status,
        "CreateTime": BEGAN + number,
        "CreateIndex": 5,
        "ModifyIndex": 5,
        "PreviousAllocation": previous,
        "TaskStates": {"t": {"Events": [{"Type": "Started", "Time": BEGAN + SECOND, "Message": ""}]}},
    }
    return {"Topic": "Allocation", "Key": id_, "Namespace": "default", "FilterKeys": ["big", ""], "Payload": {
        "Allocation": allocation}}  # fmt: skip


def an_evaluation(number: int, **fields: Any) -> dict[str, Any]:
    evaluation = {"ID": f"e-{number}", "JobID": "big", "Status": "complete", "CreateTime": BEGAN - SECOND, **fields}
    return {"Topic": "Evaluation", "Key": f"e-{number}", "Namespace": "default", "FilterKeys": ["big", ""], "Payload": {
        "Evaluation": evaluation}}  # fmt: skip


def append(history: History, *events: dict[str, Any]) -> None:
    decoded = decode(json.dumps({"Index": 9, "Events": events}).encode())
    assert isinstance(decoded, Frame)
    history.append(decoded, 0)


def big(number: int) -> History:
    history = History()
    append(history, an_evaluation(0))
    for first in range(0, number, 100):
        append(
            history,
            *(an_allocation(one, "failed" if one % 50 == 0 else "running") for one in range(first, first + 100)),
        )
    return history


def test_one_allocation_of_thousands_is_shown_with_related_ones_and_the_rest_is_counted() -> None:
    history = big(3_000)
    append(history, an_evaluation(1), an_allocation(3_000, evaluation=1, previous="a-7"))
    timeline = read_fully(EventTimeline(history, history.end - 1))
    assert [one for one in lines(timeline) if "more" in one] == ["  … 2,999 more allocations  2,939 running, 60 failed"]
    assert [
        text(row).strip()[:12] for row in timeline.rows if row.topic == "Allocation" and row.kind is RowKind.OBJECT
    ] == [
        "big.g[7] a-7",
        "big.g[3000] ",
    ]
    assert "placed after 1 s" in text(focus(timeline))
    rest = next(row for row in timeline.rows if row.kind is RowKind.REST)
    assert timeline.open_rest(rest)
    assert not timeline.complete
    read_fully(timeline)
    shown = [row for row in timeline.rows if row.topic == "Allocation" and row.kind is RowKind.OBJECT]
    assert len(shown) == SHOWN_MORE + 2
    assert "2,799 more" in lines(timeline)[-1]
    assert timeline.open_rest(timeline.rows[-1])
    assert "2,599 more" in lines(read_fully(timeline))[-1]
    assert not timeline.open_rest(timeline.rows[0])


def test_the_focus_is_shown_after_the_first_slices_of_any_number() -> None:
    history = big(3_000)
    timeline = EventTimeline(history, history.end - 1)
    slices = 0
    while not any(row.is_focus and row.text for row in timeline.rows if row.kind is RowKind.OBJECT):
        assert timeline.advance(0.001)
        slices += 1
    assert not timeline.complete
    assert slices < 50


def test_a_job_of_thousands_shows_its_newest_allocations() -> None:
    history = big(3_000)
    job = {"ID": "big", "Status": "running", "Version": 2, "ModifyIndex": 5}
    append(history, {"Topic": "Job", "Key": "big", "Namespace": "default", "Payload": {"Job": job}})
    timeline = read_fully(EventTimeline(history, history.end - 1))
    shown = [row for row in timeline.rows if row.topic == "Allocation" and row.kind is RowKind.OBJECT]
    assert len(shown) == SHOWN["Allocation"]
    assert {row.key[3] for row in shown} == {f"a-{number}" for number in range(2_960, 3_000)}
    assert len(timeline.rows) < 200


def test_an_evaluation_is_shown_with_all_that_it_placed() -> None:
    history = big(600)
    append(history, an_evaluation(1, PreviousEval="e-0"))
    append(history, *(an_allocation(one, evaluation=1) for one in range(1_000, 1_010)))
    timeline = read_fully(EventTimeline(history, sequence_of(history, "Evaluation", "e-1")))
    shown = [row for row in beneath(timeline, "evaluation e-1") if row.kind is RowKind.OBJECT][1:]
    assert {row.key[3] for row in shown} == {f"a-{number}" for number in range(1_000, 1_010)}


def test_a_few_others_are_shown_rather_than_counted() -> None:
    history = History()
    append(history, an_evaluation(0), *(an_allocation(number) for number in range(SHOWN_UNCOUNTED + 1)))
    timeline = read_fully(EventTimeline(history, history.end - 1))
    assert not lines(timeline, RowKind.REST)
    append(history, an_allocation(100))
    assert lines(read_fully(timeline), RowKind.REST) == [
        f"  … {SHOWN_UNCOUNTED + 1} more allocations  {SHOWN_UNCOUNTED + 1} running"
    ]


def test_cycles_and_endless_chains_terminate() -> None:
    history = History()
    append(
        history,
        an_evaluation(0, PreviousEval="e-1", NextEval="e-1", TriggeredBy="x"),
        an_evaluation(1, PreviousEval="e-0", BlockedEval="e-0"),
        an_allocation(1, previous="a-2"),
        an_allocation(2, previous="a-1"),
        an_allocation(3, previous="a-3"),
        *(an_allocation(number, previous=f"a-{number - 1}") for number in range(4, 300)),
    )
    for sequence in (0, 1, 2, 4, history.end - 1):
        timeline = read_fully(EventTimeline(history, sequence))
        assert len({row.key for row in timeline.rows}) == len(timeline.rows) < 400
        assert max(row.depth for row in timeline.rows) < 6


# Claims


def test_secrets_in_free_text_are_masked() -> None:
    history = History()
    event = an_allocation(1, "failed")
    allocation = event["Payload"]["Allocation"]
    allocation["DesiredDescription"] = "alloc lost token=hunter2-hunter2"
    allocation["TaskStates"]["t"]["Events"] = [
        {
            "Type": "Driver Failure",
            "Time": BEGAN + 2,
            "Message": "",
            "DisplayMessage": "pull https://u:hunter2@host failed",
        },
        {"Type": "Terminated", "Time": BEGAN + 3, "ExitCode": 1, "Message": "password=hunter2-hunter2"},
    ]
    append(history, event)
    node = {"ID": "n", "Events": [{"Message": "Node token=hunter2-hunter2", "Subsystem": "Cluster"}]}
    append(history, {"Topic": "Node", "Key": "n", "Payload": {"Node": node}})
    for sequence in (0, 1):
        shown = "\n".join(lines(read_fully(EventTimeline(history, sequence))))
        assert "hunter2" not in shown
        assert "••" in shown


def test_a_pending_allocation_stopped_at_a_task_that_cannot_start() -> None:
    history = History()
    event = an_allocation(1, "pending")
    event["Payload"]["Allocation"]["TaskStates"]["t"]["Events"] = [
        {"Type": "Received", "Time": BEGAN + 2, "Message": ""},
        {"Type": "Driver Failure", "Time": BEGAN + SECOND, "Message": "", "DisplayMessage": "no such image: web:9"},
    ]
    append(history, an_evaluation(0), event)
    timeline = read_fully(EventTimeline(history, 1))
    assert text(focus(timeline)).strip() == (
        "big.g[1] a-1  pending, stopped at: driver failure · no such image: web:9 · placed after 1 s  +1 s"
    )
    assert [text(row).strip() for row in timeline.rows if row.stopped][1:] == [
        "t  driver failure · no such image: web:9  +999 ms"
    ]


def test_the_benchmark_measures_timelines_of_different_objects() -> None:
    history = filled(2)
    assert history.held == 2 * (625 + 10_764)
    nodes = {subject.key for subject in history.subjects() if subject.topic == "Node"}
    allocations = {subject.key for subject in history.subjects() if subject.topic == "Allocation"}
    once = filled(1)
    assert nodes == {subject.key for subject in once.subjects() if subject.topic == "Node"}
    assert len(allocations) == 2 * len({subject.key for subject in once.subjects() if subject.topic == "Allocation"})
    for _, sequence in focuses(history):
        measured = measure(history, sequence)
        assert measured.rows > 20
        assert 0 < measured.first <= measured.seconds
