"""Summaries of evaluations: what asked for it, what it plans, and why something could not be placed."""

from typing import Final

import msgspec

from nomad_tui.core.readable import count, duration
from nomad_tui.core.sentence.evaluation import Metric as Obstacles
from nomad_tui.core.sentence.parts import (
    COMMA,
    DOT,
    VALUE_LIMIT,
    Part,
    Role,
    bad,
    dim,
    plain,
    reason,
    short,
    status,
    warn,
    words,
)
from nomad_tui.core.sentence.reading import Object, Reader
from nomad_tui.core.summary.fact import Context, Facts, by_name, counted, listed, moment, nodes, told

_GROUPS_TOLD: Final = 3
_CONSTRAINTS_TOLD: Final = 3
_USUAL_PRIORITY: Final = 50


class Metric(Obstacles):
    class_exhausted: dict[str, int] | None = None


class Annotations(Object):
    desired_tg_updates: dict[str, dict[str, int] | None] | None = None


class Evaluation(Object):
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
    failed_tg_allocs: dict[str, Metric | None] | None = msgspec.field(default=None, name="FailedTGAllocs")
    queued_allocations: dict[str, int] | None = None
    plan_annotations: Annotations | None = None
    create_time: int = 0
    modify_time: int = 0


_READER: Final = Reader[Evaluation](Evaluation)


def tell(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _READER.read(found)
    if now is None:
        return
    if now.status:
        why = reason(now.status_description)
        facts.add("status", status(now.status), *((DOT, plain(why)) if why else ()))
    facts.add("triggered by", plain(now.triggered_by, VALUE_LIMIT))
    facts.add("quota reached", bad(now.quota_limit_reached, VALUE_LIMIT))
    _tell_wait(facts, now, context)
    failed = by_name(now.failed_tg_allocs)
    queued = now.queued_allocations or {}
    for name, metric in list(failed.items())[:_GROUPS_TOLD]:
        _tell_unplaced(facts, name, metric, queued.get(name, 0), len(failed) == 1)
    if len(failed) > _GROUPS_TOLD:
        facts.line("", bad(f"{count(len(failed) - _GROUPS_TOLD)} more groups not placed"))
    if not failed:
        facts.new_line()
    facts.add("queued", plain(counted({name: number for name, number in queued.items() if name not in failed})))
    if now.plan_annotations is not None:
        _tell_plan(facts, now.plan_annotations)
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


def _tell_wait(facts: Facts, now: Evaluation, context: Context) -> None:
    until = moment(now.wait_until or "")
    if until is not None and until > context.now:
        facts.add("wait", *context.deadline(until))
    elif until is not None and 0 < now.create_time < until:
        facts.add("waited", dim(duration(until - now.create_time)))
    elif now.wait > 0:
        facts.add("wait", plain(duration(now.wait)))


def _tell_unplaced(facts: Facts, name: str, metric: Metric, queued: int, alone: bool) -> None:
    """A line for a group, with every reason why nodes were refused for it; its classes where it is `alone`."""
    number = max(queued, metric.coalesced_failures + 1)
    facts.line("group", Part(plain(name, VALUE_LIMIT).text, Role.OBJECT), bad(f" {count(number)} not placed"))
    where = f" in pool {told(metric.node_pool)[:VALUE_LIMIT]}" if metric.node_pool else ""
    facts.add("evaluated", plain(nodes(metric.nodes_evaluated)), dim(where))
    available = metric.nodes_available
    if metric.nodes_in_pool == 0 or (available is not None and not sum(available.values())):
        facts.add("available", bad("no nodes"), dim(f" in {listed(sorted(available))}" if available else ""))
    facts.add("quota exhausted", bad(told(", ".join((metric.quota_exhausted or ())[:2]))))
    facts.add("exhausted", bad(nodes(metric.nodes_exhausted) if metric.nodes_exhausted > 0 else ""))
    facts.add("dimensions", bad(counted(metric.dimension_exhausted)))
    facts.add("filtered", warn(nodes(metric.nodes_filtered) if metric.nodes_filtered > 0 else ""))
    filters = sorted((metric.constraint_filtered or {}).items(), key=lambda item: (-item[1], item[0]))
    for constraint, refused in filters[:_CONSTRAINTS_TOLD]:
        facts.add("constraint", warn(told(constraint)), dim(f" · {count(refused)}"))
    if alone:
        facts.add("classes filtered", plain(counted(metric.class_filtered)))
        facts.add("classes exhausted", plain(counted(metric.class_exhausted)))


def _tell_plan(facts: Facts, annotations: Annotations) -> None:
    """What the plan asked for, in the words of `nomad job plan`; what it leaves alone comes last and quietly."""
    groups = [(name, wanted) for name, wanted in by_name(annotations.desired_tg_updates).items() if wanted]
    for name, wanted in groups[:_GROUPS_TOLD]:
        said: list[Part] = []
        for verb, number in sorted(wanted.items(), key=lambda item: (item[0] == "Ignore", item[0])):
            if number > 0:
                say = dim if verb == "Ignore" else plain
                said += [*([COMMA] if said else []), say(f"{words(verb)} {count(number)}", VALUE_LIMIT)]
        if said:
            facts.add("plan", dim(f"{name[:VALUE_LIMIT]} " if len(groups) > 1 else ""), *said)
    if len(groups) > _GROUPS_TOLD:
        facts.add("", dim(f"and {count(len(groups) - _GROUPS_TOLD)} more groups"))
