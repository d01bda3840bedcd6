"""A terminal: bytes go in, cells come out, and every control sequence is kept.

`pyte` draws. It prints what it does not know, so only sequences that it knows reach it; the rest is recorded.
"""

import re
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Final, NamedTuple

import pyte
from pyte.screens import Char

_SEQUENCE: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC
    r"|\x1b[PX^_][^\x1b]*\x1b\\"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-OQ-WYZ`-~]"  # other escapes
)
_DRAWN: Final = re.compile(r"\x1b\[(?:[0-9;]*[mHJKABCDf]|\?7[hl])")
"""Colours, moves, erasing and line wrap: what `pyte` draws."""
_MODE: Final = re.compile(r"\x1b\[\?([0-9;]+)([hl])")
_MODE_QUERY: Final = re.compile(r"\x1b\[\?([0-9]+)\$p")
SYNCHRONIZED_OUTPUT: Final = 2026
ALTERNATE_SCREEN: Final = 1049


class Cell(NamedTuple):
    text: str
    foreground: str
    background: str
    bold: bool
    reverse: bool
    underline: bool


class Emulator:
    """A terminal of a size in cells; `answer` takes the bytes that it sends back to the program."""

    def __init__(self, width: int, height: int, answer: Callable[[bytes], object]) -> None:
        self.width, self.height = width, height
        self._answer = answer
        self._decode = getincrementaldecoder("utf-8")("strict").decode
        self._rest = ""
        self._primary, self._alternate = pyte.Screen(width, height), pyte.Screen(width, height)
        self._show(self._primary)
        self.raw = bytearray()
        """All that has arrived, in order."""
        self.sequences: dict[str, int] = {}
        """Control sequences other than those that are drawn, and how often each has come."""
        self.controls: dict[str, int] = {}
        """Single control characters in the text, C0 and C1."""
        self.modes: set[int] = set()
        """Private modes that are set."""
        self.before_clear: list[list[list[Cell]]] = []
        """The cells at each erasing of the whole screen, just before it."""

    def feed(self, received: bytes) -> None:
        self.raw += received
        text = self._rest + self._decode(received)
        at = 0
        while at < len(text):
            escape = text.find("\x1b", at)
            if escape < 0:
                escape = len(text)
            if escape > at:
                self._print(text[at:escape])
            at = escape
            if at < len(text):
                found = _SEQUENCE.match(text, at)
                if found is None:
                    break  # the rest of it is still to come
                self._obey(found.group())
                at = found.end()
        self._rest = text[at:]

    @property
    def unfinished(self) -> str:
        """The beginning of a sequence whose end has not come."""
        return self._rest

    def resize(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        for screen in (self._primary, self._alternate):
            screen.resize(height, width)

    def cells(self) -> list[list[Cell]]:
        buffer, width = self._screen.buffer, range(self.width)
        return [[_cell(buffer[y][x]) for x in width] for y in range(self.height)]

    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines())

    def _print(self, text: str) -> None:
        for character in text:
            if (character < " " and character not in "\r\n") or "\x7f" <= character <= "\x9f":
                self.controls[character] = self.controls.get(character, 0) + 1
        self._stream.feed(text)

    def _obey(self, sequence: str) -> None:
        if _DRAWN.fullmatch(sequence):
            if sequence == "\x1b[2J":
                self.before_clear.append(self.cells())
            self._stream.feed(sequence)
            return
        self.sequences[sequence] = self.sequences.get(sequence, 0) + 1
        if mode := _MODE.fullmatch(sequence):
            for number in map(int, mode[1].split(";")):
                self._set_mode(number, mode[2] == "h")
        elif query := _MODE_QUERY.fullmatch(sequence):
            state = 2 if int(query[1]) == SYNCHRONIZED_OUTPUT else 0
            self._answer(f"\x1b[?{query[1]};{state}$y".encode())

    def _set_mode(self, number: int, is_set: bool) -> None:
        (self.modes.add if is_set else self.modes.discard)(number)
        if number == ALTERNATE_SCREEN:
            self._show(self._alternate if is_set else self._primary)
            if is_set:
                self._screen.reset()

    def _show(self, screen: pyte.Screen) -> None:
        self._screen, self._stream = screen, pyte.Stream(screen)


def _cell(char: Char) -> Cell:
    return Cell(char.data, char.fg, char.bg, char.bold, char.reverse, char.underscore)
