"""The journal's file: creates, recognizes and opens it."""

import os
import secrets
import sqlite3
import stat
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from nomad_tui.journal.errors import JournalError, explained, shown

APPLICATION_ID: Final = 0x4E6D5455
"""`NmTU`, in the header of every SQLite file that is a journal."""
VERSION: Final = 1
BUSY_TIMEOUT: Final = 5.0
"""Seconds that a statement waits for another process's transaction."""

_LARGEST_WAL: Final = 64 * 1024 * 1024
"""Bytes to which the write-ahead log is truncated after it grew."""

_INCIDENT: Final = """
CREATE TABLE IF NOT EXISTS incident ( -- failures that a sink has reported
    sink TEXT NOT NULL,
    name TEXT NOT NULL,
    opened INTEGER NOT NULL,          -- positions
    closed INTEGER,                   -- NULL while it is open
    PRIMARY KEY (sink, name)
) WITHOUT ROWID;
"""
"""Missing in journals of release 0.1."""
_TABLES: Final = f"""
{_INCIDENT}
CREATE TABLE journal (
    id TEXT NOT NULL,
    dropped INTEGER NOT NULL,         -- the newest position that is held no longer
    dropped_events INTEGER NOT NULL   -- events in all records up to it
);
CREATE TABLE block (
    first INTEGER PRIMARY KEY,        -- positions
    last INTEGER NOT NULL,
    events INTEGER NOT NULL,
    events_before INTEGER NOT NULL,
    oldest INTEGER NOT NULL,          -- received, ns since 1970
    newest INTEGER NOT NULL,
    first_index INTEGER,              -- lowest and highest of its frames
    last_index INTEGER,
    size INTEGER NOT NULL,            -- bytes before compression
    stored INTEGER NOT NULL           -- and after it
);
CREATE TABLE content (                -- apart, so that looking through the blocks reads little
    first INTEGER PRIMARY KEY,
    content BLOB NOT NULL
);
CREATE TABLE cursor (
    sink TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    events INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    paused INTEGER NOT NULL,          -- 1 by an operator; larger: until then, ns since 1970
    sending BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE status (
    sink TEXT PRIMARY KEY,
    content BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE runner (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    ended INTEGER NOT NULL,           -- whether it closed the journal in good order
    content BLOB NOT NULL
);
CREATE TABLE letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    content BLOB NOT NULL
);
CREATE INDEX letter_of_sink ON letter (sink);
CREATE TABLE loss (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    first_position INTEGER NOT NULL,
    last_position INTEGER NOT NULL,
    events INTEGER NOT NULL,
    first_index INTEGER NOT NULL,
    last_index INTEGER NOT NULL,
    at INTEGER NOT NULL
);
"""


def is_journal(path: Path) -> bool:
    """Whether a file is a journal, by its header; False if it cannot be read."""
    try:
        return stat.S_ISREG(path.stat().st_mode) and _application(path) == APPLICATION_ID
    except (OSError, ValueError, sqlite3.Error):
        return False


def _application(file: Path) -> int:
    """Return the application ID of an SQLite file; raises `sqlite3.Error` for any other file.

    Read through SQLite: closing the file ourselves would release the POSIX locks that SQLite holds on it in this
    process, and other processes would then remove the write-ahead log.
    """
    for how in ("?mode=ro&immutable=1", "?mode=ro"):  # the first creates no files, but does not see the write-ahead log
        with closing(sqlite3.connect(f"{_uri(file)}{how}", uri=True, isolation_level=None)) as connection:
            try:
                return int(connection.execute("PRAGMA application_id").fetchone()[0])
            except sqlite3.Error as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_CORRUPT:
                    raise
    with file.open("rb") as damaged:  # so no process writes to it
        return int.from_bytes(damaged.read(72)[68:])


