"""The prompt of `w`: writes a file of mode 0600, completely or not at all.

The menus of `w` and `Ctrl+R` before it are on the same screen.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp
from typing import ClassVar, Final, Self

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from nomad_tui.core.readable import byte_count
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialogs.dialog import Dialog
from nomad_tui.ui.dialogs.letter_menu import Choice, ChoiceList
from nomad_tui.ui.dialogs.line_input import LineInput
from nomad_tui.ui.keymap import keymap_of

LONGEST_KEY: Final = 60
"""Characters of an object's key in a file name; file systems allow names of 255 bytes."""
LONGEST_PATH: Final = 4096
LONGEST_SHOWN: Final = 300


class NotWrittenError(Exception):
    """Its message is a sentence that is safe to display: what is wrong, and what to do next."""


class ThereAlreadyError(NotWrittenError):
    """A file with this name exists."""


def file_name(topic: str, key: str, index: int) -> str:
    """A name such as `allocation-3f2a91c4-1204.json`; valid for any topic and key."""
    short = key[:8] if len(key) == 36 else key
    parts = [re.sub(r"[^A-Za-z0-9._]+", "-", part)[:LONGEST_KEY].strip("-.") for part in (topic.lower(), short)]
    return "-".join([*filter(None, parts), str(index)]) + ".json"


