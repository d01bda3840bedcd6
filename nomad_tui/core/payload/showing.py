"""The text of rows. Everything of a payload that is displayed passes through here and is masked."""

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Final

from nomad_tui.core import secrets
from nomad_tui.core.payload.parsing import RAW_ROW, Decoded, RawText, Value, decode, may_decode, raw_text
from nomad_tui.core.payload.rows import CONTAINERS, Kind, Rows, Step, kind_of
from nomad_tui.core.readable import SECOND

LONGEST_LABEL: Final = 60
"""Characters of a label."""

LONGEST_MESSAGE: Final = 500
"""Characters of a task event's message."""

_LABELS: Final = ("Name", "Type", "Label", "Message", "DestPath", "LTarget", "NodeID", "ID")
"""Members that identify an object among its siblings in a list, the best first; from payloads of 2.0.6."""

_UNCACHED_LENGTH: Final = 200
"""Characters of a text whose masked form is not cached."""

_LATEST: Final = 253_402_300_799
"""Seconds of the latest time that `datetime` can represent."""


class Texts:
    """Cache of the masked and decoded forms of a payload's texts; masked forms only of long ones."""

    def __init__(self) -> None:
        self._masked: dict[str, str] = {}
        self._decoded: dict[tuple[str, Step | None], Decoded | None] = {}

    def masked(self, text: str) -> str:
        """A text with secrets masked that are recognizable by their form."""
        if len(text) <= _UNCACHED_LENGTH:
            return secrets.masked_text(text)
        found = self._masked.get(text)
        if found is None:
            found = self._masked[text] = secrets.masked_text(text)
        return found

    def decoded(self, text: str, key: Step | None) -> Decoded | None:
        """The decoded content of a text."""
        if (text, key) not in self._decoded:
            self._decoded[text, key] = decode(text, key)
        return self._decoded[text, key]


def without_secrets(text: RawText) -> RawText:
    """Text that is not valid JSON, with everything masked that may be a secret."""
    pieces = "".join(piece if len(piece) == RAW_ROW else f"{piece}\n" for piece in text)
    masked = secrets.redact(pieces.encode("utf-8", "replace")).decode("utf-8", "replace")
    return raw_text(masked.replace(f'"{secrets.REDACTED}"', secrets.MASK))


