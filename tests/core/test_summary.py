"""The summary at the top of the inspector: the facts that an operator needs about an object."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC
from functools import cache, partial
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_tui.core.objects.fact import LONGEST_VALUE, MAX_FACTS
from nomad_tui.core.objects.parts import Role
from nomad_tui.core.objects.registry import KINDS, Summary, kind, summary
from nomad_tui.core.payload import parse
from nomad_tui.core.text import printable
from nomad_tui.core.topics import released_topic
from nomad_tui.core.wire import Frame, decode
from tests.core.test_sentence import UNREADABLE
from tests.randomized import times
from tests.recordings import lines

SECOND: Final = 1_000_000_000
WIDTH: Final = 60
MAX_LINES: Final = 6
"""Lines of the summary that the inspector shows."""

EDGE_1: Final = "d7d7a09d-5db6-5c6c-c529-9c0c533e29b7"
NOON: Final = 1_795_435_200 * SECOND
"""2026-11-23 12:00:00 UTC."""


def _known(topic: str, identifier: str) -> str:
    return {("Node", EDGE_1): "edge-1", ("Deployment", "60d9a656"): "web v0"}.get((topic, identifier), "")


Event = tuple[int, str, str, bytes]
"""Index, topic, key and payload."""


@cache
def recorded(name: str) -> list[Event]:
    return list(_events(name))


def _events(name: str) -> Iterator[Event]:
    for line in lines(name):
        frame = decode(line) if line else None
        for event in frame.events if isinstance(frame, Frame) else ():
            yield event.index, released_topic(event.topic), event.key, bytes(event.payload)


def _summarized(topic: str, key: str, payload: bytes, now: int = NOON) -> Summary:
    return summary(topic, key, payload, name=_known, now=now, timezone=UTC)


def _lines(result: Summary, width: int = WIDTH) -> list[str]:
    """Return the summary as the inspector lays it out: with as many facts on a line as fit."""
    rows: list[str] = []
    for fact in result.facts:
        if rows and not fact.own_line and len(rows[-1]) + 2 + len(fact.text) <= width:
            rows[-1] += "  " + fact.text
        else:
            rows.append(fact.text)
    return rows


def _rows(index: int, topic: str, now: int, such: Callable[[dict[str, Any]], bool] = lambda payload: True) -> list[str]:
    """Return the summary of the tour's first event of this kind at an index."""
    found = [event for event in recorded("tour") if event[:2] == (index, topic) and such(json.loads(event[3]))]
    return _lines(_summarized(topic, found[0][2], found[0][3], now))


def _of(topic: str, fields: dict[str, Any], now: int = NOON, **beside: Any) -> list[str]:
    place = next(iter(kind(topic).payload_keys))
    return _lines(_summarized(topic, "the-key", json.dumps({place: fields, **beside}).encode(), now))


def _is_sound(result: Summary) -> bool:
    texts = [text for fact in result.facts for text in (fact.label, *(part.text for part in fact.parts))]
    return (
        all(printable(text) == text for text in texts)
        and all(fact.text and fact.parts and len(fact.text) <= LONGEST_VALUE + 80 for fact in result.facts)
        and len(result.facts) <= MAX_FACTS
    )


@pytest.mark.parametrize("name", ["tour", "beta", "large-job"])
def test_every_recorded_object_has_a_summary(name: str) -> None:
    for _, topic, key, payload in recorded(name):
        result = _summarized(topic, key, payload)
        assert _is_sound(result)
        assert len(result.facts) >= 2, payload[:200]
        assert len(_lines(result)) <= MAX_LINES + 1, _lines(result)


@pytest.mark.parametrize("name", ["tour", "large-job"])
def test_the_order_of_keys_does_not_matter(name: str) -> None:
    for _, topic, key, payload in recorded(name)[::7]:
        turned = json.loads(payload, object_pairs_hook=lambda pairs: dict(reversed(pairs)))
        assert _summarized(topic, key, json.dumps(turned).encode()) == _summarized(topic, key, payload)


def test_hostile_payloads_have_a_printable_summary() -> None:
    events = recorded("hostile")
    assert len(events) > 20
    for _, topic, key, payload in events:
        assert _is_sound(_summarized(topic, key, payload))
        assert _is_sound(_summarized(topic, key, payload[:-40]))


