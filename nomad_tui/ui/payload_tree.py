"""A payload as a tree on the Line API: what is open, where the cursor is, and what of it is masked.

The rows come from `core.payload`; a line is made of them when it is first drawn and kept until something that
shows in it changes. A line never holds more of a value than is on screen.
"""

from collections.abc import Mapping
from datetime import tzinfo
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.strip import Strip

from nomad_tui.core.changes import Mark
from nomad_tui.core.paths import condition
from nomad_tui.core.payload import (
    Folding,
    KeyOrder,
    Kind,
    Names,
    Path,
    Payload,
    RawText,
    Rows,
    Showing,
    Texts,
    Value,
    flatten,
    without_secrets,
)
from nomad_tui.core.payload.find import PayloadFind, Wanted
from nomad_tui.core.secrets import MASK, Veil, masked
from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.ui.find_line import FindAsked, Found
from nomad_tui.ui.line_view import LineView
from nomad_tui.ui.payload_keys import PAYLOAD_HELP, PAYLOAD_KEYS
from nomad_tui.ui.payload_row import INDENT, RowWriter

_KEPT_STRIPS: Final = 2_000
"""Drawn lines that are kept; scrolling through more starts afresh."""

_MARGIN: Final = 16
"""Cells of a deep row that are brought into view with the cursor."""

_LONG_TEXT: Final = 300
"""Characters of a text without line feeds that is still better read in a window of its own."""

_SEARCHED: Final = frozenset(("key", "string", "number", "boolean", "null", "raw"))
"""What is looked through, and so drawn highlighted where it matches."""
_MOST_HIGHLIGHTS: Final = 100
"""In one piece of a line."""


