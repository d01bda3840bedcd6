"""Behavior of a real cluster that test servers did not have: silent refusals, restarts that respond too early.

The stand-in server behaves as the recorded servers did; each test checks what an operator would see.
"""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from nomad_tui.cli.tail import Exit
from nomad_tui.cli.tail import Options as TailOptions
from nomad_tui.cli.tail import tail as run_tail
from nomad_tui.config.connection import Connection
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Concern, Connected, Gap, GapReason, Permitted, Refused, Retrying, Warned
from nomad_tui.core.wire import Frame, decode
from nomad_tui.doctor.checks import examine
from nomad_tui.doctor.findings import Examination, Verdict
from nomad_tui.doctor.subject import Patience
from nomad_tui.nomad.cases import Kind
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.diagnose import explain
from nomad_tui.nomad.probing import probe, sends_late_first_line
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import ALL_FRAMES, MANAGEMENT, Drip, End, Options, Release, Scheduled, StandIn, Token
from nomad_tui.stream.settings import Settings
from tests import recordings
from tests.stream import test_live
from tests.stream.test_live import SECONDS, SOON, Reader, asked, event, frame, frames

TOKEN = "00000000-0000-4000-8000-00000000000c"
IDENTITY = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJnbG9iYWwifQ.c2lnbmF0dXJl"
LINGER_SECONDS = 600.0
"""Seconds that a refused stream stays open: longer than any test."""
READS_WEB = Token(namespaces={"web": frozenset({"read-job"})})
READS_JOBS = Token(namespaces={"*": frozenset({"read-job"})}, node_read=True)


def idle(token: Token, secret: str = TOKEN, **options: object) -> Options:
    """Options for a server without writes, so that its garbage collector does not run."""
    return Options(tokens={secret: token}, lingers=LINGER_SECONDS, lead=ALL_FRAMES, **options)  # type: ignore[arg-type]


FIRST_LINE_TIMEOUT = 0.3
"""Seconds after which a missing first line is a refusal."""
following = partial(test_live.following, first_line=FIRST_LINE_TIMEOUT)


def recorded(name: str) -> list[bytes]:
    return [line for line in recordings.lines(name) if isinstance(decode(line), Frame)]


async def examined(server: StandIn, secret: str = TOKEN, **flags: str) -> Examination:
    connection = Connection.from_environment({"address": server.address, "token": secret, **flags}, environ={})
    examination = Examination()
    async for item in examine(connection, patience=Patience(heartbeat=None, first_line=FIRST_LINE_TIMEOUT)):
        examination.take(item)
    return examination


@asynccontextmanager
async def tailing(
    server: StandIn, lines: int = 0, *, idle_exit: float | None = None, **flags: str
) -> AsyncIterator[tuple["asyncio.Task[Exit]", io.BytesIO, io.StringIO]]:
    connection = Connection.from_environment({"address": server.address, **flags}, environ={})
    settings = Settings(shortest_delay=SOON, leader_watched_every=0.05, first_line=FIRST_LINE_TIMEOUT)
    output, errors = io.BytesIO(), io.StringIO()
    output.isatty = lambda: False  # type: ignore[method-assign]
    options = TailOptions(limit=lines or None, idle_exit=idle_exit)
    task = asyncio.create_task(run_tail(LiveServer(connection, Subscription(), settings), options, output, errors))
    try:
        yield task, output, errors
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# 1. Silence is not permission


async def test_a_token_for_one_namespace_reads_it_although_refusals_are_silent() -> None:
    lines = [frame(1, event("Job", "web-1", Namespace="web")), frame(2, event("Job", "pay-2", Namespace="pay"))]
    async with following(lines, idle(READS_WEB), flags={"token": TOKEN}) as (server, reader):
        await reader.until_index(1)
        permitted = reader.all(Permitted)[-1].permissions
        assert permitted.namespaces == ("web",) or "ACLToken" in permitted.refused
        await server.until(lambda: server.lingering == 0)  # the client closes abandoned connections
    assert reader.indexes == [1]


async def test_the_doctor_does_not_report_a_silent_topic_as_allowed() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=idle(READS_WEB, namespaces=("web",))) as server:
        examination = await examined(server)
    assert examination.exit_code == 3
    topics = next(finding for finding in examination.findings if finding.check == "topics")
    assert topics.verdict is Verdict.REFUSED
    assert str(examination.cells["Job"]["web"].access) == "allowed"
    assert str(examination.cells["ACLToken"]["*"].access) == "refused"


