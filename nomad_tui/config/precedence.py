"""Which of flags, profile and environment variables sets each connection setting, and who set it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nomad_tui.config import address as addresses
from nomad_tui.config.setting import (
    ADDRESS,
    HEADERS,
    HELP,
    HTTP_AUTH,
    NAMESPACE,
    PROFILE,
    TOKEN,
    ConfigurationError,
    Setting,
)
from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.secrets.forms import REDACTED
from nomad_tui.core.text import printable
from nomad_tui.core.topics import ALL

LONGEST_SHOWN: Final = 200
"""Characters of a path or an address in a message."""

_USER: Final = lazy_pattern(r"//[^/@]*@")

Flags = Mapping[str, str | bool | Sequence[str] | None]
"""The value that the command line gives each setting, by its name; None, False or missing where it gives none. Only
addresses and headers are several; each address may be several with commas between."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A connection that the operator has named in config.toml."""

    name: str
    color: str = ""
    """What it is shown in: `#rrggbb`, or the name of a color, which the themes know; "" for none."""


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """The settings of a profile; its paths are absolute."""

    profile: Profile
    given: Flags = field(default_factory=dict)
    """None or missing where it gives no value; False is one."""

    @property
    def names_address(self) -> bool:
        """Whether it is about a cluster of its own, to which the `NOMAD_*` variables do not apply."""
        return bool(self.given.get(ADDRESS.name))


def own_namespace(environ: Mapping[str, str] = os.environ, profile: ProfileSettings | None = None) -> str:
    """The namespace of the operator by profile or variable, without regard to flags; "" for none."""
    return GivenSettings({}, environ, profile).text(NAMESPACE) or ""


class GivenSettings:
    """The settings as given, and who gave them: a message names the flag, key or variable that is wrong."""

    def __init__(self, flags: Flags, environ: Mapping[str, str], profile: ProfileSettings | None) -> None:
        self._flags = flags
        self._profile = profile
        self._environ = environ if profile is None or not profile.names_address else {}

    def flag(self, setting: Setting) -> str | bool | Sequence[str] | None:
        return _or_none(self._flags.get(setting.name))

    def value(self, setting: Setting) -> str | bool | Sequence[str] | None:
        """The value of the first that gives one: flag, profile, variable; False only from a profile."""
        if flag := self.flag(setting):
            return flag
        in_profile = self._in_profile(setting)
        if in_profile is not None:
            return in_profile
        return self._environ.get(setting.variable) or None if setting.variable else None

    def layers(self, setting: Setting) -> list[tuple[str, str | bool | Sequence[str]]]:
        """Each value given, with its origin; the last wins."""
        found: list[tuple[str, str | bool | Sequence[str]]] = []
        if self._profile is not None and (in_profile := self._in_profile(setting)):
            found.append((f"{setting.name} of the profile {self._profile.profile.name}", in_profile))
        if flag := self.flag(setting):
            found.append((setting.flag, flag))
        return found

    def text(self, setting: Setting) -> str | None:
        value = self.value(setting)
        return None if value is None else str(value)

    def path(self, setting: Setting) -> Path | None:
        text = self.text(setting)
        if text is None:
            return None
        if "\0" in text:
            raise ConfigurationError(f"{self.origin(setting)} contains a NUL byte. Correct the path.")
        try:
            return Path(text).expanduser()
        except RuntimeError:
            raise ConfigurationError(
                f"{self.origin(setting)} is {shown_value(text)}, but there is no such user. Write the path from /."
            ) from None

    def origin(self, setting: Setting) -> str:
        if self.flag(setting):
            return setting.flag
        if self._profile is not None and self._in_profile(setting) is not None:
            return f"{setting.name} of the profile {self._profile.profile.name}"
        return setting.variable or setting.flag

    def _in_profile(self, setting: Setting) -> str | bool | Sequence[str] | None:
        value = self._profile.given.get(setting.name) if self._profile is not None else None
        return value if value is False else _or_none(value)


@dataclass(frozen=True, slots=True)
class Effective:
    """The value in force of a setting, and its origin."""

    name: str
    value: str
    """As it may be shown: secrets are masked."""
    origin: str
    """A flag, a variable or a key of a profile; "" for the default."""


def effective(flags: Flags, environ: Mapping[str, str], profile: ProfileSettings | None) -> list[Effective]:
    """Every setting of a connection that has a value, in the order of `--help`."""
    given = GivenSettings(flags, environ, profile)
    defaults = {ADDRESS: addresses.DEFAULT, NAMESPACE: ALL}
    found = []
    for setting in HELP:
        value = given.value(setting) if setting is not PROFILE else (profile.profile.name if profile else None)
        if value is None:
            if setting in defaults:
                found.append(Effective(setting.name, defaults[setting], ""))
            continue
        texts = [str(value)] if isinstance(value, str | bool) else [str(each) for each in value]
        if setting in (TOKEN, HTTP_AUTH):
            texts = [REDACTED]
        elif setting is HEADERS:
            texts = [f"{text.partition(':')[0]}: {REDACTED}" for text in texts]
        elif setting is ADDRESS:
            texts = [_USER.sub(f"//{REDACTED}@", text) for text in texts]
        origin = PROFILE.flag if setting is PROFILE and flags.get(PROFILE.name) else given.origin(setting)
        found.append(Effective(setting.name, ", ".join(texts), origin))
    return found


def _or_none(value: str | bool | Sequence[str] | None) -> str | bool | Sequence[str] | None:
    """None for an empty value, and for a list of nothing but empty ones."""
    if value is None or isinstance(value, str | bool):
        return value or None
    return value if any(value) else None


def shown_value(value: Path | str) -> str:
    """A path or an address in quotes, as it may be shown in a message."""
    return f"'{printable(str(value), LONGEST_SHOWN)}'"
