"""A timeline that is read in slices of time and grows while it is open.

Objects linked to the focus by IDs are read first, then the newest of its job, then the few fields of all others that
are needed to count them. For new events of the stream only the envelopes are examined, and the payloads of those that
belong to the timeline.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from time import perf_counter
from typing import Final

from nomad_tui.core.history.dictionaries import GAP_SUBJECT, ObjectKey, Subject
from nomad_tui.core.history.history import History
from nomad_tui.core.history.related import Related
from nomad_tui.core.objects.parts import warn
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.timeline.family import Family
from nomad_tui.core.timeline.node import NodeTrace
from nomad_tui.core.timeline.reading import ObjectRecords
from nomad_tui.core.timeline.rows import Branch, RowKind, TimelineRow, describe_rest, flatten
from nomad_tui.core.timeline.tree import add_steps, job_tree, object_branch
from nomad_tui.core.updates import Gap

MAX_NEAR: Final = 60
"""Maximum objects linked to the focus by a chain of IDs, which are always shown."""
SHOWN_CHILDREN: Final = 20
"""Initial number of jobs below the one that they were dispatched or launched from."""
MORE_CHILDREN: Final = 40
"""Additional jobs for each opening."""
MAX_GAPS: Final = 50
"""Maximum gaps shown, the newest ones."""
GAP_LENGTH: Final = 300
ROWS_PER_STEP: Final = 256
"""Rows of the stream examined before yielding."""


class EventTimeline:
    """The timeline of one event. Rows exist as far as `advance` has read; call it again when new events have
    arrived."""

    def __init__(self, history: History, sequence: int, related: Related | None = None) -> None:
        """Create the timeline of an event; timelines of one history may share `related`.

        Raises `IndexError` if the event is not held, `LookupError` if the row is a gap.
        """
        self.history = history
        self.related = related if related is not None else Related(history)
        segment = history.segment_of(sequence)
        subject = history.subject(segment.subject[sequence - segment.first])
        if subject is None:
            raise LookupError(sequence)
        self.focus: ObjectKey = subject.of.key
        self.revision = 0
        """Incremented whenever the rows may have changed."""
        topic, namespace, _ = self.focus
        job = (subject.job or self.related.job_of(self.focus)) if _is_of_job(topic) else ""
        self._families: dict[ObjectKey, Family] = {}
        """The focus's job, and its parent and child jobs that are shown."""
        self._node: NodeTrace | None = None
        self._alone: ObjectRecords | None = None
        self._parent: ObjectKey | None = None
        self._children_shown = SHOWN_CHILDREN
        self._more_children = 0
        if job:
            self._main = Family(namespace, job, self.focus)
            self._families[self._main.key] = self._main
            self._begin(self._main)
            self._main.members.add(self.focus, subject.deployment)
            if parent := self.related.parent_of(namespace, job):
                self._parent = ("Job", namespace, parent)
                self._children_shown = 0
        elif topic == "Node":
            self._node = NodeTrace(self.focus, self.related)
        else:
            self._alone = ObjectRecords(self.focus, whole=True)
        self._seen = history.end
        self._first = history.first
        self._is_outdated = True
        self._is_reading = False
        """Whether the current work may change the rows; examining envelopes does not."""
        self._work: Iterator[None] | None = None
        self._rows: list[TimelineRow] = []
        self._rows_of = -1

    # Reading

    def advance(self, seconds: float) -> bool:
        """Read for about `seconds`. Returns whether there is more to do."""
        deadline = perf_counter() + seconds
        while perf_counter() < deadline:
            if self._work is None:
                if not self._has_work():
                    return False
                self._work = self._read_new()
            if next(self._work, _DONE) is _DONE:
                self._work = None
            elif self._is_reading:
                self.revision += 1
        return self._work is not None or self._has_work()

    @property
    def complete(self) -> bool:
        """False while held events remain unread."""
        return self._work is None and not self._has_work()

    def _has_work(self) -> bool:
        return self._is_outdated or self.history.end != self._seen or self.history.first != self._first

    def _read_new(self) -> Iterator[None]:
        yield from self._check_new_events()
        if not self._is_outdated:
            return
        self._is_outdated = False
        self._is_reading = True
        if self._alone is not None:
            yield from self._alone.read(self.history)
        elif self._node is not None:
            yield from self._node.read(self.history)
            self._is_outdated = self._is_outdated or not self._node.complete
        else:
            yield from self._read_families()
        self._is_reading = False
        self.revision += 1

    def _read_families(self) -> Iterator[None]:
        main, history = self._main, self.history
        self._choose_families()
        self._find_near(main)
        for key in main.near:
            main.members.read_one(self.related, key)
            yield
        yield from self._read_shown()
        for family in list(self._families.values()):
            yield from family.members.read(self.related)
        before: list[ObjectKey] | None = None
        for _ in range(MAX_SELECTIONS):
            main.add_origins()
            yield from self._read_shown()
            shown = [key for family in self._families.values() for key in family.shown]
            if shown == before or history.first != self._first:
                break
            before = shown

    def _read_shown(self) -> Iterator[None]:
        for family in list(self._families.values()):
            family.choose()
            yield
            yield from family.read_shown(self.history)

    def _find_near(self, family: Family) -> None:
        """Objects linked to the focus by a chain of IDs, causes before effects."""
        family.near = {}
        if self.focus[0] == "Job":
            return
        near: dict[ObjectKey, bool] = {self.focus: False}
        for key in _while_growing(near):
            if len(near) >= MAX_NEAR:
                break
            for cause in self.related.causes_of(key):
                near[cause] = True
            for effect in self.related.effects_of(key):
                near.setdefault(effect, False)
        family.near = dict(islice(near.items(), MAX_NEAR))

    def _choose_families(self) -> None:
        _, namespace, job = self._main.key
        root = self._parent[2] if self._parent is not None else job
        children = self.history.children(namespace, root)
        others = [child for child in children if child != job]
        shown = others[-self._children_shown :] if self._children_shown else []
        self._more_children = len(others) - len(shown)
        wanted = [("Job", namespace, child) for child in shown]
        if self._parent is not None:
            wanted.append(self._parent)
        for key in [key for key in self._families if key not in wanted and key != self._main.key]:
            del self._families[key]
        for key in wanted:
            if key not in self._families:
                family = Family(namespace, key[2], self.focus, child=True)
                self._families[key] = family
                self._begin(family)

    def _begin(self, family: Family) -> None:
        for subject in self.history.of_job(family.namespace, family.job):
            family.note(subject)

    # Following the stream

    def _check_new_events(self) -> Iterator[None]:
        history = self.history
        if history.first != self._first:
            self._first = history.first
            self._seen = max(self._seen, history.first)
            self._is_outdated = True
            yield from self._forget_evicted()
        while self._seen < history.end:
            if self._seen < history.first:
                self._seen = history.first
            segment = history.segment_of(self._seen)
            start = self._seen - segment.first
            stop = min(len(segment), start + ROWS_PER_STEP)
            for row in range(start, stop):
                number = segment.subject[row]
                if number == GAP_SUBJECT:
                    self._is_outdated = True
                    continue
                subject = history.subject(number)
                if subject is not None and self._concerns(subject, segment.first + row):
                    self._is_outdated = True
            self._seen = segment.first + stop
            yield

    def _concerns(self, subject: Subject, sequence: int) -> bool:
        """Whether an event belongs to the timeline; if so, its object is recorded."""
        if self._alone is not None:
            return subject.of.key == self.focus
        if self._node is not None:
            return self._node.concerns(self.history, subject, sequence)
        job = subject.job
        family = self._families.get(("Job", subject.namespace, job)) if job else None
        if family is None and subject.of.key == self.focus:
            family = self._main
        if family is not None:
            family.note(subject)
            return True
        if not job or "/" not in job or subject.namespace != self._main.namespace:
            return False
        root = self._parent[2] if self._parent is not None else self._main.job
        return job.startswith((f"{root}/dispatch-", f"{root}/periodic-"))

    def _forget_evicted(self) -> Iterator[None]:
        if self._alone is not None:
            self._alone.forget_before(self.history.first)
        if self._node is not None:
            self._node.forget_evicted(self.history)
        for family in list(self._families.values()):
            yield from family.forget_evicted(self.history)

    # Rows

    @property
    def rows(self) -> Sequence[TimelineRow]:
        """The tree from its root; a new list whenever `revision` has changed."""
        if self._rows_of != self.revision or self._first != self.history.first:
            self._rows_of = self.revision
            root = self._root()
            self._add_gaps(root)
            self._rows = list(flatten(root))
        return self._rows

    def open_rest(self, row: TimelineRow) -> bool:
        """Show more of the objects that a row stands for, as `advance` is called. Returns False if it stands for
        none."""
        if not row.can_open:
            return False
        kind = row.key[-1]
        if self._node is not None:
            self._node.open_rest(kind)
        elif kind == "Job":
            self._children_shown += MORE_CHILDREN
        elif (family := self._families.get(("Job", row.key[1], row.key[2]))) is not None:
            family.open_rest(kind)
        else:
            return False
        self._is_outdated = True
        self.revision += 1
        return True

    def _root(self) -> Branch:
        if self._alone is not None:
            root = object_branch(self._alone, self.focus)
            add_steps(root, self._alone, self.focus)
            root.is_focus = True
            return root
        if self._node is not None:
            return self._node.tree()
        main = job_tree(self._main)
        main.is_focus = main.is_focus or self.focus[0] == "Job"
        root = main
        if self._parent is not None and self._parent in self._families:
            root = job_tree(self._families[self._parent])
            main.attach(root)
        for key, family in self._families.items():
            if key not in (self._main.key, self._parent):
                job_tree(family).attach(root)
        if self._more_children:
            title, text = describe_rest(self._more_children, "job", {})
            rest_key = ("rest", self._main.namespace, self._main.job, "Job")
            Branch(rest_key, RowKind.REST, "Job", title, text, None, last=True, can_open=True).attach(root)
        return root

    def _add_gaps(self, root: Branch) -> None:
        """Add the gaps between the oldest and the newest event shown, or up to now if an object has not ended."""
        sequences, goes_on = _span(root)
        if not sequences:
            return
        end = self.history.end if goes_on else max(sequences)
        for sequence in self.history.gaps_between(min(sequences), end)[-MAX_GAPS:]:
            gap = self.history.gap(sequence)
            if gap is not None and _concerns_topic(gap, root.topic):
                text = (warn(f"gap: {gap.sentence}", GAP_LENGTH),)
                Branch(("gap", str(sequence)), RowKind.GAP, "", (), text, sequence).attach(root)


def _span(root: Branch) -> tuple[list[int], bool]:
    """The events shown, and whether an object shown has not ended."""
    sequences: list[int] = []
    goes_on = False
    stack = [root]
    while stack:
        branch = stack.pop()
        sequences += [one for one in (branch.first, branch.sequence) if one is not None and one >= 0]
        goes_on = goes_on or (branch.kind is RowKind.OBJECT and not branch.ended)
        stack += branch.children
    return sequences, goes_on


def _concerns_topic(gap: Gap, topic: str) -> bool:
    return not gap.topics or topic in gap.topics or (_is_of_job(topic) and any(map(_is_of_job, gap.topics)))


def _is_of_job(topic: str) -> bool:
    """Whether it is a job or belongs to one."""
    of = kind(topic)
    return of.is_job or of.is_of_job


def _while_growing(found: dict[ObjectKey, bool]) -> Iterator[ObjectKey]:
    """The keys of a dictionary, including those added during the iteration."""
    at = 0
    while at < len(found):
        yield from islice(list(found), at, at + 1)
        at += 1


MAX_SELECTIONS: Final = 6
"""Maximum repetitions of selecting objects after reading the selected ones."""
_DONE: Final = object()
