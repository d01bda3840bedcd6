"""One event stream as the doctor listens to it: when what came, and how far back it goes."""

import asyncio
from collections import deque
from time import monotonic
from typing import Final

import aiohttp

from nomad_tui.core.moment import frame_moment
from nomad_tui.core.wire import EXCERPT, Frame, Heartbeat, LineSplitter, Unreadable, decode

RECENT: Final = 20
"""The newest frames whose time is read; not every frame has one."""


class Listening:
    def __init__(self, response: aiohttp.ClientResponse, opened: float) -> None:
        """`opened` is when the stream was asked for, by `monotonic`, as all times here but the moments."""
        self.opened = opened
        self.first_byte: float | None = None
        self.last_byte = opened
        self.last_frame = opened
        self.heartbeats: list[float] = []
        self.frames = 0
        self.events = 0
        self.oldest_index: int | None = None
        self.newest_index: int | None = None
        self.oldest_moment: int | None = None
        """In ns since 1970 on the server's clock, of the oldest frame that has one."""
        self.unreadable = 0
        self.ended = False
        self.last_text: bytes | None = None
        """What came last, where that was no frame: a server's last words."""
        self._response = response
        self._splitter = LineSplitter()
        self._recent: deque[Frame] = deque(maxlen=RECENT)

    async def hear(self, until: float) -> bool:
        """Waits until something comes, no longer than until then; False if nothing has, or nothing will any more."""
        if self.ended:
            return False
        try:
            async with asyncio.timeout(max(0.0, until - monotonic())):
                chunk = await self._response.content.readany()
        except TimeoutError as error:
            if isinstance(error, aiohttp.ClientError):
                raise
            return False
        now = self.last_byte = monotonic()
        if not chunk:
            self.ended = True
            rest = self._splitter.finish()
            if rest and not rest.lstrip().startswith(b"{"):
                self.last_text = rest[:EXCERPT]
            return False
        if self.first_byte is None:
            self.first_byte = now
        for line in self._splitter.feed(chunk):
            self._take(line, now)
        self.unreadable += len(self._splitter.oversized)
        self._splitter.oversized.clear()
        return True

    def _take(self, line: bytes, now: float) -> None:
        match decode(line):
            case Heartbeat():
                self.heartbeats.append(now)
            case Frame() as frame:
                self.frames += 1
                self.last_frame = now
                self.events += len(frame.events)
                if frame.index >= 0:
                    self.oldest_index = (
                        frame.index if self.oldest_index is None else min(self.oldest_index, frame.index)
                    )
                    self.newest_index = max(self.newest_index or 0, frame.index)
                if self.oldest_moment is None:
                    self.oldest_moment = frame_moment(frame)
                self._recent.append(frame)
                self.last_text = None
            case Unreadable() as unreadable:
                self.unreadable += 1
                self.last_text = unreadable.excerpt
            case _:
                pass

    @property
    def newest_moment(self) -> int | None:
        """As `oldest_moment`, of the newest one."""
        return max(filter(None, map(frame_moment, self._recent)), default=None)
