"""Everything a token may read is read, topic by topic and namespace by namespace, while both change."""

import asyncio
from contextlib import aclosing
from functools import partial

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from nomad_tui.config.connection import Connection
from nomad_tui.core.continuity import Continuity
from nomad_tui.core.history.coverage import ReadProgress
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Concern, Connected, Gap, GapReason, Permitted, Refused, Warned
from nomad_tui.core.wire import Frame, decode
from nomad_tui.sources import live
from nomad_tui.sources.live import ordered
from nomad_tui.standin import ALL_FRAMES, MANAGEMENT, Drip, End, Options, StandIn, Token
from nomad_tui.stream.reader import Reader as OneReader
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.start import Start
from tests.stream.test_live import FIRST_TOKEN, SECONDS, SOON, Reader, asked, event, frame
from tests.stream.test_live import following as follow

JOBS = frozenset({"read-job"})
READS_JOBS = Token(namespaces={"*": JOBS})
READS_JOBS_AND_NODES = Token(namespaces={"*": JOBS}, node_read=True)
READS_TWO = Token(namespaces={"default": JOBS, "web": JOBS}, node_read=True)
THREE = ("default", "web", "secret")
FLAGS = {"token": FIRST_TOKEN}


following = partial(follow, first_window=0.5, namespaces_again=0.1)


def job(index: int, namespace: str = "default") -> bytes:
    return frame(index, event("Job", f"job-{index}", Namespace=namespace))


def node(index: int) -> bytes:
    return frame(index, event("Node", f"node-{index}", Namespace=""))


def plugin(index: int) -> bytes:
    return frame(index, event("CSIPlugin", f"plugin-{index}", Namespace=""))


def allowing(token: Token, **options: object) -> Options:
    given = {"lead": ALL_FRAMES, "namespaces": ("secret",), "tokens": {FIRST_TOKEN: token}, "heartbeat": 0.1, **options}
    return Options(**given)  # type: ignore[arg-type]


def keys(reader: Reader) -> list[str]:
    return [each.key for update in reader.all(Frame) for each in update.events]


def warnings_of(reader: Reader, concern: Concern) -> list[Warned]:
    return [each for each in reader.all(Warned) if each.concern is concern]


async def until_keys(reader: Reader, *wanted: str) -> None:
    await reader.until(lambda: set(wanted) <= set(keys(reader)))


# Topics


async def test_readable_topics_arrive_and_the_others_are_reported_once() -> None:
    lines = [job(1), node(2), job(3, "web")]
    async with following(lines, allowing(READS_JOBS, namespaces=("web",)), flags=FLAGS) as (server, reader):
        await until_keys(reader, "job-3")
        server.publish(node(4), job(5))
        await until_keys(reader, "job-5")
    assert keys(reader) == ["job-1", "job-3", "job-5"]
    [warned], [permitted] = warnings_of(reader, Concern.PERMISSION), reader.all(Permitted)
    assert "Node (needs node:read)" in warned.what
    assert permitted.permissions.namespaces == ("*",)
    assert {"Node", "Operator"} < permitted.permissions.refused.keys() and "Job" not in permitted.permissions.refused
    [connected] = reader.all(Connected)
    assert reader.updates.index(warned) < reader.updates.index(permitted) < reader.updates.index(connected)
    assert reader.all(Refused) == [] and reader.all(Gap) == []
    assert [each.first("namespace") for each in asked(server) if len(each.all("topic")) > 1] == ["*"]


async def test_a_widened_policy_is_used_at_the_next_connection() -> None:
    lines = [node(1), job(2), node(3), job(4), node(5)]
    async with following(lines, allowing(READS_JOBS), flags=FLAGS) as (server, reader):
        await until_keys(reader, "job-4")
        server.put_token(FIRST_TOKEN, MANAGEMENT)
        server.inject(End())
        await until_keys(reader, "node-1", "node-3", "node-5")
        server.publish(job(6), node(7))
        await until_keys(reader, "job-6", "node-7")
    assert sorted(keys(reader)) == ["job-2", "job-4", "job-6", "node-1", "node-3", "node-5", "node-7"]
    assert reader.all(Gap) == []
    assert [bool(each.what) for each in warnings_of(reader, Concern.PERMISSION)] == [True, False]
    assert [each.permissions.everything for each in reader.all(Permitted)] == [False, True]


