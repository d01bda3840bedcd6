"""Jobs: registered, changed, running, dead, stopped, purged; their type, schedule and groups."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

import msgspec

from nomad_tui.core.level import Level
from nomad_tui.core.objects.fact import Context, Facts, listed, masked
from nomad_tui.core.objects.job_changes import changes
from nomad_tui.core.objects.kind import Compared, Known, Links, Mention, ObjectEvent
from nomad_tui.core.objects.parts import (
    ARROW,
    COMMA,
    DOT,
    VALUE_LIMIT,
    Part,
    Parts,
    Role,
    Sentence,
    became,
    dim,
    good,
    named,
    plain,
    reason,
    sentence,
    short,
    status,
    unchanged,
    warn,
)
from nomad_tui.core.objects.reading import EMPTY, Object, Reader, Written
from nomad_tui.core.readable import count

_GROUPS_IN_SENTENCE: Final = 3
_GROUPS_LISTED: Final = 6
_NODE_WIDE: Final = {"system", "sysbatch"}
"""Types of jobs that run once on each node, whatever the count of a group."""
_SPACE: Final = Part("  ", Role.PLAIN)


class Task(Object):
    name: str = ""
    user: str = ""


class Group(Object):
    name: str = ""
    count: int = 0
    tasks: list[Task] | None = None


class Periodic(Object):
    enabled: bool = False
    spec: str = ""
    specs: list[str] | None = None
    prohibit_overlap: bool = False
    time_zone: str = ""


class Parameterized(Object):
    payload: str = ""
    meta_required: list[str] | None = None
    meta_optional: list[str] | None = None


class VersionTag(Object):
    name: str = ""


class Job(Written):
    id: str = ""
    name: str = ""
    status: str = ""
    status_description: str = ""
    type: str = ""
    version: int | None = None
    stable: bool = False
    stop: bool = False
    priority: int = 0
    parent_id: str = ""
    dispatched: bool = False
    periodic: Periodic | None = None
    parameterized_job: msgspec.Raw = EMPTY
    task_groups: msgspec.Raw = EMPTY
    datacenters: list[str] | None = None
    node_pool: str = ""
    region: str = ""
    submit_time: int = 0
    job_modify_index: int = 0
    nomad_token_id: str = ""
    version_tag: VersionTag | None = None

    @property
    def groups(self) -> list[Group]:
        return _GROUPS.read(self.task_groups) or []

    @property
    def parameterized(self) -> Parameterized | None:
        return _PARAMETERIZED.read(self.parameterized_job) if self.parameterized_job is not EMPTY else None


_GROUPS: Final = Reader[list[Group]](list[Group] | None)
_PARAMETERIZED: Final = Reader[Parameterized](Parameterized | None)


def _group_names(groups: msgspec.Raw) -> Iterator[str]:
    return (group.name for group in _GROUPS.read(groups) or ())


def _task_names(groups: msgspec.Raw) -> Iterator[str]:
    return (task.name for group in _GROUPS.read(groups) or () for task in group.tasks or ())


def _users(groups: msgspec.Raw) -> Iterator[str]:
    return (task.user for group in _GROUPS.read(groups) or () for task in group.tasks or ())


class JobKind(Known[Job]):
    name = "Job"
    payload_key = "Job"
    capability = "namespace read-job"
    is_namespaced = True
    glyph = "●"
    endpoint = "/v1/job/"
    command = "job status"
    page = "jobs/{name}@{namespace}"
    fields = Job
    status = "status"
    written = ("submit_time", "job_modify_index")
    mentions: ClassVar[Mapping[str, Mention]] = {
        "region": Mention(("region",)),
        "group": Mention(("task_groups",), _group_names),
        "task": Mention(("task_groups",), _task_names),
        "user": Mention(("task_groups",), _users),
    }
    ended = frozenset(("dead",))
    removed = "purged"
    write_times = ("SubmitTime",)

    @property
    def is_job(self) -> bool:
        return True

    def job_of(self, key: str, filter_keys: tuple[str, ...]) -> str:
        return key

    def called(self, links: Links) -> str:
        return links.name

    def is_earlier(self, before: Job, now: Job) -> bool:
        """A job created at another index no longer exists: this one only has the same name."""
        return before.create_index == now.create_index and super().is_earlier(before, now)

    def sentence(self, event: ObjectEvent[Job]) -> Sentence:
        now = event.now
        if event.is_deleted:
            return sentence(named(now.id, event.key), [_gone(event.type_)])
        happened = _happened(now, event.before, event.type_, event.payload, event.previous)
        return sentence(named(now.id, event.key), happened, status=now.status)

    def level(self, event: ObjectEvent[Job]) -> Level:
        now, before = event.now, event.before
        if event.is_deleted or now.is_new:
            return Level.CHANGE
        if before is None:
            return Level.CHANGE if now.job_modify_index == now.modify_index > 0 else Level.ROUTINE
        if (before.status, now.status) == ("running", "dead") and not now.stop and now.type == "service":
            return Level.FAILURE  # Nobody stopped it: its allocations have finally failed.
        changed = (now.status, now.stop, now.job_modify_index) != (before.status, before.stop, before.job_modify_index)
        return Level.CHANGE if changed else Level.ROUTINE

    def summary(self, now: Job, is_deleted: bool, facts: Facts, context: Context) -> None:
        facts.add("", warn("purged" if is_deleted else ""))
        if now.status:
            why = reason(now.status_description)
            state = dim(f"was {now.status}", VALUE_LIMIT) if is_deleted else status(now.status)
            facts.add("status", state, *((DOT, plain(why)) if why else ()))
        facts.add("", warn("stopped" if now.stop else ""))
        facts.add("type", plain(now.type, VALUE_LIMIT))
        if now.version is not None:
            facts.add("version", plain(count(now.version)), good(" stable" if now.stable else ""))
        facts.add("tag", plain(masked(now.version_tag.name), VALUE_LIMIT) if now.version_tag is not None else dim(""))
        facts.add("priority", plain(count(now.priority) if now.priority else ""))
        facts.new_line()
        _add_origin(facts, now)
        facts.new_line()
        _add_groups(facts, now)
        submitted = context.ago(now.submit_time)
        # The payload contains at most a token's accessor, which is not secret.
        facts.add("submitted", plain(submitted), dim(f" by {short(now.nomad_token_id)}" if now.nomad_token_id else ""))
        facts.new_line()
        facts.add("datacenters", plain(listed(now.datacenters or ())))
        facts.add("pool", plain(now.node_pool, VALUE_LIMIT))
        facts.add("region", plain(now.region, VALUE_LIMIT))

    def facts(self, type_: str, key: str, payload: bytes) -> tuple[str, str, str]:
        found, is_deleted = self._facts.read(payload)
        return (found.status if found is not None and not is_deleted else "", "", "")

    def compared(self, payload: bytes) -> Compared | None:
        job, is_deleted = self._reader.read(payload)
        if job is None:
            return None
        return Compared((job.status, job.version or 0, job.stop, job.stable, is_deleted))

    def written_at(self, type_: str, payload: bytes) -> tuple[int | None, object]:
        """A deployment that rolls a job back leaves the time at which the earlier version was submitted."""
        return (None, None) if type_ == "DeploymentStatusUpdate" else super().written_at(type_, payload)


JOB: Final = JobKind()


def _gone(type_: str) -> Part:
    """Only garbage collection deregisters jobs in batches."""
    return dim("garbage-collected") if type_ == "JobBatchDeregistered" else warn("purged")


def _stopped(now: Job, turned: list[Part]) -> list[Part]:
    """A job runs until its allocations have ended, even if it is requested to stop."""
    if now.status == "dead" or turned:
        return [warn("stopped"), DOT, *(turned or [dim(now.status, VALUE_LIMIT)])]
    return [warn("stop requested"), COMMA, plain("still "), status(now.status)]


def _happened(now: Job, before: Job | None, type_: str, payload: bytes, previous: bytes | None) -> list[Part]:
    if before is None or previous is None:
        return _state(now, type_)
    turned = became(before.status, now.status) if now.status != before.status else []
    if now.stop and not before.stop:
        return _stopped(now, turned)
    if (now.version or 0) != (before.version or 0):
        return _new_version(now, before, payload, previous) + ([DOT, *turned] if turned else [])
    if turned:
        return turned + ([DOT, dim("stopped")] if now.stop else _why(now))
    if now.stable and not before.stable:
        return [dim(now.status, VALUE_LIMIT), DOT, good(f"version {now.version or 0} is stable")]
    if now.job_modify_index != before.job_modify_index:
        return unchanged(now.status, "registered again without changes")
    return unchanged(now.status)


def _state(now: Job, type_: str) -> list[Part]:
    if now.stop:
        return _stopped(now, [])
    if now.modify_index and now.job_modify_index == now.modify_index:
        if now.is_new:
            return _registered(now)
        return [plain("registered"), dim(f" v{now.version or 0}"), DOT, status(now.status)]
    return [status(now.status), *_why(now)]


def _registered(now: Job) -> list[Part]:
    if now.parent_id:
        verb = "dispatched from" if now.dispatched else "launched by"
        return [plain(f"{verb} "), plain(now.parent_id, VALUE_LIMIT * 2)]
    happened = [plain("registered"), dim(f" {now.type}", VALUE_LIMIT)]
    if now.periodic is not None and now.periodic.enabled:
        spec = now.periodic.spec or ", ".join(now.periodic.specs or ())
        return [*happened, DOT, plain(f"periodic {spec}", VALUE_LIMIT * 2)]
    if now.parameterized is not None:
        return [*happened, DOT, plain("waiting for dispatch")]
    groups = now.groups
    if now.type in ("service", "batch") and groups:
        counts = [f"{group.name[:VALUE_LIMIT]} {count(group.count)}" for group in groups[:_GROUPS_IN_SENTENCE]]
        if len(groups) > _GROUPS_IN_SENTENCE:
            total = sum(group.count for group in groups)
            counts = [f"{count(len(groups))} groups, {count(total)} allocations"]
        happened += [DOT, dim(", ".join(counts))]
    return happened


def _new_version(now: Job, before: Job, payload: bytes, previous: bytes) -> list[Part]:
    happened = [plain(f"v{before.version or 0}"), ARROW, plain(f"v{now.version or 0}"), _SPACE]
    if before.stop and not now.stop:
        happened += [good("started again"), COMMA]
    return happened + changes(previous, payload)


def _why(now: Job) -> list[Part]:
    why = reason(now.status_description)
    return [DOT, plain(why)] if why else []


def _add_origin(facts: Facts, now: Job) -> None:
    """What starts it: a schedule, a dispatch, or its parent job."""
    if now.parent_id:
        facts.add("dispatched from" if now.dispatched else "launched by", plain(now.parent_id, VALUE_LIMIT * 2))
    elif (periodic := now.periodic) is not None:
        spec = " and ".join((periodic.specs or [periodic.spec])[:3])
        zone = dim(f" {periodic.time_zone}" if periodic.time_zone else "", VALUE_LIMIT)
        paused = [] if periodic.enabled else [COMMA, warn("not enabled")]
        facts.add("periodic", plain(masked(spec), VALUE_LIMIT * 2), zone, *paused)
        facts.add("", plain("no overlap" if periodic.prohibit_overlap else ""))
    if (asked := now.parameterized) is not None and not now.dispatched:
        payload: list[Part] = [dim("payload "), plain(asked.payload, VALUE_LIMIT)] if asked.payload else []
        facts.add("parameterized", *(payload or [plain("yes")]))
        facts.add("meta required", plain(listed(asked.meta_required or ())))
        facts.add("meta optional", plain(listed(asked.meta_optional or ())))


def _add_groups(facts: Facts, now: Job) -> None:
    groups = now.groups
    parts: list[Part] = []
    for group in groups[:_GROUPS_LISTED]:
        parts += [*([COMMA] if parts else []), plain(group.name, VALUE_LIMIT)]
        if now.type not in _NODE_WIDE:
            parts.append((plain if group.count else dim)(f" {count(group.count)}"))
    if len(groups) > _GROUPS_LISTED:
        parts.append(dim(f" and {count(len(groups) - _GROUPS_LISTED)} more groups"))
    facts.add("group" if len(groups) == 1 else "groups", *parts)
    if len(groups) > 1 and now.type not in _NODE_WIDE:
        facts.add("in all", plain(count(sum(group.count for group in groups))))
    facts.add("", dim("on each node" if groups and now.type in _NODE_WIDE else ""))


def describe_job(state: Sentence, version: int) -> Parts:
    """`v3 · running`, `v0 · stopped · dead`."""
    happened = state.happened
    if happened and happened[0].text.startswith("registered") and state.status:
        happened = (status(state.status),)
    return (dim(f"v{version}"), DOT, *happened)
