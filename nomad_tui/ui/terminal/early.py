"""Keeps keys that are typed before the dashboard reads them: no echo, and no line editing.

Ctrl+C and Ctrl+Z still interrupt and stop the program. The terminal is restored however the program ends.
"""

import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_original: list[Any] | None = None


def found_attributes() -> list[Any] | None:
    """The terminal's attributes before `keys_kept` changed them; None if it did not."""
    return _original


@contextmanager
def keys_kept() -> Iterator[None]:
    """Within the block, standard input buffers keys until the dashboard takes over the terminal."""
    global _original  # there is one terminal
    before: dict[int, Any] = {}
    with suppress(AttributeError, OSError, ValueError, termios.error):  # no terminal
        _original = termios.tcgetattr(sys.stdin.fileno())
        before = {each: signal.signal(each, _end) for each in _SIGNALS if signal.getsignal(each) is signal.SIG_DFL}
        early = [*_original]
        early[0] &= ~(termios.ICRNL | termios.IXON)
        early[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, early)
    try:
        yield
    finally:
        _restore()
        _original = None
        for number, handler in before.items():
            if signal.getsignal(number) is _end:
                signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> None:
    """Restores the terminal, then ends the program by the signal's default action."""
    _restore()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _restore() -> None:
    if _original is not None:
        with suppress(OSError, ValueError, termios.error):  # the terminal is gone
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, _original)
