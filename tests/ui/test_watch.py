"""Watch rules in the dashboard: their page, and their actions."""

import json
from pathlib import Path
from time import time_ns

import pytest
from msgspec.structs import replace

from nomad_tui.config.folders import Folders
from nomad_tui.config.watch_rules import WatchRules
from nomad_tui.core.wire import Frame
from nomad_tui.sources.recording import Recording
from nomad_tui.ui.watch.page import AddRule, WatchPage
from nomad_tui.ui.watch.watching import notification
from tests import recordings
from tests.dashboard import CONNECTED, NARROW, SIZES, Dashboard, ScriptedSource, dashboard, event
from tests.recordings import frame


def folders(tmp_path: Path, config: str = "") -> Folders:
    (tmp_path / "config.toml").write_text(config)
    return Folders(tmp_path, tmp_path)


def node(index: int, status: str, name: str = "edge-1") -> Frame:
    """Return a live event of a node."""
    raw = event("Node", "n1", Node={"ID": "n1", "Name": name, "Status": status, "ModifyIndex": index, "CreateIndex": 1})
    return replace(frame(index, {**raw, "Namespace": ""}), fresh=True, received=time_ns())


def rule(actions: str, more: str = "") -> str:
    return f'[[watch]]\nname = "away"\nfilter = "topic:=Node status:=down"\nevery = "0s"\nactions = {actions}\n{more}\n'


async def opened(board: Dashboard) -> WatchPage:
    await board.press("A")
    await board.until(lambda: isinstance(board.app.screen, WatchPage))
    page = board.app.screen
    assert isinstance(page, WatchPage)
    return page


@pytest.mark.parametrize("size", SIZES)
async def test_an_enabled_preset_fires_and_jumps_to_its_event(tmp_path: Path, size: tuple[int, int]) -> None:
    source = ScriptedSource(CONNECTED, node(5, "ready"))
    async with dashboard(source, size, folders=folders(tmp_path)) as board:
        await board.shows(1)
        await opened(board)
        await board.appears("node down")
        await board.press("j", "j", "space")
        await board.appears("on          node down")
        await board.press("escape")
        source.send(node(6, "down"), node(7, "down", "renamed"))
        await board.until(lambda: board.dashboard.controllers.watching.watcher.highlighted == {1: "node down"})
        await board.appears("◉")
        await opened(board)
        await board.appears("fired 1×")
        await board.press("enter")
        await board.until(lambda: board.dashboard.inspecting.sequence == 1)
    assert {rule.name for rule in WatchRules(tmp_path).rules if rule.is_on} == {"node down"}


async def test_a_rule_is_created_from_the_current_filter_and_removed(tmp_path: Path) -> None:
    async with dashboard(ScriptedSource(CONNECTED), NARROW, folders=folders(tmp_path), filter_text="job:=web") as board:
        await opened(board)
        await board.press("a")
        await board.until(lambda: isinstance(board.app.screen, AddRule))
        await board.press("f2", "f5", "f5", "f6")
        await board.type("web trouble")
        await board.press("enter")
        await board.until(lambda: isinstance(board.app.screen, WatchPage))
        made = WatchRules(tmp_path).rules[0]
        assert (str(made.filter), made.level.word, made.count, sorted(made.actions)) == (
            "job:=web", "warning", 3, ["highlight", "notify"],
        )  # fmt: skip
        await board.appears("web trouble")
        await board.press("home", "x")
        await board.until(lambda: "web trouble" not in [each.name for each in WatchRules(tmp_path).rules])


async def test_a_rule_is_created_from_the_active_filter_while_the_typed_one_has_a_mistake(tmp_path: Path) -> None:
    async with dashboard(ScriptedSource(CONNECTED), folders=folders(tmp_path), filter_text="level:fatal") as board:
        await opened(board)
        await board.press("a")
        await board.until(lambda: isinstance(board.app.screen, AddRule))
        await board.type("mine")
        await board.press("enter")
        await board.until(lambda: "mine" in [each.name for each in WatchRules(tmp_path).rules])


