"""Texts, docstrings, README and manual keep out phrases for which a plain one exists, and errors are short."""

import re
import textwrap
from pathlib import Path

import pytest

from tests.manual.blocks import FILES
from tests.strings import Text, docstrings, errors, shown
from tests.troubleshooting import EXAMPLES, cases

BANNED = {
    r"stands? between": "name what fails: connection, token or event stream",
    r"lost for good": "gave up reconnecting",
    r"needs no looking up": "no DNS lookup needed",
    r"gone on with": "continued, resumed",
    r"nothing lies": "no events there",
    r"took the connection": "connected in …",
    r"nothing that was asked for": "none of these topics",
    r"\bis told\b": "is shown, is reported",
    r"\bveil(ed|s)?\b": "mask",
    r"so long ago": "this long ago",
    r"has an own\b|of its own accord": "its own; by itself",
    r"no looking up": "no lookup",
    r"the picture freezes|freeze the picture": "pause the display",
    r"where am i\b": "switch cluster",
    r"a sentence an event": "one line per event",
    r"(?<!there )\bis no (setting|filter|header|file|folder|name|number|time|list|color|key|action|path)\b": "is not a",
    r"nothing listens": "connection refused",
    r"belongs there": "write a …",
    r"\bstands? here": "is set",
    r"as it came\b": "raw",
    r"holds? the stream back": "buffers the stream",
    r"nobody here": "there is no user",
    r"made anew": "recreated",
    r"to be had\b": "available",
    r"without a word\b": "without a reason",
    r"\bsee that you": "check that you",
    r"\btold\b": "reported, shown",
    r"is asked again": "retried, rechecked",
    r"quotes make": "quote it to …",
    r"\b(synchronis|recognis|behaviour)": "American spelling",
}
"""For texts and pages. Extend it as parts of the program are rewritten."""
IN_DOCSTRINGS = {
    r"lost for good": "gave up reconnecting",
    r"gone on with": "continued, resumed",
    r"\btold\b": "reported, shown",
    r"needs no looking up|no looking up": "no lookup",
    r"(synchronis|recognis|behaviour)": "American spelling",
}


def pages() -> list[Text]:
    return [Text(file.name, paragraph) for file in FILES for paragraph in Path(file).read_text().split("\n\n")]


@pytest.mark.parametrize("phrase", BANNED, ids=str)
def test_no_text_or_page_has_a_banned_phrase(phrase: str) -> None:
    found = [str(text) for text in (*shown(), *pages()) if re.search(phrase, text.text, re.IGNORECASE)]
    assert found == [], f"write: {BANNED[phrase]}"


@pytest.mark.parametrize("phrase", IN_DOCSTRINGS, ids=str)
def test_no_docstring_has_a_banned_phrase(phrase: str) -> None:
    found = [str(text) for text in docstrings() if re.search(phrase, text.text, re.IGNORECASE)]
    assert found == [], f"write: {IN_DOCSTRINGS[phrase]}"


def lines(text: str) -> int:
    return len(textwrap.wrap(text, 80))


def test_errors_fit_two_lines_of_80_columns() -> None:
    found = list(errors())
    assert len(found) > 300
    assert [str(text) for text in found if lines(f"nomad-tui: {text.text}") > 2] == []


def test_a_diagnosis_fits_two_lines_of_80_columns_and_its_remedy_two_more() -> None:
    facts = {"name": "OSError: unknown", **EXAMPLES}
    for case, examples in cases():
        what, why, remedy = (part.format_map(facts | examples) for part in (case.what, case.why, case.remedy))
        assert lines(f"{what}: {why}.") <= 2, what
        assert lines(f"{remedy}.") <= 2, remedy


def test_every_text_is_listed() -> None:
    listed = [text.text for text in shown()]
    assert len(listed) > 1500
    for known in ("Diagnose the connection, token and event stream.", "Exit after this many events.", "{} is {}"):
        assert any(known in text for text in listed), known
