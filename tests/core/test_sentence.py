"""The sentence of each row: the operator's description of an event."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_tui.core.objects.parts import HAPPENED_LIMIT, SUBJECT_LIMIT, Beside, Part, Role, Sentence, words
from nomad_tui.core.objects.registry import KINDS, describe, kind
from nomad_tui.core.readable import age, byte_count, count, duration
from nomad_tui.core.text import printable
from nomad_tui.core.topics import TYPES, released_topic, released_type
from nomad_tui.core.wire import Frame, decode
from tests.recordings import lines


@dataclass(frozen=True, slots=True)
class Event:
    index: int
    topic: str
    type_: str
    key: str
    payload: bytes
    previous: bytes | None
    frame: Frame | None = None
    namespace: str = ""

    @property
    def sentence(self) -> Sentence:
        return describe(
            self.topic, self.type_, self.key, self.payload, self.previous, Beside(self.frame, self.namespace)
        )


@cache
def recorded(name: str, step: int = 1) -> list[Event]:
    """The events of a recording, every `step`th, each with the payload of its object's previous event."""
    return list(_events(name))[::step]


class _Event(msgspec.Struct):
    topic: str = msgspec.field(name="Topic")
    type_: str = msgspec.field(name="Type")
    key: str = msgspec.field(name="Key")
    index: int = msgspec.field(name="Index")
    namespace: str = msgspec.field(name="Namespace", default="")
    payload: msgspec.Raw = msgspec.field(name="Payload", default=msgspec.Raw(b"null"))


class _Frame(msgspec.Struct):
    events: list[_Event] | None = msgspec.field(name="Events", default=None)


def _events(name: str) -> Iterator[Event]:
    last: dict[tuple[str, str, str], bytes] = {}
    for line in lines(name):
        try:
            frame = msgspec.json.decode(line, type=_Frame)
        except (ValueError, RecursionError):
            continue  # `hostile` has lines that are not frames, and a recording can end with a truncated line.
        decoded = decode(line)
        whole = decoded if isinstance(decoded, Frame) else None
        for event in frame.events or ():
            topic, payload = released_topic(event.topic), bytes(event.payload)
            identity = (topic, event.namespace, event.key)
            type_ = released_type(event.type_)
            previous = last.get(identity)
            yield Event(event.index, topic, type_, event.key, payload, previous, whole, event.namespace)
            last[identity] = payload


def _is_printable(sentence: Sentence) -> bool:
    texts = [part.text for part in (*sentence.subject, *sentence.happened)]
    return all(printable(text) == text for text in (*texts, sentence.place, sentence.status))


def _is_sound(sentence: Sentence) -> bool:
    return (
        _is_printable(sentence)
        and bool("".join(part.text for part in sentence.subject))
        and bool(sentence.what)
        and len("".join(part.text for part in sentence.subject)) <= SUBJECT_LIMIT
        and len(sentence.what) <= HAPPENED_LIMIT
    )


@pytest.mark.parametrize(("name", "step"), [("tour", 1), ("beta", 1), ("load", 7), ("large-job", 1)])
def test_every_recorded_event_says_more_than_its_type(name: str, step: int) -> None:
    for event in recorded(name, step):
        sentence = event.sentence
        assert _is_sound(sentence)
        assert sentence.what not in (event.type_, words(event.type_)), event


@pytest.mark.parametrize(("name", "step"), [("tour", 1), ("load", 7)])
def test_without_the_previous_event_no_transition_is_claimed(name: str, step: int) -> None:
    for event in recorded(name, step):
        alone = describe(event.topic, event.type_, event.key, event.payload, None)
        assert _is_sound(alone)
        assert "→" not in alone.text