def test_a_failed_allocation_shows_task_exit_restarts_and_next_step() -> None:
    assert _rows(94, "Allocation", 1_795_423_770 * SECOND) == [
        "client failed  desired run  unhealthy  created 8 s ago",
        "task crash dead, failed  exit 137  OOM-killed  restarts 2",
        "last event Alloc Unhealthy 3 s ago",
        "unhealthy because of failed task",
        "next try with evaluation 5704a3c0  deployment 7dfd78cc",
        "node edge-1  job flaky  group g[0]",
    ]


def test_colors_depend_on_meaning() -> None:
    [event] = [event for event in recorded("tour") if event[:2] == (80, "Allocation")]
    parts = [part for fact in _summarized(*event[1:]).facts for part in fact.parts]
    assert [part.text for part in parts if part.role is Role.BAD] == [
        "failed",
        "unhealthy",
        "dead",
        "failed",
        "137",
        "OOM-killed",
    ]


def test_a_task_out_of_memory_is_reported_as_such() -> None:
    ended = {"Type": "Terminated", "ExitCode": 137, "Signal": 9, "Details": {"oom_killed": "true"}, "Time": 1}
    task = {"State": "dead", "Failed": True, "Events": [ended]}
    rows = _of("Allocation", {"ClientStatus": "failed", "TaskStates": {"server": task, "proxy": {"State": "dead"}}})
    assert rows[:3] == [
        "client failed",
        "task server dead, failed  exit 137 signal 9  OOM-killed",
        "task proxy dead  last event server Terminated",
    ]


def test_a_driver_failure_shows_why_the_task_never_ran() -> None:
    failure = {"Type": "Driver Failure", "DisplayMessage": "Failed to pull `web:9`: not found", "Time": 1}
    given_up = {"Type": "Not Restarting", "RestartReason": "Error was unrecoverable", "Time": 2}
    task = {"State": "dead", "Failed": True, "Events": [failure, given_up]}
    rows = _of("Allocation", {"ClientStatus": "failed", "TaskStates": {"server": task}})
    assert rows[1:] == [
        "task server dead, failed  Driver Failure",
        "failed to pull `web:9`: not found  last event Not Restarting",
        "error was unrecoverable",
    ]


def test_a_rescheduled_allocation_shows_how_often_and_from_which() -> None:
    rows = _rows(118, "Allocation", 1_795_423_780 * SECOND, lambda payload: "RescheduleTracker" in str(payload))
    assert "rescheduled once, 8 s ago  previous 9d48d801" in rows[:MAX_LINES]
    assert 'exceeded allowed attempts 2 in interval 30s and mode is "fail"' in rows


def test_an_allocation_on_a_lost_node_shows_why_it_is_to_stop() -> None:
    rows = _rows(227, "Allocation", NOON, lambda payload: payload["Allocation"]["ClientStatus"] == "lost")
    assert rows[0] == "client lost  desired stop · lost since its node is down"
    assert "tasks, last known server running, sidecar running" in rows
    assert any(row.startswith("next ") or "  next " in row for row in rows)


def test_a_canary_allocation_shows_so() -> None:
    rows = _rows(
        139, "Allocation", 1_795_423_792 * SECOND, lambda payload: payload["Allocation"]["DeploymentStatus"]["Canary"]
    )
    assert rows[0] == "client running  desired run  healthy  canary"
    assert rows[2] == "tasks server running, sidecar running"


def test_an_evaluation_blocked_by_a_constraint() -> None:
    assert _rows(54, "Evaluation", 1_795_423_764 * SECOND) == [
        "status blocked · created to place remaining allocations",
        "triggered by queued-allocs",
        "group g 1 not placed  evaluated 3 nodes in pool default",
        "filtered 3 nodes  constraint ${attr.kernel.name} = plan9 · 3",
        "classes filtered edge 2, gpu 1  previous 7fc4d11f",
        "type service  created 2 s ago",
    ]


def _blocked(**metric: Any) -> list[str]:
    whole = {"NodesEvaluated": 4, "NodesAvailable": {"dc1": 4}, "NodePool": "default"} | metric
    return _of("Evaluation", {"Status": "blocked", "FailedTGAllocs": {"db": whole}, "QueuedAllocations": {"db": 3}})


