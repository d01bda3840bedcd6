"""The storage of a history: segments of some thousand events as columns, and their lines in blocks.

`core.history.history` fills, limits and reads them; `core.history.dictionaries` has the tables for the numbers in
columns.

zstandard level 1 compresses this stream to 1/28 at 1 GB/s (measured), without holding the GIL: with compression in a
thread, reading continues. The thread gets several blocks at once, because each thread switch slows down reading (by a
tenth with one block at a time, measured).
"""

from array import array
from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

import msgspec
import zstandard

from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Frame

EVENT_BYTES: Final = 36
"""Columns: index 8, subject 4, type 4, distance to the object's previous event 4, payload offset and length 8, and its
share of its frame's 28."""
FACTS_BYTES: Final = 8
"""Additional bytes per event once its status and node are derived."""
NO_LEVEL: Final = 255
"""Value in the `level` column for a gap."""
NOT_VERBATIM: Final = (1 << 32) - 1
"""Offset of a payload that does not directly follow its key in the frame's line, byte for byte."""


class HeldEvent(msgspec.Struct, frozen=True, gc=False):
    """One event with everything known about it."""

    sequence: int
    index: int
    topic: str
    type: str
    key: str
    namespace: str
    filter_keys: tuple[str, ...] | None
    job: str
    received: int
    """When its bytes arrived: ns since 1970, this machine's clock. 0 if that does not tell when it happened."""
    previous: int | None
    """Sequence number of the object's previous event; None if it is not held."""
    payload: bytes
    frame: Frame
    """Its frame, whose events are those of one write to Nomad's state."""
    position: int
    """Position among the frame's events, from 0."""


class FrameTimes(msgspec.Struct, gc=False):
    """Known times of a frame, in ns since 1970."""

    first: int
    """Sequence number of its first event."""
    moment: int | None
    """The time of its write according to its objects, on the server's clock."""
    earliest: int | None
    """The newest time in any of its objects: a lower bound."""
    received: int
    """When its bytes arrived, on this machine's clock; 0 if that does not tell when it happened."""
    about: int | msgspec.UnsetType | None = msgspec.UNSET
    """Approximate time, cached by `core.history.event_row`."""


class Block:
    """Lines of consecutive frames: a list while the block fills, joined once it is full, and then compressed."""

    __slots__ = ("compressed", "first_frame", "is_special", "joined", "lines", "size")

    def __init__(self, first_frame: int) -> None:
        self.first_frame = first_frame
        """Index of its first frame in the segment."""
        self.lines: list[bytes] = []
        """Lines as received; empty once the block is full."""
        self.joined = b""
        """All lines of a full block that is not compressed yet."""
        self.compressed = b""
        self.size = 0
        """Bytes of the uncompressed lines."""
        self.is_special: bool | None = None
        """Cached by `core.search.raw_text`."""

    @property
    def is_full(self) -> bool:
        """Whether no line will be added to it."""
        return bool(self.joined or self.compressed)


class Segment:
    """Some thousand consecutive events. Columns are indexed by the event's row in the segment."""

    __slots__ = (
        "blocks",
        "distance",
        "first",
        "frame_block",
        "frame_length",
        "frame_offset",
        "frame_row",
        "gaps",
        "index",
        "level",
        "node",
        "payload_at",
        "payload_length",
        "received",
        "retained",
        "sentences",
        "status",
        "subject",
        "subject_bytes",
        "text",
        "type",
    )

    def __init__(self, first: int) -> None:
        self.first = first
        """Sequence number of row 0."""
        self.index = array("q")
        self.subject = array("I")
        self.type = array("I")
        self.distance = array("I")
        """How many sequence numbers back the object's previous event is; 0 for none."""
        self.payload_at = array("I")
        """Offset of the payload in its block, in bytes, or `NOT_VERBATIM`."""
        self.payload_length = array("I")
        self.frame_row = array("I")
        """Per frame: its first row."""
        self.frame_block = array("I")
        self.frame_offset = array("I")
        """Per frame: offset in its block, in bytes."""
        self.frame_length = array("I")
        self.received = array("q")
        """Per frame: ns since 1970."""
        self.blocks: list[Block] = []
        self.gaps: dict[int, Gap] = {}
        """Gaps in the stream, by row."""
        self.retained = 0
        """Bytes of compressed blocks."""
        self.subject_bytes = 0
        """Bytes of all subjects when the segment was started."""
        self.status = array("I")
        """Filled by `core.history.derived`: status numbers of the first rows."""
        self.node = array("I")
        """Filled by `core.history.derived`: node numbers of the same rows."""
        self.level = array("B")
        """Filled by `core.history.derived`: levels of the first rows."""
        self.sentences: list[str | None] = []
        """Cached by `core.history.derived`: sentences derived so far, while the segment fills."""
        self.text: bytes | None = None
        """Cached by `core.history.derived`: compressed sentences of a complete segment."""

    def block_of(self, row: int) -> int:
        """The number of the block that contains a row's line."""
        return self.frame_block[bisect_right(self.frame_row, row) - 1]

    def __len__(self) -> int:
        return len(self.index)


