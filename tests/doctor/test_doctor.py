"""The doctor identifies each fault between an operator and the events, with its remedy."""

import asyncio
import io
import json
import os
import signal
import ssl
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from nomad_tui.config.connection import Connection
from nomad_tui.core.subscription import Subscription
from nomad_tui.doctor import report, server, stream
from nomad_tui.doctor.checks import examine
from nomad_tui.doctor.findings import CHECKS, Access, Begun, Cell, Examination, Finding, Verdict
from nomad_tui.doctor.subject import Check, Patience, Subject
from nomad_tui.doctor.terminal import print_json, print_text
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.release_discovery import Evidence, ServerReleases
from nomad_tui.standin import ALL_FRAMES, MANAGEMENT, Options, Release, Server, StandIn, Token
from tests import recordings
from tests.faulty_servers import HEARTBEAT, answer, faulty_server
from tests.fork_server import command

SECONDS = 60
SECRET = "00000000-0000-4000-8000-00000000000a"
UNKNOWN = "00000000-0000-4000-8000-00000000000b"

HELD = Options(lead=ALL_FRAMES, heartbeat=0.1)
"""A server that holds the newest hundred frames of the tour, with frequent heartbeats."""
QUICK = Patience(topic=0.5, first_byte=0.5, quiet=0.1, buffer=5.0, heartbeat=5.0)
READER = Token(name="ops", namespaces={"default": frozenset({"read-job"})}, node_read=True, policies=("ops",))


def connection(address: str, **flags: str) -> Connection:
    return Connection.from_environment({"address": address, **flags}, environ={})


async def examined(to: Connection, *topics: str, patience: Patience = QUICK) -> Examination:
    examination = Examination()
    async for item in examine(to, Subscription.parse(topics), patience=patience):
        examination.take(item)
    examination.complete = True
    return examination


def found(examination: Examination, check: str) -> Finding:
    (finding,) = [each for each in examination.findings if each.check == check]
    return finding


@asynccontextmanager
async def served(options: Options = HELD) -> AsyncIterator[StandIn]:
    async with asyncio.timeout(SECONDS), StandIn(recordings.lines("tour"), options) as standin:
        await standin.published()
        yield standin


# A healthy cluster


async def test_a_healthy_cluster() -> None:
    async with served() as standin:
        examination = await examined(connection(standin.address))
    assert [finding.check for finding in examination.findings] == list(CHECKS)
    assert {finding.verdict for finding in examination.findings} == {Verdict.OK, Verdict.SKIPPED}
    assert [each.check for each in examination.findings if each.verdict is Verdict.SKIPPED] == ["tls"]
    assert all(not finding.remedy for finding in examination.findings)
    assert (examination.verdict, examination.exit_code) == (Verdict.OK, 0)
    buffer = found(examination, "buffer").measured
    assert (buffer["frames"], buffer["oldest_index"], buffer["newest_index"]) == (100, 190, 287)
    assert buffer["oldest_seconds_ago"] > buffer["newest_seconds_ago"] > 0
    assert found(examination, "heartbeat").measured["seconds"] == pytest.approx(0.1, abs=0.09)
    assert 0 < found(examination, "stream").measured["first_byte_seconds"] < 5
    assert set(examination.cells) >= {"Job", "Node", "ACLToken"}
    assert {cell.access for row in examination.cells.values() for cell in row.values()} == {Access.ALLOWED}
    assert examination.policy == ""


@pytest.mark.parametrize("version", ["1.6.5", "1.10.0", "1.10.1"])
async def test_a_cluster_without_acls_needs_no_token_on_any_release(version: str) -> None:
    async with served(replace(HELD, version=version)) as standin:
        examination = await examined(connection(standin.address))
    token = found(examination, "token")
    assert (token.verdict, token.sentence) == (Verdict.OK, "ACLs are off: no token is needed.")
    assert found(examination, "stream").verdict is Verdict.OK


