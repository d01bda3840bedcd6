"""A live stream is resumed after every way it can end: nothing is lost, repeated or unreported."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_tui.config.connection import Connection
from nomad_tui.config.precedence import Flags
from nomad_tui.core.backoff import LONGEST_DELAY, SHORTEST_DELAY, delays
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Connected, Connecting, Gap, GapReason, Noted, Refused, Retrying, Update, Warned
from nomad_tui.core.wire import Frame, Heartbeat, Unreadable, event_lines
from nomad_tui.sources.live import LiveServer
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
    Request,
    Reset,
    Scheduled,
    Silence,
    StandIn,
    Token,
)
from nomad_tui.stream.settings import Settings
from nomad_tui.stream.start import Start
from tests import recordings

SECONDS = 60
"""Seconds after which a test counts as hung."""

SOON = 0.01
"""Seconds before the first attempt to reconnect."""

FIRST_TOKEN = "00000000-0000-4000-8000-00000000000a"
SECOND_TOKEN = "00000000-0000-4000-8000-00000000000b"

Kind = TypeVar("Kind")


def event(topic: str, key: str, **fields: Any) -> dict[str, Any]:
    return {"Topic": topic, "Type": "PlanResult", "Key": key, "Namespace": "default", "Payload": {}, **fields}


def frame(index: int, *events: dict[str, Any]) -> bytes:
    held = events or (event("Job", f"job-{index}"),)
    return json.dumps({"Index": index, "Events": held}, separators=(",", ":")).encode()


def frames(indexes: Iterable[int]) -> list[bytes]:
    return [frame(index) for index in indexes]


class Reader:
    """Reads a source and keeps all updates."""

    def __init__(self, source: LiveServer, stream: AsyncIterator[Update]) -> None:
        self.source = source
        self.updates: list[Update] = []
        self._stream = stream

    async def next(self) -> Update:
        update = await anext(self._stream)
        self.updates.append(update)
        return update

    async def until(self, fact: Callable[[], bool]) -> None:
        """Read until a condition is true."""
        while not fact():
            await self.next()

    async def until_kind(self, kind: type[Kind]) -> Kind:
        """Read up to the next update of a kind."""
        while True:
            update = await self.next()
            if isinstance(update, kind):
                return update

    async def until_index(self, index: int) -> None:
        await self.until(lambda: index in self.indexes)

    async def until_tried_again(self) -> None:
        """Read up to the next attempt, skipping its delay."""
        asyncio.get_running_loop().call_soon(self.source.retry_now)
        await self.until_kind(Connecting)

    def all(self, kind: type[Kind]) -> list[Kind]:
        return [update for update in self.updates if isinstance(update, kind)]

    @property
    def indexes(self) -> list[int]:
        return [update.index for update in self.all(Frame)]

    @property
    def events(self) -> list[bytes]:
        """Return every event received, byte for byte, in order."""
        return [text for update in self.all(Frame) for text in event_lines(update.line)]


QUICK: Final = {"silence": SECONDS, "max_line": 10_000_000, "shortest_delay": SOON, "replay_patience": SOON}
"""Settings of the engine for these tests."""


@asynccontextmanager
async def reading(
    server: StandIn,
    *topics: str,
    index: int = 0,
    flags: Flags | None = None,
    **settings: Any,
) -> AsyncIterator[Reader]:
    connection = Connection.from_environment({"address": server.address, **(flags or {})}, environ={})
    source = LiveServer(
        connection,
        Subscription.parse(topics),
        Settings(start=Start(index), **QUICK | settings),
    )
    async with aclosing(source.updates()) as stream:
        yield Reader(source, stream)


@asynccontextmanager
async def following(
    lines: Iterable[bytes] = (),
    options: Options | None = None,
    *topics: str,
    index: int = 0,
    flags: Flags | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[StandIn, Reader]]:
    """Open a server and one reader of it."""
    async with (
        asyncio.timeout(SECONDS),
        StandIn(lines, options) as server,
        reading(server, *topics, index=index, flags=flags, **settings) as reader,
    ):
        yield server, reader


def asked(server: StandIn) -> list[Request]:
    """Return the requests for the stream."""
    return [request for request in server.requests if request.path == "/v1/event/stream"]


def recorded(name: str, first: int = 0, last: int | None = None) -> list[bytes]:
    """Return the lines of a recording that are frames."""
    return [line for line in recordings.lines(name) if line.startswith(b'{"') or b'"Events"' in line][first:last]


def events_of(lines: Iterable[bytes]) -> list[bytes]:
    return [text for line in lines for text in event_lines(line)]


# Requests


async def test_a_request_has_the_start_and_the_topics() -> None:
    options = Options(other_regions=("europe",), lead=ALL_FRAMES)
    async with following(frames(range(1, 9)), options, "job", "Alloc:web", index=5, flags={"region": "europe"}) as (
        server,
        reader,
    ):
        await reader.until_index(8)
        assert asked(server)[0].query == (
            ("index", "5"),
            ("topic", "Allocation:web"),
            ("topic", "Job:*"),
            ("namespace", "*"),
            ("region", "europe"),
        )
        assert reader.indexes == [5, 6, 7, 8]


async def test_a_request_for_everything_is_for_all_namespaces_unless_one_is_given() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        for flags in ({}, {"namespace": "payments"}):
            async with reading(server, flags=flags) as reader:
                await reader.until_kind(Connected)
        everything, named = asked(server)
        assert everything.query == (("index", "0"), ("topic", "*:*"), ("namespace", "*"))
        assert named.query == (("index", "0"), ("topic", "*:*"), ("namespace", "payments"))


async def test_a_beta_server_is_asked_in_its_own_dialect() -> None:
    options = Options(version="1.0.0-beta3", lead=ALL_FRAMES)
    beta = frame(3, event("Alloc", "a1"), event("Eval", "e1"))
    async with following([beta], options, "Allocation") as (server, reader):
        await reader.until_index(3)
        assert asked(server)[0].all("topic") == ["Alloc:*"]
        assert [json.loads(text)["Key"] for text in reader.events] == ["a1"]


async def test_the_token_file_is_read_again_at_each_connect(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{FIRST_TOKEN}\n")
    options = Options(tokens=dict.fromkeys((FIRST_TOKEN, SECOND_TOKEN), MANAGEMENT))
    async with following(options=options, flags={"token_file": str(file)}) as (server, reader):
        await reader.until_kind(Connected)
        file.write_text(f"{SECOND_TOKEN}\n")
        server.revoke(FIRST_TOKEN)
        await reader.until_kind(Retrying)
        await reader.until_kind(Connected)
        assert [request.secret for request in asked(server)] == [FIRST_TOKEN, SECOND_TOKEN]


async def test_a_missing_token_file_is_reported_and_retried(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(FIRST_TOKEN)
    async with following(options=Options(tokens={FIRST_TOKEN: MANAGEMENT}), flags={"token_file": str(file)}) as (
        server,
        reader,
    ):
        await reader.until_kind(Connected)
        file.unlink()
        server.inject(End())
        await reader.until(lambda: any("--token-file" in each.what for each in reader.all(Retrying)))
        assert str(file) in reader.all(Retrying)[-1].what
        file.write_text(FIRST_TOKEN)
        await reader.until_tried_again()
        await reader.until_kind(Connected)


async def test_the_server_is_identified_if_the_token_allows_it() -> None:
    secrets = {FIRST_TOKEN: MANAGEMENT, SECOND_TOKEN: Token(namespaces={"default": frozenset({"read-job"})})}
    options = Options(version="1.9.4", region="europe", namespaces=(), tokens=secrets)
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        for secret, version, region in ((FIRST_TOKEN, "1.9.4", "europe"), (SECOND_TOKEN, None, None)):
            async with reading(server, "Job", flags={"token": secret}) as reader:
                connected = await reader.until_kind(Connected)
            assert (connected.to, connected.version, connected.region) == (server.address, version, region)


async def test_events_arrive_even_if_the_server_is_never_identified() -> None:
    hung_up: asyncio.Queue[str] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/v1/event/stream" in head:
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}\n" + frame(3) + b"\n")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        hung_up.put_nowait(head.split()[1].decode())

    async with asyncio.timeout(SECONDS), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        flags: dict[str, str | bool | Sequence[str] | None] = {
            "address": f"127.0.0.1:{port}",
            "allow_harmful_topics": True,
        }
        settings = Settings(identity_patience=0.05, release_patience=0.05)
        source = LiveServer(Connection.from_environment(flags, environ={}), settings=settings)
        async with aclosing(source.updates()) as updates:
            kinds = [type(await anext(updates)) for _ in range(5)]
            assert kinds == [Connecting, Connected, Warned, Heartbeat, Frame]
            assert (await hung_up.get()).startswith("/v1/agent/self")
            assert (await hung_up.get()).startswith("/v1/agent/members")
        assert (await hung_up.get()).startswith("/v1/event/stream")


# Resuming where the last connection ended

ENDINGS: list[Fault] = [End(), Cut(), Cut(fragment=b"{"), Cut(fragment=b'{"Index":7}'), Reset()]


@pytest.mark.parametrize("fault", ENDINGS, ids=repr)
async def test_every_event_arrives_once_however_often_the_stream_ends(fault: Fault) -> None:
    lines = recorded("tour")
    faults = tuple(Scheduled(fault=fault, after_frames=40 + 9 * stream, stream=stream) for stream in range(4))
    async with following(lines, Options(buffer_size=500, faults=faults)) as (_, reader):
        await reader.until(lambda: len(reader.events) >= 625)
    assert reader.events == events_of(lines)
    assert reader.all(Gap) == []
    assert [connected.reconnects for connected in reader.all(Connected)] == [0, 1, 2, 3, 4]
    assert [retrying.attempt for retrying in reader.all(Retrying)] == [1] * 4


@pytest.mark.parametrize("start", range(0, 300, 60))
async def test_a_stream_cut_anywhere_loses_no_frame_of_a_shared_index(start: int) -> None:
    """A third of the load recording's indexes have two frames, and some of those contain the same events."""
    lines = recorded("load", start, start + 60)
    body = sum(len(line) + 1 for line in lines)
    faults = tuple(
        Scheduled(fault=Cut(fragment=b""), after_bytes=body * part // 23, stream=stream)
        for stream, part in enumerate((1, 7, 5, 3, 2))
    )
    options = Options(from_start=True, faults=faults)
    async with following(lines, options) as (_, reader):
        await reader.until(lambda: len(reader.events) >= len(events_of(lines)))
    assert reader.events == events_of(lines)
    assert reader.all(Gap) == []
    assert len(reader.all(Connected)) > 3


async def test_a_restart_that_keeps_the_buffer_loses_and_repeats_nothing() -> None:
    lines = recorded("tour", 0, 90)
    options = Options(lead=ALL_FRAMES, buffer_size=200)
    async with following(lines[:60], options) as (server, reader):
        await reader.until(lambda: reader.events == events_of(lines[:60]))
        await server.restart()
        server.publish(*lines[60:])
        await reader.until(lambda: len(reader.events) >= len(events_of(lines)))
    assert reader.events == events_of(lines)
    assert reader.all(Gap) == []
    last = json.loads(lines[59])["Index"]
    first, *resumed = [request.first("index") for request in asked(server)]
    assert first == "0" and set(resumed) == {str(last)}


async def test_events_replayed_by_a_restarted_server_are_not_shown_again() -> None:
    """It replays its log since the last snapshot, so a reader ahead of it receives lower indexes that it has seen."""
    lines = frames(range(10, 40))
    async with following(lines, Options(lead=ALL_FRAMES)) as (server, reader):
        await reader.until_index(39)
        await server.restart(lines[:5])
        await reader.until_kind(Connected)
        server.publish(*lines[5:], frame(40))
        await reader.until_index(40)
    assert reader.indexes == [*range(10, 41)]
    assert reader.all(Gap) == []


async def test_a_buffer_that_has_moved_on_is_a_gap() -> None:
    async with following(frames(range(1, 21)), Options(lead=ALL_FRAMES)) as (server, reader):
        await reader.until_index(20)
        await server.restart(frames(range(25, 28)))
        await reader.until_index(27)
    [gap] = reader.all(Gap)
    assert (gap.reason, gap.after, gap.before) == (GapReason.BUFFER, 20, 25)
    assert reader.indexes == [*range(1, 21), 25, 26, 27]
    assert reader.updates.index(gap) < reader.updates.index(reader.all(Frame)[20])


async def test_an_emptied_buffer_is_a_gap_when_the_next_event_arrives() -> None:
    async with following(frames(range(1, 4)), Options(lead=ALL_FRAMES)) as (server, reader):
        await reader.until_index(3)
        await server.restart(keep=0)
        await reader.until_kind(Connected)
        await reader.until_kind(Heartbeat)
        assert reader.all(Gap) == []
        server.publish(frame(4), frame(5))
        await reader.until_index(5)
    [gap] = reader.all(Gap)
    assert (gap.after, gap.before) == (3, 4)
    assert "no longer held 3" in gap.sentence
    assert reader.indexes == [1, 2, 3, 4, 5]


async def test_a_gap_shows_how_long_the_stream_was_lost() -> None:
    now = 1000.0
    async with following(frames([3]), Options(lead=1), clock=lambda: now) as (server, reader):
        await reader.until_index(3)
        async with server.down():
            await reader.until_kind(Retrying)
            now += 41
        await server.restart(keep=0)
        await reader.until_kind(Heartbeat)
        now += 600
        server.publish(frame(9))
        await reader.until_kind(Frame)
    assert [gap.away for gap in reader.all(Gap)] == [41]
    assert "reconnected after 41 s" in reader.all(Gap)[0].sentence


async def test_a_server_with_lower_indexes_is_read_from_its_first_event() -> None:
    async with following(frames(range(50, 60)), Options(lead=ALL_FRAMES), index=55) as (server, reader):
        await reader.until_index(59)
        async with server.down():
            while len(reader.all(Retrying)) < 5:
                await reader.next()
        await server.restart([frame(index, event("Job", "rebuilt")) for index in range(3, 7)])
        await reader.until_index(6)
        server.publish(frame(7))
        await reader.until_index(7)
        server.inject(End())
        await reader.until_kind(Connected)
        server.publish(frame(8))
        await reader.until_index(8)
    [gap] = reader.all(Gap)
    assert (gap.reason, gap.after) == (GapReason.REBUILT, 59)
    assert reader.indexes == [*range(55, 60), 3, 4, 5, 6, 7, 8]
    [again] = [each for each in reader.all(Retrying) if "another history" in each.what]
    assert again.delay == SOON, "what it holds is read at once, however long it was waited for"
    assert reader.updates.index(gap) < reader.updates.index(reader.all(Frame)[5])


async def test_an_index_that_goes_back_within_a_stream_is_reported_and_the_stream_continues() -> None:
    async with following(frames([10, 11]), Options(lead=ALL_FRAMES)) as (server, reader):
        await reader.until_index(11)
        server.inject(End())
        await reader.until_kind(Connected)
        server.publish(frame(12), frame(3), frame(4))
        await reader.until_index(4)
    assert reader.indexes == [10, 11, 12, 3, 4]
    [gap] = reader.all(Gap)
    assert (gap.reason, gap.after, gap.before) == (GapReason.REBUILT, 12, 3)
    assert len(reader.all(Retrying)) == 1


async def test_events_outside_the_subscription_are_not_a_gap() -> None:
    """Two jobs are subscribed to, so the server sends their topic; frames of it prove that nothing was missed."""
    lines = [frame(1, event("Job", "web")), *frames(range(2, 200))]
    async with following(lines, Options(lead=ALL_FRAMES, buffer_size=300), "Job:web", "Job:db") as (server, reader):
        await reader.until_index(199)
        await server.restart(keep=5)
        server.publish(frame(200, event("Job", "other"), event("Job", "db")))
        await reader.until_index(200)
    assert reader.all(Gap) == []
    keys = [each.key for update in reader.all(Frame) for each in update.events]
    assert keys == ["web", "db"]
    assert [json.loads(text)["Key"] for text in events_of([reader.all(Frame)[-1].line])] == ["db"]


async def test_a_server_that_is_down_for_a_while_is_retried() -> None:
    async with following(frames([1, 2]), Options(lead=ALL_FRAMES)) as (server, reader):
        await reader.until_index(2)
        async with server.down():
            while len(reader.all(Retrying)) < 4:
                await reader.next()
        server.publish(frame(3))
        await reader.until_index(3)
    assert reader.indexes == [1, 2, 3]
    assert [retrying.attempt for retrying in reader.all(Retrying)] == [1, 2, 3, 4]
    ended, *unreachable = reader.all(Retrying)
    assert "ended the stream" in ended.what
    assert all("connection refused" in retrying.what for retrying in unreachable)
    assert [connected.reconnects for connected in reader.all(Connected)] == [0, 1]


async def test_events_that_arrive_in_fragments_are_assembled() -> None:
    options = Options(lead=ALL_FRAMES, faults=(Scheduled(fault=Drip(size=1, seconds=0), after_bytes=0),))
    async with following(frames(range(1, 6)), options) as (_, reader):
        await reader.until_index(5)
    assert reader.indexes == [1, 2, 3, 4, 5]
    assert reader.all(Retrying) == []


async def test_a_silent_server_is_disconnected_and_reconnected() -> None:
    options = Options(lead=ALL_FRAMES, faults=(Scheduled(fault=Silence(), after_frames=2),))
    async with following(frames(range(1, 5)), options, silence=0.2) as (_, reader):
        await reader.until_index(4)
    assert reader.indexes == [1, 2, 3, 4]
    [retrying] = reader.all(Retrying)
    assert "went silent" in retrying.what


async def test_heartbeats_keep_a_quiet_stream_alive() -> None:
    async with following(options=Options(heartbeat=0.1), silence=1.0) as (_, reader):
        for _ in range(15):
            await reader.until_kind(Heartbeat)
    assert reader.all(Retrying) == []


# Responses of other kinds


@pytest.mark.parametrize("release", list(Release))
async def test_a_refusal_is_reported_and_retried_rarely(release: Release) -> None:
    options = Options(release=release, tokens={FIRST_TOKEN: MANAGEMENT})
    async with following(options=options) as (_, reader):
        first = await reader.until_kind(Refused)
        await reader.until_tried_again()
        second = await reader.until_kind(Refused)
        await reader.until_tried_again()
        third = await reader.until_kind(Refused)
    assert "without a token (anonymous) may read none of these topics" in first.what
    assert "NOMAD_TOKEN" in first.remedy
    assert [refused.attempt for refused in (first, second, third)] == [1, 2, 3]
    assert 5 <= first.delay <= second.delay <= third.delay <= 30
    assert reader.all(Connected) == [] and reader.all(Retrying) == []


@pytest.mark.parametrize("release", list(Release))
async def test_an_unknown_region_is_reported(release: Release) -> None:
    async with following(options=Options(release=release), flags={"region": "atlantis"}) as (_, reader):
        refused = await reader.until_kind(Refused)
    assert "region atlantis" in refused.what and "NOMAD_REGION" in refused.remedy


async def test_a_token_that_loses_its_permissions_is_refused_until_they_are_restored() -> None:
    options = Options(tokens={FIRST_TOKEN: MANAGEMENT}, namespaces=())
    async with following(frames([1]), options, flags={"token": FIRST_TOKEN}) as (server, reader):
        await reader.until_index(1)
        server.put_token(FIRST_TOKEN, Token())
        refused = await reader.until_kind(Refused)
        server.put_token(FIRST_TOKEN, MANAGEMENT)
        await reader.until_tried_again()
        server.publish(frame(2))
        await reader.until_index(2)
    assert "may read none of these topics" in refused.what
    assert reader.indexes == [1, 2]


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (
            lambda server: server.revoke(FIRST_TOKEN),
            "the token has expired or was deleted, it said 'ACL token expired'",
        ),
        (lambda server: server.put_token(FIRST_TOKEN, Token()), "it said 'subscription closed by server"),
    ],
)
async def test_the_last_message_of_an_old_server_is_explained(end: Callable[[StandIn], None], words: str) -> None:
    options = Options(release=Release.OLD, tokens={FIRST_TOKEN: MANAGEMENT})
    async with following(frames([1]), options, flags={"token": FIRST_TOKEN}) as (server, reader):
        await reader.until_index(1)
        end(server)
        retrying = await reader.until_kind(Retrying)
    assert words in retrying.what
    assert reader.all(Unreadable) == []


