"""Inspecting an event in the dashboard: its views, jumps to other events and back, and masking."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from textual.widgets import Input

from nomad_tui.core.history.history import History
from nomad_tui.core.secrets import MASK
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame
from nomad_tui.ui.dialogs.letter_menu import ChoiceMenu
from nomad_tui.ui.dialogs.write_file import WriteFile
from nomad_tui.ui.event.compare_with import CompareWith
from nomad_tui.ui.event.inspected import EventView
from nomad_tui.ui.event.timeline import FOCUS
from tests import scenes
from tests.dashboard import CONNECTED, WIDE, Dashboard, ScriptedSource, dashboard, event, frames, jobs
from tests.keyboard import at_rest, post_key
from tests.recordings import frame

NODE_SECRET: Final = "089437c0-db81-6622-5490-9d7f9203dae5"
"""The nodes' secrets in the recording `beta`."""
ENV_SECRET: Final = "hunter2-of-the-database"
URL_SECRET: Final = "tr0ub4dor"
SECRETS: Final = (NODE_SECRET[:8], ENV_SECRET, URL_SECRET)
KEYS: Final = {EventView.CHANGES: "d", EventView.TIMELINE: "t", EventView.RAW: "R"}


def job_with_env(password: str, version: int) -> dict[str, object]:
    env = {"DB_PASSWORD": password, "DB_URL": f"postgres://app:{URL_SECRET}@db/app", "PORT": f"80{version}"}
    task = {"Name": "server", "Driver": "docker", "Env": env}
    return {"ID": "shop", "Type": "service", "Version": version, "TaskGroups": [{"Name": "g", "Tasks": [task]}]}


SECRET_JOB: Final = (
    frame(8_001, event("Job", "shop", Job=job_with_env(f"{ENV_SECRET}-old", 0))),
    frame(8_002, event("Job", "shop", Job=job_with_env(ENV_SECRET, 1))),
)


class Inspected(Dashboard):
    """The dashboard, with access to its inspector."""

    @property
    def view(self) -> EventView:
        return self.dashboard.inspector.view

    @property
    def drawn(self) -> list[str]:
        """The lines of the current view, without trailing blanks."""
        shown = self.dashboard.inspector.shown_view
        return [shown.render_line(y).text.rstrip() for y in range(shown.size.height)]

    async def select(self, words: str) -> None:
        """Select the last row whose sentence contains the words."""
        scenes.select(self.app, words)
        await self.caught_up()

    async def select_event(self, sequence: int) -> None:
        assert self.events.go_to_sequence(sequence)
        await self.caught_up()

    def newest(self, topic: str, key: str) -> int:
        subjects = self.history.subjects()
        return max(one.last for one in subjects if one.topic == topic and one.key.startswith(key))

    async def timeline_read(self) -> None:
        await self.until(lambda: self.dashboard.inspector.timeline.step_count is not None)
        await at_rest(self.app)

    async def go_to_line(self, words: str) -> None:
        """Move the timeline's cursor to the first row that contains the words."""
        timeline = self.dashboard.inspector.timeline
        await self.press("g")
        while True:
            row = timeline.cursor_row
            assert row is not None
            if words in "".join(part.text for part in (*row.title, *row.text)):
                return
            await self.press("j")
            assert timeline.cursor_row is not row, f"no row with {words}"

    async def go_to_field(self, *path: str | int) -> None:
        tree = self.dashboard.inspector.payload_tree
        await self.press("E", "g")
        while tree.cursor_path != path:
            before = tree.cursor_path
            await self.press("j")
            assert tree.cursor_path != before, f"no field {path}"


@asynccontextmanager
async def inspecting(
    *updates: object, size: tuple[int, int] = WIDE, reveal: bool = False, history: History | None = None
) -> AsyncIterator[Inspected]:
    """Open the dashboard on updates that were all received; by default the tour."""
    sent = updates or frames("tour")
    source = ScriptedSource(CONNECTED, *sent)  # type: ignore[arg-type]
    count = sum(len(one.events) for one in sent if isinstance(one, Frame))
    async with dashboard(source, size, history=history, reveal=reveal) as board:
        opened = Inspected(board.app, board.pilot)
        await opened.shows(count)
        yield opened


