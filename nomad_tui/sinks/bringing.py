"""One delivery until every item of it was acknowledged, or refused for good."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import uniform
from time import time_ns
from typing import Final

import msgspec
import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_random_exponential

from nomad_tui.core.text import printable
from nomad_tui.journal.cursor import Letter
from nomad_tui.sinks.batching import delivery_id
from nomad_tui.sinks.definition import Definition
from nomad_tui.sinks.sink import Delivery, Item, RejectedError, Sink, UnavailableError, UndeliveredError

log = structlog.get_logger("nomad_tui.sinks")

PATIENCE: Final = 5.0
"""Seconds beyond its timeout after which a sink is not waited for."""

LONGEST_PAUSE: Final = 4
"""Times `min_backoff`: after something was refused for good, the next is sent within this."""

Acknowledged = Callable[[int, str], None]
"""Called with how many items were acknowledged, and with what was said."""
Failed = Callable[[UndeliveredError, int, float], None]
"""Called with what came back, how often in a row by now, and in how many seconds it is tried again."""


class Bringing:
    """Brings deliveries to one sink, in whatever order they are handed to it."""

    def __init__(
        self,
        definition: Definition,
        sink: Sink,
        acknowledged: Acknowledged,
        failed: Failed,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`sleep` is waited with before another attempt."""
        self._definition = definition
        self._sink = sink
        self._acknowledged = acknowledged
        self._failed = failed
        self._sleep = sleep
        retry = definition.retry
        self._backoff = wait_random_exponential(multiplier=retry.min_backoff, max=retry.max_backoff)
        self._longest_pause = min(retry.max_backoff, LONGEST_PAUSE * retry.min_backoff)
        self._refused_last = False
        """Whether nothing was acknowledged since something was refused for good."""

    async def bring(self, delivery: Delivery) -> list[Letter]:
        """Returns what was refused for good."""
        return await self._bring(delivery, self._definition.retry.max_attempts)

    async def _bring(self, delivery: Delivery, refusals: int, before: int = 0) -> list[Letter]:
        """Gives up after so many refusals, `before` others, and then tries each half."""
        left = delivery
        refused = 0

        def is_given_up(state: RetryCallState) -> bool:
            error = _error(state)
            if not isinstance(error, RejectedError):
                return False
            return refused >= refusals or (error.too_large and len(left.items) > 1)

        def before_sleep(state: RetryCallState) -> None:
            error = _error(state)
            if isinstance(error, UndeliveredError):
                self._failed(error, state.attempt_number, state.upcoming_sleep)

        if self._refused_last:
            await self._sleep(uniform(0.0, self._longest_pause))
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(UndeliveredError),
            stop=is_given_up,
            wait=self._wait,
            sleep=self._sleep,
            before_sleep=before_sleep,
            reraise=True,
        )
        try:
            async for attempt in attempts:
                with attempt:
                    try:
                        answer = await self.once(replace(left, attempt=attempt.retry_state.attempt_number))
                    except UndeliveredError as error:
                        refused += isinstance(error, RejectedError)
                        if error.done:
                            self._refused_last = False
                            self._acknowledged(error.done, "")
                            left = _of(left, left.items[error.done :])
                        raise
                    self._refused_last = False
                    self._acknowledged(len(left.items), answer)
        except RejectedError as error:
            self._failed(error, attempts.statistics.get("attempt_number", 1), 0.0)
            return await self._divided(left, error, max(1, refusals - refused), before + refused)
        return []

    async def once(self, delivery: Delivery) -> str:
        """One attempt. Returns what was said, or raises `UndeliveredError`."""
        try:
            async with asyncio.timeout(self._definition.timeout + PATIENCE):
                return await self._sink.deliver(delivery)
        except UndeliveredError:
            raise
        except TimeoutError:
            raise UnavailableError(f"it has not answered within {self._definition.timeout:g} s") from None
        except Exception as error:
            log.exception("sink_failed_unexpectedly", sink=self._definition.id)
            raise UnavailableError(f"{type(error).__name__}: {printable(str(error), 200)}") from error

    async def _divided(self, left: Delivery, error: RejectedError, refusals: int, attempts: int) -> list[Letter]:
        """One item that is refused must not take others with it, unless each would be refused for the same reason.

        What was only too large keeps its other attempts.
        """
        self._refused_last = not error.too_large
        if len(left.items) == 1 or error.for_all:
            return [self._letter(left, item, error, attempts) for item in left.items]
        middle = len(left.items) // 2
        letters = await self._bring(_of(left, left.items[:middle]), refusals, attempts)
        return letters + await self._bring(_of(left, left.items[middle:]), refusals, attempts)

    def _letter(self, delivery: Delivery, item: Item, error: RejectedError, attempts: int) -> Letter:
        event = item.event
        return Letter(
            sink=self._definition.id,
            id=0,
            buried=time_ns(),
            position=item.position,
            offset=item.offset,
            index=item.index,
            topic=event.topic if event else "",
            type=event.type if event else "",
            key=event.key if event else "",
            namespace=event.namespace if event else "",
            received=item.received,
            text=item.text if item.gap is None else msgspec.json.encode(item.gap),
            event_id=item.id,
            attempts=attempts,
            why=error.what,
            region=delivery.region,
            gap=event is None,
        )

    def _wait(self, state: RetryCallState) -> float:
        seconds = self._backoff(state)
        error = _error(state)
        if isinstance(error, UnavailableError) and error.retry_after is not None:
            return max(seconds, error.retry_after)
        return seconds


def _of(delivery: Delivery, items: tuple[Item, ...]) -> Delivery:
    return replace(delivery, id=delivery_id(items), items=items)


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None
