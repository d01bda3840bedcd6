"""Ctrl+C while a command runs asyncio's loop."""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` and returns its result. Ctrl+C cancels it and then raises `KeyboardInterrupt`; a second one kills the
    process.

    asyncio's own handler raises `KeyboardInterrupt` on the second one, wherever the program is: while it acquires a
    lock, which then is never released, or in a destructor, where the exception is printed and ignored.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)
    is_interrupted = False

    async def interruptible() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def interrupt(number: int, frame: FrameType | None) -> None:
            nonlocal is_interrupted
            is_interrupted = True
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            loop.call_soon_threadsafe(task.cancel)

        signal.signal(signal.SIGINT, interrupt)
        return await work

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # so that asyncio installs no handler of its own
    try:
        return asyncio.run(interruptible())
    except asyncio.CancelledError:
        if is_interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        if not is_interrupted:
            signal.signal(signal.SIGINT, before)
