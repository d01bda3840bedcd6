"""The command line: one module a command, loaded when it runs."""

import signal
from contextlib import suppress

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl+C while `cli.main` is imported ends the program without a traceback; `allow_interrupts` follows.
    with suppress(ValueError):  # imported in another thread than the main one
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def allow_interrupts() -> None:
    """Ctrl+C raises `KeyboardInterrupt` from now on, unless the program was started without it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        with suppress(ValueError):
            signal.signal(signal.SIGINT, signal.default_int_handler)
