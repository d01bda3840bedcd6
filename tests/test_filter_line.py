"""Filtering as an operator does it: with the keyboard, the mouse and whatever is pasted."""

import pytest
from textual import events as textual_events

from nomad_tui.core.rows import sentence
from nomad_tui.core.updates import Gap, GapReason
from tests.dashboard import CONNECTED, NARROW, SIZES, Dashboard, Told, dashboard, event, frame, frames, jobs

RUBBISH = "\x1b]0;OWNED\x07\x1b[2J canary\r\n\tweb\x00\x9b31m \u202e[bold]["


def listed(opened: Dashboard) -> list[str]:
    """The text of every row that the view lets through."""
    view = opened.app.view
    return [sentence(view.history, view.sequence_at(number)).text for number in range(len(view))]


async def applied(opened: Dashboard, text: str) -> None:
    """Waits until the filter is the text typed and everything held has been looked at."""
    await opened.until(lambda: opened.app.view.filter.words == tuple(dict.fromkeys(text.lower().split())))
    await opened.caught_up()


@pytest.mark.parametrize("size", SIZES)
async def test_typing_filters_and_says_how_many_match(size: tuple[int, int]) -> None:
    async with dashboard(Told(CONNECTED, *frames("tour")), size) as opened:
        await opened.shows(625)
        await opened.press("slash")
        assert opened.focus == "filter"
        await opened.type("CANARY web")
        await applied(opened, "canary web")
        rows = listed(opened)
        assert 0 < len(rows) < 100
        assert all("canary" in text.lower() and "web" in text.lower() for text in rows)
        matches = f"{len(rows)} of 625"
        assert str(opened.app.matches.content).strip() == matches
        assert matches in str(opened.events.border_title)
        assert matches in opened
        await opened.press("enter")
        assert opened.focus == "events"
        assert matches in opened
        await opened.press("slash", "escape")
        await applied(opened, "")
        assert opened.focus == "events"
        assert len(listed(opened)) == 625
        assert str(opened.app.matches.content) == ""


async def test_words_are_looked_for_in_the_envelope_and_in_the_sentence() -> None:
    async with dashboard(Told(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        for text in ("payments", "plan", "oom-killed", "Deployment", "EDGE-2", "日本"):
            opened.app.filter_line.value = text
            await applied(opened, text)
            assert 0 < len(opened.app.view) < 625, text
        opened.app.filter_line.value = "payments nowhere"
        await applied(opened, "payments nowhere")
        assert "no event matches" in opened
        assert "0 of 625" in opened


async def test_keys_of_the_dashboard_are_text_in_the_filter() -> None:
    async with dashboard(Told(CONNECTED, *jobs(range(30)))) as opened:
        await opened.shows(30)
        await opened.press("slash")
        typed = "qfpzru123/?hjklgGoan<>"
        await opened.type(typed)
        assert opened.app.filter_line.value == typed
        assert opened.app.is_running
        assert opened.events.following
        assert opened.events.paused_at is None
        await opened.press("left", "left", "backspace", "home", "delete", "end", "space")
        assert opened.app.filter_line.value == "fpzru123/?hjklgGoa<> "


async def test_tab_passes_the_filter_by_and_arrows_leave_it() -> None:
    async with dashboard(Told(CONNECTED, *jobs(range(30)))) as opened:
        await opened.shows(30)
        for _ in range(6):
            await opened.press("tab")
            assert opened.focus not in ("", "filter")
        for key in ("up", "down", "tab"):
            await opened.press("slash")
            assert opened.focus == "filter"
            await opened.press(key)
            assert opened.focus not in ("", "filter")


async def test_a_click_on_the_filter_line_edits_it() -> None:
    async with dashboard(Told(CONNECTED, *jobs(range(30)))) as opened:
        await opened.shows(30)
        await opened.pilot.click("#filter", offset=(3, 0))
        assert opened.focus == "filter"
        await opened.type("job-7")
        await applied(opened, "job-7")
        assert len(listed(opened)) == 1


async def test_pasted_rubbish_is_harmless() -> None:
    source = Told(CONNECTED, *frames("tour"))
    async with dashboard(source, NARROW) as opened:
        await opened.shows(625)
        for pasted in (RUBBISH, "x" * 10_000, "ab " * 3_333, "\n" * 200, "word\n" * 500, "\ud800"):
            await opened.press("slash")
            opened.app.post_message(textual_events.Paste(pasted))
            await opened.until(lambda pasted=pasted: opened.app.filter_line.value or not pasted.strip())  # type: ignore[misc]
            value = opened.app.filter_line.value
            assert value == "" or value.isprintable()
            await applied(opened, value)
            assert all(text.isprintable() for text in opened.screen())
            await opened.press("enter")
            source.tell(*jobs(range(5)))
            await opened.shows(opened.history.received_events + 5)
            await opened.press("escape")
            await applied(opened, "")
            assert len(opened.app.view) == opened.history.held


async def test_new_events_are_matched_as_they_arrive() -> None:
    source = Told(CONNECTED, *jobs(range(100)))
    async with dashboard(source, filter_text="job-7") as opened:
        assert opened.app.filter_line.value == "job-7"
        await opened.shows(100)
        assert "11 of 100" in opened
        source.tell(*jobs(range(700, 705)), *jobs(range(800, 805)))
        await opened.shows(110)
        assert "16 of 110" in opened
        assert opened.events.following
        assert "job-704 " in [text for text in opened.rows() if text.strip()][-1]
        await opened.press("k")
        source.tell(*jobs(range(710, 720)))
        await opened.shows(120)
        assert "26 of 120" in opened


async def test_the_filter_and_the_hidden_topics_hold_together() -> None:
    async with dashboard(Told(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        opened.app.filter_line.value = "flaky"
        await applied(opened, "flaky")
        flaky = len(opened.app.view)
        await opened.press("1", "space")
        await applied(opened, "flaky")
        fewer = len(opened.app.view)
        assert 0 < fewer < flaky
        assert all("flaky" in text for text in listed(opened))
        opened.app.filter_line.value = "flaky pending"
        await applied(opened, "flaky pending")
        assert 0 < len(opened.app.view) < fewer
        assert not any("◆" in text for text in opened.rows())
        await opened.press("a")
        opened.app.filter_line.value = "flaky"
        await applied(opened, "flaky")
        assert len(opened.app.view) == flaky


async def test_escape_in_the_list_first_lets_the_selection_go_and_then_the_filter() -> None:
    async with dashboard(Told(CONNECTED, *jobs(range(100))), filter_text="job-7") as opened:
        await opened.shows(100)
        await opened.press("k")
        await opened.press("escape")
        assert opened.events.cursor is None
        assert opened.app.filter_line.value == "job-7"
        await opened.press("escape")
        await applied(opened, "")
        assert len(opened.app.view) == 100


async def test_gaps_are_shown_whatever_the_filter_and_not_counted() -> None:
    gap = Gap(GapReason.BUFFER, 10, 20, 3.0)
    source = Told(CONNECTED, *jobs(range(11)), gap, *jobs(range(20, 30)), frame(31, event("Job", "other")))
    async with dashboard(source, filter_text="other") as opened:
        await opened.shows(22)
        assert "1 of 22" in opened
        assert "gap: events 11–19 may be missing" in "\n".join(opened.rows())
