"""Topics are excluded during a stream and included again: nothing is lost, repeated or unreported."""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar, cast
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nomad_tui.config.connection import Connection
from nomad_tui.config.precedence import Flags
from nomad_tui.core.continuity import Continuity
from nomad_tui.core.history.coverage import MAX_FRAMES
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.topics import ALL
from nomad_tui.core.updates import Connected, Connecting, Gap, GapReason, Refused, Retrying, Update
from nomad_tui.core.wire import Event, Frame, decode, event_lines
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import ALL_FRAMES, MANAGEMENT, Cut, End, Fault, Options, Reset, StandIn, Token
from nomad_tui.standin.recording import Frame as Published
from nomad_tui.standin.subscription import Subscription as Selection
from nomad_tui.standin.subscription import parse_topics
from nomad_tui.stream.settings import Settings
from tests.core.test_continuity import RESENDS, Resend, same
from tests.memory import alive
from tests.randomized import times
from tests.recordings import frame_of
from tests.stream.test_live import SECONDS, SOON, asked, events_of, recorded

SETTLED = 0.02
"""Seconds after which ticks take effect in these tests."""

LARGE = 10_000
"""More frames than any of these streams has."""

EVERY_TOPIC = frozenset(KINDS)
TOKEN = "00000000-0000-4000-8000-00000000000a"

Kind = TypeVar("Kind")


def event(topic: str, key: str, payload: object = None) -> dict[str, Any]:
    return {"Topic": topic, "Type": "PlanResult", "Key": key, "Namespace": "default", "Payload": payload}


def line_of(index: int, *events: dict[str, Any]) -> bytes:
    return json.dumps({"Index": index, "Events": events}, separators=(",", ":")).encode()


# A live server


class Watching:
    """Reads a server and keeps all updates."""

    def __init__(self, source: LiveServer) -> None:
        self.source = source
        self.updates: list[Update] = []
        self._more = asyncio.Event()

    async def run(self) -> None:
        async with aclosing(self.source.updates()) as updates:
            async for update in updates:
                self.updates.append(update)
                self._more.set()

    async def until(self, fact: Callable[[], bool]) -> None:
        """Wait for a condition, checked with each update."""
        while not fact():
            self._more.clear()
            await self._more.wait()

    async def watch(self, *topics: str) -> None:
        """Subscribe to these topics, or to all, and wait until the server has accepted."""
        connections = len(self.all(Connected))
        self.source.watch(frozenset(topics) or None)
        await self.until(lambda: len(self.all(Connected)) > connections)

    async def until_key(self, key: str) -> None:
        await self.until(lambda: key in self.keys)

    def all(self, kind: type[Kind]) -> list[Kind]:
        return [update for update in self.updates if isinstance(update, kind)]

    @property
    def keys(self) -> list[str]:
        return [each.key for frame in self.all(Frame) for each in frame.events]

    @property
    def events(self) -> list[bytes]:
        """Return every event received, byte for byte, in order."""
        return [text for frame in self.all(Frame) if frame.events for text in event_lines(frame.line)]

    @property
    def trouble(self) -> list[Update]:
        """Return the updates that the header shows as a lost connection, and gaps."""
        return [*self.all(Connecting)[1:], *self.all(Retrying), *self.all(Refused), *self.all(Gap)]


@asynccontextmanager
async def watching(
    lines: Iterable[bytes] = (),
    options: Options | None = None,
    *topics: str,
    settle: float = SETTLED,
    silence: float = SECONDS,
    token: str | None = None,
    **settings: Any,
) -> AsyncIterator[tuple[StandIn, Watching]]:
    options = options or Options(lead=ALL_FRAMES, buffer_size=LARGE, namespaces=("payments",))
    async with asyncio.timeout(SECONDS), StandIn(lines, options) as server:
        given: Flags = {"address": server.address, "token": token}
        connection = Connection.from_environment(given, environ={})
        subscription = Subscription.parse(topics)
        source = LiveServer(
            connection,
            subscription,
            Settings(silence=silence, shortest_delay=SOON, selection_settle=settle, **settings),
        )
        watched = Watching(source)
        task = asyncio.create_task(watched.run())
        try:
            yield server, watched
        finally:
            task.cancel()
            await asyncio.wait({task})
        assert task.cancelled()


