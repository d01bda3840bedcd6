"""The stand-in server responds, publishes, refuses and fails as a Nomad server does, over real sockets."""

import asyncio
import contextlib
import gzip
import json
import signal
import socket
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from nomad_tui.standin import (
    ALL_FRAMES,
    MANAGEMENT,
    AtEnd,
    Cut,
    Drip,
    End,
    Fault,
    Garbage,
    LongLine,
    Options,
    Release,
    Reset,
    Scheduled,
    Silence,
    StandIn,
    Token,
)
from tests import recordings

SECONDS = 60
"""Seconds after which a test counts as hung."""

ADMIN = "00000000-0000-4000-8000-00000000000a"
READER = "00000000-0000-4000-8000-00000000000b"
UNKNOWN = "00000000-0000-4000-8000-00000000ffff"

READS_JOBS = Token(name="reader", namespaces={"default": frozenset({"read-job"})}, policies=("readers",))


def event(topic: str, key: str, namespace: str = "default", **fields: Any) -> dict[str, Any]:
    return {"Topic": topic, "Type": "PlanResult", "Key": key, "Namespace": namespace, **fields}


def frame(index: int, *events: dict[str, Any]) -> bytes:
    held = events or (event("Job", f"job-{index}"),)
    stamped = [{"Payload": {}, "FilterKeys": None, **each, "Index": index} for each in held]
    return json.dumps({"Index": index, "Events": stamped}, separators=(",", ":")).encode()


def frames(*indexes: int) -> list[bytes]:
    return [frame(index) for index in indexes]


@dataclass
class Client:
    """A reader of one connection; of HTTP it only knows the empty line after the head."""

    status: str
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, server: StandIn, target: str, **headers: str) -> "Client":
        return await cls.over(*await connect(server), target, **headers)

    @classmethod
    async def over(
        cls, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str, /, **headers: str
    ) -> "Client":
        sent = {"Host": "nomad", **{name.replace("_", "-"): value for name, value in headers.items()}}
        fields = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"GET {target} HTTP/1.1\r\n{fields}\r\n".encode())
        received = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in received[1:] if line)
        return cls(received[0], {name.lower(): value for name, value in pairs}, reader, writer)

    @classmethod
    async def stream(cls, server: StandIn, query: str = "", **headers: str) -> "Client":
        return await cls.open(server, f"/v1/event/stream?{query}", **headers)

    async def line(self) -> bytes:
        """Return the next line that is not a heartbeat, without its line feed."""
        while (line := await self.reader.readline()) == b"{}\n":
            pass
        return line.removesuffix(b"\n")

    async def frame(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(await self.line())
        return decoded

    async def indexes(self, count: int) -> list[int]:
        return [(await self.frame())["Index"] for _ in range(count)]

    async def keys(self) -> list[str]:
        """Return the keys of the next frame's events."""
        return [each["Key"] for each in (await self.frame())["Events"]]

    async def rest(self) -> bytes:
        """Return the body to its end, without heartbeats."""
        return (await self.reader.read()).replace(b"{}\n", b"")

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def connect(server: StandIn) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if server.address.startswith("unix://"):
        return await asyncio.open_unix_connection(server.address.removeprefix("unix://"))
    host, port = server.address.split("//")[1].split(":")
    return await asyncio.open_connection(host, int(port), limit=2**25)


@dataclass
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


async def get(server: StandIn, path: str, **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession(server.address) as session,
        session.get(path, headers=sent, allow_redirects=False) as response,
    ):
        return Answer(response.status, await response.text(), response.headers)


async def stream_is_open(server: StandIn, query: str, **headers: str) -> bool:
    """Whether a stream begins with a heartbeat: nothing else distinguishes a refusal from a quiet cluster."""
    client = await Client.stream(server, query, **headers)
    first = await client.reader.readline()
    await client.close()
    return first == b"{}\n"


# The response


async def test_stream_begins_with_headers_without_a_length_and_a_heartbeat() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        client = await Client.stream(server)
        assert client.status == "HTTP/1.1 200 OK"
        assert client.headers["connection"] == "close"
        assert client.headers["content-type"] == "application/json"
        assert not {"content-length", "transfer-encoding"} & client.headers.keys()
        assert await client.reader.readline() == b"{}\n"
        await client.close()


async def test_heartbeats_come_whether_or_not_frames_do() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(heartbeat=0.02)) as server:
        client = await Client.stream(server)
        assert [await client.reader.readline() for _ in range(3)] == [b"{}\n"] * 3
        server.publish(frame(7))
        assert await client.line() == frame(7)
        assert await client.reader.readline() == b"{}\n"
        await client.close()


async def test_stream_ends_with_the_server() -> None:
    async with asyncio.timeout(SECONDS):
        async with StandIn() as server:
            client = await Client.stream(server)
            await server.subscribed()
        assert await client.rest() == b""
        await client.close()


async def test_a_disconnected_reader_is_no_longer_a_subscriber() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        client = await Client.stream(server)
        await server.subscribed()
        await client.close()
        await server.until(lambda: server.subscribers == 0)


async def test_requests_are_recorded_unchanged() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        client = await Client.stream(server, "topic=Job&topic=Node%3An1&index=", X_Nomad_Token="secret")
        await client.close()
        [request] = server.requests
        assert (request.method, request.path) == ("GET", "/v1/event/stream")
        assert request.query == (("topic", "Job"), ("topic", "Node:n1"), ("index", ""))
        assert request.headers["x-nomad-token"] == "secret"


# Where a stream starts


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        pytest.param("", 16, id="without an index: the oldest held, not now"),
        pytest.param("index=0", 16, id="0 is the same"),
        pytest.param("index=18", 18, id="inclusive"),
        pytest.param("index=17", 18, id="between two: the next one"),
        pytest.param("index=10", 16, id="gone: the next held, silently"),
        pytest.param("index=24", 24, id="the newest"),
        pytest.param("index=99", 24, id="above the newest: the newest again"),
    ],
)
async def test_index_sets_where_the_stream_starts(asked: str, first: int) -> None:
    options = Options(buffer_size=5, lead=ALL_FRAMES)
    async with asyncio.timeout(SECONDS), StandIn(frames(*range(10, 26, 2)), options) as server:
        await server.published()
        client = await Client.stream(server, asked)
        assert (await client.frame())["Index"] == first
        await client.close()


