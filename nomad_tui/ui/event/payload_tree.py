"""A payload as a tree, drawn with the Line API, and the actions on its rows.

A line is rendered when it is first drawn, and cached until something that it shows changes. Only the visible part of
each value is rendered.
"""

from collections.abc import Mapping
from datetime import tzinfo
from typing import ClassVar, Final

from rich.segment import Segment
from textual.binding import BindingType
from textual.message import Message

from nomad_tui.core.changes import Mark
from nomad_tui.core.payload import Folding, Kind, Names, Path, Payload, Rows, Value
from nomad_tui.core.payload.find import Wanted
from nomad_tui.core.payload.flattening import KeyOrder
from nomad_tui.core.search.paths import condition
from nomad_tui.core.secrets import Masking
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.event.find_line import FindAsked, Found
from nomad_tui.ui.event.row_view import INDENT, Pieces, RowView
from nomad_tui.ui.event.shown_payload import ShownPayload
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.line_view import component_classes

_LONG_TEXT: Final = 300
"""Characters above which a text without line feeds is opened in a window, too."""
_SEARCHED: Final = frozenset(("key", "string", "number", "sent", "boolean", "null", "raw"))
"""Components that the search covers, in which matches are highlighted."""
_MAX_HIGHLIGHTS: Final = 100
"""Maximum number of highlighted matches in one piece of a line."""
_IS_SECRET: Final = "This is a secret: press {tree.reveal} to reveal it first."


