"""The overview's state of a cluster, and the lists shown of it.

The state can be encoded and decoded. A cluster may have 100,000 jobs, so lists are built in slices.
"""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from itertools import islice
from operator import itemgetter
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from nomad_tui.core.level import Level

MAX_RECOVERED: Final = 50
"""Recovered objects that are remembered."""

TroubleKey: TypeAlias = tuple[str, str, str, str]
"""Kind of trouble, namespace, job or node ID, and group."""


class Allocation(msgspec.Struct, array_like=True, gc=False):
    """An allocation that has not ended, or that failed and was not replaced."""

    id: str
    namespace: str
    job: str
    group: str
    node: str
    status: str
    is_to_stop: bool
    restarts: int
    level: int
    what: str
    cause: str
    index: int

    @property
    def is_running(self) -> bool:
        return self.status == "running"


class Job(msgspec.Struct, array_like=True, gc=False):
    namespace: str
    id: str
    type: str
    status: str
    version: int
    is_stopped: bool
    groups: dict[str, int]
    """The desired count of each group."""
    seen_from: int
    """The index from which all its events were seen; 0 if unknown: its counts are not reliable then."""
    has_allocations: bool
    """Whether an allocation of it was seen."""
    index: int

    @property
    def counts_are_known(self) -> bool:
        return self.seen_from > 0 and self.has_allocations

    @property
    def has_counts(self) -> bool:
        """Whether group counts say how many allocations should run: those of system jobs run on every node."""
        return self.type in ("service", "batch") and not self.is_stopped


class Deployment(msgspec.Struct, array_like=True, gc=False):
    """The newest deployment of a job."""

    namespace: str
    job: str
    id: str
    version: int
    status: str
    desired: int
    placed: int
    healthy: int
    unhealthy: int
    index: int


class Node(msgspec.Struct, array_like=True, gc=False):
    id: str
    name: str
    status: str
    is_eligible: bool
    is_draining: bool
    seen_from: int
    """The index from which all its events were seen; 0 if unknown."""
    index: int


class Trouble(msgspec.Struct, array_like=True, gc=False):
    """An object that needs attention."""

    kind: str
    """`job`, `group`, `node`, `deployment` or `evaluation`."""
    namespace: str
    of: str
    """ID of the job or the node."""
    group: str
    name: str
    """Untrusted."""
    topic: str
    key: str
    """Key of the object whose event proves it and whose timeline shows more."""
    level: int
    what: str
    """One or two words, such as `failed`."""
    cause: str
    """Safe to display."""
    since: int
    """Sequence number of the trouble's first event; -1 if a list of the server reports it."""
    since_at: int
    """ns since 1970; 0 if unknown."""
    last: int
    last_at: int
    count: int
    """How often it was reported again."""
    end: str = ""
    """How it ended, in one or two words, such as `recovered` or `stopped`."""

    @property
    def trouble_key(self) -> TroubleKey:
        return self.kind, self.namespace, self.of, self.group

    @property
    def is_listed(self) -> bool:
        """Whether a list of the server reports it, and no event since."""
        return self.since < 0

    def rank(self) -> tuple[int, int, int]:
        """Sort key: the worst first, then the newest."""
        return -self.level, -self.last, -self.since


class Cluster(msgspec.Struct):
    """The complete state of a cluster."""

    allocations: dict[str, Allocation] = {}
    jobs: dict[tuple[str, str], Job] = {}
    deployments: dict[tuple[str, str], Deployment] = {}
    nodes: dict[str, Node] = {}
    troubles: dict[TroubleKey, Trouble] = {}
    recovered: list[Trouble] = []
    """Newest last; `last` and `last_at` tell when they recovered."""

    def encode(self) -> bytes:
        """Encode objects in order of arrival, so that consecutive snapshots have long sections in common."""
        parts = (self.allocations, self.jobs, self.deployments, self.nodes, self.troubles)
        whole = (*(list(part.values()) for part in parts), self.recovered)
        try:
            return _ENCODER.encode(whole)
        except OverflowError:  # servers never send such a number
            return _ENCODER.encode(_bounded(msgspec.to_builtins(whole)))

    @classmethod
    def decode(cls, data: bytes) -> "Cluster":
        allocations, jobs, deployments, nodes, troubles, recovered = _DECODER.decode(data)
        return cls(
            {each.id: each for each in allocations},
            {(each.namespace, each.id): each for each in jobs},
            {(each.namespace, each.job): each for each in deployments},
            {each.id: each for each in nodes},
            {each.trouble_key: each for each in troubles},
            recovered,
        )

    def attention(self) -> list[Trouble]:
        """Everything that needs attention, the worst and newest first."""
        return sorted(self.troubles.values(), key=Trouble.rank)

    def recovered_since(self, moment: int) -> list[Trouble]:
        """Objects that recovered after `moment`, in ns since 1970, and do not need attention again; newest first."""
        return [
            one for one in reversed(self.recovered) if one.last_at > moment and one.trouble_key not in self.troubles
        ]


