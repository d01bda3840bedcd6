"""How long to wait between attempts: the same rule for a server, a journal and a sink."""

import random
from collections.abc import Iterator
from typing import Final

SHORTEST_DELAY: Final = 0.5
LONGEST_DELAY: Final = 30.0
"""Seconds between two attempts to read a stream. A cluster that restarts has hundreds of readers come back."""


def delays(shortest: float = SHORTEST_DELAY, longest: float = LONGEST_DELAY) -> Iterator[float]:
    """Seconds to wait before each further attempt: doubling, the upper half of each random, within the bounds."""
    ceiling = shortest
    while True:
        yield random.uniform(max(shortest, ceiling / 2), ceiling)
        ceiling = min(longest, ceiling * 2)
