"""Measures timelines over a million events, against a bare loop over the payloads that belong to them.

`python -m tests.bench.trace [--repeat 93]` fills a history without a server with copies of the `load` recording, each
with other IDs of evaluations, allocations and deployments, some with all jobs under one name, and the `tour`.
For each focus it prints the time to the first answer (the event's object and those that it refers to), to the complete
timeline, and of the longest slice. The bare loop decodes with `orjson` the newest payload of each object of the
timeline, and nothing else.
"""

import argparse
import re
import resource
import sys
from dataclasses import dataclass
from time import perf_counter, time_ns
from typing import Final

import orjson

from nomad_tui.core.history.dictionaries import ObjectKey
from nomad_tui.core.history.history import History
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.timeline.rows import RowKind
from nomad_tui.core.timeline.timeline import EventTimeline
from nomad_tui.core.wire import Frame, decode
from tests import recordings

_ON_NODES: Final = tuple(topic for topic, kind in KINDS.items() if kind.is_on_node)
SLICE: Final = 0.004
ONE_JOB: Final = 4
"""Copies of the recording in which all jobs have one name."""
_ID: Final = re.compile(rb'"([0-9a-f]{8})-([0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"')
_NODE_ID: Final = re.compile(rb'"NodeID":"([0-9a-f-]{36})"')
_JOB: Final = re.compile(rb'"load-[0-9]+')


@dataclass(frozen=True, slots=True)
class Measured:
    rows: int
    first: float
    """Seconds until the object was shown with those that it refers to."""
    seconds: float
    longest: float
    """Seconds of the longest slice; the rows are made once per slice."""
    drawing: float
    """Seconds to make the rows of the complete timeline."""


def filled(repeat: int) -> History:
    """Return a history of the recordings, each copy with its own IDs."""
    history = History(max_events=10_000_000, max_bytes=4 << 30)
    tour, load = recordings.content("tour"), recordings.content("load")
    for again in range(repeat):
        one_job = again % max(1, repeat // ONE_JOB) == 0
        for content in (tour, load):
            for line in renamed(content, again, one_job=one_job).split(b"\n"):
                frame = decode(line)
                if isinstance(frame, Frame):
                    history.append(frame, time_ns())
    return history


def renamed(content: bytes, again: int, *, one_job: bool = False) -> bytes:
    """Return a recording with other IDs for everything but its nodes; with `one_job`, all its jobs are one."""
    nodes = {found[:8] for found in _NODE_ID.findall(content)}

    def other(found: "re.Match[bytes]") -> bytes:
        if found[1] in nodes:
            return found[0]
        return b'"%08x-%s"' % (int(found[1], 16) ^ again * 0x9E3779B1 & 0xFFFFFFFF, found[2])

    content = _ID.sub(other, content)
    return _JOB.sub(b'"load-all', content) if one_job else content


def trace(history: History, sequence: int) -> Measured:
    """Build the timeline of an event, from the first slice to the last."""
    began = perf_counter()
    traced = EventTimeline(history, sequence)
    first: float | None = None
    longest = 0.0
    more = True
    while more:
        at = perf_counter()
        more = traced.advance(SLICE)
        longest = max(longest, perf_counter() - at)
        if first is None and any(row.is_focus and row.kind is RowKind.OBJECT for row in traced.rows):
            first = perf_counter() - began
    seconds = perf_counter() - began
    traced.revision += 1
    at = perf_counter()
    rows = len(traced.rows)
    return Measured(rows, first if first is not None else seconds, seconds, longest, perf_counter() - at)


def objects(history: History, sequence: int) -> list[ObjectKey]:
    """Return the objects of an event's timeline."""
    event = history.event(sequence)
    if event.topic == "Node":
        return list(dict.fromkeys(one.of.key for one in history.subjects() if one.topic in _ON_NODES))
    return list(dict.fromkeys(one.of.key for one in history.of_job(event.namespace, event.job)))


def decode_newest(history: History, keys: list[ObjectKey]) -> int:
    """Decode the newest payload of each object, in stream order."""
    newest = sorted(sequence for key in keys if (sequence := history.newest(*key)) is not None)
    return sum(bool(orjson.loads(history.payload(sequence))) for sequence in newest)


def focuses(history: History) -> list[tuple[str, int]]:
    """Return the events to measure: the newest of each kind, and of the job with the most events."""
    most: dict[str, tuple[int, int]] = {}
    for subject in history.subjects():
        sizes = len(history.of_job(subject.namespace, subject.job)) if subject.topic == "Job" else subject.last
        most[subject.topic] = max(most.get(subject.topic, (0, 0)), (sizes, subject.last))
    found = [(f"the newest {topic}", most[topic][1]) for topic in ("Allocation", "Evaluation", "Deployment")]
    job = history.event(most["Job"][1])
    of_job = [one for one in history.of_job(job.namespace, job.job) if one.topic in _ON_NODES]
    for topic in _ON_NODES:
        found.append((f"{topic} of the largest job", max(one.last for one in of_job if one.topic == topic)))
    return [*found, ("the largest Job", most["Job"][1]), ("a Node", most["Node"][1])]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure traces in a long history against a bare loop.")
    parser.add_argument("--repeat", type=int, default=88, help="how often the recordings are held (11,389 events each)")
    options = parser.parse_args()
    began = perf_counter()
    history = filled(options.repeat)
    print(
        f"{history.held:,} events held after {perf_counter() - began:.1f} s, {history.retained_bytes / 1e6:,.0f} MB\n"
    )
    print(
        f"{'':32}{'objects':>9}{'rows':>7}{'first ms':>10}{'bound':>7}{'all ms':>9}{'of bare':>9}"
        f"{'stall ms':>10}{'rows ms':>9}"
    )
    for name, sequence in focuses(history):
        keys = objects(history, sequence)
        began = perf_counter()
        decode_newest(history, keys)
        bare = perf_counter() - began
        measured = trace(history, sequence)
        print(
            f"{name:32}{len(keys):9,}{measured.rows:7,}{measured.first * 1e3:10.1f}{300:7}{measured.seconds * 1e3:9.0f}"
            f"{bare / measured.seconds:9.2f}{measured.longest * 1e3:10.1f}{measured.drawing * 1e3:9.1f}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"\nretained {history.retained_bytes / 1e6:,.0f} MB, resident at most {peak / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
