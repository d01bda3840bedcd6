"""A payload as a tree on the Line API: what is open, where the cursor is, and how a row looks.

The rows come from `core.payload`; a line is made of them when it is first drawn and kept until something that
shows in it changes. A line never holds more of a value than is on screen.
"""

from collections.abc import Iterator
from datetime import tzinfo
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from nomad_tui.core.paths import condition
from nomad_tui.core.payload import SEPARATOR, Folding, Kind, Path, Payload, Rows, Value, annotation, flatten
from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.ui.line_view import LineView

INDENT: Final = 2
"""Cells for each level, and for the triangle before a key."""

_GAP: Final = 2
"""Cells between a key and its value."""

_KEPT_STRIPS: Final = 2_000
"""Drawn lines that are kept; scrolling through more starts afresh."""

_SHORTEST_NUMBER: Final = 8
"""Cells that a raw number keeps when its line is too narrow for it and what it means."""

_MARGIN: Final = 16
"""Cells of a deep row that are brought into view with the cursor."""

_COMPONENTS: Final = {
    Kind.OBJECT: "count",
    Kind.LIST: "count",
    Kind.STRING: "string",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
    Kind.NULL: "null",
    Kind.RAW: "raw",
}


class PayloadTree(LineView, can_focus=True):
    """The rows of one payload. What is open and where the cursor stands outlive the payload."""

    BINDING_GROUP_TITLE = "Payload"
    HELP = """\
### Payload

The object as the server sent it: keys sorted, every value as it came, and beside a raw number what it means.
What you open here stays open in the next event that has it, and the cursor stays on the same field.

- **h** and **l** fold and unfold, or go to the parent and the first child
- **E** unfolds all under the cursor, **C** folds everything but the object itself
- **<** and **>** move the view sideways along a long value
- **+** and **-** add to the filter that an event must have this value, or must not
- a click on a triangle folds or unfolds
"""
    DEFAULT_CSS = """
    PayloadTree {
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "payload-tree--annotation",
        "payload-tree--boolean",
        "payload-tree--count",
        "payload-tree--cursor",
        "payload-tree--guide",
        "payload-tree--key",
        "payload-tree--label",
        "payload-tree--null",
        "payload-tree--number",
        "payload-tree--raw",
        "payload-tree--string",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", id="payload.up", tooltip="Go to the row above", show=False),
        Binding("down,j", "move(1)", "Down", id="payload.down", tooltip="Go to the row below", show=False),
        Binding("home,g", "first", "First", id="payload.first", tooltip="Go to the first row", show=False),
        Binding("end,G", "last", "Last", id="payload.last", tooltip="Go to the last row", show=False),
        Binding(
            "ctrl+u",
            "move_pages(-0.5)",
            "Half up",
            id="payload.half_up",
            tooltip="Go half a page up",
            show=False,
        ),
        Binding(
            "ctrl+d",
            "move_pages(0.5)",
            "Half down",
            id="payload.half_down",
            tooltip="Go half a page down",
            show=False,
        ),
        Binding("pageup", "move_pages(-1)", "Page up", id="payload.page_up", tooltip="Go a page up", show=False),
        Binding(
            "pagedown",
            "move_pages(1)",
            "Page down",
            id="payload.page_down",
            tooltip="Go a page down",
            show=False,
        ),
        Binding(
            "left,h",
            "fold_or_parent",
            "Fold",
            id="payload.fold",
            tooltip="Fold this row, or go to the one it stands in",
            show=False,
        ),
        Binding(
            "right,l",
            "unfold_or_child",
            "Unfold",
            id="payload.unfold",
            tooltip="Unfold this row, or go to its first child",
            show=False,
        ),
        Binding("enter,space", "toggle_fold", "Fold", id="payload.toggle", tooltip="Fold or unfold this row"),
        Binding(
            "E,asterisk",
            "unfold_all",
            "Unfold all",
            id="payload.unfold_all",
            tooltip="Unfold this row and everything under it",
            key_display="E",
        ),
        Binding("C", "fold_all", "Fold all", id="payload.fold_all", tooltip="Fold everything but the object"),
        Binding(
            "plus",
            "narrow(True)",
            "Only",
            id="payload.add_only",
            tooltip="Add to the filter: only this",
            key_display="+",
        ),
        Binding(
            "minus",
            "narrow(False)",
            "Not",
            id="payload.add_not",
            tooltip="Add to the filter: not this",
            key_display="-",
        ),
        Binding(
            "less_than_sign,shift+left",
            "shift(-1)",
            "View left",
            id="payload.view_left",
            tooltip="Move the view to the left along long values",
            key_display="<",
            show=False,
        ),
        Binding(
            "greater_than_sign,shift+right",
            "shift(1)",
            "View right",
            id="payload.view_right",
            tooltip="Move the view to the right along long values",
            key_display=">",
            show=False,
        ),
    ]

    class Narrow(Message):
        """The operator wants to see only events that have the value under the cursor, or only others."""

        def __init__(self, term: str) -> None:
            self.term = term
            """A term of the filter language."""
            super().__init__()

    def __init__(self, *, timezone: tzinfo | None = None, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.folding = Folding()
        self._timezone = timezone
        self._payload: Payload | None = None
        self._rows = Rows()
        self._cursor = 0
        self._wished_path: Path = ()
        """Where the reader last put the cursor, so that a payload without that path does not lose it."""
        self._shift = 0
        """Characters of every line that are out of view on the left."""
        self._shifted_by_hand = False
        self._now_ns = 0
        self._strips: dict[tuple[int, bool], Strip] = {}
        self._rich_styles: dict[tuple[str, bool], Style] = {}

    # What is shown

    def show(self, payload: Payload, now_ns: int) -> None:
        """Show another payload with the cursor on the same path and the same line of the screen, where it
        has that path. Ages are told relative to `now_ns`."""
        line_of_cursor = self._cursor - self.scroll_offset.y
        self._payload = payload
        self._now_ns = now_ns
        self._flatten(self._wished_path)
        self.scroll_to(y=self._cursor - line_of_cursor, animate=False)
        if 0 <= line_of_cursor < self._height:
            self._bring_cursor_into_view()

    def clear(self) -> None:
        """Show nothing; what is open and where the cursor was are kept for the next payload."""
        self._payload = None
        self._flatten(())

    def tell_ages(self, now_ns: int) -> None:
        """Tell ages relative to another moment."""
        self._now_ns = now_ns
        self._forget_strips()

    @property
    def rows(self) -> Rows:
        return self._rows

    @property
    def cursor_path(self) -> Path:
        """The path of the row under the cursor; empty when nothing is shown."""
        return self._rows.path(self._cursor) if len(self._rows) else ()

    @property
    def cursor_value(self) -> Value:
        """The value under the cursor; None when nothing is shown, as for a null."""
        return self._rows.values[self._cursor] if len(self._rows) else None

    def _flatten(self, path: Path) -> None:
        self._rows = Rows() if self._payload is None else flatten(self._payload.value, self.folding)
        self._cursor = self._rows.find(path)
        self.set_row_count(len(self._rows))
        self._forget_strips()

    def _forget_strips(self) -> None:
        self._strips.clear()
        self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._rich_styles.clear()
        self._strips.clear()

    def on_resize(self) -> None:
        self._forget_strips()
        self._bring_cursor_into_view()

    # Drawing

    @property
    def _width(self) -> int:
        """Cells of a line without the scrollbar, which has its place even when there is none."""
        return self.scrollable_content_region.width

    @property
    def _height(self) -> int:
        return self.scrollable_content_region.height

    def render_line(self, y: int) -> Strip:
        row = y + self.scroll_offset.y
        width = self._width
        if row >= len(self._rows):
            return Strip.blank(width, self._rich_style("", False))
        has_cursor = row == self._cursor
        strip = self._strips.get((row, has_cursor))
        if strip is None:
            if len(self._strips) >= _KEPT_STRIPS:
                self._strips.clear()
            strip = self._strips[row, has_cursor] = self._draw(row, has_cursor, width)
        return strip

    def _rich_style(self, component: str, has_cursor: bool) -> Style:
        style = self._rich_styles.get((component, has_cursor))
        if style is None:
            classes = [f"payload-tree--{component}"] if component else []
            if has_cursor:
                classes.append("payload-tree--cursor")
            style = self._rich_styles[component, has_cursor] = self.get_visual_style(*classes).rich_style
        return style

    def _draw(self, row: int, has_cursor: bool, width: int) -> Strip:
        segments: list[Segment] = []
        hidden, cells, is_cut = self._shift, 0, False
        for component, piece in self._pieces(row, width):
            if hidden >= len(piece):
                hidden -= len(piece)
                continue
            end = hidden + width - cells + 1
            text = printable(piece[hidden:end])
            is_cut = end < len(piece)
            hidden = 0
            cells += cell_len(text)
            segments.append(Segment(text, self._rich_style(component, has_cursor)))
            if is_cut or cells > width:
                break
        strip = Strip(segments, cells)
        if is_cut or cells > width:
            strip = strip.crop(0, max(0, min(cells, width - 1)))
            last = Segment(ELLIPSIS, segments[-1].style)
            strip = Strip([*strip, last], strip.cell_length + 1)
        return strip.adjust_cell_length(width, self._rich_style("", has_cursor))

    def _pieces(self, row: int, width: int) -> Iterator[tuple[str, str]]:
        """A line from left to right as (component, untrusted text), uncut but for a number that would leave no
        room for what it means; moving the view sideways shows that number whole."""
        rows, key = self._rows, self._rows.keys[row]
        column, shown_key = 0, ""
        if key is not None:
            triangle = ("▼ " if rows.is_open(row) else "▶ ") if rows.is_foldable(row) else "  "
            yield "guide", " " * (rows.depths[row] * INDENT) + triangle
            shown_key = '""' if key == "" else str(key)
            yield "key", shown_key
            column = min(rows.key_widths[row], width // 2)
            key_cells = cell_len(printable(shown_key)) if len(shown_key) <= column else column
            yield "key", " " * (max(0, column - key_cells) + _GAP)
        label = rows.label(row)
        if label is not None:
            yield "label", label
            yield "count", " "
        component = _COMPONENTS[rows.kind(row)]
        note = annotation(key, rows.values[row], self._now_ns, self._timezone, parent_key=rows.parent_key(row))
        if note is None:
            for piece in rows.text_pieces(row):
                yield component, piece
            return
        value = "".join(rows.text_pieces(row))
        room = width - rows.depths[row] * INDENT - INDENT - max(column, len(shown_key)) - _GAP
        if not self._shift and len(value) + _GAP + len(note) > room:
            note = note.partition(SEPARATOR)[0]
            shortest = max(_SHORTEST_NUMBER, room - _GAP - len(note))
            value = printable(value, shortest)
        yield component, value
        yield "annotation", " " * _GAP + note

    # Moving

    def _move_to(self, row: int) -> None:
        if not len(self._rows):
            return
        row = max(0, min(row, len(self._rows) - 1))
        previous, self._cursor = self._cursor, row
        self._wished_path = self._rows.path(row)
        self.refresh_line(previous)
        self.refresh_line(row)
        self._bring_cursor_into_view()

    def _bring_cursor_into_view(self) -> None:
        height = self._height
        if not len(self._rows) or not height:
            return
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False)
        self._bring_key_into_view()

    def _bring_key_into_view(self) -> None:
        """Follow the cursor sideways to a deep row, and back unless the reader moved the view by hand."""
        key_at = self._rows.depths[self._cursor] * INDENT
        least = max(0, key_at + min(_MARGIN, self._width) - self._width)
        if least > self._shift or (least < self._shift and not self._shifted_by_hand):
            self._set_shift(least)

    def _set_shift(self, shift: int) -> None:
        if shift != self._shift:
            self._shift = shift
            self._forget_strips()

    def action_move(self, rows: int) -> None:
        self._move_to(self._cursor + rows)

    def action_move_pages(self, pages: float) -> None:
        distance = max(1, int(self._height * abs(pages)))
        row = self._cursor + (distance if pages > 0 else -distance)
        self.scroll_to(y=self.scroll_offset.y + row - self._cursor, animate=False)
        self._move_to(row)

    def action_first(self) -> None:
        self._move_to(0)

    def action_last(self) -> None:
        self._move_to(len(self._rows) - 1)

    def action_shift(self, direction: int) -> None:
        """Move the view half its width sideways, at most to where the longest line in view ends."""
        width = self._width
        top = self.scroll_offset.y
        in_view = range(top, min(top + self._height, len(self._rows)))
        longest = max((sum(len(piece) for _, piece in self._pieces(row, width)) for row in in_view), default=0)
        step = max(1, width // 2)
        most = -(-max(0, longest - width) // step) * step
        self._set_shift(max(0, min(self._shift + direction * step, max(most, self._shift))))
        self._shifted_by_hand = self._shift > 0

    # Folding

    def _set_open(self, row: int, is_open: bool) -> None:
        if self._rows.is_foldable(row) and self._rows.is_open(row) != is_open:
            self.folding.set_open(self._rows.path(row), is_open)
            self._refold()

    def _refold(self) -> None:
        self._flatten(self._rows.path(self._cursor))
        self._wished_path = self._rows.path(self._cursor)
        self._bring_cursor_into_view()

    def action_toggle_fold(self) -> None:
        if len(self._rows):
            self._set_open(self._cursor, not self._rows.is_open(self._cursor))

    def action_fold_or_parent(self) -> None:
        if not len(self._rows):
            return
        if self._rows.is_open(self._cursor):
            self._set_open(self._cursor, False)
        elif self._rows.parents[self._cursor] >= 0:
            self._move_to(self._rows.parents[self._cursor])

    def action_unfold_or_child(self) -> None:
        if not len(self._rows):
            return
        if self._rows.is_open(self._cursor):
            self._move_to(self._cursor + 1)
        else:
            self._set_open(self._cursor, True)

    def action_unfold_all(self) -> None:
        if len(self._rows) and self._rows.is_foldable(self._cursor):
            self.folding.open_all(self._rows.path(self._cursor))
            self._refold()

    def action_fold_all(self) -> None:
        if len(self._rows):
            self.folding.close_all()
            self._set_shift(0)
            self._refold()

    # Filtering

    def action_narrow(self, only: bool) -> None:
        term = condition(self.cursor_path, self.cursor_value) if len(self._rows) else None
        if term is None:
            self.notify(
                "No filter can name this value: it is too long, too deep, or not part of a JSON object.", markup=False
            )
        else:
            self.post_message(self.Narrow(term if only else f"not {term}"))

    # Mouse

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or not len(self._rows):
            return
        row = offset.y + self.scroll_offset.y
        if row >= len(self._rows):
            return
        event.stop()
        self._move_to(row)
        triangle = self._rows.depths[row] * INDENT - self._shift
        if triangle <= offset.x < triangle + INDENT or event.chain == 2:
            self.action_toggle_fold()

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        event.stop()
        self.action_shift(-1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        event.stop()
        self.action_shift(1)
