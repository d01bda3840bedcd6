"""Topics and types in both dialects, and as operators type them."""

import pytest

from nomad_tui.core.objects.registry import KINDS, kind, typed_topic
from nomad_tui.core.topics import TYPES, beta_topic, released_topic, released_type
from nomad_tui.core.wire import Event, Frame, decode
from tests import recordings

RELEASED = [
    "Job",
    "Evaluation",
    "Allocation",
    "Deployment",
    "Node",
    "NodePool",
    "Service",
    "HostVolume",
    "CSIVolume",
    "CSIPlugin",
    "Variable",
    "Operator",
    "ACLToken",
    "ACLPolicy",
    "ACLRole",
    "ACLAuthMethod",
    "ACLBindingRule",
]

BETA_TOPICS = {"Alloc": "Allocation", "Eval": "Evaluation"}
BETA_TYPES = {
    "AllocCreated": "AllocationCreated",
    "AllocUpdated": "AllocationUpdated",
    "AllocUpdateDesiredStatus": "AllocationUpdateDesiredStatus",
    "EvalUpdated": "EvaluationUpdated",
    "NodeEvent": "NodeStreamEvent",
}


def events(name: str) -> list[Event]:
    return [
        event for line in recordings.lines(name) if isinstance(frame := decode(line), Frame) for event in frame.events
    ]


def test_the_picker_lists_the_17_released_topics_once_each() -> None:
    assert sorted(KINDS) == sorted(RELEASED)


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_name_is_known_and_unchanged(name: str) -> None:
    known = KINDS.get(name)
    assert known is not None
    assert known.capability
    assert released_topic(name) == name


@pytest.mark.parametrize(("beta", "released"), BETA_TOPICS.items())
def test_a_beta_topic_is_shown_by_its_released_name_and_requested_by_its_own(beta: str, released: str) -> None:
    assert released_topic(beta) == released
    assert beta_topic(released) == beta


def test_the_beta_topic_of_drains_is_shown_under_nodes() -> None:
    assert released_topic("NodeDrain") == "Node"


@pytest.mark.parametrize(("beta", "released"), BETA_TYPES.items())
def test_a_beta_type_is_shown_under_its_released_name(beta: str, released: str) -> None:
    assert released_type(beta) == released
    assert released_type(released) == released
    assert released in TYPES


@pytest.mark.parametrize("name", ["Job", "Deployment", "Node", "FutureTopic", "", "*", "[red]", "job"])
def test_names_of_both_dialects_or_neither_are_unchanged(name: str) -> None:
    assert released_topic(name) == beta_topic(name) == name
    assert released_type(name) == name


@pytest.mark.parametrize("name", [*RELEASED, "NodeDrain", "*", "Bogus", "bogus"])
def test_a_topic_may_be_typed_in_any_case(name: str) -> None:
    for typed in (name, name.lower(), name.upper(), name.swapcase()) if name not in ("Bogus", "bogus") else (name,):
        assert typed_topic(typed) == name


@pytest.mark.parametrize(("beta", "released"), BETA_TOPICS.items())
def test_a_beta_topic_may_be_typed_in_any_case(beta: str, released: str) -> None:
    assert {typed_topic(typed) for typed in (beta, beta.lower(), beta.upper())} == {released}


@pytest.mark.parametrize("name", ["tour", "beta", "load", "large-job"])
def test_every_recorded_topic_and_type_is_in_the_tables_after_translation(name: str) -> None:
    recorded = events(name)
    assert recorded
    assert {released_topic(event.topic) for event in recorded} <= set(RELEASED)
    assert {released_type(event.type) for event in recorded} <= set(TYPES)


@pytest.mark.parametrize("name", ["tour", "beta", "load", "large-job"])
def test_the_object_of_a_recorded_event_is_where_the_table_says(name: str) -> None:
    """Except for the specification's own sample in `beta`, which servers do not send."""
    for event in events(name):
        documented = next(iter(kind(released_topic(event.topic)).payload_keys))
        payload = bytes(event.payload)
        assert b'"%b":' % documented.encode() in payload or name == "beta", (event.topic, payload[:80])


def test_the_object_of_an_unknown_topic_is_expected_under_its_name() -> None:
    assert list(kind("FutureTopic").payload_keys) == ["FutureTopic"]
    assert list(kind("ACLAuthMethod").payload_keys) == ["AuthMethod", "ACLAuthMethod"]
    assert list(kind("Operator").payload_keys) == ["Operator"]
