"""The filter and the search that applies it to the history.

The filter's text is the single source of truth: ticks in Facets and conditions added from a payload are written into
it. Only hidden topics are separate, because they also restrict the subscription.
"""

import asyncio
from collections.abc import Callable
from datetime import tzinfo
from time import perf_counter, time_ns
from typing import Final

from nomad_tui.core.filter import And, Filter, FilterError, Node
from nomad_tui.core.filter.nodes import all_of, negated
from nomad_tui.core.history.derived import Preparation
from nomad_tui.core.history.event_row import latest_moment
from nomad_tui.core.level import Level
from nomad_tui.core.search.facets import (
    Dimension,
    least_level,
    left_out,
    only,
    readmitted,
    ticked,
    with_least_level,
    with_ticked,
    without,
)
from nomad_tui.core.search.view import Fold, View
from nomad_tui.core.text import printable
from nomad_tui.session import Session, State

FORWARD_SLICE: Final = 0.004
"""Seconds per tick spent matching new events."""
FIRST_SLICE: Final = 0.004
"""Seconds of searching right after the filter has changed: usually finds a screenful before the next drawing."""
SEARCH_SLICE: Final = 0.004
SEARCH_SLICE_WHILE_BUSY: Final = 0.002
"""Seconds of searching between two yields to the event loop; fewer while keys or events arrive."""
SCREENFUL: Final = 60
"""Rows."""
HURRY_SECONDS: Final = 0.5
"""Seconds at most for which a search does not pause until it has found a screenful: the operator is waiting for it."""
SEARCH_PAUSE_WHILE_BUSY: Final = 0.005
"""Seconds left for reading between two slices: a server disconnects a reader that falls 100 frames behind."""
COUNTING_PAUSE: Final = 0.03
"""Seconds between two slices of counting facets while events arrive; while keys arrive, nothing is counted."""
PREPARATION_SLICE: Final = 0.003
"""Seconds per tick spent preparing the next search, while no events and no keys arrive."""

EVERYTHING: Final = Filter()
_EVERY_SYNTAX: Final = 'web (a or -"b c") /d/ job:=e,"f" ~g H.I == "j" K not contains l m in N O is not empty'
"""A filter that contains every kind of term."""


def load_parser() -> None:
    """Builds the filter parser: some 40 ms that the first key would otherwise wait for."""
    Filter.parse(_EVERY_SYNTAX)
    import nomad_tui.config.watch_rules  # noqa: F401  # parses the filters of the presets


