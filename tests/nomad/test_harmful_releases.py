"""Reading must not harm the cluster: subscriptions depend on the servers' releases."""

import asyncio
import json
from asyncio.subprocess import PIPE, create_subprocess_exec
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nomad_tui.config.connection import Connection
from nomad_tui.config.precedence import Flags
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.updates import Concern, Connected, Refused, Warned
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.release_discovery import ServerReleases, region_members
from nomad_tui.nomad.releases import (
    CSI_SECRETS_BY_API,
    CSI_SECRETS_BY_STREAM,
    INVALID_STATUS_LINE,
    NO_FIRST_HEARTBEAT,
    NO_VARIABLE_TOPIC,
    SERVER_BUGS,
    SLOW_READERS,
    Release,
    ServerBug,
    is_ruled_out_by_quiet_refusal,
    refuses_quietly,
)
from nomad_tui.standin import ALL_FRAMES, Options, Server, StandIn, Token
from tests.faulty_servers import answer, faulty_server
from tests.fork_server import command
from tests.stream.test_live import FIRST_TOKEN, SECONDS, Reader, asked, event, frame
from tests.stream.test_servers import reading

HELD = Options(lead=ALL_FRAMES)
LINES = [frame(1), frame(2, event("CSIVolume", "vol")), frame(3)]
JOBS = {"*": frozenset(("read-job", "list-jobs", "csi-read-volume", "host-volume-read"))}


def reads_csi_volumes(server: StandIn) -> bool:
    """Whether a request makes a server read its CSI volumes."""
    topics = [value for request in asked(server) for name, value in request.query if name == "topic"]
    streams = asked(server)
    assert all(any(name == "topic" for name, _ in request.query) for request in streams)
    return any(topic.partition(":")[0] in ("*", "CSIVolume") for topic in topics)


def warnings(reader: Reader) -> list[Warned]:
    return [warned for warned in reader.all(Warned) if warned.concern is Concern.HARM]


