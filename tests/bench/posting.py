"""A receiver of webhooks that takes everything, and two that post to it: the floor, the same client with the same
bodies in a bare loop, and the webhook sink by itself.

`receive` prints its address and serves; `post ADDRESS TIMES` and `sink ADDRESS TIMES` send arrays of 100 events and
print a line of JSON.
"""

import asyncio
import json
import sys
from time import perf_counter

import aiohttp
from aiohttp import web

from nomad_tui.core.wire import Frame, decode
from nomad_tui.journal.record import Record
from nomad_tui.sinks.definition.definition import Batch, Definition, Format, Kind
from nomad_tui.sinks.definition.selection import Selection
from nomad_tui.sinks.delivery.batching import delivery_id
from nomad_tui.sinks.delivery.sink import Delivery
from nomad_tui.sinks.types.webhook import Webhook
from tests import recordings
from tests.bench.sink_runner import MANY


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


def frames() -> list[Frame]:
    return [decoded for line in recordings.lines("load") if isinstance(decoded := decode(line), Frame)]


async def post(address: str, times: int) -> dict[str, float]:
    texts = [text for frame in frames() for text in frame.event_texts()]
    bodies = [b"[" + b",".join(texts[at : at + MANY]) + b"]" for at in range(0, len(texts), MANY)]
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session:
        started = perf_counter()
        for _ in range(times):
            for body in bodies:
                async with session.post(address, data=body, headers=headers) as response:
                    assert response.status == 204
    return {"events": times * len(texts), "seconds": perf_counter() - started}


async def deliver(address: str, times: int) -> dict[str, float]:
    definition = Definition("bench", Kind.WEBHOOK, address, format=Format.EVENT, batch=Batch(MANY), redact=False)
    selection = Selection(definition, "global", "journal")
    items = [item for at, frame in enumerate(frames(), 1) for item in selection.items(Record(at, 1, 0, frame))]
    batches = [tuple(items[at : at + MANY]) for at in range(0, len(items), MANY)]
    sink = await Webhook.open(definition)
    started = perf_counter()
    for _ in range(times):
        for batch in batches:
            await sink.deliver(Delivery(delivery_id(batch), batch, "global"))
    seconds = perf_counter() - started
    await sink.close()
    return {"events": times * len(items), "seconds": seconds}


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        asyncio.run(receive())
    else:
        send = post if sys.argv[1] == "post" else deliver
        print(json.dumps(asyncio.run(send(sys.argv[2], int(sys.argv[3])))))
