"""Recordings as a source: NDJSON files of frames or of single events, plain, gzip or zstandard, and pipes."""

import asyncio
import gzip
import io
import os
import select
import stat
import sys
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, Final

import zstandard

from nomad_tui.core.continuity import Continuity
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Connected, Ended, Update
from nomad_tui.core.wire import DEFAULT_MAX_LINE, EXCERPT, Frame, LineSplitter, Unreadable, decode

STANDARD_INPUT: Final = "-"
CHUNK_BYTES: Final = 256 * 1024
PACKED_BYTES: Final = 2 * 1024
"""Of a zstandard archive at once: of a stream they are 45 KB, of an archive made to do harm up to 64 MB."""

_GZIP: Final = b"\x1f\x8b"
_ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"


class RecordingError(ValueError):
    """A recording that cannot be opened; the text says why and what to do."""


class Recording:
    """Files read one after another as if one server had sent them, from the first byte to the last.

    A pipe (`-`) is shown as it grows. How a file is compressed is told by its first bytes, not by its name.
    """

    def __init__(self, paths: Sequence[str], max_line: int = DEFAULT_MAX_LINE, standard_input: BinaryIO | None = None):
        self.paths = tuple(paths)
        self.max_line = max_line
        self._standard_input = standard_input

    @property
    def name(self) -> str:
        if self.paths == (STANDARD_INPUT,):
            return "standard input"
        first = Path(self.paths[0]).name
        return first if len(self.paths) == 1 else f"{first} and {len(self.paths) - 1} more"

    @property
    def live(self) -> bool:
        return False

    def scope(self, region: str | None) -> str:
        return "recording"

    def check(self) -> None:
        """Raises `RecordingError` for a file that is missing or cannot be read, before any screen is opened."""
        for path in self.paths:
            if path == STANDARD_INPUT:
                continue
            try:
                # What is read from a pipe is gone, and closing it ends whoever writes into it.
                if not _is_pipe(Path(path).stat()):
                    with Path(path).open("rb") as file:
                        file.read(1)
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise RecordingError(
                    f"The recording {printable(path)} cannot be opened ({reason}): "
                    "name a file of NDJSON, plain, .gz or .zst, or - for standard input."
                ) from None

    async def updates(self) -> AsyncGenerator[Update, None]:
        for path in self.paths:
            yield Connected("standard input" if path == STANDARD_INPUT else Path(path).name)
            async with aclosing(self._read(path)) as updates:
                async for update in updates:
                    yield update
        count = len(self.paths)
        yield Ended(
            "the recording was read to its end" if count == 1 else f"{count} recordings were read to their ends"
        )

    async def _read(self, path: str) -> AsyncGenerator[Update, None]:
        splitter = LineSplitter(self.max_line)
        continuity = Continuity()
        trouble: Unreadable | None = None
        try:
            async with aclosing(self._chunks(path)) as chunks:
                async for chunk in chunks:
                    lines = splitter.feed(chunk)
                    while splitter.oversized:
                        yield splitter.oversized.pop(0)
                    for line in lines:
                        for update in _updates(line, continuity):
                            yield update
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            if isinstance(error, EOFError):
                reason = "the archive is cut off"
            trouble = Unreadable(f"the recording cannot be read further: {reason}", b"", 0, cut=True)
        rest = splitter.finish()
        if splitter.oversized:
            yield splitter.oversized.pop()
        for update in _updates(rest, continuity):
            if isinstance(update, Unreadable):
                yield Unreadable("cut in the middle, at the end of the recording", rest[:EXCERPT], len(rest), cut=True)
            else:
                yield update
        if trouble is not None:
            yield trouble

    async def _chunks(self, path: str) -> AsyncGenerator[bytes, None]:
        """What the file holds, unpacked, in pieces of at most `CHUNK_BYTES`."""
        file: BinaryIO = self._standard_input or sys.stdin.buffer
        if path != STANDARD_INPUT:
            file = await asyncio.to_thread(open, path, "rb", opener=_open_without_waiting)
        waiting = _Interruptible(file)
        try:
            read = await asyncio.to_thread(_unpacked, waiting)
            while chunk := await asyncio.to_thread(read, CHUNK_BYTES):
                yield chunk
        finally:
            waiting.interrupt()


def _open_without_waiting(path: str, flags: int) -> int:
    """Opening a named pipe would otherwise wait for somebody who writes into it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _is_pipe(status: os.stat_result) -> bool:
    return stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode)


def _updates(line: bytes, continuity: Continuity) -> Iterator[Update]:
    decoded = decode(line)
    if isinstance(decoded, Frame):
        # A recording repeats nothing of itself, but it may go back to where another server, or an older one, begins.
        gap = continuity.join(decoded).gap
        if gap is not None:
            yield gap
        yield decoded
    elif decoded is not None:
        yield decoded


class _Interruptible(io.RawIOBase):
    """A file on which a thread may wait without keeping the program from ending.

    `interrupt` makes a wait end as if the file had, and closes the file once nobody waits any more.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._wake, self._interrupt = os.pipe()
        self._lock = Lock()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._lock, memoryview(buffer).cast("B") as space:
            if self.closed:
                return 0
            descriptor = self._file.fileno()
            while True:
                ready, _, _ = select.select([descriptor, self._wake], [], [])
                if self._wake in ready:
                    return 0
                try:
                    some = os.read(descriptor, len(space))
                except BlockingIOError:
                    continue
                space[: len(some)] = some
                return len(some)

    def interrupt(self) -> None:
        os.write(self._interrupt, b".")
        with self._lock:
            self._file.close()
            os.close(self._wake)
            os.close(self._interrupt)
            self.close()


def _unpacked(file: io.RawIOBase) -> Callable[[int], bytes]:
    """The file as it was before it was packed with gzip or zstandard, if the first bytes say so.

    What is returned gives some bytes, at most as many as it is asked for, and none at the end. Members one after
    another are read as one, as `cat a.gz b.gz` makes them and `zstd` of several inputs.
    """
    buffered = io.BufferedReader(file, CHUNK_BYTES)
    head = buffered.peek(len(_ZSTANDARD))
    if head.startswith(_GZIP):
        return gzip.GzipFile(fileobj=buffered, mode="rb").read1
    if head.startswith(_ZSTANDARD):
        return _Zstandard(buffered).read
    return buffered.read1


class _Zstandard:
    """Frames one after another. (The library's own reader takes an archive that is cut off for a whole one.)"""

    def __init__(self, packed: "io.BufferedReader[io.RawIOBase]") -> None:
        self._packed = packed
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._rest = b""
        """Packed bytes behind the end of a frame."""
        self._unpacked = b""
        self._given = 0
        """Bytes of `_unpacked` that were returned."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end. Raises `EOFError` where the archive is cut off."""
        while self._given == len(self._unpacked):
            packed = self._rest or self._packed.read1(PACKED_BYTES)
            if not packed:
                if not self._frame.eof:
                    raise EOFError
                return b""
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._unpacked, self._given = self._frame.decompress(packed), 0
            self._rest = self._frame.unused_data
        some = self._unpacked[self._given : self._given + size]
        self._given += len(some)
        return some
