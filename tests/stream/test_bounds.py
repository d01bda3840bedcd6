"""Limits for a hostile, endless or broken stream: bounded memory, small chunks, a definite end."""

import asyncio
import gzip
import json
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from io import BytesIO, StringIO
from pathlib import Path

import pytest
import zstandard
from click.testing import CliRunner

from nomad_tui.cli.main import main
from nomad_tui.cli.tail import Exit, Options, tail
from nomad_tui.core.continuity import Continuity
from nomad_tui.core.history.coverage import MAX_FRAMES
from nomad_tui.core.history.dictionaries import MAX_TOPICS, OTHER_TOPICS
from nomad_tui.core.history.history import History
from nomad_tui.core.updates import Connected, Connecting, Gap, GapReason, Refused, Update
from nomad_tui.core.wire import LONGEST_REPAIRED, Frame, Unreadable, decode
from nomad_tui.sources.recording import Recording
from nomad_tui.sources.unpacking import CHUNK_BYTES, Interruptible, Opened
from tests.core.test_history import frame
from tests.dashboard import dashboard, jobs
from tests.memory import alive
from tests.scenes import Script, until

SECONDS = 60


# Memory


def test_long_names_count_towards_the_memory_limit() -> None:
    history = History(max_bytes=20_000_000)
    for number in range(100):
        history.append(frame(number, ("Job", f"{number}-" + "x" * 1_000_000)), received=number)
    assert history.held <= 20
    kept = sum(len(subject.key) for subject in history.subjects())
    assert kept <= history.retained_bytes <= history.max_bytes


def test_the_name_of_an_evicted_object_is_removed() -> None:
    history = History(max_events=32)
    for number in range(500):
        history.append(frame(number, ("Job", f"job-{number}")), received=number)
    names = [subject.key for subject in history.subjects()]
    assert len(names) == history.held <= 32


def test_the_number_of_names_of_topics_and_types_is_bounded() -> None:
    history = History()
    for number in range(12_000):
        event = {"Topic": f"Topic{number}", "Type": f"Type{number}" + "x" * (number % 300), "Key": "k", "Payload": {}}
        decoded = decode(json.dumps({"Index": number, "Events": [event]}).encode())
        assert isinstance(decoded, Frame)
        history.append(decoded, received=number)
    assert len(history.topic_counts) <= MAX_TOPICS + 1
    assert sum(history.topic_counts.values()) == history.held == 12_000
    assert history.topic_counts[OTHER_TOPICS] == 12_000 - MAX_TOPICS
    assert sum(map(len, history.type_names())) < 2_500_000
    assert history.event(0).type == "Type0"
    assert history.event(11_999).frame.events[0].type.startswith("Type11999")


def test_gaps_count_towards_the_memory_limit() -> None:
    history = History(max_bytes=2_000_000)
    for number in range(100_000):
        history.append_gap(Gap(GapReason.BUFFER, number, number + 2, 1.0), received=number)
    assert 0 < history.gaps_held < 10_000
    assert history.gaps == 100_000


async def test_the_list_shows_the_newest_events_when_as_many_were_evicted_as_added() -> None:
    async with dashboard(Script((Connected("here"),)), history=History(max_events=16)) as opened:
        for first in range(0, 160, 16):
            for each in jobs(range(first, first + 16)):
                opened.history.append(each, received=1)
            await opened.caught_up()
            assert any(f"job-{first + 15} " in row for row in opened.rows())
            assert f"job-{first + 15}" in opened


# Repeats


def test_memory_is_bounded_for_a_server_that_never_changes_its_index() -> None:
    continuity = Continuity()
    before = alive(Frame)
    for number in range(MAX_FRAMES + 500):
        continuity.join(frame(7, ("Job", f"job-{number}")))
    assert alive(Frame) - before <= MAX_FRAMES
    assert continuity.seen.last_index == 7


