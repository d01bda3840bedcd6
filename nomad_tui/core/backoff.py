"""Exponential backoff, shared by stream readers, journals and sinks."""

import random
from collections.abc import Iterator
from typing import Final

SHORTEST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 30.0
"""Seconds between two attempts to read a stream. The upper bound spares a restarting cluster with hundreds of
readers."""


def delays(shortest: float = SHORTEST_DELAY, longest: float = LONGEST_DELAY) -> Iterator[float]:
    """Seconds to wait before each attempt: doubles up to `longest`, with jitter in the upper half of each interval."""
    ceiling = shortest
    while True:
        yield random.uniform(max(shortest, ceiling / 2), ceiling)
        ceiling = min(longest, ceiling * 2)
