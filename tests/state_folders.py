"""The real dashboard with its own folders for state that it keeps between runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from nomad_tui.config.folders import Folders
from nomad_tui.sources.source import Source
from tests.dashboard import MEDIUM, Dashboard, dashboard


def folders(folder: Path) -> Folders:
    return Folders(config=folder / "config", state=folder / "state")


@asynccontextmanager
async def kept(
    source: Source, folder: Path, size: tuple[int, int] = MEDIUM, *, namespace: str = ""
) -> AsyncIterator[Dashboard]:
    async with dashboard(source, size, folders=folders(folder), namespace=namespace) as opened:
        yield opened
