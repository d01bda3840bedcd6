"""What is shown of what is held: the filter that is typed, the ticks, and the search that applies them.

The filter's text is the one truth: ticks of facets and what is added from a payload are written into it. Only hidden
topics are separate, because they narrow the subscription too.
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
"""Seconds a look may take to match what has come since the last one."""
FIRST_SLICE: Final = 0.004
"""Seconds of searching at once after another filter: a screenful is there before the next drawing."""
SEARCH_SLICE: Final = 0.004
SEARCH_SLICE_WHILE_BUSY: Final = 0.002
"""Seconds of searching between two turns for everything else; fewer while keys or events come."""
SCREENFUL: Final = 60
HURRY_SECONDS: Final = 0.5
"""Until so many rows are found, and for so long at most, a search does not pause: the operator waits for it."""
SEARCH_PAUSE_WHILE_BUSY: Final = 0.005
"""Seconds that reading has to itself then: a server cuts off a reader that falls 100 frames behind."""
COUNTING_PAUSE: Final = 0.03
"""Seconds between two slices of counting facets while events come; while keys come, nothing is counted."""
PREPARATION_SLICE: Final = 0.003
"""Seconds of a look that go into work ahead of the next search, while nothing comes and no key is pressed."""

EVERYTHING: Final = Filter()
_OF_EVERY_KIND: Final = 'web (a or -"b c") /d/ job:=e,"f" ~g H.I == "j" K not contains l m in N O is not empty'
"""A filter with a term of every kind."""


def learn_language() -> None:
    """Makes the parser of filters, some 40 ms of work that the first key would wait for."""
    Filter.parse(_OF_EVERY_KIND)
    import nomad_tui.config.watch_rules  # noqa: F401  # parses the filters of the presets


class Filtering:
    """Two views of one history: the matches, and while they are highlighted all other events, too."""

    def __init__(
        self, session: Session, text: str, timezone: tzinfo | None = None, clock: Callable[[], int] = time_ns
    ) -> None:
        """`timezone` is that of times in a filter; None is this machine's. `clock` gives ns since 1970."""
        self._clock = clock
        self.text = printable(text)
        """The text of the filter line."""
        self.filter = EVERYTHING
        """The last one that could be read."""
        self.error: FilterError | None = None
        """What is wrong with the text; the filter is an earlier one then."""
        self.hidden: frozenset[str] = frozenset()
        """Topics that are not shown, by released name."""
        self.folding = Fold.OFF
        self.highlighting = False
        """Whether what does not match is shown too."""
        self.read(text)
        self.view = View(session.history, self.filter, timezone=timezone)
        self.context = View(session.history, derived=self.view.derived, timezone=timezone)
        """Everything but the hidden topics; searched only while the matches are highlighted."""
        self._session = session
        self._searching = False
        self._preparation = Preparation(self.view.derived)

    @property
    def shown(self) -> View:
        """What the list shows."""
        return self.context if self.highlighting else self.view

    @property
    def complete(self) -> bool:
        return self.view.complete and (not self.highlighting or self.context.complete)

    def read(self, text: str) -> None:
        """Applies the text of the filter line; the filter stays if the text has a mistake."""
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
        """Whether the filter that was last read is the one that is searched for."""
        return self.view.filter is self.filter

    def apply(self) -> bool:
        """Begins to search for what the filter, the ticks and the folding let through; ends the search before.

        True if there is more to search than was found at once.
        """
        self.view.show(self.filter, self.hidden, fold=self.folding, now=self._clock())
        if self.highlighting:
            self.context.show(EVERYTHING, self.hidden, fold=self.folding)
        return self.advance(FIRST_SLICE)

    @property
    def is_live(self) -> bool:
        return self._session.source.live

    def why_empty(self) -> str:
        """Why no events are shown, where the list cannot know that itself; else empty."""
        status, history = self._session.status, self._session.history
        if not len(history):
            if status.state is not State.ENDED:
                return ""
            return "no events" + (", only unreadable lines: press {app.unreadable}" if status.unreadable else "")
        if self.view.complete and self.hidden >= history.topic_counts.keys():
            return "all topics are hidden: press {app.facets}, then {facets.all}"
        return ""

    def know_region(self, region: str) -> None:
        """Takes over the server's region, which a filter may ask for."""
        if region != self.view.region:
            self.view.region = region
            if not self.filter.everything:
                self.apply()

    def advance(self, seconds: float) -> bool:
        """Matches what has come, and searches on for about so long; True if there is more to do."""
        more = self.view.advance(seconds)
        if self.highlighting:
            more = self.context.advance(seconds) or more
        return more

    # Changing the text

    def with_ticked(self, dimension: Dimension, values: frozenset[str]) -> str:
        """The text with other ticks of one dimension."""
        return written(with_ticked(self.filter, dimension, values))

    def narrowed(self, dimension: str, value: str, is_wanted: bool) -> str:
        """The text with only one value of a field, or without it; with it again if it is left out already."""
        if is_wanted:
            return written(only(self.filter, dimension, value))
        change = readmitted if value in left_out(self.filter, dimension) else without
        return written(change(self.filter, dimension, value))

    def narrowed_to_object(self, topic: str, key: str, namespace: str, is_wanted: bool) -> str:
        """As `narrowed`, for one object: other topics and namespaces have objects of the same key."""
        named = [(field, value) for field, value in (("topic", topic), ("key", key), ("ns", namespace)) if value]
        chosen = self.filter if is_wanted else EVERYTHING
        for field, value in named:
            chosen = only(chosen, field, value)
        if is_wanted or chosen.root is None:
            return written(chosen)
        parts, left = self._parts, negated(chosen.root)
        rest = [part for part in parts if part != left]
        rest += [left] * (len(rest) == len(parts))
        return written(Filter(all_of(rest)) if rest else EVERYTHING)

    @property
    def _parts(self) -> tuple[Node, ...]:
        """The conditions all of which the filter asks for."""
        root = self.filter.root
        return root.parts if isinstance(root, And) else () if root is None else (root,)

    def added(self, term: str) -> str:
        """The text with one more condition, in the place of its opposite. Raises `FilterError` for no term."""
        wanted = Filter.parse(term).root
        if wanted is None:
            return self.text
        return written(Filter(all_of([*(part for part in self._parts if part != negated(wanted)), wanted])))

    def with_next_least_level(self) -> str:
        """The text with the next least level shown: all, change, warning, failure, and all again."""
        least = least_level(self.filter)
        return written(with_least_level(self.filter, Level((least + 1) % len(Level))))

    @property
    def ticks(self) -> dict[Dimension, frozenset[str]]:
        return {dimension: ticked(self.filter, dimension) for dimension in Dimension}

    @property
    def exclusions(self) -> dict[Dimension, frozenset[str]]:
        return {dimension: left_out(self.filter, dimension) for dimension in Dimension}

    # Searching

    @property
    def is_searching(self) -> bool:
        """Whether the list lacks rows of the filter that was last read."""
        return self._searching or not self.is_applied or not self.complete

    def begin_search(self, run: Callable[[], object]) -> None:
        """Starts the search unless it is running; `run` runs `search` beside everything else."""
        if not self._searching:
            self._searching = True
            run()

    async def search(self, show: Callable[[], None]) -> None:
        """Looks through what is held, newest first, in slices that leave keys, drawing and reading their turn.

        Calls `show` as soon as there is a screenful of rows, or at the end. While the list is all there and only the
        facets are still counted, keys and a flood of events stop that.
        """
        history = self._session.history
        received = history.received_events
        is_busy = self._session.pace.has_keys
        hurries_until = perf_counter() + HURRY_SECONDS
        is_shown = len(self.shown) >= SCREENFUL
        try:
            while self.is_applied:  # else it is about to begin anew, and keys are pressed
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
        """Whether the list is all there, so that a search does no more than count facets."""
        return self.shown.everything

    @property
    def must_wait(self) -> bool:
        """Whether keys or a flood of events need the time of what can wait."""
        return self._session.pace.has_keys or self._session.pace.is_flooded

    def prepare(self, seconds: float) -> None:
        """Derives what later searches will need, if there is nothing else to do."""
        if not self._searching and not self.must_wait:
            self._preparation.advance(seconds)


def written(chosen: Filter) -> str:
    """A filter's text, fit to be drawn and typed: what may not be drawn is an escape in its quotes."""
    return "".join(each if printable(each) == each else _escaped(each) for each in str(chosen))


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def ages_clock(session: Session, clock: Callable[[], int]) -> Callable[[], int]:
    """What ages are relative to: live, `clock`; in a recording, the time of its newest event, if one is known."""
    if session.source.live:
        return clock
    return lambda: clock() if (end := latest_moment(session.history)) is None else end