TOUR = [
    # A node joins; later events, caused by allocations of its client, do not change the node itself.
    (8, "Node", "edge-1  registered · initializing · class edge, pool default, in dc1"),
    (9, "Node", "edge-1  initializing → ready"),
    (27, "Node", "edge-1  ready · reported 2 allocations"),
    # A job is registered, placed and started, and its deployment succeeds.
    (20, "Job", "web  registered service · frontend 3, cache 2"),
    (20, "Evaluation", "web  pending · job-register"),
    (21, "Evaluation", "web  pending · plan applied, 5 placed"),
    (22, "Evaluation", "web  complete · job-register, place 5"),
    (21, "Allocation", "web.frontend[1]  placed  edge-1"),
    (27, "Allocation", "web.frontend[1]  pending → running  edge-1"),
    (32, "Allocation", "web.frontend[0]  running · healthy  gpu-1"),
    (33, "Allocation", "logship.g[0]  pending · task t received by the client  edge-1"),
    (89, "Allocation", "ledger.frontend[0]  running · task server started  edge-2"),
    (21, "Deployment", "web  started v0 · 0 of 5 healthy"),
    (33, "Deployment", "web  running · 3 of 5 healthy"),
    (39, "Deployment", "web  running → successful · 5 of 5 healthy"),
    (39, "Job", "web  running · version 0 is stable"),
    # A batch job completes.
    (47, "Allocation", "report.g[1]  complete · exit 0 in 2.9 s  edge-2"),
    (49, "Job", "report  running → dead"),
    # A task crashes, is restarted according to its policy, fails, and is rescheduled.
    (63, "Allocation", "flaky.g[0]  pending → running · restart 1  edge-1"),
    (80, "Deployment", "flaky  running · 0 of 1 healthy, 1 unhealthy"),
    (80, "Evaluation", "flaky  pending · alloc-failure"),
    (93, "Evaluation", "flaky  pending · alloc-reschedule, retry in 3.5 s"),
    (94, "Allocation", "flaky.g[0]  failed · to be rescheduled later, evaluation 5704a3c0  edge-1"),
    (104, "Allocation", "flaky.g[0]  placed, rescheduled from 9d48d801  edge-2"),
    (104, "Allocation", "flaky.g[0]  desired run → stop, replaced by cc73679a  edge-1"),
    (109, "Deployment", "flaky  running → failed · progress deadline"),
    # No node satisfies a constraint.
    (54, "Evaluation", "greedy  blocked · 3 nodes filtered: kernel.name = plan9"),
    (56, "Evaluation", "greedy  complete · not placed, 3 nodes filtered: kernel.name = plan9"),
    # Dispatch and cron.
    (57, "Job", "encode  registered batch · waiting for dispatch"),
    (68, "Job", "encode/dispatch-1795423766-c233636f  dispatched from encode"),
    (107, "Job", "cron  registered batch · periodic */5 * * * * * *"),
    (112, "Job", "cron/periodic-1795423775  launched by cron"),
    (124, "Job", "cron  stopped · running → dead"),
    # Eligibility, set manually.
    (125, "Node", "gpu-1  ineligible"),
    (126, "Node", "gpu-1  eligible"),
    # A new version has a canary and is promoted manually.
    (134, "Job", "web  v0 → v1  server env.VERSION changed, frontend services.web.tags v1 → v2"),
    (135, "Allocation", "web.frontend[0]  placed · canary  edge-1"),
    (135, "Allocation", "web.cache[0]  running · updated in place, deployment 0e81259d  edge-1"),
    (135, "Deployment", "web  started v1 · 1 canary"),
    (136, "Evaluation", "web  complete · job-register, canary 1, update in place 2"),
    (139, "Allocation", "web.frontend[0]  running · canary healthy  edge-1"),
    (139, "Deployment", "web  running · canary 1 of 1 healthy, needs promotion"),
    (143, "Deployment", "web  running · promoted, 3 of 5 healthy"),
    (143, "Allocation", "web.frontend[0]  running · canary promoted  edge-1"),
    (149, "Allocation", "web.frontend[1]  complete · stopped, exit 0 after 46 s  edge-1"),
    (166, "Job", "web  v1 → v2  cache count 2 → 5"),
    (265, "Job", "web  v2 → v3  cache count 5 → 2, server env.VERSION changed +1 more"),
    # A node is drained.
    (183, "Node", "edge-1  drain started · deadline 20 s"),
    (184, "Allocation", "web.cache[0]  running · to be stopped and replaced (node drain)  edge-1"),
    (185, "Allocation", "web.cache[0]  placed, replaces 36e006c4  edge-2"),
    (185, "Allocation", "web.cache[0]  desired run → stop · being migrated, replaced by 0f2f13ef  edge-1"),
    (193, "Allocation", "ledger.cache[1]  running · task redis killed  edge-1"),
    (206, "Node", "edge-1  drain complete · still ineligible"),
    (211, "Node", "edge-1  eligible"),
    # A node is lost and returns.
    (225, "Node", "edge-2  ready → down · heartbeat missed"),
    (227, "Allocation", "web.cache[1]  running → lost · node is down, replaced by deaf969e  edge-2"),
    (227, "Allocation", "web.cache[3]  complete · unchanged  edge-1"),
    (243, "Node", "edge-2  down · attribute os.signals changed"),
    (246, "Node", "edge-2  down → ready · reregistered by heartbeat"),
    (258, "Allocation", "web.cache[1]  lost → running · reconnected, to be stopped  edge-2"),
    (259, "Allocation", "web.cache[0]  lost → complete · stopped, exit 0 after 1 m 13 s  edge-2"),
    # Services, a variable, a node pool, a purge.
    (23, "Service", "web  registered 192.0.2.2:28002 v1 · job web in default"),
    (147, "Service", "web  deregistered 192.0.2.2:29483 v1 · job web in default"),
    (132, "Variable", "secrets/app  created"),
    (133, "Variable", "secrets/app  updated"),
    (19, "NodePool", "gpu  created · GPU nodes"),
    (219, "Job", "logship  purged"),
]