async def test_index_shared_by_two_frames_starts_at_the_first_of_them() -> None:
    held = [frame(5), frame(6, event("Job", "one")), frame(6, event("Job", "two")), frame(7)]
    async with asyncio.timeout(SECONDS), StandIn(held, Options(lead=ALL_FRAMES)) as server:
        await server.published()
        client = await Client.stream(server, "index=6")
        assert [await client.keys() for _ in range(3)] == [["one"], ["two"], ["job-7"]]
        await client.close()


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("index=-1", "Invalid index"),
        ("index=new", 'Unable to parse index: strconv.Atoi: parsing "new": invalid syntax'),
        ("index=1.5", 'Unable to parse index: strconv.Atoi: parsing "1.5": invalid syntax'),
        (f"index={2**63}", f'Unable to parse index: strconv.Atoi: parsing "{2**63}": value out of range'),
        (
            "topic=Job:a:b",
            "Invalid topic query: error parsing topics: Invalid key value pair for topic, topic: Job:a:b",
        ),
    ],
)
async def test_a_request_it_cannot_read_is_400(query: str, text: str) -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        answer = await get(server, f"/v1/event/stream?{query}")
        assert (answer.status, answer.text) == (400, text)


# Filtering

CHOICE = frame(
    9,
    event("Node", "n1", ""),
    event("Job", "web"),
    event("Allocation", "a1", FilterKeys=["web", "d1"]),
    event("Job", "db"),
)
END = frame(10, event("Mark", "end", FilterKeys=["web"]))


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        pytest.param("", ["n1", "web", "a1", "db"], id="everything"),
        pytest.param("topic=*", ["n1", "web", "a1", "db"], id="everything by name"),
        pytest.param("topic=Job", ["web", "db"], id="a topic"),
        pytest.param("topic=Job:*", ["web", "db"], id="a topic and its wildcard"),
        pytest.param("topic=Job:web", ["web"], id="a key"),
        pytest.param("topic=Allocation:web", ["a1"], id="a filter key"),
        pytest.param("topic=Job:web&topic=Job:db", ["web", "db"], id="two keys"),
        pytest.param("topic=Node&topic=Job:db", ["n1", "db"], id="two topics"),
        pytest.param("topic=job", [], id="names are case-sensitive"),
        pytest.param("topic=Alloc", [], id="unknown names are silence"),
        pytest.param("topic=Node&topic=Node:*", [], id="two wildcards are two names"),
        pytest.param("topic=Node&topic=Node:n1", ["n1"], id="a wildcard beside a key is a name"),
        pytest.param("topic=*:web", ["web", "a1"], id="a key of every topic"),
        pytest.param("topic=*:web&topic=Node:*", ["web", "a1"], id="a key of every topic loses a wildcard"),
        pytest.param("topic=*:web&topic=Node:n1", ["n1", "web", "a1"], id="but not a key"),
        pytest.param("topic=*&topic=Node:x", ["n1", "web", "a1", "db"], id="everything goes first"),
        pytest.param("topic=Allocation:web&topic=Allocation:a1", ["a1", "a1"], id="twice for two keys"),
        pytest.param("topic=Job:web&topic=Job:web", ["web", "web"], id="even for the same key"),
    ],
)
async def test_topics_select_events_as_the_real_filter_does(query: str, keys: list[str]) -> None:
    options = Options(from_start=True, at_end=AtEnd.EOF)
    async with asyncio.timeout(SECONDS), StandIn([CHOICE, END], options) as server:
        client = await Client.stream(server, f"{query}&topic=Mark" if query else "")
        received = [json.loads(line)["Events"] for line in (await client.rest()).splitlines()]
        *chosen, end = [each["Key"] for events in received for each in events]
        assert (chosen, end) == (keys, "end")
        await client.close()


async def test_a_completely_selected_frame_is_sent_unchanged() -> None:
    stored = b'{"Events":[{"Topic":"Job",  "Key":"web", "Index":3, "Payload":{"b":1,"a":2}}], "Index":3}'
    async with asyncio.timeout(SECONDS), StandIn([stored], Options(lead=1)) as server:
        for query in ("", "topic=Job", "topic=Job:web"):
            client = await Client.stream(server, query)
            assert await client.line() == stored
            await client.close()


NAMESPACED = [
    frame(1, event("Job", "in default")),
    frame(2, event("Job", "in payments", "payments")),
    frame(3, event("Node", "in none", "")),
]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", ["in default", "in none"]),
        ("namespace=", ["in default", "in none"]),
        ("namespace=default", ["in default", "in none"]),
        ("namespace=payments", ["in payments", "in none"]),
        ("namespace=*", ["in default", "in payments", "in none"]),
        ("namespace=unknown", ["in none"]),
    ],
)
async def test_namespace_selects_events_and_keeps_those_without_one(query: str, keys: list[str]) -> None:
    options = Options(from_start=True, at_end=AtEnd.EOF)
    async with asyncio.timeout(SECONDS), StandIn(NAMESPACED, options) as server:
        client = await Client.stream(server, query)
        received = [json.loads(line)["Events"][0]["Key"] for line in (await client.rest()).splitlines()]
        assert received == keys
        await client.close()


async def test_a_namespace_created_later_is_invisible_until_the_next_stream() -> None:
    options = Options(namespaces=("default",), lead=ALL_FRAMES)
    async with asyncio.timeout(SECONDS), StandIn([], options) as server:
        early = await Client.stream(server, "namespace=*")
        await server.subscribed()
        server.publish(*NAMESPACED)
        assert [await early.keys() for _ in range(2)] == [["in default"], ["in none"]]
        late = await Client.stream(server, "namespace=*")
        assert [await late.keys() for _ in range(3)] == [["in default"], ["in payments"], ["in none"]]
        await early.close()
        await late.close()


