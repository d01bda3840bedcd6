"""A runner as a process: its journal, signals and HTTP server."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time_ns
from typing import Final

from nomad_tui.config.connection import Connection
from nomad_tui.core.subscription import Subscription
from nomad_tui.core.text import printable
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.log import Log
from nomad_tui.journal.reader import JournalReader
from nomad_tui.journal.retention import Retention
from nomad_tui.journal.status import RunnerStatus
from nomad_tui.sinks.runner.pages import HttpAddress, serve
from nomad_tui.sinks.runner.runner import DRAIN, Runner, Wanted
from nomad_tui.sources.live import LiveServer
from nomad_tui.stream.settings import Settings

log = Log("nomad_tui.runner")

SEEN_FRAMES: Final = 256
SEEN_BYTES: Final = 8 * 1024 * 1024
"""Bytes of the journal's newest frames, to recognize what the server sends again."""
GC_THRESHOLDS: Final = (50_000, 10, 100)
"""Thresholds of the garbage collector. With Python's defaults it traverses the events that wait in memory again and
again, which took more than half of the CPU time."""


@dataclass(frozen=True, slots=True)
class Service:
    connection: Connection
    journal: Path
    wanted: Wanted
    subscription: Subscription
    retention: Retention = field(default_factory=Retention)
    settings: Settings = field(default_factory=Settings)
    http: HttpAddress | None = None
    drain: float = DRAIN
    """Seconds that sinks may continue to deliver at the end."""

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT; SIGHUP reads the definitions again.

        Raises `JournalError` if the journal cannot be opened, and `OSError` if the HTTP address cannot be used.
        """
        async with AsyncExitStack() as stack:
            stack.enter_context(rare_collections())
            before = await self._runner_before()
            journal = await Journal.open(self.journal, self.retention)
            stack.push_async_callback(journal.close)
            status = RunnerStatus(
                pid=os.getpid(),
                host=socket.gethostname(),
                started=time_ns(),
                address=str(self.connection.address),
                region=self.connection.region or before.region,
                http=str(self.http or ""),
            )
            self._warn_of_another_address(before.address)
            source = await continued(journal, self.connection, self.subscription, self.settings)
            runner = Runner(journal, source, self.wanted, status, drain=self.drain)
            if self.http is not None:
                await stack.enter_async_context(serve(runner, self.http))
            stack.enter_context(_signals(runner))
            log.info("runner_started", pid=status.pid, journal=str(self.journal), position=journal.end)
            await runner.run()
            log.info("runner_ended")

    async def _runner_before(self) -> RunnerStatus:
        """Return the previous runner's status: its region keeps event IDs the same while no server answers.

        Call it before the journal is opened, which makes this runner the last one.
        """

        def read() -> RunnerStatus:
            try:
                with JournalReader(self.journal) as reader:
                    return reader.overview().runner or RunnerStatus()
            except JournalError:  # there is no journal yet, or opening it for writing will report the error
                return RunnerStatus()

        return await asyncio.to_thread(read)

    def _warn_of_another_address(self, before: str) -> None:
        if before and before not in {str(each.address) for each in self.connection.servers}:
            log.warning(
                "journal_of_another_address",
                before=printable(before, 200),
                now=str(self.connection.address),
                remedy="if that was another cluster, give each a journal of its own (--journal)",
            )


async def continued(
    journal: Journal, connection: Connection, subscription: Subscription, settings: Settings
) -> LiveServer:
    """Return the stream from the end of a journal on: repeated frames are dropped, and if the server's buffer no longer
    reaches back to that place, a gap is reported. Raises `JournalError`."""
    newest = await journal.read(journal.end - 1, 1) if journal.end else []
    return LiveServer(
        connection,
        subscription,
        settings,
        seen=await journal.last_frames(SEEN_FRAMES, SEEN_BYTES),
        seen_until=newest[-1].received if newest else None,
    )


@contextmanager
def rare_collections() -> Iterator[None]:
    """Make garbage collections of the process rarer, and exclude everything loaded so far."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _signals(runner: Runner) -> Iterator[None]:
    """Let the process's signals reach a runner."""
    loop = asyncio.get_running_loop()
    handlers = {signal.SIGTERM: runner.end, signal.SIGINT: runner.end, signal.SIGHUP: runner.reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
