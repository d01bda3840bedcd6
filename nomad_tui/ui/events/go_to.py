"""Going to an index, a time or a gap: parses what the operator types, finds its row, and shows the prompt."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import ClassVar, Final, TypeAlias

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from nomad_tui.core.filter import Filter
from nomad_tui.core.filter.terms import BY_NAME
from nomad_tui.core.history.event_row import happened
from nomad_tui.core.readable import SECOND, count
from nomad_tui.core.search.view import View
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.line_input import LineInput
from nomad_tui.ui.dialogs.modal import Modal
from nomad_tui.ui.events.jumps import Jump, start
from nomad_tui.ui.events.viewport import SEARCHING, Viewport

LONGEST_TEXT: Final = 60
"""Characters of what was typed in a sentence about it."""
LONGEST_PLACE: Final = 200
"""Characters; Nomad's names have up to 128."""

# What is typed


@dataclass(frozen=True, slots=True)
class AtIndex:
    index: int


@dataclass(frozen=True, slots=True)
class AtMoment:
    moment: int
    """ns since 1970."""


@dataclass(frozen=True, slots=True)
class AtTimeOfDay:
    """A time on the day of the newest event shown, or on the day before if it would be later than that event."""

    time: time


Place: TypeAlias = AtIndex | AtMoment | AtTimeOfDay


class UnknownPlaceError(ValueError):
    """What was typed matches no row; the message is a sentence that is safe to display."""


_INDEX: Final = re.compile(r"\d{1,20}|\d{1,3}(?:,\d{3}){1,6}")
_TIME_OF_DAY: Final = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?")
_AGE: Final = re.compile(r"-?((?:\d{1,9}\s*[dhms]\s*)+)")
_AGE_PART: Final = re.compile(r"(\d+)\s*([dhms])")
_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_place(text: str, now: int, timezone: tzinfo | None = None) -> Place:
    """Parses `1204` or `1,204`, `14:30`, `14:30:05`, an age such as `-5m` or `1h30m`, `2026-11-23 14:30` and
    `2026-11-23T14:30:05Z`.

    `now` is in ns since 1970; `timezone` None is this machine's. Raises `UnknownPlaceError`.
    """
    typed = text.strip()
    if _INDEX.fullmatch(typed):
        return AtIndex(int(typed.replace(",", "")))
    try:
        if _TIME_OF_DAY.fullmatch(typed):
            return AtTimeOfDay(time.fromisoformat(f"0{typed}" if typed[1] == ":" else typed))
        if age := _AGE.fullmatch(typed.lower()):
            seconds = sum(int(number) * _UNITS[unit] for number, unit in _AGE_PART.findall(age[1]))
            return AtMoment(now - seconds * SECOND)
        return AtMoment(_nanoseconds(datetime.fromisoformat(typed), timezone))
    except (ValueError, OverflowError, OSError):
        shown = printable(typed, LONGEST_TEXT)
        raise UnknownPlaceError(
            f"Unknown place '{shown}'. Type an index (1204), a time (14:30), an age (-5m) or 2026-11-23 14:30."
            if typed
            else "Type an index (1204), a time (14:30), an age (-5m) or 2026-11-23 14:30."
        ) from None


def _nanoseconds(at: datetime, timezone: tzinfo | None) -> int:
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone) if timezone is not None else at.astimezone()
    return int(at.timestamp() * 1_000_000) * 1_000


