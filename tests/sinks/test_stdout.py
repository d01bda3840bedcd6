"""Standard output as a sink, through a real pipe."""

import asyncio
import fcntl
import json
import os
import tty
from collections.abc import Iterator

import msgspec
import pytest

from nomad_tui.sinks.definition.definition import Definition, Format, Kind
from nomad_tui.sinks.delivery.sink import UnavailableError
from nomad_tui.sinks.types.stdout import StandardOutput
from tests.sink_items import delivery, items


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


def sink(writing: int, timeout: float = 5.0) -> StandardOutput:
    return StandardOutput(Definition("out", Kind.STDOUT, format=Format.EVENT, timeout=timeout), writing)


async def read(reading: int, size: int) -> bytes:
    content = b""
    while len(content) < size:
        content += await asyncio.to_thread(os.read, reading, 65536)
    return content


async def test_one_line_per_event(pipe: tuple[int, int]) -> None:
    events = items(most=20)
    expected = b"".join(item.text + b"\n" for item in events)
    async with asyncio.timeout(60):
        delivering = asyncio.create_task(sink(pipe[1]).deliver(delivery(events)))
        assert await read(pipe[0], len(expected)) == expected
        assert await delivering == "20 lines written"


async def test_a_terminal_gets_no_control_sequences() -> None:
    text = '{"Topic":"Job","Key":"\x9b2J\u202e","Payload":null}'
    item = msgspec.structs.replace(items(most=1)[0], source=text.encode())
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        await sink(slave).deliver(delivery([item]))
        printed = (await asyncio.to_thread(os.read, master, 65536)).decode()
    finally:
        os.close(master)
        os.close(slave)
    assert printed.isascii() and json.loads(printed) == json.loads(text)


async def test_a_stalled_reader_delays_no_other_sink_and_gets_each_line_once(pipe: tuple[int, int]) -> None:
    events = items(most=40)
    expected = b"".join(item.text + b"\n" for item in events)
    out = sink(pipe[1], timeout=0.2)
    async with asyncio.timeout(60):
        for _ in range(3):
            with pytest.raises(UnavailableError, match="the reader of standard output has taken nothing"):
                await out.deliver(delivery(events))
        reading = asyncio.create_task(read(pipe[0], len(expected)))
        await out.deliver(delivery(events))
        assert await reading == expected
        await out.close()


async def test_a_reader_that_has_gone_is_reported(pipe: tuple[int, int]) -> None:
    out = sink(pipe[1])
    async with asyncio.timeout(60):
        os.close(pipe[0])
        with pytest.raises(UnavailableError, match="the reader of standard output has gone"):
            await out.deliver(delivery(items(most=1)))
        await out.close()


async def test_no_line_is_torn_when_the_sink_is_reopened(pipe: tuple[int, int]) -> None:
    events = items(most=40)
    expected = b"".join(item.text + b"\n" for item in events)
    async with asyncio.timeout(60):
        before = sink(pipe[1], timeout=0.2)
        with pytest.raises(UnavailableError):
            await before.deliver(delivery(events))
        await before.close()
        delivering = asyncio.create_task(sink(pipe[1]).deliver(delivery(events)))
        assert await read(pipe[0], 2 * len(expected)) == 2 * expected
        await delivering
