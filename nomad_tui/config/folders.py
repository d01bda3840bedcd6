"""Where the program's files are, and how they are read and written."""

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import msgspec
import platformdirs

from nomad_tui.config.setting import CONFIG_VARIABLE
from nomad_tui.core.text import printable


def styles_folder(package: Path = Path(__file__).parent.parent) -> Path:
    """The folder of the style sheets: inside `package` once installed, next to it in a checkout.

    Raises `ConfigurationError` if neither folder contains `app.tcss`.
    """
    folders = (package / "styles", package.parent / "styles")
    for folder in folders:
        if (folder / "app.tcss").is_file():
            return folder
    from nomad_tui.config.setting import ConfigurationError

    raise ConfigurationError(f"The style sheets are in neither {folders[0]} nor {folders[1]}: install nomad-tui again.")


PROGRAM: Final = "nomad-tui"
MAX_BYTES: Final = 1024 * 1024
"""Read limit per file; the program's own files are far smaller."""


NO_HOME: Final = Path(os.devnull) / PROGRAM
"""An unknown folder: nothing can be read or written there."""


class FileError(Exception):
    """Its text says which file, what is wrong with it, and what to do."""


class Folders(msgspec.Struct, frozen=True):
    config: Path
    """For `config.toml`, which the program only reads, and `filters.toml`, which it also writes."""
    state: Path
    """For the filter history, marks and looks."""

    @classmethod
    def of_user(cls) -> Self:
        """The operating system's standard folders, or NOMAD_TUI_CONFIG; they may not exist.

        `NO_HOME` without a home folder: HOME is not an absolute path, and the user has no passwd entry.
        """
        config = os.environ.get(CONFIG_VARIABLE)
        folder = Path(config) if config else _folder(platformdirs.user_config_dir)
        return cls(config=folder, state=_folder(platformdirs.user_state_dir))


def _folder(of_user: Callable[..., str]) -> Path:
    try:
        folder = Path(of_user(PROGRAM, appauthor=False))
    except (RuntimeError, KeyError):
        return NO_HOME
    return folder if folder.is_absolute() else NO_HOME


def is_missing(file: Path) -> bool:
    """Whether the file certainly does not exist; for one that cannot be accessed, `read_text` reports why."""
    try:
        file.lstat()
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False


def file_identity(file: Path) -> tuple[int, int] | None:
    """Device and inode, which differ if another file takes the name; None if there is no file."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def read_text(file: Path) -> str | None:
    """The file's content; None if there is no file. Raises `FileError` if it cannot be read or is not UTF-8."""
    try:
        with open(file, "rb", opener=_open) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode) and not file.samefile(os.devnull):
                raise FileError(f"{shown(file)} cannot be read: it is not a regular file. Put a file in its place.")
            content = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        if NO_HOME in file.parents:
            return None
        raise FileError(
            f"{shown(file)} cannot be read: a part of its path is not a folder. Correct the path."
        ) from None
    except OSError as error:
        raise FileError(f"{shown(file)} cannot be read: {reason(error)}. Check its permissions.") from error
    if len(content) > MAX_BYTES:
        raise FileError(f"{shown(file)} is larger than 1 MiB, so it is not read. Shorten it, or move it away.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise FileError(
            f"{shown(file)} cannot be read: it is not UTF-8 at byte {error.start}. Save it as UTF-8."
        ) from error


def _open(path: str, flags: int) -> int:
    """Opens without blocking on a named pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def set_aside(file: Path) -> str:
    """Renames an unreadable file so that it is not overwritten; returns a sentence for the user.

    Raises `FileError` on failure.
    """
    aside = file.with_name(f"{file.name}.unreadable")
    number = 1
    try:
        while aside.is_symlink() or aside.exists():
            number += 1
            aside = file.with_name(f"{file.name}.unreadable-{number}")
        file.rename(aside)
    except OSError as error:
        raise FileError(f"{shown(file)} cannot be renamed: {reason(error)}. Move it away.") from error
    return f"It is kept as {shown(Path(aside.name))}."


def write_text(file: Path, text: str) -> None:
    """Replaces the file atomically, with mode 0600.

    A symlink is kept and its target is replaced. Raises `FileError`.
    """
    if NO_HOME in file.parents:
        raise FileError(
            f"{file.name} cannot be written: no home folder is known. Set HOME to an absolute path, or name a folder "
            "with --config."
        )
    try:
        target = file.resolve()
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="replace", newline="\n") as opened:
                opened.write(text)
            Path(name).replace(target)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except (OSError, RuntimeError) as error:  # RuntimeError: a symlink loop
        raise FileError(
            f"{shown(file)} cannot be written: {reason(error)}. Free disk space, or check the folder's permissions."
        ) from error


def shown(file: Path) -> str:
    """A file's path, safe to display."""
    return printable(str(file), 200)


def reason(error: Exception) -> str:
    system = error.strerror if isinstance(error, OSError) else None
    return printable(system.lower() if system else str(error), 200)
