"""`sink run`: one stream into one journal, and every sink from its own cursor, until it is asked to end."""

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

TICK: Final = 0.5
"""Seconds between two looks at the definitions and at what other programs wrote into the journal."""
PRUNE_EVERY: Final = 20.0
REGION_PATIENCE: Final = 5.0
"""Seconds to wait for the region, which is part of the events' IDs, before sinks are started without it."""
ABSENT: Final = 3600.0
"""Seconds after which a sink whose definition was removed is forgotten, with its cursor and its dead letters: until
then the journal keeps what it has not had, as a file may only have been moved aside. One that this runner has never
seen defined may be missing by a mistake, such as a wrong folder: it is kept for as long as the journal's history."""
DRAIN: Final = 10.0


class Definitions(Protocol):
    """A source of definitions, which may change at any time."""

    def read(self) -> Loaded: ...

    def signature(self) -> object:
        """Another one whenever something has changed."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which sinks are to be run."""

    definitions: Definitions | None
    """None for a journal without sinks."""
    only: frozenset[str] = frozenset()
    """By ID; empty for all."""


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
        absent: float = ABSENT,
    ) -> None:
        """`drain` is for how many seconds the sinks may go on once it was asked to end."""
        self.journal = journal
        self.sinks: dict[str, SinkWorker] = {}
        """By ID, those that run."""
        self.mistakes: Sequence[DefinitionError] = ()
        """In definitions, as they were read last."""
        self.dead_letters: dict[str, int] = {}
        """How many each sink has in the journal, as counted last."""
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
        """Where each sink was defined last."""
        self._loaded = Loaded()
        self._stopped: dict[str, SinkStatus] = {}
        """Of the sinks that run no more, or not here; until that is reported."""

    @property
    def heard(self) -> float:
        """When the server sent its last line, by `monotonic`; 0.0 for never."""
        return self._recorder.heard

    def end(self) -> None:
        """Stops reading, lets the sinks deliver what was read, and makes `run` return. Asked again: at once."""
        if self._ending.is_set():
            self._hurried.set()
        self._ending.set()

    def reload(self) -> None:
        """Reads the definitions again, and opens every sink anew that has changed."""
        self._reload.set()

    async def run(self) -> None:
        """Until `end` is called, or the source has nothing more to come; then drains."""
        await self._register()
        reading = asyncio.create_task(self._recorder.run())
        ending = asyncio.create_task(self._ending.wait())
        caring = asyncio.create_task(self._care())
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
        """Waits until every sink has had everything, those that fail not counted, or for as long as is allowed."""
        tasks = [asyncio.create_task(self._caught_up()), asyncio.create_task(self._hurried.wait())]
        await asyncio.wait(tasks, timeout=self._drain, return_when=asyncio.FIRST_COMPLETED)
        await end(*tasks)
        left = {sink.id: sink.lag_events for sink in self.sinks.values() if sink.lag_events}
        log.info("drained", left=left)

    async def _register(self) -> None:
        """A sink that is there from the start misses nothing of what is journaled from the start."""
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

    # Beside the stream

    async def _care(self) -> None:
        """Starts and stops sinks as their definitions come and go, and keeps journal and status in order."""
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
                    await self._look_at_cursors()  # a pause may have run out
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
                async with asyncio.timeout(TICK):
                    await self._reload.wait()

    def _has_no_reader(self) -> bool:
        """Whether all that runs writes to standard output, and its reader has ended."""
        kinds = {sink.definition.kind for sink in self.sinks.values()}
        return kinds == {Kind.STDOUT} and reader_has_gone()

    async def _signature(self) -> object:
        definitions = self._wanted.definitions
        return True if definitions is None else (await asyncio.to_thread(definitions.signature), True)

    async def _redefine(self, *, again: bool) -> None:
        """Starts and stops sinks by the definitions as they are now; `again` logs known mistakes once more."""
        logged = {str(mistake) for mistake in self.mistakes}
        wanted = await self._defined()
        loaded = self._loaded
        self.mistakes = loaded.mistakes
        for sink in list(self.sinks.values()):
            definition = wanted.get(sink.id)
            if definition is None:
                # It may be in the middle of being written: the old one goes on.
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
        """Whether a file that cannot be read may define the sink."""
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
        """The region is part of the events' IDs: sinks started before it was known start again."""
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
        self.dead_letters = await self.journal.letter_counts()

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
