"""The changes from an earlier event as a foldable list, drawn with the Line API.

The rows come from `core.changes`; a line is rendered when it is first drawn, and cached until something that it shows
changes. The event's masking applies to every value.
"""

from collections.abc import Iterator
from datetime import tzinfo
from textwrap import wrap
from typing import ClassVar, Final

from textual.binding import BindingType
from textual.message import Message

from nomad_tui.core.changes import Change, ChangeKind, Changes, Place
from nomad_tui.core.changes.model import TextLine
from nomad_tui.core.changes.row_texts import LONGEST_SHOWN, event_of, hides, shown_value, title
from nomad_tui.core.changes.rows import ChangeRows, ChangesFolding, Item, Member, changes_lines, rows_of
from nomad_tui.core.objects.registry import kind as kind_of
from nomad_tui.core.payload import SEPARATOR, Members, Number, Path, RawText, Value, annotation, is_time
from nomad_tui.core.secrets import MASK, Masking
from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.event.row_view import INDENT, Pieces, RowView
from nomad_tui.ui.keymap import keymap_of
from nomad_tui.ui.line_view import component_classes

NOTHING_EARLIER: Final = "No earlier event of this object in memory."

_ALIKE: Final = 12
"""Length of the common start of two long texts above which it is shortened."""
_ALIKE_KEPT: Final = 4
"""Characters of a shortened common start that are kept before the first difference."""

_SIGNS: Final = {
    ChangeKind.ADDED: ("added", "+ "),
    ChangeKind.REMOVED: ("removed", "- "),
    ChangeKind.CHANGED: ("changed", "± "),
    ChangeKind.MOVED: ("moved", "↕ "),
}
_LINE_SIGNS: Final = {"+": "added", "-": "removed", "@": "count", " ": "context"}


