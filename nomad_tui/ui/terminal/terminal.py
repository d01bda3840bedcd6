"""The terminal that keys come from. It may send any bytes: a paste is any content of the clipboard."""

import asyncio
import os
import select
import signal
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Timer
from typing import Final

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from nomad_tui.core.glyphs import drawn, is_utf8
from nomad_tui.ui.terminal.early import found_attributes

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


class EndingSignals:
    """Only the main thread may listen to signals; an application in another one ignores them."""

    def listen(self, end: Callable[[None, int], object]) -> None:
        """`end` is handed no result and the exit code of a program that the signal has ended."""
        loop = asyncio.get_running_loop()
        for number in _ENDING:
            with suppress(RuntimeError, ValueError):
                loop.add_signal_handler(number, end, None, 128 + number)

    def ignore(self) -> None:
        for number in _ENDING:
            with suppress(RuntimeError, ValueError):
                asyncio.get_running_loop().remove_signal_handler(number)


READ_AT_ONCE: Final = 4096
"""Bytes."""
GRACE: Final = 5.0
"""Seconds in which a program whose terminal is gone may end by itself, as its hang-up signal asks it to."""
CLEAR: Final = "\x1b[2J"
"""Empties the screen."""
LINE_TO_KEYS: Final = bytes.maketrans(b"\n\0", b"\r\4")
"""What was typed while the terminal still edited lines: Enter has become a line feed, and Ctrl+D a null."""
TICK: Final = 0.1
"""Seconds after which an Esc counts as a key of its own."""


def encoding() -> str:
    """What the terminal's locale says it takes and sends."""
    return getattr(sys.__stderr__, "encoding", None) or "utf-8"


class Terminal(LinuxDriver):
    """Textual 8.2.8 ends the program over input that is no UTF-8; here it is read as U+FFFD."""

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # The operator's editor or the shell gets the terminal as the program found it.
        self.attrs_before = found_attributes() or self.attrs_before

    def write(self, data: str) -> None:
        """Everything that is drawn passes here; what the terminal's locale lacks does not.

        Nothing is written while another program has the terminal: Textual 8.2.8 would queue it until the program hangs.
        """
        if self._writer_thread is not None and self._writer_thread.is_alive():
            super().write(data if data.isascii() or is_utf8(sys.__stderr__) else drawn(data, encoding()))

    def send_message(self, message: Message) -> None:
        """Without a coroutine, as Textual 8.2.8 has it: Python warns of one that the loop no longer gets to at exit."""
        with suppress(RuntimeError):  # the loop has been closed
            self._app.post_message(message)

    def run_input_thread(self) -> None:
        decode = getincrementaldecoder(encoding())("replace").decode
        keys = Keys()
        typed_ahead = True
        while not self.exit_event.is_set():
            readable, _, _ = select.select([self.fileno], [], [], 0 if typed_ahead else TICK)
            content = b""
            if readable:
                with suppress(OSError):
                    content = os.read(self.fileno, READ_AT_ONCE)
                if not content:
                    _end_before_long()
                    return
            if typed_ahead:
                content = content.translate(LINE_TO_KEYS)
                typed_ahead = False
            for message in keys.read(decode(content)):
                self.process_message(message)


class AsciiTerminal(Terminal):
    """The same with signs and lines drawn in ASCII; letters stay, where the terminal has them."""

    def write(self, data: str) -> None:
        super().write(data if data.isascii() else drawn(data, encoding()))


def _end_before_long() -> None:
    """For a terminal that is gone: nothing can be drawn any more, and Textual may wait for ever for its last writes."""
    end = Timer(GRACE, os._exit, (128 + signal.SIGHUP,))
    end.daemon = True
    end.start()


class Keys:
    """What a terminal's input means; a sequence that makes no sense to Textual is dropped."""

    def __init__(self) -> None:
        self._parser = XTermParser()

    def read(self, text: str) -> Iterator[Message]:
        """The messages of some more input; without any, those of a sequence that has waited for its end too long."""
        parser = self._parser
        try:
            if text:
                yield from parser.feed(text)
            yield from parser.tick()
        except Exception:  # of a parser that has to do with anything; it cannot go on after one
            self._parser = XTermParser()
