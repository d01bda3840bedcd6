"""What is examined, and what the checks that ran have learned for those that come after."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

import aiohttp

from nomad_tui.config.connection import ConfigurationError, Connection
from nomad_tui.core.permissions import Permissions
from nomad_tui.core.subscription import Subscription
from nomad_tui.doctor.findings import Finding, Item, Verdict
from nomad_tui.doctor.listening import Listening
from nomad_tui.nomad import inquiry
from nomad_tui.nomad.client import Answer, Client, ServerInfo, UnexpectedAnswerError
from nomad_tui.nomad.diagnose import Kind, Trouble
from nomad_tui.nomad.probing import Probed
from nomad_tui.nomad.questions import TokenInfo
from nomad_tui.nomad.release_discovery import ServerReleases

ERRORS: Final = (
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
    UnexpectedAnswerError,
    ConfigurationError,
)
"""What the network, the server and the settings may do to a check."""
REFUSALS: Final = frozenset((Kind.REFUSED, Kind.PERMISSION, Kind.AUTHENTICATION, Kind.REGION_UNKNOWN, Kind.BAD_REQUEST))


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    topic: float = 5.0
    """For the head of one topic's stream: the oldest releases send none until something happens."""
    first_byte: float = 5.0
    quiet: float = 0.5
    """Without a frame, after which a server is taken to have sent all that it holds."""
    buffer: float = 10.0
    """For all that it holds."""
    heartbeat: float | None = 35.0
    """Since the stream was opened, for two heartbeats, which servers send every 30 s; None not to wait."""


@dataclass(slots=True)
class ClockBounds:
    """How far another clock is ahead of this machine's, in ns: between these two, by all that it told."""

    least: int | None = None
    most: int | None = None

    def told(self, answer: Answer) -> None:
        """A date in whole seconds, written at some moment between the request and the answer's last byte."""
        if answer.date is None:
            return
        least = answer.date - answer.sent - int(answer.seconds * 1_000_000_000)
        most = answer.date + 1_000_000_000 - answer.sent
        self.least = least if self.least is None else max(self.least, least)
        self.most = most if self.most is None else min(self.most, most)


@dataclass(slots=True)
class Subject:
    connection: Connection
    """The address that is examined, of those that the operator named."""
    subscription: Subscription
    patience: Patience
    origins: Mapping[str, str]
    """By a setting's name, what set it: a variable, a flag, a profile."""
    stack: AsyncExitStack
    """What is to be closed at the end."""
    blocked: str = ""
    """Why nothing more can be checked, as a sentence; empty while something can."""
    ips: tuple[str, ...] = ()
    client: Client | None = None
    regions: tuple[str, ...] = ()
    server: ServerInfo | None = None
    releases: ServerReleases = field(default_factory=ServerReleases)
    """Of the servers that would serve the stream."""
    token: TokenInfo | None = None
    namespaces: tuple[str, ...] | None = None
    """None where they could not be listed."""
    permissions: Permissions | None = None
    probed: list[Probed] = field(default_factory=list)
    """What became of each topic in the namespace watched, where that was tried to judge the token."""
    listening: Listening | None = None
    clock: ClockBounds = field(default_factory=ClockBounds)
    newest_moment: int | None = None
    """The newest time that any event told, in ns since 1970 on the server's clock."""

    @property
    def open_client(self) -> Client:
        assert self.client is not None, "the checks of the way to the server come first"
        return self.client

    @property
    def beta(self) -> bool:
        return self.server is not None and (self.server.version or "").startswith("1.0.0-beta")


Check = Callable[[Subject], AsyncGenerator[Item, None]]
"""Yields its finding last."""


def found(check: str, trouble: Trouble, **measured: object) -> Finding:
    """A trouble as a finding."""
    verdict = Verdict.REFUSED if trouble.kind in REFUSALS else Verdict.BROKEN
    measured = {"kind": str(trouble.kind), **measured}
    return Finding(check, verdict, trouble.account, f"{trouble.remedy}.", trouble.policy, measured)


async def failed(check: str, error: BaseException, connection: Connection, **measured: object) -> Finding:
    """What `Client` raised as a finding, with what a certificate says of itself where that is the trouble."""
    return found(check, await inquiry.explain_fully(error, connection), **measured)
