"""Relations between objects: from envelopes at once, from payloads on demand, and evicted with their events."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_tui.core.history.derived import Derived
from nomad_tui.core.history.dictionaries import ObjectKey, parent_by_name
from nomad_tui.core.history.history import History
from nomad_tui.core.history.related import Names, Related
from nomad_tui.core.wire import Frame, decode
from tests.core.test_history import frame
from tests.recordings import held

NODES = {"edge-1": "d7d7a09d-5db6-5c6c-c529-9c0c533e29b7", "edge-2": "1014b580-2a33-f1bb-0618-04e69c7def54"}


def keys_of_job(history: History, job: str, namespace: str = "default") -> dict[ObjectKey, None]:
    return dict.fromkeys(subject.of.key for subject in history.of_job(namespace, job))


def an_event(topic: str, key: str, *filter_keys: str, **payload: Any) -> Frame:
    event = {"Topic": topic, "Key": key, "Namespace": "default", "FilterKeys": filter_keys, "Payload": payload}
    decoded = decode(json.dumps({"Index": 1, "Events": [event]}).encode())
    assert isinstance(decoded, Frame)
    return decoded


def test_the_newest_event_of_an_object_leads_to_all_its_earlier_ones() -> None:
    history = held("tour")
    at = history.newest("Deployment", "default", "7dfd78cc-cf28-39df-3dab-17587777b6db")
    chain = []
    while at is not None:
        chain.append(at)
        at = history.previous(at)
    assert chain == [244, 224, 215, 156, 91]
    assert history.newest("Deployment", "payments", "7dfd78cc-cf28-39df-3dab-17587777b6db") is None


def test_both_dialects_name_the_same_objects() -> None:
    beta = held("beta")
    allocation = "c59abe9a-24c7-671a-c063-1374be2a1383"
    assert beta.newest("Allocation", "default", allocation) is not None
    assert beta.newest("Alloc", "default", allocation) is None
    assert ("Allocation", "default", allocation) in keys_of_job(beta, "web")


@pytest.mark.parametrize("name", ["tour", "beta"])
def test_a_job_lists_exactly_what_a_full_search_finds(name: str) -> None:
    history = held(name)
    expected: dict[tuple[str, str], dict[ObjectKey, None]] = {}
    for sequence in range(history.first, history.end):
        event = history.event(sequence)
        if event.job:
            key = (event.topic, event.namespace, event.key)
            expected.setdefault((event.namespace, event.job), {})[key] = None
    assert len(expected) > 1
    for (namespace, job), keys in expected.items():
        assert list(keys_of_job(history, job, namespace)) == list(keys)


def test_jobs_that_were_dispatched_or_launched_are_their_parents_children() -> None:
    history = held("tour")
    assert history.children("default", "encode") == [
        "encode/dispatch-1795423766-c233636f",
        "encode/dispatch-1795423766-0838a49f",
    ]
    assert history.children("default", "cron") == ["cron/periodic-1795423775", "cron/periodic-1795423780"]
    assert history.children("payments", "cron") == []
    assert parent_by_name("a/b/dispatch-1-2") == "a/b"
    assert parent_by_name("/dispatch-1-2") == ""
    assert Related(history).parent_of("default", "cron/periodic-1795423775") == "cron"


def test_a_job_with_only_the_name_of_a_child_has_no_parent() -> None:
    history = History()
    history.append(an_event("Job", "a/dispatch-b", Job={"ID": "a/dispatch-b", "ParentID": "", "ModifyIndex": 5}), 1)
    assert Related(history).parent_of("default", "a/dispatch-b") == ""


steps = st.lists(
    st.tuples(
        st.sampled_from(["Allocation", "Alloc", "Evaluation", "Deployment", "Service"]),
        st.sampled_from("abcdef"),
        st.sampled_from(["web", "web/dispatch-1", "web/periodic-2", "api"]),
    )
    | st.tuples(st.just("Job"), st.sampled_from(["web", "web/dispatch-1", "api"])),
    max_size=120,
)


@given(steps)
def test_evicted_events_are_removed_from_the_index(events: list[tuple[str, str]]) -> None:
    history = History(max_events=32)
    for index, event in enumerate(events, 1):
        history.append(frame(index, event), 1)
    expected: dict[str, set[ObjectKey]] = {}
    for sequence in range(history.first, history.end):
        one = history.event(sequence)
        expected.setdefault(one.job, set()).add((one.topic, one.namespace, one.key))
    for job in ("web", "web/dispatch-1", "web/periodic-2", "api"):
        assert {subject.of.key for subject in history.of_job("", job)} == expected.get(job, set())
    assert set(history.children("", "web")) == {job for job in expected if "/" in job}
    assert not list(history.children("", "api"))


def test_an_allocation_has_its_causes_and_effects() -> None:
    related = Related(held("tour"))
    key = ("Allocation", "default", "9d48d801-2199-a6df-5288-0ab55347fcaa")
    assert [(topic, id_[:8]) for topic, _, id_ in related.causes_of(key)] == [
        ("Evaluation", "eaea2c03"),
        ("Deployment", "7dfd78cc"),
    ]
    assert [(topic, id_[:8]) for topic, _, id_ in related.effects_of(key)] == [
        ("Allocation", "cc73679a"),
        ("Evaluation", "5704a3c0"),
    ]
    blocked = ("Evaluation", "default", "cff3e7cf-a846-9f4f-4e49-f9dead26796d")
    assert [id_[:8] for _, _, id_ in related.causes_of(blocked)] == ["7fc4d11f"]
    assert list(related.causes_of(("Evaluation", "default", "nobody"))) == []


def test_links_are_read_once_until_a_new_event_arrives() -> None:
    history = History()
    related = Related(history)
    for status in ("pending", "running"):
        history.append(an_event("Allocation", "a", "web", Allocation={"ClientStatus": status}), 1)
        links = related.links(("Allocation", "default", "a"))
        assert links is not None
        assert links.state == status
        assert related.links(("Allocation", "default", "a")) is links


def test_links_that_are_kept_are_bounded() -> None:
    history = History()
    related = Related(history, most_kept=10)
    links = []
    for number in range(50):
        history.append(an_event("Allocation", str(number), "web", Allocation={"ClientStatus": "running"}), 1)
        links.append(related.links(("Allocation", "default", str(number))))
    assert related.links(("Allocation", "default", "40")) is links[40]
    assert related.links(("Allocation", "default", "39")) is not links[39]


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("prepared", [False, True])
def test_everything_on_a_node_is_found_newest_first(node: str, prepared: bool) -> None:
    history = held("tour")
    if prepared:
        derived = Derived(history)
        for segment in history.segments():
            for _ in derived.facts(segment, len(segment)):
                pass
    expected = []
    for sequence in range(history.end - 1, -1, -1):
        event = history.event(sequence)
        if event.topic in ("Allocation", "Evaluation"):
            payload = json.loads(event.payload)[event.topic]
            newest = history.newest(event.topic, event.namespace, event.key)
            if newest == sequence and payload.get("NodeID") == NODES[node]:
                expected.append((event.topic, event.namespace, event.key))
    assert len(expected) > 10
    assert [key for key in Related(history).on_node(NODES[node]) if key is not None] == expected


@pytest.mark.parametrize("name", ["hostile", "beta", "large-job"])
def test_any_payload_has_links(name: str) -> None:
    history = held(name)
    related, names = Related(history), Names(history)
    for sequence in range(history.first, history.end):
        event = history.event(sequence)
        key = (event.topic, event.namespace, event.key)
        assert names.name(event.topic, event.key, event.namespace).isprintable()
        list(related.causes_of(key))
        list(related.effects_of(key))
        assert isinstance(related.job_of(key), str)
    assert list(related.on_node("nowhere"))


# Names


def test_ids_are_shown_as_names() -> None:
    names = Names(held("tour"))
    assert names.name("Node", NODES["edge-1"]) == "edge-1"
    assert names.name("Allocation", "c59abe9a-24c7-671a-c063-1374be2a1383", "default") == "web.frontend[0]"
    assert names.name("Job", "ledger", "payments") == "ledger"
    assert names.name("Job", "web") == "web"
    assert names.name("Job", "ledger", "default") == ""
    assert names.name("Variable", "secrets/app", "default") == ""
    assert names.name("Node", "") == ""


def test_a_deployment_is_named_by_its_job_and_version() -> None:
    history = History()
    history.append(an_event("Deployment", "d", "web", Deployment={"JobID": "web", "JobVersion": 3}), 1)
    assert Names(history).name("Deployment", "d") == "web v3"


def test_a_name_follows_the_newest_event() -> None:
    history = History()
    names = Names(history)
    for name in ("old", "new"):
        history.append(an_event("Job", "web", Job={"ID": "web", "Name": name}), 1)
        assert names.name("Job", "web", "default") == name


def test_a_node_seen_only_in_allocations_has_its_name_too() -> None:
    history = History()
    history.append(
        an_event("Allocation", "a", "web", Allocation={"NodeID": "n", "NodeName": "edge-9\x1b", "ClientStatus": "x"}), 1
    )
    segment = history.segments()[0]
    for _ in Derived(history).facts(segment, len(segment)):
        pass
    assert Names(history).name("Node", "n") == "edge-9␛"
