"""Sentences about allocations (placed, started, failed and why, stopped and why, lost, replaced), and their levels."""

from functools import lru_cache
from typing import Final

from nomad_tui.core.level import Level
from nomad_tui.core.objects.allocation.fields import Allocation, TaskEvent, TaskState, Transition
from nomad_tui.core.objects.kind import ObjectEvent
from nomad_tui.core.objects.parts import (
    ARROW,
    COMMA,
    DOT,
    OUT_OF_MEMORY,
    PARTS_KEPT,
    SUBJECT_LIMIT,
    VALUE_LIMIT,
    Beside,
    Part,
    Sentence,
    bad,
    became,
    dim,
    good,
    named,
    object_name,
    plain,
    reason,
    sentence,
    short,
    status,
    unchanged,
    warn,
)
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.readable import count, duration

_USER: Final = "user requested"
"""Beginning of a restart reason that was caused by `nomad alloc restart`."""
_TRIGGERS: Final = {"alloc-stop": "alloc stop", "node-drain": "node drain"}
"""Causes of a migration, by the trigger of its evaluation."""
_NAMED_TASKS: Final = 2

_ATTEMPTS: Final = lazy_pattern(r"attempts (\d{1,9})\b")
"""The restart policy is not in the payload, but the reason for not restarting contains its limit."""

MESSAGE_SEARCHED: Final = 400

STEPS: Final = {
    "Received": "received by the client",
    "Task Setup": "setting up",
    "Started": "started",
    "Killing": "being killed",
    "Killed": "killed",
    "Main Tasks Dead": "main tasks ended",
    "Leader Task Dead": "leader task ended",
    "Reconnected": "client reconnected",
}
"""Phrases for common task events."""


def describe(event: ObjectEvent[Allocation]) -> Sentence:
    now = event.now
    happened = _happened(now, event.before, event.beside)
    return sentence(_subject(now, event.key), happened, now.node_name, now.client_status)


def _subject(now: Allocation, key: str) -> tuple[Part, ...]:
    name = now.name or ".".join(part for part in (now.job_id, now.task_group) if part)
    return _with_index(name) or named(name, key)


@lru_cache(maxsize=PARTS_KEPT)
def _with_index(name: str) -> tuple[Part, ...]:
    """`web.frontend[3]` with the index as a part of its own; empty for a name without index."""
    stem, bracket, index = name.rpartition("[")
    if bracket and stem and len(index) < 8:
        return (object_name(stem, SUBJECT_LIMIT - 8), dim("[" + index))
    return ()


def _happened(now: Allocation, before: Allocation | None, beside: Beside) -> list[Part]:
    if now.is_new:
        return _placed(now)
    if before is None:
        return _state(now, beside)
    health = _health_change(now, before)
    if now.client_status != before.client_status:
        return [*_status_change(now, before, beside), *(health if now.client_status in ("pending", "running") else [])]
    if now.desired_status != before.desired_status:
        return _desired_change(now, before, beside)
    if health:
        return [status(now.client_status), *health]
    if now.next_allocation and now.next_allocation != before.next_allocation:
        return [status(now.client_status), DOT, plain(f"replaced by {short(now.next_allocation)}")]
    if now.followup_eval_id and now.followup_eval_id != before.followup_eval_id:
        later = f"to be rescheduled later, evaluation {short(now.followup_eval_id)}"
        return [status(now.client_status), DOT, plain(later)]
    if (transition := _transition_change(now, before, beside)) is not None:
        return [status(now.client_status), DOT, transition]
    if news := _task_news(now, before):
        return [status(now.client_status), DOT, *news]
    if now.deployment_id != before.deployment_id:
        return [
            status(now.client_status),
            DOT,
            plain("updated in place, deployment"),
            dim(f" {short(now.deployment_id)}"),
        ]
    return unchanged(now.client_status)


def _placed(now: Allocation) -> list[Part]:
    happened = [plain("placed")]
    if now.previous_allocation:
        verb = "rescheduled from" if now.has_been_rescheduled else "replaces"
        happened += [COMMA, plain(verb), dim(f" {short(now.previous_allocation)}")]
    if now.deployment_status is not None and now.deployment_status.canary:
        happened += [DOT, warn("canary")]
    return happened


