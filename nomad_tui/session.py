"""Reads a source into a history, and keeps what the screen shows of the connection.

The session never waits for the screen: the screen looks at `history` and `status` when it draws. Both run in one event
loop, in which reading pauses by the clock (`stream.status.Pace`).
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
QUIET_EVERY: Final = 0.25
"""Seconds between the first picture and what it does not need, and between two looks whether that must wait longer."""
QUIET_LOOKS: Final = 20
"""After so many it waits no longer for keys or a flood of events to end."""


@dataclass(slots=True)
class Status(StreamStatus):
    """The content of the header line, always current."""

    recorded: int | None = None
    """Events in the recording that the operator began; None while there is none."""
    notes: list[str] = field(default_factory=list)
    """Notes that the operator has not seen yet; they are removed once shown."""
    per_second: deque[int] = field(default_factory=lambda: deque([0] * RATE_SECONDS, RATE_SECONDS))
    """Events that came in each of the last seconds, oldest first, without the current second."""

    @property
    def rate(self) -> float:
        """Events per second over the last three complete seconds."""
        return sum(list(self.per_second)[-3:]) / 3


class Session:
    """One source, its history and its status."""

    def __init__(
        self,
        source: Source,
        history: History | None = None,
        *,
        clock: Callable[[], float] = monotonic,
        wall_clock: Callable[[], int] = time_ns,
    ) -> None:
        """`clock` is in seconds from anywhere, `wall_clock` in ns since 1970; pictures and tests bring their own."""
        self.source = source
        self.clock = clock
        self._wall_clock = wall_clock
        self.history = history if history is not None else History()  # an empty one is false
        self.history.compress_in(ThreadPoolExecutor(1, "compress").submit)
        self.status = Status(clock, to=source.name, connecting_since=clock())
        self.pace = Pace()
        self.shown = asyncio.Event()
        """Set once the first picture is on the screen."""
        self.not_yet = ""
        """Why the server that will be read cannot be asked anything yet, as a sentence; empty at other times."""
        self._counted = 0

    async def run(self) -> None:
        """Reads until the source has nothing more to come, or is cancelled."""
        async with aclosing(self.source.updates()) as updates:
            async for update in updates:
                self._take(update)
                await self.pace.give_turn(len(update.line) if isinstance(update, Frame) else 0)
        self.pace.end()

    async def quiet(self) -> None:
        """Waits until what the first picture does not need may begin."""
        await self.shown.wait()
        for _ in range(QUIET_LOOKS):
            await asyncio.sleep(QUIET_EVERY)
            if not (self.pace.is_flooded or self.pace.has_keys):
                return

    def watch(self, topics: frozenset[str] | None) -> None:
        """Requests these topics, by released names; None for all. A recording brings all of them anyway."""
        if isinstance(self.source, Watchable):
            self.source.watch(topics)

    def tick(self) -> None:
        """Closes one second of the event rate; to be called once a second."""
        received = self.history.received_events
        self.status.per_second.append(received - self._counted)
        self._counted = received

    def _take(self, update: Update) -> None:
        if isinstance(update, Frame | Gap):
            self.history.add(update, self._wall_clock())
        elif isinstance(update, Noted):
            self.status.notes.append(update.text)
        self.status.take(update)
