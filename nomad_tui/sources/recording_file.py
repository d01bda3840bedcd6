"""Writes a history, and what is added to it, to a file that `nomad-tui open` reads."""

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

WRITE_INTERVAL: Final = 0.2
"""Seconds between two writes: what a kill may lose."""
RETRY_DELAY: Final = 1.0
SLICE: Final = 0.004
PAUSE: Final = 0.002
"""Seconds of work before yielding, and of the pause."""
WRITE_BYTES: Final = 1024 * 1024
"""Bytes per write."""


@dataclass(frozen=True, slots=True)
class _Piece:
    content: bytes
    events: int
    missed: int
    """Events evicted while the piece was prepared."""
    next: int
    """The sequence number after the piece."""


class RecordingFile:
    """A file that only ever holds complete lines. What cannot be written waits in the history until it is evicted."""

    def __init__(
        self,
        path: Path,
        history: History,
        first: int,
        *,
        redacts: bool,
        replace: bool,
        retried_every: float = RETRY_DELAY,
    ) -> None:
        """Records the rows from sequence number `first` on. Raises `OSError`, such as `FileExistsError`.

        `retried_every`: seconds between two attempts to write to a full disk.
        """
        self.path = path
        self.events = 0
        """Events in the file."""
        self.size = 0
        self.missed = 0
        """Events evicted before they could be written."""
        self.trouble = ""
        """Why nothing can be written now, such as `no space left on device`."""
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
        """Rows not written yet."""
        return self._history.end - self._next

    async def run(self, changed: Callable[[], None]) -> None:
        """Writes until `stop`. Calls `changed` when `trouble` changes."""
        while not self._is_stopping.is_set():
            before = self.trouble
            await self._write_pending()
            if self.trouble != before:
                changed()
            try:
                async with asyncio.timeout(self._retried_every if self.trouble else WRITE_INTERVAL):
                    await self._is_stopping.wait()
            except TimeoutError:
                pass

    async def _write_pending(self) -> None:
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
        """Ends `run`, and writes the rest if the disk accepts it."""
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
        """What is not in the file yet, in pieces of about `WRITE_BYTES`; yields empty ones while the next is
        prepared."""
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
            if size >= WRITE_BYTES or export.done == export.total:
                yield _Piece(b"".join(content), export.events - counted, export.evicted - missed, start + export.done)
                content, size, counted, missed = [], 0, export.events, export.evicted
            else:
                yield _Piece(b"", 0, 0, start)

    def _write_unless_stopping(self, piece: _Piece) -> None:
        """Runs in a thread. After `stop`, only that method writes; otherwise the file would hold a piece twice."""
        with self._lock:
            if not self._is_stopping.is_set():
                self._write(piece)

    def _write(self, piece: _Piece) -> None:
        """Writes a whole piece, or nothing and sets `trouble`."""
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
