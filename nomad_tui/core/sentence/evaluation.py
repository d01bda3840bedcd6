"""Sentences about evaluations: what asked for one, how it ended, and why something could not be placed."""

import re
from datetime import datetime
from typing import Final

import msgspec

from nomad_tui.core.readable import count, duration
from nomad_tui.core.sentence.beside import NOTHING, Beside
from nomad_tui.core.sentence.parts import (
    COMMA,
    DOT,
    MESSAGE_LIMIT,
    UUID,
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

_SPLIT_NAMED: Final = 4
"""Reasons that are named; the others are counted."""

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
    create_index: int = 0
    modify_time: int = 0
    quota_limit_reached: str = ""
    plan_annotations: Annotations | None = None
    failed_tg_allocs: dict[str, Metric] | None = msgspec.field(default=None, name="FailedTGAllocs")


class Payload(Object):
    evaluation: Evaluation | None = None


_READER: Final = Reader[Payload](Payload)


def describe(key: str, type_: str, payload: bytes, previous: bytes | None, beside: Beside = NOTHING) -> Sentence | None:
    read = _READER.read(payload)
    if read is None or (now := read.evaluation) is None:
        return None
    before = None
    if previous is not None and (read := _READER.read(previous)) is not None:
        before = earlier(read.evaluation, now)
    is_planned = type_ == "PlanResult" and (
        0 < now.create_index < now.modify_index or (before is not None and before.status == now.status)
    )
    subject = named(now.job_id or (f"node {short(now.node_id)}" if now.node_id else ""), key)
    return sentence(
        subject, _plan_applied(key, now, beside) if is_planned else _happened(now, beside), status=now.status
    )


def _plan_applied(key: str, now: Evaluation, beside: Beside) -> list[Part]:
    """The write of a plan leaves its evaluation as it was, and why it was blocked with it, until its own update."""
    placed = beside.write.placed[key] if beside.write is not None else 0
    applied = dim("plan applied" + (f", {count(placed)} placed" if placed else ""))
    return [applied] if now.status == "blocked" else [status(now.status), DOT, applied]


def _happened(now: Evaluation, beside: Beside) -> list[Part]:
    happened = [status(now.status)]
    if now.failed_tg_allocs:
        left = [] if now.status == "blocked" else [bad("not placed"), COMMA]
        return [*happened, DOT, *left, *_unplaced(now.failed_tg_allocs, beside)]
    if now.quota_limit_reached:
        return [*happened, DOT, bad(f"quota {now.quota_limit_reached} reached")]
    if now.status in ("blocked", "failed", "cancelled", "canceled"):
        why = reason(now.status_description) or now.triggered_by
        return [*happened, DOT, plain(why)] if why else happened
    say = dim if now.status == "complete" else plain
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


def _unplaced(groups: dict[str, Metric], beside: Beside) -> list[Part]:
    name, metric = max(groups.items(), key=lambda item: item[1].coalesced_failures)
    happened = [plain(f"{name[:VALUE_LIMIT]}: ")] if len(groups) > 1 else []
    happened += _obstacle(metric, beside)
    if metric.coalesced_failures > 0:
        happened.append(dim(f", same for {count(metric.coalesced_failures)} more"))
    if len(groups) > 1:
        happened.append(dim(f" · and {count(len(groups) - 1)} more group{'' if len(groups) == 2 else 's'}"))
    return happened


def _obstacle(metric: Metric, beside: Beside) -> list[Part]:
    """What kept the group from every node: quota, no nodes at all, full dimensions, constraints and classes."""
    if metric.quota_exhausted:
        return [bad(f"quota exhausted: {metric.quota_exhausted[0]}")]
    if metric.nodes_in_pool == 0 and metric.node_pool:
        return [bad(f"no nodes in pool {metric.node_pool}")]
    if metric.nodes_evaluated == 0 and not sum((metric.nodes_available or {}).values()):
        return [bad("no nodes available")]
    happened: list[Part] = []
    if metric.nodes_exhausted > 0:
        happened.append(plain(f"{_nodes(metric.nodes_exhausted)} exhausted"))
        happened += _split(metric.dimension_exhausted or {}, metric.nodes_exhausted)
    if metric.nodes_filtered > 0:
        filtered = f"{_nodes(metric.nodes_filtered)} filtered"
        happened += [COMMA, plain(filtered)] if happened else [plain(filtered)]
        reasons = {_constraint(text, beside): number for text, number in (metric.constraint_filtered or {}).items()}
        classes = {f"class {name}": number for name, number in (metric.class_filtered or {}).items()}
        # A constraint is checked once a class, so both may count the same nodes.
        explained = sum(reasons.values()) >= metric.nodes_filtered
        happened += _split(reasons if explained else reasons | classes, metric.nodes_filtered)
    return happened or [plain(f"{_nodes(metric.nodes_evaluated)} evaluated")]


def _constraint(text: str, beside: Beside) -> str:
    """A constraint as an operator would write it, with the names of the nodes it names by ID."""
    text = _INTERPOLATION.sub(r"\1", text[: 2 * MESSAGE_LIMIT])
    return UUID.sub(lambda found: beside.name("Node", found[0]), text)


def _split(reasons: dict[str, int], nodes: int) -> list[Part]:
    """`: memory`, or each with its number of nodes where there are several: `: class cache 2, class worker 1`."""
    found = sorted((-number, text) for text, number in reasons.items() if number > 0)
    if not found:
        return []
    if len(found) == 1:
        number, text = -found[0][0], found[0][1]
        return [plain(f": {text}" + (f" {count(number)}" if number < nodes else ""))]
    rest = f" and {count(len(found) - _SPLIT_NAMED)} more" if len(found) > _SPLIT_NAMED else ""
    each = ", ".join(f"{text[:MESSAGE_LIMIT]} {count(-number)}" for number, text in found[:_SPLIT_NAMED])
    return [plain(f": {each}{rest}", 2 * MESSAGE_LIMIT)]


def _nodes(number: int) -> str:
    return "1 node" if number == 1 else f"{count(number)} nodes"
