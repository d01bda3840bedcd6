"""A receiver of webhooks that takes everything, and the floor: the same client posting the same bodies in a bare loop.

`receive` prints its address and serves; `post ADDRESS TIMES` posts arrays of 100 events and prints a line of JSON.
"""

import asyncio
import json
import sys
from time import perf_counter

import aiohttp
from aiohttp import web

from nomad_tui.core.wire import Frame, decode
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


async def post(address: str, times: int) -> dict[str, float]:
    texts = [
        text for line in recordings.lines("load") if isinstance(f := decode(line), Frame) for text in f.event_texts()
    ]
    bodies = [b"[" + b",".join(texts[at : at + MANY]) + b"]" for at in range(0, len(texts), MANY)]
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session:
        started = perf_counter()
        for _ in range(times):
            for body in bodies:
                async with session.post(address, data=body, headers=headers) as response:
                    assert response.status == 204
    return {"events": times * len(texts), "seconds": perf_counter() - started}


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        asyncio.run(receive())
    else:
        print(json.dumps(asyncio.run(post(sys.argv[2], int(sys.argv[3])))))
