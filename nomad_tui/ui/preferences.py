"""The operator's preferences: `[ui]` and `[keys]` in config.toml, own themes, and choices made in the dashboard.

A mistake never prevents the dashboard from starting: an invalid setting gets its default, and is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import msgspec
from textual.theme import BUILTIN_THEMES, Theme

from nomad_tui.config.fields import FieldError, quoted
from nomad_tui.config.folders import FileError, Folders, is_missing, shown
from nomad_tui.config.kept import Kept
from nomad_tui.config.ui_settings import (
    DEFAULTS,
    EVENT_LEAST,
    EVENT_MOST,
    FACETS_LEAST,
    FACETS_MOST,
    FILE,
    Density,
    Glyphs,
    StartPane,
    UiSettings,
    timezone_of,
)
from nomad_tui.core.updates import Concern, Warned
from nomad_tui.ui.events.columns import DEFAULT_COLUMNS, Column, UnusableColumnsError, parse_columns
from nomad_tui.ui.keymap import STANDARD, read_keys
from nomad_tui.ui.themes import NOMAD_DARK, THEMES

if TYPE_CHECKING:
    from nomad_tui.config.settings import Loaded


class Preferences:
    def __init__(self, folders: Folders | None = None) -> None:
        """None for the defaults; nothing is stored then."""
        self.kept = Kept(None if folders is None else folders.state)
        self.settings = UiSettings()
        self.keymap = STANDARD
        self.own_themes: tuple[Theme, ...] = ()
        self.mistakes: list[str] = []
        """Mistakes in `config.toml` and the themes, each with its file and, if known, its line."""
        if folders is None:
            return
        # Most folders have neither themes nor settings; do not import their readers at startup.
        if not is_missing(theme_folder := folders.config / "themes"):
            from nomad_tui.ui.own_themes import read_themes

            self.own_themes, wrong = read_themes(theme_folder)
            self.mistakes += wrong
        if is_missing(folders.config / FILE):
            return
        from nomad_tui.config.settings import load_settings

        try:
            loaded = load_settings(folders.config)
        except FileError as error:
            self.mistakes.append(str(error))
            return
        self.settings = loaded.settings.ui
        self.keymap, errors = read_keys(loaded.settings.keys, loaded.path("keys"))
        errors = [*loaded.errors, *errors, *self._without_unknown(loaded)]
        for line, mistake in loaded.located(errors):
            self.mistakes.append(f"{shown(loaded.file)}{f':{line}' if line else ''}: {mistake}.")

    def _without_unknown(self, loaded: Loaded) -> list[FieldError]:
        """Removes unknown names from the settings, and returns their mistakes."""
        errors = []
        for number, name in enumerate(self.settings.columns or ()):
            if name not in tuple(Column):
                path = loaded.path("ui.columns").item(number)
                errors.append(path.error(f"is {quoted(name)}, and the columns are {', '.join(Column)}"))
                self.settings = msgspec.structs.replace(self.settings, columns=None)
        theme = self.settings.theme
        if theme is not None and theme not in self.themes:
            close = get_close_matches(theme, self.themes, 1)
            hint = f'write "{close[0]}"' if close else f"the themes are {', '.join(self.themes)}"
            errors.append(loaded.path("ui.theme").error(f"is {quoted(theme)}, which is not a theme: {hint}"))
            self.settings = msgspec.structs.replace(self.settings, theme=None)
        return errors

    @property
    def report(self) -> str:
        """The mistake, or the number of mistakes; empty if there are none."""
        if len(self.mistakes) > 1:
            return self.keymap.text(f"{len(self.mistakes)} mistakes in the settings: {{app.warnings}} shows them.")
        return "".join(self.mistakes)

    @property
    def warning(self) -> Warned | None:
        """A warning with all mistakes in full; None if there are none."""
        if not self.mistakes:
            return None
        many = "One setting has" if len(self.mistakes) == 1 else f"{len(self.mistakes)} settings have"
        return Warned(Concern.SETTINGS, f"{many} a mistake; the default applies.", " ".join(self.mistakes))

    # Effective values at startup

    @property
    def themes(self) -> Sequence[str]:
        """Names of the program's, the operator's and Textual's themes."""
        return list(dict.fromkeys([*(theme.name for theme in (*THEMES, *self.own_themes)), *BUILTIN_THEMES]))

    @property
    def theme(self) -> str:
        name = self._start("theme")
        return name if name in self.themes else NOMAD_DARK.name

    @property
    def columns(self) -> tuple[Column, ...]:
        names = self._start("columns")
        try:
            return DEFAULT_COLUMNS if names is None else parse_columns(names)
        except (UnusableColumnsError, TypeError):
            return DEFAULT_COLUMNS

    @property
    def facets_width(self) -> int | None:
        """Cells; None for the style sheet's."""
        width = _within(self._start("facets_width"), FACETS_LEAST, FACETS_MOST)
        return None if width is None else round(width)

    @property
    def event_width(self) -> float | None:
        """Percent of the width that Events and Event share; None for the style sheet's."""
        return _within(self._start("event_width"), EVENT_LEAST, EVENT_MOST)

    @property
    def folded(self) -> frozenset[str]:
        """Folded sections of Facets, by the names of their dimensions."""
        names = self.kept.value("folded", None)
        return frozenset(each for each in names if isinstance(each, str)) if isinstance(names, list) else frozenset()

    @property
    def timezone(self) -> tzinfo | None:
        name = self.settings.timezone
        return None if name is None else timezone_of(name)

    @property
    def is_compact(self) -> bool:
        return self.settings.density is Density.COMPACT

    @property
    def is_ascii(self) -> bool:
        return self.settings.glyphs is Glyphs.ASCII

    @property
    def follows(self) -> bool:
        return self.settings.follow is not False

    @property
    def start_pane(self) -> StartPane:
        return self.settings.start_pane or StartPane.EVENTS

    def effective(self) -> list[tuple[str, str, str]]:
        """The settings of `[ui]` in effect at startup: name, value, and origin."""
        chosen = {
            "theme": self.theme,
            "columns": ", ".join(self.columns),
            "facets_width": self.facets_width,
            "event_width": self.event_width,
        }
        rows = []
        for name in UiSettings.__struct_fields__:
            setting = getattr(self.settings, name)
            value = chosen.get(name, setting)
            text = DEFAULTS[name] if value is None else str(value)
            is_kept = name in chosen and self.kept.has(name, setting)
            origin = "chosen in the dashboard" if is_kept else "" if setting is None else FILE
            rows.append((name, text.lower() if isinstance(value, bool) else text, origin))
        return rows

    def _start(self, name: str) -> Any:
        return self.kept.value(name, getattr(self.settings, name))

    # Choices made in the dashboard

    def keep(self, name: str, value: Any) -> None:
        """Stores a choice for the next start, by the name of its setting."""
        self.kept.keep(name, value, getattr(self.settings, name, None))


def _within(value: Any, least: int, most: int) -> float | None:
    return min(max(value, least), most) if isinstance(value, int | float) and not isinstance(value, bool) else None
