"""The default path of a connection's journal."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Final

from nomad_tui.config.connection import Connection
from nomad_tui.config.folders import Folders

FOLDER: Final = "journals"
"""Subfolder of the state folder."""
SUFFIX: Final = ".journal"
LONGEST_NAME: Final = 80
"""Characters of a profile, host or region in the file's name; file systems allow 255 bytes in all."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


def journal_path(folders: Folders, connection: Connection) -> Path:
    """Return `journals/prod.journal` or `journals/nomad.example.com_4646@europe.journal`: one file per profile, or
    per address without a profile, and per requested region. The file need not exist."""
    address = connection.address
    if connection.profile is not None:
        name = connection.profile.name
    elif address.socket is not None:
        name = f"unix_{address.socket}"
    else:
        name = f"{address.host.lower()}_{address.port}{address.path}"
    region = f"@{_safe(connection.region)}" if connection.region else ""
    return folders.state / FOLDER / f"{_safe(name)}{region}{SUFFIX}"


def _safe(name: str) -> str:
    """Return the name if every file system accepts it; else its valid characters and a hash."""
    left = _UNSAFE.sub("_", name)[:LONGEST_NAME]
    if left == name and not name.startswith("."):
        return name
    return f"{left.lstrip('.')}-{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
