"""JetStream as a sink: the messages of a real server after failures and restarts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
import pytest

from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.nats.publishing import subject, subjects
from nomad_tui.sinks.definition.definition import Definition, Format, JetStream, Kind, Tls
from nomad_tui.sinks.delivery.sink import Delivery, Item, RejectedError, UnavailableError
from nomad_tui.sinks.types.jetstream import JetStreamSink
from tests.nats_server import NatsServer, nats_cluster, nats_server
from tests.sink_items import batches, delivery, gap_item, items


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with nats_server(tmp_path / "nats") as started:
        yield started


def definition(server: NatsServer, window: float = 3600.0, **changes: object) -> Definition:
    made = Definition(
        "nats", Kind.NATS, server.url, timeout=20.0, jetstream=JetStream(create=True, duplicate_window=window)
    )
    return msgspec.structs.replace(made, **changes)


async def deliver_all(sink: JetStreamSink, given: Delivery) -> None:
    """Deliver as the runner does: events that were not accepted are retried."""
    left = given
    while True:
        try:
            await sink.deliver(left)
            return
        except UnavailableError as error:
            if error.done:
                left = delivery(left.items[error.done :])
            await asyncio.sleep(0.05)


def ids(of: list[Item]) -> list[str]:
    return [item.id for item in of]


MESSAGES = [each for each in Format if each not in (Format.TASKS, Format.TEMPLATE)]
"""Formats for NATS, with one message per event."""


async def stored_ids(server: NatsServer) -> list[str]:
    return [headers["Nats-Msg-Id"] for _, headers, _ in await server.stored()]


@pytest.mark.parametrize("form", MESSAGES)
async def test_each_event_is_one_message_in_order(server: NatsServer, form: Format) -> None:
    events = items(most=80)
    sink = JetStreamSink(definition(server, format=form))
    async with asyncio.timeout(60):
        for batch in batches(events, 30):
            await sink.deliver(batch)
        await sink.close()
        stored = await server.stored()
    assert [headers["Nats-Msg-Id"] for _, headers, _ in stored] == ids(events)
    for item, (name, headers, content) in zip(events, stored, strict=True):
        assert item.event is not None
        assert name == f"nomad.global.{item.event.topic}.{item.event.type}"
        assert headers["Nomad-Index"] == str(item.index)
        assert headers["Nomad-Received"] == str(item.received)
        assert item.text in content


async def test_a_resent_event_is_stored_once(server: NatsServer) -> None:
    events = items(most=20)
    sink, other = JetStreamSink(definition(server)), JetStreamSink(definition(server))
    async with asyncio.timeout(60):
        await sink.deliver(delivery(events[:15]))
        assert "known already" in await other.deliver(delivery(events))
        await sink.deliver(delivery(events[15:]))
        await sink.close()
        await other.close()
        assert await stored_ids(server) == ids(events)


@pytest.mark.parametrize("ordered", [True, False])
async def test_two_runners_of_which_one_restarts_after_the_duplicate_window(server: NatsServer, ordered: bool) -> None:
    """Events that one runner published outside the server's duplicate window are not published again by the other."""
    events = items(most=60)
    settings = definition(server, window=0.4, ordered=ordered)
    fast, slow = JetStreamSink(settings), JetStreamSink(settings)
    given = batches(events, 7)
    async with asyncio.timeout(60):
        await deliver_all(slow, given[0])
        for batch in given[:5]:
            await deliver_all(fast, batch)
        await asyncio.sleep(1.0)  # beyond the server's duplicate window
        await deliver_all(slow, given[1])
        await slow.close()  # as after a kill: its cursor is behind
        for batch in given[5:]:
            await deliver_all(fast, batch)
        await asyncio.sleep(1.0)
        again = JetStreamSink(settings)
        for batch in given[1:]:
            await deliver_all(again, batch)
        await deliver_all(fast, given[-1])
        await again.close()
        await fast.close()
        assert await stored_ids(server) == ids(events)


