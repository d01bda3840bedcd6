"""A filter shows the matching events, newest first, while events arrive and are evicted during its search."""

import itertools
import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_tui.core.filter import Filter
from nomad_tui.core.history.derived import Derived, Preparation
from nomad_tui.core.history.event_row import EventRow, GapRow, happened, row, sentence
from nomad_tui.core.history.history import History
from nomad_tui.core.history.segment import BLOCK_BYTES, HeldEvent
from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.search.facets import Dimension, ticked, with_ticked
from nomad_tui.core.search.search import Matcher
from nomad_tui.core.search.view import Fold, View
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, decode
from tests import recordings
from tests.memory import traced
from tests.randomized import times

GAP = Gap(GapReason.BUFFER, 5, 9, 1.0)


def frame(index: int, *events: dict[str, Any]) -> Frame:
    decoded = decode(json.dumps({"Index": index, "Events": events}).encode())
    assert isinstance(decoded, Frame)
    return decoded


recorded = cache(recordings.frames)


def history_of(name: str, max_events: int = 1_000_000) -> History:
    history = History(max_events=max_events)
    for number, each in enumerate(recorded(name)):
        history.append(each, 1)
        if number % 50 == 49:
            history.append_gap(GAP, 1)
    return history


def rows(view: View) -> list[int]:
    return [view.sequence_at(number) for number in range(len(view))]


@dataclass(frozen=True)
class Chosen:
    """A filter: words that must all occur, and hidden topics."""

    typed: str = ""
    hidden: frozenset[str] = frozenset()

    @property
    def filter(self) -> Filter:
        return Filter.parse(self.typed)

    def view(self, history: History) -> View:
        return View(history, self.filter, self.hidden)

    def shows(self, event: tuple[str, str] | None) -> bool:
        """The filter in plain code: lower case ignores case, a capital is exact."""
        if event is None:
            return True
        topic, text = event
        found = [word in (text if word != word.lower() else text.lower()) for word in self.typed.split()]
        return topic not in self.hidden and all(found)


def words_of(history: History, sequence: int) -> tuple[str, str] | None:
    """Return an event's topic and all text that an operator sees; None for a gap."""
    if history.gap(sequence) is not None:
        return None
    event = history.event(sequence)
    places = (event.topic, event.type, event.key, event.namespace, *(event.filter_keys or ()))
    return event.topic, "\n".join((*places, sentence(history, sequence).text))


def naive(history: History, chosen: Chosen) -> list[int]:
    return [row for row in range(history.first, history.end) if chosen.shows(words_of(history, row))]


@cache
def all_words(name: str) -> list[tuple[str, str] | None]:
    history = history_of(name)
    return [words_of(history, row) for row in range(history.end)]


def search(view: View, steps: int) -> bool:
    """Search that many steps, independent of the machine's speed; return whether there is more to do."""
    return view.advance(steps + 1, clock=itertools.count().__next__)


def finish(view: View) -> None:
    while view.advance(1000.0):
        pass


# Matching


WORDS = ("web", "WEB", "failed", "exit", "complete web", "payments", "planresult", "pending running", "→", "nowhere")


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        *product(("tour", "beta", "hostile"), ("", *WORDS)),
        *product(("load",), ("exit", "pending running", "nowhere")),  # of ten thousand events
    ],
)
def test_a_filter_shows_exactly_the_events_that_contain_its_words(name: str, typed: str) -> None:
    history = history_of(name)
    for hidden in (frozenset[str](), frozenset(("Allocation", "Node"))):
        chosen = Chosen(typed, hidden)
        view = chosen.view(history)
        finish(view)
        assert view.complete
        assert rows(view) == [row for row, event in enumerate(all_words(name)) if chosen.shows(event)]


def test_the_recorded_filters_are_worth_testing_with() -> None:
    history = history_of("tour")
    found = {typed: len(naive(history, Chosen(typed))) for typed in ("web", "failed", "payments", "pending running")}
    assert all(count > history.gaps for count in found.values()), found


def events(*members: dict[str, Any]) -> History:
    history = History()
    history.append(frame(7, *members), 1)
    return history


def shown(history: History, typed: str, hidden: frozenset[str] = frozenset()) -> list[int]:
    view = Chosen(typed, hidden).view(history)
    finish(view)
    matcher = Matcher(Derived(history), view.filter, hidden)
    assert rows(view) == [row for row in range(history.end) if matcher.matches(row)]
    return rows(view)


