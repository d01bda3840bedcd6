"""The overview's figures, checked against a plain implementation that folds the same recording as JSON."""

import json
import random
from collections import Counter
from collections.abc import Generator
from typing import Any, Final, TypeVar

import pytest

from nomad_tui.core.history.derived import Derived
from nomad_tui.core.history.event_row import event_level, happened
from nomad_tui.core.history.history import History
from nomad_tui.core.level import Level
from nomad_tui.core.overview.activity import Activity, time_term
from nomad_tui.core.overview.fold import ClusterFold
from nomad_tui.core.overview.index import OverviewIndex, Snapshots, Talker
from nomad_tui.core.overview.listed import Listed, Seed
from nomad_tui.core.overview.state import SLICE_SIZE, Allocation, Cluster, GroupFigures, Job, Node, listing, most_common
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, decode
from tests import recordings

Result = TypeVar("Result")
BAD: Final = {"failed": 3, "lost": 3, "unknown": 2}


def held(name: str, gap_after: int | None = None) -> History:
    history = History()
    for line in recordings.lines(name):
        if isinstance(frame := decode(line), Frame):
            history.append(frame, 0)
            if frame.index == gap_after:
                history.append_gap(Gap(GapReason.BUFFER, frame.index, frame.index + 1, 0), 0)
    return history


def indexed(history: History) -> OverviewIndex:
    index = OverviewIndex(Derived(history))
    while index.advance(0.1):
        pass
    return index


# The plain implementation: the last payload of each object, from which everything else is recomputed