async def test_when_the_streams_leader_is_killed_the_sink_continues_with_the_next(tmp_path: Path) -> None:
    events = items(most=90)
    given = batches(events, 3)
    async with asyncio.timeout(90), nats_cluster(tmp_path) as servers:
        made = JetStream(create=True, replicas=3)
        everyone = ",".join(server.url for server in servers.values())
        maker = JetStreamSink(Definition("nats", Kind.NATS, everyone, timeout=30.0, jetstream=made))
        await deliver_all(maker, given[0])
        await maker.close()
        async with servers["n0"].client() as client:
            cluster = (await client.jetstream().stream_info("NOMAD")).cluster
        assert cluster is not None and cluster.leader is not None
        leader = servers.pop(cluster.leader)
        near, other = servers.values()
        address = f"{near.url},{other.url}"
        sink = JetStreamSink(Definition("nats", Kind.NATS, address, timeout=30.0, jetstream=made))
        for batch in given[:10]:
            await deliver_all(sink, batch)
        await leader.kill()
        killed = monotonic()
        await deliver_all(sink, given[10])
        assert monotonic() - killed < 10
        for batch in given[11:]:
            await deliver_all(sink, batch)
        await sink.close()
        stored = await near.stored()
    assert [headers["Nats-Msg-Id"] for _, headers, _ in stored] == ids(events)


async def test_concurrently_with_another_publisher(server: NatsServer) -> None:
    events = items(most=60)
    settings = definition(server, window=0.4)
    runners = [JetStreamSink(settings) for _ in range(2)]

    async def run(sink: JetStreamSink, size: int) -> None:
        for batch in batches(events, size):
            await deliver_all(sink, batch)
            await asyncio.sleep(0.01 * size)

    async def another() -> None:
        async with server.client() as client:
            for number in range(50):
                await client.publish("nomad.other", b"%d" % number)
                await asyncio.sleep(0.01)

    async with asyncio.timeout(60):
        await deliver_all(runners[0], delivery(events[:1]))
        await asyncio.gather(run(runners[0], 3), run(runners[1], 7), another())
        for runner in runners:
            await runner.close()
        stored = [headers.get("Nats-Msg-Id") for _, headers, _ in await server.stored()]
    assert [each for each in stored if each is not None] == ids(events)


async def test_killing_the_server_midway_loses_and_duplicates_nothing(server: NatsServer) -> None:
    events = items("load", most=300)
    sink = JetStreamSink(definition(server, timeout=2.0))

    async def run() -> None:
        for batch in batches(events, 20):
            await deliver_all(sink, batch)

    async with asyncio.timeout(60):
        running = asyncio.create_task(run())
        for _ in range(3):
            await asyncio.sleep(0.05)
            await server.kill()
            await server.start()
        await running
        await sink.close()
        assert await stored_ids(server) == ids(events)


async def test_a_server_that_is_down_is_reported_by_address(server: NatsServer) -> None:
    sink = JetStreamSink(definition(server))
    async with asyncio.timeout(60):
        await server.kill()
        with pytest.raises(UnavailableError, match="connection refused"):
            await sink.deliver(delivery(items(most=1)))
        await server.start()
        await sink.deliver(delivery(items(most=1)))
        await sink.close()


async def test_a_server_that_hangs_times_out(server: NatsServer) -> None:
    sink = JetStreamSink(definition(server, timeout=0.5))
    async with asyncio.timeout(60):
        await deliver_all(sink, delivery(items(most=1)))
        server.freeze()
        with pytest.raises(UnavailableError, match=r"has not acknowledged within 0\.5 s"):
            await sink.deliver(delivery(items(most=3)[1:]))
        server.thaw()
        await deliver_all(sink, delivery(items(most=3)[1:]))
        await sink.close()
        assert await stored_ids(server) == ids(items(most=3))


async def test_a_missing_stream_is_reported_with_the_remedy(server: NatsServer) -> None:
    sink = JetStreamSink(definition(server, jetstream=JetStream()))
    async with asyncio.timeout(60):
        with pytest.raises(UnavailableError, match=r"create = true .* nats stream add NOMAD --subjects 'nomad\.>'"):
            await sink.deliver(delivery(items(most=1)))
        await sink.close()


async def test_a_stream_without_the_subject_is_reported(server: NatsServer) -> None:
    sink = JetStreamSink(definition(server))
    other = JetStreamSink(definition(server, jetstream=JetStream(subject="elsewhere.{topic}")))
    async with asyncio.timeout(60):
        await sink.deliver(delivery(items(most=1)))
        with pytest.raises(UnavailableError, match=r"no stream of .* took it, NOMAD takes nomad\.>"):
            await other.deliver(delivery(items(most=2)[1:]))
        await sink.close()
        await other.close()