async def test_a_narrowed_policy_keeps_the_rest_at_once_although_the_stream_is_only_silent() -> None:
    options = idle(READS_JOBS, heartbeat=0.1)
    async with following([frame(1)], options, flags={"token": TOKEN}, silence=0.4) as (server, reader):
        await reader.until_index(1)
        server.put_token(TOKEN, Token(namespaces={"*": frozenset({"read-job"})}))
        server.publish(frame(2))
        await reader.until_index(2)
        assert "Node" in reader.all(Permitted)[-1].permissions.refused
    assert reader.indexes == [1, 2]
    assert not reader.all(Gap)


async def test_a_token_deleted_on_an_idle_cluster_is_reported() -> None:
    options = idle(MANAGEMENT, heartbeat=0.1)
    async with following([frame(1)], options, flags={"token": TOKEN}, silence=0.4) as (server, reader):
        await reader.until_index(1)
        server.revoke(TOKEN)
        refused = await reader.until_kind(Refused)
    assert "does not accept the token" in refused.what


async def test_a_widened_policy_is_detected_without_a_reconnect() -> None:
    lines = [frame(1), frame(2, event("Node", "n2", Namespace=""))]
    token = Token(namespaces={"*": frozenset({"read-job"})})
    watching = following(lines, idle(token), flags={"token": TOKEN}, permissions_watched_every=0.05)
    async with watching as (server, reader):
        await reader.until_index(1)
        server.put_token(TOKEN, READS_JOBS)
        await reader.until_index(2)
        await reader.until(lambda: "Node" not in reader.all(Permitted)[-1].permissions.refused)
    assert not reader.all(Retrying) and not reader.all(Gap)


async def test_a_slow_link_is_not_a_refusal() -> None:
    """The slowest response determines how long to wait for a first line."""
    slow = Scheduled(fault=Drip(1, 0.2), after_bytes=0, stream=None)
    async with asyncio.timeout(SECONDS), StandIn(options=Options(faults=(slow,))) as server:
        connection = Connection.from_environment({"address": server.address}, environ={})
        async with Client(connection, first_line=FIRST_LINE_TIMEOUT) as client:
            client.round_trip = 1.0
            (probed,) = [each async for each in probe(client, ["Job"], ["*"])]
    assert probed.allowed is True


@pytest.mark.parametrize("release", [Release.OLD, Release.OLD_500])
async def test_the_oldest_releases_stay_silent_and_allow_it(release: Release) -> None:
    options = Options(tokens={TOKEN: READS_JOBS}, release=release, first_heartbeat=600, version="1.0.4")
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        connection = Connection.from_environment({"address": server.address, "token": TOKEN}, environ={})
        async with Client(connection, first_line=FIRST_LINE_TIMEOUT) as client:
            answers = {each.topic: each async for each in probe(client, ["Job", "ACLToken"], ["*"], patience=0.2)}
    assert answers["Job"].allowed is True
    assert answers["ACLToken"].allowed is False


@pytest.mark.parametrize(
    ("version", "late"),
    [("1.0.0", True), ("1.0.6", True), ("1.0.7", False), ("1.1.0", True), ("1.1.1", False), ("2.0.6-dev", False)],
)
def test_which_releases_send_no_first_heartbeat(version: str, late: bool) -> None:
    assert sends_late_first_line(version) is late


# 2. and 3. Another history, or the same one replayed


async def test_a_rebuilt_server_whose_history_covers_the_last_index_is_reported() -> None:
    """Regression: in 0.1.0 the new history's 44 events up to that index disappeared silently."""
    old, new = recorded("rebuilt-1-old"), recorded("rebuilt-2-new")
    options = Options(buffer_size=500, lead=ALL_FRAMES)
    async with following(old, options) as (server, reader):
        await reader.until_index(52)
        await server.restart(new)
        await reader.until_index(107)
    (gap,) = reader.all(Gap)
    assert gap.reason is GapReason.REBUILT and gap.after == 52
    at = reader.updates.index(gap)
    after = [update.index for update in reader.updates[at:] if isinstance(update, Frame)]
    assert after == [json.loads(line)["Index"] for line in new]