@pytest.mark.parametrize(("index", "topic", "text"), TOUR, ids=[f"{i}-{t}" for i, t, _ in TOUR])
def test_the_tour_reads_as_an_operator_would_describe_it(index: int, topic: str, text: str) -> None:
    events = [event for event in recorded("tour") if (event.index, event.topic) == (index, topic)]
    assert text in [event.sentence.text for event in events]


def test_escape_sequences_and_markup_in_a_message_are_text() -> None:
    phrases = {event.sentence.what for event in recorded("markup") if (event.index, event.topic) == (80, "Allocation")}
    assert phrases == {"failed · task crash exit 137 · oom-killed ␛[31mRED␛[0m [bold]markup[/bold], restarts 2 of 2"}


def test_a_failed_allocation_shows_task_exit_message_and_restarts() -> None:
    [event] = [event for event in recorded("tour") if (event.index, event.topic) == (80, "Allocation")]
    sentence = event.sentence
    assert sentence.what == "failed · task crash exit 137 · oom-killed, restarts 2 of 2"
    assert sentence.subject == (Part("flaky.g", Role.OBJECT), Part("[0]", Role.DIM))
    assert [part.text for part in sentence.happened if part.role is Role.BAD] == ["failed", "exit 137", "oom-killed"]
    assert (sentence.status, sentence.place) == ("failed", "edge-1")


def test_the_beta_dialect_reads_the_same() -> None:
    tour = {event.sentence.text for event in recorded("tour")}
    beta = [event.sentence.text for event in recorded("beta")]
    assert [text for text in beta if text not in tour] == ["nomad-4  registered · initializing · in dc1"]


def test_hostile_events_have_a_printable_sentence() -> None:
    events = recorded("hostile")
    assert len(events) > 20
    for event in events:
        for payload, previous in ((event.payload, event.previous), (event.payload[:-40], event.payload)):
            assert _is_sound(describe(event.topic, event.type_, event.key, payload, previous))


def _described(topic: str, type_: str, now: dict[str, Any], before: dict[str, Any] | None = None) -> str:
    key = next(iter(kind(topic).payload_keys))
    previous = None if before is None else json.dumps({key: before}).encode()
    return describe(topic, type_, "the-key", json.dumps({key: now}).encode(), previous).text


