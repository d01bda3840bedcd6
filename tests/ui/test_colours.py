"""Legibility in each theme: contrast ratios of the colours on the screen, not of the theme's definitions."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from rich.segment import Segment
from textual.color import Color
from textual.strip import Strip

from nomad_tui.ui.app import NomadTui
from nomad_tui.ui.line_view import LineView
from nomad_tui.ui.panes import Pane
from nomad_tui.ui.themes import THEMES, contrast
from tests.dashboard import CONNECTED, WIDE, Dashboard, ScriptedSource, dashboard, event
from tests.recordings import frame
from tests.runner import define
from tests.ui.test_sinks_page import opened_on

FAILED: Final = frame(
    7,
    event(
        "Allocation",
        "a1",
        Allocation={
            "ID": "a1",
            "JobID": "web",
            "Name": "web.app[0]",
            "ClientStatus": "failed",
            "NodeName": "edge-1",
            "ModifyTime": 1_795_423_940_000_000_000,
            "TaskStates": {"app": {"State": "dead", "Failed": True}},
        },
    ),
)


FAILURE: Final = re.compile("failed|✖|mistake|broken")


def painted(opened: Dashboard, row: int) -> Iterator[Segment]:
    return written(opened.events.render_line(row))


def written(*strips: Strip) -> Iterator[Segment]:
    return (segment for strip in strips for segment in strip if segment.text.strip())


def ratio(segment: Segment) -> float:
    style = segment.style
    assert style is not None and style.color is not None and style.bgcolor is not None
    return contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor))


def too_faint(app: NomadTui, drawings: Iterable[Callable[[], Iterator[Segment]]]) -> list[tuple[str, str, float]]:
    """Failures and times that are illegible in a theme: its name, the text and the ratio."""
    faint = []
    for name, theme in sorted(app.available_themes.items()):
        if theme.ansi:
            continue
        app.theme = name
        app.refresh_css(animate=False)
        least = 7.0 if theme in THEMES else 4.5
        for draw in drawings:
            segments = list(draw())
            failures = [segment for segment in segments if FAILURE.search(segment.text)]
            times = [segment for segment in segments if re.match(r" *~?\d\d:\d\d:\d\d", segment.text)]
            assert failures
            faint += [(name, each.text.strip(), ratio(each)) for each in failures if ratio(each) < least]
            faint += [(name, each.text.strip(), ratio(each)) for each in times if ratio(each) < 4.5]
    return faint


async def test_a_failure_and_the_time_are_legible_in_every_theme_and_under_the_cursor() -> None:
    async with dashboard(ScriptedSource(CONNECTED, FAILED), WIDE) as opened:
        await opened.shows(1)
        await opened.press("t")
        app, picker, timeline = opened.app, opened.dashboard.topics, opened.dashboard.inspector.timeline
        await opened.until(lambda: timeline.row_count > 0)

        def drawn(pane: Pane, cursor: int | None, value: str, view: LineView) -> Iterator[Segment]:
            app.dashboard.panes.go_to(pane)
            opened.events.viewport.cursor = cursor
            picker.cursor = [row.value for row in picker.rows].index(value)
            return written(*(view.render_line(row) for row in range(view.size.height)))

        drawings = [
            partial(drawn, Pane.EVENTS, None, "failed", opened.events),
            partial(drawn, Pane.EVENTS, 0, "failed", opened.events),
            partial(drawn, Pane.TOPICS, 0, "failed", opened.events),
            partial(drawn, Pane.TOPICS, 0, "failed", picker),
            partial(drawn, Pane.EVENTS, 0, "Allocation", picker),
            partial(drawn, Pane.INSPECTOR, 0, "failed", timeline),
            partial(drawn, Pane.EVENTS, 0, "failed", timeline),
        ]
        assert too_faint(app, drawings) == []


async def test_a_broken_sink_is_legible_in_every_theme_and_under_the_cursor(tmp_path: Path) -> None:
    define(tmp_path, "chat", 'type = "bogus"\naddress = "x"\n')
    async with opened_on(ScriptedSource(CONNECTED), tmp_path, WIDE) as opened:
        page = await opened.look()
        await opened.until(lambda: page.list.row_count == 1)

        def drawn(focused: LineView | None) -> Iterator[Segment]:
            page.set_focus(focused)
            return written(page.list.render_line(0))

        assert too_faint(opened.app, [partial(drawn, page.list), partial(drawn, None)]) == []


async def test_topics_share_one_hue_so_that_a_failed_row_does_not_begin_in_green() -> None:
    kinds = ("Allocation", "Evaluation", "Job", "Deployment", "Node", "Service")
    async with dashboard(ScriptedSource(CONNECTED, frame(3, *(event(kind, "x") for kind in kinds))), WIDE) as opened:
        await opened.shows(len(kinds))
        hues, glyphs = set(), set()
        for row, kind in enumerate(kinds):
            sign = next(segment for segment in painted(opened, row) if kind in segment.text)
            assert sign.style is not None and sign.style.color is not None
            hues.add(sign.style.color.name)
            glyphs.add(sign.text[0])
        assert len(hues) == 1 and len(glyphs) == len(kinds)
        variables = opened.app.theme_variables
        assert hues.isdisjoint(variables[status].lower() for status in ("success", "warning", "error"))


@pytest.mark.parametrize("variable", ["NO_COLOR", "TERM"])
async def test_without_colours_a_failure_is_bold_and_reversed(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1" if variable == "NO_COLOR" else "xterm")
    monkeypatch.delenv("COLORTERM", raising=False)
    async with dashboard(ScriptedSource(CONNECTED, FAILED), WIDE) as opened:
        await opened.shows(1)
        style = next(segment.style for segment in painted(opened, 0) if "failed" in segment.text)
        assert style is not None
        assert style.bold and style.reverse and not style.dim
