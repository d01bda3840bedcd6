"""A recording is shown with any compression and any truncation."""

import asyncio
import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import zstandard

from nomad_tui.core.subscription import Subscription
from nomad_tui.core.updates import Connected, Ended, Gap, Noted, Update
from nomad_tui.core.wire import Frame, Heartbeat, Unreadable, event_lines
from nomad_tui.sources.finding import RecordingError
from nomad_tui.sources.recording import Recording
from tests import recordings

SECONDS = 60
"""Seconds after which a test counts as hung."""


async def updates(*files: Path) -> list[Update]:
    async with asyncio.timeout(SECONDS):
        return [update async for update in Recording([str(file) for file in files]).updates()]


def frames(found: Iterable[Update]) -> list[Frame]:
    return [update for update in found if isinstance(update, Frame)]


def events(found: Iterable[Update]) -> list[bytes]:
    """Return every event, byte for byte."""
    return [text for frame in frames(found) for text in event_lines(frame.line)]


def unreadable(found: Iterable[Update]) -> list[Unreadable]:
    return [update for update in found if isinstance(update, Unreadable)]


def frame(index: int, text: str = "") -> bytes:
    event = {"Topic": "Job", "Type": "JobRegistered", "Key": f"job-{index}", "Payload": {"Text": text}}
    return json.dumps({"Index": index, "Events": [event]}).encode()


