"""Files as bytes: interruptible reads, decompression and archive members."""

import glob
import io
import os
import select
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Any, BinaryIO, Final, cast

import msgspec
import zstandard

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.text import printable
from nomad_tui.stream.start import STANDARD_INPUT

CHUNK_BYTES: Final = 1024 * 1024
COMPRESSED_BYTES: Final = 2 * 1024
"""Compressed bytes decompressed at once: 45 KB for a stream, but up to 64 MB for a malicious archive."""
EVENT_STREAM: Final = "eventstream.json"
"""The name of captured events in an archive of `nomad operator debug`."""
COMPRESSED_SUFFIXES: Final = (".gz", ".zst")


class BrokenArchiveError(Exception):
    """A tar archive that cannot be read further."""


READ_ERRORS: Final = (OSError, EOFError, zlib.error, zstandard.ZstdError, BrokenArchiveError)
"""Exceptions that reading may raise."""

_GZIP: Final = b"\x1f\x8b"
_ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"
_TAR_MAGIC: Final = slice(257, 262)
_TAR_BLOCK: Final = 512
POLL_EVERY: Final = 0.2
"""Seconds between two checks whether a file has grown or was rotated."""
_ROTATED_SUFFIX: Final = lazy_pattern(r"[.-]\d[\d.TZ_-]*?(\.gz|\.zst)?")
"""What rotation appends to a file's name."""
HEAD_BYTES: Final = 1024
"""Start of a followed file, kept to detect that it was truncated and has grown again between two checks."""

Read = Callable[[int], bytes]
"""Returns some bytes, at most the given number, and none at the end."""


class Document(msgspec.Struct, frozen=True):
    """One sequence of events: a file, a pipe, or a member of an archive."""

    path: str
    member: int | None = None
    """Number of the event stream in the archive; None for all in turn."""

    @property
    def name(self) -> str:
        return "standard input" if self.path == STANDARD_INPUT else Path(self.path).name