async def test_a_narrowed_policy_keeps_the_rest_of_the_stream() -> None:
    async with following([job(1), node(2)], allowing(READS_JOBS_AND_NODES), flags=FLAGS) as (server, reader):
        await until_keys(reader, "node-2")
        server.put_token(FIRST_TOKEN, READS_JOBS)
        await reader.until(lambda: len(reader.all(Connected)) == 2)
        server.publish(node(3), job(4))
        await until_keys(reader, "job-4")
    assert keys(reader) == ["job-1", "node-2", "job-4"]
    assert reader.all(Gap) == []
    assert "Node (needs node:read)" in warnings_of(reader, Concern.PERMISSION)[-1].what
    assert "Node" in reader.all(Permitted)[-1].permissions.refused


async def test_an_unknown_topic_causes_a_warning() -> None:
    async with following([job(1)], Options(lead=ALL_FRAMES), "Job", "Jobb") as (_, reader):
        await until_keys(reader, "job-1")
    [warned] = warnings_of(reader, Concern.TOPIC)
    assert "Jobb" in warned.what and "--topic" in warned.remedy


async def test_a_topic_newer_than_the_server_causes_a_warning() -> None:
    """Nomad 1.6.5 accepts a subscription to Variable and sends nothing."""
    options = Options(lead=ALL_FRAMES, version="1.6.5")
    async with following([job(1)], options, "Job", "Variable") as (_, reader):
        await until_keys(reader, "job-1")
    [warned] = warnings_of(reader, Concern.TOPIC)
    assert warned.what == "Nomad 1.6.5 publishes no Variable events."
    assert "--topic" in warned.remedy


# Namespaces


async def test_each_readable_namespace_has_its_own_stream() -> None:
    lines = [job(1, "web"), job(2), node(3), job(4, "secret"), plugin(5), job(6, "web"), job(7)]
    async with following(lines, allowing(READS_TWO), flags=FLAGS) as (server, reader):
        await until_keys(reader, "job-7")
        assert sorted(each.query.namespace for each in server.streams) == ["default", "web"]
        assert reader.source.scope(None) == "2 namespaces"
        server.publish(job(8), job(9, "web"), node(10), job(11, "secret"), job(12))
        await until_keys(reader, "job-12")
    assert keys(reader) == [
        *("job-1", "job-2", "node-3", "plugin-5", "job-6", "job-7", "job-8", "job-9", "node-10", "job-12")
    ]
    assert reader.all(Gap) == []
    [connected] = reader.all(Connected)
    [permitted] = reader.all(Permitted)
    assert permitted.permissions.namespaces == ("default", "web")
    assert reader.updates.index(permitted) < reader.updates.index(connected)


async def test_when_one_namespaces_stream_ends_nothing_is_lost_or_repeated() -> None:
    lines = [job(1, "web"), job(2), node(3)]
    async with following(lines, allowing(READS_TWO), flags=FLAGS) as (server, reader):
        await until_keys(reader, "node-3")
        next(each for each in server.streams if each.query.namespace == "web").perform(End())
        server.publish(job(4, "web"), job(5), job(6, "web"))
        await until_keys(reader, "job-4", "job-5", "job-6")
        server.publish(job(7), job(8, "web"))
        await until_keys(reader, "job-7", "job-8")
    assert sorted(keys(reader)) == sorted(["node-3", *(f"job-{index}" for index in (1, 2, 4, 5, 6, 7, 8))])
    assert reader.all(Gap) == []


async def test_a_healthy_stream_keeps_the_warning_about_an_unfinished_line_of_another() -> None:
    options = allowing(READS_TWO, heartbeat=30.0)
    async with following([job(1, "web"), job(2)], options, flags=FLAGS, unfinished_line=0.1) as (server, reader):
        await until_keys(reader, "job-1", "job-2")
        for stream in server.streams:
            stream.perform(Drip(30, 1.5 if stream.query.namespace == "web" else 0.2))
        server.publish(job(3, "web"), job(4))
        await until_keys(reader, "job-4")
        assert "job-3" not in keys(reader)
        warned = warnings_of(reader, Concern.LINE)
        assert warned and all(each.what for each in warned), "one of them still waits"
        assert "In namespace web: " in warned[-1].what
        await until_keys(reader, "job-3")
        await reader.until(lambda: warnings_of(reader, Concern.LINE)[-1].what == "")