async def test_blocking_query_returns_when_a_namespace_is_created() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        before = await get(server, "/v1/namespaces")
        assert [each["Name"] for each in before.json] == ["default"]
        path = f"/v1/namespaces?index={before.headers['X-Nomad-Index']}&wait=5m"
        waiting = asyncio.create_task(get(server, path))
        await server.until(lambda: len(server.requests) == 2)
        server.make_namespace("payments")
        after = await waiting
        assert [each["Name"] for each in after.json] == ["default", "payments"]
        assert int(after.headers["X-Nomad-Index"]) > int(before.headers["X-Nomad-Index"])


async def test_blocking_query_returns_unchanged_after_its_timeout() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        answer = await get(server, "/v1/namespaces?index=1&wait=10ms")
        assert (answer.status, answer.headers["X-Nomad-Index"]) == (200, "1")


@pytest.mark.parametrize("release", [Release.MODERN, Release.OLD])
async def test_an_unknown_region_is_refused(release: Release) -> None:
    options = Options(region="eu", other_regions=("us",), release=release)
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        assert (await get(server, "/v1/regions")).json == ["eu", "us"]
        assert await stream_is_open(server, "region=eu")
        assert await stream_is_open(server, "region=us")
        answer = await get(server, "/v1/event/stream?region=moon")
        expected = (200, "") if release is Release.MODERN else (500, "No path to region")
        assert (answer.status, answer.text) == expected


# Tokens


@pytest.mark.parametrize(
    ("token", "query", "is_open"),
    [
        pytest.param(MANAGEMENT, "", True, id="management reads everything"),
        pytest.param(READS_JOBS, "", False, id="the wildcard needs management"),
        pytest.param(READS_JOBS, "topic=*:web", False, id="with a key too"),
        pytest.param(READS_JOBS, "topic=Job&topic=Allocation&topic=Service", True, id="read-job"),
        pytest.param(READS_JOBS, "topic=Job&topic=Node", False, id="one forbidden topic refuses all"),
        pytest.param(READS_JOBS, "topic=Job&namespace=payments", False, id="another namespace"),
        pytest.param(READS_JOBS, "topic=Job&namespace=*", False, id="any namespace it may not read"),
        pytest.param(READS_JOBS, "topic=HostVolume", False, id="another capability"),
        pytest.param(READS_JOBS, "topic=Alloc", False, id="an unknown topic needs management"),
        pytest.param(Token(node_read=True), "topic=Node", True, id="node:read"),
        pytest.param(Token(node_read=True), "topic=NodePool", False, id="node pools need management"),
        pytest.param(Token(operator_read=True), "topic=Operator", True, id="operator:read"),
        pytest.param(
            Token(namespaces={"*": frozenset({"read-job"})}),
            "topic=Job&namespace=*",
            True,
            id="a policy for every namespace",
        ),
        pytest.param(Token(variables={"default": ("app/*",)}), "topic=Variable", True, id="variables"),
        pytest.param(Token(), "topic=Variable", False, id="no variables"),
    ],
)
async def test_every_topic_must_be_allowed_in_every_namespace(token: Token, query: str, is_open: bool) -> None:
    options = Options(tokens={READER: token}, namespaces=("default", "payments"))
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        assert await stream_is_open(server, query, X_Nomad_Token=READER) is is_open


@pytest.mark.parametrize(
    ("headers", "is_open"),
    [
        ({"X_Nomad_Token": ADMIN}, True),
        ({"X_Nomad_Token": f" {ADMIN} "}, True),
        ({"Authorization": f"Bearer {ADMIN}"}, True),
        ({"Authorization": f"bearer {ADMIN}"}, True),
        ({"Authorization": f"Basic {ADMIN}"}, False),
        ({"X_Nomad_Token": UNKNOWN, "Authorization": f"Bearer {ADMIN}"}, False),
        ({"X_Nomad_Token": "malformed"}, False),
        ({}, False),
    ],
)
async def test_the_ways_to_send_a_token(headers: dict[str, str], is_open: bool) -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(tokens={ADMIN: MANAGEMENT})) as server:
        assert await stream_is_open(server, "", **headers) is is_open


@pytest.mark.parametrize(
    ("release", "status", "text"),
    [
        (Release.MODERN, 200, ""),
        (Release.OLD, 403, "Permission denied"),
        (Release.OLD_500, 500, "Permission denied"),
    ],
)
async def test_the_response_of_a_refusal(release: Release, status: int, text: str) -> None:
    options = Options(tokens={}, release=release)
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        answer = await get(server, "/v1/event/stream")
        assert (answer.status, answer.text) == (status, text)
        assert server.subscribers == 0


async def test_variables_are_selected_by_path() -> None:
    held = frame(4, event("Variable", "app/one"), event("Variable", "secret/two"))
    token = Token(variables={"default": ("app/*",)})
    options = Options(tokens={READER: token}, lead=1)
    async with asyncio.timeout(SECONDS), StandIn([held], options) as server:
        client = await Client.stream(server, "topic=Variable", X_Nomad_Token=READER)
        assert await client.keys() == ["app/one"]
        await client.close()


@pytest.mark.parametrize(("release", "last_words"), [(Release.MODERN, b""), (Release.OLD, b"ACL token expired")])
async def test_revoking_a_token_ends_its_streams_only(release: Release, last_words: bytes) -> None:
    options = Options(tokens={ADMIN: MANAGEMENT, READER: READS_JOBS}, release=release)
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        kept = await Client.stream(server, X_Nomad_Token=ADMIN)
        lost = await Client.stream(server, "topic=Job", X_Nomad_Token=READER)
        await server.subscribed(2)
        server.revoke(READER)
        assert await lost.rest() == last_words
        server.publish(frame(1))
        assert await kept.line() == frame(1)
        assert (await get(server, "/v1/acl/token/self", X_Nomad_Token=READER)).status == 403
        await kept.close()
        await lost.close()


async def test_a_policy_change_ends_the_streams_that_it_forbids() -> None:
    options = Options(tokens={READER: READS_JOBS})
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        client = await Client.stream(server, "topic=Job", X_Nomad_Token=READER)
        await server.subscribed()
        server.put_token(READER, Token(node_read=True))
        assert await client.rest() == b""
        await client.close()
        assert await stream_is_open(server, "topic=Node", X_Nomad_Token=READER)


