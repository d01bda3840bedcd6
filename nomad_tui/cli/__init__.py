"""The command line: one module a command, loaded when it runs."""

import signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl+C while `cli.main` is imported ends the program without a traceback; `allow_interrupts` follows.
    try:  # noqa: SIM105 - contextlib would be loaded first
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    except ValueError:  # imported in another thread than the main one
        pass


def allow_interrupts() -> None:
    """Ctrl+C raises `KeyboardInterrupt` from now on, unless the program was started without it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        try:  # noqa: SIM105
            signal.signal(signal.SIGINT, signal.default_int_handler)
        except ValueError:
            pass
