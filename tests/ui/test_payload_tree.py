"""The payload tree: what it draws and what its keys do."""

import asyncio
import base64
import json
from datetime import UTC, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.strip import Strip

from nomad_tui.core.changes import Marks, difference
from nomad_tui.core.payload import Path as Steps
from nomad_tui.core.payload import Value, parse
from nomad_tui.core.payload.flattening import KeyOrder
from nomad_tui.core.secrets import MASK, Masking
from nomad_tui.ui.event.find_line import FindLine, FindPane
from nomad_tui.ui.event.payload_tree import PayloadTree
from tests.keyboard import Themed, at_rest, drawn, notes, pressed, resize

STYLES = Path(__file__).parents[2] / "styles"

NOW = 1_795_424_043_007_000_000
"""2026-11-23 08:54:03.007 UTC."""

JOB = b"""{"Job":{"ID":"web","Meta":null,"Priority":50,"Stop":false,"SubmitTime":1795424029007000000,
"Groups":[{"Name":"front","Count":2},{"Name":"cache","Tasks":[{"Name":"redis","Env":{"A":"1"}}]}]}}"""

ENVIRONMENT = b"""{"Job":{"ID":"web","Tasks":[{"Name":"redis","Env":{"PASSWORD":"hunter2","EMPTY":""},
"Args":["--verbose","--token hunter2"]}]}}"""


class DrawnTree(PayloadTree):
    """Records which lines were drawn, and what was posted."""

    def __init__(self, zone: tzinfo) -> None:
        super().__init__(timezone=zone)
        self.asked_for: list[int] = []

    def render_line(self, y: int) -> Strip:
        self.asked_for.append(y)
        return super().render_line(y)


class TreeApp(Themed):
    CSS_PATH = STYLES / "tree.tcss"

    def __init__(self, zone: tzinfo = UTC) -> None:
        super().__init__()
        self.zone = zone
        self.opened: list[PayloadTree.OpenText] = []
        self.masking_changed = 0
        self.terms: list[str] = []

    def compose(self) -> ComposeResult:
        yield FindPane(DrawnTree(self.zone))

    def on_payload_tree_open_text(self, event: PayloadTree.OpenText) -> None:
        self.opened.append(event)

    def on_payload_tree_masking_changed(self) -> None:
        self.masking_changed += 1

    def on_payload_tree_narrow(self, event: PayloadTree.Narrow) -> None:
        self.terms.append(event.term)


def marks(before: bytes, after: bytes) -> Marks:
    return Marks(difference(parse(before).value, parse(after).value))


def cursor_path(tree: PayloadTree) -> Steps:
    return tree.cursor_path


def cursor_line(tree: PayloadTree) -> str:
    return tree.render_line(tree.cursor_row - tree.scroll_offset.y).text.strip()


def highlighted(tree: PayloadTree) -> list[str]:
    """The underlined text."""
    segments = (segment for y in range(tree.size.height) for segment in tree.render_line(y))
    return [segment.text for segment in segments if segment.style is not None and segment.style.underline]


async def typed(pilot: Pilot[None], text: str) -> None:
    pilot.app.query_one(FindLine).line.value = text
    await at_rest(pilot.app)


def count_shown(app: App[Any]) -> str:
    return str(app.query_one(FindLine).count.content)


async def test_the_tree_draws_keys_in_a_column_and_counts_of_what_is_folded() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        assert drawn(tree) == [
            "▼ Job  {6}",
            "  ▶ Groups      [2]",
            '    ID          "web"',
            "    Meta        null",
            "    Priority    50",
            "    Stop        false",
            "    SubmitTime  14 s ago · 2026-11-23 08:53:49.007",
        ]


async def test_a_time_shows_its_date_and_number_completely_or_not_at_all() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(80, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        assert drawn(tree)[-1].endswith("  14 s ago · 2026-11-23 08:53:49.007  1795424029007000000")
        await resize(pilot.app, 60, 20)
        assert drawn(tree)[-1] == "    SubmitTime  14 s ago · 2026-11-23 08:53:49.007"
        await resize(pilot.app, 40, 20)
        assert drawn(tree)[-1] == "    SubmitTime  14 s ago"


async def test_keys_fold_unfold_and_move_through_the_tree() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(60, 20)) as pilot:
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


