"""Where in a server's buffer to start: its oldest frame, an index, a time, or now.

A server only knows indexes. If it does not hold the requested one, it sends the next frame that it does hold, or its
newest. So frames before the start are dropped here, and a note says if the start is not available.
"""

from typing import Final

import msgspec

from nomad_tui.core.objects.registry import frame_moment
from nomad_tui.core.readable import duration
from nomad_tui.core.wire import Frame

STANDARD_INPUT: Final = "-"
"""In place of a file name."""
NEWEST: Final = (1 << 63) - 1
"""An index above every other: asked for it, a server sends its newest frame, then new ones."""
START_TOLERANCE: Final = 2_000_000_000
"""ns by which the buffer may miss the requested time without a note: times in payloads are no more precise."""


class Start(msgspec.Struct, frozen=True):
    """The default is everything that the server holds."""

    index: int = 0
    """The first index wanted; 0 for the oldest held."""
    live: bool = False
    """Skip everything that happened before the connection was made."""
    since: int | None = None
    """ns: skip what happened longer ago than that when reading began."""

    @property
    def is_bounded(self) -> bool:
        """Whether part of what the server holds is skipped."""
        return self.live or self.index > 0 or self.since is not None


class StartFilter:
    """Drops the frames of the first connections that lie before the start, until one does not."""

    def __init__(self, start: Start, began: int, reached: int | None = None, *, is_newest: bool = False) -> None:
        """`began` is when reading began, in ns since 1970 by the server's clock. `reached` is an index that the server
        had reached by then, if known; `is_newest` if it was the newest."""
        self._start = start
        self._began = began
        self._reached = reached
        self._is_newest = is_newest
        self._connections = 0
        self._waiting: list[Frame] = []
        """Frames without a known time, since the last one that was too old."""
        self._first: Frame | None = None
        self.over = not start.is_bounded
        """Whether the start has been reached: every further frame is wanted."""
        self.note = ""
        """Why reading did not begin at the requested start; empty if it did."""

    @property
    def request(self) -> int:
        """The index to request as long as nothing has been seen."""
        if not self._start.live:
            return self._start.index
        if not (self._is_newest or self._connections):
            return NEWEST
        return (self._reached or 0) + 1

    def connected(self) -> None:
        """Notes that a server has accepted the request."""
        self._connections += 1

    def wanted(self, frame: Frame, fresh: bool) -> list[Frame]:
        """Frames to show now that `frame` has arrived; `fresh` if it happened after this connection was made.

        Frames before the start are never shown, but the caller must remember them so that the next connection can
        resume.
        """
        if self.over:
            return [frame]
        first = self._first is None
        self._first = self._first or frame
        if self._start.live:
            return self._from_now(frame, first, fresh)
        if self._start.since is None:
            return self._from_index(frame, first)
        return self._from_moment(frame, fresh, self._start.since)

    def left(self) -> list[Frame]:
        """Frames that still waited for one with a known time, once the server has sent its buffer."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def _from_now(self, frame: Frame, first: bool, fresh: bool) -> list[Frame]:
        if self._reached is not None and frame.index <= self._reached:
            return []
        if first and not (self._is_newest or fresh or self._connections > 1):
            # Asked for an index above its newest, a server sends its newest frame first, unless its topic was not
            # subscribed to: so a frame without a known time is shown.
            moment = frame_moment(frame)
            if moment is not None and moment < self._began - START_TOLERANCE:
                return []
        self.over = True
        return [frame]

    def _from_index(self, frame: Frame, first: bool) -> list[Frame]:
        index = self._start.index
        if first and frame.index < index:
            self.note = (
                f"Index {index:,} does not exist yet; the server's newest is {frame.index:,}. Events from "
                f"{index:,} on are shown."
            )
        elif first and frame.index > index:
            self.note = f"Index {index:,} is not available; the next one that the server holds is {frame.index:,}."
        self.over = frame.index >= index
        return [frame] if self.over else []

    def _from_moment(self, frame: Frame, fresh: bool, since: int) -> list[Frame]:
        moment = frame_moment(frame)
        if moment is None and not fresh:
            self._waiting.append(frame)
            return []
        if moment is not None and moment < self._began - since and not fresh:
            self._waiting.clear()
            return []
        if frame is self._first or (self._waiting and self._waiting[0] is self._first):
            oldest = min(moment or self._began, self._began)
            if oldest - (self._began - since) > START_TOLERANCE:
                held = self._began - oldest
                # The requested topics and namespaces may not reach as far back as the rest of the buffer.
                holds = f"The server's oldest event of these topics is {duration(held)} old"
                self.note = (
                    f"{holds if held else 'The server held no event of these topics'}: "
                    f"the last {duration(since)} were requested."
                )
        self.over = True
        return [*self.left(), frame]
