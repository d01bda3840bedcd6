"""Files as bytes: waited for without keeping the program from ending, unpacked, and taken out of archives."""

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
PACKED_BYTES: Final = 2 * 1024
"""Of a zstandard archive at once: of a stream they are 45 KB, of an archive made to do harm up to 64 MB."""
EVENT_STREAM: Final = "eventstream.json"
"""What `nomad operator debug` calls the events that it captured."""
PACKED: Final = (".gz", ".zst")


class BrokenArchiveError(Exception):
    """A tar archive that cannot be read further."""


BROKEN: Final = (OSError, EOFError, zlib.error, zstandard.ZstdError, BrokenArchiveError)
"""What reading may raise."""

_GZIP: Final = b"\x1f\x8b"
_ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"
_TAR_MAGIC: Final = slice(257, 262)
_TAR_BLOCK: Final = 512
POLL_EVERY: Final = 0.2
"""Seconds between two looks whether a file has grown or was rotated."""
_ROTATED_SUFFIX: Final = lazy_pattern(r"[.-]\d[\d.TZ_-]*?(\.gz|\.zst)?")
"""What rotation adds to a file's name."""
HEAD_BYTES: Final = 1024
"""Of a file that is followed, to see whether it was cut and has grown again between two looks."""

Read = Callable[[int], bytes]
"""Some bytes, at most as many as asked for, and none at the end."""


class Document(msgspec.Struct, frozen=True):
    """One sequence of events: a file, a pipe, or a part of an archive."""

    path: str
    member: int | None = None
    """Which of an archive's event streams; None for all, one after another."""

    @property
    def name(self) -> str:
        return "standard input" if self.path == STANDARD_INPUT else Path(self.path).name


class Interruptible(io.RawIOBase):
    """A file on which a thread may wait without keeping the program from ending.

    `interrupt` makes a wait end as if the file had, and closes the file once nothing waits any more.
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
    """The file as it was before it was packed with gzip or zstandard, if the first bytes say so.

    What is returned gives some bytes, at most as many as it is asked for, and none at the end. Members one after
    another are read as one, as `cat a.gz b.gz` makes them and `zstd` of several inputs.
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
    """Frames one after another. (The library's own reader takes a truncated archive for a complete one.)"""

    def __init__(self, packed: "io.BufferedReader[io.RawIOBase]") -> None:
        self._packed = packed
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._rest = b""
        """Packed bytes behind the end of a frame."""
        self._unpacked = b""
        self._given = 0
        """Bytes of `_unpacked` that were returned."""

    def read(self, size: int) -> bytes:
        """At most `size` bytes, none at the end. Raises `EOFError` where the archive is truncated."""
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


class Opened:
    """An unpacked file whose first bytes were looked at."""

    def __init__(self, file: io.RawIOBase) -> None:
        self._read = unpacked(file)
        self._head = self._read(CHUNK_BYTES)
        # A tar archive begins with a name and zeros; text with so many of them is no UTF-8.
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
        """Of a tar archive: what it holds, one after another. Each must be read before the next is asked for."""
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


class _Packed:
    """A rotated file that was packed as well, as if it had not been; what is cut off ends early."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._read = unpacked(file)
        self.fileno = file.fileno
        self.close = file.close

    def read(self, size: int) -> bytes:
        try:
            return self._read(size)
        except BROKEN:
            return b""


class Growing(Interruptible):
    """A file that others write to: at its end more is waited for, in it and in the file that takes its place."""

    def __init__(self, path: str, *, at_end: bool = False) -> None:
        """With `at_end` only what is written from now on is read, from the next line on."""
        self._path = Path(path)
        self._rotated: list[Path] = []
        """Files that were written and put aside while this one was read, oldest first."""
        self.notes: list[str] = []
        """What happened to the file, for the user; emptied once it is shown."""
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
                if self._is_another():
                    some = self._from_start()
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

    def _is_another(self) -> bool:
        """Whether the file was cut and written anew, as far as its first bytes show; a packed one never is."""
        if isinstance(self._file, _Packed):
            return False
        head = os.pread(self._file.fileno(), HEAD_BYTES, 0)
        if head and not head.startswith(self._head):
            return True
        self._head = max(head, self._head, key=len)
        return False

    def _from_start(self) -> bytes:
        self._file.seek(0)
        self._head = b""
        self._skips_line = False
        self.notes.append(
            f"{printable(self._path.name, 60)} was truncated, so it is read from the start. "
            "Lines written just before may be lost (as with logrotate copytruncate)."
        )
        return b"" if self._last == b"\n" else b"\n"

    def _next_file(self) -> bytes | None:
        """At the end of a file: what is read before the next one's bytes, perhaps nothing; None if it continues."""
        held = os.fstat(self._file.fileno())
        try:
            now = self._path.stat()
        except OSError:
            return None  # between being moved away and made anew
        if (now.st_dev, now.st_ino) == (held.st_dev, held.st_ino):
            if now.st_size >= self._file.tell():
                return None
            return self._from_start()
        # A writer continues with the old file until it has opened the new one.
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
        self._file = cast("BinaryIO", _Packed(file)) if following.suffix in PACKED else file
        self._head = b""
        self.notes.append(f"{printable(self._path.name, 60)} was rotated: the new file is read.")
        return b"" if self._last == b"\n" else b"\n"


def _rotated_after(path: Path, held: os.stat_result, now: os.stat_result, head: bytes) -> list[Path]:
    """Files that were rotated away after the one held and before the one that is there now: while nobody looked.

    `head` is how the one held begins: packed meanwhile, it may be as new as they are.
    """
    known = (held.st_ino, now.st_ino)
    found: list[tuple[int, Path]] = []
    for each in path.parent.glob(f"{glob.escape(path.name)}[.-]*"):
        suffix = _ROTATED_SUFFIX.fullmatch(each.name[len(path.name) :])
        if suffix is None or (suffix[1] and each.with_suffix("").exists()):  # the second is being packed
            continue
        with suppress(OSError):
            status = each.stat()
            if status.st_ino not in known and status.st_mtime_ns > held.st_mtime_ns and status.st_mtime_ns:
                if head and suffix[1] and _begins_with(each, head):
                    continue
                found.append((status.st_mtime_ns, each))
    return [each for _, each in sorted(found)]


def _begins_with(packed: Path, head: bytes) -> bool:
    """Raises `OSError`."""
    with packed.open("rb", buffering=0) as file:
        unpacking = _Packed(file)
        begun = b""
        while len(begun) < len(head) and (some := unpacking.read(CHUNK_BYTES)):
            begun += some
    return begun.startswith(head)
