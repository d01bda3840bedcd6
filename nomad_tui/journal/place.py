"""Where the journal of a connection is, unless another file is named."""

import re
from hashlib import sha256
from pathlib import Path
from typing import Final

from nomad_tui.config.connection import Connection
from nomad_tui.config.folders import Folders

FOLDER: Final = "journals"
"""In the state folder."""
SUFFIX: Final = ".journal"
LONGEST_NAME: Final = 80
"""Characters of a profile, a host or a region; file systems take 255 bytes in all."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


def journal_path(folders: Folders, connection: Connection) -> Path:
    """`journals/prod.journal`, `journals/nomad.example.com_4646@europe.journal`: one for each profile, or address
    without one, and each region that is asked for. The file need not exist."""
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
    """The name itself if it can be a file's everywhere; else what is left of it, and a mark that no other one has."""
    left = _UNSAFE.sub("_", name)[:LONGEST_NAME]
    if left == name and not name.startswith("."):
        return name
    return f"{left.lstrip('.')}-{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