# Views, and the way back


@pytest.mark.parametrize("view", list(KEYS))
async def test_a_key_opens_a_view_of_the_selected_event_and_escape_returns(view: EventView) -> None:
    async with inspecting() as opened:
        await opened.select("flaky failed")
        selected = opened.events.cursor
        for leave in ("escape", KEYS[view]):
            await opened.press(KEYS[view])
            assert (opened.view, opened.focus) == (view, "inspector")
            assert opened.events.cursor == selected
            await opened.press(leave)
            assert (opened.view, opened.focus) == (EventView.TREE, "events")
            assert opened.events.cursor == selected


async def test_a_view_from_another_one_goes_back_one_step_at_a_time() -> None:
    async with inspecting() as opened:
        await opened.select("flaky failed")
        await opened.press("3", "d", "R", "t")
        views = []
        for _ in range(3):
            await opened.press("escape")
            views.append((opened.view, opened.focus))
        assert views == [(view, "inspector") for view in (EventView.RAW, EventView.CHANGES, EventView.TREE)]
        await opened.press("escape")
        assert opened.focus == "events"


async def test_opening_the_timeline_stops_following_and_escape_resumes() -> None:
    async with inspecting(*jobs(range(100, 140))) as opened:
        assert opened.events.viewport.following
        shown = opened.events.shown
        await opened.press("t")
        await opened.timeline_read()
        assert opened.events.cursor == shown
        assert FOCUS in "".join(opened.drawn)
        source = opened.app.session.source
        assert isinstance(source, ScriptedSource)
        source.send(*jobs([141]))
        await opened.shows(41)
        assert opened.inspected == "3 Job job-139"
        await opened.press("escape")
        await opened.caught_up()
        assert (opened.view, opened.focus) == (EventView.TREE, "events")
        assert opened.events.viewport.following
        assert opened.events.cursor is None
        assert opened.inspected == "3 Job job-141"


async def test_enter_jumps_and_escape_returns_to_the_same_row_then_to_the_list() -> None:
    async with inspecting() as opened:
        await opened.select("flaky failed")
        selected = opened.events.cursor
        await opened.press("t")
        await opened.timeline_read()
        await opened.go_to_line("deployment 7dfd78cc")
        row = opened.dashboard.inspector.timeline.cursor_row
        await opened.press("enter")
        target = opened.newest("Deployment", "7dfd78cc")
        assert opened.events.cursor == target
        assert opened.inspected == "3 Deployment 7dfd78cc"
        assert (opened.view, opened.focus) == (EventView.TREE, "inspector")
        await opened.press("escape")
        assert (opened.view, opened.focus) == (EventView.TIMELINE, "inspector")
        assert opened.events.cursor == selected
        assert opened.dashboard.inspector.timeline.cursor_row == row
        await opened.press("escape")
        assert (opened.view, opened.focus) == (EventView.TREE, "events")
        assert opened.events.cursor == selected


async def test_keys_typed_ahead_jump_and_return() -> None:
    async with inspecting() as opened:
        await opened.select("flaky failed")
        selected = opened.events.cursor
        for key in ("t", "escape", "d", "R", "escape", "escape"):
            post_key(opened.app, key)
        await at_rest(opened.app)
        await opened.caught_up()
        assert (opened.view, opened.focus, opened.events.cursor) == (EventView.TREE, "events", selected)


