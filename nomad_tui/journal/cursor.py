"""How far a sink has got in the journal, what its receiver refused, and what the journal dropped before it had it."""

from dataclasses import dataclass, field, replace

import msgspec
import zstandard

from nomad_tui.journal.status import SinkStatus

_encode_letter = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Cursor:
    sink: str
    position: int
    """All of that record and of those before it are done."""
    offset: int = 0
    """Events that are done of the record after it."""
    events: int = 0
    """Events of the stream that are behind: less than `Journal.events` by how far the sink lags."""
    generation: int = 0
    """Increased when the cursor is moved back."""
    paused: bool = False
    sending: tuple[tuple[int, int], ...] = ()
    """Where the batches under way end, as position and offset, so that the same ones are sent after a crash."""
    status: SinkStatus = field(default_factory=SinkStatus, compare=False)
    """Its counts are stored together with the cursor, so that they fit it after a crash."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a sink's receiver would not have: a dead letter."""

    sink: str
    buried: int
    """When it was given up, in ns since 1970."""
    position: int
    offset: int
    index: int
    topic: str
    type: str
    key: str
    namespace: str
    received: int
    text: bytes
    """As it would be sent; of a gap the `Gap` itself as JSON."""
    event_id: str
    attempts: int
    why: str
    region: str = ""
    gap: bool = False
    id: int = 0
    """Never given to another; 0 before it is stored."""


_decode_letter = msgspec.json.Decoder(DeadLetter).decode


def packed_letter(letter: DeadLetter) -> bytes:
    """The letter compressed, without its ID."""
    return zstandard.ZstdCompressor(write_checksum=True).compress(_encode_letter(letter))


def letter_from(number: int, content: bytes) -> DeadLetter:
    """The letter that was packed, with its ID. Raises `ValueError` for one that is damaged."""
    try:
        if not content.startswith(b"{"):  # earlier versions did not compress them
            content = zstandard.ZstdDecompressor().decompress(content)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
    return replace(_decode_letter(content), id=number)


@dataclass(frozen=True, slots=True)
class Loss:
    """Records that were dropped before a sink had them, because the journal was full."""

    id: int
    """Never given to another."""
    sink: str
    first_position: int
    last_position: int
    events: int
    """How many of the stream, whether or not the sink's definition selects them."""
    first_index: int
    """The lowest of the frames dropped; 0 where they held none."""
    last_index: int
    at: int
    """When they were dropped, in ns since 1970."""


def joined(earlier: Loss, later: Loss) -> Loss:
    """What one sink lost first and then, as one loss of the later's ID."""
    return replace(
        later,
        first_position=earlier.first_position,
        events=earlier.events + later.events,
        first_index=earlier.first_index or later.first_index,
        last_index=later.last_index or earlier.last_index,
    )