async def test_open_nodes_and_the_cursor_are_kept_for_the_next_event() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(60, 20)) as pilot:
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

    async with asyncio.timeout(60), TreeApp().run_test(size=(40, 10)) as pilot:
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
    async with asyncio.timeout(60), TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        tree.focus()
        await pressed(pilot, "j")
        tree.asked_for.clear()
        await pressed(pilot, "j")
        assert set(tree.asked_for) == {1, 2}


async def test_clicks_move_the_cursor_and_toggle_on_the_triangle() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(60, 20)) as pilot:
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


async def test_a_long_value_is_cut_and_can_be_scrolled() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(41, 10)) as pilot:
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
    async with asyncio.timeout(60), TreeApp().run_test(size=(40, 10)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(b'{"a":"' + b"x" * 100 + b'END"}'), NOW)
        tree.focus()
        await pressed(pilot, *["shift+right"] * 20)
        assert drawn(tree)[0].endswith('END"')


async def test_the_view_scrolls_sideways_to_deep_lines_and_back() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(40, 30)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(b'{"d":' * 60 + b"1" + b"}" * 60), NOW)
        tree.focus()
        await pressed(pilot, "E", "G")
        assert cursor_line(tree) == "d  1"
        await pressed(pilot, "g")
        assert cursor_line(tree) == "▼ d  {1}"


async def test_odd_text_is_drawn_as_text_within_its_line() -> None:
    payload = '{"[/red]":"\\u001b]2;OWNED","":"日本語日本語日本語日本語日本語日本語","e":{},"big":1e400}'
    async with asyncio.timeout(60), TreeApp().run_test(size=(30, 10)) as pilot:
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


# Secrets


async def test_a_secret_is_masked_until_x_shows_it_and_the_cursor_moves() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(70, 30), notifications=True) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(ENVIRONMENT), NOW)
        tree.focus()
        await pressed(pilot, "E")
        assert not any("hunter2" in line for line in drawn(tree))
        assert [line.split()[-1] for line in drawn(tree) if "PASSWORD" in line] == [MASK]
        assert [line.split()[-1] for line in drawn(tree) if "EMPTY" in line] == ['""'], "an empty text hides nothing"
        await pressed(pilot, "x")
        assert "hunter2" in "".join(drawn(tree)), "everything beneath the row under the cursor"
        assert isinstance(pilot.app, TreeApp)
        assert pilot.app.masking_changed == 1
        await pressed(pilot, "j")
        assert "hunter2" not in "".join(drawn(tree))
        await pressed(pilot, "x")
        assert "No secret here" in notes(pilot.app)[0]


async def test_a_secret_is_put_into_the_filter_only_when_it_is_shown() -> None:
    payload = b'{"Job":{"Password":"hunter2","Url":"http://u:hunter2@h"}}'
    async with asyncio.timeout(60), TreeApp().run_test(size=(70, 30)) as pilot:
        app, tree = pilot.app, pilot.app.query_one(DrawnTree)
        assert isinstance(app, TreeApp)
        tree.show(parse(payload), NOW)
        tree.focus()
        await pressed(pilot, "j", "plus", "minus", "j", "plus", "minus")
        assert app.terms == []
        await pressed(pilot, "x", "plus")
        assert app.terms == ['Job.Url == "http://u:hunter2@h"']


async def test_another_event_is_masked_again() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(70, 30)) as pilot:
        tree, masking = pilot.app.query_one(DrawnTree), Masking()
        tree.show(parse(ENVIRONMENT), NOW, masking=masking)
        tree.focus()
        await pressed(pilot, "E", "x")
        assert "hunter2" in "".join(drawn(tree))
        tree.show(parse(ENVIRONMENT), NOW, masking=masking)
        assert "hunter2" not in "".join(drawn(tree))
        tree.show(parse(ENVIRONMENT), NOW, masking=Masking(reveals_all=True))
        assert "hunter2" in "".join(drawn(tree))


async def test_a_payload_that_is_not_json_is_masked_entirely_and_can_be_revealed() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(70, 30)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(b'{"Token": hunter2\n"Password": "hunter2"'), NOW)
        tree.focus()
        await at_rest(pilot.app)
        assert "hunter2" not in "".join(drawn(tree))
        await pressed(pilot, "x")
        assert "".join(drawn(tree)).count("hunter2") == 2
        await pressed(pilot, "j")
        assert "hunter2" not in "".join(drawn(tree))


