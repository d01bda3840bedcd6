"""The operator's settings: `config.toml`, which the program reads and never writes.

[ui]
theme = "nomad-light"                     # the dashboard's looks; all keys: `config.ui_settings`

[keys]
app.follow = ["f", "F9"]                  # other keys for an action, by its ID

[profile.prod]                            # the connection of --profile prod
address = ["https://nomad-1:4646", "https://nomad-2:4646"]
token_file = "~/.nomad/prod"              # a relative path starts at this file's folder
color = "red"

[journal]
keep = "7d"                               # how long records are kept that every sink has acknowledged
max_size = "4GiB"

[[sink]]                                  # an event sink; all keys: `sinks.definition.definition`
id = "deployments"
type = "webhook"
address = "https://example.com/hook"
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from nomad_tui.config.fields import (
    FLAG,
    Field,
    FieldCodec,
    FieldError,
    FieldPath,
    FieldReader,
    absolute_path,
    byte_size,
    duration,
    list_errors,
    quoted,
    with_absolute_file,
)
from nomad_tui.config.folders import FileError, read_text, shown
from nomad_tui.config.precedence import Profile, ProfileSettings
from nomad_tui.config.ui_settings import FILE as FILE
from nomad_tui.config.ui_settings import UiSettings
from nomad_tui.core.limits import SMALLEST_JOURNAL
from nomad_tui.core.text import printable

COLORS: Final = ("red", "orange", "yellow", "green", "cyan", "blue", "magenta")
THEME_COLORS: Final = ("primary", "secondary", "accent", "success", "warning", "error")
"""Names allowed as a profile's color; those of `THEME_COLORS` depend on the theme."""
LONGEST_NAME: Final = 40
LONGEST_KEPT: Final = 365_000 * 86_400.0

COSMETIC_TABLES: Final = ("ui", "keys", "list")
"""Tables that only affect the dashboard's looks: a mistake in one leaves all other settings in use."""
_RENAMED: Final = {"list": "ui.columns", "list.columns": "ui.columns"}
"""Former names of settings."""

_TABLE: Final = re.compile(r"\s*\[([^\[\]]+)\]")
_PAIR: Final = re.compile(r"\s*([^=#\[]+?)\s*=")
_ANY_COLOR: Final = re.compile(r"#[0-9A-Fa-f]{6}")


# Values of fields. In a profile, an empty text counts as unset.


def _text(raw: object, path: FieldPath) -> str:
    if not isinstance(raw, str):
        raise path.error(f"is {quoted(raw)}: write a string in quotes")
    return raw


def _path(raw: object, path: FieldPath) -> str:
    text = _text(raw, path)
    return absolute_path(text, path) if text else text


def _address(raw: object, path: FieldPath) -> str | tuple[str, ...]:
    if isinstance(raw, list):
        return tuple(_text(each, path.item(number)) for number, each in enumerate(raw))
    return _text(raw, path)


def _headers(raw: object, path: FieldPath) -> tuple[str, ...]:
    """Headers in the form of the flag. A relative `file:` is resolved against the settings' folder, as all paths
    are."""
    headers = ((name, path.member(name), value) for name, value in _table(raw, path).items())
    return tuple(f"{name}: {with_absolute_file(_text(value, at), at)}" for name, at, value in headers)


def _color(raw: object, path: FieldPath) -> str:
    text = _text(raw, path)
    if text and text not in COLORS + THEME_COLORS and _ANY_COLOR.fullmatch(text) is None:
        known = ", ".join(COLORS + THEME_COLORS)
        raise path.error(f"is {quoted(text)}: write one of {known}, or a color such as #e8ab4c")
    return text


def _table(raw: object, path: FieldPath) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise path.error(f"is {quoted(raw)}: write a table")
    return raw


TEXT: Final = FieldCodec(_text)
PATH: Final = FieldCodec(_path)


class SettingsError(FileError):
    """Mistakes in `config.toml` that make all of it unusable; its text lists the first ones."""

    def __init__(self, file: Path, errors: Collection[FieldError]) -> None:
        super().__init__(_invalid_file(file, list_errors(errors)))


def _line_of(path: str, content: str) -> int | None:
    """The line number of a dotted path such as `profile.prod.address[0]`, or else of its table."""
    wanted = re.sub(r"\[\d+\]", "", path)
    table, found = "", None
    for number, text in enumerate(content.splitlines(), 1):
        if head := _TABLE.match(text):
            table = _plain(head[1]) + "."
            name = table[:-1]
        elif pair := _PAIR.match(text):
            name = table + _plain(pair[1])
        else:
            continue
        if name == wanted:
            return number
        if wanted.startswith(f"{name}."):
            found = number
    return found


def _plain(name: str) -> str:
    return re.sub(r"\s*\.\s*", ".", name.strip()).replace('"', "").replace("'", "")


class JournalSettings(msgspec.Struct, frozen=True):
    """How much is kept of a journal's records that every sink has acknowledged; None for the program's default."""

    keep: Annotated[float | None, Field(duration(0, LONGEST_KEPT, example='such as "7d"', numbers=False))] = None
    """Seconds."""
    max_size: Annotated[int | None, Field(byte_size(SMALLEST_JOURNAL))] = None
    """Bytes."""


