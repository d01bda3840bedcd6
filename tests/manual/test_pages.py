"""Every page can be found, and reads well in a terminal of 80 columns."""

import re
from pathlib import Path

import pytest

from nomad_tui.manual import INDEX, Page, find_page, pages
from nomad_tui.manual.rendering import rendered
from nomad_tui.ui.dialogs.help import page_lines

FOLDER = Path(__file__).parents[2] / "nomad_tui" / "manual"
LINK = re.compile(r"\]\(([^)]+)\)")


def anchors(text: str) -> set[str]:
    """The anchors of a page's sections, as GitHub generates them."""
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_index_links_every_page_once() -> None:
    [index] = (page for page in pages() if page.topic == INDEX)
    linked = re.findall(r"\]\(([a-z-]+)\.md\)", index.text)
    assert sorted(linked) == sorted(page.topic for page in pages() if page.topic != INDEX)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.topic)
def test_a_page_has_a_title_a_summary_and_working_links(page: Page) -> None:
    assert page.text.startswith("# ")
    assert re.fullmatch(r"[A-Z`].{10,200}[.:]", page.summary), "begin with one sentence that says what the page is for"
    for target in LINK.findall(page.text):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        path = FOLDER / file if file else FOLDER / f"{page.topic}.md"
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), target
    begun = {line.section for line in page_lines(page.topic, 80)}
    assert begun >= set(page.sections), "the help goes to each section"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.topic)
def test_a_page_fits_80_columns(page: Page) -> None:
    text = rendered(page)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "\x1b" not in text and "<!--" not in text and "](" not in text


def test_a_page_is_found_by_its_name_its_prefix_and_two_words() -> None:
    for words in ("start", "START", "star", "start.md"):
        page = find_page(words)
        assert page is not None and page.topic == "start", words
    for words in ("slack", "sink slack", "sink-sl"):
        page = find_page(words)
        assert page is not None and page.topic == "sink-slack", words
    nats = find_page("nats")
    assert nats is not None and nats.topic == "nats"
    assert find_page("nothing such") is None