@pytest.mark.parametrize("version", ["1.6.5", "1.10.1"])
async def test_a_request_without_a_token_is_anonymous_on_any_release(version: str) -> None:
    async with served(replace(WITH_ACLS, version=version)) as standin:
        examination = await examined(connection(standin.address))
    token = found(examination, "token")
    assert token.sentence == "No token is sent. Only what the anonymous policy grants can be read."


async def test_topics_that_a_release_lacks_are_not_reported_as_refused() -> None:
    """Its servers require a management token for them, as for any unknown topic, and do not know the capability
    `host-volume-read`: `nomad acl policy apply` of 1.6.5 refuses a policy with it."""
    async with served(replace(WITH_ACLS, version="1.6.5", tokens={SECRET: READER})) as standin:
        examination = await examined(connection(standin.address, token=SECRET))
    asked = set(examination.cells)
    assert {"Job", "Node", "NodePool", "ACLRole"} <= asked
    assert asked.isdisjoint({"HostVolume", "CSIVolume", "CSIPlugin", "Variable", "Operator"})
    assert "host-volume-read" not in examination.policy
    assert "variables" not in examination.policy


async def test_if_the_release_is_unknown_the_remedy_mentions_what_old_releases_refuse() -> None:
    reader = replace(READER, node_read=False)
    async with served(replace(WITH_ACLS, version="1.6.5", tokens={SECRET: reader})) as standin:
        examination = await examined(connection(standin.address, token=SECRET))
    assert "host-volume-read" in examination.policy
    assert "Releases before 1.10 refuse a policy with host-volume-read" in found(examination, "topics").remedy


async def test_a_topic_requested_by_name_is_tried_on_every_release() -> None:
    async with served(replace(WITH_ACLS, version="1.6.5", tokens={SECRET: READER})) as standin:
        examination = await examined(connection(standin.address, token=SECRET), "Job", "Variable")
    assert set(examination.cells) == {"Job", "Variable"}
    assert "It publishes no Variable events." in found(examination, "release").sentence


async def test_slow_checks_are_announced() -> None:
    begun = []
    async with served() as standin:
        async for item in examine(connection(standin.address), patience=QUICK):
            if isinstance(item, Begun):
                begun.append(item)
    assert {"connect", "topics", "buffer", "heartbeat"} <= {each.check for each in begun}
    assert "up to 5 s" in next(each.what for each in begun if each.check == "heartbeat")


async def test_waiting_for_the_heartbeat_can_be_skipped() -> None:
    async with served(replace(HELD, heartbeat=30.0)) as standin:
        examination = await examined(connection(standin.address), patience=replace(QUICK, heartbeat=None))
    assert found(examination, "heartbeat").verdict is Verdict.SKIPPED
    assert examination.exit_code == 0


# Faults


@dataclass(frozen=True)
class Case:
    name: str
    check: str
    verdict: Verdict
    says: str
    remedy: str = ""
    options: Options = HELD
    flags: dict[str, str] = field(default_factory=dict)
    topics: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    """Checks that are skipped because of it."""
    exit_code: int = 0

    def __str__(self) -> str:
        return self.name


AFTER_TOKEN = ("namespaces", "topics", "stream", "buffer", "heartbeat")
WITH_ACLS = replace(HELD, tokens={SECRET: READER, UNKNOWN: MANAGEMENT})

