"""Deployments: their progress, what they wait for, their deadline, and their result."""

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final

from nomad_tui.core.level import Level
from nomad_tui.core.objects.fact import Context, Facts, by_name, listed, moment, of
from nomad_tui.core.objects.kind import OWN_KEY, Compared, Known, Links, Mention, ObjectEvent
from nomad_tui.core.objects.parts import (
    COMMA,
    DOT,
    VALUE_LIMIT,
    Part,
    Parts,
    Role,
    Sentence,
    bad,
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
from nomad_tui.core.objects.reading import Object, Written, member_names
from nomad_tui.core.readable import count, duration

_REPEATED: Final = ("Deployment is ", "Failed due to ", "Cancelled because ", "Cancelled due to ")
"""Prefixes of descriptions that repeat the status next to them."""
_REPEATED_IN_SUMMARY: Final = ("Deployment is ", "Deployment ", "Failed ", "Cancelled ")
_MARKED: Final = "Deployment marked as failed"
_MAX_GROUPS_ALL_LISTED: Final = 3
_GROUPS_LISTED_OF_MORE: Final = 2
"""Two groups with problems, and one line for the others."""
_UNDER_WAY: Final = {"running", "pending", "blocked", "unblocking", "initializing"}


class Group(Object):
    auto_promote: bool = False
    auto_revert: bool = False
    promoted: bool = False
    desired_canaries: int = 0
    desired_total: int = 0
    placed_allocs: int = 0
    placed_canaries: list[str] | None = None
    healthy_allocs: int = 0
    unhealthy_allocs: int = 0
    progress_deadline: int = 0
    require_progress_by: str = ""


class Deployment(Written):
    job_id: str = ""
    job_version: int | None = None
    status: str = ""
    status_description: str = ""
    is_multiregion: bool = False
    task_groups: dict[str, Group] | None = None
    create_time: int = 0
    modify_time: int = 0


class DeploymentKind(Known[Deployment]):
    name = "Deployment"
    payload_key = "Deployment"
    capability = "namespace read-job"
    is_namespaced = True
    glyph = "■"
    endpoint = "/v1/deployment/"
    command = "deployment status"
    page = "jobs/{job}@{namespace}/deployments"
    fields = Deployment
    status = "status"
    written = ("modify_time", "modify_index")
    has_generated_key = True
    is_of_job = True
    mentions: ClassVar[Mapping[str, Mention]] = {"deploy": OWN_KEY, "group": Mention(("task_groups",), member_names)}
    ended = frozenset(("successful", "failed", "canceled", "cancelled"))

    def called(self, links: Links) -> str:
        return f"{links.job_id} v{links.job_version}" if links.job_id else ""

    def sentence(self, event: ObjectEvent[Deployment]) -> Sentence:
        now = event.now
        return sentence(named(now.job_id, event.key), _happened(now, event.before), status=now.status)

    def level(self, event: ObjectEvent[Deployment]) -> Level:
        now, before = event.now, event.before
        if now.is_new:
            return Level.CHANGE
        totals = Totals(now)
        if before is None:
            in_need = totals.waits_for_promotion or totals.unhealthy > 0
            return Level.FAILURE if now.status == "failed" else Level.WARNING if in_need else Level.ROUTINE
        if now.status != before.status:
            return {"failed": Level.FAILURE, "paused": Level.WARNING}.get(now.status, Level.CHANGE)
        earlier = Totals(before)
        if totals.unhealthy > earlier.unhealthy or (totals.waits_for_promotion and not earlier.waits_for_promotion):
            return Level.WARNING
        changed = (totals.promoted, totals.desired) != (earlier.promoted, earlier.desired)
        return Level.CHANGE if changed else Level.ROUTINE

    def summary(self, now: Deployment, is_deleted: bool, facts: Facts, context: Context) -> None:
        groups = by_name(now.task_groups)
        if now.status:
            why = reason(now.status_description, *_REPEATED_IN_SUMMARY, f"{now.status} but ")
            why = "" if now.status == "successful" or why == now.status else why
            facts.add("status", status(now.status), *((DOT, plain(why)) if why else ()))
        if now.job_version is not None:
            facts.add("job version", plain(count(now.job_version)))
        by_need = sorted(groups, key=lambda name: (groups[name].unhealthy_allocs <= 0, _is_done(groups[name])))
        named = len(groups) if len(groups) <= _MAX_GROUPS_ALL_LISTED else _GROUPS_LISTED_OF_MORE
        for name in by_need[:named]:
            _add_group(facts, name, groups[name])
        if rest := [groups[name] for name in by_need[named:]]:
            wanted, well = sum(group.desired_total for group in rest), sum(group.healthy_allocs for group in rest)
            unwell = sum(group.unhealthy_allocs for group in rest)
            trouble = bad(f", {count(unwell)} unhealthy" if unwell > 0 else "")
            facts.line("", dim(f"{count(len(rest))} more groups, {of(well, wanted)} healthy"), trouble)
        facts.new_line()
        _add_deadline(facts, now, groups, context)
        _add_which(facts, "auto-promote", groups, [name for name in groups if groups[name].auto_promote])
        _add_which(facts, "auto-revert", groups, [name for name in groups if groups[name].auto_revert])
        facts.add("", plain("multiregion" if now.is_multiregion else ""))
        facts.add("created", plain(context.ago(now.create_time)))

    def compared(self, payload: bytes) -> Compared | None:
        now = self.read(payload)
        if now is None:
            return None
        groups = {
            name: (
                group.promoted,
                group.desired_total,
                group.placed_allocs,
                group.healthy_allocs,
                group.unhealthy_allocs,
            )
            for name, group in (now.task_groups or {}).items()
        }
        return Compared((now.status, now.status_description, groups), now.modify_time)


DEPLOYMENT: Final = DeploymentKind()


class Totals:
    """Sums over the groups of a deployment, with separate sums for canaries that are not promoted."""

    def __init__(self, deployment: Deployment) -> None:
        groups = (deployment.task_groups or {}).values()
        waiting = [group for group in groups if group.desired_canaries > 0 and not group.promoted]
        self.canaries = sum(group.desired_canaries for group in waiting)
        self.healthy_canaries = sum(min(group.healthy_allocs, group.desired_canaries) for group in waiting)
        self.waits_for_promotion = (
            deployment.status in ("running", "paused")
            and bool(waiting)
            and not all(group.auto_promote for group in waiting)
            and all(group.healthy_allocs >= group.desired_canaries for group in waiting)
        )
        self.promoted = any(group.promoted and group.desired_canaries > 0 for group in groups)
        self.desired = sum(group.desired_total for group in groups)
        self.placed = sum(group.placed_allocs for group in groups)
        self.healthy = sum(group.healthy_allocs for group in groups)
        self.unhealthy = sum(group.unhealthy_allocs for group in groups)


def _happened(now: Deployment, before: Deployment | None) -> list[Part]:
    totals = Totals(now)
    if now.is_new:
        happened = [plain("started"), dim(f" v{now.job_version or 0}")]
        happened += [] if now.status == "running" else [DOT, status(now.status)]
        if totals.canaries:
            noun = "canary" if totals.canaries == 1 else "canaries"
            return [*happened, DOT, warn(f"{count(totals.canaries)} {noun}")]
        return [*happened, DOT, dim(f"{count(totals.healthy)} of {count(totals.desired)} healthy")]
    if before is None:
        return [status(now.status), DOT, *_progress(now, totals)]
    if now.status != before.status:
        happened = became(before.status, now.status)
        if now.status == "successful":
            return [*happened, DOT, dim(f"{count(totals.healthy)} of {count(totals.desired)} healthy")]
        why = _why(now)
        return happened + ([DOT, plain(why)] if why and why != now.status else [])
    earlier = Totals(before)
    if totals.promoted and not earlier.promoted:
        return [status(now.status), DOT, good("promoted"), COMMA, *_progress(now, totals)]
    if totals.canaries and (grown := _grown(now, before)):
        return [status(now.status), DOT, *grown]
    if totals.unhealthy > earlier.unhealthy or totals.healthy != earlier.healthy:
        return [status(now.status), DOT, *_progress(now, totals)]
    if totals.placed != earlier.placed:
        of = f" of {count(totals.desired)}" if totals.placed <= totals.desired else ""
        return [status(now.status), DOT, plain(f"{count(totals.placed)}{of} placed")]
    if totals.desired != earlier.desired:
        resized = f"{count(earlier.desired)} → {count(totals.desired)} allocations wanted"
        return [dim(now.status), DOT, plain(resized)]
    if now.status_description != before.status_description and (why := reason(now.status_description)):
        return [status(now.status), DOT, plain(why)]
    return unchanged(now.status)


def _grown(now: Deployment, before: Deployment) -> list[Part]:
    """Groups without canaries that have more healthy allocations, if the canaries are unchanged."""
    earlier, grown = before.task_groups or {}, list[str]()
    for name, group in sorted((now.task_groups or {}).items()):
        was = earlier.get(name)
        if was is None or group.unhealthy_allocs > was.unhealthy_allocs:
            return []
        if group.healthy_allocs == was.healthy_allocs:
            continue
        if group.desired_canaries > 0:
            return []
        grown.append(f"{name[:VALUE_LIMIT]} {count(group.healthy_allocs)} of {count(group.desired_total)} healthy")
    return [plain(", ".join(grown))] if grown else []


def _why(now: Deployment) -> str:
    """The description without what the status already says."""
    description = now.status_description
    if description.startswith(_MARKED):  # Nomad only writes this on an operator's request.
        return f"by a user{description.removeprefix(_MARKED).replace(' - ', ', ', 1)}"
    return reason(description, *_REPEATED)


def _progress(now: Deployment, totals: Totals) -> list[Part]:
    if now.status in ("failed", "cancelled") and (why := _why(now)):
        happened = [plain(why)]
    elif totals.canaries:
        healthy = f"{count(totals.healthy_canaries)} of {count(totals.canaries)} healthy"
        happened = [plain(f"canary {healthy}" if totals.canaries == 1 else f"canaries {healthy}")]
        others = totals.desired - totals.canaries
        if totals.waits_for_promotion:
            happened += [COMMA, warn("needs promotion")]
        elif others > 0 and totals.healthy > totals.healthy_canaries:
            happened.append(dim(f", {count(totals.healthy)} of {count(totals.desired)} in all"))
    else:
        happened = [plain(f"{count(totals.healthy)} of {count(totals.desired)} healthy")]
    if totals.unhealthy > 0:
        happened += [COMMA, bad(f"{count(totals.unhealthy)} unhealthy")]
    return happened


def _add_group(facts: Facts, name: str, group: Group) -> None:
    facts.line("group", Part(plain(name, VALUE_LIMIT).text, Role.OBJECT))
    facts.add("desired", plain(count(group.desired_total)))
    facts.add("placed", plain(count(group.placed_allocs)))
    role = good if group.healthy_allocs >= group.desired_total > 0 else plain
    facts.add("healthy", role(count(group.healthy_allocs)))
    facts.add("unhealthy", bad(count(group.unhealthy_allocs)) if group.unhealthy_allocs > 0 else dim("0"))
    if group.desired_canaries > 0:
        placed = len(group.placed_canaries or ())
        # Before promotion only canaries belong to the deployment, so all healthy allocations are canaries.
        well = "" if group.promoted else f", {count(min(group.healthy_allocs, group.desired_canaries))} healthy"
        facts.add("canaries", plain(f"{of(placed, group.desired_canaries)} placed{well}"))
        facts.add("", good("promoted") if group.promoted else warn("not promoted"))


def _is_done(group: Group) -> bool:
    waits = group.desired_canaries > 0 and not group.promoted
    return group.healthy_allocs >= group.desired_total and not waits


def _add_deadline(facts: Facts, now: Deployment, groups: dict[str, Group], context: Context) -> None:
    """The earliest deadline of the groups that still have to make progress."""
    waiting = [group for group in groups.values() if not _is_done(group)]
    allowed = {group.progress_deadline for group in groups.values() if group.progress_deadline > 0}
    whole = dim(f"{' of ' if waiting else ''}{duration(min(allowed))}" if len(allowed) == 1 else "")
    until = min((at for group in waiting if (at := moment(group.require_progress_by)) is not None), default=None)
    if now.status in _UNDER_WAY and until is not None and (left := context.deadline(until)):
        facts.add("progress deadline", left[0], whole, *left[1:])
    else:
        facts.add("progress deadline", plain(duration(min(allowed)) if allowed else ""))


def _add_which(facts: Facts, what: str, groups: Iterable[str], some: list[str]) -> None:
    """A property of all groups, or of some, which are named."""
    if some and len(some) == len(list(groups)):
        facts.add("", plain(what))
    else:
        facts.add(what, plain(listed(some, 3)))


def describe_deployment(state: Sentence, version: int) -> Parts:
    """`v1 · running · canary 1 of 1 healthy, needs promotion`."""
    happened = state.happened
    if happened and happened[0].text == "started" and state.status:
        happened = (status(state.status), *happened[2:])
    return (dim(f"v{version}"), DOT, *happened)