def test_an_evaluation_blocked_by_exhausted_resources() -> None:
    rows = _blocked(
        NodesExhausted=3,
        NodesFiltered=1,
        DimensionExhausted={"cpu": 1, "memory": 2},
        ConstraintFiltered={"missing drivers": 1},
        ClassExhausted={"edge": 3},
    )
    assert rows == [
        "status blocked",
        "group db 3 not placed  evaluated 4 nodes in pool default",
        "exhausted 3 nodes  dimensions memory 2, cpu 1",
        "filtered 1 node  constraint missing drivers · 1",
        "classes exhausted edge 3",
    ]


@pytest.mark.parametrize(
    ("metric", "row"),
    [
        (
            {"QuotaExhausted": ["memory exhausted (8192 needed > 4096 limit)"]},
            "quota exhausted memory exhausted (8192 needed > 4096 limit)",
        ),
        ({"NodesEvaluated": 0, "NodesAvailable": {"dc1": 0, "dc2": 0}}, "available no nodes in dc1, dc2"),
        ({"NodesEvaluated": 0, "NodesAvailable": None, "NodesInPool": 0}, "available no nodes"),
    ],
)
def test_an_evaluation_blocked_by_quota_or_lack_of_nodes(metric: dict[str, Any], row: str) -> None:
    assert row in _blocked(**metric)


def test_an_evaluation_that_waits_shows_until_when() -> None:
    assert _rows(93, "Evaluation", 1_795_423_769 * SECOND)[1] == (
        "triggered by alloc-reschedule  wait 2 s left, 08:49:31"
    )


def test_a_finished_evaluation_shows_its_plan() -> None:
    rows = _rows(136, "Evaluation", 1_795_423_788 * SECOND)
    assert rows[0] == "status complete  triggered by job-register"
    assert "plan frontend canary 1, ignore 3" in "\n".join(rows)


def test_a_canary_deployment_shows_each_group_and_what_it_waits_for() -> None:
    assert _rows(139, "Deployment", 1_795_423_792 * SECOND) == [
        "status running · requires manual promotion  job version 1",
        "group cache  desired 2  placed 2  healthy 1  unhealthy 0",
        "group frontend  desired 3  placed 1  healthy 1  unhealthy 0",
        "canaries 1 of 1 placed, 1 healthy  not promoted",
        "progress deadline 57 s left of 1 m, 08:50:49  auto-revert",
        "created 4 s ago",
    ]


def test_a_failed_deployment_shows_why_and_no_time_left() -> None:
    rows = _rows(109, "Deployment", 1_795_423_776 * SECOND)
    assert rows[0] == "status failed · due to progress deadline  job version 0"
    assert rows[1] == "group g  desired 1  placed 2  healthy 0  unhealthy 1"
    assert rows[2].startswith("progress deadline 12 s  created")


def test_a_deployment_of_forty_groups_names_those_in_need() -> None:
    groups = {f"g{number}": {"DesiredTotal": 1, "HealthyAllocs": 1} for number in range(39)}
    groups["bad"] = {"DesiredTotal": 1, "UnhealthyAllocs": 1}
    rows = _of("Deployment", {"Status": "running", "TaskGroups": groups})
    assert rows[1] == "group bad  desired 1  placed 0  healthy 0  unhealthy 1"
    assert rows[3] == "38 more groups, 38 of 38 healthy"


def test_a_passed_deadline_is_not_time_left() -> None:
    group = {"DesiredTotal": 1, "ProgressDeadline": 600 * SECOND, "RequireProgressBy": "2026-11-23T11:59:50Z"}
    rows = _of("Deployment", {"Status": "running", "TaskGroups": {"g": group}})
    assert rows[-1] == "progress deadline passed 10 s ago of 10 m, 11:59:50"


def test_a_draining_node_shows_how_long_it_has() -> None:
    assert _rows(183, "Node", 1_795_423_825 * SECOND) == [
        "status ready for 5 s  ineligible",
        "draining · deadline 20 s, 15 s left, 08:50:40",
        "drivers mock_driver  undetected raw_exec",
        "last event node drain strategy set 4 s ago",
        "address 127.0.0.1:4651  version 2.0.6-dev  class edge",
        "pool default  datacenter dc1  os debian 12.11  memory 17 GB",
    ]


def test_a_lost_node_is_down_and_shows_its_last_event() -> None:
    rows = _rows(225, "Node", NOON)
    assert rows[0].startswith("status down for 3 h")
    assert rows[2].startswith("last event node heartbeat missed 3 h ago")


