"""The page of a task's logs, from the stand-in server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from nomad_tui.config.connection import Connection
from nomad_tui.sources.live import LiveServer
from nomad_tui.sources.recording import Recording
from nomad_tui.standin import ALL_FRAMES, Options, StandIn
from nomad_tui.standin.subscription import Token
from nomad_tui.ui.dialogs.logs import LogsPage
from tests import recordings, scenes
from tests.dashboard import MEDIUM, NARROW, SIZES, Dashboard, dashboard
from tests.keyboard import at_rest

ALLOCATION = "9d48d801-2199-a6df-5288-0ab55347fcaa"
SECRET = "d4c1a9a2-0000-4000-8000-000000000001"
READS = frozenset(("read-job",))


@asynccontextmanager
async def live(size: tuple[int, int] = MEDIUM, token: Token | None = None) -> AsyncIterator[tuple[Dashboard, StandIn]]:
    """Open the tour with its failed allocation selected."""
    options = Options(lead=ALL_FRAMES, buffer_size=10_000, tokens=None if token is None else {SECRET: token})
    async with StandIn(recordings.lines("tour"), options) as server:
        connection = Connection.from_environment({"address": server.address, "token": SECRET}, environ={})
        async with dashboard(LiveServer(connection), size) as board:
            await board.shows(600)
            scenes.select(board.app, "flaky failed oom-killed")
            await board.caught_up()
            yield board, server


async def opened(board: Dashboard) -> LogsPage:
    await board.press("L")
    await board.until(lambda: isinstance(board.app.screen, LogsPage))
    page = board.app.screen
    assert isinstance(page, LogsPage)
    return page


def shown(board: Dashboard) -> str:
    assert board.dashboard.inspecting.envelope is not None
    return board.dashboard.inspecting.envelope.key


@pytest.mark.parametrize("size", SIZES)
async def test_the_end_of_a_log_is_shown_and_followed(size: tuple[int, int]) -> None:
    async with live(size) as (board, server):
        allocation = shown(board)
        server.logs.write(allocation, "crash", "stdout", b"".join(b"line %d\n" % n for n in range(2_000)))
        server.logs.write(allocation, "crash", "stderr", b"\x1b[31mtoken=hunter2\x1b[0m\n")
        page = await opened(board)
        await board.appears("line 1999")
        server.logs.write(allocation, "crash", "stdout", b"the newest line\n")
        await board.appears("the newest line")
        await board.press("g")
        await board.appears("line 0")
        server.logs.write(allocation, "crash", "stdout", b"one more\n")
        await board.until(lambda: "one more" in page.view.text)
        await board.appears("not following")
        assert "line 0" in board
        await board.press("f")
        await board.appears("one more")
        await board.press("slash", *"line 77", "enter")
        await board.appears("line 77")
        await board.press("escape", "o")
        await board.appears("token=hunter2")
        assert "secrets are not masked" in board
        await board.press("escape")
        await board.until(lambda: not isinstance(board.app.screen, LogsPage))


async def test_a_key_that_leaves_the_end_counts_while_something_new_is_being_shown() -> None:
    async with live() as (board, server):
        server.logs.write(shown(board), "crash", "stdout", b"".join(b"line %d\n" % n for n in range(2_000)))
        page = await opened(board)
        await board.appears("line 1999")
        await at_rest(board.app)
        page.show()
        page.view.action_first()
        await at_rest(board.app)
        page.show()
        assert "line 0" in board and "not following" in board


async def test_missing_permissions_are_reported() -> None:
    token = Token(namespaces={"*": READS}, node_read=True, management=False)
    async with live(NARROW, token) as (board, _):
        await opened(board)
        await board.appears("The token may not read logs in the namespace default.")


async def test_a_recording_has_no_server_and_a_job_has_no_logs() -> None:
    async with dashboard(Recording([str(recordings.path("tour"))]), MEDIUM) as board:
        await board.shows(600)
        scenes.select(board.app, "flaky failed oom-killed")
        await board.caught_up()
        await board.press("L")
        await board.appears("Logs need a live connection")
        scenes.select(board.app, "flaky running dead")
        await board.caught_up()
        await board.press("L")
        await board.appears("Only allocations have logs")