BLOCK_BYTES: Final = 512 * 1024
"""Before compression. Larger blocks compress better, but reading one payload means decompressing its block."""
UNPACKED_BYTES: Final = 16 * 1024 * 1024
"""Limit for cached decompressed blocks; the newest is kept whatever its size."""
BATCH_BLOCKS: Final = 4
"""Full blocks compressed together in another thread."""
UNBATCHED_BLOCKS: Final = 16
"""Number of initial blocks that are compressed without batching, so that a small history is compressed too."""
WAITING_BYTES: Final = 8 * 1024 * 1024
"""Limit for full blocks waiting for compression; beyond it, reading waits."""


Runner: TypeAlias = Callable[[Callable[[], None]], object]
"""Calls functions one after another, at once or in another thread."""


class Blocks:
    """The blocks of one history: compresses full ones, and decompresses those that are read."""

    def __init__(self, max_bytes: int, unpacked_bytes: int = UNPACKED_BYTES) -> None:
        """`max_bytes` is the history's limit: if it is small, no block waits for compression."""
        self._size = 0
        self.run: Runner | None = None
        """Where full blocks are compressed; None to compress them synchronously."""
        self._max_waiting = min(WAITING_BYTES, max_bytes // 16)
        self._waiting = 0
        """Bytes of full blocks that are not compressed yet."""
        self._batch: list[tuple[Segment, Block, bytes]] = []
        """Full blocks to compress next, and their lines."""
        self._sealed = 0
        """Number of full blocks ever passed to `run`."""
        self._compressed: deque[tuple[Segment, Block, bytes]] = deque()
        """Blocks compressed through `run`."""
        self._compressor, self._compressor_of_runner = _new_compressor(), _new_compressor()
        self._decompressor = zstandard.ZstdDecompressor()
        self._max_unpacked = unpacked_bytes
        self._unpacked: OrderedDict[int, bytes] = OrderedDict()
        self._unpacked_bytes = 0

    @property
    def size(self) -> int:
        """Bytes of all blocks as stored."""
        self._collect_compressed()
        return self._size

    def add(self, segment: Segment, line: bytes) -> tuple[int, int]:
        """Append a line to a segment. Returns the number of its block and its offset in it, in bytes."""
        blocks = segment.blocks
        block = blocks[-1] if blocks else None
        size = len(line)
        if block is None or block.is_full or (block.lines and block.size + size > BLOCK_BYTES):
            if block is not None:
                self.seal(segment)
            block = Block(len(segment.frame_row))
            blocks.append(block)
        at = block.size
        block.lines.append(line)
        block.size = at + size
        self._size += size
        return len(blocks) - 1, at

    def seal(self, segment: Segment) -> None:
        """Complete the segment's newest block and compress it, at once or later."""
        self._collect_compressed()
        block = segment.blocks[-1] if segment.blocks else None
        if block is None or block.is_full or not block.size:  # lines of gaps are empty
            return
        block.joined = b"".join(block.lines)
        block.lines = []
        if self.run is None or self._waiting + block.size > self._max_waiting:
            # A copy: the compressor's result keeps its worst-case buffer, five times the memory (measured).
            self._store_compressed(segment, block, bytes(memoryview(self._compressor.compress(block.joined))))
            return
        self._waiting += block.size
        self._sealed += 1
        self._batch.append((segment, block, block.joined))
        if len(self._batch) == BATCH_BLOCKS or self._sealed <= UNBATCHED_BLOCKS:
            batch, self._batch = self._batch, []
            self.run(partial(self._compress, batch))

    def _compress(self, batch: list[tuple[Segment, Block, bytes]]) -> None:
        """Runs in another thread."""
        compressed = self._compressor_of_runner.multi_compress_to_buffer([content for _, _, content in batch])
        for number, (segment, block, _) in enumerate(batch):
            self._compressed.append((segment, block, compressed[number].tobytes()))

    def _collect_compressed(self) -> None:
        """Store the blocks compressed elsewhere."""
        while self._compressed:
            segment, block, compressed = self._compressed.popleft()
            self._waiting -= block.size
            if block.joined:
                self._store_compressed(segment, block, compressed)

    def _store_compressed(self, segment: Segment, block: Block, compressed: bytes) -> None:
        block.compressed = compressed
        block.joined = b""
        self._size += len(compressed) - block.size
        segment.retained += len(compressed)

    def drop(self, segment: Segment) -> None:
        """Free the blocks of an evicted segment."""
        for block in segment.blocks:
            content = self._unpacked.pop(id(block), None)
            if content is not None:
                self._unpacked_bytes -= len(content)
            self._size -= len(block.compressed) or block.size
            block.lines = []
            block.joined = b""

    def content(self, block: Block) -> bytes:
        """All lines of a block, joined."""
        if not block.compressed:
            return block.joined or b"".join(block.lines)
        key = id(block)
        content = self._unpacked.get(key)
        if content is not None:
            self._unpacked.move_to_end(key)
            return content
        content = self._unpacked[key] = self._decompressor.decompress(block.compressed)
        self._unpacked_bytes += len(content)
        while self._unpacked_bytes > self._max_unpacked and len(self._unpacked) > 1:
            self._unpacked_bytes -= len(self._unpacked.popitem(last=False)[1])
        return content


def _new_compressor() -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=1, write_content_size=True)