async def test_a_proxy_in_front_asks_for_basic_auth() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(basic_auth=("me", "pass:word"))) as server:
        refused = await get(server, "/v1/agent/self")
        assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="nomad"')
        authorization = aiohttp.encode_basic_auth("me", "pass:word")
        assert (await get(server, "/v1/agent/self", Authorization=authorization)).status == 200
        assert await stream_is_open(server, "", Authorization=authorization)


# The other endpoints


async def test_agent_reports_release_region_and_newest_index() -> None:
    options = Options(version="1.11.2", region="eu", name="one.eu", lead=ALL_FRAMES)
    async with asyncio.timeout(SECONDS), StandIn(frames(5, 9), options) as server:
        await server.published()
        agent = (await get(server, "/v1/agent/self")).json
        assert agent["config"]["Version"]["Version"] == "1.11.2"
        assert agent["config"]["Region"] == "eu"
        assert agent["member"]["Name"] == "one.eu"
        assert agent["stats"]["raft"]["last_log_index"] == "9"


@pytest.mark.parametrize(
    ("path", "secret", "status"),
    [
        ("/v1/agent/self", ADMIN, 200),
        ("/v1/agent/self", READER, 403),
        ("/v1/agent/self", "", 403),
        ("/v1/acl/token/self", ADMIN, 200),
        ("/v1/acl/token/self", READER, 200),
        ("/v1/acl/token/self", "", 200),
        ("/v1/acl/token/self", UNKNOWN, 403),
        ("/v1/acl/token/self", "malformed", 500),
        ("/v1/regions", "", 200),
        ("/v1/namespaces", "", 200),
        ("/v1/namespaces", UNKNOWN, 403),
        ("/v1/status/leader", "", 200),
        ("/v1/jobs", READER, 200),
        ("/v1/nothing", ADMIN, 404),
        ("/", "", 307),
    ],
)
async def test_responses_by_token(path: str, secret: str, status: int) -> None:
    options = Options(tokens={ADMIN: MANAGEMENT, READER: READS_JOBS})
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        headers = {"X_Nomad_Token": secret} if secret else {}
        assert (await get(server, path, **headers)).status == status


@pytest.mark.parametrize(
    ("tokens", "secret", "accessor", "kind", "policies"),
    [
        (None, "", "acls-disabled", "client", None),
        ({}, "", "anonymous", "client", ["anonymous"]),
        ({ADMIN: MANAGEMENT}, ADMIN, None, "management", None),
        ({READER: READS_JOBS}, READER, None, "client", ["readers"]),
    ],
)
async def test_token_self_describes_the_token(
    tokens: dict[str, Token] | None, secret: str, accessor: str | None, kind: str, policies: list[str] | None
) -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(tokens=tokens)) as server:
        headers = {"X_Nomad_Token": secret} if secret else {}
        token = (await get(server, "/v1/acl/token/self", **headers)).json
        assert (token["Type"], token["Policies"]) == (kind, policies)
        assert accessor is None or token["AccessorID"] == accessor


async def test_namespaces_lists_what_the_token_may_see() -> None:
    options = Options(tokens={READER: READS_JOBS}, namespaces=("payments",))
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        listed = (await get(server, "/v1/namespaces", X_Nomad_Token=READER)).json
        assert [each["Name"] for each in listed] == ["default"]
        assert (await get(server, "/v1/namespaces")).json == []


async def test_jobs_have_the_newest_index() -> None:
    async with asyncio.timeout(SECONDS), StandIn(frames(5, 9), Options(lead=2)) as server:
        await server.published()
        answer = await get(server, "/v1/jobs")
        assert (answer.json, answer.headers["X-Nomad-Index"]) == ([], "9")


async def test_one_connection_serves_several_requests() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server, aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get(f"{server.address}/v1/status/leader") as response:
                assert await response.json() == "127.0.0.1:4647"
        async with session.post(f"{server.address}/v1/jobs") as response:
            assert response.status == 405


async def test_what_is_not_http_is_400() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        reader, writer = await connect(server)
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        writer.close()
        await writer.wait_closed()


# Publishing


async def test_without_a_pace_every_frame_reaches_the_reader_through_a_small_buffer() -> None:
    tour = [line for line in recordings.lines("tour") if line not in (b"", b"{}")]
    async with asyncio.timeout(SECONDS), StandIn(tour, Options(buffer_size=3)) as server:
        client = await Client.stream(server, "namespace=*")
        assert [await client.line() for _ in tour] == tour
        await client.close()


async def test_the_lead_is_published_before_the_first_reader_and_the_rest_after() -> None:
    async with asyncio.timeout(SECONDS), StandIn(frames(*range(1, 9)), Options(lead=3)) as server:
        await server.until(lambda: server.newest_index == 3)
        client = await Client.stream(server, "index=3")
        assert await client.indexes(6) == [3, 4, 5, 6, 7, 8]
        await client.close()


async def test_a_pace_is_independent_of_readers() -> None:
    clock = asyncio.get_running_loop().time
    began = clock()
    options = Options(pace=200, lead=5)
    async with asyncio.timeout(SECONDS), StandIn(frames(*range(1, 26)), options) as server:
        await server.published()
        assert clock() - began >= 19 / 200
        assert server.newest_index == 25


@pytest.mark.parametrize(
    ("release", "last_words"), [(Release.MODERN, b""), (Release.OLD, b"event dropped from buffer")]
)
async def test_a_reader_further_behind_than_the_buffer_is_disconnected(release: Release, last_words: bytes) -> None:
    options = Options(buffer_size=4, send_buffer=8192, release=release)
    big = [frame(index, event("Job", "x" * 100_000)) for index in range(1, 200)]
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        host, port = server.address.split("//")[1].split(":")
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))
        client = await Client.over(*await asyncio.open_connection(sock=narrow, limit=1024), "/v1/event/stream?")
        await server.subscribed()
        for line in big:
            server.publish(line)
            await asyncio.sleep(0)
        *whole, last = (await client.rest()).split(b"\n")
        assert last == last_words
        assert 0 < len(whole) < len(big)
        assert whole == big[: len(whole)]
        await client.close()