class NewFile:
    """A new file of mode 0600, written to a temporary file: its path, or an existing file there, changes on `commit`.

    Use it in a `with` block, which removes an uncommitted file. All methods raise `NotWrittenError`, which is
    `ThereAlreadyError` if the file exists and `replace` is false.
    """

    def __init__(self, path: Path, *, replace: bool) -> None:
        self.path = path
        self.size = 0
        """Bytes written."""
        self._replace = replace
        self._temporary: str | None = None
        with explained(path):
            self._target = target_of(path, replace=replace)
            handle, self._temporary = mkstemp(prefix=".nomad-tui-", dir=self._target.parent)
            self._file = os.fdopen(handle, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._file.close()
        if self._temporary is not None:
            with suppress(OSError):
                Path(self._temporary).unlink()

    def write(self, content: bytes) -> None:
        with explained(self.path):
            self._file.write(content)
            self.size += len(content)

    def commit(self) -> None:
        """Syncs the file to disk and moves it to its path."""
        assert self._temporary is not None
        with explained(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            if self._replace:
                Path(self._temporary).replace(self._target)
            else:
                _put_in_place(self._temporary, self._target)


def write(path: Path, text: str, *, replace: bool) -> int:
    """Writes a `NewFile` and returns its size in bytes. Raises `NotWrittenError`."""
    with NewFile(path, replace=replace) as file:
        file.write(text.encode("utf-8", "replace"))
        file.commit()
        return file.size


def target_of(path: Path, *, replace: bool) -> Path:
    """The path with symbolic links resolved. Raises `NotWrittenError` if it must not be written, and `OSError`."""
    shown = printable(str(path), LONGEST_SHOWN)
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    with suppress(FileNotFoundError):
        mode = target.stat().st_mode
        if stat.S_ISDIR(mode):
            raise NotWrittenError(f"{shown} is a folder. Add a file name.")
        if not stat.S_ISREG(mode):
            raise NotWrittenError(f"{shown} is not a regular file. Type another name.")
        if not replace:
            raise ThereAlreadyError(_is_there(path))
    return target


def _is_there(path: Path) -> str:
    return (
        f"{printable(str(path), LONGEST_SHOWN)} already exists. Press Enter again to replace it, or type another name."
    )


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Converts errors of writing a file to `NotWrittenError`."""
    shown = printable(str(path), LONGEST_SHOWN)
    try:
        yield
    except FileExistsError:
        raise ThereAlreadyError(_is_there(path)) from None
    except (FileNotFoundError, NotADirectoryError):
        folder = printable(str(path.parent), LONGEST_SHOWN)
        raise NotWrittenError(f"There is no folder {folder}: make it, or type another.") from None
    except OSError as error:
        reason = printable(error.strerror or str(error), 100).lower()
        raise NotWrittenError(f"{shown} cannot be written ({reason}): type another name or folder.") from None
    except ValueError as error:
        raise NotWrittenError(f"{shown} is not a file name ({error}): type another name.") from None


def _put_in_place(temporary: str, target: Path) -> None:
    """Raises FileExistsError if `target` was created meanwhile and the file system supports hard links."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        Path(temporary).rename(target)


def written(path: Path, size: int) -> str:
    """A sentence that says what was written and where."""
    return f"Written: {byte_count(size)} to {printable(str(path), LONGEST_SHOWN)} (mode 0600)."


class PathInput(LineInput):
    def __init__(self, name: str, placeholder: str = "file") -> None:
        super().__init__(
            name,
            placeholder=placeholder,
            max_length=LONGEST_PATH,
            select_on_focus=False,
            compact=True,
            id="write-file-name",
        )

    def one_line(self, text: str) -> str:
        return "".join(text.splitlines())


class WriteFile(Dialog[str | None]):
    """Asks for a file name and writes the file. Its result is a sentence about it; None if nothing was written."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)

    def __init__(self, text: str | Callable[[], str], name: str) -> None:
        """`text` is the file's content, or a function that returns it; `name` is the suggested name."""
        super().__init__()
        self._text = text
        self._asked_about: Path | None = None
        """The existing file that the operator was warned about."""
        self.input = PathInput(name)
        self.trouble = Static(id="write-file-trouble")
        self.trouble.display = False

    def compose(self) -> ComposeResult:
        with Vertical(id="write-file") as box:
            box.border_title = Content("Write to a file")
            box.border_subtitle = Content("Enter write · Esc cancel")
            yield self.input
            yield self.trouble

    def on_input_submitted(self, message: Input.Submitted) -> None:
        message.stop()
        if not self.is_current:
            return
        try:
            path = _path(message.value)
        except NotWrittenError as error:
            self.say_trouble(str(error))
        else:
            self._write_to(path)

    def _write_to(self, path: Path) -> None:
        """Called with each path that is entered."""
        try:
            size = write(path, self._text() if callable(self._text) else self._text, replace=self.may_replace(path))
        except NotWrittenError as error:
            self.refuse(path, error)
        else:
            self.dismiss(written(path, size))

    def may_replace(self, path: Path) -> bool:
        """Whether the operator was warned about this file and pressed Enter again."""
        return path == self._asked_about

    def refuse(self, path: Path, error: NotWrittenError) -> None:
        """Shows why nothing was written; after a `ThereAlreadyError`, entering the path again replaces the file."""
        self._asked_about = path if isinstance(error, ThereAlreadyError) else None
        self.say_trouble(str(error))

    def say_trouble(self, text: str) -> None:
        self.trouble.update(Content(text))
        self.trouble.display = True


def _path(typed: str) -> Path:
    """The absolute path, as shown in messages. Raises `NotWrittenError`."""
    if not typed.strip():
        raise NotWrittenError("Type a file name.")
    if typed.rstrip().endswith("/"):
        raise NotWrittenError(f"{printable(typed.strip(), LONGEST_SHOWN)} is a folder. Add a file name.")
    try:
        path = Path(typed.strip()).expanduser()
    except RuntimeError:
        raise NotWrittenError(f"There is no user {printable(typed.split('/')[0], 60)}: type another path.") from None
    try:
        return Path.cwd() / path
    except OSError:
        if path.is_absolute():
            return path
        raise NotWrittenError("The current folder no longer exists. Type a path that starts with / or ~.") from None


KEYS = "letter or Enter choose · {dialog.leave} cancel"


class AskFile(WriteFile):
    """A `WriteFile` with menus before it. Subclasses override `_write_to`."""

    def __init__(self, title: str, choices: Sequence[Choice], chosen: Callable[[Choice], None]) -> None:
        """`chosen` is called with each choice, and continues with `ask`, `ask_name` or `leave`."""
        super().__init__("", "")
        self._title, self._chosen = title, chosen
        self.menu = ChoiceList(choices, self._choose)
        self.progress = Static(id="write-file-progress")
        self.input.display = self.progress.display = False

    def compose(self) -> ComposeResult:
        with Vertical(id="write-file", classes="-wide") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content(keymap_of(self.app).text(KEYS))
            yield self.menu
            yield self.input
            yield self.progress
            yield self.trouble

    # Asking

    def ask(self, title: str, choices: Sequence[Choice], cursor: int = 0) -> None:
        self.menu.put(choices, cursor)
        self._head(title, KEYS)

    def ask_name(self, title: str, name: str) -> None:
        self.input.value = name
        self.input.cursor_position = len(name)
        self.menu.display = False
        self._title = title
        self.ask_again()

    def ask_again(self) -> None:
        self.progress.display = self.trouble.display = False
        self.input.display = True
        self.set_focus(self.input)
        self._head(self._title, "Enter write · {dialog.leave} cancel")

    def show_progress(self, text: str) -> None:
        """Instead of the line for the file; `ask_again` shows that again."""
        self.progress.update(Content(text))
        if not self.is_at_work:
            self.progress.display = True
            self.input.display = self.trouble.display = False
            self.set_focus(None)
            self._head(self._title, "{dialog.leave} stop and remove the file")

    @property
    def is_at_work(self) -> bool:
        return bool(self.progress.display)

    def _choose(self, choice: Choice) -> None:
        if choice.text is None:
            self.say_trouble(keymap_of(self.app).text(choice.why_not))
        else:
            self.trouble.display = False
            self._chosen(choice)

    def _head(self, title: str, keys: str) -> None:
        self._title = title
        box = self.query_one("#write-file")
        box.border_title = Content(title)
        box.border_subtitle = Content(keymap_of(self.app).text(keys))
