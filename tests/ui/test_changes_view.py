"""The list of changes: what it draws and what its keys do."""

import asyncio
import copy
import json
import re
import time
from datetime import UTC
from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.strip import Strip

from nomad_tui.core import wire
from nomad_tui.core.changes import difference
from nomad_tui.core.payload import parse
from nomad_tui.core.secrets import MASK, Masking, masked_text
from nomad_tui.core.text import printable
from nomad_tui.core.topics import released_topic
from nomad_tui.ui.event.changes_view import NOTHING_EARLIER, ChangesView
from tests import recordings
from tests.keyboard import Themed, at_rest, drawn, pressed, resize

STYLES = Path(__file__).parents[2] / "styles"

NOW = 1_795_424_043_007_000_000
"""2026-11-23 08:54:03.007 UTC."""

AGAINST = "Against the registration 3 m before."


class DrawnChanges(ChangesView):
    """Records which lines were drawn."""

    def __init__(self) -> None:
        super().__init__(timezone=UTC)
        self.asked_for: set[int] = set()

    def render_line(self, y: int) -> Strip:
        self.asked_for.add(y + self.scroll_offset.y)
        return super().render_line(y)


class ChangesApp(Themed):
    CSS_PATH = STYLES / "changes.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.revealed: list[tuple[str | int, ...]] = []

    def compose(self) -> ComposeResult:
        yield DrawnChanges()

    def on_changes_view_reveal(self, message: ChangesView.Reveal) -> None:
        self.revealed.append(message.path)

    @property
    def view(self) -> DrawnChanges:
        return self.query_one(DrawnChanges)


def job(**task: Any) -> dict[str, Any]:
    task = {"Name": "frontend", "Config": {"image": "a"}, "KillTimeout": 300_000_000_000, "Env": {"A": "1"}} | task
    group = {"Name": "app", "Count": 2, "Tasks": [task]}
    return {"Job": {"ID": "web", "Name": "web", "ModifyIndex": 1, "Meta": None, "TaskGroups": [group]}}


def shown(app: App[None], before: Any, after: Any, masking: Masking | None = None) -> DrawnChanges:
    assert isinstance(app, ChangesApp)
    app.view.show(difference(before, after), AGAINST, masking or Masking(), "Job", NOW)
    return app.view


def rows(view: ChangesView) -> list[str]:
    return [line for line in drawn(view) if re.match(r" *[▼▶]? +(?:[-+±↕⋯]|  )", line)]


def cursor_line(view: ChangesView) -> str:
    sentences = view.virtual_size.height - len(view.rows)
    return view.render_line(sentences + view.cursor_row - view.scroll_offset.y).text.strip()


def paths(view: ChangesView) -> list[tuple[str | int, ...] | None]:
    return [view.cursor_path]


def changed_job() -> dict[str, Any]:
    after = job(Config={"image": "b"}, KillTimeout=600_000_000_000, Env={"A": "2"})
    after["Job"]["ModifyIndex"] = 2
    after["Job"]["Meta"] = {}
    group = after["Job"]["TaskGroups"][0]
    group["Count"] = 3
    group["Tasks"].append({"Name": "redis", "Driver": "docker", "Env": {"B": "secretvalue"}, "Meta": None})
    return after


async def test_a_registration_reads_like_a_plan() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(70, 30)) as pilot:
        view = shown(pilot.app, job(), changed_job())
        assert drawn(view) == [
            AGAINST,
            "2 bookkeeping fields hidden (b to show).",
            '▼ ± Job "web"',
            '  ▼ ± Task Group "app"',
            "      ± Count  2 → 3",
            '    ▼ ± Task "frontend"',
            '        ± Config.image  "a" → "b"',
            f"        ± Env.A  {MASK} → {MASK}",
            "        ± KillTimeout  5 m → 10 m",
            '    ▶ + Task "redis"  {4}',
        ]
        view.focus()
        await pressed(pilot, "G", "l", "j", "j", "l")
        assert drawn(view)[-5:] == [
            '    ▼ + Task "redis"  {4}',
            '        + Driver  "docker"',
            "      ▼ + Env  {1}",
            f"          + B  {MASK}",
            '        + Name  "redis"',
        ]


