"""Where in a server's buffer the reading starts: its oldest frame, an index, a moment, or now.

A server only knows indexes, and answers one that it does not hold with the next frame that it does, or with its
newest. So what is sent before the start is left out here, and where the start cannot be had that is said.
"""

from dataclasses import dataclass
from typing import Final

from nomad_tui.core.moment import frame_moment
from nomad_tui.core.readable import duration
from nomad_tui.core.wire import Frame

NEWEST: Final = (1 << 63) - 1
"""An index above every other: asked for it, a server sends its newest frame and then what is new."""
SHORT: Final = 2_000_000_000
"""ns by which a buffer may miss the moment asked for without a word: times of payloads are no more exact."""


@dataclass(frozen=True, slots=True)
class Start:
    """The default is everything that the server holds."""

    index: int = 0
    """The first index wanted; 0 for the oldest held."""
    live: bool = False
    """Nothing that had happened before the connection was made."""
    since: int | None = None
    """ns: nothing that happened longer ago than that when the reading began."""
    told: bool = False
    """Whether nothing need be said where it begins elsewhere."""

    @property
    def is_bounded(self) -> bool:
        """Whether something that the server holds is not wanted."""
        return self.live or self.index > 0 or self.since is not None

    @property
    def request(self) -> int:
        """The index to ask a server for."""
        return NEWEST if self.live else self.index


class Beginning:
    """Tells of the frames of a first connection which of them lie before the start."""

    def __init__(self, start: Start, newest: int | None, began: int) -> None:
        """`newest` is the server's newest index before the connection was made, if known; `began` when the reading
        began, in ns since 1970 by the server's clock."""
        self._start = start
        self._newest = newest
        self._began = began
        self._waiting: list[Frame] = []
        """Frames of which nothing tells when they happened, since the last one that was too old."""
        self._first: Frame | None = None
        self.over = not start.is_bounded
        """Whether everything that comes from now on is wanted."""
        self.note = ""
        """What to say of where it began; empty if it began where it was to."""

    def wanted(self, frame: Frame, settled: bool) -> list[Frame]:
        """What can be shown now that `frame` has come; `settled` once the server has sent what it held.

        What lies before the start is never shown; it is to be remembered all the same, so that a connection after
        this one can go on from it.
        """
        if self.over:
            return [frame]
        first = self._first is None
        self._first = self._first or frame
        if self._start.live:
            known = self._newest
            self.over = settled if known is None else frame.index > known
            return [frame] if self.over else []
        if self._start.since is None:
            return self._from_index(frame, first)
        return self._from_moment(frame, settled, self._start.since)

    def _from_index(self, frame: Frame, first: bool) -> list[Frame]:
        index = self._start.index
        if frame.index < index:
            self.note = (
                ""
                if self._start.told
                else (
                    f"Index {index:,} has not come yet: the server's newest is {frame.index:,}, and what comes from "
                    f"{index:,} on is shown."
                )
            )
            return []
        if first and frame.index > index and not self._start.told:
            self.note = (
                f"Nothing at index {index:,} is to be had: the first that the server still holds from there on is "
                f"{frame.index:,}."
            )
        self.over = True
        return [frame]

    def _from_moment(self, frame: Frame, settled: bool, since: int) -> list[Frame]:
        moment = frame_moment(frame)
        if moment is None and not settled:
            self._waiting.append(frame)
            return []
        if moment is not None and moment < self._began - since and not settled:
            self._waiting.clear()
            return []
        if (moment is not None and frame is self._first) or (self._waiting and self._waiting[0] is self._first):
            missing = (moment or self._began) - (self._began - since)
            if missing > SHORT:
                held = duration(max(0, self._began - (moment or self._began)))
                self.note = (
                    f"The server holds the events of the last {held} only: "
                    f"those of the last {duration(since)} were asked for."
                )
        self.over = True
        shown = [*self._waiting, frame]
        self._waiting.clear()
        return shown
