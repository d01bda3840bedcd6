"""Ending tasks for certain."""

import asyncio
from typing import Any, Final

AGAIN: Final = 10.0
"""Seconds until a task that goes on is cancelled again: longer than any of them takes to close what it has open."""


async def end(*tasks: "asyncio.Task[Any] | None", again: float = AGAIN) -> None:
    """Cancels tasks until all have ended; what they raise is left to their owner.

    One cancellation may be lost: `asyncio.wait_for` of Python 3.11 returns what came at the same moment instead. A task
    that loops would then be waited for without end.
    """
    there = [task for task in tasks if task is not None]
    while left := [task for task in there if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=again)
    await asyncio.gather(*there, return_exceptions=True)
