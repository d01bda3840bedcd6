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

CUTS: Final = 3
"""Cuts in a row after about the same time that are no accident."""
SHORTEST_PERIOD: Final = 2.0
"""Seconds below which a server that ends each connection at once looks the same."""
TOLERANCE: Final = 0.03
"""By which part of the longest they may differ, or by `SLACK` seconds."""
SLACK: Final = 0.7
OF_CUTS: Final = frozenset((Kind.CUT, Kind.ENDED))


class Cuts:
    """The last endings of one reader's connections."""

    def __init__(self, shortest_period: float = SHORTEST_PERIOD) -> None:
        self._shortest_period = shortest_period
        self._lasted: deque[float] = deque(maxlen=CUTS)
        self._silent: deque[float] = deque(maxlen=CUTS)

    def named(self, trouble: Trouble, lasted: float, silent: float) -> Trouble:
        """The trouble that ended a connection, or what is behind it if it came at a regular period.

        `lasted` is for how many seconds the connection was good, `silent` for how many nothing had come at its end.
        """
        if trouble.kind not in OF_CUTS:
            self._lasted.clear()
            self._silent.clear()
            return trouble
        self._lasted.append(lasted)
        self._silent.append(silent)
        for case, times in ((by_inquiry.CUT_WHEN_IDLE, self._silent), (by_inquiry.CUT_REGULARLY, self._lasted)):
            if is_regular(times, self._shortest_period):
                named = diagnose.fill(case, seconds=diagnose.in_words(sum(times) / len(times)), times=str(CUTS))
                return replace(named, kind=trouble.kind)
        return trouble


def is_regular(times: deque[float], shortest_period: float = SHORTEST_PERIOD) -> bool:
    longest, shortest = max(times), min(times)
    return len(times) == CUTS and shortest >= shortest_period and longest - shortest <= max(SLACK, TOLERANCE * longest)


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
    return partial(time.clock_gettime, number)


elapsed: Final = _clock_of_machine()
"""Seconds from anywhere, sleep included."""


class Suspension:
    """Notices that nothing ran for a while; `noticed` is to be called every `interval` seconds."""

    def __init__(
        self, interval: float, clock: Callable[[], float] = elapsed, noticed_from: float = NOTICED_FROM
    ) -> None:
        self.interval = interval
        self._noticed_from = noticed_from
        self._clock = clock
        self._asked = clock()

    def noticed(self) -> float:
        """Seconds for which nothing ran since the last call; 0 for an ordinary delay."""
        now = self._clock()
        late = now - self._asked - self.interval
        self._asked = now
        return late if late >= self._noticed_from else 0.0