def _state(now: Allocation, beside: Beside) -> list[Part]:
    """What the payload alone proves: a state, and its reason if the tasks show one."""
    tasks = now.tasks
    if now.client_status in ("complete", "failed"):
        return _ended(now, tasks, beside)
    happened = [status(now.client_status)]
    if now.client_status in ("lost", "unknown"):  # what its tasks did last is no reason
        return [*happened, *away(now)]
    if preempted := _preempted(now, beside):
        return [*happened, DOT, preempted]
    if now.is_to_stop:
        why = reason(now.desired_description, "alloc ", "is ")
        return [*happened, DOT, warn(f"to {now.desired_status}"), *([DOT, plain(why)] if why else [])]
    if (latest := _latest(tasks)) is not None:
        happened += [DOT, *_task_event(*latest)]
    return happened


def away(now: Allocation) -> list[Part]:
    """`· node is disconnected`: why an allocation is lost or unknown; nothing if the payload does not say."""
    text = now.client_description if now.client_status == "unknown" else now.desired_description
    why = reason(text, "alloc ", "is lost since ", "is unknown since ", "its ")
    return [DOT, plain(why)] if why else []


def _status_change(now: Allocation, before: Allocation, beside: Beside) -> list[Part]:
    tasks = now.tasks
    expected = before.client_status in ("pending", "running")
    if now.client_status in ("complete", "failed"):
        ended = _ended(now, tasks, beside)
        return ended if expected else [plain(before.client_status, VALUE_LIMIT), ARROW, *ended]
    happened = became(before.client_status, now.client_status)
    match now.client_status:
        case "running" if not expected:
            happened += [DOT, plain("reconnected" if now.desired_status == "run" else "reconnected, to be stopped")]
        case "running":
            restarts = max((task.restarts for task in tasks.values()), default=0)
            if restarts:
                happened += [DOT, plain(f"restart {restarts}")]
        case "pending":
            restarted = _restarted(now, new_events(now, before))
            happened += [DOT, *restarted] if restarted else _failure(tasks, DOT)
        case "lost" | "unknown":
            happened += away(now)
            if now.next_allocation and now.next_allocation != before.next_allocation:
                happened += [COMMA, plain("replaced by"), dim(f" {short(now.next_allocation)}")]
    return happened


def _desired_change(now: Allocation, before: Allocation, beside: Beside) -> list[Part]:
    happened = [
        plain("desired " + before.desired_status, VALUE_LIMIT),
        ARROW,
        (good if now.desired_status == "run" else warn)(now.desired_status, VALUE_LIMIT),
    ]
    if preempted := _preempted(now, beside):
        happened += [DOT, preempted]
    elif why := reason(now.desired_description, "alloc ", "is "):
        happened += [DOT, plain(why)]
    if now.next_allocation and now.next_allocation != before.next_allocation:
        happened += [COMMA, plain("replaced by"), dim(f" {short(now.next_allocation)}")]
    return happened


def _preempted(now: Allocation, beside: Beside) -> Part | None:
    if not now.preempted_by_allocation:
        return None
    return warn(f"preempted by {beside.name('Allocation', now.preempted_by_allocation)[:SUBJECT_LIMIT]}")


def _health_change(now: Allocation, before: Allocation) -> list[Part]:
    """`· unhealthy · Task not running by healthy_deadline of 5m0s`; empty if the health is unchanged."""
    health, earlier = now.deployment_status, before.deployment_status
    if health is None:
        return []
    canary = "canary " if health.canary else ""
    if health.healthy is not None and (earlier is None or health.healthy is not earlier.healthy):
        if health.healthy:
            return [DOT, good(canary + "healthy")]
        found = next((one for _, one in reversed(new_events(now, before)) if one.type == "Alloc Unhealthy"), None)
        why = reason(found.display_message or found.message, "Unhealthy because of ") if found is not None else ""
        return [DOT, bad(canary + "unhealthy"), *([DOT, plain(why)] if why else [])]
    if earlier is not None and earlier.canary and not health.canary:
        return [DOT, good("canary promoted")]
    return []


def _transition_change(now: Allocation, before: Allocation, beside: Beside) -> Part | None:
    wanted, earlier = now.desired_transition, before.desired_transition or Transition()
    if wanted is None:
        return None
    if wanted.migrate and not earlier.migrate:
        replaced = "to be stopped" if wanted.migrate_disable_placement else "to be stopped and replaced"
        trigger = _TRIGGERS.get(beside.trigger(now.job_id))
        return warn(f"{replaced} ({trigger})" if trigger else replaced)
    if wanted.force_reschedule and not earlier.force_reschedule:
        return warn("to be rescheduled now")
    if wanted.reschedule and not earlier.reschedule:
        return warn("may be rescheduled")
    return None