EVALUATION = {
    "Topic": "Evaluation",
    "Type": "EvaluationUpdated",
    "Key": "0123",
    "Namespace": "Production",
    "FilterKeys": ["Web-Shop", "d1"],
    "Payload": {"Evaluation": {"JobID": "Web-Shop", "Status": "blocked", "StatusDescription": "", "Type": "service"}},
}


@pytest.mark.parametrize(
    "typed",
    [
        "evaluation",
        "evaluationupdated",
        "012",
        "production",
        "web-shop",
        "blocked",
        "shop block prod",
        "Web d1",
        "Shop",
    ],
)
def test_a_word_matches_any_text_that_an_operator_sees(typed: str) -> None:
    other = {"Topic": "Node", "Type": "NodeDrain", "Key": "n1", "Payload": {}}
    assert shown(events(other, EVALUATION, other), typed) == [1]


def test_every_word_must_be_found_and_order_does_not_matter() -> None:
    history = events(EVALUATION)
    assert shown(history, "blocked shop") == shown(history, "shop blocked") == [0]
    assert shown(history, "blocked shop missing") == []


def test_names_of_the_beta_page_match_events_shown_with_released_names() -> None:
    history = events(
        {"Topic": "Alloc", "Type": "AllocUpdated", "Key": "a1"},
        {"Topic": "Evaluation", "Type": "EvaluationUpdated", "Key": "e1"},
        {"Topic": "Job", "Type": "JobRegistered", "Key": "alloc-cleaner"},
        {"Topic": "Node", "Type": "NodeStreamEvent", "Key": "n1"},
    )
    assert shown(history, "AllocUpdated") == shown(history, "AllocationUpdated") == [0]
    assert shown(history, "evalupdated") == shown(history, "Eval") == [1]
    assert shown(history, "nodeevent") == [3]
    assert shown(history, "alloc") == [0, 2]
    assert shown(history, "Allocation") == [0]


def test_hidden_topics_are_never_shown_and_gaps_always_are() -> None:
    history = events(EVALUATION, {"Topic": "Job", "Key": "web-shop"})
    history.append_gap(GAP, 1)
    assert shown(history, "", frozenset(("Evaluation",))) == [1, 2]
    assert shown(history, "web-shop", frozenset(("Evaluation",))) == [1, 2]
    assert shown(history, "", frozenset(KINDS)) == [2]
    assert shown(history, "no-such-word") == [2]


def test_a_capital_is_exact() -> None:
    history = events(EVALUATION)
    assert shown(history, "Shop") == shown(history, "Production") == [0]
    assert shown(history, "SHOP") == shown(history, "Blocked") == []


def test_a_row_has_all_its_fields() -> None:
    history = events(EVALUATION)
    history.append_gap(GAP, 1)
    looked_up = row(history, 0)
    assert isinstance(looked_up, EventRow)
    assert (looked_up.sequence, looked_up.index, looked_up.topic, looked_up.received) == (0, 7, "Evaluation", 1)
    assert looked_up.sentence == sentence(history, 0)
    assert row(history, 1) == GapRow(1, GAP)
    with pytest.raises(IndexError):
        row(history, 2)


@pytest.mark.parametrize(("ahead", "exact"), [(0, True), (36_000, False), (-60, False)])
def test_events_without_a_time_have_an_estimate_by_the_servers_clock(ahead: int, exact: bool) -> None:
    """A service has no time; if the local clock differs, its receipt gives another time."""
    second = 10**9
    written = 1_795_423_761 * second
    evaluation = {"ModifyIndex": 7, "ModifyTime": written, "JobID": "web", "Status": "complete"}
    service = {"Topic": "Service", "Type": "ServiceRegistration", "Key": "s1", "Payload": {"Service": {"ID": "s1"}}}
    history = History()
    received = written + ahead * second + second // 10
    history.append(frame(7, {**EVALUATION, "Payload": {"Evaluation": evaluation}}), received)
    history.append(frame(8, service), received + 3 * second)
    looked_up = row(history, 1)
    assert isinstance(looked_up, EventRow)
    about = received + 3 * second if exact else written + 3 * second
    assert looked_up.when() == (about, exact)
    assert happened(history, 1) == about


# Rows and their positions


@pytest.mark.parametrize("typed", ["", "web", "nowhere-at-all"])
def test_rows_and_sequence_numbers_belong_together(typed: str) -> None:
    history = history_of("tour", max_events=300)
    view = View(history, Filter.parse(typed))
    for each in recorded("tour"):
        history.append(each, 1)
    finish(view)
    check_places(view)
    for number in (-1, len(view), len(view) + 1):
        with pytest.raises(IndexError):
            view.sequence_at(number)


