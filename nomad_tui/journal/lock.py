"""One writer per journal: a lock file, whose lock the operating system releases when the process dies."""

import fcntl
import os
from collections.abc import Callable
from errno import ENOENT
from pathlib import Path
from typing import Final

import filelock

from nomad_tui.journal.errors import JournalInUseError, explained, shown

PATIENCE: Final = 0.2
"""Seconds to retry: `is_held` takes the lock for a moment."""


def lock(file: Path, holder: Callable[[], str]) -> filelock.BaseFileLock:
    """Acquire the lock until it is released or the process ends. Raises `JournalInUseError` or `JournalError`.

    `holder` describes the process that has it, for the error.
    """
    beside = file.with_name(f"{file.name}.lock")
    held = filelock.FileLock(beside, timeout=PATIENCE, poll_interval=0.02, mode=0o600, thread_local=False)
    try:
        held.acquire()
    except filelock.Timeout:
        if not beside.exists():  # a file system that takes no new files, such as /proc
            raise explained(file, "locked", FileNotFoundError(ENOENT, f"{shown(beside)} cannot be made")) from None
        raise JournalInUseError(
            f"The journal {shown(file)} is in use: {holder()} writes to it. "
            "Stop that one first, or name another journal for this one."
        ) from None
    except (OSError, NotImplementedError) as error:
        raise explained(file, "locked", error) from error
    return held


def is_held(file: Path) -> bool | None:
    """Whether a process holds the lock; None if unknown. Changes nothing."""
    try:
        looked_at = os.open(file.with_name(f"{file.name}.lock"), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        fcntl.flock(looked_at, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(looked_at)
    return False
