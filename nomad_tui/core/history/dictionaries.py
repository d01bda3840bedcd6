"""Tables for the numbers in a history's columns: subjects with their objects and jobs, types, statuses, and nodes.

A hostile server may send any number of names, of any length: those beyond the limits share one number.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias

from nomad_tui.core.objects.registry import kind
from nomad_tui.core.topics import released_topic, released_type

SUBJECT_BYTES: Final = 700
"""Estimate for the subject and its object, their identity tuples and four dictionary entries, one of them its job's;
without strings."""
GAP_SUBJECT: Final = 0
"""The subject number of gap rows."""

Identity: TypeAlias = tuple[str, str, str, tuple[str, ...] | None]
"""Topic as received, key, namespace and filter keys."""
ObjectKey: TypeAlias = tuple[str, str, str]
"""Released topic, namespace and key, which identify an object of the cluster."""


def weight(identity: Identity) -> int:
    """Approximate memory of a subject, in bytes."""
    topic, key, namespace, filter_keys = identity
    return SUBJECT_BYTES + len(topic) + len(key) + len(namespace) + sum(map(len, filter_keys or ()))


class Node:
    """A node named by events."""

    __slots__ = ("id", "name")

    def __init__(self, id_: str, name: str) -> None:
        self.id = id_
        self.name = name
        """Empty until an event contains it."""

    @property
    def value(self) -> str:
        """The node's name, or its ID if the name is unknown."""
        return self.name or self.id


class ObjectHistory:
    """One object of the cluster and its newest event."""

    __slots__ = ("key", "last")

    def __init__(self, key: ObjectKey) -> None:
        self.key = key
        self.last = -1
        """Sequence number of the newest event; -1 before the first."""


class Subject:
    """The attributes shared by all events of one object."""

    __slots__ = ("counted_as", "filter_keys", "id", "identity", "job", "key", "last", "namespace", "of", "topic")

    def __init__(self, number: int, identity: Identity, of: ObjectHistory) -> None:
        self.id = number
        self.identity = identity
        topic, _, self.namespace, self.filter_keys = identity
        self.key = of.key[2]
        self.topic = released_topic(topic)
        """The released name; the name as received is in the frame's line."""
        self.job = kind(self.topic).job_of(self.key, self.filter_keys or ())
        """The job's ID, or "" for objects without a job."""
        self.counted_as = self.topic
        self.of = of
        self.last = -1
        """Sequence number of the newest event with exactly this subject."""

    @property
    def deployment(self) -> str:
        """The deployment's ID in the events, or "" for none."""
        return kind(self.topic).deployment_of(self.filter_keys or ())


MAX_TOPICS: Final = 200
OTHER_TOPICS: Final = "(other topics)"
"""The name under which events of all topics beyond `MAX_TOPICS` are counted."""
JOB_BYTES: Final = 350
"""Estimate for each job with any events held: two dictionaries with their entries."""
_CHILD: Final = ("/dispatch-", "/periodic-")
"""Separator between the parent's ID and the rest of a child job's ID (`nomad/structs`)."""


def parent_by_name(job: str) -> str:
    """The ID of the job that this one was dispatched or launched from, according to Nomad's naming; "" for none."""
    at = max(job.rfind(mark) for mark in _CHILD)
    return job[:at] if at > 0 else ""


