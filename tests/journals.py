"""Creates journals as a runner writes them."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from time import time_ns
from typing import Final

from nomad_tui.core.wire import Frame, decode
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.record import Content
from nomad_tui.journal.retention import Retention
from nomad_tui.journal.status import RunnerStatus

SECOND: Final = 1_000_000_000


def frames_of(lines: Iterable[bytes], *, fresh: bool = True) -> list[Frame]:
    """Decode the lines that are frames; `fresh` as if their reader was connected when they were written."""
    frames = [decoded for line in lines if isinstance(decoded := decode(line), Frame)]
    for frame in frames:
        frame.fresh = fresh
    return frames


async def write(journal: Journal, contents: Iterable[Content], received: int | None = None) -> None:
    """Add and commit; the first was received at `received` (ns since 1970), each other a second after the previous."""
    first = time_ns() if received is None else received
    for number, content in enumerate(contents):
        journal.add(content, first + (0 if received is None else number * SECOND))
    await journal.flushed()


@asynccontextmanager
async def writing(path: Path, retention: Retention | None = None) -> AsyncIterator[Journal]:
    journal = await Journal.open(path, retention or Retention())
    try:
        yield journal
    finally:
        await journal.close()


async def written(path: Path, contents: Iterable[Content], received: int | None = None) -> Path:
    """Create a journal, and close it."""
    async with writing(path) as journal:
        await write(journal, contents, received)
    return path


async def report(journal: Journal, *, heard: int | None = None, state: str = "live", what: str = "") -> None:
    """Store a status as a runner on the host `build-7` does every few seconds."""
    now = time_ns()
    status = RunnerStatus(pid=4711, host="build-7", started=now, heard=now if heard is None else heard, region="global")
    status.state, status.what = state, what
    await journal.report(status, {})
