"""A payload as rows: their order, which are unfolded, which are masked, and the search in them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from typing import Final

from rich.cells import cell_len

from nomad_tui.core.changes import ChangeKind, Mark
from nomad_tui.core.payload import (
    SEPARATOR,
    Folding,
    Kind,
    Names,
    Path,
    Payload,
    RawText,
    Rows,
    Value,
    annotation,
    is_time,
    name_of,
)
from nomad_tui.core.payload.find import PayloadFind, Wanted
from nomad_tui.core.payload.flattening import KeyOrder, flatten
from nomad_tui.core.payload.showing import Showing, Texts, without_secrets, written
from nomad_tui.core.secrets import MASK, Masking, can_hide
from nomad_tui.core.text import ELLIPSIS, printable, truncated
from nomad_tui.ui.event.row_view import INDENT

_GAP: Final = 2
"""Cells between a key and its value."""

_SHORTEST: Final = 8
"""Minimum cells of a value on a line too narrow for it and the text after it."""

_LONGEST_BEFORE: Final = 200
"""Characters of a previous value."""

_COMPONENTS: Final = {
    Kind.OBJECT: "count",
    Kind.LIST: "count",
    Kind.STRING: "string",
    Kind.NUMBER: "number",
    Kind.BOOLEAN: "boolean",
    Kind.NULL: "null",
    Kind.RAW: "raw",
}
_GLYPHS: Final = {ChangeKind.ADDED: "+ ", ChangeKind.CHANGED: "± ", ChangeKind.MOVED: "↕ "}


class RowWriter:
    """Formats rows with ages relative to one time."""

    def __init__(
        self,
        showing: Showing,
        now_ns: int,
        timezone: tzinfo | None,
        names: Names | None = None,
        marks: Mapping[Path, Mark] | None = None,
        *,
        in_utc: bool = False,
        than: str = "",
    ) -> None:
        """`in_utc` shows times in UTC, marked as such. `than` names what ages are relative to, if not the present."""
        self._showing = showing
        self._now_ns = now_ns
        self._timezone = UTC if in_utc else timezone
        self._in_utc = in_utc
        self._than = than
        self._names = names
        self._marks = marks

    @property
    def margin(self) -> int:
        """Cells before the payload's members."""
        return INDENT if self._marks is not None else 0

    def pieces(self, row: int, width: int, is_shifted: bool) -> Iterator[tuple[str, str]]:
        """The parts of a line, as (component, text). A value is truncated if it leaves no room for the text after it,
        unless the view is scrolled sideways (`is_shifted`)."""
        showing, rows = self._showing, self._showing.rows
        key, value = rows.keys[row], rows.values[row]
        mark = None
        if self._marks is not None:
            mark = self._marks.get(rows.path(row))
            yield self._glyph(row, mark)
        decoded = showing.decodable(row)
        column, shown_key = 0, ""
        if key is not None:
            foldable = rows.is_foldable(row) or decoded is not None
            yield "guide", self._indent(row)
            yield "guide", ("▼ " if rows.is_open(row) else "▶ ") if foldable else "  "
            shown_key = '""' if key == "" else str(key)
            yield "key", shown_key
            column = min(rows.key_widths[row], width // 2)
            key_cells = cell_len(printable(shown_key)) if len(shown_key) <= column else column
            yield "guide", " " * (max(0, column - key_cells) + _GAP)
        if not rows.is_open(row) and (event := showing.event(row, self._timezone)) is not None:
            time, kind, message = event
            yield "annotation", f"{time}  "
            yield "label", kind
            yield "message", f"  {message}"
            return
        label = showing.label(row)
        if label is not None:
            yield "label", label
            yield "count", " "
        tail = [] if decoded is None else [("annotation", decoded.how)]
        is_hidden = showing.hides(row)
        readable = ""
        if not is_hidden:
            note = self._note(row, value)
            if note is not None and is_time(key, value, rows.parent_key(row)):
                readable = note
            elif note is not None:
                tail.append(("annotation", note))
            if showing.line_count(row) > 1:
                tail.append(("annotation", f"⏎ {showing.line_count(row):,} lines"))
        if mark is not None:
            tail += self._change_notes(row, mark)
        room = width - self.margin - (rows.depths[row] + 1) * INDENT - max(column, len(shown_key)) - _GAP
        if readable:
            yield from _time_fitted(readable, "".join(showing.pieces(row)), tail, 0 if is_shifted else room)
        else:
            yield from self._fitted(row, is_hidden, tail, room, is_shifted)

    def _glyph(self, row: int, mark: Mark | None) -> tuple[str, str]:
        if mark is not None and mark.kind is not None:
            return "mark-beneath" if mark.is_noise else f"mark-{mark.kind.value}", _GLYPHS.get(mark.kind, "± ")
        if mark is not None and mark.inside and not self._showing.rows.is_open(row):
            return "mark-beneath", "± "
        return "guide", " " * INDENT

    def _indent(self, row: int) -> str:
        """The indentation, with a vertical line below a decoded string."""
        rows = self._showing.rows
        depth = rows.depths[row]
        source = rows.decoded_from(row)
        if source is None:
            return " " * (depth * INDENT)
        at = rows.depths[source] * INDENT
        return " " * at + "┆".ljust(INDENT) + " " * (depth * INDENT - at - INDENT)

    def _fitted(
        self, row: int, is_hidden: bool, tail: list[tuple[str, str]], room: int, is_shifted: bool
    ) -> Iterator[tuple[str, str]]:
        showing, rows = self._showing, self._showing.rows
        component = "masked" if is_hidden else _COMPONENTS[rows.kind(row)]
        pieces = showing.pieces(row)
        if showing.line_count(row) > 1:
            pieces = (pieces[0], pieces[1].partition("\n")[0], pieces[-1])
        if tail and not is_shifted:
            length = sum(map(len, pieces))
            if length + _length(tail) > room:
                tail = [(part, text.partition(SEPARATOR)[0]) for part, text in tail]
            if length + _length(tail) > room:
                pieces = (_truncated(pieces, max(_SHORTEST, room - _length(tail))),)
        for piece in pieces:
            yield component, piece
        for part, text in tail:
            yield part, " " * _GAP + text

    def _note(self, row: int, value: Value) -> str | None:
        rows = self._showing.rows
        note = annotation(
            rows.keys[row],
            value,
            self._now_ns,
            self._timezone,
            parent_key=rows.parent_key(row),
            names=self._names,
            than=self._than,
        )
        is_time = note is not None and self._in_utc and type(value) is int and SEPARATOR in note
        return f"{note} UTC" if is_time else note

    def _name(self, row: int, value: str) -> str | None:
        rows = self._showing.rows
        return name_of(rows.keys[row], value, rows.parent_key(row), self._names)

    def _change_notes(self, row: int, mark: Mark) -> Iterator[tuple[str, str]]:
        """The previous value, and the number of removed members."""
        if mark.kind is ChangeKind.CHANGED:
            yield "was-noise" if mark.is_noise else "was", f"was {self._before(row, mark)}"
        if mark.removed:
            yield "mark-removed", f"−{mark.removed:,}"

    def _before(self, row: int, mark: Mark) -> str:
        showing, before = self._showing, mark.before
        if isinstance(before, dict | list | tuple):
            return written(before)
        is_shown = showing.masking.shows(showing.rows.path(row))
        if (mark.is_secret or showing.rows.secret[row]) and can_hide(before) and not is_shown:
            return MASK
        note = self._note(row, before)
        if type(before) is not str:
            # Of a time, without its age: the current value's age is enough.
            return written(before) if note is None else note.rpartition(SEPARATOR)[2]
        if (name := self._name(row, before)) is not None:
            return name
        text = before if is_shown else showing.masked(before)
        first = text.partition("\n")[0]
        return f'"{first[:_LONGEST_BEFORE]}{ELLIPSIS if len(text) > min(len(first), _LONGEST_BEFORE) else ""}"'


def _time_fitted(readable: str, number: str, tail: list[tuple[str, str]], room: int) -> Iterator[tuple[str, str]]:
    """A time or duration in readable form, then as it was sent if that fits; `room` 0 omits nothing."""
    left = room - len(readable) - _length(tail)
    if room and left < 0:
        readable = readable.partition(SEPARATOR)[0]
        left = room - len(readable) - _length(tail)
    if room and left < len(number) + _GAP:
        number = ""
    yield "time", readable
    for part, text in [("sent", number), *tail]:
        if text:
            yield part, " " * _GAP + text


def _length(tail: list[tuple[str, str]]) -> int:
    return sum(len(text) + _GAP for _, text in tail)


def _truncated(pieces: tuple[str, ...], length: int) -> str:
    """The pieces as one text, truncated to `length` characters with an ellipsis."""
    text = ""
    for piece in pieces:
        text += piece[: length + 1 - len(text)]
    return truncated(text, length)


class ShownPayload:
    """Keeps the folding and the order of keys from one payload to the next."""

    def __init__(self, timezone: tzinfo | None = None, than: str = "") -> None:
        """`than` names what ages are relative to, such as `the end` of a recording; empty for the present."""
        self.folding = Folding()
        self.order = KeyOrder.SORTED
        self.in_utc = False
        self.marks: Mapping[Path, Mark] | None = None
        """The marks of changed values; None if there is no margin for them."""
        self.masking = Masking()
        self.wanted: Wanted | None = None
        """The pattern to search for."""
        self._timezone = timezone
        self._than = than
        self._payload: Payload | None = None
        self._without_secrets: RawText | None = None
        """The masked text of a payload that is not JSON."""
        self._names: Names | None = None
        self._now_ns = 0
        self._texts = Texts()
        self._find: PayloadFind | None = None
        self._writer: RowWriter | None = None
        self.flatten()

    def flatten(self) -> None:
        """Rebuilds the rows, after a change of folding, order or masking."""
        payload = self._payload
        if payload is None:
            self.rows = Rows()
        else:
            hidden = self._without_secrets is not None and not self.masking.shows(())
            value = self._without_secrets if hidden else payload.value
            self.rows = flatten(value, self.folding, order=self.order, masking=self.masking)
        self.showing = Showing(self.rows, self.masking, self._texts)
        self.clear_writer()

    def clear_writer(self) -> None:
        """Discards the writer, after a change that affects how rows are formatted."""
        self._writer = None

    def show(
        self,
        payload: Payload,
        now_ns: int,
        masking: Masking,
        names: Names | None,
        marks: Mapping[Path, Mark] | None,
    ) -> bool:
        """Sets the payload, or the time of the same one; returns whether it is another payload."""
        is_other = self._payload is None or payload.value is not self._payload.value
        self._payload, self._now_ns, self.masking = payload, now_ns, masking
        self._names, self.marks = names, marks
        if is_other:
            masking.revealed = None
            self._texts = Texts()
            raw = payload.value if isinstance(payload.value, RawText) else None
            self._without_secrets = None if raw is None else without_secrets(raw)
        self.flatten()
        return is_other

    def clear(self) -> None:
        self._payload = self._without_secrets = None
        self.masking.revealed = None
        self.flatten()

    def show_ages(self, now_ns: int) -> None:
        """Sets the time that ages are relative to, in ns since 1970."""
        self._now_ns = now_ns
        self.clear_writer()

    @property
    def writer(self) -> RowWriter:
        if self._writer is None:
            self._writer = RowWriter(
                self.showing,
                self._now_ns,
                self._timezone,
                self._names,
                self.marks,
                in_utc=self.in_utc,
                than=self._than,
            )
        return self._writer

    @property
    def is_text(self) -> bool:
        """Whether the payload is not JSON: revealing a secret in it changes its lines."""
        return self._without_secrets is not None

    @property
    def changes_when_revealed(self) -> bool:
        """Whether revealing or masking a secret changes which rows there are."""
        return bool(self.rows.decoded) or self.is_text

    def row_in_payload(self, row: int) -> int:
        """The row itself; for a decoded row, the row of the string it was decoded from."""
        source = self.rows.decoded_from(row)
        return row if source is None else source

    def can_set_open(self, row: int, is_open: bool) -> bool:
        if self.rows.is_open(row):
            return not is_open
        return is_open and (self.rows.is_foldable(row) or self.showing.decodable(row) is not None)

    def secret_at(self, row: int) -> Path | None:
        """The path to reveal for a row, including everything below it; None if the row contains no secret."""
        if self._without_secrets is not None and self._payload is not None:
            return () if self._without_secrets != self._payload.value else None
        return self.rows.path(row) if self.showing.hides_beneath(row) else None

    def changed_paths(self) -> list[Path]:
        """The paths marked as changed, without bookkeeping."""
        marks = {} if self.marks is None else self.marks
        return [path for path, mark in marks.items() if (mark.kind is not None or mark.removed) and not mark.is_noise]

    # Searching

    def look_for(self, wanted: Wanted) -> PayloadFind:
        self.wanted = wanted if wanted.source else None
        find = self.find
        find.look_for(wanted)
        return find

    def forget_find(self) -> None:
        """Discards the search, so that the next one uses the current rows."""
        self._find = None

    @property
    def find(self) -> PayloadFind:
        """The search in all rows, including folded ones; it does not find a secret revealed by the operator."""
        if self._find is None:
            rows, masking = Rows(), Masking(self.masking.reveals_all)
            if self._payload is not None:
                is_raw = self._without_secrets is not None and not masking.reveals_all
                value = self._without_secrets if is_raw else self._payload.value
                rows = flatten(value, self.folding, order=self.order, masking=masking, everything=True)
            self._find = PayloadFind(rows, Showing(rows, masking, self._texts))
            if self.wanted is not None:
                self._find.look_for(self.wanted)
        return self._find
