"""Measures searches in a million events, against bare loops over the same bytes.

`python -m tests.bench.search [--repeat 100]` fills a history without a server, searches it in slices as the dashboard
does, and prints for each filter the time to the complete result, to the first screenful, and the longest time that the
program could not have reacted to a key. A bare loop does the least that any program must do with the same blocks:
compare a column, look for bytes, or decode every payload with `orjson`.
"""

import argparse
import resource
import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter, time_ns
from typing import Any, Final

import orjson

from nomad_tui.core.filter import Filter
from nomad_tui.core.history.derived import Derived, PayloadReader
from nomad_tui.core.history.history import History
from nomad_tui.core.search.view import View
from nomad_tui.core.wire import Frame, decode
from tests import recordings

SLICE: Final = 0.004
SCREENFUL: Final = 50


@dataclass(frozen=True, slots=True)
class Measured:
    found: int
    seconds: float
    """Seconds to the complete result."""
    first: float
    """Seconds to a screenful."""
    longest: float
    """Seconds of the longest slice."""


def filled(repeat: int) -> History:
    """Return a history of the `load` recording, sent that often, with increasing indexes."""
    history = History(max_events=10_000_000, max_bytes=4 << 30)
    lines = recordings.lines("load")
    for _ in range(repeat):
        for line in lines:
            frame = decode(line)
            if isinstance(frame, Frame):
                history.append(frame, time_ns())
    return history


def search(history: History, text: str, derived: Derived | None = None, *, counts_facets: bool = False) -> Measured:
    """Apply the filter, from the first slice to the last."""
    began = perf_counter()
    view = View(history, Filter.parse(text), derived=derived, counts_facets=counts_facets)
    first: float | None = None
    longest = 0.0
    more = True
    while more:
        at = perf_counter()
        more = view.advance(SLICE)
        longest = max(longest, perf_counter() - at)
        if first is None and len(view) >= SCREENFUL:
            first = perf_counter() - began
    seconds = perf_counter() - began
    return Measured(len(view), seconds, seconds if first is None else first, longest)


def payloads(history: History) -> Iterator[bytes]:
    reader = PayloadReader(history)
    for segment in history.segments():
        for row in range(len(segment)):
            yield reader.payload(segment, row)


def compare_column(history: History) -> int:
    number = history.type_names().index("PlanResult")
    return sum(column.count(number) for column in _types(history))


def _types(history: History) -> Iterator["array[int]"]:
    return (segment.type for segment in history.segments())


def look_for_bytes(history: History) -> int:
    return sum(b"dimension" in payload.lower() for payload in payloads(history))


def decode_everything(history: History) -> int:
    return sum(_is_complete(orjson.loads(payload)) for payload in payloads(history))


def _is_complete(payload: Any) -> bool:
    allocation = payload.get("Allocation")
    return allocation is not None and allocation["ClientStatus"] == "complete"


FILTERS: Final[tuple[tuple[str, str, Callable[[History], int] | None, float | None], ...]] = (
    ("envelope", "topic:evaluation -type:PlanResult", compare_column, 1.0),
    ("job", "job:load-7*", compare_column, 1.0),
    ("payload word, rare", "~dimension-exhausted", look_for_bytes, 4.0),
    ("payload word, in most", "~clientstatus", look_for_bytes, 4.0),
    ("payload expression, cold", 'Allocation.ClientStatus == "complete"', decode_everything, 10.0),
    ("status, cold", "status:complete", None, None),
    ("status", "status:pending", None, None),
    ("word, sentences unknown", "pending nowhere", None, None),
    ("word, sentences known", "running nowhere", None, None),
)
"""Name, filter, bare loop to compare with, and the limit in seconds for a million events."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure searches in a long history against bare loops.")
    parser.add_argument("--repeat", type=int, default=100, help="how often the recording is held (10,764 events each)")
    options = parser.parse_args()
    began = perf_counter()
    history = filled(options.repeat)
    print(
        f"{history.held:,} events held after {perf_counter() - began:.1f} s, {history.retained_bytes / 1e6:,.0f} MB\n"
    )
    print(
        f"{'':28}{'found':>11}{'seconds':>9}{'bound':>7}{'events/s':>12}{'of bare':>9}{'first ms':>10}{'stall ms':>10}"
    )
    derived = Derived(history)
    floors: dict[Callable[[History], int], float] = {}
    for name, text, floor, bound in FILTERS:
        if floor is not None and floor not in floors:
            began = perf_counter()
            floor(history)
            floors[floor] = perf_counter() - began
        measured = search(history, text, derived)
        ratio = f"{floors[floor] / measured.seconds:9.2f}" if floor is not None else " " * 9
        print(
            f"{name:28}{measured.found:11,}{measured.seconds:9.2f}{bound or '':>7}"
            f"{history.held / measured.seconds:12,.0f}{ratio}{measured.first * 1e3:10.0f}{measured.longest * 1e3:8.1f}"
        )
    for name in ("facets, first time", "facets"):
        measured = search(history, "", Derived(history) if name != "facets" else derived, counts_facets=True)
        print(f"{name:28}{measured.found:11,}{measured.seconds:9.2f}{'':7}{history.held / measured.seconds:12,.0f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"\nretained {history.retained_bytes / 1e6:,.0f} MB, resident at most {peak / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