async def test_the_others_continue_when_a_namespace_is_no_longer_readable() -> None:
    lines = [job(1, "web"), job(2), node(3)]
    async with following(lines, allowing(READS_TWO), flags=FLAGS) as (server, reader):
        await until_keys(reader, "node-3")
        server.put_token(FIRST_TOKEN, Token(namespaces={"web": JOBS}, node_read=True))
        server.publish(job(4, "web"), job(5), node(6))
        await until_keys(reader, "job-4", "node-6")
        await reader.until(lambda: [each.query.namespace for each in server.streams] == ["web"])
        await reader.until(lambda: reader.source.scope(None) == "namespace web")
        server.publish(job(7, "web"))
        await until_keys(reader, "job-7")
    assert [each for each in keys(reader) if each != "job-5"] == [
        "job-1",
        "job-2",
        "node-3",
        "job-4",
        "node-6",
        "job-7",
    ]
    assert reader.all(Gap) == []


async def test_with_permission_for_all_namespaces_it_is_one_stream_again() -> None:
    lines = [job(1, "secret"), job(2, "web"), job(3), node(4), job(5, "secret"), job(6, "web")]
    async with following(lines, allowing(READS_TWO), flags=FLAGS) as (server, reader):
        await until_keys(reader, "job-6")
        server.put_token(FIRST_TOKEN, MANAGEMENT)
        server.inject(End())
        await until_keys(reader, "job-1", "job-5")
        server.publish(job(7), job(8, "web"), job(9, "secret"), node(10))
        await until_keys(reader, "job-7", "job-8", "job-9", "node-10")
        assert [each.query.namespace for each in server.streams] == ["*"]
        assert reader.source.scope(None) == "all namespaces"
    assert sorted(keys(reader)) == sorted(
        ["node-4", "node-10", *(f"job-{index}" for index in (1, 2, 3, 5, 6, 7, 8, 9))]
    )
    assert reader.all(Gap) == []
    assert warnings_of(reader, Concern.PERMISSION)[-1].what == ""
    assert reader.all(Permitted)[-1].permissions.everything


async def test_a_permission_revoked_and_restored_repeats_nothing() -> None:
    lines = [job(1, "secret"), job(2, "web"), job(3), node(4)]
    async with following(lines, allowing(MANAGEMENT, namespaces=THREE), flags=FLAGS) as (server, reader):
        await until_keys(reader, "node-4")
        server.put_token(FIRST_TOKEN, READS_TWO)
        await reader.until(lambda: len(reader.all(Connected)) == 2)
        server.publish(job(5, "secret"), job(6, "web"), job(7))
        await until_keys(reader, "job-6", "job-7")
        server.put_token(FIRST_TOKEN, MANAGEMENT)
        server.inject(End())
        await until_keys(reader, "job-5")
        server.publish(job(8, "secret"), node(9))
        await until_keys(reader, "job-8", "node-9")
    assert sorted(keys(reader)) == sorted(["node-4", "node-9", *(f"job-{index}" for index in (1, 2, 3, 5, 6, 7, 8))])
    assert reader.all(Gap) == []


async def test_each_gap_is_reported_for_its_namespace() -> None:
    lines = [job(1, "web"), job(2)]
    options = allowing(READS_TWO, buffer_size=4)
    async with following(lines, options, flags=FLAGS) as (server, reader):
        await until_keys(reader, "job-2")
        await server.restart([job(index, "web" if index % 2 else "default") for index in range(20, 24)])
        await until_keys(reader, "job-20", "job-23")
    assert sorted(gap.namespaces for gap in reader.all(Gap)) == [("default",), ("web",)]
    for gap in reader.all(Gap):
        assert gap.reason is GapReason.BUFFER and gap.before in (20, 21)
    assert keys(reader) == ["job-1", "job-2", "job-20", "job-21", "job-22", "job-23"]
    at = [reader.updates.index(gap) for gap in reader.all(Gap)]
    assert reader.updates.index(reader.all(Frame)[1]) < min(at), "a gap comes after what was seen before it"


