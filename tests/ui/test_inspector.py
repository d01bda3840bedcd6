"""The inspector: what it draws and what its keys do."""

import asyncio
from datetime import UTC
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.content import Content

from nomad_tui.core import wire
from nomad_tui.ui.event.inspected import InspectedEvent
from nomad_tui.ui.event.inspector import Inspector
from nomad_tui.ui.event.payload_tree import PayloadTree
from tests import recordings
from tests.keyboard import Themed, at_rest, drawn, pressed

STYLES = Path(__file__).parents[2] / "styles"

NOW = 1_795_424_043_007_000_000
"""2026-11-23 08:54:03.007 UTC."""

JOB = b"""{"Job":{"ID":"web","Meta":null,"Priority":50,"Stop":false,"SubmitTime":1795424029007000000,
"Groups":[{"Name":"front","Count":2},{"Name":"cache","Tasks":[{"Name":"redis","Env":{"A":"1"}}]}]}}"""


class InspectorApp(Themed):
    CSS_PATH = [STYLES / "inspector.tcss", STYLES / "tree.tcss"]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        yield Inspector(clock=lambda: NOW, timezone=UTC)


def event(payload: bytes, **changes: str | None) -> InspectedEvent:
    return InspectedEvent(
        sequence=7,
        title=changes.get("title") or "Job web",
        heading=(Content("web registered"),),
        facts=(("Type", changes.get("type") or "JobRegistered"), ("Namespace", "")),
        payload=payload,
        trouble=changes.get("trouble"),
    )


async def test_the_inspector_shows_heading_facts_trouble_and_title_literally() -> None:
    async with asyncio.timeout(60), InspectorApp().run_test(size=(60, 20)) as pilot:
        inspector = pilot.app.query_one(Inspector)
        assert "No event" in str(inspector.description.heading.content)
        inspector.show(event(b"not json", title="[/x] \x1b]2;t", type="[red]Type", trouble="A \x1b cut line."))
        await at_rest(pilot.app)
        assert Content.from_markup(str(inspector.border_title)).plain == "[/x] ␛]2;t"
        assert str(inspector.description.heading.content) == "web registered"
        assert str(inspector.description.facts.content) == "Type [red]Type"
        assert str(inspector.description.trouble.content).startswith("! A ␛ cut line. The payload is not JSON")
        assert drawn(inspector.payload_tree) == ["  •••••• ••••••"]
        inspector.show(event(JOB))
        await at_rest(pilot.app)
        assert not inspector.description.trouble.display
        assert drawn(inspector.payload_tree)[0] == "  ▼ Job  {6}"
        inspector.show(None)
        await at_rest(pilot.app)
        assert inspector.event is None
        assert drawn(inspector.payload_tree) == []


async def test_keys_do_nothing_in_an_empty_inspector() -> None:
    async with asyncio.timeout(60), InspectorApp().run_test(size=(60, 20)) as pilot:
        pilot.app.query_one(PayloadTree).focus()
        keys = ("j", "k", "g", "G", "h", "l", "enter", "E", "C", "pagedown", "ctrl+u")
        await pressed(pilot, *keys, "greater_than_sign", "less_than_sign")
        assert pilot.app.query_one(PayloadTree).cursor_path == ()


async def test_ages_are_updated_when_redrawn() -> None:
    now = [NOW]

    class ClockApp(App[None]):
        def compose(self) -> ComposeResult:
            yield Inspector(clock=lambda: now[0], timezone=UTC)

    async with asyncio.timeout(60), ClockApp().run_test(size=(60, 20)) as pilot:
        inspector = pilot.app.query_one(Inspector)
        inspector.show(event(JOB))
        await at_rest(pilot.app)
        assert drawn(inspector.payload_tree)[-1].endswith("14 s ago · 2026-11-23 08:53:49.007")
        now[0] += 6_000_000_000
        inspector.update_ages()
        assert drawn(inspector.payload_tree)[-1].endswith("20 s ago · 2026-11-23 08:53:49.007")


async def test_an_event_given_before_the_pane_is_mounted_is_shown() -> None:
    class EarlyApp(App[None]):
        def compose(self) -> ComposeResult:
            inspector = Inspector(clock=lambda: NOW, timezone=UTC)
            inspector.show(event(JOB))
            yield inspector

    async with asyncio.timeout(60), EarlyApp().run_test(size=(60, 20)) as pilot:
        assert drawn(pilot.app.query_one(PayloadTree))[0] == "  ▼ Job  {6}"


async def test_a_change_of_theme_or_focus_changes_the_colours() -> None:
    async with asyncio.timeout(60), InspectorApp().run_test(size=(60, 20)) as pilot:
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


@pytest.mark.parametrize("name", ["hostile", "large-job"])
async def test_every_recorded_payload_can_be_shown_fully_unfolded(name: str) -> None:
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