CASES = [
    Case(
        "connection refused",
        "connect",
        Verdict.BROKEN,
        "connection refused",
        "port 4646",
        flags={"address": "http://127.0.0.1:1"},
        skipped=("nomad", "token", "clock"),
        exit_code=1,
    ),
    Case(
        "the name is unknown",
        "name",
        Verdict.BROKEN,
        "nowhere.invalid does not resolve",
        "Correct it in NOMAD_ADDR",
        flags={"address": "http://nowhere.invalid:4646"},
        skipped=("connect", "nomad"),
        exit_code=1,
    ),
    Case(
        "https is spoken to where http is served",
        "tls",
        Verdict.BROKEN,
        "does not use TLS",
        "http://",
        flags={"address": "https"},
        skipped=("nomad", "stream"),
        exit_code=1,
    ),
    Case(
        "the address of a page of the web interface",
        "nomad",
        Verdict.OK,
        "A Nomad server answered",
        flags={"address": "path"},
    ),
    Case(
        "the region does not exist",
        "region",
        Verdict.REFUSED,
        "does not know region mars, only eu, global",
        "export NOMAD_REGION=eu",
        options=replace(HELD, other_regions=("eu",)),
        flags={"region": "mars"},
        skipped=("leader", *AFTER_TOKEN),
        exit_code=3,
    ),
    Case(
        "the region's servers are down",
        "leader",
        Verdict.BROKEN,
        "cannot reach the region eu: none of that region's servers answer it",
        "nomad server members -region eu",
        options=replace(HELD, regions_down=("eu",)),
        flags={"region": "eu"},
        skipped=AFTER_TOKEN,
        exit_code=1,
    ),
    Case(
        "the region's servers have been down for so long that its server no longer lists the region",
        "region",
        Verdict.BROKEN,
        "cannot reach the region eu: none of that region's servers answer it",
        "nomad server members -region eu",
        options=replace(HELD, other_servers=(Server("eu-1.eu", "2.0.6", "eu", "failed"),)),
        flags={"region": "eu"},
        skipped=("leader", *AFTER_TOKEN),
        exit_code=1,
    ),
    Case(
        "the namespace does not exist",
        "namespaces",
        Verdict.BROKEN,
        "There is no namespace nope, only default, payments",
        "Correct NOMAD_NAMESPACE",
        flags={"namespace": "nope"},
        exit_code=1,
    ),
    Case(
        "the namespace may not be seen",
        "namespaces",
        Verdict.REFUSED,
        "may not see namespace payments, only default",
        "a token with a policy for it",
        options=WITH_ACLS,
        flags={"namespace": "payments", "token": SECRET},
        topics=("Node",),
        exit_code=3,
    ),
    Case(
        "the cluster has no leader",
        "leader",
        Verdict.BROKEN,
        "the cluster has no leader",
        "nomad server members",
        options=replace(HELD, leader=False),
        skipped=("token", *AFTER_TOKEN),
        exit_code=1,
    ),
    Case(
        "publishing is turned off",
        "publishing",
        Verdict.BROKEN,
        "enable_event_broker = false",
        "enable_event_broker = true",
        options=replace(HELD, publishes=False),
        skipped=("topics", "stream", "buffer", "heartbeat"),
        exit_code=1,
    ),
    Case(
        "publishing seems to be turned off, to a token that may not ask",
        "topics",
        Verdict.BROKEN,
        "publishes no events: it refuses topics that",
        "enable_event_broker = true",
        options=replace(WITH_ACLS, publishes=False),
        flags={"token": SECRET, "namespace": "default"},
        topics=("Job",),
        skipped=("stream", "buffer", "heartbeat"),
        exit_code=1,
    ),
    Case(
        "the token has expired",
        "token",
        Verdict.REFUSED,
        "has expired",
        "a new one",
        options=replace(HELD, tokens={SECRET: replace(READER, expires=datetime(2020, 1, 1, tzinfo=UTC))}),
        flags={"token": SECRET},
        skipped=AFTER_TOKEN,
        exit_code=3,
    ),
    Case(
        "the status line is invalid",
        "release",
        Verdict.NOTE,
        "HTTP/0.0 (nomad#27582)",
        options=replace(HELD, version="1.11.2", protocol="HTTP/0.0"),
    ),
    Case(
        "the status line is invalid, of a release that may not be asked for",
        "stream",
        Verdict.NOTE,
        "HTTP/0.0",
        "upgrade of Nomad",
        options=replace(WITH_ACLS, version="1.11.2", protocol="HTTP/0.0"),
        flags={"token": SECRET, "namespace": "default"},
        topics=("Job",),
    ),
    Case(
        "the token is unknown",
        "token",
        Verdict.REFUSED,
        "token",
        "NOMAD_TOKEN",
        options=replace(HELD, tokens={}),
        flags={"token": UNKNOWN},
        skipped=AFTER_TOKEN,
        exit_code=3,
    ),
    Case(
        "the token is malformed",
        "token",
        Verdict.REFUSED,
        "malformed",
        "NOMAD_TOKEN",
        options=replace(HELD, tokens={}),
        flags={"token": "not-a-token"},
        skipped=AFTER_TOKEN,
        exit_code=3,
    ),
    Case(
        "no token, and nothing is allowed without",
        "topics",
        Verdict.REFUSED,
        "refuses all of 2 topics",
        "policy below",
        options=WITH_ACLS,
        topics=("Job", "Node"),
        skipped=("stream", "buffer", "heartbeat"),
        exit_code=3,
    ),
    Case(
        "a token that may not ask for the release",
        "release",
        Verdict.NOTE,
        "the token lacks node:read and agent:read",
        options=replace(
            WITH_ACLS, version="1.11.1", tokens={SECRET: Token(namespaces={"default": frozenset(("read-job",))})}
        ),
        flags={"token": SECRET, "namespace": "default"},
        topics=("Job",),
        skipped=("publishing",),
    ),
    Case(
        "a release that refuses by status",
        "release",
        Verdict.NOTE,
        "Nomad 1.9.0 on stand-in.global. Reading a CSI volume through the HTTP API can erase its secrets",
        options=replace(HELD, version="1.9.0"),
    ),
    Case(
        "a beta",
        "release",
        Verdict.NOTE,
        "the topic names of the 1.0 betas",
        options=replace(HELD, version="1.0.0-beta2", release=Release.OLD),
        topics=("Job",),
    ),
    Case(
        "an empty buffer",
        "buffer",
        Verdict.NOTE,
        "has no event of these topics",
        options=Options(heartbeat=0.1),
        topics=("Operator",),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_each_fault_is_reported_with_its_remedy(case: Case) -> None:
    async with served(case.options) if case.options.lead else unpublished(case.options) as standin:
        flags = dict(case.flags)
        match flags.pop("address", ""):
            case "https":
                address = standin.address.replace("http://", "https://")
            case "path":
                address = f"{standin.address}/ui/jobs"
            case other:
                address = other or standin.address
        examination = await examined(connection(address, **flags), *case.topics)
    finding = found(examination, case.check)
    assert finding.verdict is case.verdict
    assert case.says in finding.sentence
    assert case.remedy in finding.remedy
    assert examination.exit_code == case.exit_code
    assert {finding.check for finding in examination.findings} == set(CHECKS), "every check has a finding"
    for check in case.skipped:
        assert found(examination, check).verdict is Verdict.SKIPPED


@asynccontextmanager
async def unpublished(options: Options) -> AsyncIterator[StandIn]:
    async with asyncio.timeout(SECONDS), StandIn((), options) as standin:
        yield standin


# Permissions


async def test_a_reader_of_one_namespace_gets_the_table_and_the_policy_for_the_rest() -> None:
    async with served(WITH_ACLS) as standin:
        examination = await examined(connection(standin.address, token=SECRET))
    cells = examination.cells
    assert (cells["Job"]["*"].access, cells["Job"]["default"].access) == (Access.REFUSED, Access.ALLOWED)
    assert cells["Node"]["*"].access is Access.ALLOWED
    assert list(cells["ACLToken"]) == ["*"], "what belongs to no namespace is asked for once"
    assert cells["ACLToken"]["*"].needed == "a management token"
    finding = found(examination, "topics")
    assert finding.verdict is Verdict.REFUSED
    assert 'namespace "*" {' in finding.policy
    assert '"csi-read-volume", "host-volume-read", "read-job"' in finding.policy
    assert "management token" in finding.remedy
    assert found(examination, "stream").verdict is Verdict.OK, "what is allowed is read"
    assert found(examination, "buffer").measured["events"] > 0
    assert found(examination, "lists").measured["allowed"] == ["Node", "Evaluation", "Deployment", "Allocation"]
    assert examination.exit_code == 3


async def test_empty_lists_of_all_namespaces_do_not_prove_permission() -> None:
    async with served(replace(HELD, tokens={SECRET: Token(name="nodes", node_read=True)})) as standin:
        finding = found(await examined(connection(standin.address, token=SECRET)), "lists")
    assert finding.verdict is Verdict.NOTE
    assert finding.measured["allowed"] == ["Node"]
    assert "lists no evaluations, deployments, allocations in any namespace" in finding.sentence


@pytest.mark.parametrize("release", list(Release))
async def test_one_refused_topic_is_not_mixed_with_those_allowed_on_any_release(release: Release) -> None:
    async with served(replace(WITH_ACLS, release=release)) as standin:
        to = connection(standin.address, token=SECRET, namespace="default")
        examination = await examined(to, "Job", "CSIVolume")
    table = examination.as_json()["topics"]
    assert table == {"Job": {"default": "allowed"}, "CSIVolume": {"default": "refused"}}
    assert examination.policy == 'namespace "default" {\n  capabilities = ["csi-read-volume"]\n}'


# TLS


@dataclass(frozen=True)
class Certified:
    standin: StandIn
    ca: Path


@asynccontextmanager
async def with_tls(folder: Path, expires: datetime | None = None) -> AsyncIterator[Certified]:
    authority = trustme.CA()
    ca = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "server.global.nomad", not_after=expires).configure_cert(context)
    async with served(replace(HELD, tls=context)) as standin:
        yield Certified(standin, ca)


async def test_a_valid_certificate_is_shown_with_its_names_and_expiry(tmp_path: Path) -> None:
    async with with_tls(tmp_path) as certified:
        examination = await examined(connection(certified.standin.address, ca_cert=str(certified.ca)))
    finding = found(examination, "tls")
    assert finding.verdict is Verdict.OK
    assert finding.measured["version"] == "TLSv1.3"
    assert set(finding.measured["names"]) == {"127.0.0.1", "server.global.nomad"}
    assert "trustme" in finding.sentence
    assert examination.exit_code == 0


async def test_a_certificate_that_expires_soon_is_a_note(tmp_path: Path) -> None:
    async with with_tls(tmp_path, datetime.now(UTC) + timedelta(days=3, hours=1)) as certified:
        examination = await examined(connection(certified.standin.address, ca_cert=str(certified.ca)))
    finding = found(examination, "tls")
    assert finding.verdict is Verdict.NOTE
    assert "expires in 3 d" in finding.sentence
    assert "Renew it" in finding.remedy
    assert examination.exit_code == 0


async def test_a_certificate_of_an_unknown_authority_is_broken(tmp_path: Path) -> None:
    async with with_tls(tmp_path) as certified:
        examination = await examined(connection(certified.standin.address))
    finding = found(examination, "tls")
    assert finding.verdict is Verdict.BROKEN
    assert "NOMAD_CACERT" in finding.remedy
    assert found(examination, "nomad").verdict is Verdict.SKIPPED
    assert examination.exit_code == 1


async def test_an_unverified_certificate_is_a_note(tmp_path: Path) -> None:
    async with with_tls(tmp_path) as certified:
        to = replace(connection(certified.standin.address), skip_verify=True)
        examination = await examined(to)
    assert found(examination, "tls").verdict is Verdict.NOTE
    assert "not verified" in found(examination, "tls").sentence
    assert "server.global.nomad" in found(examination, "tls").measured["names"]


# Faulty servers


async def checked(check: Check, to: Connection, **known: Any) -> Finding:
    """Return the finding of a single check."""
    async with asyncio.timeout(SECONDS), AsyncExitStack() as stack:
        subject = Subject(to, Subscription(), QUICK, {}, stack)
        subject.client = await stack.enter_async_context(Client(to))
        for name, value in known.items():
            setattr(subject, name, value)
        return [item async for item in check(subject) if isinstance(item, Finding)][-1]


async def listened(check: Check, to: Connection) -> Finding:
    """Return a check's finding on a stream that was opened for it."""
    async with asyncio.timeout(SECONDS), AsyncExitStack() as stack:
        subject = Subject(to, Subscription(), replace(QUICK, heartbeat=0.7), {}, stack)
        subject.client = await stack.enter_async_context(Client(to))
        async for _ in stream.stream(subject):
            pass
        return [item async for item in check(subject) if isinstance(item, Finding)][-1]


def at(port: int) -> Connection:
    return connection(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "says",
    [
        answer("200 OK", "<html>Welcome</html>", "Content-Type: text/html"),
        answer("200 OK", '{"name": "elasticsearch"}', "Content-Type: application/json"),
        answer("404 Not Found", "404 page not found"),
        b"220 smtp ready\r\n",
    ],
    ids=["a web page", "another service", "no such page", "no HTTP"],
)
async def test_a_server_that_is_not_nomad_is_identified_and_not_asked_further(says: bytes) -> None:
    async with asyncio.timeout(SECONDS):
        with faulty_server(says) as odd:
            examination = await examined(at(odd.port))
    assert found(examination, "nomad").verdict is Verdict.BROKEN
    assert found(examination, "token").verdict is Verdict.SKIPPED
    assert examination.exit_code == 1


async def test_a_missing_leader_is_broken() -> None:
    with faulty_server(answer("200 OK", '""')) as odd:
        finding = await checked(server.leader, at(odd.port))
    assert (finding.verdict, finding.measured["leader"]) == (Verdict.BROKEN, None)


@pytest.mark.parametrize(
    ("skew", "verdict", "says"),
    [(0, Verdict.OK, "agree"), (-90, Verdict.NOTE, "behind"), (3600, Verdict.NOTE, "ahead of")],
)
async def test_clocks_are_compared(skew: int, verdict: Verdict, says: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=skew), usegmt=True)
    with faulty_server(answer("200 OK", '["global"]', f"Date: {date}")) as odd:
        finding = await checked(stream.clock, at(odd.port))
    assert finding.verdict is verdict
    assert says in finding.sentence
    assert finding.measured["ahead_at_least_seconds"] <= skew + 1
    assert finding.measured["ahead_at_most_seconds"] >= skew - 1