def test_a_node_shows_its_unhealthy_drivers_and_why() -> None:
    drivers = {
        "docker": {"Detected": True, "Healthy": False, "HealthDescription": "Failed to connect to the daemon."},
        "exec": {"Detected": True, "Healthy": True},
        "java": {"Detected": False, "Healthy": False},
    }
    plugins = {"ebs": {"Healthy": False, "HealthDescription": "probe timed out"}}
    assert _of("Node", {"Status": "ready", "Drivers": drivers, "CSINodePlugins": plugins}) == [
        "status ready",
        "driver docker unhealthy · failed to connect to the daemon",
        "plugin ebs unhealthy · probe timed out  drivers exec",
        "undetected java",
    ]


@pytest.mark.parametrize(
    ("index", "row"),
    [
        (107, "periodic */5 * * * * * * UTC"),
        (112, "launched by cron"),
        (57, "parameterized payload optional  meta required input"),
        (68, "dispatched from encode"),
        (20, "groups frontend 3, cache 2  in all 5  submitted 6 h ago"),
        (29, "group g  on each node  submitted 6 h ago"),
    ],
)
def test_a_job_shows_its_trigger_and_its_resources(index: int, row: str) -> None:
    rows = _rows(index, "Job", NOON + 3 * 3600 * SECOND)
    assert rows[0].startswith("status ")
    assert rows[1] == row


def test_a_purged_job_is_not_running() -> None:
    rows = _rows(219, "Job", NOON)
    assert rows[0].startswith("purged  status was running  type system")


def test_who_submitted_a_job_is_shown_by_accessor() -> None:
    submitted = {"ID": "web", "SubmitTime": NOON - 5 * SECOND, "NomadTokenID": "3f2a91c4-24c7-671a-c063-1374be2a1383"}
    assert _of("Job", submitted) == ["submitted 5 s ago by 3f2a91c4"]


def test_a_service_shows_where_it_is() -> None:
    assert _rows(23, "Service", NOON) == [
        "address 192.0.2.2:28002  tags v1",
        "node 06e2b404  allocation c59abe9a  job web  datacenter dc1",
    ]


def test_names_are_shown_where_they_are_known() -> None:
    fields = {"Address": "2001:db8::1", "Port": 80, "NodeID": EDGE_1}
    assert _of("Service", fields) == ["address [2001:db8::1]:80", "node edge-1 d7d7a09d"]


def test_a_variable_shows_its_metadata() -> None:
    assert _rows(132, "Variable", 1_795_423_790 * SECOND) == ["lock none  created 2 s ago"]
    held = {"Path": "nomad/jobs/web/frontend", "Lock": {"ID": "the-lock", "TTL": 30 * SECOND}, "ModifyTime": NOON}
    assert _of("Variable", held) == ["lock held  ttl 30 s  changed now", "readable by job web, group frontend"]
    assert _of("Variable", {"Path": "a", "ModifyTime": NOON}, Deleted=True) == ["deleted  changed now"]


