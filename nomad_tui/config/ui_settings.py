"""The `[ui]` table of `config.toml`: the dashboard's initial looks. None leaves the default to the dashboard."""

from datetime import UTC, tzinfo
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from nomad_tui.config.fields import FLAG, Field, FieldCodec, FieldPath, choice, integer, line, quoted, read_text

FACETS_LEAST, FACETS_MOST = 16, 120
"""Width of the facets, in cells."""
EVENT_LEAST, EVENT_MOST = 20, 80
"""Percent of the width shared by Event and Events."""
FILE: Final = "config.toml"
"""The file of all settings."""
LOCAL, UTC_NAME = "local", "utc"


class Density(StrEnum):
    COMFORTABLE = "comfortable"
    COMPACT = "compact"
    """No borders around the panes, which leaves more room for their content."""


class StartPane(StrEnum):
    FACETS = "facets"
    EVENTS = "events"
    EVENT = "event"


class Glyphs(StrEnum):
    UNICODE = "unicode"
    ASCII = "ascii"


def _columns(raw: object, path: FieldPath) -> tuple[str, ...]:
    if not isinstance(raw, list):
        raise path.error(f'is {quoted(raw)}: write a list, such as ["time", "sentence"]')
    if not raw:
        raise path.error("is empty: name a column, or leave it out for the default")
    for number, name in enumerate(raw):
        if not isinstance(name, str):
            raise path.item(number).error(f"is {quoted(name)}: write the name of a column in quotes")
        if name in raw[:number]:
            raise path.item(number).error(f"is {quoted(name)} again: leave one out")
    return tuple(raw)


def _timezone(raw: object, path: FieldPath) -> str:
    name = read_text(raw, path, 'a timezone such as "local", "utc" or "Europe/Berlin"')
    try:
        timezone_of(name)
    except (ValueError, OSError):
        raise path.error(
            f'is {quoted(name)}, which is not a known timezone: write "local", "utc" or a name such as "Europe/Berlin"'
        ) from None
    return name


def timezone_of(name: str) -> tzinfo | None:
    """The timezone of that name; None for this machine's. Raises `ValueError` for an unknown name."""
    if name.lower() in (LOCAL, UTC_NAME):
        return None if name.lower() == LOCAL else UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError as error:
        raise ValueError(name) from error


class UiSettings(msgspec.Struct, frozen=True):
    theme: Annotated[str | None, Field(line("the name of a theme"))] = None
    density: Annotated[Density | None, Field(choice(Density))] = None
    start_pane: Annotated[StartPane | None, Field(choice(StartPane))] = None
    follow: Annotated[bool | None, Field(FLAG)] = None
    timezone: Annotated[str | None, Field(FieldCodec(_timezone))] = None
    glyphs: Annotated[Glyphs | None, Field(choice(Glyphs))] = None
    columns: Annotated[tuple[str, ...] | None, Field(FieldCodec(_columns))] = None
    facets_width: Annotated[int | None, Field(integer(FACETS_LEAST, FACETS_MOST))] = None
    """Cells."""
    event_width: Annotated[int | None, Field(integer(EVENT_LEAST, EVENT_MOST))] = None
    """Percent of the width shared with Events."""


DEFAULTS: Final = {
    "theme": "nomad-dark",
    "density": Density.COMFORTABLE.value,
    "start_pane": StartPane.EVENTS.value,
    "follow": "true",
    "timezone": LOCAL,
    "glyphs": "depends on the locale",
    "facets_width": "depends on the window",
    "event_width": "depends on the window",
}
"""The defaults in words, for the manual; the default columns are defined by the list."""