async def test_the_age_of_the_buffer_uses_the_servers_clock() -> None:
    """Regression: by the local clock, the buffer of a server whose clock is ahead reached back 0 s."""
    ages = []
    for offset in (0, 7200):
        async with served(replace(HELD, clock_offset=offset)) as standin:
            examination = await examined(connection(standin.address))
            ages.append(found(examination, "buffer").measured["oldest_seconds_ago"])
    assert ages[1] - ages[0] == pytest.approx(7200, abs=SECONDS)


async def test_an_event_from_the_future_is_a_note() -> None:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    soon = int((datetime.now(UTC).timestamp() + 600) * 1e9)
    with faulty_server(answer("200 OK", '["global"]', f"Date: {date}")) as odd:
        finding = await checked(stream.clock, at(odd.port), newest_moment=soon)
    assert finding.verdict is Verdict.NOTE
    assert "from now" in finding.sentence


async def test_heartbeats_in_bulk_indicate_a_buffering_proxy() -> None:
    with faulty_server(HEARTBEAT + b"{}\n", holds=True) as odd:
        finding = await listened(stream.heartbeat, at(odd.port))
    assert finding.verdict is Verdict.BROKEN
    assert "arrived together" in finding.sentence
    assert "proxy_buffering off" in finding.remedy


