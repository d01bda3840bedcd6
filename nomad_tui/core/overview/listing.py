"""The jobs and nodes that the overview lists, gathered in slices: a cluster may have 100,000 jobs."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest, nsmallest
from itertools import islice
from operator import itemgetter
from typing import Final, TypeAlias, TypeVar

from nomad_tui.core.overview.state import Allocation, Cluster, GroupFigures, Job, Node

AT_ONCE: Final = 1_024
"""Objects looked at between two chances to yield: a millisecond."""

Figures: TypeAlias = dict[tuple[str, str], dict[str, GroupFigures]]
"""By job and group, what its allocations prove."""
Names = TypeVar("Names")


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    jobs: list[Job]
    """The first ones that are not dead, by namespace and ID."""
    figures: Figures
    """Of these jobs."""
    more_jobs: int
    nodes: list[Node]
    """The first ones by name."""
    allocations: dict[str, int | None]
    """By node ID, how many allocations it runs or is to run; None where no event proves that."""
    more_nodes: int


def listing(cluster: Cluster, most: int) -> Generator[None, None, Listing]:
    """Lists at most so many jobs and nodes; yields after each slice.

    Events that are folded meanwhile may count for one figure and not for another."""
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
    """What each counter counts most often; yields after each slice."""
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
    while some := list(islice(rest, AT_ONCE)):
        yield some