def check_places(view: View) -> None:
    """Rows ascend and are held; a row is found at its number; numbers of hidden rows have a position between rows."""
    history = view.history
    after_the_last = view.row_at(history.end)
    found = rows(view)
    assert after_the_last == len(found)
    assert all(earlier < later for earlier, later in itertools.pairwise(found))
    assert all(history.first <= sequence < history.end for sequence in found)
    assert [view.row_at(sequence) for sequence in found] == list(range(len(found)))
    for sequence in range(max(0, history.first - 2), history.end + 2, 7):
        assert view.row_at(sequence) == bisect_left(found, sequence)
        assert (sequence in view) == (sequence in found)


def test_the_newest_matches_appear_first() -> None:
    history = history_of("load", max_events=16 * 256)
    chosen = Chosen("complete")
    expected = naive(history, chosen)
    view = chosen.view(history)
    lengths = []
    while search(view, 1):
        assert rows(view) == expected[len(expected) - len(view) :]
        lengths.append(len(view))
    assert rows(view) == expected
    assert len(set(lengths)) > 5


def test_new_events_are_shown_before_the_search_of_older_ones_continues() -> None:
    history = history_of("load", max_events=16 * 256)
    view = View(history, Filter.parse("complete"))
    search(view, 2)
    assert not view.complete
    newest = {**EVALUATION, "Payload": {"Evaluation": {"JobID": "new", "Status": "complete"}}}
    history.append(frame(99_999, newest), 1)
    search(view, 7)
    assert not view.complete
    assert view.sequence_at(len(view) - 1) == history.end - 1


def test_a_search_can_be_replaced_by_another() -> None:
    history = history_of("tour")
    view = View(history, Filter.parse("web"))
    for typed in ("failed", "", "payments", "web failed", "running"):
        search(view, 1)
        view.show(Filter.parse(typed))
    finish(view)
    assert rows(view) == naive(history, Chosen("running"))


def test_without_a_filter_nothing_is_searched_decompressed_or_parsed() -> None:
    history = history_of("load")
    with traced() as memory:
        view = View(history)
        assert view.complete
        assert not view.advance(1.0)
        assert len(view) == len(history)
        assert view.sequence_at(len(view) - 1) == history.end - 1
        assert view.row_at(history.end // 2) == history.end // 2
        assert memory.most < BLOCK_BYTES / 2
    assert all(segment.text is None for segment in history.segments())


def test_words_decided_by_names_need_no_payload() -> None:
    history = history_of("load")
    view = View(history, Filter(), frozenset(("Allocation",)))
    finish(view)
    assert 0 < len(view) < len(history)
    assert all(segment.text is None for segment in history.segments())


def test_a_second_search_does_not_read_the_payloads_again() -> None:
    history = history_of("load")
    finish(View(history, Filter.parse("complete")))
    view = View(history, Filter.parse("pending"))
    finish(view)
    assert rows(view) == naive(history, Chosen("pending"))
    filled = [segment for segment in history.segments() if history.is_filled(segment)]
    assert len(filled) >= 2
    assert all(segment.text is not None for segment in filled)


def test_cached_sentences_count_towards_the_bounds_and_are_evicted_with_their_events() -> None:
    history = history_of("load", max_events=4096)
    retained = []
    for _ in range(3):
        before = history.retained_bytes
        finish(View(history, Filter.parse("complete"), counts_facets=True))
        assert history.retained_bytes > before
        for each in recorded("load") * 2:
            history.append(each, 1)
        retained.append(history.retained_bytes)
    assert retained[1] == retained[2], "the names of nodes and states, which stay, are known by then"


# While events arrive and are evicted


def test_a_search_survives_eviction_of_the_searched_events() -> None:
    """Each number of steps interrupts it at another position."""
    for interrupted_after in range(1, 40, 2):
        history = History(max_events=1600)
        feed = synthetic()
        fill(history, feed, 1600)
        chosen = Chosen("blocked")
        view = chosen.view(history)
        search(view, interrupted_after - 1)
        fill(history, feed, 1590)
        check_places(view)
        finish(view)
        assert rows(view) == naive(history, chosen)


def test_an_object_is_not_mistaken_for_an_evicted_one() -> None:
    """A history reuses the number of an evicted object."""
    history = History(max_events=64)
    chosen = Chosen("wanted")
    view = chosen.view(history)
    for index in range(1, 600):
        name = "wanted" if index // 40 % 2 else "other"
        history.append(frame(index, {"Topic": "FutureTopic", "Key": f"{name}-{index}"}), 1)
        finish(view)
        assert rows(view) == naive(history, chosen)


def synthetic() -> Iterator[Frame]:
    """Return frames of one to four events whose sentences do not depend on earlier events."""
    statuses = itertools.cycle(["blocked", "complete", "pending", "complete", "failed"])
    for index in itertools.count(1):
        members: list[dict[str, Any]] = [
            {"Topic": "Job", "Type": "PlanResult", "Key": f"job-{index % 5}", "Payload": {}}
        ]
        for number in range(index % 4):
            evaluation = {"JobID": f"job-{index % 5}", "Status": next(statuses), "Type": "service"}
            key = f"evaluation-{index}-{number}"
            members.append({**EVALUATION, "Key": key, "FilterKeys": None, "Payload": {"Evaluation": evaluation}})
        yield frame(index, *members[index % 3 == 0 and len(members) > 1 :])


def fill(history: History, feed: Iterator[Frame], count: int) -> None:
    end = history.end + count
    while history.end < end:
        history.append(next(feed), 1)


filters = st.builds(
    Chosen,
    st.sampled_from(["", "blocked", "failed job-1", "job-2", "evaluation complete", "planresult", "nowhere", "7"]),
    st.sampled_from([frozenset[str](), frozenset(("Job",)), frozenset(("Evaluation",))]),
)
doings = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 20)),
    st.tuples(st.just("append"), st.integers(50, 400)),
    st.tuples(st.just("advance"), st.integers(1, 6)),
    st.tuples(st.just("advance"), st.integers(1, 6)),
    st.tuples(st.just("show"), filters),
    st.tuples(st.just("gap"), st.none()),
)


