"""Retries one delivery until each of its items is acknowledged or finally refused."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import count
from random import uniform
from time import time_ns
from typing import Final

import msgspec

from nomad_tui.core.backoff import delays
from nomad_tui.core.text import printable
from nomad_tui.journal.cursor import DeadLetter
from nomad_tui.journal.log import Log
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.delivery.batching import delivery_id
from nomad_tui.sinks.delivery.sink import (
    Delivery,
    Item,
    LocalError,
    RejectedError,
    Sink,
    UnavailableError,
    UndeliveredError,
)

log = Log("nomad_tui.sinks")

TIMEOUT_MARGIN: Final = 5.0
"""Seconds beyond its own timeout after which a delivery is abandoned."""

LONGEST_PAUSE: Final = 4
"""Multiple of `min_backoff`: the longest pause after a final refusal."""

LOCAL_PAUSE: Final = 2.0
"""Seconds at most until another attempt whose obstacle is on this machine: no receiver is spared by a longer one."""

Acknowledged = Callable[[int, str], None]
"""Called with the number of acknowledged items and the answer."""
Failed = Callable[[UndeliveredError, int, float], None]
"""Called with the error, the number of failed attempts in a row, and the seconds until the next attempt."""

Renew = Callable[[Delivery], Delivery]
"""Returns the delivery to send in place of the one given, as of now."""


class DeliveryRetrier:
    """Delivers to one sink with retries."""

    def __init__(
        self,
        definition: Definition,
        sink: Sink,
        acknowledged: Acknowledged,
        failed: Failed,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`sleep` waits between attempts."""
        self._definition = definition
        self._sink = sink
        self._acknowledged = acknowledged
        self._failed = failed
        self._sleep = sleep
        retry = definition.retry
        self._longest_pause = min(retry.max_backoff, LONGEST_PAUSE * retry.min_backoff)
        self._refused_last = False
        """Whether the last outcome was a final refusal."""

    async def deliver(self, delivery: Delivery, renew: Renew | None = None) -> list[DeadLetter]:
        """Deliver, and return dead letters for the items finally refused. `renew` is called before each attempt."""
        return await self._deliver(delivery, self._definition.retry.max_attempts, renew=renew)

    async def _deliver(
        self, delivery: Delivery, refusals: int, before: int = 0, *, renew: Renew | None = None
    ) -> list[DeadLetter]:
        """Give up after `refusals` refusals, and then try each half. `before` counts the earlier attempts."""
        if self._refused_last:
            await self._sleep(uniform(0.0, self._longest_pause))
        retry = self._definition.retry
        waits = delays(retry.min_backoff, retry.max_backoff)
        left, refused = delivery, 0
        for attempt in count(1):
            if renew is not None:
                left = renew(left)
            try:
                answer = await self.once(left if attempt == left.attempt else replace(left, attempt=attempt))
                break
            except UndeliveredError as error:
                if error.done:
                    # Some items were acknowledged: the error is about the next one.
                    refused, waits = 0, delays(retry.min_backoff, retry.max_backoff)
                    self._refused_last = False
                    self._acknowledged(error.done, "")
                    left = _of(left, left.items[error.done :])
                wait = next(waits)
                if isinstance(error, RejectedError):
                    refused += 1
                    if error.final or refused >= refusals or (error.too_large and len(left.items) > 1):
                        self._failed(error, attempt, 0.0)
                        return await self._divided(left, error, max(1, refusals - refused), before + refused)
                elif isinstance(error, LocalError):
                    wait = min(wait, LOCAL_PAUSE)
                elif isinstance(error, UnavailableError) and error.retry_after is not None:
                    wait = max(wait, error.retry_after)
                self._failed(error, attempt, wait)
                await self._sleep(wait)
        self._refused_last = False
        self._acknowledged(len(left.items), answer)
        return []

    async def once(self, delivery: Delivery) -> str:
        """Make one attempt and return the answer. Raises `UndeliveredError`."""
        try:
            async with asyncio.timeout(self._definition.timeout + TIMEOUT_MARGIN):
                return await self._sink.deliver(delivery)
        except UndeliveredError:
            raise
        except TimeoutError:
            raise UnavailableError(f"it has not answered within {self._definition.timeout:g} s") from None
        except Exception as error:
            log.exception("sink_failed_unexpectedly", sink=self._definition.id)
            raise UnavailableError(f"{type(error).__name__}: {printable(str(error), 200)}") from error

    async def _divided(self, left: Delivery, error: RejectedError, refusals: int, attempts: int) -> list[DeadLetter]:
        """Deliver each half, so that one refused item does not affect others, unless all are refused for one reason.

        A delivery that was only too large keeps its remaining attempts.
        """
        self._refused_last = not error.too_large and not error.final
        if len(left.items) == 1 or error.for_all:
            return [self._letter(left, item, error, attempts) for item in left.items]
        middle = len(left.items) // 2
        letters = await self._deliver(_of(left, left.items[:middle]), refusals, attempts)
        return letters + await self._deliver(_of(left, left.items[middle:]), refusals, attempts)

    def _letter(self, delivery: Delivery, item: Item, error: RejectedError, attempts: int) -> DeadLetter:
        event = item.event
        return DeadLetter(
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


def _of(delivery: Delivery, items: tuple[Item, ...]) -> Delivery:
    return replace(delivery, id=delivery_id(items), items=items)