async def test_an_event_that_is_too_large_does_not_affect_others(tmp_path: Path) -> None:
    async with nats_server(tmp_path, "max_payload: 8192") as server, asyncio.timeout(60):
        events = items(most=6)
        large = msgspec.structs.replace(events[3], source=b'{"Index":1,"Payload":"%s"}' % (b"x" * 10_000))
        small = [msgspec.structs.replace(item, source=b"{}") for item in events]
        sink = JetStreamSink(definition(server))
        with pytest.raises(RejectedError, match="larger than") as caught:
            await sink.deliver(delivery([*small[:3], large, *small[4:]]))
        assert caught.value.done == 3
        await sink.deliver(delivery(small[4:]))
        await sink.close()
        assert await stored_ids(server) == ids(small[:3] + small[4:])


async def test_a_full_stream_is_waited_for(server: NatsServer) -> None:
    events = items(most=30)
    async with asyncio.timeout(60), server.client() as client:
        await client.jetstream().add_stream(name="NOMAD", subjects=["nomad.>"], max_msgs=10, discard="new")
        sink = JetStreamSink(definition(server))
        with pytest.raises(UnavailableError, match="is full") as caught:
            await sink.deliver(delivery(events))
        assert caught.value.done == 10
        await sink.close()
        assert await stored_ids(server) == ids(events[:10])


async def test_refused_credentials_are_reported(tmp_path: Path) -> None:
    async with nats_server(tmp_path, 'authorization { user: nomad, password: "s3cret" }') as server:
        async with asyncio.timeout(60):
            for user in ("", "nomad:wrong@"):
                sink = JetStreamSink(definition(server, address=f"nats://{user}127.0.0.1:{server.port}"))
                with pytest.raises(UnavailableError, match="rejects the user") as caught:
                    await sink.deliver(delivery(items(most=1)))
                assert "wrong" not in str(caught.value)
                await sink.close()
            sink = JetStreamSink(definition(server, address=f"nats://nomad:s3cret@127.0.0.1:{server.port}"))
            await sink.deliver(delivery(items(most=1)))
            await sink.close()


async def test_missing_permission_to_publish_is_reported_at_once(tmp_path: Path) -> None:
    users = 'authorization { users: [{ user: a, password: a, permissions: { publish: { deny: "nomad.>" } } }] }'
    async with nats_server(tmp_path, users) as server, asyncio.timeout(60):
        sink = JetStreamSink(definition(server, address=f"nats://a:a@127.0.0.1:{server.port}"))
        with pytest.raises(UnavailableError, match=r"does not permit it: permissions violation for publish"):
            await sink.deliver(delivery(items(most=1)))
        await sink.close()


USERS = (
    "authorization { users: [{ user: all, password: all }, { user: p, password: p, permissions: "
    '{ publish: { ALLOW }, subscribe: "_INBOX.>" } }] }'
)


@pytest.mark.parametrize(
    "publish",
    [
        'allow: "nomad.>"',
        'allow: ["nomad.>", "$JS.API.STREAM.INFO.NOMAD"]',
        'deny: "$JS.API.CONSUMER.MSG.NEXT.>"',
    ],
)
async def test_permission_to_publish_is_sufficient(tmp_path: Path, publish: str) -> None:
    async with nats_server(tmp_path, USERS.replace("ALLOW", publish)) as server, asyncio.timeout(60):
        maker = JetStreamSink(definition(server, address=f"nats://all:all@127.0.0.1:{server.port}"))
        await maker.deliver(delivery(items(most=1)))
        await maker.close()
        sink = JetStreamSink(definition(server, address=f"nats://p:p@127.0.0.1:{server.port}"))
        events = items(most=3)
        for event in events[1:]:
            answer = await sink.deliver(delivery([event]))
            assert "not checked for what is older than its duplicate window: permissions violation" in answer
        await sink.close()
        server.user = "all:all@"
        assert await stored_ids(server) == ids(events)