@settings(max_examples=times(40))
@given(st.sampled_from([64, 800, 1600]), st.integers(0, 2000), filters, st.lists(doings, max_size=20))
def test_rows_match_the_filter_with_any_arrivals_and_evictions(
    max_events: int, at_first: int, chosen: Chosen, doings: list[tuple[str, Any]]
) -> None:
    history = History(max_events=max_events)
    feed = synthetic()
    fill(history, feed, at_first)
    view = chosen.view(history)
    for doing, what in doings:
        if doing == "append":
            fill(history, feed, what)
        elif doing == "gap":
            history.append_gap(GAP, 1)
        elif doing == "show":
            chosen = what
            view.show(what.filter, what.hidden)
        else:
            search(view, what)
        check_places(view)
    finish(view)
    assert view.complete
    check_places(view)
    assert rows(view) == naive(history, chosen)


# Every field of the language


def field_history() -> History:
    history = history_of("tour")
    history.append_gap(GAP, 1)
    return history


def found(history: History, typed: str, **options: Any) -> list[HeldEvent]:
    view = View(history, Filter.parse(typed), **options)
    finish(view)
    return [history.event(sequence) for sequence in rows(view) if history.gap(sequence) is None]


@pytest.mark.parametrize(
    ("typed", "path", "value"),
    [
        ("topic:allocation status:failed", ("Allocation", "ClientStatus"), "failed"),
        ("topic:Alloc status:=failed", ("Allocation", "ClientStatus"), "failed"),
        ("topic:eval status:blocked", ("Evaluation", "Status"), "blocked"),
        ("topic:deployment status:success*", ("Deployment", "Status"), "successful"),
        ("topic:node node:edge-1", ("Node", "Name"), "edge-1"),
        ("topic:alloc node:edge-1", ("Allocation", "NodeName"), "edge-1"),
        ("topic:alloc group:cache", ("Allocation", "TaskGroup"), "cache"),
    ],
)
def test_a_field_matches_exactly_the_events_whose_payload_has_the_value(
    typed: str, path: tuple[str, str], value: str
) -> None:
    history = field_history()
    matching = []
    for sequence in range(history.end):
        if history.gap(sequence) is None:
            payload = json.loads(history.payload(sequence))
            if payload.get(path[0], {}).get(path[1]) == value and history.event(sequence).topic == path[0]:
                matching.append(sequence)
    assert matching
    assert [event.sequence for event in found(history, typed)] == matching


