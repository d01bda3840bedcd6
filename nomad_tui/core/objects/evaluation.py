"""Evaluations: their triggers, plans and results, and why allocations could not be placed."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final

import msgspec

from nomad_tui.core.level import Level
from nomad_tui.core.objects.fact import Context, Facts, by_name, counted, listed, masked, moment
from nomad_tui.core.objects.kind import OWN_KEY, Known, Mention, ObjectEvent
from nomad_tui.core.objects.parts import (
    COMMA,
    DOT,
    MESSAGE_LIMIT,
    UUID,
    VALUE_LIMIT,
    Beside,
    Part,
    Parts,
    Role,
    Sentence,
    bad,
    dim,
    named,
    plain,
    reason,
    sentence,
    short,
    status,
    warn,
    words,
)
from nomad_tui.core.objects.reading import Object, Written
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.readable import count, duration, number_of
from nomad_tui.core.text import printable

_INTERPOLATION: Final = lazy_pattern(r"\$\{(?:attr\.)?([^}]*)\}")

_SPLIT_NAMED: Final = 4
"""Number of reasons that are named; the others are counted."""

_PLANNED: Final = (
    ("Place", "place"),
    ("Canary", "canary"),
    ("Stop", "stop"),
    ("Migrate", "migrate"),
    ("DestructiveUpdate", "replace"),
    ("InPlaceUpdate", "update in place"),
    ("RescheduleNow", "reschedule"),
    ("RescheduleLater", "reschedule later"),
    ("Preemptions", "preempt"),
)

_GROUPS_LISTED: Final = 3
_CONSTRAINTS_LISTED: Final = 3
_USUAL_PRIORITY: Final = 50
CANCELED: Final = ("canceled", "cancelled")


class Metric(Object):
    """Why no node was found for a task group (`AllocMetric`)."""

    nodes_evaluated: int = 0
    nodes_filtered: int = 0
    nodes_exhausted: int = 0
    nodes_in_pool: int | None = None
    """None if the server does not send it."""
    node_pool: str = ""
    nodes_available: dict[str, int] | None = None
    constraint_filtered: dict[str, int] | None = None
    class_filtered: dict[str, int] | None = None
    class_exhausted: dict[str, int] | None = None
    dimension_exhausted: dict[str, int] | None = None
    quota_exhausted: list[str] | None = None
    coalesced_failures: int = 0


class Annotations(Object):
    desired_tg_updates: dict[str, dict[str, int] | None] | None = None


class Evaluation(Written):
    status: str = ""
    status_description: str = ""
    triggered_by: str = ""
    type: str = ""
    priority: int = 0
    job_id: str = ""
    node_id: str = ""
    deployment_id: str = ""
    previous_eval: str = ""
    next_eval: str = ""
    blocked_eval: str = ""
    wait: int = 0
    wait_until: str | None = None
    quota_limit_reached: str = ""
    failed_tg_allocs: dict[str, Metric] | None = msgspec.field(default=None, name="FailedTGAllocs")
    queued_allocations: dict[str, int] | None = None
    plan_annotations: Annotations | None = None
    create_time: int = 0
    modify_time: int = 0


class EvaluationKind(Known[Evaluation]):
    name = "Evaluation"
    payload_key = "Evaluation"
    capability = "namespace read-job"
    is_namespaced = True
    glyph = "▲"
    endpoint = "/v1/evaluation/"
    command = "eval status"
    page = "evaluations?currentEval={name}"
    fields = Evaluation
    status = "status"
    written = ("modify_time", "modify_index")
    has_generated_key = True
    is_of_job = True
    names_deployment = True
    is_on_node = True
    causes = (("Deployment", "deployment_id"), ("Evaluation", "previous_eval"))
    effects = (("Evaluation", "next_eval"), ("Evaluation", "blocked_eval"))
    mentions: ClassVar[Mapping[str, Mention]] = {"eval": OWN_KEY, "deploy": Mention(("deployment_id",))}
    ended = frozenset(("complete", "failed", *CANCELED))

    def sentence(self, event: ObjectEvent[Evaluation]) -> Sentence:
        now, before, beside = event.now, event.before, event.beside
        is_planned = event.type_ == "PlanResult" and (
            0 < now.create_index < now.modify_index or (before is not None and before.status == now.status)
        )
        subject = named(now.job_id or (f"node {short(now.node_id)}" if now.node_id else ""), event.key)
        happened = _plan_applied(event.key, now, beside) if is_planned else _happened(now, beside)
        return sentence(subject, happened, status=now.status)

    def level(self, event: ObjectEvent[Evaluation]) -> Level:
        now, before = event.now, event.before
        if before is not None and before.status == now.status:
            return Level.ROUTINE
        if now.status == "failed":
            return Level.FAILURE
        if now.status in CANCELED:
            return Level.ROUTINE
        return Level.WARNING if now.status == "blocked" or now.failed_tg_allocs else Level.ROUTINE

    def summary(self, now: Evaluation, is_deleted: bool, facts: Facts, context: Context) -> None:
        if now.status:
            why = reason(now.status_description)
            facts.add("status", status(now.status), *((DOT, plain(why)) if why else ()))
        facts.add("triggered by", plain(now.triggered_by, VALUE_LIMIT))
        facts.add("quota reached", bad(now.quota_limit_reached, VALUE_LIMIT))
        _add_wait(facts, now, context)
        failed = by_name(now.failed_tg_allocs)
        queued = now.queued_allocations or {}
        for name, metric in list(failed.items())[:_GROUPS_LISTED]:
            _add_unplaced(facts, name, metric, queued.get(name, 0), len(failed) == 1)
        if len(failed) > _GROUPS_LISTED:
            facts.line("", bad(f"{count(len(failed) - _GROUPS_LISTED)} more groups not placed"))
        if not failed:
            facts.new_line()
        facts.add("queued", plain(counted({name: number for name, number in queued.items() if name not in failed})))
        if now.plan_annotations is not None:
            _add_plan(facts, now.plan_annotations)
        facts.add("blocked", plain(short(now.blocked_eval)))
        facts.add("previous", plain(short(now.previous_eval)))
        facts.add("next", plain(short(now.next_eval)))
        facts.add("node", *context.object("Node", now.node_id))
        facts.add("deployment", *context.object("Deployment", now.deployment_id))
        facts.add("type", plain(now.type, VALUE_LIMIT))
        if now.priority and now.priority != _USUAL_PRIORITY:
            facts.add("priority", plain(count(now.priority)))
        facts.add("created", plain(context.ago(now.create_time)))
        took = now.modify_time - now.create_time
        if now.create_time > 0 and took > 0:
            facts.add("", dim(f"{now.status or 'changed'} after {duration(took)}"[:VALUE_LIMIT]))


EVALUATION: Final = EvaluationKind()


def _plan_applied(key: str, now: Evaluation, beside: Beside) -> list[Part]:
    """The write of a plan leaves its evaluation, and the reason why it is blocked, unchanged until its own update."""
    placed = beside.write.placed[key] if beside.write is not None else 0
    applied = dim("plan applied" + (f", {count(placed)} placed" if placed else ""))
    return [applied] if now.status == "blocked" else [status(now.status), DOT, applied]


def _happened(now: Evaluation, beside: Beside) -> list[Part]:
    happened = [status(now.status)]
    if now.status in CANCELED and (why := reason(now.status_description)):
        # The groups not placed are why it was blocked; a later evaluation has replaced it or placed them.
        return [*happened, DOT, plain(UUID.sub(lambda found: short(found[0]), why))]
    if now.failed_tg_allocs:
        left = [] if now.status == "blocked" else [bad("not placed"), COMMA]
        return [*happened, DOT, *left, *_unplaced(now.failed_tg_allocs, beside)]
    if now.quota_limit_reached:
        return [*happened, DOT, bad(f"quota {now.quota_limit_reached} reached")]
    if now.status in ("blocked", "failed", *CANCELED):
        why = reason(now.status_description) or now.triggered_by
        return [*happened, DOT, plain(why)] if why else happened
    role = dim if now.status == "complete" else plain
    if now.triggered_by:
        happened += [DOT, role(now.triggered_by, VALUE_LIMIT)]
    if now.wait_until and (wait := _wait(now.wait_until, now.modify_time)):
        happened += [COMMA, plain(wait)]
    elif planned := _planned(now):
        happened.append(role(", " + planned))
    return happened


def _planned(now: Evaluation) -> str:
    """What the plan of a finished evaluation includes: `place 2, stop 1`.

    Left out for system jobs, whose annotations count running allocations as placements.
    """
    groups = now.plan_annotations and now.plan_annotations.desired_tg_updates
    if not groups or now.type in ("system", "sysbatch"):
        return ""
    totals = ((verb, sum((one or {}).get(what, 0) for one in groups.values())) for what, verb in _PLANNED)
    return ", ".join(f"{verb} {count(total)}" for verb, total in totals if total)


def _wait(until: str, since: int) -> str:
    """`retry in 5 s`, relative to the time of the write."""
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
    """Why the group fits no node: quota, no nodes at all, exhausted dimensions, constraints and classes."""
    if metric.quota_exhausted:
        return [bad(f"quota exhausted: {metric.quota_exhausted[0]}")]
    if metric.nodes_in_pool == 0 and metric.node_pool:
        return [bad(f"no nodes in pool {metric.node_pool}")]
    if metric.nodes_evaluated == 0 and not sum((metric.nodes_available or {}).values()):
        return [bad("no nodes available")]
    happened: list[Part] = []
    if metric.nodes_exhausted > 0:
        happened.append(plain(f"{number_of(metric.nodes_exhausted, 'node')} exhausted"))
        happened += _split(metric.dimension_exhausted or {}, metric.nodes_exhausted)
    if metric.nodes_filtered > 0:
        filtered = f"{number_of(metric.nodes_filtered, 'node')} filtered"
        happened += [COMMA, plain(filtered)] if happened else [plain(filtered)]
        reasons = {_constraint(text, beside): number for text, number in (metric.constraint_filtered or {}).items()}
        classes = {f"class {name}": number for name, number in (metric.class_filtered or {}).items()}
        # Constraints are checked once per class, so both may count the same nodes.
        explained = sum(reasons.values()) >= metric.nodes_filtered
        happened += _split(reasons if explained else reasons | classes, metric.nodes_filtered)
    return happened or [plain(f"{number_of(metric.nodes_evaluated, 'node')} evaluated")]


def _constraint(text: str, beside: Beside) -> str:
    """A constraint as in a job file, with node IDs replaced by names."""
    text = _INTERPOLATION.sub(r"\1", text[: 2 * MESSAGE_LIMIT])
    return UUID.sub(lambda found: beside.name("Node", found[0]), text)


def _split(reasons: dict[str, int], nodes: int) -> list[Part]:
    """`: memory`, or several reasons with their numbers of nodes: `: class cache 2, class worker 1`."""
    found = sorted((-number, text) for text, number in reasons.items() if number > 0)
    if not found:
        return []
    if len(found) == 1:
        number, text = -found[0][0], found[0][1]
        return [plain(f": {text}" + (f" {count(number)}" if number < nodes else ""))]
    rest = f" and {count(len(found) - _SPLIT_NAMED)} more" if len(found) > _SPLIT_NAMED else ""
    each = ", ".join(f"{text[:MESSAGE_LIMIT]} {count(-number)}" for number, text in found[:_SPLIT_NAMED])
    return [plain(f": {each}{rest}", 2 * MESSAGE_LIMIT)]


def _add_wait(facts: Facts, now: Evaluation, context: Context) -> None:
    until = moment(now.wait_until or "")
    if until is not None and until > context.now:
        facts.add("wait", *context.deadline(until))
    elif until is not None and 0 < now.create_time < until:
        facts.add("waited", dim(duration(until - now.create_time)))
    elif now.wait > 0:
        facts.add("wait", plain(duration(now.wait)))


def _add_unplaced(facts: Facts, name: str, metric: Metric, queued: int, alone: bool) -> None:
    """A line for a group, with all reasons why nodes were rejected; with its classes if it is `alone`."""
    number = max(queued, metric.coalesced_failures + 1)
    facts.line("group", Part(plain(name, VALUE_LIMIT).text, Role.OBJECT), bad(f" {count(number)} not placed"))
    where = f" in pool {masked(metric.node_pool)[:VALUE_LIMIT]}" if metric.node_pool else ""
    facts.add("evaluated", plain(number_of(metric.nodes_evaluated, "node")), dim(where))
    available = metric.nodes_available
    if metric.nodes_in_pool == 0 or (available is not None and not sum(available.values())):
        facts.add("available", bad("no nodes"), dim(f" in {listed(sorted(available))}" if available else ""))
    facts.add("quota exhausted", bad(masked(", ".join((metric.quota_exhausted or ())[:2]))))
    facts.add("exhausted", bad(number_of(metric.nodes_exhausted, "node") if metric.nodes_exhausted > 0 else ""))
    facts.add("dimensions", bad(counted(metric.dimension_exhausted)))
    facts.add("filtered", warn(number_of(metric.nodes_filtered, "node") if metric.nodes_filtered > 0 else ""))
    filters = sorted((metric.constraint_filtered or {}).items(), key=lambda item: (-item[1], item[0]))
    for constraint, refused in filters[:_CONSTRAINTS_LISTED]:
        facts.add("constraint", warn(masked(constraint)), dim(f" · {count(refused)}"))
    if alone:
        facts.add("classes filtered", plain(counted(metric.class_filtered)))
        facts.add("classes exhausted", plain(counted(metric.class_exhausted)))


def _add_plan(facts: Facts, annotations: Annotations) -> None:
    """The contents of the plan, in the terms of `nomad job plan`; ignored allocations come last and dimmed."""
    groups = [(name, wanted) for name, wanted in by_name(annotations.desired_tg_updates).items() if wanted]
    for name, wanted in groups[:_GROUPS_LISTED]:
        parts: list[Part] = []
        for verb, number in sorted(wanted.items(), key=lambda item: (item[0] == "Ignore", item[0])):
            if number > 0:
                role = dim if verb == "Ignore" else plain
                parts += [*([COMMA] if parts else []), role(f"{words(verb)} {count(number)}", VALUE_LIMIT)]
        if parts:
            facts.add("plan", dim(f"{name[:VALUE_LIMIT]} " if len(groups) > 1 else ""), *parts)
    if len(groups) > _GROUPS_LISTED:
        facts.add("", dim(f"and {count(len(groups) - _GROUPS_LISTED)} more groups"))


def describe_evaluation(
    state: Sentence | None, triggered_by: str, blocked_eval: str, took: int | None
) -> tuple[Parts, bool]:
    """`job-register · complete, place 5 · after 49 ms`, `queued-allocs · blocked: 3 nodes filtered: …`.

    An evaluation that could not place everything is continued by the blocked evaluation that it created, if any.
    """
    happened = list(state.happened) if state is not None else []
    word = state.status if state is not None else ""
    stopped = word in ("blocked", "failed") or (not blocked_eval and any(part.role is Role.BAD for part in happened))
    if word == "blocked":
        happened = [bad("blocked: "), *happened[2:]] if len(happened) > 2 else [bad("blocked")]
    elif len(happened) > 2 and happened[1] == DOT and happened[2].text == printable(triggered_by, VALUE_LIMIT):
        happened = [happened[0], *happened[3:]]
    trigger = [plain(triggered_by, VALUE_LIMIT), DOT] if triggered_by else []
    duration_part = [dim(f" · after {duration(took)}")] if took is not None and word in EvaluationKind.ended else []
    return (*trigger, *happened, *duration_part), stopped
