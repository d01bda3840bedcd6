"""Blocking work in a thread that delays neither the event loop, nor another sink, nor the program's end."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

from nomad_tui.sinks.delivery.sink import UnavailableError

T = TypeVar("T")


class WorkerThread:
    """Does one piece of work after another, in the order in which they were handed over.

    (An executor's threads are waited for when the program ends, which a reader that reads nothing would prevent.)
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
                future.exception()  # the caller that gave up waiting has reported it
            else:
                future.set_result(result)  # type: ignore[arg-type]

        def run() -> None:
            result: T | None = None
            failure: BaseException | None = None
            try:
                result = work()
            except BaseException as error:
                failure = error
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(settle, result, failure)

        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._work.put(run)
        return future

    def stop(self) -> None:
        """Ends the thread once what was handed over is done."""
        if self._thread is not None:
            self._work.put(None)
            self._thread = None

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()


class Deliveries(Generic[T]):
    """Deliveries under way in a thread, by their IDs.

    Whoever no longer waits for one comes with it again; as it cannot be taken back, its outcome is waited for then,
    and it is not written twice.
    """

    def __init__(self, thread: WorkerThread) -> None:
        self._thread = thread
        self._under_way: dict[str, asyncio.Future[Any]] = {}

    async def deliver(self, delivery: str, work: Callable[[], T], most_seconds: float, overdue: str) -> T:
        """Raises `UnavailableError` with the text `overdue` where it takes longer than that."""
        future = self._under_way.get(delivery)
        if future is None:
            future = self._under_way[delivery] = self._thread.submit(work)
        done, _ = await asyncio.wait({future}, timeout=most_seconds)
        if not done:
            raise UnavailableError(overdue)
        self._under_way.pop(delivery, None)
        result: T = future.result()
        return result