def topics_of(request: Any) -> list[str]:
    topics: list[str] = request.all("topic")
    return topics


async def test_excluding_and_including_topics_loses_no_event_and_raises_no_alarm() -> None:
    first = [line_of(1, event("Job", "a"), event("Node", "b")), line_of(2, event("Node", "c"))]
    async with watching(first) as (server, watched):
        await watched.until_key("c")
        await watched.watch("Node")
        server.publish(line_of(3, event("Job", "d")), line_of(4, event("Job", "e"), event("Node", "f")))
        await watched.until_key("f")
        assert watched.keys == ["a", "b", "c", "f"]
        await watched.watch()
        server.publish(line_of(5, event("Allocation", "g")))
        await watched.until_key("g")
        whole, narrower, whole_again = asked(server)
        assert watched.keys == ["a", "b", "c", "f", "d", "e", "g"]
        assert watched.trouble == []
        assert [connected.reconnects for connected in watched.all(Connected)] == [0, 0, 0]
        assert (whole.first("index"), topics_of(whole)) == ("0", ["*:*"])
        assert (narrower.first("index"), topics_of(narrower)) == ("2", ["Node:*"])
        assert (whole_again.first("index"), topics_of(whole_again)) == ("2", ["*:*"])


async def test_each_topic_resumes_where_it_was_excluded() -> None:
    async with watching([line_of(1, event("Job", "job-1"), event("Node", "node-1"))]) as (server, watched):
        await watched.until_key("node-1")

        async def publish_at(index: int, *expected: str) -> None:
            topics = ("Job", "Node", "Evaluation", "Allocation")
            server.publish(line_of(index, *(event(topic, f"{topic}-{index}".lower()) for topic in topics)))
            await watched.until(lambda: watched.keys[-len(expected) :] == list(expected))

        await watched.watch("Node", "Evaluation", "Allocation")
        await publish_at(2, "node-2", "evaluation-2", "allocation-2")
        await watched.watch("Evaluation", "Allocation")
        await publish_at(3, "evaluation-3", "allocation-3")
        await watched.watch("Allocation")
        await publish_at(4, "allocation-4")
        await watched.watch("Allocation", "Node")
        await watched.until(lambda: watched.keys[-2:] == ["node-3", "node-4"])
        await publish_at(5, "node-5", "allocation-5")
        await watched.watch("Allocation", "Job", "Node")
        await publish_at(6, "job-6", "node-6", "allocation-6")
        assert watched.keys[-7:-3] == ["job-2", "job-3", "job-4", "job-5"]
        await watched.watch()
        await watched.until_key("evaluation-6")
        assert sorted(watched.keys) == sorted(
            ["job-1", "node-1"]
            + [f"{topic}-{index}" for topic in ("job", "node", "evaluation", "allocation") for index in range(2, 7)]
        )
        assert [request.first("index") for request in asked(server)] == ["0", "1", "2", "3", "2", "1", "1"]
        assert watched.trouble == []


async def test_ticking_through_a_list_is_one_change() -> None:
    async with watching([line_of(1, event("Job", "a"))]) as (server, watched):
        await watched.until_key("a")
        for count in range(1, 10):
            watched.source.watch(frozenset(sorted(EVERY_TOPIC)[:count]))
            await asyncio.sleep(0)
        watched.source.watch(frozenset(("Job", "Node")))
        await watched.until(lambda: len(watched.all(Connected)) == 2)
        assert [topics_of(request) for request in asked(server)] == [["*:*"], ["Job:*", "Node:*"]]


async def test_a_tick_that_is_reverted_soon_is_no_change() -> None:
    async with watching([line_of(1, event("Job", "a"))], settle=0.1) as (server, watched):
        await watched.until_key("a")
        watched.source.watch(frozenset(("Node",)))
        await asyncio.sleep(0)
        watched.source.watch(None)
        await asyncio.sleep(0.2)
        server.publish(line_of(2, event("Job", "b")))
        await watched.until_key("b")
        assert len(asked(server)) == 1


