"""What can go wrong with a stream, on demand."""

import msgspec


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
    """A line that is not a frame, then the stream goes on."""

    line: bytes = b"<html>502 Bad Gateway</html>"


class LongLine(msgspec.Struct, frozen=True):
    """A line of `size` bytes that is not JSON, then the stream goes on."""

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
