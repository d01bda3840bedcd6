"""The file that `Ctrl+R` writes: every event once, complete lines, even if the disk is full for a while.

python -m tests.sources.test_recording_file FOLDER runs one test where `FOLDER` is a small file system.
"""

import asyncio
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nomad_tui.core.history.history import History
from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, decode
from nomad_tui.sources.recording import Recording
from nomad_tui.sources.recording_file import RecordingFile
from tests import recordings
from tests.forked_runners import ROOT
from tests.mounting import MAY_MOUNT, in_own_mounts

FRAMES = [frame for line in recordings.lines("tour") if isinstance(frame := decode(line), Frame) and frame.events]
GAP = Gap(GapReason.BUFFER, after=10, before=61, away=41.0, namespaces=("payments",))


async def until(fact: Callable[[], object], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not fact():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_held_and_new_events_read_back_with_their_gaps(tmp_path: Path) -> None:
    history, file = History(), tmp_path / "recorded.ndjson"
    for frame in FRAMES[:20]:
        history.append(frame, 0)
    recording = RecordingFile(file, history, history.first, redacts=False, replace=False)
    task = asyncio.create_task(recording.run(lambda: None))
    await until(lambda: recording.events == history.held)
    history.append_gap(GAP, 0)
    for frame in FRAMES[20:]:
        history.append(frame, 0)
    recording.stop()
    await task
    assert file.read_bytes().splitlines()[:20] == [frame.line for frame in FRAMES[:20]]
    assert file.stat().st_mode & 0o777 == 0o600
    read = [each async for each in Recording([str(file)]).updates() if isinstance(each, Frame | Gap)]
    assert [each.line for each in read if isinstance(each, Frame)] == [frame.line for frame in FRAMES]
    assert read[20] == GAP


async def test_from_now_on_excludes_held_events_and_no_file_is_replaced(tmp_path: Path) -> None:
    history, file = History(), tmp_path / "recorded.ndjson"
    for frame in FRAMES[:20]:
        history.append(frame, 0)
    recording = RecordingFile(file, history, history.end, redacts=False, replace=False)
    with pytest.raises(FileExistsError):
        RecordingFile(file, history, history.end, redacts=False, replace=False)
    history.append(FRAMES[20], 0)
    recording.stop()
    assert file.read_bytes() == FRAMES[20].line + b"\n"


async def test_events_evicted_while_the_disk_is_full_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history, file = History(max_events=50), tmp_path / "recorded.ndjson"
    recording = RecordingFile(file, history, history.first, redacts=False, replace=False, retried_every=0.01)
    attempts: list[int] = []

    def full(descriptor: int, content: memoryview) -> int:
        attempts.append(len(content))
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", full)
        for frame in FRAMES * 3:
            history.append(frame, 0)
        assert history.first
        task = asyncio.create_task(recording.run(lambda: None))
        await until(lambda: len(attempts) > 3)
        recording_missed = recording.missed
    recording.stop()
    await task
    assert recording.missed == recording_missed == history.first
    assert recording.events == history.held


async def on_a_full_disk(folder: Path) -> None:
    history, file, ballast = History(), folder / "recorded.ndjson", folder / "ballast"
    recording = RecordingFile(file, history, history.first, redacts=False, replace=False)
    troubles: list[str] = []
    task = asyncio.create_task(recording.run(lambda: troubles.append(recording.trouble)))
    ballast.write_bytes(b"\0" * (shutil.disk_usage(folder).free - 100_000))
    for frame in FRAMES:
        history.append(frame, 0)
        await asyncio.sleep(0)
    await until(lambda: troubles)
    assert troubles == ["no space left on device"]
    assert file.stat().st_size == recording.size
    ballast.unlink()
    await until(lambda: recording.events == history.held)
    recording.stop()
    await task
    assert troubles == ["no space left on device", ""]
    assert file.read_bytes().splitlines() == [frame.line for frame in FRAMES]
    print("whole")


@pytest.mark.skipif(not MAY_MOUNT, reason="this machine lets nobody mount a small file system of his own")
def test_a_full_disk_is_reported_and_recording_resumes_when_there_is_space(tmp_path: Path) -> None:
    command = in_own_mounts(
        'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" -m tests.sources.test_recording_file "$1"'
    )
    ran = subprocess.run(
        [*command, "sh", str(tmp_path), sys.executable], cwd=ROOT, capture_output=True, text=True, timeout=90
    )
    assert ran.stdout.splitlines()[-1:] == ["whole"], ran.stderr


if __name__ == "__main__":
    asyncio.run(on_a_full_disk(Path(sys.argv[1])))