class Settings(msgspec.Struct, frozen=True):
    journal: JournalSettings = JournalSettings()
    ui: UiSettings = UiSettings()
    keys: Annotated[Mapping[str, Any], Field(FieldCodec(_table))] = {}
    """Raw values: `ui.keymap` knows the actions."""
    profile: Annotated[Mapping[str, ProfileSettings], Field(FieldCodec(_table))] = {}
    """By name, in the order of the file."""
    sink: Annotated[Any, Field(FieldCodec(lambda raw, _: raw))] = ()
    """Raw tables, as from `read_sinks`: a mistake in one is reported when sinks are read, and affects nothing else."""
    watch: Annotated[Any, Field(FieldCodec(lambda raw, _: raw))] = ()
    """Raw tables for `config.watch_rules`: a mistake in one affects only that rule."""


class ProfileTable(msgspec.Struct, frozen=True):
    """The settings of a profile, by the names of `config.Setting`; secrets only as references to files."""

    address: Annotated[str | tuple[str, ...] | None, Field(FieldCodec(_address))] = None
    region: Annotated[str | None, Field(TEXT)] = None
    namespace: Annotated[str | None, Field(TEXT)] = None
    token_file: Annotated[str | None, Field(PATH)] = None
    ca_cert: Annotated[str | None, Field(PATH)] = None
    ca_path: Annotated[str | None, Field(PATH)] = None
    client_cert: Annotated[str | None, Field(PATH)] = None
    client_key: Annotated[str | None, Field(PATH)] = None
    tls_server_name: Annotated[str | None, Field(TEXT)] = None
    tls_skip_verify: Annotated[bool | None, Field(FLAG)] = None
    headers: Annotated[tuple[str, ...] | None, Field(FieldCodec(_headers))] = None
    """A value may contain `${VARIABLE}` or be `file:PATH`."""
    allow_harmful_topics: Annotated[bool | None, Field(FLAG)] = None
    color: Annotated[str, Field(FieldCodec(_color))] = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The valid settings of a folder, and every mistake."""

    file: Path
    settings: Settings
    errors: Sequence[FieldError] = ()
    content: str = ""

    def path(self, name: str) -> FieldPath:
        return FieldPath(name, self.file.parent)

    def located(self, errors: Iterable[FieldError]) -> list[tuple[int | None, str]]:
        """Each mistake with its line number, from 1; None if the line is not found."""
        return [(_line_of(error.path, self.content), printable(str(error), 400)) for error in errors]


def load_settings(folder: Path) -> Loaded:
    """The valid settings in a folder; all defaults if there is no file.

    Raises `FileError` for a file that cannot be read or is not TOML.
    """
    file = folder / FILE
    reader = FieldReader(Settings, folder=folder, aliases=_RENAMED)
    text = read_text(file) or ""
    reader.take(_parsed(file, text))
    for attribute in reader.given:
        reader.read(attribute)
    profiles = reader.values.get("profile", {})
    reader.values["profile"] = {name: _profile(reader, name, content) for name, content in profiles.items()}
    return Loaded(file, reader.struct(), reader.errors, text)


def read_settings(folder: Path) -> Settings:
    """The settings in a folder, for callers that must not use only a part of them.

    Raises `FileError` as `load_settings` does, and `SettingsError` for a mistake outside `COSMETIC_TABLES`.
    """
    loaded = load_settings(folder)
    strict = [error for error in loaded.errors if error.path.partition(".")[0] not in COSMETIC_TABLES]
    if strict:
        raise SettingsError(loaded.file, strict)
    return loaded.settings


def read_profiles(folder: Path) -> dict[str, ProfileSettings]:
    """The profiles in a folder's settings by name, in the order of the file; none if there is no file.

    Raises `FileError` as `read_settings` does.
    """
    return dict(read_settings(folder).profile)


def read_journal(folder: Path) -> JournalSettings:
    """Raises `FileError` as `read_settings` does."""
    return read_settings(folder).journal


def read_sinks(folder: Path) -> list[dict[str, Any]]:
    """The raw `[[sink]]` tables of a folder's settings; none if there is no file.

    Raises `FileError` for a file that is not TOML, and if `sink` is not a list of tables. Other mistakes are not
    checked.
    """
    file = folder / FILE
    tables = _parsed(file, read_text(file) or "").get("sink", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _mistake(file, "`sink` is not a list of tables: write [[sink]] above each")
    return tables


def _parsed(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not TOML, or too many digits or nested brackets for Python
        raise _mistake(file, str(error)) from error


def _profile(settings: FieldReader[Settings], name: str, content: object) -> ProfileSettings | None:
    """None if it has a mistake."""
    path = settings.path("profile").member(name)
    reader = FieldReader(ProfileTable, "a profile", within=f"{path.name}.", folder=path.folder)
    if not 1 <= len(name) <= LONGEST_NAME or name != printable(name) or name != name.strip():
        reader.errors.append(path.error(f"is not a valid name: write 1 to {LONGEST_NAME} visible characters"))
    if isinstance(content, dict):
        if "color" not in content:  # the key of 0.1.0
            content = {"color" if key == "colour" else key: value for key, value in content.items()}
        reader.take(content)
        for attribute in reader.given:
            reader.read(attribute)
    else:
        reader.errors.append(path.error(f"is {quoted(content)}: write a table"))
    settings.errors += reader.errors
    if reader.errors:
        return None
    given = msgspec.structs.asdict(reader.struct())
    return ProfileSettings(Profile(name, given.pop("color")), given)


def _mistake(file: Path, what: str) -> FileError:
    return FileError(_invalid_file(file, what))


def _invalid_file(file: Path, what: str) -> str:
    return f"{shown(file)} is invalid: {printable(what, 2_000)}."
