"""A search is correct with evictions, folding, ticks and odd notation, and a filter and its negation split a list."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_tui.core.filter import Filter
from nomad_tui.core.history.derived import Derived
from nomad_tui.core.history.dictionaries import LONGEST_NAME, MAX_STATUSES, OTHER
from nomad_tui.core.history.history import History
from nomad_tui.core.search.facets import Dimension
from nomad_tui.core.search.view import Fold, View
from nomad_tui.core.wire import Frame, decode
from tests.core.test_filter_properties import filters
from tests.core.test_view import GAP, check_places, counted, fill, finish, frame, recorded, rows, search, synthetic
from tests.randomized import times

NOW = 1_795_423_940_000_000_000
"""Time in ns since 1970, shortly after the recordings."""


def matching(history: History, typed: str, **options: Any) -> list[int]:
    view = View(history, Filter.parse(typed), **options)
    finish(view)
    return rows(view)


# Evictions


@pytest.mark.parametrize("counts_facets", [False, True])
@pytest.mark.parametrize(
    "typed", ["status:blocked", "status:blocked or ~complete", "node:x or failed", "-status:failed"]
)
def test_a_search_in_payloads_survives_eviction_of_the_searched_events(typed: str, counts_facets: bool) -> None:
    for interrupted_after in range(1, 40, 8):
        history = History(max_events=2400)
        feed = synthetic()
        fill(history, feed, 2400)
        view = View(history, Filter.parse(typed), counts_facets=counts_facets)
        search(view, interrupted_after - 1)
        fill(history, feed, 2390)
        check_places(view)
        finish(view)
        assert rows(view) == matching(history, typed)


def repeating() -> Iterator[Frame]:
    """Return events of three objects, each of which repeats a state several times before the next."""
    for index in itertools.count(1):
        number = index % 3
        registration = {
            "Topic": "Variable",
            "Type": f"Said{index // (40 + 30 * number) % 2}",
            "Key": f"v{number}",
            "Payload": {},
        }
        yield frame(index, registration)


@settings(max_examples=times(50))
@given(
    st.sampled_from([64, 400]),
    st.lists(st.one_of(st.integers(1, 300), st.tuples(st.integers(2, 60))), max_size=16),
    st.booleans(),
)
def test_folding_repeats_during_eviction_keeps_rows_complete_and_ordered(
    max_events: int, doings: list[int | tuple[int]], counts_facets: bool
) -> None:
    history = History(max_events=max_events)
    feed = repeating()
    view = View(history, counts_facets=counts_facets)
    view.show(Filter(), fold=Fold.REPEATS)
    for doing in doings:
        if isinstance(doing, int):
            fill(history, feed, doing)
        else:
            search(view, doing[0] - 1)
        check_places(view)
    finish(view)
    check_places(view)
    shown = rows(view)
    assert shown == sorted(set(shown))
    assert len(shown) + sum(map(view.repeats, shown)) == len(history)


# Facets


def test_a_ticked_node_matches_by_name_and_by_id() -> None:
    history = History()
    for index, name in enumerate(("", "edge-1", "edge-2")):
        node = {"NodeID": f"node-{max(index, 1)}", "NodeName": name, "ClientStatus": "running"}
        history.append(frame(index, {"Topic": "Allocation", "Key": f"a{index}", "Payload": {"Allocation": node}}), 1)
    for typed in ("node:=edge-1", "node:=node-1", "-node:=node-1", "node:=node-1,edge-2"):
        assert matching(history, typed) == matching(history, typed, counts_facets=True)
    assert matching(history, "node:=node-1", counts_facets=True) == [0, 1]


def test_rows_stay_and_continue_when_facets_are_no_longer_counted() -> None:
    history = History()
    feed = synthetic()
    fill(history, feed, 3000)
    view = View(history, Filter.parse("blocked"), frozenset(("Job",)), counts_facets=True)
    finish(view)
    before = rows(view)
    assert before
    view.counts_facets = False
    assert rows(view) == before
    assert view.complete
    fill(history, feed, 3000)
    finish(view)
    assert rows(view) == matching(history, "blocked", hidden_topics=frozenset(("Job",)))
    view.counts_facets = True
    finish(view)
    again = View(history, Filter.parse("blocked"), frozenset(("Job",)), counts_facets=True)
    finish(again)
    assert counted(view) == counted(again)


def test_the_number_of_distinct_statuses_and_nodes_is_bounded() -> None:
    history = History()
    for index in range(MAX_STATUSES + 100):
        node = {"ID": f"node-{index}", "Name": "n" * index, "Status": f"status-{index}"}
        history.append(frame(index, {"Topic": "Node", "Key": f"node-{index}", "Payload": {"Node": node}}), 1)
    endless = {"ID": "i" * 100_000, "Name": "n" * 100_000, "Status": "s" * 100_000}
    history.append(frame(10**6, {"Topic": "Node", "Key": "endless", "Payload": {"Node": endless}}), 1)
    before = history.retained_bytes
    view = View(history, counts_facets=True)
    finish(view)
    assert view.counts(Dimension.STATUS)[OTHER] > 1
    assert view.counts(Dimension.NODE)[OTHER] >= 1
    for dimension in (Dimension.STATUS, Dimension.NODE):
        assert max(map(len, view.counts(dimension))) <= LONGEST_NAME
    assert history.retained_bytes - before > sum(len(node.name) for node in history.nodes)


# Notations of a payload

WRITTEN = (
    '{"Index":%d,"Events":[{"Topic":"Job","Key":"k","Payload":{"Job":{"ID":"web","Status":"dead"}}}]}',
    '{"Index": %d, "Events": [{"Topic": "Job", "Key": "k", "Payload": {"Job": {"ID": "web", "Status": "dead"}}}]}',
    '{"Events":[{"Payload" : {"Job":{"ID":"web","Status":"dead"}},"Key":"k","Topic":"Job"}],"Index":%d}',
    '{"Index":%d,"Events":[{"Topic":"Job","Key":"k","X":{"Payload":{}},"Payload":{"Job":{"ID":"web","Status":"dead"}}}]}',
    '{"Index":%d,"Events":[{"Topic":"Job","Key":"k","\\u0050ayload":{"Job":{"ID":"web","Status":"dead"}}}]}',
)


@pytest.mark.parametrize("counts_facets", [False, True])
@pytest.mark.parametrize("typed", ["~dead", "status:dead", 'Job.Status == "dead"', "dead", "~dead Job.ID == web"])
def test_a_payload_is_searched_at_any_position_and_in_any_notation(typed: str, counts_facets: bool) -> None:
    history = History()
    for number in range(40):
        for text in WRITTEN:
            decoded = decode((text % number).encode())
            assert isinstance(decoded, Frame)
            history.append(decoded, 1)
        history.append(frame(number, {"Topic": "Job", "Key": "api", "Payload": {"Job": {"ID": "api"}}}), 1)
    expected = [sequence for sequence in range(history.end) if sequence % (len(WRITTEN) + 1) < len(WRITTEN)]
    assert matching(history, typed, counts_facets=counts_facets) == expected


def test_a_frame_of_many_oddly_written_events_is_appended_fast() -> None:
    event = '{"Topic":"Job","Type":"T","Key":"k","Payload" : {"Job":{"Meta":"' + "x" * 500 + '"}}}'
    decoded = decode(('{"Index":1,"Events":[' + ",".join([event] * 20_000) + "]}").encode())
    assert isinstance(decoded, Frame)
    history = History()
    began = process_time()
    history.append(decoded, 1)
    assert process_time() - began < 2
    assert json.loads(history.payload(19_999))["Job"]["Meta"].startswith("x")


# Splitting a list


@cache
def everything() -> Derived:
    """Events of every recording with gaps among them, in segments small enough to need several."""
    history = History(max_events=4_000)
    for name, most in (("load", 60), ("large-job", 6), ("beta", 100), ("hostile", 300), ("tour", 300)):
        for number, each in enumerate(recorded(name)[:most]):
            if len(each.line) < 400_000:
                history.append(each, number % 2)
        history.append_gap(GAP, 1)
    assert history.evicted == 0
    return Derived(history)


@given(filters, st.sampled_from([frozenset[str](), frozenset(("Allocation",))]))
@settings(deadline=None, max_examples=times(30))
def test_a_filter_and_its_negation_split_the_events_in_two_and_counting_changes_neither(
    text: str, hidden: frozenset[str]
) -> None:
    derived = everything()
    history = derived.history
    halves = []
    for typed in (text, f"-({text})"):
        views = [View(history, derived=derived, counts_facets=counting) for counting in (False, True)]
        for view in views:
            view.show(Filter.parse(typed), hidden, now=NOW)
            finish(view)
        assert rows(views[0]) == rows(views[1])
        halves.append(Counter(sequence for sequence in rows(views[0]) if history.gap(sequence) is None))
    shown = (each for each in range(history.first, history.end) if history.gap(each) is None)
    assert halves[0] + halves[1] == Counter(each for each in shown if history.event(each).topic not in hidden)