def halves(content: bytes) -> tuple[bytes, bytes]:
    """Split within a line."""
    return content[: len(content) // 2], content[len(content) // 2 :]


def as_it_is(content: bytes) -> bytes:
    return content


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def zstd_in_frames(content: bytes) -> bytes:
    first, second = halves(content)
    return zstd(first) + zstd(b"") + zstd(second)


def zstd_of_unknown_size(content: bytes) -> bytes:
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(content) + compressor.flush()


def gzip_in_members(content: bytes) -> bytes:
    first, second = halves(content)
    return gzip.compress(first) + gzip.compress(second)


PACKINGS = [as_it_is, gzip.compress, gzip_in_members, zstd, zstd_in_frames, zstd_of_unknown_size]


@pytest.mark.parametrize("pack", PACKINGS)
async def test_compression_is_detected_without_a_file_extension(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = tmp_path / "recording"
    file.write_bytes(pack(recordings.content("tour")))
    found = await updates(file)
    assert [each.line for each in frames(found)] == [line for line in recordings.lines("tour") if b"Events" in line]
    assert sum(isinstance(update, Heartbeat) for update in found) == recordings.lines("tour").count(b"{}")
    assert (found[0], found[-1]) == (Connected("recording"), Ended("end of recording"))
    assert unreadable(found) == []


async def test_output_of_tail_opens_to_the_same_events(tmp_path: Path) -> None:
    printed = tmp_path / "events.ndjson"
    lines = [line for line in recordings.lines("beta") if b"Events" in line]
    texts = [text for line in lines for text in event_lines(line)]
    printed.write_bytes(b"".join(text + b"\n" for text in texts))
    found = await updates(printed)
    assert events(found) == texts
    single = [(each.index, each.events[0]) for each in frames(found)]
    whole = [(each.index, event) for each in frames(await updates(recordings.path("beta"))) for event in each.events]
    assert [(index, event.topic, event.key, bytes(event.payload)) for index, event in single] == [
        (index, event.topic, event.key, bytes(event.payload)) for index, event in whole
    ]


async def test_files_of_one_cluster_are_merged_by_index(tmp_path: Path) -> None:
    for name, index in (("a.ndjson", 1), ("b.ndjson", 2)):
        (tmp_path / name).write_bytes(frame(index) + b"\n" + frame(index + 10))
    found = await updates(tmp_path / "b.ndjson", tmp_path / "a.ndjson")
    assert [each.index for each in frames(found)] == [1, 2, 11, 12]
    assert [update.to for update in found if isinstance(update, Connected)] == ["b.ndjson and 1 more"]
    assert not [update for update in found if isinstance(update, Gap)]
    assert found[-1] == Ended("2 recordings were read to their ends")
    (note,) = [update.text for update in found if isinstance(update, Noted)]
    assert "2 recordings are merged by index" in note and "10,000 frames proves or contradicts" in note
    node = b'"NodeID":"06e2b404-ed73-20d5-a3cd-03d68b0963ca"'
    for name in ("a.ndjson", "b.ndjson"):
        begun = b"".join(frame(each) + b"\n" for each in range(100, 600))
        altered = (tmp_path / name).read_bytes().replace(b'"Payload": {', b'"Payload": {%s,' % node)
        (tmp_path / name).write_bytes(begun + altered)
    found = await updates(tmp_path / "b.ndjson", tmp_path / "a.ndjson")
    assert any("they share IDs" in update.text for update in found if isinstance(update, Noted))
    assert Recording([str(tmp_path / "b.ndjson"), str(tmp_path / "a.ndjson")]).name == "b.ndjson and 1 more"


async def test_a_gap_of_other_topics_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "recorded.ndjson"
    gap = b'{"Index":60,"Events":[],"Gap":{"Reason":"buffer","After":51,"Before":60,"Topics":["%s"]}}'
    file.write_bytes(b"\n".join([frame(51), gap % b"Node", gap % b"Job", frame(60)]))
    source = Recording([str(file)], subscription=Subscription.parse(["Job"]))
    found = [update async for update in source.updates()]
    assert [update.topics for update in found if isinstance(update, Gap)] == [("Job",)]


@pytest.mark.parametrize(
    "odd", [b'"AwaySeconds":1e300', b'"Before":1%s' % (b"0" * 40), b'"Events":-5', b'"Reason":"odd"']
)
async def test_an_impossible_gap_is_skipped(tmp_path: Path, odd: bytes) -> None:
    file = tmp_path / "recorded.ndjson"
    gap = b'{"Index":60,"Events":[],"Gap":{"Reason":"buffer","After":51,%s}}' % odd
    file.write_bytes(b"\n".join([frame(51), gap, frame(60)]))
    found = await updates(file)
    assert [each.index for each in frames(found) if each.events] == [51, 60]
    assert not any(isinstance(update, Gap) for update in found)


async def test_an_index_that_goes_back_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "two-clusters.ndjson"
    file.write_bytes(b"\n".join([frame(50), frame(51), frame(3), frame(4)]))
    found = await updates(file)
    assert [each.index for each in frames(found)] == [50, 51, 3, 4]
    [gap] = [update for update in found if isinstance(update, Gap)]
    assert (gap.after, gap.before) == (51, 3)
    assert found.index(gap) == found.index(frames(found)[2]) - 1


@pytest.mark.parametrize("pack", PACKINGS)
async def test_an_empty_recording_is_not_an_error(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.write_bytes(pack(b""))
    assert [type(update) for update in await updates(file)] == [Connected, Ended]


async def test_dev_null_is_an_empty_recording() -> None:
    assert [type(update) for update in await updates(Path(os.devnull))] == [Connected, Ended]


@pytest.mark.parametrize("pack", [gzip.compress, gzip_in_members, zstd_in_frames, zstd_of_unknown_size])
async def test_the_readable_part_of_a_truncated_archive_is_shown(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    packed = pack(recordings.content("beta"))
    file = tmp_path / "truncated"
    file.write_bytes(packed[: len(packed) * 3 // 4])
    found = await updates(file)
    whole = [line for line in recordings.lines("beta") if b"Events" in line]
    shown = [each.line for each in frames(found)]
    assert shown == whole[: len(shown)]
    assert len(shown) > len(whole) // 4
    assert any(
        "reading the recording failed" in each.reason and "truncated" in each.reason for each in unreadable(found)
    )
    assert isinstance(found[-1], Ended)


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
async def test_the_readable_part_of_a_damaged_archive_is_shown(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    first, second = pack(frame(1) + b"\n"), bytearray(pack(recordings.content("beta")))
    second[2:40] = b"\xff" * 38
    file = tmp_path / "damaged"
    file.write_bytes(first + second)
    found = await updates(file)
    assert [each.index for each in frames(found)] == [1]
    assert any("reading the recording failed" in each.reason for each in unreadable(found))


async def test_a_truncated_last_line_is_reported_and_a_complete_one_without_line_feed_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "cut.ndjson"
    file.write_bytes(frame(1) + b"\n" + frame(2)[:30])
    found = await updates(file)
    assert [each.index for each in frames(found)] == [1]
    assert [(each.cut, each.excerpt) for each in unreadable(found)] == [(True, frame(2)[:30])]

    file.write_bytes(frame(1) + b"\n" + frame(2))
    assert [each.index for each in frames(await updates(file))] == [1, 2]


async def test_a_line_that_is_too_long_is_reported_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "long.ndjson"
    lines = [frame(1), frame(2, "x" * 5000), frame(3), frame(4, "x" * 6000)]
    file.write_bytes(b"\n".join(lines))
    async with asyncio.timeout(SECONDS):
        found = [update async for update in Recording([str(file)], max_line=2000).updates()]
    assert [each.index for each in frames(found)] == [1, 3]
    assert [each.length for each in unreadable(found)] == [len(lines[1]), len(lines[3])]


async def test_a_hostile_recording_is_read_to_its_end() -> None:
    found = await updates(recordings.path("hostile"))
    assert isinstance(found[-1], Ended)
    indexes = {each.index for each in frames(found)}
    assert len(indexes) > 20 and max(indexes) >= 35
    *lines, last = unreadable(found)
    assert lines != [] and last.cut


# Pipes


async def test_a_pipe_is_shown_as_it_grows() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as pipe, os.fdopen(reading, "rb") as file:
        async with asyncio.timeout(SECONDS):
            stream = Recording(["-"], standard_input=file).updates()
            assert await anext(stream) == Connected("standard input")
            for index in range(1, 4):
                pipe.write(frame(index)[:20])
                following = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(0)
                pipe.write(frame(index)[20:] + b"\n")
                update = await following
                assert isinstance(update, Frame) and update.index == index
            pipe.close()
            assert isinstance(await anext(stream), Ended)
            await stream.aclose()


async def test_a_compressed_pipe_is_shown_as_it_grows() -> None:
    reading, writing = os.pipe()
    compressor = zstandard.ZstdCompressor().compressobj()
    with os.fdopen(writing, "wb", buffering=0) as pipe, os.fdopen(reading, "rb") as file:
        async with asyncio.timeout(SECONDS):
            stream = Recording(["-"], standard_input=file).updates()
            assert isinstance(await anext(stream), Connected)
            for index in range(1, 4):
                pipe.write(
                    compressor.compress(frame(index) + b"\n") + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
                )
                update = await anext(stream)
                assert isinstance(update, Frame) and update.index == index
            pipe.write(compressor.flush())
            pipe.close()
            assert isinstance(await anext(stream), Ended)
            await stream.aclose()


def test_closing_does_not_wait_for_a_silent_pipe() -> None:
    """A thread that reads the pipe would prevent the interpreter from exiting."""
    program = """if True:
        import asyncio
        from nomad_tui.sources.recording import Recording

        async def read(begun):
            async for update in Recording(["-"]).updates():
                print(type(update).__name__, flush=True)
                begun.set()

        async def leave():
            begun = asyncio.Event()
            task = asyncio.create_task(read(begun))
            await begun.wait()
            await asyncio.sleep(0.1)
            task.cancel()

        asyncio.run(leave())
    """
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        try:
            assert process.wait(SECONDS) == 0
        finally:
            process.kill()
        assert process.stdout is not None and process.stdout.read() == b"Connected\n"


async def test_a_named_pipe_loses_nothing_by_being_checked(tmp_path: Path) -> None:
    """As passed by `nomad-tui open <(ssh host cat events)`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    recording = Recording([str(pipe)])
    held = os.open(pipe, os.O_RDWR)
    os.write(held, frame(1) + b"\n" + frame(2) + b"\n")
    recording.check()
    async with asyncio.timeout(SECONDS):
        stream = recording.updates()
        found = [await anext(stream) for _ in range(3)]
        os.close(held)
        found += [update async for update in stream]
    assert [each.index for each in frames(found)] == [1, 2]
    assert isinstance(found[-1], Ended)


async def test_reading_a_named_pipe_without_a_writer_can_be_cancelled(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    recording = Recording([str(pipe)])
    recording.check()

    async def read() -> None:
        async for _ in recording.updates():
            pass

    async with asyncio.timeout(SECONDS):
        task = asyncio.create_task(read())
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait({task})


# Errors


def test_a_file_that_cannot_be_opened_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "closed.ndjson").touch(mode=0o000)
    reasons = {"missing\x1b[2J.ndjson": "no such file or directory", ".": "is a directory"}
    if os.geteuid() != 0:
        reasons["closed.ndjson"] = "permission denied"
    for name, reason in reasons.items():
        with pytest.raises(RecordingError) as caught:
            Recording([str(recordings.path("tour")), str(tmp_path / name)]).check()
        text = str(caught.value)
        assert reason in text and str(tmp_path) in text
        assert ("check its name" if name.startswith("missing") else "name a file of NDJSON") in text
        assert text.isprintable() and text.endswith(".") and ". " not in text


async def test_a_file_that_vanished_after_it_was_checked_is_reported_and_the_next_is_read(tmp_path: Path) -> None:
    there = tmp_path / "there.ndjson"
    there.write_bytes(frame(1))
    found = await updates(tmp_path / "gone.ndjson", there)
    assert [each.reason for each in unreadable(found)] == ["reading the recording failed: No such file or directory"]
    assert [each.index for each in frames(found)] == [1]
