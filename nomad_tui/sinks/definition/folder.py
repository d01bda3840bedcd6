"""The definitions in the configuration folder: files in `sinks/`, and the `[[sink]]` tables of `config.toml`."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from nomad_tui.config import settings
from nomad_tui.config.commands import shown_command
from nomad_tui.config.folders import NO_HOME, FileError, read_text, reason, shown, write_text
from nomad_tui.config.references import refers
from nomad_tui.core.secrets import REDACTED, masked_text
from nomad_tui.core.text import ELLIPSIS, printable
from nomad_tui.nats.address import without_credentials
from nomad_tui.sinks.definition.checking import SUFFIXES
from nomad_tui.sinks.definition.definition import CHATS, Definition, Kind
from nomad_tui.sinks.definition.reading import (
    DefinitionError,
    DefinitionErrors,
    Reading,
    read_definition,
    read_table,
    read_with_notes,
)

FOLDER: Final = "sinks"


class NoSinkError(LookupError):
    """The text names the missing sink, and the command that lists all sinks."""

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(f"No sink {printable(id, 80)} is defined. `nomad-tui sink list` lists those that are.")


@dataclass(frozen=True, slots=True)
class Loaded:
    definitions: dict[str, Definition] = field(default_factory=dict)
    """By ID: those of files, sorted by file name, then those of `config.toml`."""
    mistakes: list[DefinitionError] = field(default_factory=list)
    """Definitions that are invalid; the others are used."""
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Warnings by ID, as sentences."""


class Definitions:
    """All methods block on file access."""

    def __init__(self, config: Path) -> None:
        """`config` is the configuration folder; nothing in it need exist."""
        self.folder: Final = config / FOLDER
        self.settings: Final = config / settings.FILE
        self._config: Final = config

    def read(self) -> Loaded:
        """All definitions. An ID defined more than once is a mistake, and none of its definitions is used."""
        found: dict[str, list[Reading]] = {}
        mistakes: list[DefinitionError] = []
        for each in self._read_all():
            if isinstance(each, Reading):
                found.setdefault(each.definition.id, []).append(each)
            else:
                mistakes.append(each)
        loaded = Loaded(mistakes=mistakes)
        for name, (reading, *others) in found.items():
            if others:
                mistakes.append(_defined_twice(reading.definition, others[0].definition))
                continue
            loaded.definitions[name] = reading.definition
            if reading.notes:
                loaded.notes[name] = reading.notes
        for name, definition in loaded.definitions.items():
            if warning := _alert_warning(definition, loaded):
                loaded.notes[name] = (*loaded.notes.get(name, ()), warning)
        return loaded

    def signature(self) -> object:
        """A value that changes whenever a file that may define a sink is added, changed or removed."""
        try:
            files = self._files()
        except FileError as error:
            return str(error)
        return tuple(_signature(file) for file in (self.settings, *files))

    def register(self, text: str, name: str = "The definition") -> tuple[Definition, Path, bool]:
        """Stores the text of a definition in the folder; replaces the sink with the same ID, if any.

        `name` identifies the text in mistakes. Returns the definition, its file, and whether it replaced another.
        Raises `DefinitionErrors`, and `FileError` if it cannot be written or the existing sink has no file of its own.
        """
        definition, suffix = self.parse(text, name), _suffix(text)
        target = self.folder / f"{definition.id}{suffix}"
        before = self._file_of(definition.id)
        other = next((id for file, id in self._defining_files() if file == target and id != definition.id), None)  # noqa: A001
        if other is not None and (before is None or before.suffix != suffix):
            raise FileError(
                f"{shown(target)} defines another sink, {other}. Rename that file: this sink needs its name."
            )
        if before is None:
            write_text(target, text)
        else:
            # Each step is atomic: a reader of the folder finds the sink once, in the dialect of its suffix.
            write_text(before, text)
            target = before if before.suffix == suffix else _renamed(before, target)
        return replace(definition, origin=target), target, before is not None

    def parse(self, text: str, name: str = "The definition") -> Definition:
        """A definition as it would be registered. Raises `DefinitionErrors`."""
        return read_definition(text, name, self.folder / f"new{_suffix(text)}")

    def deregister(self, id: str) -> Path:  # noqa: A002
        """Removes the file that defines a sink, even if it has a mistake, and returns its path.

        Raises `NoSinkError`, and `FileError` if it cannot be removed.
        """
        file = self._file_of(id)
        if file is None:
            raise NoSinkError(id)
        try:
            file.unlink()
        except OSError as error:
            raise FileError(f"{shown(file)} cannot be removed: {reason(error)}. Check the permissions.") from error
        return file

    def _file_of(self, id: str) -> Path | None:  # noqa: A002
        """The single file of a sink. Raises `FileError` if it is in `config.toml`, or in several files."""
        held = list(dict.fromkeys(file for file, other in self._defining_files() if other == id))
        if not held:
            return None
        if self.settings in held:
            raise FileError(f"The sink {id} is a [[sink]] of {shown(self.settings)}. Change or remove it there.")
        if len(held) > 1:
            files = " and ".join(shown(file) for file in held)
            raise FileError(f"The sink {id} is defined in {files}. Remove all but one.")
        return held[0]

    def _defining_files(self) -> Iterator[tuple[Path, str]]:
        """Files and the IDs of the sinks that they define, including invalid ones."""
        for each in self._read_all():
            origin = each.definition.origin if isinstance(each, Reading) else each.origin
            found = each.definition.id if isinstance(each, Reading) else each.sink
            if origin is not None and found is not None:
                yield origin, found

    def _read_all(self) -> Iterator[Reading | DefinitionError]:
        try:
            files = self._files()
        except FileError as error:
            files = []
            yield _unreadable(str(error), self.folder)
        for file in files:
            try:
                if not stat.S_ISREG(file.stat().st_mode):
                    raise FileError(f"{shown(file)} is not a regular file, so it defines no sink. Move it away.")
                text = read_text(file)
                if text is not None:
                    yield read_with_notes(text, shown(file), file)
            except FileNotFoundError:
                if file.is_symlink():
                    what = f"{shown(file)} links to a file that does not exist. Correct the link."
                    yield _with_sink(_unreadable(what, file), file)
            except DefinitionErrors as mistakes:
                yield from (_with_sink(mistake, file) for mistake in mistakes.errors)
            except (FileError, OSError) as error:
                what = str(error) if isinstance(error, FileError) else f"{shown(file)} cannot be read: {reason(error)}."
                yield _with_sink(_unreadable(what, file), file)
        yield from self._tables()

    def _tables(self) -> Iterator[Reading | DefinitionError]:
        """The sinks in `config.toml`."""
        try:
            tables = settings.read_sinks(self._config)
        except FileError as error:
            yield _unreadable(str(error), self.settings)
            return
        for number, table in enumerate(tables):
            try:
                yield read_table(table, shown(self.settings), self.settings, within=f"sink[{number}].")
            except DefinitionErrors as mistakes:
                yield from mistakes.errors

    def _files(self) -> list[Path]:
        """Files that may define a sink, by name; an editor's temporary files start with a dot or have other
        suffixes."""
        try:
            return sorted(
                file
                for file in self.folder.iterdir()
                if file.suffix in SUFFIXES and not file.name.startswith((".", "#"))
            )
        except FileNotFoundError:
            return []
        except OSError as error:
            if NO_HOME in self.folder.parents:
                return []
            raise FileError(f"{shown(self.folder)} cannot be read: {reason(error)}. Check the permissions.") from error


