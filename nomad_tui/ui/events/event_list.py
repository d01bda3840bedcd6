"""The event list: draws the rows of a view, building only the visible ones, and moves among them.

The ticker calls `sync` several times a second; nothing is pushed into the list.
"""

from collections import deque
from collections.abc import Callable, Container, Iterable
from datetime import tzinfo
from time import perf_counter, time_ns
from typing import ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.timer import Timer

from nomad_tui.core.filter import FilterError
from nomad_tui.core.search.view import View
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.events.columns import DEFAULT_COLUMNS, Column
from nomad_tui.ui.events.event_painter import STYLES, Clock, EventPainter, Look
from nomad_tui.ui.events.following_view import FollowingView
from nomad_tui.ui.events.jumps import Jump, to_mark, to_match
from nomad_tui.ui.events.viewport import SEARCHING, Viewport
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.line_view import set_border_subtitle

NOTE_DURATION: Final = 4.0
"""Seconds that the border shows a note about the last key, unless another key replaces it."""


class EventList(FollowingView, can_focus=True):
    """Posts messages for the operator's actions; the screen handles them."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE, Context.EVENTS)
    COMPONENT_CLASSES: ClassVar[set[str]] = STYLES
    hint: var[str] = var("")
    """The app's reason why the list is empty; "" if it has none."""
    server_region: var[str] = var("")
    """The server's region, for the column `region`; untrusted. (`Widget.region` is the widget's position.)"""

    class Selected(Message):
        """The selection has changed."""

        def __init__(self, sequence: int | None) -> None:
            self.sequence = sequence
            super().__init__()

    class Inspect(Message):
        """The operator asks to inspect the selected event."""

    class Quit(Message):
        """The operator quits the program."""

    class Newest(Message):
        """The operator goes to the newest event."""

    class Condition(Message):
        """The operator asks to show only events that meet a condition."""

        def __init__(self, term: str) -> None:
            self.term = term
            """A term of the filter language."""
            super().__init__()

    class Marked(Message):
        """A mark was set or removed."""

    def __init__(
        self,
        view: View,
        timezone: tzinfo | None = None,
        clock: Callable[[], int] = time_ns,
        id: str | None = None,  # noqa: A002
        columns: tuple[Column, ...] = DEFAULT_COLUMNS,
        live: bool = False,
        ages_from: Callable[[], int] | None = None,
    ) -> None:
        """`timezone` None is this machine's; `clock` returns ns since 1970. `ages_from` returns the time that ages in
        "go to" are relative to, by default that of `clock`.

        `live` means that a server sends the events: those from its buffer are marked as backlog.
        """
        # In a tiny terminal there is a row to select.
        super().__init__(Viewport(view, lambda: max(1, self._page), live), id)
        self._ages_from = ages_from or clock
        self._painter = EventPainter(self, Clock(timezone, clock), columns, live)
        self._why_empty = ""
        """The text of a list without rows, at the last `sync`."""
        self._looks: list[Look] = []
        """The looks of the rows on the screen, at the last `sync`."""
        self._note = ""
        """A note about the last key, shown in the border for `NOTE_DURATION`."""
        self._note_timer: Timer | None = None
        self._unbuilt: deque[int] = deque()
        """Sequence numbers of the rows that `prepare` still has to build."""

    @property
    def view(self) -> View:
        return self.viewport.view

    @property
    def cursor(self) -> int | None:
        """Sequence number of the selected event; None while none is selected."""
        return self.viewport.cursor

    @property
    def shown(self) -> int | None:
        """Sequence number of the current event: the selected one, or while following, the newest one shown."""
        return self.viewport.shown

    @property
    def line_of_shown(self) -> int | None:
        """The line on the screen of the current event; None if it is not on the screen."""
        at = None if self.shown is None else self.viewport.line_of(self.shown)
        return None if at is None else self.content_region.y + self._painter.heading_rows + at

    @property
    def columns(self) -> tuple[Column, ...]:
        return self._painter.columns

    @property
    def marks(self) -> tuple[int, ...]:
        """Sequence numbers of the marked rows in memory, in order of arrival."""
        return self._painter.marks.held(self.view.history.first)

    @property
    def day(self) -> str:
        """The day of the row at the top, such as `2026-11-23`; empty for today, or if unknown."""
        return self._painter.day(self.viewport)

    @property
    def _page(self) -> int:
        """Rows that fit on the screen."""
        return max(0, self.scrollable_content_region.height - self._painter.heading_rows)

    # Updating

    def sync(self) -> None:
        """Shows new rows, keeping the place that is being read."""
        viewport = self.viewport
        is_resized, is_changed = viewport.update()
        before, self._why_empty = self._why_empty, viewport.why_empty(self.hint)
        if viewport.is_past_newest:
            self.clear_selection()
            viewport.release_newest()
        if is_resized:
            self.set_row_count(viewport.rows + self._painter.heading_rows)
        if viewport.is_past_oldest:
            self.action_first()
        target = viewport.target()
        if target != self.scroll_offset.y and self._page:  # before the first layout, it cannot scroll
            self.show_at_top(target)
        if is_changed or self._why_empty != before:
            self.refresh()
        viewport.remember(self.scroll_offset.y)
        self._repaint_new_looks()
        self.show_place()

    def prepare(self, seconds: float) -> bool:
        """Builds the newest rows for about `seconds`; returns whether `sync` can show them, and nothing newer."""
        viewport, view = self.viewport, self.view
        if not viewport.following or viewport.paused_at is not None:
            return True
        if viewport.until is None:
            viewport.until = view.history.end
            rows = viewport.row_count
            self._unbuilt = deque(map(view.sequence_at, range(max(0, rows - self._page), rows)))
        ends = perf_counter() + seconds
        while self._unbuilt and perf_counter() < ends:
            if (sequence := self._unbuilt.popleft()) >= view.history.first:
                self._painter.row(viewport, sequence, self.scrollable_content_region.width)
        return not self._unbuilt

    def _repaint_new_looks(self) -> None:
        """Repaints if a search has changed which of the visible rows match, or how often they are repeated."""
        matches = self.viewport.matches
        if matches is None and not self.view.fold:
            return
        top = self.scroll_offset.y
        looks = self._painter.looks(self.viewport, range(top, min(top + self._page, self.viewport.rows)))
        if looks != self._looks:
            self._looks = looks
            self.refresh()
        if matches is not None and matches.complete and self._note == SEARCHING:
            self._note = ""

    def renew(self) -> None:
        """Call after the view's filter has changed: unless following, keeps the selection or else the place."""
        self._painter.clear_lines()
        self.viewport.restart()
        self.sync()
        self.refresh()

    def highlight(self, view: View, matches: View | None) -> None:
        """Shows another view and highlights `matches`; None if the view contains only matches. Both already have their
        filters, and the caller runs their searches. The selected event keeps its line on the screen."""
        self.viewport.view, self.viewport.matches = view, matches
        self.renew()

    def set_columns(self, columns: tuple[Column, ...]) -> None:
        """Shows other columns; keeps the place, and the selected event in view below the headings."""
        self._painter.columns = columns
        below = self.viewport.cursor_below
        self._redraw()
        if not self.viewport.following and below >= self._page > 0:
            self.show_at_top(self.viewport.first_row + below - self._page + 1)

    def highlight_watched(self, sequences: Container[int]) -> None:
        """Marks the rows that a watch rule has highlighted."""
        self._painter.watched = sequences

    def watch_server_region(self, region: str) -> None:
        self._painter.server_region = region
        if Column.REGION in self.columns:
            self._redraw()

    def _redraw(self) -> None:
        self._painter.clear_lines()
        self.viewport.invalidate()
        if self.is_attached:
            self.sync()
            self.refresh()

    def on_resize(self) -> None:
        self.viewport.invalidate()
        self.sync()

    def show_place(self) -> None:
        place = self.viewport.describe()
        set_border_subtitle(self, Content(f"{self._note} · {place}" if self._note else place))

    def _set_note(self, note: str = "") -> None:
        self._note = note
        if self._note_timer is not None:
            self._note_timer.stop()
        if note:
            self._note_timer = self.set_timer(NOTE_DURATION, self._set_note)
        self.show_place()

    # Drawing

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painter.clear_styles()

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        if self.cursor is not None:
            self._refresh_sequence(self.cursor)

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = y - self._painter.heading_rows
        if row < 0:
            return self._painter.heading(width)
        return self._painter.line(self.viewport, row, width, self._why_empty)

    def _refresh_sequence(self, sequence: int) -> None:
        if (at := self.viewport.line_of(sequence)) is not None:
            self.refresh(Region(0, at + self._painter.heading_rows, self.scrollable_content_region.width, 1))

    # Following and selecting

    def follow(self, following: bool) -> None:
        """Starts or stops keeping the newest event in view."""
        viewport = self.viewport
        if following:
            viewport.paused_at = None
        viewport.stop_seeking()
        viewport.following = following
        self._note = ""
        self.sync()

    def pause(self, paused: bool) -> None:
        """Freezes or updates the rows; while frozen, new events are stored and counted."""
        self.viewport.paused_at = self.view.history.end if paused else None
        self.sync()

    def clear_selection(self) -> None:
        """Clears the selection; while following, the newest event is then the current one."""
        if self.cursor is not None:
            self._move_cursor(None)

    def select(self, row: int, top: int | None = None) -> None:
        """Selects a row, scrolls to it (to the row `top`, if given), and stops following."""
        viewport = self.viewport
        viewport.following = False
        viewport.stop_seeking()
        self._move_cursor(self.view.sequence_at(row))
        top = viewport.top_to_show(row) if top is None else top
        if top is not None:
            self.show_at_top(top)
        viewport.remember(self.scroll_offset.y)
        self.show_place()

    def _move_cursor(self, sequence: int | None) -> None:
        self._note = ""
        before = self.viewport.move_cursor(sequence)
        for changed in (before, sequence):
            if changed is not None:
                self._refresh_sequence(changed)
        if before != sequence:
            self.post_message(self.Selected(sequence))

    def _jump(self, row: int) -> None:
        """Selects a row; if it is not on the screen, shows it with rows around it."""
        self.select(row, self.viewport.top_around(row))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.viewport.remember(self.scroll_offset.y)

    # The mouse

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or offset.y < self._painter.heading_rows:
            return
        row = self.viewport.first_row + offset.y - self._painter.heading_rows
        if row < self.viewport.rows:
            self.select(row)
            if event.chain == 2:
                self.action_inspect()

    # Keys

    def on_key(self) -> None:
        if not self.viewport.rows:
            self.sync()  # the first rows may have arrived since the last `sync`, and the key may act on them

    def action_move(self, rows: int) -> None:
        if (row := self.viewport.row_after(rows)) is not None:
            self.select(row)

    def action_move_pages(self, pages: float) -> None:
        if (place := self.viewport.page_after(pages)) is not None:
            self.select(*place)

    def action_first(self) -> None:
        if self.viewport.rows:
            self.select(0)
        self.viewport.tracks_oldest = not self.view.complete

    def action_last(self) -> None:
        if rows := self.viewport.rows:
            self.select(rows - 1)
        self.follow(True)
        self.viewport.tracks_newest = True
        self.post_message(self.Newest())

    def action_inspect(self) -> None:
        viewport = self.viewport
        if self.cursor is None and viewport.rows:
            self.select(viewport.rows - 1 if viewport.following else viewport.first_row)
        self.post_message(self.Inspect())

    def action_mark(self) -> None:
        sequence = self.shown
        if sequence is None or sequence < self.view.history.first:
            self._set_note("no event is selected")
            return
        self._painter.marks.toggle(sequence)
        self._refresh_sequence(sequence)
        self.post_message(self.Marked())

    def mark(self, sequences: Iterable[int]) -> None:
        """Restores marks of an earlier run."""
        self._painter.marks.add(sequences)
        self.refresh()

    def action_to_mark(self, step: int) -> None:
        if not self.marks:
            self._set_note(keymap_of(self.app).text("no marks: press {events.mark} to mark an event"))
            return
        self._apply(to_mark(self.viewport, self._painter.marks, step))

    def action_match(self, step: int) -> None:
        self._apply(to_match(self.viewport, step))

    def _apply(self, jump: Jump) -> None:
        if jump.row is not None:
            self._jump(jump.row)
        if jump.note:
            self._set_note(jump.note)

    def action_go_to(self) -> None:
        from nomad_tui.ui.events.go_to import GoTo

        self.app.push_screen(GoTo(self.go_to))

    def go_to(self, text: str) -> str:
        """Selects a row by index, time or `gap`, adds a condition (`job web`), or quits (`q`); returns why not."""
        from nomad_tui.ui.events.go_to import QUIT, UnknownPlaceError, parse_condition, to_place

        try:
            if text.strip().lower() in QUIT:
                self.post_message(self.Quit())
            elif (term := parse_condition(text)) is not None:
                self.post_message(self.Condition(term))
            else:
                self._apply(to_place(text, self.viewport, self._ages_from(), self._painter.clock.timezone))
        except (FilterError, UnknownPlaceError) as error:
            return str(error)
        return ""

    def go_to_sequence(self, sequence: int) -> bool:
        """Selects an event by its sequence number; returns False if it is not in the list."""
        row = self.viewport.row_of(sequence)
        if row is not None:
            self._jump(row)
        return row is not None
