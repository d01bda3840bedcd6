"""Long texts: how they are drawn and what the keys do."""

import asyncio
from pathlib import Path

import pytest
from textual.app import ComposeResult
from textual.content import Content
from textual.pilot import Pilot

from nomad_tui.ui.dialogs.text_page import TextViewer
from nomad_tui.ui.event.find_line import FindAsked, FindLine, FindPane
from nomad_tui.ui.event.text_viewer import TextView
from tests.keyboard import Themed, at_rest, drawn, pressed, resize

STYLES = Path(__file__).parents[2] / "styles"


class TextApp(Themed):
    CSS_PATH = STYLES / "tree.tcss"

    def compose(self) -> ComposeResult:
        yield FindPane(TextView())


async def shown(pilot: Pilot[None], text: str) -> TextView:
    view = pilot.app.query_one(TextView)
    view.show_text(text)
    view.focus()
    await at_rest(pilot.app)
    return view


async def test_long_lines_are_wrapped_and_short_lines_are_not() -> None:
    async with asyncio.timeout(60), TextApp().run_test(size=(11, 8)) as pilot:
        view = await shown(pilot, "short\n\n0123456789abcde\r\nend\n")
        assert drawn(view) == ["short", "", "0123456789", "abcde", "end"]
        await pressed(pilot, "number_sign")
        assert drawn(view) == ["1  short", "2", "3  0123456", "   789abcd", "   e", "4  end"]
        await resize(pilot.app, 25, 8)
        assert drawn(view) == ["1  short", "2", "3  0123456789abcde", "4  end"]


async def test_wide_and_odd_characters_stay_within_the_width() -> None:
    async with asyncio.timeout(60), TextApp().run_test(size=(11, 8)) as pilot:
        view = await shown(pilot, "日本語日本語日本\n\x1b]2;t\x07\n\ta\tb\n\ud800\u202e")
        assert drawn(view) == ["日本語日本", "語日本", "␛]2;t␇", "    a   b", "��"]
        assert {view.render_line(y).cell_length for y in range(8)} == {10}


async def test_keys_scroll_through_twenty_thousand_lines() -> None:
    async with asyncio.timeout(60), TextApp().run_test(size=(30, 10)) as pilot:
        view = await shown(pilot, "\n".join(f"line {number}" for number in range(20_000)))
        await pressed(pilot, "G")
        assert drawn(view)[-1] == "line 19999"
        await pressed(pilot, "k", "pageup", "ctrl+u")
        assert drawn(view)[-1] == "line 19985"
        await pressed(pilot, "g", "j", "pagedown", "space", "ctrl+d")
        assert drawn(view)[0] == "line 23"
        await pressed(pilot, "home")
        assert drawn(view)[0] == "line 0"


async def test_the_reader_stays_at_the_same_place_when_the_width_changes() -> None:
    async with asyncio.timeout(60), TextApp().run_test(size=(31, 10)) as pilot:
        view = await shown(pilot, "\n".join(f"{number:04} " + "x" * 60 for number in range(500)))
        await pressed(pilot, *["pagedown"] * 9)
        first = drawn(view)[0]
        await resize(pilot.app, 91, 10)
        assert drawn(view)[0].startswith(first[:4])


async def test_matches_are_counted_and_scrolled_to() -> None:
    async with asyncio.timeout(60), TextApp().run_test(size=(31, 6)) as pilot:
        app = pilot.app
        view = await shown(pilot, "\n".join("needle" if number % 50 == 7 else "hay" for number in range(500)))
        await pressed(pilot, "slash")
        line = app.query_one(FindLine)
        line.line.value = "needle"
        await at_rest(app)
        assert "needle" in drawn(view)
        assert str(line.count.content) == "1 of 10"
        await pressed(pilot, "enter", "n", "n")
        assert str(line.count.content) == "3 of 10"
        assert "needle" in drawn(view)
        await pressed(pilot, "N", "N", "N")
        assert str(line.count.content) == "10 of 10"
        view.show_text("one needle")
        await at_rest(app)
        assert str(line.count.content) == "1 of 1"
        await pressed(pilot, "slash")
        line.line.value = "/[/"
        await at_rest(app)
        assert "missing" in str(line.count.content)
        await pressed(pilot, "escape", "n")
        assert not line.is_open
        assert app.focused is view


async def test_a_match_across_two_rows_is_highlighted_in_both() -> None:
    async with asyncio.timeout(60), TextApp().run_test(size=(11, 6)) as pilot:
        view = await shown(pilot, "12345678needle90")
        await pressed(pilot, "slash")
        pilot.app.query_one(FindLine).line.value = "needle"
        await at_rest(pilot.app)
        plain = next(iter(view.render_line(0))).style
        rows = [[segment.text for segment in view.render_line(y) if segment.style != plain] for y in range(2)]
        assert rows == [["ne"], ["edle"]]


async def test_a_search_is_dropped_when_the_text_is_closed() -> None:
    async with asyncio.timeout(60), TextApp().run_test(size=(40, 8)) as pilot:
        await shown(pilot, "one\ntwo\n")
        pane = pilot.app.query_one(FindPane)
        removed = pane.remove()
        pane.on_find_asked(FindAsked())
        await removed
        assert not pilot.app.query(FindLine)


async def test_the_viewer_closes_copies_and_shows_its_title_literally() -> None:
    async with asyncio.timeout(60), TextApp().run_test(size=(60, 12)) as pilot:
        app = pilot.app
        assert isinstance(app, TextApp)
        viewer = TextViewer("Job.[/red]\x1b", "one\n\ttwo")
        await app.push_screen(viewer)
        await at_rest(app)
        assert drawn(viewer.view) == ["1  one", "2      two"]
        title = str(viewer.query_one("#text-viewer").border_title)
        assert Content.from_markup(title).plain == "Job.[/red]␛"
        await pressed(pilot, "y")
        assert app.clipboard == "one\n\ttwo"
        await pressed(pilot, "slash", "escape")
        assert app.screen is viewer
        await pressed(pilot, "escape")
        assert app.screen is not viewer


@pytest.mark.parametrize("text", ["x" * 1_000_000, "line of text\n" * 80_000, "", "\n"])
async def test_any_text_opens(text: str) -> None:
    async with asyncio.timeout(60), TextApp().run_test(size=(80, 30)) as pilot:
        view = pilot.app.query_one(TextView)
        view.show_text(text)
        view.focus()
        await at_rest(pilot.app)
        await pressed(pilot, "G")
        assert view.scroll_offset.y == max(0, view.virtual_size.height - view.size.height)
        await pressed(pilot, "g", "number_sign")
        assert drawn(view)[0].split()[0] == "1"