def new_events(now: Allocation, before: Allocation) -> list[tuple[str, TaskEvent]]:
    """The task events that the previous payload did not have, oldest first."""
    if now.task_states == before.task_states:  # most writes change something else
        return []
    latest = _latest(before.tasks)
    since = 0 if latest is None else latest[1].time
    new = [(name, one) for name, task in now.tasks.items() for one in task.events or () if one.time > since]
    return sorted(new, key=lambda each: each[1].time) if len(new) > 1 else new


def _task_news(now: Allocation, before: Allocation) -> list[Part]:
    """What the tasks did since the previous payload; a restart is more informative than the start that ends it."""
    new = new_events(now, before)
    if restarted := _restarted(now, new):
        return restarted
    return _task_event(*new[-1]) if new else []


def _restarted(now: Allocation, new: list[tuple[str, TaskEvent]]) -> list[Part]:
    """`redis restarted by a user (1)`: the tasks restarted by a user, with their number of restarts."""
    asked = {name: event for name, event in new if event.type == "Restart Signaled"}
    if not asked:
        return []
    why = next(iter(asked.values()))
    message = why.restart_reason or why.display_message or why.message
    names = sorted(asked)
    who = ", ".join(name[:VALUE_LIMIT] for name in names[:_NAMED_TASKS])
    if len(names) > _NAMED_TASKS:
        who += f" and {count(len(names) - _NAMED_TASKS)} more"
    has_started = all(any(name == task and one.type == "Started" for task, one in new) for name in names)
    by_user = message.lower().startswith(_USER)
    verb = ("restarted" if has_started else "being restarted") + (" by a user" if by_user else "")
    tasks = now.tasks
    restarts = max(tasks[name].restarts for name in names)
    happened = [plain(f"task{'' if len(names) == 1 else 's'} {who} "), warn(verb)]
    if restarts:
        happened.append(plain(f" ({count(restarts)})"))
    if not by_user and (explanation := reason(message)):
        happened += [DOT, plain(explanation)]
    return happened


def _ended(now: Allocation, tasks: dict[str, TaskState], beside: Beside) -> list[Part]:
    """`failed · task crash exit 137 · message, restarts 2 of 2` or `complete · exit 0 in 1.1 s`."""
    if now.client_status == "failed":
        failure = _failure(tasks, DOT)
        if not failure and (why := reason(now.client_description)) and why != "failed tasks":
            failure = [DOT, plain(why)]
        return [status("failed"), *failure]
    happened = [status("complete")]
    stopped = now.is_to_stop
    if stopped:
        happened += [DOT, _preempted(now, beside) or dim("evicted" if now.desired_status == "evict" else "stopped")]
    ends = [(event.time, name, event) for name, event in _endings(tasks)]
    if ends:
        _, name, event = max(ends, key=lambda end: end[0])
        who = f"task {name[:VALUE_LIMIT]} " if len(tasks) > 1 and not stopped else ""
        happened += [dim(f"{', ' if stopped else ' · '}{who}"), *_exit(event, good_is_dim=True)]
        starts = [one.time for one in tasks[name].events or () if one.type == "Started"]
        if starts and 0 < max(starts) <= event.time:
            happened.append(dim(f" {'after' if stopped else 'in'} {duration(event.time - max(starts))}"))
    return happened


def _failure(tasks: dict[str, TaskState], joint: Part) -> list[Part]:
    """Which task failed, how, and how the restart policy reacts; empty if no task shows it."""
    ends = [
        (tasks[name].failed, bool(event.exit_code or event.signal), event.time, name, event)
        for name, event in _endings(tasks)
    ]
    if not ends:
        return []
    name, event = max(ends, key=lambda end: end[:3])[3:]
    happened = [joint, plain(f"task {name[:VALUE_LIMIT]} "), *_exit(event)]
    later = [one for one in tasks[name].events or () if one.time >= event.time]
    restarts = tasks[name].restarts
    for one in later:
        if one.type == "Restarting":
            happened.append(plain(f", restart {restarts or 1} in {duration(one.start_delay)}"))
        elif one.type == "Not Restarting":
            limit = _ATTEMPTS.search((one.restart_reason or one.display_message)[:MESSAGE_SEARCHED])
            if limit:
                happened.append(plain(f", restarts {restarts} of {limit[1]}"))
            else:
                happened.append(plain(", no restart allowed"))
    return happened


