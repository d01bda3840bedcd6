"""Arranges a job's objects as a tree, each below its cause."""

from collections.abc import Iterable
from typing import Final

from nomad_tui.core.history.dictionaries import ObjectKey
from nomad_tui.core.objects.allocation import ALLOCATION
from nomad_tui.core.objects.allocation.fields import Allocation, TaskEvent
from nomad_tui.core.objects.allocation.timeline import (
    allocation_title,
    describe_allocation,
    is_failure,
    placed_word,
    task_event,
)
from nomad_tui.core.objects.deployment import describe_deployment
from nomad_tui.core.objects.evaluation import describe_evaluation
from nomad_tui.core.objects.job import describe_job
from nomad_tui.core.objects.kind import Links
from nomad_tui.core.objects.parts import dim, plain
from nomad_tui.core.objects.registry import kind
from nomad_tui.core.readable import number_of
from nomad_tui.core.timeline.family import FOLDED, WATCHER, Family
from nomad_tui.core.timeline.reading import ObjectRecords, Record
from nomad_tui.core.timeline.rows import (
    Branch,
    RowKey,
    RowKind,
    TaskEventKey,
    describe_rest,
    moment,
    not_held,
    object_key,
    object_title,
    timestamp,
)

STEPS: Final = 30
"""Maximum steps shown of one object, the newest ones."""
TASK_EVENTS: Final = 100
"""Maximum task events shown of an allocation, the newest ones."""
LONGEST_KEY: Final = 200
"""Characters of a message that distinguish task events."""
LONGEST_CHAIN: Final = 1_000
_CONSEQUENCES: Final = frozenset(("Not Restarting", "Alloc Unhealthy", "Sibling Task Failed"))
"""Failures that result from another one, which is the actual cause."""


def job_tree(family: Family) -> Branch:
    """A job's branch with all its shown objects, and rows for the rest."""
    return _Tree(family).root


def object_branch(records: ObjectRecords | None, key: ObjectKey) -> Branch:
    """The branch of any object in its newest state."""
    topic, _, id_ = key
    if records is None or not records.records:
        return Branch(object_key(key), RowKind.NOT_HELD, topic, object_title(topic, id_), not_held(), None)
    newest, oldest = records.records[-1], records.records[0]
    state = records.state
    text = state.happened if state is not None else ()
    status = state.status if state is not None else ""
    named = state.subject if state is not None else object_title(topic, id_)
    return Branch(
        object_key(key),
        RowKind.OBJECT,
        topic,
        named,
        text,
        newest.sequence,
        moment=oldest.moment,
        first=oldest.sequence,
        ended=status in kind(topic).ended,
    )


def add_steps(branch: Branch, records: ObjectRecords, key: ObjectKey) -> None:
    """Add the steps of an object to its branch: each event that changed something."""
    steps = [record for record in records.records if record.sentence is not None]
    add_rest(branch, ("earlier", *key), branch.topic, len(steps) - STEPS, "earlier step")
    before: int | None = None
    shown = ""
    for record in steps[-STEPS:]:
        assert record.sentence is not None
        if record.sentence.what == shown:
            continue
        shown = record.sentence.what
        since = record.moment - before if record.moment is not None and before is not None else None
        _step(branch, ("step", *key, str(record.sequence)), record, since).attach(branch)
        before = record.moment if record.moment is not None else before


def add_rest(branch: Branch, key: RowKey, topic: str, number: int, noun: str) -> None:
    """Add a row for the omitted oldest steps, if there are any."""
    if number > 0:
        title = (dim(f"… {number_of(number, noun)}"),)
        Branch(key, RowKind.REST, topic, title, (), None, first=-1).attach(branch)


def _step(branch: Branch, key: RowKey, record: Record, since: int | None) -> Branch:
    happened = record.sentence.happened if record.sentence is not None else ()
    return Branch(key, RowKind.STEP, branch.topic, (), happened, record.sequence, moment=record.moment, since=since)


