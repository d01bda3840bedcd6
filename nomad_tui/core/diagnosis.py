"""What the events held prove of a failure: its cause, how often, where, since which version, and what became of it.

Only what happened up to the event counts, and nothing is concluded from what is not held: a line that the events do
not prove is left out, and a gap in the stream ends what can be said of before and after.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

import msgspec

from nomad_tui.core.history.event_row import event_level, happened, sentence
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.level import Level
from nomad_tui.core.objects.allocation import ALLOCATION
from nomad_tui.core.objects.allocation.fields import Allocation, TaskEvent
from nomad_tui.core.objects.allocation.sentence import ENDINGS
from nomad_tui.core.objects.deployment import DEPLOYMENT, Deployment
from nomad_tui.core.objects.fact import Fact, Facts
from nomad_tui.core.objects.job import JOB
from nomad_tui.core.objects.node import NODE
from nomad_tui.core.objects.parts import DOT, OUT_OF_MEMORY, VALUE_LIMIT, Part, bad, dim, plain, reason, short, warn
from nomad_tui.core.objects.reading import EMPTY, Object, Reader
from nomad_tui.core.readable import MILLISECOND, count, duration
from nomad_tui.core.sentence import describe

MOST_ALLOCATIONS: Final = 200
"""Of a job, the newest: the others are not looked at, and a count is "at least" then."""
MOST_EVENTS: Final = 200
"""Of one object, the newest: with more, a count of failures is "at least" as well."""
_NODES_NAMED: Final = 4
_STOPPED_BY: Final = frozenset(("Killing", "Restart Signaled"))
"""Task events after which an end is no failure."""


class _Memory(Object):
    memory_mb: int = msgspec.field(default=0, name="MemoryMB")
    memory_max_mb: int = msgspec.field(default=0, name="MemoryMaxMB")


class _TaskResources(Object):
    memory: _Memory | None = None


class _Resources(Object):
    tasks: dict[str, _TaskResources] | None = None


_RESOURCES: Final = Reader[_Resources](_Resources | None)


@dataclass(frozen=True, slots=True)
class _Failure:
    at: int
    """In ns since 1970, on the clock of the node or server."""
    sequence: int
    """The event that told of it first."""
    node: str
    allocation: str
    version: int | None
    """Of the job, where that is proved."""
    cause: tuple[str, int, int, bool]
    """The type of the task event, exit code, signal, out of memory; the status alone for one that was lost."""
    task: str = ""
    event: TaskEvent | None = None


@dataclass(slots=True)
class _Registration:
    version: int
    index: int
    sequence: int


@dataclass(slots=True)
class _Findings:
    """What was read of one job up to an event."""

    failures: list[_Failure] = field(default_factory=list)
    registrations: list[_Registration] = field(default_factory=list)
    """Oldest first."""
    versions: dict[str, int | None] = field(default_factory=dict)
    """Of every allocation that was read."""
    is_complete: bool = True


class Diagnosis:
    """What is to be said of one event, read in slices."""

    def __init__(self, history: History, sequence: int) -> None:
        self._work: Generator[None, None, tuple[Fact, ...]] | None = diagnose(history, sequence)
        self.facts: tuple[Fact, ...] = ()
        """None before all is read, and for an event that is no failure."""

    @property
    def is_complete(self) -> bool:
        return self._work is None

    def advance(self, seconds: float) -> bool:
        """Reads on for about so long; True if there is more to do."""
        deadline = perf_counter() + seconds
        while self._work is not None:
            try:
                next(self._work)
            except StopIteration as end:
                self.facts, self._work = end.value, None
            except (
                IndexError,
                LookupError,
                RecursionError,
            ):  # evicted meanwhile, or nested too deep
                self._work = None
            if perf_counter() > deadline:
                break
        return self._work is not None


def diagnose(history: History, sequence: int) -> Generator[None, None, tuple[Fact, ...]]:
    """Returns the facts about a failure; none for another event. Yields between payloads."""
    event = history.event(sequence)
    facts = Facts()
    match event.topic:
        case "Allocation":
            yield from _of_allocation(history, event, facts)
        case "Deployment":
            yield from _of_deployment(history, event, facts)
        case "Job" if event_level(history, event) is Level.FAILURE:
            yield from _of_job(history, event, facts)
        case "Node":
            _of_node(history, event, facts)
        case "Evaluation" if event_level(history, event) >= Level.WARNING:
            yield from _of_evaluation(history, event, facts)
    return facts.collected()


# By the kind of object


def _of_allocation(history: History, event: HeldEvent, facts: Facts) -> Iterator[None]:
    now = ALLOCATION.read(event.payload)
    if now is None or not (now.client_status in ("failed", "lost") or event_level(history, event) is Level.FAILURE):
        return
    found = _Findings()
    yield from _read_job(history, event, now.job_id, found, group=now.task_group)
    own = [failure for failure in found.failures if failure.allocation == event.key]
    if not own:
        why = reason(now.desired_description or now.client_description, "alloc ", "is ")
        facts.line("cause", plain(why) if why and now.client_status in ("failed", "lost") else plain(""))
        return
    last = own[-1]
    facts.line("cause", *_cause(last, now))
    if last.event is None:
        _tell_down_node(history, event, now, facts)
    alike = [failure for failure in found.failures if failure.cause == last.cause and failure.task == last.task]
    _tell_times(facts, alike, found)
    deployment: int | None = None
    if last.event is not None:  # a node that is lost says nothing of the job
        _tell_version(history, facts, alike, found)
        deployment = _tell_deployment(history, event, now.deployment_id, facts)
    _tell_keys(history, facts, alike, deployment, has_logs=last.event is not None)


def _of_deployment(history: History, event: HeldEvent, facts: Facts) -> Iterator[None]:
    now = DEPLOYMENT.read(event.payload)
    if now is None or now.status != "failed":
        return
    facts.line("cause", *_rollback(now))
    found = _Findings()
    yield from _read_job(history, event, now.job_id, found, deployment=event.key)
    if found.failures:
        last = found.failures[-1]
        alike = [failure for failure in found.failures if failure.cause == last.cause and failure.task == last.task]
        facts.line("its allocations", *_cause(last, None))
        _tell_times(facts, alike, found)
        _tell_version(history, facts, alike, found)
        _tell_keys(history, facts, alike, None, has_logs=False)


def _of_job(history: History, event: HeldEvent, facts: Facts) -> Iterator[None]:
    found = _Findings()
    yield from _read_job(history, event, event.key, found)
    if found.failures:
        last = found.failures[-1]
        alike = [failure for failure in found.failures if failure.cause == last.cause and failure.task == last.task]
        facts.line("cause", plain("its last allocation failed: "), *_cause(last, None))
        _tell_times(facts, alike, found)
        _tell_version(history, facts, alike, found)
        _tell_keys(history, facts, alike, None, has_logs=False)


def _of_node(history: History, event: HeldEvent, facts: Facts) -> None:
    now = NODE.read(event.payload)
    if now is None or now.status not in ("down", "disconnected"):
        return
    turned = [sequence for sequence, status in _node_statuses(history, event) if status == now.status]
    if turned:
        facts.line("cause", *sentence(history, turned[0]).happened, dim(f"  :{_index(history, turned[0])}"))
    times = [at for sequence in turned if (at := happened(history, sequence)) is not None]
    if len(times) > 1:
        least = "at least " if history.gaps_between(turned[-1], event.sequence) else ""
        lasted = duration(times[0] - times[-1])
        facts.line("how often", plain(f"{now.status} {least}{count(len(times))} times in {lasted}"))
    lost = [
        each for each in event.frame.events if each.topic == "Allocation"
        and (of := ALLOCATION.read(bytes(each.payload))) is not None and of.node_id == event.key
    ]  # fmt: skip
    if lost:
        facts.line("allocations", warn(f"{count(len(lost))} in the same write"))
    facts.line("keys", dim("t timeline · + node: what happened there"))


def _of_evaluation(history: History, event: HeldEvent, facts: Facts) -> Iterator[None]:
    """Its sentence says why nothing could be placed; this says since when and how often."""
    said = describe(event.topic, event.type, event.key, event.payload, None)
    facts.line("cause", *said.happened)
    jobs = [subject for subject in history.of_job(event.namespace, event.job) if subject.topic == "Evaluation"]
    times: list[int] = []
    oldest = event.sequence
    for subject in jobs[-MOST_ALLOCATIONS:]:
        for sequence in _held(history, subject.of.last, event.sequence):
            other = history.event(sequence)
            if event_level(history, other) >= Level.WARNING and (at := happened(history, sequence)) is not None:
                times.append(at)
                oldest = min(oldest, sequence)
                break
            yield
    if len(times) > 1:
        is_least = len(jobs) > MOST_ALLOCATIONS or history.gaps_between(oldest, event.sequence)
        least = "at least " if is_least else ""
        lasted = duration(max(times) - min(times))
        facts.line("how often", plain(f"{least}{count(len(times))} evaluations of the job in {lasted}"))
    found = _Findings()
    _read_registrations(history, event, event.job, found)
    if found.registrations and not history.gaps_between(found.registrations[-1].sequence, event.sequence):
        last = found.registrations[-1]
        facts.line("job", plain(f"v{last.version} is the last version registered before"), dim(f"  :{last.index}"))
    facts.line("keys", dim("t timeline"))


# Reading


def _held(history: History, newest: int, last: int) -> Iterator[int]:
    """The newest `MOST_EVENTS` events of an object up to `last`, newest first."""
    at: int | None = newest
    while at is not None and at > last:
        at = history.previous(at)
    for _ in range(MOST_EVENTS):
        if at is None or at < history.first:
            return
        yield at
        at = history.previous(at)


def _read_job(
    history: History,
    event: HeldEvent,
    job: str,
    found: _Findings,
    *,
    group: str | None = None,
    deployment: str | None = None,
) -> Iterator[None]:
    """Reads the failures of a job's allocations, of one group or one deployment where that is asked for."""
    last = event.sequence - event.position + len(event.frame.events) - 1
    _read_registrations(history, event, job, found)
    subjects = [each for each in history.of_job(event.namespace, job) if each.topic == ALLOCATION.name]
    found.is_complete = len(subjects) <= MOST_ALLOCATIONS
    objects = dict.fromkeys(subject.of for subject in subjects[-MOST_ALLOCATIONS:])
    for of in objects:
        seen: set[tuple[str, int, str]] = set()
        held = list(_held(history, of.last, last))
        found.is_complete &= len(held) < MOST_EVENTS
        for sequence in reversed(held):
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
            if key not in found.versions:
                found.versions[key] = _version(history, event, now, found)
            found.failures += _failures(now, key, sequence, found.versions[key], seen)
    if found.failures:
        first = min(failure.sequence for failure in found.failures)
        found.is_complete &= not history.gaps_between(first, event.sequence)
    found.failures.sort(key=lambda failure: failure.at)