UNREADABLE = [
    b"",
    b"null",
    b"[1,2]",
    b'{"Allocation":"not an object"}',
    b'{"Allocation":{"ClientStatus":"run',
    b'{"Allocation":{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}}",
    b'{"Allocation":{"ClientStatus":NaN}}',
    b'{"Allocation":{"CreateTime":NaN}}',
    b'{"Allocation":' + b"9" * 6_000 + b"}",
    b'{"Long":"' + b"A" * 3_000_000 + b'"}',
]


@pytest.mark.parametrize("payload", UNREADABLE, ids=range(len(UNREADABLE)))
def test_an_unreadable_payload_leaves_the_type_in_words_and_the_key(payload: bytes) -> None:
    sentence = describe("Allocation", "PlanResult", "c59abe9a-24c7-671a-c063-1374be2a1383", payload, payload)
    assert sentence.text.startswith("c59abe9a  plan result")


@pytest.mark.parametrize("topic", ["Job", "Service", "Allocation"])
def test_no_depth_of_nesting_raises(topic: str) -> None:
    def nested(depth: int, version: int) -> bytes:
        inside = b'{"a":' * depth + b"%d" % version + b"}" * depth
        fields = b'{"Version":%d,"Meta":%s,"TaskStates":%s,"Name":7}' % (version, inside, inside)
        return b'{"%s":%s}' % (topic.encode(), fields)

    for depth in range(600, 1_000, 3):
        sentence = describe(topic, "ServiceRegistration", "k", nested(depth, 2), nested(depth, 1))
        assert _is_sound(sentence)


def test_one_odd_value_does_not_hide_the_rest() -> None:
    now = {"Name": "a.b[0]", "ClientStatus": "running", "NodeName": 7, "TaskStates": {"t": "?"}, "CreateIndex": 1e400}
    payload = json.dumps({"Allocation": now}).replace("Infinity", "[]").encode()
    assert describe("Allocation", "AllocationUpdated", "k", payload, None).text == "a.b[0]  running"
    broken = payload.replace(b"a.b", b"a\xc3(")
    assert describe("Allocation", "AllocationUpdated", "k", broken, None).text == "a�([0]  running"


def test_an_older_event_sent_again_is_not_a_reversal() -> None:
    later = {"ID": "web", "Status": "dead", "Version": 3, "CreateIndex": 1, "ModifyIndex": 90}
    again = {"ID": "web", "Status": "running", "Version": 2, "CreateIndex": 1, "ModifyIndex": 50}
    assert _described("Job", "PlanResult", again, later) == "web  running"


def test_a_job_registered_under_a_purged_name_is_new() -> None:
    purged = json.dumps({"Job": {"ID": "web", "Status": "dead", "CreateIndex": 1}, "Deleted": True}).encode()
    new = {"ID": "web", "Type": "batch", "Status": "pending", "CreateIndex": 9, "JobModifyIndex": 9, "ModifyIndex": 9}
    payload = json.dumps({"Job": new}).encode()
    assert describe("Job", "JobRegistered", "web", payload, purged).text == "web  registered batch"


