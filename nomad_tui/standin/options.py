"""Options of a stand-in server: what it publishes, its identity, access control, and faults."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from nomad_tui.nomad import releases
from nomad_tui.standin.subscription import Token


class Cut(msgspec.Struct, frozen=True):
    """The connection ends in the middle of a line."""

    fragment: bytes = b'{"Index":4294967295,"Events":[{"Topic":"Jo'
    """The partial line sent last; empty if `Scheduled.after_bytes` already cuts a frame."""


class End(msgspec.Struct, frozen=True):
    """The connection ends silently between two lines."""


class Reset(msgspec.Struct, frozen=True):
    """The connection is reset (RST); on a Unix socket, which has no reset, it ends."""


class Silence(msgspec.Struct, frozen=True):
    """No more frames or heartbeats are sent, and the connection stays open."""


class Drip(msgspec.Struct, frozen=True):
    """From now on, everything is sent in pieces of `size` bytes, one every `seconds`."""

    size: int = 1
    seconds: float = 0.01


class Garbage(msgspec.Struct, frozen=True):
    """A line that is not a frame; then the stream continues."""

    line: bytes = b"<html>502 Bad Gateway</html>"


class LongLine(msgspec.Struct, frozen=True):
    """A line of `size` bytes that is not JSON; then the stream continues."""

    size: int = 16 * 1024 * 1024


Fault = Cut | End | Reset | Silence | Drip | Garbage | LongLine


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that occurs once in a stream, after a number of frames or of bytes of its body.

    Exactly one of the two must be given. Heartbeats count as bytes, not as frames.
    """

    fault: Fault
    after_frames: int | None = None
    after_bytes: int | None = None
    stream: int | None = 0
    """The stream in which it occurs, in order of opening; None for all."""

    def __post_init__(self) -> None:
        if (self.after_frames is None) == (self.after_bytes is None):
            raise ValueError("a scheduled fault needs either after_frames or after_bytes")


ALL_FRAMES: Final = 2**63
"""A `lead` that publishes the whole recording before the first reader connects."""


class Release(StrEnum):
    """How a server refuses and ends streams, which changed with 1.11.2."""

    MODERN = "modern"
    """A refusal is `200 OK` and EOF before the first heartbeat; every other end is silent too."""
    OLD = "old"
    """A refusal is 403; a stream that the server ends closes with a line that says why, without a line feed."""
    OLD_500 = "old-500"
    """As `OLD`, but a refusal is 500 with the text `Permission denied` (nomad#15493)."""


class AtEnd(StrEnum):
    """What a stream with `from_start` does after the last frame."""

    STAY = "stay"
    """Stays open, with heartbeats and lines from `publish`."""
    EOF = "eof"


