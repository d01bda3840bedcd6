"""Going to an index, a time or a gap: what an operator may type, which row that is, and the prompt it is typed into."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import ClassVar, Final, TypeAlias

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Static

from nomad_tui.core.filter import Filter
from nomad_tui.core.filter.terms import BY_NAME
from nomad_tui.core.history.event_row import happened
from nomad_tui.core.readable import count
from nomad_tui.core.search.view import View
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.modal import Modal

SECOND: Final = 1_000_000_000
LONGEST_TEXT: Final = 60

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
    """On the day of the newest event shown, or on the day before if it is later than that event's time."""

    time: time


Place: TypeAlias = AtIndex | AtMoment | AtTimeOfDay


class UnknownPlaceError(ValueError):
    """What was typed names no row; the message is one sentence fit to be drawn."""


_INDEX: Final = re.compile(r"\d{1,20}|\d{1,3}(?:,\d{3}){1,6}")
_TIME_OF_DAY: Final = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?")
_AGE: Final = re.compile(r"-?((?:\d{1,9}\s*[dhms]\s*)+)")
_AGE_PART: Final = re.compile(r"(\d+)\s*([dhms])")
_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_place(text: str, now: int, timezone: tzinfo | None = None) -> Place:
    """`1204` or `1,204`, `14:30`, `14:30:05`, `-5m` or `1h30m` for ago, `2026-11-23 14:30`, `2026-11-23T14:30:05Z`.

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
            f"'{shown}' is no place: type an index (1204), a time (14:30), an age (-5m) or 2026-11-23 14:30."
            if typed
            else "Nothing is typed: type an index (1204), a time (14:30), an age (-5m) or 2026-11-23 14:30."
        ) from None


def _nanoseconds(at: datetime, timezone: tzinfo | None) -> int:
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone) if timezone is not None else at.astimezone()
    return int(at.timestamp() * 1_000_000) * 1_000


def moment_of(place: AtMoment | AtTimeOfDay, oldest: int, newest: int, timezone: tzinfo | None = None) -> int:
    """The moment meant, in ns since 1970, where events of `oldest` to `newest` are shown.

    A time of day that is later than the newest event's is one of the day before, if anything shown is that old.
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
"""Typed for the next place where events may be missing."""

QUIT: Final = frozenset(("q", "q!", "quit", "exit"))
"""Typed to leave the program."""


def parse_condition(text: str) -> str | None:
    """The filter term for `job web`; None if it does not begin with a field's name. Raises `FilterError`."""
    name, _, value = text.strip().partition(" ")
    value = value.strip()
    if name.lower() not in BY_NAME or not value:
        return None
    term = f'{name.lower()}:"{value}"' if " " in value and '"' not in value else f"{name.lower()}:{value}"
    Filter.parse(term)
    return term


# Which row that is


def row_of_gap(view: View, rows: int, after: int) -> int:
    """The next of the view's first `rows` rows behind the sequence number `after` that is a gap, or else the first.

    Raises `UnknownPlaceError`.
    """
    history = view.history
    found = {gap: view.row_at(gap) for gap in history.gaps_between(history.first, history.end)}
    shown = {gap: row for gap, row in found.items() if row < rows and view.sequence_at(row) == gap}
    if not shown:
        raise UnknownPlaceError("No gaps in the events shown.")
    return next((row for gap, row in shown.items() if gap > after), min(shown.values()))


def find(text: str, view: View, rows: int, now: int, timezone: tzinfo | None = None) -> int:
    """The first of the view's first `rows` rows at or after the place typed. Raises `UnknownPlaceError`."""
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
    """The first of the view's first `rows` rows whose index is not lower; None if there is none.

    In the order of arrival, in which indexes go back where a server was rebuilt: every segment's highest is looked at.
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
"""Rows whose time is looked at first, over all that are shown; half a millisecond each, for their frame is unpacked."""
FEWER_SAMPLES: Final = 48
"""Between two of those, and so on until `SCANNED` rows are left."""
SCANNED: Final = 64
"""Rows that are looked at one by one; also how far apart two may be that are in the wrong order."""
NEAREST_GAPS: Final = 32
"""Of the newest gaps the row before is looked at too: only there may times go back further."""


def row_at_moment(view: View, rows: int, moment: int) -> int | None:
    """The first of the view's first `rows` rows that happened at that moment (ns since 1970) or later; None for none.

    Times rise with the order of arrival but for a few neighbours and where a gap means another server. So some
    rows are looked at, and between the last one that is too old and the next one some more: a few hundred of a million.
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
    """When a row happened, or else one of those just before it down to `start`: gaps and some events have no time."""
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


# The prompt


PLACEHOLDER: Final = "index, 14:30, -5m, 2026-11-23 14:30, gap, job web, node edge-1 or q"


class PlaceInput(Input):
    def __init__(self) -> None:
        super().__init__(placeholder=PLACEHOLDER, compact=True, id="place")

    def on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self.insert_text_at_cursor(printable(" ".join(event.text.split()), LONGEST_TEXT))


class GoTo(Modal[None]):
    """A line at the bottom of the screen. It closes by itself once it has gone somewhere."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)

    def __init__(self, go: Callable[[str], str]) -> None:
        """`go` is handed what was typed; it goes there, or else says in a sentence why not."""
        super().__init__()
        self._go = go
        self.input = PlaceInput()
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
