"""Rows of a timeline, and their arrangement as a tree in chronological order."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from nomad_tui.core.history.dictionaries import ObjectKey
from nomad_tui.core.objects.parts import COMMA, VALUE_LIMIT, Part, Parts, Role, dim, plain, short, status_role
from nomad_tui.core.readable import count, number_of
from nomad_tui.core.text import printable

_EARLIEST: Final = 946_684_800_000_000_000
_LATEST: Final = 4_102_444_800_000_000_000
"""ns since 1970. A number from 2000 to 2100 can be a time."""

TaskEventKey: TypeAlias = tuple[str, int, str, str]
"""Task, time, type and message, which identify a task event: payloads repeat a task's newest events, which have no
ID."""


def moment(nanoseconds: int) -> int | None:
    """A time in a payload; None if it is implausible."""
    return nanoseconds if _EARLIEST <= nanoseconds < _LATEST else None


def timestamp(text: str | None) -> int | None:
    """An RFC 3339 time in ns since 1970, with microsecond precision; None if it is invalid or implausible."""
    if not text or len(text) > 40:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            return None
        return moment(int(at.timestamp()) * 1_000_000_000 + at.microsecond * 1_000)
    except (ValueError, OverflowError, OSError):
        return None


def object_title(topic: str, id_: str) -> Parts:
    """`evaluation 2bedfb7a`, `job web`."""
    return (plain(f"{topic.lower()} ", VALUE_LIMIT), Part(short(id_) or "unnamed", Role.OBJECT))


def not_held() -> Parts:
    return (dim("not held"),)


def describe_rest(number: int, noun: str, states: dict[str, int]) -> tuple[Parts, Parts]:
    """`… 4,980 more allocations` and `4,900 running, 80 failed`."""
    title = (dim(f"… {number_of(number, f'more {noun}')}"),)
    parts: list[Part] = []
    for state, times in sorted(states.items(), key=lambda one: (-one[1], one[0]))[:6]:
        text = f"{count(times)} {printable(state, VALUE_LIMIT) or 'without a status'}"
        parts += [*([COMMA] if parts else []), Part(text, status_role(state))]
    return title, tuple(parts)


RowKey: TypeAlias = tuple[str, ...]


class RowKind(StrEnum):
    OBJECT = "object"
    """An object of the cluster in its newest state."""
    STEP = "step"
    """A change of the object one level up."""
    TASK_EVENT = "task event"
    NODE_EVENT = "node event"
    """An event listed in a node's payload."""
    REST = "rest"
    """Counts objects that are not shown; `EventTimeline.open_rest` shows more of them, if `can_open`."""
    NOT_HELD = "not held"
    """An object that another one refers to, of which no event is held."""
    GAP = "gap"
    """Events may be missing from here on."""


@dataclass(frozen=True, slots=True)
class TimelineRow:
    key: RowKey
    """Stays the same while the row exists, wherever it moves."""
    kind: RowKind
    depth: int
    """0 for the root."""
    topic: str
    """Released topic of the row's object; "" for a gap."""
    title: Parts
    """The row's subject; empty for a step. All texts are safe to display and masked."""
    text: Parts
    place: str
    """The node's name; "" if unknown."""
    moment: int | None
    """When it started, in ns since 1970 on the cluster's clocks; None if unknown."""
    since: int | None
    """ns since the step it depends on, by the objects' own times; None if either is unknown."""
    sequence: int | None
    """The event it is based on; None for objects that are not held."""
    is_focus: bool = False
    """Whether it is the object of the event whose timeline this is; true for exactly one row."""
    ended: bool = False
    """Whether no further change is expected."""
    stopped: bool = False
    """Whether it stopped here unexpectedly; `text` then has a part with the role BAD."""
    can_open: bool = False


@dataclass(slots=True, eq=False)
class Branch:
    """A row that does not have a depth yet, with its children."""

    key: RowKey
    kind: RowKind
    topic: str
    title: Parts
    text: Parts
    sequence: int | None
    moment: int | None = None
    since: int | None = None
    place: str = ""
    is_focus: bool = False
    ended: bool = False
    stopped: bool = False
    can_open: bool = False
    first: int | None = None
    """The oldest known event of it, which decides its position if `moment` is None."""
    about: int | None = None
    """Approximate time, which decides its position among its siblings if `moment` is None."""
    last: bool = False
    """Whether it follows all its siblings."""
    parent: "Branch | None" = None
    children: "list[Branch]" = field(default_factory=list)

    def attach(self, parent: "Branch") -> None:
        """Make this a child of another branch, which must not be below this one."""
        self.parent = parent
        parent.children.append(self)

    def is_above(self, other: "Branch") -> bool:
        """Whether `other` is this branch or below it."""
        at: Branch | None = other
        while at is not None:
            if at is self:
                return True
            at = at.parent
        return False


def object_key(key: ObjectKey) -> RowKey:
    """The key of an object's row."""
    return ("object", *key)


def flatten(root: Branch) -> Iterator[TimelineRow]:
    """The rows of a tree, siblings in chronological order."""
    stack = [(root, 0)]
    while stack:
        branch, depth = stack.pop()
        yield TimelineRow(
            branch.key,
            branch.kind,
            depth,
            branch.topic,
            branch.title,
            branch.text,
            branch.place,
            branch.moment,
            branch.since,
            branch.sequence,
            branch.is_focus,
            branch.ended,
            branch.stopped,
            branch.can_open,
        )
        stack += [(child, depth + 1) for child in reversed(_in_order(branch.children))]


def _in_order(branches: Iterable[Branch]) -> list[Branch]:
    """Branches sorted by time; one without a time follows those before it in the stream."""
    came = sorted(branches, key=_first)
    moments: dict[int, int] = {}
    newest = 0
    for branch in came:
        moment = _moment(branch)
        newest = max(newest, moment or 0)
        moments[id(branch)] = newest if moment is None else moment
    return sorted(came, key=lambda branch: (branch.last, moments[id(branch)]))


def _first(branch: Branch) -> int:
    if branch.first is not None:
        return branch.first
    if branch.sequence is not None:
        return branch.sequence
    return min((_first(child) for child in branch.children), default=-1)


def _moment(branch: Branch) -> int | None:
    """The branch's time; for an object that is not held, the earliest time of its children."""
    if branch.moment is not None or branch.kind is not RowKind.NOT_HELD:
        return branch.moment
    if branch.about is not None:
        return branch.about
    return min((child.moment for child in branch.children if child.moment is not None), default=None)
