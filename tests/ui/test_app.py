"""The dashboard as an operator uses it: a live server in all states, keys, panes, and a hostile stream."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import combinations
from pathlib import Path
from typing import Final

import orjson
import pytest
from textual.command import CommandList, CommandPalette
from textual.events import Key

from nomad_tui.config.connection import Connection
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import decode
from nomad_tui.sources.live import LiveServer
from nomad_tui.sources.recording import Recording
from nomad_tui.standin import ALL_FRAMES, MANAGEMENT, Cut, End, Fault, Options, Reset, StandIn, Token
from nomad_tui.stream.settings import Settings
from nomad_tui.ui.actions import ACTIONS
from nomad_tui.ui.dialogs.commands import run as run_action
from nomad_tui.ui.dialogs.help import HelpScreen, HelpView
from nomad_tui.ui.dialogs.text_page import UnreadableLines
from nomad_tui.ui.event.find_line import FindLine
from tests import recordings, scenes
from tests.cli.test_cli import terminal
from tests.dashboard import (
    CONNECTED,
    MEDIUM,
    NARROW,
    SECONDS,
    SIZES,
    WIDE,
    Dashboard,
    ScriptedSource,
    dashboard,
    event,
    frames,
    jobs,
)
from tests.keyboard import at_rest
from tests.recordings import frame

SECRET: Final = "00000000-0000-4000-8000-00000000000a"
LARGE: Final = Options(lead=ALL_FRAMES, buffer_size=1_000)
"""A server that holds the complete tour from the start."""


@asynccontextmanager
async def watching(
    address: str, size: tuple[int, int] = MEDIUM, *, token: str | None = None, shortest_delay: float = 0.02
) -> AsyncIterator[Dashboard]:
    """Open the dashboard on a server as `nomad-tui` does."""
    flags = {"address": address} if token is None else {"address": address, "token": token}
    connection = Connection.from_environment(flags, environ={})
    source = LiveServer(connection, settings=Settings(shortest_delay=shortest_delay))
    async with dashboard(source, size) as opened:
        yield opened


def line_of(index: int, key: str) -> bytes:
    return orjson.dumps({"Index": index, "Events": [event("Job", key, Job={"ID": key})]})


def held_events(opened: Dashboard) -> list[tuple[int, str, str, bytes]]:
    history = opened.history
    events = [history.event(number) for number in range(history.first, history.end) if history.gap(number) is None]
    return [(event.index, event.topic, event.key, event.payload) for event in events]


TOUR: Final = [
    (event.index, event.topic, event.key, bytes(event.payload)) for frame in frames("tour") for event in frame.events
]


# A live server


async def test_the_events_of_a_live_server_appear() -> None:
    async with StandIn(recordings.lines("tour"), LARGE) as server, watching(server.address, WIDE) as opened:
        await opened.shows(625)
        await opened.appears("global · all namespaces")  # the region comes from a separate request
        for size in SIZES:
            await opened.resize(*size)
            await opened.appears("held 625")
            top = opened.screen()[0]
            assert "● live 2.0.6" in top
            assert server.address.removeprefix("http://") in top
            assert "gaps" not in top
            assert "reported 1 allocation" in opened or "reported 2 allocations" in opened
            if size != NARROW:
                assert "♥" in top
        assert held_events(opened) == TOUR


async def test_after_a_lost_stream_no_event_is_missing_or_repeated() -> None:
    async with StandIn(recordings.lines("tour"), LARGE) as server, watching(server.address) as opened:
        await opened.shows(625)
        faults: list[Fault] = [End(), Cut(), Reset(), End()]
        for number, fault in enumerate(faults, 1):
            server.inject(fault)
            await opened.until(lambda number=number: opened.app.session.status.reconnects == number)  # type: ignore[misc]
            server.publish(line_of(9_000 + number, f"after-{number}"))
            await opened.appears(f"after-{number}")
        await opened.appears("held 629")
        await opened.appears("↻ 4")
        assert "● live" in opened
        assert "gaps" not in opened.screen()[0]
        assert held_events(opened)[:625] == TOUR


async def test_a_server_that_is_down_is_retried_and_r_retries_at_once() -> None:
    async with (
        StandIn(recordings.lines("tour"), LARGE) as server,
        watching(server.address, shortest_delay=25.0) as opened,
    ):
        await opened.shows(625)
        async with server.down():
            await opened.appears(" s (attempt 2)")
            assert "○ reconnecting" in opened
            assert "closed" in opened or "ended" in opened or "cut" in opened
            await opened.press("r")
            await opened.until(lambda: opened.app.session.status.attempt == 2)
            await opened.appears("connection refused")
            assert "held 625" in opened, "what was shown stays"
        await opened.press("r")
        server.publish(line_of(9_001, "after"))
        await opened.appears("after")
        await opened.until(lambda: not opened.dashboard.trouble.display)
        await opened.appears("held 626")
        assert held_events(opened)[:625] == TOUR


async def test_r_reconnects_a_healthy_stream_and_no_event_is_missing_or_repeated() -> None:
    async with StandIn(recordings.lines("tour"), LARGE) as server, watching(server.address) as opened:
        await opened.shows(625)
        before = len(server.requests)
        newest = TOUR[-1][0]
        await opened.press("r")
        await opened.appears(f"Connecting again from index {newest}.")
        await opened.until(lambda: len(server.requests) > before)
        server.publish(line_of(9_001, "published-since"))
        await opened.appears("published-since")
        assert "● live" in opened
        assert held_events(opened)[:625] == TOUR
        assert len(held_events(opened)) == 626


async def test_a_token_for_jobs_only_shows_jobs_and_the_refused_topics() -> None:
    token = Token(name="web team", policies=("read-jobs",), namespaces={"default": frozenset({"read-job"})})
    options = Options(lead=ALL_FRAMES, buffer_size=1_000, tokens={SECRET: token})
    async with StandIn(recordings.lines("tour"), options) as server, watching(server.address, token=SECRET) as opened:
        await opened.appears("● live")
        await opened.appears("▲ The token 'web team' (policy read-jobs) may read only some of these topics")
        await opened.appears("needs node:read")
        await opened.appears("… 10 refused")
        readable = [each for each in TOUR if each[1] in ("Allocation", "Evaluation", "Job", "Deployment", "Service")]
        await opened.until(lambda: 0 < opened.history.held < len(readable))
        await opened.press("W")
        await opened.appears("Not readable with this token")
        await opened.appears("needs a management token")


async def test_events_replayed_by_a_restarted_server_are_not_shown_again() -> None:
    lines = recordings.lines("tour")
    async with StandIn(lines, LARGE) as server, watching(server.address) as opened:
        await opened.shows(625)
        await server.restart(lines)
        server.publish(line_of(9_001, "after"))
        await opened.appears("after")
        await opened.appears("held 626")
        assert held_events(opened)[:625] == TOUR


async def test_events_that_may_be_missing_are_a_gap_among_the_rows() -> None:
    async with StandIn(recordings.lines("tour"), LARGE) as server, watching(server.address, WIDE) as opened:
        await opened.shows(625)
        newest = held_events(opened)[-1][0]
        await server.restart(keep=0)
        server.publish(line_of(9_001, "after"))
        await opened.appears("gaps 1")
        await opened.appears(f"gap: indexes {newest + 1:,}–9,000 may be missing")
        assert "after" in opened
        assert "held 626" in opened


async def test_an_unreachable_server_is_reported_with_the_remedy_and_retried() -> None:
    async with StandIn(recordings.lines("tour"), LARGE) as server, AsyncExitStack() as outage:
        await server.published()
        await outage.enter_async_context(server.down())
        async with watching(server.address) as opened:
            await opened.appears("connection refused")
            trouble = " ".join(line.strip() for line in opened.screen())
            assert server.address.removeprefix("http://") in trouble
            assert "NOMAD_ADDR" in trouble
            await opened.until(lambda: opened.app.session.status.attempt >= 3)
            await outage.aclose()
            await opened.shows(625)
            await opened.appears("● live")
            await opened.until(lambda: not opened.dashboard.trouble.display)


async def test_a_refusal_is_reported_with_the_remedy_and_r_retries() -> None:
    options = Options(lead=ALL_FRAMES, buffer_size=1_000, tokens={})
    async with (
        StandIn(recordings.lines("tour"), options) as server,
        watching(server.address, NARROW, token=SECRET) as opened,
    ):
        for size in reversed(SIZES):
            await opened.resize(*size)
            await opened.appears("✕ refused")
            # All of it fits, including the remedy.
            await opened.until(lambda: "press r to retry now." in " ".join(line.strip() for line in opened.screen()))
            trouble = " ".join(line.strip() for line in opened.screen())
            assert "does not accept the token" in trouble
            assert "NOMAD_TOKEN" in trouble
            assert SECRET not in trouble
        server.put_token(SECRET, MANAGEMENT)
        await opened.press("r")
        await opened.shows(625)
        await opened.appears("● live")
        await opened.until(lambda: not opened.dashboard.trouble.display)


# The inspector


async def test_the_inspector_follows_the_selection() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        for key in ("k", "k", "pageup", "g", "G"):
            await opened.press(key)
            await opened.caught_up()
            shown = opened.dashboard.inspector.event
            assert shown is not None
            assert shown.sequence == opened.events.cursor
            selected = opened.history.event(shown.sequence)
            assert shown.payload == selected.payload
            assert selected.topic in str(opened.inspected)
            assert f"Index {selected.index}" in "\n".join(opened.screen())


async def test_while_following_the_inspector_catches_up_with_the_newest_event() -> None:
    source = ScriptedSource(CONNECTED, *jobs(range(5)))
    async with dashboard(source, WIDE) as opened:
        await opened.shows(5)
        seen = Counter[int]()
        for number in range(5, 35):
            source.send(*jobs([number]))
            await opened.until(lambda number=number: opened.history.end == number + 1)  # type: ignore[misc]
            shown = opened.dashboard.inspector.event
            assert shown is not None
            seen[shown.sequence] += 1
        assert len(seen) <= 8, "not every event in passing: that could not be read"
        await opened.appears("3 Job job-34")
        await opened.press("k", "k")
        source.send(*jobs(range(35, 40)))
        await opened.shows(40)
        assert "job-33" in str(opened.inspected)


async def test_nodes_open_in_one_payload_are_open_in_the_next() -> None:
    events = [event("Job", f"job-{n}", Job={"ID": f"job-{n}", "Meta": {"owner": f"owner-{n}"}}) for n in range(4)]
    async with dashboard(ScriptedSource(CONNECTED, frame(1, *events)), WIDE) as opened:
        await opened.shows(4)
        await opened.press("k", "enter", "j", "j", "l")
        assert '"owner-3"' in opened
        await opened.press("2", "k")
        await opened.caught_up()
        assert '"owner-2"' in opened
        await opened.press("g")
        await opened.caught_up()
        assert '"owner-0"' in opened


async def test_a_gap_and_a_repaired_frame_are_explained() -> None:
    gap = Gap(GapReason.BUFFER, 40, 61, 41.0)
    mended = decode(b'{"Index":62,"Events":[{"Topic":"Job","Key":"a\xffb","Payload":{"Job":{"ID":"mended"}}}]}')
    source = ScriptedSource(CONNECTED, *jobs(range(38, 41)), gap, *jobs([61]))
    assert mended is not None
    source.send(mended)
    async with dashboard(source, WIDE) as opened:
        await opened.shows(5)
        await opened.press("k")
        await opened.caught_up()
        await opened.appears("bytes that are not UTF-8 were replaced")
        await opened.press("k", "k")
        await opened.caught_up()
        assert opened.inspected == "3 Gap"
        assert "Events may be missing here" in opened
        assert '"buffer"' in opened
        await opened.press("enter", "E", "2", "j")
        await opened.caught_up()
        assert "job-61" in str(opened.inspected)


# Panes and keys


async def test_tab_numbers_and_arrows_go_from_pane_to_pane() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        assert opened.focus == "events"
        for key, pane in (
            ("tab", "inspector"),
            ("tab", "topics"),
            ("tab", "events"),
            ("shift+tab", "topics"),
            ("shift+tab", "inspector"),
            ("1", "topics"),
            ("3", "inspector"),
            ("2", "events"),
            ("h", "topics"),
            ("l", "events"),
            ("l", "inspector"),
            ("escape", "events"),
            ("left", "topics"),
            ("right", "events"),
            ("enter", "inspector"),
        ):
            await opened.press(key)
            assert opened.focus == pane, key


async def test_zoom_gives_a_pane_the_whole_screen_and_back() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), NARROW) as opened:
        await opened.shows(625)
        app = opened.app
        panes = {"1": app.dashboard.topics, "2": app.dashboard.event_list, "3": app.dashboard.inspector}
        for size in (NARROW, WIDE):
            await opened.resize(*size)
            before = [pane.region for pane in panes.values()]
            for key, pane in panes.items():
                await opened.press(key, "z")
                assert pane.region.width == size[0]
                assert pane.region.height >= size[1] - 4
                assert [other for other in panes.values() if other.region.area] == [pane]
                if key == "3":  # most of it is the payload's
                    assert app.dashboard.inspector.payload_tree.region.height >= pane.region.height / 2
                await opened.press("z" if key == "1" else "escape")
                assert app.dashboard.event_list.region.area
                assert app.dashboard.inspector.region.area
            await opened.press("2", "z", "3")
            assert [other for other in panes.values() if other.region.area] == [app.dashboard.inspector]
            await opened.press("2", "1")
            assert [other for other in panes.values() if other.region.area] == [app.dashboard.topics]
            await opened.press("2", "z")
            assert [pane.region for pane in panes.values()] == before


async def test_zoom_works_in_a_narrow_terminal_with_the_topics_open() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), NARROW) as opened:
        await opened.shows(625)
        await opened.press("1", "tab", "z")
        assert opened.focus == "events"
        assert opened.events.region.width == NARROW[0]
        assert not opened.dashboard.topics.display


async def test_topics_are_hidden_in_a_narrow_terminal_until_opened() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), NARROW) as opened:
        await opened.shows(625)
        app = opened.app
        assert app.dashboard.topics.region.area == 0
        await opened.press("tab", "tab")
        assert opened.focus == "events", "what is not there is not stopped at"
        await opened.press("1")
        assert opened.focus == "topics"
        assert app.dashboard.topics.region.width >= 20
        assert app.dashboard.event_list.region.width >= 50
        for key in ("2", "h"):
            await opened.press(key)
        assert opened.focus == "topics"
        await opened.press("escape")
        assert not app.dashboard.topics.display


async def test_the_terminal_may_shrink_while_the_topics_have_the_focus() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        for keys in (["1"], ["2", "shift+tab"]):
            await opened.press(*keys)
            assert opened.focus == "topics"
            await opened.resize(*NARROW)
            await opened.caught_up()
            await opened.press("2", "k")
            assert opened.focus == "events"
            assert opened.events.cursor is not None
            assert opened.events.region.width == NARROW[0]
            await opened.resize(*WIDE)
            await opened.until(lambda: opened.dashboard.topics.display)


async def test_every_pane_has_a_usable_size_and_none_overlap() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        app = opened.app
        for size in (*SIZES, (96, 24), (95, 24), (149, 40), (150, 40), (60, 20)):
            await opened.resize(*size)
            await opened.caught_up()
            shown = [
                app.dashboard.header,
                app.dashboard.event_list,
                app.dashboard.inspector,
                app.query_one("#filter-row"),
                app.query_one("KeyHints"),
            ]
            if size[0] >= 96:
                shown.append(app.dashboard.topics)
                assert app.dashboard.topics.size.width >= 20
            assert app.dashboard.event_list.size.width >= min(68, size[0] - 4)
            assert app.dashboard.event_list.size.height >= (8 if size[1] >= 24 else 5)
            assert app.dashboard.inspector.size.width >= min(38, size[0] - 4)
            assert app.dashboard.inspector.size.height >= (7 if size[1] >= 24 else 4)
            assert app.dashboard.inspector.payload_tree.size.height >= 2
            screen = app.screen.region
            assert screen.size == size
            for pane in shown:
                assert screen.contains_region(pane.region), pane
            for one, other in combinations(shown, 2):
                assert one.region.intersection(other.region).area == 0, (one, other)
            assert sum(pane.region.area for pane in shown) == screen.area


async def test_any_terminal_size_works() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        for size in ((1, 1), (20, 8), (500, 12)):
            await opened.resize(*size)
            await opened.press("k", "3", "1", "z", "slash", "x", "escape", "z", "2", "g", "G")
        await opened.resize(*MEDIUM)
        await opened.caught_up()
        assert "held 625" in opened


async def test_help_shows_the_keys_of_the_focused_pane() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        for key, words in (
            ("2", "Mark the event"),
            ("1", "Tick only this value"),
            ("3", "Fold or unfold one level everywhere"),
        ):
            await opened.press(key)
            await opened.press("question_mark")
            await opened.until(lambda: isinstance(opened.app.screen, HelpScreen))
            await opened.appears(words)
            await opened.press("escape")
            await opened.until(lambda: not isinstance(opened.app.screen, HelpScreen))
            assert opened.focus


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_help_shows_every_key_in_force_and_can_be_searched(size: tuple[int, int]) -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), size) as opened:
        await opened.shows(625)
        await opened.press("question_mark")
        await opened.appears("Mark the event")
        await opened.press("a")
        await opened.appears("── Dashboard")
        await opened.press("slash")
        line = opened.app.screen.query_one(FindLine).line
        for words in ("F1 … F8", "Reconnect now", "── Event: Timeline", "── Filter", "── Watch rules"):
            line.value = words
            await opened.until(lambda words=words: any(words in each for each in opened.screen()[:-3]))  # type: ignore[misc]
        line.value = "wezzz"
        await opened.appears("not found")
        await opened.press("escape", "escape")
        await opened.until(lambda: len(opened.app.screen_stack) == 1)
        assert opened.focus == "events"


async def test_a_link_of_the_help_leads_to_its_section() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), NARROW) as opened:
        await opened.shows(625)
        await opened.press("question_mark")
        await opened.appears("Mark the event")
        help_view = opened.app.screen.query_one(HelpView)
        await opened.until(lambda: any(link.target == "watch#diagnosis" for link in help_view.links))
        while help_view.link is None or help_view.link.target != "watch#diagnosis":
            await opened.press("tab")
        await opened.press("enter")
        await opened.until(lambda: opened.screen()[1].startswith("│ Diagnosis "))


async def test_help_and_quit_are_never_truncated_in_the_footer() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        for size in (*SIZES, (60, 20)):
            await opened.resize(*size)
            for pane in ("1", "2", "3"):
                await opened.press(pane)
                await at_rest(opened.app)
                await opened.until(lambda: "? Help" in opened.screen()[-1] and "q Quit" in opened.screen()[-1])


async def test_keys_typed_ahead_reach_the_pane_they_were_meant_for() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        for key in ("slash", *"web", "ctrl+u", *"flaky", "enter", "3", "j", "j"):
            opened.app.post_message(Key(key, "/" if key == "slash" else key if len(key) == 1 else None))
        await opened.until(lambda: opened.focus == "inspector" and opened.dashboard.inspector.payload_tree.cursor_path)
        assert opened.dashboard.filter_line.value == "flaky"
        assert opened.events.cursor is None


async def test_the_palette_lists_our_commands_and_runs_them() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        app = opened.app
        commands = {action.title: action for action in ACTIONS if action.palette is not None}
        await opened.press("ctrl+p")
        await opened.until(lambda: isinstance(app.screen, CommandPalette))
        await opened.type("pause")
        await opened.appears("Toggle: freeze the display")
        await opened.press("enter")
        await opened.until(lambda: opened.events.viewport.paused_at is not None)

        async def run(title: str) -> None:
            run_action(commands[title], app.dashboard)
            await opened.caught_up()

        await run("Pause")
        assert opened.events.viewport.paused_at is None
        await run("Follow")
        assert not opened.events.viewport.following
        await run("No topics")
        assert len(app.dashboard.view) == 0
        await run("All topics")
        assert len(app.dashboard.view) == 625
        await run("Zoom")
        assert opened.events.region.width == WIDE[0]
        await run("Zoom")
        await run("Retry now")
        await run("Filter")
        assert opened.focus == "filter"
        await run("Unreadable lines")
        assert isinstance(app.screen, UnreadableLines)


@pytest.mark.parametrize(
    ("typed", "first"), [("need", "Overview"), ("screenshot", "Picture"), ("deploy", "Filter: deployments")]
)
async def test_the_palette_ranks_a_synonym_above_scattered_letters(typed: str, first: str) -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour")), WIDE) as opened:
        await opened.shows(625)
        await opened.press("ctrl+p")
        await opened.until(lambda: isinstance(opened.app.screen, CommandPalette))
        await opened.type(typed)

        def hits() -> list[str]:
            listed = opened.app.screen.query_one(CommandList)
            return [str(listed.get_option_at_index(row).prompt) for row in range(listed.option_count)]

        await opened.until(lambda: first in (hits() or [""])[0])


async def test_q_quits_with_code_0() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await opened.press("q")
        await opened.until(lambda: not opened.app.is_running)
        assert opened.app.return_code == 0


@pytest.mark.parametrize("keys", ["k", "/x", "jp"])
async def test_quitting_right_after_another_key_does_not_crash(keys: str) -> None:
    """Work started by a key a moment ago must not access a screen that is gone."""
    for turns in (0, 3):
        async with dashboard(ScriptedSource(CONNECTED, *jobs(range(40)))) as opened:
            await opened.shows(40)
            await opened.type(keys)
            for _ in range(turns):
                await asyncio.sleep(0)
            opened.app.exit()
        assert opened.app.return_code == 0


# A hostile stream

CONTROLS: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_every_hostile_event_can_be_inspected_fully_unfolded(size: tuple[int, int]) -> None:
    async with dashboard(Recording([str(recordings.path("hostile"))]), size) as opened:
        await opened.appears("■ finished")
        assert len(opened.dashboard.view) >= 24
        seen: set[str] = set()
        for number in range(len(opened.dashboard.view)):
            opened.events.select(number)
            opened.dashboard.action_pane("inspector")
            await opened.until(lambda: scenes.settled(opened.app))
            tree = opened.dashboard.inspector.payload_tree
            tree.action_first()
            tree.action_unfold_all()
            tree.action_last()
            await at_rest(opened.app)
            lines = opened.screen()
            assert CONTROLS.findall("\n".join(lines)) == []
            seen.update(lines)
        assert any("OWNED" in line for line in seen)


ATTACK: Final = (
    "\x1b]52;c;T1dORUQ=\x07\x1b]0;OWNED\x07\x1b]2;OWNED\x1b\\\x9d2;OWNED\x9c\x9b2J\x1b[2J\x1bcOWNED\r\n\u202e"
)


def attacks() -> bytes:
    """The attack in every place that contains text, within frames and outside of them."""
    node = {"Name": ATTACK, "Status": ATTACK, "StatusDescription": ATTACK, ATTACK: [ATTACK, {ATTACK: ATTACK}]}
    states = {ATTACK: {"State": ATTACK, "Failed": True, "Events": [{"Type": ATTACK, "DisplayMessage": ATTACK}]}}
    allocation = {"Name": ATTACK, "JobID": ATTACK, "ClientStatus": ATTACK, "NodeName": ATTACK, "TaskStates": states}
    objects = {
        "Node": node,
        "Allocation": allocation,
        "Job": {"ID": ATTACK, "Name": ATTACK, "Status": ATTACK, "Type": ATTACK},
        "Evaluation": {"JobID": ATTACK, "Status": ATTACK, "TriggeredBy": ATTACK, "StatusDescription": ATTACK},
        "Deployment": {"JobID": ATTACK, "Status": ATTACK, "StatusDescription": ATTACK},
        "Service": {"ServiceName": ATTACK, "Address": ATTACK},
        ATTACK: {ATTACK: ATTACK},
    }
    events = [
        {
            "Topic": topic,
            "Type": ATTACK,
            "Key": ATTACK,
            "Namespace": ATTACK,
            "FilterKeys": [ATTACK],
            "Payload": {topic: found},
        }
        for topic, found in objects.items()
    ]
    return b"\n".join(
        (orjson.dumps({"Index": 40, "Events": events}), ATTACK.encode(), b"\x1b]2;OWNED\x07\x9b2J\xff", b"")
    )


async def test_no_control_sequence_of_a_hostile_stream_reaches_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "hostile-\x1b]2;OWNED\x07.ndjson"
    # The recording ends in a truncated line, so it comes last.
    file.write_bytes(attacks() + recordings.content("hostile"))
    async with asyncio.timeout(SECONDS), terminal("open", str(file)) as screen:
        await screen.until("finished")
        screen.press("/owned\r")
        await screen.until(" of ")
        screen.press("g")
        for _ in range(8):
            screen.press("3gEG2j")
            await screen.read_for(0.1)
        screen.press("/" + "\x7f" * len("owned") + "\r2g")
        for _ in range(32):
            screen.press("3gE2j")
            await screen.read_for(0.1)
        screen.press("1G 2u")
        await screen.until("Unreadable:")
        screen.press("q")
        await screen.read_for(0.3)
        screen.press("?")
        await screen.read_for(0.3)
        screen.press("q")  # close the help
        await screen.read_for(0.3)
        screen.press("q")
        assert await screen.ended() == 0
    output = screen.text
    assert "OWNED" in output
    assert "T1dORUQ=" in output, "shown, as text"
    assert [text for text in re.findall("\x1b[\\]P^_X][^\x07\x1b]*", output) if "OWN" in text or "T1d" in text] == []
    assert re.findall("\x1b\\](?:0|1|2|52);", output) == []
    assert re.findall("[\x80-\x9f\u202e]", output) == []
    assert "\x1bc" not in output


async def test_a_second_enter_in_the_palette_is_harmless() -> None:
    async with dashboard(ScriptedSource(CONNECTED, *frames("tour"))) as opened:
        await opened.shows(625)
        await opened.press("ctrl+p")
        await opened.until(lambda: len(opened.app.screen_stack) > 1)
        await opened.until(lambda: opened.app.screen.query_one(CommandList).option_count > 0)
        await opened.press("down", "enter", "enter", "enter")
        await opened.until(lambda: len(opened.app.screen_stack) == 1)
        assert opened.app.is_running
