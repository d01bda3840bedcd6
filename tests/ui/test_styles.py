"""The style sheets: all are used, none defines a colour, and all themes work with them."""

import re
from pathlib import Path

import pytest
from textual.theme import BUILTIN_THEMES

from nomad_tui.config.folders import styles_folder
from nomad_tui.config.setting import ConfigurationError
from nomad_tui.ui.themes import THEMES
from tests.dashboard import CONNECTED, WIDE, ScriptedSource, dashboard, frames

STYLES = sorted(styles_folder().glob("*.tcss"))
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl)a?\(")


def test_style_sheets_inside_the_package_come_first_and_missing_ones_are_reported(tmp_path: Path) -> None:
    package = tmp_path / "nomad_tui"
    with pytest.raises(ConfigurationError) as missing:
        styles_folder(package)
    assert str(package / "styles") in str(missing.value)
    assert str(tmp_path / "styles") in str(missing.value)
    for folder in (tmp_path / "styles", package / "styles"):
        folder.mkdir(parents=True)
        (folder / "app.tcss").touch()
        assert styles_folder(package) == folder


def declarations(text: str) -> list[str]:
    """The values of all declarations, without comments and selectors."""
    return re.findall(r":\s*([^;{}]+);", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL))


async def test_every_style_file_is_loaded_when_a_key_is_pressed() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.press("k")
        assert all(opened.app.stylesheet.has_source(str(path)) for path in STYLES)


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.name)
def test_colors_come_from_the_theme(path: Path) -> None:
    found = [value for value in declarations(path.read_text("utf-8")) if COLOUR.search(value)]
    assert found == []


async def test_the_dashboard_opens_with_every_theme() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        await opened.press("k")
        app = opened.app
        assert set(app.available_themes) == {*BUILTIN_THEMES, *(theme.name for theme in THEMES)}
        text = opened.screen()
        grounds = set()
        for name in app.available_themes:
            app.theme = name
            await opened.until(lambda name=name: app.current_theme.name == name)  # type: ignore[misc]
            await opened.pilot.pause(0.01)
            assert opened.screen()[1:] == text[1:], name
            style = next(iter(opened.events.render_line(0))).style
            assert style is not None
            assert style.color != style.bgcolor, name
            grounds.add(style.bgcolor)
        assert len(grounds) > 3, "the list's own lines change with the theme"


@pytest.mark.parametrize("theme", [theme for theme in THEMES if not theme.ansi], ids=lambda theme: theme.name)
async def test_text_contrasts_with_its_background(theme: object) -> None:
    """Each colour of a row contrasts with the list's background by at least 3 to 1, and under the cursor by 2 to 1."""
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        opened.app.theme = theme.name  # type: ignore[attr-defined]
        await opened.shows(625)
        weak = set()
        for top in range(0, 625, 40):
            opened.events.select(top)
            for y in range(opened.events.scrollable_content_region.height):
                least = 2 if y + opened.events.scroll_offset.y == top else 3
                for segment in opened.events.render_line(y):
                    style = segment.style
                    if not segment.text.strip() or style is None or style.color is None or style.bgcolor is None:
                        continue
                    ratio = contrast(style.color.get_truecolor(), style.bgcolor.get_truecolor())
                    if ratio < least:
                        weak.add((segment.text.strip(), round(ratio, 2)))
        assert weak == set()


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """Contrast by WCAG 2, from 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: tuple[int, int, int]) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
