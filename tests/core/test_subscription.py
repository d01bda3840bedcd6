"""What is requested from a server, and that exactly the subscribed events are admitted."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_tui.config.connection import Connection
from nomad_tui.core.subscription import Subscription, SubscriptionError
from nomad_tui.core.wire import Event, Frame, LineSplitter, decode
from nomad_tui.nomad.client import Client
from nomad_tui.standin import AtEnd, Options, StandIn
from tests import recordings
from tests.randomized import times


def asked(*typed: str, beta: bool = False) -> list[str]:
    """Return the `topic` parameters of the request."""
    return [value for _, value in Subscription.parse(typed).parameters(beta)]


def event(topic: str, key: str = "k", type_: str = "PlanResult", filter_keys: tuple[str, ...] | None = None) -> Event:
    return Event(topic=topic, type=type_, key=key, filter_keys=filter_keys)


# Requests


@pytest.mark.parametrize(
    ("typed", "parameters"),
    [
        ("", "*:*"),
        ("*", "*:*"),
        ("*:*", "*:*"),
        ("Job", "Job:*"),
        ("Job:*", "Job:*"),
        ("Job:web", "Job:web"),
        ("Job Evaluation", "Evaluation:* Job:*"),
        ("Job Job", "Job:*"),
        # Names as typed, of both dialects
        ("job ALLOCATION:web", "Allocation:web Job:*"),
        ("alloc Eval aclbindingrule", "ACLBindingRule:* Allocation:* Evaluation:*"),
        ("Alloc:web Allocation:web", "Allocation:web"),
        ("FutureTopic:x", "FutureTopic:x"),
        # With `*` next to another key, the server matches nothing
        ("Node Node:n1", "Node:*"),
        ("Node:n1 Node:*", "Node:*"),
        ("Alloc allocation:web", "Allocation:*"),
        # With two keys, the server sends an event that has both twice
        ("Job:web Job:db", "Job:*"),
        # With `*:key`, the server drops the other topics
        ("*:web", "*:web"),
        ("*:web Node", "*:*"),
        ("*:web *:db", "*:*"),
        ("*:* Node:n1", "*:*"),
        # The beta page's topic is a type in released servers
        ("NodeDrain", "Node:*"),
        ("nodedrain:n1", "Node:n1"),
        ("NodeDrain:n1 Node:n1", "Node:n1"),
        ("NodeDrain:n1 Node:n2", "Node:*"),
        ("NodeDrain Job:web", "Job:web Node:*"),
    ],
)
def test_a_request_has_each_topic_once_with_one_key(typed: str, parameters: str) -> None:
    assert " ".join(asked(*typed.split())) == parameters


@pytest.mark.parametrize(
    ("typed", "parameters"),
    [
        ("", "*:*"),
        ("Allocation:web Evaluation Job", "Alloc:web Eval:* Job:*"),
        ("Node", "Node:* NodeDrain:*"),
        ("NodeDrain:n1", "Node:n1 NodeDrain:n1"),
        ("Service", "Service:*"),
    ],
)
def test_a_beta_server_is_asked_in_its_own_dialect(typed: str, parameters: str) -> None:
    assert " ".join(asked(*typed.split(), beta=True)) == parameters


@pytest.mark.parametrize(
    ("typed", "names"),
    [("Job:a:b", "colon"), ("Job:", "incomplete"), (":web", "incomplete"), ("", "incomplete"), (" : ", "incomplete")],
)
def test_an_impossible_request_is_refused_with_an_alternative(typed: str, names: str) -> None:
    with pytest.raises(SubscriptionError, match=names):
        Subscription.parse(["Node", typed])


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("", "all topics"),
        ("*", "all topics"),
        ("alloc eval:x", "Allocation, Evaluation:x"),
        ("Job:web Job:db", "Job:db|web"),
        ("NodeDrain", "NodeDrain"),
        ("*:web Node", "*:web, Node"),
    ],
)
def test_the_description_of_a_subscription(typed: str, shown: str) -> None:
    assert str(Subscription.parse(typed.split())) == shown


# Admitted events


def test_a_key_matches_an_events_own_key_or_a_filter_key() -> None:
    subscription = Subscription.parse(["Job:web", "Allocation:web"])
    assert subscription.admits(event("Job", "web"))
    assert subscription.admits(event("Allocation", "a1", filter_keys=("web", "d1")))
    assert not subscription.admits(event("Job", "web-2"))
    assert not subscription.admits(event("Allocation", "a1", filter_keys=()))
    assert not subscription.admits(event("Evaluation", "web"))


def test_events_of_a_beta_server_are_those_of_their_released_topic() -> None:
    subscription = Subscription.parse(["Allocation", "Node:n1"])
    assert subscription.admits(event("Alloc"))
    assert subscription.admits(event("NodeDrain", "n1", "NodeDrain"))
    assert not subscription.admits(event("NodeDrain", "n2", "NodeDrain"))


def test_drains_are_node_events_of_that_type_in_both_dialects() -> None:
    subscription = Subscription.parse(["NodeDrain"])
    assert subscription.admits(event("Node", type_="NodeDrain"))
    assert subscription.admits(event("NodeDrain", type_="NodeDrain"))
    assert not subscription.admits(event("Node", type_="NodeRegistration"))
    assert not subscription.admits(event("Job", type_="NodeDrain"))


def test_drains_of_one_node_and_everything_of_another() -> None:
    subscription = Subscription.parse(["NodeDrain:n1", "Node:n2"])
    assert subscription.admits(event("Node", "n1", "NodeDrain"))
    assert subscription.admits(event("Node", "n2", "NodeRegistration"))
    assert not subscription.admits(event("Node", "n1", "NodeRegistration"))
    everywhere = Subscription.parse(["NodeDrain", "*:n2"])
    assert everywhere.admits(event("Node", "n2", "NodeRegistration"))
    assert not everywhere.admits(event("Node", "n1", "NodeRegistration"))


# Against a server with all the traps

SECONDS = 60
TOUR = recordings.lines("tour")
TOUR_EVENTS = [
    event
    for line in TOUR
    if isinstance(decoded := json.loads(line or b"null"), dict)
    for event in decoded.get("Events", ())
]
TOPICS = sorted({event["Topic"] for event in TOUR_EVENTS})
KEYS = sorted(
    {key for event in TOUR_EVENTS for key in (event["Key"], *(event["FilterKeys"] or ())) if key and ":" not in key}
)
HAVE_MANY_EVENTS = ["web", "flaky", "ledger", "logship"]


def wanted(typed: list[str]) -> list[tuple[object, ...]]:
    """Return the events that an operator means: those that any of the topics names."""

    def named_by(item: str, event: dict[str, object]) -> bool:
        topic, _, key = item.partition(":")
        right_topic = (
            (event["Topic"], event["Type"]) == ("Node", "NodeDrain")
            if topic == "NodeDrain"
            else topic in ("*", event["Topic"])
        )
        filter_keys = event["FilterKeys"]
        names = [event["Key"], *(filter_keys if isinstance(filter_keys, list) else ())]
        return right_topic and (key in ("", "*") or key in names)

    return [
        (event["Index"], event["Topic"], event["Type"], event["Key"], json.dumps(event["Payload"]))
        for event in TOUR_EVENTS
        if not typed or any(named_by(item, event) for item in typed)
    ]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def server(runner: asyncio.Runner) -> Iterator[StandIn]:
    server = StandIn(TOUR, Options(from_start=True, at_end=AtEnd.EOF))
    runner.run(server.__aenter__())
    yield server
    runner.run(server.__aexit__(None, None, None))


async def arriving(server: StandIn, subscription: Subscription) -> list[tuple[object, ...]]:
    """Return every event that the server sends for the subscription and that it admits."""
    connection = Connection.from_environment({}, {"NOMAD_ADDR": server.address})
    splitter = LineSplitter()
    arrived: list[Event] = []
    parameters = [*subscription.parameters(), ("namespace", "*")]
    async with asyncio.timeout(SECONDS), Client(connection) as client, client.open_stream(parameters) as response:
        async for chunk in response.content.iter_any():
            for line in splitter.feed(chunk):
                if isinstance(frame := decode(line), Frame):
                    arrived += filter(subscription.admits, frame.events)
    return [
        (event.index, event.topic, event.type, event.key, json.dumps(json.loads(bytes(event.payload))))
        for event in arrived
    ]


items = st.builds(
    "{}{}".format,
    st.sampled_from([*TOPICS, *TOPICS, "NodeDrain", "*"]),
    st.sampled_from(["", "", ":*"]) | st.sampled_from([*HAVE_MANY_EVENTS * 5, *KEYS]).map(":{}".format),
)


@settings(max_examples=times(60))
@given(st.lists(items, max_size=5))
def test_exactly_the_subscribed_events_arrive_once_each(
    runner: asyncio.Runner, server: StandIn, typed: list[str]
) -> None:
    assert runner.run(arriving(server, Subscription.parse(typed))) == wanted(typed)


@pytest.mark.parametrize(
    "typed",
    ["Node Node:*", "*:web Node", "Job:web Job:flaky", "Allocation:web Allocation:*", "NodeDrain", "*:web *:ledger"],
)
def test_none_of_the_servers_traps_loses_or_repeats_an_event(
    runner: asyncio.Runner, server: StandIn, typed: str
) -> None:
    expected = wanted(typed.split())
    assert expected
    assert runner.run(arriving(server, Subscription.parse(typed.split()))) == expected


# Narrowing a subscription


@pytest.mark.parametrize(
    ("typed", "topics", "left"),
    [
        ("", "Job Node", "Job:* Node:*"),
        ("", "Job Rocket", "Job:* Rocket:*"),
        ("*", "Job", "Job:*"),
        ("*:* Job:web", "Job Node", "Job:* Node:*"),
        ("*:web", "Job Node", "Job:web Node:web"),
        ("*:web Node", "Job Node", "Job:web Node:*"),
        ("*:web Node", "Job", "Job:web"),
        ("Job Node", "Node Allocation", "Node:*"),
        ("Job:web Job:db Node", "Job", "Job:*"),
        ("Job:web Node", "Job", "Job:web"),
        ("NodeDrain Job", "Node", "Node:*"),
        ("alloc:web Job", "Allocation", "Allocation:web"),
        # A name that a request cannot contain
        ("", "Job odd:topic", "*:*"),
        ("", "Job *", "*:*"),
        ("*:web", "Job (other)", "*:web"),
        ("Job Node", "Job odd:topic", "Job:*"),
    ],
)
def test_a_narrowed_subscription_keeps_its_keys(typed: str, topics: str, left: str) -> None:
    narrower = Subscription.parse(typed.split()).only(frozenset(topics.split()))
    assert narrower is not None
    assert " ".join(value for _, value in narrower.parameters()) == left


def test_a_subscription_that_is_not_narrowed_stays_the_same() -> None:
    for typed in ("Job", "Job:web Node", "NodeDrain", "alloc:web Future"):
        whole = Subscription.parse(typed.split())
        assert whole.only(frozenset((*TOPICS, "Node", "Future"))) == whole


@pytest.mark.parametrize(
    ("typed", "topics"), [("", ""), ("Job", "Node"), ("Job:web Node:n1", "Allocation"), ("*:web", "")]
)
def test_a_subscription_can_be_narrowed_to_nothing(typed: str, topics: str) -> None:
    assert Subscription.parse(typed.split()).only(frozenset(topics.split())) is None


@settings(max_examples=times(60))
@given(st.lists(items, max_size=4), st.sets(st.sampled_from(TOPICS), min_size=1))
def test_a_narrowed_subscription_never_gets_additional_events(
    runner: asyncio.Runner, server: StandIn, typed: list[str], topics: set[str]
) -> None:
    narrower = Subscription.parse(typed).only(frozenset(topics))
    arrived = [] if narrower is None else runner.run(arriving(server, narrower))
    assert arrived == [event for event in wanted(typed) if event[1] in topics]


@pytest.mark.parametrize(
    ("typed", "frame", "parameters"),
    [
        # Part of it is requested anyway
        ("Node", [event("Job"), event("Node", "n1")], "Node:*"),
        ("Job:web", [event("Job", "web")], "Job:web"),
        ("Job:web", [event("Job", "other", filter_keys=("web",))], "Job:web"),
        ("", [event("Job")], "*:*"),
        # One of its objects in addition
        ("Node", [event("Job", "web")], "Job:web Node:*"),
        ("Node", [event("Alloc", "a1")], "Alloc:a1 Node:*"),
        ("Node", [event("Job", "with:colon"), event("Evaluation", "e1")], "Evaluation:e1 Node:*"),
        ("Node", [event("Job", "with:colon", filter_keys=("", "web"))], "Job:web Node:*"),
        # Not another key of a requested topic: the server would send nothing, or some events twice
        ("Job:web", [event("Job", "db")], "Job:web"),
        # Nothing that a request can contain
        ("Node", [event("Job", "*"), event("Job", ""), event("Job", "x" * 300), event("odd:topic")], "Node:*"),
        ("Node", [], "Node:*"),
    ],
)
def test_a_frame_is_requested_again_by_one_of_its_objects(typed: str, frame: list[Event], parameters: str) -> None:
    subscription = Subscription.parse(typed.split())
    assert " ".join(value for _, value in subscription.parameters(witnesses=[frame])) == parameters
