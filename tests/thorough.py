"""How much is left to chance: little in `.ci/run`, ten times as much in `.ci/full`."""

import os
from typing import Final

FACTOR: Final = 10 if os.environ.get("THOROUGH") else 1


def times(number: int) -> int:
    """So many examples or inputs; with `THOROUGH` set in the environment ten times as many."""
    return FACTOR * number
