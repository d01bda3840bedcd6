"""What the rows of a trace say, and in which role."""

<<<<<<< HEAD
from collections.abc import Iterable
from typing import Final

from nomad_tui.core.readable import count, duration
from nomad_tui.core.sentence import Sentence
from nomad_tui.core.sentence.allocation import ENDINGS, STEPS, TaskEvent, Transition
from nomad_tui.core.sentence.parts import (
    ARROW,
    COMMA,
    DOT,
    OUT_OF_MEMORY,
    SUBJECT_LIMIT,
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
    status_role,
    warn,
)
from nomad_tui.core.text import printable
from nomad_tui.core.trace.rows import Parts
from nomad_tui.core.trace.states import AllocationState

ENDED: Final = {
    "Allocation": frozenset(("complete", "failed", "lost")),
    "Evaluation": frozenset(("complete", "failed", "canceled", "cancelled")),
    "Deployment": frozenset(("successful", "failed", "canceled", "cancelled")),
    "Job": frozenset(("dead",)),
}
"""The statuses of a topic's objects after which nothing more is expected."""

FAILURES: Final = (ENDINGS - {"Terminated"}) | {"Alloc Unhealthy", "Not Restarting"}
"""Task events after which a task does not run (`TaskEvent` in `nomad/structs`); `Terminated` is one if it failed."""

_AWAY: Final = frozenset(("lost", "unknown", "disconnected"))


def is_failure(event: TaskEvent) -> bool:
    """Whether a task event says that something went wrong for good, or once more."""
    return event.type in FAILURES or (event.type == "Terminated" and bool(event.exit_code or event.signal))


def task_event(event: TaskEvent) -> Parts:
    """`started`, `terminated · exit 137 · oom-killed`, `restarting in 1 s`, `driver failure · no such image`."""
    if event.type == "Terminated":
        return _terminated(event)
    if event.type == "Restarting":
        return (warn(f"restarting in {duration(event.start_delay)}"),)
    if (known := STEPS.get(event.type)) is not None:
        message = reason(event.display_message) if event.type == "Killing" else ""
        return (plain(known), *((DOT, dim(message)) if message else ()))
    say = bad if event.type in FAILURES else plain
    message = reason(event.display_message or event.message)
    named = say(event.type.lower() or "event without a type", VALUE_LIMIT)
    return (named, DOT, plain(message)) if message else (named,)


def _terminated(event: TaskEvent) -> Parts:
    details = event.details or {}
    said = f"exit {event.exit_code}" + (f" signal {event.signal}" if event.signal else "")
    parts = [plain("terminated"), DOT, bad(said, VALUE_LIMIT) if is_failure(event) else dim(said)]
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
=======
from nomad_tui.core.objects.parts import COMMA, VALUE_LIMIT, Part, Parts, Role, dim, plain, short, status_role
from nomad_tui.core.readable import count
from nomad_tui.core.text import printable
>>>>>>> 352d360 (Model each Nomad object once: one module a kind, and a registry)


def object_title(topic: str, id_: str) -> Parts:
    """`evaluation 2bedfb7a`, `job web`."""
    return (plain(f"{topic.lower()} ", VALUE_LIMIT), Part(short(id_) or "unnamed", Role.OBJECT))


def not_held() -> Parts:
    return (dim("not held"),)


def rest_said(number: int, noun: str, states: dict[str, int]) -> tuple[Parts, Parts]:
    """`… 4,980 more allocations` and `4,900 running, 80 failed`."""
    title = (dim(f"… {count(number)} more {noun}{'' if number == 1 else 's'}"),)
    said: list[Part] = []
    for state, times in sorted(states.items(), key=lambda one: (-one[1], one[0]))[:6]:
        text = f"{count(times)} {printable(state, VALUE_LIMIT) or 'without a status'}"
        said += [*([COMMA] if said else []), Part(text, status_role(state))]
    return title, tuple(said)