def _job(version: int, task: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    tasks = [{"Name": "server", **(task or {})}]
    group = {"Name": "g", "Count": 1, "Tasks": tasks}
    return {"ID": "web", "Status": "running", "Version": version, "TaskGroups": [group], **fields}


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (
            _job(1, {"Config": {"image": "nginx:1.25"}}),
            _job(2, {"Config": {"image": "nginx:1.27"}}),
            "image nginx:1.25 → nginx:1.27",
        ),
        (_job(1, {"Env": None}), _job(2, {"Env": {"DEBUG": "1"}}), "env.DEBUG added"),
        (
            _job(1, {"Env": {"DB_PASSWORD": "a"}}),
            _job(2, {"Env": {"DB_PASSWORD": "b"}}),
            "env.DB_PASSWORD changed",
        ),
        (
            _job(1, {"Env": {"URL": "x"}}),
            _job(2, {"Env": {"URL": "postgres://me:pw@db"}}),
            "env.URL changed",
        ),
        (_job(1, {"Env": {"SIZE": "1"}}), _job(2, {"Env": {"SIZE": "2"}}), "env.SIZE changed"),
        (
            _job(1, {"Config": {"version": "1", "api_key": "a"}}),
            _job(2, {"Config": {"version": "2", "api_key": "b"}}),
            "api_key changed, version 1 → 2",
        ),
        (_job(1, {"Config": None}), _job(2, {"Config": {"auth": {"password": "a"}}}), "auth added"),
        (_job(1, Datacenters=["a", "b"]), _job(2, Datacenters=["a", "c", "d"]), "datacenters a,b → a,c,d"),
        (
            _job(1, Spreads=[{"Attribute": "x", "Weight": 1}, {"Attribute": "y"}]),
            _job(2, Spreads=[{"Attribute": "y"}, {"Attribute": "x", "Weight": 1}]),
            "spreads[1] moved",
        ),
        (_job(1, Priority=50), _job(2, Priority=70, Meta={}), "priority 50 → 70"),
        (
            _job(1, {"KillTimeout": 5_000_000_000}),
            _job(2, {"KillTimeout": 30_000_000_000}),
            "kill_timeout 5 s → 30 s",
        ),
        (
            _job(1, {"Resources": {"MemoryMB": 256, "CPU": 100}}),
            _job(2, {"Resources": {"MemoryMB": 512, "CPU": 200}}),
            "cpu 100 → 200, memory_mb 256 → 512",
        ),
        (_job(1), _job(2, TaskGroups=[]), "group g removed"),
        (_job(1), _job(2), "same specification"),
        (_job(1, Stop=True), _job(2, Priority=1), "started again, priority added"),
    ],
)
def test_a_new_version_of_a_job_shows_what_changed(before: dict[str, Any], after: dict[str, Any], text: str) -> None:
    assert _described("Job", "JobRegistered", after, before) == f"web  v1 → v2  {text}"


TASK = {"State": "dead", "Failed": True, "Restarts": 0}


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            {"Type": "Terminated", "ExitCode": 137, "Signal": 9, "Details": {"oom_killed": "true"}},
            "failed · task t exit 137 signal 9 · oom-killed",
        ),
        (
            {"Type": "Driver Failure", "DisplayMessage": "Failed to pull `x`: not found"},
            "failed · task t driver failure · failed to pull `x`: not found",
        ),
    ],
)
def test_a_failure_names_its_cause(event: dict[str, Any], text: str) -> None:
    now = {"Name": "a.g[0]", "ClientStatus": "failed", "TaskStates": {"t": TASK | {"Events": [event | {"Time": 1}]}}}
    assert _described("Allocation", "AllocationUpdated", now) == f"a.g[0]  {text}"


def test_an_allocation_that_fails_before_its_tasks_shows_why() -> None:
    why = 'failed to setup alloc: pre-run hook "network" failed'
    now = {"Name": "a.g[0]", "ClientStatus": "failed", "ClientDescription": why}
    assert _described("Allocation", "AllocationUpdated", now) == f"a.g[0]  failed · {why}"


def test_a_disconnected_client_makes_an_allocation_unknown_until_it_is_back() -> None:
    away = "alloc is unknown since its node is disconnected"
    running = {"Name": "a.g[0]", "ClientStatus": "running", "DesiredStatus": "run"}
    tasks = {"t": TASK | {"Events": [{"Type": "Started", "Time": 1}]}}
    unknown = running | {"ClientStatus": "unknown", "ClientDescription": away, "TaskStates": tasks}
    shown = _described("Allocation", "PlanResult", unknown, running)
    assert shown == "a.g[0]  running → unknown · node is disconnected"
    assert _described("Allocation", "PlanResult", unknown) == "a.g[0]  unknown · node is disconnected"
    assert _described("Allocation", "AllocationUpdated", running, unknown) == "a.g[0]  unknown → running · reconnected"


