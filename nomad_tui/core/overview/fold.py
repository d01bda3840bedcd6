"""Folds events, in order of arrival, into the state of a cluster that they prove."""

from collections.abc import Callable
from typing import Final, NamedTuple

from nomad_tui.core.level import Level
from nomad_tui.core.objects import deployment as deployments
from nomad_tui.core.objects.allocation import ALLOCATION
from nomad_tui.core.objects.allocation import fields as allocations
from nomad_tui.core.objects.deployment import DEPLOYMENT
from nomad_tui.core.objects.evaluation import CANCELED, EVALUATION
from nomad_tui.core.objects.job import JOB
from nomad_tui.core.objects.node import NODE
from nomad_tui.core.objects.node import fields as nodes
from nomad_tui.core.objects.parts import NOTHING
from nomad_tui.core.objects.registry import describe
from nomad_tui.core.overview.state import (
    MAX_RECOVERED,
    Allocation,
    Cluster,
    Deployment,
    Job,
    Node,
    Trouble,
    TroubleKey,
    worst,
)
from nomad_tui.core.updates import Gap, GapReason

FOLDED: Final = frozenset(("Allocation", "Evaluation", "Job", "Deployment", "Node"))
"""Topics whose events change the overview, by released names."""
_ENDED: Final = frozenset(("complete", "failed", "lost"))
_FAILED: Final = {"failed": Level.FAILURE, "lost": Level.FAILURE, "unknown": Level.WARNING}
"""By client status of an allocation."""
_FAILED_WORDS: Final = {"unknown": "disconnected"}
_COUNTED: Final = frozenset(("Allocation", "Job", "Node"))


class Happened(NamedTuple):
    """An event, reduced to what the overview needs."""

    sequence: int
    """-1 for an object from a list of the server."""
    topic: str
    type: str
    key: str
    namespace: str
    payload: bytes
    moment: Callable[[], int | None]
    """Returns when it happened, in ns since 1970; called only when trouble begins or ends."""


