"""Filtering as an operator does it: with the keyboard, the mouse and pasted text."""

from pathlib import Path
from time import monotonic

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual import events as textual_events

from nomad_tui.core.filter import Filter, FilterError
from nomad_tui.core.history.event_row import sentence
from nomad_tui.core.search.paths import condition
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.session import Session
from nomad_tui.ui.filter.filter_bar import MISTAKE_DELAY, mistake
from nomad_tui.ui.filter.filtering import Filtering
from tests.dashboard import CONNECTED, NARROW, SIZES, WIDE, Dashboard, ScriptedSource, dashboard, event, frames, jobs
from tests.keyboard import at_rest
from tests.randomized import times
from tests.recordings import frame
from tests.state_folders import kept

RUBBISH = "\x1b]0;OWNED\x07\x1b[2J canary\r\n\tweb\x00\x9b31m \u202e[bold]["


def listed(opened: Dashboard) -> list[str]:
    """Texts of all rows that match."""
    view = opened.dashboard.view
    return [sentence(view.history, view.sequence_at(number)).text for number in range(len(view))]


async def wait_for_filter(opened: Dashboard, text: str) -> None:
    """Wait until the typed filter is active and all held events were searched."""
    await opened.until(lambda: opened.dashboard.filter_line.value == text and opened.dashboard.filtering.error is None)
    await opened.until(lambda: opened.dashboard.view.filter == Filter.parse(text))
    await opened.caught_up()


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_typing_filters_and_says_how_many_match(size: tuple[int, int]) -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), size) as opened:
        await opened.shows(625)
        await opened.press("slash")
        assert opened.focus == "filter"
        await opened.type("canary web")
        await wait_for_filter(opened, "canary web")
        rows = listed(opened)
        assert 0 < len(rows) < 100
        assert all("canary" in text.lower() and "web" in text.lower() for text in rows)
        matches = f"{len(rows)} of 625"
        assert str(opened.dashboard.filter_bar.matches.content).strip() == matches
        assert matches in str(opened.events.border_title)
        assert matches in opened
        await opened.press("enter")
        assert opened.focus == "events"
        assert matches in opened
        await opened.press("slash", "escape")
        await wait_for_filter(opened, "")
        assert opened.focus == "events"
        assert len(listed(opened)) == 625
        assert str(opened.dashboard.filter_bar.matches.content) == ""


async def test_words_match_the_envelope_and_the_sentence() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        for text in ("payments", "plan", "oom-killed", "Deployment", "edge-2", "日本"):
            opened.dashboard.filter_line.value = text
            await wait_for_filter(opened, text)
            assert 0 < len(opened.dashboard.view) < 625, text
        opened.dashboard.filter_line.value = "payments nowhere"
        await wait_for_filter(opened, "payments nowhere")
        await opened.appears("no event matches: press / to change the filter, Esc to clear it")
        assert "0 of 625" in opened


async def test_dashboard_keys_are_text_in_the_filter() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(30)))) as opened:
        await opened.shows(30)
        await opened.press("slash")
        typed = "qfpzru123/?hjklgGoan<>"
        await opened.type(typed)
        assert opened.dashboard.filter_line.value == typed
        assert opened.app.is_running
        assert opened.events.viewport.following
        assert opened.events.viewport.paused_at is None
        await opened.press("left", "left", "backspace", "home", "delete", "end", "space")
        assert opened.dashboard.filter_line.value == "fpzru123/?hjklgGoa<> "


async def test_tab_skips_the_filter() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(30)))) as opened:
        await opened.shows(30)
        for _ in range(6):
            await opened.press("tab")
            assert opened.focus not in ("", "filter")
        for key in ("enter", "escape"):
            await opened.press("slash")
            assert opened.focus == "filter"
            await opened.press("up", "down")
            assert opened.focus == "filter"
            await opened.press(key)
            assert opened.focus not in ("", "filter")


async def test_a_click_on_the_filter_line_edits_it() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(30)))) as opened:
        await opened.shows(30)
        await opened.click("#filter", offset=(3, 0))
        assert opened.focus == "filter"
        await opened.type("job-7")
        await wait_for_filter(opened, "job-7")
        assert len(listed(opened)) == 1


