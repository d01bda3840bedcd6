"""The connection to examine, and what earlier checks found out for later ones."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from nomad_tui.config.connection import Connection
from nomad_tui.core.permissions import Permissions
from nomad_tui.core.subscription import Subscription
from nomad_tui.doctor.findings import Finding, Item, Verdict
from nomad_tui.doctor.listening import Listening
from nomad_tui.nomad import inquiry
from nomad_tui.nomad.client import Answer, Client, ServerInfo
from nomad_tui.nomad.diagnose import Kind, NomadError, Trouble
from nomad_tui.nomad.probing import Probed
from nomad_tui.nomad.questions import TokenInfo
from nomad_tui.nomad.release_discovery import ServerReleases

ERRORS: Final = (
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
    NomadError,
)
"""What a check may raise: faults of network, server and settings."""
REFUSALS: Final = frozenset((Kind.REFUSED, Kind.PERMISSION, Kind.AUTHENTICATION, Kind.REGION_UNKNOWN, Kind.BAD_REQUEST))


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    topic: float = 5.0
    """For the head of one topic's stream: the oldest releases send none until an event comes."""
    first_byte: float = 5.0
    quiet: float = 0.5
    """Without a frame, after which the server has sent its buffer."""
    buffer: float = 10.0
    """For the whole buffer."""
    first_line: float | None = None
    """At least for a stream's first line, whose absence is a refusal; None for `nomad.first_line.SHORTEST`."""
    heartbeat: float | None = 35.0
    """For two heartbeats since the stream was opened; servers send one every 30 s. None: do not wait."""


@dataclass(slots=True)
class ClockBounds:
    """How far another clock is ahead of this machine's, in ns: at least and at most."""

    least: int | None = None
    most: int | None = None

    def add(self, answer: Answer) -> None:
        """Narrow the bounds by the answer's date: whole seconds, between the request and the last byte."""
        if answer.date is None:
            return
        least = answer.date - answer.sent - int(answer.seconds * 1_000_000_000)
        most = answer.date + 1_000_000_000 - answer.sent
        self.least = least if self.least is None else max(self.least, least)
        self.most = most if self.most is None else min(self.most, most)


@dataclass(slots=True)
class Subject:
    connection: Connection
    """The address to examine, of those that the operator named."""
    subscription: Subscription
    patience: Patience
    origins: Mapping[str, str]
    """By setting, where it comes from: a variable, a flag, a profile."""
    stack: AsyncExitStack
    """Closed at the end."""
    blocked: str = ""
    """Why later checks are skipped, as a sentence; empty if they are not."""
    ips: tuple[str, ...] = ()
    client: Client | None = None
    regions: tuple[str, ...] = ()
    server: ServerInfo | None = None
    releases: ServerReleases = field(default_factory=ServerReleases)
    """Of the servers that would serve the stream."""
    token: TokenInfo | None = None
    namespaces: tuple[str, ...] | None = None
    """None if they could not be listed."""
    permissions: Permissions | None = None
    probed: list[Probed] = field(default_factory=list)
    """The result for each topic in the watched namespace, if they were tried to judge the token."""
    listening: Listening | None = None
    clock: ClockBounds = field(default_factory=ClockBounds)
    newest_moment: int | None = None
    """The newest time of any event, in ns since 1970 on the server's clock."""

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