class Plain:
    def __init__(self) -> None:
        self.last: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.when: dict[tuple[str, str, str], int] = {}
        self.solved: dict[tuple[str, str], int] = {}
        self.died: dict[tuple[str, str], int] = {}
        self.troubles: dict[tuple[str, ...], dict[str, Any]] = {}
        self.born: set[tuple[str, str, str]] = set()
        self.with_allocations: set[tuple[str, str]] = set()
        self.newest_deployment: dict[tuple[str, str], str] = {}

    def take(self, sequence: int, event: dict[str, Any]) -> None:
        topic, key, namespace = event["Topic"], event["Key"], event.get("Namespace") or ""
        now = (event["Payload"] or {}).get(topic)
        where = (topic, namespace, key)
        if now is None:
            return
        before = self.last.get(where)
        if before is not None and now["ModifyIndex"] < before["ModifyIndex"]:
            return
        self.last[where], self.when[where] = now, sequence
        if now["CreateIndex"] == now["ModifyIndex"]:
            self.born.add(where)
        if topic == "Allocation":
            self.with_allocations.add((namespace, now["JobID"]))
        elif topic == "Deployment":
            newest = self.last.get(("Deployment", namespace, self.newest_deployment.get((namespace, now["JobID"]), "")))
            if newest is None or now["JobVersion"] >= newest["JobVersion"]:
                self.newest_deployment[namespace, now["JobID"]] = key
        elif topic == "Evaluation" and event["Type"] == "JobBatchDeregistered":
            self.forget(namespace, now["JobID"])
            self.solved[namespace, now["JobID"]] = sequence
        elif topic == "Evaluation" and event["Type"] == "JobDeregistered":
            self.stop(sequence, namespace, now["JobID"])
        elif topic == "Evaluation" and now["Status"] == "complete":
            if not now.get("FailedTGAllocs") and not now.get("BlockedEval") and event["Type"] != "PlanResult":
                self.solved[namespace, now["JobID"]] = sequence
        elif topic == "Job":
            if event["Type"] in ("JobDeregistered", "JobBatchDeregistered") and not now["Stop"]:
                self.forget(namespace, key)
            elif now["Stop"]:
                self.stop(sequence, namespace, key)
            is_wanted = not now["Stop"] and any(group["Count"] for group in now["TaskGroups"])
            is_dead = now["Status"] == "dead" and event["Type"] != "JobRegistered"
            if is_dead and now["Type"] == "service" and is_wanted:
                self.died[namespace, key] = sequence
            elif now["Status"] == "running" or not is_wanted:
                self.died.pop((namespace, key), None)
        found = self.in_trouble()
        for gone in self.troubles.keys() - found.keys():
            del self.troubles[gone]
        for key_, (level, what) in found.items():
            known = self.troubles.setdefault(key_, {"since": sequence})
            known.update(level=level, what=what)

    def stop(self, sequence: int, namespace: str, job: str) -> None:
        self.solved[namespace, job] = sequence
        self.died.pop((namespace, job), None)
        if ("Job", namespace, job) in self.last:
            self.last["Job", namespace, job] = {**self.last["Job", namespace, job], "Stop": True}
        for where, one in self.last.items():
            if where[:2] == ("Allocation", namespace) and one["JobID"] == job:
                self.last[where] = {**one, "IsOfStoppedJob": True}

    def forget(self, namespace: str, job: str) -> None:
        for where, one in list(self.last.items()):
            of_job = one.get("JobID") == job or (where[0] == "Job" and where[2] == job)
            runs_on = where[0] == "Allocation" and not judged(one)[0]  # until an event shows that it was stopped
            if of_job and where[1] == namespace and where[0] != "Evaluation" and not runs_on:
                del self.last[where]

    def of(self, topic: str) -> list[tuple[str, str, dict[str, Any]]]:
        return [(where[1], where[2], one) for where, one in self.last.items() if where[0] == topic]

    def in_trouble(self) -> dict[tuple[str, ...], tuple[int, str]]:
        found: dict[tuple[str, ...], tuple[int, str]] = {}
        of_groups: dict[tuple[str, ...], list[tuple[int, int, str, str]]] = {}
        for namespace, key, one in self.of("Allocation"):
            level, what = judged(one)
            if level:
                group = ("group", namespace, one["JobID"], one["TaskGroup"])
                of_groups.setdefault(group, []).append((level, one["ModifyIndex"], key, what))
        for where, members in of_groups.items():
            level, _, _, what = max(members)
            found[where] = level, what
        for namespace, key, one in self.of("Evaluation"):
            solved = self.solved.get((namespace, one["JobID"]), -1)
            if one["Status"] in ("blocked", "failed") and self.when["Evaluation", namespace, key] > solved:
                level = 3 if one["Status"] == "failed" else 2
                found["evaluation", namespace, one["JobID"], ""] = level, one["Status"]
        for (namespace, job), key in self.newest_deployment.items():
            deployment = self.last.get(("Deployment", namespace, key))
            stopped = (self.last.get(("Job", namespace, job)) or {}).get("Stop")
            what = progress(deployment) if deployment is not None and not stopped else ""
            if what:
                found["deployment", namespace, job, ""] = 3 if what == "failed" else 2, what
        for _, key, one in self.of("Node"):
            draining = one.get("DrainStrategy") is not None
            ineligible = one["SchedulingEligibility"] == "ineligible"
            what = "down" if one["Status"] == "down" else "draining" if draining else "ineligible" if ineligible else ""
            if what:
                found["node", "", key, ""] = 3 if what == "down" else 2, what
        for namespace, job in self.died:
            if last := self.last.get(("Job", namespace, job)):
                found["job", namespace, job, ""] = (3, "dead") if last["Status"] == "dead" else (2, last["Status"])
        return found

    def figures(self) -> dict[tuple[str, str, str], tuple[Any, Any, Any]]:
        found = {}
        for namespace, job, one in self.of("Job"):
            if one["Status"] == "dead":
                continue
            known = ("Job", namespace, job) in self.born and (namespace, job) in self.with_allocations
            for group in one["TaskGroups"]:
                counted = one["Type"] in ("service", "batch") and not one["Stop"]
                mine = [
                    each
                    for where, _, each in self.of("Allocation")
                    if (where, each["JobID"], each["TaskGroup"]) == (namespace, job, group["Name"])
                    and each["DesiredStatus"] == "run"
                    and (each["ClientStatus"] in ("pending", "running", "unknown") or judged(each)[0])
                ]
                restarts = sum(
                    state.get("Restarts", 0) for each in mine for state in (each.get("TaskStates") or {}).values()
                )
                running = sum(each["ClientStatus"] == "running" for each in mine)
                found[namespace, job, group["Name"]] = (
                    running if known else None,
                    group["Count"] if counted else None,
                    restarts if known else None,
                )
        return found

    def nodes(self) -> dict[str, tuple[Any, ...]]:
        found = {}
        for _, key, one in self.of("Node"):
            mine = [each for _, _, each in self.of("Allocation") if each["NodeID"] == key]
            number = sum(each["ClientStatus"] in ("pending", "running") for each in mine)
            eligible = one["SchedulingEligibility"] == "eligible"
            draining = one.get("DrainStrategy") is not None
            born = ("Node", "", key) in self.born
            found[key] = (one["Name"], one["Status"], eligible, draining, number if born else None)
        return found

    def deployments(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        found = {}
        for (namespace, job), key in self.newest_deployment.items():
            one = self.last.get(("Deployment", namespace, key))
            if one is not None:
                groups = one["TaskGroups"].values()
                sums = [sum(group[name] for group in groups) for name in ("DesiredTotal", "HealthyAllocs")]
                found[namespace, job] = (one["JobVersion"], one["Status"], *sums)
        return found


def judged(one: dict[str, Any]) -> tuple[int, str]:
    """Return how bad an allocation's state is, and why."""
    if one["DesiredStatus"] != "run" or one.get("NextAllocation") or one.get("IsOfStoppedJob"):
        return 0, ""
    status = one["ClientStatus"]
    if status in BAD:
        return BAD[status], "disconnected" if status == "unknown" else status
    if status == "complete":
        return 0, ""
    for state in (one.get("TaskStates") or {}).values():
        if state["State"] == "pending" and state["Events"] and state["Events"][-1]["Type"] == "Restarting":
            return 2, "restarting"
    return (2, "unhealthy") if (one.get("DeploymentStatus") or {}).get("Healthy") is False else (0, "")


def progress(one: dict[str, Any]) -> str:
    if one["Status"] != "running":
        return one["Status"] if one["Status"] in ("failed", "paused") else ""
    groups = list(one["TaskGroups"].values())
    if any(group["UnhealthyAllocs"] for group in groups):
        return "unhealthy"
    waiting = [group for group in groups if group["DesiredCanaries"] and not group["Promoted"]]
    ready = waiting and all(group["HealthyAllocs"] >= group["DesiredCanaries"] for group in waiting)
    return "needs promotion" if ready and not all(group["AutoPromote"] for group in waiting) else ""


def run_to_end(work: Generator[None, None, Result]) -> Result:
    """Run a generator to its end, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def shown(cluster: Cluster) -> dict[str, Any]:
    """Return everything that the overview shows of a cluster."""
    listed = run_to_end(listing(cluster, 1_000))
    return {
        "troubles": {
            key: {"since": one.since, "level": one.level, "what": one.what} for key, one in cluster.troubles.items()
        },
        "figures": {
            (*job, name): (one.running, one.desired, one.restarts)
            for job, groups in listed.figures.items()
            for name, one in groups.items()
        },
        "nodes": {
            key: (one.name, one.status, one.is_eligible, one.is_draining, listed.allocations[key])
            for key, one in cluster.nodes.items()
        },
        "deployments": {
            key: (one.version, one.status, one.desired, one.healthy) for key, one in cluster.deployments.items()
        },
    }


def test_every_figure_is_that_of_a_plain_script_at_twenty_indexes() -> None:
    history = held("tour")
    index = indexed(history)
    ends = {history.frame(sequence)[1] + len(history.frame(sequence)[0].events) - 1 for sequence in range(history.end)}
    chosen = {*random.Random(18).sample(sorted(ends), 19), history.end - 1}
    plain, sequence = Plain(), 0
    for line in recordings.lines("tour"):
        for event in json.loads(line)["Events"] if isinstance(decode(line), Frame) else []:
            plain.take(sequence, event)
            if sequence in chosen:
                expected = {
                    "troubles": plain.troubles,
                    "figures": plain.figures(),
                    "nodes": plain.nodes(),
                    "deployments": plain.deployments(),
                }
                assert shown(index.as_of(sequence)) == expected, sequence
            sequence += 1
    assert sequence == history.end
    assert shown(index.cluster) == shown(index.as_of(history.end - 1))


def test_causes_are_in_words() -> None:
    found = {(one.kind, one.name): one for one in indexed(held("tour")).cluster.attention()}
    assert "oom-killed" in found["group", "flaky.g"].cause
    assert "kernel.name = plan9" in found["evaluation", "greedy"].cause
    assert "progress deadline" in found["deployment", "flaky v0"].cause
    assert [one.level for one in found.values()] == sorted((one.level for one in found.values()), reverse=True)


def test_recoveries_are_remembered() -> None:
    recovered = {(one.kind, one.name): one for one in indexed(held("tour")).cluster.recovered}
    node = recovered["node", "edge-2"]
    assert (node.what, node.level) == ("down", Level.FAILURE)
    assert node.since_at < node.last_at


def allocation(index: int, key: str, status: str, job: str | None) -> Frame:
    now = {"ID": key, "JobID": job, "TaskGroup": "g", "ClientStatus": status, "DesiredStatus": "run"}
    sent = {"Topic": "Allocation", "Type": "AllocationUpdated", "Key": key, "Namespace": "default", "Index": index}
    payload = {"Allocation": {**now, "ModifyIndex": index, "CreateIndex": 1, "ModifyTime": index * 10**9}}
    frame = decode(json.dumps({"Index": index, "Events": [{**sent, "Payload": payload}]}).encode())
    assert isinstance(frame, Frame)
    return frame


def states(*frames: Frame) -> Cluster:
    history = History()
    for frame in frames:
        history.append(frame, 0)
    return indexed(history).cluster


def test_objects_that_fail_again_are_not_listed_as_recovered() -> None:
    sent = [allocation(5, "a", "failed", "web"), allocation(6, "a", "running", "web")]
    assert [one.name for one in states(*sent).recovered_since(0)] == ["web.g"]
    assert states(*sent).recovered_since(6 * 10**9) == []
    again = states(*sent, allocation(7, "a", "failed", "web"))
    assert (len(again.troubles), again.recovered_since(0)) == (1, [])


def about(index: int, topic: str, type_: str, key: str, **now: Any) -> Frame:
    """Return a frame of one event."""
    sent = {"Topic": topic, "Type": type_, "Key": key, "Namespace": "default", "Index": index}
    payload = {topic: {**now, "ID": key, "ModifyIndex": index, "CreateIndex": index}}
    frame = decode(json.dumps({"Index": index, "Events": [{**sent, "Payload": payload}]}).encode())
    assert isinstance(frame, Frame)
    return frame


@pytest.mark.parametrize(
    "end",
    [
        about(9, "Job", "JobDeregistered", "web", Stop=True, Type="service", Status="dead", TaskGroups=[]),
        # For a purge, 1.6.5 sends no more than this.
        about(9, "Evaluation", "JobDeregistered", "e", JobID="web", Status="pending", TriggeredBy="job-deregister"),
    ],
    ids=("stopped", "purged"),
)
def test_a_stopped_or_purged_job_needs_no_attention(end: Frame) -> None:
    sent = [
        about(4, "Job", "JobRegistered", "web", Stop=False, Type="service", Status="running", TaskGroups=[]),
        allocation(5, "a", "failed", "web"),
        about(6, "Evaluation", "EvaluationUpdated", "f", JobID="web", Status="blocked", TriggeredBy="queued-allocs"),
    ]
    assert {one.kind for one in states(*sent).attention()} == {"group", "evaluation"}
    after = states(*sent, end)
    assert after.attention() == []
    assert {(one.kind, one.end) for one in after.recovered} == {("group", "stopped"), ("evaluation", "stopped")}
    assert ClusterFold.restore(ClusterFold(after).snapshot()).cluster.attention() == []
    assert [one.name for one in states(*sent, end, allocation(10, "b", "failed", "web")).attention()] == ["web.g"]


def test_a_garbage_collected_job_needs_no_attention() -> None:
    """Nomad 1.6.5 sends an evaluation for it and nothing of the job itself."""
    sent = [
        about(4, "Job", "JobRegistered", "web", Stop=False, Type="batch", Status="running", TaskGroups=[]),
        allocation(5, "a", "failed", "web"),
        about(9, "Evaluation", "JobBatchDeregistered", "e", JobID="web", Status="pending"),
    ]
    after = states(*sent)
    assert (after.attention(), after.recovered, after.jobs, after.allocations) == ([], [], {}, {})


def job(index: int, status: str, number: int = 1) -> Frame:
    groups = [{"Name": "g", "Count": number}]
    return about(index, "Job", "EvaluationUpdated", "web", Type="service", Status=status, Stop=False, TaskGroups=groups)


def test_a_service_that_is_dead_needs_attention_though_no_event_shows_it_running() -> None:
    """Seen with Nomad 1.6.5: preempted permanently, after the job's earlier events had left the buffer."""
    assert [(one.name, one.what) for one in states(job(6, "dead")).attention()] == [("web", "dead")]
    assert [one.what for one in states(job(6, "pending"), job(7, "dead")).attention()] == ["dead"]


def test_a_service_that_is_started_again_is_not_in_trouble_until_it_is_evaluated() -> None:
    groups = [{"Name": "g", "Count": 1}]
    again = about(9, "Job", "JobRegistered", "web", Type="service", Status="dead", Stop=False, TaskGroups=groups)
    sent = [job(5, "running"), job(6, "dead", 0), again, job(10, "pending"), job(11, "running")]
    assert [states(*sent[:number]).attention() for number in (3, 4, 5)] == [[], [], []]
    assert states(*sent).recovered == []


def test_a_service_scaled_to_zero_is_not_in_trouble() -> None:
    assert states(job(5, "running"), job(6, "dead", 0)).attention() == []
    scaled = states(job(5, "running"), job(6, "dead"), job(7, "pending", 0), job(8, "dead", 0))
    assert (scaled.attention(), [(one.what, one.end) for one in scaled.recovered]) == ([], [("dead", "count 0")])


def test_a_dead_job_has_not_recovered_until_it_runs() -> None:
    """Seen with Nomad 1.6.5: when a node goes down or returns, dead jobs are evaluated, pending, and dead again."""
    died = [job(5, "running"), job(6, "dead"), job(7, "pending")]
    (pending,) = states(*died).attention()
    assert (pending.name, pending.what, pending.level, pending.count) == ("web", "pending", Level.WARNING, 1)
    (dead,) = states(*died, job(8, "dead")).attention()
    assert (dead.what, dead.level, dead.count) == ("dead", Level.FAILURE, 1)
    assert dead.since_at == pending.since_at
    assert states(*died, job(8, "dead")).recovered == []
    runs = states(*died, job(8, "running"))
    assert (runs.attention(), [one.name for one in runs.recovered]) == ([], ["web"])


def test_a_purged_job_is_no_longer_listed() -> None:
    end = about(9, "Evaluation", "JobDeregistered", "e", JobID="web", Status="pending", TriggeredBy="job-deregister")
    assert states(job(8, "running"), end).jobs == {}
    kept = states(job(8, "running"), job(9, "running"), end)
    assert [one.id for one in kept.jobs.values()] == ["web"]


def test_an_allocation_that_names_another_job_does_not_raise() -> None:
    sent = [allocation(5, "a", "failed", None), allocation(6, "a", "complete", "web")]
    found = states(*sent, allocation(7, "b", "failed", None), allocation(1 << 70, "c", "failed", "web"))
    assert {one.key for one in found.troubles.values()} >= {"b"}
    assert Cluster.decode(ClusterFold(found).snapshot()).troubles.keys() == found.troubles.keys()


def test_counts_before_a_gap_prove_nothing_after_it() -> None:
    history = held("tour", gap_after=204)
    index = indexed(history)
    gap = next(sequence for sequence in range(history.end) if history.gap(sequence) is not None)
    before, after = shown(index.as_of(gap - 1)), shown(index.as_of(gap))
    assert any(running is not None for running, _, _ in before["figures"].values())
    assert all(running is None for running, _, _ in after["figures"].values())
    assert all(node[-1] is None for node in after["nodes"].values())
    assert after["troubles"] == before["troubles"]
    assert sum(bucket.gaps for bucket in index.activity.histogram(50, None)) == 1


def test_a_rebuilt_server_is_another_cluster() -> None:
    history = held("tour")
    history.append_gap(Gap(GapReason.REBUILT, 500, 1, 0), 0)
    assert indexed(history).cluster == Cluster()


def test_the_lists_of_a_rebuilt_server_are_forgotten() -> None:
    history = History()
    index = OverviewIndex(Derived(history))
    index.put_seed(Seed([Listed("Node", "", "n1", 5, b'{"Node":{"ID":"n1","Name":"edge-1","Status":"down"}}')]))
    assert [one.name for one in index.attention()] == ["edge-1"]
    history.append_gap(Gap(GapReason.REBUILT, 500, 1, 0), 0)
    index.advance(60)
    assert index.attention() == []


def test_a_state_is_the_same_whether_it_is_folded_or_restored() -> None:
    history = History()
    for _ in range(8):
        for line in recordings.lines("tour"):
            if isinstance(frame := decode(line), Frame):
                history.append(frame, 0)
    index = indexed(history)
    assert index.snapshots.last > 0
    for sequence in random.Random(3).sample(range(history.end), 6):
        alone = OverviewIndex(Derived(history))
        assert index.as_of(sequence) == alone.as_of(sequence)


def test_after_eviction_only_held_events_count() -> None:
    history = History(max_events=320)
    index = OverviewIndex(Derived(history))
    for line in recordings.lines("tour"):
        if isinstance(frame := decode(line), Frame):
            history.append(frame, 0)
            while index.advance(0.1):
                pass
    types = Counter(history.event(sequence).type for sequence in range(history.first, history.end))
    assert index.talkers()[Talker.TYPE] == types
    until = history.first + 150
    assert index.talkers(until)[Talker.TYPE] == Counter(
        history.event(sequence).type for sequence in range(history.first, until)
    )
    assert shown(index.cluster)["troubles"] == shown(indexed(held("tour")).cluster)["troubles"]
    late = OverviewIndex(Derived(history))
    while late.advance(0.1):
        pass
    # Jobs registered before the held events are not guessed.
    assert all(
        running is None for (_, job, _), (running, _, _) in shown(late.cluster)["figures"].items() if job == "web"
    )
    with pytest.raises(IndexError):
        index.as_of(0)


def test_the_histogram_counts_every_event_in_the_bucket_of_its_time() -> None:
    history = held("tour")
    buckets = indexed(history).activity.histogram(40, None)
    expected = [[0] * 4 for _ in buckets]
    for sequence in range(history.end):
        at = happened(history, sequence)
        place = next(number for number, each in enumerate(buckets) if at is not None and each.start <= at < each.end)
        expected[place][event_level(history, history.event(sequence))] += 1
    assert [bucket.counts for bucket in buckets] == expected
    assert 20 <= len(buckets) <= 40
    rates = indexed(history).activity.rates(40, None)
    assert [sum(each) for each in zip(*rates.values(), strict=True)] == [bucket.total for bucket in buckets]


def test_activity_becomes_coarser_and_loses_nothing() -> None:
    activity = Activity()
    for second in range(0, 100_000, 7):
        activity.add(second * 1_000_000_000, "Job", second % 4)
    activity.add_gap(50_000 * 1_000_000_000)
    buckets = activity.histogram(60, None)
    assert sum(bucket.total for bucket in buckets) == len(range(0, 100_000, 7))
    assert len(buckets) <= 60
    hour = activity.histogram(60, 3600)
    assert hour[-1].end - hour[0].start <= 2 * 3600 * 1_000_000_000
    assert 500 <= sum(bucket.total for bucket in hour) <= 530


def test_a_bucket_is_a_term_of_the_filter() -> None:
    from datetime import UTC

    day = 1_795_424_400_000_000_000
    assert time_term(day, day + 60_000_000_000, UTC) == "time:2026-11-23T09:00:00..09:00:59"
    assert time_term(day, day + 86_400_000_000_000, UTC).endswith("..2026-11-24T08:59:59")


def test_snapshots_stay_within_their_memory_limit() -> None:
    snapshots, states = Snapshots(), {}
    for sequence in range(0, 4000, 10):
        states[sequence] = random.Random(sequence // 500).randbytes(3000) + sequence.to_bytes(4, "big") * 20
        snapshots.add(sequence, states[sequence])
        snapshots.thin(40_000)
        assert snapshots.bytes <= 60_000
    for sequence in range(0, 4000, 130):
        found = snapshots.before(sequence)
        assert found is not None
        at, state = found
        assert at <= sequence
        assert state == states[at]
    snapshots.forget_before(3500)
    found = snapshots.before(3999)
    assert found is not None
    assert found[1] == states[found[0]]


def test_a_hundred_thousand_jobs_are_listed_in_slices() -> None:
    jobs = {("default", f"job-{number:06}"): number for number in random.Random(4).sample(range(100_000), 100_000)}
    cluster = Cluster(
        jobs={
            (space, id_): Job(space, id_, "service", "running", 0, False, {"g": 1}, 1, True, 1) for space, id_ in jobs
        },
        allocations={
            str(number): Allocation(str(number), space, id_, "g", f"n-{number % 9}", "running", False, 1, 0, "", "", 1)
            for (space, id_), number in jobs.items()
        },
        nodes={f"n-{number}": Node(f"n-{number}", f"edge-{number}", "ready", True, False, 1, 1) for number in range(9)},
    )
    work, slices = listing(cluster, 3), 0
    while True:
        try:
            next(work)
        except StopIteration as end:
            found = end.value
            break
        slices += 1
    assert slices > 2 * 100_000 // SLICE_SIZE
    assert [job.id for job in found.jobs] == ["job-000000", "job-000001", "job-000002"]
    assert found.more_jobs == 99_997
    assert found.figures["default", "job-000001"]["g"] == GroupFigures(1, 1, 1)
    assert [node.name for node in found.nodes] == ["edge-0", "edge-1", "edge-2"]
    assert (found.more_nodes, found.allocations["n-0"]) == (6, len(range(0, 100_000, 9)))
    counters = {Talker.JOB: Counter({id_: number for (_, id_), number in jobs.items()})}
    assert run_to_end(most_common(counters, 2)) == {Talker.JOB: [("job-099999", 99_999), ("job-099998", 99_998)]}
