"""The README tells of troubles in the program's own words."""

from tests.troubleshooting import BEGINNING, END, README, written


def test_the_readme_has_the_texts_that_the_program_shows() -> None:
    readme = README.read_text()
    assert readme.count(BEGINNING) == readme.count(END) == 1
    assert written(readme) == readme, "run python -m tests.troubleshooting --write"
