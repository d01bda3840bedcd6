"""One writer for each journal: a lock beside its file, which the operating system takes back from the dead."""

import sqlite3
import time
from contextlib import closing, suppress
from errno import ENOENT
from pathlib import Path

import filelock

from nomad_tui.core.readable import duration
from nomad_tui.core.text import printable
from nomad_tui.journal import book
from nomad_tui.journal.errors import JournalError, JournalInUseError, explained, shown
from nomad_tui.journal.schema import open_to_read


def lock(file: Path) -> filelock.BaseFileLock:
    """Held until it is released or the process ends. Raises `JournalInUseError`, or `JournalError`."""
    beside = file.with_name(f"{file.name}.lock")
    held = filelock.FileLock(beside, timeout=0, mode=0o600, thread_local=False)
    try:
        held.acquire()
    except filelock.Timeout:
        if not beside.exists():  # a file system without files of one's own, such as /proc
            raise explained(file, "locked", FileNotFoundError(ENOENT, f"{shown(beside)} cannot be made")) from None
        raise JournalInUseError(
            f"The journal {shown(file)} is in use: {_holder(file)} writes to it. "
            "Stop that one first, or name another journal for this one."
        ) from None
    except (OSError, NotImplementedError) as error:
        raise explained(file, "locked", error) from error
    return held


def _holder(file: Path) -> str:
    with suppress(JournalError, sqlite3.Error, ValueError), closing(open_to_read(file)) as connection:
        runner, ended = book.runner(connection)
        if runner is not None and not ended:
            since = duration(max(0, time.time_ns() - runner.started))
            return f"process {runner.pid} on {printable(runner.host, 80) or 'this host'}, for {since} now,"
    return "another process"
