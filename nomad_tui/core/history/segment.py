"""What a history is made of: segments of some thousand events as columns, and their lines in blocks.

`core.history.history` fills, bounds and reads them, and `core.history.dictionaries` knows what the numbers in columns
mean.

zstandard level 1 shrinks this stream 28 times at 1 GB/s (measured), without the interpreter's lock: a thread that
compresses lets reading go on meanwhile. It gets several blocks at once, because each change of threads costs reading
time (a tenth of it with a block at a time, measured).
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
"""Columns: index 8, subject 4, type 4, distance to the object's previous event 4, place of its payload 8, and its share
of its frame's 28."""
FACTS_BYTES: Final = 8
"""More an event once its status and its node have been looked for."""
NO_LEVEL: Final = 255
"""In the `level` column: the row is a gap."""
NOT_IN_PLACE: Final = (1 << 32) - 1
"""The place of a payload that is not found in its frame's line, byte for byte behind its key."""


class HeldEvent(msgspec.Struct, frozen=True, gc=False):
    """One event with all that is known of it."""

    sequence: int
    index: int
    topic: str
    type: str
    key: str
    namespace: str
    filter_keys: tuple[str, ...] | None
    job: str
    received: int
    """When its bytes arrived: ns since 1970, this machine's clock. 0 where that says nothing about when it happened."""
    previous: int | None
    """Sequence number of the object's previous event, if it is still held."""
    payload: bytes
    frame: Frame
    """Its frame, whose events are those of one write to Nomad's state."""
    position: int
    """Which of the frame's events this is, from 0."""


class FrameTimes(msgspec.Struct, gc=False):
    """When a frame held happened, as far as it tells. Times are in ns since 1970."""

    first: int
    """Sequence number of its first event."""
    moment: int | None
    """By what its write left in its objects, on the server's clock."""
    earliest: int | None
    """The newest time that any of its objects tells: it happened no earlier."""
    received: int
    """When its bytes arrived, on this machine's clock; 0 where that says nothing about when it happened."""
    about: int | msgspec.UnsetType | None = msgspec.UNSET
    """For `core.history.event_row`: about when it happened, once that was asked."""


class Block:
    """Lines of consecutive frames: as they came while the block fills, joined once it is full, and then compressed."""

    __slots__ = ("compressed", "first_frame", "is_special", "joined", "lines", "size")

    def __init__(self, first_frame: int) -> None:
        self.first_frame = first_frame
        """The number of its first frame in the segment."""
        self.lines: list[bytes] = []
        """As they came; empty once the block is full."""
        self.joined = b""
        """All lines of a full block until it is compressed."""
        self.compressed = b""
        self.size = 0
        """Bytes of the lines."""
        self.is_special: bool | None = None
        """For `core.search.raw_text`, once it has looked."""

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
        """Where the payload begins, in bytes from its block's start, or `NOT_IN_PLACE`."""
        self.payload_length = array("I")
        self.frame_row = array("I")
        """Per frame: its first row."""
        self.frame_block = array("I")
        self.frame_offset = array("I")
        """Per frame: bytes from its block's start."""
        self.frame_length = array("I")
        self.received = array("q")
        """Per frame: ns since 1970."""
        self.blocks: list[Block] = []
        self.gaps: dict[int, Gap] = {}
        """Rows that are no events but gaps in the stream."""
        self.retained = 0
        """Bytes of compressed blocks."""
        self.subject_bytes = 0
        """Bytes of all subjects when the segment was begun."""
        self.status = array("I")
        """For `core.history.derived`: the numbers of the objects' statuses, for as many rows as have been looked at."""
        self.node = array("I")
        """For `core.history.derived`: the numbers of the nodes that events belong to, for the same rows."""
        self.level = array("B")
        """For `core.history.derived`: how much events matter, for as many rows as have been looked at."""
        self.sentences: list[str | None] = []
        """For `core.history.derived`: the sentences of rows that were asked for, while the segment fills."""
        self.text: bytes | None = None
        """For `core.history.derived`: the same, compressed, once it is filled."""

    def block_of(self, row: int) -> int:
        """The number of the block that holds the line of a row."""
        return self.frame_block[bisect_right(self.frame_row, row) - 1]

    def __len__(self) -> int:
        return len(self.index)


