"""Settings in `config.toml`, and choices in the dashboard that apply in the next run."""

from pathlib import Path

from tests.terminal.program import Program, running


def settings(home: Path, text: str) -> None:
    folder = home / ".config" / "nomad-tui"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(text)


def ground(program: Program) -> str:
    return str(program.terminal.cells()[-1][0].bg)


def test_a_choice_is_kept_until_the_setting_changes(tour: Path, home: Path) -> None:
    settings(home, '[ui]\ntheme = "nomad-light"\n')
    with running("open", tour, home=home) as program:
        program.wait_for("625").settle()
        light = ground(program)
        program.press("m", "k", "k", "m", "ctrl+right").wait_until(lambda: program.text.count("★") == 2, "two marks")
        program.press("ctrl+p").settle().press("theme").settle().press("enter").wait_for("nomad-high-contrast")
        program.press("down").wait_until(lambda: ground(program) == "000000", "a preview")
        program.press("escape").wait_until(lambda: ground(program) == light, "the theme of before")
        program.press("ctrl+p").settle().press("theme").settle().press("enter").wait_for("nomad-high-contrast")
        program.press("down", "enter").wait_gone("nomad-high-contrast").press("1").settle()
        edge = program.lines[1].find("╭─ 3")
        program.press("g", "space").wait_for("▸ Topics").press("q").wait_for_exit()
    with running("open", tour, home=home) as program:
        program.wait_for("▸ Topics").wait_until(lambda: program.text.count("★") == 2, "the marks of before")
        assert (ground(program), program.lines[1].find("╭─ 3")) == ("000000", edge)
    settings(home, '[ui]\ntheme = "nomad-color-blind"\n')
    with running("open", tour, home=home) as program:
        program.wait_for("625").wait_until(lambda: ground(program) == "10141a", "the theme that was set since")


def test_settings_determine_how_the_dashboard_starts(tour: Path, home: Path) -> None:
    settings(
        home,
        '[ui]\ndensity = "compact"\nglyphs = "ascii"\nstart_pane = "facets"\nfollow = false\ntimezone = "Asia/Tokyo"\n'
        'columns = ["index", "time", "sentence"]\nfacets_width = 40\n[keys]\napp.quit = "ctrl+x"\n',
    )
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("row 1 of 625", "17:48:06", "Space Tick", "Ctrl+X Quit").settle()
        assert program.text.isascii()
        assert program.lines[1].startswith("-1 Facets") and program.lines[1].index("-2 Events") == 41
        assert program.press("q", "ctrl+x").wait_for_exit() == 0


def test_mistakes_in_the_appearance_do_not_prevent_a_start_but_one_in_a_profile_does(tour: Path, home: Path) -> None:
    settings(
        home, '[ui]\ntheme = "nmad-light"\n[keys]\napp.filter = "n"\n[profile.prod]\naddres = "http://127.0.0.1:1"\n'
    )
    with running("open", tour, size=(100, 30), home=home) as program:
        program.wait_for("625", "3 mistakes in the settings: W shows them.").press("W")
        program.wait_for('`ui.theme` is "nmad-light"', "`profile.prod.addres` is not a setting").press("escape")
    with running("--profile", "prod", home=home) as program:
        assert program.wait_for_exit() == 2
        assert "profile.prod.addres" in program.text


def test_unreachable_folders_are_reported_and_do_not_prevent_a_start(tour: Path, home: Path) -> None:
    unreachable = str(home / ("x" * 300))  # lookups fail with ENAMETOOLONG, for root as well
    environment = {"NOMAD_TUI_CONFIG": unreachable, "XDG_STATE_HOME": unreachable}
    with running("open", tour, home=home, environment=environment) as program:
        program.wait_for("625").press("m").wait_for("★")
        assert program.press("q").wait_for_exit() == 0
    with running("config", "check", home=home, environment=environment) as program:
        assert program.wait_for_exit() == 2
        assert "Traceback" not in program.text and "too long" in program.text