def evaluation_branch(
    key: ObjectKey, records: ObjectRecords, links: Links | None, *, names_job: bool = False
) -> Branch:
    """An evaluation's branch: its trigger, its result, and why it is blocked."""
    branch = object_branch(records, key)
    links = links if links is not None else Links()
    created, modified = moment(links.create_time), moment(links.modify_time)
    took = modified - created if created is not None and modified is not None and modified >= created else None
    branch.text, branch.stopped = describe_evaluation(records.state, links.triggered_by, links.blocked_eval, took)
    title = object_title(*key[::2])
    branch.title = (*title, plain(f" {links.job_id}", LONGEST_KEY)) if names_job and links.job_id else title
    branch.moment = created
    return branch


def allocation_branch(key: ObjectKey, records: ObjectRecords, evaluation: Links | None) -> Branch:
    """An allocation's branch: its progress, the time since its evaluation, and where it stopped."""
    branch = object_branch(records, key)
    first, now = _ends(records)
    tasks = _task_events(records.records)
    latest = max((event for _, (event, _) in tasks.items()), key=lambda event: event.time, default=None)
    created = moment(first.create_time)
    asked = moment(evaluation.create_time) if evaluation is not None else None
    began = asked if asked is not None and created is not None and asked <= created else created
    branch.title = allocation_title(now.name, key[2])
    branch.place = records.state.place if records.state is not None else ""
    branch.moment = created
    branch.since = created - began if created is not None and began is not None and began != created else None
    steps = _steps_reached(records, tasks, first, created, began if branch.since is not None else None)
    branch.text, branch.stopped = describe_allocation(now, records.state, latest, steps)
    branch.ended = now.client_status in ALLOCATION.ended
    return branch


def _ends(records: ObjectRecords) -> tuple[Allocation, Allocation]:
    states = [record.allocation for record in (records.records[0], records.records[-1])]
    first, now = (state if state is not None else Allocation() for state in states)
    return first, now


def _steps_reached(
    records: ObjectRecords,
    tasks: dict[TaskEventKey, tuple[TaskEvent, int]],
    first: Allocation,
    created: int | None,
    asked: int | None,
) -> list[tuple[str, int | None]]:
    """Placed, running and healthy, as far as reached, with ns since the evaluation, or since the placement."""
    since = asked if asked is not None else created

    def after(at: int | None) -> int | None:
        return at - since if at is not None and since is not None and at >= since else None

    steps: list[tuple[str, int | None]] = [(placed_word(first), after(created) if asked is not None else None)]
    starts = [at for event, _ in tasks.values() if event.type == "Started" and (at := moment(event.time)) is not None]
    if starts:
        steps.append(("running", after(min(starts))))
    for record in records.records:
        health = record.allocation.deployment_status if record.allocation is not None else None
        if health is not None and health.healthy:
            steps.append(("healthy", after(timestamp(health.timestamp))))
            break
    return steps


def _task_events(records: Iterable[Record]) -> dict[TaskEventKey, tuple[TaskEvent, int]]:
    """Each task event once, with the event that first contained it."""
    events: dict[TaskEventKey, tuple[TaskEvent, int]] = {}
    for record in records:
        for key, event in record.tasks.items():
            if key not in events:
                events[key] = event, record.sequence
    return events


def add_task_events(branch: Branch, records: ObjectRecords, key: ObjectKey) -> None:
    """Add the changes of an allocation and of its tasks to its branch."""
    first, now = _ends(records)
    created = moment(first.create_time)
    for record in records.records:
        for number, (text, at) in enumerate(record.steps):
            row_key = ("step", *key, str(record.sequence), str(number))
            Branch(row_key, RowKind.STEP, "Allocation", (), text, record.sequence, moment=at).attach(branch)
    events = sorted(_task_events(records.records).items(), key=lambda item: (item[0][1], item[1][1]))
    add_rest(branch, ("earlier", *key), "Allocation", len(events) - TASK_EVENTS, "earlier task event")
    failures = [named for named, (event, _) in events if is_failure(event)]
    stopped_at = next((named for named in reversed(failures) if named[2] not in _CONSEQUENCES), None)
    if stopped_at is None and failures:
        stopped_at = failures[-1]
    before: dict[str, int | None] = {}
    for named, (event, sequence) in events[-TASK_EVENTS:]:
        task, time, type_, message = named
        at, previous = moment(time), before.get(task, created)
        Branch(
            ("task event", *key, task, str(time), type_, message[:LONGEST_KEY]),
            RowKind.TASK_EVENT,
            "Allocation",
            (plain(task, LONGEST_KEY),),
            task_event(event),
            sequence,
            moment=at,
            since=at - previous if at is not None and previous is not None and at >= previous else None,
            stopped=named == stopped_at and branch.stopped and now.client_status in ("failed", "pending"),
        ).attach(branch)
        before[task] = at


