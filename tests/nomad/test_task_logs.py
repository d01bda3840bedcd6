"""Logs of tasks from the stand-in server, over TCP."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_tui.config.connection import Connection
from nomad_tui.nomad.task_logs import FrameSplitter, LogsUnavailableError, LogText, TaskLog, read_log
from nomad_tui.standin import Options, StandIn
from nomad_tui.standin.subscription import Token

LOG = TaskLog("9d48d801-2199-a6df-5288-0ab55347fcaa", "default", "crash", "stdout")
SECRET = "d4c1a9a2-0000-4000-8000-000000000001"


@asynccontextmanager
async def server(token: Token | None = None) -> AsyncIterator[tuple[StandIn, Connection]]:
    options = Options(tokens=None if token is None else {SECRET: token})
    async with asyncio.timeout(60), StandIn([], options) as standing:
        yield standing, Connection.from_environment({"address": standing.address, "token": SECRET}, environ={})


async def read(connection: Connection, most: int = 1_000_000, log: TaskLog = LOG) -> bytes:
    return b"".join([part async for part in read_log(connection, log, most, follow=False)])


async def test_a_log_is_read_from_its_end() -> None:
    text = b"".join(b"line %d\n" % number for number in range(40_000))
    async with server() as (standing, connection):
        standing.logs.write(LOG.allocation, "crash", "stdout", text)
        assert await read(connection) == text
        assert await read(connection, 100_000) == text[-100_000:]
        assert await read(connection, log=TaskLog(LOG.allocation, "", "crash", "stderr")) == b""


async def test_a_followed_log_continues() -> None:
    async with server() as (standing, connection):
        standing.logs.write(LOG.allocation, "crash", "stdout", b"one\n")
        came = b""
        async with aclosing(read_log(connection, LOG, 1000, follow=True)) as parts:
            async for part in parts:
                came += part
                if came == b"one\n":
                    standing.logs.write(LOG.allocation, "crash", "stdout", b"two\n")
                if came == b"one\ntwo\n":
                    break


@pytest.mark.parametrize(
    ("log", "what"),
    [
        (LOG, 'may not read logs in the namespace default. Grant it capabilities = ["read-logs"] there'),
        (TaskLog(LOG.allocation, "web", "crash", "stdout"), 'The log was not found: task "crash" not started yet'),
    ],
)
async def test_a_refusal_by_the_server_has_its_reason(log: TaskLog, what: str) -> None:
    token = Token(namespaces={"default": frozenset(("read-job",)), "web": frozenset(("read-logs",))})
    async with server(token) as (_, connection):
        with pytest.raises(LogsUnavailableError) as error:
            await read(connection, log=log)
    assert what in str(error.value)


async def test_a_lost_server_is_reported_with_the_reason() -> None:
    async with server() as (_, connection):
        pass
    with pytest.raises(LogsUnavailableError, match="connection refused"):
        await read(connection)


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 40))
def test_frames_are_the_same_in_any_pieces(logs: list[bytes], size: int) -> None:
    frames = [{"Data": base64.b64encode(log).decode(), "File": 'a"}{é', "Offset": 1} for log in logs]
    content = "".join(json.dumps(frame, ensure_ascii=False) + ("\n" if size % 2 else "") for frame in frames).encode()
    splitter = FrameSplitter()
    found = [frame for start in range(0, len(content), size) for frame in splitter.feed(content[start : start + size])]
    assert found == frames


def test_a_frame_that_is_nested_too_deep_is_rejected() -> None:
    with pytest.raises(ValueError, match="nested too deep"):
        FrameSplitter().feed(b'{"a":' * 100_000 + b"}")


# Conversion to text


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"\x1b[31mred\x1b[0m\n", b"\x1b]0;title\x07", b"\n", b"\t"])))
def test_any_log_is_made_printable(parts: list[bytes]) -> None:
    pieces, at_once = LogText(), LogText()
    for part in parts:
        pieces.feed(part)
    at_once.feed(b"".join(parts))
    assert pieces.text == at_once.text
    assert all(line.isprintable() or max(line) >= "\u00a0" for line in pieces.text.split("\n"))
    assert "\x1b" not in pieces.text


def test_colors_titles_and_links_are_removed_with_their_content() -> None:
    log = LogText()
    log.feed(b"\x1b[1;31merror\x1b[0m\tx\r\n\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\ \x1b]0;gone\x07\x07bell\n")
    assert log.text == "error   x\nlink ␇bell"


def test_a_log_is_bounded_and_reports_what_was_dropped() -> None:
    log = LogText(most_lines=3, most_characters=100)
    log.feed(b"a\nb\nc\nd\ne")
    assert (log.text, log.dropped, len(log)) == ("b\nc\nd\ne", 1, 4)
    log.feed(b"x" * 200_000 + b"\n")
    assert len(log.text) < 10_000
