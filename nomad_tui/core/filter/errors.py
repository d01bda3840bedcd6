"""The one error of the filter language, and how it quotes what was typed."""

from typing import Final

from nomad_tui.core.text import printable

LONGEST_QUOTE: Final = 40
"""Characters of the filter that an error repeats; the place it points at shows the rest."""


class FilterError(ValueError):
    """A text that is no filter. `str()` of it is what is wrong and what would be accepted there."""

    def __init__(self, text: str, position: int, length: int = 1) -> None:
        super().__init__(text)
        self.text = text
        """One or two sentences, fit to be drawn."""
        self.position = position
        """Characters from the start of the filter; its length where something is missing at the end."""
        self.length = max(1, length)
        """Characters to point at."""


def shown(text: str) -> str:
    """A part of the filter in double quotes, fit to be drawn."""
    return f'"{printable(text, LONGEST_QUOTE)}"'
