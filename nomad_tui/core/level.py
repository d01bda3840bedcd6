"""How much an event matters to an operator: `failure`, `warning`, `change` or `routine`."""

from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """The least first. What proves nothing is routine."""

    ROUTINE = 0
    CHANGE = 1
    """Registered, scaled, promoted, started, stopped on purpose, created, deleted."""
    WARNING = 2
    """It may mend itself, or waits for somebody."""
    FAILURE = 3

    @property
    def word(self) -> str:
        return _WORDS[self]


_WORDS: Final = tuple(level.name.lower() for level in Level)


def read_level(written: str) -> Level | None:
    """The level that a word, or how it begins, names; None for no level."""
    word = written.lower()
    return next((level for level in Level if word and level.word.startswith(word)), None)