def test_short_ids_match_their_own_objects_and_those_that_refer_to_them() -> None:
    history = field_history()
    allocation = next(event for event in found(history, "topic:alloc") if b'"DeploymentID":""' not in event.payload)
    value = json.loads(allocation.payload)["Allocation"]
    of_it = found(history, f"alloc:{value['ID'][:8]}")
    assert {event.topic for event in of_it} <= {"Allocation", "Service"}
    assert all(event.key == value["ID"] for event in of_it if event.topic == "Allocation")
    for field, name in (("eval", "EvalID"), ("deploy", "DeploymentID")):
        topics = {event.topic for event in found(history, f"{field}:{value[name][:8]}")}
        assert {"Allocation", "Evaluation" if field == "eval" else "Deployment"} <= topics
    by_node = found(history, f"node:{value['NodeID'][:8]}")
    assert by_node == found(history, f"node:={value['NodeName']}")
    assert {"Allocation", "Node"} <= {event.topic for event in by_node}


def test_index_region_user_and_task() -> None:
    history = field_history()
    assert {event.index for event in found(history, "index:>100 index:<=110")} <= set(range(101, 111))
    assert [event.index for event in found(history, "index:14,15")] == [
        event.index for event in found(history, "") if event.index in (14, 15)
    ]
    view = View(history, Filter.parse("region:europe topic:node"))
    view.region = "europe-1"
    view.show(view.filter)
    finish(view)
    assert len(view) - history.gaps == len(found(history, "topic:node"))
    job = {
        "Topic": "Job",
        "Type": "JobRegistered",
        "Key": "web",
        "Namespace": "default",
        "Payload": {
            "Job": {
                "ID": "web",
                "Region": "asia",
                "TaskGroups": [{"Name": "front", "Tasks": [{"Name": "nginx", "User": "www-data"}]}],
            }
        },
    }
    for typed in ("user:www-data", "task:nginx", "group:front", "region:=asia", "user:www* task:/^ng/"):
        assert len(found(events(job, EVALUATION), typed)) == 1, typed


def test_time_matches_the_time_in_the_list() -> None:
    history = field_history()
    held = [event.sequence for event in found(history, "")]
    moments = {sequence: happened(history, sequence) for sequence in held}
    now = max(moment for moment in moments.values() if moment is not None)
    view = View(history)
    view.show(Filter.parse("time:<20s"), now=now)
    finish(view)
    recent = [sequence for sequence, moment in moments.items() if moment is not None and moment >= now - 20 * 10**9]
    assert 0 < len(recent) < len(held)
    assert [sequence for sequence in rows(view) if history.gap(sequence) is None] == recent


def test_a_payloads_bytes_and_expressions_over_it() -> None:
    history = field_history()
    crashed = found(history, "~OOM")
    assert all(b"OOM" in event.payload for event in crashed)
    assert found(history, "~oom") == [event for event in found(history, "") if b"oom" in event.payload.lower()]
    failed = found(history, 'Allocation.ClientStatus == "failed"')
    assert failed
    assert (
        failed == found(history, 'topic:alloc ClientStatus == "failed"') == found(history, "topic:alloc status:failed")
    )
    assert found(history, 'ClientStatus == "failed" and JobID matches "^fl" and -~nowhere') == [
        event for event in failed if event.job.startswith("fl")
    ]


def test_or_and_not_combine_terms_decided_at_different_stages() -> None:
    history = field_history()
    everything = [event.sequence for event in found(history, "")]
    for typed in (
        "status:failed or topic:node",
        "~oom or status:blocked or web",
        "-(status:failed or ~oom) web",
        '-ClientStatus == "failed"',
        "(time:<1s or index:<50) -type:PlanResult",
        "job:web (status:running or ~canary)",
    ):
        inside = [event.sequence for event in found(history, typed)]
        outside = [event.sequence for event in found(history, f"-({typed})")]
        assert inside
        assert sorted(inside + outside) == everything


# Facets


def counted(view: View) -> dict[Dimension, Counter[str]]:
    return {dimension: Counter(view.counts(dimension)) for dimension in Dimension}


