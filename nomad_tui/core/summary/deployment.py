"""Summaries of deployments: how far each group has come, what it waits for, and how long it may take."""

from collections.abc import Iterable
from typing import Final

import msgspec

from nomad_tui.core.readable import count, duration
from nomad_tui.core.sentence.deployment import Group as Progress
from nomad_tui.core.sentence.parts import (
    DOT,
    VALUE_LIMIT,
    Part,
    Role,
    bad,
    dim,
    good,
    plain,
    reason,
    status,
    warn,
)
from nomad_tui.core.sentence.reading import Object, Reader
from nomad_tui.core.summary.fact import Context, Facts, by_name, listed, moment, of

_MOST_GROUPS_ALL_TOLD: Final = 3
_GROUPS_TOLD_OF_MORE: Final = 2
"""Two groups in need, one line for the others."""
_REPEATING: Final = ("Deployment is ", "Deployment ", "Failed ", "Cancelled ")
"""How descriptions begin that repeat the status beside them."""
_UNDER_WAY: Final = {"running", "pending", "blocked", "unblocking", "initializing"}


class Group(Progress):
    auto_revert: bool = False
    placed_canaries: list[str] | None = None
    progress_deadline: int = 0
    require_progress_by: str = ""


class Deployment(Object):
    status: str = ""
    status_description: str = ""
    job_id: str = ""
    job_version: int | None = None
    is_multiregion: bool = False
    task_groups: dict[str, Group | None] | None = None
    create_time: int = 0


_READER: Final = Reader[Deployment](Deployment)


def tell(facts: Facts, found: msgspec.Raw, deleted: bool, context: Context) -> None:
    now = _READER.read(found)
    if now is None:
        return
    groups = by_name(now.task_groups)
    if now.status:
        why = reason(now.status_description, *_REPEATING, f"{now.status} but ")
        why = "" if now.status == "successful" or why == now.status else why
        facts.add("status", status(now.status), *((DOT, plain(why)) if why else ()))
    if now.job_version is not None:
        facts.add("job version", plain(count(now.job_version)))
    by_need = sorted(groups, key=lambda name: (groups[name].unhealthy_allocs <= 0, _is_done(groups[name])))
    named = len(groups) if len(groups) <= _MOST_GROUPS_ALL_TOLD else _GROUPS_TOLD_OF_MORE
    for name in by_need[:named]:
        _tell_group(facts, name, groups[name])
    if rest := [groups[name] for name in by_need[named:]]:
        wanted, well = sum(group.desired_total for group in rest), sum(group.healthy_allocs for group in rest)
        unwell = sum(group.unhealthy_allocs for group in rest)
        trouble = bad(f", {count(unwell)} unhealthy" if unwell > 0 else "")
        facts.line("", dim(f"{count(len(rest))} more groups, {of(well, wanted)} healthy"), trouble)
    facts.new_line()
    _tell_deadline(facts, now, groups, context)
    _tell_which(facts, "auto-promote", groups, [name for name in groups if groups[name].auto_promote])
    _tell_which(facts, "auto-revert", groups, [name for name in groups if groups[name].auto_revert])
    facts.add("", plain("multiregion" if now.is_multiregion else ""))
    facts.add("created", plain(context.ago(now.create_time)))


def _tell_group(facts: Facts, name: str, group: Group) -> None:
    facts.line("group", Part(plain(name, VALUE_LIMIT).text, Role.OBJECT))
    facts.add("desired", plain(count(group.desired_total)))
    facts.add("placed", plain(count(group.placed_allocs)))
    say = good if group.healthy_allocs >= group.desired_total > 0 else plain
    facts.add("healthy", say(count(group.healthy_allocs)))
    facts.add("unhealthy", bad(count(group.unhealthy_allocs)) if group.unhealthy_allocs > 0 else dim("0"))
    if group.desired_canaries > 0:
        placed = len(group.placed_canaries or ())
        # Before the promotion only canaries belong to the deployment, so the healthy ones are all canaries.
        well = "" if group.promoted else f", {count(min(group.healthy_allocs, group.desired_canaries))} healthy"
        facts.add("canaries", plain(f"{of(placed, group.desired_canaries)} placed{well}"))
        facts.add("", good("promoted") if group.promoted else warn("not promoted"))


def _is_done(group: Group) -> bool:
    waits = group.desired_canaries > 0 and not group.promoted
    return group.healthy_allocs >= group.desired_total and not waits


def _tell_deadline(facts: Facts, now: Deployment, groups: dict[str, Group], context: Context) -> None:
    """The deadline that passes first among the groups that still have to make progress."""
    waiting = [group for group in groups.values() if not _is_done(group)]
    allowed = {group.progress_deadline for group in groups.values() if group.progress_deadline > 0}
    whole = dim(f"{' of ' if waiting else ''}{duration(min(allowed))}" if len(allowed) == 1 else "")
    until = min((at for group in waiting if (at := moment(group.require_progress_by)) is not None), default=None)
    if now.status in _UNDER_WAY and until is not None and (left := context.deadline(until)):
        facts.add("progress deadline", left[0], whole, *left[1:])
    else:
        facts.add("progress deadline", plain(duration(min(allowed)) if allowed else ""))


def _tell_which(facts: Facts, what: str, groups: Iterable[str], some: list[str]) -> None:
    """A property of all groups, or of some that are named."""
    if some and len(some) == len(list(groups)):
        facts.add("", plain(what))
    else:
        facts.add(what, plain(listed(some, 3)))
