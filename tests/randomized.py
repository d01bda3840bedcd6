"""Scales randomized tests: few examples in `.ci/run`, ten times as many in `.ci/full`."""

import os
from typing import Final

FACTOR: Final = 10 if os.environ.get("THOROUGH") else 1


def times(number: int) -> int:
    """Return `number`, or ten times as many if `THOROUGH` is set in the environment."""
    return FACTOR * number