class Filtering:
    """The filter and two views of the history: the matches, and for highlighting all events."""

    def __init__(
        self, session: Session, text: str, timezone: tzinfo | None = None, clock: Callable[[], int] = time_ns
    ) -> None:
        """`timezone` applies to times in a filter; None for this machine's. `clock` returns ns since 1970."""
        self._clock = clock
        self.text = printable(text)
        """The text of the filter line."""
        self.filter = EVERYTHING
        """The last valid filter."""
        self.error: FilterError | None = None
        """The mistake in the text; `filter` is the previous valid one while there is one."""
        self.hidden: frozenset[str] = frozenset()
        """Names of the hidden topics, as in Nomad's releases."""
        self.folding = Fold.OFF
        self.highlighting = False
        """Whether events that do not match are shown too."""
        self.read(text)
        self.view = View(session.history, self.filter, timezone=timezone)
        self.context = View(session.history, derived=self.view.derived, timezone=timezone)
        """All events but those of hidden topics; searched only while highlighting."""
        self._session = session
        self._searching = False
        self._preparation = Preparation(self.view.derived)

    @property
    def shown(self) -> View:
        """The view that the list shows."""
        return self.context if self.highlighting else self.view

    @property
    def complete(self) -> bool:
        return self.view.complete and (not self.highlighting or self.context.complete)

    def read(self, text: str) -> None:
        """Parses the text of the filter line; keeps the previous filter if it has a mistake."""
        self.text = printable(text)
        try:
            chosen = Filter.parse(self.text)
        except FilterError as error:
            self.error = error
            return
        self.error = None
        if chosen != self.filter:
            self.filter = chosen

    @property
    def is_applied(self) -> bool:
        """Whether the view uses the last valid filter."""
        return self.view.filter is self.filter

    def apply(self) -> bool:
        """Starts a search with the current filter, hidden topics and folding, in place of any other.

        Returns True if the first slice did not complete it.
        """
        self.view.show(self.filter, self.hidden, fold=self.folding, now=self._clock())
        if self.highlighting:
            self.context.show(EVERYTHING, self.hidden, fold=self.folding)
        return self.advance(FIRST_SLICE)

    @property
    def is_live(self) -> bool:
        return self._session.source.live

    def why_empty(self) -> str:
        """Why no events are shown, if the list does not know that itself; otherwise empty."""
        status, history = self._session.status, self._session.history
        if not len(history):
            if status.state is not State.ENDED:
                return ""
            return "no events" + (", only unreadable lines: press {app.unreadable}" if status.unreadable else "")
        if self.view.complete and self.hidden >= history.topic_counts.keys():
            return "all topics are hidden: press {app.facets}, then {facets.all}"
        if self.view.complete and not self.filter.everything:
            return "no event matches: press {app.filter} to change the filter, {app.escape} to clear it"
        return ""

    def set_region(self, region: str) -> None:
        """Sets the server's region, which a filter may use."""
        if region != self.view.region:
            self.view.region = region
            if not self.filter.everything:
                self.apply()

    def advance(self, seconds: float) -> bool:
        """Matches new events and continues the search for about `seconds`; returns True if there is more to do."""
        more = self.view.advance(seconds)
        if self.highlighting:
            more = self.context.advance(seconds) or more
        return more

    # Changing the text

    def with_ticked(self, dimension: Dimension, values: frozenset[str]) -> str:
        """The text with `values` ticked in one dimension."""
        return filter_text(with_ticked(self.filter, dimension, values))

    def narrowed(self, dimension: str, value: str, is_wanted: bool) -> str:
        """The text that selects only one value of a field, or that toggles its exclusion."""
        if is_wanted:
            return filter_text(only(self.filter, dimension, value))
        change = readmitted if value in left_out(self.filter, dimension) else without
        return filter_text(change(self.filter, dimension, value))

    def narrowed_to_object(self, topic: str, key: str, namespace: str, is_wanted: bool) -> str:
        """As `narrowed`, for one object: its topic and namespace matter, because others may use the same key."""
        named = [(field, value) for field, value in (("topic", topic), ("key", key), ("ns", namespace)) if value]
        chosen = self.filter if is_wanted else EVERYTHING
        for field, value in named:
            chosen = only(chosen, field, value)
        if is_wanted or chosen.root is None:
            return filter_text(chosen)
        parts, left = self._parts, negated(chosen.root)
        rest = [part for part in parts if part != left]
        rest += [left] * (len(rest) == len(parts))
        return filter_text(Filter(all_of(rest)) if rest else EVERYTHING)

    @property
    def _parts(self) -> tuple[Node, ...]:
        """The conditions that the filter combines with AND."""
        root = self.filter.root
        return root.parts if isinstance(root, And) else () if root is None else (root,)

    def added(self, term: str) -> str:
        """The text with one more condition, which replaces its negation. Raises `FilterError` if `term` is invalid."""
        wanted = Filter.parse(term).root
        if wanted is None:
            return self.text
        return filter_text(Filter(all_of([*(part for part in self._parts if part != negated(wanted)), wanted])))

    def with_next_least_level(self) -> str:
        """The text with the next minimum level: change, warning, failure, and all again."""
        least = least_level(self.filter)
        return filter_text(with_least_level(self.filter, Level((least + 1) % len(Level))))

    @property
    def ticks(self) -> dict[Dimension, frozenset[str]]:
        return {dimension: ticked(self.filter, dimension) for dimension in Dimension}

    @property
    def exclusions(self) -> dict[Dimension, frozenset[str]]:
        return {dimension: left_out(self.filter, dimension) for dimension in Dimension}

    # Searching

    @property
    def is_searching(self) -> bool:
        """Whether the list still lacks rows that match the last valid filter."""
        return self._searching or not self.is_applied or not self.complete

    def begin_search(self, run: Callable[[], object]) -> None:
        """Starts the search unless it is running; `run` runs `search` in a worker."""
        if not self._searching:
            self._searching = True
            run()

    async def search(self, show: Callable[[], None]) -> None:
        """Searches the history, newest first, in slices, so that keys, drawing and reading are not delayed.

        Calls `show` once a screenful of rows is found, or at the end. If the list is complete and only facets are left
        to count, pauses while keys or a flood of events arrive.
        """
        history = self._session.history
        received = history.received_events
        is_busy = self._session.pace.has_keys
        hurries_until = perf_counter() + HURRY_SECONDS
        is_shown = len(self.shown) >= SCREENFUL
        try:
            while self.is_applied:  # otherwise the operator is typing, and the search will restart
                if self.only_counts and self.must_wait:
                    await asyncio.sleep(COUNTING_PAUSE)
                    continue
                is_patient = is_busy and (len(self.shown) >= SCREENFUL or perf_counter() > hurries_until)
                if not self.advance(SEARCH_SLICE_WHILE_BUSY if is_patient else SEARCH_SLICE):
                    return
                if not is_shown and len(self.shown) >= SCREENFUL:
                    is_shown = True
                    show()
                before, received = received, history.received_events
                is_busy = received != before or self._session.pace.has_keys
                pause = COUNTING_PAUSE if self.only_counts else SEARCH_PAUSE_WHILE_BUSY
                await asyncio.sleep(pause if is_patient else 0)
        finally:
            self._searching = False
            if not is_shown:
                show()

    @property
    def only_counts(self) -> bool:
        """Whether the list is complete without a search, which then only counts facets."""
        return self.shown.everything

    @property
    def must_wait(self) -> bool:
        """Whether background work must wait for keys or a flood of events."""
        return self._session.pace.has_keys or self._session.pace.is_flooded

    def prepare(self, seconds: float) -> None:
        """Derives what later searches will need, if idle."""
        if not self._searching and not self.must_wait:
            self._preparation.advance(seconds)


def filter_text(chosen: Filter) -> str:
    """A filter's text, safe to display and type: characters that are not are escaped within quotes."""
    return "".join(each if printable(each) == each else _escaped(each) for each in str(chosen))


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def ages_clock(session: Session, clock: Callable[[], int]) -> Callable[[], int]:
    """The clock that ages are relative to: `clock` if live; in a recording, the time of its newest event, if known."""
    if session.source.live:
        return clock
    return lambda: clock() if (end := latest_moment(session.history)) is None else end
