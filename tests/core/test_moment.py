"""When something happened, as far as the objects contain it."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_tui.core.objects.registry import frame_moment, no_earlier_than
from nomad_tui.core.readable import SECOND
from nomad_tui.core.wire import Frame, decode
from tests import recordings

NOW = 1_795_423_752_222_834_579
MINUTE = 60 * SECOND
NEWS = "2026-11-23T08:49:12Z"
NEWS_MOMENT = int(datetime(2026, 11, 23, 8, 49, 12, tzinfo=UTC).timestamp()) * SECOND


def frame_of(*events: dict[str, Any]) -> Frame:
    frame = decode(json.dumps({"Index": 7, "Events": events}).encode())
    assert isinstance(frame, Frame)
    return frame


def moment(*events: dict[str, Any]) -> int | None:
    return frame_moment(frame_of(*events))


def written(topic: str, at: object = NOW, index: int = 7, **fields: object) -> dict[str, Any]:
    """Return an event whose object was changed at `at` by the write `index`."""
    member = {"Alloc": "Allocation", "Eval": "Evaluation", "Variable": "Metadata"}.get(topic, topic)
    return {"Topic": topic, "Payload": {member: {"ModifyTime": at, "ModifyIndex": index, **fields}}}


def node(type_: str = "NodeStreamEvent", *timestamps: object, **fields: object) -> dict[str, Any]:
    events = [{"Timestamp": timestamp, "Message": "…"} for timestamp in timestamps]
    return {"Topic": "Node", "Type": type_, "Payload": {"Node": {"Events": events, **fields}}}


def job(at: object = NOW, registered: int = 7, type_: str = "JobRegistered") -> dict[str, Any]:
    payload = {"Job": {"SubmitTime": at, "JobModifyIndex": registered, "ModifyIndex": 7}}
    return {"Topic": "Job", "Type": type_, "Payload": payload}


@pytest.mark.parametrize("topic", ["Allocation", "Alloc", "Evaluation", "Eval", "Deployment", "Variable"])
def test_an_object_has_the_time_of_its_change(topic: str) -> None:
    assert moment(written(topic)) == NOW


def test_a_job_has_a_time_only_at_registration() -> None:
    assert moment(job()) == NOW
    assert moment(job(registered=3)) is None
    assert moment(job(type_="DeploymentStatusUpdate")) is None  # rolled back to a version that was submitted long ago


@pytest.mark.parametrize("member", ["AuthMethod", "ACLBindingRule"])
def test_an_objects_own_time_field_is_used(member: str) -> None:
    topic = "ACL" + member.removeprefix("ACL")
    now = {"ModifyTime": NEWS, "ModifyIndex": 7}
    assert moment({"Topic": topic, "Payload": {member: now}}) == NEWS_MOMENT
    assert moment({"Topic": topic, "Payload": {member: now | {"ModifyIndex": 6}}}) is None


@pytest.mark.parametrize(("topic", "member", "at"), [("ACLToken", "ACLToken", NEWS), ("HostVolume", "Volume", NOW)])
def test_an_object_without_a_modification_time_has_its_creation_time(topic: str, member: str, at: object) -> None:
    now = {"CreateTime": at, "CreateIndex": 7, "ModifyTime": NOW + MINUTE, "ModifyIndex": 7}
    assert moment({"Topic": topic, "Payload": {member: now}}) == (NEWS_MOMENT if at == NEWS else NOW)
    assert moment({"Topic": topic, "Payload": {member: now | {"CreateIndex": 6}}}) is None


@pytest.mark.parametrize("type_", ["NodeRegistration", "NodeStreamEvent", "NodeEvent", "NodeDrain", "NodeEligibility"])
def test_a_node_has_the_time_of_its_newest_own_event(type_: str) -> None:
    assert moment(node(type_, "2026-11-23T08:00:00Z", NEWS)) == NEWS_MOMENT
    assert moment(node(type_, "2026-11-23T09:49:12.987654321+01:00")) == NEWS_MOMENT


def test_a_node_has_the_time_of_a_later_status_change() -> None:
    seconds = NEWS_MOMENT // SECOND + 5
    assert moment(node("NodeRegistration", NEWS, StatusUpdatedAt=seconds)) == seconds * SECOND
    assert moment(node("NodeRegistration", StatusUpdatedAt=seconds)) == seconds * SECOND


def test_a_node_changed_by_an_allocation_has_no_time() -> None:
    assert moment(node("AllocationUpdated", NEWS)) is None


def test_an_object_not_changed_by_the_write_has_no_time() -> None:
    assert moment(written("Evaluation", index=6)) is None
    assert moment(written("Evaluation", at=NOW + MINUTE, index=6), written("Allocation")) == NOW


def test_an_object_not_changed_by_the_write_gives_a_lower_bound() -> None:
    frame = frame_of(written("Evaluation", NOW - MINUTE, index=5), written("Deployment", NOW, index=6))
    assert frame_moment(frame) is None
    assert no_earlier_than(frame) == NOW
    assert no_earlier_than(frame_of(written("Allocation", 0), {"Topic": "Service", "Payload": None})) is None


def test_all_events_of_a_write_happened_when_its_newest_object_changed() -> None:
    service = {"Topic": "Service", "Payload": {"Service": {"ID": "x"}}}
    assert moment(service, written("Evaluation", NOW - MINUTE), written("Allocation", NOW), service) == NOW


def test_times_of_nodes_are_used_last() -> None:
    """Their times have a resolution of a second."""
    assert moment(node("NodeDrain", NEWS), written("Evaluation", NEWS_MOMENT - 1)) == NEWS_MOMENT - 1


@pytest.mark.parametrize(
    "at", [None, 0, -1, "x", True, 1.5, [], {}, 1 << 63, 1 << 70, "2026-11-23T08:49:12", float("1e30")]
)
def test_an_invalid_time_is_ignored(at: object) -> None:
    assert moment(written("Allocation", at)) is None
    assert moment(job(at)) is None
    assert moment(written("Allocation", at), written("Evaluation")) == NOW


@pytest.mark.parametrize(
    "at", [None, "", "yesterday", 5, [], "2026-11-23T08:49:12", "0001-01-01T00:00:00Z", "9999-99-99T00:00:00Z"]
)
def test_a_node_event_without_a_usable_time_is_ignored(at: object) -> None:
    assert moment(node("NodeStreamEvent", NEWS, at)) is None


def test_a_frame_of_thousands_of_events_does_not_block_the_screen() -> None:
    """Only its first events are examined."""
    silent = {"Topic": "Service", "Payload": {"Service": {}}}
    assert moment(*[silent] * 5000, written("Allocation")) is None
    assert moment(written("Allocation"), *[silent] * 5000) == NOW


def test_a_frame_without_events_has_no_time() -> None:
    assert moment() is None


@pytest.mark.parametrize(("name", "share"), [("tour", 0.85), ("beta", 1.0), ("load", 1.0), ("large-job", 0.6)])
def test_recorded_frames_have_ordered_times(name: str, share: float) -> None:
    """Writes queue for up to a second on a busy server, so a frame can be that much older than the previous one."""
    frames = [frame for line in recordings.lines(name) if isinstance(frame := decode(line), Frame) and frame.events]
    moments = [moment for frame in frames if (moment := frame_moment(frame)) is not None]
    assert len(moments) >= share * len(frames)
    assert all(later - earlier > -1.5 * SECOND for earlier, later in pairwise(moments))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.datetimes().map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["ModifyTime", "ModifyIndex", "SubmitTime", "Events", "Timestamp", "StatusUpdatedAt"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(["Allocation", "Evaluation", "Deployment", "Variable", "Job", "Node", "Service", "Future"]),
    st.sampled_from(["NodeDrain", "PlanResult"]),
    st.dictionaries(st.sampled_from(["Allocation", "Job", "Node", "Metadata"]), json_values) | json_values,
)
def test_no_payload_makes_it_raise(topic: str, type_: str, payload: object) -> None:
    found = moment({"Topic": topic, "Type": type_, "Payload": payload})
    assert found is None or 0 < found < 1 << 63


def test_the_hostile_recording_does_not_make_it_raise() -> None:
    for line in recordings.lines("hostile"):
        if isinstance(frame := decode(line), Frame):
            assert frame_moment(frame) is None
