"""What an operator sets once: `config.toml`, which the program reads and never writes.

[ui]
theme = "nomad-light"                     # how the dashboard looks; `config.ui_settings` has all of it

[keys]
app.follow = ["f", "F9"]                  # other keys for an action, by its ID

[profile.prod]                            # what --profile prod connects to
address = ["https://nomad-1:4646", "https://nomad-2:4646"]
token_file = "~/.nomad/prod"              # a relative path begins at this file's folder
color = "red"

[journal]
keep = "7d"                               # what sink run and record keep of what every sink has had
max_size = "4GiB"

[[sink]]                                  # an event sink; its keys: `sinks.definition.definition`
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
    byte_size,
    duration,
    list_errors,
    quoted,
    whole_path,
    with_file,
)
from nomad_tui.config.folders import FileError, read_text, shown
from nomad_tui.config.precedence import Profile, ProfileSettings
from nomad_tui.config.ui_settings import FILE as FILE
from nomad_tui.config.ui_settings import UiSettings
from nomad_tui.core.limits import SMALLEST_JOURNAL
from nomad_tui.core.text import printable

COLORS: Final = ("red", "orange", "yellow", "green", "cyan", "blue", "magenta")
THEME_COLORS: Final = ("primary", "secondary", "accent", "success", "warning", "error")
"""Names that a profile's color may have; the second are what the theme makes of them."""
LONGEST_NAME: Final = 40
LONGEST_KEPT: Final = 365_000 * 86_400.0

HARMLESS: Final = ("ui", "keys", "list")
"""Tables of which a mistake leaves the rest in use: they say only how the dashboard looks."""
_FORMER: Final = {"list": "ui.columns", "list.columns": "ui.columns"}
"""Settings by the names that they had."""

_TABLE: Final = re.compile(r"\s*\[([^\[\]]+)\]")
_PAIR: Final = re.compile(r"\s*([^=#\[]+?)\s*=")
_ANY_COLOR: Final = re.compile(r"#[0-9A-Fa-f]{6}")


# Values of a field. In a profile an empty text counts as none.


def _text(raw: object, path: FieldPath) -> str:
    if not isinstance(raw, str):
        raise path.error(f"is {quoted(raw)}: write a string in quotes")
    return raw


def _path(raw: object, path: FieldPath) -> str:
    text = _text(raw, path)
    return whole_path(text, path) if text else text


def _address(raw: object, path: FieldPath) -> str | tuple[str, ...]:
    if isinstance(raw, list):
        return tuple(_text(each, path.item(number)) for number, each in enumerate(raw))
    return _text(raw, path)


def _headers(raw: object, path: FieldPath) -> tuple[str, ...]:
    """As they are given by flags. A relative `file:` begins at the folder of the settings, as every path in them."""
    headers = ((name, path.member(name), value) for name, value in _table(raw, path).items())
    return tuple(f"{name}: {with_file(_text(value, at), at)}" for name, at, value in headers)


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
    """Mistakes in `config.toml` that leave nothing of it in use; its text says the first of them."""

    def __init__(self, file: Path, errors: Collection[FieldError]) -> None:
        super().__init__(_unused(file, list_errors(errors)))


def _line_of(path: str, content: str) -> int | None:
    """The line of a dotted path such as `profile.prod.address[0]`, or else of its table."""
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
    """What of a journal every sink has had is kept; None is for the program to say."""

    keep: Annotated[float | None, Field(duration(0, LONGEST_KEPT, example='such as "7d"', numbers=False))] = None
    """Seconds."""
    max_size: Annotated[int | None, Field(byte_size(SMALLEST_JOURNAL))] = None
    """Bytes."""


