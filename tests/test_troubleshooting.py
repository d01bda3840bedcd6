"""The README tells of troubles and keys in the program's own words."""

from types import ModuleType

import pytest

from tests import key_tables, troubleshooting


@pytest.mark.parametrize("made", (troubleshooting, key_tables), ids=lambda made: made.__name__)
def test_the_readme_has_the_texts_that_the_program_shows(made: ModuleType) -> None:
    readme = made.README.read_text()
    assert readme.count(made.BEGINNING) == readme.count(made.END) == 1
    assert made.written(readme) == readme, f"run python -m {made.__name__} --write"