async def test_an_event_that_the_filter_hides_is_shown_alone() -> None:
    async with inspecting() as opened:
        opened.dashboard.filter_line.put("topic:Allocation")
        await opened.until(lambda: len(opened.dashboard.view) == 257)
        await opened.select("flaky failed")
        selected = opened.events.cursor
        await opened.press("t")
        await opened.timeline_read()
        await opened.go_to_line("deployment 7dfd78cc")
        await opened.press("enter")
        assert opened.inspected == "3 Deployment 7dfd78cc · not in the list"
        assert opened.events.cursor == selected
        assert opened.notes == ["This event is not in the list at the moment."]
        await opened.press("d")
        assert opened.inspected == "3 Deployment 7dfd78cc · not in the list"
        await opened.press("escape", "escape")
        assert opened.view == EventView.TIMELINE
        assert opened.inspected == "3 Allocation cc73679a"
        await opened.go_to_line("deployment 7dfd78cc")
        await opened.press("enter", "2", "k")
        await opened.caught_up()
        assert "3 Deployment 7dfd78cc" not in opened.inspected, "the list leads again"


async def test_selecting_by_hand_clears_the_jumps() -> None:
    async with inspecting() as opened:
        await opened.select("flaky failed")
        await opened.press("t")
        await opened.timeline_read()
        await opened.press("2", "k", "k")
        await opened.caught_up()
        at = opened.events.cursor
        await opened.press("3", "escape")
        assert (opened.focus, opened.events.cursor) == ("events", at)
        assert opened.view == EventView.TIMELINE, "the view is what one looks at events with"


async def test_brackets_step_through_the_list_in_every_view() -> None:
    async with inspecting() as opened:
        await opened.select("flaky failed")
        start = opened.events.cursor
        assert start is not None
        await opened.press("3")
        for view in EventView:
            await opened.press(*([KEYS[view]] if view in KEYS else []))
            for key, sequence in (("left_square_bracket", start - 1), ("right_square_bracket", start)):
                await opened.press(key)
                await opened.caught_up()
                assert opened.events.cursor == opened.dashboard.inspecting.sequence == sequence
                assert (opened.view, opened.focus) == (view, "inspector")


async def test_tabs_go_to_views_by_mouse() -> None:
    async with inspecting() as opened:
        await opened.select("flaky failed")
        await opened.click("#inspector-tabs", (8, 0))
        assert (opened.view, opened.focus) == (EventView.CHANGES, "inspector")


# Comparing


async def test_comparing_needs_a_mark() -> None:
    async with inspecting(*jobs(range(10))) as opened:
        await opened.press("D")
        await opened.press("m", "D")
        assert opened.notes == ["No other event is marked. Mark one with m, then press D."] * 2
        assert opened.view == EventView.TREE


async def test_an_event_is_compared_with_the_only_mark() -> None:
    async with inspecting(*jobs(range(10))) as opened:
        await opened.select_event(3)
        await opened.press("m")
        await opened.select_event(7)
        await opened.press("D")
        assert (opened.view, opened.focus) == (EventView.CHANGES, "inspector")
        assert "Compared with Job job-3, index 3 (marked)." in opened
        assert any("job-3" in text and "job-7" in text for text in opened.drawn[1:])
        await opened.press("escape")
        assert (opened.view, opened.focus) == (EventView.TREE, "events")
        await opened.press("d")
        assert "(marked)" not in "".join(opened.drawn), "d compares with the object's event before"


async def test_an_event_says_how_much_earlier_the_one_was_that_it_is_compared_with() -> None:
    began = 1_795_423_752_000_000_000
    times = (0, 4_000_000, 90_000_000_000)
    written = [
        frame(
            index,
            event(
                "Job", "web", Job={"ID": "web", "SubmitTime": began + at, "JobModifyIndex": index, "ModifyIndex": index}
            ),
        )
        for index, at in enumerate(times, 1)
    ]
    async with inspecting(*written) as opened:
        for row, earlier in ((1, "less than 1 s"), (2, "1 m")):
            await opened.select_event(row)
            await opened.press("d")
            await opened.caught_up()
            said = " ".join(opened.drawn)
            assert said.startswith(f"Compared with its previous event: index {row}, {earlier} earlier.")
            await opened.press("escape")


