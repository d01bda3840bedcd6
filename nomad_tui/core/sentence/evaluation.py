"""Sentences about evaluations: what asked for one, how it ended, and why something could not be placed."""

import re
from datetime import datetime
from typing import Final

import msgspec

from nomad_tui.core.readable import count, duration
from nomad_tui.core.sentence.parts import (
    COMMA,
    DOT,
    MESSAGE_LIMIT,
    VALUE_LIMIT,
    Part,
    Sentence,
    bad,
    dim,
    named,
    plain,
    reason,
    sentence,
    short,
    status,
)
from nomad_tui.core.sentence.reading import Object, Reader, Versioned, earlier

_INTERPOLATION: Final = re.compile(r"\$\{(?:attr\.)?([^}]*)\}")

_PLANNED: Final = (
    ("place", "place"),
    ("canary", "canary"),
    ("stop", "stop"),
    ("migrate", "migrate"),
    ("destructive_update", "replace"),
    ("in_place_update", "update in place"),
    ("reschedule_now", "reschedule"),
    ("reschedule_later", "reschedule later"),
    ("preemptions", "preempt"),
)


class Metric(Object):
    """Why a task group found no node (`AllocMetric`)."""

    nodes_evaluated: int = 0
    nodes_filtered: int = 0
    nodes_exhausted: int = 0
    nodes_in_pool: int | None = None
    """None where a server does not send it."""
    node_pool: str = ""
    nodes_available: dict[str, int] | None = None
    constraint_filtered: dict[str, int] | None = None
    class_filtered: dict[str, int] | None = None
    dimension_exhausted: dict[str, int] | None = None
    quota_exhausted: list[str] | None = None
    coalesced_failures: int = 0


class Desired(Object):
    place: int = 0
    canary: int = 0
    stop: int = 0
    migrate: int = 0
    destructive_update: int = 0
    in_place_update: int = 0
    reschedule_now: int = 0
    reschedule_later: int = 0
    preemptions: int = 0


class Annotations(Object):
    desired_tg_updates: dict[str, Desired] | None = None


class Evaluation(Versioned):
    status: str = ""
    status_description: str = ""
    triggered_by: str = ""
    type: str = ""
    job_id: str = ""
    node_id: str = ""
    wait_until: str | None = None
    modify_time: int = 0
    quota_limit_reached: str = ""
    plan_annotations: Annotations | None = None
    failed_tg_allocs: dict[str, Metric] | None = msgspec.field(default=None, name="FailedTGAllocs")


class Payload(Object):
    evaluation: Evaluation | None = None


_READER: Final = Reader[Payload](Payload)


def describe(key: str, type_: str, payload: bytes, previous: bytes | None) -> Sentence | None:
    read = _READER.read(payload)
    if read is None or (now := read.evaluation) is None:
        return None
    before = None
    if previous is not None and (read := _READER.read(previous)) is not None:
        before = earlier(read.evaluation, now)
    subject = named(now.job_id or (f"node {short(now.node_id)}" if now.node_id else ""), key)
    return sentence(subject, _happened(now, before, type_), status=now.status)


def _happened(now: Evaluation, before: Evaluation | None, type_: str) -> list[Part]:
    happened = [status(now.status)]
    if now.failed_tg_allocs:
        left = [] if now.status == "blocked" else [bad("not placed"), COMMA]
        return [*happened, DOT, *left, *_unplaced(now.failed_tg_allocs)]
    if now.quota_limit_reached:
        return [*happened, DOT, bad(f"quota {now.quota_limit_reached} reached")]
    if now.status in ("blocked", "failed", "cancelled", "canceled"):
        why = reason(now.status_description) or now.triggered_by
        return [*happened, DOT, plain(why)] if why else happened
    say = dim if now.status == "complete" else plain
    if before is not None and now.status == before.status and type_ == "PlanResult":
        return [*happened, DOT, dim("plan applied")]
    if now.triggered_by:
        happened += [DOT, say(now.triggered_by, VALUE_LIMIT)]
    if now.wait_until and (wait := _wait(now.wait_until, now.modify_time)):
        happened += [COMMA, plain(wait)]
    elif planned := _planned(now):
        happened.append(say(", " + planned))
    return happened


def _planned(now: Evaluation) -> str:
    """What the plan of a finished evaluation asked for: `place 2, stop 1`.

    A system job's annotations count allocations that already run as placements, so they are left out.
    """
    groups = now.plan_annotations and now.plan_annotations.desired_tg_updates
    if not groups or now.type in ("system", "sysbatch"):
        return ""
    totals = ((verb, sum(getattr(one, field) for one in groups.values())) for field, verb in _PLANNED)
    return ", ".join(f"{verb} {count(total)}" for verb, total in totals if total)


def _wait(until: str, since: int) -> str:
    """`retry in 5 s`, counted from when the evaluation was written."""
    try:
        moment = datetime.fromisoformat(until)
        nanoseconds = int(moment.timestamp() * 1e9) - since
    except (ValueError, OverflowError, OSError):
        return ""
    return f"retry in {duration(round(nanoseconds, -8))}" if since and nanoseconds > 0 else ""


def _unplaced(groups: dict[str, Metric]) -> list[Part]:
    name, metric = max(groups.items(), key=lambda item: item[1].coalesced_failures)
    happened = [plain(f"{name[:VALUE_LIMIT]}: ")] if len(groups) > 1 else []
    happened += _obstacle(metric)
    if metric.coalesced_failures > 0:
        happened.append(dim(f", same for {count(metric.coalesced_failures)} more"))
    if len(groups) > 1:
        happened.append(dim(f" · and {count(len(groups) - 1)} more groups"))
    return happened


def _obstacle(metric: Metric) -> list[Part]:
    """The one thing to mend first: quota, no nodes at all, a full dimension, or a constraint."""
    if metric.quota_exhausted:
        return [bad(f"quota exhausted: {metric.quota_exhausted[0]}")]
    if metric.nodes_in_pool == 0 and metric.node_pool:
        return [bad(f"no nodes in pool {metric.node_pool}")]
    if metric.nodes_evaluated == 0 and not sum((metric.nodes_available or {}).values()):
        return [bad("no nodes available")]
    happened: list[Part] = []
    if metric.nodes_exhausted > 0:
        happened.append(plain(f"{_nodes(metric.nodes_exhausted)} exhausted"))
        if dimension := _most(metric.dimension_exhausted):
            happened.append(plain(f": {dimension}"))
    if metric.nodes_filtered > 0:
        filtered = f"{_nodes(metric.nodes_filtered)} filtered"
        happened += [COMMA, plain(filtered)] if happened else [plain(filtered)]
        if constraint := _most(metric.constraint_filtered):
            happened.append(plain(": " + _INTERPOLATION.sub(r"\1", constraint[: 2 * MESSAGE_LIMIT])))
        elif node_class := _most(metric.class_filtered):
            happened.append(plain(f": class {node_class}"))
    return happened or [plain(f"not placed, {_nodes(metric.nodes_evaluated)} evaluated")]


def _nodes(number: int) -> str:
    return "1 node" if number == 1 else f"{count(number)} nodes"


def _most(counts: dict[str, int] | None) -> str:
    return max(counts, key=counts.__getitem__) if counts else ""
