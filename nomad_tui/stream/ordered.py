"""Several streams of one cluster as one: what arrives at about the same time is passed on in the order of its index.

Each stream is in order by itself, and an index belongs to one write of the whole cluster. A stream may still
bring a lower index than another one, so a frame waits a moment for those of the other streams.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from time import monotonic
from typing import Final

from nomad_tui.core.updates import Gap, GapReason, Update
from nomad_tui.core.wire import Frame
from nomad_tui.stream.reader import Reader
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.tasks import end as cancelled

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
    readers: Sequence[Reader], stop: asyncio.Event, settings: Settings
) -> AsyncGenerator[tuple[Reader, Update], None]:
    """The updates of several readers: frames by index, gaps before the frame that they precede, the rest as it comes.

    Ends after everything that the readers yielded until `stop` was set: what counts as seen must have been passed on.
    """
    queue: asyncio.Queue[tuple[Reader, Update] | BaseException | None] = asyncio.Queue(WAITING)
    in_hand: list[tuple[Reader, Update]] = []

    async def read(reader: Reader) -> None:
        try:
            async with aclosing(reader.updates()) as updates:
                async for update in updates:
                    try:
                        await queue.put((reader, update))
                    except asyncio.CancelledError:
                        in_hand.append((reader, update))
                        with suppress(TimeoutError, StopAsyncIteration):
                            async with asyncio.timeout(0):
                                while isinstance(update, Gap):  # the frame behind it counts as seen too
                                    update = await anext(updates)
                                    in_hand.append((reader, update))
                        raise
        except asyncio.CancelledError:
            in_hand.extend((reader, each) for each in reader.doubts.left)
            raise
        except Exception as error:
            await queue.put(error)

    async def end() -> None:
        await stop.wait()
        await cancelled(*tasks)
        for each in in_hand:
            await queue.put(each)
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
            waits_for_all = len(begun) < len(readers) and now - opened < settings.first_window
            while held and held[0].due <= now and not waits_for_all:
                first = heappop(held)
                yield first.reader, first.update
            left = max(0.0, (opened + settings.first_window if waits_for_all else held[0].due) - now) if held else None
            try:
                async with asyncio.timeout(left):
                    item = await queue.get()
            except TimeoutError:
                continue
            if isinstance(item, BaseException):
                raise item
            if item is None:
                break
            reader, update = item
            number += 1
            if isinstance(update, Gap) and update.reason is GapReason.REBUILT:
                # From here on indexes begin anew: what was held belongs before.
                while held:
                    first = heappop(held)
                    yield first.reader, first.update
            elif isinstance(update, Frame | Gap):
                index = update.index if isinstance(update, Frame) else update.before
                heappush(held, _Held(index, number, reader, update, monotonic() + settings.window))
                continue
            if reader.connected or reader.failed:
                begun.add(reader)
            yield reader, update
        while held:
            first = heappop(held)
            yield first.reader, first.update
    finally:
        await cancelled(*tasks, ending)
