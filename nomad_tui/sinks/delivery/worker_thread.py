"""Runs blocking work in a thread that delays neither the event loop, nor other sinks, nor the program's exit."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

from nomad_tui.sinks.delivery.sink import UnavailableError

T = TypeVar("T")


class WorkerThread:
    """Runs one call after another, in the order submitted.

    Not an executor, because the interpreter waits for an executor's threads at exit, and a write to a pipe that nobody
    reads never ends.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def submit(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if future.cancelled():
                return
            if error is not None:
                future.set_exception(error)
                future.exception()  # marks it as retrieved: a caller that gave up waiting has reported it
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def run() -> None:
            result: T | None = None
            failure: BaseException | None = None
            try:
                result = work()
            except BaseException as error:
                failure = error
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(settle, result, failure)

        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._work.put(run)
        return future

    def stop(self) -> None:
        """End the thread after the submitted work."""
        if self._thread is not None:
            self._work.put(None)
            self._thread = None

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


class Deliveries(Generic[T]):
    """Deliveries in flight in a thread, by ID.

    A delivery that timed out cannot be cancelled in the thread. When it is retried, the retry waits for the first
    attempt, so that nothing is written twice.
    """

    def __init__(self, thread: WorkerThread) -> None:
        self._thread = thread
        self._under_way: dict[str, asyncio.Future[Any]] = {}

    async def deliver(self, delivery: str, work: Callable[[], T], most_seconds: float, overdue: str) -> T:
        """Raises `UnavailableError` with the text `overdue` after `most_seconds`."""
        future = self._under_way.get(delivery)
        if future is None:
            future = self._under_way[delivery] = self._thread.submit(work)
        done, _ = await asyncio.wait({future}, timeout=most_seconds)
        if not done:
            raise UnavailableError(overdue)
        self._under_way.pop(delivery, None)
        result: T = future.result()
        return result
