"""Leaves out, by its payload's bytes alone, events whose sentence cannot hold a word: to derive one takes 40 µs.

A sentence takes its words from phrases of this program, from numbers, and from texts of the cluster: those of the
event's payload, of its object's payload before, and names of other objects. So letters that are in no phrase are in
one of these payloads, if they are in the sentence, and so is the beginning of an ID. They are looked for in the blocks
of the history that hold the payloads.
"""

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Final

from nomad_tui.core.filter.text import Text
from nomad_tui.core.history.derived import PayloadReader
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import NOT_IN_PLACE, Segment
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.regular import literal as ignoring_case
from nomad_tui.core.search.phrases import PHRASES

_KINDS: Final = frozenset(("Allocation", "Deployment", "Evaluation", "Job", "Node"))
"""Whose sentences keep to this; others are few."""
_LETTERS: Final = lazy_pattern(r"(?<![A-Za-z])[A-Za-z]{4,}(?![A-Za-z])")
_ID: Final = lazy_pattern(r"(?<![0-9a-z])(?=[0-9a-f]*[abcef])(?=[a-f]*[0-9])[0-9a-f]{6,}(?![0-9a-z])")
"""Hexadecimal digits that no number, size or duration is written with."""
_OTHER_LETTERS: Final = lazy_pattern(rb"\\u(?:00[4-7]|212[aA]|0130)|\xe2\x84\xaa|\xc4\xb0")
"""Letters in another form: escaped, or whose lower case is an ASCII letter."""
_MEMBERS: Final = ((b'"PreemptedByAllocation"', b':""'), (b'"ConstraintFiltered"', b":null"))
"""Where a sentence may name other objects, or leave out characters within a text, and their empty values."""


def from_cluster(looked_for: Text) -> str | None:
    """The longest part of what is looked for that only the cluster can have put into a sentence; None if none is."""
    word = (looked_for.literal or "").lower()
    if not word.isascii():
        return None
    # A plural may be made of a noun and an `s`; else no two texts meet within a word.
    parts = [letters for run in _LETTERS.findall(word) if (letters := run.removesuffix("s")) not in PHRASES]
    return max((*parts, *_ID.findall(word)), key=len, default=None)


def _is_special(content: bytes) -> bool:
    """Whether a sentence may have words that are not in the bytes. (A single expression for it takes ten times as
    long.)"""
    if (b"\\" in content or not content.isascii()) and _OTHER_LETTERS.search(content) is not None:
        return True
    return any((held := content.count(name)) and held != content.count(name + empty) for name, empty in _MEMBERS)


def rows_of_blocks(
    payloads: PayloadReader, occurs: Callable[[bytes], bool], segment: Segment, rows: Sequence[int]
) -> Generator[None, None, Sequence[int]]:
    """The rows of blocks in which a text occurs, and those whose payload is not in their block as it is."""
    left: list[int] = []
    holds, behind = False, -1
    for row in rows:
        if segment.payload_at[row] != NOT_IN_PLACE:
            if row >= behind:
                yield
                content, behind = payloads.block(segment, row)
                holds = occurs(content)
            if not holds:
                continue
        left.append(row)
    return left


class RawText:
    """Finds the rows in whose sentence something from the cluster may be."""

    def __init__(self, part: str, history: History, payloads: PayloadReader) -> None:
        """`part` is what `from_cluster` has found."""
        self._found = ignoring_case(part.encode())
        self._history = history
        self._payloads = payloads
        # Full blocks that have been looked at, oldest first: their rows' sequence numbers, and whether they hold it.
        self._firsts: list[int] = []
        self._behinds: list[int] = []
        self._holds: list[bool] = []

    def may_be_in(self, segment: Segment, row: int) -> bool:
        """Whether the sentence of a row, if it has one, may hold it."""
        rows = self.rows(segment, (row,))
        while True:
            try:
                next(rows)
            except StopIteration as end:
                return bool(end.value)

    def rows(self, segment: Segment, rows: Iterable[int]) -> Generator[None, None, list[int]]:
        """Returns those of a segment's rows, which are in order, in whose sentences it may be.

        Yields after every half a millisecond or so of work.
        """
        history, first = self._history, segment.first
        subject_of, subjects, distances = history.subject, segment.subject, segment.distance
        firsts, behinds, found = self._firsts, self._behinds, self._holds
        left: list[int] = []
        holds, behind = False, -1
        for row in rows:
            if row >= behind:
                at = bisect_right(firsts, first + row) - 1
                if at < 0 or first + row >= behinds[at]:
                    yield
                    holds, behind = self._look(segment, row)
                else:
                    holds, behind = found[at], behinds[at] - first
            if not holds:
                subject = subject_of(subjects[row])
                if subject is None:
                    continue
                if subject.topic in _KINDS:
                    distance = distances[row]
                    if not distance:
                        continue
                    before = first + row - distance
                    at = bisect_right(firsts, before) - 1
                    if at >= 0 and before < behinds[at]:
                        held = found[at]
                    else:
                        yield
                        if before < history.first:
                            continue
                        earlier = history.segment_of(before)
                        held, _ = self._look(earlier, before - earlier.first)
                    if not held:
                        continue
            left.append(row)
        return left

    def _look(self, segment: Segment, row: int) -> tuple[bool, int]:
        """Whether the block of a row holds it, and the row behind the block's last."""
        number = segment.block_of(row)
        block = segment.blocks[number]
        is_last = number + 1 == len(segment.blocks)
        behind = len(segment) if is_last else segment.frame_row[segment.blocks[number + 1].first_frame]
        if not block.is_full:
            return True, behind  # it may still grow
        content, _ = self._payloads.block(segment, row)
        if block.is_special is None:
            block.is_special = _is_special(content)
        holds = block.is_special or self._found(content)
        first = segment.first + segment.frame_row[block.first_frame]
        at = bisect_right(self._firsts, first)
        self._firsts.insert(at, first)
        self._behinds.insert(at, segment.first + behind)
        self._holds.insert(at, holds)
        return holds, behind
