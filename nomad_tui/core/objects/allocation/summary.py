"""Summaries of allocations: the state of it and its tasks, the reasons, and its predecessors and successors."""

from typing import Final

from nomad_tui.core.objects.allocation.fields import Allocation, TaskEvent, TaskState
from nomad_tui.core.objects.fact import SPACE, Context, Facts, address, by_name, masked
from nomad_tui.core.objects.parts import (
    COMMA,
    DOT,
    OUT_OF_MEMORY,
    VALUE_LIMIT,
    Part,
    Role,
    bad,
    dim,
    good,
    plain,
    reason,
    short,
    status,
    warn,
)
from nomad_tui.core.readable import count, duration

_USUAL_DESCRIPTIONS: Final = {
    "All tasks have completed",
    "Failed tasks",
    "No tasks have started",
    "Tasks are running",
}
"""Client descriptions that only repeat the status."""

_ROUTINE: Final = {
    "Alloc Unhealthy",
    "Built",
    "Driver",
    "Killed",
    "Killing",
    "Leader Task Dead",
    "Main Tasks Dead",
    "Not Restarting",
    "Received",
    "Reconnected",
    "Restarting",
    "Started",
    "Task Setup",
    "Template",
}
"""Task events that are not the cause of a task's end."""

_OUT_OF_TOUCH: Final = {"lost", "unknown"}
"""Client statuses set by servers because the client no longer reports."""

_SAYS_ITSELF: Final = {"Killed", "Killing", "Leader Task Dead", "Main Tasks Dead", "Received", "Started", "Terminated"}
"""Task events whose message adds nothing to their type, or is shown as the task's end."""

_TROUBLED_LISTED: Final = 3
_QUIET_NAMED: Final = 4
_PORTS_LISTED: Final = 2


def summary(now: Allocation, facts: Facts, context: Context) -> None:
    tasks = by_name(now.tasks)
    _add_statuses(facts, now)
    facts.add("created", plain(context.ago(now.create_time)))
    _add_tasks(facts, tasks, now.client_status not in _OUT_OF_TOUCH, context)
    _add_others(facts, now, context)
    _, bracket, index = now.name.rpartition("[")
    facts.add("node", *_node(now, context))
    facts.add("job", plain(now.job_id, VALUE_LIMIT))
    facts.add("group", plain(now.task_group, VALUE_LIMIT), dim(f"[{index}" if bracket and len(index) <= 8 else ""))
    for port in now.ports[:_PORTS_LISTED]:
        where = address(port.host_ip, port.value)
        facts.add("port", dim(f"{port.label[:VALUE_LIMIT]} "), plain(where, VALUE_LIMIT * 2))


def _add_statuses(facts: Facts, now: Allocation) -> None:
    if now.client_status:
        why = "" if now.client_description in _USUAL_DESCRIPTIONS else reason(now.client_description)
        facts.add("client", status(now.client_status), *((DOT, plain(why)) if why else ()))
    if now.desired_status:
        desired = plain(now.desired_status, VALUE_LIMIT) if now.desired_status == "run" else warn(now.desired_status)
        why = reason(now.desired_description, "alloc ", "is ")
        facts.add("desired", desired, *((DOT, plain(why)) if why else ()))
    if (health := now.deployment_status) is not None:
        if health.healthy is not None:
            facts.add("", good("healthy") if health.healthy else bad("unhealthy"))
        elif now.client_status in ("pending", "running"):
            facts.add("", dim("health not known yet"))
        facts.add("", warn("canary" if health.canary else ""))
    if (wanted := now.desired_transition) is not None and now.client_status in ("pending", "running", "unknown"):
        facts.add("", warn("to migrate" if wanted.migrate else ""))
        facts.add("", warn("to be rescheduled now" if wanted.force_reschedule else ""))


