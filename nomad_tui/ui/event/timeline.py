"""The timeline of an event: all that belongs together with it, as a tree in the order of time that grows while open.

The rows come from `core.timeline`. Folds and the cursor are kept by the keys of rows, because rows move while the
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
"""Cells of a duration such as `+2 h 5 m`, and of a time of day."""
FOCUS: Final = "▎"
"""Before the object whose event the timeline was opened for."""
STOPPED: Final = "✖ "
"""Before what says why it went no further."""
_DETAILS: Final = frozenset((RowKind.STEP, RowKind.TASK_EVENT, RowKind.NODE_EVENT))
"""What happened to one object."""
_MANY: Final = frozenset(("Allocation", "Service"))
"""Of these there are many beneath one job, so that their details are folded away but for the object in focus."""
_MOST_LEFT: Final = 100
_NOTHING: Final = "No event is selected."
_READING: Final = "collecting related events …"


class Fold(Enum):
    """What is shown of the rows beneath a row."""

    OPEN = "open"
    DETAILS = "details"
    """All but the details."""
    CLOSED = "closed"


_TRIANGLES: Final = {Fold.OPEN: "▼ ", Fold.DETAILS: "▽ ", Fold.CLOSED: "▶ "}


class Timeline(RowView):
    """The rows of one timeline. Its owner gives it time to read, by `advance`."""

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
        """The operator wants to see the event that brought a row."""

        def __init__(self, sequence: int) -> None:
            self.sequence = sequence
            super().__init__()

    def __init__(self, *, timezone: tzinfo | None = None, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._timezone = timezone
        self._trace: EventTimeline | None = None
        self._sequence: int | None = None
        self._revision = -1
        """Of the trace, when its rows were taken over."""
        self._rows: Sequence[TimelineRow] = ()
        self._shown: list[int] = []
        """Which of the rows are not folded away."""
        self._folded: dict[tuple[str, ...], bool] = {}
        """What the operator has folded and unfolded, by the keys of rows."""
        self._all_folded: bool | None = None
        """Whether all details are folded; None until the operator folds or unfolds them."""
        self._cursor_key: tuple[str, ...] | None = None
        """None until the operator has moved: the cursor is then on the object in focus."""
        self._left: dict[int, tuple[str, ...]] = {}
        """The row that the cursor stood on in timelines that were left, by the events they were opened for."""
        self._complete = False

    # What is shown

    @property
    def sequence(self) -> int | None:
        """The event that the timeline was opened for."""
        return self._sequence

    @property
    def step_count(self) -> int | None:
        """Rows of the trace, folded ones too; None while they are still read."""
        return len(self._rows) if self._complete else None

    @property
    def cursor_row(self) -> TimelineRow | None:
        return self._rows[self._shown[self._cursor]] if self._cursor < len(self._shown) else None

    def show(self, trace: "EventTimeline", sequence: int) -> None:
        """Shows the trace of another event, which is read as `advance` is called."""
        if self._sequence is not None and self._cursor_key is not None:
            self._left.pop(self._sequence, None)
            self._left[self._sequence] = self._cursor_key
            if len(self._left) > _MOST_LEFT:
                del self._left[next(iter(self._left))]
        self._trace = trace
        self._sequence = sequence
        self._revision = -1
        self._cursor_key = self._left.get(sequence)
        self._folded.clear()
        self._all_folded = None
        self._shift = 0
        self._complete = False
        self._rows = ()
        self.scroll_to(y=0, animate=False)
        self._take_over()

    def clear(self) -> None:
        self._trace = self._sequence = None
        self._rows = ()
        self._complete = False
        self._take_over()

    def advance(self, seconds: float) -> bool:
        """Reads for about so long what is held and what has come; True if there is more to read."""
        trace = self._trace
        if trace is None:
            return False
        more = trace.advance(seconds)
        if trace.revision != self._revision or self._complete is more:
            self._revision = trace.revision
            self._complete = not more
            self._rows = trace.rows
            self._take_over()
        return more

    def _take_over(self) -> None:
        """Shows the rows as they are now; the cursor stays on its row, and that on its line of the screen."""
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
        self._bring_cursor_into_view()
        self._forget_strips()

    def _find_cursor(self) -> int | None:
        rows = self._rows
        for position, number in enumerate(self._shown):
            row = rows[number]
            if row.is_focus if self._cursor_key is None else row.key == self._cursor_key:
                return position
        return self._find_above_cursor()

    def _find_above_cursor(self) -> int | None:
        """The row that the cursor's own, which is folded away, hangs beneath; the nearest one that is shown."""
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
        """Of each level down to the row: whether the row there has its details folded away."""
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
        hides = not row.is_focus and row.topic in _MANY if self._all_folded is None else self._all_folded
        has_details, has_objects = self._beneath(number)
        if not (hides and has_details):
            return Fold.OPEN
        return Fold.DETAILS if has_objects else Fold.CLOSED

    def _beneath(self, number: int) -> tuple[bool, bool]:
        """Whether details, and whether anything else, are directly beneath a row."""
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

    # Of what the rows are made

    @property
    def row_count(self) -> int:
        return len(self._shown)

    def _triangle_at(self, row: int) -> int:
        return SINCE_WIDTH + len(FOCUS) + self._rows[self._shown[row]].depth * INDENT

    def _parent_of(self, row: int) -> int:
        depth = self._rows[self._shown[row]].depth
        above = range(row - 1, -1, -1)
        return next((each for each in above if self._rows[self._shown[each]].depth < depth), -1)

    def _pieces_behind(self, line: int) -> Pieces:
        if not line and not self._shown:
            yield "dim", _NOTHING if self._trace is None else _READING

    def _pieces(self, row: int, width: int, is_whole: bool) -> Pieces:
        number = self._shown[row]
        return self._written(self._rows[number], self._is_foldable(number), self._fold(number))

    def _written(self, row: TimelineRow, is_foldable: bool, fold: Fold) -> Pieces:
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

    def _arrived(self) -> None:
        self._cursor_key = self._rows[self._shown[self._cursor]].key

    def _can_set_open(self, row: int, is_open: bool) -> bool:
        number = self._shown[row]
        return self._is_foldable(number) and self._fold(number) is not (Fold.OPEN if is_open else Fold.CLOSED)

    def _set_open(self, row: int, is_open: bool) -> None:
        if self._can_set_open(row, is_open):
            self._cursor_key = self._rows[self._shown[row]].key
            self._folded[self._cursor_key] = not is_open
            self._take_over()

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
        self._take_over()
        if row is not None and self.cursor_row is not None and self.cursor_row.key != row.key:
            self._cursor_key = self.cursor_row.key

    # Going to an event

    def action_jump(self) -> None:
        row = self.cursor_row
        if row is None or self._trace is None:
            return
        if row.kind is RowKind.REST:
            if row.can_open:
                self._cursor_key = row.key
                self._trace.open_rest(row)
            else:
                self.notify("These steps are older than the rows shown.", markup=False)
        elif row.sequence is None:
            self.notify("No event of this object in memory: they were before the oldest one.", markup=False)
        else:
            self._cursor_key = row.key
            self.post_message(self.Jump(row.sequence))


def _since(nanoseconds: int) -> str:
    """Such as `+3.1 s` and `+1m33s`, in at most `SINCE_WIDTH` cells but for days in thousands."""
    text = duration(nanoseconds)
    return f"+{text if text.count(' ') == 1 else text.replace(' ', '')}"
