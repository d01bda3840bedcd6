"""The timeline: how real traces are drawn and what its keys do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.pilot import Pilot

from nomad_tui.core.history.history import History
from nomad_tui.core.timeline.rows import RowKind
from nomad_tui.core.timeline.timeline import EventTimeline
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame
from nomad_tui.ui.event.timeline import FOCUS, STOPPED, Timeline
from tests.dashboard import event, frames
from tests.keyboard import Themed, at_rest, notes, post_key, resize
from tests.recordings import frame

STYLES = Path(__file__).parents[2] / "styles"
FIRST, SECOND = "flaky.g[0] 9d48d801", "flaky.g[0] cc73679a"
"""The two allocations of the failing job; the second replaced the first."""
FLAKY = "9d48d801-2199-a6df-5288-0ab55347fcaa"


class TimelineApp(Themed):
    CSS_PATH: ClassVar[list[Path]] = [STYLES / "timeline.tcss"]  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.timeline = Timeline(timezone=UTC)
        self.jumps: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.timeline

    def on_mount(self) -> None:
        self.timeline.focus()

    def on_timeline_jump(self, message: Timeline.Jump) -> None:
        self.jumps.append(message.sequence)


def history_of(sent: tuple[Frame, ...]) -> History:
    history = History()
    for one in sent:
        history.append(one, 0)
    return history


def newest(history: History, topic: str, key: str) -> int:
    return max(subject.last for subject in history.subjects() if subject.topic == topic and subject.key.startswith(key))


@dataclass
class Shown:
    app: TimelineApp
    pilot: Pilot[None]
    history: History = field(default_factory=History)
    event_timeline: EventTimeline = field(init=False)

    @property
    def timeline(self) -> Timeline:
        return self.app.timeline

    async def show(self, history: History, topic: str, key: str) -> None:
        await self.show_event(history, newest(history, topic, key))

    async def show_event(self, history: History, sequence: int) -> None:
        self.history = history
        self.event_timeline = EventTimeline(history, sequence)
        self.timeline.show(self.event_timeline, sequence)
        await self.read()

    async def read(self) -> None:
        while self.timeline.advance(0.05):
            pass
        await at_rest(self.app)

    @property
    def rows(self) -> list[str]:
        """The lines on the screen, without trailing blanks."""
        return [self.timeline.render_line(y).text.rstrip() for y in range(self.timeline.size.height)]

    def row(self, *words: str) -> str:
        """The first line on the screen that contains all the texts."""
        return next(text for text in self.rows if all(word in text for word in words))

    @property
    def cursor(self) -> str:
        """The line of the cursor, determined by its background."""
        y = self.line_of_cursor
        return self.timeline.render_line(y).text.rstrip()

    @property
    def line_of_cursor(self) -> int:
        ground = self.timeline.get_component_rich_style("timeline--cursor").bgcolor
        lines = [
            y
            for y in range(self.timeline.size.height)
            if all(part.style is not None and part.style.bgcolor == ground for part in self.timeline.render_line(y))
        ]
        assert len(lines) == 1
        return lines[0]

    async def press(self, *keys: str) -> None:
        for key in keys:
            post_key(self.app, key)
            await at_rest(self.app)

    async def go_to(self, *words: str) -> None:
        """Move the cursor to the first row that contains all words."""
        await self.press("g")
        while not all(word in self.cursor for word in words):
            before = self.timeline.cursor_row
            await self.press("j")
            assert self.timeline.cursor_row is not before, f"no row with {words}"

    def depth(self, text: str) -> int:
        """Cells before the triangle or its substitute."""
        rest = text[9:]
        return len(rest) - len(rest.lstrip())


@asynccontextmanager
async def timeline(width: int = 140, height: int = 60) -> AsyncIterator[Shown]:
    app = TimelineApp()
    async with asyncio.timeout(60), app.run_test(size=(width, height), notifications=True) as pilot:
        yield Shown(app, pilot)


async def test_the_flaky_job_reads_from_registration_to_stop() -> None:
    async with timeline() as shown:
        await shown.show(history_of(frames("tour")), "Allocation", FLAKY)
        rows = shown.rows
        assert rows[0] == "08:49:21 ▼ ● flaky  v0 · dead"
        assert "· registered service · g 1" in rows[1]
        assert "▲ evaluation eaea2c03  job-register" in rows[2]
        assert "■ deployment 7dfd78cc  ✖ v0 · failed" in rows[3]
        focus = shown.row(FOCUS)
        assert rows.index(focus) == 5
        assert [text for text in rows if FOCUS in text] == [focus]
        assert focus.startswith(f"  +14 ms{FOCUS}")
        assert f"◆ {FIRST}  {STOPPED}failed before healthy, stopped at: task crash exit 137" in focus
        assert shown.cursor == focus, "one begins at the object that one came from"
        stopped = [text for text in rows if STOPPED in text]
        assert [f"{STOPPED}terminated · exit 137" in text for text in stopped].count(True) == 1
        assert "·" in shown.row("not restarting")
        assert shown.timeline.step_count is not None
        assert shown.timeline.step_count >= len([text for text in rows if text])


async def test_details_of_other_allocations_are_folded() -> None:
    async with timeline() as shown:
        history = history_of(frames("tour"))
        await shown.show(history, "Allocation", FLAKY)
        assert "▼ ◆" in shown.row(FIRST)
        assert "▶ ◆" in shown.row("◆", SECOND)
        assert len([text for text in shown.rows if "crash  setting up" in text]) == 1
        await shown.show(history, "Job", "flaky")
        assert "▽ ◆" in shown.row(FIRST), "what took its place hangs beneath it and is not hidden"
        assert "▶ ◆" in shown.row("◆", SECOND)
        assert not any("crash  setting up" in text for text in shown.rows)
        assert shown.row("registered service").startswith("08:49:21     ·")


async def test_folding_and_unfolding_keep_the_cursor_on_its_row_and_line() -> None:
    async with timeline(height=20) as shown:
        await shown.show(history_of(frames("tour")), "Job", "flaky")
        await shown.go_to(FIRST)
        line = shown.line_of_cursor
        for key, triangle in (
            ("space", "▼"), ("space", "▶"), ("l", "▼"), ("h", "▶"),
            ("right", "▼"), ("left", "▶"), ("E", "▼"), ("C", "▽"),
        ):  # fmt: skip
            await shown.press(key)
            assert f"{triangle} ◆ {FIRST}" in shown.cursor, key
            assert shown.line_of_cursor == line or key in "EC"
        await shown.press("l")
        assert f"▼ ◆ {FIRST}" in shown.cursor
        await shown.press("l")
        assert "crash  received" in shown.cursor
        await shown.press("h")
        assert FIRST in shown.cursor
        await shown.press("h", "h")
        assert "■ deployment" in shown.cursor
        await shown.press("h")
        assert not any(FIRST in text for text in shown.rows)
        assert "▶ ■ deployment" in shown.cursor


async def test_everything_can_be_unfolded_and_all_details_folded() -> None:
    async with timeline(height=120) as shown:
        await shown.show(history_of(frames("tour")), "Job", "flaky")
        before = [text for text in shown.rows if text]
        await shown.press("E")
        unfolded = [text for text in shown.rows if text]
        assert len(unfolded) == shown.timeline.step_count
        assert len(unfolded) > len(before)
        assert not any(triangle in text for text in unfolded for triangle in "▽▶")
        await shown.press("C")
        folded = [text for text in shown.rows if text]
        assert not any(" · " in text.split("  ")[0] or text[9:].lstrip().startswith("·") for text in folded)
        for part in ("● flaky", "■ deployment", FIRST, SECOND, "▲ evaluation b1d7bec3"):
            assert any(part in text for text in folded), "objects stay"


async def test_folding_the_selected_row_moves_the_cursor_to_its_parent() -> None:
    async with timeline() as shown:
        await shown.show(history_of(frames("tour")), "Allocation", FLAKY)
        await shown.go_to("crash", "setting up")
        await shown.press("C")
        assert FIRST in shown.cursor
        await shown.press("j", "k")
        assert FIRST in shown.cursor


async def test_a_click_on_a_triangle_folds_and_a_double_click_jumps_to_the_event() -> None:
    async with timeline() as shown:
        await shown.show(history_of(frames("tour")), "Allocation", FLAKY)
        y = shown.rows.index(shown.row(SECOND, "◆"))
        await shown.pilot.click(Timeline, offset=(shown.rows[y].index("▶"), y))
        await at_rest(shown.app)
        assert f"▼ ◆ {SECOND}" in shown.cursor
        assert not shown.app.jumps
        await shown.pilot.click(Timeline, offset=(shown.rows[0].index("flaky"), 0), times=2)
        await at_rest(shown.app)
        assert shown.app.jumps == [newest(shown.history, "Job", "flaky")]


async def test_enter_jumps_to_the_event_of_the_row() -> None:
    async with timeline() as shown:
        history = history_of(frames("tour"))
        await shown.show(history, "Allocation", FLAKY)
        for words, topic, key in (
            ((f"◆ {SECOND}",), "Allocation", "cc73679a"),
            (("■ deployment",), "Deployment", "7dfd78cc"),
            (("evaluation b1d7bec3",), "Evaluation", "b1d7bec3"),
        ):
            await shown.go_to(*words)
            await shown.press("enter")
            assert shown.app.jumps.pop() == newest(history, topic, key)
        await shown.go_to("not restarting")
        await shown.press("enter")
        reached = history.event(shown.app.jumps.pop())
        assert reached.key == FLAKY
        assert b"Not Restarting" in reached.payload
        assert b"Not Restarting" not in history.payload(reached.previous or 0), "the first event that tells of it"


async def test_enter_on_a_row_whose_events_are_not_held_says_so() -> None:
    def is_late(one: Frame) -> bool:
        return any(each.topic == "Allocation" and each.key == FLAKY for each in one.events)

    async with timeline() as shown:
        late = tuple(filter(is_late, frames("tour")))[-1:]
        await shown.show(history_of(late), "Allocation", FLAKY)
        await shown.press("g")
        while (row := shown.timeline.cursor_row) is not None and row.kind is not RowKind.NOT_HELD:
            await shown.press("j")
        await shown.press("enter")
        assert not shown.app.jumps
        assert notes(shown.app) == ["No event of this object in memory: they were before the oldest one."]


async def test_a_row_of_several_events_unfolds() -> None:
    async with timeline() as shown:
        await shown.show(history_of(frames("tour")), "Allocation", FLAKY)
        await shown.press("G")
        assert shown.cursor.strip() == "… 5 more evaluations  5 complete"
        before = [text for text in shown.rows if text]
        await shown.press("enter")
        await shown.read()
        after = [text for text in shown.rows if text]
        assert len(after) == len(before) + 4
        assert not any("…" in text and "more" in text for text in after)
        assert not shown.app.jumps


async def test_a_timeline_grows_and_the_cursor_stays_on_its_row() -> None:
    async with timeline(height=14) as shown:
        sent = frames("tour")
        began = next(number for number, one in enumerate(sent) if any(each.key == FLAKY for each in one.events))
        history = history_of(sent[: began + 1])
        await shown.show(history, "Allocation", FLAKY)
        begun = shown.timeline.step_count
        assert FIRST in shown.cursor
        assert begun is not None
        placed = None
        for one in sent[began + 1 :]:
            history.append(one, 0)
            await shown.read()
            if placed is None:
                assert FIRST in shown.cursor, "untouched, it stays at the object that one came from"
                if any("crash  setting up" in text for text in shown.rows):
                    await shown.go_to("crash", "setting up")
                    placed = shown.line_of_cursor
                continue
            assert "crash  setting up" in shown.cursor
        assert placed is not None
        assert shown.timeline.step_count is not None
        assert shown.timeline.step_count >= begun + 30
        assert FIRST in "".join(shown.rows)


async def test_rows_keep_the_order_of_the_tree_while_it_grows() -> None:
    """No row is drawn two levels deeper than the row above it while everything is unfolded."""
    async with timeline(height=200) as shown:
        sent = frames("tour")
        history = history_of(sent[:60])
        await shown.show(history, "Job", "web")
        await shown.press("E")
        for start in range(60, len(sent), 40):
            for one in sent[start : start + 40]:
                history.append(one, 0)
            await shown.read()
            depths = [row.depth for row in shown.event_timeline.rows]
            assert len(depths) == shown.timeline.step_count
            assert depths[0] == 0
            assert all(below <= above + 1 for above, below in pairwise(depths))
            assert sum(FOCUS in text for text in shown.rows) == 1


async def test_a_gap_is_in_the_timeline() -> None:
    async with timeline(height=120) as shown:
        sent = frames("tour")
        middle = next(number for number, one in enumerate(sent) if any(each.key == FLAKY for each in one.events)) + 2
        history = history_of(sent[:middle])
        history.append_gap(Gap(GapReason.BUFFER, sent[middle - 1].index, sent[middle].index, 41.0), 0)
        for one in sent[middle:]:
            history.append(one, 0)
        await shown.show(history, "Allocation", FLAKY)
        gaps = [text for text in shown.rows if text.startswith("──── gap: ")]
        assert len(gaps) == 1
        await shown.go_to("──── gap: ")
        await shown.press("enter", "space", "h", "l")
        assert all(history.gap(sequence) is not None for sequence in shown.app.jumps)


async def test_every_key_is_harmless_in_an_empty_timeline() -> None:
    async with timeline() as shown:
        keys = ("j", "k", "g", "G", "h", "l", "space", "enter", "E", "C", "pagedown", "ctrl+u", "greater_than_sign",
                "less_than_sign")  # fmt: skip
        await shown.press(*keys)
        assert shown.rows[0] == "No event is selected."
        await shown.show(history_of(frames("tour")), "Job", "flaky")
        shown.timeline.clear()
        await shown.press(*keys)
        assert shown.rows[0] == "No event is selected."
        assert shown.timeline.cursor_row is None
        assert shown.timeline.step_count is None
        assert not shown.app.jumps


async def test_a_timeline_that_is_not_built_yet_says_so() -> None:
    async with timeline() as shown:
        history = history_of(frames("tour"))
        sequence = newest(history, "Job", "web")
        shown.timeline.show(EventTimeline(history, sequence), sequence)
        await at_rest(shown.app)
        assert shown.rows[0] == "collecting related events …"
        assert shown.timeline.step_count is None
        await shown.read()
        assert "● web" in shown.rows[0]


async def test_keys_for_pages_ends_and_scrolling_sideways() -> None:
    async with timeline(60, 12) as shown:
        await shown.show(history_of(frames("tour")), "Deployment", "0e81259d")
        await shown.press("g")
        assert shown.line_of_cursor == 0
        first = shown.cursor
        await shown.press("G")
        assert shown.line_of_cursor == 11
        await shown.press("g", "pagedown", "pageup")
        assert shown.cursor == first
        await shown.press("ctrl+d", "ctrl+u")
        assert shown.cursor == first
        assert any(text.endswith("…") for text in shown.rows)
        before = shown.rows
        await shown.press("greater_than_sign")
        step = shown.timeline.scrollable_content_region.width // 2
        assert [text[:20].rstrip() for text in shown.rows] == [text[step : step + 20].rstrip() for text in before]
        await shown.press("less_than_sign")
        assert shown.rows == before


async def test_hostile_events_are_drawn_at_every_width() -> None:
    history = History()
    for one in frames("hostile"):
        history.append(one, 0)
    subjects = {subject.topic: subject.last for subject in history.subjects()}
    async with timeline(120, 20) as shown:
        drawn: Callable[[], list[str]] = lambda: [  # noqa: E731
            shown.timeline.render_line(y).text for y in range(shown.timeline.size.height)
        ]
        for number, sequence in enumerate([*subjects.values(), *range(history.first, history.end, 3)]):
            if history.gap(sequence) is not None:
                continue
            await shown.show_event(history, sequence)
            shown.timeline.action_unfold_all()
            if number < len(subjects):
                for width in (1, 2, 7, 9, 10, 11, 40):
                    await resize(shown.app, width, 20)
                    assert all(cell_len(text) <= width for text in drawn())
                    await shown.press("greater_than_sign")
                    assert all(cell_len(text) <= width for text in drawn())
                await resize(shown.app, 120, 20)
            assert not any(ord(character) < 32 or character == "\x7f" for text in drawn() for character in text)


async def test_a_real_trace_is_drawn_at_any_width() -> None:
    async with timeline(120, 30) as shown:
        history = history_of(frames("tour"))
        history.append(frame(9_000, event("Job", "web", Job={"ID": "web", "Name": "網" * 80})), 0)
        await shown.show(history, "Job", "web")
        await shown.press("E")
        for width in (*range(1, 30), *range(30, 121, 7)):
            await resize(shown.app, width, 30)
            for y in range(30):
                text = shown.timeline.render_line(y).text
                assert cell_len(text) == shown.timeline.scrollable_content_region.width