class Showing:
    """Formats the rows of one payload, with secrets masked; all of it is untrusted text."""

    def __init__(self, rows: Rows, masking: "secrets.Masking", texts: Texts | None = None) -> None:
        self.rows = rows
        self.masking = masking
        self._texts = texts or Texts()
        self._widths: dict[int, int] = {}

    def hides(self, row: int) -> bool:
        """Whether a row's complete value is masked."""
        rows = self.rows
        value = rows.values[row]
        return (
            rows.secret[row]
            and type(value) not in CONTAINERS
            and secrets.can_hide(value)
            and not self.masking.shows(rows.path(row))
        )

    def is_masked(self, row: int) -> bool:
        """Whether a value, or part of its text, is masked."""
        is_text = self.rows.kind(row) in (Kind.STRING, Kind.RAW)
        return self.hides(row) or (is_text and self.text(row) != self.rows.values[row])

    def text(self, row: int) -> str:
        """A string as displayed, without quotes and uncut; `MASK` if it is masked."""
        if self.hides(row):
            return secrets.MASK
        rows = self.rows
        text = str(rows.values[row])
        parent = rows.parents[row]
        source = rows.decoded[parent].text if parent >= 0 and rows.decoded and parent in rows.decoded else None
        if source is not None:
            if self._shows(row):
                return text
            line, lines = rows.steps[row], self._texts.masked(source).split("\n")
            return lines[line] if isinstance(line, int) and line < len(lines) else secrets.MASK
        if rows.keys[row] is None and rows.kind(row) is Kind.RAW:
            return text
        masked = self._texts.masked(text)
        return text if masked == text or self._shows(row) else masked

    def masked(self, text: str) -> str:
        """Another text, such as a previous value, with secrets masked that are recognizable by their form."""
        return text if self.masking.reveals_all else self._texts.masked(text)

    def _shows(self, row: int) -> bool:
        return self.masking.shows(self.rows.path(row))

    def hides_beneath(self, row: int) -> bool:
        """Whether a row or anything below it is masked, or would be if it were not revealed."""
        rows = self.rows
        value = rows.values[row]
        if rows.kind(row) is Kind.RAW:
            parent = rows.parents[row]
            decoded = rows.decoded.get(parent)
            if decoded is None or decoded.text is None:
                return False
            line = rows.steps[row]
            lines = self._texts.masked(decoded.text).split("\n")
            return isinstance(line, int) and (line >= len(lines) or lines[line] != value)
        return secrets.masked(value, secrets.MASK, secret=rows.secret[row]) is not value

    def pieces(self, row: int) -> tuple[str, ...]:
        """The displayed value, uncut, in pieces that are not copied from the value."""
        if self.hides(row):
            return (secrets.MASK,)
        value = self.rows.values[row]
        match self.rows.kind(row):
            case Kind.STRING:
                return ('"', self.text(row), '"')
            case Kind.RAW:
                return (self.text(row),)
            case _:
                return (written(value),)

    def label(self, row: int) -> str | None:
        """What distinguishes an object from its siblings, at most `LONGEST_LABEL` characters: an item's name or type, a
        task's state. None if there is no such member or it is secret."""
        rows = self.rows
        value = rows.values[row]
        if not isinstance(value, dict) or (rows.secret[row] and not self._shows(row)):
            return None
        is_item = isinstance(rows.keys[row], int)
        is_task = rows.parent_key(row) == "TaskStates"
        for key in _LABELS if is_item else ("State",) if is_task else ():
            name = value.get(key)
            if type(name) is str and name:
                return self.masked(name)[:LONGEST_LABEL]
        return None

    def decodable(self, row: int) -> Decoded | None:
        """The decoded content that a string would show if unfolded; None if it is masked, and for other values."""
        value = self.rows.values[row]
        if not may_decode(value) or self.hides(row):
            return None
        return self._texts.decoded(str(value), self.rows.keys[row])

    def line_count(self, row: int) -> int:
        """Number of lines of a string; 1 for other values."""
        value = self.rows.values[row]
        if type(value) is not str or self.hides(row):
            return 1
        return value.count("\n", 0, -1) + 1 if "\n" in value[:-1] else 1

    # Lists of events as tables

    def event(self, row: int, timezone: tzinfo | None) -> tuple[str, str, str] | None:
        """Time of day, type, padded to the width of its column, and message of a task's or node's event; None for other
        rows."""
        rows = self.rows
        value = rows.values[row]
        list_row = rows.parents[row]
        if not isinstance(value, dict) or list_row < 0 or rows.secret[row] or not self._is_events(list_row):
            return None
        width = self._widths.get(list_row)
        if width is None:
            width = self._widths[list_row] = max(map(len, self._types(list_row)), default=0)
        text = value.get("DisplayMessage") or value.get("Message") or ""
        message = text if type(text) is str else ""
        code = value.get("ExitCode")
        if type(code) is int and code and str(code) not in message:
            message += f"{', ' if message else ''}exit {code}"
        kind = self.masked(_type_of(value))[:LONGEST_LABEL].ljust(width)
        return _time_of_day(value, timezone), kind, self.masked(message)[:LONGEST_MESSAGE]

    def _is_events(self, row: int) -> bool:
        rows = self.rows
        if rows.keys[row] != "Events" or rows.kind(row) is not Kind.LIST:
            return False
        task = rows.parents[row]
        return task >= 0 and (rows.parent_key(task) == "TaskStates" or rows.keys[task] == "Node")

    def _types(self, row: int) -> Iterator[str]:
        items = self.rows.values[row]
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                yield _type_of(item)[:24]


def written(value: Value) -> str:
    """A displayed value other than text; containers are shown as their number of members."""
    match kind_of(value):
        case Kind.BOOLEAN:
            return "true" if value else "false"
        case Kind.NULL:
            return "null"
        case Kind.OBJECT:
            return f"{{{len(value) or ''}}}"  # type: ignore[arg-type]
        case Kind.LIST:
            return f"[{len(value) or ''}]"  # type: ignore[arg-type]
        case _:
            return str(value)


def _type_of(event: dict[str, Value]) -> str:
    kind = event.get("Type") or event.get("Subsystem")
    return kind if type(kind) is str else ""


def _time_of_day(event: dict[str, Value], timezone: tzinfo | None) -> str:
    """Such as `08:49:12.222`; empty if there is no time."""
    moment = event.get("Time")
    if type(moment) is int and 0 < moment < _LATEST * SECOND:
        seconds, rest = divmod(moment, SECOND)
        return f"{datetime.fromtimestamp(seconds, timezone):%H:%M:%S}.{rest // 1_000_000:03}"
    stamp = event.get("Timestamp")
    if type(stamp) is str and len(stamp) <= 35:
        try:
            return f"{datetime.fromisoformat(stamp.upper()).astimezone(timezone):%H:%M:%S.%f}"[:-3]
        except (ValueError, OverflowError):
            return ""
    return ""
