"""A receiver of webhooks that accepts everything, and two clients: the floor, which is the sink's HTTP client with the
same bodies in a bare loop, and the webhook sink by itself.

`receive` prints its address and serves; `post ADDRESS FRAMES TIMES TOGETHER` and `sink …` send the first FRAMES frames
of the recording TIMES times, in arrays of TOGETHER events (1: each event by itself), and print a line of JSON.
"""

import asyncio
import json
import sys
from time import perf_counter, process_time

import aiohttp
from aiohttp import web

from nomad_tui.core.wire import Frame, LineSplitter, decode
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.definition import Batch, Definition, Format, Kind
from nomad_tui.sinks.delivery.batching import delivery_id
from nomad_tui.sinks.delivery.selection import Selection
from nomad_tui.sinks.delivery.sink import Delivery
from nomad_tui.sinks.types.webhook import Webhook
from tests import recordings


async def receive() -> None:
    async def taken(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=204)

    application = web.Application(client_max_size=1 << 30)
    application.router.add_post("/", taken)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
    await asyncio.Event().wait()


async def post(address: str, frames: int, times: int, together: int) -> dict[str, float]:
    texts = [text for frame in recordings.frames("load", frames) for text in frame.event_texts()]
    bodies = [b"[" + b",".join(texts[at : at + together]) + b"]" for at in range(0, len(texts), together)]
    if together == 1:
        bodies = texts
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session:
        started, cpu = perf_counter(), process_time()
        for _ in range(times):
            for body in bodies:
                async with session.post(address, data=body, headers=headers) as response:
                    assert response.status == 204
    return {"events": times * len(texts), "seconds": perf_counter() - started, "cpu": process_time() - cpu}


async def relay(address: str, stream: str, events: int, together: int) -> dict[str, float]:
    """Post a stream to the receiver in a bare loop, up to the last full array within that number of events."""
    posted, started, cpu = 0, 0.0, 0.0
    texts: list[bytes] = []
    splitter = LineSplitter()
    headers = {"Content-Type": "application/json"}
    unlimited = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(timeout=unlimited, read_bufsize=256 * 1024) as session,
        session.get(f"{stream}/v1/event/stream") as response,
    ):
        async for chunk in response.content.iter_any():
            started, cpu = started or perf_counter(), cpu or process_time()
            for line in splitter.feed(chunk):
                frame = decode(line)
                texts += frame.event_texts() if isinstance(frame, Frame) else []
            while len(texts) >= together:
                body = b"[" + b",".join(texts[:together]) + b"]"
                del texts[:together]
                async with session.post(address, data=body, headers=headers) as answer:
                    assert answer.status == 204
                posted += together
            if posted + together > events:
                break
    return {"events": posted, "seconds": perf_counter() - started, "cpu": process_time() - cpu}


async def deliver(address: str, frames: int, times: int, together: int) -> dict[str, float]:
    definition = Definition("bench", Kind.WEBHOOK, address, format=Format.EVENT, batch=Batch(together), redact=False)
    selection = Selection(definition, "global", "journal")
    items = [
        item
        for at, frame in enumerate(recordings.frames("load", frames), 1)
        for item in selection.items(Record(at, 1, 0, frame))
    ]
    batches = [tuple(items[at : at + together]) for at in range(0, len(items), together)]
    sink = await Webhook.open(definition)
    started, cpu = perf_counter(), process_time()
    for _ in range(times):
        for batch in batches:
            await sink.deliver(Delivery(delivery_id(batch), batch, "global"))
    result = {"events": times * len(items), "seconds": perf_counter() - started, "cpu": process_time() - cpu}
    await sink.close()
    return result


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        asyncio.run(receive())
    else:
        how, address, first, *numbers = sys.argv[1:]
        second, together = map(int, numbers)
        if how == "relay":
            result = asyncio.run(relay(address, first, second, together))
        else:
            result = asyncio.run((post if how == "post" else deliver)(address, int(first), second, together))
        print(json.dumps(result))
