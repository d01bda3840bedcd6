"""Lines that could not be read as events can be viewed, and only viewed."""

import pytest

from nomad_tui.core.wire import Unreadable
from nomad_tui.sources.recording import Recording
from nomad_tui.stream.status import UNREADABLE_KEPT
from nomad_tui.ui.dialogs.text_page import UnreadableLines
from tests import recordings
from tests.dashboard import CONNECTED, SIZES, Dashboard, ScriptedSource, dashboard, jobs
from tests.keyboard import at_rest


def shown(opened: Dashboard) -> str:
    return "\n".join(opened.screen())


async def open_unreadable(opened: Dashboard) -> None:
    await opened.press("u")
    await opened.until(lambda: isinstance(opened.app.screen, UnreadableLines) and opened.app.screen.is_mounted)
    await opened.until(lambda: "Esc close" in opened)


@pytest.mark.parametrize("size", SIZES)
async def test_the_unreadable_lines_of_a_hostile_stream_are_shown_literally(size: tuple[int, int]) -> None:
    async with dashboard(Recording([str(recordings.path("hostile"))]), size) as opened:
        await opened.appears("■ finished")
        status = opened.app.session.status
        assert status.unreadable > 0
        assert f"unreadable {status.unreadable}" in opened
        await open_unreadable(opened)
        assert f"Unreadable: {status.unreadable}, repaired: {status.repaired}" in opened
        await opened.appears(status.unreadable_lines[0].reason[:30])
        texts = [shown(opened)]
        for _ in range(20):
            await opened.press("pagedown")
            await at_rest(opened.app)  # wait until it has scrolled
            if shown(opened) == texts[-1]:
                break
            texts.append(shown(opened))
        everything = "\n".join(texts)
        assert all(line.isprintable() for line in everything.split("\n"))
        for line in status.unreadable_lines:
            assert line.reason[:30] in everything
        await opened.press("escape")
        await opened.until(lambda: not isinstance(opened.app.screen, UnreadableLines))
        assert "2 Events" in opened


async def test_every_closing_key_returns_to_the_dashboard_which_kept_reading() -> None:
    source = ScriptedSource(CONNECTED, Unreadable("no JSON", b"<html>\x1b[31m[/x] 502", 16))
    async with dashboard(source) as opened:
        await opened.appears("unreadable 1")
        for number, key in enumerate(("escape", "q", "u", "enter")):
            await open_unreadable(opened)
            await opened.appears("no JSON 16 B")
            assert "<html>␛[31m[/x] 502" in opened
            source.send(*jobs(range(number * 100, number * 100 + 100)))
            await opened.until(lambda number=number: opened.history.end == number * 100 + 100)  # type: ignore[misc]
            await opened.press(key)
            await opened.until(lambda: not isinstance(opened.app.screen, UnreadableLines))
            assert opened.app.is_running
            await opened.shows(number * 100 + 100)
            assert f"job-{number}99" in opened if number else "job-99" in opened
            assert opened.focus == "events"


async def test_a_stream_without_unreadable_lines_is_reported_too() -> None:
    async with dashboard(ScriptedSource(CONNECTED)) as opened:
        await open_unreadable(opened)
        await opened.appears("Every line could be read.")


async def test_more_than_a_few_are_only_counted() -> None:
    lines = [Unreadable(f"reason-{number}", b"\xff" * 400, 2_000_000) for number in range(500)]
    async with dashboard(ScriptedSource(CONNECTED, *lines)) as opened:
        await opened.appears("unreadable 500")
        await open_unreadable(opened)
        assert "Unreadable: 500" in opened
        await opened.appears("reason-0 2 MB")
        await opened.press("end")
        await opened.appears(f"… and {500 - UNREADABLE_KEPT} more, which were only counted.")
