"""What the dashboard keeps between runs in the state folder: looks, marks, and the filter history.

A choice made in the dashboard applies until the same setting of `config.toml` is changed.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from nomad_tui.config.folders import FileError, read_text, set_aside, shown, write_text
from nomad_tui.core.text import printable

HISTORY_FILE: Final = "filter-history"
"""One filter per line, in the state folder."""
MAX_FILTERS: Final = 200
LONGEST_FILTER: Final = 2_000
"""Characters; a longer one was pasted by mistake and would not help in the history."""


class FilterHistory:
    """Filters entered earlier, oldest first."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` None keeps the history in memory only."""
        self._file = None if folder is None else folder / HISTORY_FILE
        self.trouble = ""
        """The last problem with the file, as sentences; the history continues in memory."""
        self.texts: tuple[str, ...] = ()
        """Distinct, newest last."""
        try:
            self.texts = self._read()
        except FileError as error:
            self.trouble = f"{error} {self._set_aside()} The history of filters starts empty."

    def remember(self, text: str) -> None:
        """Makes `text` the newest. Reads the file again first, so filters of other dashboards are kept."""
        text = printable(text.strip())
        if not text or len(text) > LONGEST_FILTER:
            return
        try:
            kept = self._read() or self.texts
        except FileError as error:
            self.trouble = f"{error} {self._set_aside()}"
            kept = self.texts
        texts = _newest((*kept, text))
        if texts == self.texts == kept:
            return
        self.texts = texts
        if self._file is None:
            return
        try:
            write_text(self._file, "".join(f"{each}\n" for each in texts))
        except FileError as error:
            self.trouble = f"{error} Filters are remembered until the program ends."
            self._file = None

    def _set_aside(self) -> str:
        """Moves an unreadable file away; if that fails, the history continues in memory."""
        try:
            return set_aside(self._file) if self._file is not None else ""
        except FileError as error:
            self._file = None
            return f"{error} Filters are remembered until the program ends."

    def _read(self) -> tuple[str, ...]:
        if self._file is None:
            return self.texts
        text = read_text(self._file) or ""
        if "\0" in text:
            raise FileError(f"{shown(self._file)} is not a filter history.")
        lines = (printable(line.strip()) for line in text.split("\n"))
        return _newest(line for line in lines if 0 < len(line) <= LONGEST_FILTER)


def _newest(texts: Iterable[str]) -> tuple[str, ...]:
    """The newest distinct texts, at most `MAX_FILTERS`, ordered by last use."""
    in_order = tuple(dict.fromkeys(reversed(tuple(texts))))
    return tuple(reversed(in_order[:MAX_FILTERS]))


FILE: Final = "dashboard.json"
MARKS: Final = "marks"
"""A folder with a file for each recording or journal."""
MAX_MARKED: Final = 200
"""Recordings and journals whose marks are kept; those marked longest ago are removed first."""
MAX_MARKS: Final = 2_000
"""Newest marks kept per recording or journal."""


class Choice(msgspec.Struct, frozen=True):
    value: Any
    setting: Any = None
    """The value in `config.toml` at that time; None if unset."""


class Kept:
    def __init__(self, folder: Path | None = None) -> None:
        """`folder` None keeps everything in memory only."""
        self._file = None if folder is None else folder / FILE
        self.trouble = ""
        """The last problem with the file, as sentences; choices then apply until the program ends."""
        self._choices: dict[str, Choice] = {}
        try:
            self._choices = self._read()
        except FileError as error:
            self.trouble = f"{error} The dashboard starts as config.toml says."
            self._file = None  # do not overwrite an unreadable file

    def value(self, name: str, setting: Any = None) -> Any:
        """The last choice, or `setting` if there is none or `config.toml` has changed since."""
        choice = self._choices.get(name)
        return setting if choice is None or choice.setting != _plain(setting) else choice.value

    def has(self, name: str, setting: Any = None) -> bool:
        """Whether `value` returns a choice made in the dashboard."""
        choice = self._choices.get(name)
        return choice is not None and choice.setting == _plain(setting)

    def keep(self, name: str, value: Any, setting: Any = None) -> None:
        """Keeps a choice. Reads the file again first, so choices of other dashboards are kept."""
        choice = Choice(_plain(value), _plain(setting))
        if self._choices.get(name) == choice:
            return
        try:
            self._choices = {**(self._read() or self._choices), name: choice}
            if self._file is None:
                return
            write_text(self._file, msgspec.json.format(msgspec.json.encode(self._choices)).decode() + "\n")
        except FileError as error:
            self.trouble = f"{error} What you choose is kept until the program ends."
            self._file = None
            self._choices[name] = choice

    def _read(self) -> dict[str, Choice]:
        if self._file is None:
            return self._choices
        text = read_text(self._file)
        try:
            return msgspec.json.decode(text, type=dict[str, Choice]) if text else {}
        except (msgspec.MsgspecError, RecursionError) as error:
            raise FileError(f"{shown(self._file)} cannot be read. Remove it to keep choices again.") from error


def _plain(value: Any) -> Any:
    """The value as JSON returns it."""
    return list(value) if isinstance(value, (tuple, frozenset, set)) else value


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A marked event, identified by what is the same every time its recording is read."""

    index: int
    topic: str
    type: str
    namespace: str
    key: str
    number: int = 0
    """Position, from 1, among events for which all this is equal; 0 if it does not matter."""


class KeptMarks:
    """The marks of one recording or journal."""

    def __init__(self, folder: Path, source: str) -> None:
        """`source` is its absolute path, which identifies it in later runs."""
        self._folder = folder / MARKS
        self.trouble = ""
        """The last problem with the file, as sentences."""
        self._file = self._folder / f"{sha256(source.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}.json"

    def read(self) -> list[Mark]:
        """The marks; none if the file is unreadable, which is then renamed. Raises `FileError` if that fails."""
        try:
            return msgspec.json.decode(read_text(self._file) or "[]", type=list[Mark])
        except (FileError, msgspec.MsgspecError, RecursionError):
            self.trouble = f"Marks of this recording cannot be read from {shown(self._file)}. {set_aside(self._file)}"
            return []

    def write(self, marks: Sequence[Mark]) -> None:
        """Raises `FileError`."""
        if not marks:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
            return
        write_text(self._file, msgspec.json.encode(marks[-MAX_MARKS:]).decode() + "\n")
        with suppress(OSError):
            for old in _oldest(self._folder.glob("*.json")):
                old.unlink(missing_ok=True)


def _oldest(files: Iterable[Path]) -> list[Path]:
    newest_first = sorted(files, key=lambda file: file.stat().st_mtime, reverse=True)
    return newest_first[MAX_MARKED:]
