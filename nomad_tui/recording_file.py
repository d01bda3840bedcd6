"""What a history holds and what comes to it, written to a file that `nomad-tui open` reads."""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Final

from nomad_tui.core.export import EventLines, Export, Output
from nomad_tui.core.history import History

WRITTEN_EVERY: Final = 0.2
"""Seconds until what came is in the file: what a kill may cost."""
RETRIED_EVERY: Final = 1.0
"""Seconds between two attempts to write to a disk that is full."""
SLICE: Final = 0.004
PAUSE: Final = 0.002
"""Seconds of work, and for everything else then."""
AT_ONCE: Final = 1024 * 1024
"""Bytes handed to the disk at once."""


@dataclass(frozen=True, slots=True)
class _Piece:
    content: bytes
    events: int
    next: int
    """The sequence number behind the piece."""


class RecordingFile:
    """Holds whole lines at any time. What cannot be written waits in the history, until that has to evict it."""

    def __init__(self, path: Path, history: History, first: int, *, redacts: bool, replace: bool) -> None:
        """Records the rows from sequence number `first` on. Raises `OSError`, such as `FileExistsError`."""
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
                async with asyncio.timeout(RETRIED_EVERY if self.trouble else WRITTEN_EVERY):
                    await self._is_stopping.wait()
            except TimeoutError:
                pass

    async def _write_what_came(self) -> None:
        pieces = self._pieces()
        turn = perf_counter()
        while (piece := next(pieces, None)) is not None:
            if piece.content:
                await asyncio.to_thread(self._write, piece)
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
                self._write(piece)
                if self.trouble:
                    break
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _pieces(self) -> Iterator[_Piece]:
        """What is not in the file yet, in pieces of some size; empty ones while the next is in the making."""
        with self._lock:
            start = self._next
        history = self._history
        if start < history.first:
            self.missed += history.first - start
            start = history.first
        export = Export(history, range(start, history.end), self._lines)
        content: list[bytes] = []
        size, counted = 0, 0
        for lines in export:
            content.append(lines)
            size += len(lines)
            if size >= AT_ONCE or export.done == export.total:
                yield _Piece(b"".join(content), export.events - counted, start + export.done)
                content, size, counted = [], 0, export.events
            else:
                yield _Piece(b"", 0, start)

    def _write(self, piece: _Piece) -> None:
        """In a thread: a piece whole, or nothing of it and the `trouble`."""
        with self._lock:
            if self._descriptor is None or piece.next <= self._next:
                return
            try:
                rest = memoryview(piece.content)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError as error:
                self.trouble = (error.strerror or str(error)).lower()
                os.ftruncate(self._descriptor, self.size)
                os.lseek(self._descriptor, self.size, os.SEEK_SET)
                return
            self.trouble = ""
            self.size += len(piece.content)
            self.events += piece.events
            self._next = piece.next
