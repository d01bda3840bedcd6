"""Chooses the event that the inspector shows, and jumps between events and back."""

from typing import Final

import msgspec
from textual.timer import Timer

from nomad_tui.core.export.reproduce import Envelope
from nomad_tui.core.history.history import History
from nomad_tui.core.history.related import Names, Related
from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.updates import Gap
from nomad_tui.ui.event.inspected import EventView, described
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.panes import Pane, Panes

MAX_PLACES: Final = 100
"""Maximum number of places to go back to; the oldest are discarded."""


class Place(msgspec.Struct, frozen=True):
    pane: Pane
    view: EventView
    sequence: int | None
    """The event shown."""
    selected: bool
    """Whether an event was selected in the list; otherwise the list followed the newest, or had no selection."""
    following: bool


class Places:
    """The places to go back to, one step at a time; cleared when the operator selects another event."""

    def __init__(self) -> None:
        self._places: list[Place] = []

    def __bool__(self) -> bool:
        return bool(self._places)

    def leave(self, place: Place) -> None:
        """Adds a place that is being left."""
        self._places.append(place)
        del self._places[:-MAX_PLACES]

    def back(self) -> Place:
        """Removes and returns the last place."""
        return self._places.pop()

    def clear(self) -> None:
        self._places.clear()


INSPECT_DELAY: Final = 0.04
"""Seconds without a change of the selection before the inspector follows it, so that the list is drawn first."""
TYPING_FACTOR: Final = 5
"""Multiplies the delay while a filter is typed, because each key may change the newest event."""
NO_LONGER_HELD: Final = "This event was evicted: newer events took its place."
TIMELINE_SLICE: Final = 0.004
"""Seconds per tick spent on the timeline."""