async def test_a_line_that_is_not_a_frame_is_reported_and_the_stream_continues() -> None:
    faults = (Scheduled(fault=Garbage(b"<html>\x1b[2J"), after_frames=2), Scheduled(fault=End(), after_frames=4))
    async with following(frames(range(1, 7)), Options(faults=faults)) as (_, reader):
        await reader.until_index(6)
    assert reader.indexes == [1, 2, 3, 4, 5, 6]
    assert [unreadable.excerpt for unreadable in reader.all(Unreadable)] == [b"<html>\x1b[2J"]
    [retrying] = reader.all(Retrying)
    assert "without a reason" in retrying.what, "the line came long before the end"


async def test_a_line_that_is_too_long_is_skipped_and_the_stream_continues() -> None:
    options = Options(faults=(Scheduled(fault=LongLine(500_000), after_frames=2),))
    async with following(frames(range(1, 5)), options, max_line=10_000) as (_, reader):
        await reader.until_index(4)
    assert reader.indexes == [1, 2, 3, 4]
    [skipped] = reader.all(Unreadable)
    assert skipped.length == 500_000 and "--max-line" in skipped.reason


async def test_releases_with_a_broken_status_line_are_read_and_reported() -> None:
    async with following(frames([1]), Options(protocol="HTTP/0.0", lead=1)) as (_, reader):
        await reader.until_index(1)
    [noted] = reader.all(Noted)
    assert all(release in noted.text for release in ("1.11.2", "1.10.8", "1.8.20", "nomad#27582"))


