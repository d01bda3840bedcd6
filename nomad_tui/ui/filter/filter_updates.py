"""From the filter line to the screen: when what is typed is read, when it is applied, and who is told of it."""

from collections.abc import Callable
from typing import Any, Final

from textual.app import App
from textual.content import Content
from textual.timer import Timer

from nomad_tui.core.readable import count
from nomad_tui.core.search.view import Fold
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.facets.picker import TopicPicker
from nomad_tui.ui.filter.filter_bar import FilterBar
from nomad_tui.ui.filter.filtering import Filtering

FILTER_AFTER: Final = 0.03
"""Seconds between a key in the filter and the search."""
READ_AT_ONCE: Final = 2_000
"""Characters of a filter that are read in some 10 ms; a longer one is read when the keys pause."""
READ_AFTER: Final = 0.2
"""Seconds without a key after which that is."""


class FilterUpdates:
    """Keeps the line, the mistake under it, the ticks, the list and its title at one filter."""

    def __init__(
        self,
        app: App[Any],
        filtering: Filtering,
        bar: FilterBar,
        picker: TopicPicker,
        event_list: EventList,
        stands: Callable[[], bool],
    ) -> None:
        """`stands` is False while the screen is being taken down, when timers still go off."""
        self._app = app
        self._filtering = filtering
        self._bar = bar
        self._line = bar.line
        self._picker = picker
        self._event_list = event_list
        self._stands = stands
        self._timer: Timer | None = None

    def take_over(self) -> None:
        """Reads the line at once, so that a mistake shows as it is typed, unless that would hold up the next key."""
        if len(self._line.value) <= READ_AT_ONCE:
            self.read()
        else:
            self._wait(READ_AFTER, self.read)

    def read(self) -> None:
        """Reads the line, and applies what can be read of it when the keys pause for a moment."""
        self._filtering.read(self._line.value)
        self.show()
        self._wait(FILTER_AFTER, None if self._filtering.is_applied else self.apply)

    def _wait(self, seconds: float, then: Callable[[], None] | None) -> None:
        """Does that and nothing else, unless another key comes before."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = None if then is None else self._app.set_timer(seconds, then)

    def put(self, text: str) -> None:
        """Shows another text and reads it at once: another key may add to it before the line's message comes."""
        self._line.put(text)
        self.read()

    def show(self) -> None:
        self._bar.show_error(self._filtering.error)
        self._picker.choose(self._filtering.ticks, self._filtering.exclusions)
        self.show_matches()

    def apply(self) -> None:
        self._wait(0, None)
        if not self._stands():
            return
        if self._filtering.apply():
            self.begin_search()
        self._event_list.renew()
        self.show_matches()

    def begin_search(self) -> None:
        self._filtering.begin_search(self._run)

    def _run(self, filtering: Filtering) -> None:
        self._app.run_worker(filtering.search, name="search", group="search")  # type: ignore[arg-type]

    def highlight(self) -> None:
        """Shows what does not match too, or hides it."""
        filtering = self._filtering
        filtering.highlighting = not filtering.highlighting
        filtering.apply()
        self._event_list.view = filtering.shown
        self._event_list.highlight(filtering.view if filtering.highlighting else None)
        self.show_matches()

    def fold(self) -> None:
        """Cycles: no folding, repeats of one object's sentence, runs of routine."""
        self._filtering.folding = Fold((self._filtering.folding + 1) % len(Fold))
        self.apply()

    def show_matches(self) -> None:
        """Says in the list's title and beside the line how many events match."""
        filtering = self._filtering
        view, history = filtering.view, filtering.view.history
        searching = "" if filtering.complete else " …"
        title = "2 Events"
        matches = ""
        if not view.everything:
            found = max(0, len(view) - history.gaps_held)
            matches = f"{count(found)} of {count(history.held)}{searching}"
            title += f"  {matches}" + (" highlighted" if filtering.highlighting else "")
            if filtering.filter.has_ages and not filtering.is_live:
                matches += ", ages before the recording's end"
        if filtering.folding:
            title += "  folded: repeats" if filtering.folding is Fold.REPEATS else "  folded: routine"
        if day := self._event_list.day:
            title += f"  {day}"
        if str(self._event_list.border_title) != title:
            self._event_list.border_title = Content(title)
        if filtering.error is not None:
            matches = f"as before: {matches}" if matches else "as before: all"
        self._bar.show_matches(f" {matches} " if matches else "")
