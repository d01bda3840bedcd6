"""Going to an index or a time: valid input, the row it selects, and the prompt."""

from datetime import UTC, datetime, timedelta, timezone
from datetime import time as time_of_day
from time import process_time
from zoneinfo import ZoneInfo

import pytest

from nomad_tui.core.filter import Filter
from nomad_tui.core.history.event_row import EventRow, happened, row
from nomad_tui.core.history.history import History
from nomad_tui.core.search.view import View
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, decode
from nomad_tui.ui.events.go_to import (
    SCANNED,
    AtIndex,
    AtMoment,
    AtTimeOfDay,
    Place,
    UnknownPlaceError,
    find,
    moment_of,
    parse_place,
    row_at_index,
    row_at_moment,
)
from tests import recordings
from tests.list_screen import NOW, Alone, event, history_of, job, list_alone
from tests.recordings import frame

SECOND = 1_000_000_000


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def read(text: str) -> Place:
    return parse_place(text, NOW, UTC)


# Input


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("1204", AtIndex(1204)),
        (" 1,204,000 ", AtIndex(1_204_000)),
        ("0", AtIndex(0)),
        ("20261123", AtIndex(20_261_123)),
        ("14:30", AtTimeOfDay(time_of_day(14, 30))),
        ("9:05", AtTimeOfDay(time_of_day(9, 5))),
        ("14:30:05", AtTimeOfDay(time_of_day(14, 30, 5))),
        ("14:30:05.123", AtTimeOfDay(time_of_day(14, 30, 5, 123_000))),
        ("-5m", AtMoment(NOW - 300 * SECOND)),
        ("5m", AtMoment(NOW - 300 * SECOND)),
        ("1h 30m", AtMoment(NOW - 5_400 * SECOND)),
        ("-2D", AtMoment(NOW - 172_800 * SECOND)),
        ("90s", AtMoment(NOW - 90 * SECOND)),
        ("2026-11-23 08:50", AtMoment(ns("2026-11-23T08:50:00+00:00"))),
        ("2026-11-23T08:50:07Z", AtMoment(ns("2026-11-23T08:50:07+00:00"))),
        ("2026-11-23T08:50:07+02:00", AtMoment(ns("2026-11-23T06:50:07+00:00"))),
        ("2026-11-23", AtMoment(ns("2026-11-23T00:00:00+00:00"))),
    ],
)
def test_an_index_a_time_an_age_and_a_date_are_parsed(text: str, place: Place) -> None:
    assert read(text) == place


def test_a_time_is_reported_by_the_clock_on_the_screen() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_place("2026-11-23 09:50", NOW, berlin) == AtMoment(ns("2026-11-23T08:50:00+00:00"))
    assert moment_of(AtTimeOfDay(time_of_day(9, 50)), 0, NOW, berlin) == ns("2026-11-23T08:50:00+00:00")


@pytest.mark.parametrize(
    "text",
    ["", "abc", "25:00", "14:60", "-", "-5", "1,20", "+200", "5 minutes", "2026-13-01", "٣٤:٠٠", "9" * 400 + "d"],
)
def test_invalid_input_is_reported(text: str) -> None:
    with pytest.raises(UnknownPlaceError) as raised:
        read(text)
    message = str(raised.value)
    assert message.endswith("Type an index (1204), a time (14:30), an age (-5m) or 2026-11-23 14:30.")
    assert len(message) < 170


def test_control_characters_are_not_echoed() -> None:
    with pytest.raises(UnknownPlaceError) as raised:
        read("\x1b[2J\n")
    assert str(raised.value).isprintable()


def test_a_time_of_day_is_of_the_newest_events_day_or_else_of_the_day_before() -> None:
    newest = ns("2026-11-23T00:10:00+00:00")
    late = AtTimeOfDay(time_of_day(23, 50))
    assert moment_of(late, ns("2026-11-22T20:00:00+00:00"), newest, UTC) == ns("2026-11-22T23:50:00+00:00")
    assert moment_of(late, ns("2026-11-22T23:55:00+00:00"), newest, UTC) == ns("2026-11-23T23:50:00+00:00")
    early = AtTimeOfDay(time_of_day(0, 5))
    assert moment_of(early, newest, newest, UTC) == ns("2026-11-23T00:05:00+00:00")


