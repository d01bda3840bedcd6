"""A sink's cursor in the journal, its dead letters, and its losses: records dropped before they were delivered."""

from dataclasses import dataclass, field, replace

import msgspec
import zstandard

from nomad_tui.journal.status import SinkStatus

_encode_letter = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Cursor:
    sink: str
    position: int
    """The last record that is completely done."""
    offset: int = 0
    """Events of the next record that are done."""
    events: int = 0
    """Events of the stream before the cursor; the lag is `Journal.events` minus this."""
    generation: int = 0
    """Incremented when the cursor is moved."""
    paused: bool = False
    sending: tuple[tuple[int, int], ...] = ()
    """Ends of the batches in flight, as position and offset, so that the same batches are sent after a crash."""
    status: SinkStatus = field(default_factory=SinkStatus, compare=False)
    """Its counts are stored with the cursor, so that they agree with it after a crash."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a sink's receiver finally refused."""

    sink: str
    buried: int
    """When delivery was given up, in ns since 1970."""
    position: int
    offset: int
    index: int
    topic: str
    type: str
    key: str
    namespace: str
    received: int
    text: bytes
    """The event as it would be sent; the `Gap` as JSON for a gap."""
    event_id: str
    attempts: int
    why: str
    region: str = ""
    gap: bool = False
    id: int = 0
    """Never reused; 0 before it is stored."""


_decode_letter = msgspec.json.Decoder(DeadLetter).decode


def packed_letter(letter: DeadLetter) -> bytes:
    """Compress the letter, without its ID."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(_encode_letter(letter))


def letter_from(number: int, content: bytes) -> DeadLetter:
    """Return the letter from `packed_letter`'s bytes, with its ID. Raises `ValueError` if they are damaged."""
    try:
        if not content.startswith(b"{"):  # earlier versions did not compress them
            content = zstandard.ZstdDecompressor().decompress(content)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    return replace(_decode_letter(content), id=number)


@dataclass(frozen=True, slots=True)
class Loss:
    """Records that a full journal dropped before they were delivered to a sink."""

    id: int
    """Never reused."""
    sink: str
    first_position: int
    last_position: int
    events: int
    """Events of the stream in them, selected by the sink or not."""
    first_index: int
    """Lowest index of the dropped frames; 0 if there was no frame."""
    last_index: int
    at: int
    """When they were dropped, in ns since 1970."""


def joined(earlier: Loss, later: Loss) -> Loss:
    """Merge two losses of one sink; the result has the later one's ID."""
    return replace(
        later,
        first_position=earlier.first_position,
        events=earlier.events + later.events,
        first_index=earlier.first_index or later.first_index,
        last_index=later.last_index or earlier.last_index,
    )
