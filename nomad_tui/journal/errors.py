"""Errors of a journal: what happened, why, and what to do now."""

import sqlite3
from collections.abc import Callable
from errno import EDQUOT, ENOSPC
from functools import wraps
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar

from nomad_tui.config.folders import NO_HOME
from nomad_tui.core.text import printable


class JournalError(Exception):
    """The text is printable, at most three sentences: what happened, why, and what to do now."""

    is_full = False
    """Whether the disk is, or may be, full."""


class JournalInUseError(JournalError):
    """Another process has the journal open for writing. The text names that process if the journal tells."""


def shown(path: Path) -> str:
    """Return a journal's path, printable and shortened for a message."""
    return printable(str(path), 200)


def explained(path: Path, doing: str, error: Exception) -> JournalError:
    """Return the error to raise. `doing` is what failed, such as `read`; a full disk is named."""
    if NO_HOME in path.parents:
        return JournalError(
            f"The journal cannot be {doing}: no home folder is known to keep it in. Set HOME to an absolute path, or "
            "name a file with --journal."
        )
    why, remedy = _cause(error)
    failure = JournalError(f"The journal {shown(path)} cannot be {doing}: {why}. {remedy}")
    failure.is_full = remedy in (_ROOM, _MAY_BE_FULL)
    return failure


class _Named(Protocol):
    path: Path


_S = TypeVar("_S", bound=_Named)
_P = ParamSpec("_P")
_T = TypeVar("_T")


def doing(what: str) -> Callable[[Callable[Concatenate[_S, _P], _T]], Callable[Concatenate[_S, _P], _T]]:
    """Decorate a method of a reader or store so that disk errors are raised as "the journal cannot be `what`"."""

    def decorate(method: Callable[Concatenate[_S, _P], _T]) -> Callable[Concatenate[_S, _P], _T]:
        @wraps(method)
        def explaining(journal: _S, /, *args: _P.args, **options: _P.kwargs) -> _T:
            try:
                return method(journal, *args, **options)
            except (sqlite3.Error, OSError, ValueError) as error:
                raise explained(journal.path, what, error) from error

        return explaining

    return decorate


def closed(path: Path) -> JournalError:
    return JournalError(f"The journal {shown(path)} cannot be used: it is closed. Open it again.")


def _cause(error: Exception) -> tuple[str, str]:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and (known := _CASES.get(code & 0xFF)):
            return known
        return f"SQLite says “{printable(str(error), 200)}”", _LOOK
    if isinstance(error, OSError):
        reason = printable(error.strerror or str(error), 200).lower()
        return reason, _ROOM if error.errno in (ENOSPC, EDQUOT) else _ACCESS
    return f"what it holds cannot be understood ({printable(str(error), 200)})", _DAMAGED


_LOOK: Final = "See that its disk is well and that you may read and write it."
_DAMAGED: Final = "Move it away to have a new one made, and `open` what was moved to see what can still be read."
_ROOM: Final = "Free disk space; it resumes by itself."
_MAY_BE_FULL: Final = "Check the disk and its free space."
_ACCESS: Final = "Check that you may read and write it and its folder."
_CASES: Final = {
    sqlite3.SQLITE_FULL: ("there is no room left for it", _ROOM),
    sqlite3.SQLITE_IOERR: ("its disk reports an error", _MAY_BE_FULL),
    sqlite3.SQLITE_READONLY: ("it may not be written to", _ACCESS),
    sqlite3.SQLITE_PERM: ("it may not be written to", _ACCESS),
    sqlite3.SQLITE_CANTOPEN: ("SQLite could not open its file", _ACCESS),
    sqlite3.SQLITE_BUSY: (
        "another process keeps it locked",
        "Stop other programs that use it, such as a copy or an SQLite shell.",
    ),
    sqlite3.SQLITE_LOCKED: (
        "another process keeps it locked",
        "Stop other programs that use it, such as a copy or an SQLite shell.",
    ),
    sqlite3.SQLITE_CORRUPT: ("it is damaged", _DAMAGED),
    sqlite3.SQLITE_NOTADB: ("it is not a journal of nomad-tui, or it is damaged", _DAMAGED),
}