async def test_with_nothing_ticked_the_connection_stays_as_it_is() -> None:
    async with watching([line_of(1, event("Job", "a"))], None, "Job", "Node") as (server, watched):
        await watched.until_key("a")
        watched.source.watch(frozenset())
        await asyncio.sleep(3 * SETTLED)
        watched.source.watch(frozenset(("Allocation",)))
        await asyncio.sleep(3 * SETTLED)
        server.publish(line_of(2, event("Job", "b")))
        await watched.until_key("b")
        server.inject(End())
        await watched.until(lambda: len(watched.all(Connected)) == 2)
        assert [topics_of(request) for request in asked(server)] == [["Job:*", "Node:*"]] * 2


async def test_nothing_is_excluded_before_there_is_an_index_to_resume_from() -> None:
    async with watching() as (server, watched):
        watched.source.watch(frozenset(("Node",)))
        await server.subscribed()
        await asyncio.sleep(3 * SETTLED)
        assert [topics_of(request) for request in asked(server)] == [["*:*"]]
        server.publish(line_of(7, event("Job", "a")))
        await watched.until(lambda: len(watched.all(Connected)) == 2)
        assert topics_of(asked(server)[-1]) == ["Job:a", "Node:*"]
        server.publish(line_of(8, event("Job", "a"), event("Job", "b")), line_of(9, event("Node", "c")))
        await watched.until_key("c")
        assert watched.keys == ["a", "c"]
        assert watched.trouble == []


async def test_a_session_started_with_fewer_topics_never_requests_more() -> None:
    lines = [line_of(1, event("Job", "web"), event("Job", "db"), event("Node", "n1"), event("Allocation", "x"))]
    async with watching(lines, None, "Job:web", "Node") as (server, watched):
        await watched.until_key("n1")
        await watched.watch("Job", "Allocation")
        server.publish(line_of(2, event("Node", "n2")), line_of(3, event("Job", "db"), event("Job", "web")))
        await watched.until(lambda: len(watched.keys) == 3)
        await watched.watch(*EVERY_TOPIC)
        await watched.until_key("n2")
        assert watched.keys == ["web", "n1", "web", "n2"]
        assert [topics_of(request) for request in asked(server)] == [
            ["Job:web", "Node:*"],
            ["Job:web"],
            ["Job:web", "Node:*"],
        ]
        assert watched.trouble == []


async def test_a_topic_that_a_request_cannot_contain_is_not_lost() -> None:
    async with watching([line_of(1, event("Job", "a"), event("Odd:topic", "b"))]) as (server, watched):
        await watched.until_key("b")
        watched.source.watch(frozenset(("Odd:topic", "Node")))
        await asyncio.sleep(3 * SETTLED)
        server.publish(line_of(2, event("Odd:topic", "c")))
        await watched.until_key("c")
        assert len(asked(server)) == 1


async def test_an_unknown_topic_is_included_with_all_others() -> None:
    async with watching([line_of(1, event("Job", "a"), event("Rocket", "b"))]) as (server, watched):
        await watched.until_key("b")
        await watched.watch("Node", "Rocket")
        server.publish(line_of(2, event("Novelty", "c")), line_of(3, event("Rocket", "d")))
        await watched.until_key("d")
        await watched.watch()
        await watched.until_key("c")
        assert watched.keys == ["a", "b", "d", "c"]


async def test_a_beta_server_is_asked_in_its_own_dialect() -> None:
    options = Options(version="1.0.0-beta3", lead=ALL_FRAMES, buffer_size=LARGE)
    lines = [line_of(1, event("Job", "a")), line_of(2, event("Alloc", "b"), event("Eval", "c"))]
    async with watching(lines, options) as (server, watched):
        await watched.until_key("c")
        await watched.watch("Node")
        assert topics_of(asked(server)[-1]) == ["Alloc:b", "Node:*", "NodeDrain:*"]
        server.publish(line_of(3, event("Alloc", "b", 2)), line_of(4, event("NodeDrain", "d")))
        await watched.until_key("d")
        await watched.watch("Allocation", "Node")
        await watched.until(lambda: watched.keys == ["a", "b", "c", "d", "b"])
        assert topics_of(asked(server)[-1]) == ["Alloc:*", "Node:*", "NodeDrain:*"]
        assert watched.trouble == []