class Inspecting:
    """Shows in the inspector the event selected in the list, or one reached from the timeline."""

    def __init__(self, panes: Panes, history: History, after: float = INSPECT_DELAY) -> None:
        """`after` is the seconds without a change of the selection before the inspector follows it."""
        self._panes = panes
        self._list = panes.event_list
        self._inspector = panes.inspector
        self._history = history
        self._after = after
        self._names = Names(history)
        self._related = Related(history)
        self._timer: Timer | None = None
        self._places = Places()
        self._unlisted: int | None = None
        """An event that is shown but cannot be selected, because it is not in the list."""
        self._against: int | None = None
        """A marked event to compare the shown one with, instead of its object's previous event."""
        self._held: int | None = None
        """An event that was selected only because it was the newest when another view of it was opened."""
        self._cursor: int | None = None
        """The last known selection of the list; if the list has another one, the operator has made it."""
        self.envelope: Envelope | None = None
        """Envelope of the event shown, even if it was evicted; None for a gap."""
        self.gap: Gap | None = None
        """The gap shown, even if it was evicted; None for an event."""
        self.sequence: int | None = None
        """Sequence number of the event or gap shown."""

    def look_soon(self, is_typing: bool = False) -> None:
        """Calls `look` after a delay, so that the list is drawn first; a longer one if `is_typing`."""
        if self._list.cursor != self._cursor:
            self._cursor = self._list.cursor
            self._unlisted = None
            self._places.clear()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._panes.set_timer(self._after * (TYPING_FACTOR if is_typing else 1), self.look)

    def look(self) -> None:
        """Shows the current event, unless it is already shown."""
        if not self._panes.is_ready:
            return
        sequence = self._list.shown if self._unlisted is None else self._unlisted
        if sequence == self.sequence or self._keeps_event:
            return
        if sequence is not None and sequence < self._history.first:
            return  # evicted while selected: keep showing it
        self.sequence = sequence
        self._against = None
        history = self._history
        self.gap = None if sequence is None else history.gap(sequence)
        is_event = sequence is not None and self.gap is None
        self.envelope = Envelope.of(history.event(sequence)) if sequence is not None and is_event else None
        self._show()

    def held_event(self, then: str) -> HeldEvent | None:
        """The event shown; if there is none, notifies why and returns None. `then` is the action that needs it."""
        self.look()
        sequence, history = self.sequence, self._history
        if sequence is None:
            self._hint(f"No event is selected. Select one, then press {{{then}}}.")
        elif sequence < history.first:
            self._panes.notify(NO_LONGER_HELD, markup=False)
        elif history.gap(sequence) is not None:
            self._hint(f"A gap is not an event. Select an event, then press {{{then}}}.")
        else:
            return history.event(sequence)
        return None

    @property
    def _is_chosen(self) -> bool:
        """Whether the event was selected or jumped to, and is not just shown as the newest."""
        return self._list.cursor is not None or self._unlisted is not None

    @property
    def _keeps_event(self) -> bool:
        """Whether newer events do not replace the newest one shown, because the operator is reading it."""
        is_newest = not self._is_chosen and self.sequence is not None
        return is_newest and self._list.viewport.following and self._panes.focused is Pane.INSPECTOR

    def show_place(self) -> None:
        """Shows in the inspector how many newer events have arrived, or that the event is not in the list."""
        view, sequence, newer = self._list.view, self.sequence, 0
        if sequence is not None and self._is_chosen:
            is_known = view.complete and not view.fold and sequence >= view.history.first
            if is_known and sequence not in view:
                self._inspector.show_unlisted()
                return
        elif sequence is not None and self._keeps_event:
            newer = max(0, len(view) - view.row_at(sequence + 1))
        self._inspector.show_newer(newer)

    def release_hidden(self) -> None:
        """Follows again if the filter hides an event that was selected only because it was the newest."""
        held, self._held = self._held, None
        if held is None or self._list.cursor != held:
            return
        view = self._list.view
        row = view.row_at(held)
        if view.complete and (row >= len(view) or view.sequence_at(row) != held):
            self._places.clear()
            self._list.clear_selection()
            self._list.follow(True)
            self.look_at_selected()
        else:
            self._held = held

    def look_at_selected(self) -> None:
        """Shows the event selected in the list, even after a jump to one that is not in the list."""
        self._unlisted = None
        self.look()

    def _show(self) -> None:
        sequence = self.sequence
        if sequence is None:
            self._inspector.show(None)
        else:
            self._inspector.show(described(self._history, self._names, sequence, self._against))
        self.show_place()
        self.show_timeline()

    # The timeline

    def show_timeline(self) -> None:
        """If the timeline is the current view, shows that of the current event."""
        inspector, history = self._inspector, self._history
        if inspector.view is not EventView.TIMELINE:
            return
        sequence = self.sequence
        if sequence is None or sequence < history.first or history.gap(sequence) is not None:
            inspector.timeline.clear()
        elif inspector.timeline.sequence != sequence:
            from nomad_tui.core.timeline.timeline import EventTimeline

            inspector.timeline.show(EventTimeline(history, sequence, self._related), sequence)
        self.advance()

    def advance(self) -> None:
        """If the timeline is the current view, continues reading it, including new events, for one time slice."""
        inspector = self._inspector
        if inspector.view is EventView.TIMELINE:
            inspector.advance_timeline(TIMELINE_SLICE)

    # Going and coming back

    def go_to_pane(self, pane: Pane) -> None:
        """Focuses a pane after updating it to the current selection, for keys typed ahead."""
        if self._panes.is_ready:
            if pane is Pane.INSPECTOR:
                self.look()
            self._panes.go_to(pane)
            self.look()

    def go_to_view(self, view: EventView) -> None:
        """Shows the event in another view; if that is already focused, goes back to the previous place."""
        self.look()
        if self._inspector.view is view and self._panes.focused is Pane.INSPECTOR:
            if not self.back():
                self._inspector.go_to_view(EventView.TREE)
            return
        self._places.leave(self._place())
        if self._list.cursor is None and self._unlisted is None and self.sequence is not None:
            self._go_to(self.sequence)  # select it: it may soon no longer be the newest
            self._held = self.sequence
        if view is EventView.CHANGES:
            self._compare_with_before()
        self._inspector.go_to_view(view)
        self.go_to_pane(Pane.INSPECTOR)

    def jump(self, sequence: int) -> None:
        """Goes to an event by its sequence number, for the timeline and other pages."""
        if sequence < self._history.first:
            self._panes.notify(NO_LONGER_HELD, markup=False)
            return
        self._places.leave(self._place())
        self._inspector.go_to_view(EventView.TREE)
        self._go_to(sequence)
        self.go_to_pane(Pane.INSPECTOR)

    def _go_to(self, sequence: int) -> None:
        self._unlisted = None
        if self._list.cursor != sequence:
            self._list.go_to_sequence(sequence)
        self._cursor = self._list.cursor
        if self._cursor != sequence:
            self._unlisted = sequence
            self._panes.notify("This event is not in the list at the moment.", markup=False)
        self.look()

    def back(self) -> bool:
        """Goes back to the place before the last jump; returns False if there is none."""
        if not self._places:
            return False
        place = self._places.back()
        if place.sequence is not None and place.sequence >= self._history.first:
            if place.selected:
                self._go_to(place.sequence)
            elif self._list.cursor is not None:
                self._unlisted = self._cursor = None
                self._list.clear_selection()
        if place.following:
            self._list.follow(True)
        self.look()
        if self._inspector.view is EventView.CHANGES:
            self._compare_with_before()
        self._inspector.go_to_view(place.view)
        self.go_to_pane(place.pane)
        return True

    def _place(self) -> Place:
        return Place(
            pane=self._panes.focused,
            view=self._inspector.view,
            sequence=self.sequence,
            selected=self._list.cursor is not None or self._unlisted is not None,
            following=self._list.viewport.following,
        )

    def _hint(self, sentence: str) -> None:
        self._panes.notify(keymap_of(self._panes.app).text(sentence), markup=False)

    # Comparing

    def compare(self) -> None:
        """Compares the event with a marked one; the operator chooses if there are several."""
        history = self._history
        if self.held_event("app.compare") is None:
            return
        marks = [mark for mark in self._list.marks if mark != self.sequence and history.gap(mark) is None]
        if not marks:
            self._hint("No other event is marked. Mark one with {events.mark}, then press {app.compare}.")
        elif len(marks) == 1:
            self._compare_with(marks[0])
        else:
            from nomad_tui.ui.event.compare_with import CompareWith

            self._panes.app.push_screen(CompareWith(history, marks), self._compare_with)

    def _compare_with_before(self) -> None:
        """Compares with the object's previous event again, not with a marked one."""
        if self._against is not None and self.sequence is not None and self.sequence >= self._history.first:
            self._against = None
            self._show()

    def _compare_with(self, mark: int | None) -> None:
        if mark is None or self.sequence is None or self.sequence < self._history.first:
            return
        self._against = mark
        if self._inspector.view is not EventView.CHANGES:
            self._places.leave(self._place())
        self._show()
        self._inspector.go_to_view(EventView.CHANGES)
        self.go_to_pane(Pane.INSPECTOR)