@pytest.mark.parametrize(
    ("options", "flags", "message"),
    [
        (Options(version="1.10.5"), {}, "stand-in.global runs 1.10.5"),
        (Options(version="1.11.0"), {}, "stand-in.global runs 1.11.0"),
        (Options(version="1.11.1-dev"), {}, "stand-in.global runs 1.11.1-dev"),
        (Options(other_servers=(Server("old.global", "1.10.6+ent"),)), {}, "old.global runs 1.10.6+ent"),
        (
            Options(other_regions=("eu",), other_servers=(Server("there.eu", "1.11.0", "eu"),)),
            {"region": "eu"},
            "there.eu runs 1.11.0",
        ),
        (
            Options(version="1.11.2", client_agent=True, other_servers=(Server("one.global", "1.11.0"),)),
            {},
            "one.global runs 1.11.0",
        ),
        (Options(other_servers=(Server("odd.global", "custom build"),)), {}, "odd.global runs custom build"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_csi_volumes_are_not_read_if_a_server_is_affected(options: Options, flags: Flags, message: str) -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn(LINES, replace(options, lead=ALL_FRAMES)) as server,
        reading(server, flags=flags) as reader,
    ):
        await reader.until_index(3)
        assert not reads_csi_volumes(server)
        assert reader.indexes == [1, 3]
        assert [each.harmful_topics for each in reader.all(Connected)] == [("CSIVolume",)]
        (warned,) = warnings(reader)
        assert message in warned.what and "nomad#26766" in warned.what and "unknown to this" in warned.what
        assert "--allow-harmful-topics" in warned.remedy
        wanted = {value for name, value in asked(server)[-1].query if name == "topic"}
        assert wanted == {f"{topic.name}:*" for topic in KINDS.values() if topic.name != "CSIVolume"}


@pytest.mark.parametrize(
    "options",
    [
        Options(version="2.0.6-dev"),
        Options(version="1.11.1"),
        Options(version="1.10.7+ent"),
        Options(version="1.9.7"),
        Options(other_servers=(Server("gone.global", "1.10.5", status="left"), Server("there.eu", "1.11.0", "eu"))),
    ],
    ids=lambda options: options.version,
)
async def test_everything_is_read_if_no_server_is_affected(options: Options) -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn(LINES, replace(options, lead=ALL_FRAMES)) as server,
        reading(server) as reader,
    ):
        await reader.until_index(3)
        assert reader.indexes == [1, 2, 3]
        assert warnings(reader) == []
        assert ("topic", "*:*") in asked(server)[0].query


@pytest.mark.parametrize(
    ("version", "token", "client_agent", "safe"),
    [
        ("1.11.2", Token(namespaces=JOBS), False, True),  # it refuses silently
        ("1.11.1", Token(namespaces=JOBS), False, False),  # it could be 1.11.0
        ("1.11.1", Token(namespaces=JOBS, agent_read=True), False, True),
        ("1.10.5", Token(namespaces=JOBS, agent_read=True), False, False),
        ("1.11.2", Token(namespaces=JOBS, agent_read=True), True, False),  # the servers behind it may be older
        ("1.11.2", Token(namespaces=JOBS), True, False),
        ("1.11.0", Token(namespaces=JOBS, node_read=True), False, False),
    ],
)
async def test_csi_volumes_are_excluded_unless_proved_harmless(
    version: str, token: Token, client_agent: bool, safe: bool
) -> None:
    options = Options(version=version, lead=ALL_FRAMES, tokens={FIRST_TOKEN: token}, client_agent=client_agent)
    async with (
        asyncio.timeout(SECONDS),
        StandIn(LINES, options) as server,
        reading(server, topics=("Job", "CSIVolume"), flags={"token": FIRST_TOKEN}) as reader,
    ):
        await reader.until_index(3)
        assert reads_csi_volumes(server) is safe
        assert reader.indexes == ([1, 2, 3] if safe else [1, 3])
        assert bool(warnings(reader)) is not safe
        if not safe and not (token.node_read or token.agent_read):
            assert "node:read" in warnings(reader)[0].remedy


async def test_a_remote_region_is_not_proved_harmless_by_the_forwarding_server() -> None:
    options = Options(lead=ALL_FRAMES, tokens={FIRST_TOKEN: Token(namespaces=JOBS)}, other_regions=("eu",))
    async with asyncio.timeout(SECONDS), StandIn(LINES, options) as server:
        flags: Flags = {"token": FIRST_TOKEN, "region": "eu"}
        async with reading(server, topics=("Job", "CSIVolume"), flags=flags) as reader:
            await reader.until_index(3)
            assert not reads_csi_volumes(server)


async def test_they_are_read_if_the_risk_is_accepted() -> None:
    options = Options(version="1.11.0", lead=ALL_FRAMES)
    async with (
        asyncio.timeout(SECONDS),
        StandIn(LINES, options) as server,
        reading(server, flags={"allow_harmful_topics": True}) as reader,
    ):
        await reader.until_index(3)
        assert reader.indexes == [1, 2, 3]
        (warned,) = warnings(reader)
        assert "read although" in warned.what and "stand-in.global runs 1.11.0" in warned.what


async def test_a_subscription_to_csi_volumes_alone_is_refused_with_the_reason() -> None:
    options = Options(version="1.11.0", lead=ALL_FRAMES)
    async with (
        asyncio.timeout(SECONDS),
        StandIn(LINES, options) as server,
        reading(server, topics=("CSIVolume:vol",)) as reader,
    ):
        refused = await reader.until_kind(Refused)
        assert "CSIVolume" in refused.what and "1.11.0" in refused.what
        assert "--allow-harmful-topics" in refused.remedy
        assert asked(server) == []


async def test_other_topics_are_requested_unchanged_and_without_a_warning() -> None:
    options = Options(version="1.11.0", lead=ALL_FRAMES)
    async with asyncio.timeout(SECONDS), StandIn(LINES, options) as server, reading(server, topics=("Job",)) as reader:
        await reader.until_index(3)
        assert warnings(reader) == []


async def test_csi_volumes_are_read_once_the_servers_are_upgraded() -> None:
    old = Options(version="1.11.0", lead=ALL_FRAMES, port=0)
    async with (
        asyncio.timeout(SECONDS),
        StandIn(LINES, old) as server,
        reading(server, releases_checked_every=0.05) as reader,
    ):
        await reader.until_index(3)
        server.upgrade("1.11.2")
        await reader.until(lambda: bool(reader.all(Connected)[1:]) and not reader.all(Connected)[-1].harmful_topics)
        server.publish(frame(4, event("CSIVolume", "vol")))
        await reader.until_index(4)
        assert [bool(warned.what) for warned in warnings(reader)] == [True, False]


async def test_switching_to_an_affected_server_does_not_read_its_volumes() -> None:
    """If the servers' list cannot be read, each server is judged separately."""
    token = Token(namespaces=JOBS, agent_read=True)
    new = Options(lead=ALL_FRAMES, tokens={FIRST_TOKEN: token})
    old = Options(lead=ALL_FRAMES, tokens={FIRST_TOKEN: token}, version="1.11.0")
    async with asyncio.timeout(SECONDS), StandIn(LINES, new) as first, StandIn(LINES, old) as second:
        topics = ("Job", "CSIVolume")
        async with reading(first, second, topics=topics, flags={"token": FIRST_TOKEN}) as reader:
            await reader.until_index(3)
            assert reads_csi_volumes(first)
            async with first.down():
                await reader.until(lambda: len(reader.all(Connected)) > 1)
                second.publish(frame(4))
                await reader.until_index(4)
                assert not reads_csi_volumes(second)


async def test_no_command_reads_csi_volumes_of_an_affected_server(tmp_path: Path) -> None:
    definition = tmp_path / "sinks" / "events.toml"
    definition.parent.mkdir()
    sent = tmp_path / "sent.ndjson"
    definition.write_text(f'id = "events"\ntype = "file"\naddress = "{sent}"\ntopics = ["*"]\n')
    async with asyncio.timeout(60), StandIn(LINES, replace(HELD, version="1.11.0")) as server:
        to = ("--address", server.address, "--config", str(tmp_path))
        commands = (
            ("record", *to, "--journal", str(tmp_path / "a")),
            ("sink", "run", *to, "--journal", str(tmp_path / "b")),
            ("doctor", *to, "--no-wait", "--output", "json"),
        )
        record, run, doctor = [
            await create_subprocess_exec(*command(), *each, stdout=PIPE, stderr=PIPE) for each in commands
        ]
        printed, _ = await doctor.communicate()
        for runner in (record, run):
            assert runner.stderr is not None
            while b"stream_connected" not in await runner.stderr.readline():
                pass
        while not (sent.exists() and b"job-3" in sent.read_bytes()):  # noqa: ASYNC110 - written by another process
            await asyncio.sleep(0.05)
        for runner in (record, run):
            runner.terminate()
            await runner.communicate()
            assert runner.returncode == 0
        assert not reads_csi_volumes(server)
        release = next(each for each in json.loads(printed)["checks"] if each["check"] == "release")
        assert "CSIVolume" in release["sentence"] and "1.11.0" in release["sentence"]


# The table

EDGES: list[tuple[ServerBug, str, bool]] = [
    *(
        (CSI_SECRETS_BY_STREAM, text, True)
        for text in ("1.10.0", "1.10.0-beta.1", "1.10.6", "1.10.6+ent", "1.10.7-dev")
    ),
    *((CSI_SECRETS_BY_STREAM, text, True) for text in ("1.11.0", "1.11.0-rc.1", "1.11.0+ent.fips1403", "v1.11.0")),
    *((CSI_SECRETS_BY_STREAM, text, True) for text in ("1.11.1-dev", "1.11.1-rc.1+ent", "1.10.5-hotfix")),
    *((CSI_SECRETS_BY_STREAM, text, False) for text in ("1.9.7", "1.9.10+ent", "1.10.7", "1.10.7+ent", "1.11.1")),
    *((CSI_SECRETS_BY_STREAM, text, False) for text in ("1.11.1+ent", "2.0.0-beta.1", "2.0.6-dev", "1.12.0-dev")),
    *((CSI_SECRETS_BY_API, text, True) for text in ("1.3.0-rc.1", "1.5.17", "1.8.18+ent", "1.9.10+ent", "1.10.6")),
    *((CSI_SECRETS_BY_API, text, False) for text in ("1.2.16", "1.8.19+ent", "1.10.7+ent", "1.11.1", "2.0.0")),
    *((SLOW_READERS, text, True) for text in ("1.0.0", "1.8.19+ent", "1.9.0", "1.10.7+ent", "1.11.1", "1.11.2-dev")),
    *((SLOW_READERS, text, False) for text in ("1.8.20+ent", "1.8.21", "1.10.8+ent", "1.11.2", "2.0.0")),
    *((INVALID_STATUS_LINE, text, True) for text in ("1.11.2", "1.10.8+ent", "1.8.20+ent")),
    *((INVALID_STATUS_LINE, text, False) for text in ("1.11.1", "1.11.3", "1.10.9", "1.10.7", "1.8.21", "2.0.0")),
    *(
        (NO_FIRST_HEARTBEAT, text, True)
        for text in ("1.0.0", "1.0.0-beta3", "1.0.6", "1.1.0", "1.1.0-rc1", "1.1.1-dev")
    ),
    *((NO_FIRST_HEARTBEAT, text, False) for text in ("1.0.7", "1.0.18", "1.1.1", "1.2.0-beta1", "1.11.1", "2.0.0")),
    *((NO_VARIABLE_TOPIC, text, True) for text in ("1.4.0", "1.11.3")),
    *((NO_VARIABLE_TOPIC, text, False) for text in ("1.11.4+ent", "2.0.0", "2.0.6-dev")),
]


@pytest.mark.parametrize(("bug", "text", "affected"), EDGES, ids=lambda each: getattr(each, "name", each))
def test_a_release_has_the_bugs_of_its_range(bug: ServerBug, text: str, affected: bool) -> None:
    release = Release.parse(text)
    assert release is not None
    assert bug.affects(release) is affected


@pytest.mark.parametrize("text", ["", "dev", "1.10", "1.x.0", "latest", "1.10.99999999999", None])
def test_text_without_a_release(text: str | None) -> None:
    assert Release.parse(text) is None


def test_a_silent_refusal_rules_out_bugs_fixed_before() -> None:
    quiet = [text for text in ("1.8.20", "1.8.21+ent", "1.10.8", "1.11.2", "2.0.6-dev") if _quiet(text)]
    assert len(quiet) == 5
    assert not any(map(_quiet, ("1.8.19", "1.9.10", "1.10.7", "1.11.1", "1.11.2-dev", "0.12.4", "1.0.0-beta3")))
    for bug in filter(is_ruled_out_by_quiet_refusal, SERVER_BUGS):
        assert not any(bug.affects(release) for text in quiet if (release := Release.parse(text)))
    assert is_ruled_out_by_quiet_refusal(CSI_SECRETS_BY_STREAM) and is_ruled_out_by_quiet_refusal(CSI_SECRETS_BY_API)
    assert not is_ruled_out_by_quiet_refusal(INVALID_STATUS_LINE)


def _quiet(text: str) -> bool:
    release = Release.parse(text)
    return release is not None and refuses_quietly(release)


def test_every_bug_describes_its_effect_and_what_nomad_tui_does() -> None:
    assert len({bug.name for bug in SERVER_BUGS}) == len(SERVER_BUGS)
    for bug in SERVER_BUGS:
        assert bug.effect and not bug.effect.endswith(".") and bug.handling.endswith(".")
        assert all(first < fixed for first, fixed in bug.ranges)


async def test_an_invalid_list_of_members_proves_nothing() -> None:
    bodies: tuple[Any, ...] = (None, [], {}, {"Members": 3}, {"Members": [1, {}, {"Tags": 1}, {"Tags": None}]})
    for body in bodies:
        with faulty_server(answer("200 OK", json.dumps(body))) as server:
            connection = Connection.from_environment({}, {"NOMAD_ADDR": f"127.0.0.1:{server.port}"})
            async with Client(connection) as client:
                assert await region_members(client) == ()
    assert ServerReleases().may_have(CSI_SECRETS_BY_STREAM)