class PayloadTree(LineView, can_focus=True):
    """The rows of one payload. What is open, the order of keys and where the cursor stands outlive the payload."""

    BINDING_GROUP_TITLE = "Payload"
    HELP = PAYLOAD_HELP
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
        "payload-tree--mark-added",
        "payload-tree--mark-beneath",
        "payload-tree--mark-changed",
        "payload-tree--mark-moved",
        "payload-tree--mark-removed",
        "payload-tree--masked",
        "payload-tree--match",
        "payload-tree--message",
        "payload-tree--null",
        "payload-tree--number",
        "payload-tree--raw",
        "payload-tree--string",
        "payload-tree--was",
        "payload-tree--was-noise",
    }
    BINDINGS: ClassVar[list[BindingType]] = PAYLOAD_KEYS

    class Narrow(Message):
        """The operator wants to see only events that have the value under the cursor, or only others."""

        def __init__(self, term: str) -> None:
            self.term = term
            """A term of the filter language."""
            super().__init__()

    class OpenText(Message):
        """The operator wants to read a text in a window of its own."""

        def __init__(self, title: str, text: str, path: Path) -> None:
            self.title = title
            """Where it stands; untrusted."""
            self.text = text
            """Untrusted, and without secrets unless the operator has asked for them."""
            self.path = path
            super().__init__()

    class Unveiled(Message):
        """Another secret is shown than before, or none: what is drawn under the same veil has to be drawn anew."""

    def __init__(self, *, timezone: tzinfo | None = None, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.folding = Folding()
        self._order = KeyOrder.SORTED
        self._timezone = timezone
        self._in_utc = False
        self._payload: Payload | None = None
        self._without_secrets: RawText | None = None
        """Of a payload that is not JSON."""
        self._names: Names | None = None
        self._marks: Mapping[Path, Mark] | None = None
        self._veil = Veil()
        self._texts = Texts()
        self._rows = Rows()
        self._showing = Showing(self._rows, self._veil)
        self._cursor = 0
        self._wished_path: Path = ()
        """Where the reader last put the cursor, so that a payload without that path does not lose it."""
        self._shift = 0
        """Characters of every line that are out of view on the left."""
        self._shifted_by_hand = False
        self._now_ns = 0
        self._find: PayloadFind | None = None
        self._wanted: Wanted | None = None
        self._before_find: tuple[Path, int] | None = None
        """Where the reader was, by path and scrolled row, until what was found is kept."""
        self._opened_by_find: list[tuple[Path, bool | None]] = []
        self._strips: dict[tuple[int, bool], Strip] = {}
        self._writer: RowWriter | None = None
        self._rich_styles: dict[tuple[str, bool], Style] = {}

    # What is shown

    def show(
        self,
        payload: Payload,
        now_ns: int,
        *,
        veil: Veil | None = None,
        names: Names | None = None,
        marks: Mapping[Path, Mark] | None = None,
    ) -> None:
        """Show another payload with the cursor on the same path and the same line of the screen, where it
        has that path. Ages are told relative to `now_ns`.

        `veil` says what is masked, by default every secret; what it reveals is masked again with another payload.
        `names` gives the name of an object by topic and ID. With `marks`, also with none in it, there is a margin
        for them on the left.
        """
        line_of_cursor = self._cursor - self.scroll_offset.y
        is_other = self._payload is None or payload.value is not self._payload.value
        self._payload = payload
        self._now_ns = now_ns
        self._veil = veil if veil is not None else Veil()
        self._names = names
        self._marks = marks
        if is_other:
            self._veil.revealed = None
            self._texts = Texts()
            raw = payload.value if isinstance(payload.value, RawText) else None
            self._without_secrets = None if raw is None else without_secrets(raw)
            self._opened_by_find.clear()
        self._flatten(self._wished_path)
        self._forget_find()
        self.scroll_to(y=self._cursor - line_of_cursor, animate=False)
        if 0 <= line_of_cursor < self._height:
            self._bring_cursor_into_view()

    def clear(self) -> None:
        """Show nothing; what is open and where the cursor was are kept for the next payload."""
        self._payload = self._without_secrets = None
        self._veil.revealed = None
        self._flatten(())
        self._forget_find()

    def tell_ages(self, now_ns: int) -> None:
        """Tell ages relative to another moment."""
        self._now_ns = now_ns
        self._forget_strips()

    @property
    def rows(self) -> Rows:
        return self._rows

    @property
    def order(self) -> KeyOrder:
        return self._order

    @order.setter
    def order(self, order: KeyOrder) -> None:
        self._order = order
        self._refold()
        self._forget_find()

    @property
    def cursor_path(self) -> Path:
        """The path in the payload of what is under the cursor: of a decoded row, of the string it was decoded from.
        Empty when nothing is shown."""
        return self._rows.path(self._in_payload) if len(self._rows) else ()

    @property
    def cursor_value(self) -> Value:
        """The value at `cursor_path` as it was sent, secret or not; None when nothing is shown, as for a null."""
        return self._rows.values[self._in_payload] if len(self._rows) else None

    @property
    def cursor_is_decoded(self) -> bool:
        return bool(len(self._rows)) and self._rows.decoded_from(self._cursor) is not None

    @property
    def decoded_value(self) -> Value:
        """What stands under the cursor beneath a decoded string, with its secrets masked unless they are shown; None
        where the cursor is not beneath one."""
        if not self.cursor_is_decoded:
            return None
        row, rows = self._cursor, self._rows
        if rows.kind(row) is Kind.RAW:
            return self._showing.text(row)
        if self._veil.shows(rows.path(row)):
            return rows.values[row]
        return masked(rows.values[row], MASK, secret=rows.secret[row])

    @property
    def _in_payload(self) -> int:
        """The row under the cursor, or that of the string it was decoded from."""
        source = self._rows.decoded_from(self._cursor)
        return self._cursor if source is None else source

    def _flatten(self, path: Path) -> None:
        if self._payload is None:
            self._rows = Rows()
        else:
            hidden = self._without_secrets is not None and not self._veil.shows(())
            value = self._without_secrets if hidden else self._payload.value
            self._rows = flatten(value, self.folding, order=self._order, veil=self._veil)
        self._showing = Showing(self._rows, self._veil, self._texts)
        self._cursor = self._rows.find(path)
        self.set_row_count(len(self._rows))
        self._forget_strips()

    def _forget_strips(self) -> None:
        self._strips.clear()
        self._writer = None
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

    def _rich_style(self, components: str, has_cursor: bool) -> Style:
        """Of one component or several, separated by a space."""
        style = self._rich_styles.get((components, has_cursor))
        if style is None:
            classes = [f"payload-tree--{component}" for component in components.split()]
            if has_cursor:
                classes.append("payload-tree--cursor")
            style = self._rich_styles[components, has_cursor] = self.get_visual_style(*classes).rich_style
        return style

    @property
    def _rows_written(self) -> RowWriter:
        if self._writer is None:
            self._writer = RowWriter(
                self._showing, self._now_ns, self._timezone, self._names, self._marks, in_utc=self._in_utc
            )
        return self._writer

    def _draw(self, row: int, has_cursor: bool, width: int) -> Strip:
        segments: list[Segment] = []
        hidden, cells, is_cut = self._shift, 0, False
        for component, piece in self._rows_written.pieces(row, width, bool(self._shift)):
            if hidden >= len(piece):
                hidden -= len(piece)
                continue
            end = hidden + width - cells + 1
            text = printable(piece[hidden:end])
            is_cut = end < len(piece)
            hidden = 0
            cells += cell_len(text)
            segments.extend(self._highlighted(text, component, has_cursor))
            if is_cut or cells > width:
                break
        strip = Strip(segments, cells)
        if is_cut or cells > width:
            strip = strip.crop(0, max(0, min(cells, width - 1)))
            last = Segment(ELLIPSIS, segments[-1].style)
            strip = Strip([*strip, last], strip.cell_length + 1)
        return strip.adjust_cell_length(width, self._rich_style("", has_cursor))

    def _highlighted(self, text: str, component: str, has_cursor: bool) -> list[Segment]:
        style = self._rich_style(component, has_cursor)
        if self._wanted is None or component not in _SEARCHED:
            return [Segment(text, style)]
        segments: list[Segment] = []
        match = self._rich_style(f"{component} match", has_cursor)
        at = 0
        for start, end in self._wanted.spans(text, _MOST_HIGHLIGHTS):
            segments += (Segment(text[at:start], style), Segment(text[start:end], match))
            at = end
        segments.append(Segment(text[at:], style))
        return [segment for segment in segments if segment.text]

    # Moving

    def _move_to(self, row: int) -> None:
        if not len(self._rows):
            return
        row = max(0, min(row, len(self._rows) - 1))
        if row != self._cursor:
            path = self._rows.path(row)
            self._conceal()
            row = self._rows.find(path) if self._without_secrets is None else min(row, len(self._rows) - 1)
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
        key_at = self._rows_written.margin + self._rows.depths[self._cursor] * INDENT
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
        longest = max(
            (sum(len(piece) for _, piece in self._rows_written.pieces(row, width, True)) for row in in_view), default=0
        )
        step = max(1, width // 2)
        most = -(-max(0, longest - width) // step) * step
        self._set_shift(max(0, min(self._shift + direction * step, max(most, self._shift))))
        self._shifted_by_hand = self._shift > 0

    # Folding

    def _set_open(self, row: int, is_open: bool) -> None:
        if self._rows.is_foldable(row) and self._rows.is_open(row) != is_open:
            self.folding.set_open(self._rows.path(row), is_open)
            self._refold()

    def _set_decoded(self, row: int, is_decoded: bool) -> None:
        self.folding.set_decoded(self._rows.path(row), is_decoded)
        self._refold()
        self._forget_find()

    def _refold(self) -> None:
        path = self._rows.path(self._cursor) if len(self._rows) else ()
        self._flatten(path)
        self._wished_path = self._rows.path(self._cursor) if len(self._rows) else ()
        if self._wished_path != path:
            self._conceal()
        self._bring_cursor_into_view()

    def action_open(self) -> None:
        """Fold or unfold a container, decode a string that says something else, open a long text."""
        if not len(self._rows):
            return
        row = self._cursor
        if self._rows.is_foldable(row):
            self._set_open(row, not self._rows.is_open(row))
        elif self._rows.is_open(row) or self._showing.decodable(row) is not None:
            self._set_decoded(row, not self._rows.is_open(row))
        elif self._rows.kind(row) is Kind.STRING and (
            self._showing.line_count(row) > 1 or len(str(self._rows.values[row])) > _LONG_TEXT
        ):
            self.action_view_text()
        elif self._showing.hides(row):
            self._say("This is a secret: x shows it first.")

    def action_view_text(self) -> None:
        if not len(self._rows):
            return
        row = self._in_payload
        if self._showing.hides(row):
            self._say("This is a secret: x shows it first.")
        elif self._rows.kind(row) is Kind.STRING:
            path = self._rows.path(row)
            self.post_message(self.OpenText(".".join(map(str, path)), self._showing.text(row), path))
        else:
            self._say("Only a text can be read in a window of its own: this is none.")

    def action_fold_or_parent(self) -> None:
        if not len(self._rows):
            return
        row = self._cursor
        if self._rows.is_open(row):
            if self._rows.is_foldable(row):
                self._set_open(row, False)
            else:
                self._set_decoded(row, False)
        elif self._rows.parents[row] >= 0:
            self._move_to(self._rows.parents[row])

    def action_unfold_or_child(self) -> None:
        if not len(self._rows):
            return
        row = self._cursor
        if self._rows.is_open(row):
            self._move_to(row + 1)
        elif self._rows.is_foldable(row):
            self._set_open(row, True)
        elif self._showing.decodable(row) is not None:
            self._set_decoded(row, True)

    def action_fold_siblings(self, is_open: bool) -> None:
        if len(self._rows):
            self.folding.set_children_open(self._rows.path(self._cursor)[:-1], is_open)
            self._refold()

    def action_unfold_level(self) -> None:
        depth = self._rows.shallowest_closed()
        if depth is not None:
            self.folding.open_levels(depth + 1)
            self._refold()

    def action_fold_level(self) -> None:
        depth = self._rows.deepest_open()
        if depth is not None:
            self.folding.close_levels(depth)
            self._refold()

    def action_unfold_beneath(self) -> None:
        if len(self._rows) and self._rows.is_foldable(self._cursor):
            self.folding.open_all(self._rows.path(self._cursor))
            self._refold()

    def action_unfold_all(self) -> None:
        if len(self._rows):
            self.folding.open_all(())
            self._refold()

    def action_fold_all(self) -> None:
        if len(self._rows):
            self.folding.close_all()
            self._set_shift(0)
            self._refold()
            self._forget_find()

    def action_order(self) -> None:
        self.order = KeyOrder.DOCUMENTED if self._order is KeyOrder.SORTED else KeyOrder.SORTED
        self._say(
            "Keys stand as Nomad's documentation lists them."
            if self._order is KeyOrder.DOCUMENTED
            else "Keys are sorted."
        )

    def action_utc(self) -> None:
        self._in_utc = not self._in_utc
        self._forget_strips()

    def _say(self, text: str) -> None:
        self.notify(text, markup=False)

    # Secrets

    def action_reveal(self) -> None:
        """Show the secret under the cursor, with all beneath it; mask it again if it is shown."""
        if not len(self._rows):
            return
        if self._veil.lifted:
            self._say("Every secret is shown already: nomad-tui was started with --reveal.")
            return
        if self._veil.revealed is not None:
            self._conceal()
            return
        path: Path = ()
        if self._without_secrets is not None and self._payload is not None:
            is_hidden = self._without_secrets != self._payload.value
        else:
            is_hidden, path = self._showing.hides_beneath(self._cursor), self._rows.path(self._cursor)
        if not is_hidden:
            self._say("Nothing is masked here.")
            return
        self._veil.revealed = path
        self._unveil()

    def _conceal(self) -> None:
        """Mask again what was revealed: the cursor leaves it."""
        if self._veil.revealed is not None:
            self._veil.revealed = None
            self._unveil()

    def _unveil(self) -> None:
        if self._rows.decoded or self._without_secrets is not None:
            line = self._cursor
            self._flatten(self._rows.path(self._cursor))
            if self._without_secrets is not None:
                self._cursor = min(line, max(0, len(self._rows) - 1))
        self._forget_strips()
        self.post_message(self.Unveiled())

    # Finding

    def _finder(self) -> PayloadFind:
        """Of all rows, whatever is folded; what is revealed for the moment is not found."""
        if self._find is None:
            rows, veil = Rows(), Veil(self._veil.lifted)
            if self._payload is not None:
                is_raw = self._without_secrets is not None and not veil.lifted
                value = self._without_secrets if is_raw else self._payload.value
                rows = flatten(value, self.folding, order=self._order, veil=veil, everything=True)
            self._find = PayloadFind(rows, Showing(rows, veil, self._texts))
            if self._wanted is not None:
                self._find.look_for(self._wanted)
        return self._find

    def _forget_find(self) -> None:
        """The rows have become others; what is looked for is looked for among them, when next asked."""
        self._find = None
        if self._wanted is not None:
            self._tell_found()

    def _tell_found(self) -> None:
        find = self._finder()
        path = self._rows.path(self._cursor) if len(self._rows) else ()
        self.post_message(Found(find.number(path), find.count))

    def action_find(self) -> None:
        self.post_message(FindAsked())

    def begin_find(self) -> None:
        path = self._rows.path(self._cursor) if len(self._rows) else ()
        self._before_find = path, int(self.scroll_offset.y)
        self._finder()

    def look_for(self, wanted: Wanted) -> None:
        self._undo_find()
        self._wanted = wanted if wanted.source else None
        find = self._finder()
        find.look_for(wanted)
        self._forget_strips()
        if self._wanted is None:
            return
        if find.count:
            path = self._rows.path(self._cursor) if len(self._rows) else ()
            self._opened_by_find = self._go_to(find.from_here(path))
        self._tell_found()

    def _undo_find(self) -> None:
        """Back to where the reader was before anything was typed."""
        if self._opened_by_find:
            self.folding.restore(self._opened_by_find)
            self._opened_by_find = []
            self._flatten(self._rows.path(self._cursor))
        if self._before_find is not None:
            path, top = self._before_find
            self._move_to(self._rows.find(path))
            self.scroll_to(y=top, animate=False)

    def keep_find(self) -> None:
        self._before_find = None
        self._opened_by_find = []

    def end_find(self) -> None:
        self._undo_find()
        self._before_find = None
        self._wanted = None
        self._forget_strips()

    def action_find_next(self, step: int) -> None:
        if self._wanted is None:
            self._say("Nothing is looked for yet: / looks for something.")
            return
        find = self._finder()
        if find.count:
            self._go_to(find.next(self._rows.path(self._cursor), step))
        self._tell_found()

    def _go_to(self, path: Path) -> list[tuple[Path, bool | None]]:
        """Put the cursor on a path and open what it stands in; gives what was known of that before."""
        before: list[tuple[Path, bool | None]] = []
        row = self._rows.find(path)
        if self._rows.path(row) != path:
            before = self.folding.open_to(path)
            self._flatten(self._rows.path(self._cursor))
            row = self._rows.find(path)
        self._move_to(row)
        return before

    def action_change(self, step: int) -> None:
        """Go to the next thing that is marked as changed."""
        if not len(self._rows) or self._marks is None:
            return
        changed = [
            path for path, mark in self._marks.items() if (mark.kind is not None or mark.removed) and not mark.is_noise
        ]
        path = self._finder().next_of(changed, self._rows.path(self._cursor), step)
        if path is None:
            self._say("Nothing has changed since the event before.")
        else:
            self._go_to(path)

    # Filtering

    def action_narrow(self, only: bool) -> None:
        if len(self._rows) and self._showing.is_masked(self._in_payload):
            self._say("This is a secret: x shows it first.")
            return
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
        triangle = self._rows_written.margin + self._rows.depths[row] * INDENT - self._shift
        if triangle <= offset.x < triangle + INDENT or event.chain == 2:
            self.action_open()

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        event.stop()
        self.action_shift(-1)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        event.stop()
        self.action_shift(1)
