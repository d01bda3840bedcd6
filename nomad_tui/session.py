"""Reads a source into a history, and keeps the status that the screen shows.

The session never waits for the screen, which reads `history` and `status` when it draws. Both run in one event loop;
`stream.status.Pace` makes reading yield to it.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from time import monotonic, time_ns
from typing import Final

from nomad_tui.core.history.history import History
from nomad_tui.core.updates import Gap, Noted, Update
from nomad_tui.core.wire import Frame
from nomad_tui.sources.source import Source, Watchable
from nomad_tui.stream.status import Pace, State, StreamStatus

__all__ = ["Session", "State", "Status"]

RATE_SECONDS: Final = 16
QUIET_INTERVAL: Final = 0.25
"""Seconds from the first frame on the screen to low-priority work, and between checks whether it must be delayed."""
QUIET_CHECKS: Final = 20
"""Checks after which it starts despite key presses or a flood of events."""


@dataclass(slots=True)
class Status(StreamStatus):
    """The content of the header line, always current."""

    recorded: int | None = None
    """Events in the recording that the operator started; None if there is none."""
    notes: list[str] = field(default_factory=list)
    """Notes not shown to the operator yet; removed once shown."""
    per_second: deque[int] = field(default_factory=lambda: deque([0] * RATE_SECONDS, RATE_SECONDS))
    """Events received in each of the last seconds, oldest first, without the current second."""

    @property
    def rate(self) -> float:
        """Events per second over the last three complete seconds."""
        return sum(list(self.per_second)[-3:]) / 3


class Session:
    """A source, its history and its status."""

    def __init__(
        self,
        source: Source,
        history: History | None = None,
        *,
        clock: Callable[[], float] = monotonic,
        wall_clock: Callable[[], int] = time_ns,
    ) -> None:
        """`clock` is in seconds from an arbitrary origin, `wall_clock` in ns since 1970; screenshots and tests replace
        them."""
        self.source = source
        self.clock = clock
        self._wall_clock = wall_clock
        self.history = history if history is not None else History()  # an empty history is false
        self.history.compress_in(ThreadPoolExecutor(1, "compress").submit)
        self.status = Status(clock, to=source.name, connecting_since=clock())
        self.pace = Pace()
        self.shown = asyncio.Event()
        """Set once the first frame is on the screen."""
        self.not_yet = ""
        """Why the server cannot be queried yet, as a sentence; otherwise empty."""
        self._counted = 0

    async def run(self) -> None:
        """Reads until the source ends."""
        async with aclosing(self.source.updates()) as updates:
            async for update in updates:
                self._apply(update)
                await self.pace.give_turn(len(update.line) if isinstance(update, Frame) else 0)
        self.pace.end()

    async def quiet(self) -> None:
        """Waits until low-priority work may start."""
        await self.shown.wait()
        for _ in range(QUIET_CHECKS):
            await asyncio.sleep(QUIET_INTERVAL)
            if not (self.pace.is_flooded or self.pace.has_keys):
                return

    def watch(self, topics: frozenset[str] | None) -> None:
        """Subscribes to these topics, by released names; None for all. Has no effect on a recording."""
        if isinstance(self.source, Watchable):
            self.source.watch(topics)

    def tick(self) -> None:
        """Starts a new second of the event rate; call it once a second."""
        received = self.history.received_events
        self.status.per_second.append(received - self._counted)
        self._counted = received

    def _apply(self, update: Update) -> None:
        if isinstance(update, Frame | Gap):
            self.history.add(update, self._wall_clock())
        elif isinstance(update, Noted):
            self.status.notes.append(update.text)
        self.status.take(update)
