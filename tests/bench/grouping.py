"""Measures the memory that grouping needs in a storm of events of a few jobs, and its CPU time per event.

python -m tests.bench.grouping
"""

import tracemalloc
from collections.abc import Iterator
from time import process_time

from nomad_tui.core.level import Level
from nomad_tui.core.objects.parts import bad, named, sentence
from nomad_tui.core.wire import Frame, decode
from nomad_tui.sinks.definition.definition import Definition, GroupBy, Kind
from nomad_tui.sinks.delivery.about import Known
from nomad_tui.sinks.delivery.grouping import Folding
from nomad_tui.sinks.delivery.sink import Item

DEFINITION = Definition("bench", Kind.SLACK, "http://x", group_by=GroupBy.JOB, window=30.0)
JOBS = 30
IN_A_FRAME = 80
PADDING = "x" * 2_500
FEW, BATCH_SIZE = 10_000, 100_000


def frame(position: int) -> Frame:
    events = b",".join(
        b'{"Topic":"Allocation","Type":"AllocationUpdated","Key":"%d-%d","Namespace":"default",'
        b'"Payload":{"Allocation":{"JobID":"job-%d","Padding":"%s"}}}' % (position, at, at % JOBS, PADDING.encode())
        for at in range(IN_A_FRAME)
    )
    read = decode(b'{"Index":%d,"Events":[%s]}' % (position, events))
    assert isinstance(read, Frame)
    return read


def storm(events: int) -> Iterator[list[Item]]:
    """Return failures of allocations, as frames."""
    for position in range(1, events // IN_A_FRAME + 1):
        of = frame(position)
        yield [
            Item(position, at, of.index, 1, text, event, id=f"{position}-{at}", about=_about(event.key, at))
            for at, (event, text) in enumerate(zip(of.events, of.event_texts(), strict=True))
        ]


def _about(key: str, at: int) -> Known:
    what = sentence(named(key[:8], key), [bad(f"failed with exit code {at}")])
    return Known("Allocation", what, Level.FAILURE, "", False, job=f"job-{at % JOBS}")


def kept(events: int) -> int:
    """Return the bytes that grouping holds after that many events."""
    tracemalloc.start()
    try:
        folding = Folding(DEFINITION)
        before, _ = tracemalloc.get_traced_memory()
        for items in storm(events):
            folding.add(items)
        del items
        after, _ = tracemalloc.get_traced_memory()
        return after - before
    finally:
        tracemalloc.stop()


def main() -> None:
    for events in (FEW, BATCH_SIZE):
        print(f"{events:>9,} events: {kept(events) / 1e6:.1f} MB kept")
    folding, frames = Folding(DEFINITION), list(storm(FEW))
    started = process_time()
    for items in frames:
        folding.add(items)
    print(f"{(process_time() - started) / FEW * 1e6:.1f} µs of CPU time an event")


if __name__ == "__main__":
    main()
