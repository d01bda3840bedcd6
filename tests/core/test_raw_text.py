"""Searching payload bytes instead of sentences never misses a word that only cluster data can contribute."""

import re
from itertools import pairwise

import pytest

from nomad_tui.core.filter import Filter
from nomad_tui.core.filter.text import Text
from nomad_tui.core.history.derived import Derived
from nomad_tui.core.history.event_row import sentence
from nomad_tui.core.history.history import History
from nomad_tui.core.search.phrases import PHRASES
from nomad_tui.core.search.raw_text import RawText, from_cluster
from nomad_tui.core.search.view import View
from nomad_tui.core.wire import Frame, decode
from tests import phrases, recordings
from tests.core.test_view import finish, rows

NAMES = ("tour", "beta", "hostile", "load")
REPLACED = (
    (b"edge", b"Zinfandel"),
    (b"flaky", b"fl\\u0061kyer"),
    (b"ledger", b"quux\\u003cledger"),
    (b"web", b"WEBSITE"),
)
"""Names of nodes and jobs in other forms: capitalized, and escaped as JSON encoders do."""


def filled(name: str, replace: bool) -> History:
    """Return the recording, repeated until most blocks are full and compressed."""
    history = History()
    lines = recordings.lines(name)
    while history.end < 2_500 and history.retained_bytes < 2**20:
        for number, line in enumerate(lines):
            changed = line
            for old, new in REPLACED if replace and number % 3 == 0 else ():
                changed = changed.replace(old, new)
            if isinstance(frame := decode(changed), Frame):
                history.append(frame, 0)
                if history.end >= 2_500:
                    break
    return history


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_every_row_with_the_word_is_a_candidate(name: str, replace: bool) -> None:
    history = filled(name, replace)
    derived = Derived(history)
    places: dict[str, list[int]] = {}
    for sequence in range(history.first, history.end):
        parts = sentence(history, sequence)
        texts = [part.text for part in parts.happened]
        meeting = [first[-1:].isalpha() and second[:1].isalpha() for first, second in pairwise(texts)]
        assert not any(meeting), f"two parts of {parts.text!r} meet within a word"
        words = {*re.findall(r"[a-zA-Z]{4,}", parts.text), *re.findall(r"[\w-]{6,}", parts.text)}
        for word in words | {word[:8] for word in words}:
            for found in {word, word.lower(), word[1:], word[:-1]}:
                places.setdefault(found, []).append(sequence)
    looked_for = 0
    for word, sequences in places.items():
        part = from_cluster(Text(word))
        if part is None:
            continue
        raw = RawText(part, history, derived.payloads)
        for sequence in sequences:
            segment = history.segment_of(sequence)
            assert raw.may_be_in(segment, sequence - segment.first), f"{word} in row {sequence}"
            looked_for += 1
    assert looked_for or name == "hostile"


def test_the_words_of_all_phrases_are_listed() -> None:
    missing = [word for word in phrases.words() if word not in PHRASES]
    assert not missing, "python -m tests.phrases --write adds them"


def test_most_rows_without_the_word_are_skipped() -> None:
    history = filled("load", replace=False)
    derived = Derived(history)
    raw = RawText("nowhere", history, derived.payloads)
    asked = sum(raw.may_be_in(segment, row) for segment in history.segments() for row in range(len(segment)))
    assert asked < len(history) / 10
    view = View(history, Filter.parse("pending nowhere"), derived=derived)
    finish(view)
    assert rows(view) == []


@pytest.mark.parametrize(
    "word",
    [
        "pending",
        "rescheduled",
        "allocations",
        "allocation",
        "memory",
        "v123",
        "web",
        "1d20h30m",
        "250000",
        "/led+ger/i",
    ],
)
def test_words_of_phrases_and_numbers_are_searched_in_sentences(word: str) -> None:
    regular = word.startswith("/")
    assert from_cluster(Text(word.strip("/i"), True) if regular else Text(word)) is None


@pytest.mark.parametrize(
    ("word", "part"),
    [("edge-1", "edge"), ("Ledgers", "ledger"), ("3fa85f64", "3fa85f64"), ("pending-ledger-2", "ledger")],
)
def test_names_and_ids_are_searched_in_payloads(word: str, part: str) -> None:
    assert from_cluster(Text(word)) == part