class Interruptible(io.RawIOBase):
    """A file whose reads in a thread do not keep the program from exiting.

    `interrupt` ends a blocked read as if the file had ended, and closes the file once no read is active.
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
                with suppress(BlockingIOError):
                    return os.readv(descriptor, [space])

    def interrupt(self) -> None:
        os.write(self._interrupt, b".")
        with self._lock:
            self._file.close()
            os.close(self._wake)
            os.close(self._interrupt)
            self.close()


def unpacked(file: io.RawIOBase) -> Read:
    """The file's content, decompressed if its first bytes are those of gzip or zstandard.

    Several members are read as one, such as those of `cat a.gz b.gz` or of `zstd` with several inputs.
    """
    buffered = io.BufferedReader(file, CHUNK_BYTES)
    head = buffered.peek(len(_ZSTANDARD))
    if head.startswith(_GZIP):
        import gzip

        return gzip.GzipFile(fileobj=buffered, mode="rb").read1
    if head.startswith(_ZSTANDARD):
        return _Zstandard(buffered).read
    return buffered.read1


class _Zstandard:
    """Reads consecutive frames. (The library's own reader accepts a truncated archive as complete.)"""

    def __init__(self, packed: "io.BufferedReader[io.RawIOBase]") -> None:
        self._packed = packed
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._rest = b""
        """Compressed bytes after the end of a frame."""
        self._unpacked = b""
        self._given = 0
        """Bytes of `_unpacked` already returned."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end. Raises `EOFError` if the archive is truncated."""
        while self._given == len(self._unpacked):
            packed = self._rest or self._packed.read1(COMPRESSED_BYTES)
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


class Opened:
    """A decompressed file with its first bytes peeked at."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._read = unpacked(file)
        self._head = self._read(CHUNK_BYTES)
        # A tar archive starts with a name and zeros; text with that many zeros is not UTF-8.
        while b"\0" in self._head and len(self._head) < _TAR_BLOCK and (more := self._read(CHUNK_BYTES)):
            self._head += more
        self.is_tar = self._head[_TAR_MAGIC] == b"ustar"

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """The next bytes; none at the end."""
        if self._head:
            some, self._head = self._head[:size], self._head[size:]
            return some
        return self._read(size)

    def members(self) -> Iterator[tuple[str, Read]]:
        """The members of a tar archive, in order. Read each before requesting the next."""
        import tarfile

        try:
            with tarfile.open(fileobj=self, mode="r|") as archive:  # type: ignore[call-overload]
                for member in archive:
                    file = archive.extractfile(member) if member.isfile() else None
                    if file is not None:
                        yield member.name, file.read
        except tarfile.TarError as error:
            raise BrokenArchiveError(str(error)) from error


def is_event_stream(name: str) -> bool:
    return PurePosixPath(name).name == EVENT_STREAM


class _Compressed:
    """A rotated file that may be compressed; a truncated one just ends early."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._read = unpacked(file)
        self.fileno = file.fileno
        self.close = file.close

    def read(self, size: int) -> bytes:
        try:
            return self._read(size)
        except READ_ERRORS:
            return b""


class Growing(Interruptible):
    """A file that others write to: at its end, waits for more in it and in the file that replaces it."""

    def __init__(self, path: str, *, at_end: bool = False) -> None:
        """`at_end` skips what is already in the file, up to the next complete line."""
        self._path = Path(path)
        self._rotated: list[Path] = []
        """Files that were written and rotated while this one was read, oldest first."""
        self.notes: list[str] = []
        """What happened to the file, for the user; emptied once shown."""
        super().__init__(self._path.open("rb", buffering=0))
        self._head = b""
        self._last = b"\n"
        self._skips_line = False
        if at_end and (size := self._file.seek(0, os.SEEK_END)):
            self._file.seek(size - 1)
            self._skips_line = self._file.read(1) != b"\n"

    def readinto(self, buffer: Any) -> int:
        with self._lock, memoryview(buffer).cast("B") as space:
            while not self.closed:
                some: bytes | None = self._file.read(len(space) - 1)
                if self._was_truncated():
                    some = self._restart()
                elif not some:
                    some = self._next_file()
                    if some is None and select.select([self._wake], [], [], POLL_EVERY)[0]:
                        return 0
                elif self._skips_line:
                    _, line_feed, some = some.partition(b"\n")
                    self._skips_line = not line_feed
                if some:
                    self._last = some[-1:]
                    space[: len(some)] = some
                    return len(some)
            return 0

    def _was_truncated(self) -> bool:
        """Whether the file was truncated and rewritten, judged by its first bytes; a compressed file never is."""
        if isinstance(self._file, _Compressed):
            return False
        head = os.pread(self._file.fileno(), HEAD_BYTES, 0)
        if head and not head.startswith(self._head):
            return True
        self._head = max(head, self._head, key=len)
        return False

    def _restart(self) -> bytes:
        self._file.seek(0)
        self._head = b""
        self._skips_line = False
        self.notes.append(
            f"{printable(self._path.name, 60)} was truncated, so it is read from the start. "
            "Lines written just before may be lost (as with logrotate copytruncate)."
        )
        return b"" if self._last == b"\n" else b"\n"

    def _next_file(self) -> bytes | None:
        """Bytes to return at the end of a file before those of the next one, may be empty; None if it has not ended."""
        held = os.fstat(self._file.fileno())
        try:
            now = self._path.stat()
        except OSError:
            return None  # between the move and the creation of the new file
        if (now.st_dev, now.st_ino) == (held.st_dev, held.st_ino):
            if now.st_size >= self._file.tell():
                return None
            return self._restart()
        # A writer keeps using the old file until it has opened the new one.
        if not stat.S_ISREG(now.st_mode) or not now.st_size:
            return None
        if some := self._file.read(CHUNK_BYTES // 2):
            return some
        if not self._rotated:
            self._rotated = [*_rotated_after(self._path, held, now, self._head), self._path]
        following = self._rotated.pop(0)
        try:
            file = following.open("rb", buffering=0)
        except OSError:
            return None
        self._file.close()
        self._file = cast("BinaryIO", _Compressed(file)) if following.suffix in COMPRESSED_SUFFIXES else file
        self._head = b""
        self.notes.append(f"{printable(self._path.name, 60)} was rotated: the new file is read.")
        return b"" if self._last == b"\n" else b"\n"


def _rotated_after(path: Path, held: os.stat_result, now: os.stat_result, head: bytes) -> list[Path]:
    """Files rotated after the held one and before the current one, between two checks.

    `head` is the start of the held one: if it was compressed meanwhile, it may look as new as they do.
    """
    known = (held.st_ino, now.st_ino)
    found: list[tuple[int, Path]] = []
    for each in path.parent.glob(f"{glob.escape(path.name)}[.-]*"):
        suffix = _ROTATED_SUFFIX.fullmatch(each.name[len(path.name) :])
        if suffix is None or (suffix[1] and each.with_suffix("").exists()):  # the second one is still being compressed
            continue
        with suppress(OSError):
            status = each.stat()
            if status.st_ino not in known and status.st_mtime_ns > held.st_mtime_ns and status.st_mtime_ns:
                if head and suffix[1] and _starts_with(each, head):
                    continue
                found.append((status.st_mtime_ns, each))
    return [each for _, each in sorted(found)]


def _starts_with(packed: Path, head: bytes) -> bool:
    """Raises `OSError`."""
    with packed.open("rb", buffering=0) as file:
        unpacking = _Compressed(file)
        begun = b""
        while len(begun) < len(head) and (some := unpacking.read(CHUNK_BYTES)):
            begun += some
    return begun.startswith(head)
