"""A recorded cluster served by the stand-in server on loopback, and read by the same client as a real one.

Importing server and client takes as long as everything else together, so the first frame on the screen is drawn from
the recording itself: it shows the content of the server's buffer, and the client continues from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import zstandard

from nomad_tui.config.folders import Folders
from nomad_tui.core.history.history import History
from nomad_tui.core.limits import DEFAULT_MAX_LINE
from nomad_tui.core.updates import Update
from nomad_tui.core.wire import Frame, decode
from nomad_tui.session import Session
from nomad_tui.ui.app import NomadTui
from nomad_tui.ui.dashboard import DashboardOptions

if TYPE_CHECKING:
    from nomad_tui.sources.live import LiveServer

RECORDING: Final = Path(__file__).parents[1] / "data" / "tour.ndjson.zst"
"""One server, three clients: deployments, a canary, a failing job, a drain, a lost node. 625 events."""
LEAD: Final = 60
"""Frames available at once, so that the first screen is not empty."""
PACE: Final = 3.0
"""Frames per second after that: fast enough to be lively, slow enough to be read."""


class _RecordedBuffer:
    """The content of the server's buffer when the demo starts."""

    name = "127.0.0.1"
    live = True

    def __init__(self, frames: Sequence[Frame]) -> None:
        self.frames = frames

    def scope(self, region: str | None) -> str:
        return "all namespaces"

    async def updates(self) -> AsyncGenerator[Update, None]:
        for frame in self.frames:
            yield frame


class DemoSession(Session):
    """Reads the first frames from the recording and, once they are on the screen, all others from the server."""

    def __init__(self, history: History, max_line: int = DEFAULT_MAX_LINE, pace: float = PACE) -> None:
        """`pace` is in frames per second."""
        self._lines = recorded_lines()
        frames = (frame for frame in map(decode, self._lines) if isinstance(frame, Frame) and frame.events)
        self._lead = list(islice(frames, LEAD))
        super().__init__(_RecordedBuffer(self._lead), history)
        self._max_line = max_line
        self._demo_pace = pace
        self.not_yet = "The demo's server is starting: try again in a second."

    async def run(self) -> None:
        await super().run()
        await self.shown.wait()
        for module in ("nomad_tui.standin", "nomad_tui.sources.live"):
            await asyncio.to_thread(import_module, module)
        async with recorded_cluster(self._lines, self._max_line, self._demo_pace, self._lead) as self.source:
            self.not_yet = ""
            await super().run()


def run_demo(
    history: History, filter_text: str, folders: Folders | None, max_line: int, *, reveal: bool = False
) -> int:
    """Opens the dashboard on the recording, which is repeated with higher indexes. Returns the exit code."""
    options = DashboardOptions(filter_text=filter_text, folders=folders, reveal=reveal)
    app = NomadTui(DemoSession(history, max_line), options)
    app.run()
    return app.return_code or 0


@asynccontextmanager
async def recorded_cluster(
    lines: Sequence[bytes], max_line: int, pace: float, seen: Sequence[Frame]
) -> AsyncIterator[LiveServer]:
    """Serves the recording, and yields a client that continues after the frames `seen`."""
    from nomad_tui.config.connection import Connection
    from nomad_tui.sources.live import LiveServer
    from nomad_tui.standin import Options, StandIn
    from nomad_tui.stream.settings import Settings

    async with StandIn(lines, Options(pace=pace, lead=LEAD, repeat=None, sample_logs=True)) as server:
        # Ignores the environment: the demo must work whatever NOMAD_ADDR and NOMAD_TOKEN are.
        connection = Connection.from_environment({"address": server.address}, environ={})
        yield LiveServer(connection, settings=Settings(max_line=max_line), seen=seen)


def recorded_lines() -> list[bytes]:
    with RECORDING.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read().split(b"\n")
