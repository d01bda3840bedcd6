"""Measures masking of a recording's events against decoding the same bytes, which any masking by value must do.

`python -m tests.bench.masking` prints, for each recording, the time to mask an event next to that of `orjson.loads` for
its payload.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import orjson

from nomad_tui.core.secrets import redact
from nomad_tui.core.wire import Frame, decode
from tests import recordings

ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    events: int
    masked: int
    """Events with at least one masked value."""
    bytes: int
    redact: float
    """Seconds per event, in the fastest round."""
    decode: float

    @property
    def ratio(self) -> float:
        """Time relative to decoding."""
        return self.redact / self.decode


def payloads(name: str) -> list[bytes]:
    frames = (decode(line) for line in recordings.lines(name))
    return [bytes(event.payload) for frame in frames if isinstance(frame, Frame) for event in frame.events]


def measure(name: str) -> Measured:
    found = payloads(name)
    masked = sum(redact(payload) != payload for payload in found)
    size = sum(map(len, found))
    return Measured(len(found), masked, size, _seconds(redact, found), _seconds(orjson.loads, found))


def _seconds(work: Callable[[bytes], object], found: list[bytes]) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = perf_counter()
        for payload in found:
            work(payload)
        best = min(best, perf_counter() - began)
    return best / len(found)


def main() -> None:
    print(f"{'':12}{'events':>8}{'masked':>8}{'bytes':>9}{'redact us':>11}{'orjson us':>11}{'ratio':>7}")
    for name in ("load", "tour", "beta", "large-job"):
        one = measure(name)
        print(
            f"{name:12}{one.events:8,}{one.masked:8,}{one.bytes / one.events:9,.0f}"
            f"{one.redact * 1e6:11.1f}{one.decode * 1e6:11.1f}{one.ratio:7.1f}"
        )


if __name__ == "__main__":
    main()
