"""A stand-in for a Nomad server, behind the demo, the tests and the benchmark.

It serves a recording at `/v1/event/stream` as a real server does, traps included, over real sockets, and
fails in the ways real servers fail on request.
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