@pytest.mark.parametrize("tokens", [None, {TOKEN: Token(namespaces={"default": frozenset({"read-job"})})}])
async def test_events_from_meanwhile_are_not_shown_as_live(tokens: dict[str, Token] | None) -> None:
    """Neither if the server reports its newest index nor if the token may not read it."""
    options = Options(lead=ALL_FRAMES, buffer_size=LARGE, tokens=tokens, namespaces=())
    async with watching([line_of(1, event("Job", "a"))], options, "Job", "Evaluation", token=TOKEN) as (
        server,
        watched,
    ):
        await watched.until_key("a")
        await watched.watch("Job")
        server.publish(line_of(2, event("Evaluation", "b")), line_of(3, event("Job", "c")))
        await watched.until_key("c")
        await watched.watch()
        await watched.until_key("b")
        assert not next(frame for frame in watched.all(Frame) if frame.index == 2).fresh
        if tokens is None:
            server.publish(line_of(4, event("Evaluation", "d")))
            await watched.until_key("d")
            assert watched.all(Frame)[-1].fresh


async def test_events_of_a_topic_that_the_server_no_longer_holds_are_a_gap() -> None:
    first = line_of(10, event("Job", "a"), event("Node", "b"))
    async with watching([first], Options(lead=ALL_FRAMES, buffer_size=4)) as (server, watched):
        await watched.until_key("b")
        await watched.watch("Node")
        for index in range(11, 31):
            server.publish(line_of(index, event("Job", f"job-{index}"), event("Node", f"node-{index}")))
            await watched.until_key(f"node-{index}")
        assert watched.trouble == []
        await watched.watch("Job", "Node")
        await watched.until_key("job-30")
        [gap] = watched.all(Gap)
        assert (gap.reason, gap.after, gap.before, gap.topics) == (GapReason.UNSUBSCRIBED, 10, 27, ("Job",))
        assert re.fullmatch(
            r"indexes 11–26 of Job may be missing: not subscribed to for \d+ m?s, "
            "and the server no longer holds all of them",
            gap.sentence,
        )
        assert watched.keys[-4:] == ["job-27", "job-28", "job-29", "job-30"]
        assert sorted(watched.keys[:-4]) == sorted(["a", "b", *(f"node-{index}" for index in range(11, 31))])
        at = watched.updates.index(gap)
        assert [update.index for update in watched.updates[at:] if isinstance(update, Frame)] == [27, 28, 29, 30]


async def test_a_restart_while_topics_are_excluded_changes_nothing() -> None:
    lines = recorded("tour", 0, 120)
    async with watching(lines[:50]) as (server, watched):
        await watched.until(lambda: len(watched.events) == len(events_of(lines[:50])))
        await watched.watch("Node", "Allocation")
        server.publish(*lines[50:80])
        await server.restart()
        await watched.until(lambda: len(watched.all(Connected)) == 3)
        assert {"Allocation:*", "Node:*"} < set(topics_of(asked(server)[-1]))
        server.publish(*lines[80:100])
        await watched.watch()
        await server.restart()
        server.publish(*lines[100:])
        await watched.until(lambda: len(watched.events) >= len(events_of(lines)))
        assert Counter(watched.events) == Counter(events_of(lines))
        assert watched.all(Gap) == []
        assert watched.all(Connected)[-1].reconnects == len(watched.all(Retrying)) == 2


