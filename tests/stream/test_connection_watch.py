"""Monitoring besides events: suspension of this machine, proxies, clocks; and reconnecting on request."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_tui.config.connection import Connection
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Concern, Connected, Connecting, Gap, Noted, Retrying, Warned
from nomad_tui.core.wire import Frame, Heartbeat
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import ALL_FRAMES, End, Options, Silence, StandIn
from nomad_tui.stream.connection import Heartbeats
from nomad_tui.stream.reader import Reader as OneReader
from nomad_tui.stream.reports import Reports
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.timing import SUSPENSION_THRESHOLD, Suspension
from tests.faulty_servers import buffering_proxy
from tests.stream.test_live import SECONDS, SOON, Reader, asked, event, following, frame, frames

HEARTBEAT = 0.2
"""Seconds between heartbeats of the servers in these tests."""


@asynccontextmanager
async def reading(address: str, **settings: Any) -> AsyncIterator[Reader]:
    """Open a reader that expects heartbeats at that interval."""
    connection = Connection.from_environment({"address": address}, environ={})
    source = LiveServer(connection, None, Settings(shortest_delay=SOON, heartbeat=HEARTBEAT, **settings))
    async with asyncio.timeout(SECONDS), aclosing(source.updates()) as stream:
        yield Reader(source, stream)


def warnings(reader: Reader, concern: Concern) -> list[Warned]:
    return [warned for warned in reader.all(Warned) if warned.concern is concern]


# Sleep


def test_a_suspension_is_noticed_once_and_the_odd_delay_is_not() -> None:
    now = 1000.0
    suspension = Suspension(2.0, lambda: now)
    for passed in (2.0, 2.1, 2.0 + SUSPENSION_THRESHOLD - 0.1):
        now += passed
        assert suspension.noticed() == 0
    now += 3602.0
    assert suspension.noticed() == pytest.approx(3600)
    now += 2.0
    assert suspension.noticed() == 0


async def test_after_a_suspension_missed_events_are_requested_at_once() -> None:
    slept = 0.0
    sleeping: dict[str, Any] = {"clock": lambda: time.monotonic() + slept, "sleep_checked_every": 0.01}
    async with following(frames([1, 2]), Options(lead=ALL_FRAMES), **sleeping) as (server, reader):
        await reader.until_index(2)
        slept = 3 * 3600.0
        server.publish(frame(3))
        noted = await reader.until_kind(Noted)
        server.publish(frame(4))
        await reader.until_index(4)
        assert [request.first("index") for request in asked(server)] in (["0", "2"], ["0", "3"])
    assert "Nothing was read for 3 h" in noted.text
    assert len(reader.all(Noted)) == 1
    assert reader.indexes == [1, 2, 3, 4]
    assert reader.all(Retrying) == [] and reader.all(Gap) == []


async def test_after_a_suspension_the_next_attempt_is_made_at_once() -> None:
    slept = 0.0
    async with asyncio.timeout(SECONDS), StandIn(frames([1]), Options(lead=1)) as server:
        connection = Connection.from_environment({"address": server.address}, environ={})
        settings = Settings(shortest_delay=600.0, clock=lambda: time.monotonic() + slept, sleep_checked_every=0.01)
        source = LiveServer(connection, None, settings)
        async with aclosing(source.updates()) as stream:
            reader = Reader(source, stream)
            async with server.down():
                retrying = await reader.until_kind(Retrying)
            assert retrying.delay == 600.0
            slept = 60.0
            await reader.until_index(1)


@pytest.mark.parametrize("first", ["the connection ended", "the sleep was noticed"])
async def test_a_gap_after_a_suspension_shows_its_duration(first: str) -> None:
    now = 1000.0
    # The suspension is reported manually here, or not at all.
    async with following(frames([3]), Options(lead=1), clock=lambda: now, sleep_checked_every=SECONDS) as (
        server,
        reader,
    ):
        await reader.until_index(3)
        reading_on = asyncio.create_task(reader.until_kind(Gap))
        await asyncio.sleep(0.01)
        now += 3600
        if first == "the sleep was noticed":
            server.publish(*frames(range(4, 200)))
            server.inject(Silence())
            reader.source.retry_now()
        else:
            await server.restart(frames(range(100, 200)))
        gap = await reading_on
    assert (gap.after, gap.before, gap.away) == (3, 100, 3600)


# Buffering


async def test_heartbeats_in_bulk_are_reported() -> None:
    async with StandIn(options=Options(heartbeat=HEARTBEAT)) as server:
        with buffering_proxy(server.address, held=9) as proxy:
            async with reading(f"http://127.0.0.1:{proxy.port}") as reader:
                warned = await reader.until_kind(Warned)
                for _ in range(6):
                    await reader.until_kind(Heartbeat)
    assert warned.concern is Concern.BUFFERED
    assert "heartbeats arrived together" in warned.what and "proxy_buffering off" in warned.remedy
    assert warnings(reader, Concern.BUFFERED) == [warned], "once is enough"


async def test_a_stream_that_a_proxy_buffers_at_first_is_waited_for() -> None:
    async with StandIn(options=Options(heartbeat=HEARTBEAT)) as server:
        with buffering_proxy(server.address) as proxy:
            async with reading(f"http://127.0.0.1:{proxy.port}", first_line=0.1) as reader:
                warned = await reader.until_kind(Warned)
                proxy.passes_on_at_once = True
                await reader.until_kind(Connected)
    assert warned.concern is Concern.BUFFERED and "buffers the stream" in warned.what
    assert reader.all(Retrying) == []


async def test_a_warning_about_bulk_is_withdrawn_when_heartbeats_arrive_one_by_one() -> None:
    async with StandIn(options=Options(heartbeat=HEARTBEAT)) as server:
        with buffering_proxy(server.address, held=9) as proxy:
            async with reading(f"http://127.0.0.1:{proxy.port}") as reader:
                first = await reader.until_kind(Warned)
                proxy.passes_on_at_once = True
                reader.source.retry_now()
                await reader.until_kind(Connected)
                await reader.until_kind(Heartbeat)
                assert warnings(reader, Concern.BUFFERED) == [first], "a new connection alone proves nothing"
                again = await reader.until_kind(Warned)
    assert again == Warned(Concern.BUFFERED)


async def test_a_healthy_stream_causes_no_warning() -> None:
    options = Options(heartbeat=HEARTBEAT, lead=ALL_FRAMES)
    async with StandIn(frames(range(1, 4)), options) as server, reading(server.address) as reader:
        for number in range(6):
            await reader.until_kind(Heartbeat)
            server.publish(frame(10 + number))
    assert warnings(reader, Concern.BUFFERED) == []


async def test_suspending_this_program_is_not_mistaken_for_a_proxy() -> None:
    settings: dict[str, Any] = {"sleep_noticed_from": 0.2, "sleep_checked_every": 0.02}
    async with StandIn(options=Options(heartbeat=HEARTBEAT)) as server, reading(server.address, **settings) as reader:
        await reader.until_kind(Heartbeat)
        await reader.until_kind(Heartbeat)
        reading_on = asyncio.create_task(reader.until_kind(Noted))
        await asyncio.sleep(0.03)
        time.sleep(0.7)  # noqa: ASYNC251 - blocks like a program that is stopped
        await reading_on
        for _ in range(4):
            await reader.until_kind(Heartbeat)
    assert warnings(reader, Concern.BUFFERED) == []


async def test_a_slow_reader_is_not_mistaken_for_a_proxy() -> None:
    async with StandIn(options=Options(heartbeat=HEARTBEAT)) as server, reading(server.address) as reader:
        await reader.until_kind(Heartbeat)
        await asyncio.sleep(0.7)
        for _ in range(6):
            await reader.until_kind(Heartbeat)
    assert warnings(reader, Concern.BUFFERED) == []


late = st.floats(0.0, 4.0)
arrivals = st.lists(st.floats(0.0, 3600.0), max_size=60)


@given(delays=st.lists(late, min_size=2, max_size=120), others=arrivals)
def test_regular_heartbeats_are_never_mistaken_for_bulk(delays: list[float], others: list[float]) -> None:
    beats = [(30.0 * number + delay, 1) for number, delay in enumerate(delays)]
    heartbeats = Heartbeats(30.0)
    for now, count in sorted([*beats, *((at, 0) for at in others)]):
        assert heartbeats.heard(count, now) == 0


@given(together=st.integers(2, 9), pieces=st.booleans(), before=st.integers(1, 5))
def test_delayed_heartbeats_are_bulk(together: int, pieces: bool, before: int) -> None:
    heartbeats = Heartbeats(30.0)
    for number in range(before):
        assert heartbeats.heard(1, 30.0 * number) == 0
    at = 30.0 * (before - 1 + together)
    if pieces:
        assert [heartbeats.heard(1, at + number / 100) for number in range(together)][-1] == together
    else:
        assert heartbeats.heard(together, at) == together
    assert not heartbeats.regular
    heartbeats.heard(1, at + 31)
    assert heartbeats.heard(1, at + 61) == 0 and heartbeats.regular


# The clocks


async def test_a_wrong_clock_is_reported_until_it_is_right() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(clock_offset=90.0)) as wrong:
        connection = Connection.from_environment({"address": wrong.address}, environ={})
        port = int(wrong.address.rpartition(":")[2])
        source = LiveServer(connection, None, Settings(shortest_delay=SOON))
        async with aclosing(source.updates()) as stream:
            reader = Reader(source, stream)
            warned = await reader.until_kind(Warned)
            await wrong.__aexit__(None, None, None)
            async with StandIn(options=Options(port=port)) as right:
                assert right.address == wrong.address
                over = await reader.until_kind(Warned)
    assert warned.concern is Concern.CLOCK
    assert "90 s ahead" in warned.what or "89 s ahead" in warned.what
    assert over == Warned(Concern.CLOCK)


@pytest.mark.parametrize(
    ("ahead", "notices"),
    [
        ([0.4, -0.5, 4.9], []),
        ([-7.2, -6.9, -7.9], ["7.2 s behind"] * 3),
        ([5.1, 4.6, 5.3], ["5.1 s ahead"] * 3),
        ([61.0, 60.2, 61.9, 75.0], ["61 s ahead"] * 3 + ["75 s ahead"]),
        ([30.0, 0.3, 0.2], ["30 s ahead", ""]),
    ],
)
def test_the_warning_about_a_clock_changes_only_with_the_clock(ahead: list[float], notices: list[str]) -> None:
    reader = OneReader(Connection.from_environment({}, environ={}), Subscription(), Settings())
    reports = Reports(reader.connection, reader.selection, reader.harm)
    warned = [each for seconds in ahead for each in reports.clock(seconds)]
    assert len(warned) == len(notices)
    assert all(
        words in each.what and bool(words) is bool(each.what) for each, words in zip(warned, notices, strict=True)
    )


# Reconnecting on request


async def test_on_request_it_reconnects_at_once_and_loses_nothing() -> None:
    async with following(frames([1, 2]), Options(lead=ALL_FRAMES)) as (server, reader):
        await reader.until_index(2)
        for index in range(3, 12, 3):
            connections = len(asked(server))
            server.publish(frame(index))
            reader.source.retry_now()
            server.publish(frame(index + 1), frame(index + 1, event("Job", "another")))
            await reader.until_index(index + 1)
            await reader.until(lambda: len(asked(server)) > connections)  # noqa: B023
            server.publish(frame(index + 2))
            await reader.until_index(index + 2)
    assert reader.indexes == [1, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9, 10, 10, 11]
    assert reader.all(Retrying) == [] and reader.all(Gap) == []
    assert {connected.reconnects for connected in reader.all(Connected)} == {0}, "nothing was lost"


async def test_on_request_during_backoff_it_retries_at_once() -> None:
    async with asyncio.timeout(SECONDS), StandIn(frames([1]), Options(lead=1)) as server:
        connection = Connection.from_environment({"address": server.address}, environ={})
        source = LiveServer(connection, None, Settings(shortest_delay=600.0))
        async with aclosing(source.updates()) as stream:
            reader = Reader(source, stream)
            async with server.down():
                await reader.until_kind(Retrying)
            await reader.until_tried_again()
            await reader.until_index(1)
    assert len(reader.all(Retrying)) == 1


async def test_on_request_before_the_first_line_it_reconnects_too() -> None:
    async with following() as (server, reader):
        await reader.until_kind(Connected)
        reader.source.retry_now()
        await reader.until_kind(Connected)
        server.publish(frame(1))
        await reader.until_index(1)
        assert len(asked(server)) == 2
    assert reader.indexes == [1]


# Odd servers and slow readers


async def test_a_broken_status_line_is_reported_once() -> None:
    async with following(frames([1]), Options(protocol="HTTP/0.0", lead=1)) as (server, reader):
        await reader.until_index(1)
        server.inject(End())
        await reader.until_kind(Retrying)
        server.publish(frame(2))
        await reader.until_index(2)
    [noted] = reader.all(Noted)
    assert "HTTP/0.0" in noted.text and "nomad#27582" in noted.text
    assert reader.indexes == [1, 2]


async def test_a_reader_disconnected_for_not_reading_is_given_the_reason() -> None:
    large = [frame(index, event("Job", "x" * 100_000)) for index in range(1, 120)]
    options = Options(buffer_size=5, send_buffer=4096, write_timeout=0.1)
    async with following(options=options, standstill=0.2) as (server, reader):
        await reader.until_kind(Connected)
        server.publish(large[0])
        await reader.until_index(1)
        for line in large[1:]:
            server.publish(line)
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.3)
        retrying = await reader.until_kind(Retrying)
        await reader.until_index(119)
    assert "nomad-tui was stopped or the machine slept" in retrying.what and "event_buffer_size" in retrying.remedy
    assert reader.indexes == sorted(set(reader.indexes))


async def test_a_disconnect_long_after_a_stall_is_not_blamed_on_it() -> None:
    options = Options(lead=1, heartbeat=HEARTBEAT)
    async with following(frames([1]), options, standstill=0.1, standstill_over=0.05) as (server, reader):
        await reader.until(lambda: any(isinstance(update, Frame) for update in reader.updates))
        await asyncio.sleep(0.2)
        for _ in range(5):
            await reader.until_kind(Heartbeat)
        server.inject(End())
        retrying = await reader.until_kind(Retrying)
    assert "did not read" not in retrying.what
    assert isinstance(reader.updates[0], Connecting)


async def test_a_blocking_query_that_returns_at_once_is_repeated_with_a_pause() -> None:
    # As with a proxy that responds from its cache.
    async with following(frames([1]), Options(lead=1), namespaces_wait=0.0) as (server, reader):
        await reader.until_index(1)
        await server.until(lambda: sum(request.path == "/v1/namespaces" for request in server.requests) >= 2)
        for index in range(2, 40):
            server.publish(frame(index))
            await reader.until_index(index)
        assert sum(request.path == "/v1/namespaces" for request in server.requests) == 2


# Unfinished lines


async def test_an_unfinished_line_is_reported_and_dropped_and_the_stream_resumes() -> None:
    streams = 0

    async def serve(asked: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        nonlocal streams
        serving.append(cast("asyncio.Task[None]", asyncio.current_task()))
        head = await asked.readuntil(b"\r\n\r\n")
        answer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        if b"/v1/event/stream" in head:
            streams += 1
            answer.write(frame(streams) + b"\n")
            while streams == 1 and not answer.is_closing():
                answer.write(b'{"Index":')
                await answer.drain()
                await asyncio.sleep(0.01)
            if streams == 2:
                answer.write(frame(3)[:20])
                await answer.drain()
                await goes_on.wait()
                answer.write(frame(3)[20:] + b"\n{}\n")
                await answer.drain()
                await asked.read()
        answer.close()

    goes_on = asyncio.Event()
    serving: list[asyncio.Task[None]] = []
    async with await asyncio.start_server(serve, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        async with reading(f"http://127.0.0.1:{port}", unfinished_line=0.1, longest_line=0.5) as reader:
            retrying = await reader.until_kind(Retrying)
            reported = warnings(reader, Concern.LINE)
            assert "does not end" in reported[0].what and len(reported) > 1
            assert "The stream was left because a line did not end" in retrying.what
            await reader.until_index(2)
            assert warnings(reader, Concern.LINE)[-1].what == "", "it is over on another connection"
            await reader.until(lambda: "20 B" in warnings(reader, Concern.LINE)[-1].what)
            goes_on.set()
            await reader.until(lambda: warnings(reader, Concern.LINE)[-1].what == "")
            await reader.until_index(3)
        await asyncio.gather(*serving, return_exceptions=True)
