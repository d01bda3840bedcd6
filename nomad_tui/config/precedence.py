"""Which of flags, profile and environment variables sets each connection setting, and its origin."""

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
"""Values given on the command line, by setting name; None, False or missing if not given. Only addresses and headers
may be repeated; each address may be a comma-separated list."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A connection that the operator has named in config.toml."""

    name: str
    color: str = ""
    """Its color: `#rrggbb`, or a name that the themes define; "" for none."""


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """The settings of a profile; its paths are absolute."""

    profile: Profile
    given: Flags = field(default_factory=dict)
    """None or missing if not set; False counts as set."""

    @property
    def names_address(self) -> bool:
        """Whether it defines its own cluster, to which the `NOMAD_*` variables do not apply."""
        return bool(self.given.get(ADDRESS.name))


def own_namespace(environ: Mapping[str, str] = os.environ, profile: ProfileSettings | None = None) -> str:
    """The operator's namespace by profile or variable, ignoring flags; "" for none."""
    return GivenSettings({}, environ, profile).text(NAMESPACE) or ""


class GivenSettings:
    """The settings as given, and their origins, so that messages can name the flag, key or variable that is wrong."""

    def __init__(self, flags: Flags, environ: Mapping[str, str], profile: ProfileSettings | None) -> None:
        self._flags = flags
        self._profile = profile
        self._environ = environ if profile is None or not profile.names_address else {}

    def flag(self, setting: Setting) -> str | bool | Sequence[str] | None:
        return _or_none(self._flags.get(setting.name))

    def value(self, setting: Setting) -> str | bool | Sequence[str] | None:
        """The first value of flag, profile and variable; False only from a profile."""
        if flag := self.flag(setting):
            return flag
        in_profile = self._in_profile(setting)
        if in_profile is not None:
            return in_profile
        return self._environ.get(setting.variable) or None if setting.variable else None

    def layers(self, setting: Setting) -> list[tuple[str, str | bool | Sequence[str]]]:
        """Every value given, with its origin; the last wins."""
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
    """The effective value of a setting, and its origin."""

    name: str
    value: str
    """Secrets are masked."""
    origin: str
    """A flag, a variable or a key of a profile; "" for the default."""


def effective(flags: Flags, environ: Mapping[str, str], profile: ProfileSettings | None) -> list[Effective]:
    """Every connection setting that has a value, in the order of `--help`."""
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
    """None for an empty value, and for a list of empty values."""
    if value is None or isinstance(value, str | bool):
        return value or None
    return value if any(value) else None


def shown_value(value: Path | str) -> str:
    """A path or an address in quotes, safe to display in a message."""
    return f"'{printable(str(value), LONGEST_SHOWN)}'"
