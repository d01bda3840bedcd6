"""The runner of `sink run`: records one stream in one journal, and runs each sink from its own cursor."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time_ns
from typing import Final, Protocol

from nomad_tui import __version__
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.journal import Journal
from nomad_tui.journal.log import Log
from nomad_tui.journal.status import RunnerStatus, SinkState, SinkStatus
from nomad_tui.sinks.definition.definition import Definition, Kind
from nomad_tui.sinks.definition.folder import Loaded, shown_address
from nomad_tui.sinks.definition.reading import DefinitionError
from nomad_tui.sinks.delivery.alerts import Alerts
from nomad_tui.sinks.delivery.recorder import Recorder
from nomad_tui.sinks.delivery.worker import Open, SinkWorker, register
from nomad_tui.sinks.types.opening import open_sink
from nomad_tui.sinks.types.stdout import reader_has_gone
from nomad_tui.sources.source import Source
from nomad_tui.stream.tasks import end

log = Log("nomad_tui.runner")

POLL_INTERVAL: Final = 0.5
"""Seconds between two checks of the definitions and of other processes' changes in the journal."""
PRUNE_EVERY: Final = 20.0
REGION_PATIENCE: Final = 5.0
"""Seconds to wait for the region, which is part of the event IDs, before sinks start without it."""
FORGET_AFTER: Final = 3600.0
"""Seconds after which a sink whose definition was removed is deleted, with its cursor and dead letters. Until then the
journal keeps its undelivered events, as the file may only have been moved. A sink that this runner has never seen
defined may be missing by mistake, for example a wrong folder: it is kept as long as the journal's history."""
DRAIN: Final = 10.0


