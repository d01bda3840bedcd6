"""How much an allocation's event matters."""

from typing import Final

from nomad_tui.core.level import Level
from nomad_tui.core.objects.allocation.fields import Allocation, TaskEvent, Transition
from nomad_tui.core.objects.allocation.sentence import ENDINGS, new_events
from nomad_tui.core.objects.kind import ObjectEvent

_LEVELS: Final = {"failed": Level.FAILURE, "lost": Level.FAILURE, "unknown": Level.WARNING}
"""By the client's status, where that is news."""


def level(event: ObjectEvent[Allocation]) -> Level:
    now, before = event.now, event.before
    if now.is_new:
        return Level.WARNING if now.has_been_rescheduled else Level.CHANGE
    if before is None:
        return max(_LEVELS.get(now.client_status, Level.ROUTINE), _unhealthy(now, None))
    found = [_of_task_event(one) for _, one in new_events(now, before)]
    if now.client_status != before.client_status:
        found.append(_LEVELS.get(now.client_status, Level.CHANGE))
        if before.client_status == "running" and now.client_status == "pending":
            found.append(Level.WARNING)
    if now.desired_status != before.desired_status:
        found.append(Level.CHANGE)
    if now.preempted_by_allocation and not before.preempted_by_allocation:
        found.append(Level.WARNING)
    if now.followup_eval_id and now.followup_eval_id != before.followup_eval_id:
        found.append(Level.WARNING)
    wanted, earlier = now.desired_transition or Transition(), before.desired_transition or Transition()
    if (wanted.reschedule and not earlier.reschedule) or (wanted.force_reschedule and not earlier.force_reschedule):
        found.append(Level.WARNING)
    if wanted.migrate and not earlier.migrate:
        found.append(Level.CHANGE)
    was_canary = before.deployment_status is not None and before.deployment_status.canary
    if was_canary and now.deployment_status is not None and not now.deployment_status.canary:
        found.append(Level.CHANGE)
    found.append(_unhealthy(now, before))
    return max(found)


def _unhealthy(now: Allocation, before: Allocation | None) -> Level:
    health = now.deployment_status
    was = before.deployment_status if before is not None else None
    is_news = health is not None and health.healthy is False and (was is None or was.healthy is not False)
    return Level.WARNING if is_news else Level.ROUTINE


def _of_task_event(event: TaskEvent) -> Level:
    if (event.details or {}).get("oom_killed") == "true":
        return Level.FAILURE
    if event.type == "Terminated":
        return Level.WARNING if event.exit_code or event.signal else Level.ROUTINE
    if event.type in ENDINGS or event.type == "Restarting":
        return Level.WARNING
    return Level.ROUTINE
