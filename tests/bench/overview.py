"""Measures the overview of a long history: reading it, and going to the state as of an event.

`python -m tests.bench.overview [--repeat 93]` fills a history without a server, reads it in slices like the page, and
prints CPU time per event, snapshots' share of the history's memory, and the time for jumps and for listing 100,000
jobs.
"""

import argparse
import random
from time import process_time

from nomad_tui.core.history.derived import Derived
from nomad_tui.core.overview.index import MAX_MEMORY_SHARE, OverviewIndex
from nomad_tui.core.overview.state import Allocation, Cluster, Job, Node, listing
from tests.bench.search import filled

SLICE = 0.01
JUMPS = 50
MAX_JUMP_SECONDS = 0.1
"""Limit for a jump, with a million events."""
JOBS = 100_000
LISTED = 200


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the overview of a long history.")
    parser.add_argument("--repeat", type=int, default=93, help="how often the recording is held (10,764 events each)")
    options = parser.parse_args()
    began = process_time()
    history = filled(options.repeat)
    reading = process_time() - began
    index = OverviewIndex(Derived(history))
    began = process_time()
    while index.advance(SLICE):
        pass
    folding = process_time() - began
    print(f"{history.held:,} events, {history.retained_bytes / 1e6:,.0f} MB")
    print(f"read in {reading / history.held * 1e6:.0f} µs an event, folded in {folding / history.held * 1e6:.0f} µs")
    share = index.snapshots.bytes / history.retained_bytes
    print(f"snapshots {index.snapshots.bytes / 1e6:.1f} MB, {share:.1%} of the history (bound {MAX_MEMORY_SHARE:.0%})")
    jumps = []
    for sequence in random.Random(1).sample(range(history.first, history.end), JUMPS):
        began = process_time()
        index.as_of(sequence)
        jumps.append(process_time() - began)
    jumps.sort()
    median, longest = jumps[JUMPS // 2] * 1e3, jumps[-1] * 1e3
    print(f"jumps: median {median:.0f} ms, longest {longest:.0f} ms (bound {MAX_JUMP_SECONDS * 1e3:.0f})")
    slices, began = [], process_time()
    for _ in listing(large_cluster(), LISTED):
        slices.append(process_time() - began)
        began = process_time()
    print(f"{JOBS:,} jobs listed in {sum(slices) * 1e3:.0f} ms, the longest slice {max(slices) * 1e3:.1f} ms")


def large_cluster() -> Cluster:
    """Return a cluster of jobs with one allocation each, in random order."""
    ids = [f"job-{number:06}" for number in random.Random(1).sample(range(JOBS), JOBS)]
    nodes = [f"node-{number}" for number in range(500)]
    return Cluster(
        jobs={("", id_): Job("", id_, "service", "running", 0, False, {"g": 1}, 1, True, 1) for id_ in ids},
        allocations={
            id_: Allocation(id_, "", id_, "g", random.choice(nodes), "running", False, 0, 0, "", "", 1) for id_ in ids
        },
        nodes={id_: Node(id_, id_, "ready", True, False, 1, 1) for id_ in nodes},
    )


if __name__ == "__main__":
    main()