def test_an_unhealthy_allocation_shows_why_even_if_its_task_restarts() -> None:
    """As Nomad 1.6.5 sends it."""
    why = "Task not running for min_healthy_time of 3s by healthy_deadline of 8s"
    now = {"Name": "a.g[0]", "ClientStatus": "running", "DeploymentStatus": {"Healthy": False}}
    states = {"t": TASK | {"Events": [{"Type": "Alloc Unhealthy", "Time": 1, "DisplayMessage": why}]}}
    before = now | {"DeploymentStatus": None}
    shown = _described("Allocation", "AllocationUpdated", now | {"TaskStates": states}, before)
    assert shown == "a.g[0]  running · unhealthy · task" + why.removeprefix("Task")
    assert _described("Allocation", "AllocationUpdated", now | {"ClientStatus": "pending"}, before).endswith(
        "a.g[0]  running → pending · unhealthy"
    )


@pytest.mark.parametrize(("number", "words"), [(1, "1 canary"), (2, "2 canaries")])
def test_a_deployment_begins_with_its_canaries(number: int, words: str) -> None:
    groups = {"g": {"DesiredCanaries": number, "DesiredTotal": 3}}
    now = {"JobID": "a", "JobVersion": 1, "Status": "running", "TaskGroups": groups, "CreateIndex": 5, "ModifyIndex": 5}
    assert _described("Deployment", "PlanResult", now) == f"a  started v1 · {words}"


@pytest.mark.parametrize("after", [[], [{"Type": "Terminated", "Time": 3, "ExitCode": 137, "Signal": 9}]])
def test_a_task_that_its_client_fails_shows_why(after: list[dict[str, Any]]) -> None:
    """As Nomad 1.6.5 writes it for a template; a Vault token does the same while the task runs."""
    killed = {"Type": "Killing", "Time": 2, "DisplayMessage": "Template failed: x", "Details": {"fails_task": "true"}}
    states = {"t": TASK | {"Failed": True, "Events": [{"Type": "Started", "Time": 1}, killed, *after]}}
    now = {"Name": "a.g[0]", "ClientStatus": "failed", "TaskStates": states}
    assert _described("Allocation", "AllocationUpdated", now) == "a.g[0]  failed · task t killed · template failed: x"


def test_the_task_that_ended_last_of_several_is_named() -> None:
    ends = {name: TASK | {"Events": [{"Type": "Terminated", "Time": at}]} for name, at in (("main", 1), ("post", 2))}
    now = {"Name": "a.g[0]", "ClientStatus": "complete", "TaskStates": ends}
    assert _described("Allocation", "AllocationUpdated", now) == "a.g[0]  complete · task post exit 0"


def test_a_drivers_message_is_shown_without_grpcs_prefix() -> None:
    why = 'failed to launch: rpc error: code = Unknown desc = binary "x" could not be found'
    states = {"t": TASK | {"Events": [{"Type": "Driver Failure", "Time": 1, "DisplayMessage": why}]}}
    now = {"Name": "a.g[0]", "ClientStatus": "failed", "TaskStates": states}
    shown = _described("Allocation", "AllocationUpdated", now)
    assert shown == 'a.g[0]  failed · task t driver failure · failed to launch: binary "x" could not be found'


def test_a_canceled_evaluation_shows_why_it_was_canceled_not_what_blocked_it() -> None:
    metrics = {"g": METRIC | {"NodesExhausted": 4, "DimensionExhausted": {"memory": 4}}}
    why = 'evaluation "1f14b65f-8ce9-9120-2ebe-88308900fd43" successful'
    now = {"JobID": "web", "Status": "canceled", "FailedTGAllocs": metrics, "StatusDescription": why}
    shown = _described("Evaluation", "EvaluationUpdated", now)
    assert shown == 'web  canceled · evaluation "1f14b65f" successful'


