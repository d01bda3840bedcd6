"""Selects the events of each record that a sink sends."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, TypeAlias

from nomad_tui.core.history.derived import Derived as DerivedHistory
from nomad_tui.core.history.history import History
from nomad_tui.core.identity import Identities
from nomad_tui.core.level import Level
from nomad_tui.core.objects.parts import NOTHING
from nomad_tui.core.search.search import Matcher
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Event, Frame, Unreadable
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.definition import CHATS, INCIDENTS, Definition, Format, Kind
from nomad_tui.sinks.delivery.about import About, Derived
from nomad_tui.sinks.delivery.latest import LatestEvents
from nomad_tui.sinks.delivery.sink import Item
from nomad_tui.sinks.delivery.task_events import has_task_events

HELD_EVENTS: Final = 20_000
HELD_BYTES: Final = 32 * 1024 * 1024
"""Bytes of the history that a sink with a filter keeps, to compare events with earlier ones."""
Note: TypeAlias = Callable[[str, int, bool], None]
"""Called with an incident, the position of the record that opens or closes it, and whether it is open from there."""
MAX_INCIDENTS: Final = 10_000
"""Incidents that are remembered; the least recently changed are forgotten first."""


class Selection:
    """Must see every record in journal order: `pass_by` for those before the cursor, `items` for the others."""

    def __init__(self, definition: Definition, region: str, journal: str, note: Note | None = None) -> None:
        """`journal` is the journal's ID. `note` stores the incidents that the sent events open and close."""
        self._definition = definition
        self._journal = journal
        single = definition.together.max_events == 1
        needs_identities = single or definition.format is Format.CLOUDEVENTS or definition.kind is Kind.NATS
        # An array needs no event IDs: its position in the journal identifies it, at no cost.
        self._identities = Identities(region) if needs_identities else None
        self.last_index = 0
        """Index of the last frame seen; 0 before the first."""
        self._history: History | None = None
        self._matcher: Matcher | None = None
        self._incidents = Incidents(definition, note)
        self._of_tasks = definition.format is Format.TASKS
        self._is_rendered = definition.is_rendered
        self._latest = LatestEvents() if definition.needs_earlier else None
        if not definition.filter.everything:
            self._history = History(HELD_EVENTS, HELD_BYTES)
            self._matcher = Matcher(DerivedHistory(self._history), definition.filter, region=region)
        self._everything = self._matcher is None and definition.subscription.everything and not definition.namespaces

    @property
    def keeps_incidents(self) -> bool:
        """Whether open incidents have to survive a restart."""
        return self._incidents.are_kept

    def recall(self, incidents: Iterable[str]) -> None:
        """Restore the incidents that were open at the cursor. Call it before `pass_by`."""
        self._incidents.recall(incidents)

    def pass_by(self, record: Record) -> None:
        """See a record that was sent before, so that later events can be compared with it."""
        if isinstance(record.content, Frame):
            self.last_index = record.content.index
            if self._identities is not None:
                self._identities.of(record.content)
            if self._is_rendered:
                for about in self._abouts(record, record.content, self._wanted(record, record.content)):
                    self._incidents.look(about)
            elif self._history is not None:
                self._history.add(record.content, record.received)
        elif isinstance(record.content, Gap):
            self._append_gap(record, record.content)
        else:
            self._append_gap(record, self._unreadable())

    def lost_before(self, record: Record) -> None:
        """The journal dropped the records before this one: do not compare later events with earlier ones."""
        self._append_gap(record, Gap(GapReason.JOURNAL, self.last_index, self.last_index, 0.0))

    def items(self, record: Record, first: int = 0) -> list[Item]:
        """Return the items of a record, from its event `first` on."""
        match record.content:
            case Frame() as frame:
                return self._of_frame(record, frame, first)
            case Gap() as gap:
                return self._of_gap(record, gap)
            case Unreadable():
                return self._of_gap(record, self._unreadable())

    def _of_frame(self, record: Record, frame: Frame, first: int) -> list[Item]:
        self.last_index = frame.index
        ids = self._identities.of(frame) if self._identities is not None else None
        wanted = self._wanted(record, frame)
        if self._is_rendered:
            return [item for item in self._rendered(record, frame, wanted, ids) if item.offset >= first]
        if not wanted:
            return []
        texts, events = record.texts(masked=self._definition.redact), frame.events
        position, index, received = record.position, frame.index, record.received
        place = f"{self._journal}-{position}-"
        return [
            Item(
                position,
                offset,
                index,
                received,
                texts[offset],
                events[offset],
                id=f"{place}{offset}" if ids is None else ids[offset],
            )
            for offset in wanted
            if offset >= first
        ]

    def _rendered(self, record: Record, frame: Frame, wanted: list[int], ids: list[str] | None) -> list[Item]:
        """Return items with their meaning, for events of the definition's level or above and their recoveries."""
        texts = partial(record.texts, masked=self._definition.redact)
        position, index, received, events = record.position, frame.index, record.received, frame.events
        place, least, incidents = f"{self._journal}-{position}-", self._definition.least_level, self._incidents
        takes_all, reports_recoveries = least <= Level.ROUTINE, incidents.reports_recoveries
        items: list[Item] = []
        for offset, about in zip(wanted, self._abouts(record, frame, wanted), strict=True):
            resolves = reports_recoveries and incidents.look(about, position)
            if not (takes_all or resolves) and about.level < least:
                continue
            items.append(
                Item(
                    position,
                    offset,
                    index,
                    received,
                    texts,
                    events[offset],
                    id=f"{place}{offset}" if ids is None else ids[offset],
                    about=about,
                    resolves=resolves,
                )
            )
        return [item for item in items if has_task_events(item)] if self._of_tasks else items

    def _abouts(self, record: Record, frame: Frame, wanted: list[int]) -> list[About]:
        """Return the meaning of the frame's events. Call it for every frame: later events are compared with it."""
        events, latest = frame.events, self._latest
        if latest is None:
            return [Derived(events[offset]) for offset in wanted]
        payloads = record.payloads()
        known = latest.add(frame, payloads)
        abouts: list[About] = []
        namespace, beside = None, NOTHING
        for offset in wanted:
            event = events[offset]
            if event.namespace != namespace:
                namespace, beside = event.namespace, latest.beside(frame, event.namespace, payloads)
            abouts.append(Derived(event, *known[offset], beside))
        return abouts

    def _wanted(self, record: Record, frame: Frame) -> list[int]:
        if self._everything and self._history is None:
            return list(range(len(frame.events)))
        start = 0
        if self._matcher is not None:
            self._matcher.tests.now = record.received  # ages do not depend on when the event is sent
        if self._history is not None:
            start = self._history.end
            self._history.add(frame, record.received)
        return self._selected(frame, start)

    def _selected(self, frame: Frame, start: int) -> list[int]:
        """Return the offsets of the events that the definition selects, whatever their level.

        `start` is the position of the frame's first event in the history.
        """
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

    def _unreadable(self) -> Gap:
        """The gap that an unreadable record leaves."""
        return Gap(GapReason.UNREADABLE, self.last_index, self.last_index, 0.0)

    def _append_gap(self, record: Record, gap: Gap) -> None:
        """Do not compare events after a gap with those before it."""
        if self._history is not None:
            self._history.add(gap, record.received)
        if self._latest is not None:
            self._latest.add_gap()

    def _of_gap(self, record: Record, gap: Gap) -> list[Item]:
        definition = self._definition
        self._append_gap(record, gap)
        elsewhere = gap.namespaces and definition.namespaces and definition.namespaces.isdisjoint(gap.namespaces)
        if not definition.gaps or elsewhere or definition.kind in INCIDENTS:  # nothing would resolve such an incident
            return []
        place = self._place(record.position, 0)
        return [Item(record.position, 0, gap.before, record.received, b"{}", gap=gap, id=place)]

    def _place(self, position: int, offset: int) -> str:
        return f"{self._journal}-{position}-{offset}"


