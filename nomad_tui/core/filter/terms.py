"""Terms that test an event's listed attributes or its payload's bytes: words, fields and `~word`."""

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import Enum
from functools import partial
from typing import ClassVar, Final

import msgspec

from nomad_tui.core.filter.text import Glob, Text
from nomad_tui.core.filter.times import Age, Instant, Range, Span
from nomad_tui.core.level import Level, read_level
from nomad_tui.core.topics import BETA_TYPES, beta_topic


class Operator(Enum):
    """The operator between a field's colon and its value; the value is its notation."""

    STARTS_WITH = ""
    """Matches the beginning of texts, equal numbers, and times within the given day, minute or second."""
    IS = "="
    """Matches the complete value exactly."""
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="


_COMPARE: Final[dict[Operator, Callable[[int, int], bool]]] = {
    Operator.LESS: operator.gt,
    Operator.AT_MOST: operator.ge,
    Operator.GREATER: operator.lt,
    Operator.AT_LEAST: operator.le,
}
"""Compares the number in the filter (left) with that of an event (right)."""


class Kind(Enum):
    TEXT = "text"
    NUMBER = "number"
    TIME = "time"
    LEVEL = "level"
    PAYLOAD = "payload"


class FieldDescription(msgspec.Struct, frozen=True):
    """One field of the language, for help and completion."""

    name: str
    description: str
    example: str
    """A complete filter."""
    aliases: tuple[str, ...] = ()
    kind: Kind = Kind.TEXT


FIELDS: Final[tuple[FieldDescription, ...]] = (
    FieldDescription("topic", "the topic", "topic:alloc"),
    FieldDescription("type", "the type of event", "type:PlanResult"),
    FieldDescription("key", "the key", "key:web"),
    FieldDescription("ns", "the namespace", "ns:prod*", ("namespace",)),
    FieldDescription("job", "the job", "job:web,api"),
    FieldDescription("group", "the task group", "group:frontend"),
    FieldDescription("task", "a task", "task:nginx"),
    FieldDescription("node", "the node's name or ID", "node:edge-1"),
    FieldDescription("alloc", "the allocation's ID or name", "alloc:0ddba11", ("allocation",)),
    FieldDescription("eval", "the evaluation's ID", "eval:5ca1ab1e", ("evaluation",)),
    FieldDescription("deploy", "the deployment's ID", "deploy:f00dcafe", ("deployment",)),
    FieldDescription("status", "the object's status", "status:failed,lost"),
    FieldDescription("level", "failure, warning, change or routine", "level:>=warning", kind=Kind.LEVEL),
    FieldDescription("index", "the Raft index", "index:>1000", kind=Kind.NUMBER),
    FieldDescription("time", "an age, a time of day, a date or a range A..B", "time:<5m", kind=Kind.TIME),
    FieldDescription("user", "the user a task runs as", "user:root"),
    FieldDescription("region", "the region", "region:global"),
    FieldDescription("payload", "anywhere in the payload's bytes; ~word for short", "payload:oom", kind=Kind.PAYLOAD),
)

BY_NAME: Final = {name: known for known in FIELDS for name in (known.name, *known.aliases)}

_BETA_NAME: Final = {released: beta for beta, released in BETA_TYPES.items()}


class Word(msgspec.Struct, frozen=True):
    """Matches in topic, type, key, namespace, filter keys or the row's sentence."""

    text: Text
    is_expression: ClassVar[bool] = False

    def __str__(self) -> str:
        return self.text.as_word()


class InPayload(msgspec.Struct, frozen=True):
    """Matches anywhere in the payload's bytes."""

    text: Text
    is_expression: ClassVar[bool] = False

    def __str__(self) -> str:
        return f"~{self.text.as_value()}"


Value = Text | Glob | int | Age | Instant | Span


@dataclass(frozen=True, slots=True)
class Field:
    """A field with one of several values. The field's kind determines which of the attributes applies."""

    name: str
    """A name in `FIELDS`; never an alias, never `payload`."""
    operator: Operator
    values: tuple[Value, ...]
    """`Text` and `Glob` for texts, `Text` with the full word for a level, `int` for an index, one `Age`, `Instant` or
    `Span` for a time."""
    matches: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    """Whether a text is one of the values. Topics and types are given by their released names."""
    matches_index: Callable[[int], bool] = field(init=False, repr=False, compare=False)
    levels: frozenset[Level] = field(init=False, repr=False, compare=False)
    """The matching levels."""
    is_expression: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "matches", self._text_test())
        object.__setattr__(self, "matches_index", self._index_test())
        object.__setattr__(self, "levels", self._levels() if self.name == "level" else frozenset())

    def __str__(self) -> str:
        written = (value.as_value() if isinstance(value, Text | Glob) else str(value) for value in self.values)
        return f"{self.name}:{self.operator.value}{','.join(written)}"

    @property
    def has_age(self) -> bool:
        """Whether it contains an age."""
        return any(value.has_age if isinstance(value, Span) else isinstance(value, Age) for value in self.values)

    @property
    def is_relative(self) -> bool:
        """Whether it is about the time before now: an age, or a time of day without a date."""
        return any(value.is_relative for value in self.values if isinstance(value, Age | Instant | Span))

    def bounds(self, now_ns: int, zone: tzinfo | None) -> Range:
        """Range of matching times in ns since 1970: start (inclusive) and end (exclusive), None if unbounded.

        Unbounded for fields other than `time`. `zone` None is that of this machine.
        """
        value = self.values[0]
        if isinstance(value, Span):
            return value.bounds(now_ns, zone)
        if not isinstance(value, Age | Instant):
            return None, None
        start, end = value.unit(now_ns, zone)
        match self.operator:
            case Operator.LESS | Operator.AT_MOST if isinstance(value, Age):
                return start, None
            case Operator.GREATER | Operator.AT_LEAST if isinstance(value, Age):
                return None, end
            case Operator.LESS:
                return None, start
            case Operator.AT_MOST:
                return None, end
            case Operator.GREATER | Operator.AT_LEAST:
                return start, None
        return start, end

    def _text_test(self) -> Callable[[str], bool]:
        whole = self.operator is Operator.IS
        tests = tuple(value.starts(whole) for value in self.values if isinstance(value, Text | Glob))
        one = tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)
        match self.name:
            case "topic":
                return lambda value: one(value) or one(beta_topic(value))
            case "type":
                return lambda value: one(value) or (value in _BETA_NAME and one(_BETA_NAME[value]))
        return one

    def _levels(self) -> frozenset[Level]:
        named = [read_level(value.source) for value in self.values if isinstance(value, Text)]
        levels = frozenset(level for level in named if level is not None)
        return frozenset(filter(self._number_test(levels), Level))

    def _index_test(self) -> Callable[[int], bool]:
        return self._number_test(frozenset(value for value in self.values if isinstance(value, int)))

    def _number_test(self, numbers: frozenset[int]) -> Callable[[int], bool]:
        """A test for an event's number. A comparison has only one of `numbers`."""
        compare = _COMPARE.get(self.operator)
        return numbers.__contains__ if compare is None else partial(compare, min(numbers, default=0))
