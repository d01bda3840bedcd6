"""The event list as drawn: which rows, where, and how wide."""

from datetime import UTC
from typing import Final

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual import events as textual_events
from textual.scrollbar import ScrollTo

from nomad_tui.core.filter import Filter
from nomad_tui.core.history.event_row import EventRow, row
from nomad_tui.core.history.history import History
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame
from nomad_tui.ui.events.columns import Column
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.events.event_painter import Clock, Palette, line
from tests.dashboard import CONNECTED, MEDIUM, NARROW, WIDE, Dashboard, ScriptedSource, dashboard, event, frames, jobs
from tests.recordings import frame

NOW: Final = 1_795_423_940_000_000_000
"""2026-11-23 08:52:20 UTC, in ns since 1970."""
GAP: Final = Gap(GapReason.BUFFER, 40, 61, 41.0)


def named(text: str) -> str:
    """The object that a row of `jobs` concerns."""
    return next(word for word in text.split() if word.startswith("job-"))


def shown(opened: Dashboard) -> list[str]:
    return [named(text) for text in opened.rows() if "job-" in text]


def numbered(first: int, last: int) -> list[str]:
    return [f"job-{number}" for number in range(first, last + 1)]


def selected(opened: Dashboard) -> str | None:
    cursor = opened.events.cursor
    return None if cursor is None else opened.history.event(cursor).key


def subtitle(opened: Dashboard) -> str:
    return str(opened.events.border_subtitle)


# Following


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW])
async def test_the_newest_event_stays_in_view(size: tuple[int, int]) -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(5)))
    async with dashboard(source, size) as opened:
        await opened.shows(5)
        assert shown(opened) == numbered(0, 4)
        for upto in (30, 300):
            source.send(*jobs(range(opened.history.end, upto)))
            await opened.shows(upto)
            height = opened.events.scrollable_content_region.height
            assert shown(opened) == numbered(max(0, upto - height), upto - 1)
        assert "following" in subtitle(opened)


async def test_ten_thousand_events_do_not_move_what_is_being_read() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(100)))
    async with dashboard(source) as opened:
        await opened.shows(100)
        await opened.press("k", "k", "k")
        await opened.caught_up()
        before = shown(opened)
        assert before[-1] == "job-99"
        assert selected(opened) == "job-97"
        moved = []
        for start in range(100, 10_100, 100):
            batch = [event("Job", f"job-{number}", Job={"ID": f"job-{number}"}) for number in range(start, start + 100)]
            source.send(frame(start, *batch))
            await opened.until(lambda start=start: opened.history.end == start + 100)  # type: ignore[misc]
            opened.events.sync()
            if shown(opened) != before:
                moved.append(start)
        await opened.shows(10_100)
        assert moved == []
        assert shown(opened) == before
        assert selected(opened) == "job-97"
        assert "▼ 10,000 new · End" in subtitle(opened)
        await opened.press("end")
        await opened.caught_up()
        assert shown(opened)[-1] == "job-10099"
        assert "following" in subtitle(opened)


@pytest.mark.parametrize("key", ["G", "end"])
async def test_end_resumes_following(key: str) -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(200)))
    async with dashboard(source) as opened:
        await opened.shows(200)
        await opened.press("k", "pageup")
        assert "follow off" in subtitle(opened)
        await opened.press(key)
        source.send(*jobs(range(200, 220)))
        await opened.shows(220)
        assert shown(opened)[-1] == "job-219"
        await opened.press("k")
        assert selected(opened) == "job-218", "of a busy stream"
        await opened.press(key, "k")
        assert selected(opened) == "job-218", "of a quiet stream"


async def test_f_stops_following_and_follows_again() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(200)))
    async with dashboard(source) as opened:
        await opened.shows(200)
        await opened.press("f")
        before = shown(opened)
        source.send(*jobs(range(200, 207)))
        await opened.shows(207)
        assert shown(opened) == before
        assert "▼ 7 new · End" in subtitle(opened)
        await opened.press("f")
        await opened.caught_up()
        assert shown(opened)[-1] == "job-206"
        assert "new" not in subtitle(opened)


