"""Keys that are typed before the dashboard reads them: not echoed, and kept as they are, not as edited lines.

Ctrl+C and Ctrl+Z still interrupt and stop the program. However it ends, the terminal is left as it was found.
"""

import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_found: list[Any] | None = None


def found_attributes() -> list[Any] | None:
    """The terminal's attributes before `keys_kept` changed them; None where it did not."""
    return _found


@contextmanager
def keys_kept() -> Iterator[None]:
    """Within the block, standard input keeps keys for the dashboard, which takes the terminal over."""
    global _found  # there is one terminal
    before: dict[int, Any] = {}
    with suppress(AttributeError, OSError, ValueError, termios.error):  # no terminal
        _found = termios.tcgetattr(sys.stdin.fileno())
        before = {each: signal.signal(each, _end) for each in _ENDING if signal.getsignal(each) is signal.SIG_DFL}
        early = [*_found]
        early[0] &= ~(termios.ICRNL | termios.IXON)
        early[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, early)
    try:
        yield
    finally:
        _restore()
        _found = None
        for number, handler in before.items():
            if signal.getsignal(number) is _end:
                signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> None:
    """Ends the program as the signal does without a handler."""
    _restore()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _restore() -> None:
    if _found is not None:
        with suppress(OSError, ValueError, termios.error):  # the terminal is gone
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, _found)
