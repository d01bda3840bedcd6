"""Recordings through a client that is cut off while servers restart and are rebuilt at random, against a plain model.

Every event sent is received or within a gap, exactly once, and no gap is false.
"""

import asyncio
import json
import re
from collections import Counter
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nomad_tui.config.connection import Connection
from nomad_tui.core.updates import Gap, GapReason, Update
from nomad_tui.core.wire import Frame, decode, event_lines
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import Cut, End, Fault, Options, Reset, StandIn
from nomad_tui.stream.settings import Settings
from tests import recordings
from tests.randomized import times

TIMEOUT = 60
"""Seconds after which an example counts as hung."""
NAMES = ("restart-before", "rebuilt-1-old", "rebuilt-2-new", "tour")
UUID = re.compile(rb"\b[0-9a-f]{8}(?=-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b)")
TIME = re.compile(rb"(?<=ModifyTime\":)\d{19}")

Action: TypeAlias = tuple[str, int]


@cache
def recorded(name: str) -> tuple[bytes, ...]:
    return tuple(line for line in recordings.lines(name) if isinstance(frame := decode(line), Frame) and frame.events)


def history(number: int) -> list[bytes]:
    """Return a history with its own generated IDs and times."""
    lines = recorded(NAMES[number % len(NAMES)])
    salt = b"%08x" % (0xA0000000 + number)
    return [TIME.sub(lambda found: b"%d" % (int(found[0]) + number * 10**11), UUID.sub(salt, line)) for line in lines]


def index_of(line: bytes) -> int:
    return int(json.loads(line)["Index"])


@dataclass
class Model:
    """Everything that a server has published since its data was last deleted."""

    lines: list[bytes]
    sent: list[bytes] = field(default_factory=list)
    since: int = 0
    """Number of updates received before."""
    last_before: int = 0
    """Newest index of the previous history."""
    is_provable: bool = False
    """Whether the server still held a frame at least as old as the last one seen of the previous history."""

    def take(self, count: int) -> list[bytes]:
        taken = self.lines[len(self.sent) : len(self.sent) + count]
        self.sent += taken
        return taken


async def live(actions: list[Action], buffer_size: int) -> tuple[list[Model], list[Update]]:
    models = [Model(history(0))]
    updates: list[Update] = []
    arrived = asyncio.Event()

    async def read(source: LiveServer) -> None:
        async with aclosing(source.updates()) as stream:
            async for update in stream:
                updates.append(update)
                arrived.set()

    async def settled() -> None:
        """Wait until all frames of the newest index were received: the server holds them until it is rebuilt."""
        newest = server.newest_index
        published = sum(index_of(line) == newest for line in models[-1].sent)

        def received() -> int:
            return sum(isinstance(each, Frame) and each.index == newest for each in updates[start_of_era:])

        while received() < min(max(published, 1), buffer_size):
            arrived.clear()
            await arrived.wait()

    options = Options(buffer_size=buffer_size, next_eval_differs=3)
    async with asyncio.timeout(TIMEOUT), StandIn(options=options) as server:
        connection = Connection.from_environment({"address": server.address}, environ={})
        source = LiveServer(connection, settings=Settings(shortest_delay=0.001, replay_patience=0.05))
        reading = asyncio.create_task(read(source))
        start_of_era = 0
        try:
            await server.subscribed()
            server.publish(*models[-1].take(3))
            await settled()
            for action, number in actions:
                model = models[-1]
                match action:
                    case "publish":
                        server.publish(*model.take(number))
                        await settled()
                    case "cut":
                        faults: list[Fault] = [Cut(), End(), Reset()]
                        server.publish(*model.take(number % 3))
                        server.inject(faults[number % 3])
                        server.publish(*model.take(number // 2))
                    case "down":
                        async with server.down():
                            server.publish(*model.take(number))
                    case "restart":
                        await server.restart(replays=True)
                        server.replay(number)
                        requests = len(server.requests)
                        source.retry_now()
                        await server.until(lambda before=requests: len(server.requests) > before)  # type: ignore[misc]
                        server.replay()
                    case "rebuild":
                        await settled()
                        last = server.newest_index
                        start_of_era = len(updates)
                        models.append(Model(history(len(models)), since=start_of_era))
                        held = models[-1].take(3 + 5 * number)
                        models[-1].last_before = last
                        models[-1].is_provable = index_of(held[-buffer_size:][0]) < last or index_of(held[-1]) < last
                        await server.restart(held)
                        await settled()
            server.publish(*models[-1].take(2))
            await settled()
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
    return models, updates


def identity(text: bytes) -> str:
    """Return an event without what differs between readers."""
    event = json.loads(text)
    body = json.dumps(event, sort_keys=True)
    return re.sub(r'"NextEval": "[^"]*"', "", body)


def eras(models: list[Model], updates: list[Update]) -> list[list[Frame | Gap]]:
    """Return the updates received of each history."""
    ends = [*(model.since for model in models[1:]), len(updates)]
    return [
        [each for each in updates[model.since : end] if isinstance(each, Frame | Gap)]
        for model, end in zip(models, ends, strict=True)
    ]


def check(model: Model, came: list[Frame | Gap], buffer_size: int) -> None:
    gaps = [each for each in came if isinstance(each, Gap)]
    frames = [each for each in came if isinstance(each, Frame)]
    got = Counter(identity(text) for frame in frames for text in event_lines(frame.line))
    sent = Counter(identity(text) for line in model.sent for text in event_lines(line))
    assert got <= sent, "nothing comes twice, and nothing that was not sent"
    indexes = [frame.index for frame in frames]
    assert indexes == sorted(indexes)
    missing = sorted({json.loads(text)["Index"] for text in (sent - got)})
    first = indexes[0]
    for index in missing:
        assert index <= first or any(gap.after <= index <= gap.before for gap in gaps), (index, gaps)
    for gap in gaps:
        assert gap.reason is GapReason.BUFFER
        newer = [line for line in model.sent if index_of(line) >= gap.after]
        assert len(newer) >= buffer_size, "the server still held the last frame seen"


actions = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 8)),
        st.tuples(st.just("cut"), st.integers(0, 14)),
        st.tuples(st.just("down"), st.integers(0, 12)),
        st.tuples(st.just("restart"), st.integers(0, 9)),
        st.tuples(st.just("rebuild"), st.integers(0, 10)),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=times(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(actions=actions, buffer_size=st.sampled_from([4, 9, 100]))
def test_received_events_and_gaps_cover_exactly_what_was_sent(actions: list[Action], buffer_size: int) -> None:
    models, updates = asyncio.run(live(actions, buffer_size))
    for number, (model, came) in enumerate(zip(models, eras(models, updates), strict=True)):
        if number:
            if not model.is_provable and isinstance(came[0], Frame) and came[0].index == model.last_before:
                continue  # the oldest held frame looks like the second one of the last index seen
            first = came.pop(0)
            assert isinstance(first, Gap), "a history that was deleted is reported"
            assert first.reason is GapReason.REBUILT or not model.is_provable
        check(model, came, buffer_size)


def test_the_recordings_hold_indexes_with_several_frames() -> None:
    sizes = [len(list(group)) for _, group in groupby(recorded("restart-before"), index_of)]
    assert max(sizes) > 1
