"""Reliable cancellation of tasks."""

import asyncio
from typing import Any, Final

CANCEL_AGAIN_AFTER: Final = 10.0
"""Seconds after which a task that is still running is cancelled again: longer than any of them takes to clean up."""


async def end(*tasks: "asyncio.Task[Any] | None", again: float = CANCEL_AGAIN_AFTER) -> None:
    """Cancels tasks until all have ended; their exceptions are left to their owner.

    A cancellation may be lost: `asyncio.wait_for` of Python 3.11 returns a result that arrives at the same moment
    instead. A task that loops would then never end.
    """
    there = [task for task in tasks if task is not None]
    while left := [task for task in there if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=again)
    await asyncio.gather(*there, return_exceptions=True)
