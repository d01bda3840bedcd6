"""Incident reports in Markdown: the filter, event rates, marked events, and the timeline."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import partial
from typing import Final

from nomad_tui.core.export.formats import EventLines, Output, markdown_line, markdown_text
from nomad_tui.core.history.event_row import GapRow, happened, row
from nomad_tui.core.history.history import History
from nomad_tui.core.history.related import Names
from nomad_tui.core.objects.registry import summary
from nomad_tui.core.readable import SECOND, count, duration
from nomad_tui.core.secrets import REDACTED, masked_text
from nomad_tui.core.text import printable

MAX_RATES: Final = 24
"""Maximum rows of the table of rates."""
MAX_TOPICS: Final = 20
MAX_IN_TIMELINE: Final = 1_000
"""Maximum rows of the timeline; longer ones are better saved as CSV."""
BAR: Final = 30
_STEPS: Final = tuple(
    seconds * SECOND
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 604800)
)
LONGEST_FILTER: Final = 2_000


@dataclass(frozen=True, slots=True)
class About:
    """Metadata of a report."""

    where: str
    """The cluster or recording; untrusted."""
    filter_text: str
    now: int
    """In ns since 1970."""
    timezone: tzinfo | None = None


class Report:
    """The report of some rows of a history, created during iteration; yields empty pieces while counting."""

    def __init__(self, history: History, sequences: Sequence[int], marks: Sequence[int], about: About) -> None:
        self._history = history
        self._sequences = sequences
        self._marks = marks
        self._about = about
        self.done = 0
        """Rows processed."""
        self.events = 0
        self.gaps = 0
        self.gaps_left_out = 0
        self.evicted = 0
        self._topics: Counter[str] = Counter()
        self._seconds: Counter[int] = Counter()
        """Number of events by the second in which they happened."""
        self._indexes: list[int] = []
        """The lowest and the highest one."""

    @property
    def total(self) -> int:
        return len(self._sequences)

    def __iter__(self) -> Iterator[bytes]:
        for sequence in self._sequences:
            self._count(sequence)
            self.done += 1
            yield b""
        for line in self._lines():
            yield line.encode("utf-8", "replace") + b"\n"

    def _count(self, sequence: int) -> None:
        history = self._history
        if sequence < history.first:
            self.evicted += 1
            return
        segment = history.segment_of(sequence)
        at = sequence - segment.first
        subject = history.subject(segment.subject[at])
        if subject is None:
            self.gaps += 1
            return
        self.events += 1
        self._topics[subject.counted_as] += 1
        if (index := segment.index[at]) >= 0:
            lowest, highest = self._indexes or (index, index)
            self._indexes = [min(lowest, index), max(highest, index)]
        if (moment := happened(history, sequence)) is not None:
            self._seconds[moment // SECOND] += 1

    def _lines(self) -> Iterator[str]:
        about = self._about
        yield f"# Incident report: {_plain(about.where)}"
        yield ""
        yield f"- Written: {self._time(about.now // SECOND)}"
        shown = masked_text(printable(about.filter_text, LONGEST_FILTER), REDACTED)
        yield f"- Filter: {markdown_text(shown) if shown else 'none'}"
        indexes = f", indexes {self._indexes[0]}–{self._indexes[1]}" if self._indexes else ""
        yield f"- Events: {count(self.events)}{indexes}"
        if self._seconds:
            yield f"- Time: {self._time(min(self._seconds))} to {self._time(max(self._seconds))}"
        yield f"- Gaps: {count(self.gaps)}"
        if self.evicted:
            yield f"- Evicted before they were read: {count(self.evicted)}"
        for topic, number in self._topics.most_common(MAX_TOPICS):
            yield f"- {_plain(topic)}: {count(number)}"
        yield from self._rates()
        yield from self._marked()
        yield from self._timeline()

    def _time(self, seconds: int) -> str:
        return datetime.fromtimestamp(seconds, self._about.timezone).astimezone(self._about.timezone).isoformat()

    def _rates(self) -> Iterator[str]:
        if not self._seconds:
            return
        first, last = min(self._seconds), max(self._seconds)
        span = (last - first + 1) * SECOND
        step = next((each for each in _STEPS if span <= each * MAX_RATES), span // MAX_RATES + 1) // SECOND
        step = max(1, step)
        start = first - first % step
        counted: Counter[int] = Counter()
        for second, number in self._seconds.items():
            counted[(second - start) // step] += number
        most = max(counted.values())
        yield from ("", f"## Events every {duration(step * SECOND)}", "", "| From | Events | |", "|---|--:|---|")
        for place in range((last - start) // step + 1):
            number = counted[place]
            bar = "█" * (-(-number * BAR // most))
            yield f"| {self._time(start + place * step)} | {count(number)} | {bar} |"

    def _marked(self) -> Iterator[str]:
        marks = [each for each in self._marks if each >= self._history.first]
        if not marks:
            return
        yield from ("", "## Marked events")
        for sequence in marks:
            found = row(self._history, sequence)
            if isinstance(found, GapRow):
                yield from ("", f"### Gap: {_plain(found.gap.sentence)}")
                continue
            event = self._history.event(sequence)
            moment = found.when()[0]
            time = "" if moment is None else f"{self._time(moment // SECOND)} "
            yield from ("", f"### {time}{_plain(found.topic)} {_plain(found.sentence.text)}", "")
            key = masked_text(event.key, REDACTED)
            facts = [("index", str(event.index)), ("key", key), ("namespace", event.namespace)]
            yield from (f"- {name}: {_plain(value)}" for name, value in facts if value)
            names = Names(self._history)
            summarized = summary(
                event.topic,
                event.key,
                event.payload,
                name=partial(_name, names, event.namespace),
                now=moment if moment is not None else self._about.now,
                timezone=self._about.timezone,
                of_event=True,
            )
            yield from (f"- {_plain(fact.text)}" for fact in summarized.facts)

    def _timeline(self) -> Iterator[str]:
        shown = [each for each in self._sequences[-MAX_IN_TIMELINE:] if each >= self._history.first]
        yield from ("", "## Timeline", "")
        if len(self._sequences) > MAX_IN_TIMELINE:
            left_out = count(len(self._sequences) - MAX_IN_TIMELINE)
            yield from (f"{left_out} earlier events are omitted; save them as CSV or NDJSON.", "")
        lines = EventLines(self._history, Output.MARKDOWN, redacts=True, timezone=self._about.timezone)
        yield from (line.decode() for line in lines.head())
        for sequence in shown:
            gap = self._history.gap(sequence)
            if gap is not None:
                yield markdown_line(("", str(gap.before), "Gap", "", "", "", gap.sentence, "", "", ""))
                continue
            frame, first = self._history.frame(sequence)
            yield from (line.decode() for line in lines.of_frame(frame, first, [sequence - first]))


def _plain(text: str) -> str:
    return markdown_text(printable(text, 500))


def _name(names: Names, namespace: str, topic: str, key: str) -> str:
    return names.name(topic, key, namespace)
