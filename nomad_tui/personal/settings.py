"""What an operator sets once: `config.toml`, which the program reads and never writes.

[list]
columns = ["time", "topic", "sentence"]   # which columns the event list has, and in which order

[profile.prod]                            # what --profile prod connects to
address = ["https://nomad-1:4646", "https://nomad-2:4646"]
token_file = "~/.nomad/prod"              # a relative path begins at this file's folder
colour = "red"

[journal]
keep = "7d"                               # what sink run and record keep of what every sink has had
max_size = "4GiB"

[[sink]]                                  # an event sink; `sinks.keys` has what may stand in one
id = "deployments"
type = "webhook"
address = "https://example.com/hook"
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from nomad_tui.config import Profile, ProfileSettings
from nomad_tui.core.limits import SMALLEST_JOURNAL
from nomad_tui.core.quantities import parse_duration, parse_size
from nomad_tui.core.text import printable
from nomad_tui.nomad.values import FILE as FILE_REFERENCE
from nomad_tui.nomad.values import reads_file
from nomad_tui.personal.folders import FileError, read_text, shown

FILE: Final = "config.toml"
COLOURS: Final = ("red", "orange", "yellow", "green", "cyan", "blue", "magenta")
THEME_COLOURS: Final = ("primary", "secondary", "accent", "success", "warning", "error")
"""Names that a profile's colour may have; the second are what the theme makes of them."""
LONGEST_NAME: Final = 40

_ANY_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
_PATHS: Final = ("token_file", "ca_cert", "ca_path", "client_cert", "client_key")


class ListSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    columns: tuple[str, ...] | None = None
    """None leaves the list as it comes."""


class JournalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As they are written; None is for the program to say."""

    keep: str | None = None
    max_size: str | None = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    journal: JournalSettings = JournalSettings()
    list: ListSettings = ListSettings()
    profile: Mapping[str, Any] = {}
    """By name; what stands in one is an `_Entry`."""
    sink: Any = ()
    """Tables, as `read_sinks` has them: a mistake in one is told where sinks are looked at, and stops nothing else."""


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a profile may say, by the names of `config.Setting`: no secret, for those stand in files of their own."""

    address: str | tuple[str, ...] | None = None
    region: str | None = None
    namespace: str | None = None
    token_file: str | None = None
    ca_cert: str | None = None
    ca_path: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    tls_server_name: str | None = None
    tls_skip_verify: bool | None = None
    headers: Mapping[str, str] | None = None
    """By name; a value may refer to `${VARIABLE}` or `file:PATH`."""
    allow_harmful_topics: bool | None = None
    colour: str = ""


def read_settings(folder: Path, columns: Collection[str]) -> Settings:
    """The settings in a folder, all at their defaults if there is no file; `columns` are the names the list knows.

    Raises `FileError` with the place of the mistake: nothing of such a file is used.
    """
    file = folder / FILE
    settings = _read(file)
    _profiles(file, settings)
    _journal(file, settings)
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


def read_profiles(folder: Path) -> dict[str, ProfileSettings]:
    """The profiles of a folder's settings by their names, in the order of the file; none if there is no file.

    Raises `FileError` as `read_settings` does, but looks at nothing that only the dashboard knows of.
    """
    file = folder / FILE
    return _profiles(file, _read(file))


def read_journal(folder: Path) -> tuple[float | None, int | None]:
    """For how many seconds, and up to how many bytes, a journal keeps what every sink has had; None is for the program
    to say. Raises `FileError` as `read_settings` does."""
    file = folder / FILE
    return _journal(file, _read(file))


def read_sinks(folder: Path) -> list[dict[str, Any]]:
    """The `[[sink]]` tables of a folder's settings as they are written; none if there is no file.

    Raises `FileError` for a file that is no TOML, and for a `sink` that is no list of tables. Other mistakes are not
    looked for.
    """
    file = folder / FILE
    tables = _content(file).get("sink", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _mistake(file, "`sink` is no list of tables: write [[sink]] above each")
    return tables


def _journal(file: Path, settings: Settings) -> tuple[float | None, int | None]:
    written = settings.journal
    keep = None if written.keep is None else parse_duration(written.keep, milliseconds=True)
    if written.keep is not None and keep is None:
        raise _mistake(file, f'`journal.keep` is "{written.keep}": write a duration, such as "7d"')
    max_size = None if written.max_size is None else parse_size(written.max_size)
    if written.max_size is not None and (max_size is None or max_size < SMALLEST_JOURNAL):
        raise _mistake(file, f'`journal.max_size` is "{written.max_size}": write a size from 1MiB on, such as "4GiB"')
    return keep, max_size


def _read(file: Path) -> Settings:
    try:
        return msgspec.convert(_content(file), Settings)
    except msgspec.ValidationError as error:
        raise _mistake(file, _located(str(error))) from error


def _content(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(file) or "")
    except (ValueError, RecursionError) as error:  # not TOML, or more digits or brackets than Python takes
        raise _mistake(file, str(error)) from error


def _profiles(file: Path, settings: Settings) -> dict[str, ProfileSettings]:
    return {name: _profile(file, name, content) for name, content in settings.profile.items()}


def _profile(file: Path, name: str, content: object) -> ProfileSettings:
    place = f"profile.{name}"
    if not 1 <= len(name) <= LONGEST_NAME or name != printable(name) or name != name.strip():
        raise _mistake(file, f"`{place}` is no name: one has 1 to {LONGEST_NAME} visible characters")
    try:
        entry = msgspec.convert(content, _Entry)
    except msgspec.ValidationError as error:
        raise _mistake(file, _located(str(error), place)) from error
    if entry.colour and entry.colour not in COLOURS + THEME_COLOURS and _ANY_COLOUR.fullmatch(entry.colour) is None:
        known = ", ".join(COLOURS + THEME_COLOURS)
        raise _mistake(file, f'`{place}.colour` is "{entry.colour}", and a colour is {known} or like #e8ab4c')
    given = msgspec.structs.asdict(entry)
    del given["colour"]
    if entry.headers is not None:
        given["headers"] = tuple(
            f"{name}: {_header_value(file, place, value)}" for name, value in entry.headers.items()
        )
    for key in _PATHS:
        if given[key]:
            given[key] = _path(file, f"{place}.{key}", given[key])
    return ProfileSettings(Profile(name, entry.colour), given)


def _header_value(file: Path, place: str, text: str) -> str:
    """A relative `file:` begins at the folder of the settings, as every path in them."""
    if not reads_file(text):
        return text
    return FILE_REFERENCE + _path(file, f"{place}.headers", text.removeprefix(FILE_REFERENCE))


def _path(file: Path, place: str, text: str) -> str:
    if "\0" in text:
        raise _mistake(file, f"`{place}` holds a zero byte")
    try:
        return str(file.parent.absolute() / Path(text).expanduser())
    except RuntimeError:
        raise _mistake(file, f'`{place}` is "{text}", and nobody here has a home folder of that name') from None


def _mistake(file: Path, what: str) -> FileError:
    return FileError(f"{shown(file)} is not used until it is mended: {printable(what, 400)}.")


def _located(message: str, within: str = "") -> str:
    """Where msgspec says `Expected ... - at `$.list.columns[0]``, the place comes first; `within` is what `$` is."""
    what, separator, place = message.partition(" - at `$")
    place = (within + place.strip("`")).lstrip(".")
    return f"`{place}`: {what}" if separator or within else what
