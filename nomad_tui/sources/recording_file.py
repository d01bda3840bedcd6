"""What a history holds and what comes to it, written to a file that `nomad-tui open` reads."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Final

from nomad_tui.core.export.formats import EventLines, Export, Output
from nomad_tui.core.history.history import History

WRITTEN_EVERY: Final = 0.2
"""Seconds until what came is in the file: what a kill may cost."""
RETRIED_EVERY: Final = 1.0
SLICE: Final = 0.004
PAUSE: Final = 0.002
"""Seconds of work, and for everything else then."""
AT_ONCE: Final = 1024 * 1024
"""Bytes handed to the disk at once."""


@dataclass(frozen=True, slots=True)
class _Piece:
    content: bytes
    events: int
    missed: int
    """Events that were evicted while the piece was in the making."""
    next: int
    """The sequence number behind the piece."""


class RecordingFile:
    """Holds complete lines at any time. What cannot be written waits in the history, until that has to evict it."""

    def __init__(
        self,
        path: Path,
        history: History,
        first: int,
        *,
        redacts: bool,
        replace: bool,
        retried_every: float = RETRIED_EVERY,
    ) -> None:
        """Records the rows from sequence number `first` on. Raises `OSError`, such as `FileExistsError`.

        `retried_every`: seconds between two attempts to write to a disk that is full.
        """
        self.path = path
        self.events = 0
        """Events in the file."""
        self.size = 0
        self.missed = 0
        """Events that were evicted before they could be written."""
        self.trouble = ""
        """Why nothing can be written at the moment, such as `no space left on device`."""
        self._history = history
        self._next = first
        self._retried_every = retried_every
        self._lines = EventLines(history, Output.FRAMES, redacts=redacts)
        self._lock = Lock()
        self._is_stopping = asyncio.Event()
        self._descriptor: int | None = os.open(
            path, os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replace else os.O_EXCL), 0o600
        )

    @property
    def waiting(self) -> int:
        """Rows that came and are not in the file."""
        return self._history.end - self._next

    async def run(self, changed: Callable[[], None]) -> None:
        """Writes until `stop`. `changed` is called whenever there is trouble, or none any more."""
        while not self._is_stopping.is_set():
            before = self.trouble
            await self._write_what_came()
            if self.trouble != before:
                changed()
            try:
                async with asyncio.timeout(self._retried_every if self.trouble else WRITTEN_EVERY):
                    await self._is_stopping.wait()
            except TimeoutError:
                pass

    async def _write_what_came(self) -> None:
        pieces = self._pieces()
        turn = perf_counter()
        while (piece := next(pieces, None)) is not None:
            if piece.content:
                await asyncio.to_thread(self._write_unless_stopping, piece)
                if self.trouble:
                    return
                turn = perf_counter()
            elif perf_counter() - turn > SLICE:
                await asyncio.sleep(PAUSE)
                turn = perf_counter()

    def stop(self) -> None:
        """Ends `run`, and writes what is left if the disk takes it."""
        self._is_stopping.set()
        for piece in self._pieces():
            if piece.content:
                with self._lock:
                    self._write(piece)
                if self.trouble:
                    break
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _pieces(self) -> Iterator[_Piece]:
        """What is not in the file yet, in pieces of some size; empty ones while the next is in the making."""
        history = self._history
        with self._lock:
            lost = max(0, history.first - self._next)
            self.missed += lost
            self._next += lost
            start = self._next
        export = Export(history, range(start, history.end), self._lines)
        content: list[bytes] = []
        size, counted, missed = 0, 0, 0
        for lines in export:
            content.append(lines)
            size += len(lines)
            if size >= AT_ONCE or export.done == export.total:
                yield _Piece(b"".join(content), export.events - counted, export.evicted - missed, start + export.done)
                content, size, counted, missed = [], 0, export.events, export.evicted
            else:
                yield _Piece(b"", 0, 0, start)

    def _write_unless_stopping(self, piece: _Piece) -> None:
        """In a thread. Once `stop` has begun, that alone writes: the file would hold a piece twice."""
        with self._lock:
            if not self._is_stopping.is_set():
                self._write(piece)

    def _write(self, piece: _Piece) -> None:
        """Writes a piece completely, or nothing of it and notes the `trouble`."""
        if self._descriptor is None:
            return
        try:
            rest = memoryview(piece.content)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            self.trouble = (error.strerror or str(error)).lower()
            with suppress(OSError):
                os.ftruncate(self._descriptor, self.size)
                os.lseek(self._descriptor, self.size, os.SEEK_SET)
            return
        self.trouble = ""
        self.size += len(piece.content)
        self.events += piece.events
        self.missed += piece.missed
        self._next = piece.next
