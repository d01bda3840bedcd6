"""A full disk stops reading the stream; once there is space again, all events arrive."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.forked_runners import ROOT
from tests.mounting import MAY_MOUNT, in_own_mounts
from tests.runner import SECONDS


@pytest.mark.skipif(not MAY_MOUNT, reason="this machine lets nobody mount a small file system of his own")
async def test_a_runner_survives_a_full_disk_and_loses_nothing(tmp_path: Path) -> None:
    command = in_own_mounts('mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" -m tests.full_disk "$1"')
    process = await asyncio.create_subprocess_exec(
        *command,
        "sh",
        str(tmp_path),
        sys.executable,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS + 10):
        output, errors = await process.communicate()
    assert output.decode().splitlines()[-1:] == ["whole"], errors.decode()
    assert "no room left" in output.decode()
