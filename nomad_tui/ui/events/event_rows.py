"""The rows of the event list: which are shown, selected and in view, of which only the visible ones are ever built.

The list is asked to `sync` with its view some times a second; nothing is pushed into it. What stays is a sequence
number, never a row: the selection, and the row at the top while the operator reads, hold while rows are added below,
evicted above, or found above by a filter that is still searching.
"""

from collections.abc import Callable, Container
from datetime import tzinfo
from time import perf_counter, time_ns
from typing import ClassVar, Final

from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.timer import Timer

from nomad_tui.core.readable import count
from nomad_tui.core.search.view import Fold, View
from nomad_tui.core.sentence import Role
from nomad_tui.ui.events.columns import DEFAULT_COLUMNS, Column
from nomad_tui.ui.events.event_line import Clock, Look, heading
from nomad_tui.ui.events.event_painter import EventPainter
from nomad_tui.ui.events.marks import Marks
from nomad_tui.ui.line_view import LineView
from nomad_tui.ui.themes import ink

NOTE_SECONDS: Final = 4.0
"""For which the border says what a key has led to, unless another key comes first."""
SEARCHING: Final = "searching …"


class EventRows(LineView, can_focus=True):
    """Rows of a `View`, which keep their place while events arrive and are evicted."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "event-list--time",
        "event-list--received",
        "event-list--backlog",
        "event-list--gap",
        "event-list--cursor",
        "event-list--cursor-blurred",
        "event-list--hint",
        "event-list--place",
        "event-list--mark",
        "event-list--match",
        "event-list--unmatched",
        "event-list--heading",
        *(f"event-list--{role}" for role in Role),
        "event-list--topic",
    }
    following: var[bool] = var(True)
    """Whether the newest event is kept in view."""
    cursor: var[int | None] = var(None)
    """Sequence number of the selected event; None while none is selected."""
    hint: var[str] = var("")
    """What an empty list says, where the app knows better why it is empty."""
    paused_at: var[int | None] = var(None)
    """The first sequence number that is not shown while paused; None while not paused."""
    server_region: var[str] = var("")
    """The server's region, for the column `region`; untrusted. (A widget's own `region` is its place.)"""

    class Selected(Message):
        """Another event was selected, or none."""

        def __init__(self, sequence: int | None) -> None:
            self.sequence = sequence
            super().__init__()

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
        """`timezone` None is this machine's; `clock` gives ns since 1970, and `ages_from` what the ages that one may
        go to are relative to, if that is another moment.

        `live` is whether a server sends the events: those that had waited in its buffer are marked then.
        """
        super().__init__(id=id)
        self.view = view
        self.matches: View | None = None
        """Which of the rows are pointed out; None where the view holds nothing but matches."""
        self.columns = columns
        self.live = live
        self._ages_from = ages_from or clock
        self._marks = Marks()
        self.watched: Container[int] = ()
        """The rows that a watch rule has highlighted."""
        self._note = ""
        """What the last key has led to, in the border for a while."""
        self._note_timer: Timer | None = None
        self._looks: list[Look] = []
        """Of the rows on the screen, at the last look."""
        self._painter = EventPainter(self, Clock(timezone, clock), live)
        self.drawing_seconds = 0.0
        """How long the last drawing of the rows took."""
        self._building_seconds = 0.0
        self._row_count = 0
        self._newest: int | None = None
        """Sequence number of the last row that was there at the last look."""
        self._top: int | None = None
        """Sequence number of the row at the top; None before the first."""
        self._sought: int | None = None
        """Sequence number to show again as soon as a filter that is still searching has got there."""
        self._sought_below = 0
        """How many rows below the top to show it."""
        self._cursor_below = 0
        """How many rows below the top the selected one stood at the last look; 0 where it was not on the screen."""
        self._goes_along = False
        """Whether the selected event is the newest because it is the newest: with another one it no longer is."""
        self._is_on_newest = False
        """Whether the operator went to the newest event and has not moved since, though others may have come."""
        self._seen_to = 0
        """Up to where the operator has seen the events; those after it are new."""

    @property
    def row_count(self) -> int:
        """Rows shown: those of the view, or while paused those that were there."""
        if self.paused_at is None:
            return len(self.view)
        return min(self.view.row_at(self.paused_at), len(self.view))

    @property
    def new_below(self) -> int:
        """Matching events that came since the operator last saw the end."""
        return 0 if self.following and self.paused_at is None else len(self.view) - self.view.row_at(self._seen_to)

    @property
    def mode(self) -> str:
        """`paused` or `following`; empty where the list stays where it is, and for what is no stream to follow."""
        if self.paused_at is not None:
            return "paused"
        return "following" if self.following and self.live else ""

    @property
    def shown(self) -> int | None:
        """Sequence number of the event that is looked at: the selected one, or the newest shown while following."""
        if self.cursor is not None or not self.following or self.row_count == 0:
            return self.cursor
        return self.view.sequence_at(self.row_count - 1)

    @property
    def line_of_shown(self) -> int | None:
        """The line of the screen of the event that is looked at; None if it is not on the screen."""
        if self.shown is None:
            return None
        at = self.view.row_at(self.shown) - self._first_row
        return self.content_region.y + self._heading_rows + at if 0 <= at < self._page else None

    @property
    def marks(self) -> tuple[int, ...]:
        """Sequence numbers of the marked rows that are held, in the order of arrival."""
        return self._marks.held(self.view.history.first)

    @property
    def _heading_rows(self) -> int:
        """Lines above the rows: the columns' names, where the operator has chosen others than the usual ones.

        Of the usual columns each says what it is; an index and a size, a namespace and a region do not.
        """
        return 0 if self.columns == DEFAULT_COLUMNS else 1

    @property
    def _page(self) -> int:
        """Rows that fit on the screen."""
        return max(0, self.scrollable_content_region.height - self._heading_rows)

    @property
    def _rows_drawn(self) -> int:
        """Rows that the list counts with and that are still there: some may have been evicted since it last looked."""
        return min(self._row_count, self.row_count)

    @property
    def _first_row(self) -> int:
        """The row at the top of the screen, found by its event.

        Between two looks the rows are renumbered by an eviction, and by a search that finds older ones.
        """
        return self.scroll_offset.y if self._top is None else self.view.row_at(self._top)

    def sync(self) -> None:
        """Takes over what has come, without moving what is being read."""
        rows = self.row_count
        newest = self.view.sequence_at(rows - 1) if rows else None
        grown = rows != self._row_count
        # As many rows may have been evicted as have come.
        changed = grown or newest != self._newest
        self._row_count, self._newest = rows, newest
        if self._goes_along and newest != self.cursor:
            self.clear_selection()
            self._is_on_newest = True
        if grown:
            self.set_row_count(rows + self._heading_rows)
        height = self._page
        if self._sought is not None:
            at = self.view.row_at(self._sought)
            top = max(0, at - self._sought_below)
            self._top = self.view.sequence_at(top) if top < rows else self._sought
            if self.view.complete or (at >= self._sought_below and rows and self.view.sequence_at(0) <= self._sought):
                self._sought = None
        if self.following:
            target = max(0, rows - height)
        elif self._top is None:
            target = self.scroll_offset.y
        else:
            target = min(self.view.row_at(self._top), max(0, rows - height))
        if target != self.scroll_offset.y and height:  # before the first layout there is nowhere to scroll to
            self.show_at_top(target)
        elif changed:
            self.refresh()
        self._remember_place()
        if changed and self.following:
            self._build_rows()
        self._look_again()
        self._label()

    def _build_rows(self) -> None:
        """Builds the rows in view, which are kept: in a turn of its own that stalls half as long as with the rest."""
        began = perf_counter()
        for y in range(self._heading_rows, self._page + self._heading_rows):
            self.render_line(y)
        self._building_seconds = perf_counter() - began

    def _look_again(self) -> None:
        """Repaints where a row has been found to match, or to be repeated, since it was drawn."""
        if self.matches is None and not self.view.fold:
            return
        top = self.scroll_offset.y
        shown = range(top, min(top + self._page, self._rows_drawn))
        looks = [self._look(self.view.sequence_at(row)) for row in shown]
        if looks != self._looks:
            self._looks = looks
            self.refresh()
        if self.matches is not None and self.matches.complete and self._note == SEARCHING:
            self._note = ""

    def renew(self) -> None:
        """After the view was given another filter: while not following, the selection or else the place is kept."""
        self._painter.forget_lines()
        self._row_count = -1
        if not self.following:
            places = (self.cursor, self._sought, self._top)
            sought = next((place for place in places if place is not None), None)
            if sought != self._sought or sought is None:
                self._sought, self._sought_below = sought, self._cursor_below if sought == self.cursor else 0
        self.sync()
        self.refresh()

    def set_columns(self, columns: tuple[Column, ...]) -> None:
        """Shows other columns; what is being read stays, and the selected event stays in view under their names."""
        self.columns = columns
        below = self._cursor_below
        self._forget_drawn()
        if not self.following and below >= self._page > 0:
            self._scroll_to_row(self._first_row + below - self._page + 1)

    def watch_hint(self) -> None:
        if not self._rows_drawn:
            self.refresh()

    def watch_server_region(self) -> None:
        if Column.REGION in self.columns:
            self._forget_drawn()

    def highlight(self, matches: View | None) -> None:
        """Points out which rows match, while the view shows others too; None where it holds nothing but matches.

        To be called after the view was given its filter. The selected event stays where it is on the screen. Whoever
        calls lends `matches` the time to search, as it does the view.
        """
        self.matches = matches
        self.renew()

    def _forget_drawn(self) -> None:
        self._painter.forget_lines()
        self._row_count = -1
        if self.is_attached:
            self.sync()
            self.refresh()

    def _remember_place(self) -> None:
        rows = self._rows_drawn
        top = self.scroll_offset.y
        if 0 <= top < rows:
            self._top = self.view.sequence_at(top)
        below = 0 if self.cursor is None else self.view.row_at(self.cursor) - top
        self._cursor_below = below if 0 <= below < self._page else 0
        bottom = min(top + self._page, rows) - 1
        if 0 <= bottom < rows:
            self._seen_to = max(self._seen_to, self.view.sequence_at(bottom) + 1)

    def _label(self) -> None:
        new = self.new_below
        if self.paused_at is not None:
            text = f"▮▮ paused · {count(new)} new" if new else "▮▮ paused"
        elif not self.live:
            text = self._position
        elif self.following:
            text = "following"
        else:
            text = f"▼ {count(new)} new · End" if new else "follow off"
        if self._note:
            text = f"{self._note} · {text}"
        if str(self.border_subtitle or "") != text:
            self.border_subtitle = Content(text)

    @property
    def _position(self) -> str:
        """Where in a recording one is: nothing comes that could be followed."""
        rows = self._rows_drawn
        if self.following or not rows:
            return "at the end" if rows else ""
        at = self._first_row if self.cursor is None else self.view.row_at(self.cursor)
        return f"row {count(min(at + 1, rows))} of {count(rows)}"

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._remember_place()

    def _say(self, note: str) -> None:
        self._note = note
        if self._note_timer is not None:
            self._note_timer.stop()
        self._note_timer = self.set_timer(NOTE_SECONDS, self._say_no_more)
        self._label()

    def _say_no_more(self) -> None:
        self._note = ""
        self._label()

    def follow(self, following: bool) -> None:
        """Keeps the newest event in view from now on, or leaves the list where it is."""
        if following:
            self.paused_at = None
        self._sought = None
        self._note = ""
        self.following = following
        self.sync()

    def pause(self, paused: bool) -> None:
        """Freezes the picture; what comes meanwhile is held and counted."""
        self.paused_at = self.view.history.end if paused else None
        self.sync()

    def clear_selection(self) -> None:
        """Selects nothing: while following, the newest event is looked at."""
        if self.cursor is not None:
            self._move_cursor(None)

    def select(self, row_number: int) -> None:
        """Selects a row, brings it into view and stops following."""
        self.following = False
        self._sought = None
        self._move_cursor(self.view.sequence_at(row_number))
        top, height = self._first_row, self._page
        if row_number < top:
            self._scroll_to_row(row_number)
        elif row_number >= top + height:
            self._scroll_to_row(row_number - height + 1)
        self._remember_place()
        self._label()

    def _move_cursor(self, sequence: int | None) -> None:
        self._goes_along = self._is_on_newest = False
        self._note = ""
        before, self.cursor = self.cursor, sequence
        for changed in (before, sequence):
            if changed is not None:
                self._refresh_sequence(changed)
        if before != sequence:
            self.post_message(self.Selected(sequence))

    def _scroll_to_row(self, top: int) -> None:
        self.show_at_top(top)
        self._remember_place()

    def _refresh_sequence(self, sequence: int) -> None:
        at = self.view.row_at(sequence) - self._first_row
        if 0 <= at < self._page:
            self.refresh(Region(0, at + self._heading_rows, self.scrollable_content_region.width, 1))

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._painter.forget_styles()

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        if self.cursor is not None:
            self._refresh_sequence(self.cursor)

    def on_resize(self) -> None:
        self._row_count = -1
        self.sync()

    def render_lines(self, crop: Region) -> list[Strip]:
        began = perf_counter()
        strips = super().render_lines(crop)
        if crop.height > 1:
            self.drawing_seconds = self._building_seconds + perf_counter() - began
        return strips

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        y -= self._heading_rows
        if y < 0:
            style = self.rich_style + ink(self.get_component_rich_style("event-list--heading"))
            return heading(width, style, self.columns)
        # The first picture is drawn before the list has scrolled to the end that it follows.
        number = (self._first_row or (max(0, self._rows_drawn - self._page) if self.following else 0)) + y
        if number >= self._rows_drawn:
            hint = self._hint() if y == 1 else ""
            if not hint:
                return Strip.blank(width, self.rich_style)
            style = ink(self.get_component_rich_style("event-list--hint"))
            return Strip([Segment(f" {hint}".ljust(width)[:width], self.rich_style + style)], width)
        sequence = self.view.sequence_at(number)
        cursor = 0 if sequence != self.cursor else 2 if self.has_focus else 1
        look = self._look(sequence)
        history = self.view.history
        return self._painter.line(history, sequence, width, cursor, look, self.columns, self.server_region)

    def _hint(self) -> str:
        if self._rows_drawn or (self.row_count and self.paused_at is None):
            return ""  # there are rows, or will be at the next look
        if self.paused_at is not None and len(self.view):
            return "  the paused events were evicted"
        if self.hint:
            return f"  {self.hint}"
        if not len(self.view.history):
            return "  no events yet"
        return "  no event matches" if self.view.complete else "  searching …"

    @property
    def day(self) -> str:
        """The day of the row at the top, such as `2026-11-23`; empty for today, or where none is known."""
        rows = self._rows_drawn
        first = self._first_row
        if not 0 <= first < rows:
            return ""
        return self._painter.day(self.view.history, self.view.sequence_at(first))

    def _look(self, sequence: int) -> Look:
        return Look(
            marked=sequence in self._marks,
            watched=sequence in self.watched,
            matching=None if self.matches is None else sequence in self.matches,
            repeats=self.view.repeats(sequence) if self.view.fold else 0,
            is_run=self.view.fold is Fold.ROUTINE,
        )
