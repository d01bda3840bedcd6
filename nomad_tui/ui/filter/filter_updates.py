"""Applies the filter line to the panes: when the text is parsed and applied, and which other keys change it."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.content import Content
from textual.timer import Timer

from nomad_tui.core.filter import FilterError
from nomad_tui.core.history.event_row import status_and_node
from nomad_tui.core.history.history import History
from nomad_tui.core.readable import count
from nomad_tui.core.search.view import Fold
from nomad_tui.core.text import printable
from nomad_tui.ui.event.inspecting import Inspecting
from nomad_tui.ui.filter.filter_bar import FilterBar
from nomad_tui.ui.filter.filtering import Filtering
from nomad_tui.ui.line_view import set_border_title
from nomad_tui.ui.panes import Panes

if TYPE_CHECKING:
    from nomad_tui.ui.dialogs.letter_menu import Choice


FIELDS: Final = {"j": "job", "n": "node", "s": "ns"}
"""The fields of the filter language by the letter in the menu."""


def narrowing(history: History, sequence: int) -> "tuple[Choice, ...]":
    """The object, job, node and namespace of an event, each with its value or why it has none."""
    from nomad_tui.ui.dialogs.letter_menu import Choice

    event = history.event(sequence)
    segment = history.segment_of(sequence)
    subject = history.subject(segment.subject[sequence - segment.first])
    job = "" if subject is None else subject.job
    _, node_id, node_name = status_and_node(event.topic, event.type, event.key, event.payload)
    found = (
        ("o", "object", event.key),
        ("j", "job", job),
        ("n", "node", node_name or node_id),
        ("s", "namespace", event.namespace),
    )
    return tuple(Choice(letter, label, value or None, f"This event has no {label}.") for letter, label, value in found)


APPLY_DELAY: Final = 0.01
"""Seconds from the last key in the filter to the search."""
LONGEST_PARSED_AT_ONCE: Final = 2_000
"""Characters of a filter that is parsed at each key, in some 10 ms; longer ones are parsed when typing pauses."""
PARSE_DELAY: Final = 0.2
"""Seconds without a key before a longer filter is parsed."""


class FilterUpdates:
    """Keeps the filter line, its error, the ticks, the list and its title in step with one filter."""

    def __init__(
        self,
        panes: Panes,
        bar: FilterBar,
        filtering: Filtering,
        inspecting: Inspecting,
        after: float = APPLY_DELAY,
    ) -> None:
        """`after` is the seconds without a key before the filter is applied."""
        self._panes = panes
        self._bar = bar
        self._line = bar.line
        self._filtering = filtering
        self._inspecting = inspecting
        self._history = bar.history
        self._warned = bar.history.trouble
        """The last warning shown about the history of filters."""
        self._after = after
        self._picker = panes.topics
        self._event_list = panes.event_list
        self._timer: Timer | None = None

    def parse_soon(self) -> None:
        """Parses the line at once, so that a mistake shows while typing, unless that would delay the next key."""
        if len(self._line.value) <= LONGEST_PARSED_AT_ONCE:
            self.read()
        else:
            self._wait(PARSE_DELAY, self.read)

    def read(self) -> None:
        """Parses the line, and applies the filter when typing pauses."""
        self._filtering.read(self._line.value)
        self.show()
        self._wait(self._after, None if self._filtering.is_applied else self.apply)

    def _wait(self, seconds: float, then: Callable[[], None] | None) -> None:
        """Calls `then` after `seconds`, replacing any call that is pending."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = None if then is None else self._panes.set_timer(seconds, then)

    def put(self, text: str) -> None:
        """Replaces the text and parses it at once: another key may change it before the line's message arrives."""
        self._line.put(text)
        self.read()

    def show(self) -> None:
        self._bar.show_error(self._filtering.error)
        self._picker.choose(self._filtering.ticks, self._filtering.exclusions)
        self.show_matches()

    def apply(self) -> None:
        self._wait(0, None)
        if not self._panes.is_ready:
            return
        if self._filtering.apply():
            self.begin_search()
        self._event_list.renew()
        self._inspecting.look_soon(is_typing=self._line.has_focus)  # the newest matching event may be another one
        self.show_matches()

    def begin_search(self) -> None:
        self._filtering.begin_search(self._run)

    def _run(self) -> None:
        search = partial(self._filtering.search, self._show_rows)
        self._panes.run_worker(search, name="search", group="search")  # type: ignore[arg-type]

    def _show_rows(self) -> None:
        if self._panes.is_ready:
            self._event_list.sync()

    def highlight(self) -> None:
        """Toggles whether events that do not match are shown, dimmed."""
        filtering = self._filtering
        filtering.highlighting = not filtering.highlighting
        filtering.apply()
        self._event_list.highlight(filtering.shown, filtering.view if filtering.highlighting else None)
        self.show_matches()

    def fold(self) -> None:
        """Cycles through no folding, folded repeats of an object's sentence, and folded runs of routine events."""
        self._filtering.folding = Fold((self._filtering.folding + 1) % len(Fold))
        self.apply()

    def remember(self) -> None:
        """Adds the line to the history of filters, unless it has a mistake."""
        if self._panes.is_ready:
            self.read()
            if not self._filtering.is_applied:
                self.apply()  # the next key acts on the list of matches
        if self._filtering.error is not None or not self._line.value.strip():
            return
        self._history.remember(self._line.value)
        if self._history.trouble not in ("", self._warned):
            self._warned = self._history.trouble
            self._panes.notify(self._warned, severity="warning", markup=False)

    # Other keys that change the filter

    def add(self, term: str) -> bool:
        """Adds a condition; if that is not possible, notifies why and returns False."""
        try:
            self.put(self._filtering.added(term))
        except FilterError as error:
            self._panes.notify(f"Cannot be added to the filter. {error}", severity="warning", markup=False)
            return False
        return True

    def add_value(self, term: str) -> None:
        """Adds a condition on a value of the selected event, and confirms it."""
        if self._inspecting.gap is not None:
            self._panes.notify("A gap is not an event. Every filter shows gaps.", markup=False)
        elif self.add(term):
            self._panes.notify(f"Added to the filter: {printable(term, 200)}", markup=False, timeout=3)

    def narrow_to_event(self, only: bool) -> None:
        """Opens a menu to filter by the selected event."""
        event = self._inspecting.held_event("events.only" if only else "events.not")
        sequence = self._inspecting.sequence
        if event is None or sequence is None:
            return

        from nomad_tui.ui.dialogs.letter_menu import ChoiceMenu

        def narrow(chosen: "Choice | None") -> None:
            if chosen is None:
                return
            if chosen.letter in FIELDS:
                text = self._filtering.narrowed(FIELDS[chosen.letter], chosen.made(), only)
            else:
                text = self._filtering.narrowed_to_object(event.topic, event.key, event.namespace, only)
            self.put(text)

        title, keys = ("Only this", "letter or Enter show only this · {dialog.leave} cancel")
        if not only:
            title, keys = ("Not this", "letter or Enter exclude this · {dialog.leave} cancel")
        self._panes.app.push_screen(ChoiceMenu(narrowing(self._filtering.view.history, sequence), title, keys), narrow)

    # What is shown of it

    def show_matches(self) -> None:
        """Shows the number of matches in the list's title and next to the line."""
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
        set_border_title(self._event_list, Content(title))
        if filtering.error is not None:
            matches = f"previous filter: {matches or 'all'}"
        self._bar.show_matches(f" {matches} " if matches else "")
