"""How the dashboard looks and reacts to habitual keys, as an operator would notice."""

from functools import partial

import pytest

from nomad_tui.core.wire import Frame
from nomad_tui.ui.event.inspected import EventView
from nomad_tui.ui.event.inspector import Inspector
from tests.dashboard import CONNECTED, MEDIUM, NARROW, WIDE, ScriptedSource, dashboard, event, jobs
from tests.recordings import frame


async def test_the_names_of_the_views_in_the_border_can_be_clicked() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(1, 4))), MEDIUM) as opened:
        await opened.shows(3)
        pane = opened.dashboard.inspector
        for name, view in (("Timeline", EventView.TIMELINE), ("Raw", EventView.RAW), ("Tree", EventView.TREE)):
            line = opened.screen()[pane.region.bottom - 1]
            assert name in line
            await opened.pilot.click(offset=(line.index(name) + 1, pane.region.bottom - 1))
            await opened.until(partial(_shows_view, pane, view))


@pytest.mark.parametrize("key", ["y", "w"])
@pytest.mark.parametrize("rows", [1, 200])
async def test_a_dialog_does_not_cover_the_row_it_acts_on(key: str, rows: int) -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(1, rows + 1))), WIDE) as opened:
        await opened.shows(rows)
        await opened.press("k", "j", key)
        await opened.until(lambda: len(opened.app.screen_stack) == 2)
        await opened.appears("Esc")
        assert any(f"job-{rows} " in line and "no status" in line for line in opened.screen())


def allocation(number: int) -> Frame:
    payload = {"ID": f"a{number}", "JobID": "web", "ClientStatus": "running", "NodeName": "edge-1", "NodeID": "n1"}
    sent = event("Allocation", f"a{number}", Allocation=payload)
    return frame(number, {**sent, "FilterKeys": ["web", ""]})


async def test_tab_with_nothing_to_complete_stays_in_the_filter_line() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(1, 4))), MEDIUM) as opened:
        await opened.shows(3)
        await opened.press("/", *"zzz", "tab", "shift+tab", "q")
        assert opened.dashboard.filter_line.value == "zzzq"
        assert opened.focus == "filter"


async def test_the_example_in_the_filter_line_does_not_look_like_a_filter() -> None:
    async with dashboard(ScriptedSource(CONNECTED), MEDIUM) as opened:
        await opened.appears("press / to filter, such as web status:failed")


async def test_escape_leaves_the_view_then_zoom_then_filter_then_selection() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(1, 6))), WIDE) as opened:
        await opened.shows(5)
        app = opened.app
        await opened.press("/", *"job", "enter", "k", "k")
        await opened.until(lambda: opened.events.cursor is not None)
        await opened.press("z", "t")
        found = []
        for _ in range(4):
            at_timeline, zoomed = (
                app.dashboard.inspector.view is EventView.TIMELINE,
                app.dashboard.panes.zoomed is not None,
            )
            found.append((at_timeline, zoomed, bool(app.dashboard.filter_line.value), opened.events.cursor is not None))
            await opened.press("escape")
        found.append((False, False, bool(app.dashboard.filter_line.value), opened.events.cursor is not None))
        assert found == [
            (True, True, True, True),
            (False, True, True, True),
            (False, False, True, True),
            (False, False, False, True),
            (False, False, False, False),
        ]


@pytest.mark.parametrize("key", ["d", "t", "R"])
async def test_going_to_the_newest_event_inspects_it(key: str) -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(1, 4)))
    async with dashboard(source, WIDE) as opened:
        await opened.shows(3)
        await opened.press(key)
        await opened.until(lambda: opened.inspected and "job-3" in opened.inspected)
        await opened.press("2", "G")
        source.send(*jobs([4]))
        await opened.until(lambda: opened.inspected and "job-4" in opened.inspected)


async def test_another_filter_shows_its_newest_event_instead_of_the_inspected_one() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(1, 4))), WIDE) as opened:
        await opened.shows(3)
        await opened.press("t", "2", "/", *"job-2", "enter")
        await opened.until(lambda: opened.inspected and "job-2" in opened.inspected)


async def test_the_inspector_does_not_change_while_read_and_reports_newer_events() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(1, 4)))
    async with dashboard(source, WIDE) as opened:
        await opened.shows(3)
        await opened.press("3")
        source.send(*jobs(range(4, 9)))
        await opened.appears("5 newer")
        assert "job-3" in (opened.inspected or "")
        await opened.press("2")
        await opened.until(lambda: opened.inspected and "job-8" in opened.inspected)
        assert "newer" not in (opened.inspected or "")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("+j", "job:=web"),
        ("-n", "-node:=edge-1"),
        ("+s", "ns:=default"),
        (":job web\n", "job:web"),
        (":node edge-1\n", "node:edge-1"),
    ],
)
async def test_the_list_filters_by_the_object_a_row_belongs_to(keys: str, expected: str) -> None:
    async with dashboard(ScriptedSource(CONNECTED, allocation(1), allocation(2)), MEDIUM) as opened:
        await opened.shows(2)
        await opened.press("G", *("enter" if key == "\n" else key for key in keys))
        await opened.until(lambda: opened.dashboard.filter_line.value == expected)


async def test_colon_q_quits() -> None:
    async with dashboard(ScriptedSource(CONNECTED), MEDIUM) as opened:
        await opened.press(":", "q", "enter")
        await opened.until(lambda: not opened.app.is_running)


async def test_the_copy_menu_offers_the_ids_of_a_row() -> None:
    async with dashboard(ScriptedSource(CONNECTED, allocation(7)), MEDIUM) as opened:
        await opened.shows(1)
        await opened.press("y")
        await opened.until(lambda: any("IDs of the row" in line and "a7 web" in line for line in opened.screen()))


def _shows_view(pane: Inspector, view: EventView) -> bool:
    return pane.view is view


async def test_a_notification_does_not_cover_a_menu() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *jobs(range(1, 4))), NARROW) as opened:
        await opened.shows(3)
        opened.dashboard.notify("Copied 36 characters to the terminal.", markup=False, timeout=60)
        await opened.appears("Copied 36 characters")
        await opened.press("k", "w")
        await opened.appears("No marks. Press m to mark an event.  ")
        await opened.appears("Copied 36 characters")
        assert "No marks. Press m to mark an event.  " in opened