def _failures(
    now: Allocation, key: str, sequence: int, version: int | None, seen: set[tuple[str, int, str]]
) -> Iterator[_Failure]:
    """Those that an allocation's payload reports and none before it did."""
    for task, state in now.tasks.items():
        stopped = False
        for event in state.events or ():
            if event.type == "Started":
                stopped = False
            stopped = stopped or event.type in _STOPPED_BY
            is_oom = (event.details or {}).get("oom_killed") == "true"
            failed = event.type in ENDINGS and (
                is_oom or (not stopped and (event.type != "Terminated" or event.exit_code or event.signal))
            )
            named = (task, event.time, event.type)
            if failed and named not in seen:
                seen.add(named)
                cause = (event.type, event.exit_code, event.signal, is_oom)
                yield _Failure(event.time, sequence, now.node_name, key, version, cause, task, event)
    if now.client_status == "lost" and ("", 0, "lost") not in seen:
        seen.add(("", 0, "lost"))
        yield _Failure(now.modify_time, sequence, now.node_name, key, version, ("lost", 0, 0, False))


def _read_registrations(history: History, event: HeldEvent, job: str, found: _Findings) -> None:
    """The versions of a job whose registration is held, without those that registered the same again."""
    newest = history.newest(JOB.name, event.namespace, job)
    if newest is None:
        return
    for sequence in _held(history, newest, event.sequence):
        now = JOB.read(history.payload(sequence))
        if now is None or now.version is None or now.job_modify_index != now.modify_index:
            continue
        if found.registrations and found.registrations[-1].version == now.version:
            found.registrations.pop()  # the first of them made the version
        found.registrations.append(_Registration(now.version, now.modify_index, sequence))
    found.registrations.reverse()