async def test_a_rebuilt_server_is_read_from_its_first_event_although_topics_were_excluded() -> None:
    lines = [line_of(index, event("Job", f"job-{index}"), event("Node", f"node-{index}")) for index in range(50, 60)]
    rebuilt = [line_of(index, event("Job", f"new-job-{index}"), event("Node", f"new-{index}")) for index in (3, 4, 5)]
    async with watching(lines) as (server, watched):
        await watched.until_key("node-59")
        await watched.watch("Node")
        await server.restart(rebuilt)
        await watched.until_key("new-5")
        await watched.until(lambda: str(watched.source.watched) == "Node")
        server.publish(line_of(6, event("Job", "last-job"), event("Node", "last")))
        await watched.until_key("last")
        await watched.watch()
        await watched.until_key("last-job")
        [gap] = watched.all(Gap)
        assert gap.reason is GapReason.REBUILT
        assert Counter(watched.events[20:]) == Counter(
            events_of([*rebuilt, line_of(6, event("Job", "last-job"), event("Node", "last"))])
        )


async def test_topics_that_are_no_longer_granted_do_not_affect_the_others() -> None:
    job_reader = Token(namespaces={"default": frozenset({"read-job"})})
    options = Options(lead=ALL_FRAMES, buffer_size=LARGE, tokens={TOKEN: MANAGEMENT}, namespaces=())
    async with watching([line_of(1, event("Job", "a"))], options, token=TOKEN) as (server, watched):
        await watched.until_key("a")
        await watched.watch("Job")
        server.put_token(TOKEN, job_reader)
        server.publish(line_of(2, event("Node", "b")))
        await watched.watch("Job", "Node", "Allocation")
        assert watched.all(Connected)[-1].refused_topics == ("Allocation", "Node")
        assert str(watched.source.watched) == "Job"
        server.publish(line_of(3, event("Job", "c")))
        await watched.until_key("c")
        assert watched.trouble == []
        server.put_token(TOKEN, MANAGEMENT)
        server.inject(End())
        await watched.until_key("b")
        assert watched.all(Connected)[-1].refused_topics == ()
        assert watched.keys == ["a", "c", "b"]
        assert watched.all(Gap) == []


async def test_topics_that_are_granted_again_arrive_without_another_tick() -> None:
    options = Options(lead=ALL_FRAMES, buffer_size=LARGE, tokens={TOKEN: MANAGEMENT}, namespaces=())
    lines = [line_of(1, event("Job", "a"))]
    async with watching(lines, options, token=TOKEN, refused_selection_again=0.1) as (server, watched):
        await watched.until_key("a")
        await watched.watch("Job")
        server.put_token(TOKEN, Token(namespaces={"default": frozenset({"read-job"})}))
        server.publish(line_of(2, event("Node", "b")))
        await watched.watch("Job", "Node")
        await watched.until(lambda: len(watched.all(Connected)) == 5)
        assert watched.all(Connected)[-1].refused_topics == ("Node",)
        server.put_token(TOKEN, MANAGEMENT)
        await watched.until_key("b")
        assert watched.all(Connected)[-1].refused_topics == ()
        assert watched.keys == ["a", "b"]
        assert watched.trouble == []


async def test_a_refused_request_falls_back_to_the_initial_one() -> None:
    """For example by a proxy that refuses long requests."""
    requests: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        requests.append(head.split()[1])
        if "/v1/event/stream" not in head or "Node" in head:
            writer.write(b"HTTP/1.1 414 URI Too Long\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}\n" + line_of(3, event("Job", "a")) + b"\n")
            await reader.read()
        writer.close()
        await writer.wait_closed()

    async with asyncio.timeout(SECONDS), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        flags: dict[str, str | bool | Sequence[str] | None] = {
            "address": f"127.0.0.1:{port}",
            "allow_harmful_topics": True,
        }
        connection = Connection.from_environment(flags, environ={})
        watched = Watching(LiveServer(connection, settings=Settings(shortest_delay=SOON, selection_settle=SETTLED)))
        task = asyncio.create_task(watched.run())
        await watched.until_key("a")
        await watched.watch("Node")
        await asyncio.sleep(3 * SETTLED)
        task.cancel()
        await asyncio.wait({task})
    assert watched.trouble == []
    assert watched.keys == ["a"]
    assert ["Node" in path for path in requests if "stream" in path] == [False, True, False]


