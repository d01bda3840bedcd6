"""Reads a source into a history, and keeps what the screen says about the connection.

The session never waits for the screen, and the screen asks instead of being told: it looks at `history` and `status`
when it draws. Both run in one event loop, so the session yields by the clock, and longer while keys arrive: a key takes
several turns of the loop to become a frame, and `sleep(0)` gives it only one (key to frame 21 → 8 ms, measured).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic, perf_counter, time_ns
from typing import Final

from nomad_tui.core.history.history import History
from nomad_tui.core.permissions import Permissions
from nomad_tui.core.updates import (
    Concern,
    Connected,
    Connecting,
    Ended,
    Gap,
    Noted,
    Permitted,
    Refused,
    Retrying,
    Update,
    Warned,
)
from nomad_tui.core.wire import Frame, Heartbeat, Unreadable
from nomad_tui.sources.source import Source, Watchable

SLICE: Final = 0.004
"""Seconds of reading between two turns for the rest of the program."""
SLICE_WITH_KEYS: Final = 0.003
PAUSE_WITH_KEYS: Final = 0.002
KEYS_COUNT_FOR: Final = 0.3
"""Seconds after a key during which keys have the right of way."""
UNREADABLE_KEPT: Final = 20
"""The first lines that could not be read; later ones are only counted."""
RATE_SECONDS: Final = 16


class State(StrEnum):
    CONNECTING = "connecting"
    LIVE = "live"
    RETRYING = "retrying"
    REFUSED = "refused"
    ENDED = "ended"


@dataclass(slots=True)
class Status:
    """What the header line says, always current."""

    state: State = State.CONNECTING
    to: str = ""
    version: str | None = None
    region: str | None = None
    what: str = ""
    """While not live: what happened and why, in one or two sentences."""
    remedy: str = ""
    connecting_since: float = 0.0
    """The session's clock when the connection under way was begun."""
    next_attempt: float = 0.0
    """The session's clock at which a lost connection is tried again."""
    attempt: int = 0
    reconnects: int = 0
    been_connected: bool = False
    """Whether a connection has ever been made: before that, another attempt is no reconnecting."""
    recorded: int | None = None
    """Events in the recording that the operator began; None while there is none."""
    refused_topics: tuple[str, ...] = ()
    """Topics that are ticked and that the server would not send; the stream goes on without them."""
    harmful_topics: tuple[str, ...] = ()
    """Topics that were asked for and are left out, because reading them harms the servers, or may."""
    csi_read_warning: str = ""
    """What reading a CSI volume does to these servers, or may."""
    permissions: Permissions | None = None
    """What the token may read, where that is not all that was asked for."""
    warnings: dict[Concern, Warned] = field(default_factory=dict)
    """What is not as it should be while the stream goes on."""
    notes: list[str] = field(default_factory=list)
    """What the operator has not been told yet; whoever tells it empties the list."""
    last_heard: float | None = None
    """The session's clock at the last line, heartbeats included; None before the first."""
    unreadable: int = 0
    """Lines, or parts of them, that could not be shown."""
    repaired: int = 0
    """Frames that were shown after something in them was replaced."""
    unreadable_lines: list[Unreadable] = field(default_factory=list)
    """The first few of them."""
    per_second: deque[int] = field(default_factory=lambda: deque([0] * RATE_SECONDS, RATE_SECONDS))
    """Events that came in each of the last seconds, oldest first; the second under way is not among them."""

    @property
    def rate(self) -> float:
        """Events per second over the last three whole seconds."""
        return sum(list(self.per_second)[-3:]) / 3


class Session:
    """One source and what came of it."""

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
        self.status = Status(to=source.name, connecting_since=clock())
        self.last_key = 0.0
        """`perf_counter()` of the operator's last key or click; the screen sets it."""
        self._counted = 0

    async def run(self) -> None:
        """Reads until the source has nothing more to come, or is cancelled."""
        async with aclosing(self.source.updates()) as updates:
            turn = perf_counter()
            async for update in updates:
                self._take(update)
                now = perf_counter()
                if now - self.last_key < KEYS_COUNT_FOR:
                    if now - turn > SLICE_WITH_KEYS:
                        await asyncio.sleep(PAUSE_WITH_KEYS)
                        turn = perf_counter()
                elif now - turn > SLICE:
                    await asyncio.sleep(0)
                    turn = perf_counter()

    def watch(self, topics: frozenset[str] | None) -> None:
        """The operator wants these topics, by released names; None for all. A recording brings everything anyway."""
        if isinstance(self.source, Watchable):
            self.source.watch(topics)

    def tick(self) -> None:
        """Closes one second of the event rate; to be called once a second."""
        received = self.history.received_events
        self.status.per_second.append(received - self._counted)
        self._counted = received

    def _take(self, update: Update) -> None:
        status = self.status
        match update:
            case Frame():
                self.history.append(update, update.received_when_written(self._wall_clock()))
                status.last_heard = self.clock()
                if update.repaired is not None:
                    status.repaired += 1
            case Heartbeat():
                status.last_heard = self.clock()
            case Gap():
                self.history.append_gap(update, self._wall_clock())
            case Unreadable():
                status.unreadable += 1
                if len(status.unreadable_lines) < UNREADABLE_KEPT:
                    status.unreadable_lines.append(update)
            case Connecting():
                if status.state is not State.REFUSED:
                    status.state = State.CONNECTING
                status.to = update.to
                status.connecting_since = self.clock()
            case Connected():
                status.state = State.LIVE
                status.to, status.version, status.region = update.to, update.version, update.region
                status.reconnects, status.been_connected = update.reconnects, True
                status.refused_topics = update.refused_topics
                status.harmful_topics = update.harmful_topics
                status.csi_read_warning = update.csi_read_warning
                status.what = status.remedy = ""
                status.attempt = 0
                status.last_heard = self.clock()
            case Permitted():
                status.permissions = None if update.permissions.everything else update.permissions
            case Warned():
                status.warnings.pop(update.concern, None)
                if update.what:
                    status.warnings[update.concern] = update
            case Noted():
                status.notes.append(update.text)
            case Retrying() | Refused():
                status.state = State.RETRYING if isinstance(update, Retrying) else State.REFUSED
                status.what, status.remedy = update.what, update.remedy
                status.next_attempt = self.clock() + update.delay
                status.attempt = update.attempt
            case Ended():
                status.state = State.ENDED
                status.what = update.what