async def test_a_reader_that_stops_reading_is_disconnected_after_a_while() -> None:
    options = Options(from_start=True, repeat=None, write_timeout=0.05)
    async with asyncio.timeout(SECONDS), StandIn(recordings.lines("tour"), options) as server:
        client = await Client.stream(server, "namespace=*")
        await server.subscribed()
        await server.until(lambda: server.subscribers == 0)
        await client.close()


async def test_repeats_have_increasing_indexes_and_unchanged_payloads() -> None:
    tricky = [
        b'{"Events":[{"FilterKeys":["\\"Index\\":5"],"Index":5,"Key":"a","Namespace":"","Payload":null,'
        b'"Topic":"Job"},{"Payload" : {"Index":5,"Events":[{"Index":5}]}, "Index" : 4,"Topic":"Job"}],"Index":5}',
        b'{"Index":7,"Events":[{"Topic":"Job","Key":"no payload","Index":7},'
        b'{"Topic":"Job","Payload":[{"Payload":{"Index":7}}],"Index":7}]}',
    ]
    expected = [
        b'{"Events":[{"FilterKeys":["\\"Index\\":5"],"Index":8,"Key":"a","Namespace":"","Payload":null,'
        b'"Topic":"Job"},{"Payload" : {"Index":5,"Events":[{"Index":5}]}, "Index" : 7,"Topic":"Job"}],"Index":8}',
        b'{"Index":10,"Events":[{"Topic":"Job","Key":"no payload","Index":10},'
        b'{"Topic":"Job","Payload":[{"Payload":{"Index":7}}],"Index":10}]}',
    ]
    for from_start in (True, False):
        options = Options(repeat=2, from_start=from_start)
        async with asyncio.timeout(SECONDS), StandIn(tricky, options) as server:
            client = await Client.stream(server)
            assert [await client.line() for _ in range(4)] == tricky + expected
            await client.close()


async def test_repeats_of_a_recording_have_ever_increasing_indexes() -> None:
    tour = [line for line in recordings.lines("tour") if line not in (b"", b"{}")]
    options = Options(repeat=None, from_start=True)
    async with asyncio.timeout(SECONDS), StandIn(tour, options) as server:
        client = await Client.stream(server, "namespace=*")
        first = [await client.frame() for _ in tour]
        span = first[-1]["Index"] - first[0]["Index"] + 1
        for pass_number in (1, 2):
            for recorded in first:
                risen = await client.frame()
                assert risen["Index"] == recorded["Index"] + pass_number * span
                for event_now, event_then in zip(risen["Events"], recorded["Events"], strict=True):
                    assert event_now == {**event_then, "Index": risen["Index"]}
        await client.close()


# From the start


async def test_all_bytes_of_a_recording_arrive_unchanged() -> None:
    load = recordings.content("load")
    options = Options(from_start=True, at_end=AtEnd.EOF)
    async with asyncio.timeout(SECONDS), StandIn(load.split(b"\n"), options) as server:
        client = await Client.stream(server, "namespace=*")
        assert await client.rest() == load.replace(b"{}\n", b"")
        await client.close()


@pytest.mark.parametrize(
    ("asked", "first"),
    [(0, 10), (5, 10), (12, 12), (13, 14), (15, 15), (16, 17), (18, 19), (20, 20), (22, 22), (99, 24)],
)
async def test_from_the_start_an_index_can_be_in_a_later_pass(asked: int, first: int) -> None:
    options = Options(from_start=True, repeat=3, at_end=AtEnd.EOF)
    async with asyncio.timeout(SECONDS), StandIn(frames(10, 12, 14), options) as server:
        assert server.newest_index == 24
        client = await Client.stream(server, f"index={asked}")
        assert (await client.frame())["Index"] == first
        await client.close()


async def test_from_the_start_every_reader_gets_everything_and_then_new_frames() -> None:
    async with asyncio.timeout(SECONDS), StandIn(frames(1, 2), Options(from_start=True)) as server:
        clients = [await Client.stream(server) for _ in range(2)]
        await server.subscribed(2)
        server.publish(frame(3))
        for client in clients:
            assert await client.indexes(3) == [1, 2, 3]
            await client.close()


async def test_from_the_start_at_a_pace() -> None:
    clock = asyncio.get_running_loop().time
    options = Options(from_start=True, pace=100, heartbeat=0.02, at_end=AtEnd.EOF)
    async with asyncio.timeout(SECONDS), StandIn(frames(*range(1, 12)), options) as server:
        began = clock()
        client = await Client.stream(server)
        body = await client.reader.read()
        assert clock() - began >= 0.1
        assert body.count(b"{}\n") >= 4
        assert body.count(b"\n") - body.count(b"{}\n") == 11
        await client.close()


async def test_hostile_lines_keep_their_position_on_request() -> None:
    lines = [line for line in recordings.lines("hostile") if line not in (b"", b"{}")]
    options = Options(from_start=True, at_end=AtEnd.EOF, raw=True)
    async with asyncio.timeout(SECONDS), StandIn(lines, options) as server:
        client = await Client.stream(server, "namespace=*")
        assert (await client.rest()).split(b"\n") == [*lines, b""]
        await client.close()


async def test_lines_that_are_not_frames_are_otherwise_skipped() -> None:
    lines = [b"{}", b"", b"not json", frame(1), b'{"Index":2}', b'{"Index":3,"Events":[]}', b"[]", frame(4)]
    options = Options(from_start=True, at_end=AtEnd.EOF)
    async with asyncio.timeout(SECONDS), StandIn(lines, options) as server:
        client = await Client.stream(server)
        assert await client.indexes(2) == [1, 4]
        assert await client.rest() == b""
        await client.close()


# Faults