async def test_pause_freezes_the_list_and_the_header_keeps_counting() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(200)))
    async with dashboard(source) as opened:
        await opened.shows(200)
        await opened.press("p")
        before = shown(opened)
        inspected = opened.inspected
        assert "paused" in subtitle(opened)
        source.send(*jobs(range(200, 1_500)))
        await opened.shows(1_500)
        assert shown(opened) == before
        assert opened.inspected == inspected
        assert "held 1,500" in opened
        assert "paused · 1,300 new" in subtitle(opened)
        await opened.press("k", "k")
        assert selected(opened) == "job-198"
        await opened.press("escape", "p")
        assert "paused" not in subtitle(opened)
        await opened.press("f")
        await opened.caught_up()
        assert shown(opened)[-1] == "job-1499"


async def test_resuming_shows_the_newest_at_once() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(50)))
    async with dashboard(source) as opened:
        await opened.shows(50)
        await opened.press("p")
        source.send(*jobs(range(50, 90)))
        await opened.shows(90)
        await opened.press("p")
        await opened.caught_up()
        assert shown(opened)[-1] == "job-89"
        assert subtitle(opened) == "following"


async def test_everything_shown_can_be_evicted_during_a_pause() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(40)))
    async with dashboard(source, history=History(max_events=64)) as opened:
        await opened.shows(40)
        await opened.press("k", "p")
        source.send(*jobs(range(40, 400)))
        await opened.shows(400)
        assert shown(opened) == []
        assert "evicted" in "\n".join(opened.rows())
        await opened.press("k", "j", "G", "enter")
        await opened.press("2", "p", "end")
        await opened.caught_up()
        assert shown(opened)[-1] == "job-399"


# The selection


async def test_the_selection_is_an_event_not_a_row() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(100)))
    async with dashboard(source) as opened:
        await opened.shows(100)
        await opened.press("k", "k", "k", "k")
        chosen = selected(opened)
        assert chosen == "job-96"
        source.send(*jobs(range(100, 150)))
        await opened.shows(150)
        assert selected(opened) == chosen
        opened.dashboard.filter_line.value = "job-9"
        await opened.until(lambda: "11 of 150" in str(opened.events.border_title))
        await opened.caught_up()
        assert selected(opened) == chosen
        assert chosen in shown(opened)
        opened.dashboard.filter_line.value = ""
        await opened.until(lambda: opened.dashboard.view.filter.everything)
        await opened.caught_up()
        assert selected(opened) == chosen
        assert chosen in shown(opened)


async def test_a_selection_that_the_filter_hides_comes_back_with_it() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(100)))) as opened:
        await opened.shows(100)
        await opened.press("k", "k")
        opened.dashboard.filter_line.value = "job-1"
        await opened.until(lambda: not opened.dashboard.view.filter.everything)
        await opened.caught_up()
        assert selected(opened) == "job-98"
        assert "job-98" in str(opened.inspected), "what is being looked at stays"
        assert "job-98" not in shown(opened)
        opened.dashboard.filter_line.value = ""
        await opened.until(lambda: opened.dashboard.view.filter.everything)
        await opened.caught_up()
        assert "job-98" in shown(opened)


@pytest.mark.parametrize("selects", [True, False])
async def test_the_selection_or_position_is_restored_after_a_search_of_any_duration(selects: bool) -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(1_000))), history=History(max_events=1_600)) as opened:
        await opened.shows(1_000)
        events, view = opened.events, opened.dashboard.view
        events.select(500)
        await opened.press("j", "j")
        chosen = "job-502"
        if not selects:
            await opened.press("escape")
            chosen = shown(opened)[0]
        for text in ("job", "ob-", ""):
            view.show(Filter.parse(text))
            events.renew()
            while view.advance(0.0001):
                events.sync()
            events.sync()
            assert chosen in shown(opened)
            assert not events.viewport.following