async def test_a_server_that_is_down_when_topics_change_is_retried_as_usual() -> None:
    async with watching([line_of(1, event("Job", "a"))]) as (server, watched):
        await watched.until_key("a")
        watched.source.watch(frozenset(("Node",)))
        async with server.down():
            await watched.until(lambda: len(watched.all(Retrying)) >= 3)
        server.publish(line_of(2, event("Job", "b")), line_of(3, event("Node", "c")))
        await watched.until_key("c")
        await watched.watch()
        await watched.until_key("b")
        assert watched.keys == ["a", "c", "b"]
        assert watched.all(Gap) == []


FAULTS: list[Fault] = [End(), Cut(), Cut(fragment=b""), Reset()]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["tour", "load"])
async def test_a_recording_arrives_completely_and_once_with_any_ticks_and_cuts(name: str, seed: int) -> None:
    chance = random.Random(seed)
    remembered = chance.choice([4, 32, 256])
    lines = recorded(name, 0, 240)
    present = sorted({each.topic for line in lines for each in frame_of(line).events})
    options = Options(buffer_size=LARGE, namespaces=("payments",))
    async with watching((), options, remembered_frames=remembered) as (server, watched):
        published = 0
        while published < len(lines):
            step = chance.randrange(1, 25)
            server.publish(*lines[published : published + step])
            published += step
            match chance.randrange(8):
                case 0 | 1 | 2:
                    watched.source.watch(frozenset(chance.sample(present, chance.randrange(1, len(present)))))
                case 3:
                    watched.source.watch(None)
                case 4:
                    await server.restart()
                case 5:
                    server.inject(chance.choice(FAULTS))
                case _:
                    pass
            await asyncio.sleep(chance.choice([0, SETTLED / 2, 2 * SETTLED]))
        watched.source.watch(None)
        await watched.until(lambda: len(watched.events) >= len(events_of(lines)))
        server.publish(line_of(10**9, event("Job", "the end")))
        await watched.until_key("the end")
        assert Counter(watched.events[:-1]) == Counter(events_of(lines))
        assert watched.all(Gap) == []


# Comparisons by index and by value


def joined(reader: Continuity, *lines: bytes) -> tuple[list[str], list[Gap]]:
    """Return the keys of new events, and the gaps."""
    keys, gaps = [], []
    for line in lines:
        result = reader.join(frame_of(line))
        gaps += [gap for gap in (result.missed, result.gap) if gap is not None]
        keys += [each.key for each in result.frame.events] if result.frame is not None else []
    return keys, gaps


def test_an_index_that_goes_back_moves_excluded_topics_to_the_new_history() -> None:
    reader = Continuity()
    reader.reconnected()
    both = [line_of(index, event("Job", f"job-{index}"), event("Node", f"node-{index}")) for index in range(20)]
    nodes = [line_of(index, event("Node", f"node-{index}")) for index in range(20)]
    assert joined(reader, *both[10:13])[1] == []
    reader.reconnected(frozenset(("Node",)))
    keys, [gap] = joined(reader, nodes[12], nodes[13], nodes[3], nodes[4])
    assert keys == ["node-13", "node-3", "node-4"]
    assert (gap.reason, gap.after, gap.before) == (GapReason.REBUILT, 13, 3)
    assert reader.resumption().index == 3
    reader.reconnected()
    assert joined(reader, *both[3:6]) == (["job-3", "job-4", "job-5", "node-5"], [])


def test_a_server_rebuilt_while_topics_were_excluded_is_reported() -> None:
    reader = Continuity()
    reader.reconnected()
    joined(reader, *(line_of(index, event("Job", "web"), event("Node", "n1")) for index in (50, 51)))
    reader.reconnected(frozenset(("Node",)))
    joined(reader, *(line_of(index, event("Node", "n1")) for index in (51, 52, 53)))
    reader.reconnected()
    keys, [gap] = joined(reader, line_of(7, event("Job", "new"), event("Node", "new")))
    assert keys == ["new", "new"]
    assert (gap.reason, gap.after, gap.before) == (GapReason.REBUILT, 53, 7)


