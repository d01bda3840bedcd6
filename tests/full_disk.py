"""A complete runner on a disk that fills up and has space again. `FOLDER` must be a small file system.

python -m tests.full_disk FOLDER
"""

import asyncio
import shutil
import sys
from pathlib import Path

import orjson

from nomad_tui.standin import Options, StandIn
from tests import recordings
from tests.receiver import receiver
from tests.runner import SECONDS, at, define, running

FRAMES = recordings.frames("load", 900)
SENT = [event for frame in FRAMES for event in orjson.loads(frame.line)["Events"]]
ROOM = 200 * 1024
"""Bytes left for the journal, fewer than the events need."""


async def fill_up_and_make_room(folder: Path) -> None:
    ballast = folder / "ballast"
    lines = [frame.line for frame in FRAMES]
    async with (
        asyncio.timeout(SECONDS),
        receiver() as hook,
        StandIn(lines, Options(lead=100, pace=500, buffer_size=len(lines))) as server,
    ):
        define(
            folder,
            "all",
            f'type = "webhook"\naddress = "{hook.url}"\nformat = "event"\nredact = false\n'
            "[batch]\nmax_events = 20\nmax_wait = 0.05\n",
        )
        ballast.write_bytes(b"\0" * (shutil.disk_usage(folder).free - ROOM))
        async with running(folder, at(server)) as run:
            await run.until(lambda: run.journal.trouble)
            assert run.journal.events < len(SENT), "it never became full"
            print(run.journal.trouble)
            await server.published()
            assert not run.task.done()
            ballast.unlink()
            await run.until(lambda: not run.journal.trouble)
            await run.journaled(len(SENT))
            await run.until(lambda: run.sink("all").lag_events == 0)
            assert run.runner.status.gaps == 0
        seen: dict[str, object] = {}
        for request in hook.requests:
            seen.setdefault(request.headers["webhook-id"], request.json)
        assert [event for events in seen.values() for event in events] == SENT  # type: ignore[attr-defined]


if __name__ == "__main__":
    asyncio.run(fill_up_and_make_room(Path(sys.argv[1])))
    print("whole")
