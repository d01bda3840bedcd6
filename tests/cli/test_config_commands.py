"""The commands that show and check the configuration."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nomad_tui.cli.main import main
from nomad_tui.config.fields import keys
from nomad_tui.config.settings import JournalSettings, ProfileTable
from nomad_tui.config.ui_settings import UiSettings
from nomad_tui.ui.actions import ACTIONS

WRITTEN = re.compile(r"^# (?=\[|[a-z_.]+ = )", re.MULTILINE)
"""Matches the comment mark of a setting."""


def run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], env=environment)


def test_the_file_that_init_writes_has_every_setting_and_no_mistake(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "config"
    assert run("config", "init", "--config", folder).exit_code == 0
    assert run("config", "path", "--config", folder).stdout == f"{folder}\n"
    assert run("config", "check", "--config", folder).stdout == f"No mistake in {folder}.\n"
    file = folder / "config.toml"
    content = file.read_text()
    for struct in (UiSettings, JournalSettings, ProfileTable):
        assert {key.name for key in keys(struct)} <= set(re.findall(r"^# ([a-z_]+) = ", content, re.MULTILINE))
    file.write_text(WRITTEN.sub("", content))
    assert run("config", "check", "--config", folder).exit_code == 0
    assert "NOMAD_TOKEN" not in run("config", "show", "--config", folder).stdout
    again = run("config", "init", "--config", folder)
    assert (again.exit_code, file.read_text()) == (2, WRITTEN.sub("", content))
    assert "exists and is left unchanged" in again.output


def test_check_reports_every_mistake_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[ui]\ncolumns = [\n  "time",\n  "tme",\n]\n\n[profile.prod]\naddress = "http://n:4646"\nregoin = "eu"\n'
        '["profile"."b"]\ncolor=3\n[keys]\n"app.quit" = "crtl+q"\napp.folow = "x"\napp.filter = "n"\n'
        '[[sink]]\nid = "a"\ntype = "webhok"\n'
    )
    (tmp_path / "themes").mkdir()
    (tmp_path / "themes" / "mine.toml").write_text('primary = "grenish"')
    (tmp_path / "filters.toml").write_text('[filters.x]\nfilter = "("\n')
    found = run("config", "check", "--config", tmp_path)
    assert found.exit_code == 2
    for message in (
        "config.toml:9: `profile.prod.regoin` is not a setting of a profile: write `profile.prod.region`",
        "config.toml:11: `profile.b.color` is 3",
        'config.toml:2: `ui.columns[1]` is "tme"',
        'config.toml:13: `keys.app.quit` is "crtl+q", which is not a key',
        "config.toml:14: `keys.app.folow` is not an action: write `app.follow`",
        'config.toml:15: `keys.app.filter` is "n", which is also a key of events.next_match',
        "mine.toml is invalid and ignored: `primary` is",
        'filter "x"',
        '`sink[0].type` is "webhok"',
    ):
        assert message in found.output, found.output


@pytest.mark.parametrize("secret", ["s3cret-t0ken-00000000", "user:hunter2"])
def test_show_prints_the_source_of_each_setting_and_no_secret(tmp_path: Path, secret: str) -> None:
    (tmp_path / "config.toml").write_text('[journal]\nkeep = "2d"\n[profile.prod]\nregion = "eu"\n')
    shown = run(
        *("config", "show", "--config", tmp_path, "--profile", "prod", "--header", f"X-Key: {secret}"),
        *("--address", "http://me:hunter2@nomad:4646"),
        NOMAD_TOKEN=secret,
        NOMAD_HTTP_AUTH="user:hunter2",
    )
    assert shown.exit_code == 0, shown.output
    assert secret not in shown.output and "hunter2" not in shown.output
    rows = {name: rest for name, *rest in (re.split(" {2,}", line) for line in shown.stdout.splitlines())}
    assert rows["address"] == ["http://<redacted>@nomad:4646", "--address"]
    assert rows["region"] == ["eu", "region of the profile prod"]
    assert rows["token"] == ["<redacted>", "NOMAD_TOKEN"]
    assert rows["namespace"] == ["*", "default"]
    assert rows["journal.keep"] == ["2d", "config.toml"]
    assert rows["journal.max_size"] == ["4GiB", "default"]


def test_keys_prints_every_action_with_its_configured_keys(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[keys]\napp.follow = ["f", "Ctrl+F"]\napp.quit = "none"\napp.theme = "T"\n')
    rows = dict(re.split(" {2,}", line)[:2] for line in run("keys", "--config", tmp_path).stdout.splitlines()[1:])
    assert list(rows) == [action.id for action in ACTIONS if action.help]
    assert (rows["app.follow"], rows["app.quit"], rows["app.theme"]) == ("f Ctrl+F", "none", "T")
    shown = run("config", "show", "--config", tmp_path).stdout
    assert re.search("^keys.app.follow +f Ctrl.F +config.toml$", shown, re.MULTILINE)


def test_the_example_is_shipped() -> None:
    assert files("nomad_tui").joinpath("data", "config.toml").is_file()