@pytest.mark.parametrize(
    ("config", "consumers", "why"),
    [
        ({"retention": "workqueue"}, 0, "workqueue"),
        ({"retention": "workqueue"}, 1, "workqueue"),
        ({"max_consumers": 1}, 1, "maximum consumers limit reached"),
    ],
)
async def test_a_stream_that_cannot_be_read_gets_its_events(
    server: NatsServer, config: dict[str, Any], consumers: int, why: str
) -> None:
    """Regression: an optional read prevented the write, so the stream never got anything."""
    events = items(most=30)
    async with asyncio.timeout(60):
        async with server.client() as client:
            await client.jetstream().add_stream(name="NOMAD", subjects=["nomad.>"], **config)
            for number in range(consumers):
                await client.jetstream().add_consumer("NOMAD", durable_name=f"c{number}", ack_policy="explicit")
        sink = JetStreamSink(definition(server))
        for batch in batches(events, 10):
            await deliver_all(sink, batch)
        answer = await sink.deliver(delivery(events))
        assert "30 of them known already" in answer and why in answer
        await sink.close()
        assert await stored_ids(server) == ids(events)


@pytest.mark.parametrize("silent", ["CONSUMER.CREATE.NOMAD", "STREAM.INFO.NOMAD"])
async def test_an_api_that_does_not_answer_is_not_waited_for(tmp_path: Path, silent: str) -> None:
    """As when an account exports the subjects of a stream but not the entire JetStream API."""
    events = items(most=30)
    async with nats_server(tmp_path) as server, asyncio.timeout(60):
        maker = JetStreamSink(definition(server))
        await maker.deliver(delivery(events[:1]))
        await maker.close()
        await server.kill()
        server.settings = f'mappings = {{ "$JS.API.{silent}": "nobody.answers" }}'
        await server.start()
        async with server.client() as client:
            await client.subscribe("nobody.answers")
            sink = JetStreamSink(definition(server), patience=0.5)
            for batch in batches(events[1:], 10):
                await deliver_all(sink, batch)
            assert "it is overloaded" in await sink.deliver(delivery(events[-1:]))
            await sink.close()
        await server.kill()
        server.settings = ""
        await server.start()
        assert await stored_ids(server) == ids(events)


@pytest.mark.parametrize("how", ["leave", "purge", "delete", "make anew"])
async def test_reading_a_stream_continues_after_a_timeout_and_after_a_purge(server: NatsServer, how: str) -> None:
    """Regression: reading the stream's content waited forever for messages that were deleted."""
    events = items(most=2, received=1)
    settings = definition(server)
    async with asyncio.timeout(60):
        maker = JetStreamSink(settings)
        await maker.deliver(delivery(events[:1]))
        await maker.close()
        async with server.client() as client:
            for number in range(20_000):
                await client.publish("nomad.x", b"{}", headers={"Nats-Msg-Id": str(number)})
            jetstream = client.jetstream()
            while (await jetstream.stream_info("NOMAD")).state.messages <= 20_000:
                pass
            timeout, expected = 0.05, ""
            while "reading which events NOMAD holds already" not in expected:
                timeout *= 1.3  # too short to connect; a larger step could be enough for everything
                sink = JetStreamSink(msgspec.structs.replace(settings, timeout=timeout))
                with pytest.raises(UnavailableError) as raised:
                    await sink.deliver(delivery(events[1:]))
                expected = str(raised.value)
            if how == "purge":
                await jetstream.purge_stream("NOMAD")
            elif how == "delete":
                await jetstream.purge_stream("NOMAD", subject="nomad.x")
            elif how == "make anew":
                await jetstream.delete_stream("NOMAD")
                await jetstream.add_stream(name="NOMAD", subjects=["nomad.>"])
            await deliver_all(sink, delivery(events[1:]))
            await sink.close()
            newest = await jetstream.get_last_msg("NOMAD", "nomad.global.>")
            assert (newest.headers or {})["Nats-Msg-Id"] == events[1].id


async def test_no_password_is_sent_unencrypted_if_tls_is_required(server: NatsServer) -> None:
    sink = JetStreamSink(definition(server, address=f"tls://u:p@127.0.0.1:{server.port}"))
    async with asyncio.timeout(60):
        with pytest.raises(UnavailableError, match="it offers no TLS"):
            await sink.deliver(delivery(items(most=1)))
        await sink.close()


