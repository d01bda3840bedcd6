"""One of several servers of a cluster is read, and another takes over when it fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from nomad_tui.config.connection import Connection
from nomad_tui.config.precedence import Flags
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Connected, Gap, GapReason, Noted, Refused, Retrying
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import ALL_FRAMES, MANAGEMENT, Options, Release, StandIn, Token
from nomad_tui.stream.settings import Settings
from tests.faulty_servers import FaultyServer, faulty_server
from tests.stream.test_live import FIRST_TOKEN, SECONDS, SOON, Reader, asked, events_of, frame, frames, recorded

HELD = Options(lead=ALL_FRAMES, buffer_size=1000)


@asynccontextmanager
async def reading(
    *servers: StandIn | FaultyServer, topics: tuple[str, ...] = (), flags: Flags | None = None, **settings: Any
) -> AsyncIterator[Reader]:
    """Open one reader of several servers, in this order."""
    addresses = ",".join(server.address for server in servers)
    connection = Connection.from_environment({"address": addresses, **(flags or {})}, environ={})
    source = LiveServer(connection, Subscription.parse(topics), Settings(shortest_delay=SOON, **settings))
    async with aclosing(source.updates()) as stream:
        yield Reader(source, stream)


def read_from(reader: Reader) -> list[str]:
    return [connected.to for connected in reader.all(Connected)]


async def test_the_second_server_is_read_if_the_first_is_down() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=HELD) as first, StandIn(frames([1, 2]), HELD) as second:
        async with first.down(), reading(first, second) as reader:
            await reader.until_index(2)
        assert read_from(reader) == [second.address]
        assert reader.all(Retrying) == [], "the other one is tried at once"
        assert reader.indexes == [1, 2]
        notice = f"Events come from {second.address} now: {first.address} could not be read."
        assert [noted.text for noted in reader.all(Noted)] == [notice]


async def test_another_server_takes_over_when_the_current_one_dies() -> None:
    lines = recorded("tour", 0, 80)
    async with (
        asyncio.timeout(SECONDS),
        StandIn(lines[:60], HELD) as first,
        StandIn(lines[:60], HELD) as second,
        reading(first, second) as reader,
    ):
        await reader.until(lambda: len(reader.events) == len(events_of(lines[:60])))
        async with first.down():
            second.publish(*lines[60:70])
            await reader.until(lambda: len(reader.events) == len(events_of(lines[:70])))
        first.publish(*lines[60:])
        async with second.down():
            await reader.until(lambda: len(reader.events) == len(events_of(lines)))
        assert reader.events == events_of(lines)
        assert reader.all(Gap) == []
        assert read_from(reader) == [first.address, second.address, first.address]
        moved = [noted.text for noted in reader.all(Noted)]
        assert len(moved) == 2
        assert first.address in moved[0] and second.address in moved[0]


async def test_a_stalled_server_is_replaced_at_once() -> None:
    """It still accepts connections, like a server that was stopped (SIGSTOP) or whose disk hangs: a new stream from it
    would be waited for until its heartbeat is overdue."""
    async with asyncio.timeout(SECONDS), StandIn(frames([1, 2]), HELD) as second:
        with faulty_server(b"", holds=True) as stalled:
            async with reading(stalled, second, silence=float(SECONDS)) as reader:
                await reader.until_index(2)
        assert read_from(reader) == [second.address]
        assert reader.all(Retrying) == []


async def test_the_server_that_still_holds_the_last_event_is_preferred() -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn(frames(range(1, 21)), HELD) as first,
        StandIn(frames(range(25, 31)), HELD) as second,
        StandIn(frames(range(1, 31)), HELD) as third,
        reading(first, second, third) as reader,
    ):
        await reader.until_index(20)
        async with first.down():
            await reader.until_index(30)
        assert reader.indexes == [*range(1, 31)]
        assert reader.all(Gap) == []
        assert read_from(reader) == [first.address, third.address]


async def test_if_no_server_holds_the_last_event_the_one_that_holds_most_is_read_after_a_gap() -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn(frames(range(1, 21)), HELD) as first,
        StandIn(frames(range(28, 31)), HELD) as second,
        StandIn(frames(range(25, 31)), HELD) as third,
        reading(first, second, third) as reader,
    ):
        await reader.until_index(20)
        async with first.down():
            await reader.until_index(30)
        [gap] = reader.all(Gap)
        assert (gap.reason, gap.after, gap.before) == (GapReason.BUFFER, 20, 25)
        assert read_from(reader) == [first.address, third.address]
        assert reader.indexes == [*range(1, 21), *range(25, 31)]


async def test_an_empty_server_is_read_if_it_is_the_only_one_left() -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn(frames([1, 2]), HELD) as first,
        StandIn(options=HELD) as second,
        reading(first, second, choice_patience=0.05) as reader,
    ):
        await reader.until_index(2)
        async with first.down():
            await reader.until_kind(Retrying)
            await reader.until_kind(Connected)
            second.publish(frame(5))
            await reader.until_index(5)
        assert read_from(reader) == [first.address, second.address]
        assert [(gap.after, gap.before) for gap in reader.all(Gap)] == [(2, 5)]


async def test_servers_that_are_all_down_are_reported_once_and_retried() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as first, StandIn() as second, StandIn(frames([1]), HELD) as third:
        async with first.down(), second.down(), third.down(), reading(first, second, third) as reader:
            troubles = [await reader.until_kind(Retrying) for _ in range(2)]
        assert [trouble.attempt for trouble in troubles] == [1, 2]
        for trouble in troubles:
            assert first.address.removeprefix("http://") in trouble.what
            assert "and all 2 others failed too" in trouble.what
        assert "connection refused" in troubles[0].what


async def test_a_server_that_returns_is_read_after_all_were_down() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as first, StandIn(frames([1]), HELD) as second:
        async with first.down(), reading(first, second) as reader:
            async with second.down():
                trouble = await reader.until_kind(Retrying)
            assert "and the other one failed too" in trouble.what
            await reader.until_index(1)
        assert read_from(reader) == [second.address]


@pytest.mark.parametrize("release", list(Release))
@pytest.mark.parametrize("when", ["at the start", "later"])
async def test_a_refused_token_is_not_tried_on_every_server(release: Release, when: str) -> None:
    options = Options(release=release, tokens={FIRST_TOKEN: MANAGEMENT}, lead=ALL_FRAMES)
    flags = {"token": FIRST_TOKEN}
    async with (
        asyncio.timeout(SECONDS),
        StandIn(frames([1]), options) as first,
        StandIn(frames([1]), options) as second,
        reading(first, second, flags=flags) as reader,
    ):
        if when == "later":
            await reader.until_index(1)
        for server in (first, second):
            server.put_token(FIRST_TOKEN, Token())
        refused = await reader.until_kind(Refused)
        assert "may read none of these topics" in refused.what
        assert "failed too" not in refused.what
        assert asked(second) == []
        assert reader.all(Connected)[1:] == []


async def test_a_server_that_stops_publishing_is_replaced() -> None:
    off = Options(publishes=False, lead=ALL_FRAMES)
    async with asyncio.timeout(SECONDS), StandIn(options=off) as first, StandIn(frames([1]), HELD) as second:
        async with reading(first, second) as reader:
            await reader.until_index(1)
        assert read_from(reader) == [second.address]
        assert reader.all(Refused) == []


async def test_reconnecting_keeps_the_server() -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn(frames([1, 2]), HELD) as first,
        StandIn(frames([1, 2]), HELD) as second,
        reading(first, second) as reader,
    ):
        await reader.until_index(2)
        reader.source.retry_now()
        await reader.until_kind(Connected)
        first.publish(frame(3))
        await reader.until_index(3)
        assert read_from(reader) == [first.address, first.address]
        assert asked(second) == []
        assert reader.all(Retrying) == [] and reader.all(Gap) == []