METRIC = {"NodesEvaluated": 4, "NodesAvailable": {"dc1": 4}}


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ({"NodesExhausted": 4, "DimensionExhausted": {"memory": 4}}, "4 nodes exhausted: memory"),
        (
            {"NodesExhausted": 1, "NodesFiltered": 3, "ConstraintFiltered": {"${node.class} = gpu": 3}},
            "1 node exhausted, 3 nodes filtered: node.class = gpu",
        ),
        ({"NodesEvaluated": 0, "NodesAvailable": {"dc1": 0}}, "no nodes available"),
        ({"NodesInPool": 0, "NodePool": "gpu"}, "no nodes in pool gpu"),
        (
            {"QuotaExhausted": ["memory exhausted (8 needed > 4 limit)"]},
            "quota exhausted: memory exhausted (8 needed > 4 limit)",
        ),
        ({"NodesFiltered": 4, "CoalescedFailures": 9}, "4 nodes filtered, same for 9 more"),
    ],
)
def test_a_blocked_evaluation_names_the_obstacle(metric: dict[str, Any], text: str) -> None:
    now = {"JobID": "web", "Status": "blocked", "FailedTGAllocs": {"g": METRIC | metric}}
    assert _described("Evaluation", "EvaluationUpdated", now) == f"web  blocked · {text}"


def _node(**fields: Any) -> dict[str, Any]:
    return {"Name": "edge-1", "Status": "ready", "SchedulingEligibility": "eligible", "CreateIndex": 1} | fields


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (_node(), _node(Drain=True, SchedulingEligibility="ineligible"), "drain started"),
        (
            _node(),
            _node(Drain=True, DrainStrategy={"Deadline": -1}),
            "drain started · forced",
        ),
        (
            _node(Drain=True, SchedulingEligibility="ineligible"),
            _node(LastDrain={"Status": "canceled"}),
            "drain canceled · eligible",
        ),
        (
            _node(Drivers={"docker": {"Healthy": True}}),
            _node(Drivers={"docker": {"Healthy": False, "HealthDescription": "Failed to connect."}}),
            "ready · driver docker unhealthy, failed to connect",
        ),
        (None, _node(SchedulingEligibility="ineligible"), "ready · ineligible"),
        (None, _node(DrainStrategy={"Deadline": 3_600_000_000_000}), "ready · draining · deadline 1 h"),
    ],
)
def test_a_node_shows_drain_eligibility_and_drivers(
    before: dict[str, Any] | None, after: dict[str, Any], text: str
) -> None:
    assert _described("Node", "NodeDrain", after, before) == f"edge-1  {text}"


@pytest.mark.parametrize(
    ("topic", "type_", "now", "text"),
    [
        (
            "HostVolume",
            "HostVolumeRegistered",
            {"Name": "data", "State": "ready", "PluginID": "mkdir", "CapacityBytes": 5_000_000_000},
            "data  registered · ready · mkdir, 5 GB",
        ),
        (
            "CSIVolume",
            "CSIVolumeClaim",
            {"ID": "db", "PluginID": "ebs", "WriteAllocs": {"a": None}, "ReadAllocs": {"b": 1, "c": 1}},
            "db  claims changed · 1 writer, 2 readers · ebs",
        ),
        (
            "CSIPlugin",
            "CSIVolumeRegistered",
            {"ID": "ebs", "NodesHealthy": 1, "NodesExpected": 3},
            "ebs  1 of 3 nodes healthy",
        ),
        (
            "ACLToken",
            "ACLTokenUpserted",
            {
                "Name": "ci",
                "Type": "client",
                "Policies": ["deploy"],
                "CreateIndex": 4,
                "ModifyIndex": 4,
                "SecretID": "s",
            },
            "ci  created · policy deploy",
        ),
        ("ACLPolicy", "ACLPolicyDeleted", {"Name": "deploy"}, "deploy  deleted"),
        ("ACLRole", "ACLRoleUpserted", {"Name": "ops", "Policies": [{"Name": "x"}]}, "ops  updated · policy x"),
        ("ACLAuthMethod", "ACLAuthMethodUpserted", {"Name": "sso", "Type": "OIDC"}, "sso  updated · OIDC"),
        (
            "ACLBindingRule",
            "ACLBindingRuleUpserted",
            {"AuthMethod": "sso", "BindType": "role", "BindName": "ops", "Selector": "eng in list.groups"},
            "sso  updated · binds role ops · where eng in list.groups",
        ),
        (
            "FutureTopic",
            "FutureThingChanged",
            {"Name": "it", "Status": "ready", "Size": 12_000, "SecretKey": "s", "ModifyIndex": 3},
            "it  future thing changed · status ready · size 12,000",
        ),
    ],
)
def test_the_rarer_topics_show_what_they_can(topic: str, type_: str, now: dict[str, Any], text: str) -> None:
    assert _described(topic, type_, now) == text