async def test_what_was_removed_has_no_path_in_the_event() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(70, 30)) as pilot:
        view = shown(pilot.app, changed_job(), job())
        view.focus()
        await pressed(pilot, "G")
        assert cursor_line(view) == '▶ - Task "redis"  {4}'
        assert paths(view) == [None]
        assert isinstance(view.cursor_value, dict)
        await pressed(pilot, "k")
        assert paths(view) == [("Job", "TaskGroups", 0, "Tasks", 0, "KillTimeout")]
        assert str(view.cursor_value) == "300000000000"


async def test_b_shows_and_hides_bookkeeping() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(70, 30)) as pilot:
        view = shown(pilot.app, job(), changed_job())
        view.focus()
        await pressed(pilot, "b")
        assert drawn(view)[:4] == [AGAINST, '▼ ± Job "web"', "    ± Meta  null → {}", "    ± ModifyIndex  1 → 2"]
        await pressed(pilot, "b")
        assert "ModifyIndex" not in "".join(drawn(view))


async def test_an_event_that_cannot_be_compared_says_so() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(60, 30)) as pilot:
        view = shown(pilot.app, {"a": {"ModifyIndex": 1, "ModifyTime": 1}}, {"a": {"ModifyIndex": 2, "ModifyTime": 2}})
        assert drawn(view) == [AGAINST, "Only 2 bookkeeping fields changed (b to show)."]
        view.focus()
        await pressed(pilot, "b")
        assert drawn(view) == [
            AGAINST,
            "Only 2 bookkeeping fields changed.",
            "▼ ± a",
            "    ± ModifyIndex  1 → 2",
            "    ± ModifyTime  1 → 2",
        ]
        view.show(None, "", Masking(), "Job", NOW)
        assert drawn(view) == [NOTHING_EARLIER]
        assert (view.cursor_path, view.cursor_value) == (None, None)
        shown(pilot.app, {"a": 1}, {"a": 1})
        assert drawn(view) == [AGAINST, "No changes."]
        view.clear()
        assert drawn(view) == []
        await pressed(pilot, "j", "l", "h", "enter", "E", "C", "G", "x", ">", "pagedown")
        assert drawn(view) == []


async def test_open_nodes_and_the_cursor_are_kept_for_the_next_event() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(70, 30)) as pilot:
        view = shown(pilot.app, job(), changed_job())
        view.focus()
        await pressed(pilot, "j", "j", "j", "h")
        assert cursor_line(view) == '▶ ± Task "frontend"'
        view.clear()
        shown(pilot.app, job(), changed_job())
        assert cursor_line(view) == '▶ ± Task "frontend"'
        await pressed(pilot, "C")
        assert rows(view) == ['▶ ± Job "web"']
        shown(pilot.app, job(), changed_job())
        assert rows(view) == ['▶ ± Job "web"']
        await pressed(pilot, "E")
        assert rows(view)[-1].strip() == '+ Name  "redis"'


async def test_secrets_are_revealed_one_at_a_time() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(90, 30)) as pilot:
        app, masking = pilot.app, Masking()
        assert isinstance(app, ChangesApp)
        before = job(Env={"A": "old-one", "B": "gone", "C": "same"})
        after = job(Env={"A": "new-one", "C": "same"}, Config={"image": "a", "url": "http://me:hunter22@host"})
        view = shown(app, before, after, masking)
        view.focus()
        text = "\n".join(drawn(view))
        assert f'+ Config.url  "http://me:{MASK}@host"' in text
        assert not any(secret in text for secret in ("old-one", "new-one", "gone", "hunter22"))
        await pressed(pilot, "G", "x")
        (path,) = app.revealed
        masking.revealed = path
        view.redraw()
        assert cursor_line(view) == '- B  "gone"'
        assert "-one" not in "".join(rows(view))
        await pressed(pilot, "k", "x")
        assert app.revealed[-1] == ("Job", "TaskGroups", 0, "Tasks", 0, "Env", "A")
        masking.revealed = app.revealed[-1]
        view.redraw()
        assert cursor_line(view) == '± A  "old-one" → "new-one"'
        assert "gone" not in "".join(rows(view))
        await pressed(pilot, "g", "x")
        assert len(app.revealed) == 2


