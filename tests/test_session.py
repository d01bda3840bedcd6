"""The status of a connection at every stage, and that reading leaves the event loop time to show it."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from time import perf_counter
from typing import Any

from nomad_tui.config.connection import Connection
from nomad_tui.core.history.history import History
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Update
from nomad_tui.core.wire import Frame
from nomad_tui.session import RATE_SECONDS, Session, State
from nomad_tui.sources.live import LiveServer
from nomad_tui.sources.recording import Recording
from nomad_tui.standin import ALL_FRAMES, MANAGEMENT, Cut, Options, StandIn, Token
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.status import UNREADABLE_KEPT
from tests import recordings

SECONDS = 60
"""Seconds that a test may take before it counts as hung."""

TOKEN = "00000000-0000-4000-8000-00000000000a"


def frame(index: int, **payload: Any) -> bytes:
    event = {"Topic": "Job", "Type": "JobRegistered", "Key": f"job-{index}", "Payload": payload}
    return json.dumps({"Index": index, "Events": [event, event]}).encode()


async def until(fact: Callable[[], bool]) -> None:
    """Wait for a condition while the session runs."""
    while not fact():  # noqa: ASYNC110 - a session has no events: it is polled
        await asyncio.sleep(0.002)


@asynccontextmanager
async def running(session: Session, seconds: float = SECONDS) -> AsyncIterator[Session]:
    task = asyncio.create_task(session.run())
    try:
        async with asyncio.timeout(seconds):
            yield session
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert task.cancelled()


def live(server: StandIn, **flags: str) -> LiveServer:
    return LiveServer(
        Connection.from_environment({"address": server.address, **flags}, environ={}),
        settings=Settings(shortest_delay=0.01),
    )


async def test_status_is_right_at_every_stage() -> None:
    now = 100.0
    options = Options(version="1.9.4", region="europe", tokens={TOKEN: MANAGEMENT}, namespaces=())
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        source = live(server, token=TOKEN)
        session = Session(source, clock=lambda: now, wall_clock=lambda: 7)
        status = session.status
        assert (status.state, status.to, status.last_heard) == (State.CONNECTING, server.address, None)

        async with running(session):
            await until(lambda: status.state is State.LIVE)
            assert (status.to, status.version, status.region) == (server.address, "1.9.4", "europe")
            assert (status.what, status.remedy, status.reconnects, status.attempt) == ("", "", 0, 0)
            assert status.last_heard == 100

            now = 130
            server.publish(frame(41))
            await until(lambda: session.history.held == 2)
            assert status.last_heard == 130
            assert session.history.event(0).received == 7

            async with server.down():
                await until(lambda: status.state is State.RETRYING and status.attempt >= 2)
                assert "connection refused" in status.what and "NOMAD_ADDR" in status.remedy
                assert 130 < status.next_attempt <= 160
                assert status.last_heard == 130
            await until(lambda: status.state is State.LIVE)
            assert (status.what, status.remedy, status.reconnects, status.attempt) == ("", "", 1, 0)

            server.put_token(TOKEN, Token())
            await until(lambda: status.state is State.REFUSED)
            assert "may read none of these topics" in status.what and "NOMAD_TOKEN" in status.remedy
            assert 135 <= status.next_attempt <= 160
            asked = len(server.requests)
            source.retry_now()
            await server.until(lambda: len(server.requests) > asked)
            assert status.state is State.REFUSED, "an attempt alone does not make it less refused"
            attempt = status.attempt
            await until(lambda: status.attempt > attempt)

            server.put_token(TOKEN, MANAGEMENT)
            source.retry_now()
            await until(lambda: status.state is State.LIVE)
            assert (status.what, status.reconnects) == ("", 2)
            assert session.history.held == 2, "what was shown stays, and repeats are not shown"


async def test_excluding_and_including_topics_shows_no_alarm_in_the_header() -> None:
    async with StandIn([frame(1)], Options(lead=ALL_FRAMES)) as server:
        connection = Connection.from_environment({"address": server.address}, environ={})
        session = Session(LiveServer(connection, settings=Settings(selection_settle=0.01)))
        states: set[State] = set()

        async def watch() -> None:
            while True:
                states.add(session.status.state)
                await asyncio.sleep(0)

        async with running(session):
            await until(lambda: session.history.held == 2)
            watching = asyncio.create_task(watch())
            session.watch(frozenset(("Node",)))
            await until(lambda: len(server.streams) == 1 and "Node" in server.streams[0].query.topics)
            server.publish(frame(2))
            session.watch(None)
            await until(lambda: session.history.held == 4)
            watching.cancel()
            assert states == {State.LIVE}
            assert (session.status.reconnects, session.status.refused_topics, session.history.gaps) == (0, (), 0)
            assert session.history.event(2).received == 0, "it happened some time before"


async def test_a_recording_yields_everything_with_any_topics() -> None:
    session = Session(Recording([str(recordings.path("beta"))]))
    session.watch(frozenset(("Node",)))
    async with asyncio.timeout(SECONDS):
        await session.run()
    assert len(session.history.topic_counts) > 1


async def test_a_gap_is_in_order_among_the_events() -> None:
    async with StandIn([frame(3)], Options(lead=1)) as server, running(Session(live(server))) as session:
        await until(lambda: session.history.held == 2)
        await server.restart([frame(9)])
        await until(lambda: session.history.end == 5)
        gap = session.history.gap(2)
        assert gap is not None and (gap.after, gap.before) == (3, 9)
        assert session.history.gaps == 1


async def test_lines_that_are_not_frames_are_counted_and_the_first_are_kept() -> None:
    async with StandIn(options=Options(raw=True)) as server, running(Session(live(server))) as session:
        await until(lambda: session.status.state is State.LIVE)
        server.publish(*(b"no frame %d" % number for number in range(30)), frame(1))
        await until(lambda: session.history.held == 2 and session.status.unreadable == 30)
        kept = [unreadable.excerpt for unreadable in session.status.unreadable_lines]
        assert kept == [b"no frame %d" % number for number in range(UNREADABLE_KEPT)]


async def test_a_truncated_last_line_of_a_stream_is_not_reported() -> None:
    async with StandIn([frame(1)], Options(lead=1)) as server, running(Session(live(server))) as session:
        await until(lambda: session.history.held == 2)
        server.inject(Cut())
        await until(lambda: session.status.reconnects == 1)
        assert (session.status.unreadable, session.history.held) == (0, 2)


async def test_repaired_frames_are_counted() -> None:
    mended = frame(2).replace(b"job-2", b"job-\xff")
    options = Options(lead=ALL_FRAMES, raw=True)
    async with StandIn([frame(1), mended], options) as server, running(Session(live(server))) as session:
        await until(lambda: session.history.held == 4)
        assert (session.status.repaired, session.status.unreadable) == (1, 0)


async def test_the_rate_is_of_complete_seconds() -> None:
    async with StandIn() as server, running(Session(live(server))) as session:
        await server.subscribed()
        for index in range(1, 4):
            server.publish(*[frame(index)] * index)
            await until(lambda: session.history.received_events == index * (index + 1))  # noqa: B023 - awaited here
            session.tick()
        assert list(session.status.per_second) == [0] * (RATE_SECONDS - 3) + [2, 4, 6]
        assert session.status.rate == 4


async def test_a_recording_ends() -> None:
    session = Session(Recording([str(recordings.path("beta"))]))
    async with asyncio.timeout(SECONDS):
        await session.run()
    assert session.status.state is State.ENDED
    assert "end of recording" in session.status.what
    assert session.history.held == sum(line.count(b'"Topic"') for line in recordings.lines("beta"))


class Torrent:
    """A source that always has another frame and never waits."""

    name = "torrent"
    live = True

    def __init__(self, frames: list[Frame], times: int) -> None:
        self._frames = frames
        self._times = times

    def scope(self, region: str | None) -> str:
        return "everything"

    async def updates(self) -> AsyncGenerator[Update, None]:
        for _ in range(self._times):
            for each in self._frames:
                yield each


async def test_a_source_that_never_waits_yields_to_the_event_loop() -> None:
    held = recordings.frames("load")
    session = Session(Torrent(held, times=8), History(max_events=20_000))
    turns: list[int] = []

    async def watch() -> None:
        while True:
            turns.append(session.history.received_events)
            await asyncio.sleep(0)

    async with asyncio.timeout(SECONDS):
        watching = asyncio.create_task(watch())
        await session.run()
        watching.cancel()
    assert max(later - earlier for earlier, later in pairwise(turns)) < 20_000
    assert len(turns) > session.history.received_events / 5_000


async def test_other_tasks_run_during_a_flood_of_events_and_more_often_while_keys_arrive() -> None:
    """Measured in events, not in time, so that it holds on a slow machine too."""
    arguments = (str(recordings.path("load")), "--from-start", "--repeat", "20")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nomad_tui.standin", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    turns: list[int] = []
    try:
        async with asyncio.timeout(6 * SECONDS):
            address = (await process.stdout.readline()).decode().strip()
            connection = Connection.from_environment({"address": address}, environ={})
            session = Session(LiveServer(connection, Subscription()), History(max_events=50_000))
            async with running(session, 6 * SECONDS):
                while session.history.received_events < 20 * 10_764:
                    if session.history.received_events > 10 * 10_764:
                        session.pace.last_key = perf_counter()
                    turns.append(session.history.received_events)
                    await asyncio.sleep(0.001)
    finally:
        process.terminate()
        await process.wait()
    first = sum(1 for turn in turns if 0 < turn <= 10 * 10_764)
    second = len(turns) - first
    between = [later - earlier for earlier, later in pairwise(turns)]
    assert max(between) < 5_000
    assert first > 10 * 10_764 / 1_000
    assert second > 1.5 * first
