"""The event list: what keys and the mouse do with its rows."""

from collections.abc import Iterable
from typing import ClassVar

from textual import events, on
from textual.binding import BindingType
from textual.message import Message
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp

from nomad_tui.core.filter import Filter, FilterError
from nomad_tui.core.readable import count
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.events.event_rows import SEARCHING, EventRows
from nomad_tui.ui.events.marks import match_beyond
from nomad_tui.ui.keymap import keymap_of


class EventList(EventRows):
    """Messages say what the operator did; the screen decides what that means."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE, Context.EVENTS)

    class Inspect(Message):
        """The operator wants to look into the selected event."""

    class Leave(Message):
        """The operator wants to go to the pane on the left."""

    class Quit(Message):
        """The operator wants to leave the program."""

    class Newest(Message):
        """The operator wants to look at the newest event."""

    class Condition(Message):
        """The operator wants to see only events that meet a condition."""

        def __init__(self, term: str) -> None:
            self.term = term
            """A term of the filter language."""
            super().__init__()

    class FoldRepeats(Message):
        """The operator wants repeats or runs of routine folded, or no longer."""

    class NextLevel(Message):
        """The operator wants another least level shown."""

    class Marked(Message):
        """An event was marked, or a mark removed."""

    class ToggleHighlight(Message):
        """The operator wants to see the events around the matches, or no longer."""

    def user_scrolled(self) -> None:
        """Following ends when the operator scrolls up and begins again at the end of the list."""
        at_end = self.scroll_offset.y >= self._row_count - self._page
        self.following = at_end and self.paused_at is None
        self._remember_place()
        self._label()

    def on_mouse_scroll_up(self) -> None:
        self._before_scrolling()
        self.following = False

    def on_mouse_scroll_down(self) -> None:
        self._before_scrolling()

    @on(ScrollTo)
    @on(ScrollUp)
    @on(ScrollDown)
    def _use_scrollbar(self, message: ScrollTo | ScrollUp | ScrollDown) -> None:
        """Without Textual's animation, in the midst of which the list would go on following."""
        message.stop()
        message.prevent_default()
        self._before_scrolling()
        self.following = False
        if isinstance(message, ScrollTo):
            self.scroll_to(y=message.y, animate=False)
        elif isinstance(message, ScrollUp):
            self.scroll_page_up(animate=False)
        else:
            self.scroll_page_down(animate=False)

    def _before_scrolling(self) -> None:
        if self._first_row != self.scroll_offset.y:
            self.sync()
        self._sought = None
        self.call_after_refresh(self.user_scrolled)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self._heading_rows:
            return
        row_number = self._first_row + offset.y - self._heading_rows
        if row_number < self._rows_drawn:
            self.select(row_number)
            if event.chain == 2:
                self.action_inspect()

    def action_move(self, rows: int) -> None:
        count = self._rows_drawn
        if count == 0:
            return
        top = self._first_row
        if self.cursor is None:
            bottom = min(top + self._page, count) - 1
            newest = max(0, bottom + min(rows, 0)) if self._is_on_newest else bottom
            self.select(newest if self.following else top)
            return
        at = self.view.row_at(self.cursor)
        self.select(min(max(at + rows, 0), count - 1))

    def action_move_pages(self, pages: float) -> None:
        count = self._rows_drawn
        if count == 0:
            return
        height = self._page
        step = int(height * pages)
        top = self._first_row
        at = top + height // 2 if self.cursor is None else self.view.row_at(self.cursor)
        self.following = False
        self._scroll_to_row(min(max(top + step, 0), max(0, count - height)))
        self.select(min(max(at + step, 0), count - 1))

    def action_first(self) -> None:
        if self._rows_drawn:
            self.select(0)

    def action_last(self) -> None:
        if count := self._rows_drawn:
            self.select(count - 1)
        self.follow(True)
        self._goes_along = True
        self.post_message(self.Newest())

    def action_inspect(self) -> None:
        if self.cursor is None and (count := self._rows_drawn):
            self.select(count - 1 if self.following else self._first_row)
        self.post_message(self.Inspect())

    def action_leave(self) -> None:
        self.post_message(self.Leave())

    def action_mark(self) -> None:
        sequence = self.shown
        if sequence is None or sequence < self.view.history.first:
            self._say("no event is selected")
            return
        self._marks.toggle(sequence)
        self._refresh_sequence(sequence)
        self.post_message(self.Marked())

    def mark(self, sequences: Iterable[int]) -> None:
        """Marks events that were marked when they were last read."""
        for sequence in sequences:
            if sequence not in self._marks:
                self._marks.toggle(sequence)
                self._refresh_sequence(sequence)

    def action_to_mark(self, step: int) -> None:
        marks = self.marks
        if not marks:
            self._say(keymap_of(self.app).text("no marks: press {events.mark} to mark an event"))
            return
        start, end = self._beginning(step), self._other_end(step)
        rows = self._rows_drawn
        found = self._marks.beyond(start, step, self.view, rows)
        wrapped = found is None
        if found is None:
            found = self._marks.beyond(end, step, self.view, rows)
        if found is None:
            self._say(f"all marks are hidden ({count(len(marks))})")
            return
        self._jump(self.view.row_at(found))
        if wrapped:
            self._say("continued at the oldest mark" if step > 0 else "continued at the newest mark")

    def action_match(self, step: int) -> None:
        """To the next match, or to the next row where the list holds nothing else."""
        view = self.view
        matches = view if self.matches is None else self.matches
        found = self._match_beyond(self._beginning(step), step)
        wrapped = found is None
        if found is None and matches.complete:
            found = self._match_beyond(self._other_end(step), step)
        if found is None:
            self._say("no event matches" if matches.complete else SEARCHING)
            return
        self._jump(view.row_at(found))
        if wrapped:
            self._say("continued at the oldest match" if step > 0 else "continued at the newest match")
        elif not matches.complete:
            self._say(SEARCHING)

    def _match_beyond(self, sequence: int, step: int) -> int | None:
        if self.matches is not None:
            return match_beyond(self.matches, sequence, step, self.view, self._rows_drawn)
        row = self.view.row_at(sequence + 1) if step > 0 else self.view.row_at(sequence) - 1
        return self.view.sequence_at(row) if 0 <= row < self._rows_drawn else None

    def _beginning(self, step: int) -> int:
        """The sequence number beyond which to look, which counts itself where nothing is selected."""
        if self.cursor is not None:
            return self.cursor
        rows = self._rows_drawn
        if not rows:
            return -1
        if self.following:
            return self.view.sequence_at(rows - 1) + (step < 0)
        return self.view.sequence_at(min(self._first_row, rows - 1)) - (step > 0)

    def _other_end(self, step: int) -> int:
        return -1 if step > 0 else self.view.history.end

    def action_fold(self) -> None:
        self.post_message(self.FoldRepeats())

    def action_level(self) -> None:
        self.post_message(self.NextLevel())

    def action_highlight(self) -> None:
        self.post_message(self.ToggleHighlight())

    def action_go_to(self) -> None:
        from nomad_tui.ui.events.go_to import GoTo

        self.app.push_screen(GoTo(self.go_to))

    def go_to(self, text: str) -> str:
        """Selects the first row shown at or after an index or a time, or the next gap; says in a sentence if there is
        none. `job web` adds to the filter, and `q` quits."""
        from nomad_tui.ui.events.go_to import NEXT_GAP, QUIT, UnknownPlaceError, find, parse_condition, row_of_gap

        if text.strip().lower() in QUIT:
            self.post_message(self.Quit())
            return ""
        if (term := parse_condition(text)) is not None:
            try:
                Filter.parse(term)
            except FilterError as error:
                return str(error)
            self.post_message(self.Condition(term))
            return ""
        try:
            if text.strip().lower() in NEXT_GAP:
                row_number = row_of_gap(self.view, self._rows_drawn, self._beginning(1))
            else:
                row_number = find(text, self.view, self._rows_drawn, self._ages_from(), self._painter.clock.timezone)
        except UnknownPlaceError as error:
            return str(error)
        self._jump(row_number)
        if not self.view.complete:
            self._say(SEARCHING)
        return ""

    def go_to_sequence(self, sequence: int) -> bool:
        """Selects an event by its sequence number; False if the list does not show it."""
        row_number = self.view.row_at(sequence)
        if row_number >= self._rows_drawn or self.view.sequence_at(row_number) != sequence:
            return False
        self._jump(row_number)
        return True

    def _jump(self, row_number: int) -> None:
        """Selects a row; one that was not on the screen is shown with the rows around it."""
        top, height = self._first_row, self._page
        self.select(row_number)
        if not top <= row_number < top + height:
            self._scroll_to_row(min(max(row_number - height // 3, 0), max(0, self._rows_drawn - height)))
