"""Filters typed earlier, oldest first, kept from one run to the next."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from nomad_tui.config.folders import FileError, read_text, shown, write_text
from nomad_tui.core.text import printable

FILE: Final = "filter-history"
"""One filter a line, in the folder of the program's state."""
MOST_FILTERS: Final = 200
LONGEST_FILTER: Final = 2_000
"""Characters. A longer one was pasted by mistake, and would be no help in the history."""


class FilterHistory:
    def __init__(self, folder: Path | None = None) -> None:
        """`folder` None keeps the history in memory only."""
        self._file = None if folder is None else folder / FILE
        self.trouble = ""
        """The last thing that went wrong with the file, as sentences; the history continues in memory."""
        self.texts: tuple[str, ...] = ()
        """Newest last, each of them once."""
        try:
            self.texts = self._read()
        except FileError as error:
            self.trouble = f"{error} The history of filters starts empty."

    def remember(self, text: str) -> None:
        """Makes `text` the newest. Another program that remembers filters meanwhile loses none."""
        text = printable(text.strip())
        if not text or len(text) > LONGEST_FILTER:
            return
        try:
            kept = self._read() or self.texts
        except FileError:
            kept = self.texts
        texts = _newest((*kept, text))
        if texts == self.texts == kept:
            return
        self.texts = texts
        if self._file is None:
            return
        try:
            write_text(self._file, "".join(f"{each}\n" for each in texts))
        except FileError as error:
            self.trouble = f"{error} Filters are remembered until the program ends."
            self._file = None

    def _read(self) -> tuple[str, ...]:
        if self._file is None:
            return self.texts
        text = read_text(self._file) or ""
        if "\0" in text:
            raise FileError(f"{shown(self._file)} is not a filter history.")
        lines = (printable(line.strip()) for line in text.split("\n"))
        return _newest(line for line in lines if 0 < len(line) <= LONGEST_FILTER)


def _newest(texts: Iterable[str]) -> tuple[str, ...]:
    """Each text once, where it stood last, and no more than are kept."""
    in_order = tuple(dict.fromkeys(reversed(tuple(texts))))
    return tuple(reversed(in_order[:MOST_FILTERS]))