RARE: list[tuple[str, dict[str, Any], list[str]]] = [
    ("NodePool", {"Name": "gpu", "NodeIdentityTTL": 86_400 * SECOND}, ["scheduler as the cluster's  identity ttl 1 d"]),
    (
        "HostVolume",
        {
            "State": "ready",
            "CapacityBytes": 5_000_000_000,
            "PluginID": "mkdir",
            "NodeID": EDGE_1,
            "RequestedCapabilities": [{"AccessMode": "single-node-writer", "AttachmentMode": "file-system"}],
        },
        [
            "state ready  capacity 5 GB  plugin mkdir",
            "access single-node-writer, file-system",
            "node edge-1 d7d7a09d",
        ],
    ),
    (
        "CSIVolume",
        {
            "Schedulable": False,
            "Capacity": 1_000_000_000,
            "PluginID": "ebs",
            "AccessMode": "multi-node-multi-writer",
            "WriteAllocs": {"c59abe9a-24c7-671a-c063-1374be2a1383": None},
            "NodesHealthy": 1,
            "NodesExpected": 3,
        },
        [
            "not schedulable  capacity 1 GB  plugin ebs",
            "1 writer: c59abe9a  no reader",
            "access multi-node-multi-writer  nodes healthy 1 of 3",
        ],
    ),
    (
        "CSIPlugin",
        {
            "ControllerRequired": True,
            "ControllersExpected": 1,
            "NodesHealthy": 2,
            "NodesExpected": 2,
            "Provider": "ebs.csi.aws.com",
            "Version": "v1.2",
            "Controllers": {EDGE_1: {"Healthy": False, "HealthDescription": "probe timed out"}},
        },
        [
            "controllers healthy 0 of 1  nodes healthy 2 of 2",
            "provider ebs.csi.aws.com v1.2",
            "controller on edge-1 d7d7a09d unhealthy · probe timed out",
        ],
    ),
    (
        "ACLToken",
        {
            "Type": "client",
            "Policies": ["deploy", "read"],
            "Global": False,
            "ExpirationTime": "2026-11-23T12:30:00.5Z",
            "CreateTime": "2026-11-23T11:00:00Z",
            "SecretID": "s3cret",
        },
        [
            "type client  local to its region",
            "expires 30 m left, 12:30:00",
            "policies deploy, read",
            "created 1 h ago",
        ],
    ),
    (
        "ACLPolicy",
        {"Rules": 'namespace "payments" {\n  policy = "write"\n}\n\nnode {\n  policy = "read"\n}\n'},
        ["rules 7 lines", "allows namespace payments write, node read"],
    ),
    ("ACLRole", {"Policies": [{"Name": "deploy"}], "Description": "CI"}, ["policies deploy", "CI"]),
    (
        "ACLAuthMethod",
        {
            "Type": "OIDC",
            "Default": True,
            "TokenLocality": "local",
            "MaxTokenTTL": 3_600 * SECOND,
            "Config": {"OIDCDiscoveryURL": "https://me:hidden@login.example", "OIDCClientSecret": "hidden"},
        },
        ["type OIDC  default  tokens local  for at most 1 h", "issuer https://me:••••••@login.example"],
    ),
    (
        "ACLBindingRule",
        {"AuthMethod": "sso", "BindType": "role", "BindName": "ops", "Selector": "eng in list.groups"},
        ["auth method sso  binds role ops", "where eng in list.groups"],
    ),
    (
        "FutureTopic",
        {"Name": "it", "Status": "ready", "Size": 12_000, "SecretKey": "hidden", "ModifyIndex": 3, "On": True},
        ["status ready  name it  on yes  size 12,000"],
    ),
]


@pytest.mark.parametrize(("topic", "fields", "rows"), RARE, ids=[topic for topic, _, _ in RARE])
def test_the_rarer_objects(topic: str, fields: dict[str, Any], rows: list[str]) -> None:
    assert _of(topic, fields) == rows


def test_a_known_object_without_a_known_field_shows_its_scalars() -> None:
    assert _of("Service", {"Weight": 3, "Zone": "a"}) == ["weight 3  zone a"]


def test_no_secret_of_the_recordings_is_shown() -> None:
    for name in ("beta", "tour"):
        for _, topic, key, payload in recorded(name):
            expected = "\n".join(fact.text for fact in _summarized(topic, key, payload).facts)
            fields = json.loads(payload).get("Node") or {}
            if secret := fields.get("SecretID"):
                assert secret not in expected


def test_secrets_in_free_text_and_next_to_names_are_not_shown() -> None:
    message = "cannot reach postgres://app:hidden@db:5432 with password=hidden"
    ended = {"Type": "Terminated", "ExitCode": 1, "Details": {"exit_message": message}, "Time": 1}
    restarting = {"Type": "Restarting", "RestartReason": message, "Time": 2}
    texts = [
        _of("Allocation", {"TaskStates": {"t": {"State": "dead", "Events": [ended, restarting]}}}),
        _of("Allocation", {"ClientStatus": "failed", "ClientDescription": message, "DesiredDescription": message}),
        _of("Evaluation", {"Status": "failed", "StatusDescription": message}),
        _blocked(NodesFiltered=1, ConstraintFiltered={message: 1}, QuotaExhausted=[message]),
        _of("Node", {"Status": "ready", "Events": [{"Message": message}]}),
        _of("Service", {"Address": "a", "Tags": ["token=hidden"]}),
        _of("ACLRole", {"Policies": [], "Description": message}),
        _of("FutureTopic", {"Name": "DB_PASSWORD", "Value": "hidden", "Env": "hidden", "Note": message}),
        _of("Job", {"Status": "dead", "TaskGroups": [{"Name": "g", "Tasks": [{"Env": {"A": "hidden"}}]}]}),
    ]
    assert all(texts)
    assert "hidden" not in str(texts)


