"""Two runners publish to one NATS stream: either can be killed at any time, and each event is stored once."""

import asyncio
import random
from pathlib import Path

import orjson

from nomad_tui.journal.reader import JournalReader
from nomad_tui.standin import Options, StandIn
from tests import recordings
from tests.forked_runners import starter
from tests.nats_server import nats_server
from tests.runner import define

KILLS = 8
FRAMES = recordings.frames("load", 700)
SENT = [orjson.dumps(event) for frame in FRAMES for event in orjson.loads(frame.line)["Events"]]
TIMEOUT = 90
"""Seconds after which the test counts as hung."""


async def has_published_everything(journal: Path) -> None:
    """Wait until a runner has delivered everything in its journal, acknowledged by NATS."""
    with JournalReader(journal) as reader:
        while reader.events < len(SENT) or reader.cursors()["all"].position < reader.end:
            reader.changed()
            await asyncio.sleep(0.02)


async def test_one_is_killed_repeatedly_and_nothing_is_lost_or_duplicated(tmp_path: Path) -> None:
    chance = random.Random()
    async with (
        asyncio.timeout(TIMEOUT),
        nats_server(tmp_path / "nats") as server,
        StandIn([frame.line for frame in FRAMES], Options(lead=50, pace=100, buffer_size=len(FRAMES))) as cluster,
        starter(tmp_path / "log") as processes,
    ):
        # A window far shorter than the test: events published before it must be detected as well.
        define(
            tmp_path,
            "all",
            f'type = "nats"\naddress = "{server.url}"\nformat = "event"\nredact = false\n'
            '[nats]\ncreate = true\nduplicate_window = "1s"\n[retry]\nmin_backoff = 0.01\nmax_backoff = 0.05\n',
        )

        async def start(name: str) -> int:
            journal = str(tmp_path / f"{name}.journal")
            return await processes.start(
                "sink", "run", "--address", cluster.address, "--config", str(tmp_path), "--journal", journal
            )

        pids = {name: await start(name) for name in ("one", "other")}
        for _ in range(KILLS):
            # Wait for a random time to make it random which runner is killed and when.
            await asyncio.sleep(chance.uniform(0.1, 0.6))
            name = chance.choice(list(pids))
            await processes.end(pids[name])
            await asyncio.sleep(chance.uniform(0.0, 1.4))
            pids[name] = await start(name)
        for name in pids:
            await has_published_everything(tmp_path / f"{name}.journal")
        for pid in pids.values():
            await processes.end(pid)
        stored = await server.stored()
        ids = [headers["Nats-Msg-Id"] for _, headers, _ in stored]
        assert len(set(ids)) == len(ids)
        places = {text: place for place, text in enumerate(SENT)}
        order = [places[orjson.dumps(orjson.loads(content))] for _, _, content in stored]
        assert order == list(range(len(SENT)))
