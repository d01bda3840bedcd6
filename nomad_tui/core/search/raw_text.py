"""Leaves out, by its payload's bytes alone, events whose sentence cannot hold a word: to derive one takes 40 µs.

A sentence takes its words from phrases of this program, from numbers, and from texts of the cluster: those of the
event's payload, of its object's payload before, and names of other objects. So a word of letters that is in no phrase
is in one of these payloads, if it is in the sentence. It is looked for in the blocks of the history that hold them.
"""

from typing import Final

from nomad_tui.core.filter.text import Text
from nomad_tui.core.history.derived import PayloadReader
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import Segment
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.regular import literal as ignoring_case
from nomad_tui.core.search.phrases import PHRASES

_KINDS: Final = frozenset(("Allocation", "Deployment", "Evaluation", "Job", "Node"))
"""Whose sentences keep to this; others are few."""
_PLAIN: Final = lazy_pattern(r"[A-Za-z]{4,}")
_OTHER_LETTERS: Final = lazy_pattern(rb"\\u(?:00[4-7]|212[aA]|0130)|\xe2\x84\xaa|\xc4\xb0")
"""Letters in another form: escaped, or whose lower case is an ASCII letter."""
_MEMBERS: Final = ((b'"PreemptedByAllocation"', b':""'), (b'"ConstraintFiltered"', b":null"))
"""Where a sentence may name other objects, or leave out characters within a text, and their empty values."""


def is_from_cluster(looked_for: Text) -> bool:
    """Whether only the cluster can have put what is looked for into a sentence."""
    word = looked_for.literal
    if word is None or _PLAIN.fullmatch(word) is None:
        return False
    # A plural may be made of a noun and an `s`; else no two texts meet within a word.
    return word.lower().removesuffix("s") not in PHRASES


def _is_special(content: bytes) -> bool:
    """Whether a sentence may have words that are not in the bytes. (A single expression for it takes ten times as
    long.)"""
    if (b"\\" in content or not content.isascii()) and _OTHER_LETTERS.search(content) is not None:
        return True
    return any((held := content.count(name)) and held != content.count(name + empty) for name, empty in _MEMBERS)


class RawText:
    """Finds the rows in whose sentence one word may be."""

    def __init__(self, word: Text, history: History, payloads: PayloadReader) -> None:
        """`word` is one for which `is_from_cluster` is true."""
        assert word.literal is not None
        self._found = ignoring_case(word.literal.lower().removesuffix("s").encode())
        self._history = history
        self._payloads = payloads
        self._blocks: dict[tuple[int, int], bool] = {}
        """What was found, per segment, by its first sequence number, and block."""

    def may_be_in(self, segment: Segment, row: int) -> bool:
        """Whether the sentence of a row, if it has one, may hold the word."""
        subject = self._history.subject(segment.subject[row])
        if subject is None:
            return False
        if subject.topic not in _KINDS or self._is_in_block(segment, row):
            return True
        distance = segment.distance[row]
        if distance <= row:
            return distance > 0 and self._is_in_block(segment, row - distance)
        before = segment.first + row - distance
        if before < self._history.first:
            return False
        earlier = self._history.segment_of(before)
        return self._is_in_block(earlier, before - earlier.first)

    def _is_in_block(self, segment: Segment, row: int) -> bool:
        number = segment.block_of(row)
        found = self._blocks.get((segment.first, number))
        if found is None:
            if not segment.blocks[number].is_full:
                return True  # it may still grow
            content, _ = self._payloads.block(segment, row)
            found = self._blocks[segment.first, number] = self._found(content) or _is_special(content)
        return found