# Row


def test_the_first_row_with_the_index_or_a_later_one() -> None:
    history = history_of(job(number) for number in range(0, 20_000, 2))
    view = View(history)
    assert row_at_index(view, len(view), 0) == 0
    assert row_at_index(view, len(view), 12_000) == 6_000
    assert row_at_index(view, len(view), 11_999) == 6_000
    assert row_at_index(view, len(view), 19_998) == 9_999
    assert row_at_index(view, len(view), 19_999) is None
    assert row_at_index(view, 6_000, 12_000) is None, "rows behind a pause are not there"


def test_indexes_that_went_back_are_found_in_the_order_of_arrival() -> None:
    history = history_of(job(number) for number in (100, 5_000, *range(10, 300)))
    view = View(history)
    assert row_at_index(view, len(view), 200) == 1
    assert row_at_index(view, len(view), 90) == 0
    assert row_at_index(view, len(view), 5_001) is None


async def test_the_word_gap_goes_from_gap_to_gap_and_on_from_the_oldest() -> None:
    history = history_of(job(number) for number in range(5))
    gaps = []
    for first in (20, 40):
        gaps.append(history.end)
        history.append_gap(Gap(GapReason.BUFFER, first - 10, first, 41.0), 0)
        for number in range(first, first + 5):
            history.append(job(number), 0)
    async with list_alone(history) as alone:
        seen = []
        for _ in range(3):
            await alone.press(":")
            await alone.at_once("gap\r")
            seen.append(alone.events.cursor)
        assert seen == [gaps[0], gaps[1], gaps[0]]
    async with list_alone(history_of([job(1)])) as alone:
        await alone.press(":")
        await alone.at_once("gap\r")
        assert alone.prompt is not None
        assert "No gaps in the events shown" in str(alone.prompt.trouble.content)


def test_a_gap_counts_by_the_index_behind_it() -> None:
    history = history_of(job(number) for number in range(30, 41))
    history.append_gap(Gap(GapReason.BUFFER, 40, 61, 41.0), 0)
    history.append(job(61), 0)
    view = View(history)
    assert row_at_index(view, len(view), 50) == 11
    assert history.gap(view.sequence_at(11)) is not None


def test_only_visible_rows_are_targets() -> None:
    view = View(history_of(job(number) for number in range(9_000)), Filter.parse("job-77"))
    while not view.complete:
        view.advance(0.1)
    for index, key in ((0, "job-77"), (78, "job-770"), (780, "job-7700"), (7_750, "job-7750")):
        found = row_at_index(view, len(view), index)
        assert found is not None
        assert view.history.event(view.sequence_at(found)).key == key
    assert row_at_index(view, len(view), 7_800) is None


def first_at(view: View, moment: int) -> int | None:
    """Like `row_at_moment`, by checking every row."""
    times = ((number, happened(view.history, view.sequence_at(number))) for number in range(len(view)))
    return next((number for number, known in times if known is not None and known >= moment), None)


def test_the_first_row_of_a_time_or_later() -> None:
    history = history_of(job(number, NOW + number * SECOND) for number in range(1, 3_000))
    for view in (View(history), View(history, Filter.parse("job-2"))):
        while not view.complete:
            view.advance(0.1)
        for moment in (0, *range(NOW, NOW + 3_010 * SECOND, 97 * SECOND + 1)):
            assert row_at_moment(view, len(view), moment) == first_at(view, moment)


