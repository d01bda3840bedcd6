"""Where a key leads from the selected event: to a mark, a match, or an index, time or gap that was typed."""

from collections.abc import Callable
from datetime import tzinfo
from typing import Final

import msgspec

from nomad_tui.core.readable import count
from nomad_tui.ui.events.marks import Marks
from nomad_tui.ui.events.viewport import Viewport

SEARCHING: Final = "searching …"


class Jump(msgspec.Struct, frozen=True):
    row: int | None
    """The row to select; None for none."""
    note: str = ""
    """What the operator should know about it."""


def to_mark(viewport: Viewport, marks: Marks, step: int) -> Jump:
    """The next mark below (`step` 1) or above (-1), of at least one."""
    view = viewport.view

    def beyond(sequence: int) -> int | None:
        return marks.beyond(sequence, step, view, viewport.rows)

    return _jump(viewport, step, beyond, "mark", f"all marks are hidden ({count(len(marks.held(view.history.first)))})")


def to_match(viewport: Viewport, step: int) -> Jump:
    """The next match below or above, or the next row where the list holds nothing else."""

    def beyond(sequence: int) -> int | None:
        return viewport.match_beyond(sequence, step)

    matches = viewport.view if viewport.matches is None else viewport.matches
    if matches.complete:
        return _jump(viewport, step, beyond, "match", "no event matches")
    found = beyond(viewport.start(step))
    return Jump(None if found is None else viewport.view.row_at(found), SEARCHING)


def to_place(text: str, viewport: Viewport, now: int, timezone: tzinfo | None) -> Jump:
    """The index, time or gap typed; ages are relative to `now`, in ns since 1970. Raises `UnknownPlaceError`."""
    from nomad_tui.ui.events.go_to import NEXT_GAP, find, row_of_gap

    view, rows = viewport.view, viewport.rows
    if text.strip().lower() in NEXT_GAP:
        row = row_of_gap(view, rows, viewport.start(1))
    else:
        row = find(text, view, rows, now, timezone)
    return Jump(row, "" if view.complete else SEARCHING)


def _jump(viewport: Viewport, step: int, beyond: Callable[[int], int | None], kind: str, none: str) -> Jump:
    found = beyond(viewport.start(step))
    if found is not None:
        return Jump(viewport.view.row_at(found))
    found = beyond(viewport.other_end(step))
    if found is None:
        return Jump(None, none)
    return Jump(viewport.view.row_at(found), f"continued at the {'oldest' if step > 0 else 'newest'} {kind}")
