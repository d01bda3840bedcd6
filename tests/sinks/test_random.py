"""Failing receivers, operators who pause and replay, and kills of the runner, all at random: nothing is lost, order is
kept, and the counts are correct."""

import asyncio
import random
from pathlib import Path

import orjson
import pytest

from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.store import Store
from nomad_tui.standin import Options, StandIn
from tests import recordings
from tests.forked_runners import starter
from tests.receiver import Fault, Receiver, Request, receiver
from tests.runner import define

FRAMES = recordings.frames("load", 400)
SENT = [event for frame in FRAMES for event in orjson.loads(frame.line)["Events"]]
PLACE = {orjson.dumps(event): number for number, event in enumerate(SENT)}
SINKS = ("ordered", "unordered")
STEPS = 14
TIMEOUT = 90
"""Seconds after which a run counts as hung."""


def places(request: Request) -> list[int]:
    return [PLACE[orjson.dumps(event)] for event in request.events]


def set_behavior(hook: Receiver, chance: random.Random, poison: set[int]) -> None:
    """Choose a receiver's behavior for its next requests."""

    def decide(request: Request) -> int | None:
        return 400 if poison.intersection(places(request)) else chance.choice((None, None, None, 204, 503))

    hook.decide = decide
    for _ in range(chance.randrange(6)):
        hook.answer(
            chance.choice((200, 204, 500)), fault=chance.choice((None, Fault.RESET, Fault.CLOSE, Fault.CUT_BODY))
        )


@pytest.mark.parametrize("seed", [3, 14])
async def test_no_event_is_lost_and_the_counts_are_right(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    journal = tmp_path / "random.journal"
    poison = set(chance.sample(range(len(SENT)), 3))
    assert len(PLACE) == len(SENT), "the recording must not repeat itself"
    async with (
        asyncio.timeout(TIMEOUT),
        receiver() as ordered,
        receiver() as unordered,
        StandIn([frame.line for frame in FRAMES], Options(lead=100, pace=150, buffer_size=len(FRAMES))) as server,
        starter(tmp_path / "log") as processes,
    ):
        hooks = dict(zip(SINKS, (ordered, unordered), strict=True))
        for name, hook in hooks.items():
            define(
                tmp_path,
                name,
                f'type = "webhook"\naddress = "{hook.url}"\nformat = "event"\nredact = false\n'
                f"ordered = {str(name == 'ordered').lower()}\n[batch]\nmax_events = {chance.choice((1, 7, 40))}\n"
                "max_wait = 0.01\n[retry]\nmin_backoff = 0.01\nmax_backoff = 0.05\nmax_attempts = 2\n",
            )
        arguments = ("sink", "run", "--address", server.address, "--config", str(tmp_path), "--journal", str(journal))
        pid = await processes.start(*arguments)
        for _ in range(STEPS):
            for hook in hooks.values():
                set_behavior(hook, chance, poison)
            await asyncio.sleep(chance.expovariate(1 / 0.2))  # at a random moment
            if chance.random() < 0.5:
                await processes.end(pid)
                pid = await processes.start(*arguments)
            elif journal.exists():
                with JournalReader(journal) as reader:
                    known = reader.cursors().keys()
                for name in known:
                    with Store(journal) as control:
                        control.pause(name, chance.random() < 0.5)
        while not await asyncio.sleep(0.05, journal.exists()):  # each was killed before it had created one
            pass
        for name, hook in hooks.items():
            hook.decide = lambda request: 400 if poison.intersection(places(request)) else None
            with Store(journal) as control:
                control.pause(name, False)
        await processes.end(pid)
        pid = await processes.start(*arguments)
        while not await asyncio.sleep(0.05, is_done(journal)):
            pass
        await processes.end(pid)

        for name, hook in hooks.items():
            taken = [place for request in hook.requests for place in places(request)]
            assert set(taken) >= set(range(len(SENT))), "each was sent"
            if name == "ordered":
                assert list(dict.fromkeys(taken)) == list(range(len(SENT))), "in order"
            with JournalReader(journal) as reader:
                letters = [PLACE[letter.text] for letter in reader.letters(name)]
                status = next(sink.status for sink in reader.overview().sinks if sink.cursor.sink == name)
            assert sorted(letters) == sorted(poison), "what is refused is a dead letter, once"
            assert (status.delivered, status.dead, status.lost) == (len(SENT) - len(poison), len(poison), 0)


def is_done(journal: Path) -> bool:
    with JournalReader(journal) as reader:
        overview = reader.overview()
    return overview.events == len(SENT) and all(sink.lag_events == 0 for sink in overview.sinks)