async def test_of_several_marks_one_is_chosen() -> None:
    async with inspecting(*jobs(range(10))) as opened:
        for marked in (3, 5):
            await opened.select_event(marked)
            await opened.press("m")
        await opened.select_event(7)
        await opened.press("D")
        assert isinstance(opened.app.screen, CompareWith)
        assert [choice.label.split() for choice in opened.app.screen.choices] == [["5", "Job"], ["3", "Job"]]
        await opened.press("escape")
        assert "(marked)" not in opened
        await opened.press("D", "j", "enter")
        await opened.appears("Compared with Job job-3, index 3 (marked).")
        assert opened.view == EventView.CHANGES


# Evicted events, and gaps


async def test_an_evicted_event_stays_shown_and_every_key_works() -> None:
    history = History(max_events=64)
    async with inspecting(*jobs(range(60)), history=history) as opened:
        await opened.select_event(58)
        await opened.press("m")
        await opened.select_event(40)
        await opened.press("t")
        await opened.timeline_read()
        source = opened.app.session.source
        assert isinstance(source, ScriptedSource)
        source.send(*jobs(range(60, 100)))
        await opened.shows(100)
        assert opened.inspected == "3 Job job-40"
        source.send(*jobs(range(100, 400)))
        await opened.until(lambda: opened.history.received_events == 400)
        await opened.press("R", "d", "D", "escape", "escape", "escape", "3", "t", "enter")
        assert opened.inspected == "3 Job job-40"
        assert "was evicted" in opened.notes[0]
        await opened.press("3", "y", "e")
        await opened.until(lambda: opened.app.clipboard)
        assert json.loads(opened.app.clipboard)["Payload"] == {"Job": {"ID": "job-40", "Type": "service"}}
        await opened.press("2", "k")
        await opened.caught_up()
        assert opened.inspected != "3 Job job-40"


async def test_a_jump_to_an_evicted_event_says_so() -> None:
    history = History(max_events=64)
    async with inspecting(*jobs(range(400)), history=history) as opened:
        shown = opened.inspected
        opened.dashboard.inspecting.jump(3)
        await at_rest(opened.app)
        assert len(opened.notes) == 1
        assert opened.notes[0].startswith("This event was evicted")
        assert opened.inspected == shown


async def test_a_gap_can_be_shown_in_every_view() -> None:
    gap = Gap(GapReason.BUFFER, 9, 61, 41.0)
    async with inspecting(*jobs(range(10)), gap, *jobs([61])) as opened:
        await opened.select("gap")
        assert opened.inspected == "3 Gap"
        for key in ("d", "t", "R"):
            await opened.press(key)
            assert opened.inspected == "3 Gap"
            assert "Events may be missing here" in opened
        await opened.press("D")
        assert opened.notes == ["A gap is not an event. Select an event, then press D."]
        await opened.press("y", "c")
        assert isinstance(opened.app.screen, ChoiceMenu)
        assert "A gap is not an event." in opened
        await opened.press("escape", "left_square_bracket")
        await opened.caught_up()
        assert opened.inspected == "3 Job job-9"
        await opened.press("right_square_bracket", "right_square_bracket", "t")
        await opened.timeline_read()
        assert opened.inspected == "3 Job job-61"


async def test_a_gap_explains_itself_and_is_copied_and_written_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gap = Gap(GapReason.BUFFER, 9, 61, 41.0, namespaces=("payments",))
    async with inspecting(*jobs(range(10)), gap, *jobs([61])) as opened:
        await opened.select("gap")
        assert "indexes 10–60 of namespace payments may be missing" in str(
            opened.dashboard.inspector.description.heading.content
        )
        assert str(opened.dashboard.inspector.description.trouble.content).startswith(
            "! Reconnected after 41 s, when the server no longer held 9, or was rebuilt. The next event of "
            "each object is complete"
        )
        assert "raise event_buffer_size" in " ".join("\n".join(opened.screen()).split())
        await opened.press("y", "e")
        await opened.until(lambda: opened.app.clipboard)
        assert opened.app.clipboard == gap.sentence
        await opened.press("w", "enter", "enter")
        await opened.until(lambda: opened.notes)
    assert json.loads((tmp_path / "gap-10.json").read_text()) == gap.record()


