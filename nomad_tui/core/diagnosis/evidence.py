"""Collects evidence about a job's failures from the history: failures, registrations, versions.

Only events up to the diagnosed one count. Evicted events prove nothing, and conclusions do not extend across gaps.
"""

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Final

from nomad_tui.core.history.derived import PayloadReader
from nomad_tui.core.history.dictionaries import GAP_SUBJECT
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.objects.allocation import ALLOCATION
from nomad_tui.core.objects.allocation.fields import ENDINGS, Allocation, TaskEvent
from nomad_tui.core.objects.deployment import DEPLOYMENT
from nomad_tui.core.objects.job import JOB
from nomad_tui.core.objects.node import NODE

MAX_ALLOCATIONS: Final = 200
"""Newest allocations examined of a job: with more, counts are "at least"."""
MAX_EVENTS: Final = 200
"""Newest events examined of one object: with more, counts of failures are "at least"."""
MAX_AFTER: Final = 20_000
"""Events after a node went down that are searched for what it lost."""
_STOPPED_BY: Final = frozenset(("Killing", "Restart Signaled"))
"""Task events after which an end is not a failure."""


@dataclass(frozen=True, slots=True)
class Failure:
    at: int
    """In ns since 1970, on the clock of the node or server."""
    sequence: int
    """The first event that reports it."""
    node: str
    allocation: str
    version: int | None
    """Version of the job, if proved."""
    cause: tuple[str, int, int, bool]
    """Task event type, exit code, signal, and out of memory; only the status for a lost allocation."""
    task: str = ""
    event: TaskEvent | None = None


@dataclass(slots=True)
class Registration:
    version: int
    index: int
    sequence: int


@dataclass(slots=True)
class Evidence:
    """Evidence about one job up to an event."""

    failures: list[Failure] = field(default_factory=list)
    registrations: list[Registration] = field(default_factory=list)
    """Oldest first."""
    versions: dict[str, int | None] = field(default_factory=dict)
    """By allocation that was read."""
    is_complete: bool = True

    def alike(self, last: Failure) -> list[Failure]:
        """The failures of the same task with the same cause."""
        return [failure for failure in self.failures if failure.cause == last.cause and failure.task == last.task]


def held_events(history: History, newest: int, last: int) -> Iterator[int]:
    """The newest `MAX_EVENTS` events of an object up to `last`, newest first."""
    at: int | None = newest
    while at is not None and at > last:
        at = history.previous(at)
    for _ in range(MAX_EVENTS):
        if at is None or at < history.first:
            return
        yield at
        at = history.previous(at)


def newest_until(history: History, event: HeldEvent, topic: str, namespace: str, key: str) -> int | None:
    """The newest event of an object up to the end of the event's write."""
    newest = history.newest(topic, namespace, key)
    return next(held_events(history, newest, _last_of_write(event)), None) if newest is not None else None


def _last_of_write(event: HeldEvent) -> int:
    return event.sequence - event.position + len(event.frame.events) - 1


def read_job(
    history: History,
    event: HeldEvent,
    job: str,
    evidence: Evidence,
    *,
    group: str | None = None,
    deployment: str | None = None,
) -> Iterator[None]:
    """Read the failures of a job's allocations, optionally of one group or one deployment only."""
    last = _last_of_write(event)
    read_registrations(history, event, job, evidence)
    subjects = [each for each in history.of_job(event.namespace, job) if each.topic == ALLOCATION.name]
    evidence.is_complete = len(subjects) <= MAX_ALLOCATIONS
    objects = dict.fromkeys(subject.of for subject in subjects[-MAX_ALLOCATIONS:])
    for of in objects:
        seen: set[tuple[str, int, str]] = set()
        sequences = list(held_events(history, of.last, last))
        evidence.is_complete &= len(sequences) < MAX_EVENTS
        for sequence in reversed(sequences):
            yield
            if sequence < history.first:
                continue
            payload = history.payload(sequence)
            now = ALLOCATION.read(payload)
            if now is None or (group is not None and now.task_group != group):
                break
            if deployment is not None and now.deployment_id != deployment:
                continue
            key = of.key[2]
            if key not in evidence.versions:
                evidence.versions[key] = _version(history, event, now, evidence)
            evidence.failures += _failures(now, key, sequence, evidence.versions[key], seen)
    if evidence.failures:
        first = min(failure.sequence for failure in evidence.failures)
        evidence.is_complete &= not history.gaps_between(first, event.sequence)
    evidence.failures.sort(key=lambda failure: failure.at)