async def test_pasted_garbage_is_harmless() -> None:
    source = ScriptedSource(CONNECTED, *frames("tour"))
    async with dashboard(source, NARROW) as opened:
        await opened.shows(625)
        for pasted in (RUBBISH, "x" * 10_000, "ab " * 3_333, "\n" * 200, "word\n" * 500, "\ud800"):
            await opened.press("slash")
            opened.app.post_message(textual_events.Paste(pasted))
            await opened.until(lambda pasted=pasted: opened.dashboard.filter_line.value or not pasted.strip())  # type: ignore[misc]
            value = opened.dashboard.filter_line.value
            assert value == "" or value.isprintable()
            await opened.until(lambda value=value: opened.dashboard.filtering.text == value)  # type: ignore[misc]
            await opened.until(
                lambda: opened.dashboard.filtering.error is None or opened.dashboard.filter_bar.mistake.display
            )
            await opened.caught_up()
            assert all(text.isprintable() for text in opened.screen())
            await opened.press("enter")
            source.send(*jobs(range(5)))
            await opened.shows(opened.history.received_events + 5)
            opened.dashboard.filter_line.put("")
            await wait_for_filter(opened, "")
            assert len(opened.dashboard.view) == opened.history.held


async def test_new_events_are_matched_as_they_arrive() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(100)))
    async with dashboard(source, filter_text="job-7") as opened:
        assert opened.dashboard.filter_line.value == "job-7"
        await opened.shows(100)
        assert "11 of 100" in opened
        source.send(*jobs(range(700, 705)), *jobs(range(800, 805)))
        await opened.shows(110)
        assert "16 of 110" in opened
        assert opened.events.viewport.following
        assert "job-704 " in [text for text in opened.rows() if text.strip()][-1]
        await opened.press("k")
        source.send(*jobs(range(710, 720)))
        await opened.shows(120)
        assert "26 of 120" in opened


async def test_the_filter_and_hidden_topics_combine() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        opened.dashboard.filter_line.value = "flaky"
        await wait_for_filter(opened, "flaky")
        flaky = len(opened.dashboard.view)
        await opened.press("1", "g", "j", "space")
        await wait_for_filter(opened, "flaky")
        fewer = len(opened.dashboard.view)
        assert 0 < fewer < flaky
        assert all("flaky" in text for text in listed(opened))
        opened.dashboard.filter_line.value = "flaky pending"
        await wait_for_filter(opened, "flaky pending")
        assert 0 < len(opened.dashboard.view) < fewer
        assert not any("◆" in text for text in opened.rows())
        await opened.press("a")
        opened.dashboard.filter_line.put("flaky")
        await wait_for_filter(opened, "flaky")
        assert len(opened.dashboard.view) == flaky


async def test_escape_in_the_list_clears_the_filter_then_the_selection() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(100))), filter_text="job-7") as opened:
        await opened.shows(100)
        await opened.press("k")
        await opened.press("escape")
        await wait_for_filter(opened, "")
        assert len(opened.dashboard.view) == 100
        assert opened.events.cursor is not None
        await opened.press("escape")
        assert opened.events.cursor is None


async def test_gaps_are_shown_with_any_filter_and_not_counted() -> None:
    gap = Gap(GapReason.BUFFER, 10, 20, 3.0)
    source = ScriptedSource(CONNECTED, *jobs(range(11)), gap, *jobs(range(20, 30)), frame(31, event("Job", "other")))
    async with dashboard(source, filter_text="other") as opened:
        await opened.shows(22)
        assert "1 of 22" in opened
        assert "gap: indexes 11–19 may be missing" in "\n".join(opened.rows())


# Mistakes


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_mistake_is_marked_and_the_previous_filter_stays_active(size: tuple[int, int]) -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), size) as opened:
        await opened.shows(625)
        await opened.press("slash")
        await opened.type("web ")
        await wait_for_filter(opened, "web ")
        matches = len(opened.dashboard.view)
        opened.app.post_message(textual_events.Paste("日本 satus:failed"))
        await opened.appears("did you mean status:?")
        lines = opened.screen()
        row = next(number for number, line in enumerate(lines) if "! web" in line)
        at = cell_len(lines[row][: lines[row].index("satus")])
        pointer = lines[row + 1]
        assert pointer[:at].strip() == ""
        assert pointer[at:].startswith("^^^^^")
        assert str(opened.dashboard.view.filter) == "web"
        assert len(opened.dashboard.view) == matches
        assert f"previous filter: {matches} of 625" in opened
        await opened.press("enter")
        assert opened.focus == "events"
        assert "did you mean status:?" in opened, "as long as the text is wrong"
        await opened.press("slash", "home", *["right"] * 7, *["delete"] * 13, "end")
        await wait_for_filter(opened, opened.dashboard.filter_line.value)
        assert "did you mean" not in opened
        assert "previous filter" not in opened
        assert not opened.dashboard.filter_bar.mistake.display


async def test_a_mistake_out_of_view_is_marked_at_the_edge() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), NARROW) as opened:
        await opened.shows(625)
        await opened.press("slash")
        opened.app.post_message(textual_events.Paste("satus:failed " + "word " * 60))
        await opened.appears("did you mean status:?")
        assert opened.dashboard.filter_line.scroll_offset.x > 0
        row = next(number for number, line in enumerate(opened.screen()) if line.startswith(" !"))
        assert opened.screen()[row + 1].startswith("‹")


