"""Key tables, settings, metrics, exit codes, topics and errors in the manual match the code."""

import pytest

from nomad_tui.manual import Page, pages
from tests.manual.generated import PARTS, parts, written


@pytest.mark.parametrize("page", [page for page in pages() if parts(page.text)], ids=lambda page: page.topic)
def test_the_generated_parts_match_the_code(page: Page) -> None:
    assert written(page.text) == page.text, "run python -m tests.manual --write"


def test_every_generated_part_is_in_the_manual_once() -> None:
    assert sorted(part for page in pages() for part in parts(page.text)) == sorted(PARTS)
