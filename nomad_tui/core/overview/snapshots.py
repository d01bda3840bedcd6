"""Snapshots of a cluster's state, so that the state at any moment is found without folding all events before it.

A full snapshot is followed by some that are compressed with it as their dictionary: most objects are as they were.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

import zstandard

FULL_EVERY: Final = 16
"""Snapshots; with more of them, each has less in common with the full one."""
OVERHEAD: Final = 200
"""Bytes that a snapshot takes beside its own."""


@dataclass(slots=True)
class _Run:
    """A full snapshot, and those that need it."""

    sequence: int
    full: bytes
    """Compressed."""
    compressor: zstandard.ZstdCompressor | None
    others: list[tuple[int, bytes]] = field(default_factory=list)
    count: int = 1


class Snapshots:
    """Keeps within a number of bytes by leaving out every other snapshot."""

    def __init__(self) -> None:
        self._runs: list[_Run] = []
        self.bytes = 0
        self.last = -1
        """The sequence number before which the newest snapshot was taken; -1 for none."""
        self.spread = 1
        """How many times further apart they are than at first."""

    def add(self, sequence: int, snapshot: bytes) -> None:
        """Keeps the state before the event `sequence`; they come in order."""
        run = self._runs[-1] if self._runs else None
        if run is None or run.count >= FULL_EVERY or run.compressor is None:
            if run is not None:
                run.compressor = None
            compressor = zstandard.ZstdCompressor(level=3)
            run = _Run(sequence, compressor.compress(snapshot), _with(snapshot))
            self._runs.append(run)
            self.bytes += len(run.full) + OVERHEAD
        else:
            compressed = run.compressor.compress(snapshot)
            run.others.append((sequence, compressed))
            run.count += 1
            self.bytes += len(compressed) + OVERHEAD
        self.last = sequence

    def before(self, sequence: int) -> tuple[int, bytes] | None:
        """The newest snapshot taken before an event or earlier, and the event before which it was taken."""
        place = bisect_right(self._runs, sequence, key=lambda run: run.sequence) - 1
        if place < 0:
            return None
        run = self._runs[place]
        full = zstandard.ZstdDecompressor().decompress(run.full)
        other = bisect_right(run.others, sequence, key=lambda one: one[0]) - 1
        if other < 0:
            return run.sequence, full
        at, compressed = run.others[other]
        return at, zstandard.ZstdDecompressor(dict_data=_dictionary(full)).decompress(compressed)

    def forget_before(self, sequence: int) -> None:
        """Drops what only events before `sequence` need."""
        while len(self._runs) > 1 and self._runs[1].sequence <= sequence:
            self._drop(self._runs.pop(0))

    def thin(self, most: int) -> None:
        """Leaves out snapshots, every other one, until all take `most` bytes; the newest run stays."""
        while self.bytes > most and len(self._runs) > 1:
            self.spread *= 2
            if any(run.others for run in self._runs[:-1]):
                for run in self._runs[:-1]:
                    self.bytes -= sum(len(each) + OVERHEAD for _, each in run.others[::2])
                    run.others = run.others[1::2]
            else:
                for run in self._runs[1:-1:2]:
                    self._drop(run)
                kept = [*self._runs[:-1:2], self._runs[-1]]
                if len(kept) == len(self._runs):
                    return
                self._runs = kept

    def _drop(self, run: _Run) -> None:
        self.bytes -= len(run.full) + OVERHEAD + sum(len(each) + OVERHEAD for _, each in run.others)


def _dictionary(full: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(full, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _with(full: bytes) -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=3, dict_data=_dictionary(full))
