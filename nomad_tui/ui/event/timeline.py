"""The timeline of an event: its related events as a tree in order of time, which grows while open.

The rows come from `core.timeline`. Folding and cursor are stored by the keys of rows, because rows move while the
timeline is read and while events arrive.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import BindingType
from textual.message import Message

from nomad_tui.core.objects.parts import Role
from nomad_tui.core.readable import duration
from nomad_tui.core.timeline.rows import RowKind, TimelineRow
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.event.row_view import INDENT, Pieces, RowView
from nomad_tui.ui.themes import glyph

if TYPE_CHECKING:
    from nomad_tui.core.timeline.timeline import EventTimeline

SINCE_WIDTH: Final = 8
"""Cells of a duration such as `+2 h 5 m`, or of a time of day."""
FOCUS: Final = "▎"
"""Marks the object whose event the timeline was opened for."""
STOPPED: Final = "✖ "
"""Precedes the reason why something did not proceed."""
_DETAILS: Final = frozenset((RowKind.STEP, RowKind.TASK_EVENT, RowKind.NODE_EVENT))
"""Rows that describe what happened to one object."""
_NUMEROUS: Final = frozenset(("Allocation", "Service"))
"""Topics with many objects per job; their details are folded, except for the object in focus."""
_MAX_CURSORS: Final = 100
"""Maximum number of earlier timelines whose cursor is stored."""
_NOTHING: Final = "No event is selected."
_READING: Final = "collecting related events …"


class Fold(Enum):
    """Which rows below a row are shown."""

    OPEN = "open"
    DETAILS = "details"
    """Details are folded, other rows are shown."""
    CLOSED = "closed"


_TRIANGLES: Final = {Fold.OPEN: "▼ ", Fold.DETAILS: "▽ ", Fold.CLOSED: "▶ "}


class Timeline(RowView):
    """Shows the rows of one timeline. Its owner calls `advance` to read them in time slices."""

    PREFIX = "timeline"
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "timeline--time",
        "timeline--since",
        "timeline--guide",
        "timeline--focus",
        "timeline--place",
        "timeline--stopped",
        "timeline--gap",
        "timeline--cursor",
        *(f"timeline--{role}" for role in Role),
        "timeline--topic",
    }
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE, Context.ROWS, Context.SCROLL, Context.TIMELINE)

    class Jump(Message):
        """The operator asks to show a row's event."""

        def __init__(self, sequence: int) -> None:
            self.sequence = sequence
            super().__init__()

    def __init__(self, *, timezone: tzinfo | None = None, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._timezone = timezone
        self._timeline: EventTimeline | None = None
        self._sequence: int | None = None
        self._revision = -1
        """Revision of the timeline whose rows are shown."""
        self._rows: Sequence[TimelineRow] = ()
        self._shown: list[int] = []
        """Indexes of the rows that are not folded."""
        self._folded: dict[tuple[str, ...], bool] = {}
        """Rows that the operator has folded (true) or unfolded, by key."""
        self._all_folded: bool | None = None
        """Whether all details are folded; None until the operator folds or unfolds them."""
        self._cursor_key: tuple[str, ...] | None = None
        """Key of the cursor's row; None until the operator moves it from the object in focus."""
        self._earlier_cursors: dict[int, tuple[str, ...]] = {}
        """Keys of the cursor's rows in earlier timelines, by the events they were opened for."""
        self._complete = False

    # What is shown

    @property
    def sequence(self) -> int | None:
        """The event that the timeline was opened for."""
        return self._sequence

    @property
    def step_count(self) -> int | None:
        """Number of rows, including folded ones; None until all are read."""
        return len(self._rows) if self._complete else None

    @property
    def cursor_row(self) -> TimelineRow | None:
        return self._rows[self._shown[self._cursor]] if self._cursor < len(self._shown) else None

    def show(self, timeline: "EventTimeline", sequence: int) -> None:
        """Shows the timeline of another event; `advance` reads it."""
        if self._sequence is not None and self._cursor_key is not None:
            self._earlier_cursors.pop(self._sequence, None)
            self._earlier_cursors[self._sequence] = self._cursor_key
            if len(self._earlier_cursors) > _MAX_CURSORS:
                del self._earlier_cursors[next(iter(self._earlier_cursors))]
        self._timeline = timeline
        self._sequence = sequence
        self._revision = -1
        self._cursor_key = self._earlier_cursors.get(sequence)
        self._folded.clear()
        self._all_folded = None
        self._shift = 0
        self._complete = False
        self._rows = ()
        self.scroll_to(y=0, animate=False)
        self._update_rows()

    def clear(self) -> None:
        self._timeline = self._sequence = None
        self._rows = ()
        self._complete = False
        self._update_rows()

    def advance(self, seconds: float) -> bool:
        """Reads related and new events for about `seconds`; returns True if there is more to read."""
        timeline = self._timeline
        if timeline is None:
            return False
        more = timeline.advance(seconds)
        if timeline.revision != self._revision or self._complete is more:
            self._revision = timeline.revision
            self._complete = not more
            self._rows = timeline.rows
            self._update_rows()
        return more

    def _update_rows(self) -> None:
        """Shows the current rows; the cursor stays on its row, and the row on its line of the screen."""
        line_of_cursor = self._cursor - self.scroll_offset.y
        self._shown = list(self._unfolded())
        found = self._find_cursor()
        self.set_row_count(len(self._shown))
        if found is not None:
            self._cursor = found
            if self._cursor_key is not None:
                self.scroll_to(y=self._cursor - line_of_cursor, animate=False)
        else:
            self._cursor = min(self._cursor, max(0, len(self._shown) - 1))
        self._scroll_to_cursor()
        self._clear_strips()

    def _find_cursor(self) -> int | None:
        rows = self._rows
        for position, number in enumerate(self._shown):
            row = rows[number]
            if row.is_focus if self._cursor_key is None else row.key == self._cursor_key:
                return position
        return self._find_above_cursor()

    def _find_above_cursor(self) -> int | None:
        """The nearest ancestor that is shown of the cursor's row, which is folded."""
        positions = {number: position for position, number in enumerate(self._shown)}
        depth: int | None = None
        for number in range(len(self._rows) - 1, -1, -1):
            row = self._rows[number]
            if depth is None:
                depth = row.depth if row.key == self._cursor_key else None
            elif row.depth < depth:
                if number in positions:
                    return positions[number]
                depth = row.depth
        return None

    def _unfolded(self) -> Iterator[int]:
        hidden_below: int | None = None
        above: list[bool] = []
        """Whether details are folded in the row's ancestor, for each level."""
        for number, row in enumerate(self._rows):
            if hidden_below is not None:
                if row.depth > hidden_below:
                    continue
                hidden_below = None
            del above[row.depth :]
            if row.kind in _DETAILS and above and above[-1]:
                continue
            above += [False] * (row.depth - len(above))
            yield number
            state = self._fold(number)
            above.append(state is Fold.DETAILS)
            if state is Fold.CLOSED:
                hidden_below = row.depth

    def _is_foldable(self, number: int) -> bool:
        rows = self._rows
        return number + 1 < len(rows) and rows[number + 1].depth > rows[number].depth

    def _fold(self, number: int) -> "Fold":
        row = self._rows[number]
        if not self._is_foldable(number):
            return Fold.OPEN
        is_folded = self._folded.get(row.key)
        if is_folded is not None:
            return Fold.CLOSED if is_folded else Fold.OPEN
        hides = not row.is_focus and row.topic in _NUMEROUS if self._all_folded is None else self._all_folded
        has_details, has_objects = self._child_kinds(number)
        if not (hides and has_details):
            return Fold.OPEN
        return Fold.DETAILS if has_objects else Fold.CLOSED

    def _child_kinds(self, number: int) -> tuple[bool, bool]:
        """Whether a row has details, and other rows, as children."""
        rows = self._rows
        depth = rows[number].depth
        has_details = has_objects = False
        for row in rows[number + 1 :]:
            if row.depth <= depth or (has_details and has_objects):
                break
            if row.depth == depth + 1:
                has_details = has_details or row.kind in _DETAILS
                has_objects = has_objects or row.kind not in _DETAILS
        return has_details, has_objects

    # Rows

    @property
    def row_count(self) -> int:
        return len(self._shown)

    def _triangle_at(self, row: int) -> int:
        return SINCE_WIDTH + len(FOCUS) + self._rows[self._shown[row]].depth * INDENT

    def _parent_of(self, row: int) -> int:
        depth = self._rows[self._shown[row]].depth
        above = range(row - 1, -1, -1)
        return next((each for each in above if self._rows[self._shown[each]].depth < depth), -1)

    def _pieces_after(self, line: int) -> Pieces:
        if not line and not self._shown:
            yield "dim", _NOTHING if self._timeline is None else _READING

    def _pieces(self, row: int, width: int, is_whole: bool) -> Pieces:
        number = self._shown[row]
        return self._row_pieces(self._rows[number], self._is_foldable(number), self._fold(number))

    def _row_pieces(self, row: TimelineRow, is_foldable: bool, fold: Fold) -> Pieces:
        if row.kind is RowKind.GAP:
            yield "gap", "──── gap: "
            yield from self._parts(row)
            return
        if row.since is None:
            yield "time", self._time(row.moment).rjust(SINCE_WIDTH)
        else:
            yield "since", _since(row.since).rjust(SINCE_WIDTH)
        yield ("focus", FOCUS) if row.is_focus else ("", " ")
        triangle = _TRIANGLES[fold] if is_foldable else "  "
        yield "guide", " " * (row.depth * INDENT) + triangle
        match row.kind:
            case RowKind.OBJECT | RowKind.NOT_HELD:
                yield "topic", glyph(row.topic) + " "
            case RowKind.STEP | RowKind.TASK_EVENT | RowKind.NODE_EVENT:
                yield "guide", "· "
            case _:
                pass
        yield from self._parts(row)
        if row.place:
            yield "place", f"  {row.place}"

    def _parts(self, row: TimelineRow) -> Iterator[tuple[str, str]]:
        for part in row.title:
            yield part.role.value, part.text
        if row.title and row.text:
            yield "", "  "
        if row.stopped:
            yield "stopped", STOPPED
        for part in row.text:
            yield part.role.value, part.text

    def _time(self, moment: int | None) -> str:
        if moment is None:
            return ""
        try:
            return f"{datetime.fromtimestamp(moment // 1_000_000_000, self._timezone):%H:%M:%S}"
        except (OverflowError, ValueError, OSError):
            return ""

    # Moving and folding

    def _cursor_moved(self) -> None:
        self._cursor_key = self._rows[self._shown[self._cursor]].key

    def _can_set_open(self, row: int, is_open: bool) -> bool:
        number = self._shown[row]
        return self._is_foldable(number) and self._fold(number) is not (Fold.OPEN if is_open else Fold.CLOSED)

    def _set_open(self, row: int, is_open: bool) -> None:
        if self._can_set_open(row, is_open):
            self._cursor_key = self._rows[self._shown[row]].key
            self._folded[self._cursor_key] = not is_open
            self._update_rows()

    def action_toggle_fold(self) -> None:
        if self._shown:
            self._toggle()

    def _enter(self) -> None:
        self.action_jump()

    def action_unfold_all(self) -> None:
        self._set_all_folded(False)

    def action_fold_all(self) -> None:
        self._set_all_folded(True)

    def _set_all_folded(self, folded: bool) -> None:
        row = self.cursor_row
        self._folded.clear()
        self._all_folded = folded
        if row is not None:
            self._cursor_key = row.key
        self._update_rows()
        if row is not None and self.cursor_row is not None and self.cursor_row.key != row.key:
            self._cursor_key = self.cursor_row.key

    # Going to an event

    def action_jump(self) -> None:
        row = self.cursor_row
        if row is None or self._timeline is None:
            return
        if row.kind is RowKind.REST:
            if row.can_open:
                self._cursor_key = row.key
                self._timeline.open_rest(row)
            else:
                self.notify("These steps are older than the rows shown.", markup=False)
        elif row.sequence is None:
            self.notify("No event of this object in memory: they were before the oldest one.", markup=False)
        else:
            self._cursor_key = row.key
            self.post_message(self.Jump(row.sequence))


def _since(nanoseconds: int) -> str:
    """Return a duration such as `+3.1 s` or `-1m33s`, in at most `SINCE_WIDTH` cells up to a thousand days."""
    text = duration(abs(nanoseconds))
    return f"{'-' if nanoseconds < 0 else '+'}{text if text.count(' ') == 1 else text.replace(' ', '')}"
