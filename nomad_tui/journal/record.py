"""Records of the journal, and the compressed blocks that store them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec
import zstandard

from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import EXCERPT, Frame, Unreadable, decode

BLOCK_SIZE: Final = 256 * 1024
"""Largest block in bytes before compression; a larger record gets a block of its own."""
OVERHEAD: Final = 200
"""Estimated bytes of a record in addition to its line."""

_FRAME: Final = 0
_GAP: Final = 1
_UNREADABLE: Final = 2

_encode = msgspec.msgpack.Encoder().encode
_Entry = tuple[int, int, bool, bytes]
"""Kind, `received`, `fresh`, content."""
_decode_entries = msgspec.msgpack.Decoder(list[_Entry]).decode
_decode_gap = msgspec.msgpack.Decoder(Gap).decode
_decode_unreadable = msgspec.msgpack.Decoder(Unreadable).decode

Content: TypeAlias = Frame | Gap | Unreadable


@dataclass(slots=True)
class Record:
    position: int
    """Consecutive from 1, never reused."""
    received: int
    """When it was received, in ns since 1970."""
    events_before: int
    """Events in all earlier records, including dropped ones."""
    content: Content
    _texts: list[bytes] | None = field(default=None, compare=False, repr=False)
    _masked: list[bytes] | None = field(default=None, compare=False, repr=False)
    _payloads: list[bytes] | None = field(default=None, compare=False, repr=False)

    def texts(self, *, masked: bool) -> list[bytes]:
        """Return each event of a frame as JSON, with or without its secrets. Cached for the other sinks."""
        frame = self.content
        if not isinstance(frame, Frame):
            return []
        if self._texts is None:
            self._texts = frame.event_texts()
        if not masked:
            return self._texts
        if self._masked is None:
            from nomad_tui.core.secrets.redaction import redact_frame  # RE2 takes a while to load

            self._masked = redact_frame(frame, self._texts)
        return self._masked

    def payloads(self) -> list[bytes]:
        """Return copies of the payloads, which do not keep the frame's line in memory. Cached for the other sinks."""
        frame = self.content
        if self._payloads is None:
            self._payloads = [bytes(event.payload) for event in frame.events] if isinstance(frame, Frame) else []
        return self._payloads


@dataclass(frozen=True, slots=True)
class Block:
    first: int
    last: int
    events: int
    events_before: int
    oldest: int
    newest: int
    first_index: int | None
    last_index: int | None
    size: int
    stored: int
    content: bytes

    @property
    def row(self) -> tuple[int | None, ...]:
        """Values of all columns but the content, in the table's order."""
        return (
            self.first,
            self.last,
            self.events,
            self.events_before,
            self.oldest,
            self.newest,
            self.first_index,
            self.last_index,
            self.size,
            self.stored,
        )


class Tail:
    """The newest records in memory, to be read without disk access or decoding."""

    def __init__(self, end: int, most_bytes: int) -> None:
        self._records: list[Record] = []
        self._first = end + 1
        self._bytes = 0
        self._most_bytes = most_bytes

    def extend(self, records: Sequence[Record]) -> None:
        """Append records, and evict the oldest beyond the limit."""
        self._records.extend(records)
        self._bytes += sum(size_of(record.content) for record in records)
        dropped = 0
        while self._bytes > self._most_bytes and dropped < len(self._records):
            self._bytes -= size_of(self._records[dropped].content)
            dropped += 1
        if dropped:
            del self._records[:dropped]
            self._first += dropped

    def read(self, after: int, most_bytes: int) -> list[Record] | None:
        """Return records after a position, at least one if there is one; None if they were evicted."""
        start = after + 1 - self._first
        if start < 0:
            return None
        for number in range(start, len(self._records)):
            most_bytes -= size_of(self._records[number].content)
            if most_bytes < 0:
                return self._records[start : max(number, start + 1)]
        return self._records[start:]


def size_of(content: Content) -> int:
    """Return the approximate bytes of a record in memory and in an uncompressed block."""
    if isinstance(content, Frame):
        return len(content.line) + OVERHEAD
    return OVERHEAD + (len(content.excerpt) if isinstance(content, Unreadable) else 0)


def events_in(content: Content) -> int:
    return len(content.events) if isinstance(content, Frame) else 0


def packed(records: Sequence[Record]) -> Iterator[Block]:
    """Pack records with consecutive positions into blocks of at most `BLOCK_SIZE`."""
    start = size = 0
    for number, record in enumerate(records):
        own = size_of(record.content)
        if size and size + own > BLOCK_SIZE:
            yield _block(records[start:number])
            start, size = number, 0
        size += own
    if size:
        yield _block(records[start:])


def unpacked(first: int, events_before: int, content: bytes) -> list[Record]:
    """Return the records of one block. Raises `ValueError` if it is damaged."""
    try:
        entries = _decode_entries(zstandard.ZstdDecompressor().decompress(content))
        records = []
        for position, (kind, received, fresh, text) in enumerate(entries, first):
            what = _content(kind, fresh, text)
            records.append(Record(position, received, events_before, what))
            events_before += events_in(what)
    except (zstandard.ZstdError, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from error
    return records


def _block(records: Sequence[Record]) -> Block:
    packed = _encode([_entry(record) for record in records])
    content = zstandard.ZstdCompressor(level=1, write_checksum=True).compress(packed)
    received = [record.received for record in records]
    indexes = [record.content.index for record in records if isinstance(record.content, Frame)]
    events_before = records[0].events_before
    newest = records[-1]
    return Block(
        first=records[0].position,
        last=newest.position,
        events=newest.events_before + events_in(newest.content) - events_before,
        events_before=events_before,
        oldest=min(received),
        newest=max(received),
        first_index=_within(min(indexes)) if indexes else None,
        last_index=_within(max(indexes)) if indexes else None,
        size=sum(size_of(record.content) for record in records),
        stored=len(content),
        content=content,
    )


def _within(index: int) -> int:
    """Clamp an index to SQLite's 64-bit range: a faulty server may send any number."""
    return max(-(2**63), min(2**63 - 1, index))


def _entry(record: Record) -> _Entry:
    content = record.content
    match content:
        case Frame():
            return _FRAME, record.received, content.fresh, content.line
        case Gap():
            return _GAP, record.received, False, _encode(content)
        case Unreadable():
            return _UNREADABLE, record.received, False, _encode(content)


def _content(kind: int, fresh: bool, text: bytes) -> Content:
    match kind:
        case 0:
            frame = decode(text)
            if not isinstance(frame, Frame):
                return Unreadable("journaled as a frame, but it is none", text[:EXCERPT], len(text))
            frame.fresh = fresh
            return frame
        case 1:
            return _decode_gap(text)
        case 2:
            return _decode_unreadable(text)
        case _:
            raise ValueError(f"a record of kind {kind}")