def test_a_connection_lost_while_a_topic_catches_up_resumes_from_there() -> None:
    reader = Continuity()
    reader.reconnected()
    joined(reader, line_of(10, event("Job", "job-10"), event("Node", "node-10")))
    reader.reconnected(frozenset(("Node",)))
    joined(reader, *(line_of(index, event("Node", f"node-{index}")) for index in range(10, 20)))
    reader.reconnected()
    both = [line_of(index, event("Job", f"job-{index}"), event("Node", f"node-{index}")) for index in range(25)]
    assert joined(reader, *both[10:14]) == (["job-11", "job-12", "job-13"], [])
    assert reader.resumption().index == 13
    reader.reconnected(frozenset(("Node",)))
    assert joined(reader, line_of(19, event("Node", "node-19")), line_of(20, event("Node", "node-20"))) == (
        ["node-20"],
        [],
    )
    assert reader.resumption().index == 13
    reader.reconnected()
    keys = [f"job-{index}" for index in range(14, 21)]
    assert joined(reader, *both[13:22]) == ([*keys, "job-21", "node-21"], [])
    assert reader.resumption().index == 21


def test_memory_for_the_index_where_a_topic_was_excluded_is_bounded() -> None:
    reader = Continuity()
    reader.reconnected()
    joined(reader, line_of(10, event("Job", "a")))
    reader.reconnected(frozenset(("Node",)))
    joined(reader, line_of(20, event("Node", "b")))
    reader.reconnected()
    before = alive(Event)
    for number in range(MAX_FRAMES + 500):
        reader.join(cast(Frame, decode(line_of(15, event("Job", f"job-{number}")))))
    assert alive(Event) - before <= MAX_FRAMES + 10
    assert reader.resumption().index == 15


# Random ticks and cuts, with the stand-in's own filter


SOME_TOPICS = ("Job", "Node", "Allocation", "Novelty")
KEYS = ("web", "db")


def payload_of(serial: int) -> dict[str, Any]:
    time = 1_700_000_000_000_000_000 + serial
    return {"Status": serial, "ModifyTime": time, "ID": str(UUID(int=serial)), "Job": {"Name": "web", "Count": serial}}


def serial_of(event: Event) -> int:
    serial = json.loads(bytes(event.payload))["Status"]
    assert isinstance(serial, int)
    return serial


