"""The event list: as many rows as there are events, of which only the visible ones are ever built.

The list is asked to `sync` with its view some times a second; nothing is pushed into it. What stays put is a sequence
number, never a row: the selection, and the row at the top while the operator reads, hold while rows are added below,
evicted above, or found above by a filter that is still searching.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import tzinfo
from time import time_ns
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.reactive import var
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp
from textual.strip import Strip

from nomad_tui.core.readable import count
from nomad_tui.core.rows import EventRow, GapRow, row
from nomad_tui.core.sentence import Role
from nomad_tui.core.view import View
from nomad_tui.ui.event_line import Clock, Palette, line
from nomad_tui.ui.line_view import LineView
from nomad_tui.ui.themes import TOPIC_STYLES, ink

ROWS_KEPT: Final = 1024
"""Rows and lines built and kept, many times a screenful."""

_HELP: Final = """\
**Events**, oldest above, in the order they arrived. A row says what happened to which object.

While *following*, the newest event stays in view; moving up stops that, and the count of new events below stands in
the border. *Pause* freezes the picture only: events go on being read and counted.
"""


class EventList(LineView, can_focus=True):
    """Rows of a `View`. Messages say what the operator did; the app decides what that means."""

    BINDING_GROUP_TITLE = "Events"
    HELP = _HELP

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "event-list--time",
        "event-list--received",
        "event-list--gap",
        "event-list--cursor",
        "event-list--cursor-blurred",
        "event-list--hint",
        "event-list--place",
        *(f"event-list--{role}" for role in Role),
        *(f"event-list--{style}" for style in (*TOPIC_STYLES.values(), "other")),
    }

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", id="events.up", show=False, tooltip="The event before"),
        Binding("down,j", "cursor(1)", "Down", id="events.down", show=False, tooltip="The event after"),
        Binding("pageup", "page(-1.0)", "Page up", id="events.page-up", show=False),
        Binding("pagedown", "page(1.0)", "Page down", id="events.page-down", show=False),
        Binding("ctrl+u", "page(-0.5)", "Half page up", id="events.half-page-up", show=False),
        Binding("ctrl+d", "page(0.5)", "Half page down", id="events.half-page-down", show=False),
        Binding("g,home", "oldest", "Oldest", id="events.oldest", show=False, tooltip="The oldest event held"),
        Binding("G,end", "newest", "Newest", id="events.newest", show=False, tooltip="The newest event; follows again"),
        Binding("enter,l,right", "inspect", "Inspect", id="events.inspect", show=False, tooltip="Go to the payload"),
        Binding("h,left", "leave", "Topics", id="events.topics", show=False, tooltip="Go to the topics"),
    ]

    following: var[bool] = var(True)
    """Whether the newest event is kept in view."""
    cursor: var[int | None] = var(None)
    """Sequence number of the selected event; None while none is selected."""
    hint = ""
    """What an empty list says, where the app knows better why it is empty."""
    paused_at: var[int | None] = var(None)
    """The first sequence number that is not shown while paused; None while not paused."""

    class Selected(Message):
        """Another event was selected, or none."""

        def __init__(self, sequence: int | None) -> None:
            self.sequence = sequence
            super().__init__()

    class Inspect(Message):
        """The operator wants to look into the selected event."""

    class Leave(Message):
        """The operator wants to go to the pane on the left."""

    def __init__(
        self,
        view: View,
        timezone: tzinfo | None = None,
        clock: Callable[[], int] = time_ns,
        id: str | None = None,  # noqa: A002
    ) -> None:
        """`timezone` None is this machine's; `clock` gives ns since 1970."""
        super().__init__(id=id)
        self.view = view
        self._clock = Clock(timezone, clock)
        self._rows: OrderedDict[int, EventRow | GapRow] = OrderedDict()
        self._strips: OrderedDict[tuple[int, int, int], Strip] = OrderedDict()
        self._palettes: dict[int, Palette] = {}
        self._row_count = 0
        self._newest: int | None = None
        """Sequence number of the last row that was there at the last look."""
        self._top: int | None = None
        """Sequence number of the row at the top; None before the first."""
        self._sought: int | None = None
        """Sequence number to bring to the top as soon as a filter that is still searching has got there."""
        self._seen_to = 0
        """Up to where the operator has seen the events; those after it are new."""

    # What is shown

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
    def shown(self) -> int | None:
        """Sequence number of the event that is looked at: the selected one, or the newest shown while following."""
        if self.cursor is not None or not self.following or self.row_count == 0:
            return self.cursor
        return self.view.sequence_at(self.row_count - 1)

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
        if grown:
            self.set_row_count(rows)
        height = self.scrollable_content_region.height
        if self._sought is not None:
            self._top = self._sought
            if self.view.complete or (rows and self.view.sequence_at(0) <= self._sought):
                self._sought = None
        if self.following:
            target = max(0, rows - height)
        elif self._top is None:
            target = self.scroll_offset.y
        else:
            target = min(self.view.row_at(self._top), max(0, rows - height))
        if target != self.scroll_offset.y:
            self.set_scroll(None, float(target))
            self.scroll_target_y = float(target)
            self.refresh()
        elif changed:
            self.refresh()
        self._remember_place()
        self._label()

    def renew(self) -> None:
        """After the view was given another filter: while not following, the selection or else the place is kept."""
        self._strips.clear()
        self._row_count = -1
        if not self.following:
            places = (self.cursor, self._sought, self._top)
            self._sought = next((place for place in places if place is not None), None)
        self.sync()
        self.refresh()

    def _remember_place(self) -> None:
        rows = self._rows_drawn
        top = self.scroll_offset.y
        if 0 <= top < rows:
            self._top = self.view.sequence_at(top)
        bottom = min(top + self.scrollable_content_region.height, rows) - 1
        if 0 <= bottom < rows:
            self._seen_to = max(self._seen_to, self.view.sequence_at(bottom) + 1)

    def _label(self) -> None:
        new = self.new_below
        if self.paused_at is not None:
            text = f"▮▮ paused · {count(new)} new" if new else "▮▮ paused"
        elif self.following:
            text = "following"
        else:
            text = f"▼ {count(new)} new · End" if new else "follow off"
        if str(self.border_subtitle or "") != text:
            self.border_subtitle = Content(text)

    # What the operator does

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._remember_place()

    def user_scrolled(self) -> None:
        """Following ends when the operator scrolls up and begins again at the end of the list."""
        at_end = self.scroll_offset.y >= self._row_count - self.scrollable_content_region.height
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
        if offset is None:
            return
        row_number = self._first_row + offset.y
        if row_number < self._rows_drawn:
            self.select(row_number)
            if event.chain == 2:
                self.action_inspect()

    def action_cursor(self, rows: int) -> None:
        count = self._rows_drawn
        if count == 0:
            return
        top = self._first_row
        if self.cursor is None:
            bottom = min(top + self.scrollable_content_region.height, count) - 1
            self.select(bottom if self.following else top)
            return
        at = self.view.row_at(self.cursor)
        self.select(min(max(at + rows, 0), count - 1))

    def action_page(self, pages: float) -> None:
        count = self._rows_drawn
        if count == 0:
            return
        height = self.scrollable_content_region.height
        step = int(height * pages)
        top = self._first_row
        at = top + height // 2 if self.cursor is None else self.view.row_at(self.cursor)
        self.following = False
        self._scroll_to_row(min(max(top + step, 0), max(0, count - height)))
        self.select(min(max(at + step, 0), count - 1))

    def action_oldest(self) -> None:
        if self._rows_drawn:
            self.select(0)

    def action_newest(self) -> None:
        if count := self._rows_drawn:
            self.select(count - 1)
        self.follow(True)

    def action_inspect(self) -> None:
        if self.cursor is None and (count := self._rows_drawn):
            self.select(count - 1 if self.following else self._first_row)
        self.post_message(self.Inspect())

    def action_leave(self) -> None:
        self.post_message(self.Leave())

    def follow(self, following: bool) -> None:
        """Keeps the newest event in view from now on, or leaves the list where it is."""
        if following:
            self.paused_at = None
        self._sought = None
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
        top, height = self._first_row, self.scrollable_content_region.height
        if row_number < top:
            self._scroll_to_row(row_number)
        elif row_number >= top + height:
            self._scroll_to_row(row_number - height + 1)
        self._remember_place()
        self._label()

    def _move_cursor(self, sequence: int | None) -> None:
        before, self.cursor = self.cursor, sequence
        for changed in (before, sequence):
            if changed is not None:
                self._refresh_sequence(changed)
        if before != sequence:
            self.post_message(self.Selected(sequence))

    def _scroll_to_row(self, top: int) -> None:
        self.set_scroll(None, float(top))
        self.scroll_target_y = float(top)
        self._remember_place()

    def _refresh_sequence(self, sequence: int) -> None:
        at = self.view.row_at(sequence) - self._first_row
        if 0 <= at < self.scrollable_content_region.height:
            self.refresh(Region(0, at, self.scrollable_content_region.width, 1))

    # Drawing

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palettes.clear()
        self._strips.clear()

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        if self.cursor is not None:
            self._refresh_sequence(self.cursor)

    def on_resize(self) -> None:
        self._row_count = -1
        self.sync()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        number = self._first_row + y
        if number >= self._rows_drawn:
            hint = self._hint() if y == 1 else ""
            if not hint:
                return Strip.blank(width, self.rich_style)
            style = ink(self.get_component_rich_style("event-list--hint"))
            return Strip([Segment(hint.ljust(width), self.rich_style + style)], width)
        sequence = self.view.sequence_at(number)
        cursor = 0 if sequence != self.cursor else 2 if self.has_focus else 1
        key = (sequence, width, cursor)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strips[key] = self._build(sequence, width, cursor)
            if len(self._strips) > ROWS_KEPT:
                self._strips.popitem(last=False)
        return strip

    def _hint(self) -> str:
        if self._rows_drawn:
            return ""
        if self.paused_at is not None and len(self.view):
            return "  what the pause kept on the screen has been evicted"
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
        top = self._looked_up(self.view.sequence_at(first))
        day = self._clock.date(top) if isinstance(top, EventRow) else ""
        return "" if day == self._clock.today() else day

    def _looked_up(self, sequence: int) -> EventRow | GapRow:
        found = self._rows.get(sequence)
        if found is None:
            found = self._rows[sequence] = row(self.view.history, sequence)
            if len(self._rows) > ROWS_KEPT:
                self._rows.popitem(last=False)
        return found

    def _build(self, sequence: int, width: int, cursor: int) -> Strip:
        palette = self._palettes.get(cursor)
        if palette is None:
            palette = self._palettes[cursor] = self._palette(cursor)
        return line(self._looked_up(sequence), width, palette, self._clock)

    def _palette(self, cursor: int) -> Palette:
        """The styles of a row on its ground, which is another one under the cursor."""
        ground = self.rich_style
        if cursor:
            name = "event-list--cursor" if cursor == 2 else "event-list--cursor-blurred"
            ground += Style(bgcolor=self.get_component_rich_style(name).bgcolor)
        prefix = "event-list--"
        return {
            name.removeprefix(prefix): ground + ink(self.get_component_rich_style(name))
            for name in self.COMPONENT_CLASSES
        }
