"""A file as a sink: its content after crashes, rotation and errors."""

# ruff: noqa: ASYNC110, ASYNC240 - the files are on a local disk
import asyncio
import errno
import json
import os
import resource
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Event

import msgspec
import pytest
import zstandard

from nomad_tui.core.updates import Gap, GapReason
from nomad_tui.core.wire import Frame, event_lines
from nomad_tui.sinks.definition.definition import Definition, Format, Kind, Rotation, Sync
from nomad_tui.sinks.delivery.sink import Item, UnavailableError
from nomad_tui.sinks.types.file import FileSink
from nomad_tui.sources.recording import Recording
from tests.sink_items import batches, delivery, gap_item, items


def definition(path: Path, **changes: object) -> Definition:
    made = Definition("file", Kind.FILE, str(path), format=Format.EVENT, timeout=5.0)
    return msgspec.structs.replace(made, **changes)


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    async with asyncio.timeout(60):
        yield tmp_path / "deep" / "folder" / "events.ndjson"


def texts(of: list[Item]) -> list[bytes]:
    return [item.text for item in of]


async def until(fact: object) -> None:
    assert callable(fact)
    while not fact():
        await asyncio.sleep(0.01)


async def written(path: Path, *deliveries: list[Item], **changes: object) -> None:
    sink = FileSink(definition(path, **changes))
    for given in deliveries:
        await sink.deliver(delivery(given))
    await sink.close()


async def test_one_line_per_event_in_a_private_file(path: Path) -> None:
    events = items(most=30)
    await written(path, events[:10], events[10:])
    assert path.read_bytes().splitlines() == texts(events)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700


async def test_frames_can_be_opened_as_a_recording(path: Path) -> None:
    events = items(most=40)
    await written(path, events, [gap_item(Gap(GapReason.BUFFER, 1, 5, 2.0), 999)], format=Format.NOMAD)
    lines = path.read_bytes().splitlines()
    assert len(lines) == len({item.position for item in events}) + 1
    assert json.loads(lines[-1])["Gap"]["Reason"] == "buffer"
    frames = [update async for update in Recording([str(path)]).updates() if isinstance(update, Frame)]
    assert [text for frame in frames if frame.events for text in event_lines(frame.line)] == texts(events)


async def test_cloudevents_are_lines_too(path: Path) -> None:
    events = items(most=5)
    await written(path, events, format=Format.CLOUDEVENTS)
    assert [json.loads(line)["id"] for line in path.read_bytes().splitlines()] == [item.id for item in events]


async def test_a_line_torn_by_a_crash_is_removed(path: Path) -> None:
    events = items(most=10)
    await written(path, events[:5])
    with path.open("ab") as file:
        file.write(events[5].text[:100] * 2000)
    await written(path, events[5:])
    assert path.read_bytes().splitlines() == texts(events)


@pytest.mark.parametrize("content", [b"#!/bin/sh\necho hello", b"[1, 2]", b'{\n  "a": 1\n}', b"SQLite format 3\0"])
async def test_a_file_not_written_by_the_sink_is_left_unchanged(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(UnavailableError, match="holds something else than lines of JSON objects"):
        await written(path, items(most=2))
    assert path.read_bytes() == content


async def test_a_batch_is_written_completely_or_not_at_all(path: Path) -> None:
    """A limit on the file size fails a write in its middle, as a full disk does."""
    events = items(most=30)
    sink = FileSink(definition(path))
    await sink.deliver(delivery(events[:10]))
    size = path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1000, limits[1]))
    try:
        with pytest.raises(UnavailableError, match=os.strerror(errno.EFBIG).lower()):
            await sink.deliver(delivery(events[10:]))
        assert path.stat().st_size == size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    await sink.deliver(delivery(events[10:]))
    await sink.close()
    assert path.read_bytes().splitlines() == texts(events)


async def test_a_full_file_is_rotated_and_compressed_and_the_oldest_removed(path: Path) -> None:
    events = items(most=60)
    limit = sum(len(text) + 1 for text in texts(events)) // 4
    sink = FileSink(definition(path, rotation=Rotation(size=limit, keep=2)))
    for batch in batches(events, 3):
        await sink.deliver(batch)
    await until(lambda: len(list(path.parent.glob("events-*.ndjson.zst"))) == 2)
    await until(lambda: not list(path.parent.glob("events-*.ndjson")))
    await sink.close()
    rotated = sorted(path.parent.glob("events-*"))  # sorted like `ls`; many are of the same second
    content = b"".join(zstandard.ZstdDecompressor().decompressobj().decompress(each.read_bytes()) for each in rotated)
    kept = (content + path.read_bytes()).splitlines()
    assert kept == texts(events)[-len(kept) :]
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in rotated)


