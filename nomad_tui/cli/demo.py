"""A recorded cluster served by the stand-in server on loopback, read by the very same client as a real one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from nomad_tui.config.connection import Connection
from nomad_tui.config.folders import Folders
from nomad_tui.core.history.history import History
from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.session import Session
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import Options, StandIn, read_lines
from nomad_tui.stream.settings import Settings
from nomad_tui.ui.app import NomadTui
from nomad_tui.ui.dashboard import DashboardOptions

RECORDING: Final = Path(__file__).parents[1] / "data" / "tour.ndjson.zst"
"""One server, three clients: deployments, a canary, a failing job, a drain, a lost node. 625 events."""
LEAD: Final = 60
"""Frames that are there at once, so that the first look shows something."""
PACE: Final = 3.0
"""Frames a second after that: fast enough to be lively, slow enough to be read."""


def run_demo(
    history: History, filter_text: str, folders: Folders | None, max_line: int, *, reveal: bool = False
) -> int:
    """Opens the dashboard on the recording, which starts over with higher indexes at its end. Returns the exit code."""
    return asyncio.run(_run(history, filter_text, folders, max_line, reveal))


async def _run(history: History, filter_text: str, folders: Folders | None, max_line: int, reveal: bool) -> int:
    async with recorded_cluster(max_line) as source:
        options = DashboardOptions(filter_text=filter_text, folders=folders, reveal=reveal)
        app = NomadTui(Session(source, history), options)
        await app.run_async()
        return app.return_code or 0


@asynccontextmanager
async def recorded_cluster(max_line: int = DEFAULT_MAX_LINE, pace: float = PACE) -> AsyncIterator[LiveServer]:
    """A server of its own for the recording, and what reads it; `pace` is in frames a second."""
    async with StandIn(read_lines(RECORDING), Options(pace=pace, lead=LEAD, repeat=None, sample_logs=True)) as server:
        # Nothing of the environment: the demo must run beside whatever NOMAD_ADDR and NOMAD_TOKEN say.
        connection = Connection.from_environment({"address": server.address}, environ={})
        yield LiveServer(connection, settings=Settings(max_line=max_line))