async def test_a_revealed_secret_is_masked_again_by_the_same_key_and_when_the_cursor_moves() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(90, 30)) as pilot:
        masking = Masking()
        view = shown(pilot.app, job(Env={"A": "old-one"}), job(Env={"A": "new-one"}), masking)
        view.focus()
        await pressed(pilot, "G")
        path = view.cursor_path
        for key in ("x", "k"):
            masking.revealed = path
            view.redraw()
            assert "new-one" in "".join(drawn(view))
            await pressed(pilot, key)
            assert masking.revealed is None
            assert "new-one" not in "".join(drawn(view))


TEMPLATE = "upstream a {\n" + "".join(f"  server {number};\n" for number in range(30)) + "}\npassword = {}\n"


async def test_a_text_of_several_lines_shows_the_lines_that_changed() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(70, 30)) as pilot:
        old = TEMPLATE.replace("{}", "hunter2222")
        new = old.replace("server 14;", "server 140;").replace("hunter2222", "hunter3333")
        before: Any = {"Template": {"EmbeddedTmpl": old}}
        after: Any = {"Template": {"EmbeddedTmpl": new}}
        masking = Masking()
        view = shown(pilot.app, before, after, masking)
        view.focus()
        assert drawn(view)[1:] == [
            "▼ ± Template",
            "  ▼ ± EmbeddedTmpl  text",
            "      ⋯ line 14",
            "          server 12;",
            "          server 13;",
            "      -   server 14;",
            "      +   server 140;",
            "          server 15;",
            "          server 16;",
        ]
        await pressed(pilot, "G")
        assert view.cursor_path == ("Template", "EmbeddedTmpl")
        masking.revealed = view.cursor_path
        view.redraw()
        assert "      + password = hunter3333" in drawn(view)
        before["Template"]["Envvars"] = after["Template"]["Envvars"] = True
        view = shown(pilot.app, before, after)
        assert drawn(view)[1:] == ["▼ ± Template", f"    ± EmbeddedTmpl  {MASK} → {MASK}"]


async def test_new_task_events_have_a_line_each() -> None:
    def allocation(count: int) -> dict[str, Any]:
        types = (("Received", "Task received by client"), ("Terminated", 'Exit Code: 137, token="abcdefghij"'))
        events_ = [
            {"Type": type_, "DisplayMessage": message, "Message": "", "Time": NOW - (10 - at) * 1_000_000_000}
            for at, (type_, message) in enumerate(types)
        ]
        return {"Allocation": {"ID": "x", "TaskStates": {"server": {"State": "running", "Events": events_[:count]}}}}

    async with asyncio.timeout(60), ChangesApp().run_test(size=(100, 30)) as pilot:
        view = shown(pilot.app, allocation(1), allocation(2))
        assert rows(view) == [
            '▼ ± Allocation "x"',
            '  ▼ ± Task "server"',
            f'    ▶ + Terminated  Exit Code: 137, token="{MASK}"  9 s ago · 2026-11-23 08:53:54.007',
        ]
        view = shown(pilot.app, {"Allocation": {"ID": "x"}}, allocation(1))
        assert rows(view)[-3:] == [
            "      ▼ + Events  [1]",
            "        ▶ + Received  Task received by client  10 s ago · 2026-11-23 08:53:53.007",
            '        + State  "running"',
        ]