class Incidents:
    """The failures that were reported and are still open."""

    def __init__(self, definition: Definition, note: Note | None) -> None:
        self._least = definition.least_level
        self.are_kept = definition.kind in CHATS and definition.resolve
        """Receivers of incidents know what is open themselves."""
        self._store = note if self.are_kept else None
        self.reports_recoveries = definition.kind in INCIDENTS or (definition.kind in CHATS and definition.resolve)
        self._closes_unknown = definition.kind in INCIDENTS
        """Whether to send recoveries of incidents from before the first record seen: closing twice does no harm."""
        self._known: OrderedDict[str, bool] = OrderedDict()
        """Whether each incident is open, the most recently changed last."""

    def recall(self, incidents: Iterable[str]) -> None:
        for incident in incidents:
            self._note(incident, True, 0)

    def look(self, about: About, position: int = 0) -> bool:
        """Update the incident of an event, and return whether the event resolves a reported one.

        `position` is that of its record; 0 for an event that was sent before.
        """
        if not self.reports_recoveries or not about.incident:
            return False
        is_open = self._known.get(about.incident)
        if about.level >= max(self._least, Level.WARNING):
            self._note(about.incident, True, position)
            return False
        if not about.is_recovery:
            return False
        self._note(about.incident, False, position)
        return is_open is True or (is_open is None and self._closes_unknown)

    def _note(self, incident: str, is_open: bool, position: int) -> None:
        was_open = self._known.get(incident, False)
        self._known[incident] = is_open
        self._known.move_to_end(incident)
        if position and was_open != is_open and self._store is not None:
            self._store(incident, position, is_open)
        if len(self._known) > MAX_INCIDENTS:
            forgotten, was_open = self._known.popitem(last=False)
            if position and was_open and self._store is not None:
                self._store(forgotten, position, False)
