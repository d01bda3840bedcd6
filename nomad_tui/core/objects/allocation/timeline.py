"""Texts of timeline rows for allocations and their tasks."""

from collections.abc import Iterable
from typing import Final

from nomad_tui.core.objects.allocation.fields import ENDINGS, Allocation, TaskEvent, Transition
from nomad_tui.core.objects.allocation.sentence import STEPS, away
from nomad_tui.core.objects.parts import (
    ARROW,
    COMMA,
    DOT,
    OUT_OF_MEMORY,
    SUBJECT_LIMIT,
    VALUE_LIMIT,
    Part,
    Parts,
    Role,
    Sentence,
    bad,
    dim,
    good,
    plain,
    reason,
    short,
    status,
    warn,
)
from nomad_tui.core.readable import duration
from nomad_tui.core.text import printable


def _describe_steps(steps: Iterable[tuple[str, int | None]]) -> Parts:
    """`placed after 0.2 s, running after 3.1 s`; without the time where it is unknown."""
    texts = [f"{step} after {duration(after)}" if after is not None else step for step, after in steps]
    return (plain(", ".join(texts)),) if texts else ()


_FAILURES: Final = (ENDINGS - {"Terminated"}) | {"Alloc Unhealthy", "Not Restarting"}
"""Task events after which a task does not run (`TaskEvent` in `nomad/structs`); so is a failed `Terminated`."""


_AWAY: Final = frozenset(("lost", "unknown", "disconnected"))


def is_failure(event: TaskEvent) -> bool:
    """Whether a task event reports a failure, final or repeated."""
    if event.fails_task:
        return True
    return event.type in _FAILURES or (event.type == "Terminated" and bool(event.exit_code or event.signal))


def task_event(event: TaskEvent) -> Parts:
    """`started`, `terminated · exit 137 · oom-killed`, `restarting in 1 s`, `driver failure · no such image`."""
    if event.type == "Terminated":
        return _terminated(event)
    if event.type == "Restarting":
        return (warn(f"restarting in {duration(event.start_delay)}"),)
    if (known := STEPS.get(event.type)) is not None:
        message = reason(event.display_message) if event.type == "Killing" else ""
        said = bad if event.fails_task else dim
        return (plain(known), *((DOT, said(message)) if message else ()))
    role = bad if event.type in _FAILURES else plain
    message = reason(event.display_message or event.message)
    named = role(event.type.lower() or "event without a type", VALUE_LIMIT)
    return (named, DOT, plain(message)) if message else (named,)


def _terminated(event: TaskEvent) -> Parts:
    details = event.details or {}
    end = f"exit {event.exit_code}" + (f" signal {event.signal}" if event.signal else "")
    parts = [plain("terminated"), DOT, bad(end, VALUE_LIMIT) if is_failure(event) else dim(end)]
    is_oom = details.get("oom_killed") == "true"
    if is_oom:
        parts += [DOT, bad("oom-killed")]
    message = reason(details.get("exit_message") or event.message)
    if message and not (is_oom and message == OUT_OF_MEMORY):
        parts += [DOT, plain(message)]
    return tuple(parts)


def allocation_title(name: str, id_: str) -> Parts:
    """`web.frontend[1] c59abe9a`."""
    stem, bracket, index = name.rpartition("[")
    if not name:
        return (plain("allocation "), Part(short(id_) or "unnamed", Role.OBJECT))
    if bracket and stem and len(index) < 8:
        parts = [Part(printable(stem, SUBJECT_LIMIT - 8), Role.OBJECT), dim("[" + index)]
    else:
        parts = [Part(printable(name, SUBJECT_LIMIT), Role.OBJECT)]
    return (*parts, dim(f" {short(id_)}"))