class Resubscriptions(RuleBasedStateMachine):
    """A server with a buffer, and a reader that excludes and includes topics and is cut off, at any time."""

    @initialize(
        buffer_size=st.sampled_from([1, 2, 5, LARGE, LARGE]),
        remembered=st.sampled_from([1, 3, LARGE]),
        whole=st.sampled_from([(), (), ("Job", "Node", "Allocation"), ("Job:web", "Node", "Novelty")]),
    )
    def start(self, buffer_size: int, remembered: int, whole: tuple[str, ...]) -> None:
        self.buffer_size = buffer_size
        self.remembered = remembered
        self.whole = self.subscription = Subscription.parse(whole)
        self.published: list[bytes] = []
        self.continuity = Continuity(remembered)
        self.seen: Counter[int] = Counter()
        self.gaps: list[Gap] = []
        self.sending: list[bytes] = []
        self.selection: Selection
        self.connect(self.whole)

    def teardown(self) -> None:
        if hasattr(self, "continuity"):
            self.ask_for_everything()

    @property
    def index(self) -> int:
        return frame_of(self.published[-1]).index if self.published else 10

    @rule(
        step=st.integers(0, 2),
        shape=st.lists(st.tuples(st.sampled_from(SOME_TOPICS), st.sampled_from(KEYS)), min_size=1, max_size=3),
    )
    def publish(self, step: int, shape: list[tuple[str, str]]) -> None:
        events = [
            event(topic, key, payload_of(100 * len(self.published) + place)) for place, (topic, key) in enumerate(shape)
        ]
        index = self.index + step
        if sum(frame_of(line).index == index for line in self.published[-2:]) == 2:
            index += 1
        line = line_of(index, *events)
        self.published.append(line)
        self.send([line])

    def send(self, lines: Iterable[bytes]) -> None:
        selected = (self.selection.select(Published.read(line), line) for line in lines)
        self.sending += [line for line in selected if line is not None]

    @rule(count=st.integers(1, 12))
    def read(self, count: int) -> None:
        for line in self.sending[:count]:
            frame = frame_of(self.resend(line))
            sent = frame.events
            if not self.subscription.everything:
                frame = frame.with_events([each for each in sent if self.subscription.admits(each)])
            joined = self.continuity.join(frame, 1.0, sent)
            self.gaps += [gap for gap in (joined.missed, joined.gap) if gap is not None]
            self.seen.update(map(serial_of, joined.frame.events if joined.frame is not None else ()))
        del self.sending[:count]

    def connect(self, subscription: Subscription, behind: int = 0, resend: Resend = same) -> None:
        """`behind` is the number of frames that a restarted server still has to replay."""
        self.resend = resend
        self.subscription = subscription
        topics = subscription.released_topics
        resumption = self.continuity.resumption(topics)
        asked = [value for _, value in subscription.parameters(witnesses=resumption.witnesses)]
        self.selection = Selection(parse_topics(asked), frozenset(("default",)), MANAGEMENT)
        self.continuity.reconnected(topics)
        end = len(self.published) - behind
        held = self.published[: max(1, end)]
        if self.continuity.seen.last_index:
            held = held[-self.buffer_size :]
        self.sending = []
        self.send([line for line in held if frame_of(line).index >= resumption.index] or held[-1:])
        self.send(self.published[len(held) if end < 1 else end :])

    @precondition(lambda self: self.continuity.seen.last_index > 0)
    @rule(topics=st.sets(st.sampled_from(SOME_TOPICS), min_size=1), resend=st.sampled_from(RESENDS))
    def tick(self, topics: set[str], resend: Resend) -> None:
        narrower = self.whole.only(frozenset(topics))
        if narrower is not None:
            self.connect(narrower, resend=resend)

    @rule()
    def tick_everything(self) -> None:
        self.connect(self.whole)

    @rule(behind=st.sampled_from([0, 0, 1, 2, 5]), resend=st.sampled_from(RESENDS))
    def cut(self, behind: int, resend: Resend) -> None:
        if self.buffer_size < LARGE or self.remembered < LARGE:
            behind = 0
        self.connect(self.subscription, behind, resend)

    def ask_for_everything(self) -> None:
        if not self.published:
            return
        self.connect(self.whole)
        self.publish(1, [(topic, "web") for topic in SOME_TOPICS])
        self.read(LARGE)
        for line in self.published:
            for each in filter(self.whole.admits, frame_of(line).events):
                if not self.seen[serial_of(each)]:
                    assert any(self.excuses(gap, frame_of(line).index, each.topic) for gap in self.gaps), each

    @staticmethod
    def excuses(gap: Gap, index: int, topic: str) -> bool:
        """Return whether a gap says that an event of this index and topic may be missing."""
        unnamed = ALL in gap.topics and topic == "Novelty"
        return gap.after <= index <= gap.before and (not gap.topics or topic in gap.topics or unnamed)

    @invariant()
    def nothing_is_seen_twice(self) -> None:
        if hasattr(self, "seen"):
            assert not [serial for serial, times in self.seen.items() if times > 1]

    @invariant()
    def gaps_are_named_only_where_the_buffer_was_too_small(self) -> None:
        if hasattr(self, "seen"):
            assert not self.gaps or self.buffer_size < LARGE
            assert {gap.reason for gap in self.gaps} <= {GapReason.BUFFER, GapReason.UNSUBSCRIBED}


Resubscriptions.TestCase.settings = settings(max_examples=times(40), stateful_step_count=40)
TestResubscriptions = Resubscriptions.TestCase