def _suffix(text: str) -> str:
    return ".json" if text.removeprefix("\ufeff").lstrip().startswith("{") else ".toml"


def shown_address(definition: Definition) -> str:
    """The sink's address, safe to display and without secrets."""
    if definition.kind is Kind.EXEC:
        return printable(shown_command(definition.command), 200)
    address = definition.address
    if definition.kind is Kind.NATS:
        address = ",".join(map(without_credentials, address.split(",")))
    if definition.kind in CHATS and not refers(address):  # whoever knows the path of a chat's address can post there
        address = f"{'/'.join(address.split('/', 3)[:3])}/{ELLIPSIS}"
    return printable(masked_text(address, REDACTED), 200) or "standard output"


def _with_sink(mistake: DefinitionError, file: Path) -> DefinitionError:
    """If the ID cannot be read, assumes the file's name, which usually equals it."""
    mistake.sink = mistake.sink or file.stem
    return mistake


def _defined_twice(one: Definition, other: Definition) -> DefinitionError:
    files = " and ".join(dict.fromkeys(shown(each.origin) for each in (one, other) if each.origin is not None))
    what = f"the sink {one.id} is defined twice, so neither is used: give one another ID, or remove it"
    return DefinitionError(files, what, sink=one.id, origin=one.origin)


def _alert_warning(definition: Definition, loaded: Loaded) -> str:
    """Why no sink will report this one's failure; "" if one will, or none is configured."""
    to = definition.alert_to
    if to is None or to in loaded.definitions:
        return ""
    if any(mistake.sink == to for mistake in loaded.mistakes):
        what = f"{to}, whose definition has a mistake: correct it, or name another sink"
    else:
        what = f"{to}, which is not defined: define it, or name another sink"
    return f"Failures of {definition.id} are not reported: its `alert_to` names {what}."


def _unreadable(what: str, origin: Path) -> DefinitionError:
    return DefinitionError("", what.removesuffix("."), origin=origin)


def _signature(file: Path) -> tuple[str | int, ...]:
    try:
        found = file.stat()
    except OSError:
        return (file.name,)
    return file.name, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _renamed(before: Path, target: Path) -> Path:
    try:
        return before.rename(target)
    except OSError as error:
        raise FileError(
            f"{shown(before)} cannot be renamed to {shown(target)}: {reason(error)}. Rename it by hand."
        ) from error