def test_neighbours_out_of_order_are_handled() -> None:
    def jittered(number: int) -> int:
        return NOW + (number + (number * 7919) % (SCANNED // 2)) * SECOND

    view = View(history_of(job(number, jittered(number)) for number in range(1, 3_000)))
    for moment in range(NOW, NOW + 3_000 * SECOND, 61 * SECOND):
        assert row_at_moment(view, len(view), moment) == first_at(view, moment)


def test_times_that_went_back_with_a_rebuilt_server_are_found_in_the_order_of_arrival() -> None:
    history = history_of(job(number, NOW + number * SECOND) for number in range(1, 1_500))
    history.append_gap(Gap(GapReason.REBUILT, 1_500, 3, 41.0), 0)
    for number in range(1, 5_000):
        history.append(job(number, NOW - 10_000 * SECOND + number * SECOND), 0)
    view = View(history)
    for moment in range(NOW - 9_000 * SECOND, NOW + 2_000 * SECOND, 499 * SECOND):
        assert row_at_moment(view, len(view), moment) == first_at(view, moment)


def test_live_events_are_found_by_their_receipt_time() -> None:
    history = History()
    for number in range(500):
        history.append(frame(number, event("Service", f"s{number}")), NOW + number * SECOND)
    view = View(history)
    assert row_at_moment(view, len(view), NOW + 200 * SECOND) == 200
    assert row_at_moment(view, len(view), NOW + 500 * SECOND) is None


def test_the_time_of_a_row_is_the_one_it_shows() -> None:
    for name in ("tour", "hostile"):
        history = History()
        for text in recordings.lines(name):
            if isinstance(decoded := decode(text), Frame):
                history.append(decoded, 0)
        for sequence in range(history.first, history.end):
            found = row(history, sequence)
            assert isinstance(found, EventRow)
            assert happened(history, sequence) == found.when()[0]


def test_a_large_history_is_searched_at_once() -> None:
    """A tenth of the default history takes some 20 ms on an idle machine; checking every row takes seconds."""
    history = history_of(job(number, NOW + number * SECOND // 100) for number in range(1, 100_001))
    view = View(history)
    began = process_time()
    assert row_at_moment(view, len(view), NOW + 500 * SECOND) == 49_999
    assert row_at_index(view, len(view), 75_000) == 74_999
    assert process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5000", "No events there; the newest held is index 3,120."),
        ("9:00", "No events there; the newest held is of 08:52:20 on 2026-11-23."),
    ],
)
def test_a_place_without_events_is_reported(text: str, message: str) -> None:
    view = View(history_of([job(3_119, NOW - SECOND), job(3_120, NOW)]))
    with pytest.raises(UnknownPlaceError) as raised:
        find(text, view, len(view), NOW, UTC)
    assert str(raised.value) == message


def test_events_without_a_time_and_no_events_are_reported() -> None:
    for history, message in (
        (history_of([frame(1, event("Service", "a"))]), "have no times"),
        (History(), "No events are shown"),
    ):
        view = View(history)
        with pytest.raises(UnknownPlaceError) as raised:
            find("14:30", view, len(view), NOW, timezone(timedelta(hours=1)))
        assert message in str(raised.value)


# The prompt


def trouble(alone: Alone) -> str:
    prompt = alone.prompt
    return "" if prompt is None else str(prompt.trouble.content)


async def test_an_index_is_typed_and_selected() -> None:
    async with list_alone(history_of(job(number) for number in range(500))) as alone:
        await alone.press("colon")
        assert alone.prompt is not None
        await alone.press(*"250", "enter")
        await alone.until(lambda: alone.prompt is None)
        assert alone.selected == "job-250"
        assert any("job-250" in text for text in alone.rows)
        assert not alone.events.viewport.following


async def test_a_time_is_typed_and_selected() -> None:
    async with list_alone(history_of(job(number, NOW - (500 - number) * SECOND) for number in range(500))) as alone:
        await alone.press("colon", *"8:50", "enter")
        await alone.until(lambda: alone.prompt is None)
        assert alone.selected == "job-360"
        await alone.press("colon", "minus", *"10s", "enter")
        await alone.until(lambda: alone.prompt is None)
        assert alone.selected == "job-490"


async def test_a_mistake_is_shown_at_the_prompt_and_can_be_corrected() -> None:
    async with list_alone(history_of(job(number) for number in range(50))) as alone:
        await alone.press("colon", *"4x", "enter")
        await alone.until(lambda: "Unknown place '4x'" in trouble(alone))
        await alone.press("backspace", "9", "9", "enter")
        await alone.until(lambda: "No events there; the newest held is index 49." in trouble(alone))
        assert alone.selected is None
        await alone.press("backspace", "enter")
        await alone.until(lambda: alone.prompt is None)
        assert alone.selected == "job-49"


async def test_esc_goes_nowhere() -> None:
    async with list_alone(history_of(job(number) for number in range(50))) as alone:
        await alone.press("k", "colon", "3", "escape")
        await alone.until(lambda: alone.prompt is None)
        assert alone.selected == "job-49"
        assert alone.app.focused is alone.events