async def test_an_evicted_selection_stays_in_the_inspector_harmlessly() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(30)))
    async with dashboard(source, history=History(max_events=64)) as opened:
        await opened.shows(30)
        await opened.press("g")
        await opened.caught_up()
        assert "job-0" in str(opened.inspected)
        source.send(*jobs(range(30, 1_000)))
        await opened.shows(30)
        await opened.until(lambda: opened.history.end == 1_000)
        opened.events.sync()
        opened.dashboard.sync()
        assert opened.history.first > 0
        assert "job-0" in str(opened.inspected)
        assert shown(opened), "the oldest events held are shown where those being read were"
        await opened.press("2", "enter", "2")
        assert "job-0" in str(opened.inspected)
        for key in ("k", "j", "j", "pagedown", "ctrl+u", "g", "G", "escape", "k"):
            await opened.press(key)
        await opened.caught_up()
        assert selected(opened) == "job-999"


async def test_keys_and_clicks_between_an_eviction_and_the_next_check_are_harmless() -> None:
    """The list checks twenty times a second; a key may come just after half of its rows were evicted."""
    async with dashboard(ScriptedSource(CONNECTED), history=History(max_events=1_600)) as opened:
        history, events = opened.history, opened.events
        number = 0

        def evict() -> None:
            nonlocal number
            first = history.first
            while history.first == first:
                history.append(jobs([number])[0], 0)
                number += 1

        evict()
        opened.dashboard.filter_line.value = "7"
        await opened.until(lambda: not opened.dashboard.view.filter.everything)
        for filter_text in ("7", ""):
            opened.dashboard.filter_line.value = filter_text
            await opened.until(lambda text=filter_text: opened.dashboard.view.filter.everything == (not text))  # type: ignore[misc]
            await opened.caught_up()
            for act in (
                lambda: events.action_last(),
                lambda: events.action_move(1),
                lambda: events.action_move_pages(1.0),
                lambda: events.action_move(-1),
                lambda: events.action_first(),
                lambda: events.action_inspect(),
                lambda: events.scroll_to(y=events.max_scroll_y, animate=False),
                lambda: events.user_scrolled(),
                lambda: events.clear_selection(),
                lambda: opened.rows(),
                lambda: opened.dashboard.action_pause(),
                lambda: events.action_move(-1),
                lambda: opened.dashboard.action_pause(),
            ):
                evict()
                act()
                assert shown(opened), "never an empty screen while events are held"
        await opened.caught_up()


async def test_an_eviction_does_not_move_what_is_being_read() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(1_500))), history=History(max_events=1_600)) as opened:
        await opened.shows(1_500)
        await opened.press("k", "pageup")
        for filter_text, key in (("", "k"), ("job", "j")):
            opened.dashboard.filter_line.value = filter_text
            await opened.until(lambda text=filter_text: opened.dashboard.view.filter.everything == (not text))  # type: ignore[misc]
            await opened.caught_up()
            before, chosen = shown(opened), selected(opened)
            first = opened.history.first
            while opened.history.first == first:
                opened.history.append(jobs([opened.history.end])[0], 0)
            assert shown(opened) == before, "not even until the list looks again"
            await opened.caught_up()
            assert shown(opened) == before
            assert selected(opened) == chosen
            top, height = opened.events.scroll_offset.y, len(before)
            await opened.press(key)
            assert shown(opened) == before
            assert opened.events.scroll_offset.y == top
            await opened.click(EventList, offset=(10, 3))
            assert selected(opened) == before[2]
            await opened.press("ctrl+d", "ctrl+u")
            assert len(shown(opened)) == height
            await opened.press("escape", "pageup")


# Keys and mouse