@pytest.mark.parametrize("payload", UNREADABLE, ids=range(len(UNREADABLE)))
def test_an_unreadable_payload_has_an_empty_summary_or_its_scalars(payload: bytes) -> None:
    for topic in ("Allocation", "FutureTopic"):
        assert _is_sound(_summarized(topic, "k", payload))


@pytest.mark.parametrize("topic", [*KINDS, "FutureTopic"])
def test_no_depth_of_nesting_raises(topic: str) -> None:
    place = next(iter(kind(topic).payload_keys))
    for depth in range(600, 1_100, 7):
        inside = b'{"a":' * depth + b"1" + b"}" * depth
        fields = b'{"Status":7,"Meta":%s,"TaskStates":%s,"Name":"n","Drivers":%s}' % (inside, inside, inside)
        assert _is_sound(_summarized(topic, "k", b'{"%s":%s}' % (place.encode(), fields)))


def test_one_odd_value_does_not_hide_the_rest() -> None:
    fields = {"ClientStatus": "running", "NodeName": 7, "TaskStates": {"t": "?", "u": None}, "JobID": "web"}
    assert _of("Allocation", fields) == ["client running  job web"]


def test_a_name_cannot_control_the_terminal() -> None:
    result = summary(
        "Service", "k", b'{"Service":{"NodeID":"x","Tags":["\\u001b]0;t\\u0007"]}}', name=lambda *_: "\x1b[2J", now=0
    )
    assert [fact.text for fact in result.facts] == ["tags ␛]0;t␇", "node ␛[2J x"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        *("Name", "ID", "JobID", "Status", "ClientStatus", "DesiredStatus", "TaskStates", "DeploymentStatus"),
        *("TaskGroups", "Version", "CreateTime", "ModifyTime", "FailedTGAllocs", "QueuedAllocations", "Message"),
        *("PlanAnnotations", "WaitUntil", "Drivers", "Events", "DrainStrategy", "LastDrain", "StatusUpdatedAt"),
        *("Attributes", "RescheduleTracker", "Periodic", "ParameterizedJob", "Datacenters", "Tags", "Address"),
        *("Port", "Policies", "Roles", "ExpirationTime", "Rules", "Config", "Lock", "Path", "Capacity"),
        *("RequestedCapabilities", "WriteAllocs", "Controllers", "AllocatedResources", "SubmitTime", "Selector"),
    ]
)
TIMES = st.integers(946_684_800 * SECOND, 4_102_444_800 * SECOND) | st.datetimes().map(lambda at: f"{at.isoformat()}Z")
TASKS = st.fixed_dictionaries(
    {"Events": st.lists(st.dictionaries(st.sampled_from(["Type", "Time", "ExitCode", "Details", "Message"]), VALUES))}
)
OBJECTS = st.dictionaries(FIELDS, VALUES | TIMES | st.dictionaries(st.text(max_size=4), TASKS | VALUES, max_size=2))
TOPIC_NAMES = st.sampled_from([*KINDS, "FutureTopic"])


@settings(deadline=None)
@given(TOPIC_NAMES, st.text(), st.binary())
def test_no_bytes_raise(topic: str, key: str, payload: bytes) -> None:
    assert _is_sound(_summarized(topic, key, payload))


@settings(deadline=None, max_examples=times(80))
@given(TOPIC_NAMES, OBJECTS, VALUES, st.text(max_size=20), st.integers())
def test_no_object_raises(topic: str, fields: dict[str, Any], deleted: Any, name: str, now: int) -> None:
    place = next(iter(kind(topic).payload_keys))
    payload = json.dumps({place: fields, "Deleted": deleted}).encode()
    assert _is_sound(summary(topic, "k", payload, name=lambda *_: name, now=now))


def test_a_summary_costs_no_more_than_reading_its_payload() -> None:
    """So that holding Down stays fast; a third of the time to parse the same payload was measured."""
    [allocation] = [event for event in recorded("tour") if event[:2] == (80, "Allocation")]
    job = max(recorded("large-job"), key=lambda event: len(event[3]))
    for event in (allocation, job):
        assert _fastest(partial(_summarized, *event[1:])) < 4 * _fastest(partial(parse, event[3]))


def _fastest(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(10):
        start = time.thread_time()
        work()
        taken.append(time.thread_time() - start)
    return min(taken)