@pytest.mark.parametrize(
    ("fault", "after"),
    [
        (Cut(b'{"Ind'), b'{"Ind'),
        (End(), b""),
        (Garbage(b"<html>"), b"<html>\n" + frame(3) + b"\n"),
        (LongLine(100_000), b"x" * 100_000 + b"\n" + frame(3) + b"\n"),
        (Drip(size=7, seconds=0.0001), frame(3) + b"\n"),
    ],
)
async def test_a_scheduled_fault_occurs_after_that_many_frames(fault: Fault, after: bytes) -> None:
    scheduled = Scheduled(fault=fault, after_frames=2)
    options = Options(from_start=True, at_end=AtEnd.EOF, faults=(scheduled,))
    async with asyncio.timeout(SECONDS), StandIn(frames(1, 2, 3), options) as server:
        client = await Client.stream(server)
        assert await client.rest() == frame(1) + b"\n" + frame(2) + b"\n" + after
        await client.close()
        again = await Client.stream(server)
        assert await again.rest() == b"".join(each + b"\n" for each in frames(1, 2, 3))
        await again.close()


@pytest.mark.parametrize("size", [0, 3, 10, len(frame(1)) + 4, len(frame(1)) + 40])
async def test_a_scheduled_fault_occurs_after_that_many_bytes(size: int) -> None:
    scheduled = Scheduled(fault=Cut(b""), after_bytes=size, stream=None)
    options = Options(from_start=True, faults=(scheduled,))
    whole = b"{}\n" + b"".join(each + b"\n" for each in frames(1, 2, 3))
    async with asyncio.timeout(SECONDS), StandIn(frames(1, 2, 3), options) as server:
        for _ in range(2):
            client = await Client.stream(server)
            assert await client.reader.read() == whole[:size]
            await client.close()


@pytest.mark.parametrize(
    ("fault", "after"),
    [(Cut(b'{"Ind'), b'{"Ind'), (End(), b""), (Garbage(b"<html>"), b"<html>\n"), (LongLine(9), b"xxxxxxxxx\n")],
)
async def test_a_fault_can_be_injected_into_every_live_stream(fault: Fault, after: bytes) -> None:
    async with asyncio.timeout(SECONDS):
        async with StandIn(frames(1), Options(lead=1)) as server:
            clients = [await Client.stream(server) for _ in range(2)]
            for client in clients:
                assert await client.line() == frame(1)
            server.inject(fault)
            if isinstance(fault, Cut | End):
                await server.until(lambda: server.subscribers == 0)
        for client in clients:
            assert await client.rest() == after
            await client.close()


async def test_a_reset_is_an_error_at_the_reader() -> None:
    async with asyncio.timeout(SECONDS), StandIn(frames(1), Options(lead=1)) as server:
        client = await Client.stream(server)
        assert await client.line() == frame(1)
        server.inject(Reset())
        with pytest.raises(ConnectionResetError):
            await client.rest()
        client.writer.close()


async def test_silence_is_an_open_connection_without_frames_or_heartbeats() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(heartbeat=0.01)) as server:
        silent = await Client.stream(server)
        assert await silent.reader.readline() == b"{}\n"
        server.inject(Silence())
        other = await Client.stream(server)
        server.publish(frame(1))
        assert await other.line() == frame(1)
        assert server.subscribers == 2
        server.inject(End())
        assert await silent.rest() == b""
        await silent.close()
        await other.close()


async def test_a_drip_can_be_injected() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        client = await Client.stream(server)
        assert await client.reader.readline() == b"{}\n"
        server.inject(Drip(size=10, seconds=0.001))
        server.publish(frame(1))
        assert len(await client.reader.read(4096)) == 10
        await client.close()


def test_a_scheduled_fault_needs_one_count() -> None:
    with pytest.raises(ValueError, match="either after_frames or after_bytes"):
        Scheduled(fault=End())


async def test_the_status_line_of_some_releases_is_refused_by_aiohttp() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(protocol="HTTP/0.0")) as server:
        client = await Client.stream(server)
        assert client.status == "HTTP/0.0 200 OK"
        assert await client.reader.readline() == b"{}\n"
        await client.close()
        with pytest.raises(aiohttp.ClientError, match="Bad status line"):
            await get(server, "/v1/event/stream")


# Unhealthy clusters


@pytest.mark.parametrize(
    ("leader", "publishes", "text"),
    [(False, True, "No cluster leader"), (True, False, "EventBroker not configured")],
)
async def test_a_stream_without_a_leader_or_without_publishing_is_refused(
    leader: bool, publishes: bool, text: str
) -> None:
    async with asyncio.timeout(SECONDS):
        async with StandIn(options=Options(leader=leader, publishes=publishes)) as server:
            assert not await stream_is_open(server, "")
        options = Options(leader=leader, publishes=publishes, release=Release.OLD)
        async with StandIn(options=options) as server:
            refused = await get(server, "/v1/event/stream")
    assert (refused.status, refused.text) == (500, text)


async def test_a_server_without_a_leader_reports_it() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(leader=False)) as server:
        assert (await get(server, "/v1/status/leader")).json == ""
        assert (await get(server, "/v1/agent/self")).status == 200
        assert (await get(server, "/v1/regions")).status == 200
        refused = await get(server, "/v1/namespaces")
    assert (refused.status, refused.text) == (500, "No cluster leader")


async def test_its_configuration_shows_whether_it_publishes() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(publishes=False)) as server:
        assert (await get(server, "/v1/agent/self")).json["config"]["Server"]["EnableEventBroker"] is False


async def test_a_clients_agent_has_no_raft_log() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(client_agent=True)) as server:
        agent = (await get(server, "/v1/agent/self")).json
    assert "raft" not in agent["stats"] and agent["config"]["Server"]["Enabled"] is False


async def test_a_token_shows_when_it_expires_and_is_refused_from_then_on() -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    tokens = {ADMIN: Token(management=True, expires=soon), READER: Token(expires=datetime.now(UTC))}
    async with asyncio.timeout(SECONDS), StandIn(options=Options(tokens=tokens)) as server:
        shown = (await get(server, "/v1/acl/token/self", X_Nomad_Token=ADMIN)).json["ExpirationTime"]
        refused = await get(server, "/v1/acl/token/self", X_Nomad_Token=READER)
        assert not await stream_is_open(server, "", X_Nomad_Token=READER)
    assert datetime.fromisoformat(shown) == soon
    assert (refused.status, refused.text) == (403, "ACL token expired")


