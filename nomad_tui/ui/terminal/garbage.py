"""Keeps Python's garbage collector from stalling the screen.

Textual starts with some 58,000 objects that are never garbage, and a full collection traverses all of them: 50–65 ms,
the longest single stall of the program (measured). So they are frozen once the screen is drawn, the older generations
are collected rarely, and a full collection runs only while the dashboard is idle. Nothing is collected before the
screen is drawn: the objects of that time stay, and traversing them repeatedly took a fifth of the start.
"""

import gc
from time import perf_counter
from typing import Final

THRESHOLDS: Final = (5_000, 4, 1_000)
"""Allocations per young collection, young collections per middle one, and middle ones per full one.

With 20 young collections, a middle one took 20–40 ms in a flood of events, because it traversed 100,000 objects."""
QUIET: Final = 3.0
"""Seconds without a key or an event before a full collection."""
UNFREEZE_AFTER: Final = 2_000_000
"""Events after which a full collection includes the frozen objects. It takes 200–300 ms, in which a key would wait, and
frees some 12,000 objects (about 1 MB) per million events."""


class Collector:
    """Controls the process's garbage collector for one application."""

    def __init__(self, quiet: float = QUIET) -> None:
        """`quiet` is in seconds."""
        self._quiet = quiet
        self._before: tuple[int, int, int] | None = None
        self._busy_at = 0.0
        self._events = 0
        self._collected = True
        self._unfrozen_at = 0
        """Number of events read when the frozen objects were last collected."""

    def start(self) -> None:
        """Call once the screen is drawn."""
        gc.freeze()
        gc.enable()
        self._before = gc.get_threshold()
        gc.set_threshold(*THRESHOLDS)
        self._busy_at = perf_counter()

    def stop(self) -> None:
        """Restores the collector's thresholds and unfreezes all objects."""
        if self._before is not None:
            gc.set_threshold(*self._before)
            gc.unfreeze()

    def consider(self, events: int, last_key: float, flooded: bool) -> None:
        """Collects if idle: `events` is the number read so far, `last_key` the `perf_counter()` of the last key.

        While `flooded` with events, freezes the objects made from them: each traversal would take 50 ms.
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
            if events - self._unfrozen_at > UNFREEZE_AFTER:
                self._unfrozen_at = events
                gc.unfreeze()
                gc.collect()
                gc.freeze()
            else:
                gc.collect()
