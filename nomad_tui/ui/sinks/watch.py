"""Reads the definitions and states of the sinks of one journal. Blocks: the page calls it in a thread."""

from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from typing import Final

from nomad_tui.config.folders import FileError, file_identity
from nomad_tui.core.readable import SECOND
from nomad_tui.journal.cursor import DeadLetter
from nomad_tui.journal.errors import JournalError
from nomad_tui.journal.reader import JournalReader, Overview
from nomad_tui.journal.store import Store
from nomad_tui.sinks.definition.folder import Definitions, Loaded
from nomad_tui.sinks.delivery.report import SinkReport, sink_reports

ALIVE: Final = 10 * SECOND
"""Time without a report after which a runner is no longer alive; it reports at least every five seconds."""


@dataclass(frozen=True, slots=True)
class Seen:
    sinks: tuple[SinkReport, ...] = ()
    """Sorted by ID."""
    overview: Overview | None = None
    """None without a journal."""
    at: int = 0
    """Time of reading, in ns since 1970."""
    trouble: str = ""
    """Sentences that say why the journal or the definitions cannot be read."""

    @property
    def alive(self) -> bool:
        runner = None if self.overview is None else self.overview.runner
        return runner is not None and self.overview is not None and self.overview.alive


class SinkWatch:
    """Not thread-safe."""

    def __init__(self, config: Path | None, journal: Path | None) -> None:
        """`config` is the configuration folder, or None; `journal` need not exist yet, and is None for a recording."""
        self._definitions = None if config is None else Definitions(config)
        self._signature: object = None
        self._loaded = Loaded()
        self._path = journal
        self._reader: JournalReader | None = None
        self._file: tuple[int, int] | None = None
        """Identity of the file that the reader has open."""
        self._overview: Overview | None = None
        self._overview_at = 0

    def look(self) -> Seen:
        """Reads everything. Never raises: `trouble` says what cannot be read."""
        troubles: list[str] = []
        try:
            self._read_definitions()
        except (FileError, OSError) as error:
            troubles.append(str(error))
        try:
            self._read_journal()
        except JournalError as error:
            self._overview = None
            troubles.append(str(error))
        return Seen(sink_reports(self._loaded, self._overview), self._overview, time_ns(), " ".join(troubles))

    def letters(self, sink: str, most: int) -> list[DeadLetter]:
        """The dead letters of a sink, the oldest first. Raises `JournalError`."""
        return [] if self._reader is None else self._reader.letters(sink, most)

    def pause(self, sink: str, paused: bool) -> None:
        """Pauses or resumes a sink. Raises `JournalError`, also if there is no journal."""
        if self._path is None or self._reader is None:
            raise JournalError("The sink cannot be paused without a journal. Start nomad-tui sink run first.")
        with Store(self._path) as control:
            control.pause(sink, paused)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _read_definitions(self) -> None:
        if self._definitions is None:
            return
        signature = self._definitions.signature()
        if signature != self._signature:
            self._loaded = self._definitions.read()
            self._signature = signature

    def _read_journal(self) -> None:
        found = None if self._path is None else file_identity(self._path)
        if found != self._file or self._reader is None:
            self.close()
            self._file, self._overview = found, None
            if self._path is None or found is None:
                return
            self._reader = JournalReader(self._path)
        now = time_ns()
        if self._overview is None or self._reader.changed() or now - self._overview_at > ALIVE // 2:
            self._overview, self._overview_at = self._reader.overview(), now
