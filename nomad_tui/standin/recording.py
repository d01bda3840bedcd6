"""A recording as a server publishes it: its frames, repeated with higher indexes."""

import asyncio
import gzip
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self

import msgspec
import zstandard

HEARTBEAT: Final = b"{}"

SLICE_SECONDS: Final = 0.002
"""Seconds of work before yielding to the event loop, which may be shared with a dashboard, whose timers take about
three turns of the loop."""

_INDEX: Final = re.compile(rb'"Index"\s*:\s*(\d+)')
_PAYLOAD: Final = re.compile(rb'"Payload"\s*:\s*')


class Envelope(msgspec.Struct, gc=False, frozen=True, rename="pascal"):
    """An event without its payload."""

    topic: str
    type: str = ""
    key: str = ""
    namespace: str = ""
    filter_keys: tuple[str, ...] | None = None
    index: int = 0


class _Envelopes(msgspec.Struct, gc=False, rename="pascal"):
    index: int
    events: tuple[Envelope, ...]


class _Events(msgspec.Struct, gc=False, rename="pascal"):
    index: int
    events: tuple[msgspec.Raw, ...]


class _Payload(msgspec.Struct, gc=False, rename="pascal"):
    payload: msgspec.Raw = msgspec.Raw()


class _Payloads(msgspec.Struct, gc=False, rename="pascal"):
    events: tuple[_Payload, ...]


_envelopes: Final = msgspec.json.Decoder(_Envelopes)
_events: Final = msgspec.json.Decoder(_Events)
_envelope: Final = msgspec.json.Decoder(Envelope)
_payloads: Final = msgspec.json.Decoder(_Payloads)


class Frame(msgspec.Struct, frozen=True):
    sent: bytes
    """As sent, including its line feed."""
    index: int | None
    """None for a line that is not a frame."""
    namespaces: frozenset[str] = frozenset()
    """Namespaces of its events; an event without a namespace adds none."""

    @classmethod
    def read(cls, line: bytes) -> Self:
        """The frame of one line, with or without its line feed; any other line is kept unchanged."""
        sent = line if line.endswith(b"\n") else line + b"\n"
        try:
            decoded = _envelopes.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return cls(sent, None)
        if not decoded.events:
            return cls(sent, None)
        return cls(sent, decoded.index, frozenset(event.namespace for event in decoded.events) - {""})


def events(line: bytes) -> tuple[int, list[tuple[Envelope, bytes]]]:
    """The index of a line that is a frame, and its events with their raw JSON."""
    decoded = _events.decode(line)
    return decoded.index, [(_envelope.decode(text), bytes(text)) for text in decoded.events]


def index_places(line: bytes) -> list[tuple[int, int]]:
    """The spans of the digits of a frame's index and its events' indexes, but not of those in payloads.

    The names `"Index"` and `"Payload"` with unescaped quotes cannot occur inside a JSON string, and nothing in an event
    but the payload has nested fields.
    """
    places: list[tuple[int, int]] = []
    at = 0
    for event in _payloads.decode(line).events:
        length = len(bytes(event.payload))
        name = _PAYLOAD.search(line, at) if length else None
        if name is not None:
            places += (match.span(1) for match in _INDEX.finditer(line, at, name.start()))
            at = name.end() + length
    places += (match.span(1) for match in _INDEX.finditer(line, at))
    return places


class _Template:
    """A frame split at its indexes, so that it can be sent with others at the cost of a join."""

    __slots__ = ("_indexes", "_pieces")

    def __init__(self, line: bytes) -> None:
        view = memoryview(line)
        places = index_places(line)
        ends = [0, *(end for _, end in places)]
        starts = [*(start for start, _ in places), len(line)]
        self._pieces = [view[end:start] for end, start in zip(ends, starts, strict=True)]
        indexes = [int(view[start:end]) for start, end in places]
        self._indexes = indexes[:1] if len(set(indexes)) == 1 else indexes

    def shifted(self, by: int) -> bytes:
        if len(self._indexes) == 1:
            return (b"%d" % (self._indexes[0] + by)).join(self._pieces)
        parts: list[bytes | memoryview] = [self._pieces[0]]
        for index, piece in zip(self._indexes, self._pieces[1:], strict=True):
            parts += (b"%d" % (index + by), piece)
        return b"".join(parts)


class Recording:
    """The frames of a recording, in order, with their index range and namespaces.

    Pass `k` (from 0) consists of the same frames with `k * span` added to the index of the frame and of each of its
    events; payloads are unchanged.
    """

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = tuple(frames)
        indexes = [frame.index for frame in self.frames if frame.index is not None]
        self.lowest_index = min(indexes, default=0)
        self.highest_index = max(indexes, default=0)
        self.span = self.highest_index - self.lowest_index + 1
        """By how much a pass is above the previous one: the index ranges do not overlap."""
        self.namespaces: frozenset[str] = frozenset().union(*(frame.namespaces for frame in self.frames))
        self._templates: list[_Template | None] = [None] * len(self.frames)

    @classmethod
    async def load(cls, lines: Iterable[bytes], *, raw: bool) -> Self:
        """Reads a recording's lines, without heartbeats and, unless `raw`, without other lines that are not frames."""
        frames: list[Frame] = []
        yield_at = time.monotonic() + SLICE_SECONDS
        for line in lines:
            if line.rstrip(b"\n") in (b"", HEARTBEAT):
                continue
            frame = Frame.read(line)
            if raw or frame.index is not None:
                frames.append(frame)
            if time.monotonic() >= yield_at:
                await asyncio.sleep(0)
                yield_at = time.monotonic() + SLICE_SECONDS
        return cls(frames)

    def sent(self, position: int, pass_number: int) -> bytes:
        """The line of one frame in one pass."""
        frame = self.frames[position]
        if pass_number == 0 or frame.index is None:
            return frame.sent
        template = self._templates[position]
        if template is None:
            template = self._templates[position] = _Template(frame.sent)
        return template.shifted(pass_number * self.span)

    def frame(self, position: int, pass_number: int) -> Frame:
        """One frame in one pass."""
        stored = self.frames[position]
        if pass_number == 0 or stored.index is None:
            return stored
        index = stored.index + pass_number * self.span
        return Frame(self.sent(position, pass_number), index, stored.namespaces)

    def places(self, repeat: int | None, start: tuple[int, int] = (0, 0)) -> Iterator[tuple[int, int]]:
        """(pass, position) of every frame in order, from `start` to the end of the last pass."""
        pass_number, first = start
        while self.frames and (repeat is None or pass_number < repeat):
            for position in range(first, len(self.frames)):
                yield pass_number, position
            first = 0
            pass_number += 1

    def start(self, index: int, repeat: int | None) -> tuple[int, int]:
        """(pass, position) of the first frame at or above `index`; of the last frame if there is none."""
        if index == 0:
            return 0, 0
        pass_number = max(0, (index - self.lowest_index) // self.span)
        if repeat is not None and pass_number >= repeat:
            return max(0, repeat - 1), max(0, len(self.frames) - 1)
        wanted = index - pass_number * self.span
        for position, frame in enumerate(self.frames):
            if frame.index is not None and frame.index >= wanted:
                return pass_number, position
        return pass_number, 0


def read_lines(path: Path) -> list[bytes]:
    """The lines of a recording; `.gz` and `.zst` files are decompressed.

    Raises OSError, or zstandard.ZstdError and EOFError if it is damaged.
    """
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes()).split(b"\n")
    if path.suffix == ".zst":
        with path.open("rb") as file:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            return reader.read().split(b"\n")
    return path.read_bytes().split(b"\n")
