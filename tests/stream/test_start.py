"""Reading starts at the requested index or time, or now; if that is impossible, it is reported."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from time import time_ns
from typing import Any

import pytest

from nomad_tui.config.connection import Connection
from nomad_tui.config.precedence import Flags
from nomad_tui.core.objects.registry import frame_moment
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Connected, Gap, GapReason, Noted, Retrying
from nomad_tui.core.wire import Frame, Heartbeat, decode
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import ALL_FRAMES, MANAGEMENT, End, Options, StandIn, Token
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.start import Start, StartFilter
from tests.stream.test_live import FIRST_TOKEN, SECOND_TOKEN, SECONDS, SOON, Reader, event, frame, frames, recorded

SECOND = 1_000_000_000

JOBS_ONLY = Token(namespaces={"default": frozenset({"read-job"})})
"""A token without permission to ask the server for its newest index."""

TOKENS = {FIRST_TOKEN: MANAGEMENT, SECOND_TOKEN: JOBS_ONLY}


@asynccontextmanager
async def starting(
    start: Start,
    lines: Iterable[bytes] = (),
    options: Options | None = None,
    *topics: str,
    flags: Flags | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[StandIn, Reader]]:
    """Open a server that holds all its lines, and one reader that starts somewhere."""
    held = options or Options(lead=ALL_FRAMES, buffer_size=1000)
    async with asyncio.timeout(SECONDS), StandIn(lines, held) as server:
        connection = Connection.from_environment({"address": server.address, **(flags or {})}, environ={})
        source = LiveServer(
            connection, Subscription.parse(topics), Settings(start=start, shortest_delay=SOON, **settings)
        )
        async with aclosing(source.updates()) as stream:
            yield server, Reader(source, stream)


def notes(reader: Reader) -> list[str]:
    return [noted.text for noted in reader.all(Noted)]


# An index


async def test_an_index_that_is_held_is_where_it_starts() -> None:
    async with starting(Start(index=5), frames(range(1, 9))) as (server, reader):
        await reader.until_index(8)
        server.inject(End())
        await reader.until_kind(Connected)
        server.publish(frame(9))
        await reader.until_index(9)
    assert reader.indexes == [5, 6, 7, 8, 9]
    assert notes(reader) == []


async def test_an_index_no_longer_held_is_reported_with_the_one_it_starts_at() -> None:
    async with starting(Start(index=5), frames(range(1200, 1203))) as (_, reader):
        await reader.until_kind(Noted)
        await reader.until_index(1202)
    assert notes(reader) == ["Index 5 is not available; the next one that the server holds is 1,200."]
    assert reader.indexes == [1200, 1201, 1202]


async def test_a_future_index_is_reported_once_and_waited_for() -> None:
    async with starting(Start(index=2000), frames(range(1200, 1203))) as (server, reader):
        await reader.until_kind(Noted)
        server.publish(frame(1203), frame(1999))
        server.inject(End())
        await reader.until_kind(Retrying)
        await reader.until_kind(Connected)
        server.publish(frame(1999, event("Job", "another")), frame(2000), frame(2001))
        await reader.until_index(2001)
    assert notes(reader) == [
        "Index 2,000 does not exist yet; the server's newest is 1,202. Events from 2,000 on are shown."
    ]
    assert reader.indexes == [2000, 2001]
    assert reader.all(Gap) == []


# Now


@pytest.mark.parametrize("secret", [FIRST_TOKEN, SECOND_TOKEN], ids=["agent:read", "no agent:read"])
@pytest.mark.parametrize("held", [0, 1, 3], ids=lambda held: f"{held} held")
async def test_live_shows_nothing_from_the_buffer_and_everything_after(secret: str, held: int) -> None:
    options = Options(lead=ALL_FRAMES, tokens=TOKENS, heartbeat=0.02, namespaces=())
    lines = frames(range(1, held + 1))
    async with starting(Start(live=True), lines, options, "Job", flags={"token": secret, "namespace": "default"}) as (
        server,
        reader,
    ):
        await reader.until_kind(Heartbeat)
        await reader.until_kind(Heartbeat)
        server.publish(frame(11), frame(11, event("Job", "same index")), frame(12))
        await reader.until_index(12)
        server.inject(End())
        await reader.until_kind(Retrying)
        server.publish(frame(13), frame(14))
        await reader.until_index(14)
    assert reader.indexes == [11, 11, 12, 13, 14]
    assert reader.all(Gap) == [] and notes(reader) == []


@pytest.mark.parametrize("secret", [FIRST_TOKEN, SECOND_TOKEN], ids=["agent:read", "no agent:read"])
@pytest.mark.parametrize("held", [0, 3], ids=lambda held: f"{held} held")
async def test_live_loses_nothing_if_the_first_connection_ends_before_the_first_event(secret: str, held: int) -> None:
    options = Options(lead=ALL_FRAMES, tokens=TOKENS, namespaces=())
    lines = frames(range(1, held + 1))
    async with starting(Start(live=True), lines, options, "Job", flags={"token": secret, "namespace": "default"}) as (
        server,
        reader,
    ):
        await reader.until_kind(Connected)
        server.inject(End())
        await reader.until_kind(Retrying)
        server.publish(frame(11), frame(12))
        await reader.until_index(12)
        server.publish(frame(13))
        await reader.until_index(13)
    assert reader.indexes == [11, 12, 13]
    assert reader.all(Gap) == [] and notes(reader) == []


async def test_live_shows_events_written_while_it_connected() -> None:
    """Between the response with the newest index and the stream."""
    options = Options(lead=ALL_FRAMES)
    async with starting(Start(live=True), frames([1, 2]), options) as (server, reader):

        async def write() -> None:
            await server.until(lambda: any(request.path == "/v1/agent/self" for request in server.requests))
            server.publish(frame(3), frame(4), frame(5))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write())
            await reader.until_index(5)
    assert reader.indexes == [3, 4, 5]


async def test_live_continues_after_a_gap_on_a_server_that_was_rolled_back() -> None:
    async with starting(Start(live=True), frames([50, 51])) as (server, reader):
        await reader.until_kind(Connected)
        server.publish(frame(52))
        await reader.until_index(52)
        await server.restart(frames([3, 4]))
        await reader.until_index(4)
        server.publish(frame(5))
        await reader.until_index(5)
    assert [gap.reason for gap in reader.all(Gap)] == [GapReason.REBUILT]
    assert reader.indexes == [52, 3, 4, 5]


def test_without_the_newest_index_times_show_whether_the_first_events_are_old() -> None:
    """The newest job may be older than the newest event of a node, so its index is only a lower bound."""

    def seen(reached: int | None, *coming: Frame, fresh: bool = False) -> list[int]:
        beginning = StartFilter(Start(live=True), 100 * SECOND, reached)
        beginning.connected()
        return [shown.index for each in coming for shown in beginning.wanted(each, fresh)]

    def coming(index: int, modified: int | None = None) -> Frame:
        evaluation: dict[str, Any] = {"ModifyIndex": index, "ModifyTime": (modified or 0) * SECOND}
        decoded = decode(frame(index, event("Evaluation", "e", Payload={"Evaluation": evaluation})))
        assert isinstance(decoded, Frame)
        return decoded

    assert StartFilter(Start(live=True), 0, 7).request > 1 << 60
    assert StartFilter(Start(live=True), 0, 7, is_newest=True).request == 8
    assert seen(None, coming(9, 60), coming(10)) == [10]
    assert seen(7, coming(9, 60), coming(10)) == [10]
    assert seen(7, coming(7), coming(8)) == [8]
    assert seen(7, coming(9), coming(10)) == [9, 10], "nothing tells that it is old"
    assert seen(7, coming(9, 100), coming(10)) == [9, 10], "its time tells that it is new"
    assert seen(None, coming(9, 60), fresh=True) == [9], "nothing was held"


# A time


def moments(lines: Iterable[bytes]) -> list[int | None]:
    decoded = map(decode, lines)
    return [frame_moment(each) for each in decoded if isinstance(each, Frame)]


async def test_since_shows_events_from_that_time_on() -> None:
    lines = recorded("tour")
    sent_at = moments(lines)
    middle = next(at for at in range(len(lines) // 2, len(lines)) if sent_at[at] is not None)
    since = time_ns() - (sent_at[middle] or 0) + SECOND // 2
    async with starting(Start(since=since), lines) as (server, reader):
        await reader.until(lambda: any(each.line == lines[-1] for each in reader.all(Frame)))
        last = reader.source.last_index
        server.inject(End())
        await reader.until_kind(Connected)
        server.publish(frame(last + 1))
        await reader.until_index(last + 1)
    limit = time_ns() - since - 30 * SECOND
    old = [at for at, moment in enumerate(sent_at) if moment is not None and moment < limit]
    assert 0 < len(old) < len(lines)
    shown = [each.line for each in reader.all(Frame)]
    first = lines.index(shown[0])
    assert first <= middle and all((moment or limit) >= limit for moment in sent_at[first : middle + 1])
    assert shown[:-1] == lines[first:], "all that came after, once"
    assert notes(reader) == [] and reader.all(Gap) == []


async def test_a_buffer_that_does_not_go_back_so_far_is_reported() -> None:
    now = time_ns()

    def at(index: int, ago: int) -> bytes:
        evaluation = {"ModifyIndex": index, "ModifyTime": now - ago * SECOND}
        return frame(index, event("Evaluation", "e", Payload={"Evaluation": evaluation}))

    async with starting(Start(since=600 * SECOND), [at(1, 180), at(2, 60)]) as (server, reader):
        await reader.until_kind(Noted)
        await reader.until_index(2)
        server.inject(End())
        await reader.until_kind(Connected)
        server.publish(at(3, 0))
        await reader.until_index(3)
    assert notes(reader) == ["The server's oldest event of these topics is 3 m old: the last 10 m were requested."]
    assert reader.indexes == [1, 2, 3]


async def test_an_empty_buffer_is_reported_with_the_first_event() -> None:
    async with starting(Start(since=600 * SECOND)) as (server, reader):
        await reader.until_kind(Connected)
        server.publish(frame(3))
        await reader.until_index(3)
    assert notes(reader) == ["The server held no event of these topics: the last 10 m were requested."]


async def test_events_without_a_time_are_shown_with_those_that_follow() -> None:
    now = time_ns()
    old = event("Evaluation", "e", Payload={"Evaluation": {"ModifyIndex": 1, "ModifyTime": now - 3600 * SECOND}})
    options = Options(lead=ALL_FRAMES, heartbeat=0.05)
    async with starting(Start(since=60 * SECOND), [frame(1, old), frame(2), frame(3)], options) as (server, reader):
        await reader.until(lambda: reader.source.last_index == 3)
        server.inject(End())
        await reader.until_kind(Retrying)
        server.publish(frame(4))
        await reader.until_index(4)
    assert reader.indexes == [2, 3, 4]


async def test_events_without_a_time_do_not_wait_for_another_event() -> None:
    options = Options(lead=ALL_FRAMES, heartbeat=0.03)
    async with starting(Start(since=60 * SECOND), frames([2, 3]), options, backlog=0.05) as (_, reader):
        await reader.until_index(3)
    assert reader.indexes == [2, 3]


async def test_since_uses_the_servers_clock() -> None:
    ahead = 3600
    now = time_ns() + ahead * SECOND

    def at(index: int, ago: int) -> bytes:
        evaluation = {"ModifyIndex": index, "ModifyTime": now - ago * SECOND}
        return frame(index, event("Evaluation", "e", Payload={"Evaluation": evaluation}))

    options = Options(lead=ALL_FRAMES, clock_offset=ahead)
    async with starting(Start(since=600 * SECOND), [at(1, 900), at(2, 300), at(3, 1)], options) as (_, reader):
        await reader.until_index(3)
    assert reader.indexes == [2, 3]
    assert notes(reader) == []


async def test_old_events_that_arrive_slowly_are_still_old() -> None:
    now = time_ns()

    def at(index: int, ago: int) -> bytes:
        evaluation = {"ModifyIndex": index, "ModifyTime": now - ago * SECOND}
        return frame(index, event("Evaluation", "e", Payload={"Evaluation": evaluation}))

    async with starting(Start(since=600 * SECOND), [at(1, 1800), at(2, 1200), at(3, 60)], backlog=0.0) as (_, reader):
        await reader.until_index(3)
    assert reader.indexes == [3]


async def test_a_start_applies_to_each_namespace_that_is_read_separately() -> None:
    token = Token(namespaces={"default": frozenset({"read-job"}), "payments": frozenset({"read-job"})})
    options = Options(lead=ALL_FRAMES, tokens={FIRST_TOKEN: token}, namespaces=("payments", "secret"))
    lines = [
        frame(index, event("Job", f"job-{index}", Namespace=namespace))
        for index, namespace in enumerate(("default", "payments", "secret"), 1)
    ]
    async with starting(Start(live=True), lines, options, flags={"token": FIRST_TOKEN}) as (server, reader):
        await reader.until_kind(Connected)
        server.publish(
            frame(10, event("Job", "a")),
            frame(11, event("Job", "b", Namespace="secret")),
            frame(12, event("Job", "c", Namespace="payments")),
        )
        await reader.until_index(12)
    assert reader.indexes == [10, 12]


@pytest.mark.parametrize("start", [Start(live=True), Start(since=SECOND)], ids=["live", "since"])
async def test_a_start_no_longer_applies_when_streams_are_divided_later(start: Start) -> None:
    """With a token that loses a namespace: events in the others meanwhile are not a backlog to skip."""
    rights = {"default": frozenset({"read-job"}), "payments": frozenset({"read-job"})}
    options = Options(lead=ALL_FRAMES, tokens={FIRST_TOKEN: MANAGEMENT}, namespaces=("payments", "secret"))
    async with starting(start, frames([1]), options, flags={"token": FIRST_TOKEN}) as (server, reader):
        await reader.until_kind(Connected)
        server.publish(frame(10))
        await reader.until_index(10)
        server.put_token(FIRST_TOKEN, Token(namespaces=rights))
        server.publish(
            frame(11, event("Job", "a", Namespace="payments")),
            frame(12, event("Job", "b", Namespace="secret")),
            frame(13, event("Job", "c")),
        )
        await reader.until_index(13)
        await reader.until_index(11)
    assert [index for index in reader.indexes if index > 1] == [10, 11, 13]