async def test_a_silent_stream_indicates_a_buffering_proxy() -> None:
    silent = HEARTBEAT.removesuffix(b"{}\n")
    releases = ServerReleases(Evidence.MEMBERS, (("one.global", "1.11.1"),))
    with faulty_server(silent, holds=True) as odd:
        opening = await checked(stream.stream, at(odd.port))
    with faulty_server(silent, holds=True) as odd:
        modern = await checked(stream.stream, at(odd.port), releases=releases)
    with faulty_server(silent, holds=True) as odd:
        waiting = await listened(stream.heartbeat, at(odd.port))
    assert opening.verdict is Verdict.NOTE
    assert (modern.verdict, waiting.verdict) == (Verdict.BROKEN, Verdict.BROKEN)
    assert "No byte arrived" in waiting.sentence


async def test_a_stream_that_ends_is_reported_with_its_last_message() -> None:
    with faulty_server(HEARTBEAT + b"event dropped from buffer") as odd:
        finding = await listened(stream.heartbeat, at(odd.port))
    assert finding.verdict is Verdict.BROKEN
    assert "event dropped from buffer" in finding.sentence


async def test_a_bug_in_a_check_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "server", None)
    async with served() as standin:
        examination = await examined(connection(standin.address))
    assert found(examination, "release").verdict is Verdict.BROKEN
    assert found(examination, "heartbeat").verdict is Verdict.OK
    assert examination.exit_code == 1