class Definitions(Protocol):
    """A source of sink definitions, which may change at any time."""

    def read(self) -> Loaded: ...

    def signature(self) -> object:
        """Return a different value after each change."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """The sinks to run."""

    definitions: Definitions | None
    """None for a journal without sinks."""
    only: frozenset[str] = frozenset()
    """IDs of the sinks to run; empty for all."""


class Runner:
    def __init__(
        self,
        journal: Journal,
        source: Source,
        wanted: Wanted,
        status: RunnerStatus,
        *,
        drain: float = DRAIN,
        opener: Open = open_sink,
        prune_every: float = PRUNE_EVERY,
        absent: float = FORGET_AFTER,
    ) -> None:
        """`drain` is the seconds that sinks may continue to deliver after `end`."""
        self.journal = journal
        self.sinks: dict[str, SinkWorker] = {}
        """The running sinks by ID."""
        self.mistakes: Sequence[DefinitionError] = ()
        """Mistakes in the definitions as last read."""
        self.dead_letters: dict[str, int] = {}
        """Dead letters of each sink in the journal, as last counted."""
        self.status = status
        status.version = __version__
        self._recorder = Recorder(source, journal, status)
        self._wanted = wanted
        self._drain = drain
        self._open = opener
        self._prune_every = prune_every
        self._absent_for = absent
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._alerts = Alerts()
        self._ending = asyncio.Event()
        self._hurried = asyncio.Event()
        self._reload = asyncio.Event()
        self._absent: dict[str, float] = {}
        self._origins: dict[str, Path | None] = {}
        """The file that last defined each sink."""
        self._loaded = Loaded()
        self._warned: Sequence[str] = ()
        """Warnings of definitions that are in the log."""
        self._stopped: dict[str, SinkStatus] = {}
        """Status of sinks that stopped or do not run here, until it is stored."""

    @property
    def heard(self) -> float:
        """Time of the server's last line, by `monotonic`; 0.0 for never."""
        return self._recorder.heard

    def end(self) -> None:
        """Stop reading, let the sinks deliver what was read, and make `run` return. A second call skips draining."""
        if self._ending.is_set():
            self._hurried.set()
        self._ending.set()

    def reload(self) -> None:
        """Read the definitions again, and reopen the sinks that changed."""
        self._reload.set()

    async def run(self) -> None:
        """Run until `end` is called or the source ends; then drain."""
        await self._register()
        reading = asyncio.create_task(self._recorder.run())
        ending = asyncio.create_task(self._ending.wait())
        caring = asyncio.create_task(self._housekeep())
        try:
            await asyncio.wait((reading, ending, caring), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            if caring.done():
                caring.result()
            log.info("draining", limit=self._drain)
            await end(reading)
            await self._drained()
        finally:
            await end(reading, ending, caring, *self._tasks.values())
            await self._alerts.close()
            self._stopped |= {sink.id: sink.status for sink in self.sinks.values()}
            with suppress(JournalError):
                await self._report()

    async def _drained(self) -> None:
        """Wait until all sinks that do not fail are caught up, at most for the drain time."""
        tasks = [asyncio.create_task(self._caught_up()), asyncio.create_task(self._hurried.wait())]
        await asyncio.wait(tasks, timeout=self._drain, return_when=asyncio.FIRST_COMPLETED)
        await end(*tasks)
        left = {sink.id: sink.lag_events for sink in self.sinks.values() if sink.lag_events}
        log.info("drained", left=left, uncommitted_records=self.journal.uncommitted)

    async def _register(self) -> None:
        """Create the cursors of all defined sinks before anything is recorded, so that they miss nothing."""
        wanted = await self._defined()
        for definition in wanted.values():
            await register(self.journal, definition)
        for cursor in (await self.journal.cursors()).values():
            if cursor.sink not in wanted:
                self._stopped[cursor.sink] = cursor.status
            if self._wanted.definitions is not None and cursor.sink not in self._loaded.definitions:
                log.warning(
                    "sink_not_defined",
                    sink=cursor.sink,
                    what="its place is kept for now: check that its definition is in the folder that is read",
                )

    async def _defined(self) -> dict[str, Definition]:
        definitions = self._wanted.definitions
        if definitions is None:
            return {}
        self._loaded = await asyncio.to_thread(definitions.read)
        only = self._wanted.only
        return {each.id: each for each in self._loaded.definitions.values() if not only or each.id in only}

    async def _caught_up(self) -> None:
        await self.journal.flushed()
        await asyncio.gather(*(sink.caught_up() for sink in self.sinks.values()))

    # Housekeeping

    async def _housekeep(self) -> None:
        """Start and stop sinks as definitions change, prune the journal, and store the status."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REGION_PATIENCE):
                if not self.status.region:
                    await self._recorder.connected.wait()
        signature: object = None
        pruned = 0.0
        counted = -1
        while True:
            try:
                now = await self._signature()
                asked = self._reload.is_set()
                if asked or now != signature or not signature:
                    self._reload.clear()
                    signature = now
                    await self._redefine(again=asked)
                changed = await self.journal.changes()
                if changed or any(sink.status.state is SinkState.PAUSED for sink in self.sinks.values()):
                    await self._look_at_cursors()  # a pause may have expired
                dead = sum(sink.status.dead for sink in self.sinks.values())
                if changed or dead != counted:
                    await self._count_letters()
                    counted = dead
                if monotonic() - pruned > self._prune_every:
                    pruned = monotonic()
                    await self._prune()
                if self._has_no_reader():
                    log.info("reader_has_gone", what="standard output was the only sink")
                    self._hurried.set()
                    return
                await self._follow_region()
                self._recorder.tick()
                for sink in self.sinks.values():
                    await sink.tick()
                self._alerts.look(self.sinks)
                await self._report()
            except JournalError as error:
                log.error("journal_cannot_be_used", what=str(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_INTERVAL):
                    await self._reload.wait()

    def _has_no_reader(self) -> bool:
        """Whether all running sinks write to standard output, and its reader has gone."""
        kinds = {sink.definition.kind for sink in self.sinks.values()}
        return kinds == {Kind.STDOUT} and reader_has_gone()

    async def _signature(self) -> object:
        definitions = self._wanted.definitions
        return True if definitions is None else (await asyncio.to_thread(definitions.signature), True)

    async def _redefine(self, *, again: bool) -> None:
        """Start and stop sinks according to the current definitions; `again` repeats known mistakes in the log."""
        logged = {str(mistake) for mistake in self.mistakes}
        wanted = await self._defined()
        loaded = self._loaded
        self.mistakes = loaded.mistakes
        for sink in list(self.sinks.values()):
            definition = wanted.get(sink.id)
            if definition is None:
                # The file may be half written: the sink continues with its previous definition.
                removed = not self._may_define(loaded, sink.id)
                if not removed:
                    log.warning("sink_goes_on_as_it_was", sink=sink.id, what="there is a mistake where it is defined")
            else:
                removed = definition != sink.definition
            if removed:
                await self._stop(sink)
        for mistake in loaded.mistakes:
            if again or str(mistake) not in logged:
                log.error("definition_cannot_be_used", what=str(mistake))
        warnings = [warning for each in loaded.notes.values() for warning in each]
        for warning in warnings:
            if again or warning not in self._warned:
                log.warning("definition_has_warning", what=warning)
        self._warned = warnings
        if again:
            log.info("definitions_read", sinks=len(wanted), mistakes=len(loaded.mistakes))
        for definition in wanted.values():
            self._origins[definition.id] = definition.origin
            if definition.id not in self.sinks:
                self._start(definition)
        if not self.sinks and self._wanted.definitions is not None:
            log.warning(
                "no_sink_runs", what="none is defined; the stream is journaled until nomad-tui sink register adds one"
            )
        await self._forget_absent(loaded)

    def _may_define(self, loaded: Loaded, sink: str) -> bool:
        """Whether a file with mistakes may define the sink."""
        origin = self._origins.get(sink)
        places = (origin, origin and origin.parent)
        return any(
            mistake.sink == sink or (mistake.origin is not None and mistake.origin in places)
            for mistake in loaded.mistakes
        )

    async def _forget_absent(self, loaded: Loaded) -> None:
        if loaded.mistakes or self._wanted.definitions is None:
            self._absent.clear()
            return
        known = loaded.definitions.keys()
        for sink in await self.journal.cursors():
            if sink in known:
                self._absent.pop(sink, None)
            else:
                self._absent.setdefault(sink, monotonic())

    def _start(self, definition: Definition) -> None:
        sink = SinkWorker(definition, self.journal, self._open, self.status.region, shown_address(definition))
        self.sinks[definition.id] = sink
        self._tasks[definition.id] = asyncio.create_task(sink.run())
        log.info("sink_started", sink=definition.id, type=definition.kind.value, address=shown_address(definition))

    async def _stop(self, sink: SinkWorker) -> None:
        await end(self._tasks.pop(sink.id))
        del self.sinks[sink.id]
        self._stopped[sink.id] = sink.status
        log.info("sink_stopped", sink=sink.id)

    async def _follow_region(self) -> None:
        """Restart the sinks that started with another region or without one: it is part of the event IDs."""
        for sink in [sink for sink in self.sinks.values() if sink.region != self.status.region]:
            await self._stop(sink)
            self._start(sink.definition)

    async def _look_at_cursors(self) -> None:
        cursors = await self.journal.cursors()
        for sink in self.sinks.values():
            cursor = cursors.get(sink.id)
            if cursor is None or not sink.is_at(cursor):
                sink.reread_cursor()

    async def _prune(self) -> None:
        for sink in [sink for sink in self._absent if self._is_to_be_forgotten(sink)]:
            del self._absent[sink]
            cursor = (await self.journal.cursors()).get(sink)
            log.warning(
                "sink_forgotten",
                sink=sink,
                undelivered_events=self.journal.events - cursor.events if cursor is not None else 0,
                dead_letters=(await self.journal.letter_counts()).get(sink, 0),
                what="it is not defined any more",
            )
            await self.journal.forget(sink)
        for loss in await self.journal.prune():
            log.error(
                "journal_dropped_events",
                sink=loss.sink,
                events=loss.events,
                first_index=loss.first_index,
                last_index=loss.last_index,
            )
        for each in self.sinks.values():
            await each.count_losses()
        await self._count_letters()

    def _is_to_be_forgotten(self, sink: str) -> bool:
        patience = self._absent_for
        if sink not in self._origins:
            patience = max(patience, self.journal.retention.keep)
        return monotonic() - self._absent[sink] > patience

    async def _count_letters(self) -> None:
        before, self.dead_letters = self.dead_letters, await self.journal.letter_counts()
        for name in before.keys() - self.dead_letters.keys():  # resent by hand, or deleted
            sink = self.sinks.get(name)
            if sink is not None and sink.status.state is SinkState.IDLE:
                sink.forget_refusals()

    async def _report(self) -> None:
        status = self.status
        status.heard = time_ns()
        status.journal_bytes = self.journal.bytes
        status.journal_trouble = self.journal.trouble
        stopped, self._stopped = self._stopped, {}
        for each in stopped.values():
            each.state = SinkState.STOPPED
            each.rate = 0.0
        await self.journal.report(status, stopped | {sink.id: sink.status for sink in self.sinks.values()})
