"""The prompt of `w`: text into a file that is the operator's alone, whole or not at all."""

import os
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from nomad_tui.core.readable import byte_count
from nomad_tui.core.text import printable
from nomad_tui.ui.actions import Context, bindings
from nomad_tui.ui.dialog import Dialog

LONGEST_KEY: Final = 60
"""Characters of an object's key in a file's name; a file system allows 255 bytes of it all."""
LONGEST_PATH: Final = 4096
LONGEST_SHOWN: Final = 300


class NotWrittenError(Exception):
    """Its text is one sentence that is fit to be drawn: what is wrong, and what to do now."""


class ThereAlreadyError(NotWrittenError):
    """There is a file of this name."""


def file_name(topic: str, key: str, index: int, suffix: str = ".json") -> str:
    """Such as `allocation-3f2a91c4-1204.json`, whatever the cluster calls the object."""
    short = key[:8] if len(key) == 36 else key
    parts = [re.sub(r"[^A-Za-z0-9._]+", "-", part)[:LONGEST_KEY].strip("-.") for part in (topic.lower(), short)]
    return "-".join([*filter(None, parts), str(index)]) + suffix


def write(path: Path, text: str, *, replace: bool) -> int:
    """Writes a file of mode 0600 and returns its bytes; what was there stays whole until all is written.

    Raises `NotWrittenError`, and of it `ThereAlreadyError` where `replace` is not asked for.
    """
    shown = printable(str(path), LONGEST_SHOWN)
    try:
        target = path.resolve() if path.is_symlink() else path
        with suppress(FileNotFoundError):
            mode = target.stat().st_mode
            if stat.S_ISDIR(mode):
                raise NotWrittenError(f"{shown} is a folder: add a name to it.")
            if not stat.S_ISREG(mode):
                raise NotWrittenError(f"{shown} is no ordinary file: type another name.")
            if not replace:
                raise ThereAlreadyError(f"{shown} is there already: Enter again replaces it, or type another name.")
        content = text.encode("utf-8", "replace")
        handle, temporary = mkstemp(prefix=".nomad-tui-", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(handle)
            if replace:
                Path(temporary).replace(target)
            else:
                _put_in_place(temporary, target)
        finally:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()
    except FileExistsError:
        raise ThereAlreadyError(f"{shown} is there already: Enter again replaces it, or type another name.") from None
    except (FileNotFoundError, NotADirectoryError):
        folder = printable(str(path.parent), LONGEST_SHOWN)
        raise NotWrittenError(f"There is no folder {folder}: make it, or type another.") from None
    except OSError as error:
        reason = printable(error.strerror or str(error), 100).lower()
        raise NotWrittenError(f"{shown} cannot be written ({reason}): type another name or folder.") from None
    except ValueError as error:
        raise NotWrittenError(f"{shown} is no file's name ({error}): type another name.") from None
    return len(content)


def _put_in_place(temporary: str, target: Path) -> None:
    """Raises FileExistsError if something has come there meanwhile, where the file system knows of links."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:
        Path(temporary).rename(target)


def written(path: Path, size: int) -> str:
    """The sentence that says where something was written."""
    return f"Written: {byte_count(size)} to {printable(str(path), LONGEST_SHOWN)}, which only you may read."


class PathInput(Input):
    """Acts on every key as it comes, and not by bindings, which wait while keys typed ahead come in."""

    def __init__(self, name: str, enter: Callable[[str], None], leave: Callable[[], None]) -> None:
        super().__init__(
            name, placeholder="file", max_length=LONGEST_PATH, select_on_focus=False, compact=True, id="write-file-name"
        )
        self.seen: events.Key | None = None
        """The last key that came here."""
        self._enter = enter
        self._leave = leave

    async def on_key(self, event: events.Key) -> None:
        self.seen = event
        if event.key == "enter":
            self._enter(self.value)
        elif event.key == "escape":
            self._leave()
        elif bindings := self._bindings.key_to_bindings.get(event.key):
            await self.app.run_action(bindings[0].action, self)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        event.prevent_default()
        event.stop()
        self.insert_text_at_cursor(printable("".join(event.text.splitlines()), LONGEST_PATH))


class WriteFile(Dialog[str | None]):
    """Asks for a file's name and writes it. Its result is a sentence that says where; None if nothing was written."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Context.DIALOG)

    def __init__(self, text: str | Callable[[], str], name: str) -> None:
        """`text` is what is written, or what makes it; `name` is proposed, such as `file_name`'s."""
        super().__init__()
        self._text = text
        self._asked_about: Path | None = None
        """What the operator was told is there already."""
        self._left = False
        self.input = PathInput(name, self._enter, self.action_leave)
        self.trouble = Static(id="write-file-trouble")

    def compose(self) -> ComposeResult:
        with Vertical(id="write-file") as box:
            box.border_title = Content("Write to a file")
            box.border_subtitle = Content("Enter writes · Esc leaves")
            yield self.input
            yield self.trouble

    def on_mount(self) -> None:
        self.trouble.display = False
        self.set_focus(self.input)

    def on_key(self, event: events.Key) -> None:
        """Hands on keys that were typed before the line had the focus, or after the prompt was left."""
        if self._left or event is not self.input.seen:
            event.stop()
            event.prevent_default()
            to = self.app if self._left else self.input
            to.post_message(events.Key(event.key, event.character))

    def action_leave(self) -> None:
        self._leave(None)

    def _enter(self, typed: str) -> None:
        if self._left:
            return
        try:
            path = _path(typed)
            size = write(path, self._text() if callable(self._text) else self._text, replace=path == self._asked_about)
        except NotWrittenError as error:
            self._asked_about = path if isinstance(error, ThereAlreadyError) else None
            self.trouble.update(Content(str(error)))
            self.trouble.display = True
        else:
            self._leave(written(path, size))

    def _leave(self, said: str | None) -> None:
        if not self._left:
            self._left = True
            self.dismiss(said)


def _path(typed: str) -> Path:
    """Whole, so that what is said of it tells where it is. Raises `NotWrittenError`."""
    if not typed.strip():
        raise NotWrittenError("No file is named: type a name.")
    if typed.rstrip().endswith("/"):
        raise NotWrittenError(f"{printable(typed.strip(), LONGEST_SHOWN)} names a folder: add a name to it.")
    try:
        path = Path(typed.strip()).expanduser()
    except RuntimeError:
        raise NotWrittenError(
            f"Nobody here is called {printable(typed.split('/')[0], 60)}: type another path."
        ) from None
    try:
        return Path.cwd() / path
    except OSError:
        if path.is_absolute():
            return path
        raise NotWrittenError("The current folder is gone: type a path that begins with / or ~.") from None
