"""What the dashboard looks like and how it answers to habits, as an operator would notice it."""

import pytest

from nomad_tui.ui.inspector import EventView
from tests.dashboard import CONNECTED, MEDIUM, WIDE, Told, dashboard, jobs


async def test_the_names_of_the_views_can_be_clicked_where_they_stand_in_the_border() -> None:
    async with dashboard(Told(CONNECTED, *jobs(range(1, 4))), MEDIUM) as opened:
        await opened.shows(3)
        pane = opened.app.inspector
        for name, view in (("Timeline", EventView.TIMELINE), ("Raw", EventView.RAW), ("Tree", EventView.TREE)):
            line = opened.screen()[pane.region.bottom - 1]
            assert name in line
            await opened.pilot.click(offset=(line.index(name) + 1, pane.region.bottom - 1))
            await opened.until(lambda view=view: pane.view is view)


@pytest.mark.parametrize("key", ["y", "w"])
@pytest.mark.parametrize("rows", [1, 200])
async def test_a_dialog_leaves_in_sight_the_row_it_acts_on(key: str, rows: int) -> None:
    async with dashboard(Told(CONNECTED, *jobs(range(1, rows + 1))), WIDE) as opened:
        await opened.shows(rows)
        await opened.press("k", "j", key)
        await opened.until(lambda: len(opened.app.screen_stack) == 2)
        await opened.appears("Esc")
        assert any(f"job-{rows} " in line and "no status" in line for line in opened.screen())