def test_a_server_rolled_back_and_continued_is_detected() -> None:
    continuity = Continuity()
    for index in range(90, 101):
        continuity.join(frame(index, ("Job", f"before-{index}")))
    continuity.reconnected()
    assert continuity.join(frame(95, ("Job", "before-95"))).frame is None
    shown, gaps = [], []
    for index in range(96, 102):
        joined = continuity.join(frame(index, ("Job", f"after-{index}")), away=3.0)
        shown.append(joined.frame)
        gaps += [joined.gap] if joined.gap is not None else []
    assert None not in shown, "what is new is shown, whatever it was taken for"
    assert {gap.reason for gap in gaps} == {GapReason.REBUILT}


# Unreadable input


@pytest.mark.parametrize("content", [b"[" * (LONGEST_REPAIRED + 1), b'{"Events":[' + b"1," * LONGEST_REPAIRED + b"1]}"])
def test_a_long_line_that_is_not_a_frame_is_rejected_fast(content: bytes) -> None:
    assert isinstance(decode(content), Unreadable)


def test_a_long_frame_with_invalid_utf_8_is_still_shown() -> None:
    payload = b'{"Long":"' + b"x" * LONGEST_REPAIRED + b'"}'
    decoded = decode(b'{"Index":5,"Events":[{"Topic":"Job","Key":"bad-\xff","Payload":' + payload + b"}]}")
    assert isinstance(decoded, Frame)
    assert decoded.repaired is not None
    assert bytes(decoded.events[0].payload) == payload


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.ZstdCompressor(level=19).compress])
@pytest.mark.parametrize("filler", [b"\n", b"x"])
def test_a_decompression_bomb_is_read_in_small_chunks(
    compress: Callable[[bytes], bytes], filler: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "harmful"
    file.write_bytes(compress(filler * 20_000_000))
    with file.open("rb", buffering=0) as packed:
        opened = Opened(Interruptible(packed))
        sizes = [len(chunk) for chunk in iter(opened.read, b"")]
    assert sum(sizes) == 20_000_000
    assert max(sizes) <= CHUNK_BYTES


async def test_a_recording_that_is_abandoned_is_closed() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb", buffering=0) as pipe, os.fdopen(reading, "rb") as file:
        pipe.write(b'{"Index":1,"Events":[]}\n')
        async with asyncio.timeout(SECONDS), aclosing(Recording(["-"], standard_input=file).updates()) as updates:
            async for update in updates:
                if isinstance(update, Frame):
                    break
        assert file.closed


# Endings


class Broken(Script):
    """A source with a bug."""

    async def updates(self) -> AsyncGenerator[Update, None]:
        yield Connecting("nowhere")
        raise ZeroDivisionError("a bug of ours \x1b]0;title\x07")


async def test_an_unexpected_exception_while_reading_ends_the_dashboard_with_a_failure() -> None:
    async with dashboard(Broken(())) as opened:
        await until(opened.pilot, lambda: opened.app.return_code is not None)
        assert opened.app.return_code == 1
        message = "".join(map(str, opened.app._exit_renderables))
        assert "ZeroDivisionError: a bug of ours" in message
        assert "\x1b" not in message


async def test_a_filter_from_the_command_line_contains_no_control_characters() -> None:
    async with dashboard(Script((Connected("here"),)), filter_text="web \x1b]0;OWNED\x07") as opened:
        assert opened.dashboard.filter_line.value.isprintable()


class Unwritable(StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("errors", [None, Unwritable()])
async def test_a_closed_stderr_affects_neither_the_events_nor_the_exit_code_of_tail(
    errors: StringIO | None,
) -> None:
    updates = (Connecting("here"), Refused("It refused.", "Ask again.", 5.0, 1))
    async with asyncio.timeout(SECONDS):
        assert await tail(Script(updates), Options(), BytesIO(), errors) is Exit.REFUSED


@pytest.mark.parametrize("size", ["9" * 400, "1" * 20 + "MiB"])
def test_a_size_with_endless_digits_is_reported(size: str) -> None:
    result = CliRunner().invoke(main, ["demo", "--max-memory", size])
    assert result.exit_code == 2
    assert result.stderr.startswith("nomad-tui: ") and result.stderr.count("\n") == 1