class ClusterFold:
    """Folds the events of one cluster. Events older than the known state of their object are ignored."""

    def __init__(self, cluster: Cluster | None = None) -> None:
        self.cluster = Cluster() if cluster is None else cluster
        self._in_trouble: dict[tuple[str, str, str], set[str]] = {}
        """By namespace, job and group: the allocations that need attention."""
        for one in self.cluster.allocations.values():
            if one.level:
                self._in_trouble.setdefault((one.namespace, one.job, one.group), set()).add(one.id)

    def snapshot(self) -> bytes:
        return self.cluster.encode()

    @classmethod
    def restore(cls, snapshot: bytes) -> "ClusterFold":
        return cls(Cluster.decode(snapshot))

    def apply_gap(self, gap: Gap) -> None:
        """Invalidate counts that a gap makes unreliable."""
        if gap.reason is GapReason.REBUILT:
            self.cluster = Cluster()
            self._in_trouble.clear()
        elif not gap.topics or not _COUNTED.isdisjoint(gap.topics):
            for job in self.cluster.jobs.values():
                job.seen_from = 0
            for node in self.cluster.nodes.values():
                node.seen_from = 0

    def apply(self, event: Happened) -> None:
        match event.topic:
            case "Allocation":
                self._apply_allocation(event)
            case "Evaluation":
                self._apply_evaluation(event)
            case "Job":
                self._apply_job(event)
            case "Deployment":
                self._apply_deployment(event)
            case "Node":
                self._apply_node(event)

    # Allocations and their groups

    def _apply_allocation(self, event: Happened) -> None:
        now = ALLOCATION.read(event.payload)
        if now is None:
            return
        known = self.cluster.allocations.get(event.key)
        if known is not None and now.modify_index < known.index:
            return
        job = self.cluster.jobs.get((event.namespace, now.job_id))
        if job is not None and event.sequence >= 0:
            job.has_allocations = True
        level, what = _allocation_trouble(now)
        cause = _words(event) if level else ""
        restarts = sum(task.restarts for task in now.tasks.values())
        group = (event.namespace, now.job_id, now.task_group)
        if known is not None and (former := (known.namespace, known.job, known.group)) != group:
            self._in_trouble.get(former, set()).discard(event.key)
        bad = self._in_trouble.setdefault(group, set())
        (bad.add if level else bad.discard)(event.key)
        if now.client_status in _ENDED and not level:
            self.cluster.allocations.pop(event.key, None)
        else:
            self.cluster.allocations[event.key] = Allocation(
                event.key, event.namespace, now.job_id, now.task_group, now.node_id, now.client_status,
                now.is_to_stop, restarts, level, what, cause, now.modify_index,
            )  # fmt: skip
        again = 0
        if level:
            again = max(0, restarts - known.restarts) if known is not None else 0
            if known is None or not known.level or known.what != what:
                again = max(1, again)
        if not bad:
            del self._in_trouble[group]
        self._apply_group(event, now.job_id, now.task_group, again)

    def _apply_group(self, event: Happened, job: str, group: str, again: int) -> None:
        """Update the trouble of a group from its worst allocation."""
        in_trouble = self._in_trouble.get((event.namespace, job, group), ())
        members = [self.cluster.allocations[id_] for id_ in in_trouble]
        key = ("group", event.namespace, job, group)
        if not members:
            self._recover(key, event)
            return
        of = max(members, key=lambda one: (one.level, one.index, one.id))
        self._report_trouble(
            key, event, f"{job}.{group}", "Allocation", of.id, worst(one.level for one in members), of.what, of.cause,
            again,
        )  # fmt: skip

    # Evaluations

    def _apply_evaluation(self, event: Happened) -> None:
        now = EVALUATION.read(event.payload)
        if now is None or not now.job_id:
            return
        if event.type == "JobBatchDeregistered":  # a garbage collection; before 1.9 without an event of the job
            self._forget_job(event.namespace, now.job_id)
            return
        if event.type == "JobDeregistered":
            self._stop_job(event, now.job_id)
            where = (event.namespace, now.job_id)
            if (job := self.cluster.jobs.get(where)) is not None and job.index < now.create_index:
                del self.cluster.jobs[where]  # a stopped job that still exists has an event of the same index
            return
        key = ("evaluation", event.namespace, now.job_id, "")
        known = self.cluster.troubles.get(key)
        if now.status in ("blocked", "failed"):
            level = Level.FAILURE if now.status == "failed" else Level.WARNING
            is_news = known is None or known.key != event.key or known.what != now.status
            self._report_trouble(
                key, event, now.job_id, "Evaluation", event.key, level, now.status, _words(event), int(is_news)
            )
        elif known is not None and now.status == "complete" and not now.failed_tg_allocs and not now.blocked_eval:
            # The blocked evaluation itself, or a later one of the job that placed everything.
            if event.type != "PlanResult" or known.key == event.key:
                self._recover(key, event)
        elif known is not None and known.key == event.key and now.status in CANCELED:
            self._recover(key, event)

    # Jobs

    def _apply_job(self, event: Happened) -> None:
        now = JOB.read(event.payload)
        where = (event.namespace, event.key)
        known = self.cluster.jobs.get(where)
        if now is None or (known is not None and now.modify_index < known.index):
            return
        is_gone = b'"Deleted":true' in event.payload or event.type in ("JobDeregistered", "JobBatchDeregistered")
        if is_gone and (now.stop is False or event.type == "JobBatchDeregistered"):
            self._forget_job(event.namespace, event.key)
            return
        groups = {group.name: group.count for group in now.groups}
        seen_from = known.seen_from if known is not None else 0
        if now.is_new and event.sequence >= 0:
            seen_from = now.create_index
        self.cluster.jobs[where] = Job(
            event.namespace, event.key, now.type, now.status, now.version or 0, now.stop, groups, seen_from,
            known.has_allocations if known is not None else False, now.modify_index,
        )  # fmt: skip
        key = ("job", event.namespace, event.key, "")
        trouble = self.cluster.troubles.get(key)
        is_dead = now.status == "dead" and now.type == "service" and any(groups.values())
        is_dead &= event.type != "JobRegistered"  # which leaves the status as it was, until the job is evaluated
        if now.stop:
            self._stop_job(event, event.key)
        elif now.status == "running":
            self._recover(key, event)
        elif not any(groups.values()):
            self._recover(key, event, "count 0")
        elif is_dead or trouble is not None:
            # Each evaluation of a dead job, such as after a node change, makes it pending and then dead again.
            level = Level.FAILURE if now.status == "dead" else Level.WARNING
            has_died = is_dead and known is not None and known.status == "running"
            is_news = trouble is None or (has_died and trouble.what != now.status)
            self._report_trouble(
                key, event, event.key, "Job", event.key, level, now.status, _words(event), int(is_news)
            )

    def _stop_job(self, event: Happened, job: str) -> None:
        """Clear the troubles of a job that was stopped or purged.

        Its failed allocations have no further events. For a purge, releases before 1.9 send only the evaluation (seen
        with 1.6.5).
        """
        where = (event.namespace, job)
        if (known := self.cluster.jobs.get(where)) is not None:
            known.is_stopped = True
        for key in [key for key in self.cluster.troubles if key[1:3] == where and key[0] != "node"]:
            self._recover(key, event, "stopped")
        for group in [group for group in self._in_trouble if group[:2] == where]:
            for id_ in self._in_trouble.pop(group):
                allocation = self.cluster.allocations[id_]
                allocation.level = Level.ROUTINE
                if allocation.status in _ENDED:
                    del self.cluster.allocations[id_]

    def _forget_job(self, namespace: str, job: str) -> None:
        """Remove a purged job, with its troubles and allocations."""
        where = (namespace, job)
        self.cluster.jobs.pop(where, None)
        self.cluster.deployments.pop(where, None)
        for key in [key for key in self.cluster.troubles if key[1:3] == where and key[0] != "node"]:
            del self.cluster.troubles[key]
        for group in [group for group in self._in_trouble if group[:2] == where]:
            for id_ in self._in_trouble.pop(group):
                self.cluster.allocations.pop(id_, None)

    # Deployments

    def _apply_deployment(self, event: Happened) -> None:
        now = DEPLOYMENT.read(event.payload)
        if now is None:
            return
        where = (event.namespace, now.job_id)
        known = self.cluster.deployments.get(where)
        if known is not None and (
            now.modify_index < known.index or (known.id != event.key and not _is_later(now, known))
        ):
            return
        totals = deployments.Totals(now)
        self.cluster.deployments[where] = Deployment(
            event.namespace, now.job_id, event.key, now.job_version or 0, now.status,
            totals.desired, totals.placed, totals.healthy, totals.unhealthy, now.modify_index,
        )  # fmt: skip
        level, what = _deployment_trouble(now, totals)
        key = ("deployment", event.namespace, now.job_id, "")
        if level:
            trouble = self.cluster.troubles.get(key)
            is_news = trouble is None or trouble.key != event.key or trouble.what != what
            name = f"{now.job_id} v{now.job_version or 0}"
            self._report_trouble(key, event, name, "Deployment", event.key, level, what, _words(event), int(is_news))
        elif (
            now.status == "successful"
            or (trouble := self.cluster.troubles.get(key)) is None
            or trouble.key == event.key
        ):
            self._recover(key, event)

    # Nodes

    def _apply_node(self, event: Happened) -> None:
        now = NODE.read(event.payload)
        known = self.cluster.nodes.get(event.key)
        if now is None or (known is not None and now.modify_index < known.index):
            return
        key = ("node", "", event.key, "")
        if event.type == "NodeDeregistration":
            self.cluster.nodes.pop(event.key, None)
            self.cluster.troubles.pop(key, None)
            return
        seen_from = known.seen_from if known is not None else 0
        if now.is_new and event.sequence >= 0:
            seen_from = now.create_index
        is_eligible = now.scheduling_eligibility != "ineligible"
        self.cluster.nodes[event.key] = Node(
            event.key, now.name, now.status, is_eligible, now.is_draining(), seen_from, now.modify_index
        )
        level, what = _node_trouble(now)
        if not level:
            self._recover(key, event)
            return
        trouble = self.cluster.troubles.get(key)
        if trouble is not None and trouble.what == what:
            return
        self._report_trouble(key, event, now.name or event.key, "Node", event.key, level, what, _words(event), 1)

    # Troubles

    def _report_trouble(
        self, key: TroubleKey, event: Happened, name: str, topic: str, of: str, level: Level, what: str, cause: str,
        again: int,
    ) -> None:  # fmt: skip
        kind, namespace, job, group = key
        known = self.cluster.troubles.get(key)
        if known is not None and not again and (known.level, known.what, known.key) == (level, what, of):
            known.cause = cause
            return
        at = event.moment() or 0
        since, since_at, count = event.sequence, at, max(1, again)
        if known is not None:
            since, since_at, count = known.since, known.since_at, known.count + again
        self.cluster.troubles[key] = Trouble(
            kind, namespace, job, group, name, topic, of, level, what, cause, since, since_at, event.sequence, at, count
        )

    def _recover(self, key: TroubleKey, event: Happened, end: str = "recovered") -> None:
        trouble = self.cluster.troubles.pop(key, None)
        if trouble is None:
            return
        trouble.last, trouble.last_at, trouble.end = event.sequence, event.moment() or 0, end
        self.cluster.recovered = [
            *(each for each in self.cluster.recovered if each.trouble_key != key), trouble
        ][-MAX_RECOVERED:]  # fmt: skip