def make(file: Path) -> None:
    """Create an empty journal, mode 0600, and rename it to its name once it is complete.

    Removes files that an earlier journal of that name left, which SQLite would use for this one.
    """
    new = file.with_name(f"{file.name}.new")
    for left in (*_beside(file), new, *_beside(new)):
        left.unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        connection = sqlite3.connect(new, isolation_level=None, timeout=BUSY_TIMEOUT)
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.executescript(
                f"BEGIN; {_TABLES}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT"
            )
            connection.execute("INSERT INTO journal VALUES (?, 0, 0)", (secrets.token_hex(16),))
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        finally:
            connection.close()
        if mode != "wal":
            raise JournalError(
                f"The journal {shown(file)} cannot be created: SQLite cannot use its disk, which may be a network "
                "disk. Name a file on a local disk."
            )
        new.replace(file)
    except BaseException:
        for left in (new, *_beside(new)):
            with suppress(OSError):
                left.unlink(missing_ok=True)
        raise
    _sync_folder(file.parent)


def open_to_write(file: Path) -> sqlite3.Connection:
    """Return a connection for the calling thread. Raises `JournalError`, `sqlite3.Error` or `OSError`."""
    refuse_others(file)
    connection = sqlite3.connect(f"{_uri(file)}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_TIMEOUT)
    try:
        _refuse_versions(file, connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_INCIDENT)
        connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_WAL}")
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(file: Path) -> sqlite3.Connection:
    """Return a read-only connection for use by one thread at a time. Raises `JournalError`."""
    refuse_others(file)
    try:
        return _opened(file, "?mode=ro")
    except sqlite3.Error as error:
        if not _may_be_read_alone(error):
            raise explained(file, "read", error) from error
    left = file.with_name(f"{file.name}-wal")
    try:
        unsettled = left.exists() and left.stat().st_size > 0
    except OSError:
        unsettled = True
    if unsettled:
        raise JournalError(
            f"The journal {shown(file)} cannot be read: it needs {shown(left)}, in a read-only folder. "
            "Copy both elsewhere."
        )
    try:
        return _opened(file, "?mode=ro&immutable=1")
    except sqlite3.Error as error:
        raise explained(file, "read", error) from error


def refuse_others(file: Path) -> None:
    """Raise `JournalError` for a file that is not a journal."""
    what = ""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            kind = "is a directory" if stat.S_ISDIR(file.stat().st_mode) else "is a device or a pipe"
            raise JournalError(f"The journal {shown(file)} cannot be opened: it {kind}. Name a file.")
        if _application(file) != APPLICATION_ID:
            what = "another program's SQLite file" if file.stat().st_size else "empty"
    except FileNotFoundError:
        raise JournalError(
            f"There is no journal {shown(file)}. Name another, or create it with `nomad-tui record` or "
            "`nomad-tui sink run`."
        ) from None
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_NOTADB:
            raise explained(file, "read", error) from error
        what = "not a journal of nomad-tui"
    except (OSError, ValueError) as error:
        raise explained(file, "opened", error) from error
    if what:
        raise JournalError(
            f"{shown(file)} is left alone: it is {what}. Name another file, or one that does not exist yet."
        )


def _opened(file: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{_uri(file)}{how}", uri=True, isolation_level=None, timeout=BUSY_TIMEOUT, check_same_thread=False
    )
    try:
        _refuse_versions(file, connection)
        connection.execute("SELECT count(*) FROM journal").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_versions(file: Path, connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != VERSION:
        raise JournalError(
            f"The journal {shown(file)} has format version {version}, but this nomad-tui reads {VERSION}. "
            "Use the release that wrote it."
        )


def _may_be_read_alone(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)


def _uri(file: Path) -> str:
    return "file:" + quote(str(file.absolute()).encode("utf-8", "surrogateescape"))


def _beside(file: Path) -> tuple[Path, ...]:
    return tuple(file.with_name(f"{file.name}-{kind}") for kind in ("wal", "shm", "journal"))


def _sync_folder(folder: Path) -> None:
    """Make a new name in the folder survive a power failure, if the system supports that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
