"""What an operator sets once: `config.toml`, which the program reads and never writes.

[list]
columns = ["time", "topic", "sentence"]   # which columns the event list has, and in which order
"""

import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec

from nomad_tui.core.text import printable
from nomad_tui.personal.folders import FileError, read_text, shown

FILE: Final = "config.toml"


class ListSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    columns: tuple[str, ...] | None = None
    """None leaves the list as it comes."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    list: ListSettings = ListSettings()


def read_settings(folder: Path, columns: Collection[str]) -> Settings:
    """The settings in a folder, all at their defaults if there is no file; `columns` are the names the list knows.

    Raises `FileError` with the place of the mistake: nothing of such a file is used.
    """
    file = folder / FILE
    text = read_text(file)
    if text is None:
        return Settings()
    try:
        settings = msgspec.convert(tomllib.loads(text), Settings)
    except tomllib.TOMLDecodeError as error:
        raise _mistake(file, str(error)) from error
    except msgspec.ValidationError as error:
        raise _mistake(file, _located(str(error))) from error
    chosen = settings.list.columns
    if chosen is not None:
        if not chosen:
            raise _mistake(file, "`list.columns` names no column")
        for number, name in enumerate(chosen):
            place = f"`list.columns[{number}]`"
            if name not in columns:
                raise _mistake(file, f'{place} is "{name}", and the columns are {", ".join(columns)}')
            if name in chosen[:number]:
                raise _mistake(file, f'{place} is "{name}" again')
    return settings


def _mistake(file: Path, what: str) -> FileError:
    return FileError(f"{shown(file)} is not used until it is mended: {printable(what, 400)}.")


def _located(message: str) -> str:
    """Where msgspec says `Expected ... - at `$.list.columns[0]``, the place comes first."""
    what, separator, place = message.partition(" - at `$")
    return f"`{place.strip('`').lstrip('.')}`: {what}" if separator else what