# Several addresses


async def test_the_first_address_that_responds_is_examined() -> None:
    async with served() as standin:
        to = replace(connection("http://127.0.0.1:1"), others=(connection(standin.address),))
        examination = await examined(to)
    addresses = [finding for finding in examination.findings if finding.check == "address"]
    assert [finding.verdict for finding in addresses] == [Verdict.OK, Verdict.NOTE, Verdict.OK]
    assert "connection refused" in addresses[1].sentence
    assert found(examination, "nomad").verdict is Verdict.OK
    assert examination.exit_code == 0


# Output


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


async def printed(to: Connection, output: io.StringIO, *topics: str) -> tuple[str, int]:
    code = await print_text(examine(to, Subscription.parse(topics), patience=QUICK), output)
    return output.getvalue(), code


async def test_text_has_a_line_per_check_and_the_verdict_last() -> None:
    async with served() as standin:
        text, code = await printed(connection(standin.address), io.StringIO())
    lines = text.splitlines()
    assert [line.split()[1] for line in lines if line][: len(CHECKS)] == list(CHECKS)
    assert lines[-1] == "✔ ok  events can be read."
    assert "\x1b" not in text
    assert code == 0


async def test_checks_skipped_for_the_same_reason_are_one_line() -> None:
    async with asyncio.timeout(SECONDS):
        text, code = await printed(connection("http://127.0.0.1:1"), io.StringIO())
    lines = text.splitlines()
    assert sum(line.startswith("–") for line in lines) == 1
    assert "connection refused" in lines[-1]
    assert lines[-1].startswith("✖ broken  connect: ")
    assert code == 1