async def test_a_single_readable_namespace_is_read() -> None:
    token = Token(namespaces={"web": JOBS})
    async with following([job(1), job(2, "web")], allowing(token), flags=FLAGS) as (server, reader):
        await until_keys(reader, "job-2")
        assert [each.query.namespace for each in server.streams] == ["web"]
        assert reader.source.scope(None) == "namespace web"
        server.publish(job(3), job(4, "web"))
        await until_keys(reader, "job-4")
    assert keys(reader) == ["job-2", "job-4"]
    assert len(reader.all(Connected)) == 1


# Namespaces created later


async def until_watched(server: StandIn) -> None:
    """Wait until the server is asked whether there are new namespaces."""
    await server.until(lambda: any(each.path == "/v1/namespaces" and each.first("index") for each in server.requests))


async def test_a_namespace_created_later_is_read_from_its_first_event() -> None:
    options = Options(lead=ALL_FRAMES, namespaces=())
    async with following([job(1), node(2), job(3)], options) as (server, reader):
        await until_keys(reader, "job-3")
        await until_watched(server)
        server.publish(job(4, "later"), job(5))
        server.publish(job(6, "later"))
        await until_keys(reader, "job-5")
        await until_keys(reader, "job-4", "job-6")
        server.publish(job(7, "later"), job(8))
        await until_keys(reader, "job-7", "job-8")
    assert sorted(keys(reader)) == sorted(["node-2", *(f"job-{index}" for index in (1, 3, 4, 5, 6, 7, 8))])
    assert reader.all(Gap) == []
    assert reader.all(Refused) == [] and len(asked(server)) == 2


async def test_a_namespace_created_manually_is_subscribed_to_before_its_first_event() -> None:
    async with following([job(1)], Options(lead=ALL_FRAMES, namespaces=())) as (server, reader):
        await until_keys(reader, "job-1")
        await until_watched(server)
        server.make_namespace("later")
        await reader.until(lambda: len(reader.all(Connected)) == 2)
        server.publish(job(2, "later"), job(3))
        await until_keys(reader, "job-2", "job-3")
    assert keys(reader) == ["job-1", "job-2", "job-3"]
    assert reader.all(Gap) == []


async def test_a_gap_in_a_namespace_created_later_is_reported() -> None:
    options = Options(lead=ALL_FRAMES, namespaces=(), buffer_size=3)
    async with following([job(1), job(2)], options) as (server, reader):
        await until_keys(reader, "job-2")
        await until_watched(server)
        server.publish(job(3, "later"), *(job(index, "later") for index in range(4, 8)))
        await until_keys(reader, "job-7")
    [gap] = [each for each in reader.all(Gap) if each.reason is GapReason.NAMESPACE]
    assert gap.namespaces == ("later",) and gap.before == 5
    assert keys(reader) == ["job-1", "job-2", "job-5", "job-6", "job-7"]


async def test_a_namespace_granted_later_joins_the_others() -> None:
    lines = [job(1, "web"), job(2), job(3, "secret")]
    async with following(lines, allowing(READS_TWO), flags=FLAGS) as (server, reader):
        await until_keys(reader, "job-2")
        token = Token(namespaces={**READS_TWO.namespaces, "secret": JOBS, "other": frozenset({"list-jobs"})})
        server.make_namespace("other")
        server.put_token(FIRST_TOKEN, token)
        server.inject(End())
        await until_keys(reader, "job-3")
        server.publish(job(4, "secret"), job(5, "web"), job(6))
        await until_keys(reader, "job-4", "job-5", "job-6")
        assert sorted(each.query.namespace for each in server.streams) == ["default", "secret", "web"]
    assert sorted(keys(reader)) == [f"job-{index}" for index in range(1, 7)]
    assert reader.all(Gap) == []