def _version(history: History, event: HeldEvent, now: Allocation, found: _Findings) -> int | None:
    """By its deployment, else by the registrations before it, if nothing is missing between."""
    if now.deployment_id:
        newest = history.newest(DEPLOYMENT.name, event.namespace, now.deployment_id)
        of = DEPLOYMENT.read(history.payload(newest)) if newest is not None else None
        return of.job_version if of is not None else None
    before = [each for each in found.registrations if each.index <= now.create_index]
    if not before or history.gaps_between(before[-1].sequence, event.sequence):
        return None
    return before[-1].version


def _node_statuses(history: History, event: HeldEvent) -> Iterator[tuple[int, str]]:
    """The events in which a node's status changed, and to what, newest first."""
    held = list(_held(history, event.sequence, event.sequence))
    reads = [(sequence, NODE.read(history.payload(sequence))) for sequence in held]
    for (sequence, now), (_, before) in zip(reads, [*reads[1:], (0, None)], strict=True):
        if now is not None and before is not None and before.status != now.status:
            yield sequence, now.status


def _index(history: History, sequence: int) -> int:
    segment = history.segment_of(sequence)
    return segment.index[sequence - segment.first]


# Telling


def _cause(failure: _Failure, now: Allocation | None) -> Iterable[Part]:
    """`task crash exit 137 · out of memory at its limit of 10 MB`."""
    event = failure.event
    if event is None:
        yield bad("lost")
        if now is not None and (why := reason(now.desired_description, "alloc ", "is lost since ", "is ")):
            yield from (DOT, plain(why))
        return
    yield plain(f"task {failure.task[:VALUE_LIMIT]} ")
    if event.type == "Terminated":
        yield bad(f"exit {event.exit_code}" + (f" signal {event.signal}" if event.signal else ""), VALUE_LIMIT)
    else:
        yield bad(event.type.lower(), VALUE_LIMIT)
    details = event.details or {}
    if failure.cause[3]:
        limit = _memory_limit(now, failure.task) if now is not None else 0
        at = f" at its limit of {count(limit)} MB" if limit else ""  # MiB, as Nomad writes them
        yield from (DOT, bad(f"out of memory{at}", 60))
    message = details.get("exit_message") or event.display_message or event.message
    if event.type == "Terminated":
        message = details.get("exit_message") or event.message
    if message and not (failure.cause[3] and message == OUT_OF_MEMORY):
        yield from (DOT, plain(reason(message)))


