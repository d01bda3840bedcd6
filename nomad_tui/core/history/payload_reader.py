"""Reads payloads row after row, as a search does."""

from bisect import bisect_right

import zstandard

from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import NOT_IN_PLACE, Block, Segment


class PayloadReader:
    """Keeps one block unpacked, and leaves alone those that the history keeps for the screen."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._decompress = zstandard.ZstdDecompressor().decompress
        self._block: Block | None = None
        self._size = 0
        self._content = b""

    def block(self, segment: Segment, row: int) -> tuple[bytes, int]:
        """The lines of the row's block, one behind the other, and the first row of the segment behind the block."""
        number = bisect_right(segment.frame_row, row) - 1
        place = segment.frame_block[number]
        block = segment.blocks[place]
        if block is not self._block or block.size != self._size:
            self._block, self._size = block, block.size
            self._content = self._decompress(block.compressed) if block.compressed else b"".join(block.lines)
        behind = segment.blocks[place + 1].first_frame if place + 1 < len(segment.blocks) else None
        return self._content, len(segment) if behind is None else segment.frame_row[behind]

    def payload(self, segment: Segment, row: int) -> bytes:
        """The payload of a row that is an event."""
        at = segment.payload_at[row]
        if at == NOT_IN_PLACE:
            return self._history.payload(segment.first + row)
        content, _ = self.block(segment, row)
        return content[at : at + segment.payload_length[row]]
