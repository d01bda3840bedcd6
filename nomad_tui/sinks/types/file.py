"""NDJSON in a file: one line per frame, or per event. A batch is written completely or not at all."""

import asyncio
import errno
import fcntl
import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from nomad_tui.config.references import ValueUnavailableError, resolve
from nomad_tui.core.text import printable
from nomad_tui.journal.log import Log
from nomad_tui.sinks.definition.definition import Definition, Sync
from nomad_tui.sinks.delivery.sink import Delivery, LocalError
from nomad_tui.sinks.delivery.worker_thread import Deliveries, WorkerThread
from nomad_tui.sinks.types.formats import messages
from nomad_tui.sinks.types.rotated import MODE, Rotated, sync_folder

log = Log("nomad_tui.sinks.file")

FOLDER_MODE: Final = 0o700
SYNC_INTERVAL: Final = 1.0
"""Seconds, for `Sync.INTERVAL`."""
CLOSE_TIMEOUT: Final = 1.0
"""Seconds to wait for a file system that hangs; the runner and its other sinks wait meanwhile."""
AGE_CHECK_INTERVAL: Final = 60.0
"""Longest interval, in seconds, between two checks of an idle file's age."""
TAIL_BYTES: Final = 64 * 1024
"""Bytes read at once to find the last complete line."""


class FileSink:
    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._thread = WorkerThread(f"sink {definition.id}")
        self._packing = WorkerThread(f"sink {definition.id} compressing")
        self._deliveries: Deliveries[str] = Deliveries(self._thread)
        self._file: _File | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self._sync_timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def deliver(self, delivery: Delivery) -> str:
        definition = self._definition
        overdue = (
            f"the disk has not taken it within {definition.timeout:g} s: see whether the file system of "
            f"{printable(definition.address, 200)} still answers"
        )
        answer = await self._deliveries.deliver(delivery.id, lambda: self._write(delivery), definition.timeout, overdue)
        self._arm_timers()
        self._tidy_if_due()
        return answer

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for timer in (self._sync_timer, *self._timers):
            if timer is not None:
                timer.cancel()
        await asyncio.wait({self._thread.submit(self._close_file)}, timeout=CLOSE_TIMEOUT)
        self._thread.stop()
        self._packing.stop()

    def _write(self, delivery: Delivery) -> str:
        definition = self._definition
        if self._file is None:
            try:
                path = Path(resolve(definition.address)).expanduser().absolute()
            except (ValueUnavailableError, RuntimeError) as error:
                raise LocalError(printable(str(error))) from None
            self._file = _File(path, definition)
        lines = messages(delivery.items, definition.format, region=delivery.region, test=delivery.test)
        content = b"\n".join([*lines, b""])
        self._file.append(content)
        return f"{len(lines)} line{'' if len(lines) == 1 else 's'} written"

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()

    def _arm_timers(self) -> None:
        loop = asyncio.get_running_loop()
        if self._definition.rotation.sync is Sync.INTERVAL and self._sync_timer is None:
            self._sync_timer = loop.call_later(SYNC_INTERVAL, self._sync)
        if self._definition.rotation.age is not None and not self._timers:
            self._timers = [loop.call_later(min(self._definition.rotation.age, AGE_CHECK_INTERVAL), self._check_age)]

    def _sync(self) -> None:
        self._sync_timer = None
        if self._file is not None:
            self._thread.submit(self._file.sync_or_log)

    def _check_age(self) -> None:
        self._timers = []
        if self._file is None:
            return
        self._thread.submit(self._file.rotate_if_old).add_done_callback(self._age_checked)

    def _age_checked(self, looked: "asyncio.Future[None]") -> None:
        if self._closed:
            return
        self._tidy_if_due()
        self._arm_timers()

    def _tidy_if_due(self) -> None:
        """Compresses in a separate thread, so that the next batch does not wait."""
        if self._file is not None and self._file.untidy:
            self._file.untidy = False
            rotated = self._file.rotated
            self._packing.submit(lambda: rotated.tidy(lambda: self._closed))