async def test_a_command_gets_the_event_and_a_failure_is_shown(tmp_path: Path) -> None:
    got = tmp_path / "got"
    script = f"cat > {got}; echo $NOMAD_EVENT_RULE $NOMAD_EVENT_LEVEL >> {got}; echo no pager; exit 4"
    config = rule('["command"]', f"command = {json.dumps(['sh', '-c', script])}")
    source = ScriptedSource(CONNECTED, node(5, "ready"))
    async with dashboard(source, folders=folders(tmp_path, config)) as board:
        source.send(node(6, "down"))
        await board.appears("Its command failed: exit 4: no pager")
        assert board.dashboard.controllers.watching.outcomes == {"away": "exit 4: no pager"}
    event_line, fields = got.read_text().splitlines()
    assert json.loads(event_line)["Payload"]["Node"]["Status"] == "down"
    assert fields == "away failure"


async def test_a_rule_pauses_at_the_event_without_moving_focus_from_the_filter(tmp_path: Path) -> None:
    source = ScriptedSource(CONNECTED, node(5, "ready"))
    async with dashboard(source, folders=folders(tmp_path, rule('["pause"]'))) as board:
        await board.shows(1)
        await board.press("/")
        source.send(node(6, "down"))
        await board.until(lambda: board.events.viewport.paused_at is not None)
        assert (board.events.cursor, board.focus) == (1, "filter")


async def test_a_snoozed_rule_only_highlights(tmp_path: Path) -> None:
    source = ScriptedSource(CONNECTED, node(5, "ready"))
    async with dashboard(source, folders=folders(tmp_path, rule('["highlight", "pause"]'))) as board:
        await opened(board)
        await board.press("home", "s", "escape")
        source.send(node(6, "down"))
        await board.until(lambda: board.dashboard.controllers.watching.watcher.highlighted)
        assert board.events.viewport.paused_at is None
        await opened(board)
        await board.appears("zz 14 m")


async def test_a_mistake_is_reported_without_stopping_other_rules(tmp_path: Path) -> None:
    config = rule('["mail"]') + '[[watch]]\nname = "good"\nlevel = "failure"\n'
    async with dashboard(ScriptedSource(CONNECTED, node(5, "ready")), folders=folders(tmp_path, config)) as board:
        await board.shows(1)
        await board.appears("`watch[0].actions[0]`")
        assert next(iter(board.dashboard.controllers.watching.watcher.states)) == "good"


@pytest.mark.parametrize("follow", [False, True])
async def test_a_recording_only_highlights(tmp_path: Path, follow: bool) -> None:
    source = Recording([str(recordings.path("tour"))], follow=follow)
    async with dashboard(source, folders=folders(tmp_path, rule('["highlight", "pause", "bell"]'))) as board:
        await board.until(lambda: board.dashboard.controllers.watching.watcher.highlighted)
        assert board.events.viewport.paused_at is None
        page = await opened(board)
        await board.appears("In recordings, rules only highlight")
        await board.press("home", "space")
        await board.appears("No rule has fired.")
        await board.press("space")
        await board.until(lambda: page.list.option_count > len(board.dashboard.controllers.watching.watcher.states) + 1)


# Notifications


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color"}, "\x1b]9;nomad-tui: away, ␛[2J edge-1\a"),
        ({"TERM": "rxvt-unicode"}, "\x1b]777;notify;nomad-tui;away, ␛[2J edge-1\x1b\\"),
        ({"VTE_VERSION": "7600"}, "\x1b]777;notify;nomad-tui;away, ␛[2J edge-1\x1b\\"),
        ({"STY": "1.pts"}, "\a"),
    ],
)
async def test_a_notification_uses_the_terminals_own_sequence(environ: dict[str, str], expected: str) -> None:
    assert await notification("away; \x1b[2J edge-1", environ) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("on", "\x1bPtmux;\x1b\x1b]9;nomad-tui: away\a\x1b\\"), ("off", "\a"), ("", "\a")],
)
async def test_in_tmux_it_is_wrapped_if_passthrough_is_on_and_else_rings_the_bell(
    tmp_path: Path, answer: str, expected: str
) -> None:
    tmux = tmp_path / "tmux"
    tmux.write_text(f"#!/bin/sh\necho {answer}\n")
    tmux.chmod(0o755)
    assert await notification("away", {"TMUX": "/run/tmux,1,0", "PATH": f"{tmp_path}:/bin:/usr/bin"}) == expected
