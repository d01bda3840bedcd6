"""Texts of timeline rows."""

from nomad_tui.core.objects.parts import COMMA, VALUE_LIMIT, Part, Parts, Role, dim, plain, short, status_role
from nomad_tui.core.readable import count
from nomad_tui.core.text import printable


def object_title(topic: str, id_: str) -> Parts:
    """`evaluation 2bedfb7a`, `job web`."""
    return (plain(f"{topic.lower()} ", VALUE_LIMIT), Part(short(id_) or "unnamed", Role.OBJECT))


def not_held() -> Parts:
    return (dim("not held"),)


def describe_rest(number: int, noun: str, states: dict[str, int]) -> tuple[Parts, Parts]:
    """`… 4,980 more allocations` and `4,900 running, 80 failed`."""
    title = (dim(f"… {count(number)} more {noun}{'' if number == 1 else 's'}"),)
    parts: list[Part] = []
    for state, times in sorted(states.items(), key=lambda one: (-one[1], one[0]))[:6]:
        text = f"{count(times)} {printable(state, VALUE_LIMIT) or 'without a status'}"
        parts += [*([COMMA] if parts else []), Part(text, status_role(state))]
    return title, tuple(parts)
