"""Events in the forms in which they leave the program: `tail` prints them, and the dashboard saves and records them.

Nothing here writes anything: lines are made frame by frame, so that a million events take as little memory as one.
"""

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from enum import StrEnum
from typing import Final

import orjson

from nomad_tui.core.export.tables import cells, csv_head, csv_line, markdown_head, markdown_line
from nomad_tui.core.history.event_row import EventRow, row
from nomad_tui.core.history.history import History
from nomad_tui.core.secrets import redact
from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Frame


class Output(StrEnum):
    LINE = "line"
    """One line of text an event: time, index, topic, what happened to which object, where."""
    CSV = "csv"
    """One record an event, behind one with headings, for spreadsheets."""
    MARKDOWN = "markdown"
    """One row an event of a table."""
    REPORT = "report"
    """An incident report in Markdown, once all events are known: `core.export.report` makes it."""
    NDJSON = "ndjson"
    """One event object a line, as the server sent it."""
    FRAMES = "frames"
    """One frame a line, as the server sent it."""


RAW: Final = frozenset((Output.NDJSON, Output.FRAMES))
"""In the server's own words, which may hold secrets; the others never show any."""


class EventLines:
    """The lines of one output but `Output.LINE` and `Output.REPORT`, without their line feeds."""

    def __init__(
        self,
        history: History,
        output: Output,
        *,
        redacts: bool,
        timezone: tzinfo | None = None,
        encoding: str = "utf-8",
    ) -> None:
        """`redacts` masks the secrets of `RAW`. A character that `encoding` lacks is written as an escape."""
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
        """Some events of a frame. `first` is the sequence number of its first one; `RAW` needs no such number."""
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
        """A gap as the sinks write it; None where a line has no room for one."""
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
    """Rows of a history as the lines of a file. Iterating makes them piece by piece, and counts as it goes."""

    def __init__(self, history: History, sequences: Sequence[int], lines: EventLines) -> None:
        """`sequences` are in order. What is evicted before its turn comes is left out and counted."""
        self._history = history
        self._sequences = sequences
        self._lines = lines
        self.done = 0
        """Rows gone through."""
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
        """The lines of the next row and of all others of its frame."""
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
