"""Which events are shown: topics that are not hidden, and words that all occur somewhere in an event.

A filter is a value; `Matcher` applies it to the columns of a history. Whatever the envelope alone can decide is decided
per object, not per event, and a row's sentence is only looked at for the words that are not found there.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import zstandard

from nomad_tui.core.history import GAP_SUBJECT, History, Segment, Subject
from nomad_tui.core.rows import sentence
from nomad_tui.core.topics import released_word

ROWS_A_STEP: Final = 48
"""Sentences derived between two chances to yield: about half a millisecond of work."""

WORDS_A_STEP: Final = 4_000
"""Words looked for in envelopes between two chances to yield: under a millisecond of work."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Shows an event if its topic is not hidden and every word occurs in it, whatever the case."""

    words: tuple[str, ...] = ()
    """In lower case. Looked for in topic, type, key, namespace, job and the row's sentence."""
    hidden_topics: frozenset[str] = frozenset()
    """Released names."""

    @classmethod
    def parse(cls, text: str, hidden_topics: frozenset[str] = frozenset()) -> "Filter":
        """From what an operator typed: words between white space, each of which must occur."""
        return cls(tuple(dict.fromkeys(released_word(word) for word in text.split())), hidden_topics)

    @property
    def everything(self) -> bool:
        """True if no event is left out."""
        return not self.words and not self.hidden_topics


class Matcher:
    """One filter over one history."""

    def __init__(self, history: History, chosen: Filter) -> None:
        self.filter = chosen
        self._history = history
        self._all_found = (1 << len(chosen.words)) - 1
        self._found_in_subject: dict[int, tuple[Subject, int]] = {}
        self._found_in_type: list[int] = []

    def matches(self, sequence: int) -> bool:
        """Whether one held row is shown; gaps always are."""
        segment = self._history.segment_of(sequence)
        row = sequence - segment.first
        found = array("Q")
        for _ in self.search(segment, row, row + 1, found):
            pass
        return bool(found)

    def search(self, segment: Segment, start: int, stop: int, found: "array[int]") -> Iterator[None]:
        """Appends the sequence numbers of matching rows in [start, stop) to `found`, in order.

        A generator, so that a search can be interrupted: it yields after every millisecond or so of work.
        """
        if self.filter.everything:
            found.extend(range(segment.first + start, segment.first + stop))
            return
        masks: dict[int, int] = {GAP_SUBJECT: self._all_found}
        for _ in self._learn_subjects(segment, start, stop, masks):
            yield
            if self._is_evicted(segment):
                return
        self._learn_types()
        types = self._found_in_type
        all_found = self._all_found
        first = segment.first
        undecided: list[tuple[int, int]] = []
        shown: list[int] = []
        for row in range(start, stop):
            mask = masks[segment.subject[row]]
            if mask < 0:
                continue
            mask |= types[segment.type[row]] if mask != all_found else 0
            if mask == all_found:
                shown.append(row)
            else:
                undecided.append((row, all_found & ~mask))
        if undecided:
            yield
            yield from self._search_sentences(segment, undecided, shown)
            shown.sort()
        found.extend([first + row for row in shown])

    def _is_evicted(self, segment: Segment) -> bool:
        """True if the segment was dropped while the search was interrupted: none of its rows can be shown."""
        return segment.first < self._history.first

    def _learn_subjects(self, segment: Segment, start: int, stop: int, masks: dict[int, int]) -> Iterator[None]:
        """Adds per subject number which words its envelope holds, as bits; -1 for a hidden topic."""
        numbers = segment.subject if (start, stop) == (0, len(segment)) else segment.subject[start:stop]
        looked_at = 0
        for number in set(numbers) - {GAP_SUBJECT}:
            subject = self._history.subject(number)
            assert subject is not None, "subjects are kept while an event of them is held"
            known = self._found_in_subject.get(number)
            # A number is given to another subject once the first one's events have been evicted.
            if known is None or known[0] is not subject:
                known = self._found_in_subject[number] = (subject, self._mask(subject))
                looked_at += len(self.filter.words) + 1
                if looked_at > WORDS_A_STEP:
                    looked_at = 0
                    yield
            masks[number] = known[1]

    def _mask(self, subject: Subject) -> int:
        if subject.topic in self.filter.hidden_topics:
            return -1
        text = "\n".join((subject.topic, subject.key, subject.namespace, subject.job)).lower()
        return sum(1 << bit for bit, word in enumerate(self.filter.words) if word in text)

    def _learn_types(self) -> None:
        names = self._history.type_names()
        for name in names[len(self._found_in_type) :]:
            lower = name.lower()
            self._found_in_type.append(sum(1 << bit for bit, word in enumerate(self.filter.words) if word in lower))

    def _search_sentences(self, segment: Segment, undecided: list[tuple[int, int]], shown: list[int]) -> Iterator[None]:
        words = self.filter.words
        if self._history.is_filled(segment):
            if segment.text is None:
                yield from self._keep_sentences(segment)
            if segment.text is None:
                return
            text = _DECOMPRESSOR.decompress(segment.text).decode()
            if not any(word in text for word in words):
                return
            sentences = text.split("\n")
            shown.extend(
                row
                for row, missing in undecided
                if all(word in sentences[row] for bit, word in enumerate(words) if missing >> bit & 1)
            )
            return
        for count, (row, missing) in enumerate(undecided):
            if count % ROWS_A_STEP == 0:
                yield
            if self._is_evicted(segment):
                return
            text = sentence(self._history, segment.first + row).text.lower()
            if all(word in text for bit, word in enumerate(words) if missing >> bit & 1):
                shown.append(row)

    def _keep_sentences(self, segment: Segment) -> Iterator[None]:
        """Derives every sentence of a filled segment once; later searches read them at 100 million rows a minute."""
        lines: list[str] = []
        for row in range(len(segment)):
            if row % ROWS_A_STEP == 0:
                yield
            if self._is_evicted(segment):
                return
            is_gap = segment.subject[row] == GAP_SUBJECT
            lines.append("" if is_gap else sentence(self._history, segment.first + row).text.lower())
        # A copy, as `History` makes of its blocks: the compressor's own result keeps its worst-case buffer.
        self._history.keep_text(segment, bytes(memoryview(_COMPRESSOR.compress("\n".join(lines).encode()))))


_COMPRESSOR: Final = zstandard.ZstdCompressor(level=1)
_DECOMPRESSOR: Final = zstandard.ZstdDecompressor()
