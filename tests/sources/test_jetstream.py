"""JetStream as a source: a dashboard reads what `sink run` published."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from time import time_ns
from typing import TypeVar

import msgspec
import pytest

from nomad_tui.core.updates import Connected, Connecting, Gap, GapReason, Noted, Refused, Retrying, Update
from nomad_tui.core.wire import Frame, event_lines
from nomad_tui.sinks.definition.definition import Definition, Format, JetStream, Kind
from nomad_tui.sinks.types.jetstream import JetStreamSink
from nomad_tui.sources.jetstream import JetStreamAddress, JetStreamAddressError, JetStreamSource
from nomad_tui.stream.start import Start
from tests.nats_server import NatsServer, nats_server
from tests.sink_items import delivery, gap_item, items

T = TypeVar("T")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with nats_server(tmp_path / "nats") as started:
        yield started


def sink(server: NatsServer, form: Format = Format.EVENT, **limits: object) -> JetStreamSink:
    jetstream = msgspec.structs.replace(JetStream(create=True), **limits)
    return JetStreamSink(Definition("nats", Kind.NATS, server.url, format=form, jetstream=jetstream))


def source(server: NatsServer, start: Start | None = None) -> JetStreamSource:
    return JetStreamSource(JetStreamAddress.parse(f"{server.url}/"), start=start, shortest_delay=0.05)


async def texts(updates: AsyncGenerator[Update, None], count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        update = await anext(updates)
        if isinstance(update, Frame):
            found += event_lines(update.line)
    return found


async def first(updates: AsyncGenerator[Update, None], kind: type[T]) -> T:
    async for update in updates:
        if isinstance(update, kind):
            return update
    raise AssertionError("it ended")


MESSAGES = [each for each in Format if each not in (Format.TASKS, Format.TEMPLATE)]
"""Formats for NATS, with one message per event."""


@pytest.mark.parametrize("form", MESSAGES)
async def test_history_and_new_events_are_frames_as_nomad_sent_them(server: NatsServer, form: Format) -> None:
    events = items(most=60)
    async with asyncio.timeout(60):
        publishing = sink(server, form)
        await publishing.deliver(delivery(events[:40]))
        async with aclosing(source(server).updates()) as updates:
            assert isinstance(await anext(updates), Connecting)
            connected = await anext(updates)
            assert connected == Connected(server.url, region="global")
            frames: list[Frame] = []
            while sum(len(frame.events) for frame in frames) < 40:
                frames.append(await first(updates, Frame))
            assert [text for frame in frames for text in event_lines(frame.line)] == [each.text for each in events[:40]]
            sent = dict.fromkeys((each.position, each.index) for each in events[:40])
            assert [frame.index for frame in frames] == [index for _, index in sent]
            assert not any(frame.fresh for frame in frames)
            await publishing.deliver(delivery(events[40:]))
            new = await first(updates, Frame)
            assert new.fresh
            rest = await texts(updates, 20 - len(new.events))
            assert event_lines(new.line) + rest == [each.text for each in events[40:]]
        await publishing.close()


async def test_a_long_history_is_read_completely(server: NatsServer) -> None:
    events = items("load", most=1500)
    async with asyncio.timeout(60):
        publishing = sink(server)
        await publishing.deliver(delivery(events))
        reading = source(server)
        async with aclosing(reading.updates()) as updates:
            assert await texts(updates, 1500) == [each.text for each in events]
        assert reading.repeats == 0
        await publishing.close()


async def test_a_server_restart_loses_and_repeats_nothing(server: NatsServer) -> None:
    events = items(most=60)
    async with asyncio.timeout(40):
        publishing = sink(server)
        await publishing.deliver(delivery(events[:30]))
        async with aclosing(source(server).updates()) as updates:
            found = await texts(updates, 30)
            await server.kill()
            retrying = await first(updates, Retrying)
            assert "was lost" in retrying.what or "refused" in retrying.what
            await server.start()
            assert (await first(updates, Connected)).reconnects == 1
            again = sink(server)
            await again.deliver(delivery(events[20:]))
            found += await texts(updates, 30)
        assert found == [each.text for each in events]
        await publishing.close()
        await again.close()


async def test_reading_resumes_when_the_server_lost_the_consumer(server: NatsServer) -> None:
    events = items(most=40)
    async with asyncio.timeout(40), server.client() as client:
        publishing = sink(server)
        await publishing.deliver(delivery(events[:20]))
        async with aclosing(source(server).updates()) as updates:
            found = await texts(updates, 20)
            waiting = asyncio.ensure_future(texts(updates, 20))
            await asyncio.sleep(0.1)
            for consumer in await client.jetstream().consumers_info("NOMAD"):
                await client.jetstream().delete_consumer("NOMAD", consumer.name)
            await publishing.deliver(delivery(events[20:]))
            found += await waiting
        assert found == [each.text for each in events]
        await publishing.close()


async def test_messages_dropped_from_the_stream_meanwhile_are_a_gap(server: NatsServer) -> None:
    events = items(most=40)
    async with asyncio.timeout(40):
        publishing = sink(server)
        await publishing.deliver(delivery(events[:10]))
        async with aclosing(source(server).updates()) as updates:
            await texts(updates, 10)
            await server.kill()
            await first(updates, Retrying)
            await server.start()
            again = sink(server)
            await again.deliver(delivery(events[10:]))
            async with server.client() as client:
                await client.jetstream().purge_stream("NOMAD", keep=5)
            gap = await first(updates, Gap)
            assert (gap.reason, gap.after, gap.before) == (GapReason.EXPIRED, events[9].index, events[35].index)
            assert await texts(updates, 5) == [each.text for each in events[35:]]
        await publishing.close()
        await again.close()


async def test_gaps_are_read_as_gaps_and_tests_are_skipped(server: NatsServer) -> None:
    gap = Gap(GapReason.BUFFER, 10, 20, 3.0, ("Job",), events=2)
    event = items(most=1)
    for number, form in enumerate(MESSAGES):
        async with asyncio.timeout(60):
            limits = {"stream": f"S{number}", "subject": f"s{number}.{{topic}}"}
            publishing = sink(server, form, **limits)
            await publishing.deliver(delivery(event, test=True))
            await publishing.deliver(delivery([gap_item(gap)]))
            await publishing.deliver(delivery(event))
            address = JetStreamAddress.parse(f"{server.url}/S{number}")
            async with aclosing(JetStreamSource(address).updates()) as updates:
                assert await first(updates, Gap) == gap
                assert await texts(updates, 1) == [event[0].text]
            await publishing.close()


async def test_where_it_starts(server: NatsServer) -> None:
    now = time_ns()
    old = items(most=20, received=now - 3600 * 10**9)
    new = items(most=40)[20:]
    async with asyncio.timeout(60):
        publishing = sink(server)
        await publishing.deliver(delivery([*old, *new]))
        async with aclosing(source(server, Start(since=600 * 10**9)).updates()) as updates:
            assert await texts(updates, 20) == [each.text for each in new]
        wanted = new[5].index
        async with aclosing(source(server, Start(index=wanted)).updates()) as updates:
            expected = [each.text for each in (*old, *new) if each.index >= wanted]
            assert await texts(updates, len(expected)) == expected
        async with aclosing(source(server, Start(live=True)).updates()) as updates:
            await first(updates, Connected)
            waiting = asyncio.ensure_future(texts(updates, 1))
            await asyncio.sleep(0.2)
            latest = items(most=41)[40:]
            await publishing.deliver(delivery(latest))
            assert await waiting == [latest[0].text]
        await publishing.close()


async def test_no_stream_no_server_and_no_permission_are_reported(tmp_path: Path) -> None:
    async with nats_server(tmp_path, 'authorization { user: nomad, password: "s3cret" }') as server:
        async with asyncio.timeout(60):
            wrong = JetStreamSource(JetStreamAddress.parse(f"nats://nomad:wrong@127.0.0.1:{server.port}"))
            assert "wrong" not in wrong.name + wrong.scope(None) + repr(wrong.address)
            async with aclosing(wrong.updates()) as updates:
                refused = await first(updates, Refused)
                assert "rejects the user" in refused.what
            right = JetStreamSource(JetStreamAddress.parse(f"nats://nomad:s3cret@127.0.0.1:{server.port}/"))
            assert right.scope("global") == "global · stream NOMAD"
            async with aclosing(right.updates()) as updates:
                retrying = await first(updates, Retrying)
                assert "has no stream NOMAD" in retrying.what
            async with server.client(user="nomad", password="s3cret") as client:
                await client.jetstream().add_stream(name="NOMAD", subjects=["nomad.>"])
            async with aclosing(right.updates()) as updates:
                assert "holds no events yet" in (await first(updates, Noted)).text
            await server.kill()
            async with aclosing(right.updates()) as updates:
                assert "connection refused" in (await first(updates, Retrying)).what


def test_addresses() -> None:
    parse = JetStreamAddress.parse
    assert parse("nats://a") == JetStreamAddress(("a:4222",), "NOMAD")
    assert parse("a:1,[::1]:2") == JetStreamAddress(("a:1", "[::1]:2"))
    assert parse("tls://u:p%40%2F@a,b:5/EVENTS") == JetStreamAddress(
        ("a:4222", "b:5"), "EVENTS", True, user="u", password="p@/"
    )
    assert parse("nats://secret@a/").token == "secret"
    assert str(parse("nats://u:p@a,b/X")) == "nats://a:4222,b:4222/X"
    for wrong in ("", "http://a", "nats://", "nats://a:0", "nats://u:hidden@a:x", "nats://a/b.c", "nats://a b"):
        with pytest.raises(JetStreamAddressError, match=r"Write something like nats://") as caught:
            parse(wrong)
        assert "hidden" not in str(caught.value)