async def test_tls(tmp_path: Path) -> None:
    import trustme

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    file = str(tmp_path / "server.pem")
    async with nats_server(tmp_path / "nats", f"tls {{ cert_file: '{file}', key_file: '{file}' }}", "tls") as server:
        async with asyncio.timeout(60):
            sink = JetStreamSink(definition(server))
            with pytest.raises(UnavailableError, match="is not trusted"):
                await sink.deliver(delivery(items(most=1)))
            await sink.close()
            sink = JetStreamSink(definition(server, tls=Tls(ca_cert=tmp_path / "ca.pem")))
            await sink.deliver(delivery(items(most=1)))
            await sink.close()


async def test_an_nkey(tmp_path: Path) -> None:
    import nkeys  # type: ignore[import-untyped]

    encoded = nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(bytearray(encoded)).public_key.decode()
    (tmp_path / "user.nk").write_bytes(b"# of the runner\n" + encoded + b"\n")
    async with nats_server(tmp_path / "nats", f"authorization {{ users: [{{ nkey: {public} }}] }}") as server:
        async with asyncio.timeout(60):
            jetstream = JetStream(create=True, nkey=tmp_path / "user.nk")
            sink = JetStreamSink(definition(server, jetstream=jetstream))
            await sink.deliver(delivery(items(most=1)))
            await sink.close()
            (tmp_path / "user.nk").write_text("nothing")
            sink = JetStreamSink(definition(server, jetstream=jetstream))
            with pytest.raises(UnavailableError, match="holds no nkey"):
                await sink.deliver(delivery(items(most=1)))
            (tmp_path / "user.creds").write_text("nothing")
            sink = JetStreamSink(definition(server, jetstream=JetStream(credentials=tmp_path / "user.creds")))
            with pytest.raises(UnavailableError, match="is not a credentials file"):
                await sink.deliver(delivery(items(most=1)))


async def test_several_servers_of_which_one_is_up(server: NatsServer) -> None:
    address = f"nats://127.0.0.1:1,127.0.0.1:{server.port}"
    sink = JetStreamSink(definition(server, address=address))
    async with asyncio.timeout(60):
        await sink.deliver(delivery(items(most=1)))
        await sink.close()


async def test_the_stream_is_created_with_the_limits_of_the_definition(server: NatsServer) -> None:
    wanted = JetStream(create=True, max_age=600.0, max_bytes=1_000_000, duplicate_window=3600.0)
    async with asyncio.timeout(60), server.client() as client:
        sink = JetStreamSink(definition(server, jetstream=wanted))
        await sink.deliver(delivery(items(most=1)))
        config = (await client.jetstream().stream_info("NOMAD")).config
        assert (config.subjects, config.max_age, config.max_bytes) == (["nomad.>"], 600, 1_000_000)
        assert config.duplicate_window == 600
        other = JetStreamSink(definition(server, jetstream=msgspec.structs.replace(wanted, max_bytes=5_000_000)))
        await other.deliver(delivery(items(most=1)))
        assert (await client.jetstream().stream_info("NOMAD")).config.max_bytes == 1_000_000
        for each in (sink, other):
            await each.close()


async def test_a_gap_and_a_test_are_messages_too(server: NatsServer) -> None:
    sink = JetStreamSink(definition(server))
    event = items(most=1)
    async with asyncio.timeout(60):
        await sink.deliver(delivery([gap_item(Gap(GapReason.BUFFER, 10, 20, 3.0))]))
        await sink.deliver(delivery(event))
        await sink.deliver(delivery(event, test=True))
        await sink.close()
        stored = await server.stored()
    assert stored[0][0] == "nomad.global.Gap.buffer"
    assert [headers.get("Nomad-Test") for _, headers, _ in stored] == [None, None, "true"]


def test_values_become_one_valid_token_each() -> None:
    values = {"region": "", "topic": "a.b", "type": "c d*>\n", "namespace": "ü", "key": "k/1", "index": "7"}
    template = "nomad.{region}.{topic}.{type}.{namespace}.{key}.{index}"
    made = subject(template, values)
    assert made == "nomad._.a_b.c_d___.ü.k/1.7"
    assert subjects(template) == "nomad.>"
    assert subjects("{region}.events") == "*.events"
    assert subjects("all.events") == "all.events"


async def test_closing_twice_and_unused(server: NatsServer) -> None:
    sink = JetStreamSink(definition(server))
    with suppress(UnavailableError):
        async with asyncio.timeout(60):
            await sink.close()
            await sink.close()