async def test_the_differing_part_of_long_texts_is_shown() -> None:
    image = "registry.example.com/" + "team/" * 30 + "app:1."
    async with asyncio.timeout(60), ChangesApp().run_test(size=(60, 30)) as pilot:
        view = shown(pilot.app, job(Config={"image": image + "25"}), job(Config={"image": image + "27"}))
        line = rows(view)[-1]
        assert line.endswith('app:1.27"')
        assert 'app:1.25" → "…' in line
        assert len(line) <= 60
        view.focus()
        await pressed(pilot, "G", ">", ">")
        assert "team/team/team" in drawn(view)[-1]
        await pressed(pilot, *["<"] * 9)
        assert rows(view)[-1] == line
        view = shown(pilot.app, {"a": {"x": "a" * 500}}, {"a": {"x": "b" * 500}})
        line = rows(view)[-1]
        assert "aaa" in line
        assert "bbb" in line
        await resize(pilot.app, 20, 30)
        assert all(len(line) <= 20 for line in drawn(view))


async def test_megabytes_of_text_are_compared_with_secrets_masked() -> None:
    text = "password=abcdefgh " * 160_000
    async with asyncio.timeout(60), ChangesApp().run_test(size=(100, 30)) as pilot:
        before, after = {"J": {"x": text, "y": text}}, {"J": {"x": text + "Q", "y": text + "\nQ", "z": text}}
        masking = Masking()
        view = shown(pilot.app, before, after, masking)
        start = time.thread_time()
        masked_text(text)
        floor = time.thread_time() - start
        start = time.thread_time()
        lines = rows(view)
        assert time.thread_time() - start < floor, "what is not drawn is not looked through"
        pattern = "text of 2,880,000 → 2,880,00{} characters, differs from character 2,880,001 on"
        assert lines[1:3] == [f"    ± x  {pattern.format(1)}", f"    ± y  {pattern.format(2)}"]
        assert lines[3].startswith(f'    + z  "password={MASK} password={MASK}')
        masking.revealed = ("J", "y")
        view.redraw()
        assert rows(view)[-2].strip() == "+ Q"


async def test_a_payload_that_is_not_json_is_shown_without_secrets() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(100, 30)) as pilot:
        view = shown(pilot.app, {"a": 1}, parse(b'{"Node":{"ID":"n","SecretID":"abcdefgh-not-to-be-seen","cut').value)
        view.action_unfold_all()
        assert any('"Node"' in line for line in drawn(view))
        assert "not-to-be-seen" not in "".join(drawn(view)).replace(" ", "").replace("+", "")
        view.focus()
        await pressed(pilot, "x")
        assert isinstance(pilot.app, ChangesApp)
        assert pilot.app.revealed == [()]


async def test_the_object_is_named_by_its_topic() -> None:
    before: Any = {"Metadata": {"Path": "app/db", "Lock": 1}}
    after: Any = {"Metadata": {"Path": "app/db", "Lock": 2}}
    async with asyncio.timeout(60), ChangesApp().run_test(size=(60, 30)) as pilot:
        view = pilot.app.query_one(DrawnChanges)
        view.show(difference(before, after), AGAINST, Masking(), "Variable", NOW)
        assert rows(view) == ['▼ ± Variable "app/db"', "    ± Lock  1 → 2"]


async def test_moved_items_show_their_old_and_new_positions() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(60, 30)) as pilot:
        view = shown(pilot.app, {"J": {"L": ["a", "b", "c"]}}, {"J": {"L": ["c", "a", "b"]}})
        assert rows(view) == ["▼ ± J", "    ↕ L  position 2 → 0"]


async def test_clicks_move_the_cursor_and_fold_on_the_triangle() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(70, 30)) as pilot:
        view = shown(pilot.app, job(), changed_job())
        await at_rest(pilot.app)
        await pilot.click(view, offset=(12, 4))
        await at_rest(pilot.app)
        assert cursor_line(view) == "± Count  2 → 3"
        await pilot.click(view, offset=(4, 5))
        await at_rest(pilot.app)
        assert cursor_line(view) == '▶ ± Task "frontend"'


