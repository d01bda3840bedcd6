"""Marks, highlighted matches and folded repeats, as an operator sees them."""

import pytest
from rich.cells import cell_len

from nomad_tui.core.filter import Filter
from nomad_tui.core.history.history import History
from nomad_tui.core.search.view import Fold
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.ui.events.event_painter import MARK, MATCH
from tests.list_screen import Alone, event, history_of, job, list_alone
from tests.recordings import frame

GAP = Gap(GapReason.BUFFER, 40, 61, 41.0)


def marked(alone: Alone) -> list[str]:
    """Names of the jobs whose rows are marked."""
    return [word for text in alone.rows if MARK in text for word in text.split() if word.startswith("job-")]


def select(alone: Alone, sequence: int) -> None:
    alone.events.select(alone.app.view.row_at(sequence))


# Marks


async def test_a_mark_is_in_the_row_without_moving_its_text() -> None:
    async with list_alone(history_of(job(number) for number in range(100))) as alone:
        select(alone, 90)
        before = alone.rows
        await alone.press("m")
        assert marked(alone) == ["job-90"]
        assert list(alone.events.marks) == [90]
        assert [text.replace(MARK, " ") for text in alone.rows] == before
        await alone.press("m")
        assert alone.rows == before
        assert not alone.events.marks


async def test_the_event_shown_while_following_can_be_marked() -> None:
    history = history_of(job(number) for number in range(100))
    async with list_alone(history) as alone:
        await alone.press("m")
        assert marked(alone) == ["job-99"]
        assert alone.events.viewport.following
        history.append(job(100), 0)
        alone.events.sync()
        assert marked(alone) == ["job-99"], "a mark is on an event and not on a row"


async def test_keys_go_from_mark_to_mark_and_wrap_around() -> None:
    async with list_alone(history_of(job(number) for number in range(300))) as alone:
        for sequence in (200, 10, 100):
            select(alone, sequence)
            await alone.press("m")
        assert alone.events.marks == (10, 100, 200)
        for key, expected in (("'", 200), ("'", 10), ("'", 100), ('"', 10), ('"', 200), ('"', 100)):
            await alone.press({"'": "apostrophe", '"': "quotation_mark"}[key])
            assert alone.selected == f"job-{expected}"
            assert marked(alone) == [f"job-{expected}"]
            assert not alone.events.viewport.following
            assert ("continued at the" in alone.subtitle) == ((key, expected) in {("'", 10), ('"', 200)})
        await alone.press("j", "apostrophe")
        assert alone.selected == "job-200"


async def test_without_a_selection_marks_are_searched_from_the_inspected_event() -> None:
    async with list_alone(history_of(job(number) for number in range(300))) as alone:
        for sequence in (299, 50):
            select(alone, sequence)
            await alone.press("m")
        alone.events.clear_selection()
        alone.events.follow(True)
        await alone.press("quotation_mark")
        assert alone.selected == "job-299"
        select(alone, 20)
        alone.events.clear_selection()
        await alone.press("apostrophe")
        assert alone.selected == "job-50"


async def test_no_mark_and_only_hidden_marks_are_reported() -> None:
    async with list_alone(history_of(job(number) for number in range(30))) as alone:
        await alone.press("apostrophe")
        assert "no marks: press m to mark an event" in alone.subtitle
        select(alone, 3)
        await alone.press("m")
        select(alone, 12)
        await alone.press("m")
        assert "no marks" not in alone.subtitle
        for words, expected, message in (("job-12", "job-12", ""), ("job-2", "job-12", "all marks are hidden (2)")):
            alone.app.view.show(Filter.parse(words))
            alone.events.renew()
            alone.search()
            await alone.press("apostrophe")
            assert alone.selected == expected
            assert message in alone.subtitle
        assert alone.events.marks == (3, 12)


async def test_a_mark_is_removed_with_its_event() -> None:
    history = History(max_events=64)
    for number in range(60):
        history.append(job(number), 0)
    async with list_alone(history) as alone:
        select(alone, history.first)
        await alone.press("m")
        select(alone, 59)
        await alone.press("m")
        for number in range(60, 100):
            history.append(job(number), 0)
        alone.events.sync()
        assert list(alone.events.marks) == [59]
        await alone.press("apostrophe", "apostrophe")
        assert alone.selected == "job-59"
        for number in range(100, 300):
            history.append(job(number), 0)
        alone.events.sync()
        await alone.press("m", "apostrophe")
        assert not alone.events.marks
        assert "no marks" in alone.subtitle


async def test_a_gap_can_be_marked() -> None:
    history = history_of(job(number) for number in range(5))
    history.append_gap(GAP, 0)
    history.append(job(61), 0)
    async with list_alone(history) as alone:
        select(alone, 5)
        await alone.press("m", "k", "apostrophe")
        assert alone.events.cursor == 5
        text = alone.rows[alone.row_of("gap")]
        assert MARK in text
        assert cell_len(text) == alone.events.scrollable_content_region.width