def _failures(
    now: Allocation, key: str, sequence: int, version: int | None, seen: set[tuple[str, int, str]]
) -> Iterator[Failure]:
    """Failures reported by an allocation's payload and by none before it."""
    for task, state in now.tasks.items():
        stopped = False
        for event in state.events or ():
            if event.type == "Started":
                stopped = False
            stopped = stopped or event.type in _STOPPED_BY
            is_oom = (event.details or {}).get("oom_killed") == "true"
            failed = event.fails_task or (
                event.type in ENDINGS
                and (is_oom or (not stopped and (event.type != "Terminated" or event.exit_code or event.signal)))
            )
            named = (task, event.time, event.type)
            if failed and named not in seen:
                seen.add(named)
                cause = (event.type, event.exit_code, event.signal, is_oom)
                yield Failure(event.time, sequence, now.node_name, key, version, cause, task, event)
    if now.client_status == "lost" and ("", 0, "lost") not in seen:
        seen.add(("", 0, "lost"))
        yield Failure(now.modify_time, sequence, now.node_name, key, version, ("lost", 0, 0, False))


def read_registrations(history: History, event: HeldEvent, job: str, evidence: Evidence) -> None:
    """Read the held registrations of a job, without repeated ones of the same version."""
    newest = history.newest(JOB.name, event.namespace, job)
    if newest is None:
        return
    for sequence in held_events(history, newest, event.sequence):
        now = JOB.read(history.payload(sequence))
        if now is None or now.version is None or now.job_modify_index != now.modify_index:
            continue
        if evidence.registrations and evidence.registrations[-1].version == now.version:
            evidence.registrations.pop()  # the first one created the version
        evidence.registrations.append(Registration(now.version, now.modify_index, sequence))
    evidence.registrations.reverse()


def _version(history: History, event: HeldEvent, now: Allocation, evidence: Evidence) -> int | None:
    """The job version of an allocation, by its deployment or else by the preceding registrations, unless a gap lies
    between."""
    if now.deployment_id:
        newest = history.newest(DEPLOYMENT.name, event.namespace, now.deployment_id)
        of = DEPLOYMENT.read(history.payload(newest)) if newest is not None else None
        return of.job_version if of is not None else None
    before = [each for each in evidence.registrations if each.index <= now.create_index]
    if not before or history.gaps_between(before[-1].sequence, event.sequence):
        return None
    return before[-1].version


def node_statuses(history: History, event: HeldEvent) -> Iterator[tuple[int, str]]:
    """The events in which a node's status changed, with the new status, newest first."""
    sequences = list(held_events(history, event.sequence, event.sequence))
    reads = [(sequence, NODE.read(history.payload(sequence))) for sequence in sequences]
    for (sequence, now), (_, before) in zip(reads, [*reads[1:], (0, None)], strict=True):
        if now is not None and before is not None and before.status != now.status:
            yield sequence, now.status


def lost_on_node(history: History, node: str, down: int) -> Generator[None, None, tuple[Counter[str], bool]]:
    """The allocations that a node lost after it went down, by job, and whether those are all.

    Reads on to where the node's status changes again: servers write what is lost a moment after the node's status.
    """
    payloads, name = PayloadReader(history), node.encode()
    lost: dict[str, str] = {}
    status = None
    last = min(history.end, down + 1 + MAX_AFTER)
    for sequence in range(down - history.event(down).position, last):
        segment = history.segment_of(sequence)
        row = sequence - segment.first
        subject = None if segment.subject[row] == GAP_SUBJECT else history.subject(segment.subject[row])
        if subject is None or subject.topic not in (ALLOCATION.name, NODE.name):
            continue
        yield
        payload = payloads.payload(segment, row)
        key = subject.of.key[2]
        if subject.topic == NODE.name:
            now = NODE.read(payload) if key == node else None
            if now is not None and now.status != (status := status or now.status):
                return Counter(lost.values()), not history.gaps_between(down, sequence)
        else:
            of = ALLOCATION.read(payload) if name in payload else None
            if of is not None and of.node_id == node and of.client_status in ("lost", "unknown"):
                lost[key] = of.job_id
    return Counter(lost.values()), last == history.end and not history.gaps_between(down, last)


def index_of(history: History, sequence: int) -> int:
    segment = history.segment_of(sequence)
    return segment.index[sequence - segment.first]
