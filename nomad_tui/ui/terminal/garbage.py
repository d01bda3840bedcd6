"""Keeps Python's garbage collector from stopping the screen.

Textual starts with some 58,000 objects that are never garbage, and a full collection walks all of them: 50–65 ms, the
largest single stall of the program (measured). So they are set aside once the screen is drawn, collections of the
older generations are made rare, and a full one is made when nobody would notice. Until the screen is drawn nothing is
collected: what is made then stays, and looking through it again and again took a fifth of the start.
"""

import gc
from time import perf_counter
from typing import Final

THRESHOLDS: Final = (5_000, 4, 1_000)
"""Allocations before a young collection, young ones before a middle one, middle ones before a full one.

With 20 young ones a middle collection took 20–40 ms while events poured in, because it walked 100,000 objects."""
QUIET: Final = 3.0
"""Seconds without a key and without an event after which a full collection is made."""
SET_ASIDE: Final = 2_000_000
"""Events of floods after which what was set aside is walked, too: that takes 200–300 ms, in which a key would wait. Of
a million events some 12,000 objects (about 1 MB) are freed by that."""


class Collector:
    """One application's use of the collector, which belongs to the process."""

    def __init__(self, quiet: float = QUIET) -> None:
        """`quiet` is in seconds."""
        self._quiet = quiet
        self._before: tuple[int, int, int] | None = None
        self._busy_at = 0.0
        self._events = 0
        self._collected = True
        self._walked_at = 0
        """Events read when what was set aside was walked last."""

    def start(self) -> None:
        """To be called when the screen is drawn."""
        gc.freeze()
        gc.enable()
        self._before = gc.get_threshold()
        gc.set_threshold(*THRESHOLDS)
        self._busy_at = perf_counter()

    def stop(self) -> None:
        """Leaves the process as it was found."""
        if self._before is not None:
            gc.set_threshold(*self._before)
            gc.unfreeze()

    def consider(self, events: int, last_key: float, flooded: bool) -> None:
        """Collects if it has been quiet for a while: `events` read so far, and `perf_counter()` of the last key.

        While events pour in (`flooded`), what was made of them is set aside: walking it again and again takes 50 ms.
        """
        now = perf_counter()
        if flooded:
            gc.collect(0)
            gc.freeze()
        if events != self._events or now - last_key < self._quiet:
            self._events = events
            self._busy_at = now
            self._collected = False
        elif not self._collected and now - self._busy_at > self._quiet:
            self._collected = True
            if events - self._walked_at > SET_ASIDE:
                self._walked_at = events
                gc.unfreeze()
                gc.collect()
                gc.freeze()
            else:
                gc.collect()