async def test_keys_move_as_in_vim_and_as_everywhere() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(500)))) as opened:
        await opened.shows(500)
        height = opened.events.scrollable_content_region.height
        at = 499
        await opened.press("k")
        assert selected(opened) == "job-499", "the first move selects the newest event"
        for key, step in (("k", -1), ("up", -1), ("j", 1), ("down", 1), ("pageup", -height), ("pageup", -height)):
            await opened.press(key)
            at += step
            assert selected(opened) == f"job-{at}"
        for key, step in (("ctrl+u", -(height // 2)), ("ctrl+d", height // 2), ("pagedown", height)):
            await opened.press(key)
            at += step
            assert selected(opened) == f"job-{at}"
        for key, at in (("g", 0), ("k", 0), ("G", 499), ("j", 499), ("home", 0), ("pageup", 0), ("end", 499)):
            await opened.press(key)
            assert selected(opened) == f"job-{at}", key
            assert f"job-{at}" in shown(opened)


async def test_a_click_selects_a_double_click_inspects_and_the_wheel_scrolls() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(300)))
    async with dashboard(source) as opened:
        await opened.shows(300)
        target = shown(opened)[3]
        await opened.click(EventList, offset=(10, 4))
        assert selected(opened) == target
        source.send(*jobs(range(300, 310)))
        await opened.shows(310)
        assert selected(opened) == target
        await opened.click(EventList, offset=(10, 6), times=2)
        await opened.caught_up()
        assert opened.focus == "inspector"
        assert selected(opened) == shown(opened)[5]
        assert str(selected(opened)) in str(opened.inspected)


async def test_the_wheel_leaves_the_end_and_returns_to_it() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(300)))
    async with dashboard(source) as opened:
        await opened.shows(300)

        async def wheel(kind: type[textual_events.MouseEvent]) -> None:
            opened.events.post_message(kind(opened.events, 5, 5, 0, 0, 0, False, False, False))
            await opened.pilot.pause(0.02)

        before = shown(opened)
        await wheel(textual_events.MouseScrollUp)
        read = shown(opened)
        assert read != before
        source.send(*jobs(range(300, 320)))
        await opened.shows(320)
        assert shown(opened) == read
        assert "new · End" in subtitle(opened)
        for _ in range(30):
            await wheel(textual_events.MouseScrollDown)
        source.send(*jobs(range(320, 330)))
        await opened.shows(330)
        assert shown(opened)[-1] == "job-329"
        assert subtitle(opened) == "following"


async def test_dragging_the_scrollbar_leaves_the_end_and_returns_to_it() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(300)))
    async with dashboard(source) as opened:
        await opened.shows(300)
        opened.events.post_message(ScrollTo(y=100.0, animate=False))
        await opened.until(lambda: shown(opened)[0] == "job-100")
        source.send(*jobs(range(300, 320)))
        await opened.shows(320)
        assert shown(opened)[0] == "job-100"
        opened.events.post_message(ScrollTo(y=float(opened.events.max_scroll_y), animate=False))
        await opened.until(lambda: opened.events.viewport.following)
        source.send(*jobs(range(320, 330)))
        await opened.shows(330)
        assert shown(opened)[-1] == "job-329"


async def test_resizing_keeps_the_end_or_what_is_being_read() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(300)))) as opened:
        await opened.shows(300)
        for size in (NARROW, WIDE, MEDIUM):
            await opened.resize(*size)
            await opened.caught_up()
            assert shown(opened)[-1] == "job-299"
            assert {cell_len(text) for text in opened.rows()} == {opened.events.scrollable_content_region.width}
        await opened.press("pageup", "pageup", "pageup")
        top = shown(opened)[0]
        for size in (NARROW, WIDE, MEDIUM):
            await opened.resize(*size)
            await opened.caught_up()
            assert shown(opened)[0] == top


# Rows


@pytest.fixture(scope="module")
def recorded() -> History:
    """All events of the tour and of the hostile recording, with a gap among them."""
    history = History()
    odd = [
        event("日本語のトピック", "k", Name="x"),
        event("Job", "e\u0301" * 30, Job={"ID": "e\u0301" * 30, "Name": "e\u0301" * 30}),
        event("Job", "日本" * 30, Job={"ID": "日本" * 30}),
        event("Service", "s", Service={"ServiceName": "\u202eevil\x1b]0;x\x07", "Address": "👩‍👩‍👧‍👦" * 9, "Port": 1}),
        event("Node", "n", Node={"Name": "ノード" * 20, "Status": "ready"}),
    ]
    for received in (*frames("tour"), *frames("hostile"), frame(5, *odd)):
        history.append(received, 1_795_423_940_000_000_000)
    history.append_gap(GAP, 0)
    return history


