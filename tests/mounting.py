"""File systems of a test's own, where this machine lets a user make some: a small disk, a read-only one."""

import subprocess
from typing import Final


def in_own_mounts(script: str) -> list[str]:
    """The command that runs a shell script as one who may mount; its arguments are put after it, `$0` first."""
    return ["unshare", "-rm", "sh", "-c", script]


def _may_mount() -> bool:
    try:
        ran = subprocess.run(in_own_mounts("mount -t tmpfs tmpfs /mnt"), capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0


MAY_MOUNT: Final = _may_mount()