async def test_keys_before_the_first_event_are_harmless() -> None:
    async with dashboard(ScriptedSource(CONNECTED), WIDE) as board:
        opened = Inspected(board.app, board.pilot)
        for key in ("t", "d", "R", "D", "y", "w", "e"):
            await opened.press(key)
            assert len(opened.app.screen_stack) == 1
        await opened.press("escape", "escape", "escape", "escape")
        assert opened.focus == "events"


# Secrets


def beta_nodes() -> list[object]:
    """The first frames of a stream with nodes that contain their secret, and a job with secrets in its environment."""
    return [*frames("beta")[:20], *SECRET_JOB]


async def select_node(opened: Inspected) -> int:
    history = opened.history
    sequence = next(
        number for number in range(history.first, history.end) if NODE_SECRET.encode() in history.payload(number)
    )
    await opened.select_event(sequence)
    await opened.press("3", *([] if opened.dashboard.panes.zoomed else ["z"]))
    return sequence


async def test_a_secret_is_shown_until_the_cursor_moves() -> None:
    async with inspecting(*beta_nodes()) as opened:
        sequence = await select_node(opened)
        await opened.go_to_field("Node", "SecretID")
        assert NODE_SECRET not in opened
        assert any("SecretID" in text and MASK in text for text in opened.drawn)
        await opened.press("x")
        assert NODE_SECRET in opened
        await opened.press("j")
        assert NODE_SECRET not in opened
        await opened.press("k")
        assert NODE_SECRET not in opened
        await opened.press("x", "x")
        assert NODE_SECRET not in opened
        await opened.press("x", "right_square_bracket")
        await opened.caught_up()
        assert opened.dashboard.inspecting.sequence == sequence + 1
        assert NODE_SECRET not in opened
        await opened.press("left_square_bracket")
        await opened.caught_up()
        assert opened.dashboard.inspecting.sequence == sequence
        assert NODE_SECRET not in opened


@pytest.mark.parametrize("key", ["d", "t", "R"])
async def test_a_secret_is_masked_again_when_another_view_is_opened(key: str) -> None:
    async with inspecting(*beta_nodes()) as opened:
        await select_node(opened)
        await opened.go_to_field("Node", "SecretID")
        await opened.press("x")
        assert NODE_SECRET in opened
        await opened.press(key)
        assert NODE_SECRET not in opened
        await opened.press("y", "e")
        await opened.until(lambda: opened.notes)
        assert '"SecretID"' in opened.app.clipboard
        assert NODE_SECRET not in opened.app.clipboard
        await opened.press("escape")
        assert opened.view == EventView.TREE
        assert NODE_SECRET not in opened


async def test_with_reveal_secrets_are_shown_everywhere() -> None:
    async with inspecting(*beta_nodes(), reveal=True) as opened:
        await select_node(opened)
        await opened.go_to_field("Node", "SecretID")
        assert NODE_SECRET in opened
        await opened.press("R")
        assert NODE_SECRET in "".join(opened.drawn) or NODE_SECRET in str(opened.dashboard.inspector.raw.text)
        await opened.select("shop")
        await opened.press("d", "E")
        assert ENV_SECRET in opened


@pytest.mark.parametrize("letter", ["v", "s", "e"])
async def test_nothing_masked_is_copied(letter: str) -> None:
    async with inspecting(*beta_nodes()) as opened:
        await select_node(opened)
        await opened.press("g", "y", letter)
        await opened.until(lambda: opened.notes)
        assert opened.notes[-1].startswith("Not copied: no terminal")
        assert '"SecretID"' in opened.app.clipboard
        assert NODE_SECRET not in opened.app.clipboard


async def test_a_secret_is_not_copied_until_it_is_revealed() -> None:
    async with inspecting(*beta_nodes()) as opened:
        await select_node(opened)
        await opened.go_to_field("Node", "SecretID")
        await opened.press("y", "v")
        assert isinstance(opened.app.screen, ChoiceMenu)
        assert "This is a secret: press x to reveal it first." in opened
        await opened.press("escape", "x", "y", "v")
        await opened.until(lambda: opened.notes)
        assert opened.app.clipboard == NODE_SECRET


def files_in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