class Subjects:
    """Subjects by number, identity, object and job."""

    def __init__(self) -> None:
        self.bytes = 0
        """Estimate for all subjects."""
        self.topic_counts: dict[str, int] = {}
        """Number of events held of each topic, by released name."""
        self.by_identity: dict[Identity, Subject] = {}
        self.by_number: list[Subject | None] = [None]
        self._free_numbers: list[int] = []
        self._objects: dict[ObjectKey, ObjectHistory] = {}
        self._of_jobs: dict[tuple[str, str], dict[Subject, None]] = {}
        """By namespace and job ID: the subjects of the job and of the objects that belong to it, in order of
        arrival."""
        self._children: dict[tuple[str, str], dict[str, None]] = {}
        """By namespace and job ID: the IDs of the jobs dispatched and launched from it, according to their names."""

    def __iter__(self) -> Iterator[Subject]:
        return iter(self.by_identity.values())

    def last(self, key: ObjectKey) -> int:
        """Sequence number of an object's newest event; -1 if there is none."""
        of = self._objects.get(key)
        return -1 if of is None else of.last

    def of_job(self, namespace: str, job: str) -> list[Subject]:
        return list(self._of_jobs.get((namespace, job), ()))

    def children(self, namespace: str, job: str) -> list[str]:
        return list(self._children.get((namespace, job), ()))

    def add(self, identity: Identity) -> Subject:
        """Add the subject of a new identity."""
        topic, key, namespace, filter_keys = identity
        released = released_topic(topic)
        object_key = (released, namespace, key or kind(released).key_of(filter_keys or ()))
        of = self._objects.get(object_key)
        if of is None:
            of = self._objects[object_key] = ObjectHistory(object_key)
        number = self._free_numbers.pop() if self._free_numbers else len(self.by_number)
        subject = Subject(number, identity, of)
        if subject.topic not in self.topic_counts and len(self.topic_counts) >= MAX_TOPICS:
            subject.counted_as = OTHER_TOPICS
        if number == len(self.by_number):
            self.by_number.append(subject)
        else:
            self.by_number[number] = subject
        self.by_identity[identity] = subject
        self.bytes += weight(identity)
        if job := subject.job:
            self.bytes += self._join(namespace, job, subject)
        return subject

    def drop(self, subject: Subject, oldest: int) -> None:
        """Remove a subject of which no event is held; `oldest` is the first sequence number held."""
        del self.by_identity[subject.identity]
        self.bytes -= weight(subject.identity)
        if job := subject.job:
            self.bytes -= self._leave(subject.namespace, job, subject)
        self.by_number[subject.id] = None
        self._free_numbers.append(subject.id)
        if subject.of.last < oldest:
            self._objects.pop(subject.of.key, None)  # a subject with other filter keys may have removed it already

    def discount(self, subject: Subject, events: int) -> None:
        """Subtract evicted events from the count of the subject's topic."""
        counts = self.topic_counts
        counts[subject.counted_as] -= events
        if not counts[subject.counted_as]:
            del counts[subject.counted_as]

    def _join(self, namespace: str, job: str, subject: Subject) -> int:
        """Add a subject to its job. Returns the additional bytes used."""
        subjects = self._of_jobs.get((namespace, job))
        if subjects is not None:
            subjects[subject] = None
            return 0
        self._of_jobs[namespace, job] = {subject: None}
        if parent := parent_by_name(job):
            self._children.setdefault((namespace, parent), {})[job] = None
        return JOB_BYTES

    def _leave(self, namespace: str, job: str, subject: Subject) -> int:
        """Undo `_join`. Returns the bytes freed."""
        subjects = self._of_jobs[namespace, job]
        del subjects[subject]
        if subjects:
            return 0
        del self._of_jobs[namespace, job]
        if parent := parent_by_name(job):
            children = self._children[namespace, parent]
            del children[job]
            if not children:
                del self._children[namespace, parent]
        return JOB_BYTES


MAX_TYPES: Final = 10_000
LONGEST_TYPE: Final = 200
"""Distinct type names that are kept, and characters of one; servers send 36."""
OTHER_TYPE: Final = 0
"""The number of all types beyond those limits; their names are in the frames' lines."""
MAX_STATUSES: Final = 4_000
MAX_NODES: Final = 100_000
LONGEST_NAME: Final = 200
"""Characters of a status, and of a node's ID or name."""
NAME_BYTES: Final = 250
"""Estimate for a status or a node, without its characters."""
OTHER: Final = "(other)"


class Dictionaries:
    """Types, statuses and nodes by their numbers in the columns."""

    def __init__(self) -> None:
        self.bytes = 0
        """Estimate for statuses and nodes."""
        self.types: list[str] = ["(another type)"]
        self.type_numbers: dict[str, int] = {}
        """By the name as received."""
        self.statuses: list[str] = [""]
        """0 stands for none."""
        self.nodes: list[Node] = [Node("", "")]
        self._status_numbers: dict[str, int] = {"": 0}
        self._node_numbers: dict[str, int] = {"": 0}

    def add_type(self, name: str) -> int:
        """The number of a new type."""
        if len(self.type_numbers) >= MAX_TYPES or len(name) > LONGEST_TYPE:
            return OTHER_TYPE
        number = self.type_numbers[name] = len(self.types)
        self.types.append(released_type(name))
        return number

    def status(self, status: str) -> int:
        number = self._status_numbers.get(status)
        if number is None:
            if len(self.statuses) > MAX_STATUSES or len(status) > LONGEST_NAME:
                status = OTHER
            number = self._status_numbers.get(status)
        if number is None:
            number = self._status_numbers[status] = len(self.statuses)
            self.statuses.append(status)
            self.bytes += NAME_BYTES + len(status)
        return number

    def node(self, id_: str, name: str) -> int:
        if len(id_) > LONGEST_NAME or len(name) > LONGEST_NAME:
            id_ = name = OTHER
        number = self._node_numbers.get(id_ or name)
        if number is None:
            if len(self.nodes) > MAX_NODES:
                id_ = name = OTHER
            number = self._node_numbers.get(id_ or name)
        if number is None:
            number = self._node_numbers[id_ or name] = len(self.nodes)
            self.nodes.append(Node(id_, name))
            self.bytes += NAME_BYTES + len(id_) + len(name)
        elif name and number and self.nodes[number].name != name:
            self.bytes += len(name) - len(self.nodes[number].name)
            self.nodes[number].name = name
        return number

    def node_name(self, node: str) -> str:
        """The name of a node by its ID, if a decoded event contained it; "" otherwise."""
        return self.nodes[self._node_numbers.get(node, 0)].name if node else ""