async def test_a_rebuilt_server_without_times_is_detected_by_older_indexes() -> None:
    old = frames(range(1, 9))
    new = [frame(index, event("Job", f"other-{index}")) for index in range(3, 20)]
    async with following(old, Options(lead=ALL_FRAMES)) as (server, reader):
        await reader.until_index(8)
        await server.restart(new)
        await reader.until_index(19)
    assert [(gap.reason, gap.after) for gap in reader.all(Gap)] == [(GapReason.REBUILT, 8)]
    assert reader.indexes == [*range(1, 9), *range(3, 20)]


async def test_a_rebuilt_server_whose_oldest_frame_has_the_last_index_is_detected() -> None:
    """Nothing older is held, and times prove nothing: an object was created where another event was seen."""
    old = [frame(index, event("Job", f"job-{index}", Payload={"Job": {"CreateIndex": index}})) for index in range(1, 9)]
    new = [frame(8, event("Job", "other", Payload={"Job": {"CreateIndex": 5}})), *frames(range(9, 12))]
    async with following(old, Options(lead=ALL_FRAMES)) as (server, reader):
        await reader.until_index(8)
        await server.restart(new)
        await reader.until_index(11)
    assert [(gap.reason, gap.after) for gap in reader.all(Gap)] == [(GapReason.REBUILT, 8)]


@pytest.mark.parametrize("agent_read", [True, False])
async def test_a_restart_is_waited_for_and_nothing_is_shown_twice(agent_read: bool) -> None:
    """HTTP is up before the raft log is replayed: old events come first, from before the first one seen."""
    before, after = recorded("restart-before"), recorded("restart-after")
    known = {json.loads(line)["Index"] for line in before}
    token = Token(management=agent_read, namespaces={"*": frozenset({"read-job"})}, agent_read=agent_read)
    token = MANAGEMENT if agent_read else token
    options = Options(buffer_size=5000, lead=ALL_FRAMES, tokens={TOKEN: token})
    topics = () if agent_read else ("Job", "Evaluation", "Allocation", "Deployment")
    async with following(before[-60:], options, *topics, flags={"token": TOKEN}) as (server, reader):
        last = max(known)
        await reader.until_index(last - 1)
        await reader.until(lambda: reader.source.last_index >= last - 1)
        shown = len(reader.all(Frame))
        await server.restart(after[: len(before)], replays=True)
        server.replay(40)
        await reader.until(lambda: any("is starting" in each.what for each in reader.all(Retrying)))
        server.replay()
        await reader.until_kind(Connected)
        server.publish(*(line for line in after if json.loads(line)["Index"] > last))
        await reader.until_index(json.loads(after[-1])["Index"])
    assert not reader.all(Gap)
    again = [update.index for update in reader.all(Frame)[shown:] if update.index < last - 1]
    assert again == []


async def test_repeats_of_events_seen_long_ago_are_dropped() -> None:
    """More frames than are remembered: the raft log is replayed from the last snapshot on."""
    lines = frames(range(1, 800))
    async with following(lines, Options(buffer_size=2000, lead=ALL_FRAMES)) as (server, reader):
        await reader.until_index(799)
        await server.restart(replays=True)
        server.replay(5)
        reader.source.retry_now()
        await reader.until_kind(Connected)
        server.replay()
        server.publish(frame(800))
        await reader.until_index(800)
    assert not reader.all(Gap)
    assert reader.indexes == list(range(1, 801))


# 4. Backoff


async def test_a_connection_with_new_events_resets_the_backoff() -> None:
    async with following([frame(1)], Options(lead=ALL_FRAMES)) as (server, reader):
        await reader.until_index(1)
        for index in range(2, 14):
            server.publish(frame(index))
            await reader.until_index(index)
            server.inject(End())
            await reader.until_kind(Retrying)
            await reader.until_kind(Connected)
    assert max(each.delay for each in reader.all(Retrying)) <= SOON


async def test_idle_exit_counts_only_while_connected() -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn([frame(1)], Options(lead=ALL_FRAMES)) as server,
        tailing(server, idle_exit=1.0) as (task, output, errors),
    ):
        while b"job-1" not in output.getvalue():  # noqa: ASYNC110 - written lines cause no notification
            await asyncio.sleep(0.01)
        async with server.down():
            await asyncio.sleep(1.5)
            assert not task.done(), errors.getvalue()
        await server.subscribed()
        server.publish(frame(2))
        assert await task is Exit.DONE
        assert b"job-2" in output.getvalue()


