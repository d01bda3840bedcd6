"""Moving a sink's cursor back in the journal, so that it gets again what it has had."""

from dataclasses import dataclass
from pathlib import Path

from nomad_tui.core.readable import age
from nomad_tui.core.wire import Frame
from nomad_tui.journal.cursor import Cursor
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.status import RunnerStatus
from nomad_tui.journal.store import Store


class ReplayError(Exception):
    """Nothing was changed. `str()` of it says why, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Replay:
    cursor: Cursor
    """As it is now."""
    events: int
    """Of the stream that the sink goes through again, whether or not its definition selects them."""
    index: int
    """Of the first of them."""
    received: int
    """When that came, in ns since 1970."""
    is_all: bool
    """Whether it begins with the oldest that the journal holds."""
    runner: RunnerStatus | None
    """Who delivers them; None where no runner is alive."""


def replay(path: Path, sink: str, *, now: int, index: int | None = None, since: int | None = None) -> Replay:
    """From the first frame of that index or a later one on, or from what was received `since` ns before `now`.

    A sink that has never run gets a cursor there. Blocks. Raises `ReplayError`, and `JournalError`.
    """
    with JournalReader(path) as reader:
        if reader.end < reader.first:
            raise ReplayError("The journal is empty: there is nothing to be sent again.")
        position = _before_index(reader, index) if index is not None else _before_time(reader, now - (since or 0), now)
        first = _first_frame(reader, position)
        cursor = reader.cursors().get(sink)
        if cursor is not None and cursor.position <= position:
            raise ReplayError(
                f"The sink {sink} has not had that yet and gets it anyway: it has come {_where(reader, cursor)}. "
                "Nothing was changed."
            )
        with Store(path) as control:
            moved = control.register(sink, position) if cursor is None else control.rewind(sink, position)
        overview = reader.overview()
    return Replay(
        cursor=moved,
        events=overview.events - moved.events,
        index=first[1].index,
        received=first[0],
        is_all=position < overview.first,
        runner=overview.runner if overview.alive else None,
    )


def _before_index(reader: JournalReader, index: int) -> int:
    oldest = _first_frame(reader, 0)[1].index
    position = reader.seek(index=index)
    if position >= reader.end:
        newest = max((frame.index for frame in reader.last_frames(1, 1)), default=oldest)
        raise ReplayError(f"The journal does not hold index {index:,} yet: the newest that it has is {newest:,}.")
    if index < oldest and position < reader.first:
        raise ReplayError(
            f"The journal does not hold index {index:,} any more: the oldest that it has is {oldest:,}. "
            f"Give --from-index {oldest} for all that there is."
        )
    return position


def _before_time(reader: JournalReader, time: int, now: int) -> int:
    position = reader.seek(since=time)
    if position >= reader.end:
        came = age(now - reader.read(reader.end - 1)[-1].received)
        raise ReplayError(f"The journal holds nothing of that time: its newest came {came}. Give a longer --since.")
    return position


def _first_frame(reader: JournalReader, after: int) -> tuple[int, Frame]:
    """With when it was received."""
    while records := reader.read(after):
        for record in records:
            if isinstance(record.content, Frame):
                return record.received, record.content
        after = records[-1].position
    raise ReplayError("The journal holds no event there. Look at it with `nomad-tui open` and the journal's file.")


def _where(reader: JournalReader, cursor: Cursor) -> str:
    records = reader.read(cursor.position - 1, 1) if cursor.position >= reader.first else []
    if records and isinstance(records[0].content, Frame):
        return f"to index {records[0].content.index:,}"
    return "no further than what the journal holds" if cursor.position < reader.first else "just so far"