class ChangesView(RowView):
    """The changes of one event. The folding and the cursor's path are kept for the next event."""

    PREFIX = "changes"
    COMPONENT_CLASSES: ClassVar[set[str]] = component_classes(
        "changes",
        "added after annotation arrow before changed context count cursor guide moved name noise note removed way word",
    )
    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.MOVE, Context.ROWS, Context.SCROLL, Context.CHANGES)

    class Reveal(Message):
        """The operator asks to reveal the secret under the cursor; the inspector does so and calls `redraw`."""

        def __init__(self, path: Path) -> None:
            self.path = path
            """For `Masking.revealed`; for a removed value, a path that is not in the event's own payload."""
            super().__init__()

    def __init__(self, *, timezone: tzinfo | None = None, than: str = "", id: str | None = None) -> None:  # noqa: A002
        """`than` names what ages are relative to, such as `the end` of a recording; empty for the present."""
        super().__init__(id=id)
        self._than = than
        self.folding = ChangesFolding()
        self.shows_noise = False
        self._timezone = timezone
        self._changes: Changes | None = None
        self._compared_with = ""
        self._masking = Masking()
        self._topic = ""
        self._is_empty = True
        self._rows = ChangeRows()
        self._wanted_path: Path = ()
        self._now_ns = 0

    # What is shown

    def show(self, changes: Changes | None, compared_with: str, masking: Masking, topic: str, now_ns: int) -> None:
        """Show what changed, with the cursor on the same path if there is a change.

        `compared_with` is a sentence about the earlier event, or if `changes` is None, about why there is none;
        untrusted. `topic` is the name as in Nomad's releases. Ages are relative to `now_ns`.
        """
        self._changes = changes
        self._compared_with = compared_with
        self._masking = masking
        self._topic = topic
        self._now_ns = now_ns
        self._is_empty = False
        self._flatten(self._wanted_path)
        self.scroll_to(y=0, animate=False)
        self._scroll_to_cursor()

    def clear(self) -> None:
        """Show nothing; the folding and the cursor's path are kept for the next event."""
        self._changes = None
        self._is_empty = True
        self._flatten(())

    def redraw(self) -> None:
        """Redraw after the revealed secret has changed."""
        self._flatten(self._path_of_cursor)

    def show_ages(self, now_ns: int) -> None:
        """Show ages relative to another time, in ns since 1970."""
        self._now_ns = now_ns
        self._clear_strips()

    @property
    def rows(self) -> ChangeRows:
        return self._rows

    @property
    def cursor_row(self) -> int:
        """The row under the cursor; 0 if there is none."""
        return self._cursor

    @property
    def cursor_path(self) -> Path | None:
        """The path in the later payload of the row under the cursor; None if it was removed, or if there is no row."""
        if not len(self._rows) or self._rows.are_gone[self._cursor]:
            return None
        return self._path_of_cursor

    @property
    def cursor_value(self) -> Value:
        """The value under the cursor in the later payload, or the removed one in the earlier payload, or None."""
        if not len(self._rows):
            return None
        row = self._cursor
        while isinstance(item := self._rows.items[row], TextLine):
            row = self._rows.parents[row]
        if isinstance(item, Member):
            return item.value
        return item.before if isinstance(item, Change) and item.kind is ChangeKind.REMOVED else item.after

    @property
    def _path_of_cursor(self) -> Path:
        return self._rows.path(self._cursor) if len(self._rows) else ()

    def _flatten(self, path: Path) -> None:
        self._rows = ChangeRows()
        if self._changes is not None:
            self._rows = rows_of(self._changes, self.folding, self._masking, self.shows_noise)
        self._cursor = self._rows.find(path)
        self._note()
        self._clear_strips()

    def _note(self) -> None:
        """Wrap the sentences above the rows at the pane's width."""
        width = max(10, self._width)
        self._lines_above = [line for sentence in self._sentences() for line in wrap(printable(sentence), width)]
        self.set_row_count(len(self._lines_above) + len(self._rows))

    def _sentences(self) -> list[str]:
        if self._is_empty:
            return []
        changes = self._changes
        if changes is None:
            return [self._compared_with or NOTHING_EARLIER]
        noise = changes.noise
        hint = "" if self.shows_noise else keymap_of(self.app).text(" ({changes.bookkeeping} to show)")
        fields = f"{noise:,} bookkeeping field{'s' if noise > 1 else ''}"
        if not noise:
            return [self._compared_with] if changes.count else [self._compared_with, "No changes."]
        if not changes.count:
            return [
                self._compared_with,
                f"Only {fields} changed{hint}.",
            ]
        hidden = "" if self.shows_noise else f"{fields} hidden{hint}."
        return [self._compared_with, hidden]

    def on_resize(self) -> None:
        before = self._lines_above
        self._note()
        if self._lines_above != before:
            self._clear_strips()

    # Rows

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def _triangle_at(self, row: int) -> int:
        return self._rows.depths[row] * INDENT

    def _parent_of(self, row: int) -> int:
        return self._rows.parents[row]

    def _pieces(self, row: int, width: int, is_whole: bool) -> Pieces:
        """Masks secrets, and truncates values unless the view is scrolled sideways (`is_whole`)."""
        rows, item = self._rows, self._rows.items[row]
        triangle = ("▼ " if rows.are_open[row] else "▶ ") if rows.are_foldable[row] else "  "
        guide = " " * (rows.depths[row] * INDENT) + triangle
        is_noise = item.count == 0 if isinstance(item, Place) else isinstance(item, Change) and item.is_noise
        used = len(guide)
        yield "guide", guide
        for component, text in self._row_pieces(row, item):
            if component == "values":
                for inner, piece in self._values(row, item, 0 if is_whole else width - used):
                    yield "noise" if is_noise else inner, piece
                return
            used += len(text)
            yield "noise" if is_noise else component, text

    def _row_pieces(self, row: int, item: Item) -> Iterator[tuple[str, str]]:
        """Sign and name; then the component `values` where the values start."""
        if isinstance(item, TextLine):
            component = _LINE_SIGNS[item.sign]
            yield component, f"{item.sign if item.sign != '@' else '⋯'} {item.text}"
            return
        kind = ChangeKind.CHANGED if isinstance(item, Place) else item.kind
        yield _SIGNS[kind]
        event = event_of(item)
        if event is not None:
            note = annotation(event.time_key, event.time, self._now_ns, self._timezone, than=self._than)
            yield "name", event.type_
            yield "after", f"  {event.message}" if event.message else ""
            yield "annotation", f"  {note if note is not None else event.time}"
            return
        way, word, name = title(self._rows.chains[row], item, self._topic, kind_of(self._topic).payload_keys)
        yield "way", way
        if word:
            yield "word", f"{word} "
        yield "name", name
        if not isinstance(item, Place):
            if name or way:
                yield "name", "  "
            yield "values", ""

    def _values(self, row: int, item: Item, room: int) -> Iterator[tuple[str, str]]:
        """The values of a change, truncated so that both are visible; not truncated if `room` is 0."""
        if isinstance(item, Place | TextLine):
            return
        if isinstance(item, Change) and item.kind is ChangeKind.MOVED:
            yield "annotation", f"position {item.step_before} → {item.step_after}"
            return
        if isinstance(item, Change) and changes_lines(item) and self._rows.are_foldable[row]:
            yield "count", "text"
            return
        is_shown = (not item.is_secret and not hides(item)) or self._masking.shows(self._rows.path(row))
        key = item.key
        if isinstance(item, Member) or item.kind is not ChangeKind.CHANGED:
            value = item.value if isinstance(item, Member) else item.before if _is_removed(item) else item.after
            shown = value if is_shown else shown_value(value, item.is_secret, MASK)
            note = annotation(key, shown, self._now_ns, self._timezone, than=self._than)
            component, text = _value_component(item, value), _text(shown)
            if note is not None and is_time(key, shown):
                yield component, note
                yield "annotation", f"  {text}"
                return
            yield component, text
            if note is not None:
                yield "annotation", f"  {note}"
            return
        if not item.is_secret and (lengths := _long_texts(item)) is not None:
            yield "count", lengths
            return
        pair = [item.before, item.after]
        if not is_shown:
            pair = [shown_value(value, item.is_secret, MASK) for value in pair]
        notes = [annotation(key, value, self._now_ns, self._timezone, than=self._than) for value in pair]
        texts = [_text(value) for value in pair]
        meanings = [
            note.rpartition(SEPARATOR)[2] if note is not None and type(value) is int else text
            for note, value, text in zip(notes, pair, texts, strict=True)
        ]
        if meanings[0] != meanings[1]:
            texts = meanings
        if room:
            texts = _fitting(texts[0], texts[1], room - 3)
        yield "before", texts[0]
        yield "arrow", " → "
        yield "after", texts[1]
        if type(pair[1]) is str and notes[1] is not None:
            yield "annotation", f"  {notes[1]}"

    # Moving and folding

    def _before_move(self, row: int) -> int:
        path = self._rows.path(row)
        if self._mask_revealed():
            row = self._rows.find(path)
        return row

    def _cursor_moved(self) -> None:
        self._wanted_path = self._path_of_cursor

    def _can_set_open(self, row: int, is_open: bool) -> bool:
        return self._rows.are_foldable[row] and self._rows.are_open[row] != is_open

    def _set_open(self, row: int, is_open: bool) -> None:
        if self._can_set_open(row, is_open):
            self.folding.set_open(self._rows.path(row), is_open)
            self._refold()

    def _refold(self) -> None:
        self._flatten(self._path_of_cursor)
        self._wanted_path = self._path_of_cursor
        self._scroll_to_cursor()

    def action_toggle_fold(self) -> None:
        if len(self._rows):
            self._toggle()

    def action_unfold_all(self) -> None:
        self._set_all(True)

    def action_fold_all(self) -> None:
        self._set_all(False)

    def _set_all(self, is_open: bool) -> None:
        self.folding.set_all(is_open)
        self._set_shift(0)
        self._refold()

    def action_toggle_noise(self) -> None:
        """Show or hide bookkeeping fields, in this event and the next ones."""
        self.shows_noise = not self.shows_noise
        self._refold()

    def _mask_revealed(self) -> bool:
        """Masks the revealed secret again; returns False if there is none."""
        if self._masking.revealed is None:
            return False
        self._masking.revealed = None
        self.redraw()
        return True

    def action_reveal(self) -> None:
        """Asks to reveal the secret under the cursor, or masks it again."""
        if self._mask_revealed():
            return
        row = self._cursor
        while len(self._rows) and isinstance(self._rows.items[row], TextLine):
            row = self._rows.parents[row]
        if len(self._rows) and hides(self._rows.items[row]):
            self.post_message(self.Reveal(self._rows.path(row)))
        else:
            self.notify("No secret on this line.", markup=False)


