"""A terminal emulator: turns bytes into cells, and records every control sequence.

`pyte` draws. It prints unknown sequences as text, so only those that it knows are passed on. Its parser handles one
character at a time, so plain text, colours and cursor moves, which are nearly all input, bypass it.
"""

import re
from codecs import getincrementaldecoder
from collections.abc import Callable
from functools import cache
from typing import Final

import pyte
from pyte.modes import IRM
from pyte.screens import Char
from wcwidth import wcwidth

_SEQUENCE: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC
    r"|\x1b[PX^_][^\x1b]*\x1b\\"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-OQ-WYZ`-~]"  # other escapes
)
_DRAWN: Final = re.compile(r"\x1b\[(?:[0-9;]*[mHJKABCDf]|\?7[hl])")
"""The sequences that `pyte` draws: colours, cursor moves, erasing and line wrap."""
_STYLE: Final = re.compile(r"\x1b\[([0-9;]*)m")
_MOVE: Final = re.compile(r"\x1b\[([0-9]+);([0-9]+)H")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MODE: Final = re.compile(r"\x1b\[\?([0-9;]+)([hl])")
_MODE_QUERY: Final = re.compile(r"\x1b\[\?([0-9]+)\$p")
SYNCHRONIZED_OUTPUT: Final = 2026
ALTERNATE_SCREEN: Final = 1049


Cell = Char
"""Its `data` is one character with its combining characters; empty after a wide character."""


class Emulator:
    """A terminal of a size in cells; `answer` receives the bytes that it sends back to the program."""

    def __init__(self, width: int, height: int, answer: Callable[[bytes], object]) -> None:
        self.width, self.height = width, height
        self._answer = answer
        self._decode = getincrementaldecoder("utf-8")("strict").decode
        self._rest = ""
        self._primary, self._alternate = pyte.Screen(width, height), pyte.Screen(width, height)
        self._drawn: dict[Char, dict[str, Char]] = {}
        self._styled: dict[tuple[Char, str], Char] = {}
        self._show(self._primary)
        self.raw = bytearray()
        """All bytes received."""
        self.sequences: dict[str, int] = {}
        """Number of occurrences of each control sequence that is not drawn."""
        self.controls: dict[str, int] = {}
        """Control characters in the text, C0 and C1."""
        self.modes: set[int] = set()
        """The private modes that are set."""
        self.before_clear: list[list[list[Cell]]] = []
        """The cells just before each time the screen was erased."""

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
                    break  # incomplete: the rest has not arrived yet
                self._obey(found.group())
                at = found.end()
        self._rest = text[at:]

    @property
    def unfinished(self) -> str:
        """The beginning of an incomplete sequence."""
        return self._rest

    def resize(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        for screen in (self._primary, self._alternate):
            screen.resize(height, width)

    def cells(self) -> list[list[Cell]]:
        buffer, width = self._screen.buffer, range(self.width)
        return [[row[x] for x in width] for row in map(buffer.__getitem__, range(self.height))]

    def lines(self) -> list[str]:
        return ["".join([cell.data for cell in row]).rstrip() for row in self.cells()]

    @property
    def text(self) -> str:
        return "\n".join(self.lines())

    def _print(self, text: str) -> None:
        controls = _CONTROL.findall(text)
        for character in controls:
            if character not in "\r\n":
                self.controls[character] = self.controls.get(character, 0) + 1
        if controls or not self._draw(text):
            self._stream.feed(text)

    def _draw(self, text: str) -> bool:
        """Draw text at the cursor; return False, without drawing, if it has wide characters or exceeds the line."""
        screen = self._screen
        cursor = screen.cursor
        end = cursor.x + len(text)
        if end > screen.columns or IRM in screen.mode or not all(map(_is_narrow, text)):
            return False
        line = screen.buffer[cursor.y]
        drawn = self._drawn.setdefault(cursor.attrs, {})
        for x, character in enumerate(text, cursor.x):
            line[x] = drawn.get(character) or drawn.setdefault(character, cursor.attrs._replace(data=character))
        cursor.x = end
        return True

    def _obey(self, sequence: str) -> None:
        cursor = self._screen.cursor
        if style := _STYLE.fullmatch(sequence):
            change = cursor.attrs, style[1]
            if (styled := self._styled.get(change)) is None:
                self._screen.select_graphic_rendition(*(int(number or 0) for number in style[1].split(";")))
                styled = self._styled[change] = cursor.attrs
            cursor.attrs = styled
            return
        if move := _MOVE.fullmatch(sequence):
            self._screen.cursor_position(int(move[1]), int(move[2]))
            return
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


@cache
def _is_narrow(character: str) -> bool:
    return wcwidth(character) == 1
