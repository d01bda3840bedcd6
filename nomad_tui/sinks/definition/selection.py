"""Which of a record's events a sink wants, and each of them as an item to be sent."""

from typing import Final

from nomad_tui.core.history.derived import Derived
from nomad_tui.core.history.history import History
from nomad_tui.core.identity import Identities
from nomad_tui.core.search.search import Matcher
from nomad_tui.core.secrets import redact
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Event, Frame, Unreadable
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.definition import Definition, Format, Kind
from nomad_tui.sinks.delivery.sink import Item

HELD_EVENTS: Final = 20_000
HELD_BYTES: Final = 32 * 1024 * 1024
"""What a filter remembers to tell what changed, for each sink that has one."""


class Selection:
    """To be shown every record in the order of the journal, also those that were sent before."""

    def __init__(self, definition: Definition, region: str, journal: str) -> None:
        """`journal` is its ID."""
        self._definition = definition
        self._journal = journal
        single = definition.together.max_events == 1
        needs_identities = single or definition.format is Format.CLOUDEVENTS or definition.kind is Kind.NATS
        # An array as a whole is known by its place in the journal: that costs nothing.
        self._identities = Identities(region) if needs_identities else None
        self.last_index = 0
        """Of the frame that was looked at last; 0 before the first."""
        self._history: History | None = None
        self._matcher: Matcher | None = None
        if not definition.filter.everything:
            self._history = History(HELD_EVENTS, HELD_BYTES)
            self._matcher = Matcher(Derived(self._history), definition.filter, region=region)
        self._everything = self._matcher is None and definition.subscription.everything and not definition.namespaces

    def pass_by(self, record: Record) -> None:
        """A record that is not to be sent, but that what comes after it may be compared with."""
        if isinstance(record.content, Frame):
            self.last_index = record.content.index
            if self._identities is not None:
                self._identities.of(record.content)
            if self._history is not None:
                self._history.append(record.content, record.content.received_when_written(record.received))

    def items(self, record: Record, first: int = 0) -> list[Item]:
        """What of a record is to be sent, from its event `first` on."""
        match record.content:
            case Frame() as frame:
                return self._of_frame(record, frame, first)
            case Gap() as gap:
                return self._of_gap(record, gap)
            case Unreadable():
                # Whatever stood in it is missing.
                return self._of_gap(record, Gap(GapReason.UNREADABLE, self.last_index, self.last_index, 0.0))

    def _of_frame(self, record: Record, frame: Frame, first: int) -> list[Item]:
        self.last_index = frame.index
        ids = self._identities.of(frame) if self._identities is not None else None
        wanted = self._wanted(record, frame)
        if not wanted:
            return []
        texts = frame.event_texts()
        redacts = self._definition.redact
        return [
            Item(
                record.position,
                offset,
                frame.index,
                record.received,
                redact(texts[offset]) if redacts else texts[offset],
                frame.events[offset],
                id=self._place(record.position, offset) if ids is None else ids[offset],
            )
            for offset in wanted
            if offset >= first
        ]

    def _wanted(self, record: Record, frame: Frame) -> list[int]:
        if self._everything:
            return list(range(len(frame.events)))
        start = 0
        if self._matcher is not None:
            self._matcher.now = record.received  # whenever it is sent, an age is the same
        if self._history is not None:
            start = self._history.end
            self._history.append(frame, frame.received_when_written(record.received))
        return [
            offset
            for offset, event in enumerate(frame.events)
            if self._admits(event) and (self._matcher is None or self._matcher.matches(start + offset))
        ]

    def _admits(self, event: Event) -> bool:
        definition = self._definition
        if definition.namespaces and event.namespace and event.namespace not in definition.namespaces:
            return False
        return definition.subscription.admits(event)

    def _of_gap(self, record: Record, gap: Gap) -> list[Item]:
        definition = self._definition
        elsewhere = gap.namespaces and definition.namespaces and definition.namespaces.isdisjoint(gap.namespaces)
        if not definition.gaps or elsewhere:
            return []
        place = self._place(record.position, 0)
        return [Item(record.position, 0, gap.before, record.received, b"{}", gap=gap, id=place)]

    def _place(self, position: int, offset: int) -> str:
        return f"{self._journal}-{position}-{offset}"