def test_a_deleted_variable_is_deleted() -> None:
    payload = b'{"Metadata":{"Path":"secrets/app","CreateIndex":1,"ModifyIndex":9},"Deleted":true}'
    assert describe("Variable", "VariableUpdated", "secrets/app", payload, None).text == "secrets/app  deleted"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        "Name",
        "ID",
        "JobID",
        "Status",
        "ClientStatus",
        "DesiredStatus",
        "DesiredDescription",
        "TaskStates",
        "DeploymentStatus",
        "TaskGroups",
        "Version",
        "CreateIndex",
        "ModifyIndex",
        "JobModifyIndex",
        "FailedTGAllocs",
        "PlanAnnotations",
        "WaitUntil",
        "ModifyTime",
        "TriggeredBy",
        "Drivers",
        "Events",
        "DrainStrategy",
        "LastDrain",
        "RescheduleTracker",
        "PreviousAllocation",
        "Periodic",
        "ParameterizedJob",
        "Tags",
        "Policies",
        "Address",
        "Port",
        "Message",
        "Type",
    ]
)
TASK_STATES = st.fixed_dictionaries(
    {"Events": st.lists(st.dictionaries(st.sampled_from(["Type", "Time", "ExitCode", "Details"]), VALUES))}
)
OBJECTS = st.dictionaries(FIELDS, VALUES | st.dictionaries(st.text(max_size=4), TASK_STATES, max_size=2))
TOPIC_NAMES = st.sampled_from([*KINDS, "FutureTopic"])
TYPE_NAMES = st.sampled_from(TYPES) | st.text(max_size=12)


@settings(deadline=None)
@given(TOPIC_NAMES, TYPE_NAMES, st.text(), st.binary(), st.none() | st.binary())
def test_no_bytes_raise(topic: str, type_: str, key: str, payload: bytes, previous: bytes | None) -> None:
    assert _is_sound(describe(topic, type_, key, payload, previous))


@settings(deadline=None)
@given(TOPIC_NAMES, TYPE_NAMES, st.text(max_size=100), OBJECTS, OBJECTS, st.booleans())
def test_no_object_raises(
    topic: str, type_: str, key: str, now: dict[str, Any], before: dict[str, Any], deleted: bool
) -> None:
    place = next(iter(kind(topic).payload_keys))
    payloads = [json.dumps({place: fields, "Deleted": deleted}).encode() for fields in (now, before)]
    assert _is_sound(describe(topic, type_, key, payloads[0], payloads[1]))
    assert _is_sound(describe(topic, type_, key, payloads[0], None))


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 s"),
        (300_000_000, "300 ms"),
        (1_100_000_000, "1.1 s"),
        (20_000_000_000, "20 s"),
        (59_990_000_000, "59 s"),
        (300_000_000_000, "5 m"),
        (7_500_000_000_000, "2 h 5 m"),
        (-1_000_000_000, "-1 s"),
        (float("nan"), "unknown"),
    ],
)
def test_durations_are_readable(nanoseconds: float, text: str) -> None:
    assert duration(nanoseconds) == text


def test_no_number_is_too_large_to_be_read() -> None:
    huge = 10**5_000
    assert duration(huge) == "over 1,157,407 d"
    assert byte_count(huge) == "over 1,000 EB"
    assert count(huge) == "over 10^18"
    assert age(huge) == "long ago"


def test_sizes_counts_and_ages_are_readable() -> None:
    assert [byte_count(size) for size in (512, 2_600, 88_000_000, 999_600)] == ["512 B", "2.6 kB", "88 MB", "1 MB"]
    assert count(215_280) == "215,280"
    assert [age(14_000_000_000), age(5), age(-5_000_000_000)] == ["14 s ago", "now", "in 5 s"]
