"""The inspector, by what it draws and what its keys do."""

import asyncio
from datetime import UTC
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.content import Content
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import HelpPanel

from nomad_tui.core import wire
from nomad_tui.core.payload import parse
from nomad_tui.ui.inspector import InspectedEvent, Inspector
from nomad_tui.ui.payload_tree import PayloadTree
from nomad_tui.ui.themes import VARIABLES
from tests import recordings
from tests.pressing import at_rest, post_key, resize

STYLES = Path(__file__).parent.parent / "styles"

NOW = 1_795_424_043_007_000_000
"""2026-11-23 08:54:03.007 UTC."""

JOB = b"""{"Job":{"ID":"web","Meta":null,"Priority":50,"Stop":false,"SubmitTime":1795424029007000000,
"Groups":[{"Name":"front","Count":2},{"Name":"cache","Tasks":[{"Name":"redis","Env":{"A":"1"}}]}]}}"""


class DrawnTree(PayloadTree):
    """Remembers which lines were asked for."""

    def __init__(self) -> None:
        super().__init__(timezone=UTC)
        self.asked_for: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.asked_for.append(y)
        return super().render_line(y)


class TreeApp(App[None]):
    def compose(self) -> ComposeResult:
        yield DrawnTree()

    @property
    def tree_widget(self) -> DrawnTree:
        return self.query_one(DrawnTree)


class InspectorApp(App[None]):
    CSS_PATH = STYLES / "inspector.tcss"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {**super().get_theme_variable_defaults(), **VARIABLES}

    def compose(self) -> ComposeResult:
        yield Inspector(clock=lambda: NOW, timezone=UTC)