async def test_a_server_can_hide_what_is_wrong_with_a_token() -> None:
    options = Options(tokens={ADMIN: MANAGEMENT}, says_why_not=False)
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        refused = await get(server, "/v1/acl/token/self", X_Nomad_Token=UNKNOWN)
    assert (refused.status, refused.text) == (403, "Permission denied")


async def test_its_clock_can_differ() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(clock_offset=3600)) as server:
        date = parsedate_to_datetime((await get(server, "/v1/regions")).headers["Date"])
    assert timedelta(minutes=59) < date - datetime.now(UTC) < timedelta(minutes=61)


async def test_an_old_server_sends_nothing_before_its_first_line() -> None:
    options = Options(first_heartbeat=60, release=Release.OLD)
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        reader, writer = await connect(server)
        writer.write(b"GET /v1/event/stream HTTP/1.1\r\nHost: nomad\r\n\r\n")
        await server.subscribed()
        server.publish(frame(7))
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 200 OK")
        assert json.loads(await reader.readline())["Index"] == 7
        writer.close()


async def test_a_late_first_heartbeat_arrives_with_the_head() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=Options(first_heartbeat=0.05)) as server:
        client = await Client.stream(server)
        assert await client.reader.readline() == b"{}\n"
        await client.close()


@pytest.mark.parametrize(
    ("path", "secret", "status"),
    [
        ("/v1/job/none", READER, 404),
        ("/v1/job/none?namespace=payments", READER, 403),
        ("/v1/job/none?namespace=payments", ADMIN, 404),
        ("/v1/nodes", READER, 403),
        ("/v1/nodes", ADMIN, 200),
    ],
)
async def test_a_token_without_the_capability_cannot_see_that_an_object_is_missing(
    path: str, secret: str, status: int
) -> None:
    options = Options(tokens={ADMIN: MANAGEMENT, READER: READS_JOBS})
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        assert (await get(server, path, X_Nomad_Token=secret)).status == status


# Restarts


@pytest.mark.parametrize(
    ("release", "last_words"),
    [
        (Release.MODERN, b""),
        (Release.OLD, b"subscription closed by server, client should resubscribe"),
    ],
)
async def test_a_restart_ends_the_streams_and_keeps_address_and_buffer(release: Release, last_words: bytes) -> None:
    options = Options(lead=ALL_FRAMES, release=release)
    async with asyncio.timeout(SECONDS), StandIn(frames(1, 2, 3), options) as server:
        address = server.address
        client = await Client.stream(server, "index=3")
        assert await client.indexes(1) == [3]
        await server.restart()
        assert await client.rest() == last_words
        await client.close()
        assert server.address == address
        again = await Client.stream(server)
        assert await again.indexes(3) == [1, 2, 3]
        await again.close()


@pytest.mark.parametrize("over_tls", [False, True])
async def test_a_restart_closes_connections_in_any_state(over_tls: bool) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with asyncio.timeout(SECONDS), StandIn(options=Options(tls=tls if over_tls else None)) as server:
        address = ("127.0.0.1", int(server.address.rpartition(":")[2]))
        for turns in range(300):
            with socket.create_connection(address) as connection:
                connection.setblocking(False)
                for _ in range(turns % 10):
                    await asyncio.sleep(0)
                await server.restart()
                reader, writer = await asyncio.open_connection(sock=connection)
                with contextlib.suppress(ConnectionResetError):
                    assert await reader.read() == b""
                writer.close()


async def test_a_restart_can_leave_a_shorter_an_empty_or_an_older_buffer() -> None:
    async with asyncio.timeout(SECONDS), StandIn(frames(11, 12, 13), Options(lead=ALL_FRAMES)) as server:
        await server.published()
        await server.restart(keep=2)
        client = await Client.stream(server, "index=11")
        assert await client.indexes(2) == [12, 13]
        await client.close()
        await server.restart(keep=0)
        client = await Client.stream(server, "index=13")
        await server.subscribed()
        server.publish(frame(14))
        assert await client.indexes(1) == [14]
        await client.close()
        await server.restart(frames(1, 2))
        client = await Client.stream(server, "index=14")
        assert await client.indexes(1) == [2]
        await client.close()
        assert server.newest_index == 2


async def test_a_restart_can_replace_the_recording_served_from_the_start() -> None:
    async with asyncio.timeout(SECONDS), StandIn(frames(11), Options(from_start=True)) as server:
        await server.restart(frames(1, 2))
        client = await Client.stream(server)
        assert await client.indexes(2) == [1, 2]
        await client.close()


async def test_a_server_that_is_down_accepts_no_connection() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        async with server.down():
            with pytest.raises(ConnectionRefusedError):
                await connect(server)
        assert await stream_is_open(server, "")


async def test_the_next_connections_can_be_refused() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        server.refuse(2)
        for _ in range(2):
            reader, writer = await connect(server)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
        assert (await get(server, "/v1/regions")).status == 200


# Listening addresses


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    options = Options(unix_path=tmp_path / "nomad.sock", lead=1)
    async with asyncio.timeout(SECONDS):
        async with StandIn(frames(1), options) as server:
            assert server.address == f"unix://{tmp_path}/nomad.sock"
            client = await Client.stream(server)
            assert await client.indexes(1) == [1]
            await client.close()
            await server.restart()
            assert await stream_is_open(server, "")
        assert not (tmp_path / "nomad.sock").exists()


async def test_over_tls() -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    options = Options(tls=tls, from_start=True, at_end=AtEnd.EOF)
    tour = [line for line in recordings.lines("tour") if line not in (b"", b"{}")]
    async with asyncio.timeout(SECONDS), StandIn(tour, options) as server:
        assert server.address.startswith("https://127.0.0.1:")
        async with (
            aiohttp.ClientSession(server.address) as session,
            session.get("/v1/event/stream?namespace=*", ssl=trusting) as response,
        ):
            assert await response.read() == b"{}\n" + b"".join(line + b"\n" for line in tour)


