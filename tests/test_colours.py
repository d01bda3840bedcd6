"""What can be read in which theme: the ratios of what is really painted, not of what a theme says."""

from collections.abc import Iterator
from typing import Final

import pytest
from rich.segment import Segment
from textual.color import Color

from nomad_tui.ui.themes import THEMES, contrast
from tests.dashboard import CONNECTED, WIDE, Dashboard, Told, dashboard, event, frame

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


def painted(opened: Dashboard, row: int) -> Iterator[Segment]:
    for segment in opened.events.render_line(row):
        if segment.text.strip():
            yield segment


def ratio(segment: Segment) -> float:
    style = segment.style
    assert style is not None and style.color is not None and style.bgcolor is not None
    return contrast(Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor))


async def test_a_failure_and_the_time_can_be_read_in_every_theme_and_under_the_cursor() -> None:
    async with dashboard(Told(CONNECTED, FAILED), WIDE) as opened:
        await opened.shows(1)
        app = opened.app
        faint = []
        for name, theme in sorted(app.available_themes.items()):
            if theme.ansi:
                continue
            app.theme = name
            app.refresh_css(animate=False)
            least = 7.0 if theme in THEMES else 4.5
            for cursor, pane in ((None, "events"), (0, "events"), (0, "topics")):
                app.panes.go_to(app.panes.focused.__class__(pane))
                opened.events.cursor = cursor
                for segment in painted(opened, 0):
                    is_failure = "failed" in segment.text
                    is_time = segment.text.strip()[:2].isdigit() and ":" in segment.text
                    if (is_failure and ratio(segment) < least) or (is_time and ratio(segment) < 4.5):
                        faint.append((name, cursor, pane, segment.text.strip(), round(ratio(segment), 2)))
                assert any("failed" in segment.text for segment in painted(opened, 0))
        assert faint == []


async def test_topics_share_one_hue_so_that_a_failed_row_does_not_begin_in_green() -> None:
    kinds = ("Allocation", "Evaluation", "Job", "Deployment", "Node", "Service")
    async with dashboard(Told(CONNECTED, frame(3, *(event(kind, "x") for kind in kinds))), WIDE) as opened:
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
    async with dashboard(Told(CONNECTED, FAILED), WIDE) as opened:
        await opened.shows(1)
        style = next(segment.style for segment in painted(opened, 0) if "failed" in segment.text)
        assert style is not None
        assert style.bold and style.reverse and not style.dim
