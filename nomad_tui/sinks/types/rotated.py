"""Rotated files beside the one that is written: their names, compressing them, and removing the oldest.

Everything here blocks, and is called in a thread.
"""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import zstandard

from nomad_tui.core.text import printable
from nomad_tui.journal.log import Log

log = Log("nomad_tui.sinks.file")

PACKED: Final = ".zst"
UNFINISHED: Final = ".part"
CHUNK_BYTES: Final = 1024 * 1024
LEVEL: Final = 3
"""zstandard's own default: event streams shrink about twentyfold at some hundred MB/s."""
MODE: Final = 0o600


class Rotated:
    """`events.ndjson` is rotated to `events-20261124T031500.123Z.ndjson`, by the moment of its rotation in UTC.

    All names are of one length, so that they sort by time wherever they are listed.
    """

    def __init__(self, path: Path, keep: int | None, *, compress: bool) -> None:
        self._path = path
        self._keep = keep
        self._compress = compress
        self._newest = ""
        """Time of the last name that was given."""
        self._named = re.compile(
            rf"{re.escape(path.stem)}-(?P<time>\d{{8}}T\d{{6}}(?:\.\d{{3}})?)Z(?:-(?P<number>\d+))?{re.escape(path.suffix)}"
            rf"(?P<packed>{re.escape(PACKED)})?(?P<unfinished>{re.escape(UNFINISHED)})?"
        )

    def free_name(self, now: float) -> Path:
        """One that no file has or had, for `now` in seconds since 1970: after those of the same moment, in order."""
        newest = max((self._newest, *(at for at, _, _ in self._found())))
        moment = datetime.fromtimestamp(now, UTC)
        while (time := f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03}") <= newest and time[:15] == newest[
            :15
        ]:
            moment += timedelta(milliseconds=1)
        self._newest = time
        return self._path.with_name(f"{self._path.stem}-{time}Z{self._path.suffix}")

    def tidy(self, stopping: Callable[[], bool]) -> None:
        """Compresses what is not yet, again where that was interrupted, and removes the oldest beyond those kept."""
        try:
            files = self._files()
            for file in list(files):
                if self._compress and not file.name.endswith(PACKED):
                    self._pack(file, stopping)
            if self._keep is not None:
                self._remove_oldest(self._keep)
        except OSError as error:
            log.warning("rotated_files_left", path=printable(str(self._path)), reason=error.strerror)

    def _files(self) -> list[Path]:
        """Oldest first; what was left unfinished is removed."""
        files: list[Path] = []
        for _, _, file in sorted(self._found()):
            if file.name.endswith(UNFINISHED):
                file.unlink(missing_ok=True)
            else:
                files.append(file)
        return files

    def _found(self) -> list[tuple[str, int, Path]]:
        """By time, and the number that earlier releases gave those of one second."""
        found: list[tuple[str, int, Path]] = []
        with os.scandir(self._path.parent) as entries:
            for entry in entries:
                match = self._named.fullmatch(entry.name)
                if match is not None and not entry.is_dir(follow_symlinks=False):
                    found.append((match["time"], int(match["number"] or 0), self._path.with_name(entry.name)))
        return found

    def _pack(self, file: Path, stopping: Callable[[], bool]) -> None:
        packed = Path(f"{file}{PACKED}")
        if not packed.exists():  # it has this name only once it is whole
            unfinished = Path(f"{packed}{UNFINISHED}")
            try:
                if not _packed(file, unfinished, stopping):
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


def sync_folder(folder: Path) -> None:
    """So that what was made or renamed in it is there after a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _packed(file: Path, target: Path, stopping: Callable[[], bool]) -> bool:
    """Whether it was compressed to its end, and is on the disk."""
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
