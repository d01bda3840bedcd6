"""What a source's updates add up to, for the dashboard, `tail` and the runner; and the pace of reading."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic, perf_counter
from typing import Final

from nomad_tui.core.permissions import Permissions
from nomad_tui.core.updates import (
    Concern,
    Connected,
    Connecting,
    Ended,
    Gap,
    Permitted,
    Refused,
    Retrying,
    Update,
    Warned,
)
from nomad_tui.core.wire import Frame, Heartbeat, Unreadable

UNREADABLE_KEPT: Final = 20
"""The first unreadable lines; later ones are only counted."""
SLICE: Final = 0.004
"""Seconds of reading between two turns for the rest of the program."""
SLICE_WITH_KEYS: Final = 0.003
PAUSE_WITH_KEYS: Final = 0.002
KEYS_COUNT_FOR: Final = 0.3
"""Seconds after a key during which keys come first."""
FLOOD_BYTES: Final = 64 * 1024
"""Bytes read within one turn of the event loop, where the source has more at hand than a cluster's usual rate."""
TURNS: Final = 8
FLOODED_TURNS: Final = 3
"""So many of the last turns that brought something make a flood: one of them may come after any long drawing."""
FLOOD_SECONDS: Final = 0.5
"""For which a flood lasts, unless more comes."""


class State(StrEnum):
    CONNECTING = "connecting"
    LIVE = "live"
    RETRYING = "retrying"
    REFUSED = "refused"
    ENDED = "ended"


@dataclass(slots=True)
class StreamStatus:
    """How a source is doing. Times are by `clock`, in seconds."""

    clock: Callable[[], float] = field(default=monotonic, repr=False)
    state: State = State.CONNECTING
    to: str = ""
    version: str | None = None
    region: str | None = None
    """The last one known."""
    what: str = ""
    """While not live: what happened and why, in one or two sentences."""
    remedy: str = ""
    connecting_since: float = 0.0
    """When the current attempt to connect began."""
    next_attempt: float = 0.0
    """When a lost connection is tried again."""
    attempt: int = 0
    """Failed attempts in a row."""
    refusals: int = 0
    """Refusals since the last frame."""
    reconnects: int = 0
    been_connected: bool = False
    """Whether a connection has ever been made: before that, another attempt is no reconnect."""
    refused_topics: tuple[str, ...] = ()
    """Selected topics that the server would not send; the stream goes on without them."""
    harmful_topics: tuple[str, ...] = ()
    """Topics that were asked for and are left out, because reading them harms the servers, or may."""
    csi_read_warning: str = ""
    """What reading a CSI volume does to these servers, or may."""
    permissions: Permissions | None = None
    """What the token may read, where that is not all that was asked for."""
    warnings: dict[Concern, Warned] = field(default_factory=dict)
    """Warnings in force, the newest last."""
    last_heard: float | None = None
    """When the last line came, heartbeats included; None before the first."""
    events: int = 0
    """Events received."""
    gaps: int = 0
    unreadable: int = 0
    """Lines, or parts of them, that could not be shown."""
    unreadable_lines: list[Unreadable] = field(default_factory=list)
    """The first few of them."""
    repaired: int = 0
    """Frames that were shown after something in them was replaced."""

    def take(self, update: Update) -> None:
        """Adds one update of the source."""
        match update:
            case Frame():
                self.last_heard = self.clock()
                self.events += len(update.events)
                self.refusals = 0
                if update.repaired is not None:
                    self.repaired += 1
            case Heartbeat():
                self.last_heard = self.clock()
            case Gap():
                self.gaps += 1
            case Unreadable():
                self.unreadable += 1
                if len(self.unreadable_lines) < UNREADABLE_KEPT:
                    self.unreadable_lines.append(update)
            case Connecting():
                if self.state is not State.REFUSED:
                    self.state = State.CONNECTING
                self.to = update.to
                self.connecting_since = self.clock()
            case Connected():
                self.state = State.LIVE
                self.to, self.version = update.to, update.version
                self.region = update.region or self.region
                self.reconnects, self.been_connected = update.reconnects, True
                self.refused_topics = update.refused_topics
                self.harmful_topics = update.harmful_topics
                self.csi_read_warning = update.csi_read_warning
                self.what = self.remedy = ""
                self.attempt = 0
                self.last_heard = self.clock()
            case Permitted():
                self.permissions = None if update.permissions.everything else update.permissions
            case Warned():
                self.warnings.pop(update.concern, None)
                if update.what:
                    self.warnings[update.concern] = update
            case Retrying() | Refused():
                self.state = State.RETRYING if isinstance(update, Retrying) else State.REFUSED
                self.refusals += isinstance(update, Refused)
                self.what, self.remedy = update.what, update.remedy
                self.next_attempt = self.clock() + update.delay
                self.attempt = update.attempt
            case Ended():
                self.state = State.ENDED
                self.what = update.what
            case _:
                pass


class Pace:
    """Gives the rest of the event loop its turns while a source is read without a pause.

    A key takes several turns of the loop to become a frame on the screen, and `sleep(0)` gives it only one: while keys
    arrive, reading pauses for a time instead (key to frame 21 → 8 ms, measured).
    """

    def __init__(self) -> None:
        self.last_key = 0.0
        """`perf_counter()` of the operator's last key or click."""
        self._turn = perf_counter()
        self._bytes = 0
        """Read in this turn of the event loop."""
        self._is_counting = False
        self._floods: deque[bool] = deque(maxlen=TURNS)
        """Whether each of the last turns brought `FLOOD_BYTES`."""
        self._flooded_at = 0.0

    @property
    def has_keys(self) -> bool:
        """Whether the operator pressed a key a moment ago: what can wait leaves the time to the next one."""
        return perf_counter() - self.last_key < KEYS_COUNT_FOR

    @property
    def is_flooded(self) -> bool:
        """Whether the source brings more than is read at once: what can wait leaves the time to reading."""
        return perf_counter() - self._flooded_at < FLOOD_SECONDS

    def end(self) -> None:
        """The source has nothing more: a flood that was is over at once."""
        self._floods.clear()
        self._flooded_at = float("-inf")
        self._bytes = 0

    def _end_turn(self) -> None:
        self._floods.append(self._bytes >= FLOOD_BYTES)
        if sum(self._floods) >= FLOODED_TURNS:
            self._flooded_at = perf_counter()
        self._bytes = 0
        self._is_counting = False

    async def give_turn(self, size: int = 0) -> None:
        """Pauses if a turn is due; to be awaited after each update, of `size` bytes."""
        self._bytes += size
        if not self._is_counting:
            self._is_counting = True
            asyncio.get_running_loop().call_soon(self._end_turn)
        now = perf_counter()
        if now - self.last_key < KEYS_COUNT_FOR:
            if now - self._turn > SLICE_WITH_KEYS:
                await asyncio.sleep(PAUSE_WITH_KEYS)
                self._turn = perf_counter()
        elif now - self._turn > SLICE:
            await asyncio.sleep(0)
            self._turn = perf_counter()