async def test_as_a_program_it_prints_its_address_and_serves_until_it_is_stopped(tmp_path: Path) -> None:
    recording = tmp_path / "recording.ndjson.gz"
    recording.write_bytes(gzip.compress(b"".join(each + b"\n" for each in frames(1, 2))))
    arguments = ("-m", "nomad_tui.standin", str(recording), "--repeat", "forever", "--token", ADMIN)
    async with asyncio.timeout(SECONDS):
        program = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
        assert program.stdout is not None
        address = (await program.stdout.readline()).decode().strip()
        async with (
            aiohttp.ClientSession(address, headers={"X-Nomad-Token": ADMIN}) as session,
            session.get("/v1/event/stream") as response,
        ):
            lines = [await response.content.readline() for _ in range(6)]
            assert [json.loads(line).get("Index") for line in lines] == [None, 1, 2, 3, 4, 5]
        program.send_signal(signal.SIGTERM)
        assert await program.wait() == 0


async def test_as_a_program_it_reports_what_it_cannot_read(tmp_path: Path) -> None:
    recording = tmp_path / "recording.ndjson.zst"
    recording.write_bytes(b"no frame of zstandard")
    async with asyncio.timeout(SECONDS):
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nomad_tui.standin", str(recording), stderr=asyncio.subprocess.PIPE
        )
        _, error = await program.communicate()
        assert program.returncode == 1
        assert b"cannot be read as a recording" in error


async def test_as_a_program_it_accepts_tokens_with_limited_permissions(tmp_path: Path) -> None:
    file = tmp_path / "recording.ndjson"
    file.write_bytes(frame(1))
    grants = f"{READER}:default=read-job+list-jobs,node:read"
    arguments = ("--token", ADMIN, "--client-token", grants, "--lead", "all")
    async with asyncio.timeout(SECONDS):
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nomad_tui.standin", str(file), *arguments), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert program.stdout is not None
            address = (await program.stdout.readline()).decode().strip()
            host, port = address.split("//")[1].split(":")
            answers = {}
            for topic in ("Job", "Node", "ACLToken"):
                client = await Client.over(
                    *await asyncio.open_connection(host, int(port)),
                    f"/v1/event/stream?topic={topic}",
                    X_Nomad_Token=READER,
                )
                answers[topic] = await client.reader.readline()
                await client.close()
        finally:
            program.send_signal(signal.SIGTERM)
            await program.wait()
    assert answers == {"Job": b"{}\n", "Node": b"{}\n", "ACLToken": b""}


# Behavior of a real server, seen on a live cluster


async def test_a_refusal_stays_open_and_silent_until_garbage_collection() -> None:
    options = Options(tokens={ADMIN: MANAGEMENT}, lingers=600)
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        reader, writer = await connect(server)
        writer.write(b"GET /v1/event/stream HTTP/1.1\r\nHost: nomad\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert "200 OK" in head and "Connection: close" in head
        await server.until(lambda: server.lingering == 1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.read(1)
        writer.close()
        await server.until(lambda: server.lingering == 0)


async def test_a_restarted_server_responds_before_it_has_replayed_its_raft_log() -> None:
    """As recorded in `restart-after`: the old events arrive again, with their old indexes."""
    lines = [line for line in recordings.lines("restart-before") if b'"Events"' in line][:20]
    last = json.loads(lines[-1])["Index"]
    options = Options(lead=ALL_FRAMES, buffer_size=500)
    async with asyncio.timeout(SECONDS), StandIn(lines, options) as server:
        await server.published()
        await server.restart(replays=True)
        raft = (await get(server, "/v1/agent/self")).json["stats"]["raft"]
        assert (raft["last_log_index"], raft["applied_index"]) == (str(last), "0")
        assert (await get(server, "/v1/status/leader")).json == ""
        client = await Client.stream(server, f"index={last}")
        assert await client.reader.readline() == b"{}\n"
        server.replay(1)
        assert json.loads(await client.reader.readline())["Index"] == json.loads(lines[0])["Index"]
        server.replay()
        raft = (await get(server, "/v1/agent/self")).json["stats"]["raft"]
        assert raft["applied_index"] == raft["last_log_index"] == str(last)
        assert (await get(server, "/v1/status/leader")).json
        await client.close()


async def test_a_leader_is_lost_while_streams_stay_open() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        client = await Client.stream(server)
        assert await client.reader.readline() == b"{}\n"
        server.lose_leader()
        assert (await get(server, "/v1/status/leader")).json == ""
        server.publish(frame(7))
        assert json.loads(await client.reader.readline())["Index"] == 7
        await client.close()


async def test_a_workload_identity_reads_the_stream_and_is_unknown_to_the_token_endpoint() -> None:
    secret = "e30.e30.c2ln"
    tokens = {secret: Token(is_identity=True, namespaces={"*": frozenset({"read-job"})})}
    async with asyncio.timeout(SECONDS), StandIn(options=Options(tokens=tokens)) as server:
        refused = await get(server, "/v1/acl/token/self", X_Nomad_Token=secret)
        assert await stream_is_open(server, "topic=Job", X_Nomad_Token=secret)
        malformed = await get(server, "/v1/acl/token/self", X_Nomad_Token="no-token")
    assert refused.text == "ACL token not found"
    assert malformed.status == 500
    assert malformed.text.startswith("failed to parse signed token: ")
    assert malformed.text.endswith("compact JWS format must have three parts")


async def test_two_readers_can_get_different_next_evaluations_for_the_same_event() -> None:
    line = b'{"Index":6,"Events":[{"Topic":"Allocation","Payload":{"Allocation":{"NextEval":"","ID":"a"}}}]}'
    options = Options(lead=ALL_FRAMES, next_eval_differs=3)
    async with asyncio.timeout(SECONDS), StandIn([line], options) as server:
        read = []
        for _ in range(2):
            client = await Client.stream(server)
            await client.reader.readline()
            read.append(json.loads(await client.reader.readline())["Events"][0]["Payload"]["Allocation"])
            await client.close()
    assert read[0]["NextEval"] != read[1]["NextEval"] and read[0]["ID"] == read[1]["ID"]
