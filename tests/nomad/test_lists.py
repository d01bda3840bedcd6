"""Objects already in trouble are requested from a server's lists once, page by page, as far as the token permits."""

import asyncio
from contextlib import AsyncExitStack

from nomad_tui.config.connection import Connection
from nomad_tui.core.history.history import History
from nomad_tui.core.overview.listed import Listed, Seed
from nomad_tui.core.overview.state import Cluster
from nomad_tui.core.wire import Frame, decode
from nomad_tui.nomad import lists
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.lists import LISTS, Found, in_trouble, may_read
from nomad_tui.standin import MANAGEMENT, Options, StandIn, Token
from tests import recordings

ADMIN = "00000000-0000-4000-8000-00000000000a"
READER = "00000000-0000-4000-8000-00000000000b"
READ_JOBS = Token(name="ci", namespaces={"*": frozenset({"read-job"})})


async def found(options: Options, **settings: str) -> tuple[Found, list[bool | None], list[str]]:
    """Return the objects of the lists at the recording's end, which lists are readable, and the requests."""
    async with asyncio.timeout(60), StandIn(recordings.lines("tour"), options) as server:
        environ = {"NOMAD_ADDR": server.address, "NOMAD_NAMESPACE": "*", **settings}
        async with Client(Connection.from_environment({}, environ)) as client:
            allowed = [await may_read(client, one) for one in LISTS]
            return await in_trouble(client), allowed, [one.topic for one in LISTS]


def names(listed: Found) -> set[tuple[str, str, str]]:
    return {(one.kind, one.name, one.what) for one in Seed(listed.objects).troubles(Cluster())}


async def test_objects_in_trouble_are_listed_and_marked() -> None:
    listed, allowed, _ = await found(Options(from_start=True))
    assert names(listed) == {
        ("group", "flaky.g", "failed"),
        ("evaluation", "greedy", "blocked"),
        ("deployment", "flaky v0", "failed"),
        ("deployment", "web v3", "needs promotion"),
    }
    assert all(one.is_listed for one in Seed(listed.objects).troubles(Cluster()))
    assert listed.refused == ()
    assert all(allowed)


async def test_a_list_that_the_token_may_not_read_is_skipped() -> None:
    options = Options(from_start=True, tokens={ADMIN: MANAGEMENT, READER: READ_JOBS})
    listed, allowed, topics = await found(options, NOMAD_TOKEN=READER)
    assert (listed.refused, listed.unproved) == (("Node",), ())
    assert dict(zip(topics, allowed, strict=True)) == {
        "Node": False, "Evaluation": True, "Deployment": True, "Allocation": True
    }  # fmt: skip
    assert ("group", "flaky.g", "failed") in names(listed)
    nothing, allowed, _ = await found(options)
    assert (nothing.objects, nothing.refused) == ((), ("Node",))  # for all namespaces, a server lists those of none
    assert allowed == [False, None, None, None], "and so an empty list proves no permission"
    assert nothing.unproved == ("Evaluation", "Deployment", "Allocation")


async def test_pages_are_read_up_to_a_limit() -> None:
    one = LISTS[2]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(60))
        server = await stack.enter_async_context(StandIn(recordings.lines("tour"), Options(from_start=True)))
        connection = Connection.from_environment({}, {"NOMAD_ADDR": server.address})
        client = await stack.enter_async_context(Client(connection))
        every = [each async for each in lists.objects(client, one, per_page=100)]
        paged = [each async for each in lists.objects(client, one, per_page=2)]
        bounded = [each async for each in lists.objects(client, one, per_page=2, most=3)]
    assert len(every) > 4
    assert paged == every
    assert bounded == every[:3]


def a_node(status: str, index: int) -> Listed:
    payload = b'{"Node":{"ID":"n1","Name":"edge","Status":"%s","ModifyIndex":%d}}' % (status.encode(), index)
    return Listed("Node", "", "n1", index, payload)


def a_frame(status: str, index: int) -> Frame:
    frame = decode(
        b'{"Index":%d,"Events":[{"Topic":"Node","Type":"NodeRegistration","Key":"n1","Payload":%s}]}'
        % (index, a_node(status, index).payload)
    )
    assert isinstance(frame, Frame)
    return frame


def test_an_event_with_a_higher_index_replaces_a_listed_object() -> None:
    history = History()
    history.append(a_frame("ready", 20), 0)
    for index, expected in ((21, ["down"]), (19, [])):
        seed = Seed([a_node("down", index)])
        list(seed.forget_known(history))
        assert [one.what for one in seed.troubles(Cluster())] == expected
