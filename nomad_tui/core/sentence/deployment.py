"""Sentences about deployments: how far one has come, what it waits for, how it ended."""

from typing import Final

from nomad_tui.core.readable import count
from nomad_tui.core.sentence.parts import (
    COMMA,
    DOT,
    VALUE_LIMIT,
    Part,
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
from nomad_tui.core.sentence.reading import Object, Reader, Versioned, earlier

_REPEATED: Final = ("Deployment is ", "Failed due to ", "Cancelled because ", "Cancelled due to ")
"""How descriptions begin that repeat the status beside them."""

_MARKED: Final = "Deployment marked as failed"


class Group(Object):
    auto_promote: bool = False
    promoted: bool = False
    desired_canaries: int = 0
    desired_total: int = 0
    placed_allocs: int = 0
    healthy_allocs: int = 0
    unhealthy_allocs: int = 0


class Deployment(Versioned):
    job_id: str = ""
    job_version: int = 0
    status: str = ""
    status_description: str = ""
    create_index: int = 0
    task_groups: dict[str, Group] | None = None


class Payload(Object):
    deployment: Deployment | None = None


_READER: Final = Reader[Payload](Payload)


class _Totals:
    """The groups of a deployment added up, canaries apart while they are not promoted."""

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


def describe(key: str, payload: bytes, previous: bytes | None) -> Sentence | None:
    read = _READER.read(payload)
    if read is None or (now := read.deployment) is None:
        return None
    before = None
    if previous is not None and (read := _READER.read(previous)) is not None:
        before = earlier(read.deployment, now)
    return sentence(named(now.job_id, key), _happened(now, before), status=now.status)


def _happened(now: Deployment, before: Deployment | None) -> list[Part]:
    totals = _Totals(now)
    if now.create_index and now.create_index == now.modify_index:
        happened = [plain("started"), dim(f" v{now.job_version}")]
        happened += [] if now.status == "running" else [DOT, status(now.status)]
        if totals.canaries:
            return [*happened, DOT, warn(f"{count(totals.canaries)} canary" + ("" if totals.canaries == 1 else "s"))]
        return [*happened, DOT, dim(f"{count(totals.healthy)} of {count(totals.desired)} healthy")]
    if before is None:
        return [status(now.status), DOT, *_progress(now, totals)]
    if now.status != before.status:
        happened = became(before.status, now.status)
        if now.status == "successful":
            return [*happened, DOT, dim(f"{count(totals.healthy)} of {count(totals.desired)} healthy")]
        why = _why(now)
        return happened + ([DOT, plain(why)] if why and why != now.status else [])
    earlier = _Totals(before)
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
    """Which groups without canaries have more healthy allocations, where the canaries are as they were."""
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
    """The description without what the status beside it says."""
    description = now.status_description
    if description.startswith(_MARKED):  # Only an operator's request has Nomad write this.
        return f"by a user{description.removeprefix(_MARKED).replace(' - ', ', ', 1)}"
    return reason(description, *_REPEATED)


def _progress(now: Deployment, totals: _Totals) -> list[Part]:
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
