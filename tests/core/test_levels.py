"""Levels of events, object by object, in the recordings."""

import json
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from nomad_tui.core.filter import Filter, FilterError
from nomad_tui.core.history.event_row import describe_event, event_level, payload_before
from nomad_tui.core.history.history import History
from nomad_tui.core.level import Level
from nomad_tui.core.objects.registry import KINDS, level
from nomad_tui.core.search.facets import Dimension, least_level, with_least_level
from nomad_tui.core.search.view import Fold, View
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, decode
from tests import recordings

held = cache(recordings.held)


@cache
def levels(name: str) -> dict[tuple[str, str], str]:
    """Return levels by topic and sentence."""
    history = held(name)
    events = (history.event(sequence) for sequence in range(history.first, history.end))
    return {
        (event.topic, describe_event(history, event, payload_before(history, event.sequence)).text): event_level(
            history, event
        ).word
        for event in events
    }


@pytest.mark.parametrize(
    ("topic", "text", "word"),
    [
        ("Allocation", "web.frontend[0]  placed  gpu-1", "change"),
        ("Allocation", "web.frontend[0]  pending → running  gpu-1", "change"),
        ("Allocation", "web.frontend[0]  running · canary promoted  edge-1", "change"),
        ("Allocation", "web.frontend[1]  complete · stopped, exit 0 after 46 s  edge-1", "change"),
        ("Allocation", "flaky.g[0]  placed, rescheduled from 9d48d801  edge-2", "warning"),
        ("Allocation", "flaky.g[0]  failed · may be rescheduled  edge-1", "warning"),
        ("Allocation", "web.cache[1]  running → lost · node is down, replaced by deaf969e  edge-2", "failure"),
        ("Evaluation", "greedy  blocked · 3 nodes filtered: kernel.name = plan9", "warning"),
        ("Evaluation", "greedy  complete · not placed, 3 nodes filtered: kernel.name = plan9", "warning"),
        ("Job", "web  registered service · frontend 3, cache 2", "change"),
        ("Job", "web  v1 → v2  cache count 2 → 5", "change"),
        ("Job", "cron  stopped · running → dead", "change"),
        ("Job", "report  running → dead", "change"),  # a batch job that has completed
        ("Job", "flaky  running → dead", "failure"),
        ("Job", "logship  purged", "change"),
        ("Deployment", "web  started v1 · 1 canary", "change"),
        ("Deployment", "web  running · promoted, 3 of 5 healthy", "change"),
        ("Deployment", "web  running · canary 1 of 1 healthy, needs promotion", "warning"),
        ("Deployment", "flaky  running · 0 of 1 healthy, 1 unhealthy", "warning"),
        ("Deployment", "flaky  running → failed · progress deadline", "failure"),
        ("Node", "edge-1  initializing → ready", "change"),
        ("Node", "edge-1  drain started · deadline 20 s", "warning"),
        ("Node", "edge-1  drain complete · still ineligible", "change"),
        ("Node", "gpu-1  ineligible", "warning"),
        ("Node", "gpu-1  eligible", "change"),
        ("Node", "edge-2  ready → down · heartbeat missed", "failure"),
        ("NodePool", "gpu  created · GPU nodes", "change"),
        ("Variable", "secrets/app  created", "change"),
    ],
)
def test_of_a_recorded_event(topic: str, text: str, word: str) -> None:
    assert levels("tour")[topic, text] == word


def test_an_allocation_that_ran_out_of_memory_failed_though_it_restarts() -> None:
    found = {word for (_, text), word in levels("tour").items() if "running → pending" in text and "oom-killed" in text}
    assert found == {"failure"}


def test_bookkeeping_is_routine() -> None:
    quiet = [word for (_, text), word in levels("tour").items() if "unchanged" in text or "plan applied" in text]
    assert len(quiet) > 10
    assert set(quiet) == {"routine"}


def test_few_events_have_a_level_above_change() -> None:
    loud = [text for (_, text), word in levels("tour").items() if word in ("warning", "failure")]
    assert 15 < len(loud) < 40