async def test_colors_are_for_terminals_and_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    async with asyncio.timeout(SECONDS):
        coloured, _ = await printed(connection("http://127.0.0.1:1"), Screen())
        monkeypatch.setenv("NO_COLOR", "1")
        plain, _ = await printed(connection("http://127.0.0.1:1"), Screen())
    assert "\x1b[31m" in coloured
    assert "\x1b[31m" not in plain
    assert "✖ connect" in plain


@pytest.mark.parametrize("width", [40, 80, 180])
async def test_no_line_is_wider_than_the_screen(width: int) -> None:
    async with served(WITH_ACLS) as standin:
        examination = await examined(connection(standin.address, token=SECRET))
    for namespace in (f"team-{number}" for number in range(20)):
        cell = Cell("Job", namespace, Access.REFUSED, "read-job")
        examination.take(cell)
    lines = report.plain(report.page(examination, width)).splitlines()
    assert lines[0].startswith("⊘ refused")
    assert max(map(len, lines)) <= max(width, 70)
    assert all(f"team-{number}" in "\n".join(lines) for number in range(20))


async def test_json_is_one_object_with_what_scripts_need() -> None:
    output = io.StringIO()
    async with served(WITH_ACLS) as standin:
        to = connection(standin.address, token=SECRET, namespace="default")
        code = await print_json(examine(to, Subscription.parse(["Job", "Variable"]), patience=QUICK), output)
    result = json.loads(output.getvalue())
    assert list(result) == ["verdict", "exit_code", "checks", "topics", "policy"]
    assert (result["verdict"], result["exit_code"], code) == ("refused", 3, 3)
    assert result["topics"] == {"Job": {"default": "allowed"}, "Variable": {"default": "refused"}}
    assert result["policy"].startswith('namespace "default" {')
    assert [check["check"] for check in result["checks"]] == list(CHECKS)
    assert set(result["checks"][0]) == {"check", "verdict", "sentence", "remedy", "policy", "measured"}
    assert {check["verdict"] for check in result["checks"]} <= set(map(str, Verdict))


