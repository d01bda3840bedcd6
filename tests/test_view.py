"""A filter shows what it says, newest first, whatever comes and goes while it is searching."""

import itertools
import json
from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_tui.core import view as view_module
from nomad_tui.core.history import History
from nomad_tui.core.rows import EventRow, GapRow, row, sentence
from nomad_tui.core.search import Filter, Matcher
from nomad_tui.core.topics import TOPICS
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.view import View
from nomad_tui.core.wire import Frame, decode
from tests import recordings

GAP = Gap(GapReason.BUFFER, 5, 9, 1.0)


def frame(index: int, *events: dict[str, Any]) -> Frame:
    decoded = decode(json.dumps({"Index": index, "Events": events}).encode())
    assert isinstance(decoded, Frame)
    return decoded


@cache
def recorded(name: str) -> list[Frame]:
    return [frame for line in recordings.lines(name) if isinstance(frame := decode(line), Frame)]


def history_of(name: str, max_events: int = 1_000_000) -> History:
    history = History(max_events=max_events)
    for number, each in enumerate(recorded(name)):
        history.append(each, 1)
        if number % 50 == 49:
            history.append_gap(GAP, 1)
    return history


def rows(view: View) -> list[int]:
    return [view.sequence_at(number) for number in range(len(view))]


def said(history: History, sequence: int) -> tuple[str, str] | None:
    """An event's topic and all that an operator sees of it; None for a gap."""
    if history.gap(sequence) is not None:
        return None
    event = history.event(sequence)
    places = (event.topic, event.type, event.key, event.namespace, event.job, sentence(history, sequence).text)
    return event.topic, "\n".join(places).lower()


def is_shown(event: tuple[str, str] | None, chosen: Filter) -> bool:
    """The filter, said plainly."""
    if event is None:
        return True
    topic, text = event
    return topic not in chosen.hidden_topics and all(word in text for word in chosen.words)


def naive(history: History, chosen: Filter) -> list[int]:
    return [row for row in range(history.first, history.end) if is_shown(said(history, row), chosen)]


