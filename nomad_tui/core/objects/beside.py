"""What a sentence may use beside an event's payload and its previous one: the rest of the write, and names.

All events of a frame come from one write, so a frame proves what happened together: a node's event that says nothing
of its own came with the allocations its client reported, an evaluation's with the allocations its plan placed.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from nomad_tui.core.objects.parts import short
from nomad_tui.core.objects.reading import Object, Reader
from nomad_tui.core.topics import released_topic
from nomad_tui.core.wire import Frame


class _Allocation(Object):
    node_id: str = ""
    eval_id: str = ""
    create_index: int = 0


class _Evaluation(Object):
    job_id: str = ""
    triggered_by: str = ""


class _Payload(Object):
    allocation: _Allocation | None = None
    evaluation: _Evaluation | None = None


_READER: Final = Reader[_Payload](_Payload)


class Write:
    """The allocations and evaluations of one frame, as far as sentences about other objects need them."""

    def __init__(self, frame: Frame) -> None:
        self.reported: Counter[str] = Counter()
        """Allocations by the ID of their node."""
        self.placed: Counter[str] = Counter()
        """Allocations that this write created, by the ID of their evaluation."""
        self.triggers: dict[tuple[str, str], str] = {}
        """Why an evaluation was made, by namespace and job ID."""
        for event in frame.events:
            topic = released_topic(event.topic)
            if topic not in ("Allocation", "Evaluation") or (read := _READER.read(event.payload)) is None:
                continue
            if topic == "Evaluation" and read.evaluation is not None:
                self.triggers[event.namespace, read.evaluation.job_id] = read.evaluation.triggered_by
            elif topic == "Allocation" and read.allocation is not None:
                self.reported[read.allocation.node_id] += 1
                if read.allocation.create_index == frame.index:
                    self.placed[read.allocation.eval_id] += 1


def _no_name(_topic: str, _identifier: str) -> str:
    return ""


class Beside(NamedTuple):
    frame: Frame | None = None
    """The event's own; None if it is not available."""
    namespace: str = ""
    known_name: Callable[[str, str], str] = _no_name
    """The name of an object by its released topic and ID, untrusted; empty for an unknown one."""

    @property
    def write(self) -> Write | None:
        """Read once a frame."""
        if self.frame is None:
            return None
        write: Write | None = self.frame.write
        if write is None:
            write = self.frame.write = Write(self.frame)
        return write

    def name(self, topic: str, identifier: str) -> str:
        """A name, else the short ID."""
        return self.known_name(topic, identifier) or short(identifier)

    def trigger(self, job: str) -> str:
        """Why this write evaluates a job; empty if the write does not show it."""
        write = self.write
        return write.triggers.get((self.namespace, job), "") if write is not None else ""


NOTHING: Final = Beside()
