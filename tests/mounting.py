"""File systems for a test, such as a small or a read-only one, if this machine allows users to mount."""

import subprocess
from typing import Final


def in_own_mounts(script: str) -> list[str]:
    """Return a command that runs a shell script with the right to mount; append its arguments, `$0` first."""
    return ["unshare", "-rm", "sh", "-c", script]


def _may_mount() -> bool:
    try:
        ran = subprocess.run(in_own_mounts("mount -t tmpfs tmpfs /mnt"), capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ran.returncode == 0


MAY_MOUNT: Final = _may_mount()
