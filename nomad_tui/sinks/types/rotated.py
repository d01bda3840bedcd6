"""Rotated files: names, compression, and removal of the oldest.

All functions block, and are called in a thread.
"""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import zstandard

from nomad_tui.core.text import printable
from nomad_tui.journal.log import Log

log = Log("nomad_tui.sinks.file")

COMPRESSED_SUFFIX: Final = ".zst"
UNFINISHED: Final = ".part"
CHUNK_BYTES: Final = 1024 * 1024
LEVEL: Final = 3
"""zstandard's default: event streams shrink about twentyfold at some hundred MB/s."""
MODE: Final = 0o600
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Rotated:
    """`events.ndjson` is rotated to `events-20261124T031500.123Z.ndjson`, by the time of the rotation in UTC.

    All names have the same length, so that they sort by time.
    """

    def __init__(self, path: Path, keep: int | None, *, compress: bool) -> None:
        self._path = path
        self._keep = keep
        self._compress = compress
        self._newest = _LONG_AGO
        """Time in the last name returned."""
        self._named = re.compile(
            rf"{re.escape(path.stem)}-(?P<time>\d{{8}}T\d{{6}}(?:\.\d{{3}})?)Z(?:-(?P<number>\d+))?{re.escape(path.suffix)}"
            rf"(?P<packed>{re.escape(COMPRESSED_SUFFIX)})?(?P<unfinished>{re.escape(UNFINISHED)})?"
        )

    def free_name(self, now: float) -> Path:
        """An unused name for `now`, in seconds since 1970.

        It sorts after all others, because the first are removed: if the clock was set back, by a millisecond.
        """
        millisecond = timedelta(milliseconds=1)
        newest = max((self._newest, *(_moment(time) for time, _, _ in self._found())))
        moment = datetime.fromtimestamp(now, UTC)
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        self._newest = moment = max(moment, newest + millisecond)
        time = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03}"
        return self._path.with_name(f"{self._path.stem}-{time}Z{self._path.suffix}")

    def tidy(self, stopping: Callable[[], bool]) -> None:
        """Compresses uncompressed files, also after an interruption, and removes the oldest ones beyond `keep`."""
        try:
            files = self._files()
            for file in list(files):
                if self._compress and not file.name.endswith(COMPRESSED_SUFFIX):
                    self._compress_file(file, stopping)
            if self._keep is not None:
                self._remove_oldest(self._keep)
        except OSError as error:
            log.warning("rotated_files_left", path=printable(str(self._path)), reason=error.strerror)

    def _files(self) -> list[Path]:
        """Rotated files, oldest first; removes unfinished ones."""
        files: list[Path] = []
        for _, _, file in sorted(self._found()):
            if file.name.endswith(UNFINISHED):
                file.unlink(missing_ok=True)
            else:
                files.append(file)
        return files

    def _found(self) -> list[tuple[str, int, Path]]:
        """(time, number, path) of rotated files; earlier releases numbered those of the same second."""
        found: list[tuple[str, int, Path]] = []
        with os.scandir(self._path.parent) as entries:
            for entry in entries:
                match = self._named.fullmatch(entry.name)
                if match is not None and not entry.is_dir(follow_symlinks=False):
                    found.append((match["time"], int(match["number"] or 0), self._path.with_name(entry.name)))
        return found

    def _compress_file(self, file: Path, stopping: Callable[[], bool]) -> None:
        packed = Path(f"{file}{COMPRESSED_SUFFIX}")
        if not packed.exists():  # it has this name only once complete
            unfinished = Path(f"{packed}{UNFINISHED}")
            try:
                if not _compress_to(file, unfinished, stopping):
                    return
                unfinished.rename(packed)
                sync_folder(packed.parent)
            except OSError as error:
                log.warning("compression_failed", path=printable(str(file)), reason=error.strerror)
                return
            finally:
                unfinished.unlink(missing_ok=True)
        file.unlink()

    def _remove_oldest(self, keep: int) -> None:
        files = self._files()
        for file in files[: max(len(files) - keep, 0)]:
            file.unlink(missing_ok=True)
            log.info("rotated_file_removed", path=printable(str(file)))


def _moment(time: str) -> datetime:
    """The time in a name; 1970 for digits that are not a date, or leave no room for a later one."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(f"{time}Z")
        if moment.year < datetime.max.year:
            return moment
    return _LONG_AGO


def sync_folder(folder: Path) -> None:
    """Syncs a directory, so that created and renamed files survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _compress_to(file: Path, target: Path, stopping: Callable[[], bool]) -> bool:
    """Compresses a file to `target` and syncs it. Returns whether it was completed."""
    compressor = zstandard.ZstdCompressor(LEVEL, write_checksum=True).compressobj()
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
    with file.open("rb") as source, open(descriptor, "wb") as packed:  # noqa: PTH123 - opened above for its mode
        while chunk := source.read(CHUNK_BYTES):
            if stopping():
                return False
            packed.write(compressor.compress(chunk))
        packed.write(compressor.flush())
        packed.flush()
        os.fsync(descriptor)
    return True