async def test_a_missing_namespace_causes_a_warning_until_it_is_created() -> None:
    options = Options(lead=ALL_FRAMES, namespaces=("web",), heartbeat=0.1)
    async with following([job(1)], options, flags={"namespace": "missing"}) as (server, reader):
        await reader.until(lambda: bool(warnings_of(reader, Concern.NAMESPACE)))
        [warned] = warnings_of(reader, Concern.NAMESPACE)
        assert "missing" in warned.what and "default and web" in warned.what + warned.remedy
        server.make_namespace("missing")
        await reader.until(lambda: len(warnings_of(reader, Concern.NAMESPACE)) == 2)
        assert warnings_of(reader, Concern.NAMESPACE)[-1].what == ""
        server.publish(job(2, "missing"))
        await until_keys(reader, "job-2")
    assert keys(reader) == ["job-2"]
    assert reader.all(Gap) == []


async def test_a_namespace_created_while_single_ones_are_read_is_read_too() -> None:
    token = Token(namespaces={**READS_TWO.namespaces, "later": JOBS}, node_read=True)
    async with following([job(1, "web"), job(2)], allowing(token), flags=FLAGS) as (server, reader):
        await until_keys(reader, "job-1", "job-2")
        await until_watched(server)
        server.publish(job(3, "later"), job(4, "web"))
        await until_keys(reader, "job-3", "job-4")
        server.publish(job(5, "later"), job(6))
        await until_keys(reader, "job-5", "job-6")
        assert sorted(each.query.namespace for each in server.streams) == ["default", "later", "web"]
    assert sorted(keys(reader)) == [f"job-{index}" for index in range(1, 7)]
    assert reader.all(Gap) == []


async def test_only_new_events_are_shown_when_the_streams_change() -> None:
    settings = Settings(start=Start(live=True), shortest_delay=SOON, first_window=0.5, namespaces_again=0.1)
    async with asyncio.timeout(SECONDS), StandIn([job(1, "web"), job(2)], allowing(READS_TWO)) as server:
        connection = Connection.from_environment({"address": server.address, **FLAGS}, environ={})
        source = live.LiveServer(connection, settings=settings)
        async with aclosing(source.updates()) as stream:
            reader = Reader(source, stream)
            await reader.until_kind(Connected)
            server.publish(job(3), job(4, "web"))
            await until_keys(reader, "job-3", "job-4")
            server.put_token(FIRST_TOKEN, MANAGEMENT)
            server.inject(End())
            server.publish(job(5), job(6, "web"))
            await until_keys(reader, "job-5", "job-6")
            await reader.until(lambda: [each.query.namespace for each in server.streams] == ["*"])
            server.publish(job(7), job(8, "web"))
            await until_keys(reader, "job-7", "job-8")
    assert sorted(keys(reader)) == [f"job-{index}" for index in range(3, 9)]
    assert reader.all(Gap) == []


async def test_single_namespaces_of_a_rebuilt_server_become_one_stream_of_it() -> None:
    lines = [job(50, "web"), job(51), job(52, "web")]
    async with following(lines, allowing(READS_TWO), flags=FLAGS) as (server, reader):
        await until_keys(reader, "job-52")
        await server.restart([job(1, "web"), job(2), job(3, "web")])
        await until_keys(reader, "job-1", "job-3")
        server.publish(job(4))
        await until_keys(reader, "job-2", "job-4")
        server.put_token(FIRST_TOKEN, MANAGEMENT)
        server.inject(End())
        await reader.until(lambda: [each.query.namespace for each in server.streams] == ["*"])
        server.publish(job(5), job(6, "web"))
        await until_keys(reader, "job-5", "job-6")
    assert sorted(keys(reader)) == sorted(f"job-{index}" for index in (50, 51, 52, 1, 2, 3, 4, 5, 6))
    assert {gap.reason for gap in reader.all(Gap)} == {GapReason.REBUILT}