class GroupFigures(msgspec.Struct):
    """None for figures that no event proves."""

    running: int | None
    desired: int | None
    restarts: int | None


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(
    tuple[list[Allocation], list[Job], list[Deployment], list[Node], list[Trouble], list[Trouble]]
)


def _bounded(value: Any) -> Any:
    """Plain values with integers limited to 64 bits."""
    match value:
        case list() | tuple():
            return [_bounded(each) for each in value]
        case dict():
            return {key: _bounded(each) for key, each in value.items()}
        case int() if not isinstance(value, bool):
            return max(-_LARGEST, min(value, _LARGEST))
        case _:
            return value


_LARGEST: Final = (1 << 63) - 1


def worst(levels: Iterable[int]) -> Level:
    return Level(max(levels, default=Level.ROUTINE))


SLICE_SIZE: Final = 1_024
"""Objects processed before yielding: a millisecond."""

Figures: TypeAlias = dict[tuple[str, str], dict[str, GroupFigures]]
"""By job and group: figures proved by its allocations."""
Names = TypeVar("Names")


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    jobs: list[Job]
    """The first jobs that are not dead, by namespace and ID."""
    figures: Figures
    """For these jobs."""
    more_jobs: int
    nodes: list[Node]
    """The first nodes by name."""
    allocations: dict[str, int | None]
    """By node ID, the number of running and pending allocations; None if no event proves it."""
    more_nodes: int


def listing(cluster: Cluster, most: int) -> Generator[None, None, Listing]:
    """List at most `most` jobs and nodes; yields after each slice.

    Events that are folded meanwhile may be included in some figures and not in others.
    """
    alive, first = 0, list[tuple[str, str]]()
    for some in _slices(list(cluster.jobs.values())):
        keys = [(job.namespace, job.id) for job in some if job.status != "dead"]
        alive += len(keys)
        first = nsmallest(most, [*first, *keys])
        yield
    jobs = [cluster.jobs[key] for key in first if key in cluster.jobs]
    nodes: list[Node] = []
    for each in _slices(list(cluster.nodes.values())):
        nodes = nsmallest(most, [*nodes, *each], key=lambda one: (one.name, one.id))
        yield
    figures = {(job.namespace, job.id): _figures(job) for job in jobs}
    allocations: dict[str, int | None] = {node.id: 0 if node.seen_from else None for node in nodes}
    for part in _slices(list(cluster.allocations.values())):
        _count(part, figures, allocations)
        yield
    more_nodes = len(cluster.nodes) - len(nodes)
    return Listing(jobs, figures, alive - len(jobs), nodes, allocations, more_nodes)


def _figures(job: Job) -> dict[str, GroupFigures]:
    known = 0 if job.counts_are_known else None
    return {
        name: GroupFigures(known, desired if job.has_counts else None, known) for name, desired in job.groups.items()
    }


def _count(allocations: Iterable[Allocation], figures: Figures, on_nodes: dict[str, int | None]) -> None:
    for one in allocations:
        number = on_nodes.get(one.node)
        if number is not None and one.status in ("running", "pending"):
            on_nodes[one.node] = number + 1
        groups = figures.get((one.namespace, one.job))
        group = groups.get(one.group) if groups is not None else None
        if group is None or one.is_to_stop or group.running is None or group.restarts is None:
            continue
        group.running += one.is_running
        group.restarts += one.restarts


def most_common(
    counters: Mapping[Names, Counter[str]], most: int
) -> Generator[None, None, dict[Names, list[tuple[str, int]]]]:
    """The most frequent items of each counter; yields after each slice."""
    found: dict[Names, list[tuple[str, int]]] = {}
    for name, counter in counters.items():
        largest: list[tuple[str, int]] = []
        for some in _slices(list(counter)):
            largest = nlargest(most, [*largest, *((each, counter[each]) for each in some)], key=itemgetter(1))
            yield
        found[name] = largest
    return found


Item = TypeVar("Item")


def _slices(items: Sequence[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while some := list(islice(rest, SLICE_SIZE)):
        yield some
