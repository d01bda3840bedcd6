"""A runner that is killed at any moment loses nothing, repeats only what was in flight, and keeps the order."""

import asyncio
import random
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import orjson

from nomad_tui.core.wire import Frame
from nomad_tui.journal.reader import JournalReader
from nomad_tui.sinks.delivery.in_flight import MAX_AHEAD
from nomad_tui.standin import Options, StandIn
from tests import recordings
from tests.forked_runners import starter
from tests.receiver import Receiver, receiver
from tests.runner import define

KILLS = 50
FRAMES = recordings.frames("load", 1500)
SENT = [event for frame in FRAMES for event in orjson.loads(frame.line)["Events"]]
TIMEOUT = 120
"""Seconds after which the test counts as hung."""


def text(event: object) -> bytes:
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


def first_of_each(events: Iterable[object]) -> list[bytes]:
    """Return the events in the order of their first receipt; the recording contains none twice."""
    return list(dict.fromkeys(map(text, events)))


async def test_fifty_kills(tmp_path: Path) -> None:
    chance = random.Random()
    journal = tmp_path / "kill.journal"
    log = tmp_path / "log"
    assert len(first_of_each(SENT)) == len(SENT), "the recording must not repeat itself"
    async with (
        asyncio.timeout(TIMEOUT),
        receiver() as hook,
        StandIn([frame.line for frame in FRAMES], Options(lead=200, pace=60, buffer_size=len(FRAMES))) as server,
        starter(log) as processes,
    ):
        define(
            tmp_path,
            "all",
            f'type = "webhook"\naddress = "{hook.url}"\nformat = "event"\nredact = false\n'
            "[batch]\nmax_events = 9\nmax_wait = 0.01\n[retry]\nmin_backoff = 0.01\nmax_backoff = 0.05\n",
        )
        arguments = ("sink", "run", "--address", server.address, "--config", str(tmp_path), "--journal", str(journal))
        examination = Examination(journal, hook)
        for _ in range(KILLS):
            pid = await processes.start(*arguments)
            await random_moment(chance, hook)
            await processes.end(pid)
            examination.examine()
        pid = await processes.start(*arguments)
        while len(examination.received()) < len(SENT):
            await hook.received(len(hook.requests) + 1)
        await processes.end(pid)
        examination.examine()
        received = [event for request in hook.requests for event in request.events]
        assert first_of_each(received) == [text(event) for event in SENT]
        by_id: dict[str, object] = {}
        for request in hook.requests:
            assert by_id.setdefault(request.headers["webhook-id"], request.json) == request.json
        # A kill repeats at most what was in flight or not yet stored as acknowledged.
        assert len(hook.requests) - len(by_id) <= KILLS * (MAX_AHEAD + 1)
        with JournalReader(journal) as reader:
            held = reader.read(0, 1 << 30)
        assert [record.content.line for record in held if isinstance(record.content, Frame)] == [
            frame.line for frame in FRAMES
        ]


async def random_moment(chance: random.Random, hook: Receiver) -> None:
    """Wait for a random moment: usually during delivery, sometimes during start-up."""
    if chance.random() < 0.75:
        with suppress(TimeoutError):  # everything is delivered
            await asyncio.wait_for(hook.received(len(hook.requests) + chance.randint(1, 4)), 1.0)
        await asyncio.sleep(chance.expovariate(1 / 0.01))
    else:
        await asyncio.sleep(chance.expovariate(1 / 0.1))


class Examination:
    """Checks after each kill that the new part of the journal is complete and the cursor not ahead of the receiver."""

    def __init__(self, journal: Path, hook: Receiver) -> None:
        self._journal, self._hook = journal, hook
        self._requests = 0
        self._received: set[bytes] = set()
        self._position = 0

    def examine(self) -> None:
        if not self._journal.exists():
            return
        connection = sqlite3.connect(f"file:{self._journal}?mode=ro", uri=True)
        try:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        finally:
            connection.close()
        with JournalReader(self._journal) as reader:
            cursor = reader.cursors().get("all")
            if cursor is None:
                return
            assert cursor.position >= self._position
            behind = [
                record for record in reader.read(self._position, 1 << 30) if record.position <= cursor.position + 1
            ]
        self._position = cursor.position
        for record in behind:
            assert isinstance(record.content, Frame)
            events = orjson.loads(record.content.line)["Events"]
            done = len(events) if record.position <= cursor.position else cursor.offset
            assert {text(event) for event in events[:done]} <= self.received()

    def received(self) -> set[bytes]:
        new = self._hook.requests[self._requests :]
        self._requests += len(new)
        self._received.update(text(event) for request in new for event in request.events)
        return self._received
