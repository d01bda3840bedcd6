"""The operator's own themes: files `themes/NAME.toml` in the configuration folder."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

from nomad_tui.config.fields import FLAG, Field, FieldCodec, FieldError, FieldPath, FieldReader, quoted
from nomad_tui.config.folders import FileError, read_text, shown
from nomad_tui.core.text import printable
from nomad_tui.ui.themes import NOMAD_DARK, NOMAD_LIGHT, THEMES, VARIABLES

MAX_THEMES: Final = 100
THEME_VARIABLES: Final = frozenset((*NOMAD_DARK.variables, *VARIABLES)) - {"failure-style"}
"""Variables of the style sheets that a theme may set in addition to its colors."""


def _color(raw: object, path: FieldPath) -> str:
    if not isinstance(raw, str):
        raise path.error(f'is {quoted(raw)}: write a color such as "#41d392"')
    try:
        Color.parse(raw)
    except ColorParseError:
        raise path.error(f'is {quoted(raw)}, which is not a color: write one such as "#41d392"') from None
    return raw


def _variables(raw: object, path: FieldPath) -> dict[str, str]:
    if not isinstance(raw, dict):
        raise path.error(f"is {quoted(raw)}: write a table")
    for name, value in raw.items():
        at = path.member(name)
        if name not in THEME_VARIABLES:
            raise at.error(f"is not a variable: write one of {', '.join(sorted(THEME_VARIABLES))}")
        _color(value, at)
    return raw


_COLOR: Final = FieldCodec(_color)


class _OwnTheme(msgspec.Struct, frozen=True):
    """Defaults are those of `nomad-dark`, or with `dark = false`, of `nomad-light`."""

    dark: Annotated[bool, Field(FLAG)] = True
    primary: Annotated[str | None, Field(_COLOR)] = None
    secondary: Annotated[str | None, Field(_COLOR)] = None
    accent: Annotated[str | None, Field(_COLOR)] = None
    foreground: Annotated[str | None, Field(_COLOR)] = None
    background: Annotated[str | None, Field(_COLOR)] = None
    surface: Annotated[str | None, Field(_COLOR)] = None
    panel: Annotated[str | None, Field(_COLOR)] = None
    success: Annotated[str | None, Field(_COLOR)] = None
    warning: Annotated[str | None, Field(_COLOR)] = None
    error: Annotated[str | None, Field(_COLOR)] = None
    variables: Annotated[dict[str, str], Field(FieldCodec(_variables))] = {}


def read_themes(folder: Path) -> tuple[tuple[Theme, ...], list[str]]:
    """The valid themes in a folder, sorted by name, and the mistakes in the others."""
    themes: list[Theme] = []
    mistakes: list[str] = []
    try:
        files = sorted(folder.glob("*.toml"))[:MAX_THEMES]
    except OSError:
        files = []
    for file in files:
        try:
            themes.append(_theme(file))
        except FileError as error:
            mistakes.append(str(error))
    return tuple(themes), mistakes


def _theme(file: Path) -> Theme:
    """Raises `FileError`."""
    name = file.stem
    if name != printable(name, 40) or name in BUILTIN_THEMES or name in {theme.name for theme in THEMES}:
        raise FileError(f"{shown(file)} has the name of a built-in theme. Rename the file.")
    try:
        table = tomllib.loads(read_text(file) or "")
    except (ValueError, RecursionError) as error:
        raise FileError(f"{shown(file)} is invalid and ignored: {printable(str(error), 200)}.") from error
    reader = FieldReader(_OwnTheme, "a theme", folder=file.parent)
    reader.take(table)
    for attribute in reader.given:
        reader.read(attribute)
    if reader.errors:
        raise FileError(f"{shown(file)} is invalid and ignored: {_all(reader.errors)}.")
    own = {key: value for key, value in msgspec.structs.asdict(reader.struct()).items() if value is not None}
    base = NOMAD_DARK if own["dark"] else NOMAD_LIGHT
    colors: dict[str, Any] = {key: getattr(base, key) for key in own_colors() if key not in own}
    variables = _derived(base, own) | own.pop("variables")
    return Theme(name=name, **colors, **own, variables=variables)


def own_colors() -> tuple[str, ...]:
    """The names of a theme's colors."""
    return tuple(name for name in _OwnTheme.__struct_fields__ if name not in ("dark", "variables"))


def _derived(base: Theme, own: dict[str, Any]) -> dict[str, str]:
    """The base theme's variables, with the colors that the theme changes replaced."""
    changed = {getattr(base, name) for name in own_colors() if name in own}
    kept = {name: value for name, value in base.variables.items() if value.split()[0] not in changed}
    replaced = {getattr(base, name): own[name] for name in own_colors() if name in own}
    moved = {
        name: value.replace(value.split()[0], replaced[value.split()[0]])
        for name, value in base.variables.items()
        if value.split()[0] in changed
    }
    return kept | moved


def _all(errors: list[FieldError]) -> str:
    return ". ".join(map(str, errors[:5]))
