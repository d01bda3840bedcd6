"""What timing reveals about connections: a proxy that cuts them regularly, and sleep of this machine."""

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from nomad_tui.nomad import diagnose
from nomad_tui.nomad.cases import Kind, Trouble, by_inquiry

MIN_CUTS: Final = 3
"""Cuts in a row after about the same time that are not a coincidence."""
SHORTEST_PERIOD: Final = 2.0
"""Seconds; a shorter period may be a server that ends each connection at once."""
TOLERANCE: Final = 0.03
"""Fraction of the longest time by which the times may differ, if that is more than `TOLERANCE_SECONDS`."""
TOLERANCE_SECONDS: Final = 0.7
CUT_KINDS: Final = frozenset((Kind.CUT, Kind.ENDED))


class Cuts:
    """How long the last connections of one reader lasted."""

    def __init__(self, shortest_period: float = SHORTEST_PERIOD) -> None:
        self._shortest_period = shortest_period
        self._lasted: deque[float] = deque(maxlen=MIN_CUTS)
        self._silent: deque[float] = deque(maxlen=MIN_CUTS)

    def named(self, trouble: Trouble, lasted: float, silent: float) -> Trouble:
        """The trouble that ended a connection, or its likely cause if connections end at regular intervals.

        `lasted` is for how many seconds the connection was good, `silent` for how many it had been idle at its end.
        """
        if trouble.kind not in CUT_KINDS:
            self._lasted.clear()
            self._silent.clear()
            return trouble
        self._lasted.append(lasted)
        self._silent.append(silent)
        for case, times in ((by_inquiry.CUT_WHEN_IDLE, self._silent), (by_inquiry.CUT_REGULARLY, self._lasted)):
            if is_regular(times, self._shortest_period):
                named = diagnose.fill(case, seconds=diagnose.in_words(sum(times) / len(times)), times=str(MIN_CUTS))
                return replace(named, kind=trouble.kind)
        return trouble


def is_regular(times: deque[float], shortest_period: float = SHORTEST_PERIOD) -> bool:
    longest, shortest = max(times), min(times)
    return (
        len(times) == MIN_CUTS
        and shortest >= shortest_period
        and longest - shortest <= max(TOLERANCE_SECONDS, TOLERANCE * longest)
    )


SUSPENSION_THRESHOLD: Final = 5.0
"""Seconds; the event loop of a busy machine is late by less."""


def _suspend_aware_clock() -> Callable[[], float]:
    """A clock in seconds that includes the machine's sleep, which `time.monotonic` does on neither Linux nor macOS."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        number = time.CLOCK_BOOTTIME
    elif sys.platform == "darwin":
        number = time.CLOCK_MONOTONIC_RAW
    else:
        return time.monotonic
    return partial(time.clock_gettime, number)


elapsed: Final = _suspend_aware_clock()
"""Seconds from an arbitrary origin, including sleep."""


class Suspension:
    """Detects that the program did not run for a while; call `noticed` every `interval` seconds."""

    def __init__(
        self, interval: float, clock: Callable[[], float] = elapsed, noticed_from: float = SUSPENSION_THRESHOLD
    ) -> None:
        self.interval = interval
        self._noticed_from = noticed_from
        self._clock = clock
        self._asked = clock()

    def noticed(self) -> float:
        """Seconds since the last call in which the program did not run; 0 for an ordinary delay."""
        now = self._clock()
        late = now - self._asked - self.interval
        self._asked = now
        return late if late >= self._noticed_from else 0.0
