"""The command line: a module per command, loaded when it runs."""

import signal
from typing import TextIO

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Until `cli.main` is imported, Ctrl+C ends the program without a traceback; see `allow_interrupts`.
    try:  # noqa: SIM105 - avoids importing contextlib here
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:  # not imported in the main thread
        pass


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a standard stream is a terminal; it is None if it was closed at the start."""
    return stream is not None and stream.isatty()


def allow_interrupts() -> None:
    """From now on, Ctrl+C raises `KeyboardInterrupt`, unless SIGINT was ignored at the start."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        try:  # noqa: SIM105
            signal.signal(signal.SIGINT, signal.default_int_handler)
        except ValueError:
            pass