@cache
def all_said(name: str) -> list[tuple[str, str] | None]:
    history = history_of(name)
    return [said(history, row) for row in range(history.end)]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes `advance(n)` search n - 1 steps, however fast the machine is."""
    count_steps(monkeypatch)


def count_steps(patch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    patch.setattr(view_module, "perf_counter", lambda: float(next(ticks)))


def finish(view: View) -> None:
    while view.advance(1000.0):
        pass


# What is shown


@pytest.mark.parametrize("name", ["tour", "beta", "hostile", "load"])
@pytest.mark.parametrize(
    "typed",
    [
        "",
        "web",
        "WEB",
        "failed",
        "exit",
        "complete web",
        "payments",
        "planresult",
        "pending running",
        "→",
        "nowhere-at-all",
    ],
)
def test_a_filter_shows_exactly_the_events_that_hold_its_words(name: str, typed: str) -> None:
    history = history_of(name)
    for hidden in (frozenset[str](), frozenset(("Allocation", "Node"))):
        chosen = Filter.parse(typed, hidden)
        view = View(history, chosen)
        finish(view)
        assert view.complete
        assert rows(view) == [row for row, event in enumerate(all_said(name)) if is_shown(event, chosen)]


def test_the_recorded_filters_are_worth_testing_with() -> None:
    history = history_of("tour")
    found = {
        typed: len(naive(history, Filter.parse(typed))) for typed in ("web", "failed", "payments", "pending running")
    }
    assert all(count > history.gaps for count in found.values()), found


def events(*members: dict[str, Any]) -> History:
    history = History()
    history.append(frame(7, *members), 1)
    return history


def shown(history: History, typed: str, hidden: frozenset[str] = frozenset()) -> list[int]:
    view = View(history, Filter.parse(typed, hidden))
    finish(view)
    assert rows(view) == [row for row in range(history.end) if Matcher(history, view.filter).matches(row)]
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
    ["evaluation", "evaluationupdated", "012", "production", "web-shop", "blocked", "shop block prod", "SHOP Blocked"],
)
def test_a_word_is_found_wherever_an_operator_sees_it_in_any_case(typed: str) -> None:
    other = {"Topic": "Node", "Type": "NodeDrain", "Key": "n1", "Payload": {}}
    assert shown(events(other, EVALUATION, other), typed) == [1]


def test_every_word_must_be_found_and_order_does_not_matter() -> None:
    history = events(EVALUATION)
    assert shown(history, "blocked shop") == shown(history, "shop blocked") == [0]
    assert shown(history, "blocked shop missing") == []


def test_names_of_the_beta_page_find_what_is_shown_under_the_released_ones() -> None:
    history = events(
        {"Topic": "Alloc", "Type": "AllocUpdated", "Key": "a1"},
        {"Topic": "Evaluation", "Type": "EvaluationUpdated", "Key": "e1"},
        {"Topic": "Job", "Type": "JobRegistered", "Key": "alloc-cleaner"},
        {"Topic": "Node", "Type": "NodeStreamEvent", "Key": "n1"},
    )
    assert shown(history, "AllocUpdated") == shown(history, "AllocationUpdated") == [0]
    assert shown(history, "evalupdated") == shown(history, "EVAL") == [1]
    assert shown(history, "nodeevent") == [3]
    assert shown(history, "alloc") == [0, 2]
    assert shown(history, "Allocation") == [0]


def test_hidden_topics_are_not_shown_whatever_their_words_and_gaps_always_are() -> None:
    history = events(EVALUATION, {"Topic": "Job", "Key": "web-shop"})
    history.append_gap(GAP, 1)
    assert shown(history, "", frozenset(("Evaluation",))) == [1, 2]
    assert shown(history, "web-shop", frozenset(("Evaluation",))) == [1, 2]
    assert shown(history, "", frozenset(topic.name for topic in TOPICS)) == [2]
    assert shown(history, "no-such-word") == [2]


def test_a_filter_is_what_was_typed_between_white_space() -> None:
    assert Filter.parse("  Web \t web\u2003FAILED ").words == ("web", "failed")
    assert Filter.parse("   ").everything
    assert not Filter.parse("", frozenset(("Node",))).everything


def test_a_row_is_looked_up_whole() -> None:
    history = events(EVALUATION)
    history.append_gap(GAP, 1)
    looked_up = row(history, 0)
    assert isinstance(looked_up, EventRow)
    assert (looked_up.sequence, looked_up.index, looked_up.topic, looked_up.received) == (0, 7, "Evaluation", 1)
    assert looked_up.sentence == sentence(history, 0)
    assert row(history, 1) == GapRow(1, GAP)
    with pytest.raises(IndexError):
        row(history, 2)


# Rows and their places


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
    """Rows ascend and are held, a row is found at its number, and what is not shown has its place between them."""
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


def test_the_newest_matches_appear_first(steps: None) -> None:
    history = history_of("load", max_events=16 * 256)
    chosen = Filter.parse("complete")
    expected = naive(history, chosen)
    view = View(history, chosen)
    lengths = []
    while view.advance(2.0):
        assert rows(view) == expected[len(expected) - len(view) :]
        lengths.append(len(view))
    assert rows(view) == expected
    assert len(set(lengths)) > 5


def test_events_that_come_are_shown_before_the_search_of_older_ones_goes_on(steps: None) -> None:
    history = history_of("load", max_events=16 * 256)
    view = View(history, Filter.parse("complete"))
    view.advance(3.0)
    assert not view.complete
    newest = {**EVALUATION, "Payload": {"Evaluation": {"JobID": "new", "Status": "complete"}}}
    history.append(frame(99_999, newest), 1)
    view.advance(8.0)
    assert not view.complete
    assert view.sequence_at(len(view) - 1) == history.end - 1


def test_a_search_can_be_given_up_for_another(steps: None) -> None:
    history = history_of("tour")
    view = View(history, Filter.parse("web"))
    for typed in ("failed", "", "payments", "web failed", "running"):
        view.advance(2.0)
        view.show(Filter.parse(typed))
    finish(view)
    assert rows(view) == naive(history, Filter.parse("running"))


def test_without_a_filter_nothing_is_searched_unpacked_or_parsed() -> None:
    history = history_of("load")
    view = View(history)
    assert view.complete
    assert not view.advance(1.0)
    assert len(view) == len(history)
    assert view.sequence_at(len(view) - 1) == history.end - 1
    assert view.row_at(history.end // 2) == history.end // 2
    assert not history._unpacked
    assert not history._frames
    assert all(segment.text is None for segment in history.segments())


def test_words_that_every_name_decides_need_no_payload() -> None:
    history = history_of("load")
    view = View(history, Filter.parse("", frozenset(("Allocation",))))
    finish(view)
    assert 0 < len(view) < len(history)
    assert not history._frames


def test_a_second_search_does_not_read_the_payloads_again() -> None:
    history = history_of("load")
    finish(View(history, Filter.parse("complete")))
    history._frames.clear()
    history._unpacked.clear()
    view = View(history, Filter.parse("pending"))
    finish(view)
    assert rows(view) == naive(history, Filter.parse("pending"))
    filled = [segment for segment in history.segments() if history.is_filled(segment)]
    assert len(filled) >= 2
    assert all(segment.text is not None for segment in filled)


def test_sentences_that_are_kept_count_towards_the_bounds_and_leave_with_their_events() -> None:
    history = history_of("load", max_events=4096)
    before = history.retained_bytes
    finish(View(history, Filter.parse("complete")))
    assert history.retained_bytes > before
    for each in recorded("load") * 2:
        history.append(each, 1)
    assert history._sealed_bytes == sum(segment.retained + len(segment.text or b"") for segment in history.segments())


# While events come and go


def test_a_search_survives_the_eviction_of_what_it_searches(steps: None) -> None:
    """Wherever it stands: each number of steps interrupts it in another place."""
    for interrupted_after in range(1, 40, 2):
        history = History(max_events=1600)
        feed = synthetic()
        fill(history, feed, 1600)
        chosen = Filter.parse("blocked")
        view = View(history, chosen)
        view.advance(float(interrupted_after))
        fill(history, feed, 1590)
        check_places(view)
        finish(view)
        assert rows(view) == naive(history, chosen)


def test_an_object_is_not_taken_for_one_whose_events_are_gone() -> None:
    """A history gives the number of an object that is gone to another one."""
    history = History(max_events=64)
    view = View(history, Filter.parse("wanted"))
    for index in range(1, 600):
        name = "wanted" if index // 40 % 2 else "other"
        history.append(frame(index, {"Topic": "FutureTopic", "Key": f"{name}-{index}"}), 1)
        finish(view)
        assert rows(view) == naive(history, view.filter)


def synthetic() -> Iterator[Frame]:
    """Frames of one to four events, whose sentences do not depend on what is held of earlier ones."""
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
    Filter.parse,
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


@settings(max_examples=80)
@given(st.sampled_from([64, 800, 1600]), st.integers(0, 2000), filters, st.lists(doings, max_size=20))
def test_whatever_comes_and_goes_the_rows_are_those_of_the_filter(
    max_events: int, at_first: int, chosen: Filter, doings: list[tuple[str, Any]]
) -> None:
    history = History(max_events=max_events)
    feed = synthetic()
    fill(history, feed, at_first)
    view = View(history, chosen)
    with pytest.MonkeyPatch.context() as patch:
        count_steps(patch)
        for doing, what in doings:
            if doing == "append":
                fill(history, feed, what)
            elif doing == "gap":
                history.append_gap(GAP, 1)
            elif doing == "show":
                view.show(what)
            else:
                view.advance(float(what) + 1)
            check_places(view)
        finish(view)
    assert view.complete
    check_places(view)
    assert rows(view) == naive(history, view.filter)
