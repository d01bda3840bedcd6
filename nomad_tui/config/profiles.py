"""The connections available at run time: the initial one, and the profiles of `config.toml`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nomad_tui.config.connection import Connection
from nomad_tui.config.folders import FileError, shown
from nomad_tui.config.precedence import Flags, Profile, ProfileSettings, effective, own_namespace
from nomad_tui.config.setting import ADDRESS, PROFILE, ConfigurationError
from nomad_tui.config.settings import FILE, LONGEST_NAME, read_profiles
from nomad_tui.core.text import printable

MAX_NAMED: Final = 12
"""Profiles listed in a message."""


class Connections:
    """The connections that the operator may switch to while the program runs.

    Flags apply only to the initial connection: a token given for one cluster is never sent to another.
    """

    def __init__(self, folder: Path, flags: Flags | None = None, environ: Mapping[str, str] = os.environ) -> None:
        """`folder` contains `config.toml`; it is read only if `flags` or `environ` select a profile.

        Raises `ConfigurationError`.
        """
        self._folder = folder
        self._environ = environ
        flags = flags or {}
        asked = flags.get(PROFILE.name) or environ.get(PROFILE.variable or "") or None
        settings = None
        if asked is not None:
            origin = PROFILE.flag if flags.get(PROFILE.name) else PROFILE.variable
            settings = self._settings(str(asked), f"{origin} is")
        self.start = Connection.from_environment(flags, environ, settings)
        """The connection selected on the command line."""
        self.effective = effective(flags, environ, settings)
        """The same, setting by setting."""
        self.names_address = bool(
            flags.get(ADDRESS.name) or environ.get(ADDRESS.variable or "") or self.start.profile is not None
        )
        """Whether the operator has set an address."""

    def profiles(self) -> tuple[Profile, ...]:
        """The profiles in the current file. Raises `ConfigurationError`."""
        return tuple(settings.profile for settings in self._read().values())

    def of(self, profile: str | None) -> Connection:
        """The connection of a profile by the current file, or without a profile. Reads files. Raises
        `ConfigurationError`."""
        if profile == (self.start.profile.name if self.start.profile is not None else None):
            return self.start
        settings = None if profile is None else self._settings(profile, "You chose the profile")
        return Connection.from_environment({}, self._environ, settings)

    def namespace(self, profile: Profile | None) -> str:
        """The operator's own namespace in that profile, whichever namespace is watched; "" for none."""
        try:
            settings = None if profile is None else self._read().get(profile.name)
        except ConfigurationError:
            return ""
        return own_namespace(self._environ, settings)

    def _settings(self, name: str, chosen: str) -> ProfileSettings:
        profiles = self._read()
        if name in profiles:
            return profiles[name]
        file = self._folder / FILE
        wrong = f"{chosen} '{printable(name, LONGEST_NAME)}'"
        if not profiles:
            there = f"{shown(file)} defines no profile" if file.exists() else f"there is no file {shown(file)}"
            raise ConfigurationError(f"{wrong}, but {there}. Add a table [profile.NAME], or name no profile.")
        names = [*list(profiles)[:MAX_NAMED], *(["…"] if len(profiles) > MAX_NAMED else [])]
        raise ConfigurationError(
            f"{wrong}, but the profiles in {shown(file)} are {', '.join(names)}. Name one of them."
        )

    def _read(self) -> dict[str, ProfileSettings]:
        try:
            return read_profiles(self._folder)
        except FileError as error:
            raise ConfigurationError(str(error)) from error
