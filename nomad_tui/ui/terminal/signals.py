"""Restores the terminal when a signal ends the program."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Final

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
