"""What an operator changes of sinks, whether or not a runner writes to the journal meanwhile."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from nomad_tui.core.text import printable
from nomad_tui.journal import book, schema
from nomad_tui.journal.cursor import Cursor, DeadLetter
from nomad_tui.journal.errors import JournalError, closed, explained, shown
from nomad_tui.journal.stored import Stored, extent

_T = TypeVar("_T")


class Control:
    """A short-lived connection, used as a context manager. Waits up to five seconds for its turn.

    A runner sees what was changed when it next asks `Journal.changes`. Every method raises `JournalError`.
    """

    def __init__(self, path: Path) -> None:
        """Raises `JournalError` for what is missing, no journal, or may not be written."""
        self.path = path
        try:
            self._connection: sqlite3.Connection | None = schema.open_to_write(path.resolve())
        except (sqlite3.Error, OSError, RuntimeError) as error:
            raise explained(path, "opened", error) from error

    def pause(self, sink: str, paused: bool) -> None:
        if not self._change(lambda connection: book.pause(connection, sink, paused)):
            raise self._unknown(sink)

    def hold(self, sink: str, until: int) -> None:
        """Pauses a sink until that moment, in ns since 1970, unless an operator pauses it; 0 ends that."""
        self._change(lambda connection: book.hold(connection, sink, until))

    def rewind(self, sink: str, position: int) -> Cursor:
        """Has the sink get again all that comes after that position, as far as it is still held.

        Forward works too: what lies between is never sent.
        """
        moved = self._change(lambda connection: _rewound(connection, sink, position))
        if moved is None:
            raise self._unknown(sink)
        return moved

    def register(self, sink: str, position: int) -> Cursor:
        """The sink's cursor: the one there is, or a new one after that position, as far as that is still held."""
        return self._change(lambda connection: book.register(connection, sink, *_held(connection, position)))

    def forget(self, sink: str) -> None:
        """Its cursor, status, losses and dead letters. A sink that is not known is forgotten already."""
        self._change(lambda connection: book.forget(connection, sink))

    def drop_letter(self, number: int) -> bool:
        """Whether there was such a dead letter."""
        return self._change(lambda connection: book.drop_letter(connection, number))

    def bury(self, letter: DeadLetter) -> None:
        """Stores a dead letter; its ID becomes another."""
        self._change(lambda connection: book.bury(connection, (letter,)))

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _change(self, what: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._connection is None:
            raise closed(self.path)
        try:
            with book.transaction(self._connection, durable=True):
                return what(self._connection)
        except (sqlite3.Error, OSError, ValueError) as error:
            raise explained(self.path, "written", error) from error

    def _unknown(self, sink: str) -> JournalError:
        known = ", ".join(printable(each, 64) for each in list(self._change(book.cursors))[:8])
        return JournalError(
            f"The journal {shown(self.path)} has no sink {printable(sink, 64)}: no runner has run it yet. "
            + (f"Name one of {known}." if known else "Run it with `nomad-tui sink run` first.")
        )


def _held(connection: sqlite3.Connection, position: int) -> tuple[int, int]:
    """The nearest position that is held, and how many events are before it."""
    held = extent(connection)
    position = max(held.first - 1, min(position, held.end))
    following = Stored(connection).read(position, 1)
    return position, following[0].events_before if following else held.events


def _rewound(connection: sqlite3.Connection, sink: str, position: int) -> Cursor | None:
    position, events = _held(connection, position)
    losses = book.losses(connection, sink)
    if losses and position == losses[-1].last_position:
        # Before what it lost, so that it is told of that; elsewhere the operator has passed over it.
        position = losses[0].first_position - 1
        events -= sum(loss.events for loss in losses)
    else:
        book.settle_all(connection, sink)
    return book.rewind(connection, sink, position, events)
