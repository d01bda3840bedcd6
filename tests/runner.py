"""A complete runner in the test's process: stand-in server, journal and sinks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from nomad_tui.config.connection import Connection
from nomad_tui.core.subscription import Subscription
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.retention import Retention
from nomad_tui.journal.status import RunnerStatus
from nomad_tui.sinks.definition.folder import Definitions
from nomad_tui.sinks.delivery.worker import Open, SinkWorker
from nomad_tui.sinks.runner.runner import PRUNE_EVERY, Runner, Wanted
from nomad_tui.sinks.runner.service import continued
from nomad_tui.sinks.types.opening import open_sink
from nomad_tui.standin import StandIn
from nomad_tui.stream.settings import Settings

SECONDS = 60
"""Seconds that a test may take before it counts as hung."""


def at(server: StandIn) -> Connection:
    return Connection.from_environment({"address": server.address}, environ={})


@dataclass
class Running:
    runner: Runner
    journal: Journal
    task: "asyncio.Task[None]"

    def sink(self, name: str) -> SinkWorker:
        return self.runner.sinks[name]

    async def until(self, fact: Callable[[], object]) -> None:
        """Wait for a fact, and fail with the runner's error if the runner ends first."""
        while not fact():
            if self.task.done():
                self.task.result()
                assert fact(), "the runner has ended"
            await asyncio.sleep(0.01)

    async def journaled(self, events: int) -> None:
        await self.until(lambda: self.journal.events >= events)

    async def delivered(self, name: str) -> None:
        """Wait until a sink has delivered everything in the journal."""
        await self.until(lambda: name in self.runner.sinks)
        await self.sink(name).caught_up()


@asynccontextmanager
async def running(
    folder: Path,
    connection: Connection,
    *,
    only: Iterable[str] = (),
    drain: float = 5.0,
    opener: Open = open_sink,
    retention: Retention | None = None,
    prune_every: float = PRUNE_EVERY,
) -> AsyncIterator[Running]:
    """Run a runner with the definitions in `folder/sinks` and its journal in `folder`; end it as SIGTERM would."""
    journal = await Journal.open(folder / "test.journal", retention or Retention())
    try:
        source = await continued(journal, connection, Subscription(), Settings(shortest_delay=0.01))
        wanted = Wanted(Definitions(folder), frozenset(only))
        runner = Runner(
            journal, source, wanted, RunnerStatus(pid=1), drain=drain, opener=opener, prune_every=prune_every
        )
        task = asyncio.create_task(runner.run())
        try:
            yield Running(runner, journal, task)
        finally:
            runner.end()
            await asyncio.wait((task,), timeout=drain + 10)
            if not task.done():
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    finally:
        await journal.close()


def define(folder: Path, name: str, text: str) -> Path:
    """Write a definition file."""
    file = folder / "sinks" / f"{name}.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'id = "{name}"\n{text}')
    return file