class PayloadTree(RowView):
    """Posts messages for the operator's actions; the screen handles them."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE, Context.ROWS, Context.SCROLL, Context.TREE)
    PREFIX = "payload-tree"
    COMPONENT_CLASSES: ClassVar[set[str]] = component_classes(
        "payload-tree",
        "annotation boolean count cursor guide key label mark-added mark-beneath mark-changed mark-moved "
        "mark-removed masked match message null number raw sent string time was was-noise",
    )

    class MaskingChanged(Message):
        """The revealed secret has changed: other views with the same `Masking` must redraw."""

    class Narrow(Message):
        """The operator asks to show only events with the value under the cursor, or only those without it."""

        def __init__(self, term: str) -> None:
            self.term = term
            """A term of the filter language."""
            super().__init__()

    class OpenText(Message):
        """The operator asks to open a text in a window."""

        def __init__(self, title: str, text: str, path: Path) -> None:
            self.title = title
            """Its path; untrusted."""
            self.text = text
            """Untrusted; secrets are masked unless the operator has revealed them."""
            self.path = path
            super().__init__()

    def __init__(self, *, timezone: tzinfo | None = None, than: str = "", id: str | None = None) -> None:  # noqa: A002
        """`than` names what ages are relative to, such as `the end` of a recording; empty for the present."""
        super().__init__(id=id)
        self._shown = ShownPayload(timezone, than)
        self._wanted_path: Path = ()
        """Where the operator last moved the cursor; kept while payloads without that path are shown."""
        self._before_find: tuple[Path, int] | None = None
        """Path of the cursor and scroll position before the search; None once the match is kept."""
        self._opened_by_find: list[tuple[Path, bool | None]] = []

    def show(
        self,
        payload: Payload,
        now_ns: int,
        *,
        masking: Masking | None = None,
        names: Names | None = None,
        marks: Mapping[Path, Mark] | None = None,
    ) -> None:
        """Show another payload, with the cursor on the same path and line of the screen if it has that path.

        Ages are relative to `now_ns`. `masking` masks every secret by default; another payload masks a revealed one
        again. `names` returns the name of an object by topic and ID. `marks`, even if empty, add a margin.
        """
        line_of_cursor = self._cursor - self.scroll_offset.y
        if self._shown.show(payload, now_ns, masking if masking is not None else Masking(), names, marks):
            self._opened_by_find.clear()
        self._update_rows(self._wanted_path)
        self._reset_find()
        self.scroll_to(y=self._cursor - line_of_cursor, animate=False)
        if 0 <= line_of_cursor < self._height:
            self._scroll_to_cursor()

    def clear(self) -> None:
        """Show nothing; the folding and the cursor's path are kept for the next payload."""
        self._shown.clear()
        self._update_rows(())
        self._reset_find()

    def show_ages(self, now_ns: int) -> None:
        """Show ages relative to another time, in ns since 1970."""
        self._shown.show_ages(now_ns)
        self._clear_strips()

    @property
    def folding(self) -> Folding:
        return self._shown.folding

    @property
    def rows(self) -> Rows:
        return self._shown.rows

    @property
    def row_count(self) -> int:
        return len(self.rows)

    @property
    def order(self) -> KeyOrder:
        return self._shown.order

    @order.setter
    def order(self, order: KeyOrder) -> None:
        self._shown.order = order
        self._refold()
        self._reset_find()

    @property
    def cursor_row(self) -> int:
        """The row under the cursor; 0 if there is none."""
        return self._cursor

    @property
    def cursor_path(self) -> Path:
        """The path in the payload of the row under the cursor; for a decoded row, of the string it was decoded from.
        Empty if nothing is shown."""
        return self.rows.path(self._in_payload) if self.row_count else ()

    @property
    def cursor_value(self) -> Value:
        """The value at `cursor_path` as it was sent, secret or not; None for null, and if nothing is shown."""
        return self.rows.values[self._in_payload] if self.row_count else None

    @property
    def _in_payload(self) -> int:
        return self._shown.row_in_payload(self._cursor)

    @property
    def _path(self) -> Path:
        """The path of the row under the cursor, decoded or not."""
        return self.rows.path(self._cursor) if self.row_count else ()

    # Rows

    def _update_rows(self, path: Path) -> None:
        """Shows the current rows, with the cursor on `path`."""
        self._cursor = self.rows.find(path)
        self.set_row_count(self.row_count)
        self._clear_strips()

    def _refold(self) -> None:
        path = self._path
        self._shown.flatten()
        self._update_rows(path)
        self._wanted_path = self._path
        if self._wanted_path != path:
            self._mask_revealed()
        self._scroll_to_cursor()

    def _pieces(self, row: int, width: int, is_whole: bool) -> Pieces:
        return self._shown.writer.pieces(row, width, is_whole)

    def _triangle_at(self, row: int) -> int:
        return self._shown.writer.margin + self.rows.depths[row] * INDENT

    def _parent_of(self, row: int) -> int:
        return self.rows.parents[row]

    def _segments(self, text: str, component: str, has_cursor: bool) -> list[Segment]:
        style = self._rich_style(component, has_cursor)
        wanted = self._shown.wanted
        if wanted is None or component not in _SEARCHED:
            return [Segment(text, style)]
        segments: list[Segment] = []
        match = self._rich_style(f"{component} match", has_cursor)
        at = 0
        for start, end in wanted.spans(text, _MAX_HIGHLIGHTS):
            segments += (Segment(text[at:start], style), Segment(text[start:end], match))
            at = end
        segments.append(Segment(text[at:], style))
        return [segment for segment in segments if segment.text]

    def _before_move(self, row: int) -> int:
        path = self.rows.path(row)
        self._mask_revealed()
        return min(row, self.row_count - 1) if self._shown.is_text else self.rows.find(path)

    def _cursor_moved(self) -> None:
        self._wanted_path = self._path

    def _can_set_open(self, row: int, is_open: bool) -> bool:
        return self._shown.can_set_open(row, is_open)

    def _set_open(self, row: int, is_open: bool) -> None:
        """Folds or unfolds a container, or the decoded content of a string."""
        if not self._can_set_open(row, is_open):
            return
        if self.rows.is_foldable(row):
            self.folding.set_open(self.rows.path(row), is_open)
            self._refold()
        else:
            self.folding.set_decoded(self.rows.path(row), is_open)
            self._refold()
            self._reset_find()

    def _notify(self, text: str) -> None:
        self.notify(keymap_of(self.app).text(text), markup=False)

    # Secrets

    def _mask_revealed(self) -> None:
        """Mask the revealed secret again, because the cursor leaves it."""
        if self._shown.masking.revealed is not None:
            self._reveal(None)

    def _reveal(self, path: Path | None) -> None:
        self._shown.masking.revealed = path
        if self._shown.changes_when_revealed:
            line = self._cursor
            path = self._path
            self._shown.flatten()
            self._update_rows(path)
            if self._shown.is_text:
                self._cursor = min(line, max(0, self.row_count - 1))
        self._shown.clear_writer()
        self._clear_strips()
        self.post_message(self.MaskingChanged())

    # Searching

    def _reset_find(self) -> None:
        """Discard the search after a change of the rows; the next one uses the new rows."""
        self._shown.forget_find()
        if self._shown.wanted is not None:
            self._report_found()

    def _report_found(self) -> None:
        find = self._shown.find
        self.post_message(Found(find.number(self._path), find.count))

    def begin_find(self) -> None:
        self._before_find = self._path, int(self.scroll_offset.y)

    def look_for(self, wanted: Wanted) -> None:
        self._undo_find()
        find = self._shown.look_for(wanted)
        self._clear_strips()
        if self._shown.wanted is None:
            return
        if find.count:
            self._opened_by_find = self._go_to(find.from_here(self._path))
        self._report_found()

    def _undo_find(self) -> None:
        """Return to the position before the search."""
        if self._opened_by_find:
            path = self._path
            self.folding.restore(self._opened_by_find)
            self._opened_by_find = []
            self._shown.flatten()
            self._update_rows(path)
        if self._before_find is not None:
            path, top = self._before_find
            self._move_to(self.rows.find(path))
            self.scroll_to(y=top, animate=False)

    def keep_find(self) -> None:
        self._before_find = None
        self._opened_by_find = []

    def end_find(self) -> None:
        self._undo_find()
        self._before_find = None
        self._shown.wanted = None
        self._clear_strips()

    def _go_to(self, path: Path) -> list[tuple[Path, bool | None]]:
        """Move the cursor to a path and unfold its parents; returns their previous state."""
        before: list[tuple[Path, bool | None]] = []
        row = self.rows.find(path)
        if self.rows.path(row) != path:
            here = self._path
            before = self.folding.open_to(path)
            self._shown.flatten()
            self._update_rows(here)
            row = self.rows.find(path)
        self._move_to(row)
        return before

    # Keys

    def _toggle(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """Fold or unfold a container, decode a string, or open a long text."""
        if not self.row_count:
            return
        row = self._cursor
        is_open = self.rows.is_open(row)
        if self._can_set_open(row, not is_open):
            self._set_open(row, not is_open)
        elif self.rows.kind(row) is Kind.STRING and (
            self._shown.showing.line_count(row) > 1 or len(str(self.rows.values[row])) > _LONG_TEXT
        ):
            self.action_view_text()
        elif self._shown.showing.hides(row):
            self._notify(_IS_SECRET)

    def action_view_text(self) -> None:
        if not self.row_count:
            return
        row = self._in_payload
        if self._shown.showing.hides(row):
            self._notify(_IS_SECRET)
        elif self.rows.kind(row) is Kind.STRING:
            path = self.rows.path(row)
            self.post_message(self.OpenText(".".join(map(str, path)), self._shown.showing.text(row), path))
        else:
            self._notify("Only texts open in a window; this is not a text.")

    def action_fold_siblings(self, is_open: bool) -> None:
        if self.row_count:
            self.folding.set_children_open(self._path[:-1], is_open)
            self._refold()

    def action_unfold_level(self) -> None:
        depth = self.rows.shallowest_closed()
        if depth is not None:
            self.folding.open_levels(depth + 1)
            self._refold()

    def action_fold_level(self) -> None:
        depth = self.rows.deepest_open()
        if depth is not None:
            self.folding.close_levels(depth)
            self._refold()

    def action_unfold_beneath(self) -> None:
        if self.row_count and self.rows.is_foldable(self._cursor):
            self.folding.open_all(self._path)
            self._refold()

    def action_unfold_all(self) -> None:
        if self.row_count:
            self.folding.open_all(())
            self._refold()

    def action_fold_all(self) -> None:
        if self.row_count:
            self.folding.close_all()
            self._set_shift(0)
            self._refold()
            self._reset_find()

    def action_order(self) -> None:
        self.order = KeyOrder.DOCUMENTED if self.order is KeyOrder.SORTED else KeyOrder.SORTED
        self._notify(
            "Keys are in the order of Nomad's documentation."
            if self.order is KeyOrder.DOCUMENTED
            else "Keys are sorted."
        )

    def action_utc(self) -> None:
        self._shown.in_utc = not self._shown.in_utc
        self._shown.clear_writer()
        self._clear_strips()

    def action_reveal(self) -> None:
        """Reveal the secret under the cursor and everything below it, or mask it again."""
        if not self.row_count:
            return
        if self._shown.masking.reveals_all:
            self._notify("Secrets are already shown: nomad-tui runs with --reveal.")
            return
        if self._shown.masking.revealed is not None:
            self._mask_revealed()
            return
        if (path := self._shown.secret_at(self._cursor)) is None:
            self._notify("No secret here.")
        else:
            self._reveal(path)

    def action_find(self) -> None:
        self.post_message(FindAsked())

    def action_find_next(self, step: int) -> None:
        if self._shown.wanted is None:
            self._notify("No search yet: press {tree.find} to search.")
            return
        if self._shown.find.count:
            self._go_to(self._shown.find.next(self._path, step))
        self._report_found()

    def action_change(self, step: int) -> None:
        """Go to the next path that is marked as changed."""
        if not self.row_count or self._shown.marks is None:
            return
        path = self._shown.find.next_of(self._shown.changed_paths(), self._path, step)
        if path is None:
            self._notify("No changes since the previous event.")
        else:
            self._go_to(path)

    def action_narrow(self, only: bool) -> None:
        if self.row_count and self._shown.showing.is_masked(self._in_payload):
            self._notify(_IS_SECRET)
            return
        term = condition(self.cursor_path, self.cursor_value) if self.row_count else None
        if term is None:
            self._notify("This value cannot be a filter: it is too long, too deep or not in a JSON object.")
        else:
            self.post_message(self.Narrow(term if only else f"not {term}"))