BLOCK_BYTES: Final = 512 * 1024
"""Before compression. Larger blocks shrink better, but one payload is read by unpacking its block."""
UNPACKED_BYTES: Final = 16 * 1024 * 1024
"""Blocks kept unpacked for the next look; the newest whatever its size."""
BATCH: Final = 4
"""Full blocks that are compressed together in another thread."""
ALONE: Final = 16
"""The first full blocks do not wait for others: a small history is kept compressed."""
WAITING_BYTES: Final = 8 * 1024 * 1024
"""Full blocks that may wait to be compressed; beyond that, reading waits."""


Runner: TypeAlias = Callable[[Callable[[], None]], object]
"""Runs a function, at once or in another thread, one after another."""


class Blocks:
    """The blocks of one history: compresses the full ones, and unpacks those that are looked at."""

    def __init__(self, max_bytes: int, unpacked_bytes: int = UNPACKED_BYTES) -> None:
        """`max_bytes` bounds the history: of a small one, no block waits to be compressed."""
        self._size = 0
        self.run: Runner | None = None
        """Where full blocks are compressed; None for here and now."""
        self._most_waiting = min(WAITING_BYTES, max_bytes // 16)
        self._waiting = 0
        """Bytes of full blocks that are not compressed yet."""
        self._batch: list[tuple[Segment, Block, bytes]] = []
        """Full blocks to be compressed next, and their lines."""
        self._sealed = 0
        """Full blocks ever handed to `run`."""
        self._done: deque[tuple[Segment, Block, bytes]] = deque()
        """What `run` has compressed."""
        self._compressor, self._compressor_of_runner = _new_compressor(), _new_compressor()
        self._decompressor = zstandard.ZstdDecompressor()
        self._most_unpacked = unpacked_bytes
        self._unpacked: OrderedDict[int, bytes] = OrderedDict()
        self._unpacked_bytes = 0

    @property
    def size(self) -> int:
        """Bytes of all blocks, as they are kept."""
        self._take_over()
        return self._size

    def add(self, segment: Segment, line: bytes) -> tuple[int, int]:
        """Adds a line to a segment; returns the number of its block and where it begins in the block, in bytes."""
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
        """Compresses the segment's newest block, now or soon: nothing is added to it any more."""
        self._take_over()
        block = segment.blocks[-1] if segment.blocks else None
        if block is None or block.is_full or not block.size:  # lines of gaps are empty
            return
        block.joined = b"".join(block.lines)
        block.lines = []
        if self.run is None or self._waiting + block.size > self._most_waiting:
            # A copy: the compressor's own result keeps its worst-case buffer, five times the memory (measured).
            self._put(segment, block, bytes(memoryview(self._compressor.compress(block.joined))))
            return
        self._waiting += block.size
        self._sealed += 1
        self._batch.append((segment, block, block.joined))
        if len(self._batch) == BATCH or self._sealed <= ALONE:
            batch, self._batch = self._batch, []
            self.run(partial(self._compress, batch))

    def _compress(self, batch: list[tuple[Segment, Block, bytes]]) -> None:
        """Runs in another thread."""
        compressed = self._compressor_of_runner.multi_compress_to_buffer([content for _, _, content in batch])
        for number, (segment, block, _) in enumerate(batch):
            self._done.append((segment, block, compressed[number].tobytes()))

    def _take_over(self) -> None:
        """Takes over what was compressed elsewhere."""
        while self._done:
            segment, block, compressed = self._done.popleft()
            self._waiting -= block.size
            if block.joined:
                self._put(segment, block, compressed)

    def _put(self, segment: Segment, block: Block, compressed: bytes) -> None:
        block.compressed = compressed
        block.joined = b""
        self._size += len(compressed) - block.size
        segment.retained += len(compressed)

    def drop(self, segment: Segment) -> None:
        """Forgets the blocks of a segment that is evicted."""
        for block in segment.blocks:
            content = self._unpacked.pop(id(block), None)
            if content is not None:
                self._unpacked_bytes -= len(content)
            self._size -= len(block.compressed) or block.size
            block.lines = []
            block.joined = b""

    def content(self, block: Block) -> bytes:
        """All lines of a block, one behind the other."""
        if not block.compressed:
            return block.joined or b"".join(block.lines)
        key = id(block)
        content = self._unpacked.get(key)
        if content is not None:
            self._unpacked.move_to_end(key)
            return content
        content = self._unpacked[key] = self._decompressor.decompress(block.compressed)
        self._unpacked_bytes += len(content)
        while self._unpacked_bytes > self._most_unpacked and len(self._unpacked) > 1:
            self._unpacked_bytes -= len(self._unpacked.popitem(last=False)[1])
        return content


def _new_compressor() -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=1, write_content_size=True)