def _memory_limit(now: Allocation, task: str) -> int:
    """In MiB; 0 where the payload does not say."""
    resources = _RESOURCES.read(now.allocated_resources) if now.allocated_resources is not EMPTY else None
    of = (resources.tasks or {}).get(task) if resources is not None else None
    return max(of.memory.memory_mb, of.memory.memory_max_mb) if of is not None and of.memory is not None else 0


def _tell_times(facts: Facts, alike: list[_Failure], found: _Findings) -> None:
    """How often, in what time, by how many allocations, and where."""
    times, least = len(alike), "" if found.is_complete else "at least "
    by = len({failure.allocation for failure in alike})
    if times == 1:
        text = f"{least}once"
    else:
        lasted = alike[-1].at - alike[0].at
        text = f"{least}{count(times)} times {f'in {duration(lasted)}' if lasted >= MILLISECOND else 'at once'}"
    parts = [plain(text), dim(f" · {count(by)} allocation{'' if by == 1 else 's'}")]
    if (others := len(found.failures) - times) > 0:
        parts.append(dim(f" · {count(others)} other failure{'' if others == 1 else 's'}"))
    facts.line("how often", *parts)
    nodes = Counter(failure.node for failure in alike if failure.node)
    named = [f"{name[:VALUE_LIMIT]} {count(number)}" for name, number in nodes.most_common(_NODES_NAMED)]
    if len(nodes) > _NODES_NAMED:
        named.append(f"{count(len(nodes) - _NODES_NAMED)} more")
    facts.line(
        "on" if len(nodes) == 1 else "on nodes",
        plain(next(iter(nodes), "") if len(nodes) == 1 else ", ".join(named), 200),
    )


