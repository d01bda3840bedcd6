"""Finds the rows that the keys of Events jump to: the next mark, the next match."""

from collections.abc import Callable

import msgspec

from nomad_tui.core.readable import count
from nomad_tui.ui.events.viewport import SEARCHING, Marks, Viewport


class Jump(msgspec.Struct, frozen=True):
    row: int | None
    """The row to select; None if there is none."""
    note: str = ""
    """A note for the operator, such as that the search continued at the other end."""


def to_mark(viewport: Viewport, marks: Marks, step: int) -> Jump:
    """A jump to the next mark below (`step` 1) or above (-1); there must be at least one mark."""

    def beyond(sequence: int) -> int | None:
        return next((mark for mark in marks.beyond(sequence, step) if viewport.row_of(mark) is not None), None)

    held = marks.held(viewport.view.history.first)
    return _jump(viewport, step, beyond, "mark", f"all marks are hidden ({count(len(held))})")


def to_match(viewport: Viewport, step: int) -> Jump:
    """A jump to the next match below or above, or to the next row if the list contains only matches."""

    def beyond(sequence: int) -> int | None:
        return _match_beyond(viewport, sequence, step)

    matches = viewport.view if viewport.matches is None else viewport.matches
    if matches.complete:
        return _jump(viewport, step, beyond, "match", "no event matches")
    found = beyond(start(viewport, step))
    return Jump(None if found is None else viewport.view.row_at(found), SEARCHING)


def _jump(viewport: Viewport, step: int, beyond: Callable[[int], int | None], kind: str, none: str) -> Jump:
    found = beyond(start(viewport, step))
    if found is not None:
        return Jump(viewport.view.row_at(found))
    found = beyond(-1 if step > 0 else viewport.view.history.end)
    if found is None:
        return Jump(None, none)
    return Jump(viewport.view.row_at(found), f"continued at the {'oldest' if step > 0 else 'newest'} {kind}")


def start(viewport: Viewport, step: int) -> int:
    """The sequence number to search from, exclusive; without a selection, that next to the row to start at."""
    if viewport.cursor is not None:
        return viewport.cursor
    rows, view = viewport.rows, viewport.view
    if not rows:
        return -1
    if viewport.following:
        return view.sequence_at(rows - 1) + (step < 0)
    return view.sequence_at(min(viewport.first_row, rows - 1)) - (step > 0)


def _match_beyond(viewport: Viewport, sequence: int, step: int) -> int | None:
    """The next match below or above a row, or the next row if the list contains only matches.

    Skips gaps among other rows: they match every filter only so that they are never hidden.
    """
    matches, view, rows = viewport.matches, viewport.view, viewport.rows
    searched = view if matches is None else matches
    row = searched.row_at(sequence + 1) if step > 0 else searched.row_at(sequence) - 1
    if matches is None:
        return view.sequence_at(row) if 0 <= row < rows else None
    last = view.sequence_at(rows - 1) if rows else -1
    while 0 <= row < len(matches):
        found = matches.sequence_at(row)
        if step > 0 and found > last:
            break
        if viewport.row_of(found) is not None and view.history.gap(found) is None:
            return found
        row += step
    return None
