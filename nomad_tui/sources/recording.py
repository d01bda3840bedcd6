"""Recordings as a source: NDJSON files of frames or of single events, plain, gzip or zstandard, and pipes."""

import asyncio
import gzip
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, cast

import zstandard

from nomad_tui.core.text import printable
from nomad_tui.core.updates import Connected, Ended, Update
from nomad_tui.core.wire import DEFAULT_MAX_LINE, EXCERPT, LineSplitter, Unreadable, decode

STANDARD_INPUT: Final = "-"
CHUNK_BYTES: Final = 256 * 1024

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
                with Path(path).open("rb") as file:
                    file.read(1)
            except OSError as error:
                raise RecordingError(
                    f"The recording {printable(path)} cannot be opened: {error.strerror or error}. "
                    "Name a file of NDJSON (plain, .gz or .zst), or - for standard input."
                ) from None

    async def updates(self) -> AsyncGenerator[Update, None]:
        for path in self.paths:
            yield Connected(path)
            async for update in self._read(path):
                yield update
        count = len(self.paths)
        yield Ended(
            "the recording was read to its end" if count == 1 else f"{count} recordings were read to their ends"
        )

    async def _read(self, path: str) -> AsyncGenerator[Update, None]:
        splitter = LineSplitter(self.max_line)
        try:
            file = await asyncio.to_thread(self._open, path)
        except OSError as error:
            yield Unreadable(f"the recording cannot be opened: {error.strerror or error}", path.encode(), 0)
            return
        try:
            while chunk := await asyncio.to_thread(_read_some, file):
                for line in splitter.feed(chunk):
                    decoded = decode(line)
                    if decoded is not None:
                        yield decoded
                while splitter.oversized:
                    yield splitter.oversized.pop(0)
        except (OSError, EOFError, zstandard.ZstdError) as error:
            yield Unreadable(f"the recording cannot be read further: {error}", b"", 0, cut=True)
        finally:
            if path != STANDARD_INPUT:
                file.close()
        rest = splitter.finish()
        if splitter.oversized:
            yield splitter.oversized.pop()
        decoded = decode(rest)
        if isinstance(decoded, Unreadable):
            yield Unreadable("cut in the middle, at the end of the recording", rest[:EXCERPT], len(rest), cut=True)
        elif decoded is not None:
            yield decoded

    def _open(self, path: str) -> BinaryIO:
        if path == STANDARD_INPUT:
            raw = self._standard_input or sys.stdin.buffer
        else:
            raw = Path(path).open("rb")  # noqa: SIM115 - closed by the reader
        head = _peek(raw)
        if head.startswith(_GZIP):
            return cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="rb"))
        if head.startswith(_ZSTANDARD):
            reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True, closefd=True)
            return cast(BinaryIO, reader)
        return raw


def _peek(file: BinaryIO) -> bytes:
    """The first bytes, left to be read again."""
    peek = getattr(file, "peek", None)
    return bytes(peek(4))[:4] if peek is not None else b""


def _read_some(file: BinaryIO) -> bytes:
    """What there is, up to a chunk: a pipe's lines are shown when they come, not when a chunk is full."""
    read1 = getattr(file, "read1", None)
    return bytes(read1(CHUNK_BYTES)) if read1 is not None else file.read(CHUNK_BYTES)