def _endings(tasks: dict[str, TaskState]) -> list[tuple[str, TaskEvent]]:
    """The newest event of each task that explains why it is not running."""
    return [(name, event) for name, task in tasks.items() if (event := task.ending()) is not None]


def _exit(event: TaskEvent, good_is_dim: bool = False) -> list[Part]:
    if event.type != "Terminated":
        message = reason(event.display_message or event.message)
        return [
            bad("killed" if event.fails_task else event.type.lower(), VALUE_LIMIT),
            *([DOT, plain(message)] if message else []),
        ]
    details = event.details or {}
    end = f"exit {event.exit_code}" if not event.signal else f"exit {event.exit_code} signal {event.signal}"
    clean = not event.exit_code and not event.signal
    happened = [dim(end) if clean and good_is_dim else plain(end) if clean else bad(end, VALUE_LIMIT)]
    is_oom = details.get("oom_killed") == "true"
    if is_oom:
        happened += [DOT, bad("oom-killed")]
    message = reason(details.get("exit_message") or event.message)
    if message and not (is_oom and message == OUT_OF_MEMORY):
        happened += [DOT, plain(message, VALUE_LIMIT * 2)]
    return happened


def _task_event(name: str, event: TaskEvent) -> list[Part]:
    """A short form of a task event: `task redis started`."""
    who = plain(f"task {name[:VALUE_LIMIT]} ")
    if event.is_ending:
        return [who, *_exit(event)]
    if event.type == "Restarting":
        return [who, warn(f"restarting in {duration(event.start_delay)}")]
    if (known := STEPS.get(event.type)) is not None:
        return [who, plain(known)]
    if event.type == "Signaling" and (signal := (event.details or {}).get("signal") or event.task_signal):
        why = reason(event.task_signal_reason)
        return [who, warn(f"signalled {signal}", VALUE_LIMIT), *([DOT, plain(why)] if why else [])]
    return [plain(f"task {name[:VALUE_LIMIT]}: "), plain(reason(event.display_message or event.type))]


def _latest(tasks: dict[str, TaskState]) -> tuple[str, TaskEvent] | None:
    latest: tuple[str, TaskEvent] | None = None
    for name, task in tasks.items():
        for event in task.events or ():
            if latest is None or event.time >= latest[1].time:
                latest = name, event
    return latest


_LEVELS: Final = {"failed": Level.FAILURE, "lost": Level.FAILURE, "unknown": Level.WARNING}
"""By client status that the event changed to."""


def level(event: ObjectEvent[Allocation]) -> Level:
    """The level of an event."""
    now, before = event.now, event.before
    if now.is_new:
        return Level.WARNING if now.has_been_rescheduled else Level.CHANGE
    if before is None:
        return max(_LEVELS.get(now.client_status, Level.ROUTINE), _unhealthy(now, None))
    found = [_task_event_level(one) for _, one in new_events(now, before)]
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
    if (wanted := now.desired_transition) is not None:
        earlier = before.desired_transition or Transition()
        if (wanted.reschedule and not earlier.reschedule) or (wanted.force_reschedule and not earlier.force_reschedule):
            found.append(Level.WARNING)
        if wanted.migrate and not earlier.migrate:
            found.append(Level.CHANGE)
    if (health := now.deployment_status) is not None:
        was_canary = before.deployment_status is not None and before.deployment_status.canary
        if was_canary and not health.canary:
            found.append(Level.CHANGE)
        found.append(_unhealthy(now, before))
    return max(found, default=Level.ROUTINE)


def _unhealthy(now: Allocation, before: Allocation | None) -> Level:
    health = now.deployment_status
    was = before.deployment_status if before is not None else None
    is_news = health is not None and health.healthy is False and (was is None or was.healthy is not False)
    return Level.WARNING if is_news else Level.ROUTINE


def _task_event_level(event: TaskEvent) -> Level:
    if (event.details or {}).get("oom_killed") == "true":
        return Level.FAILURE
    if event.type == "Terminated":
        return Level.WARNING if event.exit_code or event.signal else Level.ROUTINE
    if event.is_ending or event.type == "Restarting":
        return Level.WARNING
    return Level.ROUTINE