def of(topic: str, type_: str, now: dict[str, Any], before: dict[str, Any] | None = None) -> str:
    key = KINDS[topic].payload_keys[0]
    payload, previous = (json.dumps({key: one}).encode() for one in (now, before or {}))
    return level(topic, type_, "k", payload, previous if before is not None else None).word


WRITTEN = {"CreateIndex": 1, "ModifyIndex": 2}


@pytest.mark.parametrize(
    ("topic", "type_", "now", "before", "word"),
    [
        ("Evaluation", "EvaluationUpdated", {"Status": "failed"}, {"Status": "pending"}, "failure"),
        ("Evaluation", "EvaluationUpdated", {"Status": "complete"}, {"Status": "pending"}, "routine"),
        ("Evaluation", "EvaluationUpdated", {"Status": "canceled", "FailedTGAllocs": {"g": {}}},
         {"Status": "blocked", "FailedTGAllocs": {"g": {}}}, "routine"),
        ("Allocation", "AllocationUpdated", {"ClientStatus": "unknown"}, {"ClientStatus": "running"}, "warning"),
        ("Allocation", "AllocationUpdated", {"ClientStatus": "failed"}, {"ClientStatus": "failed"}, "routine"),
        ("Allocation", "AllocationUpdated", {"PreemptedByAllocation": "a"}, {}, "warning"),
        ("Allocation", "AllocationUpdated", {"DeploymentStatus": {"Healthy": False}}, {}, "warning"),
        ("Node", "NodeRegistration", {"Drivers": {"docker": {"Healthy": False}}},
         {"Drivers": {"docker": {"Healthy": True}}}, "warning"),
        ("Node", "AllocationUpdated", {"Status": "ready", "SchedulingEligibility": "ineligible"}, None, "routine"),
        ("Service", "ServiceRegistration", {"ServiceName": "web", "CreateIndex": 2}, None, "change"),
        ("HostVolume", "HostVolumeRegistered", {"State": "unavailable"}, {"State": "ready"}, "warning"),
        ("HostVolume", "HostVolumeDeleted", {"State": "ready"}, {"State": "ready"}, "change"),
        ("CSIVolume", "CSIVolumeRegistered", {"Schedulable": False}, {"Schedulable": True}, "warning"),
        ("CSIVolume", "CSIVolumeClaim", {"Schedulable": True}, {"Schedulable": True}, "routine"),
        ("CSIPlugin", "NodeRegistration", {"NodesHealthy": 1, "NodesExpected": 2}, {"NodesHealthy": 2}, "warning"),
        ("CSIPlugin", "NodeRegistration", {"NodesHealthy": 2, "NodesExpected": 2}, {"NodesHealthy": 2}, "routine"),
        ("ACLToken", "ACLTokenUpserted", {"Name": "b"}, {"Name": "a"}, "change"),
        ("ACLRole", "ACLRoleUpserted", {"Name": "a"}, {"Name": "a", "ModifyIndex": 1}, "routine"),
        ("ACLPolicy", "ACLPolicyDeleted", {"Name": "a"}, {"Name": "a"}, "change"),
        ("ACLAuthMethod", "ACLAuthMethodUpserted", {"Name": "a", "Default": True}, {"Name": "a"}, "change"),
        ("ACLBindingRule", "ACLBindingRuleUpserted", {"Selector": "x"}, {"Selector": "x"}, "routine"),
        ("Operator", "Snapshot", {"Status": "failed"}, None, "routine"),
    ],
)  # fmt: skip
def test_of_a_write(topic: str, type_: str, now: dict[str, Any], before: dict[str, Any] | None, word: str) -> None:
    assert of(topic, type_, WRITTEN | now, before if before is None else WRITTEN | before) == word


def test_a_later_state_of_a_restarted_server_proves_nothing() -> None:
    now, before = {"ClientStatus": "running", "ModifyIndex": 5}, {"ClientStatus": "pending", "ModifyIndex": 9}
    assert of("Allocation", "AllocationUpdated", now, before) == "routine"


