"""A runner as a process: its journal, its signals, and what it shows of itself over HTTP."""

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
"""Of the journal's end, to tell what the server sends again from what is new."""
COLLECTED: Final = (50_000, 10, 100)
"""Thresholds of the garbage collector. Events wait in memory until they are sent: with Python's usual thresholds they
are walked again and again, which took more than half of the CPU time."""


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
    """Seconds."""

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; SIGHUP reads the definitions again.

        Raises `JournalError` where the journal cannot be opened, and `OSError` where the HTTP address cannot be used.
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
        """How the one before this one was; its region, so that events keep their IDs even while no server answers.

        To be asked before the journal is opened, which makes this runner the last one.
        """

        def read() -> RunnerStatus:
            try:
                with JournalReader(self.journal) as reader:
                    return reader.overview().runner or RunnerStatus()
            except JournalError:  # there is none yet, or opening it to write says what is wrong with it
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
    """The stream from where a journal ends: what the server sends again is dropped, and a gap is shown where it no
    longer holds that place. Raises `JournalError`."""
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
    """Makes the garbage collector of the process look less often, and not at what is loaded by now."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*COLLECTED)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


@contextmanager
def _signals(runner: Runner) -> Iterator[None]:
    """Makes the process' signals reach a runner."""
    loop = asyncio.get_running_loop()
    handlers = {signal.SIGTERM: runner.end, signal.SIGINT: runner.end, signal.SIGHUP: runner.reload}
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)
