"""The objects of one job: all that are held, and the selection that a timeline shows."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from nomad_tui.core.history.dictionaries import ObjectKey, Subject
from nomad_tui.core.history.history import History
from nomad_tui.core.history.related import Related
from nomad_tui.core.objects.kind import Links
from nomad_tui.core.timeline.reading import ObjectRecords

FOLDED: Final = ("Evaluation", "Deployment", "Allocation")
"""Topics of which a job may have any number of objects."""
SHOWN: Final = {"Evaluation": 40, "Deployment": 20, "Allocation": 40}
"""Initial number of objects per topic, in addition to those that the focus refers to."""
SHOWN_CHILDREN: Final = 3
SHOWN_UNCOUNTED: Final = 3
"""Up to this many are shown themselves instead of being counted in a row."""
SHOWN_MORE: Final = 200
"""Additional objects for each opening of the row for the rest."""
KEYS_PER_STEP: Final = 1_000
"""Objects examined before yielding."""
WATCHER: Final = "deployment-watcher"
"""Trigger of the evaluations that a running deployment creates."""


class Member:
    """A held object of a job, reduced to what is needed to place and count it, as there may be thousands."""

    __slots__ = ("came_of", "deployments", "key", "links", "read_at", "state")

    def __init__(self, key: ObjectKey) -> None:
        self.key = key
        self.deployments: tuple[str, ...] = ()
        """IDs of the deployments in its events' filter keys."""
        self.read_at = -1
        """The event that the other attributes were read from; -1 before that."""
        self.state = ""
        self.came_of = ""
        """ID of the object that caused it: an allocation's evaluation, an evaluation's previous one, a service's
        allocation."""
        self.links: Links | None = None
        """None for allocations and services."""


class Members:
    """Objects by topic in order of arrival, with what is known of each, and counts by status."""

    def __init__(self) -> None:
        self._of: dict[str, dict[ObjectKey, Member]] = {}
        self._states: dict[str, Counter[str]] = {}
        self._interned: dict[str, str] = {}
        """Interned IDs and statuses, which many objects share."""
        self.unread: dict[ObjectKey, None] = {}
        """Objects with events newer than the last read."""

    def add(self, key: ObjectKey, deployment: str = "") -> None:
        members = self._of.setdefault(key[0], {})
        member = members.get(key)
        if member is None:
            member = members[key] = Member(key)
        if deployment and deployment not in member.deployments:
            member.deployments = (*member.deployments, deployment)
        self.unread[key] = None

    def get(self, key: ObjectKey) -> Member | None:
        return self._of.get(key[0], {}).get(key)

    def all(self, topic: str) -> dict[ObjectKey, Member]:
        return self._of.get(topic, {})

    def read(self, related: Related) -> Iterator[None]:
        """Read unread objects, the latest first, yielding after each payload."""
        for key in reversed(list(self.unread)):
            self.read_one(related, key)
            yield

    def read_one(self, related: Related, key: ObjectKey) -> None:
        self.unread.pop(key, None)
        member = self.get(key)
        newest = related.history.newest(*key)
        if member is None or newest is None or member.read_at == newest:
            return
        links = related.links(key)
        if links is None:
            return
        states = self._states.setdefault(key[0], Counter())
        if member.read_at >= 0:
            states[member.state] -= 1
        member.read_at = newest
        member.state = self._interned.setdefault(links.state, links.state)
        states[member.state] += 1
        came_of = {"Allocation": links.eval_id, "Service": links.alloc_id}.get(key[0], links.previous_eval)
        member.came_of = self._interned.setdefault(came_of, came_of)
        member.links = None if key[0] in ("Allocation", "Service") else links

    def forget_evicted(self, history: History) -> Iterator[None]:
        for topic in list(self._of):
            for number, key in enumerate(list(self._of[topic])):
                if number % KEYS_PER_STEP == 0:
                    yield
                if history.newest(*key) is None and key in self._of[topic]:
                    member = self._of[topic].pop(key)
                    self.unread.pop(key, None)
                    if member.read_at >= 0:
                        self._states[topic][member.state] -= 1

    def rest(self, topic: str, shown: Iterable[ObjectKey]) -> tuple[int, dict[str, int]]:
        """Number of a topic's objects that are not shown, and counts by status of those that have been read."""
        number = len(self.all(topic))
        states = Counter(self._states.get(topic, {}))
        for key in shown:
            if (member := self.get(key)) is not None:
                number -= 1
                if member.read_at >= 0:
                    states[member.state] -= 1
        return number, {state: times for state, times in states.items() if times > 0}


