"""Rules out, by payload bytes alone, events whose sentence cannot contain a word: deriving a sentence takes 40 µs.

A sentence consists of phrases of this program, numbers, and text from the cluster: from the event's payload, from its
object's previous payload, and names of other objects. Letters that occur in no phrase, and the beginnings of IDs, must
therefore be in one of these payloads if they are in the sentence. They are searched for in the blocks of the history
that contain the payloads.
"""

from bisect import bisect_right
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Final

from nomad_tui.core.filter.text import Text
from nomad_tui.core.history.derived import PayloadReader
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import NOT_VERBATIM, Segment
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.regular import literal as ignoring_case
from nomad_tui.core.search.phrases import PHRASES

_KINDS: Final = frozenset(("Allocation", "Deployment", "Evaluation", "Job", "Node"))
"""Topics whose sentences follow this rule; others have few events."""
_LETTERS: Final = lazy_pattern(r"(?<![A-Za-z])[A-Za-z]{4,}(?![A-Za-z])")
_ID: Final = lazy_pattern(r"(?<![0-9a-z])(?=[0-9a-f]*[abcef])(?=[a-f]*[0-9])[0-9a-f]{6,}(?![0-9a-z])")
"""Hexadecimal digits that are not part of a number, size or duration."""
_OTHER_LETTERS: Final = lazy_pattern(rb"\\u(?:00[4-7]|212[aA]|0130)|\xe2\x84\xaa|\xc4\xb0")
"""Letters in another form: escaped, or whose lower case is an ASCII letter."""
_MEMBERS: Final = ((b'"PreemptedByAllocation"', b':""'), (b'"ConstraintFiltered"', b":null"))
"""Members where a sentence may name other objects or omit characters within a text, and their empty values."""


def from_cluster(looked_for: Text) -> str | None:
    """The longest part of `looked_for` that must come from the cluster; None if there is none."""
    word = (looked_for.literal or "").lower()
    if not word.isascii():
        return None
    # A phrase may append a plural `s` to a noun; otherwise two texts never meet within a word.
    parts = [letters for run in _LETTERS.findall(word) if (letters := run.removesuffix("s")) not in PHRASES]
    return max((*parts, *_ID.findall(word)), key=len, default=None)


def _is_special(content: bytes) -> bool:
    """Whether a sentence may have words that are not in the bytes. (A single regular expression takes ten times as
    long.)"""
    if (b"\\" in content or not content.isascii()) and _OTHER_LETTERS.search(content) is not None:
        return True
    return any((held := content.count(name)) and held != content.count(name + empty) for name, empty in _MEMBERS)


def rows_of_blocks(
    payloads: PayloadReader, occurs: Callable[[bytes], bool], segment: Segment, rows: Sequence[int]
) -> Generator[None, None, Sequence[int]]:
    """The rows of blocks in which a text occurs, and those whose payload is not in their block verbatim."""
    left: list[int] = []
    holds, behind = False, -1
    for row in rows:
        if segment.payload_at[row] != NOT_VERBATIM:
            if row >= behind:
                yield
                content, behind = payloads.block(segment, row)
                holds = occurs(content)
            if not holds:
                continue
        left.append(row)
    return left


class RawText:
    """Finds the rows whose sentence may contain text from the cluster."""

    def __init__(self, part: str, history: History, payloads: PayloadReader) -> None:
        """`part` is a result of `from_cluster`."""
        self._found = ignoring_case(part.encode())
        self._history = history
        self._payloads = payloads
        # Full blocks searched so far, oldest first: their rows' first and end sequence numbers, and whether they
        # contain it.
        self._firsts: list[int] = []
        self._ends: list[int] = []
        self._holds: list[bool] = []

    def may_be_in(self, segment: Segment, row: int) -> bool:
        """Whether the sentence of a row, if it has one, may contain the text."""
        rows = self.rows(segment, (row,))
        while True:
            try:
                next(rows)
            except StopIteration as end:
                return bool(end.value)

    def rows(self, segment: Segment, rows: Iterable[int]) -> Generator[None, None, list[int]]:
        """Return those of the segment's rows, given in order, whose sentences may contain the text.

        Yields after about half a millisecond of work.
        """
        history, first = self._history, segment.first
        subject_of, subjects, distances = history.subject, segment.subject, segment.distance
        firsts, ends, found = self._firsts, self._ends, self._holds
        left: list[int] = []
        holds, behind = False, -1
        for row in rows:
            if row >= behind:
                at = bisect_right(firsts, first + row) - 1
                if at < 0 or first + row >= ends[at]:
                    yield
                    holds, behind = self._search_block(segment, row)
                else:
                    holds, behind = found[at], ends[at] - first
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
                    if at >= 0 and before < ends[at]:
                        held = found[at]
                    else:
                        yield
                        if before < history.first:
                            continue
                        earlier = history.segment_of(before)
                        held, _ = self._search_block(earlier, before - earlier.first)
                    if not held:
                        continue
            left.append(row)
        return left

    def _search_block(self, segment: Segment, row: int) -> tuple[bool, int]:
        """Whether the row's block contains the text, and the row after the block."""
        number = segment.block_of(row)
        block = segment.blocks[number]
        is_last = number + 1 == len(segment.blocks)
        behind = len(segment) if is_last else segment.frame_row[segment.blocks[number + 1].first_frame]
        if not block.is_full:
            return True, behind  # more lines may be added
        content, _ = self._payloads.block(segment, row)
        if block.is_special is None:
            block.is_special = _is_special(content)
        holds = block.is_special or self._found(content)
        first = segment.first + segment.frame_row[block.first_frame]
        at = bisect_right(self._firsts, first)
        self._firsts.insert(at, first)
        self._ends.insert(at, segment.first + behind)
        self._holds.insert(at, holds)
        return holds, behind
