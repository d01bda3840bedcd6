"""The terminal driver. Its input may be arbitrary bytes: a paste can hold anything from the clipboard."""

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

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)


class EndingSignals:
    """Ends the application on a termination signal, if it runs in the main thread: others cannot handle signals."""

    def listen(self, end: Callable[[None, int], object]) -> None:
        """Calls `end` with None and the exit code for the signal, 128 + its number."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            with suppress(RuntimeError, ValueError):
                loop.add_signal_handler(number, end, None, 128 + number)

    def ignore(self) -> None:
        for number in _SIGNALS:
            with suppress(RuntimeError, ValueError):
                asyncio.get_running_loop().remove_signal_handler(number)


READ_SIZE: Final = 4096
"""Bytes per read."""
EXIT_TIMEOUT: Final = 5.0
"""Seconds that the program has to exit by itself, on SIGHUP, after its terminal is gone."""
CLEAR: Final = "\x1b[2J"
"""Clears the screen."""
LINE_TO_KEYS: Final = bytes.maketrans(b"\n\0", b"\r\4")
"""Restores keys typed while the terminal was in line mode: it turned Enter into a line feed and Ctrl+D into a null."""
ESCAPE_DELAY: Final = 0.1
"""Seconds after which a lone Esc is a key and no longer the start of a sequence."""


def encoding() -> str:
    """The encoding of the terminal's locale."""
    return getattr(sys.__stderr__, "encoding", None) or "utf-8"


class Terminal(LinuxDriver):
    """Reads input that is not UTF-8 as U+FFFD; Textual 8.2.8 would exit."""

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # Restored for an editor or the shell: the attributes before `early` changed them.
        self.attrs_before = found_attributes() or self.attrs_before

    def write(self, data: str) -> None:
        """Writes `data`, with replacements for characters that the terminal's locale lacks.

        Writes nothing while another program has the terminal: Textual 8.2.8 would fill its queue and block.
        """
        if self._writer_thread is not None and self._writer_thread.is_alive():
            super().write(data if data.isascii() or is_utf8(sys.__stderr__) else drawn(data, encoding()))

    def send_message(self, message: Message) -> None:
        """Posts without a coroutine, unlike Textual 8.2.8: Python warns of coroutines that never ran at exit."""
        with suppress(RuntimeError):  # the event loop is closed
            self._app.post_message(message)

    def run_input_thread(self) -> None:
        decode = getincrementaldecoder(encoding())("replace").decode
        keys = Keys()
        typed_ahead = True
        while not self.exit_event.is_set():
            readable, _, _ = select.select([self.fileno], [], [], 0 if typed_ahead else ESCAPE_DELAY)
            content = b""
            if readable:
                with suppress(OSError):
                    content = os.read(self.fileno, READ_SIZE)
                if not content:
                    _exit_after_timeout()
                    return
            if typed_ahead:
                content = content.translate(LINE_TO_KEYS)
                typed_ahead = False
            for message in keys.read(decode(content)):
                self.process_message(message)


class AsciiTerminal(Terminal):
    """Draws symbols and lines in ASCII, and letters as they are if the terminal's encoding has them."""

    def write(self, data: str) -> None:
        super().write(data if data.isascii() else drawn(data, encoding()))


def _exit_after_timeout() -> None:
    """Exits even if Textual waits forever for its last writes to a terminal that is gone."""
    end = Timer(EXIT_TIMEOUT, os._exit, (128 + signal.SIGHUP,))
    end.daemon = True
    end.start()


class Keys:
    """Parses a terminal's input into messages; drops sequences that Textual cannot parse."""

    def __init__(self) -> None:
        self._parser = XTermParser()

    def read(self, text: str) -> Iterator[Message]:
        """The messages in `text`; if it is empty, those of an incomplete sequence that has timed out."""
        parser = self._parser
        try:
            if text:
                yield from parser.feed(text)
            yield from parser.tick()
        except Exception:  # arbitrary input can raise any; the parser is unusable afterwards
            self._parser = XTermParser()