def _allocation_trouble(now: allocations.Allocation) -> tuple[Level, str]:
    """How much attention an allocation needs in its current state, and why."""
    if now.is_to_stop or now.next_allocation:
        return Level.ROUTINE, ""
    if now.client_status in _FAILED:
        return _FAILED[now.client_status], _FAILED_WORDS.get(now.client_status, now.client_status)
    if now.client_status in _ENDED:
        return Level.ROUTINE, ""
    for task in now.tasks.values():
        if task.state == "pending" and task.events and task.events[-1].type == "Restarting":
            return Level.WARNING, "restarting"
    if now.deployment_status is not None and now.deployment_status.healthy is False:
        return Level.WARNING, "unhealthy"
    return Level.ROUTINE, ""


def _deployment_trouble(now: deployments.Deployment, totals: deployments.Totals) -> tuple[Level, str]:
    if now.status == "failed":
        return Level.FAILURE, "failed"
    if now.status == "paused":
        return Level.WARNING, "paused"
    if now.status != "running":
        return Level.ROUTINE, ""
    if totals.unhealthy:
        return Level.WARNING, "unhealthy"
    return (Level.WARNING, "needs promotion") if totals.waits_for_promotion else (Level.ROUTINE, "")


def _node_trouble(now: nodes.Node) -> tuple[Level, str]:
    if now.status == "down":
        return Level.FAILURE, "down"
    if now.status == "disconnected":
        return Level.WARNING, "disconnected"
    if now.is_draining():
        return Level.WARNING, "draining"
    if now.scheduling_eligibility == "ineligible":
        return Level.WARNING, "ineligible"
    return Level.ROUTINE, ""


def _is_later(now: deployments.Deployment, known: Deployment) -> bool:
    """Whether a deployment belongs to the same or a later version of its job than the known one."""
    return (now.job_version or 0) >= known.version


def _words(event: Happened) -> str:
    """The current state of the object, in words."""
    return describe(event.topic, event.type, event.key, event.payload, None, NOTHING).what