def _tell_version(history: History, facts: Facts, alike: list[_Failure], found: _Findings) -> None:
    """The version of the first failure, and whether an earlier one is held without such a failure."""
    first = alike[0]
    if first.version is None:
        return
    registered = next((each for each in found.registrations if each.version == first.version), None)
    parts = [plain(f"v{first.version}")]
    if registered is not None:
        at = happened(history, registered.sequence)
        if at is not None and at <= first.at:
            parts.append(plain(f", registered {duration(first.at - at)} before the first failure"))
        parts.append(dim(f"  :{registered.index}"))
    earlier = {version for version in found.versions.values() if version is not None and version < first.version}
    if earlier and registered is not None and not history.gaps_between(registered.sequence, alike[-1].sequence):
        parts += [DOT, plain(f"no such failure held of v{max(earlier)}")]
    facts.line("first with", *parts)


def _tell_deployment(history: History, event: HeldEvent, id_: str, facts: Facts) -> int | None:
    """What the deployment of an allocation came to by then; gives the event that tells it."""
    newest = history.newest(DEPLOYMENT.name, event.namespace, id_) if id_ else None
    last = event.sequence - event.position + len(event.frame.events) - 1
    sequence = next(_held(history, newest, last), None) if newest is not None else None
    now = DEPLOYMENT.read(history.payload(sequence)) if sequence is not None else None
    if now is None or sequence is None:
        return None
    state = bad(now.status) if now.status == "failed" else plain(now.status, VALUE_LIMIT)
    how = [DOT, *_rollback(now)] if now.status == "failed" else []
    facts.line("deployment", dim(f"{short(id_)} "), state, *how)
    return sequence


def _rollback(now: Deployment) -> Iterable[Part]:
    why = reason(now.status_description, "Deployment is ", "Failed due to ")
    yield plain(why or "failed")
    if "roll" not in now.status_description.lower():
        reverts = any(group.auto_revert for group in (now.task_groups or {}).values())
        yield dim("" if reverts else ", not rolled back: no group has auto_revert")


def _tell_down_node(history: History, event: HeldEvent, now: Allocation, facts: Facts) -> None:
    newest = history.newest(NODE.name, "", now.node_id)
    if newest is None:
        return
    last = event.sequence - event.position + len(event.frame.events) - 1
    sequence = next(_held(history, newest, last), None)
    if sequence is None:
        return
    turned = next(_node_statuses(history, history.event(sequence)), None)
    if turned is not None and turned[1] in ("down", "disconnected"):
        facts.line("node", *sentence(history, turned[0]).happened, dim(f"  :{_index(history, turned[0])}"))


def _tell_keys(
    history: History, facts: Facts, alike: list[_Failure], deployment: int | None, *, has_logs: bool
) -> None:
    """How to get to the evidence."""
    keys = ["L logs"] if has_logs else []
    keys.append("t timeline")
    keys.append(f":{_index(history, alike[0].sequence)} first failure")
    if deployment is not None:
        keys.append(f":{_index(history, deployment)} deployment")
    facts.line("keys", dim(" · ".join(keys)))
