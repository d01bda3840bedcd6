"""The timeline of an event: all that belongs together with it, as a tree in the order of time that grows while open.

The rows come from `core.trace`. What is folded and where the cursor stands are kept by the keys of rows, because rows
move while the trace is read and while events come.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from enum import Enum
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from nomad_tui.core.readable import duration
from nomad_tui.core.sentence import Role
from nomad_tui.core.text import ELLIPSIS
from nomad_tui.core.trace import RowKind, Trace, TraceRow
from nomad_tui.ui.line_view import LineView
from nomad_tui.ui.themes import TOPIC_STYLES, glyph, ink, topic_style

INDENT: Final = 2
"""Cells for each level."""
SINCE_WIDTH: Final = 8
"""Cells of a duration such as `+2 h 5 m`, and of a time of day."""
FOCUS: Final = "▎"
"""Before the object whose event the timeline was opened for."""
STOPPED: Final = "✖ "
"""Before what says why it went no further."""
_KEPT_STRIPS: Final = 2_000
_DETAILS: Final = frozenset((RowKind.STEP, RowKind.TASK_EVENT, RowKind.NODE_EVENT))
"""What happened to one object."""
_MANY: Final = frozenset(("Allocation", "Service"))
"""Of these there are many beneath one job, so that their details are folded away but for the object in focus."""
_MOST_LEFT: Final = 100
_NOTHING: Final = "No event is selected."
_READING: Final = "reading what belongs together …"


class Fold(Enum):
    """What is shown of what stands beneath a row."""

    OPEN = "open"
    DETAILS = "details"
    """All but the details."""
    CLOSED = "closed"


_TRIANGLES: Final = {Fold.OPEN: "▼ ", Fold.DETAILS: "▽ ", Fold.CLOSED: "▶ "}


class Timeline(LineView, can_focus=True):
    """The rows of one trace. Its owner lends it time to read, by `advance`."""

    BINDING_GROUP_TITLE = "Timeline"
    HELP = """\
### Timeline

All events held that belong together with this one, in the order of time: job, evaluation, deployment, allocations, and
what their tasks did. **▎** is the object that it was opened for, **✖** says where it stopped. The first column is the
time since the step that a row depends on, or a time of day. It grows while events come.

