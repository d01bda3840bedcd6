"""Sentences about jobs: registered, changed and in what, running, dead, stopped, purged."""

from typing import Final

import msgspec

from nomad_tui.core.readable import count
from nomad_tui.core.sentence.job_changes import changes
from nomad_tui.core.sentence.parts import (
    ARROW,
    COMMA,
    DOT,
    VALUE_LIMIT,
    Part,
    Role,
    Sentence,
    became,
    dim,
    good,
    named,
    plain,
    reason,
    sentence,
    status,
    unchanged,
    warn,
)
from nomad_tui.core.sentence.reading import EMPTY, Object, Reader, Versioned, earlier

_GROUPS_NAMED: Final = 3

_SPACE: Final = Part("  ", Role.PLAIN)


class Group(Object):
    name: str = ""
    count: int = 0


class Periodic(Object):
    enabled: bool = False
    spec: str = ""
    specs: list[str] | None = None


class Job(Versioned):
    id: str = ""
    status: str = ""
    status_description: str = ""
    type: str = ""
    stop: bool = False
    stable: bool = False
    dispatched: bool = False
    parent_id: str = ""
    version: int = 0
    create_index: int = 0
    job_modify_index: int = 0
    periodic: Periodic | None = None
    parameterized_job: msgspec.Raw = EMPTY
    task_groups: msgspec.Raw = EMPTY


class Payload(Object):
    job: Job | None = None
    deleted: bool = False


_READER: Final = Reader[Payload](Payload)
_GROUPS: Final = Reader[list[Group]](list[Group] | None)


def describe(key: str, type_: str, payload: bytes, previous: bytes | None) -> Sentence | None:
    read = _READER.read(payload)
    if read is None or (now := read.job) is None:
        return None
    deleted = read.deleted
    before = None
    if previous is not None and (read := _READER.read(previous)) is not None:
        before = earlier(read.job, now)
        if before is not None and (read.deleted or before.create_index != now.create_index):
            before = None  # That was another job, which is gone: this one only has its name.
    happened = [_gone(type_)] if deleted else _happened(now, before, type_, payload, previous)
    return sentence(named(now.id, key), happened, status="" if deleted else now.status)


def _gone(type_: str) -> Part:
    """Only garbage collection deregisters jobs in batches."""
    return dim("garbage-collected") if type_ == "JobBatchDeregistered" else warn("purged")


def _stopped(now: Job, turned: list[Part]) -> list[Part]:
    """A job that is asked to stop runs until its allocations have ended."""
    if now.status == "dead" or turned:
        return [warn("stopped"), DOT, *(turned or [dim(now.status, VALUE_LIMIT)])]
    return [warn("stop requested"), COMMA, plain("still "), status(now.status)]


def _happened(now: Job, before: Job | None, type_: str, payload: bytes, previous: bytes | None) -> list[Part]:
    if before is None or previous is None:
        return _state(now, type_)
    turned = became(before.status, now.status) if now.status != before.status else []
    if now.stop and not before.stop:
        return _stopped(now, turned)
    if now.version != before.version:
        return _new_version(now, before, payload, previous) + ([DOT, *turned] if turned else [])
    if turned:
        return turned + ([DOT, dim("stopped")] if now.stop else _why(now))
    if now.stable and not before.stable:
        return [dim(now.status, VALUE_LIMIT), DOT, good(f"version {now.version} is stable")]
    if now.job_modify_index != before.job_modify_index:
        return unchanged(now.status, "registered again without changes")
    return unchanged(now.status)


def _state(now: Job, type_: str) -> list[Part]:
    if now.stop:
        return _stopped(now, [])
    if now.modify_index and now.job_modify_index == now.modify_index:
        if now.create_index == now.modify_index:
            return _registered(now)
        return [plain("registered"), dim(f" v{now.version}"), DOT, status(now.status)]
    return [status(now.status), *_why(now)]


def _registered(now: Job) -> list[Part]:
    if now.parent_id:
        verb = "dispatched from" if now.dispatched else "launched by"
        return [plain(f"{verb} "), plain(now.parent_id, VALUE_LIMIT * 2)]
    happened = [plain("registered"), dim(f" {now.type}", VALUE_LIMIT)]
    if now.periodic is not None and now.periodic.enabled:
        spec = now.periodic.spec or ", ".join(now.periodic.specs or ())
        return [*happened, DOT, plain(f"periodic {spec}", VALUE_LIMIT * 2)]
    if now.parameterized_job is not EMPTY and bytes(now.parameterized_job) != b"null":
        return [*happened, DOT, plain("waits to be dispatched")]
    groups = _GROUPS.read(now.task_groups) or []
    if now.type in ("service", "batch") and groups:
        counts = [f"{group.name[:VALUE_LIMIT]} {count(group.count)}" for group in groups[:_GROUPS_NAMED]]
        if len(groups) > _GROUPS_NAMED:
            total = sum(group.count for group in groups)
            counts = [f"{count(len(groups))} groups, {count(total)} allocations"]
        happened += [DOT, dim(", ".join(counts))]
    return happened


def _new_version(now: Job, before: Job, payload: bytes, previous: bytes) -> list[Part]:
    happened = [plain(f"v{before.version}"), ARROW, plain(f"v{now.version}"), _SPACE]
    if before.stop and not now.stop:
        happened += [good("started again"), COMMA]
    return happened + changes(previous, payload)


def _why(now: Job) -> list[Part]:
    why = reason(now.status_description)
    return [DOT, plain(why)] if why else []
