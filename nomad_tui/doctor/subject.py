"""The connection to examine, and results that later checks use."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import monotonic, time_ns
from typing import Final

import aiohttp

from nomad_tui.config.connection import Connection
from nomad_tui.core.objects.registry import frame_moment
from nomad_tui.core.permissions import Permissions
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.wire import BEFORE_JSON, EXCERPT, Frame, Heartbeat, LineSplitter, Unreadable, decode
from nomad_tui.doctor.findings import Finding, Item, Verdict
from nomad_tui.nomad import inquiry
from nomad_tui.nomad.client import Answer, Client, ServerInfo
from nomad_tui.nomad.diagnose import Kind, NomadError, Trouble
from nomad_tui.nomad.probing import Probed
from nomad_tui.nomad.questions import TokenInfo
from nomad_tui.nomad.release_discovery import ServerReleases

RECENT: Final = 20
"""Newest frames whose time is read; not every frame has one."""


class Listening:
    def __init__(self, response: aiohttp.ClientResponse, opened: float) -> None:
        """`opened` is when the stream was requested. All times are by `monotonic`, except moments."""
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
        """Time of the oldest frame that has one, in ns since 1970 by the server's clock."""
        self.unreadable = 0
        self.ended = False
        self.last_text: bytes | None = None
        """The last line if it was not a frame, such as an error message that a server sends before it closes the
        stream."""
        self._response = response
        self._splitter = LineSplitter()
        self._recent: deque[Frame] = deque(maxlen=RECENT)

    async def hear(self, until: float) -> bool:
        """Waits for data until `until`; False if none arrived, or the stream has ended."""
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
            if rest and not rest.lstrip(BEFORE_JSON).startswith(b"{"):
                self.last_text = rest[:EXCERPT]
            return False
        if self.first_byte is None:
            self.first_byte = now
        for line in self._splitter.feed(chunk):
            self._parse_line(line, now)
        self.unreadable += len(self._splitter.oversized)
        self._splitter.oversized.clear()
        return True

    def _parse_line(self, line: bytes, now: float) -> None:
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
        """Time of the newest frame that has one, as in `oldest_moment`."""
        return max(filter(None, map(frame_moment, self._recent)), default=None)


ERRORS: Final = (
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
    NomadError,
)
"""Exceptions that a check may raise: faults of network, server and settings."""
REFUSALS: Final = frozenset((Kind.REFUSED, Kind.PERMISSION, Kind.AUTHENTICATION, Kind.REGION_UNKNOWN, Kind.BAD_REQUEST))


@dataclass(frozen=True, slots=True)
class Patience:
    """Time limits in seconds."""

    topic: float = 5.0
    """For the response to one topic's stream: the oldest releases send no headers until an event occurs."""
    first_byte: float = 5.0
    quiet: float = 0.5
    """Without a frame, after which the server has sent its buffer."""
    buffer: float = 10.0
    """For the whole buffer."""
    first_line: float | None = None
    """Minimum wait for a stream's first line, whose absence means a refusal; None for
    `nomad.probing.SHORTEST_PATIENCE`."""
    heartbeat: float | None = 35.0
    """For two heartbeats since the stream was opened; servers send one every 30 s. None to skip them."""


@dataclass(slots=True)
class ClockBounds:
    """By how much another clock is ahead of this machine's, in ns: at least and at most."""

    least: int | None = None
    most: int | None = None

    def add(self, answer: Answer) -> None:
        """Narrows the bounds by an answer's date: in whole seconds, between the request and the last byte."""
        if answer.date is None:
            return
        least = answer.date - answer.sent - int(answer.seconds * 1_000_000_000)
        most = answer.date + 1_000_000_000 - answer.sent
        self.least = least if self.least is None else max(self.least, least)
        self.most = most if self.most is None else min(self.most, most)

    def now(self) -> int:
        """The other clock's time in ns since 1970; this machine's if the bounds are unknown."""
        return time_ns() + ((self.least or 0) + (self.most or 0)) // 2


@dataclass(slots=True)
class Subject:
    connection: Connection
    """The address to examine, one of those configured."""
    subscription: Subscription
    patience: Patience
    origins: Mapping[str, str]
    """Origin of each setting: a variable, a flag, a profile."""
    stack: AsyncExitStack
    """Closed after the last check."""
    blocked: str = ""
    """Why later checks are skipped, as a sentence; empty if they are not."""
    ips: tuple[str, ...] = ()
    client: Client | None = None
    regions: tuple[str, ...] = ()
    server: ServerInfo | None = None
    releases: ServerReleases = field(default_factory=ServerReleases)
    """Releases of the servers that would serve the stream."""
    token: TokenInfo | None = None
    namespaces: tuple[str, ...] | None = None
    """None if they could not be listed."""
    permissions: Permissions | None = None
    probed: list[Probed] = field(default_factory=list)
    """Results per topic in the watched namespace, if topics were probed to judge the token."""
    listening: Listening | None = None
    clock: ClockBounds = field(default_factory=ClockBounds)
    newest_moment: int | None = None
    """The newest time of any event, in ns since 1970 by the server's clock."""

    @property
    def open_client(self) -> Client:
        assert self.client is not None, "connectivity is checked first"
        return self.client

    @property
    def beta(self) -> bool:
        return self.server is not None and (self.server.version or "").startswith("1.0.0-beta")


Check = Callable[[Subject], AsyncGenerator[Item, None]]
"""Yields its finding last."""


def found(check: str, trouble: Trouble, **measured: object) -> Finding:
    """A diagnosis as a finding."""
    verdict = Verdict.REFUSED if trouble.kind in REFUSALS else Verdict.BROKEN
    measured = {"kind": str(trouble.kind), **measured}
    return Finding(check, verdict, trouble.summary, f"{trouble.remedy}.", trouble.policy, measured)


async def failed(check: str, error: BaseException, connection: Connection, **measured: object) -> Finding:
    """An error of `Client` as a finding, with details of the certificate if that is the cause."""
    return found(check, await inquiry.explain_fully(error, connection), **measured)