def palette() -> Palette:
    prefix = "event-list--"
    return {name.removeprefix(prefix): Style() for name in EventList.COMPONENT_CLASSES}


NARROWEST: Final = 20
WIDEST: Final = 200
WIDTH_STEP: Final = 5
"""Widths at which rows are drawn: every fifth, the next row one wider."""


def test_every_row_fills_every_width_exactly(recorded: History) -> None:
    clock, styles = Clock(UTC), palette()
    for sequence in range(recorded.first, recorded.end):
        found = row(recorded, sequence)
        wrong = []
        for width in range(NARROWEST + sequence % WIDTH_STEP, WIDEST + 1, WIDTH_STEP):
            drawn = line(found, width, styles, clock)
            if cell_len(drawn.text) != width or drawn.cell_length != width or not drawn.text.isprintable():
                wrong.append((width, drawn.text))
        assert wrong == []


def test_the_sentence_begins_in_the_same_column_in_every_row(recorded: History) -> None:
    clock, styles = Clock(UTC), palette()
    for width in (60, 90, 120):
        columns = set()
        for sequence in range(recorded.end - 6, recorded.end - 1):
            found = row(recorded, sequence)
            what = next(part.text for part in found.sentence.happened if part.text)  # type: ignore[union-attr]
            text = line(found, width, styles, clock).text
            at = text.rindex(f"  {what[:8]}") + 2
            columns.add(cell_len(text[:at]))
        assert len(columns) == 1, columns


async def test_every_row_of_every_recording_can_be_drawn() -> None:
    everything = [*frames("tour"), *frames("hostile")]
    total = sum(len(received.events) for received in everything)
    async with dashboard(ScriptedSource(CONNECTED, *everything), NARROW) as opened:
        await opened.shows(total)
        for size in (NARROW, MEDIUM, WIDE):
            await opened.resize(*size)
            await opened.caught_up()
            width, height = opened.events.scrollable_content_region.size
            for top in range(0, total, height):
                opened.events.select(top)
                texts = opened.rows()
                assert {cell_len(text) for text in texts} == {width}
                assert all(text.isprintable() for text in texts)


async def test_a_gap_is_in_order_and_shows_what_may_be_missing() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(30, 41)), GAP, *jobs(range(61, 64)))
    async with dashboard(source) as opened:
        await opened.shows(14)
        texts = [text.strip() for text in opened.rows() if text.strip()]
        at = next(number for number, text in enumerate(texts) if "gap" in text)
        assert named(texts[at - 1]) == "job-40"
        assert named(texts[at + 1]) == "job-61"
        assert "indexes 41–60 may be missing" in texts[at]


def received_at_once(frames: list[Frame]) -> list[Frame]:
    """Return frames that were written while their reader was connected."""
    for each in frames:
        each.fresh = True
    return frames


def submitted(number: int) -> Frame:
    job = {
        "ID": f"job-{number}",
        "Type": "service",
        "SubmitTime": NOW - 10**9 * (50 - number),
        "JobModifyIndex": number,
    }
    return frame(number, event("Job", f"job-{number}", Job=job))


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW])
async def test_events_from_the_servers_buffer_are_marked_and_have_their_own_time(size: tuple[int, int]) -> None:
    waited = [submitted(number) for number in range(8)]
    source = ScriptedSource(CONNECTED, *waited, *received_at_once([submitted(number) for number in range(8, 16)]))
    async with dashboard(source, size) as opened:
        await opened.shows(16)
        seen: dict[str, tuple[str, Style | None]] = {}
        for key in ("G", "g"):
            await opened.press(key, "f")
            for y, text in enumerate(opened.rows()):
                if "job-" in text and y != opened.dashboard.view.row_at(opened.events.cursor or 0):
                    segments = opened.events.render_line(y)
                    style = next(segment.style for segment in segments if ":" in segment.text)
                    seen[named(text)] = (text[1:14], style)
                    assert text.index("job-") == opened.rows()[0].index("job-")
        times = {job: text for job, (text, _) in seen.items()}
        expected = {f"job-{n}": f"{'‹' if n < 8 else ' '}08:51:{30 + n:02}.000" for n in range(16)}
        assert times.items() <= expected.items()
        assert len(times) > 8
        assert len({style for job, (text, style) in seen.items() if text[0] == "‹"}) == 1
        assert {style for text, style in seen.values() if text[0] == "‹"}.isdisjoint(
            style for text, style in seen.values() if text[0] == " "
        )


