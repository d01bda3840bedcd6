"""The status that a source's updates add up to, for the dashboard, `tail` and the runner; and the pace of reading."""

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
"""Unreadable lines kept; later ones are only counted."""
SLICE: Final = 0.004
"""Seconds of reading before yielding to the event loop."""
SLICE_WITH_KEYS: Final = 0.003
PAUSE_WITH_KEYS: Final = 0.002
KEY_PRIORITY_SECONDS: Final = 0.3
"""Seconds after a key press during which input has priority."""
FLOOD_BYTES: Final = 64 * 1024
"""Bytes read in one turn of the event loop that exceed a cluster's usual rate."""
RECENT_TURNS: Final = 8
FLOODED_TURNS: Final = 3
"""Of the last `RECENT_TURNS` turns, how many must exceed `FLOOD_BYTES`; a single one may follow any long redraw."""
FLOOD_SECONDS: Final = 0.5
"""Duration of a flood unless more data arrives."""


class State(StrEnum):
    CONNECTING = "connecting"
    LIVE = "live"
    RETRYING = "retrying"
    REFUSED = "refused"
    ENDED = "ended"


@dataclass(slots=True)
class StreamStatus:
    """The status of a source. Times are by `clock`, in seconds."""

    clock: Callable[[], float] = field(default=monotonic, repr=False)
    state: State = State.CONNECTING
    to: str = ""
    version: str | None = None
    region: str | None = None
    """The last known region."""
    what: str = ""
    """What happened and why, in one or two sentences; empty while live."""
    remedy: str = ""
    connecting_since: float = 0.0
    """When the current attempt to connect began."""
    next_attempt: float = 0.0
    """When the next attempt starts."""
    attempt: int = 0
    """Failed attempts in a row."""
    refusals: int = 0
    """Refusals since the last frame."""
    reconnects: int = 0
    been_connected: bool = False
    """Whether a connection has ever been made: before that, an attempt is not a reconnect."""
    refused_topics: tuple[str, ...] = ()
    """Selected topics that the server refused; the stream continues without them."""
    harmful_topics: tuple[str, ...] = ()
    """Requested topics that are left out because reading them harms the servers, or may."""
    csi_read_warning: str = ""
    """What reading a CSI volume does to these servers, or may do."""
    permissions: Permissions | None = None
    """What the token may read, if that is not everything requested."""
    warnings: dict[Concern, Warned] = field(default_factory=dict)
    """Warnings in force, the newest last."""
    last_heard: float | None = None
    """When the last line arrived, including heartbeats; None before the first."""
    events: int = 0
    """Events received."""
    gaps: int = 0
    unreadable: int = 0
    """Lines, or parts of them, that could not be shown."""
    unreadable_lines: list[Unreadable] = field(default_factory=list)
    """The first `UNREADABLE_KEPT` of them."""
    repaired: int = 0
    """Frames in which something was replaced before they could be shown."""

    def take(self, update: Update) -> None:
        """Applies one update of the source."""
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
    """Yields to the event loop while a source is read without a pause.

    A key press takes several turns of the event loop to become a frame on the screen, and `sleep(0)` yields only one.
    While keys arrive, reading therefore pauses for a time (key to frame 21 → 8 ms, measured).
    """

    def __init__(self) -> None:
        self.last_key = 0.0
        """`perf_counter()` of the last key press or click."""
        self._turn = perf_counter()
        self._bytes = 0
        """Bytes read in this turn of the event loop."""
        self._is_counting = False
        self._floods: deque[bool] = deque(maxlen=RECENT_TURNS)
        """For each of the last turns, whether it brought `FLOOD_BYTES`."""
        self._flooded_at = 0.0

    @property
    def has_keys(self) -> bool:
        """Whether a key was pressed a moment ago: low-priority work should wait for the next one."""
        return perf_counter() - self.last_key < KEY_PRIORITY_SECONDS

    @property
    def is_flooded(self) -> bool:
        """Whether the source delivers faster than it can be read: low-priority work should leave the time to
        reading."""
        return perf_counter() - self._flooded_at < FLOOD_SECONDS

    def end(self) -> None:
        """Ends a flood at once, because the source has no more data."""
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
        """Yields to the event loop if a turn is due; await it after each update, `size` bytes long."""
        self._bytes += size
        if not self._is_counting:
            self._is_counting = True
            asyncio.get_running_loop().call_soon(self._end_turn)
        now = perf_counter()
        if now - self.last_key < KEY_PRIORITY_SECONDS:
            if now - self._turn > SLICE_WITH_KEYS:
                await asyncio.sleep(PAUSE_WITH_KEYS)
                self._turn = perf_counter()
        elif now - self._turn > SLICE:
            await asyncio.sleep(0)
            self._turn = perf_counter()
