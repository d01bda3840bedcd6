"""A task's log as text to be read: bounded, without control sequences, and whole lines where bytes come in pieces."""

import codecs
import re
from collections import deque
from typing import Final

from nomad_tui.core.text import ELLIPSIS, printable

MOST_LINES: Final = 10_000
MOST_CHARACTERS: Final = 1_000_000
LONGEST_LINE: Final = 8_000
TAB: Final = 4

_SEQUENCES: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colors and cursor movements
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # titles, links and the like, with all that they hold
    r"|\x1b[ -/]*[0-~]"
)


class LogText:
    """The end of a log."""

    def __init__(self, most_lines: int = MOST_LINES, most_characters: int = MOST_CHARACTERS) -> None:
        self._most_lines = most_lines
        self._most_characters = most_characters
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._lines: deque[str] = deque()
        self._characters = 0
        self._rest = ""
        """A line that has not ended yet."""
        self.dropped = 0
        """Lines, from the oldest, that there was no more room for."""

    def feed(self, content: bytes) -> None:
        text = self._rest + self._decoder.decode(content)
        *lines, self._rest = text.split("\n")
        for line in lines:
            self._add(line)
        if len(self._rest) > 4 * LONGEST_LINE:  # what would be cut anyway is not kept until the line ends
            self._rest = self._rest[: 2 * LONGEST_LINE]

    def _add(self, line: str) -> None:
        line = cleaned(line)
        self._lines.append(line)
        self._characters += len(line) + 1
        while len(self._lines) > self._most_lines or self._characters > self._most_characters:
            self._characters -= len(self._lines.popleft()) + 1
            self.dropped += 1

    @property
    def text(self) -> str:
        """All lines, the one under way too; fit to be drawn but for their line feeds."""
        rest = [cleaned(self._rest)] if self._rest else []
        return "\n".join([*self._lines, *rest])

    def __len__(self) -> int:
        return len(self._lines) + bool(self._rest)


def cleaned(line: str) -> str:
    """A line without what a terminal would act on, cut to `LONGEST_LINE`."""
    line = line[: 4 * LONGEST_LINE]
    if not (line.isascii() and line.isprintable()):
        line = printable(_SEQUENCES.sub("", line.rstrip("\r")).expandtabs(TAB))
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + ELLIPSIS
