"""The facts of a summary, and formatting shared by all kinds of objects.

A value consists of sentence parts, which are safe to display. Free text of the cluster, such as messages, tags and
descriptions, passes through `masked`, which masks secrets recognized by their form.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, NamedTuple, TypeVar

import msgspec

from nomad_tui.core.objects.parts import MESSAGE_LIMIT, VALUE_LIMIT, Part, Role, bad, dim, good, plain, short, warn
from nomad_tui.core.readable import DAY, SECOND, age, count, duration
from nomad_tui.core.secrets import masked_text
from nomad_tui.core.text import ELLIPSIS, truncated

MAX_FACTS: Final = 40
"""Facts in one summary. Six lines of 120 columns hold fewer."""
LONGEST_VALUE: Final = 160
"""Characters of a fact's value."""

SPACE: Final = Part(" ", Role.PLAIN)

_MASKED_BEFORE_CUT: Final = 2_000
"""Characters of a text to mask before cutting it at `MESSAGE_LIMIT`: the cut could remove what marks a secret."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_TIME: Final = 35
"""Characters of an RFC 3339 time with nanoseconds and an offset."""
_EARLIEST: Final = 946_684_800 * SECOND
_LATEST: Final = 4_102_444_800 * SECOND
"""A number from 2000 to 2100 can be a time; Go's zero time and small numbers cannot."""


M = TypeVar("M")


class Fact(msgspec.Struct, frozen=True):
    label: str
    """One or two words in lower case, Nomad's own term; empty if the value needs none. Safe to display."""
    parts: tuple[Part, ...]
    """The value; contains text."""
    own_line: bool = False
    """Whether it starts a line; others follow on the same line if there is room."""

    @property
    def text(self) -> str:
        """Label and value as plain text."""
        value = "".join([part.text for part in self.parts])
        return f"{self.label} {value}" if self.label else value


class Context(NamedTuple):
    """Context of a summary besides the payload."""

    name: Callable[[str, str], str]
    """Returns the known name of an object by topic and ID; empty for an unknown one."""
    now: int
    """In ns since 1970."""
    timezone: tzinfo | None
    """None for that of this machine."""
    of_event: bool = False
    """Whether `now` is the time of the event, so that ages are relative to it."""

    def object(self, topic: str, identifier: str) -> tuple[Part, ...]:
        """An object as its name and short ID; only the short ID if the name is unknown."""
        if not identifier:
            return ()
        if name := self.name(topic, identifier):
            return Part(plain(name, VALUE_LIMIT).text, Role.OBJECT), dim(f" {short(identifier)}")
        return (plain(short(identifier)),)

    def ago(self, nanoseconds: int | None) -> str:
        """`14 s ago`, with the date beyond a day; empty without a time."""
        if nanoseconds is None or not _EARLIEST <= nanoseconds < _LATEST:
            return ""
        ago = self._age(nanoseconds)
        return f"{ago}, {self.clock(nanoseconds)}" if abs(self.now - nanoseconds) >= DAY else ago

    def _age(self, nanoseconds: int) -> str:
        return age(self.now - nanoseconds, "this event" if self.of_event else "")

    def lasted(self, nanoseconds: int) -> str:
        """How long ago, as a duration such as `14 s`; empty without a time or for a future one."""
        if not _EARLIEST <= nanoseconds <= self.now - SECOND:
            return ""
        return duration((self.now - nanoseconds) // SECOND * SECOND)

    def clock(self, nanoseconds: int) -> str:
        """The time of day, with the date if it is more than a day off; for times from 2000 to 2100."""
        local = datetime.fromtimestamp(nanoseconds // SECOND, self.timezone)
        return f"{local:%H:%M:%S}" if abs(self.now - nanoseconds) < DAY else f"{local:%Y-%m-%d %H:%M}"

    def deadline(self, nanoseconds: int | None) -> tuple[Part, ...]:
        """`14 s left, 08:50:40` or `passed 3 s ago, 08:50:40`; empty without a time."""
        if nanoseconds is None or not _EARLIEST <= nanoseconds < _LATEST:
            return ()
        left = nanoseconds - self.now
        clock = dim(f", {self.clock(nanoseconds)}")
        if left > 0:
            return plain(f"{duration(left // SECOND * SECOND) if left >= SECOND else duration(left)} left"), clock
        return warn(f"passed {self._age(nanoseconds)}".removesuffix(" now")), clock


class Facts:
    """Collects facts, except those without text in their value."""

    def __init__(self) -> None:
        self._facts: list[Fact] = []
        self._breaks = False

    def add(self, label: str, *parts: Part) -> None:
        """Add a fact, on the same line if there is room."""
        parts = tuple(part for part in parts if part.text)
        if parts and len(self._facts) < MAX_FACTS:
            self._facts.append(Fact(label, _within(parts), self._breaks))
            self._breaks = False

    def line(self, label: str, *parts: Part) -> None:
        """Add a fact on a new line."""
        self.new_line()
        self.add(label, *parts)

    def new_line(self) -> None:
        """Make the next fact start a new line."""
        self._breaks = True

    def collected(self) -> tuple[Fact, ...]:
        return tuple(self._facts)


def _within(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    kept: list[Part] = []
    left = LONGEST_VALUE
    for text, role in parts:
        if len(text) > left:
            kept.append(Part(text[: max(0, left - 1)] + ELLIPSIS, role))
            break
        kept.append(Part(text, role))
        left -= len(text)
    return tuple(kept)


def masked(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """Free text with secrets masked and surrounding space removed, cut shortly after `limit` characters."""
    return masked_text(text[:_MASKED_BEFORE_CUT].strip())[: limit + 1]


def by_name(members: Mapping[str, M | None] | None) -> dict[str, M]:
    """The existing members, sorted by name: servers send them in varying order."""
    return {name: member for name, member in sorted((members or {}).items(), key=_name) if member is not None}


def _name(item: tuple[str, object]) -> str:
    return item[0]


def listed(texts: Iterable[str], most: int = 6) -> str:
    """`a, b, c and 4 more`, each masked and at most `VALUE_LIMIT` long."""
    known = [text for text in texts if text]
    named = ", ".join(truncated(masked(text, VALUE_LIMIT), VALUE_LIMIT) for text in known[:most])
    return f"{named} and {count(len(known) - most)} more" if len(known) > most else named


def counted(counts: dict[str, int] | None) -> str:
    """`memory 2, cpu 1`, the largest first; empty for none."""
    found = sorted((-number, text) for text, number in (counts or {}).items() if number)
    return listed(
        [f"{truncated(masked(text, VALUE_LIMIT), VALUE_LIMIT)} {count(-number)}" for number, text in found], 4
    )


def of(number: int, whole: int) -> str:
    """`3 of 5`; only the number if it exceeds the whole."""
    return f"{count(number)} of {count(whole)}" if number <= whole else count(number)


def address(host: str, port: int) -> str:
    """`192.0.2.2:28002` or `[2001:db8::1]:28002`; only the host without a port, empty without a host."""
    host = masked(host, VALUE_LIMIT * 2)
    if not host or not port:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def healthy(number: int, expected: int) -> Part:
    """`1 of 3`: bad if none is healthy, a warning if some are not."""
    role = good if number >= expected else warn if number > 0 else bad
    return role(of(number, max(number, expected)))


def moment(text: str) -> int | None:
    """An RFC 3339 time in ns since 1970; None for anything else."""
    if not text or len(text) > _LONGEST_TIME:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at - _EPOCH) // timedelta(microseconds=1) * 1_000 if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
