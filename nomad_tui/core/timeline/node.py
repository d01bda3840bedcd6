"""The timeline of a node: its own events, and the allocations and evaluations on it."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Final

from nomad_tui.core.history.dictionaries import ObjectKey, Subject
from nomad_tui.core.history.history import History
from nomad_tui.core.history.related import Related
from nomad_tui.core.objects.allocation import ALLOCATION
from nomad_tui.core.objects.evaluation import EVALUATION
from nomad_tui.core.objects.parts import dim, plain, reason
from nomad_tui.core.objects.registry import KINDS, kind
from nomad_tui.core.timeline.family import SHOWN_MORE
from nomad_tui.core.timeline.reading import ObjectRecords
from nomad_tui.core.timeline.rows import Branch, RowKind, describe_rest, timestamp
from nomad_tui.core.timeline.tree import (
    LONGEST_KEY,
    STEPS,
    add_rest,
    add_steps,
    allocation_branch,
    evaluation_branch,
    object_branch,
)

SHOWN: Final = 40
"""Initial number of allocations, and of evaluations."""
SEARCH_STEPS: Final = 256
"""Steps of the search between two checks for new events."""
_DONE: Final[str] = "done"


class NodeTrace:
    """The part of `EventTimeline` for a node as the focus."""

    def __init__(self, key: ObjectKey, related: Related) -> None:
        self.key = key
        self.complete = False
        """Whether all held events had been searched at the last read."""
        self._searched = False
        self._related = related
        self._node = ObjectRecords(key, whole=True)
        self._found: dict[str, OrderedDict[ObjectKey, str]] = {
            topic: OrderedDict() for topic in sorted(KINDS) if KINDS[topic].is_on_node
        }
        """By topic: the objects on the node with their statuses, in the order of their newest events."""
        self._states: dict[str, Counter[str]] = {topic: Counter() for topic in self._found}
        self._unread: dict[ObjectKey, None] = {}
        self._interned: dict[str, str] = {}
        """Interned statuses."""
        self._records: dict[ObjectKey, ObjectRecords] = {}
        self._limits = dict.fromkeys(self._found, SHOWN)
        self._search = related.on_node(key[2])

    def read(self, history: History) -> Iterator[None]:
        """Read new events, then continue the search for objects on the node for a while."""
        self.complete = self._searched
        yield from self._node.read(history)
        for key in list(self._unread):
            self._read_state(key)
            yield
        for key in self._shown():
            yield from self._read(key, history)
        for _ in range(SEARCH_STEPS):
            found = next(self._search, _DONE)
            if isinstance(found, str):
                self._searched = True
                return
            if found is not None and found not in self._found[found[0]]:
                self._add_found(found, newest=False)
                self._read_state(found)
            yield

    def _add_found(self, key: ObjectKey, *, newest: bool) -> None:
        found = self._found[key[0]]
        if key not in found:
            found[key] = ""
            self._states[key[0]][""] += 1
        found.move_to_end(key, last=newest)

    def _read_state(self, key: ObjectKey) -> None:
        self._unread.pop(key, None)
        found, states = self._found[key[0]], self._states[key[0]]
        links = self._related.links(key)
        if links is not None and key in found:
            states[found[key]] -= 1
            states[links.state] += 1
            found[key] = self._interned.setdefault(links.state, links.state)

    def _read(self, key: ObjectKey, history: History) -> Iterator[None]:
        records = self._records.get(key)
        if records is None:
            records = self._records[key] = ObjectRecords(key, whole=False)
        yield from records.read(history)

    def concerns(self, history: History, subject: Subject, sequence: int) -> bool:
        """Whether a new event belongs to the node or an object on it; if so, its object is recorded."""
        key = subject.of.key
        if key == self.key:
            return True
        if not kind(subject.topic).is_on_node or sequence < history.first:
            return False
        segment = history.segment_of(sequence)
        if key not in self._found[subject.topic] and not self._related.is_on_node(
            subject.topic, segment, sequence - segment.first, self.key[2]
        ):
            return False
        self._add_found(key, newest=True)
        self._unread[key] = None
        return True

    def forget_evicted(self, history: History) -> None:
        """Drop evicted objects, which are the oldest, because objects are in the order of their newest events."""
        self._node.forget_before(history.first)
        for topic, found in self._found.items():
            while found and history.newest(*next(iter(found))) is None:
                key, state = found.popitem(last=False)
                self._states[topic][state] -= 1
                self._unread.pop(key, None)
                self._records.pop(key, None)

    def open_rest(self, topic: str) -> None:
        self._limits[topic] += SHOWN_MORE

    def _shown(self) -> list[ObjectKey]:
        """The objects with the newest events of each topic."""
        return [key for topic, limit in self._limits.items() for key in islice(reversed(self._found[topic]), limit)]

    def tree(self) -> Branch:
        root = object_branch(self._node, self.key)
        root.is_focus = True
        if root.kind is RowKind.OBJECT:
            add_steps(root, self._node, self.key)
            self._add_node_events(root)
        shown = self._shown()
        for key in shown:
            records, links = self._records.get(key), self._related.links(key)
            if records is None or not records.records or links is None:
                continue
            if key[0] == EVALUATION.name:
                evaluation_branch(key, records, links, names_job=True).attach(root)
            elif key[0] != ALLOCATION.name:
                object_branch(records, key).attach(root)
            else:
                evaluation = self._related.links(("Evaluation", key[1], links.eval_id)) if links.eval_id else None
                allocation_branch(key, records, evaluation).attach(root)
        for topic, found in self._found.items():
            rest = [key for key in shown if key[0] == topic]
            states = self._states[topic] - Counter(found[key] for key in rest)
            if len(found) > len(rest):
                title, text = describe_rest(len(found) - len(rest), topic.lower(), states)
                row_key = ("rest", self.key[2], topic)
                Branch(row_key, RowKind.REST, topic, title, text, None, last=True, can_open=True).attach(root)
        return root

    def _add_node_events(self, root: Branch) -> None:
        """Add each event listed in the node's payloads once."""
        found: dict[tuple[str, str, str], int] = {}
        for record in self._node.records:
            for event in record.node_events:
                found.setdefault((event.timestamp, event.subsystem, event.message), record.sequence)
        events = sorted(found.items(), key=lambda item: (timestamp(item[0][0]) or 0, item[1]))
        add_rest(root, ("earlier node events", *self.key), "Node", len(events) - STEPS, "earlier node event")
        before: int | None = None
        for (at, subsystem, message), sequence in events[-STEPS:]:
            moment = timestamp(at)
            Branch(
                ("node event", self.key[2], at[:LONGEST_KEY], subsystem[:LONGEST_KEY], message[:LONGEST_KEY]),
                RowKind.NODE_EVENT,
                "Node",
                (dim(subsystem.lower(), LONGEST_KEY),),
                (plain(reason(message, "Node ")),),
                sequence,
                moment=moment,
                since=moment - before if moment is not None and before is not None and moment >= before else None,
            ).attach(root)
            before = moment if moment is not None else before