async def test_a_secret_can_be_neither_read_decoded_nor_found() -> None:
    secret = json.dumps({"deep": "hunter2"})
    payload = json.dumps({"Job": {"Secret": secret, "Other": "x", "Text": {"Password": "hunter2\nmore"}}}).encode()
    async with asyncio.timeout(60), TreeApp().run_test(size=(70, 30)) as pilot:
        app, tree = pilot.app, pilot.app.query_one(DrawnTree)
        assert isinstance(app, TreeApp)
        tree.show(parse(payload), NOW)
        tree.focus()
        await pressed(pilot, "E", "j", "j")
        assert tree.cursor_path == ("Job", "Secret")
        await pressed(pilot, "enter", "v", "j", "j", "enter", "v", "slash")
        assert app.opened == []
        for text in ("hunter", "deep", "more", "/h.*2/", "•"):
            await typed(pilot, text)
            assert count_shown(app) == "not found", text
        await pressed(pilot, "escape", "g", "j", "j", "x", "enter")
        assert cursor_line(tree).startswith("▼ Secret")
        assert any('deep  "hunter2"' in line for line in drawn(tree))
        await pressed(pilot, "k")
        assert not any("deep" in line or "hunter2" in line for line in drawn(tree))


async def test_labels_annotations_and_events_do_not_reveal_a_secret() -> None:
    payload = json.dumps(
        {
            "Allocation": {
                "TaskStates": {
                    "web": {
                        "State": "https://user:hunter2@host",
                        "Events": [{"Type": "Driver", "DisplayMessage": "token=hunter2", "Time": NOW}],
                    }
                },
                "List": [{"Name": "postgres://u:hunter2@db/x"}],
                "Env": {"ModifyTime": NOW - 1, "NodeID": "hunter2"},
            }
        }
    ).encode()
    async with asyncio.timeout(60), TreeApp().run_test(size=(100, 40)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(payload), NOW, names=lambda topic, id_: f"named-{id_}")
        tree.focus()
        await pressed(pilot, "E")
        text = "".join(drawn(tree))
        assert "hunter2" not in text
        await pressed(pilot, "left_curly_bracket", "left_curly_bracket")
        text = "".join(drawn(tree))
        assert "hunter2" not in text
        assert "named" not in text
        assert str(NOW - 1) not in text


# Folding


async def test_levels_siblings_and_everything_unfold() -> None:
    payload = b'{"Job":{"A":{"x":{"y":{"z":1}}},"B":{"x":1},"C":[[1],[2]]}}'
    async with asyncio.timeout(60), TreeApp().run_test(size=(40, 40)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(payload), NOW)
        tree.focus()
        await pressed(pilot, "right_curly_bracket")
        assert [line.strip() for line in drawn(tree)][1:] == [
            "▼ A  {1}",
            "▶ x  {1}",
            "▼ B  {1}",
            "x  1",
            "▼ C  [2]",
            "▶ 0  [1]",
            "▶ 1  [1]",
        ]
        await pressed(pilot, "right_curly_bracket", "right_curly_bracket")
        assert "z  1" in drawn(tree)[4]
        await pressed(pilot, *["left_curly_bracket"] * 3)
        assert len(drawn(tree)) == 4
        await pressed(pilot, "left_curly_bracket")
        assert drawn(tree) == ["▶ Job  {3}"]
        await pressed(pilot, "right_curly_bracket", "j", "right_parenthesis")
        assert len(drawn(tree)) == 8
        tree.show(parse(b'{"Job":{"A":{"x":1},"D":{"new":1}}}'), NOW)
        assert drawn(tree)[-1].strip() == "new  1", "in another event too"
        await pressed(pilot, "left_parenthesis")
        assert len(drawn(tree)) == 3
        tree.show(parse(payload), NOW)
        await pressed(pilot, "asterisk")
        assert len(drawn(tree)) == 7
        await pressed(pilot, "E")
        assert len(drawn(tree)) == 12
        await pressed(pilot, "C")
        assert len(drawn(tree)) == 4


# The order of keys


async def test_keys_are_in_documented_order_on_request() -> None:
    payload = b"""{"Allocation":{"Zoo":1,"ClientStatus":"running","Name":"web.g[0]","EvalID":"e","ID":"a",
        "TaskStates":{"b":{"Events":[],"State":"running"},"a":{}}}}"""
    async with asyncio.timeout(60), TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(payload), NOW)
        tree.focus()
        await pressed(pilot, "E", "o")
        keys = " ".join(str(key) for key in tree.rows.keys)
        assert keys == "Allocation ID EvalID Name ClientStatus TaskStates a b State Events Zoo"
        assert tree.order is KeyOrder.DOCUMENTED
        tree.show(parse(b'{"Allocation":{"Name":"b","ID":"c"}}'), NOW)
        assert tree.rows.keys == ["Allocation", "ID", "Name"], "the choice outlives the event"
        await pressed(pilot, "o")
        tree.show(parse(payload), NOW)
        assert tree.rows.keys[1] == "ClientStatus"


