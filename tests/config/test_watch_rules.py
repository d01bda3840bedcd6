"""Watch rules as written in files, and created and enabled in the dashboard."""

from dataclasses import replace
from pathlib import Path

import pytest

from nomad_tui.config.folders import FileError
from nomad_tui.config.settings import read_settings
from nomad_tui.config.watch_rules import PRESETS, WatchRules
from nomad_tui.core.filter import Filter
from nomad_tui.core.level import Level
from nomad_tui.core.watch import Action, Origin, Rule

WHOLE = """
[[watch]]
name = "web fails"
filter = "job:=web"
level = "failure"
count = 3
window = "5m"
actions = ["highlight", "command"]
every = "1m"
command = ["bin/page", "web"]
timeout = "3s"
inherit = ["NOMAD_TOKEN"]
enabled = false
"""


def named(rules: WatchRules, name: str) -> Rule:
    return next(rule for rule in rules.rules if rule.name == name)


def test_every_field_of_a_rule_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(WHOLE)
    rules = WatchRules(tmp_path)
    assert rules.troubles == []
    assert rules.rules == (
        Rule(
            "web fails",
            Filter.parse("job:=web"),
            Level.FAILURE,
            3,
            300.0,
            frozenset((Action.HIGHLIGHT, Action.COMMAND)),
            60.0,
            (str(tmp_path / "bin/page"), "web"),
            3.0,
            frozenset(("NOMAD_TOKEN",)),
            Origin.SETTINGS,
            False,
        ),
        *PRESETS,
    )


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("watch = 3", "`watch` is not a list of tables: write [[watch]] above each"),
        ("watch = [3]", "`watch[0]` is 3: write a table"),
        ('[[watch]]\nlevel = "failure"', "`watch[0].name` is missing: write name ="),
        ('[[watch]]\nname = "a"', "`watch[0].filter` is missing, as is `level`: write one of them"),
        ('[[watch]]\nname = "a"\nfilter = "job:("', "`watch[0].filter` is not a valid filter at character"),
        ('[[watch]]\nname = "a"\nlevel = "bad"', '`watch[0].level` is "bad": write one of "failure", "warning"'),
        ('[[watch]]\nname = "a"\nlevel = "failure"\ncount = 0', "`watch[0].count` is 0: write a whole number from 1"),
        ('[[watch]]\nname = "a"\nlevel = "failure"\nactions = ["mail"]', '`watch[0].actions[0]` is "mail": write'),
        ('[[watch]]\nname = "a"\nlevel = "failure"\nwidow = "5m"', "write `watch[0].window`, or leave it out"),
        ('[[watch]]\nname = "a"\nlevel = "failure"\nactions = ["command"]', "`watch[0].command` is missing: write"),
        ('[[watch]]\nname = "a"\nlevel = "failure"\ncommand = ["x"]', '`watch[0].actions` does not include "command"'),
        (
            '[[watch]]\nname = "a"\nlevel = "failure"\nactions = ["command"]\ncommand = "x $Y"',
            "but commands do not run in a shell",
        ),
    ],
)
def test_a_mistake_has_its_position_and_disables_only_its_rule(tmp_path: Path, text: str, mistake: str) -> None:
    other = '\n[[watch]]\nname = "b"\nlevel = "warning"\n' if text.startswith("[[") else ""
    (tmp_path / "config.toml").write_text(f'{text}\n{other}\n[ui]\ncolumns = ["time"]\n')
    rules = WatchRules(tmp_path)
    assert [rule.name for rule in rules.rules] == [*(["b"] if other else []), *(rule.name for rule in PRESETS)]
    [trouble] = rules.troubles
    assert mistake in trouble
    assert read_settings(tmp_path).ui.columns == ("time",)


def test_rule_names_must_be_unique(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(WHOLE + WHOLE)
    [trouble] = WatchRules(tmp_path).troubles
    assert '`watch[1].name` is "web fails", the name of another rule' in trouble


def test_changes_made_in_the_dashboard_are_stored(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(WHOLE)
    rules = WatchRules(tmp_path)
    made = Rule("mine", Filter.parse('job:=web "a b"'), Level.WARNING, origin=Origin.OWN)
    rules.add(made)
    rules.switch("web fails", True)
    rules.switch("mine", False)
    again = WatchRules(tmp_path)
    assert again.rules == rules.rules
    assert named(again, "web fails").is_on
    assert named(again, "mine") == replace(made, is_on=False)
    assert (tmp_path / "config.toml").read_text() == WHOLE
    with pytest.raises(FileError, match="Another rule is named mine"):
        again.add(made)
    with pytest.raises(FileError, match="Only rules made in the dashboard can be removed"):
        again.remove("web fails")
    again.remove("mine")
    assert "mine" not in [rule.name for rule in WatchRules(tmp_path).rules]


def test_changes_by_another_dashboard_or_an_editor_are_kept(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("watch = 3")
    one, other = WatchRules(tmp_path), WatchRules(tmp_path)
    one.add(Rule("mine", Filter.parse("job:=web"), origin=Origin.OWN))
    other.switch("node down", True)
    assert {rule.name for rule in WatchRules(tmp_path).rules if rule.is_on} == {"mine", "node down"}
    file = tmp_path / "watch.toml"
    file.write_text("[[watch")
    with pytest.raises(FileError, match="Correct it first"):
        other.switch("node down", False)
    assert file.read_text() == "[[watch"
    file.write_text("")
    one.switch("unplaced", True)
    assert {rule.name for rule in WatchRules(tmp_path).rules if rule.is_on} == {"unplaced"}


def test_a_file_that_cannot_be_read_is_reported_and_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "watch.toml").write_text("on = [")
    rules = WatchRules(tmp_path)
    assert rules.rules == PRESETS
    assert "watch.toml is invalid and ignored" in rules.troubles[0]
    with pytest.raises(FileError, match="cannot be read, so it is not changed"):
        rules.switch("unplaced", True)
    assert (tmp_path / "watch.toml").read_text() == "on = ["


def test_without_a_folder_rules_are_kept_in_memory() -> None:
    rules = WatchRules()
    rules.switch("unplaced", True)
    assert named(rules, "unplaced").is_on
