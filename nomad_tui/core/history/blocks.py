"""The lines of frames in blocks: as they came while a block fills, compressed from then on.

zstandard level 1 shrinks this stream 28 times at 1 GB/s (measured), without the interpreter's lock: a thread that
compresses lets reading go on meanwhile. It gets several blocks at once, because each change of threads costs reading
time (a tenth of it with a block at a time, measured).
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from functools import partial
from typing import Final, TypeAlias

import zstandard

from nomad_tui.core.history.segment import Block, Segment

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