async def test_reset_connections_are_retried() -> None:
    async with following(frames([1]), Options(lead=1)) as (server, reader):
        server.refuse(9)
        await reader.until_index(1)
    assert reader.all(Retrying) != []
    assert reader.indexes == [1]


# Delays


@given(shortest=st.floats(0.01, 10), longest=st.floats(10, 100), seed=st.random_module())
def test_delays_grow_within_their_bounds(shortest: float, longest: float, seed: object) -> None:
    waited = list(islice(delays(shortest, longest), 20))
    assert all(shortest <= delay <= longest for delay in waited)
    assert all(later >= earlier / 1.001 for earlier, later in pairwise(waited) if later < longest / 2)
    assert all(delay >= longest / 2 for delay in waited[15:])


def test_readers_do_not_reconnect_at_the_same_time() -> None:
    eighth = {next(islice(delays(), 8, None)) for _ in range(50)}
    assert len(eighth) > 40
    assert next(delays()) == SHORTEST_DELAY and max(eighth) <= LONGEST_DELAY == 30


async def test_a_server_that_ends_every_stream_at_once_is_retried_less_and_less_often() -> None:
    options = Options(from_start=True, at_end=AtEnd.EOF)
    async with following(frames([1]), options) as (_, reader):
        for _ in range(8):
            await reader.until_kind(Retrying)
            await reader.until_tried_again()
    waited = [retrying.delay for retrying in reader.all(Retrying)]
    assert waited == sorted(waited) and waited[-1] > 30 * waited[0]
    assert reader.indexes == [1]


