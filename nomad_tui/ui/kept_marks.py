"""Stores the marks of a recording or journal from one run to the next."""

from collections import Counter
from typing import Final

from nomad_tui.config.folders import FileError
from nomad_tui.config.kept import KeptMarks, Mark
from nomad_tui.core.history.history import History
from nomad_tui.sources.source import Source, Stored
from nomad_tui.ui.dashboard import Dashboard

ROWS_PER_TICK: Final = 50_000
"""Rows searched for marks per tick: about 2 ms."""


class MarkKeeper:
    """Restores marks as their events are read, and writes the marks when one is set or removed."""

    def __init__(self, dashboard: Dashboard) -> None:
        """Stores nothing without folders, or for a source that cannot be read again, such as a server or a pipe."""
        name, folders = _storage_name(dashboard.session.source), dashboard.options.folders
        self._kept = None if folders is None or name is None else KeptMarks(folders.state, name)
        self._history = dashboard.session.history
        self._events = dashboard.panes.event_list
        self._sought: set[Mark] = set()
        """Marks of earlier runs whose events have not been read yet."""
        self.trouble = self._read()
        """Sentences that say why earlier marks could not be read, or ""."""
        self._indexes = {mark.index for mark in self._sought}
        self._next = 0
        """Sequence number of the first row not searched yet."""
        self._same: Counter[Mark] = Counter()

    def _read(self) -> str:
        if self._kept is None:
            return ""
        try:
            self._sought = set(self._kept.read())
        except FileError as error:
            self._kept = None
            return f"{error} Marks are kept until nomad-tui exits."
        return self._kept.trouble

    def restore(self) -> None:
        """Searches new rows for marks, up to `ROWS_PER_TICK`."""
        history = self._history
        end = min(history.end, max(self._next, history.first) + ROWS_PER_TICK)
        while self._sought and (start := max(self._next, history.first)) < end:
            segment = history.segment_of(start)
            stop = min(end, segment.first + len(segment.index))
            indexes = segment.index[start - segment.first : stop - segment.first]
            if not self._indexes.isdisjoint(indexes):
                found = [start + row for row, index in enumerate(indexes) if index in self._indexes]
                self._events.mark(sequence for sequence in found if self._is_sought(sequence))
            self._next = stop

    def _is_sought(self, sequence: int) -> bool:
        if self._history.gap(sequence) is not None:
            return False
        plain = _mark(self._history, sequence)
        self._same[plain] += 1
        mark = Mark(plain.index, plain.topic, plain.type, plain.namespace, plain.key, self._same[plain])
        is_sought = mark in self._sought
        self._sought.discard(mark)
        return is_sought

    def write(self) -> str:
        """Writes the marks; returns sentences that say why it could not, or ""."""
        if self._kept is None:
            return ""
        history = self._history
        marks = [_numbered(history, sequence) for sequence in self._events.marks if history.gap(sequence) is None]
        try:
            self._kept.write([*self._sought, *marks])
        except FileError as error:
            self._kept = None
            return f"{error} Marks are kept until nomad-tui exits."
        return ""


def _storage_name(source: Source) -> str | None:
    """The absolute paths that identify a recording or journal in the next run; None for another source."""
    files = source.files if isinstance(source, Stored) else ()
    return "\n".join(str(path.absolute()) for path in files) or None


def _mark(history: History, sequence: int) -> Mark:
    event = history.event(sequence)
    return Mark(event.index, event.topic, event.type, event.namespace, event.key)


def _numbered(history: History, sequence: int) -> Mark:
    """The event's mark with its number among the events of its index that would have the same mark."""
    mark = _mark(history, sequence)
    number = 1
    for before in range(sequence - 1, history.first - 1, -1):
        segment = history.segment_of(before)
        if segment.index[before - segment.first] != mark.index:
            break
        number += history.gap(before) is None and _mark(history, before) == mark
    return Mark(mark.index, mark.topic, mark.type, mark.namespace, mark.key, number)
