"""The demo: an endless stream of events without a cluster."""

import asyncio
from itertools import pairwise

from nomad_tui.cli import demo
from nomad_tui.core.history.history import History
from tests.cli.test_cli import terminal
from tests.dashboard import SECONDS, dashboard_of, frames

FAST = 200.0
"""Frames per second: the server still holds frames for a reader that is half a second late."""
RECORDED = frames("tour")


async def test_the_demo_shows_events_at_once_and_starts_over_with_higher_indexes() -> None:
    async with dashboard_of(demo.DemoSession(History(), pace=FAST)) as opened:
        await opened.until(lambda: opened.history.held >= sum(len(frame.events) for frame in RECORDED[: demo.LEAD]))
        await opened.appears("● live")
        await opened.until(lambda: opened.history.received_events > 2 * 625)
        history = opened.history
        waited = [not history.event(sequence).received for sequence in range(history.end)]
        assert all(waited[:50]), "what the cluster held before anybody watched is its backlog"
        assert not waited[-1]
        assert waited == sorted(waited, reverse=True)
        indexes = [history.event(sequence).index for sequence in range(2 * 625)]
        # A late reader does not get the very first frames, but the same events with higher indexes.
        rise = {later - earlier for earlier, later in zip(indexes[:625], indexes[625:], strict=True)}
        recorded = [event.index for frame in RECORDED for event in frame.events]
        assert len(rise) == 1, "the second time is the first under higher indexes"
        assert rise.pop() > max(recorded) - min(recorded)
        assert sum(later < earlier for earlier, later in pairwise(indexes)) == 0
        assert history.gaps == 0
        assert opened.app.session.status.unreadable == 0


async def test_the_demo_runs_in_a_terminal_until_it_is_quit() -> None:
    async with asyncio.timeout(SECONDS), terminal("demo") as screen:
        await screen.until("following")
        await screen.until("edge-1")
        screen.press("k")
        # Number of new events, some of which arrive before the next frame.
        await screen.until("follow off", " new · End")
        screen.press("q")
        assert await screen.ended() == 0