@dataclass(frozen=True, slots=True)
class Server:
    """Another server known to Serf."""

    name: str
    build: str
    region: str = "global"
    status: str = "alive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    # Address
    port: int = 0
    """On 127.0.0.1; 0 for any free one."""
    unix_path: Path | None = None
    """A Unix socket to listen on instead of a port."""
    tls: ssl.SSLContext | None = None

    # Publishing
    from_start: bool = False
    """Every stream gets the whole recording from the start, as fast as its socket accepts it. Otherwise the server has
    one buffer, like a real one: a publisher fills it and the streams follow."""
    at_end: AtEnd = AtEnd.STAY
    """Only with `from_start`."""
    pace: float | None = None
    """Frames per second. With None, frames are published as fast as the readers accept them: the publisher waits for
    the first stream, and never overruns the slowest."""
    repeat: int | None = 1
    """How often the recording is published, with increasing indexes; None for forever."""
    lead: int = 0
    """Frames published at once, before `pace` or readers apply. Not with `from_start`."""
    raw: bool = False
    """Whether to also send the recording's lines that are not frames. Heartbeats and empty lines are never sent."""
    buffer_size: int = 100
    """Newest frames held (Nomad's `event_buffer_size`). A stream that falls further behind is ended."""
    heartbeat: float = 30.0
    """Seconds between two heartbeats, independent of other lines."""
    first_heartbeat: float | None = None
    """Seconds until the first one. Servers of old releases wait one interval, and send their status line and headers
    only with the first heartbeat or frame; so does this one if it is not 0."""
    write_timeout: float = 40.0
    """Seconds after which a reader that accepts nothing is disconnected."""
    send_buffer: int | None = None
    """Bytes of SO_SNDBUF, so that a test's reader is soon a slow one; None for the kernel's default."""

    # Identity
    version: str = "2.0.6"
    """Determines the server's behaviour, unless overridden by the next two and `first_heartbeat`."""
    release: Release | None = None
    protocol: str | None = None
    """In the status line of a stream; 1.11.2, 1.10.8 and 1.8.20 send `HTTP/0.0` (nomad#27582)."""
    other_servers: tuple[Server, ...] = ()
    """Other servers listed by `/v1/agent/members`."""
    client_agent: bool = False
    """Whether it is a client agent, which forwards requests: it has no raft log of its own."""
    clock_offset: float = 0.0
    """Seconds by which its clock is ahead."""
    name: str = "stand-in.global"
    region: str = "global"
    other_regions: tuple[str, ...] = ()
    """Other known regions. They have the same events."""
    regions_down: tuple[str, ...] = ()
    """Known regions whose servers cannot be reached. If a region's servers have been gone for longer, it is not in the
    list of regions any more; only its `other_servers` remain, as failed."""
    namespaces: tuple[str, ...] | None = None
    """Namespaces that exist from the start, always including `default`; None for all in the recording. Any other is
    created when its first event enters the buffer, or by `make_namespace`, and is invisible to streams already open."""

    sample_logs: bool = False
    """Whether every task without a log has a short one."""

    # Access control
    tokens: Mapping[str, Token] | None = None
    """Tokens by secret; None for a cluster without ACLs."""
    anonymous: Token = field(default_factory=lambda: Token(name="Anonymous Token", policies=("anonymous",)))
    """What a request without a token may do if there are ACLs."""
    says_why_not: bool = True
    """Whether an unknown and an expired token have different errors; from 1.10.1 on servers answer both with
    `Permission denied` (nomad#25937)."""
    basic_auth: tuple[str, str] | None = None
    """User name and password required by a proxy in front."""

    # Faults
    leader: bool = True
    """Without a leader, it refuses streams, and answers 500 to requests that need the leader."""
    publishes: bool = True
    """`enable_event_broker`; if false, every stream is refused."""
    lingers: float = 0.0
    """Seconds for which a refused stream, or one ended while the server runs, stays open and silent before EOF. The
    connection of a modern server is closed by its garbage collector: at once on a busy server, after up to 120 s on an
    idle one. Old releases close at once."""
    next_eval_differs: int = 0
    """Every so many indexes, each stream gets a different `NextEval` for the same event, as real servers sometimes do;
    0 for never."""
    faults: tuple[Scheduled, ...] = ()

    @property
    def refusals(self) -> Release:
        known = releases.Release.parse(self.version)
        if self.release is not None or known is None:
            return self.release or Release.MODERN
        return Release.MODERN if releases.refuses_quietly(known) else Release.OLD

    @property
    def status_line(self) -> str:
        return self.protocol or ("HTTP/0.0" if self._has(releases.INVALID_STATUS_LINE) else "HTTP/1.1")

    @property
    def beats_after(self) -> float:
        """Seconds until the first heartbeat."""
        if self.first_heartbeat is not None:
            return self.first_heartbeat
        return self.heartbeat if self._has(releases.NO_FIRST_HEARTBEAT) else 0.0

    @property
    def describes_missing_tokens(self) -> bool:
        """Whether `/v1/acl/token/self` without a token returns the anonymous one; before 1.10.1 it is an error."""
        known = releases.Release.parse(self.version)
        return known is None or known.number >= (1, 10, 1)

    def _has(self, bug: releases.ServerBug) -> bool:
        known = releases.Release.parse(self.version)
        return known is not None and bug.affects(known)