@pytest.mark.parametrize(("column", "width"), [(0, 80), (40, 80), (79, 80), (80, 80), (-1, 80), (300, 20), (3, 1)])
def test_a_mistake_anywhere_is_reported_in_full(column: int, width: int) -> None:
    error = FilterError("Something is wrong here, and this is what would be accepted instead of it.", 0, 5)
    message = mistake(error, column, 5, width).plain
    assert error.text in message
    assert cell_len(message.splitlines()[0]) <= max(width, 1) or error.text in message.splitlines()[0]


async def test_an_unfinished_filter_is_not_reported_while_typing() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await opened.press("slash")
        pressed = [monotonic()]
        for key in "status:failed":
            pressed.append(monotonic())
            await opened.press(key)
            is_slow = monotonic() - pressed[-2] > MISTAKE_DELAY  # or later, on a busy machine
            assert is_slow or not opened.dashboard.filter_bar.mistake.display
        await wait_for_filter(opened, "status:failed")


async def test_an_invalid_filter_from_the_command_line_shows_everything_and_the_reason() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), filter_text="(web") as opened:
        await opened.shows(625)
        await opened.appears("previous filter: all")
        await opened.until(lambda: opened.dashboard.filter_bar.mistake.display)
        assert len(opened.dashboard.view) == 625


@given(text=st.text(max_size=60))
@settings(max_examples=times(100))
def test_any_input_is_parsed_or_refused(text: str) -> None:
    filtering = Filtering(Session(ScriptedSource()), "")
    filtering.read(text)
    assert (filtering.error is None) or filtering.filter.everything
    assert printable(filtering.text) == filtering.text


# Completion


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_fields_values_and_paths_are_suggested_and_accepted(size: tuple[int, int]) -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), size) as opened:
        await opened.shows(625)
        await opened.press("slash")
        await opened.until(lambda: "failed" in opened.history.statuses)
        await opened.type("sta")
        await opened.appears("the object's status")
        await opened.press("tab")
        assert opened.dashboard.filter_line.value == "status:"
        await opened.type("fai")
        await opened.appears("failed")
        await opened.press("tab")
        await wait_for_filter(opened, "status:failed")
        assert opened.focus == "filter"
        await opened.type(" Allocation.ClientSt")
        await opened.appears("Allocation.ClientStatus")
        await opened.press("tab")
        assert opened.dashboard.filter_line.value == "status:failed Allocation.ClientStatus "
        await opened.appears("is not empty")
        await opened.press("tab", "tab")
        value = opened.dashboard.filter_line.value
        assert value.startswith('status:failed Allocation.ClientStatus == "')
        await wait_for_filter(opened, value)
        await opened.press("tab")
        assert opened.focus == "filter", "with no list open it stays"


async def test_suggestions_are_above_the_line_without_covering_it() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        for size in SIZES:
            await opened.resize(*size)
            await opened.press("slash")
            opened.dashboard.filter_line.put("status:failed ")
            await opened.press("ctrl+space")
            await opened.appears("… 10 more")
            listed_at, line = opened.dashboard.filter_bar.candidates.region, opened.dashboard.filter_line.region
            assert listed_at.bottom == line.y
            assert opened.app.screen.region.contains_region(listed_at)
            assert listed_at.height == 9
            before = opened.dashboard.panes.region
            await opened.press("escape")
            assert opened.dashboard.filter_bar.candidates.region.area == 0
            assert opened.dashboard.panes.region == before, "nothing moves"


async def test_down_enters_the_suggestions_and_enter_accepts_the_selected_one() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await opened.press("slash")
        await opened.press("ctrl+space")
        await opened.press("down", "down", "up", "enter")
        assert opened.focus == "filter"
        assert opened.dashboard.filter_line.value == "type:"
        await opened.press("escape")
        assert opened.dashboard.filter_line.value == "type:", "first the list is closed"
        await opened.press("escape")
        assert opened.dashboard.filter_line.value == ""
        assert opened.focus == "events"


async def test_a_suggestion_is_accepted_with_the_mouse() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await opened.press("slash")
        await opened.press("ctrl+space")
        await opened.appears("the namespace")
        await opened.click("#candidates", offset=(3, 3))
        await opened.until(lambda: opened.dashboard.filter_line.value == "ns:")
        assert opened.focus == "filter"


async def test_suggestions_never_delay_typing() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        for character in "/status:failed job:web":
            opened.app.post_message(textual_events.Key("slash" if character == "/" else character, character))
        opened.app.post_message(textual_events.Key("enter", None))
        await wait_for_filter(opened, "status:failed job:web")
        await opened.until(lambda: opened.focus == "events")
        assert opened.dashboard.filter_bar.candidates.region.area == 0


