"""Values derived from payloads and cached: status, node and level in columns, sentences as compressed text.

Showing events needs none of them. Searches and facets do, and `Preparation` computes them in advance while the program
is idle, so that the first search in a million events does not have to read a million payloads.
"""

from array import array
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Final

import zstandard

from nomad_tui.core.history.dictionaries import GAP_SUBJECT, Subject
from nomad_tui.core.history.event_row import payload_before, sentence, status_and_node
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import NO_LEVEL, NOT_VERBATIM, Block, Segment
from nomad_tui.core.objects.registry import level


class PayloadReader:
    """Reads payloads with one decompressed block of its own, so that the history's cache is left to the screen."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._decompress = zstandard.ZstdDecompressor().decompress
        self._block: Block | None = None
        self._size = 0
        self._content = b""

    def block(self, segment: Segment, row: int) -> tuple[bytes, int]:
        """The joined lines of the row's block, and the first row of the segment after the block."""
        place = segment.block_of(row)
        block = segment.blocks[place]
        if block is not self._block or block.size != self._size:
            self._block, self._size = block, block.size
            if block.compressed:
                self._content = self._decompress(block.compressed)
            else:
                self._content = block.joined or b"".join(block.lines)
        behind = segment.blocks[place + 1].first_frame if place + 1 < len(segment.blocks) else None
        return self._content, len(segment) if behind is None else segment.frame_row[behind]

    def payload(self, segment: Segment, row: int) -> bytes:
        """The payload of a row, which must be an event."""
        at = segment.payload_at[row]
        if at == NOT_VERBATIM:
            return self._history.payload(segment.first + row)
        content, _ = self.block(segment, row)
        return content[at : at + segment.payload_length[row]]


FACTS_PER_STEP: Final = 128
LEVELS_PER_STEP: Final = 32
SENTENCES_PER_STEP: Final = 32
"""Payloads processed before yielding: about half a millisecond of work."""
BYTES_PER_STEP: Final = 256 * 1024
"""Yields earlier after this many bytes: a payload may have megabytes."""


class Derived:
    """Derives values from one history and stores them there."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.payloads = PayloadReader(history)
        self._segment: Segment | None = None
        """The segment whose sentences are loaded in `_lines`."""
        self._lines: list[str | None] = []
        self._changed = False

    def facts(self, segment: Segment, stop: int) -> Iterator[None]:
        """Fill the segment's `status` and `node` columns up to row `stop`."""
        history, types = self.history, self.history.type_names()

        def keep(row: int, subject: Subject | None) -> None:
            facts = "", "", ""
            if subject is not None:
                payload = self.payloads.payload(segment, row)
                facts = status_and_node(subject.topic, types[segment.type[row]], subject.key, payload)
            history.keep_facts(segment, *facts)

        return self._fill(segment, segment.status, stop, FACTS_PER_STEP, keep)

    def levels(self, segment: Segment, stop: int) -> Iterator[None]:
        """Fill the segment's `level` column up to row `stop`."""
        history, types = self.history, self.history.type_names()

        def keep(row: int, subject: Subject | None) -> None:
            found: int = NO_LEVEL
            if subject is not None:
                payload, before = self.payloads.payload(segment, row), payload_before(history, segment.first + row)
                found = level(subject.topic, types[segment.type[row]], subject.key, payload, before)
            history.keep_level(segment, found)

        return self._fill(segment, segment.level, stop, LEVELS_PER_STEP, keep)

    def _fill(
        self,
        segment: Segment,
        column: "array[int]",
        stop: int,
        at_once: int,
        keep: Callable[[int, Subject | None], None],
    ) -> Iterator[None]:
        """Fill a column up to row `stop`; `keep` appends the next row, with no subject for a gap.

        Yields after `at_once` rows, or earlier where payloads are large.
        """
        history = self.history
        bytes_left = BYTES_PER_STEP
        for row in range(len(column), stop):
            bytes_left -= segment.payload_length[row]
            if row % at_once == 0 or bytes_left < 0:
                bytes_left = BYTES_PER_STEP
                yield
            # Meanwhile another caller may have filled the row, or the segment may have been evicted.
            if row < len(column):
                continue
            if segment.first < history.first:
                return
            keep(row, history.subject(segment.subject[row]))

    def sentence(self, segment: Segment, row: int) -> str:
        """The sentence of a row, derived on first use; "" for a gap.

        After reading sentences of a segment, call `keep`. Raises `IndexError` once the segment is evicted.
        """
        lines = self._load(segment)
        text = lines[row]
        if text is None:
            gap = segment.subject[row] == GAP_SUBJECT
            text = lines[row] = "" if gap else sentence(self.history, segment.first + row).text
            self._changed = True
        return text

    def keep(self) -> None:
        """Compress the loaded sentences and store them in their segment, if the segment is complete."""
        segment = self._segment
        if segment is None or not (self._changed or segment.sentences):
            return
        if not self.history.is_filled(segment) or segment.first < self.history.first:
            return
        text = "\n".join([_NOT_DERIVED if line is None else line for line in self._lines]).encode("utf-8", "replace")
        # A copy, as for blocks of `History`: the compressor's result keeps its worst-case buffer.
        self.history.keep_text(segment, bytes(memoryview(_COMPRESSOR.compress(text))))
        self._changed = False

    def _load(self, segment: Segment) -> list[str | None]:
        if segment is not self._segment:
            self.keep()
            self._segment = segment
            self._changed = False
            if segment.text is None:
                self._lines = segment.sentences
            else:
                lines = _DECOMPRESSOR.decompress(segment.text).decode().split("\n")
                self._lines = [None if line == _NOT_DERIVED else line for line in lines]
        missing = len(segment) - len(self._lines)
        if missing:
            self._lines += [None] * missing
        return self._lines


_NOT_DERIVED: Final = "\0"
"""Stands for a sentence that has not been derived; no sentence contains it."""
_COMPRESSOR: Final = zstandard.ZstdCompressor(level=1)
_DECOMPRESSOR: Final = zstandard.ZstdDecompressor()


class Preparation:
    """Derives the values that searches need, newest first, in slices of time."""

    def __init__(self, derived: Derived) -> None:
        self._derived = derived
        self._work: Iterator[None] | None = None
        self._done: set[int] = set()
        """Prepared segments, by their first sequence numbers."""

    def advance(self, seconds: float) -> bool:
        """Work for about `seconds`. Returns whether there is more to do."""
        deadline = perf_counter() + seconds
        while perf_counter() < deadline:
            if self._work is None:
                segment = self._next()
                if segment is None:
                    return False
                self._work = self._prepare(segment)
            if next(self._work, _DONE) is _DONE:
                self._work = None
        return True

    def _next(self) -> Segment | None:
        history = self._derived.history
        for segment in reversed(history.segments()):
            if history.is_filled(segment) and segment.first not in self._done:
                return segment
        return None

    def _prepare(self, segment: Segment) -> Iterator[None]:
        derived = self._derived
        yield from derived.facts(segment, len(segment))
        yield from derived.levels(segment, len(segment))
        bytes_left = BYTES_PER_STEP
        for row in range(len(segment)):
            bytes_left -= segment.payload_length[row]
            if row % SENTENCES_PER_STEP == 0 or bytes_left < 0:
                bytes_left = BYTES_PER_STEP
                yield
            if segment.first < derived.history.first:
                return
            derived.sentence(segment, row)
        derived.keep()
        self._done = {first for first in self._done if first >= derived.history.first} | {segment.first}


_DONE: Final = object()
