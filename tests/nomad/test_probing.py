"""Probing which topics a token may read, with servers that do not report it."""

import asyncio

import pytest

from nomad_tui.config.connection import Connection
from nomad_tui.core.permissions import Permissions
from nomad_tui.nomad.cases import Kind
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.probing import MAX_CONCURRENT, Probed, permissions, probe
from nomad_tui.standin import Options, Release, StandIn, Token
from tests.faulty_servers import answer, faulty_server

READER = "00000000-0000-4000-8000-00000000000b"
READS_WEB = Token(namespaces={"web": frozenset({"read-job"})}, node_read=True)


async def probed(
    address: str, topics: list[str], namespaces: list[str], *, beta: bool = False, patience: float = 5.0
) -> list[Probed]:
    connection = Connection.from_environment({}, {"NOMAD_ADDR": address, "NOMAD_TOKEN": READER})
    async with asyncio.timeout(60), Client(connection) as client:
        return [each async for each in probe(client, topics, namespaces, beta=beta, patience=patience)]


@pytest.mark.parametrize("release", Release)
async def test_each_topic_is_probed_in_each_namespace_and_others_once(release: Release) -> None:
    options = Options(tokens={READER: READS_WEB}, namespaces=("web", "payments"), release=release)
    async with StandIn(options=options) as server:
        answers = await probed(server.address, ["Job", "Node", "ACLToken"], ["web", "payments"])
        asked = sorted(request.query[1:] for request in server.requests)
    assert permissions(answers, ["web", "payments"]) == Permissions(
        ("web", "payments"),
        {"Job": frozenset({"web"}), "Node": frozenset({"web", "payments"}), "ACLToken": frozenset()},
    )
    assert [dict(query) for query in asked] == [
        {"topic": "ACLToken:*", "namespace": "web"},
        {"topic": "Job:*", "namespace": "payments"},
        {"topic": "Job:*", "namespace": "web"},
        {"topic": "Node:*", "namespace": "web"},
    ]


async def test_a_server_that_stays_silent_until_the_timeout_allows_it() -> None:
    options = Options(tokens={READER: READS_WEB}, release=Release.OLD, first_heartbeat=30)
    async with StandIn(options=options) as server:
        answers = {
            each.topic: each for each in await probed(server.address, ["Job", "ACLToken"], ["web"], patience=0.2)
        }
    assert answers["Job"].allowed is True and not answers["Job"].heard
    assert answers["ACLToken"].allowed is False


async def test_at_most_four_are_open_at_once() -> None:
    open_at_once = 0
    async with StandIn(options=Options(first_heartbeat=0.05)) as server:
        probing = asyncio.create_task(probed(server.address, ["Job"], [f"team-{number}" for number in range(9)]))
        while not probing.done():
            open_at_once = max(open_at_once, server.subscribers)
            await asyncio.sleep(0.005)
        answers = await probing
    assert [each.allowed for each in answers] == [True] * 9
    assert open_at_once == MAX_CONCURRENT


async def test_a_beta_server_is_asked_in_its_own_dialect() -> None:
    async with StandIn() as server:
        answers = await probed(server.address, ["Allocation"], ["*"], beta=True)
        assert server.requests[0].first("topic") == "Alloc:*"
    assert [each.topic for each in answers] == ["Allocation"]


async def test_a_topic_that_cannot_be_requested_is_neither_allowed_nor_refused() -> None:
    with faulty_server(answer("429 Too Many Requests")) as server:
        (result,) = await probed(f"http://127.0.0.1:{server.port}", ["Job"], ["*"])
    assert result.allowed is None and result.trouble is not None
    assert result.trouble.kind is Kind.TOO_MANY
    assert permissions([result], ["*"]).nothing