def drawn(tree: PayloadTree) -> list[str]:
    """The lines of the tree that are on screen, without what is blank at their ends."""
    lines = [tree.render_line(y).text.rstrip() for y in range(tree.size.height)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def cursor_line(tree: PayloadTree) -> str:
    return tree.render_line(tree.rows.find(tree.cursor_path) - tree.scroll_offset.y).text.strip()


def event(payload: bytes, **changes: str | None) -> InspectedEvent:
    return InspectedEvent(
        sequence=7,
        title=changes.get("title") or "Job web",
        heading=(Content("web registered"),),
        facts=(("Type", changes.get("type") or "JobRegistered"), ("Namespace", "")),
        payload=payload,
        trouble=changes.get("trouble"),
    )


async def pressed(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        post_key(pilot.app, key)
        await at_rest(pilot.app)


async def test_the_tree_draws_keys_in_a_column_and_counts_of_what_is_folded() -> None:
    async with asyncio.timeout(20), TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        assert drawn(tree) == [
            "▼ Job  {6}",
            "  ▶ Groups      [2]",
            '    ID          "web"',
            "    Meta        null",
            "    Priority    50",
            "    Stop        false",
            "    SubmitTime  1795424029007000000  14 s ago",
        ]


async def test_a_wide_line_has_room_for_the_date_and_a_narrow_one_shortens_the_number() -> None:
    async with asyncio.timeout(20), TreeApp().run_test(size=(80, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        assert drawn(tree)[-1].endswith("1795424029007000000  14 s ago · 2026-11-23 08:53:49.007")
        await resize(pilot.app, 40, 20)
        assert drawn(tree)[-1] == "    SubmitTime  17954240290…  14 s ago"


async def test_keys_unfold_fold_and_walk_the_tree() -> None:
    async with asyncio.timeout(20), TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        tree.focus()
        await pressed(pilot, "j", "l")
        assert drawn(tree)[1:4] == ["  ▼ Groups      [2]", "    ▶ 0  front {2}", "    ▶ 1  cache {2}"]
        await pressed(pilot, "right", "down", "enter", "right")
        assert cursor_line(tree) == 'Name   "cache"'
        await pressed(pilot, "h")
        assert cursor_line(tree) == "▼ 1  cache {2}"
        await pressed(pilot, "h", "left")
        assert cursor_line(tree) == "▼ Groups      [2]"
        await pressed(pilot, "space")
        assert cursor_line(tree) == "▶ Groups      [2]"
        await pressed(pilot, "E")
        assert drawn(tree)[8].strip() == "▼ 0  redis {2}"
        await pressed(pilot, "G")
        assert tree.cursor_path == ("Job", "SubmitTime")
        await pressed(pilot, "g", "C")
        assert len(drawn(tree)) == 7
        await pressed(pilot, "up", "k")
        assert cursor_line(tree) == "▼ Job  {6}"


async def test_what_is_open_and_the_cursor_stay_for_the_next_event() -> None:
    async with asyncio.timeout(20), TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        tree.focus()
        await pressed(pilot, "j", "l", "j", "l", "l")
        assert tree.cursor_path == ("Job", "Groups", 0, "Count")
        tree.show(parse(b'{"Job":{"Groups":[{"Count":5}],"ABefore":1}}'), NOW)
        assert cursor_line(tree) == "Count  5"
        tree.show(parse(b'{"Job":{"Groups":[]}}'), NOW)
        assert cursor_line(tree) == "Groups  []"
        tree.show(parse(b'{"Node":{}}'), NOW)
        assert cursor_line(tree) == "Node  {}"
        tree.show(parse(JOB), NOW)
        assert tree.cursor_path == ("Job", "Groups", 0, "Count")


async def test_the_cursor_stays_on_its_line_of_the_screen() -> None:
    def items(count: int, before: int) -> bytes:
        earlier = ",".join(f'"a{position:03}":0' for position in range(before))
        return ('{"Job":{' + earlier + "," + ",".join(f'"b{item:03}":{item}' for item in range(count)) + "}}").encode()

    async with asyncio.timeout(20), TreeApp().run_test(size=(40, 10)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(items(100, 5)), NOW)
        tree.focus()
        await pressed(pilot, "pagedown", "pagedown", "ctrl+d", "ctrl+u", "pageup", "pagedown")
        path, line = tree.cursor_path, tree.rows.find(tree.cursor_path) - tree.scroll_offset.y
        tree.show(parse(items(100, 30)), NOW)
        await at_rest(pilot.app)
        assert tree.cursor_path == path
        assert tree.rows.find(path) - tree.scroll_offset.y == line
        assert cursor_line(tree) == f"{path[-1]}  {int(str(path[-1])[1:])}"


async def test_moving_the_cursor_redraws_two_lines() -> None:
    async with asyncio.timeout(20), TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        tree.focus()
        await pressed(pilot, "j")
        tree.asked_for.clear()
        await pressed(pilot, "j")
        assert set(tree.asked_for) == {1, 2}


async def test_clicks_move_the_cursor_and_toggle_on_the_triangle() -> None:
    async with asyncio.timeout(20), TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        await at_rest(pilot.app)
        await pilot.click(tree, offset=(6, 2))
        await at_rest(pilot.app)
        assert cursor_line(tree) == 'ID          "web"'
        await pilot.click(tree, offset=(2, 1))
        await at_rest(pilot.app)
        assert cursor_line(tree) == "▼ Groups      [2]"
        await pilot.click(tree, offset=(2, 1))
        await at_rest(pilot.app)
        assert cursor_line(tree) == "▶ Groups      [2]"
        await pilot.click(tree, offset=(2, 15))
        await at_rest(pilot.app)
        assert tree.cursor_path == ("Job", "Groups")


async def test_a_long_value_is_cut_and_can_be_moved_along() -> None:
    async with asyncio.timeout(20), TreeApp().run_test(size=(41, 10)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(b'{"Long":"' + b"0123456789" * 300_000 + b'"}'), NOW)
        tree.focus()
        await at_rest(pilot.app)
        (line,) = drawn(tree)
        assert line.startswith('  Long  "0123456789')
        assert line.endswith("…")
        assert len(line) == tree.scrollable_content_region.width
        await pressed(pilot, "greater_than_sign", "greater_than_sign")
        (line,) = drawn(tree)
        assert "012345678901234567890123456789" in line
        assert "Long" not in line
        await pressed(pilot, *["less_than_sign"] * 5)
        assert drawn(tree)[0].startswith('  Long  "0123')


async def test_the_end_of_a_long_value_can_be_reached_and_not_passed() -> None:
    async with asyncio.timeout(20), TreeApp().run_test(size=(40, 10)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(b'{"a":"' + b"x" * 100 + b'END"}'), NOW)
        tree.focus()
        await pressed(pilot, *["shift+right"] * 20)
        assert drawn(tree)[0].endswith('END"')


async def test_the_view_follows_the_cursor_into_the_depth_and_back() -> None:
    async with asyncio.timeout(20), TreeApp().run_test(size=(40, 30)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(b'{"d":' * 60 + b"1" + b"}" * 60), NOW)
        tree.focus()
        await pressed(pilot, "E", "G")
        assert cursor_line(tree) == "d  1"
        await pressed(pilot, "g")
        assert cursor_line(tree) == "▼ d  {1}"


async def test_odd_text_is_drawn_as_text_within_its_line() -> None:
    payload = '{"[/red]":"\\u001b]2;OWNED","":"日本語日本語日本語日本語日本語日本語","e":{},"big":1e400}'
    async with asyncio.timeout(20), TreeApp().run_test(size=(30, 10)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(payload.encode()), NOW)
        await at_rest(pilot.app)
        lines = drawn(tree)
        assert lines[0].startswith('  ""      "日本')
        assert lines[0].endswith("…")
        assert lines[1] == '  [/red]  "␛]2;OWNED"'
        assert lines[2:] == ["  big     1e400", "  e       {}"]
        width = tree.scrollable_content_region.width
        assert all(tree.render_line(y).cell_length == width for y in range(10))


async def test_the_inspector_shows_heading_facts_trouble_and_title_literally() -> None:
    async with asyncio.timeout(20), InspectorApp().run_test(size=(60, 20)) as pilot:
        inspector = pilot.app.query_one(Inspector)
        assert "No event" in str(inspector.heading.content)
        inspector.show(event(b"not json", title="[/x] \x1b]2;t", type="[red]Type", trouble="A \x1b cut line."))
        await at_rest(pilot.app)
        assert inspector._border_title is not None
        assert inspector._border_title.plain == "[/x] ␛]2;t"
        assert str(inspector.heading.content) == "web registered"
        assert str(inspector.facts.content) == "Type [red]Type"
        assert str(inspector.trouble.content).startswith("! A ␛ cut line. The payload is not JSON")
        assert drawn(inspector.payload_tree) == ["not json"]
        inspector.show(event(JOB))
        await at_rest(pilot.app)
        assert not inspector.trouble.display
        assert drawn(inspector.payload_tree)[0] == "▼ Job  {6}"
        inspector.clear()
        await at_rest(pilot.app)
        assert inspector.event is None
        assert drawn(inspector.payload_tree) == []


async def test_keys_do_nothing_where_nothing_is_shown() -> None:
    async with asyncio.timeout(20), InspectorApp().run_test(size=(60, 20)) as pilot:
        pilot.app.query_one(PayloadTree).focus()
        keys = ("j", "k", "g", "G", "h", "l", "enter", "E", "C", "pagedown", "ctrl+u")
        await pressed(pilot, *keys, "greater_than_sign", "less_than_sign")
        assert pilot.app.query_one(PayloadTree).cursor_path == ()


async def test_ages_grow_when_they_are_told_again() -> None:
    now = [NOW]

    class ClockApp(App[None]):
        def compose(self) -> ComposeResult:
            yield Inspector(clock=lambda: now[0], timezone=UTC)

    async with asyncio.timeout(20), ClockApp().run_test(size=(60, 20)) as pilot:
        inspector = pilot.app.query_one(Inspector)
        inspector.show(event(JOB))
        await at_rest(pilot.app)
        assert drawn(inspector.payload_tree)[-1].endswith("14 s ago")
        now[0] += 6_000_000_000
        inspector.tell_ages()
        assert drawn(inspector.payload_tree)[-1].endswith("20 s ago")


async def test_an_event_given_before_the_pane_is_mounted_is_shown() -> None:
    class EarlyApp(App[None]):
        def compose(self) -> ComposeResult:
            inspector = Inspector(clock=lambda: NOW, timezone=UTC)
            inspector.show(event(JOB))
            yield inspector

    async with asyncio.timeout(20), EarlyApp().run_test(size=(60, 20)) as pilot:
        assert drawn(pilot.app.query_one(PayloadTree))[0] == "▼ Job  {6}"


async def test_a_change_of_theme_or_focus_changes_the_colours() -> None:
    async with asyncio.timeout(20), InspectorApp().run_test(size=(60, 20)) as pilot:
        inspector = pilot.app.query_one(Inspector)
        inspector.show(event(JOB))
        tree = inspector.payload_tree
        pilot.app.set_focus(None)
        await at_rest(pilot.app)
        unfocused = tree.render_line(0)
        tree.focus()
        await at_rest(pilot.app)
        focused = tree.render_line(0)
        assert focused != unfocused
        pilot.app.theme = "textual-light"
        await at_rest(pilot.app)
        assert tree.render_line(0) != focused


async def test_the_help_panel_explains_the_pane() -> None:
    async with asyncio.timeout(20), InspectorApp().run_test(size=(100, 40)) as pilot:
        pilot.app.query_one(PayloadTree).focus()
        pilot.app.action_show_help_panel()
        await at_rest(pilot.app)
        assert pilot.app.screen.query_one(HelpPanel).display


@pytest.mark.parametrize("name", ["hostile", "large-job"])
async def test_every_recorded_payload_can_be_shown_wholly_unfolded(name: str) -> None:
    async with asyncio.timeout(60), InspectorApp().run_test(size=(60, 20)) as pilot:
        inspector = pilot.app.query_one(Inspector)
        inspector.payload_tree.folding.open_all(())
        inspector.payload_tree.focus()
        topics = set()
        for line in recordings.lines(name):
            frame = wire.decode(line)
            for sent in frame.events if isinstance(frame, wire.Frame) else ():
                if (sent.topic, len(bytes(sent.payload))) in topics:
                    continue
                topics.add((sent.topic, len(bytes(sent.payload))))
                inspector.show(event(bytes(sent.payload), title=sent.key))
                await pressed(pilot, "G")
                assert all("\x1b" not in text for text in drawn(inspector.payload_tree))
                await pressed(pilot, "g")
        assert topics
