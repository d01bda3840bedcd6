"""Several streams as one: what counts as seen is passed on, also when they are left."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, cast

from nomad_tui.core.updates import Gap, GapReason, Update
from nomad_tui.core.wire import Frame, Heartbeat, decode
from nomad_tui.stream.ordered import WAITING, ordered
from nomad_tui.stream.reader import Reader
from nomad_tui.stream.settings import Settings


class Fake:
    """A reader that is one update ahead of a full queue when it is left."""

    connected = True
    failed = False

    async def updates(self) -> AsyncGenerator[Update, None]:
        for _ in range(WAITING + 1):
            yield Heartbeat.HEARTBEAT
        yield Gap(GapReason.BUFFER, 5, 9, 1.0)
        frame = decode(b'{"Index":9,"Events":[]}')
        assert isinstance(frame, Frame)
        yield frame
        await asyncio.Event().wait()


async def test_a_frame_behind_a_gap_is_passed_on_when_the_streams_are_left() -> None:
    stop = asyncio.Event()
    found: list[Any] = []
    async with asyncio.timeout(10):
        async for _, update in ordered([cast(Reader, Fake())], stop, Settings(first_window=0.0, window=0.0)):
            if not found:
                for _ in range(5):
                    await asyncio.sleep(0)  # until the queue is full again, and the gap waits
                stop.set()
                await asyncio.sleep(0.01)
            found.append(update)
    assert isinstance(found[-2], Gap) and isinstance(found[-1], Frame)