def test_unreadable_payloads_are_routine() -> None:
    for payload in (b"", b"{", b"[]", b'{"Allocation":7}', b"[" * 100_000):
        assert level("Allocation", "AllocationUpdated", "k", payload, payload).word == "routine"
        assert level("Future", "FutureUpdated", "k", payload, None).word == "routine"


# In filters, facets and folds


def levels_shown(view: View) -> list[Level]:
    """Return the levels of all rows and of rows folded into them, once the search is complete."""
    while view.advance(0.1):
        pass
    return [event_level(view.history, view.history.event(sequence)) for sequence in view.sequences()]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("level:failure", {Level.FAILURE}),
        ("level:fail,Warn", {Level.FAILURE, Level.WARNING}),
        ("level:=routine", {Level.ROUTINE}),
        ("level:>=warning", {Level.FAILURE, Level.WARNING}),
        ("level:>change", {Level.FAILURE, Level.WARNING}),
        ("level:<=change", {Level.ROUTINE, Level.CHANGE}),
        ("level:<change", {Level.ROUTINE}),
        ("-level:routine", {Level.FAILURE, Level.WARNING, Level.CHANGE}),
    ],
)
def test_a_filter_shows_the_events_of_the_levels_it_names(text: str, wanted: set[Level]) -> None:
    history, chosen = held("tour"), Filter.parse(text)
    everything = [event_level(history, history.event(sequence)) for sequence in range(history.end)]
    assert levels_shown(View(history, chosen)) == [one for one in everything if one in wanted]
    assert Filter.parse(str(chosen)) == chosen


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("level:fatal", "Levels are failure, warning, change and routine"),
        ("level:/f/", "is not a level"),
        ("level:>=warning,failure", ">= takes one level"),
        ("level:", "level:>=warning"),
    ],
)
def test_a_mistake_in_a_level_is_explained(text: str, part: str) -> None:
    with pytest.raises(FilterError, match=part):
        Filter.parse(text)


def test_facets_count_levels() -> None:
    view = View(held("tour"), counts_facets=True)
    while sum(view.counts(Dimension.TOPIC).values()) < view.history.held:
        view.advance(1e-6)
    assert not view.facets_complete, "levels are counted behind everything else"
    assert 0 < sum(view.counts(Dimension.LEVEL).values()) < view.history.held
    found = levels_shown(view)
    assert view.counts(Dimension.LEVEL) == {one.word: found.count(one) for one in Level}


def test_the_minimum_level_is_in_the_filter_and_replaces_the_previous_one() -> None:
    chosen = with_least_level(Filter.parse("job:web level:failure"), Level.CHANGE)
    assert str(chosen) == "job:web level:failure level:>=change"
    assert least_level(chosen) is Level.CHANGE
    assert str(with_least_level(chosen, Level.ROUTINE)) == "job:web level:failure"
    assert least_level(Filter.parse("level:<failure")) is Level.ROUTINE


def test_runs_of_routine_are_one_row_each() -> None:
    history = History()
    for line in recordings.lines("tour"):
        if isinstance(frame := decode(line), Frame):
            history.append(frame, 0)
            if frame.index == 204:
                history.append_gap(Gap(GapReason.BUFFER, 204, 205, 0), 0)
    view = View(history)
    view.show(Filter(), fold=Fold.ROUTINE)
    while view.advance(0.1):
        pass
    assert list(view.sequences()) == list(range(history.end))
    rows = [view.sequence_at(row) for row in range(len(view))]
    quiet = [
        history.gap(one) is None and event_level(history, history.event(one)) is Level.ROUTINE
        for one in range(history.end)
    ]
    for row, after in zip(rows, [*rows[1:], history.end], strict=True):
        assert view.repeats(row) == after - row - 1
        assert all(quiet[row:after]) if view.repeats(row) else True
    assert not any(quiet[one] and quiet[after] for one, after in pairwise(rows))