def _is_removed(change: Change) -> bool:
    return change.kind is ChangeKind.REMOVED


def _value_component(item: Change | Member, value: Value) -> str:
    if isinstance(value, dict | list | Members | RawText):
        return "count"
    return "before" if item.kind is ChangeKind.REMOVED else "after"


def _text(value: Value) -> str:
    """A value on one line, untrusted."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case dict() | Members():
            return f"{{{len(value) or ''}}}"
        case RawText():
            return f"text of {len(value):,} lines"
        case list():
            return f"[{len(value) or ''}]"
        case Number():
            return str(value)
        case str():
            return value if value == MASK else f'"{value}"'
        case _:
            return str(value)


def _long_texts(change: Change) -> str | None:
    """A description of two texts if one is too long for a line; otherwise None."""
    before, after = change.before, change.after
    if type(before) is not str or type(after) is not str or max(len(before), len(after)) <= LONGEST_SHOWN:
        return None
    first = _common_start(before, after) + 1
    return f"text of {len(before):,} → {len(after):,} characters, differs from character {first:,} on"


def _fitting(before: str, after: str, room: int) -> list[str]:
    """Two texts shortened to `room` cells together: first their common start, then each to what the other leaves."""
    if len(before) + len(after) <= room:
        return [before, after]
    alike = _common_start(before, after)
    if alike > _ALIKE:
        too_long = -(-(len(before) + len(after) - room) // 2)
        cut = min(alike - _ALIKE_KEPT, too_long + 2)
        before, after = (f"{text[0]}{ELLIPSIS}{text[cut:]}" for text in (before, after))
    half = max(8, room // 2)
    if len(before) > half:
        before = printable(before, max(half, room - len(after)))
    return [before, printable(after, max(half, room - len(before)))]


def _common_start(one: str, other: str) -> int:
    """Length of the common start of two texts, by binary search because they may be megabytes long."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one.startswith(other[least:middle], least):
            least = middle
        else:
            most = middle - 1
    return least
