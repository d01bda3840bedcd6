"""The commands that show and check what an operator has set."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nomad_tui.cli.main import main
from nomad_tui.config.fields import keys
from nomad_tui.config.settings import JournalSettings, ListSettings, _Entry
from nomad_tui.ui.actions import ACTIONS

WRITTEN = re.compile(r"^# (?=\[|[a-z_]+ = )", re.MULTILINE)
"""What makes a comment of a setting."""


def run(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments], env=environment)


def test_the_file_that_init_writes_holds_every_setting_and_no_mistake(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "config"
    assert run("config", "init", "--config", folder).exit_code == 0
    assert run("config", "path", "--config", folder).stdout == f"{folder}\n"
    assert run("config", "check", "--config", folder).stdout == f"No mistake in {folder}.\n"
    file = folder / "config.toml"
    content = file.read_text()
    for struct in (ListSettings, JournalSettings, _Entry):
        assert {key.name for key in keys(struct)} <= set(re.findall(r"^# ([a-z_]+) = ", content, re.MULTILINE))
    file.write_text(WRITTEN.sub("", content))
    assert run("config", "check", "--config", folder).exit_code == 0
    assert "NOMAD_TOKEN" not in run("config", "show", "--config", folder).stdout
    again = run("config", "init", "--config", folder)
    assert (again.exit_code, file.read_text()) == (2, WRITTEN.sub("", content))
    assert "is there already" in again.output


def test_check_says_every_mistake_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[list]\ncolumns = [\n  "time",\n  "tme",\n]\n\n[profile.prod]\naddress = "http://n:4646"\nregoin = "eu"\n'
        '["profile"."b"]\ncolour=3\n[[sink]]\nid = "a"\ntype = "webhok"\n'
    )
    (tmp_path / "filters.toml").write_text('[filters.x]\nfilter = "("\n')
    found = run("config", "check", "--config", tmp_path)
    assert found.exit_code == 2
    for said in (
        "config.toml:9: `profile.prod.regoin` is no setting of a profile: write `profile.prod.region`",
        "config.toml:11: `profile.b.colour` is 3",
        'config.toml:2: `list.columns[1]` is "tme"',
        'filter "x"',
        '`sink[0].type` is "webhok"',
    ):
        assert said in found.output, found.output


@pytest.mark.parametrize("secret", ["s3cret-t0ken-00000000", "user:hunter2"])
def test_show_says_where_each_setting_comes_from_and_no_secret(tmp_path: Path, secret: str) -> None:
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


def test_keys_prints_every_action_with_a_key() -> None:
    printed = run("keys").stdout.splitlines()
    assert [line.split()[0] for line in printed[1:]] == [action.id for action in ACTIONS if action.keys and action.help]


def test_the_example_is_shipped() -> None:
    assert files("nomad_tui").joinpath("data", "config.toml").is_file()