# Values


async def test_ids_are_shown_as_names() -> None:
    names = {("Node", "4f"): "edge-1", ("Deployment", "9a"): "web v3", ("Allocation", "c1"): "web.g[0]"}
    payload = b'{"Allocation":{"NodeID":"4f","DeploymentID":"9a","JobID":"web","PreemptedAllocations":["c1"]}}'
    async with asyncio.timeout(60), TreeApp().run_test(size=(70, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(payload), NOW, names=lambda topic, id_: names.get((topic, id_), ""))
        tree.focus()
        await pressed(pilot, "E")
        assert [line.strip() for line in drawn(tree)[1:]] == [
            'DeploymentID          "9a"  web v3',
            'JobID                 "web"',
            'NodeID                "4f"  edge-1',
            "▼ PreemptedAllocations  [1]",
            '0  "c1"  web.g[0]',
        ]


async def test_times_are_shown_in_utc_on_request() -> None:
    async with asyncio.timeout(60), TreeApp(timezone(timedelta(hours=2))).run_test(size=(90, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        tree.focus()
        await at_rest(pilot.app)
        assert drawn(tree)[-1].endswith("14 s ago · 2026-11-23 10:53:49.007  1795424029007000000")
        await pressed(pilot, "U")
        assert drawn(tree)[-1].endswith("14 s ago · 2026-11-23 08:53:49.007 UTC  1795424029007000000")


async def test_the_events_of_a_task_are_shown_as_a_table() -> None:
    def event(kind: str, message: str, code: int = 0) -> dict[str, Value]:
        return {"Type": kind, "Time": NOW, "DisplayMessage": message, "ExitCode": code}

    events = [event("Received", "Task received by client"), event("Terminated", "Exit", 137), event("Killed", "")]
    payload = json.dumps({"Allocation": {"TaskStates": {"web": {"State": "dead", "Events": events}}}}).encode()
    async with asyncio.timeout(60), TreeApp().run_test(size=(70, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(payload), NOW)
        tree.focus()
        await pressed(pilot, "right_curly_bracket", "right_curly_bracket")
        assert [line.strip() for line in drawn(tree) if "08:54:03" in line] == [
            "▶ 0  08:54:03.007  Received    Task received by client",
            "▶ 1  08:54:03.007  Terminated  Exit, exit 137",
            "▶ 2  08:54:03.007  Killed",
        ]


async def test_json_and_base64_in_a_string_unfold_beneath_it() -> None:
    plain = base64.b64encode(b"first line\nPASSWORD=hunter2\n").decode()
    inner = json.dumps({"replicas": 3, "auth": {"token": "hunter2"}})
    payload = json.dumps({"Job": {"Data": plain, "Spec": inner}}).encode()
    async with asyncio.timeout(60), TreeApp().run_test(size=(80, 20)) as pilot:
        app, tree = pilot.app, pilot.app.query_one(DrawnTree)
        assert isinstance(app, TreeApp)
        tree.show(parse(payload), NOW)
        tree.focus()
        await pressed(pilot, "j", "enter")
        assert drawn(tree)[1].endswith("base64")
        assert [line.strip() for line in drawn(tree)[2:4]] == ["┆   0  first line", f"┆   1  PASSWORD={MASK}"]
        await pressed(pilot, "j", "j", "x")
        assert cursor_line(tree).endswith("PASSWORD=hunter2")
        await pressed(pilot, "j", "l", "l")
        assert cursor_line(tree).startswith("┆ ▶ auth")
        await pressed(pilot, "l", "j")
        assert cursor_line(tree) == f"┆     token  {MASK}"
        assert tree.cursor_path == ("Job", "Spec"), "what the payload holds"
        assert tree.cursor_value == inner
        await pressed(pilot, "plus")
        assert app.terms == [], "the string around it has a secret in it"
        tree.show(parse(payload), NOW)
        assert cursor_line(tree) == f"┆     token  {MASK}", "unfolded in the next event too"
        await pressed(pilot, "h", "h", "h", "h")
        assert cursor_line(tree).startswith("▶ Spec")


async def test_a_multiline_text_opens_in_its_own_window() -> None:
    text = "listen 80;\npassword: hunter2\nupstream app;\n"
    payload = json.dumps({"Template": {"EmbeddedTmpl": text, "Short": "x", "Number": 1}}).encode()
    async with asyncio.timeout(60), TreeApp().run_test(size=(60, 20)) as pilot:
        app, tree = pilot.app, pilot.app.query_one(DrawnTree)
        assert isinstance(app, TreeApp)
        tree.show(parse(payload), NOW)
        tree.focus()
        await pressed(pilot, "j")
        assert cursor_line(tree) == 'EmbeddedTmpl  "listen 80;"  ⏎ 3 lines'
        await pressed(pilot, "enter")
        (opened,) = app.opened
        assert opened.title == "Template.EmbeddedTmpl"
        assert opened.text == text.replace("hunter2", MASK)
        assert opened.path == ("Template", "EmbeddedTmpl")
        await pressed(pilot, "j", "enter", "v", "j", "enter", "v")
        assert [event.text for event in app.opened[1:]] == ["x"]


# Changes


async def test_changes_are_marked_and_the_cursor_goes_from_one_to_the_next() -> None:
    payload = b"""{"Allocation":{"ClientStatus":"failed","KillTimeout":5000000000,"New":1,"Same":true,"ModifyIndex":7,
        "TaskStates":{"web":{"Failed":true,"Env":{"KEY":"new-secret"}}},"List":[1],"Url":"http://u:p4ssword@h"}}"""
    before = b"""{"Allocation":{"ClientStatus":"running","KillTimeout":300000000000,"Same":true,"ModifyIndex":6,
        "TaskStates":{"web":{"Failed":false,"Env":{"KEY":"old-secret"}}},"List":[1,2,3],"Url":"http://u:old-secret@h"}}"""
    async with asyncio.timeout(60), TreeApp().run_test(size=(80, 30)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(payload), NOW, marks=marks(before, payload))
        tree.focus()
        await at_rest(pilot.app)
        assert drawn(tree) == [
            "  ▼ Allocation  {8}",
            '±     ClientStatus  "failed"  was "running"',
            "±     KillTimeout   5 s  5000000000  was 5 m",
            "±   ▶ List          [1]  −2",
            "±     ModifyIndex   7  was 6",
            "+     New           1",
            "      Same          true",
            "    ▼ TaskStates    {1}",
            "±     ▶ web  {2}",
            f'±     Url           "http://u:{MASK}@h"  was "http://u:{MASK}@h"',
        ]
        places = []
        for _ in range(8):
            await pressed(pilot, "full_stop")
            places.append(tree.cursor_path[-1])
        assert places == ["ClientStatus", "KillTimeout", "List", "New", "KEY", "Failed", "Url", "ClientStatus"]
        assert [line for line in drawn(tree) if "KEY" in line] == [f"±           KEY  {MASK}  was {MASK}"]
        await pressed(pilot, *["comma"] * 3)
        assert tree.cursor_path[-1] == "KEY"
        await pressed(pilot, "x")
        assert cursor_line(tree).endswith('KEY  "new-secret"  was "old-secret"')
        tree.show(parse(payload), NOW, marks={})
        assert drawn(tree)[0] == "  ▼ Allocation  {8}", "the margin stays"


async def test_old_times_and_ids_are_shown_readably() -> None:
    before = b'{"Node":{"UpdateTime":1795424029007000000,"NodeID":"4f","StartedAt":"2026-11-23T08:49:03Z"}}'
    payload = b'{"Node":{"UpdateTime":1795424043007000000,"NodeID":"5e","StartedAt":"2026-11-23T08:54:03Z"}}'
    async with asyncio.timeout(60), TreeApp().run_test(size=(90, 30)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        names = {"4f": "edge-1", "5e": "edge-2"}
        tree.show(parse(payload), NOW, marks=marks(before, payload), names=lambda topic, id_: names.get(id_, ""))
        await at_rest(pilot.app)
        assert [line.partition("  was ")[2] for line in drawn(tree)[1:]] == [
            "edge-1",
            '"2026-11-23T08:49:03Z"',
            "2026-11-23 08:53:49.007",
        ]


async def test_a_value_that_was_secret_because_of_its_siblings_stays_secret() -> None:
    payload = b'{"Template":{"EmbeddedTmpl":"new","Envvars":false}}'
    before = b'{"Template":{"EmbeddedTmpl":"KEY=old","Envvars":true}}'
    async with asyncio.timeout(60), TreeApp().run_test(size=(80, 30)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(payload), NOW, marks=marks(before, payload))
        await at_rest(pilot.app)
        assert drawn(tree)[1:] == [
            f'±     EmbeddedTmpl  "new"  was {MASK}',
            "±     Envvars       false  was true",
        ]


# Finding


async def test_find_as_you_type_also_searches_folded_nodes() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(60, 20)) as pilot:
        app, tree = pilot.app, pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        tree.focus()
        await pressed(pilot, "slash")
        line = app.query_one(FindLine)
        assert line.is_open
        await typed(pilot, "redis")
        assert cursor_path(tree) == ("Job", "Groups", 1, "Tasks", 0, "Name")
        assert count_shown(app) == "1 of 1"
        assert highlighted(tree) == ["redis"]
        await typed(pilot, "name")
        assert count_shown(app) == "1 of 3"
        assert cursor_path(tree) == ("Job", "Groups", 0, "Name")
        assert not any("Tasks  [" in text and "▼" in text for text in drawn(tree)), "what was opened before is folded"
        await typed(pilot, "Name")
        assert count_shown(app) == "1 of 3"
        await typed(pilot, "NAME")
        assert count_shown(app) == "not found"
        assert cursor_path(tree) == ("Job",), "back to where it began"
        await typed(pilot, "/^(web|front)$/")
        assert count_shown(app) == "1 of 2"
        await typed(pilot, "/(/")
        assert "missing" in count_shown(app)
        await typed(pilot, "/name/i")
        await pressed(pilot, "enter")
        assert app.focused is tree
        await pressed(pilot, "n")
        assert cursor_path(tree) == ("Job", "Groups", 1, "Name")
        assert count_shown(app) == "2 of 3"
        await pressed(pilot, "n", "n")
        assert cursor_path(tree) == ("Job", "Groups", 0, "Name")
        await pressed(pilot, "N")
        assert cursor_path(tree) == ("Job", "Groups", 1, "Tasks", 0, "Name")
        await pressed(pilot, "escape")
        assert not app.query_one(FindLine).is_open
        assert highlighted(tree) == []
        assert cursor_path(tree) == ("Job", "Groups", 1, "Tasks", 0, "Name")


async def test_escape_while_typing_returns_to_the_old_position() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        tree.focus()
        before = drawn(tree)
        await pressed(pilot, "slash")
        await typed(pilot, "redis")
        await pressed(pilot, "escape")
        assert drawn(tree) == before
        assert cursor_path(tree) == ("Job",)
        assert pilot.app.focused is tree


async def test_search_matches_are_counted_in_the_next_event() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(JOB), NOW)
        tree.focus()
        await pressed(pilot, "slash")
        await typed(pilot, "web")
        await pressed(pilot, "enter")
        tree.show(parse(b'{"Job":{"ID":"web","Name":"web"}}'), NOW)
        await at_rest(pilot.app)
        assert count_shown(pilot.app) == "1 of 2"
        assert highlighted(tree) == ["web", "web"]


async def test_moving_through_twenty_thousand_siblings() -> None:
    payload = json.dumps({"Job": {"List": list(range(20_000))}}).encode()
    async with asyncio.timeout(60), TreeApp().run_test(size=(40, 20)) as pilot:
        tree = pilot.app.query_one(DrawnTree)
        tree.show(parse(payload), NOW)
        tree.focus()
        await pressed(pilot, "E", "G")
        assert cursor_line(tree) == "19999  19999"
        await pressed(pilot, "pageup", "slash")
        await typed(pilot, "/^777$/")
        assert cursor_path(tree) == ("Job", "List", 777)


async def test_keys_do_nothing_in_an_empty_tree() -> None:
    async with asyncio.timeout(60), TreeApp().run_test(size=(60, 20)) as pilot:
        tree = pilot.app.query_one(PayloadTree)
        tree.focus()
        brackets = ("left_parenthesis", "right_parenthesis", "left_curly_bracket", "right_curly_bracket")
        keys = ("enter", "v", "asterisk", "E", "C", "o", "U", "x", "full_stop", "comma", "n", "N", "slash")
        await pressed(pilot, *brackets, *keys)
        await typed(pilot, "x")
        await pressed(pilot, "enter", "n", "escape")
        tree.clear()
        await at_rest(pilot.app)
        assert cursor_path(tree) == ()