async def test_a_good_connection_resets_the_backoff() -> None:
    async with following(settled=0.0) as (server, reader):
        async with server.down():
            for _ in range(6):
                await reader.until_kind(Retrying)
                await reader.until_tried_again()
        await reader.until_kind(Connected)
        await asyncio.sleep(0)
        server.inject(End())
        again = await reader.until_kind(Retrying)
    assert reader.all(Retrying)[-2].delay > 5 * SOON
    assert (again.delay, again.attempt) == (SOON, 1)


# Disconnecting


async def test_closing_the_updates_disconnects() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:
        async with reading(server) as reader:
            await reader.until_kind(Connected)
            assert server.subscribers == 1
        await server.until(lambda: server.subscribers == 0)


async def test_cancelling_a_reader_disconnects() -> None:
    async with asyncio.timeout(SECONDS), StandIn() as server:

        async def read() -> None:
            async with reading(server) as reader:
                await reader.until(lambda: False)

        task = asyncio.create_task(read())
        await server.subscribed()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        await server.until(lambda: server.subscribers == 0)


def test_the_name_of_what_is_watched() -> None:
    def scope(*topics: str, region: str | None = None, **flags: str) -> str:
        connection = Connection.from_environment(flags, environ={})
        return LiveServer(connection, Subscription.parse(topics)).scope(region)

    assert scope() == "all namespaces"
    assert scope(region="global") == "global · all namespaces"
    assert scope("Job:web", region="global", namespace="payments") == "global · namespace payments · Job:web"
    elsewhere = Connection.from_environment({"region": "asia"}, environ={})
    assert LiveServer(elsewhere).scope("global") == "asia · all namespaces"
