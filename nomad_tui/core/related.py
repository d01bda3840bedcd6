"""What belongs together: which objects an object names, and which are known to belong to a job or a node.

What an object names is read from its newest payload when somebody asks, and kept for as long as that is its newest.
What belongs to a job is known from the envelopes of events, so nothing is ever searched for it; only a node's
allocations and evaluations are found by looking through what is held, a piece at a time, newest first.
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from nomad_tui.core.history import History, PayloadReader, parent_by_name
from nomad_tui.core.segment import GAP_SUBJECT, ObjectKey, Segment
from nomad_tui.core.sentence.reading import Object, Reader

MOST_KEPT: Final = 20_000
"""Objects whose links are kept: some 20 MB."""
ROWS_A_STEP: Final = 256
PAYLOADS_A_STEP: Final = 32
"""Rows and payloads looked at between two chances to yield: a millisecond of work."""
ON_NODES: Final = frozenset(("Allocation", "Evaluation"))
"""Topics of which objects belong to a node."""


class Links(Object):
    """What an object of any topic says about what it belongs to, and how it is; empty where it has none."""

    name: str = ""
    job_id: str = ""
    job_version: int = 0
    parent_id: str = ""
    eval_id: str = ""
    deployment_id: str = ""
    alloc_id: str = ""
    node_id: str = ""
    previous_allocation: str = ""
    next_allocation: str = ""
    followup_eval_id: str = ""
    previous_eval: str = ""
    next_eval: str = ""
    blocked_eval: str = ""
    triggered_by: str = ""
    status: str = ""
    client_status: str = ""
    version: int = 0
    create_time: int = 0
    modify_time: int = 0
    create_index: int = 0
    modify_index: int = 0

    @property
    def state(self) -> str:
        """The object's status in Nomad's word; an allocation's is what its client says."""
        return self.client_status or self.status


class _Payload(Object):
    allocation: Links | None = None
    evaluation: Links | None = None
    deployment: Links | None = None
    job: Links | None = None
    node: Links | None = None
    service: Links | None = None


_READER: Final = Reader[_Payload](_Payload)
_NAMED: Final = {topic: topic.lower() for topic in ("Allocation", "Evaluation", "Deployment", "Job", "Node", "Service")}
NOTHING: Final = Links()


def read_links(topic: str, payload: bytes) -> Links:
    """The links in a payload of any bytes, for a topic's released name."""
    field = _NAMED.get(topic)
    read = _READER.read(payload) if field is not None else None
    links: Links | None = getattr(read, field) if read is not None and field is not None else None
    return NOTHING if links is None else links


class Related:
    """See the module."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._payloads = PayloadReader(history)
        self._links: OrderedDict[ObjectKey, tuple[int, Links]] = OrderedDict()

    def links(self, key: ObjectKey) -> Links | None:
        """What an object names, by its newest event held; None if none is. Takes 0.1 ms for a usual payload."""
        newest = self.history.newest(*key)
        if newest is None:
            return None
        known = self._links.get(key)
        if known is not None and known[0] == newest:
            return known[1]
        segment = self.history.segment_of(newest)
        links = read_links(key[0], self._payloads.payload(segment, newest - segment.first))
        self._keep(key, newest, links)
        return links

    def _keep(self, key: ObjectKey, newest: int, links: Links) -> None:
        self._links[key] = newest, links
        self._links.move_to_end(key)
        if len(self._links) > MOST_KEPT:
            self._links.popitem(last=False)

    def job_of(self, key: ObjectKey) -> str:
        """The ID of the job an object belongs to, or that it is; "" for none."""
        topic, _, id_ = key
        if topic == "Job":
            return id_
        links = self.links(key) if topic in _NAMED else None
        return links.job_id if links is not None else ""

    def parent_of(self, namespace: str, job: str) -> str:
        """The ID of the job that one was dispatched or launched from: as it says itself, else by its name."""
        links = self.links(("Job", namespace, job))
        return links.parent_id if links is not None and links.modify_index else parent_by_name(job)

    def causes_of(self, key: ObjectKey) -> Iterator[ObjectKey]:
        """The objects that one came from, as it names them by their IDs; they need not be held."""
        if (links := self.links(key)) is not None:
            yield from _named(
                key,
                ("Allocation", links.alloc_id),
                ("Evaluation", links.eval_id),
                ("Deployment", links.deployment_id),
                ("Allocation", links.previous_allocation),
                ("Evaluation", links.previous_eval),
            )

    def effects_of(self, key: ObjectKey) -> Iterator[ObjectKey]:
        """The objects that came from one, as it names them by their IDs; they need not be held."""
        if (links := self.links(key)) is not None:
            yield from _named(
                key,
                ("Allocation", links.next_allocation),
                ("Evaluation", links.followup_eval_id),
                ("Evaluation", links.next_eval),
                ("Evaluation", links.blocked_eval),
            )

    def on_node(self, node: str) -> Iterator[ObjectKey | None]:
        """Allocations and evaluations of a node by their newest events, newest first; None is a chance to pause.

        What comes while this goes on is not among them. Where the node of an event is known already
        (`core.derived`), its payload is not read.
        """
        history = self.history
        for segment in reversed(history.segments()):
            work = PAYLOADS_A_STEP
            for row in range(len(segment) - 1, -1, -1):
                if row % ROWS_A_STEP == 0 or work <= 0:
                    work = PAYLOADS_A_STEP
                    yield None
                    if segment.first < history.first:
                        return
                subject = history.subject(segment.subject[row]) if segment.subject[row] != GAP_SUBJECT else None
                if subject is None or subject.topic not in ON_NODES or subject.of.last != segment.first + row:
                    continue
                if row < len(segment.node):
                    if history.nodes[segment.node[row]].id == node:
                        yield subject.of.key
                    continue
                work -= 1
                if self.is_on_node(subject.topic, segment, row, node):
                    yield subject.of.key

    def is_on_node(self, topic: str, segment: Segment, row: int, node: str) -> bool:
        """Whether an event's payload names a node as its own."""
        payload = self._payloads.payload(segment, row)
        if _is_plain(node) and node.encode() not in payload:
            return False
        return read_links(topic, payload).node_id == node


def _named(key: ObjectKey, *named: tuple[str, str]) -> Iterator[ObjectKey]:
    _, namespace, _ = key
    return ((topic, namespace, id_) for topic, id_ in named if id_)


def _is_plain(id_: str) -> bool:
    """Whether JSON writes a text as it is, by all that is usual."""
    return id_.isascii() and id_.replace("-", "").isalnum()
