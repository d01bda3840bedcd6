"""Connections that are cut again and again after the same time: something in between has a limit."""

from collections import deque
from dataclasses import replace
from typing import Final

from nomad_tui.nomad import diagnose
from nomad_tui.nomad.cases import Kind, Trouble, asked

CUTS: Final = 3
"""Cuts in a row after about the same time that are no accident."""
SHORTEST: Final = 2.0
"""Seconds below which a server that ends each connection at once looks the same."""
TOLERANCE: Final = 0.03
"""By which part of the longest they may differ, or by `SLACK` seconds."""
SLACK: Final = 0.7
OF_CUTS: Final = frozenset((Kind.CUT, Kind.ENDED))


class Cuts:
    """The last endings of one reader's connections."""

    def __init__(self) -> None:
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
        for case, times in ((asked.CUT_WHEN_IDLE, self._silent), (asked.CUT_REGULARLY, self._lasted)):
            if is_regular(times):
                named = diagnose.fill(case, seconds=diagnose.in_words(sum(times) / len(times)), times=str(CUTS))
                return replace(named, kind=trouble.kind)
        return trouble


def is_regular(times: deque[float]) -> bool:
    longest, shortest = max(times), min(times)
    return len(times) == CUTS and shortest >= SHORTEST and longest - shortest <= max(SLACK, TOLERANCE * longest)
