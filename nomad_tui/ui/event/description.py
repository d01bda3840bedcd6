"""The inspector's text above its views: heading, summary, diagnosis, the envelope's facts, and problems."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Final

import msgspec
from textual.content import Content
from textual.widgets import Static

from nomad_tui.core.objects.registry import Summary, summary
from nomad_tui.core.text import printable
from nomad_tui.ui.event.inspected import InspectedEvent, contents
from nomad_tui.ui.line_view import LaidOutOnce, show_content

if TYPE_CHECKING:
    from nomad_tui.core.diagnosis import Diagnosis

NOTHING_SELECTED: Final = "No event is selected."

DIAGNOSIS_INDENT: Final = 2
"""Cells before each line of the diagnosis."""
DIAGNOSIS_FIRST_SLICE: Final = 0.008
DIAGNOSIS_SLICE: Final = 0.02
"""Seconds spent on the diagnosis when an event is shown, and at each further update."""
LONGEST_FACT: Final = 200
"""Characters of a fact. A key may have 10,000, and must not push the payload off the screen."""

_GAP: Final = 2
"""Cells between two facts on a line."""


class Part(Static, LaidOutOnce):
    """A text above the views."""


class Description:
    """The inspector's texts above its views. Widths are in cells, 0 before the first layout."""

    def __init__(self, clock: Callable[[], int], timezone: tzinfo | None) -> None:
        """`clock` and `timezone` are as in `Inspector`."""
        self._clock = clock
        self._timezone = timezone
        self._event: InspectedEvent | None = None
        self._width = 0
        self._facts: list[_DrawnFact] = []
        self._summary: list[_DrawnFact] = []
        self._diagnosis: Diagnosis | None = None
        self._diagnosed: list[_DrawnFact] = []
        self._newest = ""
        """The object's newest state in the summary."""
        self.heading = Part(Content(NOTHING_SELECTED), id="inspector-heading")
        self.summary = Part(id="inspector-summary")
        self.diagnosis = Part(id="inspector-diagnosis")
        self.facts = Part(id="inspector-facts")
        self.trouble = Part(id="inspector-trouble")

    @property
    def parts(self) -> tuple[Part, ...]:
        """The texts from top to bottom."""
        return self.heading, self.summary, self.diagnosis, self.facts, self.trouble

    def show(self, event: InspectedEvent | None, trouble: str, width: int) -> None:
        """Show an event, or that none is selected. `trouble` is a problem of the event or payload, safe to display."""
        self._event, self._diagnosis = event, None
        self._facts = [] if event is None else _of_envelope(event.facts)
        self._summary = [] if event is None else self._summary_of(event)
        heading = (Content(NOTHING_SELECTED),) if event is None else event.heading
        show_content(self.heading, Content("\n").join(heading))
        self.lay_out(width)
        self.summary.display = bool(self._summary)
        self.facts.set_class(not self._facts, "-empty")
        self.trouble.update(Content(f"! {trouble}" if trouble else ""), layout=bool(trouble))
        self.trouble.display = bool(trouble)
        self._diagnose(DIAGNOSIS_FIRST_SLICE)

    @property
    def is_diagnosed(self) -> bool:
        """Whether the diagnosis of a failure is complete, or there is none."""
        if self._diagnosis is None:
            return self._event is None or self._event.diagnose is None
        return self._diagnosis.is_complete

    def show_newest(self) -> None:
        """Update the object's newest state if it has changed, and continue the diagnosis; the app calls this often."""
        if not self.is_diagnosed:
            self._diagnose(DIAGNOSIS_SLICE)
        if self._event is not None and self._event.topic and self._event.newest() != self._newest:
            self.update_ages()
            self.summary.display = bool(self._summary)

    def update_ages(self) -> None:
        """Show ages relative to the clock's current time."""
        if self._event is not None:
            self._summary = self._summary_of(self._event)
            self.lay_out(self._width)

    def lay_out(self, width: int) -> None:
        self._width = width
        show_content(self.summary, _laid_out(self._summary, width))
        self._show_diagnosed()
        show_content(self.facts, _laid_out(self._facts, width))

    def _summary_of(self, event: InspectedEvent) -> list[_DrawnFact]:
        if not event.topic:
            return []
        self._newest = event.newest()
        shown = summary(
            event.topic,
            event.key,
            event.payload,
            name=event.name,
            now=self._clock() if event.happened is None else event.happened,
            timezone=self._timezone,
            of_event=event.happened is not None,
            newest=self._newest,
        )
        return _of_summary(shown)

    def _diagnose(self, seconds: float) -> None:
        """Continues the diagnosis for about `seconds`, and shows it once it is complete."""
        event = self._event
        if self._diagnosis is None and event is not None and event.diagnose is not None and self._width:
            self._diagnosis = event.diagnose()  # not before the first layout
        self._diagnosed = []
        if self._diagnosis is not None and not self._diagnosis.advance(seconds):
            self._diagnosed = [_DrawnFact(fact.content) for fact in _of_summary(Summary(self._diagnosis.facts))]
            self._show_diagnosed()
        self.diagnosis.display = bool(self._diagnosed)

    def _show_diagnosed(self) -> None:
        content = _laid_out(self._diagnosed, self._width - DIAGNOSIS_INDENT)
        if self.diagnosis.content != content:
            self.diagnosis.update(content)  # long facts wrap


class _DrawnFact(msgspec.Struct, frozen=True):
    content: Content
    begins_line: bool = False


def _of_envelope(facts: Iterable[tuple[str, str]]) -> list[_DrawnFact]:
    """Facts from labels and untrusted values; those with an empty value are omitted."""
    return [
        _DrawnFact(Content.assemble((label, "$faint"), " ", (printable(value, LONGEST_FACT), "$quiet")))
        for label, value in facts
        if value
    ]


def _of_summary(shown: Summary) -> list[_DrawnFact]:
    return [
        _DrawnFact(
            Content("").join([Content.styled(f"{fact.label} " if fact.label else "", "$faint"), *contents(fact.parts)]),
            fact.own_line,
        )
        for fact in shown.facts
    ]


def _laid_out(facts: Sequence[_DrawnFact], width: int) -> Content:
    """The facts in lines of at most `width` cells; a label is never separated from its value."""
    lines: list[list[Content]] = []
    left = 0
    for fact in facts:
        needed = fact.content.cell_length
        if lines and not fact.begins_line and needed + _GAP <= left:
            lines[-1].append(fact.content)
            left -= needed + _GAP
        else:
            lines.append([fact.content])
            left = width - needed
    return Content("\n").join([Content(" " * _GAP).join(line) for line in lines])