class Settings(msgspec.Struct, frozen=True):
    journal: JournalSettings = JournalSettings()
    ui: UiSettings = UiSettings()
    keys: Annotated[Mapping[str, Any], Field(FieldCodec(_table))] = {}
    """As it is written: `ui.keymap` knows the actions."""
    profile: Annotated[Mapping[str, ProfileSettings], Field(FieldCodec(_table))] = {}
    """By name, in the order of the file."""
    sink: Annotated[Any, Field(FieldCodec(lambda raw, _: raw))] = ()
    """Tables, as `read_sinks` has them: a mistake in one is reported where sinks are read, and stops nothing else."""
    watch: Annotated[Any, Field(FieldCodec(lambda raw, _: raw))] = ()
    """Tables, as `config.watch_rules` reads them: a mistake in one leaves out that rule and nothing else."""


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
    """A value may refer to `${VARIABLE}` or `file:PATH`."""
    allow_harmful_topics: Annotated[bool | None, Field(FLAG)] = None
    color: Annotated[str, Field(FieldCodec(_color))] = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What could be read of a folder's settings, and every mistake in them."""

    file: Path
    settings: Settings
    errors: Sequence[FieldError] = ()
    content: str = ""

    def path(self, name: str) -> FieldPath:
        return FieldPath(name, self.file.parent)

    def located(self, errors: Iterable[FieldError]) -> list[tuple[int | None, str]]:
        """Each mistake with its line, from 1; None where the line is not found."""
        return [(_line_of(error.path, self.content), printable(str(error), 400)) for error in errors]


def load_settings(folder: Path) -> Loaded:
    """The settings in a folder, without those that are mistakes; all at their defaults if there is no file.

    Raises `FileError` for a file that cannot be read or is no TOML.
    """
    file = folder / FILE
    reader = FieldReader(Settings, folder=folder, aliases=_FORMER)
    text = read_text(file) or ""
    reader.take(_parsed(file, text))
    for attribute in reader.given:
        reader.read(attribute)
    profiles = reader.values.get("profile", {})
    reader.values["profile"] = {name: _profile(reader, name, content) for name, content in profiles.items()}
    return Loaded(file, reader.struct(), reader.errors, text)


def read_settings(folder: Path) -> Settings:
    """The settings in a folder, for what must not act on a part of them.

    Raises `FileError` as `load_settings` does, and `SettingsError` for a mistake in more than how the dashboard looks.
    """
    loaded = load_settings(folder)
    strict = [error for error in loaded.errors if error.path.partition(".")[0] not in HARMLESS]
    if strict:
        raise SettingsError(loaded.file, strict)
    return loaded.settings


def read_profiles(folder: Path) -> dict[str, ProfileSettings]:
    """The profiles of a folder's settings by their names, in the order of the file; none if there is no file.

    Raises `FileError` as `read_settings` does.
    """
    return dict(read_settings(folder).profile)


def read_journal(folder: Path) -> JournalSettings:
    """Raises `FileError` as `read_settings` does."""
    return read_settings(folder).journal


def read_sinks(folder: Path) -> list[dict[str, Any]]:
    """The `[[sink]]` tables of a folder's settings as they are written; none if there is no file.

    Raises `FileError` for a file that is no TOML, and for a `sink` that is not a list of tables. Other mistakes are not
    looked for.
    """
    file = folder / FILE
    tables = _parsed(file, read_text(file) or "").get("sink", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise _mistake(file, "`sink` is not a list of tables: write [[sink]] above each")
    return tables


def _parsed(file: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not TOML, or more digits or brackets than Python takes
        raise _mistake(file, str(error)) from error


def _profile(settings: FieldReader[Settings], name: str, content: object) -> ProfileSettings | None:
    """None where there is a mistake in it."""
    path = settings.path("profile").member(name)
    reader = FieldReader(ProfileTable, "a profile", within=f"{path.name}.", folder=path.folder)
    if not 1 <= len(name) <= LONGEST_NAME or name != printable(name) or name != name.strip():
        reader.errors.append(path.error(f"is not a valid name: write 1 to {LONGEST_NAME} visible characters"))
    if isinstance(content, dict):
        if "color" not in content:  # 0.1.0 calls it colour
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
    return FileError(_unused(file, what))


def _unused(file: Path, what: str) -> str:
    return f"{shown(file)} is invalid and ignored: {printable(what, 2_000)}."
