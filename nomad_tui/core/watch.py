"""Watch rules: which events to alert an operator to.

A rule fires for an event that matches its filter and has at least its level, once `count` of them occur within
`window`. It does not fire for events buffered by a server before the connection was made, nor for an event that reports
the same about its object as the previous one. The caller provides time in small slices (`Watcher.advance`).
"""

from array import array
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum
from time import perf_counter, time_ns
from typing import Final

from nomad_tui.core.filter import Filter
from nomad_tui.core.history.derived import Derived
from nomad_tui.core.history.event_row import event_level, happened
from nomad_tui.core.history.segment import Segment
from nomad_tui.core.level import Level
from nomad_tui.core.readable import SECOND
from nomad_tui.core.search.search import Matcher

ROWS_AT_ONCE: Final = 512
"""Rows examined for one rule before the next rule's turn."""
FIRINGS_KEPT: Final = 200


class Action(StrEnum):
    HIGHLIGHT = "highlight"
    """Mark the event in the list."""
    BELL = "bell"
    NOTIFY = "notify"
    """Send a desktop notification through the terminal."""
    PAUSE = "pause"
    """Pause the display at the event."""
    COMMAND = "command"


class Origin(StrEnum):
    SETTINGS = "config.toml"
    OWN = "created here"
    PRESET = "preset"


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    """Unique."""
    filter: Filter = Filter()  # noqa: RUF009  # frozen
    level: Level = Level.ROUTINE
    """The minimum level of matching events."""
    count: int = 1
    window: float = 60.0
    """Seconds within which `count` events must occur."""
    actions: frozenset[Action] = frozenset((Action.HIGHLIGHT,))
    every: float = 30.0
    """Minimum seconds between two firings; matches in between only highlight."""
    command: tuple[str, ...] = ()
    timeout: float = 10.0
    """Seconds until the command is stopped."""
    inherit: frozenset[str] = frozenset()
    """Variables with secrets that the command inherits."""
    origin: Origin = Origin.SETTINGS
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class Firing:
    rule: Rule
    sequence: int
    """The event that triggered it."""
    at: int
    """When that happened as far as is known, in ns since 1970."""
    held_back: int
    """How many firings were suppressed since the last one."""
    is_quiet: bool
    """Whether it only highlights: too soon after the last firing, snoozed, or on a recording."""


@dataclass(slots=True)
class RuleState:
    """A rule and its progress."""

    rule: Rule
    matcher: Matcher
    next: int
    """The first row not examined yet."""
    snoozed_until: int = 0
    """In ns since 1970; 0 if not snoozed."""
    fired: int = 0
    """Number of firings, without suppressed ones."""
    held_back: int = 0
    last: Firing | None = None
    """The last firing that was not quiet; on a recording, the last one."""
    last_at: int = 0
    """The time of `last`."""
    times: deque[int] = field(default_factory=deque)
    """Times of the matches that count towards the next firing."""