class _Tree:
    def __init__(self, family: Family) -> None:
        self.family = family
        self.branches: dict[ObjectKey, Branch] = {}
        self.root = self._job()
        self._attach_all()
        self._mark_focus()

    def _links(self, key: ObjectKey) -> Links | None:
        member = self.family.members.get(key)
        return member.links if member is not None else None

    def _records(self, key: ObjectKey) -> ObjectRecords | None:
        records = self.family.records.get(key)
        return records if records is not None and records.records else None

    def _job(self) -> Branch:
        family = self.family
        records = self._records(family.key)
        root = object_branch(records, family.key)
        if records is not None:
            links = self._links(family.key)
            if not family.child:
                if links is not None and records.state is not None:
                    root.text = describe_job(records.state, links.version)
                add_steps(root, records, family.key)
        self.branches[family.key] = root
        return root

    def _attach_all(self) -> None:
        family = self.family
        for key in family.shown:
            if key not in self.branches and (records := self._records(key)) is not None:
                self.branches[key] = self._branch(key, records)
        for key, is_cause in family.near.items():
            if is_cause and key not in self.branches and family.members.get(key) is None:
                self.branches[key] = object_branch(None, key)
        self._set_times_of_causes()
        for key, branch in self.branches.items():
            if branch is not self.root:
                parent = self._parent(key)
                branch.attach(self.root if branch.is_above(parent) else parent)
        for key, branch in self.branches.items():
            self._set_time_since(key, branch)
        shown = list(family.shown)
        for topic in FOLDED:
            number, states = family.members.rest(topic, (key for key in shown if key[0] == topic))
            if number > 0:
                title, text = describe_rest(number, topic.lower(), states)
                rest_key = ("rest", family.namespace, family.job, topic)
                Branch(rest_key, RowKind.REST, topic, title, text, None, last=True, can_open=True).attach(self.root)

    def _set_times_of_causes(self) -> None:
        """Set the approximate time of causes that are not held to that of their oldest allocation."""
        for key, branch in list(self.branches.items()):
            if key[0] != "Allocation" or branch.moment is None:
                continue
            for cause in self.family.origin(key):
                of = self.branches.get(cause)
                if of is not None and of.kind is RowKind.NOT_HELD:
                    of.about = min(branch.moment, of.about if of.about is not None else branch.moment)

    def _branch(self, key: ObjectKey, records: ObjectRecords) -> Branch:
        match key[0]:
            case "Evaluation":
                return evaluation_branch(key, records, self._links(key))
            case "Allocation":
                first, _ = _ends(records)
                evaluation = self._links(("Evaluation", self.family.namespace, first.eval_id))
                branch = allocation_branch(key, records, evaluation)
                if records.whole:
                    add_task_events(branch, records, key)
                return branch
            case "Deployment":
                branch = object_branch(records, key)
                links = self._links(key)
                branch.title = object_title(*key[::2])
                if links is not None and records.state is not None:
                    branch.text = describe_deployment(records.state, links.job_version)
                branch.moment = moment(links.create_time) if links is not None else branch.moment
                branch.stopped = records.state is not None and records.state.status == "failed"
                if records.whole:
                    add_steps(branch, records, key)
                return branch
            case _:
                branch = object_branch(records, key)
                if key[0] == "Service":
                    branch.title = (plain("service "), *branch.title)
                return branch

    # Parents

    def _parent(self, key: ObjectKey) -> Branch:
        match key[0]:
            case "Evaluation":
                return self._parent_of_evaluation(key)
            case "Deployment":
                creator = self.family.creators.get(key[2])
                return self._shown(creator) or self._evaluation_of(key) or self.root
            case "Allocation":
                return self._parent_of_allocation(key)
            case "Service":
                member = self.family.members.get(key)
                return (member is not None and self._at("Allocation", member.came_of)) or self.root
        return self.root

    def _shown(self, key: ObjectKey | None) -> Branch | None:
        return self.branches.get(key) if key is not None else None

    def _at(self, topic: str, id_: str) -> Branch | None:
        return self.branches.get((topic, self.family.namespace, id_)) if id_ else None

    def _evaluation_of(self, deployment: ObjectKey) -> Branch | None:
        """For a deployment that is not held: the evaluation of a shown allocation that belongs to it."""
        if self.family.members.get(deployment) is not None:
            return None
        for key in self.branches:
            records = self._records(key) if key[0] == "Allocation" else None
            if records is not None and (first := _ends(records)[0]).deployment_id == deployment[2]:
                return self._at("Evaluation", first.eval_id)
        return None

    def _parent_of_evaluation(self, key: ObjectKey) -> Branch:
        links = self._links(key)
        if links is None:
            return self.root
        deployment = self._at("Deployment", links.deployment_id) if links.triggered_by == WATCHER else None
        if deployment is not None:
            return deployment
        return self._oldest_predecessor(key) or self.root

    def _parent_of_allocation(self, key: ObjectKey) -> Branch:
        records = self._records(key)
        if records is None:
            return self.root
        first, _ = _ends(records)
        if (replaced := self._oldest_predecessor(key)) is not None:
            return replaced
        return self._at("Deployment", first.deployment_id) or self._at("Evaluation", first.eval_id) or self.root

    def _oldest_predecessor(self, key: ObjectKey) -> Branch | None:
        """The branch of the oldest shown predecessor in a chain of allocations or evaluations."""
        found: ObjectKey | None = None
        seen = {key}
        at = self._predecessor(key)
        while at is not None and at not in seen and at in self.branches and len(seen) < LONGEST_CHAIN:
            seen.add(at)
            found = at
            at = self._predecessor(at)
        return self._shown(found)

    def _predecessor(self, key: ObjectKey) -> ObjectKey | None:
        """The predecessor of an evaluation or an allocation.

        An allocation replaced by an update belongs to the update's deployment; a rescheduled or migrated one follows
        the previous allocation.
        """
        topic, namespace, _ = key
        if topic == "Evaluation":
            links = self._links(key)
            return (topic, namespace, links.previous_eval) if links is not None and links.previous_eval else None
        records = self._records(key)
        first = _ends(records)[0] if records is not None else Allocation()
        if not first.previous_allocation:
            return None
        previous = (topic, namespace, first.previous_allocation)
        before = self._records(previous)
        other = _ends(before)[0].deployment_id if before is not None else first.deployment_id
        goes_on = not first.deployment_id or first.deployment_id == other or first.is_reschedule
        return previous if goes_on else None

    # Times

    def _set_time_since(self, key: ObjectKey, branch: Branch) -> None:
        """Set the time since the step that it depends on, if that belongs to another object."""
        if branch.since is not None or branch.moment is None or branch.parent is None or key[0] == "Allocation":
            return
        before = branch.parent.moment if branch.parent is not self.root else self._registered(key, branch.moment)
        if key[0] == "Evaluation" and (links := self._links(key)) is not None and links.previous_eval:
            previous = self._links(("Evaluation", self.family.namespace, links.previous_eval))
            before = moment(previous.create_time) if previous is not None else before
        if before is not None and before <= branch.moment:
            branch.since = branch.moment - before

    def _registered(self, key: ObjectKey, at: int) -> int | None:
        links = self._links(key)
        if links is None or not links.triggered_by.startswith(("job-", "periodic-")):
            return None
        steps = (step.moment for step in self.root.children if step.kind is RowKind.STEP)
        return max((step for step in steps if step is not None and step <= at), default=None)

    def _mark_focus(self) -> None:
        branch = self.branches.get(self.family.focus)
        if branch is not None:
            branch.is_focus = True
