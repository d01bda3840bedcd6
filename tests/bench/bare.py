"""The floor: reads the stream with aiohttp, decodes lines with `msgspec.Raw` and keeps the last 200,000 events."""

import asyncio
import json
import sys
from collections import deque
from pathlib import Path
from time import perf_counter, process_time

import aiohttp
import msgspec


class Event(msgspec.Struct, rename="pascal", gc=False):
    topic: str
    type: str
    key: str
    namespace: str
    filter_keys: tuple[str, ...] | None
    index: int
    payload: msgspec.Raw


class Batch(msgspec.Struct, rename="pascal", gc=False):
    index: int = 0
    events: list[Event] = []


def read_file(path: Path) -> list[Event]:
    """Read a recording, and keep all its events."""
    decode = msgspec.json.Decoder(Batch).decode
    kept: list[Event] = []
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(256 * 1024):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                kept.extend(decode(line).events)
    return kept


async def read(address: str, expected: int) -> dict[str, float]:
    decode = msgspec.json.Decoder(Batch).decode
    kept: deque[Event] = deque(maxlen=200_000)
    events = size = 0
    started = processor = None
    rest = b""
    url = f"{address}/v1/event/stream"
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), read_bufsize=256 * 1024) as session,
        session.get(url, params={"namespace": "*"}) as response,
    ):
        async for chunk in response.content.iter_any():
            if started is None:
                started, processor = perf_counter(), process_time()
            size += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                batch = decode(line).events
                kept.extend(batch)
                events += len(batch)
            if events >= expected:
                break
    return {
        "events": events,
        "bytes": size,
        "seconds": perf_counter() - (started or 0.0),
        "processor": process_time() - (processor or 0.0),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(read(sys.argv[1], int(sys.argv[2])))))