- **Enter** goes to the event that brought a row, **Esc** comes back; on a row with **…** it shows more
- **h** and **l** fold and unfold, or go to the row above and beneath
- **E** unfolds everything, **C** folds the details
- **<** and **>** move the view sideways
"""
    DEFAULT_CSS = """
    Timeline {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
    }
    """
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
        *(f"timeline--topic-{style}" for style in (*TOPIC_STYLES.values(), "other")),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", id="timeline.up", tooltip="Go to the row above", show=False),
        Binding("down,j", "move(1)", "Down", id="timeline.down", tooltip="Go to the row below", show=False),
        Binding("home,g", "first", "First", id="timeline.first", tooltip="Go to the first row", show=False),
        Binding("end,G", "last", "Last", id="timeline.last", tooltip="Go to the last row", show=False),
        Binding("pageup", "move_pages(-1.0)", "Page up", id="timeline.page_up", show=False),
        Binding("pagedown", "move_pages(1.0)", "Page down", id="timeline.page_down", show=False),
        Binding("ctrl+u", "move_pages(-0.5)", "Half up", id="timeline.half_up", show=False),
        Binding("ctrl+d", "move_pages(0.5)", "Half down", id="timeline.half_down", show=False),
        Binding("left,h", "fold_or_parent", "Fold", id="timeline.fold", show=False,
                tooltip="Fold this row, or go to the one it hangs beneath"),
        Binding("right,l", "unfold_or_child", "Unfold", id="timeline.unfold", show=False,
                tooltip="Unfold this row, or go to the first one beneath"),
        Binding("space", "toggle_fold", "Fold", id="timeline.toggle", tooltip="Fold or unfold this row"),
        Binding("enter", "jump", "Go to event", id="timeline.jump", tooltip="Go to the event that brought this row"),
        Binding("E", "fold_all(False)", "Unfold all", id="timeline.unfold_all", tooltip="Unfold everything"),
        Binding("C", "fold_all(True)", "Fold all", id="timeline.fold_all", tooltip="Fold all details"),
        Binding("less_than_sign,shift+left", "shift(-1)", "View left", id="timeline.view_left", key_display="<",
                tooltip="Move the view to the left", show=False),
        Binding("greater_than_sign,shift+right", "shift(1)", "View right", id="timeline.view_right", key_display=">",
                tooltip="Move the view to the right along long rows", show=False),
    ]  # fmt: skip

    class Jump(Message):
        """The operator wants to see the event that brought a row."""

        def __init__(self, sequence: int) -> None:
            self.sequence = sequence
            super().__init__()

    def __init__(self, *, timezone: tzinfo | None = None, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._timezone = timezone
        self._trace: Trace | None = None
        self._sequence: int | None = None
        self._revision = -1
        """Of the trace, when its rows were taken over."""
        self._rows: Sequence[TraceRow] = ()
        self._shown: list[int] = []
        """Which of the rows are not folded away."""
        self._folded: dict[tuple[str, ...], bool] = {}
        """What the operator has folded and unfolded, by the keys of rows."""
        self._all_folded: bool | None = None
        """Whether all details are folded, if the operator has said so."""
        self._cursor = 0
        self._cursor_key: tuple[str, ...] | None = None
        """None until the operator has moved: the cursor stands on the object in focus then."""
        self._left: dict[int, tuple[str, ...]] = {}
        """The row that the cursor stood on in timelines that were left, by the events they were opened for."""
        self._shift = 0
        self._complete = False
        self._strips: dict[tuple[int, bool, bool], Strip] = {}
        self._styles: dict[tuple[str, bool], Style] = {}

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
    def cursor_row(self) -> TraceRow | None:
        return self._rows[self._shown[self._cursor]] if self._cursor < len(self._shown) else None

    def show(self, trace: Trace, sequence: int) -> None:
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
        self._strips.clear()
        if found is not None:
            self._cursor = found
            if self._cursor_key is not None:
                self.scroll_to(y=self._cursor - line_of_cursor, animate=False)
        else:
            self._cursor = min(self._cursor, max(0, len(self._shown) - 1))
        self._bring_cursor_into_view()
        self.refresh()

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
        said = self._folded.get(row.key)
        if said is not None:
            return Fold.CLOSED if said else Fold.OPEN
        hides = not row.is_focus and row.topic in _MANY if self._all_folded is None else self._all_folded
        has_details, has_objects = self._beneath(number)
        if not (hides and has_details):
            return Fold.OPEN
        return Fold.DETAILS if has_objects else Fold.CLOSED

    def _beneath(self, number: int) -> tuple[bool, bool]:
        """Whether details, and whether anything else, stand right beneath a row."""
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

    # Drawing

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()
        self._strips.clear()

    def on_resize(self) -> None:
        self._strips.clear()
        self._bring_cursor_into_view()
        self.refresh()

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    @property
    def _height(self) -> int:
        return self.scrollable_content_region.height

    def _style(self, component: str, has_cursor: bool) -> Style:
        style = self._styles.get((component, has_cursor))
        if style is None:
            ground = self.rich_style
            if has_cursor:
                ground += Style(bgcolor=self.get_component_rich_style("timeline--cursor").bgcolor)
            style = ground + ink(self.get_component_rich_style(f"timeline--{component}")) if component else ground
            self._styles[component, has_cursor] = style
        return style

    def watch_has_focus(self, _has_focus: bool) -> None:
        super().watch_has_focus(_has_focus)
        self._styles.clear()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        position = y + self.scroll_offset.y
        width = self._width
        if position >= len(self._shown):
            hint = "" if position or self._shown else _NOTHING if self._trace is None else _READING
            return Strip([Segment(hint.ljust(width)[:width], self._style("dim" if hint else "", False))], width)
        has_cursor = position == self._cursor
        key = (position, has_cursor, self.has_focus)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) >= _KEPT_STRIPS:
                self._strips.clear()
            strip = self._strips[key] = self._draw(self._shown[position], has_cursor, width)
        return strip

    def _draw(self, number: int, has_cursor: bool, width: int) -> Strip:
        segments: list[Segment] = []
        hidden, cells = self._shift, 0
        for component, text in self._pieces(number):
            if hidden >= len(text):
                hidden -= len(text)
                continue
            piece, hidden = text[hidden:], 0
            cells += cell_len(piece)
            segments.append(Segment(piece, self._style(component, has_cursor)))
            if cells > width:
                break
        strip = Strip(segments, cells)
        if cells > width > 0:
            strip = strip.crop(0, width - 1)
            strip = Strip([*strip, Segment(ELLIPSIS, segments[-1].style)])
        return strip.adjust_cell_length(width, self._style("", has_cursor))

    def _pieces(self, number: int) -> Iterator[tuple[str, str]]:
        """A line from left to right as component and text, uncut; all texts of a trace are fit to be drawn."""
        row = self._rows[number]
        if row.kind is RowKind.GAP:
            yield "gap", "──── gap: "
            yield from self._parts(row)
            return
        if row.since is None:
            yield "time", self._time(row.moment).rjust(SINCE_WIDTH)
        else:
            yield "since", _since(row.since).rjust(SINCE_WIDTH)
        yield ("focus", FOCUS) if row.is_focus else ("", " ")
        triangle = _TRIANGLES[self._fold(number)] if self._is_foldable(number) else "  "
        yield "guide", " " * (row.depth * INDENT) + triangle
        match row.kind:
            case RowKind.OBJECT | RowKind.NOT_HELD:
                yield f"topic-{topic_style(row.topic)}", glyph(row.topic) + " "
            case RowKind.STEP | RowKind.TASK_EVENT | RowKind.NODE_EVENT:
                yield "guide", "· "
            case _:
                pass
        yield from self._parts(row)
        if row.place:
            yield "place", f"  {row.place}"

    def _parts(self, row: TraceRow) -> Iterator[tuple[str, str]]:
        for part in row.title:
            yield part.role.value, part.text
        if row.title and row.said:
            yield "", "  "
        if row.stopped:
            yield "stopped", STOPPED
        for part in row.said:
            yield part.role.value, part.text

    def _time(self, moment: int | None) -> str:
        if moment is None:
            return ""
        try:
            return f"{datetime.fromtimestamp(moment // 1_000_000_000, self._timezone):%H:%M:%S}"
        except (OverflowError, ValueError, OSError):
            return ""

    # Moving

    def _move_to(self, position: int) -> None:
        if not self._shown:
            return
        position = max(0, min(position, len(self._shown) - 1))
        before, self._cursor = self._cursor, position
        self._cursor_key = self._rows[self._shown[position]].key
        self.refresh_line(before)
        self.refresh_line(position)
        self._bring_cursor_into_view()

    def _bring_cursor_into_view(self) -> None:
        height, top = self._height, self.scroll_offset.y
        if not height:
            return
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)

    def action_move(self, rows: int) -> None:
        self._move_to(self._cursor + rows)

    def action_move_pages(self, pages: float) -> None:
        distance = int(self._height * pages) or (1 if pages > 0 else -1)
        self.scroll_to(y=self.scroll_offset.y + distance, animate=False)
        self._move_to(self._cursor + distance)

    def action_first(self) -> None:
        self._move_to(0)

    def action_last(self) -> None:
        self._move_to(len(self._shown) - 1)

    def action_shift(self, direction: int) -> None:
        width, top = self._width, self.scroll_offset.y
        in_view = self._shown[top : top + self._height]
        longest = max((sum(len(text) for _, text in self._pieces(number)) for number in in_view), default=0)
        step = max(1, width // 2)
        most = -(-max(0, longest - width) // step) * step
        self._shift = max(0, min(self._shift + direction * step, max(most, self._shift)))
        self._strips.clear()
        self.refresh()

    # Folding

    def _set_folded(self, is_folded: bool) -> None:
        row = self.cursor_row
        if row is not None and self._is_foldable(self._shown[self._cursor]):
            self._folded[row.key] = is_folded
            self._cursor_key = row.key
            self._take_over()

    def action_toggle_fold(self) -> None:
        if self._shown:
            self._set_folded(self._fold(self._shown[self._cursor]) is Fold.OPEN)

    def action_fold_or_parent(self) -> None:
        if not self._shown:
            return
        number = self._shown[self._cursor]
        if self._is_foldable(number) and self._fold(number) is not Fold.CLOSED:
            self._set_folded(True)
            return
        depth = self._rows[number].depth
        for position in range(self._cursor - 1, -1, -1):
            if self._rows[self._shown[position]].depth < depth:
                self._move_to(position)
                return

    def action_unfold_or_child(self) -> None:
        if not self._shown:
            return
        number = self._shown[self._cursor]
        if not self._is_foldable(number):
            return
        if self._fold(number) is not Fold.OPEN:
            self._set_folded(False)
        else:
            self._move_to(self._cursor + 1)

    def action_fold_all(self, folded: bool) -> None:
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
                self.notify("These steps are older than what is listed here.", markup=False)
        elif row.sequence is None:
            self.notify("No event of this object is held: it came before the oldest one.", markup=False)
        else:
            self._cursor_key = row.key
            self.post_message(self.Jump(row.sequence))

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        position = offset.y + self.scroll_offset.y
        if position >= len(self._shown):
            return
        event.stop()
        self._move_to(position)
        triangle = SINCE_WIDTH + 1 + self._rows[self._shown[position]].depth * INDENT - self._shift
        if triangle <= offset.x < triangle + INDENT:
            self.action_toggle_fold()
        elif event.chain == 2:
            self.action_jump()

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        event.stop()
        self.action_shift(-1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        event.stop()
        self.action_shift(1)


def _since(nanoseconds: int) -> str:
    """Such as `+3.1 s` and `+1m33s`, in at most `SINCE_WIDTH` cells but for days in thousands."""
    text = duration(nanoseconds)
    return f"+{text if text.count(' ') == 1 else text.replace(' ', '')}"