def describe_allocation(
    now: Allocation, state: Sentence | None, latest: TaskEvent | None, steps: list[tuple[str, int | None]]
) -> tuple[Parts, bool]:
    """The line of an allocation, and whether it stopped before reaching its goal.

    `steps` are those of placed, running and healthy that it reached, with the ns since its evaluation was created.
    """
    happened = list(state.happened) if state is not None else [status(now.client_status)]
    healthy = any(step == "healthy" for step, _ in steps)
    health = now.deployment_status
    if happened[0].text == "placed":  # its steps show the progress
        happened = [status(now.client_status)]
    stopped = False
    match now.client_status:
        case "failed":
            stopped = True
            before = " before healthy" if now.deployment_id and not healthy else ""
            failure = happened[2:]
            parts = [bad("failed" + before), *([bad(", stopped at: "), *failure] if failure else [])]
        case "pending" if latest is not None and is_failure(latest):
            stopped = True
            parts = [status("pending"), COMMA, bad("stopped at: "), *task_event(latest)]
        case "lost" | "unknown" | "disconnected":
            stopped = now.client_status == "lost"
            parts = [status(now.client_status), *away(now)]
        case "running":
            parts = [status("running")]
            if health is not None and health.healthy is False:
                stopped = True
                parts += [DOT, bad("unhealthy")]
            elif health is not None and health.canary:
                parts += [DOT, warn("canary")]
            if now.is_to_stop:
                why = reason(now.desired_description, "alloc ", "is ")
                parts += [DOT, warn(f"to {now.desired_status}"), *([DOT, plain(why)] if why else [])]
        case "complete":
            parts = happened
            if now.is_to_stop and not now.preempted_by_allocation:
                why_stopped = reason(now.desired_description, "alloc ", "is ")
                parts = [*parts, *([DOT, plain(why_stopped)] if why_stopped else [])]
        case _:
            parts = happened
    if reached := _describe_steps(steps):
        parts = [*parts, DOT, *reached]
    if now.next_allocation:
        parts = [*parts, DOT, plain("replaced by"), dim(f" {short(now.next_allocation)}")]
    return tuple(parts), stopped


def placed_word(now: Allocation) -> str:
    """`placed`, with the allocation it replaces or reschedules, if any."""
    if not now.previous_allocation:
        return "placed"
    return f"{'rescheduled from' if now.is_reschedule else 'in place of'} {short(now.previous_allocation)}, placed"


def allocation_steps(before: Allocation, now: Allocation) -> list[tuple[Parts, str | None]]:
    """Changes of an allocation between two events, apart from its task events, each with the text of its time if it has
    one."""
    steps: list[tuple[Parts, str | None]] = []
    replaced = now.next_allocation if now.next_allocation != before.next_allocation else ""
    replacement = [COMMA, plain("replaced by"), dim(f" {short(replaced)}")] if replaced else []
    if now.client_status != before.client_status and (now.client_status in _AWAY or before.client_status in _AWAY):
        cause = away(now) if now.client_status in _AWAY else []
        changed = [plain(before.client_status or "no status", VALUE_LIMIT), ARROW, status(now.client_status)]
        steps.append(((*changed, *cause, *replacement), None))
        replacement = []
    elif now.desired_status != before.desired_status:
        why = reason(now.desired_description, "alloc ", "is ")
        role = good if now.desired_status == "run" else warn
        wanted = [
            plain(f"desired {before.desired_status or 'nothing'}", VALUE_LIMIT),
            ARROW,
            role(now.desired_status or "nothing", VALUE_LIMIT),
        ]
        steps.append(((*wanted, *([DOT, plain(why)] if why else []), *replacement), None))
        replacement = []
    if replacement:
        steps.append((tuple(replacement[1:]), None))
    steps += _health_steps(before, now)
    if now.followup_eval_id and now.followup_eval_id != before.followup_eval_id:
        later = dim(f" {short(now.followup_eval_id)}")
        steps.append(((plain("to be rescheduled later by evaluation"), later), None))
    if transition := _transition(before.desired_transition or Transition(), now.desired_transition):
        steps.append(((warn(transition),), None))
    if now.deployment_id and now.deployment_id != before.deployment_id:
        steps.append(((plain("updated in place, deployment"), dim(f" {short(now.deployment_id)}")), None))
    return steps


def _health_steps(before: Allocation, now: Allocation) -> list[tuple[Parts, str | None]]:
    health, earlier = now.deployment_status, before.deployment_status
    if health is None:
        return []
    if health.healthy is not None and (earlier is None or health.healthy is not earlier.healthy):
        canary = "canary " if health.canary else ""
        part = good(canary + "healthy") if health.healthy else bad(canary + "unhealthy")
        return [((part,), health.timestamp)]
    if earlier is not None and earlier.canary and not health.canary:
        return [((good("canary promoted"),), None)]
    return []


def _transition(before: Transition, now: Transition | None) -> str:
    if now is None:
        return ""
    if now.migrate and not before.migrate:
        return "to migrate"
    if now.force_reschedule and not before.force_reschedule:
        return "to be rescheduled now"
    return "may be rescheduled" if now.reschedule and not before.reschedule else ""
