"""Reads the events of an object for a timeline, keeping what each of them changed."""

from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from nomad_tui.core.history.dictionaries import ObjectKey
from nomad_tui.core.history.event_row import describe_event, payload_before
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.objects.allocation import ALLOCATION
from nomad_tui.core.objects.allocation.fields import Allocation, TaskEvent
from nomad_tui.core.objects.allocation.timeline import allocation_steps
from nomad_tui.core.objects.node import NODE
from nomad_tui.core.objects.node.fields import NodeEvent
from nomad_tui.core.objects.parts import Parts, Sentence
from nomad_tui.core.objects.registry import describe, frame_moment, kind
from nomad_tui.core.timeline.rows import TaskEventKey, moment, timestamp
from nomad_tui.core.wire import Frame

MAX_EVENTS: Final = 200
"""Maximum events read of one object, the newest ones."""
MAX_TASK_EVENTS: Final = 400
"""Maximum task events read of one payload; Nomad keeps 10 per task."""
EVENTS_PER_STEP: Final = 256
"""Events of an object skipped before yielding."""


@dataclass(slots=True)
class Record:
    """One event of an object."""

    sequence: int
    moment: int | None
    sentence: Sentence | None
    """Its description relative to the previous event; None if that adds nothing."""
    allocation: Allocation | None = None
    tasks: dict[TaskEventKey, TaskEvent] = field(default_factory=dict)
    """For an allocation: all task events in its payload."""
    steps: list[tuple[Parts, int | None]] = field(default_factory=list)
    """For an allocation: changes other than task events, and their times."""
    node_events: tuple[NodeEvent, ...] = ()


class ObjectRecords:
    """The events read of one object, oldest first."""

    def __init__(self, key: ObjectKey, *, whole: bool) -> None:
        self.key = key
        self.whole = whole
        """Whether all its events are read, or only the newest."""
        self.read_to = -1
        """The newest event read."""
        self.records: deque[Record] = deque(maxlen=MAX_EVENTS if whole else 1)
        self.state: Sentence | None = None
        """Description of the newest payload alone."""
        self._compared: Any = None

    def forget_before(self, first: int) -> bool:
        """Drop records of evicted events. Returns whether there were any."""
        dropped = False
        while self.records and self.records[0].sequence < first:
            self.records.popleft()
            dropped = True
        return dropped

    def read(self, history: History) -> Iterator[None]:
        """Read the object's new events, yielding after each payload."""
        newest = history.newest(*self.key)
        if newest is None or newest == self.read_to:
            return
        topic, _, _ = self.key
        sequences = yield from self._unread(history, newest)
        for sequence in reversed(sequences):
            if sequence < history.first:
                continue
            self._add(topic, history, sequence, sequence == newest)
            yield
        self.read_to = newest

    def _unread(self, history: History, newest: int) -> Generator[None, None, list[int]]:
        types = history.type_names()
        routine = kind(self.key[0]).routine_type if self.whole else ""
        most = MAX_EVENTS if self.whole else 1
        sequences: list[int] = []
        at: int | None = newest
        passed = 0
        while at is not None and at > self.read_to and len(sequences) < most:
            if at < history.first:
                break
            segment = history.segment_of(at)
            if not routine or at == newest or types[segment.type[at - segment.first]] != routine:
                sequences.append(at)
            at = history.previous(at)
            passed += 1
            if passed % EVENTS_PER_STEP == 0:
                yield
        return sequences

    def _add(self, topic: str, history: History, sequence: int, newest: bool) -> None:
        event = history.event(sequence)
        if topic == ALLOCATION.name:
            self._add_allocation(event.payload, sequence, event.frame)
        else:
            compared = kind(topic).compared(event.payload)
            description = None
            if compared is None or compared.state != self._compared or not self.records:
                description = (
                    describe_event(history, event, payload_before(history, event.sequence))
                    if self.whole
                    else _describe_alone(topic, event)
                )
            self._compared = compared.state if compared is not None else None
            own = moment(compared.moment) if compared is not None and compared.moment is not None else None
            at = own if own is not None else frame_moment(event.frame)
            self.records.append(Record(sequence, at, description, node_events=_node_events(topic, event.payload)))
        if newest:
            self.state = _describe_alone(topic, event)

    def _add_allocation(self, payload: bytes, sequence: int, frame: Frame) -> None:
        now = ALLOCATION.read(payload) or Allocation()
        before = self.records[-1] if self.records else None
        tasks = dict(islice(_task_events(now), MAX_TASK_EVENTS))
        if before is not None:  # each task event is kept once, even if many payloads repeat it
            tasks = {key: before.tasks.get(key, event) for key, event in tasks.items()}
        record = Record(sequence, moment(now.modify_time), None, allocation=now.without_payload(), tasks=tasks)
        if before is not None and before.allocation is not None:
            steps = allocation_steps(before.allocation, now)
            if steps:
                at = frame_moment(frame) or record.moment
                record.steps = [(parts, timestamp(own_time) or at) for parts, own_time in steps]
        self.records.append(record)


def _describe_alone(topic: str, event: HeldEvent) -> Sentence:
    return describe(topic, event.type, event.key, event.payload, None)


def _task_events(allocation: Allocation) -> Iterator[tuple[TaskEventKey, TaskEvent]]:
    for task, state in allocation.tasks.items():
        for event in state.events or ():
            yield (task, event.time, event.type, event.message), event


def _node_events(topic: str, payload: bytes) -> tuple[NodeEvent, ...]:
    node = NODE.read(payload) if topic == NODE.name else None
    return tuple(islice(node.events or (), MAX_TASK_EVENTS)) if node is not None else ()
