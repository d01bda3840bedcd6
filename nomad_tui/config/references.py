"""References in settings to values stored elsewhere: `${VARIABLE}` within a text, or `file:PATH` instead of one.

They are resolved on each use, so a rotated secret is used without a restart.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nomad_tui.core.patterns import lazy_pattern
from nomad_tui.core.text import printable

FILE: Final = "file:"
LONGEST: Final = 16 * 1024
"""Bytes of a file's first line."""
LONGEST_SHOWN: Final = 200
"""Characters of a name in a message."""

_REFERENCE: Final = lazy_pattern(
    r"\$(?P<literal>\$\{)|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|\$\{(?P<wrong>[^}]{0,40}\}?)"
)


class ValueUnavailableError(ValueError):
    """Its text is one sentence that names the variable or file, what is wrong and what to do; it never contains the
    value."""


def resolve(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Replaces the references in `text` with their current values; `$${` is a literal `${`.

    The value of a file is its first line without the line break; its path may start with `~` and contain `${VARIABLE}`.
    Reads the disk if `reads_file`, but never blocks: pipes and devices are rejected. An empty value counts as missing:
    a request without its token would be refused permanently. Raises `ValueUnavailableError`.
    """
    if reads_file(text):
        return _first_line(_expand(text.removeprefix(FILE), environ))
    return _expand(text, environ)


def reads_file(text: str) -> bool:
    """Whether `resolve` reads the disk for it."""
    return text.startswith(FILE)


def refers(text: str) -> bool:
    """Whether it contains a reference, so that it may resolve to a secret."""
    return reads_file(text) or any(found["name"] for found in _REFERENCE.finditer(text))


def _expand(text: str, environ: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found["literal"]:
            return "${"
        name = found["name"]
        if name is None:
            raise ValueUnavailableError(
                f"'{printable('${' + found['wrong'])}' is not a reference to a variable: write ${{NAME}}, "
                "or $${ for a literal ${."
            )
        if not environ.get(name):
            how = "empty" if name in environ else "not set"
            raise ValueUnavailableError(
                f"The environment variable {printable(name, LONGEST_SHOWN)} is {how}: set it where nomad-tui runs, "
                "and restart nomad-tui."
            )
        return environ[name]

    return _REFERENCE.sub(value, text)


def _first_line(name: str) -> str:
    shown = printable(name, LONGEST_SHOWN)
    try:
        descriptor = os.open(Path(name).expanduser(), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            content = os.read(descriptor, LONGEST + 2) if regular else b""
        finally:
            os.close(descriptor)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "not a valid path"
        raise ValueUnavailableError(
            f"The file '{shown}' cannot be read ({reason}): name a file that nomad-tui can read."
        ) from None
    if not regular:
        raise ValueUnavailableError(f"'{shown}' is not a regular file: name one, since it is read for each delivery.")
    line = content.partition(b"\n")[0].removesuffix(b"\r")
    if not line:
        raise ValueUnavailableError(f"The first line of the file '{shown}' is empty: write the value into it.")
    if len(line) > LONGEST:
        raise ValueUnavailableError(
            f"The first line of the file '{shown}' is longer than {LONGEST // 1024} KiB: name a file that holds "
            "only the value."
        )
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ValueUnavailableError(f"The first line of the file '{shown}' is not UTF-8: name a text file.") from None
