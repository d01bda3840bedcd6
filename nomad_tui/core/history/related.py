"""Relations between objects: the objects that one refers to, and the objects of a job or a node.

An object's references are read from its newest payload on demand, and cached until it has a newer one. The objects of a
job are known from event envelopes, without a search; only a node's allocations and evaluations are found by a scan of
the history, in steps, newest first.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final

from nomad_tui.core.history.derived import PayloadReader
from nomad_tui.core.history.dictionaries import GAP_SUBJECT, ObjectKey, parent_by_name
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import Segment
from nomad_tui.core.objects.kind import Links
from nomad_tui.core.objects.parts import SUBJECT_LIMIT
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.text import printable

MAX_NAMES: Final = 5_000
"""Names cached."""
DEFAULT_NAMESPACE: Final = "default"


class Names:
    """Display names of objects. Fast enough for every row on the screen: two dictionary lookups for a cached name."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._known: OrderedDict[ObjectKey, tuple[int, str]] = OrderedDict()

    def name(self, topic: str, id_: str, namespace: str = "") -> str:
        """`web.frontend[1]`, `web v3`, `edge-1`; safe to display, and "" if unknown.

        `topic` is a released name. Without a namespace, a namespaced object is looked up in `default`.
        """
        if not id_:
            return ""
        key = (topic, (namespace or DEFAULT_NAMESPACE) if kind(topic).is_namespaced else "", id_)
        newest = self._history.newest(*key)
        if newest is None:
            return printable(self._history.node_name(id_), SUBJECT_LIMIT) if topic == "Node" else ""
        known = self._known.get(key)
        if known is None or known[0] != newest:
            known = self._known[key] = newest, self._read(key, newest)
            if len(self._known) > MAX_NAMES:
                self._known.popitem(last=False)
        return known[1]

    def _read(self, key: ObjectKey, newest: int) -> str:
        of = kind(key[0])
        return printable(of.called(of.links(self._history.payload(newest))), SUBJECT_LIMIT)


MAX_KEPT: Final = 20_000
"""Objects whose links are cached: some 20 MB."""
ROWS_PER_STEP: Final = 256
PAYLOADS_PER_STEP: Final = 32
"""Rows and payloads examined before yielding: a millisecond of work."""


class Related:
    """Finds related objects in one history."""

    def __init__(self, history: History, most_kept: int = MAX_KEPT) -> None:
        self.history = history
        self._most_kept = most_kept
        self._payloads = PayloadReader(history)
        self._links: OrderedDict[ObjectKey, tuple[int, Links]] = OrderedDict()

    def links(self, key: ObjectKey) -> Links | None:
        """The references of an object, from its newest event; None if no event is held. Takes 0.1 ms for a typical
        payload."""
        newest = self.history.newest(*key)
        if newest is None:
            return None
        known = self._links.get(key)
        if known is not None and known[0] == newest:
            return known[1]
        segment = self.history.segment_of(newest)
        links = kind(key[0]).links(self._payloads.payload(segment, newest - segment.first))
        self._keep(key, newest, links)
        return links

    def _keep(self, key: ObjectKey, newest: int, links: Links) -> None:
        self._links[key] = newest, links
        self._links.move_to_end(key)
        if len(self._links) > self._most_kept:
            self._links.popitem(last=False)

    def job_of(self, key: ObjectKey) -> str:
        """The ID of the job that an object is or belongs to; "" for none."""
        topic, _, id_ = key
        if kind(topic).is_job:
            return id_
        links = self.links(key)
        return links.job_id if links is not None else ""

    def parent_of(self, namespace: str, job: str) -> str:
        """The ID of the job that this one was dispatched or launched from: as the job says, or according to its
        name."""
        links = self.links(("Job", namespace, job))
        return links.parent_id if links is not None and links.modify_index else parent_by_name(job)

    def causes_of(self, key: ObjectKey) -> Iterator[ObjectKey]:
        """The objects that caused this one, according to the IDs in it; they may not be held."""
        return self._named(key, kind(key[0]).causes)

    def effects_of(self, key: ObjectKey) -> Iterator[ObjectKey]:
        """The objects that this one caused, according to the IDs in it; they may not be held."""
        return self._named(key, kind(key[0]).effects)

    def _named(self, key: ObjectKey, fields: Iterable[tuple[str, str]]) -> Iterator[ObjectKey]:
        links = self.links(key)
        if links is not None:
            for topic, field in fields:
                if id_ := getattr(links, field):
                    yield topic, key[1], id_

    def on_node(self, node: str) -> Iterator[ObjectKey | None]:
        """Allocations and evaluations on a node, by their newest events, newest first; None is a chance to pause.

        Events that arrive meanwhile are not included. If the node of an event is known already
        (`core.history.derived`), its payload is not read.
        """
        history = self.history
        for segment in reversed(history.segments()):
            work = PAYLOADS_PER_STEP
            for row in range(len(segment) - 1, -1, -1):
                if row % ROWS_PER_STEP == 0 or work <= 0:
                    work = PAYLOADS_PER_STEP
                    yield None
                    if segment.first < history.first:
                        return
                subject = history.subject(segment.subject[row]) if segment.subject[row] != GAP_SUBJECT else None
                if subject is None or not kind(subject.topic).is_on_node or subject.of.last != segment.first + row:
                    continue
                if row < len(segment.node):
                    if history.nodes[segment.node[row]].id == node:
                        yield subject.of.key
                    continue
                work -= 1
                if self.is_on_node(subject.topic, segment, row, node):
                    yield subject.of.key

    def is_on_node(self, topic: str, segment: Segment, row: int, node: str) -> bool:
        """Whether an event's payload refers to a node as its own."""
        payload = self._payloads.payload(segment, row)
        if _is_plain(node) and node.encode() not in payload:
            return False
        return kind(topic).links(payload).node_id == node


def _is_plain(id_: str) -> bool:
    """Whether JSON encodes a text unchanged, in usual cases."""
    return id_.isascii() and id_.replace("-", "").isalnum()
