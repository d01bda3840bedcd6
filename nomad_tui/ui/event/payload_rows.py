"""The rows of a payload on the Line API: what is open, where the cursor is, what is found, and what is masked.

The rows come from `core.payload`; a line is made of them when it is first drawn and kept until something that
shows in it changes. A line never holds more of a value than is on screen.
"""

from collections.abc import Mapping
from datetime import tzinfo
from typing import ClassVar, Final

from rich.segment import Segment
from textual.message import Message

from nomad_tui.core.changes import Mark
from nomad_tui.core.payload import (
    Folding,
    KeyOrder,
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
from nomad_tui.core.secrets import Masking
from nomad_tui.ui.event.find_line import Found
from nomad_tui.ui.event.payload_row import RowWriter
from nomad_tui.ui.event.row_view import INDENT, Pieces, RowView

_SEARCHED: Final = frozenset(("key", "string", "number", "sent", "boolean", "null", "raw"))
"""What is looked through, and so drawn highlighted where it matches."""
_MOST_HIGHLIGHTS: Final = 100
"""In one piece of a line."""


class PayloadRows(RowView):
    """The rows of one payload. What is open, the order of keys and the place of the cursor outlive the payload."""

    PREFIX = "payload-tree"
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
        "payload-tree--sent",
        "payload-tree--string",
        "payload-tree--time",
        "payload-tree--was",
        "payload-tree--was-noise",
    }

    class MaskingChanged(Message):
        """Another secret is revealed, or none: other views with the same `Masking` must redraw."""

    def __init__(self, *, timezone: tzinfo | None = None, than: str = "", id: str | None = None) -> None:  # noqa: A002
        """`than` is what ages are older than, such as `the end` of a recording; empty for the present."""
        super().__init__(id=id)
        self._than = than
        self.folding = Folding()
        self._order = KeyOrder.SORTED
        self._timezone = timezone
        self._in_utc = False
        self._payload: Payload | None = None
        self._without_secrets: RawText | None = None
        """Of a payload that is not JSON."""
        self._names: Names | None = None
        self._marks: Mapping[Path, Mark] | None = None
        self._masking = Masking()
        self._texts = Texts()
        self._rows = Rows()
        self._showing = Showing(self._rows, self._masking)
        self._wished_path: Path = ()
        """Where the reader last put the cursor, so that a payload without that path does not lose it."""
        self._now_ns = 0
        self._find: PayloadFind | None = None
        self._wanted: Wanted | None = None
        self._before_find: tuple[Path, int] | None = None
        """Where the reader was, by path and scrolled row, until what was found is kept."""
        self._opened_by_find: list[tuple[Path, bool | None]] = []
        self._writer: RowWriter | None = None

    def show(
        self,
        payload: Payload,
        now_ns: int,
        *,
        masking: Masking | None = None,
        names: Names | None = None,
        marks: Mapping[Path, Mark] | None = None,
    ) -> None:
        """Show another payload with the cursor on the same path and the same line of the screen, where it
        has that path. Ages are relative to `now_ns`.

        `masking` says what is masked, by default every secret; what it reveals is masked again with another payload.
        `names` gives the name of an object by topic and ID. With `marks`, also with none in it, there is a margin
        for them on the left.
        """
        line_of_cursor = self._cursor - self.scroll_offset.y
        is_other = self._payload is None or payload.value is not self._payload.value
        self._payload = payload
        self._now_ns = now_ns
        self._masking = masking if masking is not None else Masking()
        self._names = names
        self._marks = marks
        if is_other:
            self._masking.revealed = None
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
        self._masking.revealed = None
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
    def _in_payload(self) -> int:
        """The row under the cursor, or that of the string it was decoded from."""
        source = self._rows.decoded_from(self._cursor)
        return self._cursor if source is None else source

    def _flatten(self, path: Path) -> None:
        if self._payload is None:
            self._rows = Rows()
        else:
            hidden = self._without_secrets is not None and not self._masking.shows(())
            value = self._without_secrets if hidden else self._payload.value
            self._rows = flatten(value, self.folding, order=self._order, masking=self._masking)
        self._showing = Showing(self._rows, self._masking, self._texts)
        self._cursor = self._rows.find(path)
        self.set_row_count(len(self._rows))
        self._forget_strips()

    def _forget_strips(self) -> None:
        self._writer = None
        super()._forget_strips()

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def _pieces(self, row: int, width: int, is_whole: bool) -> Pieces:
        return self._rows_written.pieces(row, width, is_whole)

    def _triangle_at(self, row: int) -> int:
        return self._rows_written.margin + self._rows.depths[row] * INDENT

    def _parent_of(self, row: int) -> int:
        return self._rows.parents[row]

    @property
    def _rows_written(self) -> RowWriter:
        if self._writer is None:
            self._writer = RowWriter(
                self._showing,
                self._now_ns,
                self._timezone,
                self._names,
                self._marks,
                in_utc=self._in_utc,
                than=self._than,
            )
        return self._writer

    def _segments(self, text: str, component: str, has_cursor: bool) -> list[Segment]:
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

    def _leave_for(self, row: int) -> int:
        path = self._rows.path(row)
        self._conceal()
        return self._rows.find(path) if self._without_secrets is None else min(row, len(self._rows) - 1)

    def _arrived(self) -> None:
        self._wished_path = self._rows.path(self._cursor)

    def _can_set_open(self, row: int, is_open: bool) -> bool:
        if self._rows.is_open(row):
            return not is_open
        return is_open and (self._rows.is_foldable(row) or self._showing.decodable(row) is not None)

    def _set_open(self, row: int, is_open: bool) -> None:
        """Folds or unfolds a container; of a string that says something else, what it says."""
        if not self._can_set_open(row, is_open):
            return
        if self._rows.is_foldable(row):
            self.folding.set_open(self._rows.path(row), is_open)
            self._refold()
        else:
            self._set_decoded(row, is_open)

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

    def _say(self, text: str) -> None:
        self.notify(text, markup=False)

    def _conceal(self) -> None:
        """Mask again what was revealed: the cursor leaves it."""
        if self._masking.revealed is not None:
            self._masking.revealed = None
            self._report_masking()

    def _report_masking(self) -> None:
        if self._rows.decoded or self._without_secrets is not None:
            line = self._cursor
            self._flatten(self._rows.path(self._cursor))
            if self._without_secrets is not None:
                self._cursor = min(line, max(0, len(self._rows) - 1))
        self._forget_strips()
        self.post_message(self.MaskingChanged())

    def _finder(self) -> PayloadFind:
        """Of all rows, folded ones included; a revealed secret is not found."""
        if self._find is None:
            rows, masking = Rows(), Masking(self._masking.reveals_all)
            if self._payload is not None:
                is_raw = self._without_secrets is not None and not masking.reveals_all
                value = self._without_secrets if is_raw else self._payload.value
                rows = flatten(value, self.folding, order=self._order, masking=masking, everything=True)
            self._find = PayloadFind(rows, Showing(rows, masking, self._texts))
            if self._wanted is not None:
                self._find.look_for(self._wanted)
        return self._find

    def _forget_find(self) -> None:
        """The rows have changed: the next search looks at the new ones."""
        self._find = None
        if self._wanted is not None:
            self._tell_found()

    def _tell_found(self) -> None:
        find = self._finder()
        path = self._rows.path(self._cursor) if len(self._rows) else ()
        self.post_message(Found(find.number(path), find.count))

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

    def _go_to(self, path: Path) -> list[tuple[Path, bool | None]]:
        """Put the cursor on a path and open its parents; returns their previous state."""
        before: list[tuple[Path, bool | None]] = []
        row = self._rows.find(path)
        if self._rows.path(row) != path:
            before = self.folding.open_to(path)
            self._flatten(self._rows.path(self._cursor))
            row = self._rows.find(path)
        self._move_to(row)
        return before
