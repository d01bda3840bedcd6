"""Output formats for events, used by `tail` and for files that the dashboard saves and records.

Nothing here performs I/O: lines are created frame by frame, so that a million events need no more memory than one.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Final

import orjson

from nomad_tui.core.history.event_row import EventRow, row
from nomad_tui.core.history.history import History
from nomad_tui.core.secrets import REDACTED, masked_text, redact
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Frame

HEADINGS: Final = ("Time", "Index", "Topic", "Type", "Namespace", "Object", "Event", "Status", "Node", "Key")
LONGEST_CELL: Final = 2_000

_FORMULA: Final = re.compile(r"(^\s*|;\s*)(?=[=+\-@\N{FULLWIDTH EQUALS SIGN}\uff0b\uff0d\uff20])")
"""Where a spreadsheet would start a formula; in some locales a semicolon separates cells too."""
_MARKDOWN: Final = re.compile(r"[\\`*_{}\[\]~|#!]")


def cells(row: EventRow, key: str, timezone: tzinfo | None) -> list[str]:
    """One text for each of `HEADINGS`, safe to display. Approximate times have a precision of one second."""
    nanoseconds, exact = row.when()
    time = ""
    if nanoseconds is not None:
        at = datetime.fromtimestamp(nanoseconds // 1_000_000 / 1000, timezone).astimezone(timezone)
        time = at.isoformat(timespec="milliseconds" if exact else "seconds")
    sentence = row.sentence
    subject = "".join(part.text for part in sentence.subject)
    texts = (
        row.topic,
        row.type,
        row.namespace,
        subject,
        sentence.what,
        sentence.status,
        sentence.place,
        masked_text(key, REDACTED),
    )
    index = "" if row.index < 0 else str(row.index)
    return [time, index, *(printable(text, LONGEST_CELL) for text in texts)]


def csv_line(texts: Sequence[str]) -> str:
    """A CSV record (RFC 4180) without formulas."""
    quoted = (_FORMULA.sub(r"\1'", text).replace('"', '""') for text in texts)
    return ",".join(f'"{text}"' for text in quoted)


def markdown_line(texts: Sequence[str]) -> str:
    """A table row, with markup escaped."""
    return f"| {' | '.join(map(markdown_text, texts))} |"


def markdown_text(text: str) -> str:
    """Text with markup escaped."""
    return _MARKDOWN.sub(r"\\\g<0>", text).replace("&", "&amp;").replace("<", "&lt;")


def csv_head() -> list[str]:
    """The lines before the first event."""
    return [csv_line(HEADINGS)]


def markdown_head() -> list[str]:
    """The lines before the first event."""
    return [markdown_line(HEADINGS), f"|{'---|' * len(HEADINGS)}"]


class Output(StrEnum):
    LINE = "line"
    """One line of text per event: time, index, topic, what happened to which object, where."""
    CSV = "csv"
    """One record per event after a record with headings, for spreadsheets."""
    MARKDOWN = "markdown"
    """One table row per event."""
    REPORT = "report"
    """An incident report in Markdown, created by `core.export.report` once all events are known."""
    NDJSON = "ndjson"
    """One event object per line, as the server sent it."""
    FRAMES = "frames"
    """One frame per line, as the server sent it."""


RAW: Final = frozenset((Output.NDJSON, Output.FRAMES))
"""Formats with the server's own text, which may contain secrets; the others never do."""


class EventLines:
    """The lines of one format, except `Output.LINE` and `Output.REPORT`, without line feeds."""

    def __init__(
        self,
        history: History,
        output: Output,
        *,
        redacts: bool,
        timezone: tzinfo | None = None,
        encoding: str = "utf-8",
    ) -> None:
        """`redacts` masks the secrets of `RAW`. Characters that `encoding` lacks are written as escapes."""
        self._history = history
        self._output = output
        self._redacts = redacts and output in RAW
        self._timezone = timezone
        self._encoding = encoding

    def head(self) -> list[bytes]:
        """The lines before the first event."""
        head = {Output.CSV: csv_head, Output.MARKDOWN: markdown_head}.get(self._output)
        return [self._encoded(line) for line in head()] if head is not None else []

    def of_frame(self, frame: Frame, first: int, positions: Sequence[int]) -> Iterator[bytes]:
        """Lines for some events of a frame. `first` is the sequence number of its first event, ignored for `RAW`."""
        match self._output:
            case Output.FRAMES:
                whole = len(positions) == len(frame.events)
                line = frame.line if whole else frame.with_events([frame.events[each] for each in positions]).line
                yield self._redacted(line)
            case Output.NDJSON:
                texts = frame.event_texts()
                for position in positions:
                    yield self._redacted(texts[position])
            case _:
                for position in positions:
                    found = row(self._history, first + position)
                    if isinstance(found, EventRow):
                        yield self._encoded(self._table_line(found))

    def of_gap(self, gap: Gap) -> bytes | None:
        """A gap in the form that sinks write; None if the format cannot contain gaps."""
        if self._output is not Output.FRAMES:
            return None
        return b'{"Index":%d,"Events":[],"Gap":%s}' % (max(0, gap.before), orjson.dumps(gap.record(), default=str))

    def _table_line(self, found: EventRow) -> str:
        texts = cells(found, self._history.event(found.sequence).key, self._timezone)
        return csv_line(texts) if self._output is Output.CSV else markdown_line(texts)

    def _redacted(self, line: bytes) -> bytes:
        return redact(line) if self._redacts else line

    def _encoded(self, text: str) -> bytes:
        return text.encode(self._encoding, "backslashreplace")


class Export:
    """Rows of a history as the lines of a file, created and counted during iteration."""

    def __init__(self, history: History, sequences: Sequence[int], lines: EventLines) -> None:
        """`sequences` are in order. Rows evicted before their turn are omitted and counted."""
        self._history = history
        self._sequences = sequences
        self._lines = lines
        self.done = 0
        """Rows processed."""
        self.events = 0
        self.gaps_left_out = 0
        self.evicted = 0

    @property
    def total(self) -> int:
        return len(self._sequences)

    def __iter__(self) -> Iterator[bytes]:
        yield from (line + b"\n" for line in self._lines.head())
        while self.done < self.total:
            yield self._next()

    def _next(self) -> bytes:
        """The lines of the next row and of the other rows of its frame."""
        sequence = self._sequences[self.done]
        if sequence < self._history.first:
            self.evicted += 1
            self.done += 1
            return b""
        gap = self._history.gap(sequence)
        if gap is not None:
            line = self._lines.of_gap(gap)
            self.gaps_left_out += line is None
            self.done += 1
            return b"" if line is None else line + b"\n"
        frame, first = self._history.frame(sequence)
        end = first + len(frame.events)
        positions: list[int] = []
        while self.done < self.total and (sequence := self._sequences[self.done]) < end:
            positions.append(sequence - first)
            self.done += 1
        self.events += len(positions)
        return b"".join(line + b"\n" for line in self._lines.of_frame(frame, first, positions))