async def test_a_file_holds_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with inspecting(*beta_nodes()) as opened:
        for words in ("", "shop"):
            if words:
                await opened.select(words)
            else:
                await select_node(opened)
            await opened.press("w")
            assert isinstance(opened.app.screen, WriteFile)
            await opened.press("enter", "enter")
            await opened.until(lambda: len(opened.app.screen_stack) == 1)
        notifications = opened.notes
    written = files_in(tmp_path)
    assert len(written) == 2
    for file in written:
        text = file.read_text()
        assert json.loads(text)["Payload"]
        assert not any(secret in text for secret in SECRETS)
        assert file.stat().st_mode & 0o777 == 0o600
        assert any(file.name in one for one in notifications)


@pytest.mark.parametrize("reveal", [False, True])
async def test_no_picture_of_any_view_contains_a_secret_unless_revealed(reveal: bool) -> None:
    seen: set[tuple[EventView, str]] = set()
    async with inspecting(*beta_nodes(), reveal=reveal) as opened:
        history = opened.history
        held = range(history.first, history.end)
        secret = [number for number in held if any(one.encode() in history.payload(number) for one in SECRETS)]
        assert len(secret) > 5
        await opened.press("3", "z")
        for sequence in secret[-4:] if reveal else secret:
            await opened.select_event(sequence)
            for view in EventView:
                opened.dashboard.inspector.go_to_view(view)
                opened.dashboard.action_pane("inspector")
                for key in ("E", "g", "G") if view in (EventView.TREE, EventView.CHANGES) else ("g", "G"):
                    await opened.press(key)
                    picture = "\n".join(opened.screen())
                    seen |= {(view, one) for one in SECRETS if one in picture}
    if reveal:
        assert {view for view, _ in seen} >= {EventView.TREE, EventView.CHANGES}, "these pictures would tell"
    else:
        assert not seen


async def test_a_complete_node_is_masked_at_every_scroll_position() -> None:
    async with inspecting(*beta_nodes()) as opened:
        await select_node(opened)
        for view in EventView:
            opened.dashboard.inspector.go_to_view(view)
            opened.dashboard.action_pane("inspector")
            await opened.caught_up()
            await opened.press("g")
            seen = ""
            for _ in range(40):
                seen += "\n".join(opened.drawn)
                await opened.press("pagedown")
            assert not any(one in seen.replace("\n", "") for one in SECRETS)
            if view in (EventView.TREE, EventView.RAW):
                assert "SecretID" in seen


# Finding


async def test_a_slash_finds_in_the_payload_here_and_filters_in_the_list() -> None:
    async with inspecting() as opened:
        await opened.select("flaky failed")
        await opened.press("slash")
        assert opened.focus == "filter"
        await opened.press("escape")
        await opened.press("3", "slash", *"TaskStates")
        assert opened.focus == "inspector"
        assert isinstance(opened.app.focused, Input)
        assert opened.dashboard.filter_line.value == ""
        await opened.press("enter")
        assert opened.dashboard.inspector.payload_tree.cursor_path[-1] == "TaskStates"
        await opened.press("escape", "R", "slash", *"TaskStates", "enter")
        assert opened.dashboard.inspector.raw.has_focus
        assert any("TaskStates" in text for text in opened.drawn)


async def test_keys_typed_into_the_find_line_are_text() -> None:
    async with inspecting() as opened:
        await opened.select("flaky failed")
        selected = opened.events.cursor
        text = "123yDwdtRqzmpfe/"
        await opened.press("3", "slash", *text)
        assert isinstance(opened.app.focused, Input)
        assert opened.app.focused.value == text
        assert len(opened.app.screen_stack) == 1
        assert opened.events.cursor == selected
        assert opened.view == EventView.TREE
        await opened.press("escape")
        assert opened.dashboard.inspector.payload_tree.has_focus


async def test_a_secret_is_not_found_by_its_value() -> None:
    async with inspecting(*beta_nodes()) as opened:
        await select_node(opened)
        await opened.press("slash", *NODE_SECRET[:8])
        assert "not found" in opened
