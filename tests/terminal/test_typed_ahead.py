"""Keys typed before the first picture, as after `nomad-tui open FILE` and Enter, without a pause."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.terminal.program import running


@pytest.mark.parametrize(
    ("seconds", "keys", "shown"),
    [
        (0.0, ["/", "failed", "enter", "home", "down"], ["/ failed", "row 2 of 6"]),
        (0.3, [":", "12", "enter", "down", "enter"], ["row 6 of 625", "E Unfold all"]),
    ],
)
def test_they_act_in_their_order_once_it_is_there(
    seconds: float, keys: Sequence[str], shown: Sequence[str], tour: Path, home: Path
) -> None:
    with running("open", tour, size=(100, 30), home=home) as program:
        program.read_for(seconds)
        program.press(*keys).wait_for(*shown)
