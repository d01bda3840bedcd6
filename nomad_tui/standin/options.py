"""How a stand-in server is set up: what it publishes, who it is, whom it lets in, what goes wrong on it."""

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
    """The half line that is sent last; empty where `Scheduled.after_bytes` already cuts a frame."""


class End(msgspec.Struct, frozen=True):
    """The connection ends between two lines, without a word."""


class Reset(msgspec.Struct, frozen=True):
    """The connection is reset (RST); on a Unix socket, which has none, it ends."""


class Silence(msgspec.Struct, frozen=True):
    """Neither frames nor heartbeats come any more, and the connection stays open."""


class Drip(msgspec.Struct, frozen=True):
    """From now on everything is sent in pieces of `size` bytes, one every `seconds`."""

    size: int = 1
    seconds: float = 0.01


class Garbage(msgspec.Struct, frozen=True):
    """A line that is not a frame, then the stream continues."""

    line: bytes = b"<html>502 Bad Gateway</html>"


class LongLine(msgspec.Struct, frozen=True):
    """A line of `size` bytes that is not JSON, then the stream continues."""

    size: int = 16 * 1024 * 1024


Fault = Cut | End | Reset | Silence | Drip | Garbage | LongLine


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that a stream meets once, after so many frames or so many bytes of its body.

    Exactly one of the two counts is given. Heartbeats are bytes but no frames.
    """

    fault: Fault
    after_frames: int | None = None
    after_bytes: int | None = None
    stream: int | None = 0
    """Which stream meets it, in the order they were opened; None is each of them."""

    def __post_init__(self) -> None:
        if (self.after_frames is None) == (self.after_bytes is None):
            raise ValueError("a scheduled fault needs either after_frames or after_bytes")


ALL_FRAMES: Final = 2**63
"""As a `lead`: all of the recording is published before the first reader comes."""


class Release(StrEnum):
    """How a server refuses a stream and ends one, which changed with 1.11.2."""

    MODERN = "modern"
    """A refusal is `200 OK` and the end before the first heartbeat; every other ending is silent too."""
    OLD = "old"
    """A refusal is 403; a stream that the server ends closes with a line that says why, not ended by a
    line feed."""
    OLD_500 = "old-500"
    """As `OLD`, with 500 and the text `Permission denied` for a refusal (nomad#15493)."""


class AtEnd(StrEnum):
    """What a stream of a server that serves from the start does after the last frame."""

    STAY = "stay"
    """It stays open: heartbeats, and what is published by hand."""
    EOF = "eof"


@dataclass(frozen=True, slots=True)
class Server:
    """Another server that Serf knows."""

    name: str
    build: str
    region: str = "global"
    status: str = "alive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    # Where it listens
    port: int = 0
    """On 127.0.0.1; 0 is any free one."""
    unix_path: Path | None = None
    """Listen on this Unix socket instead of a port."""
    tls: ssl.SSLContext | None = None

    # What it publishes
    from_start: bool = False
    """Every stream gets a run of its own through the whole recording, as fast as its socket takes it.
    Otherwise the server has one buffer, as a real one: a publisher fills it and the streams follow."""
    at_end: AtEnd = AtEnd.STAY
    """Only with `from_start`."""
    pace: float | None = None
    """Frames a second. None is as fast as the readers take them: the publisher then waits for a first
    stream, and never overruns the slowest."""
    repeat: int | None = 1
    """How often the recording is gone through, its indexes rising on; None is for ever."""
    lead: int = 0
    """How many frames are published at once, before pace or readers count. Not with `from_start`."""
    raw: bool = False
    """Send the recording's lines that are not frames too, in their place; otherwise they are left out.
    Heartbeats and empty lines are always left out."""
    buffer_size: int = 100
    """The newest frames held (Nomad's `event_buffer_size`). A stream further behind is ended."""
    heartbeat: float = 30.0
    """Seconds between two heartbeats, independent of other lines."""
    first_heartbeat: float | None = None
    """Seconds until the first one. Servers of old releases wait one interval, and send their status line and
    headers only with the first heartbeat or frame; so does this one if it is not 0."""
    write_timeout: float = 40.0
    """Seconds after which a reader that takes nothing is cut off."""
    send_buffer: int | None = None
    """Bytes of SO_SNDBUF, so that a test's reader is soon a slow one; None leaves it to the kernel."""

    # Who it is
    version: str = "2.0.6"
    """Its behaviour follows from it, where the next two and `first_heartbeat` do not say otherwise."""
    release: Release | None = None
    protocol: str | None = None
    """In the status line of a stream; 1.11.2, 1.10.8 and 1.8.20 send `HTTP/0.0` (nomad#27582)."""
    other_servers: tuple[Server, ...] = ()
    """What `/v1/agent/members` lists beside it."""
    client_agent: bool = False
    """It is no server but a client's agent, which passes requests on: it has no raft log of its own."""
    clock_offset: float = 0.0
    """Seconds by which its clock is ahead."""
    name: str = "stand-in.global"
    region: str = "global"
    other_regions: tuple[str, ...] = ()
    """Regions it knows beside its own. They have the same events."""
    regions_down: tuple[str, ...] = ()
    """Regions that it knows and whose servers cannot be reached. A region whose servers have been gone for longer is
    in no list of regions any more, only its `other_servers` are: as failed."""
    namespaces: tuple[str, ...] | None = None
    """Those that exist from the start, `default` always; None is all that the recording names. Any other
    is made when its first event enters the buffer, or by hand, and is invisible to the streams already open."""

    sample_logs: bool = False
    """Whether every task has a short log, even if none was written by hand."""

    # Whom it lets in
    tokens: Mapping[str, Token] | None = None
    """By secret; None is a cluster without ACLs."""
    anonymous: Token = field(default_factory=lambda: Token(name="Anonymous Token", policies=("anonymous",)))
    """What a request without a token may do where there are ACLs."""
    says_why_not: bool = True
    """Whether it tells an unknown and an expired token apart; from 1.10.1 on servers answer both with `Permission
    denied` (nomad#25937)."""
    basic_auth: tuple[str, str] | None = None
    """User name and password that a proxy in front asks for."""

    # What goes wrong on it
    leader: bool = True
    """Without one it refuses streams, and answers 500 to what the leader would have to say."""
    publishes: bool = True
    """`enable_event_broker`; without it every stream is refused."""
    lingers: float = 0.0
    """Seconds for which a stream that is refused, or ended but not by a stop of the server, stays open and silent
    before EOF. The connection of a modern server is closed by its garbage collector: at once on a busy server, after
    up to 120 s on an idle one. Old releases close at once."""
    next_eval_differs: int = 0
    """Every so many indexes each stream gets another `NextEval` for the same event, as happens now and then; 0 for
    never."""
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
        """Whether `/v1/acl/token/self` gives a token where none was sent; before 1.10.1 it is an error."""
        known = releases.Release.parse(self.version)
        return known is None or known.number >= (1, 10, 1)

    def _has(self, bug: releases.ServerBug) -> bool:
        known = releases.Release.parse(self.version)
        return known is not None and bug.affects(known)
