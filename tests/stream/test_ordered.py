"""Merging streams: everything that counts as seen is passed on, even when the streams are closed."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, cast

from nomad_tui.config.connection import Connection
from nomad_tui.core.continuity import Continuity
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Gap, GapReason, Update
from nomad_tui.core.wire import Frame, Heartbeat, decode
from nomad_tui.sources.live import QUEUE_SIZE, ordered
from nomad_tui.stream.reader import Reader
from nomad_tui.stream.servers import Doubts
from nomad_tui.stream.settings import Settings


class Fake:
    """A reader that is one update ahead of a full queue when it is closed."""

    connected = True
    failed = False
    doubts = Doubts(Settings())

    async def updates(self) -> AsyncGenerator[Update, None]:
        for _ in range(QUEUE_SIZE + 1):
            yield Heartbeat.HEARTBEAT
        yield Gap(GapReason.BUFFER, 5, 9, 1.0)
        frame = decode(b'{"Index":9,"Events":[]}')
        assert isinstance(frame, Frame)
        yield frame
        await asyncio.Event().wait()


async def test_a_frame_after_a_gap_is_passed_on_when_the_streams_are_closed() -> None:
    stop = asyncio.Event()
    found: list[Any] = []
    async with asyncio.timeout(60):
        async for _, update in ordered([cast(Reader, Fake())], stop, Settings(first_window=0.0, window=0.0)):
            if not found:
                for _ in range(5):
                    await asyncio.sleep(0)  # until the queue is full again, and the gap waits
                stop.set()
                await asyncio.sleep(0.01)
            found.append(update)
    assert isinstance(found[-2], Gap) and isinstance(found[-1], Frame)


FRAME = b'{"Index":%d,"Events":[{"Topic":"Job","Type":"JobRegistered","Key":"job-%d","Index":%d,"Payload":{}}]}'


def _frame(index: int) -> bytes:
    return FRAME % (index, index, index)


async def test_an_unproven_first_frame_is_passed_on_when_the_streams_are_closed_meanwhile() -> None:
    stop = asyncio.Event()
    streams = 0
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send a frame that does not continue what was seen; a request for an older one disconnects."""
        nonlocal streams
        writers.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await reader.readuntil(b"\r\n\r\n")
            if b"/v1/event/stream" not in request:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            elif streams:
                stop.set()
                return
            else:
                streams += 1
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + _frame(7) + b"\n" + _frame(8) + b"\n")
                await writer.drain()
                return
            await writer.drain()
            writer.close()

    seen = Continuity()
    for index in (3, 4):
        frame = decode(_frame(index))
        assert isinstance(frame, Frame)
        seen.join(frame)
    async with asyncio.timeout(60), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = Connection.from_environment({"address": f"http://127.0.0.1:{port}"}, environ={})
        reader = Reader(connection, Subscription(), Settings(choice_patience=10.0))
        reader.resume(seen)
        found = [each async for _, each in ordered([reader], stop, Settings(first_window=0.0, window=0.0))]
        for writer in writers:
            writer.close()
    gaps = [each for each in found if isinstance(each, Gap)]
    assert [(gap.after, gap.before) for gap in gaps] == [(4, 7)]
    assert [each.index for each in found if isinstance(each, Frame)] == [7, 8]
    assert reader.last_index == 8, "what was passed on counts as seen"