# History


async def test_up_recalls_earlier_filters_also_in_the_next_run(tmp_path: Path) -> None:
    async with kept(ScriptedSource(CONNECTED, *jobs(range(30))), tmp_path) as opened:
        await opened.shows(30)
        for text in ("job-1", "job-2", "satus:x", "job-1"):
            await opened.press("slash")
            opened.dashboard.filter_line.put("")
            await opened.type(text)
            await opened.press("enter")
        assert opened.dashboard.filter_bar.history.texts == ("job-2", "job-1"), "once each, and none that is wrong"
    async with kept(ScriptedSource(CONNECTED, *jobs(range(30))), tmp_path) as opened:
        await opened.shows(30)
        await opened.press("slash")
        await opened.type("draft")
        line = opened.dashboard.filter_line
        for key, text in (("up", "job-1"), ("up", "job-2"), ("up", "job-2"), ("down", "job-1"), ("down", "draft")):
            await opened.press(key)
            assert line.value == text
        await opened.press("down")
        assert opened.focus == "filter"
        await opened.press("up")
        await wait_for_filter(opened, "job-1")
        assert len(opened.dashboard.view) == 11


async def test_a_history_that_cannot_be_written_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    async with kept(ScriptedSource(CONNECTED, *jobs(range(30))), tmp_path) as opened:
        await opened.shows(30)
        for text in ("job-1", "job-2"):
            await opened.press("slash")
            await opened.type(text)
            await opened.press("enter")
            await at_rest(opened.app)
        assert len(opened.dashboard.filter_bar.history.texts) == 2
        assert sum("filter-history" in note for note in opened.notes) <= 2


# Highlighting and folding


async def test_matches_are_highlighted_among_the_other_rows() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(100))), filter_text="job-7") as opened:
        await opened.shows(100)
        await opened.press("H")
        await opened.caught_up()
        assert len(opened.events.view) == 100
        assert "11 of 100 highlighted" in opened
        await opened.press("g", "n")
        assert opened.events.cursor == 7
        await opened.press("H")
        await opened.caught_up()
        assert len(opened.events.view) == 11
        assert opened.events.cursor == 7


async def test_repeats_are_folded_on_request() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs([1, 1, 1, 2]))) as opened:
        await opened.shows(4)
        await opened.press("F")
        await opened.until(lambda: len(opened.dashboard.view) == 3)
        await opened.press("F", "F")
        await opened.until(lambda: len(opened.dashboard.view) == 4)


# From the payload


async def test_a_value_of_the_payload_goes_into_the_filter() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        await opened.press("k", "3")
        tree = opened.dashboard.inspector.payload_tree
        await opened.until(lambda: len(tree.rows) > 4)
        await opened.press("g", *["j"] * 3)
        path, value = tree.cursor_path, tree.cursor_value
        await opened.press("plus")
        await opened.until(lambda: opened.dashboard.filter_line.value)
        await opened.until(lambda: str(opened.dashboard.view.filter) == opened.dashboard.filter_line.value)
        await opened.caught_up()
        assert opened.dashboard.filter_line.value == str(Filter.parse(str(condition(path, value))))
        only = len(opened.dashboard.view)
        assert 0 < only < 625
        opened.dashboard.filter_line.put("")
        await wait_for_filter(opened, "")
        assert tree.cursor_path == path
        await opened.press("minus")
        await opened.until(lambda: opened.dashboard.filter_line.value)
        assert opened.dashboard.filter_line.value.startswith("not ")
        await opened.until(lambda: str(opened.dashboard.view.filter) == opened.dashboard.filter_line.value)
        await opened.caught_up()
        assert len(opened.dashboard.view) == 625 - only


async def test_focusing_the_line_again_continues_editing() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(100)))) as opened:
        await opened.shows(100)
        await opened.press("slash")
        await opened.type("job-7")
        await opened.press("enter", "slash")
        await opened.type("5")
        await wait_for_filter(opened, "job-75")
        assert len(opened.dashboard.view) == 1


async def test_a_word_typed_after_a_saved_filter_is_another_term() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await opened.press("f2", "slash")
        await opened.type("web")
        await wait_for_filter(opened, "topic:=Deployment web")
        await opened.press("escape", "f2", "f2")
        await wait_for_filter(opened, "")


async def test_a_long_filter_shows_its_start_and_is_edited_at_its_end() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), NARROW) as opened:
        await opened.shows(625)
        await opened.press("f3")
        await opened.appears(" / topic:=Node (status:=down,")
        await opened.press("slash")
        await opened.appears('SchedulingEligibility == "ineligible")  ')
        await opened.press("enter")
        await opened.appears(" / topic:=Node (status:=down,")