async def test_a_clock_that_is_set_back_makes_no_new_file_the_oldest(path: Path) -> None:
    later = path.with_name("events-20991231T235959.999Z.ndjson")  # made before the clock was set back
    path.parent.mkdir(parents=True)
    later.write_bytes(b"{}\n")
    path.with_name("events-99999999T999999Z.ndjson").write_bytes(b"{}\n")  # which is no time
    events = items(most=4)
    await written(path, *[[each] for each in events], rotation=Rotation(size=1, compress=False))
    rotated = [each for each in sorted(path.parent.glob("events-*")) if each > later]
    assert rotated[0].name == "events-21000101T000000.000Z.ndjson"
    assert b"".join(each.read_bytes() for each in rotated[:3]).splitlines() == texts(events)[:3]


async def test_without_compression_and_limit_all_files_are_kept(path: Path) -> None:
    events = items(most=60)
    await written(path, *[list(batch.items) for batch in batches(events, 6)], rotation=Rotation(size=1, compress=False))
    assert len(list(path.parent.glob("events-*.ndjson"))) == 9


async def test_the_age_of_a_file_survives_a_restart(path: Path) -> None:
    events = items(most=10)
    rotation = Rotation(age=1.0, compress=False)
    await written(path, events[:3], rotation=rotation)
    for number in range(3, 6):  # although it is written all the time, its age is that of its first line
        await asyncio.sleep(0.4)
        await written(path, events[number : number + 1], rotation=rotation)
    assert len(list(path.parent.glob("events-*.ndjson"))) == 1


async def test_an_old_file_is_rotated_without_another_event(path: Path) -> None:
    sink = FileSink(definition(path, rotation=Rotation(age=0.2)))
    await sink.deliver(delivery(items(most=1)))
    await until(lambda: list(path.parent.glob("events-*.ndjson.zst")))
    await sink.close()


async def test_an_interrupted_compression_is_finished_when_reopened(path: Path) -> None:
    await written(path, items(most=1))
    rotated = path.with_name("events-20261124T031500Z.ndjson")
    rotated.write_bytes(b"{}\n" * 1000)
    path.with_name(f"{rotated.name}.zst.part").write_bytes(b"half of it")
    path.with_name("events-of-somebody-else.ndjson").write_bytes(b"{}\n")
    sink = FileSink(definition(path, rotation=Rotation(size=1 << 20)))
    await sink.deliver(delivery(items(most=1)))
    packed = path.with_name(f"{rotated.name}.zst")
    await until(lambda: packed.exists() and not rotated.exists())
    await sink.close()
    assert zstandard.ZstdDecompressor().decompressobj().decompress(packed.read_bytes()) == b"{}\n" * 1000
    assert not list(path.parent.glob("*.part"))
    assert path.with_name("events-of-somebody-else.ndjson").exists()


async def test_a_moved_file_is_created_again(path: Path) -> None:
    events = items(most=9)
    sink = FileSink(definition(path))
    await sink.deliver(delivery(events[:3]))
    path.rename(path.with_name("moved"))
    await sink.deliver(delivery(events[3:6]))
    path.unlink()
    await sink.deliver(delivery(events[6:]))
    await sink.close()
    assert path.with_name("moved").read_bytes().splitlines() == texts(events[:3])
    assert path.read_bytes().splitlines() == texts(events[6:])


@pytest.mark.parametrize("sync", list(Sync))
async def test_each_fsync_policy_writes_all_events(path: Path, sync: Sync) -> None:
    await written(path, items(most=5), rotation=Rotation(sync=sync))
    assert len(path.read_bytes().splitlines()) == 5


async def test_two_sinks_do_not_write_into_one_file(path: Path) -> None:
    first, second = FileSink(definition(path)), FileSink(definition(path))
    await first.deliver(delivery(items(most=1)))
    with pytest.raises(UnavailableError, match="is being written by another sink"):
        await second.deliver(delivery(items(most=1)))
    await first.close()
    await second.deliver(delivery(items(most=1)))
    await second.close()


async def test_a_path_that_is_not_a_file_is_reported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("")
    for address, message in (
        (tmp_path, "name a file"),
        (tmp_path / "pipe", "is not a regular file"),
        (tmp_path / "file" / "below", "name a file"),
        (Path("${NO_SUCH_VARIABLE}"), "NO_SUCH_VARIABLE is not set"),
    ):
        sink = FileSink(definition(address))
        async with asyncio.timeout(60):
            with pytest.raises(UnavailableError, match=message):
                await sink.deliver(delivery(items(most=1)))
            await sink.close()


async def test_a_file_system_that_hangs_does_not_delay_closing_the_sink(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: the runner, and so every other sink, waited for the sink's `timeout`."""
    hangs, goes_on, write = Event(), Event(), os.write

    def slow(descriptor: int, content: bytes) -> int:
        hangs.set()
        goes_on.wait(20)
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", slow)
    sink = FileSink(definition(path, timeout=3600.0))
    delivering = asyncio.create_task(sink.deliver(delivery(items(most=1))))
    try:
        await until(hangs.is_set)
        delivering.cancel()
        async with asyncio.timeout(60):
            await sink.close()
    finally:
        goes_on.set()
        await asyncio.gather(delivering, return_exceptions=True)