async def test_no_frame_in_flight_is_lost_when_the_streams_change() -> None:
    """The streams are closed while some frames wait for those of other streams."""
    lines = [job(1, "web"), job(2)]
    async with following(lines, allowing(READS_TWO, buffer_size=500), flags=FLAGS) as (server, reader):
        await until_keys(reader, "job-1", "job-2")
        at = 3
        for token in (MANAGEMENT, READS_TWO, MANAGEMENT, READS_TWO):
            connected = len(reader.all(Connected))
            server.put_token(FIRST_TOKEN, token)
            server.publish(*(job(index, "web" if index % 3 else "default") for index in range(at, at + 20)))
            server.inject(End())
            server.publish(*(job(index, "web" if index % 3 else "default") for index in range(at + 20, at + 40)))
            at += 40
            await until_keys(reader, f"job-{at - 1}")
            await reader.until(lambda before=connected: len(reader.all(Connected)) > before)  # type: ignore[misc]
        server.publish(job(at), job(at + 1, "web"))
        await until_keys(reader, f"job-{at}", f"job-{at + 1}")
    assert sorted(keys(reader)) == sorted(f"job-{index}" for index in range(1, at + 2))
    assert reader.all(Gap) == []


# Merging several streams


def seen(line: bytes) -> Frame:
    decoded = decode(line)
    assert isinstance(decoded, Frame)
    return decoded


def has_read(*lines: bytes) -> Continuity:
    continuity = Continuity()
    for line in lines:
        continuity.join(seen(line))
    return continuity


def test_a_namespace_that_appears_while_a_connection_catches_up_is_read_by_the_next() -> None:
    continuity = has_read(job(3))
    continuity.resumption()
    continuity.reconnected()
    continuity.appeared("later", 3)
    continuity.join(seen(job(3)))
    continuity.join(seen(job(5)))
    assert continuity.resumption().index == 3
    continuity.reconnected()
    joined = [continuity.join(seen(line)) for line in (job(3), job(4, "later"), job(5))]
    assert [each.frame.index for each in joined if each.frame is not None] == [4]
    assert [each.gap or each.unread for each in joined] == [None, None, None]


def test_a_stream_lost_during_a_takeover_has_its_own_gap() -> None:
    jobs = frozenset({"Job"})
    parts = [
        (has_read(job(10), job(60)), ReadProgress("default", jobs, 60)),
        (has_read(job(5, "web")), ReadProgress("web", jobs, 5, lost=True)),
    ]
    whole = Continuity().joined_with(parts)
    assert whole.resumption().index == 0
    whole.reconnected()
    joined = [whole.join(seen(line)) for line in (job(40, "web"), job(50, "secret"), job(60), job(61))]
    assert [each.frame.index for each in joined if each.frame is not None] == [40, 50, 61]
    [gap] = [gap for each in joined for gap in (each.gap, each.unread) if gap is not None]
    assert (gap.reason, gap.after, gap.before, gap.namespaces) == (GapReason.BUFFER, 5, 40, ("web",))


@given(
    shares=st.lists(st.lists(st.integers(1, 60), max_size=12), min_size=1, max_size=4),
    stopped_after=st.integers(0, 30),
)
@examples(max_examples=10)
def test_merged_streams_keep_their_order_and_lose_nothing(shares: list[list[int]], stopped_after: int) -> None:
    async def run() -> None:
        lines = [
            frame(index, event("Job", f"{number}-{index}", Namespace=f"space-{number}"))
            for index, number in sorted((index, number) for number, share in enumerate(shares) for index in set(share))
        ]
        async with asyncio.timeout(SECONDS), StandIn(lines, Options(lead=ALL_FRAMES)) as server:
            settings = Settings(window=0.3, first_window=0.5)
            readers = []
            for number in range(len(shares)):
                flags = {"address": server.address, "namespace": f"space-{number}"}
                connection = Connection.from_environment(flags, environ={})
                readers.append(OneReader(connection, Subscription(), settings))
            stop = asyncio.Event()
            got: list[tuple[int, int]] = []
            async with aclosing(ordered(readers, stop, settings)) as updates:
                async for reader, update in updates:
                    if isinstance(update, Frame):
                        got.append((update.index, readers.index(reader)))
                    if len(got) >= min(stopped_after, len(lines)) and all(each.connected for each in readers):
                        stop.set()
            for number, reader in enumerate(readers):
                mine = [index for index, each in got if each == number]
                assert mine == sorted(mine)
                # Everything that the reader counts as seen was passed on.
                assert mine == [index for index in sorted(set(shares[number])) if index <= reader.last_index]
            indexes = [index for index, _ in got]
            assert indexes == sorted(indexes) and len(got) >= min(stopped_after, len(lines))

    asyncio.run(run())