class Family:
    """A job with its evaluations, deployments, allocations and services."""

    def __init__(self, namespace: str, job: str, focus: ObjectKey, *, child: bool = False) -> None:
        self.key: ObjectKey = ("Job", namespace, job)
        self.namespace = namespace
        self.job = job
        self.focus = focus
        self.child = child
        """Whether it is only summarized below the job that it was dispatched or launched from."""
        self.members = Members()
        self.near: dict[ObjectKey, bool] = {}
        """Objects linked to the focus by IDs, nearest first, and whether each is a cause."""
        self.shown: dict[ObjectKey, None] = {}
        self.brief: set[ObjectKey] = set()
        """Objects shown only because they are few, in one line each."""
        self.limits = {topic: SHOWN_CHILDREN if child else limit for topic, limit in SHOWN.items()}
        self.opened: set[str] = set()
        self.records: dict[ObjectKey, ObjectRecords] = {}
        self.creators: dict[str, ObjectKey] = {}
        """By deployment ID: the evaluation whose plan created it."""

    def note(self, subject: Subject) -> None:
        """Record an object of the job that has a new event."""
        self.members.add(subject.of.key, subject.deployment)

    def open_rest(self, topic: str) -> None:
        if topic in self.opened:
            self.limits[topic] += SHOWN_MORE
        else:
            self.opened.add(topic)
            self.limits[topic] = SHOWN_MORE

    def choose(self) -> None:
        """Select the objects to show, according to what is known of them so far."""
        self._find_creators()
        self.brief.clear()
        shown: dict[ObjectKey, None] = dict.fromkeys(key for key in self.near if self.members.get(key) is not None)
        for topic in FOLDED:
            self._choose_of(topic, shown)
        for key in list(shown):
            if key[0] == "Allocation" and not self.child:
                for cause in self.origin(key):
                    if self.members.get(cause) is not None:
                        shown[cause] = None
                        if key not in self.brief:
                            self.brief.discard(cause)
        for key in list(shown):
            if key[0] == "Deployment" and (creator := self.creators.get(key[2])) is not None:
                shown[creator] = None
        for key, member in self.members.all("Service").items():
            if ("Allocation", self.namespace, member.came_of) in shown:
                shown[key] = None
        if self.members.get(self.key) is not None:
            shown[self.key] = None
        if self.members.get(self.focus) is not None:
            shown[self.focus] = None
        self.shown = shown
        for key in [key for key in self.records if key not in shown]:
            del self.records[key]

    def _choose_of(self, topic: str, shown: dict[ObjectKey, None]) -> None:
        members = self.members.all(topic)
        taken = sum(key[0] == topic for key in shown)
        left = self.limits[topic] if self._may_be_tied(topic) else 0
        for key in reversed(members):
            if left <= 0 or taken >= len(members):
                break
            if key not in shown and self._is_tied(members[key], topic):
                shown[key] = None
                left -= 1
                taken += 1
        if not self.child and len(members) - taken <= SHOWN_UNCOUNTED:
            self.brief |= {key for key in members if key not in shown}
            shown |= dict.fromkeys(members)

    def _may_be_tied(self, topic: str) -> bool:
        return self.child or topic in self.opened or self.focus[0] in ("Job", "Deployment", "Evaluation")

    def _is_tied(self, member: Member, topic: str) -> bool:
        if self.child or self.focus[0] == "Job" or topic in self.opened:
            return True
        of, _, id_ = self.focus
        if of == "Deployment":
            return id_ in member.deployments
        return of == "Evaluation" and member.came_of == id_

    def origin(self, allocation: ObjectKey) -> Iterator[ObjectKey]:
        """The causes of an allocation according to its oldest event held: an in-place update changes them."""
        records = self.records.get(allocation)
        first = records.records[0].allocation if records is not None and records.records else None
        if first is not None:
            if first.eval_id:
                yield ("Evaluation", self.namespace, first.eval_id)
            if first.deployment_id:
                yield ("Deployment", self.namespace, first.deployment_id)

    def add_origins(self) -> None:
        """Add the causes of allocations near the focus, whether they are held or not."""
        for key in list(self.near):
            if key[0] == "Allocation":
                for cause in self.origin(key):
                    self.near[cause] = True

    def _find_creators(self) -> None:
        made: dict[str, tuple[int, ObjectKey]] = {}
        deployments = self.members.all("Deployment")
        for key, member in self.members.all("Evaluation").items():
            links = member.links
            if links is None or links.triggered_by == WATCHER:
                continue
            for id_ in member.deployments:
                deployment = deployments.get(("Deployment", self.namespace, id_))
                of = deployment.links if deployment is not None else None
                if of is None or not links.create_index < of.create_index <= links.modify_index:
                    continue
                if id_ not in made or made[id_][0] < links.create_index:
                    made[id_] = links.create_index, key
        self.creators = {id_: key for id_, (_, key) in made.items()}

    def read_shown(self, history: History) -> Iterator[None]:
        """Read the events of shown objects, those of the focus first."""
        for key in sorted(self.shown, key=lambda key: key != self.focus):
            records = self.records.get(key)
            whole = key[0] == "Job" or not (self.child or key in self.brief or key[0] in ("Evaluation", "Service"))
            if records is None or records.whole != whole:
                records = self.records[key] = ObjectRecords(key, whole=whole)
            yield from records.read(history)

    def forget_evicted(self, history: History) -> Iterator[None]:
        yield from self.members.forget_evicted(history)
        for key, records in list(self.records.items()):
            if history.newest(*key) is None:
                del self.records[key]
            else:
                records.forget_before(history.first)