def test_facets_count_held_events_that_match_the_rest_of_the_filter() -> None:
    history = field_history()
    view = View(history, counts_facets=True)
    finish(view)
    assert view.facets_complete
    assert counted(view)[Dimension.TOPIC] == history.topic_counts
    events_held = found(history, "")
    assert counted(view)[Dimension.JOB] == Counter(event.job for event in events_held if event.job)
    assert counted(view)[Dimension.STATUS]["failed"] == len(found(history, "status:=failed"))

    chosen = with_ticked(Filter.parse("web"), Dimension.STATUS, ["running", "pending"])
    assert ticked(chosen, Dimension.STATUS) == {"running", "pending"}
    chosen = with_ticked(chosen, Dimension.JOB, ["web"])
    view.show(chosen, frozenset(("Evaluation",)))
    finish(view)
    shown_now = [history.event(sequence) for sequence in rows(view) if history.gap(sequence) is None]
    assert shown_now == [
        event for event in found(history, "web status:=running,pending job:=web") if event.topic != "Evaluation"
    ]
    counts = counted(view)
    assert counts[Dimension.TYPE] == Counter(event.type for event in shown_now)
    not_evaluations = [event for event in found(history, "web job:=web") if event.topic != "Evaluation"]
    with_status = [event for event in not_evaluations if status(history, event)]
    assert counts[Dimension.STATUS] == Counter(status(history, event) for event in with_status)
    assert counts[Dimension.TOPIC] == Counter(
        event.topic for event in found(history, "web status:=running,pending job:=web")
    )


def status(history: History, event: HeldEvent) -> str:
    return sentence(history, event.sequence).status


@settings(max_examples=times(25))
@given(st.lists(st.one_of(st.integers(1, 400), st.none()), max_size=12), st.sampled_from(["", "blocked", "job:=job-1"]))
def test_facets_stay_correct_with_arrivals_and_evictions(doings: list[int | None], typed: str) -> None:
    history = History(max_events=800)
    feed = synthetic()
    view = View(history, Filter.parse(typed), counts_facets=True)
    for doing in doings:
        if doing is None:
            search(view, 5)
        else:
            fill(history, feed, doing)
    finish(view)
    again = View(history, Filter.parse(typed), counts_facets=True)
    finish(again)
    assert counted(view) == counted(again)
    assert rows(view) == rows(again)


# Folding


def alike(status: str, *, key: str = "node-1") -> dict[str, Any]:
    return {"Topic": "FutureTopic", "Type": "Changed", "Key": key, "Payload": {"Status": status}}


def words_in_a_row(*statuses: str) -> History:
    history = History()
    for index, one in enumerate(statuses):
        history.append(frame(index, {"Topic": "Variable", "Type": one, "Key": "v", "Payload": {}}), 1)
    return history


def test_a_repeated_state_of_an_object_is_folded_into_its_first_event() -> None:
    history = words_in_a_row("Locked", "Locked", "Freed", "Freed", "Freed", "Locked")
    view = View(history)
    view.show(Filter(), fold=Fold.REPEATS)
    finish(view)
    assert [(sequence, view.repeats(sequence)) for sequence in rows(view)] == [(0, 1), (2, 2), (5, 0)]
    history.append(frame(9, {"Topic": "Variable", "Type": "Locked", "Key": "v", "Payload": {}}), 1)
    finish(view)
    assert view.repeats(5) == 1
    view.show(Filter())
    assert len(view) == 7


def test_folded_events_are_shown_when_their_first_is_evicted() -> None:
    history = History(max_events=64)
    view = View(history)
    view.show(Filter(), fold=Fold.REPEATS)
    for index in range(300):
        history.append(frame(index, {"Topic": "Variable", "Type": "Locked", "Key": "v", "Payload": {}}), 1)
        if index % 7 == 0:
            finish(view)
            check_places(view)
            assert rows(view) == [history.first]
            assert view.repeats(history.first) == len(history) - 1


def test_folding_in_a_recording_hides_only_the_repeats() -> None:
    history = history_of("load")
    view = View(history)
    view.show(Filter.parse("complete"), fold=Fold.REPEATS)
    finish(view)
    whole = Chosen("complete").view(history)
    finish(whole)
    folded = rows(view)
    assert len(folded) + sum(view.repeats(sequence) for sequence in folded) == len(whole)
    assert set(folded) <= set(rows(whole))


# Prefetching


def test_events_prepared_while_idle_are_not_read_again() -> None:
    history = history_of("load")
    preparation = Preparation(Derived(history))
    while preparation.advance(1000.0):
        pass
    segments = [segment for segment in history.segments() if history.is_filled(segment)]
    assert segments
    assert all(segment.text is not None and len(segment.status) == len(segment) for segment in segments)
    view = Chosen("complete").view(history)
    finish(view)
    assert rows(view) == naive(history, Chosen("complete"))