def _add_tasks(facts: Facts, tasks: dict[str, TaskState], in_touch: bool, context: Context) -> None:
    """A line for each troubled task, one for all others, and the newest event of all."""
    troubled = [name for name, task in tasks.items() if _is_troubled(task)]
    troubled.sort(key=lambda name: not tasks[name].failed)
    for name in troubled[:_TROUBLED_LISTED]:
        _add_troubled(facts, name, tasks[name])
    others = [name for name in tasks if name not in troubled] + troubled[_TROUBLED_LISTED:]
    parts: list[Part] = []
    for name in others[:_QUIET_NAMED]:
        parts += [*([COMMA] if parts else []), plain(name, VALUE_LIMIT), SPACE]
        parts.append(_state(tasks[name]) if in_touch else dim(tasks[name].state, VALUE_LIMIT))
        if tasks[name].state == "dead" and (ending := _ending(tasks[name])) and ending.type == "Terminated":
            parts.append(dim(f" exit {ending.exit_code}", VALUE_LIMIT))
    if len(others) > _QUIET_NAMED:
        parts.append(dim(f" and {count(len(others) - _QUIET_NAMED)} more"))
    if parts:
        facts.new_line()
    facts.add(("task" if len(others) == 1 else "tasks") + ("" if in_touch else ", last known"), *parts)
    newest = max(
        ((task.events[-1].time, name, task.events[-1]) for name, task in tasks.items() if task.events),
        key=lambda last: last[0],
        default=None,
    )
    if newest is not None:
        _, name, event = newest
        who = dim(f"{name[:VALUE_LIMIT]} " if len(tasks) > 1 else "")
        ago = context.ago(event.time)
        facts.add("last event", who, plain(event.type, VALUE_LIMIT), dim(f" {ago}" if ago else ""))
        facts.add("", _message(event))


def _is_troubled(task: TaskState) -> bool:
    return task.failed or task.restarts > 0 or any(_exit_of(task))


def _add_troubled(facts: Facts, name: str, task: TaskState) -> None:
    state = [COMMA, bad("failed")] if task.failed else []
    facts.line("task", Part(plain(name, VALUE_LIMIT).text, Role.OBJECT), SPACE, _state(task), *state)
    ending = _ending(task)
    if ending is not None and ending.type == "Terminated":
        code, signal = _exit_of(task)
        exit_code = f"{code} signal {signal}" if signal else f"{code}"
        facts.add("exit", (bad if code or signal else dim)(exit_code, VALUE_LIMIT))
        details = ending.details or {}
        facts.add("", bad("OOM-killed" if details.get("oom_killed") == "true" else ""))
    if task.restarts > 0:
        facts.add("restarts", warn(count(task.restarts)))
    if ending is not None:
        message = (ending.details or {}).get("exit_message") or ending.message
        if ending.type != "Terminated":
            facts.add("", bad(ending.type, VALUE_LIMIT))
            message = ending.display_message or message
        elif message == OUT_OF_MEMORY and (ending.details or {}).get("oom_killed") == "true":
            message = ""
        facts.add("", plain(reason(message)))


def _ending(task: TaskState) -> TaskEvent | None:
    """The newest event that explains the task's current or previous end."""
    others = (event for event in reversed(task.events or ()) if event.type and event.type not in _ROUTINE)
    return next((event for event in task.events or () if event.fails_task), None) or next(others, None)


def _exit_of(task: TaskState) -> tuple[int, int]:
    """Exit code and signal of the latest termination; zeros if there is none."""
    ending = _ending(task)
    return (0, 0) if ending is None or ending.type != "Terminated" else (ending.exit_code, ending.signal)


def _state(task: TaskState) -> Part:
    if task.failed:
        return bad(task.state or "failed", VALUE_LIMIT)
    return status(task.state)


def _message(event: TaskEvent) -> Part:
    """The additional information of a task event: when and why it restarts, which hook failed."""
    if event.type in _SAYS_ITSELF:
        return plain("")
    if event.type == "Restarting":
        return plain(f"in {duration(event.start_delay)}, {reason(event.restart_reason)}".removesuffix(", "))
    message = event.restart_reason or event.display_message or event.message
    return plain(reason(message))


def _add_others(facts: Facts, now: Allocation, context: Context) -> None:
    tracker = now.reschedule_tracker
    if tracker is not None and tracker.events:
        last = context.ago(tracker.events[-1].reschedule_time)
        times = len(tracker.events)
        facts.add(
            "rescheduled",
            plain("once" if times == 1 else f"{count(times)} times"),
            dim(f", {last}" if last else ""),
        )
        unusual = tracker.last_reschedule not in ("", "ok")
        facts.add("last reschedule", warn(tracker.last_reschedule if unusual else "", VALUE_LIMIT))
    if now.followup_eval_id and not now.next_allocation:
        facts.add("next try", plain("with evaluation "), plain(short(now.followup_eval_id)))
    facts.add("preempted by", warn(short(now.preempted_by_allocation)))
    facts.add("previous", plain(short(now.previous_allocation)))
    facts.add("next", plain(short(now.next_allocation)))
    facts.add("deployment", *context.object("Deployment", now.deployment_id))


def _node(now: Allocation, context: Context) -> tuple[Part, ...]:
    if now.node_name:
        return (plain(masked(now.node_name), VALUE_LIMIT),)
    return context.object("Node", now.node_id)
