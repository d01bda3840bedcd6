"""How much an event matters to an operator: `failure`, `warning`, `change` or `routine`."""

from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """In ascending order. Events that prove nothing are routine."""

    ROUTINE = 0
    CHANGE = 1
    """Registered, scaled, promoted, started, stopped on purpose, created, deleted."""
    WARNING = 2
    """May recover by itself, or waits for somebody."""
    FAILURE = 3

    @property
    def word(self) -> str:
        return _WORDS[self]


_WORDS: Final = tuple(level.name.lower() for level in Level)


def read_level(written: str) -> Level | None:
    """The level named by a word or the beginning of one; None if there is none."""
    word = written.lower()
    return next((level for level in Level if word and level.word.startswith(word)), None)