async def test_no_secret_is_ever_shown() -> None:
    password = "swordfish-in-clear"
    async with served(WITH_ACLS) as standin:
        address = standin.address.replace("http://", f"http://ann:{password}@")
        for flags in ({"token": SECRET}, {"token": UNKNOWN}, {"token": "malformed-secret"}):
            examination = await examined(connection(address, **flags))
            result = json.dumps(examination.as_json()) + report.plain(report.page(examination, 80))
            assert password not in result
            assert flags["token"] not in result


HOSTILE = "evil\x1b]52;c;AAAA\x07\u202e[/x]"


async def test_control_characters_from_a_server_do_not_reach_the_terminal() -> None:
    regions = json.dumps(["global", HOSTILE])
    async with asyncio.timeout(SECONDS):
        with faulty_server(answer("200 OK", regions)) as odd:
            examination = await examined(at(odd.port))
    text = report.plain(report.page(examination, 100)) + json.dumps(examination.as_json(), ensure_ascii=False)
    assert "evil" in text
    assert all(character.isprintable() or character == "\n" for character in text)


# The command


async def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command(), "doctor", *arguments, stdout=PIPE, stderr=PIPE, env={**_environment(), **environ}
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("NOMAD_")}


async def test_the_command_shows_the_sources_of_its_settings() -> None:
    async with served() as standin:
        arguments = ["--no-wait", "--topic", "job", "--namespace", "default"]
        code, output, errors = await run(*arguments, NOMAD_ADDR=standin.address)
    assert (code, errors) == (0, "")
    assert f"{standin.address} (NOMAD_ADDR)" in output
    assert "namespace default (--namespace)" in output
    assert "Skipped (--no-wait)" in output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--address", "http://127.0.0.1:1"], 1),
        (["--topic", "a:b:c"], 2),
        (["--output", "yaml"], 2),
        (["--region", "mars"], 3),
    ],
)
async def test_exit_codes(arguments: Sequence[str], code: int) -> None:
    async with served() as standin:
        assert (await run(*arguments, NOMAD_ADDR=standin.address))[0] == code


async def test_the_command_prints_only_json_on_request() -> None:
    async with served() as standin:
        code, output, errors = await run("--no-wait", "--output", "json", NOMAD_ADDR=standin.address)
    assert (code, errors) == (0, "")
    assert json.loads(output)["verdict"] == "ok"


async def test_an_interrupt_ends_it_at_once() -> None:
    async with served(replace(HELD, heartbeat=30.0)) as standin:
        process = await asyncio.create_subprocess_exec(
            *command(), "doctor", stdout=PIPE, stderr=PIPE, env={**_environment(), "NOMAD_ADDR": standin.address}
        )
        assert process.stdout is not None
        while b"buffer" not in (line := await process.stdout.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
    assert (process.returncode, errors.strip()) == (130, b"")