class _File:
    """The current file at a path. All methods block."""

    def __init__(self, path: Path, definition: Definition) -> None:
        self.path = path
        self.rotated = Rotated(path, definition.rotation.keep, compress=definition.rotation.compress)
        self.untidy = False
        """Whether rotated files may have to be compressed or removed."""
        self._sync_policy = definition.rotation.sync
        self._size_limit = definition.rotation.size
        self._age_limit = definition.rotation.age
        self._rotates = self._size_limit is not None or self._age_limit is not None
        self._shown = printable(str(path), 200)
        self._started_at = path.with_name(f".{path.name}.started")
        """Stores when the first line of the current file was written, which file systems do not record."""
        self._descriptor = -1
        self._end = 0
        """The end of the last batch."""
        self._started = 0.0
        """When the first line was written, in seconds since 1970; 0 if the file is empty."""
        self._unsynced = False
        self._is_torn = False
        """Whether part of a failed batch may be left in the file because it could not be truncated."""

    def append(self, content: bytes) -> None:
        """Writes a batch. Raises `LocalError`, and then leaves nothing of the batch in the file."""
        try:
            self._open_again_if_moved()
            if self._is_full(len(content)) or self._is_old():
                self._rotate()
            if self._end == 0:
                self._note_start(time.time())
            self._put(content)
            if self._sync_policy is Sync.BATCH:
                self.sync()
        except OSError as error:
            self._undo_write()
            reason = (error.strerror or str(error)).lower()
            raise LocalError(f"{self._shown} cannot be written to ({reason}): {_remedy(error)}") from None
        self._end += len(content)

    def sync(self) -> None:
        if self._unsynced and self._descriptor >= 0:
            os.fsync(self._descriptor)
            self._unsynced = False

    def sync_or_log(self) -> None:
        try:
            self.sync()
        except OSError as error:
            log.warning("file_not_synced", path=self._shown, reason=error.strerror)

    def rotate_if_old(self) -> None:
        with suppress(OSError):  # the next batch reports it
            if self._descriptor >= 0 and self._is_old():
                self._rotate()

    def close(self) -> None:
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        try:
            if self._unsynced and self._sync_policy is not Sync.NEVER:
                os.fsync(descriptor)
        except OSError as error:
            log.warning("file_not_synced", path=self._shown, reason=error.strerror)
        finally:
            self._unsynced = False
            os.close(descriptor)

    def _put(self, content: bytes) -> None:
        left = memoryview(content)
        self._unsynced = True
        while left:
            left = left[os.write(self._descriptor, left) :]

    def _undo_write(self) -> None:
        """Removes the written part of a failed batch. If that fails too, it is done before the next batch."""
        if self._descriptor < 0:
            return
        self._is_torn = True
        try:
            if os.fstat(self._descriptor).st_size > self._end:
                os.ftruncate(self._descriptor, self._end)
            self._is_torn = False
        except OSError as error:
            log.warning("batch_left_in_part", path=self._shown, reason=error.strerror)

    # Opening

    def _open_again_if_moved(self) -> None:
        if self._descriptor >= 0:
            held = os.fstat(self._descriptor)
            try:
                there = self.path.stat()
            except FileNotFoundError:
                there = None
            if there is not None and (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino):
                if self._is_torn and held.st_size > self._end:
                    os.ftruncate(self._descriptor, self._end)
                else:
                    self._end = held.st_size  # another process may have truncated it
                self._is_torn = False
                return
            self.close()
        self._open()

    def _reject_other_content(self, descriptor: int) -> None:
        """Rejects a file that is not NDJSON: an incomplete last line is truncated, which must not damage other
        files."""
        first, last = os.pread(descriptor, 1, 0), os.pread(descriptor, 1, self._end)
        if first not in (b"", b"{") or last not in (b"", b"{"):
            raise LocalError(
                f"{self._shown} holds something else than lines of JSON objects: nothing is written to it. "
                "Name another file, or move this one away"
            )

    def _open(self) -> None:
        self._make_folders()
        is_new = not self.path.exists()
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self.path, flags, MODE)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise LocalError(f"{self._shown} is not a regular file: name another, or use the type stdout")
            self._lock(descriptor)
            self._end = _size_of_complete_lines(descriptor)
            self._reject_other_content(descriptor)
            cut = os.fstat(descriptor).st_size - self._end
            if cut:
                os.ftruncate(descriptor, self._end)
                log.warning("torn_line_removed", path=self._shown, bytes=cut)
            if is_new and self._sync_policy is not Sync.NEVER:
                sync_folder(self.path.parent)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._started = self._read_start() if self._end else 0.0
        self.untidy = self._rotates

    def _make_folders(self) -> None:
        missing = [folder for folder in self.path.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(FOLDER_MODE, exist_ok=True)

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(
                f"{self._shown} is being written by another sink or another nomad-tui: give each a file of its own"
            ) from None
        except OSError:  # a file system without locks
            log.info("file_not_locked", path=self._shown)

    # Rotation

    def _is_full(self, more: int) -> bool:
        return self._size_limit is not None and self._end > 0 and self._end + more > self._size_limit

    def _is_old(self) -> bool:
        return self._age_limit is not None and self._end > 0 and time.time() - self._started >= self._age_limit

    def _rotate(self) -> None:
        target = self.rotated.free_name(time.time())
        if self._sync_policy is not Sync.NEVER:
            self.sync()
        self.path.rename(target)
        self.close()
        self._open()
        if self._sync_policy is not Sync.NEVER:
            sync_folder(self.path.parent)
        log.info("file_rotated", path=self._shown, to=printable(target.name))

    def _note_start(self, now: float) -> None:
        self._started = now
        if self._age_limit is None:
            return
        inode = os.fstat(self._descriptor).st_ino
        unfinished = self._started_at.with_name(f"{self._started_at.name}.part")
        unfinished.write_text(f"{inode} {now:.3f}\n")
        unfinished.rename(self._started_at)

    def _read_start(self) -> float:
        """When the file was started by an earlier process, or else its last change."""
        held = os.fstat(self._descriptor)
        try:
            inode, started = self._started_at.read_text().split()
            if int(inode) == held.st_ino:
                return min(float(started), time.time())
        except (OSError, ValueError):
            pass
        if self._age_limit is not None:
            self._note_start(min(held.st_mtime, time.time()))
        return min(held.st_mtime, time.time())


def _size_of_complete_lines(descriptor: int) -> int:
    """Size up to and including the last line feed."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(end - TAIL_BYTES, 0)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _remedy(error: OSError) -> str:
    match error:
        case PermissionError():
            return "let nomad-tui write there, or name another file"
        case IsADirectoryError() | NotADirectoryError():
            return "name a file"
        case _ if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return "make room there. Writing is retried every few seconds, and the journal keeps the events"
        case _:
            return "repair the file system. Writing is retried every few seconds, and the journal keeps the events"
