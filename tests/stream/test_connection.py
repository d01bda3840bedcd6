"""A connection without its socket: the same updates for the bytes however they are split."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_tui.core.continuity import Continuity
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Connected, Gap, GapReason, Update
from nomad_tui.core.wire import HEARTBEAT, Frame, Unreadable
from nomad_tui.stream.connection import Parting, StreamConnection
from tests.stream.test_live import event, frame, frames


def fed(connection: StreamConnection, *lines: bytes, now: float = 1.0) -> list[Update]:
    return list(connection.feed(b"".join(line + b"\n" for line in lines), now))


def indexes(updates: list[Update]) -> list[int]:
    return [update.index for update in updates if isinstance(update, Frame)]


@given(cuts=st.lists(st.integers(0, 400), max_size=8))
def test_bytes_give_the_same_updates_however_they_are_split(cuts: list[int]) -> None:
    data = b"{}\n" + b"".join(line + b"\n" for line in frames(range(5, 9))) + b"{}\n"
    connection = StreamConnection(to="here")
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    updates = [update for start, end in pairwise(places) for update in connection.feed(data[start:end], 1.0)]
    assert updates[:2] == [Connected("here"), HEARTBEAT] and updates[-1] is HEARTBEAT
    assert indexes(updates) == [5, 6, 7, 8]


def test_nothing_is_accepted_before_the_first_line() -> None:
    connection = StreamConnection()
    assert list(connection.feed(b'{"Index":', 1.0)) == []
    assert not connection.accepted
    assert [type(each) for each in connection.feed(b'3,"Events":[]}\n', 1.0)] == [Connected, Frame]


def test_a_connection_resumes_where_the_previous_one_stopped() -> None:
    continuity = Continuity()
    first = StreamConnection(continuity)
    assert first.request() == [("index", "0"), ("topic", "*:*")]
    assert indexes(fed(first, *frames([3, 4]))) == [3, 4]
    again = StreamConnection(continuity)
    assert again.request()[0] == ("index", "4")
    assert indexes(fed(again, frame(4))) == [] and not again.progressed
    assert indexes(fed(again, frame(5))) == [5] and again.progressed


def test_an_index_that_no_server_sends_is_shown_but_not_requested() -> None:
    continuity = Continuity()
    updates = fed(StreamConnection(continuity), frame(3), frame(1 << 64), frame(10**40), frame(4))
    assert indexes(updates) == [3, -1, -1, 4]
    assert not any(isinstance(update, Gap) for update in updates)
    assert StreamConnection(continuity).request()[0] == ("index", "4")


def test_updates_that_were_not_consumed_are_requested_again() -> None:
    continuity = Continuity()
    updates = StreamConnection(continuity).feed(b"".join(line + b"\n" for line in frames([3, 4, 5])), 1.0)
    assert isinstance(next(updates), Connected) and isinstance(next(updates), Frame)
    updates.close()  # type: ignore[attr-defined]
    assert StreamConnection(continuity).request()[0] == ("index", "3")


def test_a_buffer_without_the_last_index_is_a_possible_gap_and_then_a_gap() -> None:
    continuity = Continuity()
    fed(StreamConnection(continuity), *frames([3, 4]), now=10.0)
    connection = StreamConnection(continuity, last_byte=10.0)
    assert fed(connection, frame(7), frame(8), now=17.0) == [Connected("")]
    assert connection.doubt is not None and not connection.doubt.is_rebuilt
    gap, *after = connection.resolve(Parting())
    assert isinstance(gap, Gap) and (gap.reason, gap.after, gap.before, gap.away) == (GapReason.BUFFER, 4, 7, 7.0)
    assert indexes(after) == [7, 8]


def test_a_server_with_lower_indexes_is_disconnected_unless_it_is_still_starting() -> None:
    continuity = Continuity()
    fed(StreamConnection(continuity), *frames([30, 40]))
    connection = StreamConnection(continuity)
    fed(connection, frame(2))
    assert connection.doubt is not None and connection.doubt.is_rebuilt
    [gap] = connection.resolve(Parting())
    assert isinstance(gap, Gap) and gap.reason is GapReason.REBUILT
    assert connection.is_rebuilt
    assert continuity.seen.last_index == 40, "nothing is forgotten before the next connection"


def test_only_subscribed_events_are_passed_on() -> None:
    connection = StreamConnection(subscription=Subscription.parse(["Job:web"]))
    line = frame(3, event("Job", "web"), event("Job", "db"))
    [_, update] = fed(connection, line)
    assert isinstance(update, Frame)
    assert [each.key for each in update.events] == ["web"]


@pytest.mark.parametrize(
    ("rest", "last"), [(b'{"Index":9,"Ev', None), (b"event dropped from buffer", b"event dropped from buffer")]
)
def test_the_end_keeps_the_servers_last_message_but_no_truncated_frame(rest: bytes, last: bytes | None) -> None:
    connection = StreamConnection()
    list(connection.feed(frame(3) + b"\n" + rest, 1.0))
    assert list(connection.close()) == []
    assert connection.last_text == last


def test_a_line_of_text_is_unreadable_and_the_last_message() -> None:
    connection = StreamConnection()
    updates = fed(connection, frame(3), b"ACL token expired")
    assert isinstance(updates[-1], Unreadable)
    assert connection.last_text == b"ACL token expired"