async def test_twenty_thousand_changes_scroll_and_only_visible_lines_are_drawn() -> None:
    before = {"Job": {"L": [{"Name": str(n), "x": n} for n in range(20_000)]}}
    after = {"Job": {"L": [{"Name": str(n), "x": n + 1} for n in range(20_000)]}}
    async with asyncio.timeout(60), ChangesApp().run_test(size=(60, 20)) as pilot:
        view = shown(pilot.app, before, after)
        view.focus()
        await at_rest(pilot.app)
        view.asked_for.clear()
        await pressed(pilot, "G")
        assert cursor_line(view) == "± x  19999 → 20000"
        assert len(view.asked_for) <= 42
        await pressed(pilot, "pageup", "ctrl+u", "ctrl+d", "pagedown", "g")
        assert cursor_line(view) == "▼ ± Job"
        assert view.scroll_offset.y == 0


async def test_the_view_scrolls_sideways_to_deep_lines() -> None:
    def deep(value: Any) -> Any:
        for _ in range(300):
            value = {"d": value, "e": value if not isinstance(value, dict) else 1}
        return value

    async with asyncio.timeout(60), ChangesApp().run_test(size=(40, 30)) as pilot:
        before, after = deep(1), deep(2)
        view = shown(pilot.app, before, after)
        view.focus()
        await pressed(pilot, "G")
        assert "1 → 2" in rows(view)[-1]
        await pressed(pilot, "g")
        assert drawn(view)[-1].strip()


async def test_odd_payloads_are_drawn_as_text() -> None:
    odd = '{"[/red]":"\\u001b]2;OWNED","":"日本語日本語日本語日本語","d":{"\\n":[1,{"Name":"\\u202e"}]},"big":1e400}'
    async with asyncio.timeout(60), ChangesApp().run_test(size=(30, 20)) as pilot:
        payloads = [odd.encode(), b"{}", b"nonsense\x1b", b"[1,2]", b'{"a":1,"a":2}', b"null", b"", b'{"a":1,"a":3}']
        for one in payloads:
            for other in payloads:
                view = shown(pilot.app, parse(one).value, parse(other).value)
                view.action_unfold_all()
                lines = drawn(view)
                assert lines
                assert all(printable(line) == line for line in lines)


async def test_every_recorded_difference_is_drawn_without_secrets() -> None:
    async with asyncio.timeout(60), ChangesApp().run_test(size=(160, 300)) as pilot:
        last: dict[tuple[str, str], bytes] = {}
        view, drawn_secrets = pilot.app.query_one(DrawnChanges), 0
        view.action_unfold_all()
        for line in recordings.lines("tour"):
            frame = wire.decode(line)
            for event in frame.events if isinstance(frame, wire.Frame) else ():
                topic, payload = released_topic(event.topic), bytes(event.payload)
                if topic in ("Job", "Deployment", "Node"):
                    marked = json.loads(payload)
                    _mark(marked)
                    before = json.loads(last.get((topic, event.key), b"{}"))
                    shown(pilot.app, before, marked)
                    text = "\n".join(drawn(view))
                    assert "not-to-be-seen" not in text
                    drawn_secrets += MASK in text
                last[topic, event.key] = payload
        assert drawn_secrets > 5


def _mark(value: Any) -> None:
    """Put a unique text into every environment."""
    stack = [value]
    while stack:
        inner = stack.pop()
        if isinstance(inner, dict):
            if isinstance(inner.get("Env"), dict):
                inner["Env"] = copy.deepcopy(inner["Env"]) | {key: f"not-to-be-seen-{key}" for key in inner["Env"]}
            stack.extend(inner.values())
        elif isinstance(inner, list):
            stack.extend(inner)


def test_every_part_of_a_line_has_a_style() -> None:
    styles = (STYLES / "changes.tcss").read_text("utf-8")
    assert {name for name in ChangesView.COMPONENT_CLASSES if f".{name} " not in styles} == set()