def moment_of(place: AtMoment | AtTimeOfDay, oldest: int, newest: int, timezone: tzinfo | None = None) -> int:
    """The time in ns since 1970, if the events shown are from `oldest` to `newest`.

    A time of day later than the newest event is on the day before, if there are events that old.
    """
    if isinstance(place, AtMoment):
        return place.moment
    day: date = datetime.fromtimestamp(newest // SECOND, timezone).date()
    meant = _nanoseconds(datetime.combine(day, place.time), timezone)
    if meant > newest:
        before = _nanoseconds(datetime.combine(day - timedelta(days=1), place.time), timezone)
        if before >= oldest:
            return before
    return meant


NEXT_GAP: Final = frozenset(("gap", "gaps"))
"""Texts that go to the next gap."""

QUIT: Final = frozenset(("q", "q!", "quit", "exit"))
"""Texts that quit the program."""


def parse_condition(text: str) -> str | None:
    """The filter term for a text such as `job web`; None if it does not start with a field name.

    Raises `FilterError`.
    """
    name, _, value = text.strip().partition(" ")
    value = value.strip()
    if name.lower() not in BY_NAME or not value:
        return None
    term = f'{name.lower()}:"{value}"' if " " in value and '"' not in value else f"{name.lower()}:{value}"
    Filter.parse(term)
    return term


# Which row that is


def row_of_gap(view: View, rows: int, after: int) -> int:
    """The next gap after the sequence number `after` among the view's first `rows` rows, or else the first gap.

    Raises `UnknownPlaceError`.
    """
    history = view.history
    found = {gap: view.row_at(gap) for gap in history.gaps_between(history.first, history.end)}
    shown = {gap: row for gap, row in found.items() if row < rows and view.sequence_at(row) == gap}
    if not shown:
        raise UnknownPlaceError("No gaps in the events shown.")
    return next((row for gap, row in shown.items() if gap > after), min(shown.values()))


def find(text: str, view: View, rows: int, now: int, timezone: tzinfo | None = None) -> int:
    """The first row at or after the place typed, among the view's first `rows` rows. Raises `UnknownPlaceError`."""
    place = parse_place(text, now, timezone)
    if not rows:
        raise UnknownPlaceError("No events are shown.")
    held = "held" if rows == len(view.history) else "shown"
    if isinstance(place, AtIndex):
        found = row_at_index(view, rows, place.index)
        newest = f"index {count(_index(view, rows - 1))}"
    else:
        latest = _happened(view, rows - 1, 0)
        times = (happened(view.history, view.sequence_at(row)) for row in range(min(rows, SCANNED)))
        oldest = next((known for known in times if known is not None), latest)
        if latest is None or oldest is None:
            raise UnknownPlaceError("The events shown have no times. Type an index.")
        found = row_at_moment(view, rows, moment_of(place, oldest, latest, timezone))
        newest = f"of {datetime.fromtimestamp(latest // SECOND, timezone):%H:%M:%S on %Y-%m-%d}"
    if found is None:
        raise UnknownPlaceError(f"No events there; the newest {held} is {newest}.")
    return found


def _index(view: View, row: int) -> int:
    sequence = view.sequence_at(row)
    segment = view.history.segment_of(sequence)
    return segment.index[sequence - segment.first]


def row_at_index(view: View, rows: int, index: int) -> int | None:
    """The first of the view's first `rows` rows with at least this index; None if there is none.

    Checks the highest index of every segment, because indexes in order of arrival decrease if a server was rebuilt.
    """
    for segment in view.history.segments():
        if not segment.index or max(segment.index) < index:
            continue
        first, indexes = segment.first, segment.index
        for row in range(view.row_at(first), min(view.row_at(first + len(segment)), rows)):
            if indexes[view.sequence_at(row) - first] >= index:
                return row
    return None


SAMPLES: Final = 96
"""Rows sampled first across all rows; each takes half a millisecond, because its frame is decompressed."""
FEWER_SAMPLES: Final = 48
"""Rows sampled in each further step, until `SCANNED` rows are left."""
SCANNED: Final = 64
"""Rows checked one by one; also the maximum distance between two rows in the wrong order."""
NEAREST_GAPS: Final = 32
"""Number of newest gaps whose preceding row is sampled too: only at gaps can times go back further."""


def row_at_moment(view: View, rows: int, moment: int) -> int | None:
    """The first of the view's first `rows` rows that happened at `moment` (ns since 1970) or later; None if none did.

    Times increase in order of arrival, except between a few neighbors and at gaps caused by a change of servers. So it
    samples rows, then rows between the last that is too old and the next: a few hundred of a million.
    """
    start, stop, samples = 0, rows, SAMPLES
    edges = sorted({view.row_at(sequence) - 1 for sequence in _newest_gaps(view)})
    while stop - start > SCANNED:
        step = -(-(stop - start) // samples)
        looked_at = sorted({*range(start + step - 1, stop, step), stop - 1, *_between(edges, start, stop)})
        for row in looked_at:
            known = _happened(view, row, start)
            if known is not None and known >= moment:
                stop = row + 1
                break
            start = row + 1
        else:
            return None
        samples = FEWER_SAMPLES
    for row in range(max(0, start - SCANNED), stop):
        known = happened(view.history, view.sequence_at(row))
        if known is not None and known >= moment:
            return row
    return None


def _happened(view: View, row: int, start: int) -> int | None:
    """The time of a row, or if it has none, as gaps and some events, of a row just before it, down to `start`."""
    for earlier in range(row, max(start, row - SCANNED) - 1, -1):
        known = happened(view.history, view.sequence_at(earlier))
        if known is not None:
            return known
    return None


def _newest_gaps(view: View) -> Iterator[int]:
    left = NEAREST_GAPS
    for segment in reversed(view.history.segments()):
        for row in sorted(segment.gaps, reverse=True):
            if not left:
                return
            left -= 1
            yield segment.first + row


def _between(edges: list[int], start: int, stop: int) -> list[int]:
    return edges[bisect_left(edges, start) : bisect_left(edges, stop)]


def to_place(text: str, viewport: Viewport, now: int, timezone: tzinfo | None) -> Jump:
    """The index, time or gap typed; ages are relative to `now`, in ns since 1970. Raises `UnknownPlaceError`."""
    view, rows = viewport.view, viewport.rows
    if text.strip().lower() in NEXT_GAP:
        row = row_of_gap(view, rows, start(viewport, 1))
    else:
        row = find(text, view, rows, now, timezone)
    return Jump(row, "" if view.complete else SEARCHING)


# The prompt


PLACEHOLDER: Final = "index, 14:30, -5m, 2026-11-23 14:30, gap, job web, node edge-1 or q"


class GoTo(Modal[None]):
    """An input line at the bottom of the screen that closes after a successful jump."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)

    def __init__(self, go: Callable[[str], str]) -> None:
        """`go` goes to the place typed and returns "", or a sentence that says why it cannot."""
        super().__init__()
        self._go = go
        self.input = LineInput(placeholder=PLACEHOLDER, max_length=LONGEST_PLACE, compact=True, id="place")
        self.trouble = Static(id="go-to-trouble")

    def compose(self) -> ComposeResult:
        with Vertical(id="go-to"):
            yield self.trouble
            with Horizontal(id="go-to-row"):
                yield Static(Content(":"), id="go-to-mark")
                yield self.input

    def on_mount(self) -> None:
        self.trouble.display = False
        self.set_focus(self.input)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        if trouble := self._go(message.value):
            self.trouble.update(Content(trouble))
            self.trouble.display = True
        else:
            self.dismiss()