async def test_idle_exit_does_not_count_while_permissions_are_probed() -> None:
    lines = [frame(1, event("Job", "web-1", Namespace="web"))]
    async with (
        asyncio.timeout(SECONDS),
        StandIn(lines, idle(READS_WEB, namespaces=("web",))) as server,
        tailing(server, idle_exit=1.0, token=TOKEN) as (task, output, errors),
    ):
        assert await task is Exit.DONE, errors.getvalue()
    assert b"web-1" in output.getvalue()


# 5. and 6. Known causes are reported at once


async def test_a_cluster_that_loses_its_leader_is_reported() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        connection = Connection.from_environment({"address": server.address}, environ={})
        source = LiveServer(
            connection, settings=Settings(shortest_delay=SOON, leader_watched_every=0.05, leader_awaited_every=0.05)
        )
        reader = Reader(source, source.updates())
        await reader.until_kind(Connected)
        server.lose_leader()
        lost = await reader.until_kind(Warned)
        server.elect_leader()
        found = await reader.until_kind(Warned)
        await source.updates().aclose()
    assert (lost.concern, found) == (Concern.LEADER, Warned(Concern.LEADER))
    assert "no leader" in lost.what


async def test_tail_fails_without_a_leader() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server, tailing(server, idle_exit=1.0) as (task, _, errors):
        await server.subscribed()
        server.lose_leader()
        assert await task is Exit.LOST
    assert "no leader" in errors.getvalue()


async def test_tail_of_a_namespace_that_does_not_exist_says_so_before_the_next_heartbeat() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        tailed = tailing(server, idle_exit=3.0, namespace="webb")
        async with tailed as (task, _, errors):
            assert await task is Exit.REFUSED
    assert "There is no namespace webb" in errors.getvalue()


# 7. and 8. Facts decide


async def test_a_workload_identity_is_accepted_although_the_server_cannot_look_it_up() -> None:
    identity = Token(is_identity=True, namespaces={"*": frozenset({"read-job"})}, node_read=True)
    async with asyncio.timeout(SECONDS), StandIn(options=idle(identity, IDENTITY)) as server:
        examination = await examined(server, IDENTITY)
    token = next(finding for finding in examination.findings if finding.check == "token")
    assert token.verdict is Verdict.OK and "identity" in token.sentence
    assert str(examination.cells["Job"]["*"].access) == "allowed"


async def test_a_malformed_token_is_reported_with_the_servers_message() -> None:
    async with asyncio.timeout(SECONDS), StandIn(options=idle(MANAGEMENT)) as server:
        examination = await examined(server, "not-a-token")
    token = next(finding for finding in examination.findings if finding.check == "token")
    assert "is malformed" in token.sentence and "compact JWS format" in token.sentence


async def test_publishing_that_is_disabled_is_reported_before_the_stream_is_requested() -> None:
    options = Options(tokens={TOKEN: MANAGEMENT}, publishes=False, lingers=LINGER_SECONDS)
    async with following(options=options, flags={"token": TOKEN}) as (server, reader):
        refused = await reader.until_kind(Refused)
        assert asked(server) == []
    assert "publishes no events" in refused.what


def test_a_plain_connection_that_had_worked_is_not_mistaken_for_tls() -> None:
    connection = Connection.from_environment({"address": "http://127.0.0.1:4646"}, environ={})
    first = explain(ConnectionResetError("reset"), connection)
    later = explain(ConnectionResetError("reset"), connection, worked=True)
    assert first.kind is later.kind is Kind.CUT
    assert "TLS" in first.why and "TLS" not in later.why


# 9. Only changes


async def test_the_permission_warning_is_shown_once_however_often_the_stream_is_lost() -> None:
    async with following([frame(1)], idle(READS_JOBS), flags={"token": TOKEN}) as (server, reader):
        await reader.until_index(1)
        for index in (2, 3):
            server.inject(End())
            await reader.until_kind(Connected)
            server.publish(frame(index))
            await reader.until_index(index)
    warnings = [update for update in reader.all(Warned) if update.concern is Concern.PERMISSION]
    assert len(warnings) == 1
