"""The real dashboard with folders of its own for what it keeps from one run to the next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

from nomad_tui.config.folders import Folders
from nomad_tui.session import Session
from nomad_tui.sources.source import Source
from nomad_tui.ui.app import NomadTui
from tests.dashboard import MEDIUM, SECONDS, Dashboard, soon


def folders(folder: Path) -> Folders:
    return Folders(config=folder / "config", state=folder / "state")


@asynccontextmanager
async def kept(
    source: Source, folder: Path, size: tuple[int, int] = MEDIUM, *, namespace: str = ""
) -> AsyncIterator[Dashboard]:
    app = NomadTui(Session(source), timezone=UTC, folders=folders(folder), namespace=namespace)
    with soon():
        async with asyncio.timeout(SECONDS), app.run_test(size=size, notifications=True, tooltips=True) as pilot:
            yield Dashboard(app, pilot)
