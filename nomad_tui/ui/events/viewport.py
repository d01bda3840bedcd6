"""Which rows of a view are on the screen, and which one is selected, while rows are added and evicted.

Places are stored as sequence numbers, not rows. So the selection, and the row at the top while the operator reads, stay
when rows are added below, evicted above, or found above by a search in progress.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from typing import Final

from nomad_tui.core.readable import count
from nomad_tui.core.search.view import View

SEARCHING: Final = "searching …"


class Marks:
    """The marked rows, in order of arrival."""

    def __init__(self) -> None:
        self._sequences: list[int] = []

    def toggle(self, sequence: int) -> None:
        if sequence in self:
            self._sequences.remove(sequence)
        else:
            insort(self._sequences, sequence)

    def add(self, sequences: Iterable[int]) -> None:
        for sequence in sequences:
            if sequence not in self:
                insort(self._sequences, sequence)

    def held(self, first: int) -> tuple[int, ...]:
        """Discards the marks before `first`, the oldest row in memory, and returns the others."""
        if self._sequences and self._sequences[0] < first:
            del self._sequences[: bisect_left(self._sequences, first)]
        return tuple(self._sequences)

    def __contains__(self, sequence: int) -> bool:
        at = bisect_left(self._sequences, sequence)
        return at < len(self._sequences) and self._sequences[at] == sequence

    def beyond(self, sequence: int, step: int) -> Iterable[int]:
        """The marks below (`step` 1) or above (-1) a row, the nearest first; `sequence` may be any number."""
        marks = self._sequences
        if step > 0:
            return marks[bisect_right(marks, sequence) :]
        return reversed(marks[: bisect_left(marks, sequence)])


class Viewport:
    """The widget that draws the rows scrolls to `target`, and reports its scroll position with `remember`."""

    def __init__(self, view: View, height: Callable[[], int], live: bool = False) -> None:
        """`height` returns the number of rows that fit on the screen; `live` means that a server sends the events."""
        self.view = view
        self.live = live
        self.matches: View | None = None
        """The rows that are highlighted; None if the view contains only matches."""
        self.following = True
        """Whether the newest event is kept in view."""
        self.cursor: int | None = None
        """Sequence number of the selected event; None while none is selected."""
        self.paused_at: int | None = None
        """While paused, the first sequence number that is not shown; otherwise None."""
        self.until: int | None = None
        """The first sequence number that the next `update` leaves out; None for none."""
        self.tracks_newest = False
        """Whether the event is selected as the newest, so that the selection ends when a newer one arrives."""
        self.tracks_oldest = False
        """Whether to select the oldest row as long as a search may find older ones."""
        self._height = height
        self._is_on_newest = False
        """Whether the operator went to the newest event and has not moved since, even if newer ones have arrived."""
        self._row_count = 0
        self._newest: int | None = None
        """Sequence number of the last row at the last `update`."""
        self._restarts = 0
        """The view's `restarts` at the last `update`."""
        self._scrolled_to = 0
        self._top: int | None = None
        """Sequence number of the row at the top; None before the first row."""
        self._sought: int | None = None
        """Sequence number to scroll to when a search in progress finds it."""
        self._sought_below = 0
        """Number of rows between the top and the sought row."""
        self.cursor_below = 0
        """Number of rows between the top and the selected one; 0 if it was not on the screen."""
        self._seen_to = 0
        """Sequence number after the last one that the operator has seen; later events are new."""

    @property
    def row_count(self) -> int:
        """Rows to show: those of the view, or while paused, those at the time of pausing."""
        until = self.until if self.paused_at is None else self.paused_at
        return len(self.view) if until is None else min(self.view.row_at(until), len(self.view))

    @property
    def rows(self) -> int:
        """Rows of the last `update` that still exist: some may have been evicted since."""
        return min(self._row_count, self.row_count)

    @property
    def new_below(self) -> int:
        """Number of matching events that arrived since the operator last saw the end."""
        return 0 if self.following and self.paused_at is None else len(self.view) - self.view.row_at(self._seen_to)

    @property
    def shown(self) -> int | None:
        """Sequence number of the current event: the selected one, or while following, the newest one shown."""
        if self.cursor is not None or not self.following or self.row_count == 0:
            return self.cursor
        return self.view.sequence_at(self.row_count - 1)

    @property
    def first_row(self) -> int:
        """The row at the top of the screen, found by its sequence number.

        Evictions, and a search that finds older rows, renumber the rows between two updates.
        """
        return self._scrolled_to if self._top is None else self.view.row_at(self._top)

    @property
    def last_top(self) -> int:
        """The row at the top when the end is in view."""
        return max(0, self.rows - self._height())

    def line_of(self, sequence: int) -> int | None:
        """The line of an event relative to the top row; None if it is not on the screen."""
        at = self.view.row_at(sequence) - self.first_row
        return at if 0 <= at < self._height() else None

    def row_of(self, sequence: int) -> int | None:
        """The row of an event; None if it is not among the rows."""
        row = self.view.row_at(sequence)
        return row if row < self.rows and self.view.sequence_at(row) == sequence else None

    # Following the view

    def update(self) -> tuple[bool, bool]:
        """Updates the number of rows; returns whether it has changed, and whether the rows have."""
        rows = self.row_count
        newest = self.view.sequence_at(rows - 1) if rows else None
        is_resized = rows != self._row_count
        # The number may be the same: as many rows evicted as added, or missing rows found since they were drawn.
        is_changed = is_resized or newest != self._newest or self.view.restarts != self._restarts
        self._row_count, self._newest, self._restarts, self.until = rows, newest, self.view.restarts, None
        return is_resized, is_changed

    @property
    def is_past_newest(self) -> bool:
        """Whether the event that was selected as the newest no longer is."""
        return self.tracks_newest and self._newest != self.cursor

    def target(self) -> int:
        """The row to scroll to the top of the screen."""
        self._seek()
        last_top = max(0, self._row_count - self._height())
        if self.following:
            return last_top
        return self._scrolled_to if self._top is None else min(self.view.row_at(self._top), last_top)

    def _seek(self) -> None:
        if self._sought is None:
            return
        view, rows = self.view, self._row_count
        at = view.row_at(self._sought)
        top = max(0, at - self._sought_below)
        self._top = view.sequence_at(top) if top < rows else self._sought
        if view.complete or (at >= self._sought_below and rows and view.sequence_at(0) <= self._sought):
            self._sought = None

    def remember(self, scrolled_to: int) -> None:
        """Stores the scroll position: `scrolled_to` is the row at the top of the screen."""
        self._scrolled_to = scrolled_to
        rows, height = self.rows, self._height()
        if 0 <= scrolled_to < rows:
            self._top = self.view.sequence_at(scrolled_to)
        below = 0 if self.cursor is None else self.view.row_at(self.cursor) - scrolled_to
        self.cursor_below = below if 0 <= below < height else 0
        bottom = min(scrolled_to + height, rows) - 1
        if 0 <= bottom < rows:
            self._seen_to = max(self._seen_to, self.view.sequence_at(bottom) + 1)

    def invalidate(self) -> None:
        """Makes the next `update` report all rows as changed."""
        self._row_count = -1

    def restart(self) -> None:
        """Call after the view's filter has changed: unless following, seeks the selection, else the row at the top."""
        self.invalidate()
        self.tracks_oldest = False
        if self.following:
            return
        places = (self.cursor, self._sought, self._top)
        sought = next((place for place in places if place is not None), None)
        if sought != self._sought or sought is None:
            self._sought, self._sought_below = sought, self.cursor_below if sought == self.cursor else 0

    def stop_seeking(self) -> None:
        self._sought = None
        self.tracks_oldest = False

    @property
    def is_past_oldest(self) -> bool:
        """Whether a search has found an older event than the one selected as the oldest."""
        return self.tracks_oldest and self.rows > 0 and (self.cursor is None or self.view.sequence_at(0) < self.cursor)

    # Selecting

    def move_cursor(self, sequence: int | None) -> int | None:
        """Selects an event, or none; returns the previously selected one."""
        self.tracks_newest = self.tracks_oldest = self._is_on_newest = False
        before, self.cursor = self.cursor, sequence
        return before

    def release_newest(self) -> None:
        """Makes the next move start at the newest event although the selection has ended."""
        self._is_on_newest = True

    def top_to_show(self, row: int) -> int | None:
        """The row to scroll to in order to show `row`; None if it is in view."""
        top, height = self.first_row, self._height()
        if row < top:
            return row
        return row - height + 1 if row >= top + height else None

    def top_around(self, row: int) -> int | None:
        """The row to scroll to in order to show `row` with rows around it; None if it is in view."""
        top, height = self.first_row, self._height()
        return None if top <= row < top + height else min(max(row - height // 3, 0), self.last_top)

    def row_after(self, step: int) -> int | None:
        """The row that moving by `step` rows selects; None if there are no rows."""
        rows, top = self.rows, self.first_row
        if not rows:
            return None
        if self.cursor is not None:
            return min(max(self.view.row_at(self.cursor) + step, 0), rows - 1)
        if not self.following:
            return top
        bottom = min(top + self._height(), rows) - 1
        return max(0, bottom + min(step, 0)) if self._is_on_newest else bottom

    def page_after(self, pages: float) -> tuple[int, int] | None:
        """The row to select and the row at the top after moving by `pages`; None if there are no rows."""
        rows, height, top = self.rows, self._height(), self.first_row
        if not rows:
            return None
        step = int(height * pages)
        at = top + height // 2 if self.cursor is None else self.view.row_at(self.cursor)
        row = min(max(at + step, 0), rows - 1)
        top = min(max(top + step, 0), self.last_top)
        return row, min(max(top, row - height + 1), row)

    # Describing

    @property
    def mode(self) -> str:
        """`paused` or `following`; empty if neither, or if the source is not live."""
        if self.paused_at is not None:
            return "paused"
        return "following" if self.following and self.live else ""

    def describe(self) -> str:
        """The state of the list, such as `following` or `▼ 12 new · End`."""
        new = self.new_below
        if self.paused_at is not None:
            return f"▮▮ paused · {count(new)} new" if new else "▮▮ paused"
        if not self.live:
            return self._position()
        if self.following:
            return "following"
        return f"▼ {count(new)} new · End" if new else "follow off"

    def _position(self) -> str:
        """The position in a recording, where no new events arrive."""
        rows = self.rows
        if self.following or not rows:
            return "at the end" if rows else ""
        at = self.first_row if self.cursor is None else self.view.row_at(self.cursor)
        return f"row {count(min(at + 1, rows))} of {count(rows)}"

    def why_empty(self, hint: str) -> str:
        """The text of a list without rows, or ""; `hint` is the app's reason, if it has one."""
        if self.rows or (self.row_count and self.paused_at is None):
            return ""  # there are rows, or will be at the next update
        if self.paused_at is not None and len(self.view):
            return "the paused events were evicted"
        if hint:
            return hint
        if not len(self.view.history):
            return "no events yet"
        return "no event matches" if self.view.complete else SEARCHING
