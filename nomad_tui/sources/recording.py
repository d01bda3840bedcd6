"""Recordings as a source: NDJSON files of frames or of single events, plain, gzip or zstandard, and pipes."""

import asyncio
import os
import stat
import sys
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import zstandard

from nomad_tui.core.continuity import Continuity
from nomad_tui.core.text import printable
from nomad_tui.core.updates import Connected, Ended, Update
from nomad_tui.core.wire import DEFAULT_MAX_LINE, EXCERPT, Frame, LineSplitter, Unreadable, decode

STANDARD_INPUT: Final = "-"
CHUNK_BYTES: Final = 256 * 1024
PACKED_BYTES: Final = 16 * 1024
"""Of an archive at once: event streams shrink up to sixty times, and a megabyte is read in about a millisecond."""

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
            async for update in self._read(path):
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
            async with aclosing(_unpacked(self._raw(path))) as chunks:
                async for chunk in chunks:
                    lines = splitter.feed(chunk)
                    while splitter.oversized:
                        yield splitter.oversized.pop(0)
                    for line in lines:
                        for update in _updates(line, continuity):
                            yield update
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
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

    async def _raw(self, path: str) -> AsyncGenerator[bytes, None]:
        if path == STANDARD_INPUT:
            file = self._standard_input or sys.stdin.buffer
        else:
            file = await asyncio.to_thread(open, path, "rb", opener=_open_without_waiting)
        if not _is_pipe(os.fstat(file.fileno())):
            with file:
                while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                    yield chunk
            return
        # A thread that waits for a silent pipe could not be stopped, and the program could not be left.
        reader = asyncio.StreamReader(limit=CHUNK_BYTES)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                yield chunk
        finally:
            transport.close()


def _is_pipe(status: os.stat_result) -> bool:
    return stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode)


def _open_without_waiting(path: str, flags: int) -> int:
    """Opening a named pipe would otherwise wait for somebody who writes into it."""
    return os.open(path, flags | os.O_NONBLOCK)


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


async def _unpacked(raw: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The chunks, unpacked if the first bytes say that they are gzip or zstandard.

    Raises `zlib.error` or `zstandard.ZstdError` for damage and `EOFError` for an archive that is cut off.
    """
    async with aclosing(raw):
        head = b""
        async for chunk in raw:
            head += chunk
            if len(head) >= len(_ZSTANDARD):
                break
        unpack: Unpacker = _Plain()
        if head.startswith(_GZIP):
            unpack = _Packed(lambda: zlib.decompressobj(wbits=zlib.MAX_WBITS | 16))
        elif head.startswith(_ZSTANDARD):
            unpack = _Packed(lambda: zstandard.ZstdDecompressor().decompressobj())
        for piece in _pieces(head, unpack.piece):
            for unpacked in unpack(piece):
                yield unpacked
        async for chunk in raw:
            for piece in _pieces(chunk, unpack.piece):
                for unpacked in unpack(piece):
                    yield unpacked
        if not unpack.complete:
            raise EOFError("the archive is cut off")


def _pieces(chunk: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(chunk), size):
        yield chunk[start : start + size]


class Unpacker(Protocol):
    """Unpacks an archive given in pieces."""

    piece: int
    """Bytes to be handed over at once: what comes of them must not hold up the screen."""

    @property
    def complete(self) -> bool:
        """Whether the archive could end here."""
        ...

    def __call__(self, packed: bytes) -> Iterator[bytes]: ...


class _Plain:
    piece = CHUNK_BYTES
    complete = True

    def __call__(self, packed: bytes) -> Iterator[bytes]:
        yield packed


class _Decompressor(Protocol):
    """One member of a gzip file or one frame of a zstandard file."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Packed:
    """Members one after another, as `cat a.gz b.gz` makes them and `zstd` of several inputs."""

    piece = PACKED_BYTES

    def __init__(self, start: Callable[[], _Decompressor]) -> None:
        self._start = start
        self._member = start()

    @property
    def complete(self) -> bool:
        return self._member.eof

    def __call__(self, packed: bytes) -> Iterator[bytes]:
        while packed:
            if self._member.eof:
                self._member = self._start()
            yield self._member.decompress(packed)
            packed = self._member.unused_data
