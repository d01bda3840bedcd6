"""The README's pictures show the program's actual screens; `python -m tests.scenes` regenerates them."""

import pytest
import textual

from tests import scenes
from tests.dashboard import drawn
from tests.scenes import FOLDER, SCENES, VERSION_FILE

SAME_TEXTUAL = VERSION_FILE.read_text("utf-8").strip() == textual.__version__
"""Other Textual versions may draw the same screen with other bytes; the text on it stays the same."""


@pytest.mark.parametrize("name", SCENES)
async def test_a_picture_shows_what_the_program_shows(name: str) -> None:
    kept = (FOLDER / f"{name}.svg").read_text("utf-8")
    made = await scenes.draw(SCENES[name])
    assert drawn(made) == drawn(kept), "if this is meant: python -m tests.scenes, and look at the picture"
    if SAME_TEXTUAL:
        assert made == kept, "the same text looks otherwise; if this is meant: python -m tests.scenes"


def test_every_picture_is_one_of_the_scenes() -> None:
    assert {file.stem for file in FOLDER.glob("*.svg")} == set(SCENES)
    assert all(drawn(file.read_text("utf-8")) for file in FOLDER.glob("*.svg"))