async def test_every_key_is_harmless_in_an_empty_list() -> None:
    async with list_alone(History()) as alone:
        await alone.press("m", "apostrophe", "quotation_mark", "n", "N", "H", "n", "N", "F")
        assert alone.selected is None


# Matches


def highlighted_rows(alone: Alone) -> list[str]:
    return [word for text in alone.rows if MATCH in text for word in text.split() if word.startswith("job-")]


async def test_matches_are_highlighted_among_the_other_rows() -> None:
    async with list_alone(history_of(job(number) for number in range(200)), filter_text="job-8") as alone:
        assert len(alone.app.view) == 11
        select(alone, 84)
        at = alone.row_of("job-84")
        await alone.press("H")
        alone.search()
        assert alone.selected == "job-84"
        assert alone.row_of("job-84") == at, "the selected event stays where it is"
        assert [alone.row_of(f"job-{number}") for number in range(80, 90)] == list(range(at - 4, at + 6))
        assert highlighted_rows(alone) == [f"job-{number}" for number in range(80, 90)]
        quiet, bright = alone.row_of("job-90"), alone.row_of("job-85")
        assert len({segment.style for segment in alone.events.render_line(quiet)}) == 1
        assert len({segment.style for segment in alone.events.render_line(bright)}) > 1
        await alone.press("H")
        alone.search()
        assert alone.selected == "job-84"
        assert len(alone.app.view) == 11
        assert highlighted_rows(alone) == []


@pytest.mark.parametrize("highlighted", [True, False])
async def test_keys_go_from_match_to_match_and_wrap_around(highlighted: bool) -> None:
    async with list_alone(history_of(job(number) for number in range(300)), filter_text="job-2") as alone:
        if highlighted:
            await alone.press("H")
        alone.search()
        select(alone, 2)
        for key, expected in (("n", 20), ("n", 21), ("N", 20), ("N", 2), ("N", 299), ("n", 2)):
            await alone.press(key)
            assert alone.selected == f"job-{expected}"
            assert alone.row_of(f"job-{expected} ") >= 0
            assert ("continued at the" in alone.subtitle) == ((key, expected) in {("N", 299), ("n", 2)})


async def test_a_match_off_screen_is_shown_with_its_context() -> None:
    async with list_alone(history_of(job(number) for number in range(300)), filter_text="job-150") as alone:
        await alone.press("H")
        alone.search()
        select(alone, 10)
        await alone.press("n")
        assert alone.selected == "job-150"
        assert alone.row_of("job-147") < alone.row_of("job-150") < alone.row_of("job-155")


async def test_a_gap_is_drawn_normally_and_is_not_a_match() -> None:
    history = history_of(job(number) for number in range(5))
    history.append_gap(GAP, 0)
    history.append(job(61), 0)
    async with list_alone(history, filter_text="job-61") as alone:
        await alone.press("H")
        alone.search()
        gap = list(alone.events.render_line(alone.row_of("gap")))
        other = list(alone.events.render_line(alone.row_of("job-3")))
        assert gap[0].style != other[0].style
        select(alone, 0)
        await alone.press("n")
        assert alone.selected == "job-61"


async def test_a_search_that_is_not_that_far_yet_is_reported() -> None:
    async with list_alone(history_of(job(number) for number in range(9_000)), filter_text="job-1 nowhere") as alone:
        await alone.press("H")
        assert alone.events.viewport.matches is not None
        assert not alone.events.viewport.matches.complete
        await alone.press("n")
        assert "searching …" in alone.subtitle
        alone.search()
        assert "searching …" not in alone.subtitle
        await alone.press("n")
        assert "no event matches" in alone.subtitle


async def test_rows_are_highlighted_as_the_search_finds_them() -> None:
    async with list_alone(history_of(job(number) for number in range(100)), filter_text="job-99") as alone:
        await alone.press("H")
        alone.search()
        await alone.until(lambda: f"{MATCH}" in alone.app.export_screenshot())
        assert highlighted_rows(alone) == ["job-99"]


# Repeats


async def test_repeats_are_counted_behind_the_sentence() -> None:
    same = {"ID": "web", "Type": "service", "Version": 3, "ModifyIndex": 2}
    history = history_of(frame(number, event("Job", "web", Job=same)) for number in range(10, 22))
    history.append(job(99), 0)
    async with list_alone(history) as alone:
        await alone.press("F")
        assert alone.app.fold_asked == 1
        rows = len(alone.app.view)
        alone.app.view.show(Filter(), fold=Fold.REPEATS)
        alone.events.renew()
        alone.search()
        shown = len(alone.app.view)
        assert shown < rows
        text = next(text for text in alone.rows if "×" in text)
        assert f" ×{rows - shown + 1}" in text
        assert cell_len(text) == alone.events.scrollable_content_region.width
        assert "×" not in alone.rows[alone.row_of("job-99")]
        history.append(frame(100, event("Job", "web", Job=same)), 0)
        alone.search()
        assert len(alone.app.view) == shown
        await alone.until(lambda: any(f" ×{rows - shown + 2}" in text for text in alone.rows))
