"""`--from nats://…`: messages published to JetStream, printed and on the screen."""

import asyncio
import json
import os
from pathlib import Path

import nkeys  # type: ignore[import-untyped]
import trustme

from nomad_tui.sinks.definition.definition import Definition, JetStream, Kind, Tls
from nomad_tui.sinks.delivery.sink import Item
from nomad_tui.sinks.types.jetstream import JetStreamSink
from tests.cli.test_cli import terminal
from tests.cli.test_journal_commands import run
from tests.nats_server import NatsServer, nats_server
from tests.sink_items import batches, items

SECONDS = 60
"""Seconds after which a test counts as hung."""


async def published(server: NatsServer, events: list[Item], **settings: Path) -> None:
    """Create the stream NOMAD and publish to it, as a runner does."""
    definition = Definition(
        "nats",
        Kind.NATS,
        server.url,
        tls=Tls(ca_cert=settings.get("ca_cert")),
        jetstream=JetStream(create=True, nkey=settings.get("nkey")),
    )
    sink = JetStreamSink(definition)
    for batch in batches(events, 30):
        await sink.deliver(batch)
    await sink.close()


def texts(events: list[Item]) -> list[object]:
    return [json.loads(item.text) for item in events]


async def test_tail_prints_published_events_and_its_options_select(tmp_path: Path) -> None:
    events = items(most=80)
    async with asyncio.timeout(SECONDS), nats_server(tmp_path / "nats") as server:
        await published(server, events)
        tail = ("tail", "--from", server.url, "--output", "ndjson", "--limit")
        everything = await run(*tail, "80")
        middle = events[40].index
        from_index = [item for item in events if item.index >= middle]
        part = await run("--index", str(middle), *tail, str(len(from_index)))
        filtered = await run(*tail, "1", "--filter", "topic:evaluation")
    assert (everything.code, everything.err, everything.values) == (0, "", texts(events))
    assert (part.code, part.err, part.values) == (0, "", texts(from_index))
    assert filtered.values[0]["Topic"] == "Evaluation"


async def test_the_dashboard_shows_events_published_before_and_after(tmp_path: Path) -> None:
    events = items(most=80)
    async with asyncio.timeout(SECONDS), nats_server(tmp_path / "nats") as server:
        await published(server, events[:60])
        async with terminal("--from", f"{server.url}/NOMAD") as screen:
            await screen.until("stream NOMAD")
            await screen.until(str(events[59].index))
            await screen.until("● live")
            await published(server, events)
            await screen.until(str(events[79].index))
            screen.press("@")
            await screen.until("available")  # the screen is repainted cell by cell
            screen.press("q")
            assert await screen.ended() == 0


async def test_keys_and_certificates_reach_the_server(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    (tmp_path / "user.nk").write_bytes(seed)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    settings = (
        f'tls {{ cert_file: "{tmp_path / "server.pem"}", key_file: "{tmp_path / "server.pem"}" }}\n'
        f"authorization {{ users: [ {{ nkey: {public} }} ] }}"
    )
    events = items(most=5)
    async with asyncio.timeout(SECONDS), nats_server(tmp_path / "nats", settings, "tls") as server:
        await published(server, events, ca_cert=tmp_path / "ca.pem", nkey=tmp_path / "user.nk")
        ca_cert = ("--ca-cert", str(tmp_path / "ca.pem"))
        nkey = ("--nats-nkey", str(tmp_path / "user.nk"))
        tail = ("tail", "--from", server.url, "--output", "ndjson", "--limit", "5")
        taken = [await run(*tail, *ca_cert, *nkey), await run(*ca_cert, *tail, *nkey)]
        without_key = await run(*tail, *ca_cert)
        without_authority = await run(*tail, *nkey)
    assert [(each.code, each.err, each.values) for each in taken] == [(0, "", texts(events))] * 2
    assert (without_key.code, without_key.out, without_key.err.count("\n")) == (3, b"", 1)
    assert without_authority.code in (1, 3) and "certificate" in without_authority.err
