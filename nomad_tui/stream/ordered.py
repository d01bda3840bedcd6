"""Several streams of one cluster as one: what arrives at about the same time is passed on in the order of its index.

Each stream is in order by itself, and an index belongs to one write of the whole cluster. Nothing tells that a stream
has no more to come below an index, so a frame waits a moment for those of the other streams.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from heapq import heappop, heappush
from time import monotonic
from typing import Final

from nomad_tui.core.updates import Gap, GapReason, Update
from nomad_tui.core.wire import Frame
from nomad_tui.stream.reader import Divided, Reader
from nomad_tui.stream.tasks import end as cancelled

WINDOW: Final = 0.25
"""Seconds that a frame waits: streams of one server are some milliseconds apart, and nobody reads faster."""
FIRST_WINDOW: Final = 3.0
"""Seconds that the first frames wait for every stream to have begun, since each begins with its whole buffer."""
WAITING: Final = 512
"""Updates that wait between the streams and their reader: beyond that the sockets wait."""


@dataclass(order=True, slots=True)
class _Held:
    index: int
    number: int
    reader: Reader = field(compare=False)
    update: Frame | Gap = field(compare=False)
    due: float = field(compare=False)


async def ordered(
    readers: Sequence[Reader], stop: asyncio.Event, window: float = WINDOW
) -> AsyncGenerator[tuple[Reader, Update | Divided], None]:
    """What each reader says, its frames in order of their index and gaps before the frame that they precede; the rest
    is passed on as it comes.

    Ends after all that the readers said until `stop` was set: what they hold to have been read must have been passed
    on.
    """
    queue: asyncio.Queue[tuple[Reader, Update | Divided] | BaseException | None] = asyncio.Queue(WAITING)
    in_hand: list[tuple[Reader, Update | Divided]] = []

    async def read(reader: Reader) -> None:
        try:
            async with aclosing(reader.updates()) as updates:
                async for update in updates:
                    try:
                        await queue.put((reader, update))
                    except asyncio.CancelledError:
                        in_hand.append((reader, update))
                        raise
        except Exception as error:
            await queue.put(error)

    async def end() -> None:
        await stop.wait()
        await cancelled(*tasks)
        for said in in_hand:
            await queue.put(said)
        await queue.put(None)

    tasks = [asyncio.create_task(read(reader)) for reader in readers]
    ending = asyncio.create_task(end())
    held: list[_Held] = []
    number = 0
    opened = monotonic()
    begun: set[Reader] = set()
    try:
        while True:
            now = monotonic()
            waits_for_all = len(begun) < len(readers) and now - opened < FIRST_WINDOW
            while held and held[0].due <= now and not waits_for_all:
                first = heappop(held)
                yield first.reader, first.update
            left = max(0.0, (opened + FIRST_WINDOW if waits_for_all else held[0].due) - now) if held else None
            try:
                async with asyncio.timeout(left):
                    said = await queue.get()
            except TimeoutError:
                continue
            if isinstance(said, BaseException):
                raise said
            if said is None:
                break
            reader, update = said
            number += 1
            if isinstance(update, Gap) and update.reason is GapReason.REBUILT:
                # From here on indexes begin anew: what was held belongs before.
                while held:
                    first = heappop(held)
                    yield first.reader, first.update
            elif isinstance(update, Frame | Gap):
                index = update.index if isinstance(update, Frame) else update.before
                heappush(held, _Held(index, number, reader, update, monotonic() + window))
                continue
            if reader.connected or reader.failed:
                begun.add(reader)
            yield reader, update
        while held:
            first = heappop(held)
            yield first.reader, first.update
    finally:
        await cancelled(*tasks, ending)
