"""Explains failures: cause, frequency, nodes, first version, and consequences.

A line is omitted unless the held events prove it.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from time import perf_counter
from typing import Final

import msgspec

from nomad_tui.core.diagnosis.evidence import (
    MAX_ALLOCATIONS,
    Evidence,
    Failure,
    held_events,
    index_of,
    lost_on_node,
    newest_until,
    node_statuses,
    read_job,
    read_registrations,
)
from nomad_tui.core.history.event_row import event_level, happened, sentence
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import HeldEvent
from nomad_tui.core.level import Level
from nomad_tui.core.objects.allocation import ALLOCATION
from nomad_tui.core.objects.allocation.fields import Allocation
from nomad_tui.core.objects.deployment import DEPLOYMENT, Deployment
from nomad_tui.core.objects.fact import Fact, Facts
from nomad_tui.core.objects.node import NODE
from nomad_tui.core.objects.parts import DOT, OUT_OF_MEMORY, VALUE_LIMIT, Part, bad, dim, plain, reason, short, warn
from nomad_tui.core.objects.reading import EMPTY, Object, Reader
from nomad_tui.core.objects.registry import describe
from nomad_tui.core.readable import MILLISECOND, count, duration, number_of

__all__ = ["Diagnosis", "diagnose"]

_NAMED: Final = 4


class _Memory(Object):
    memory_mb: int = msgspec.field(default=0, name="MemoryMB")
    memory_max_mb: int = msgspec.field(default=0, name="MemoryMaxMB")


class _TaskResources(Object):
    memory: _Memory | None = None


class _Resources(Object):
    tasks: dict[str, _TaskResources] | None = None


_RESOURCES: Final = Reader[_Resources](_Resources | None)


class Diagnosis:
    """The facts about one event, read in slices."""

    def __init__(self, history: History, sequence: int) -> None:
        self._work: Generator[None, None, tuple[Fact, ...]] | None = diagnose(history, sequence)
        self.facts: tuple[Fact, ...] = ()
        """Empty until everything is read, and for an event that is not a failure."""

    @property
    def is_complete(self) -> bool:
        return self._work is None

    def advance(self, seconds: float) -> bool:
        """Read for about `seconds`. Returns whether there is more to do."""
        deadline = perf_counter() + seconds
        while self._work is not None:
            try:
                next(self._work)
            except StopIteration as end:
                self.facts, self._work = end.value, None
            except (LookupError, RecursionError):  # evicted meanwhile, or nested too deeply
                self._work = None
            if perf_counter() > deadline:
                break
        return self._work is not None


def diagnose(history: History, sequence: int) -> Generator[None, None, tuple[Fact, ...]]:
    """Collect the facts about a failure; none for other events. Yields between payloads."""
    event = history.event(sequence)
    facts = Facts()
    match event.topic:
        case "Allocation":
            yield from _diagnose_allocation(history, event, facts)
        case "Deployment":
            yield from _diagnose_deployment(history, event, facts)
        case "Job" if event_level(history, event) is Level.FAILURE:
            yield from _diagnose_job(history, event, facts)
        case "Node":
            yield from _diagnose_node(history, event, facts)
        case "Evaluation" if event_level(history, event) >= Level.WARNING:
            yield from _diagnose_evaluation(history, event, facts)
    return facts.collected()


def _diagnose_allocation(history: History, event: HeldEvent, facts: Facts) -> Iterator[None]:
    now = ALLOCATION.read(event.payload)
    if now is None or not (now.client_status in ("failed", "lost") or event_level(history, event) is Level.FAILURE):
        return
    evidence = Evidence()
    yield from read_job(history, event, now.job_id, evidence, group=now.task_group)
    own = [failure for failure in evidence.failures if failure.allocation == event.key]
    if not own:
        why = reason(now.desired_description or now.client_description, "alloc ", "is ")
        facts.line("cause", plain(why) if why and now.client_status in ("failed", "lost") else plain(""))
        return
    last = own[-1]
    facts.line("cause", *_cause(last, now))
    if last.event is None:
        _add_down_node(history, event, now, facts)
    alike = evidence.alike(last)
    _add_times(facts, alike, evidence)
    deployment: int | None = None
    if last.event is not None:  # a lost node says nothing about the job
        _add_version(history, facts, alike, evidence)
        deployment = _add_deployment(history, event, now.deployment_id, facts)
    _add_keys(history, facts, alike, deployment, has_logs=last.event is not None)


def _diagnose_deployment(history: History, event: HeldEvent, facts: Facts) -> Iterator[None]:
    now = DEPLOYMENT.read(event.payload)
    if now is None or now.status != "failed":
        return
    facts.line("cause", *_rollback(now))
    evidence = Evidence()
    yield from read_job(history, event, now.job_id, evidence, deployment=event.key)
    _add_last_failure(history, facts, evidence, "its allocations")


def _diagnose_job(history: History, event: HeldEvent, facts: Facts) -> Iterator[None]:
    evidence = Evidence()
    yield from read_job(history, event, event.key, evidence)
    _add_last_failure(history, facts, evidence, "cause", plain("its last allocation failed: "))


def _add_last_failure(history: History, facts: Facts, evidence: Evidence, label: str, *before: Part) -> None:
    if not evidence.failures:
        return
    last = evidence.failures[-1]
    alike = evidence.alike(last)
    facts.line(label, *before, *_cause(last, None))
    _add_times(facts, alike, evidence)
    _add_version(history, facts, alike, evidence)
    _add_keys(history, facts, alike, None, has_logs=False)


def _diagnose_node(history: History, event: HeldEvent, facts: Facts) -> Iterator[None]:
    now = NODE.read(event.payload)
    if now is None or now.status not in ("down", "disconnected"):
        return
    turned = [sequence for sequence, status in node_statuses(history, event) if status == now.status]
    if turned and turned[0] != event.sequence:
        facts.line("cause", *sentence(history, turned[0]).happened, dim(f"  :{index_of(history, turned[0])}"))
    times = [at for sequence in turned if (at := happened(history, sequence)) is not None]
    if len(times) > 1:
        least = "at least " if history.gaps_between(turned[-1], event.sequence) else ""
        lasted = duration(times[0] - times[-1])
        facts.line("how often", plain(f"{now.status} {least}{count(len(times))} times in {lasted}"))
    lost, are_all = yield from lost_on_node(history, event.key, turned[0] if turned else event.sequence)
    if lost:
        least = "" if are_all else "at least "
        named = [f"{job[:VALUE_LIMIT]} {count(number)}" for job, number in lost.most_common(_NAMED)]
        if len(lost) > _NAMED:
            named.append(f"{number_of(len(lost) - _NAMED, 'more job')}")
        of = "lost" if now.status == "down" else "unknown"
        facts.line(of, warn(f"{least}{number_of(lost.total(), 'allocation')}"), DOT, plain(", ".join(named), 200))
    facts.line("keys", dim("t timeline · + n events of the node"))


def _diagnose_evaluation(history: History, event: HeldEvent, facts: Facts) -> Iterator[None]:
    """How long and how often nothing could be placed; the sentence gives the reason."""
    facts.line("cause", *describe(event.topic, event.type, event.key, event.payload, None).happened)
    jobs = [subject for subject in history.of_job(event.namespace, event.job) if subject.topic == "Evaluation"]
    times: list[int] = []
    oldest = event.sequence
    for subject in jobs[-MAX_ALLOCATIONS:]:
        for sequence in held_events(history, subject.of.last, event.sequence):
            other = history.event(sequence)
            if event_level(history, other) >= Level.WARNING and (at := happened(history, sequence)) is not None:
                times.append(at)
                oldest = min(oldest, sequence)
                break
            yield
    if len(times) > 1:
        is_least = len(jobs) > MAX_ALLOCATIONS or history.gaps_between(oldest, event.sequence)
        least = "at least " if is_least else ""
        lasted = duration(max(times) - min(times))
        facts.line("how often", plain(f"{least}{count(len(times))} evaluations of the job in {lasted}"))
    evidence = Evidence()
    read_registrations(history, event, event.job, evidence)
    if evidence.registrations and not history.gaps_between(evidence.registrations[-1].sequence, event.sequence):
        last = evidence.registrations[-1]
        facts.line("job", plain(f"v{last.version} is the last version registered before"), dim(f"  :{last.index}"))
    facts.line("keys", dim("t timeline"))


def _cause(failure: Failure, now: Allocation | None) -> Iterable[Part]:
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
        at = f" at its limit of {count(limit)} MB" if limit else ""  # MiB, which Nomad writes as MB
        yield from (DOT, bad(f"out of memory{at}", 60))
    message = details.get("exit_message") or event.display_message or event.message
    if event.type == "Terminated":
        message = details.get("exit_message") or event.message
    if message and not (failure.cause[3] and message == OUT_OF_MEMORY):
        yield from (DOT, plain(reason(message)))


def _memory_limit(now: Allocation, task: str) -> int:
    """In MiB; 0 if the payload does not contain it."""
    resources = _RESOURCES.read(now.allocated_resources) if now.allocated_resources is not EMPTY else None
    of = (resources.tasks or {}).get(task) if resources is not None else None
    return max(of.memory.memory_mb, of.memory.memory_max_mb) if of is not None and of.memory is not None else 0


def _add_times(facts: Facts, alike: list[Failure], evidence: Evidence) -> None:
    """How often, in what time, by how many allocations, and on which nodes."""
    times, least = len(alike), "" if evidence.is_complete else "at least "
    by = len({failure.allocation for failure in alike})
    if times == 1:
        text = f"{least}once"
    else:
        lasted = alike[-1].at - alike[0].at
        text = f"{least}{count(times)} times {f'in {duration(lasted)}' if lasted >= MILLISECOND else 'at once'}"
    parts = [plain(text), dim(f" · {number_of(by, 'allocation')}")]
    if (others := len(evidence.failures) - times) > 0:
        parts.append(dim(f" · {number_of(others, 'other failure')}"))
    facts.line("how often", *parts)
    nodes = Counter(failure.node for failure in alike if failure.node)
    named = [f"{name[:VALUE_LIMIT]} {count(number)}" for name, number in nodes.most_common(_NAMED)]
    if len(nodes) > _NAMED:
        named.append(f"{count(len(nodes) - _NAMED)} more")
    facts.line(
        "on" if len(nodes) == 1 else "on nodes",
        plain(next(iter(nodes), "") if len(nodes) == 1 else ", ".join(named), 200),
    )


def _add_version(history: History, facts: Facts, alike: list[Failure], evidence: Evidence) -> None:
    """The version of the first failure, and whether an earlier one is held without this failure."""
    first = alike[0]
    if first.version is None:
        return
    registered = next((each for each in evidence.registrations if each.version == first.version), None)
    parts = [plain(f"v{first.version}")]
    if registered is not None:
        at = happened(history, registered.sequence)
        if at is not None and at <= first.at:
            parts.append(plain(f", registered {duration(first.at - at)} before the first failure"))
        parts.append(dim(f"  :{registered.index}"))
    earlier = {version for version in evidence.versions.values() if version is not None and version < first.version}
    if earlier and registered is not None and not history.gaps_between(registered.sequence, alike[-1].sequence):
        parts += [DOT, plain(f"no such failure seen in v{max(earlier)}")]
    facts.line("first with", *parts)


def _add_deployment(history: History, event: HeldEvent, id_: str, facts: Facts) -> int | None:
    """The status of an allocation's deployment at that time. Returns the event that reports it."""
    sequence = newest_until(history, event, DEPLOYMENT.name, event.namespace, id_) if id_ else None
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


def _add_down_node(history: History, event: HeldEvent, now: Allocation, facts: Facts) -> None:
    sequence = newest_until(history, event, NODE.name, "", now.node_id)
    if sequence is None:
        return
    turned = next(node_statuses(history, history.event(sequence)), None)
    if turned is not None and turned[1] in ("down", "disconnected"):
        facts.line("node", *sentence(history, turned[0]).happened, dim(f"  :{index_of(history, turned[0])}"))


def _add_keys(history: History, facts: Facts, alike: list[Failure], deployment: int | None, *, has_logs: bool) -> None:
    """Keys that lead to the evidence."""
    keys = ["L logs"] if has_logs else []
    keys.append("t timeline")
    keys.append(f":{index_of(history, alike[0].sequence)} first failure")
    if deployment is not None:
        keys.append(f":{index_of(history, deployment)} deployment")
    facts.line("keys", dim(" · ".join(keys)))