class Watcher:
    """Examines each row of a history once for each rule, oldest first."""

    def __init__(
        self,
        derived: Derived,
        rules: Iterable[Rule] = (),
        *,
        live: bool,
        timezone: tzinfo | None = None,
        clock: Callable[[], int] = time_ns,
    ) -> None:
        """`live` is false for a recording, where every match counts and only highlights."""
        self._derived = derived
        self._history = derived.history
        self._live = live
        self._timezone = timezone
        self._clock = clock
        self._region = ""
        self._work: Iterator[None] | None = None
        self._new: list[Firing] = []
        self.states: dict[str, RuleState] = {}
        """By name, in the order of the rules."""
        self.highlighted: OrderedDict[int, str] = OrderedDict()
        """For each highlighted row, the name of the rule that matched."""
        self.firings: deque[Firing] = deque(maxlen=FIRINGS_KEPT)
        """Newest last; quiet ones only on a recording."""
        self.set_rules(rules, from_now=False)

    def set_rules(self, rules: Iterable[Rule], *, from_now: bool = True) -> None:
        """Replace the rules; unchanged ones keep their state. Live, a new rule starts with the next event."""
        self._work = None
        before, self.states = self.states, {}
        for rule in rules:
            known = before.get(rule.name)
            if known is not None and known.rule == rule:
                self.states[rule.name] = known
                continue
            at = self._history.end if from_now and self._live else self._history.first
            state = RuleState(rule, self._matcher(rule), at)
            if known is not None:
                state.snoozed_until = known.snoozed_until
            self.states[rule.name] = state
        if not self._live:
            kept = {name for name, state in self.states.items() if state.rule.is_on and before.get(name) is state}
            self.highlighted = OrderedDict((row, name) for row, name in self.highlighted.items() if name in kept)
            self.firings = deque((firing for firing in self.firings if firing.rule.name in kept), FIRINGS_KEPT)

    def _matcher(self, rule: Rule) -> Matcher:
        return Matcher(self._derived, rule.filter, region=self._region, timezone=self._timezone)

    def know_region(self, region: str) -> None:
        """Set the server's region, which a filter may refer to."""
        if region != self._region:
            self._region = region
            self._work = None
            for state in self.states.values():
                state.matcher = self._matcher(state.rule)

    def snooze(self, name: str, seconds: float) -> None:
        """Make a rule only highlight for so many seconds; 0 ends that."""
        self.states[name].snoozed_until = self._clock() + int(seconds * SECOND) if seconds else 0

    def is_snoozed(self, state: RuleState) -> bool:
        return state.snoozed_until > self._clock()

    def advance(self, seconds: float) -> list[Firing]:
        """Examine rows for about `seconds`. Returns what has fired, oldest first."""
        deadline = perf_counter() + seconds
        while perf_counter() < deadline:
            if self._work is None:
                state = self._next_state()
                if state is None:
                    break
                self._work = self._examine(state)
            if next(self._work, _DONE) is _DONE:
                self._work = None
        self._forget_evicted()
        fired, self._new = self._new, []
        return fired

    def _next_state(self) -> RuleState | None:
        """The rule with the most rows left to examine."""
        states = [state for state in self.states.values() if state.rule.is_on and state.next < self._history.end]
        return min(states, key=lambda state: state.next, default=None)

    def _examine(self, state: RuleState) -> Iterator[None]:
        history = self._history
        state.next = max(state.next, history.first)
        segment = history.segment_of(state.next)
        start = state.next - segment.first
        stop = min(len(segment), start + ROWS_AT_ONCE)
        state.matcher.tests.now = self._clock()
        found = array("Q")
        yield from state.matcher.search(segment, start, stop, found)
        for sequence in found:
            if sequence >= history.first and self._is_match(state, segment, sequence):
                self._record_match(state, sequence)
            state.next = sequence + 1  # the caller may replace the rules before the next row
            yield
        state.next = segment.first + stop

    def _is_match(self, state: RuleState, segment: Segment, sequence: int) -> bool:
        history, row = self._history, sequence - segment.first
        if history.gap(sequence) is not None:
            return False
        if self._live and not segment.received[bisect_right(segment.frame_row, row) - 1]:
            return False  # it was sent from a buffer
        if state.rule.level > Level.ROUTINE and event_level(history, history.event(sequence)) < state.rule.level:
            return False
        return not self._is_repeat(state, segment, sequence)

    def _is_repeat(self, state: RuleState, segment: Segment, sequence: int) -> bool:
        previous = self._history.previous(sequence)
        if previous is None:
            return False
        if self._history.payload(sequence) == self._history.payload(previous):
            return True
        before = self._history.segment_of(previous)
        text = self._derived.sentence(segment, sequence - segment.first)
        return text == self._derived.sentence(before, previous - before.first) and state.matcher.matches(previous)

    def _record_match(self, state: RuleState, sequence: int) -> None:
        rule, times = state.rule, state.times
        at = happened(self._history, sequence) or self._clock()
        times.append(at)
        while times[0] < at - rule.window * SECOND:
            times.popleft()
        if len(times) < rule.count:
            return
        times.clear()
        if Action.HIGHLIGHT in rule.actions:
            self.highlighted[sequence] = rule.name
        now = self._clock()
        too_soon = state.last is not None and now < state.last_at + rule.every * SECOND
        firing = Firing(rule, sequence, at, state.held_back, not self._live or too_soon or self.is_snoozed(state))
        if firing.is_quiet and self._live:
            state.held_back += 1
            return
        state.fired += 1
        state.last, state.last_at, state.held_back = firing, now, 0
        self.firings.append(firing)
        self._new.append(firing)

    def _forget_evicted(self) -> None:
        first = self._history.first
        while self.highlighted and next(iter(self.highlighted)) < first:
            self.highlighted.popitem(last=False)


_DONE: Final = object()
