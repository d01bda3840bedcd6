"""A stand-in for a Nomad server, used by the demo, the tests and the benchmarks.

It serves a recording at `/v1/event/stream` over real sockets, with a real server's quirks, and fails on request in the
ways real servers do.
"""

from nomad_tui.standin.http import Request
from nomad_tui.standin.options import (
    ALL_FRAMES,
    AtEnd,
    Cut,
    Drip,
    End,
    Fault,
    Garbage,
    LongLine,
    Options,
    Release,
    Reset,
    Scheduled,
    Server,
    Silence,
)
from nomad_tui.standin.recording import read_lines
from nomad_tui.standin.server import StandIn
from nomad_tui.standin.stream import Stream
from nomad_tui.standin.subscription import MANAGEMENT, Token

__all__ = [
    "ALL_FRAMES",
    "MANAGEMENT",
    "AtEnd",
    "Cut",
    "Drip",
    "End",
    "Fault",
    "Garbage",
    "LongLine",
    "Options",
    "Release",
    "Request",
    "Reset",
    "Scheduled",
    "Server",
    "Silence",
    "StandIn",
    "Stream",
    "Token",
    "read_lines",
]
