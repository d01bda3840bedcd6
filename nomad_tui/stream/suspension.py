"""Noticing that this machine slept, or this program was stopped: connections do not survive that, and do not say so."""

import sys
import time
from collections.abc import Callable
from typing import Final

NOTICED_FROM: Final = 5.0
"""Seconds; the event loop of a busy machine is late by less."""


def _clock_of_machine() -> Callable[[], float]:
    """Seconds that go on while the machine sleeps, as `time.monotonic` does on neither Linux nor macOS."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        number = time.CLOCK_BOOTTIME
    elif sys.platform == "darwin":
        number = time.CLOCK_MONOTONIC_RAW
    else:
        return time.monotonic
    return lambda: time.clock_gettime(number)


elapsed: Final = _clock_of_machine()
"""Seconds from anywhere, sleep included."""


class Suspension:
    """To be asked every `interval` seconds."""

    def __init__(self, interval: float, clock: Callable[[], float] = elapsed) -> None:
        self.interval = interval
        self._clock = clock
        self._asked = clock()

    def noticed(self) -> float:
        """Seconds for which nothing ran since it was asked last; 0 for no more than the odd delay."""
        now = self._clock()
        late = now - self._asked - self.interval
        self._asked = now
        return late if late >= NOTICED_FROM else 0.0