async def test_events_during_a_lost_connection_are_marked_too() -> None:
    source = ScriptedSource(CONNECTED, *received_at_once(jobs([1])), *jobs([2, 3]), *received_at_once(jobs([4])))
    async with dashboard(source) as opened:
        await opened.shows(4)
        assert [text[1] for text in opened.rows() if "job-" in text] == [" ", "‹", "‹", " "]


async def test_nothing_in_a_recording_is_marked_as_a_backlog() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(5)))
    source.live = False
    async with dashboard(source) as opened:
        await opened.shows(5)
        assert {text[1] for text in opened.rows()} == {" "}
        assert numbered(0, 4) == shown(opened)


async def test_the_backlog_mark_is_shown_with_any_columns() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(5)))) as opened:
        await opened.shows(5)
        opened.events.set_columns((Column.INDEX, Column.SENTENCE))
        rows = opened.rows()
        assert rows[0].split() == ["index", "sentence"]
        assert {text[1] for text in rows[1:6]} == {"‹"}
        assert rows[0].index("index") + 4 == rows[1].index("0")


def test_two_characters_before_a_time_mean_backlog_and_approximate() -> None:
    history = History()
    for each in (submitted(1), *jobs([2])):
        history.append(each, 0)
        history.append(each, NOW - 49 * 10**9)
    rows = [found for sequence in range(4) if isinstance(found := row(history, sequence), EventRow)]
    assert [each.signs(live=True) for each in rows] == [" ‹", "  ", "‹~", "  "]
    assert [each.signs(live=False) for each in rows] == ["  ", "  ", " ~", "  "]


async def test_the_selected_row_has_the_same_text() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        before = opened.rows()
        for _ in range(4):
            await opened.press("k")
            assert opened.rows() == before
        await opened.press("3")
        assert opened.rows() == before
        at = opened.dashboard.view.row_at(opened.events.cursor or 0) - opened.events.scroll_offset.y
        ground = next(iter(opened.events.render_line(at))).style
        other = next(iter(opened.events.render_line(0))).style
        assert ground is not None
        assert other is not None
        assert ground.bgcolor != other.bgcolor


async def test_an_empty_list_shows_why_it_is_empty() -> None:
    source = ScriptedSource(CONNECTED)
    async with dashboard(source) as opened:
        await opened.caught_up()
        assert "no events yet" in opened
        await opened.press("k", "j", "g", "G", "pageup", "pagedown", "escape", "enter", "2", "space", "z")
        await opened.until(lambda: opened.dashboard.panes.zoomed)  # keys wait a while for rows
        await opened.press("z")
        opened.dashboard.filter_line.value = "nowhere"
        await opened.until(lambda: not opened.dashboard.view.filter.everything)
        assert "no events yet" in opened
        source.send(*jobs(range(10)))
        await opened.shows(10)
        assert "no event matches" in opened
        await opened.press("k", "j", "g", "G", "pageup", "pagedown", "escape", "enter", "2")
        opened.dashboard.filter_line.value = "job-7"
        await opened.until(lambda: shown(opened) == ["job-7"])


async def test_a_search_in_progress_is_reported() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        view = opened.dashboard.view
        view.show(Filter.parse("nowhere to be found"))
        opened.events.renew()
        assert "searching …" in "\n".join(opened.rows())
        while view.advance(0.01):
            pass
        opened.events.sync()
        assert "no event matches" in "\n".join(opened.rows())


async def test_rows_of_a_new_search_are_redrawn() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(30))), size=NARROW, filter_text="job-1") as opened:
        await opened.shows(30)
        assert "job-11" in opened
        view = opened.dashboard.view
        view.show(view.filter)
        opened.events.refresh()
        assert "job-11" not in opened
        while view.advance(0.01):
            pass
        opened.events.sync()
        assert "job-11" in opened
