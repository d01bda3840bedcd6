"""`nomad-tui tail` as scripts use it: its output, messages and exit codes."""

import asyncio
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tty
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from typing import Any

import pytest

from nomad_tui.cli.tail import Options as TailOptions
from nomad_tui.cli.tail import tail as run_tail
from nomad_tui.config.connection import Connection
from nomad_tui.core.export.formats import Output
from nomad_tui.core.payload import parse
from nomad_tui.core.secrets import masked
from nomad_tui.core.wire import Frame, Unreadable, decode, event_lines
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import (
    ALL_FRAMES,
    MANAGEMENT,
    AtEnd,
    Cut,
    End,
    Options,
    Release,
    Reset,
    Scheduled,
    StandIn,
    Token,
)
from tests import recordings
from tests.fork_server import command

SECONDS = 60
"""Seconds after which a test counts as hung."""

PROGRAM = str(Path(sys.executable).with_name("nomad-tui"))

SECRET = "00000000-0000-4000-8000-00000000000a"


@dataclass
class Ended:
    code: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[bytes]:
        return self.out.splitlines()

    @property
    def values(self) -> list[Any]:
        return [json.loads(line) for line in self.out.split(b"\n") if line]

    @property
    def sentences(self) -> list[str]:
        """The lines of standard error."""
        return self.err.splitlines()


@asynccontextmanager
async def tailing(server: StandIn | None, *arguments: str, out: int = PIPE, err: int = PIPE) -> AsyncIterator[Process]:
    """Start `nomad-tui tail`; without a server, with only the given arguments."""
    address = () if server is None else ("--address", server.address)
    process = await asyncio.create_subprocess_exec(
        *command(), "tail", *address, *arguments, stdin=DEVNULL, stdout=out, stderr=err, limit=2**25
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def tail(server: StandIn | None, *arguments: str) -> Ended:
    """Run `nomad-tui tail` to its end."""
    async with tailing(server, *arguments) as process:
        out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out, err.decode())


async def read_lines(process: Process, count: int) -> list[bytes]:
    assert process.stdout is not None
    return [await process.stdout.readline() for _ in range(count)]


async def ended(process: Process) -> Ended:
    """Read the rest of a process's output until it ends."""
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out or b"", (err or b"").decode())


def event(topic: str, key: str, namespace: str = "default", **fields: Any) -> dict[str, Any]:
    return {"Topic": topic, "Type": "PlanResult", "Key": key, "Namespace": namespace, "Payload": {}, **fields}


def frame(index: int, *events: dict[str, Any]) -> bytes:
    held = events or (event("Job", f"job-{index}"),)
    return json.dumps({"Index": index, "Events": held}, separators=(",", ":")).encode()


def frames(indexes: Iterable[int]) -> list[bytes]:
    return [frame(index) for index in indexes]


def recorded(name: str) -> list[bytes]:
    """Return the lines of a recording that are frames."""
    return [line for line in recordings.lines(name) if b'"Events"' in line]


def events_of(lines: Iterable[bytes]) -> list[bytes]:
    return [text for line in lines for text in event_lines(line)]


# Output


async def test_ndjson_is_each_event_as_the_server_wrote_it() -> None:
    async with asyncio.timeout(SECONDS), StandIn(recorded("tour"), Options(from_start=True)) as server:
        result = await tail(server, "--output", "ndjson", "--limit", "625")
    assert result.lines == events_of(recorded("tour"))
    assert {"Index", "Topic", "Type", "Key", "Namespace", "FilterKeys", "Payload"} <= result.values[0].keys()
    assert (result.code, result.err) == (0, "")


async def test_frames_are_the_bytes_that_the_server_sent() -> None:
    lines = [*recorded("beta"), *recorded("large-job")]
    async with asyncio.timeout(SECONDS), StandIn(lines, Options(from_start=True)) as server:
        result = await tail(server, "--output", "frames", "--limit", str(len(events_of(lines))))
    assert result.out == b"".join(line + b"\n" for line in lines)
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize("output", ["ndjson", "frames"])
async def test_redacted_output_has_the_same_events_without_their_secrets(output: str) -> None:
    async with asyncio.timeout(SECONDS), StandIn(recorded("beta"), Options(from_start=True)) as server:
        chosen = (server, "--output", output, "--limit", str(len(events_of(recorded("beta")))))
        plain = await tail(*chosen)
        redacted = await tail(*chosen, "--redact")
    assert b'"SecretID":"<redacted>"' in redacted.out
    assert len(plain.lines) == len(redacted.lines)
    for before, after in zip(plain.lines, redacted.lines, strict=True):
        assert parse(after).value == masked(parse(before).value)
    secret = next(iter(re.findall(rb'"SecretID":"([^"]+)"', plain.out)))
    assert secret not in redacted.out


async def test_lines_have_time_object_and_sentence() -> None:
    async with asyncio.timeout(SECONDS), StandIn(recorded("tour"), Options(from_start=True)) as server:
        result = await tail(server, "--limit", "625")
    lines = result.out.decode().splitlines()
    assert len(lines) == 625
    found = re.compile(r"( ‹|‹~)2026-11-23 \d\d:\d\d:\d\d(\.\d{3}|    ) {2,}\d+  [A-Z][A-Za-z]+ +\S.*")
    assert [line for line in lines if not found.fullmatch(line)] == []
    assert " ‹2026-11-23 08:50:00.722       152  Allocation  web.frontend[1]  pending → running  gpu-1" in lines
    assert max(map(len, lines)) < 250
    assert (result.code, result.err) == (0, "")


async def test_events_of_a_beta_server_have_released_names() -> None:
    options = Options(from_start=True, version="1.0.0-beta3")
    async with asyncio.timeout(SECONDS), StandIn(recorded("beta"), options) as server:
        result = await tail(server, "--topic", "Alloc", "--topic", "evaluation", "--limit", "20")
        asked = server.requests[-1].all("topic")
    assert asked == ["Alloc:*", "Eval:*"]
    assert {line.split()[3] for line in result.lines} == {b"Allocation", b"Evaluation"}
    assert (result.code, result.err) == (0, "")


# Selection

CHOICE = [
    frame(1, event("Node", "n1", ""), event("Job", "web"), event("Allocation", "a1", FilterKeys=["web"])),
    frame(2, event("Job", "db"), event("Job", "web", "payments")),
    frame(3, event("Evaluation", "e1", "payments", FilterKeys=["web"])),
    frame(4, event("Node", "n1", "", Type="NodeDrain")),
]


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        ([], ["n1", "web", "a1", "db", "web", "e1", "n1"]),
        (["--topic", "Job"], ["web", "db", "web"]),
        (["--topic", "job", "--topic", "node"], ["n1", "web", "db", "web", "n1"]),
        (["--topic", "Job:web", "--topic", "Job:db"], ["web", "db", "web"]),
        (["--topic", "Alloc", "--topic", "Eval"], ["a1", "e1"]),
        (["--topic", "NodeDrain"], ["n1"]),
        (["--topic", "*:web"], ["web", "a1", "web", "e1"]),
        (["--namespace", "default"], ["n1", "web", "a1", "db", "n1"]),
        (["--namespace", "payments", "--topic", "Job"], ["web"]),
        (["--index", "2"], ["db", "web", "e1", "n1"]),
        (["--filter", "Job payments"], ["web"]),
        (["--filter", "web", "--topic", "Allocation"], ["a1"]),
        (["--filter", "nothing-of-the-kind"], []),
        (["--filter", "topic:alloc or -ns:default -topic:node -topic:eval"], ["a1", "web"]),
        (["--filter", "region:global topic:job"], ["web", "db", "web"]),
        (["--filter", "region:europe"], []),
        (["--limit", "2"], ["n1", "web"]),
        (["--filter", "db", "--limit", "1"], ["db"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
async def test_options_select_what_is_printed(arguments: list[str], keys: list[str]) -> None:
    options = Options(from_start=True, at_end=AtEnd.EOF)
    async with asyncio.timeout(SECONDS), StandIn(CHOICE, options) as server:
        result = await tail(server, "--output", "ndjson", "--retries", "0", *arguments)
    assert [value["Key"] for value in result.values] == keys
    assert result.code == (0 if "--limit" in arguments else 1)


async def test_frames_contain_only_selected_events() -> None:
    async with asyncio.timeout(SECONDS), StandIn(CHOICE, Options(lead=ALL_FRAMES)) as server:
        result = await tail(server, "--output", "frames", "--filter", "web", "--limit", "3")
    [first, second] = result.values
    assert [(first["Index"], [each["Key"] for each in first["Events"]])] == [(1, ["web", "a1"])]
    assert second == {"Index": 2, "Events": [event("Job", "web", "payments")]}
    assert all(text in CHOICE[0] for text in event_lines(result.lines[0]))


# Exit


async def test_the_limit_ends_it_while_events_still_arrive() -> None:
    options = Options(from_start=True, repeat=None)
    async with asyncio.timeout(SECONDS), StandIn(recorded("tour"), options) as server:
        result = await tail(server, "--limit", "1000")
        await server.until(lambda: server.subscribers == 0)
    assert (result.code, len(result.lines), result.err) == (0, 1000, "")


async def test_the_idle_timeout_ends_it() -> None:
    options = Options(pace=10, heartbeat=0.05)
    async with asyncio.timeout(SECONDS), StandIn(frames(range(1, 16)), options) as server:
        result = await tail(server, "--idle-exit", "1.2")
    assert (result.code, len(result.lines), result.err) == (0, 15, "")


@pytest.mark.parametrize("output", ["line", "ndjson"])
async def test_closing_its_output_ends_it_silently(output: str) -> None:
    options = Options(from_start=True, repeat=None)
    async with asyncio.timeout(SECONDS), StandIn(recorded("tour"), options) as server:
        shell = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            '("$@"; echo "code $?" >&2) | head -n 1',
            "sh",
            *(*command(), "tail", "--address", server.address, "--output", output),
            stdout=PIPE,
            stderr=PIPE,
        )
        result = await ended(shell)
        await server.until(lambda: server.subscribers == 0)
    assert (len(result.lines), result.err) == (1, "code 0\n")


async def test_a_full_disk_is_reported_in_one_sentence() -> None:
    async with asyncio.timeout(SECONDS), StandIn(recorded("tour"), Options(from_start=True)) as server:
        full = os.open("/dev/full", os.O_WRONLY)
        try:
            async with tailing(server, out=full) as process:
                result = await ended(process)
        finally:
            os.close(full)
    assert (result.code, len(result.sentences)) == (1, 1)
    assert "no space left on device" in result.err


async def test_a_closed_output_is_reported_in_one_sentence() -> None:
    async with asyncio.timeout(SECONDS):
        shell = await asyncio.create_subprocess_exec("sh", "-c", '"$@" >&-', "sh", PROGRAM, "tail", stderr=PIPE)
        result = await ended(shell)
    assert (result.code, len(result.sentences)) == (2, 1)
    assert "Standard output is closed" in result.err


async def test_ctrl_c_ends_it_quietly() -> None:
    options = Options(lead=ALL_FRAMES)
    async with asyncio.timeout(SECONDS), StandIn(frames([1, 2]), options) as server, tailing(server) as process:
        await read_lines(process, 2)
        process.send_signal(signal.SIGINT)
        result = await ended(process)
        await server.until(lambda: server.subscribers == 0)
    assert (result.code, result.out, result.err.strip()) == (130, b"", "")


async def test_sigterm_ends_it_after_what_was_read_is_printed() -> None:
    options = Options(lead=ALL_FRAMES)
    async with (
        asyncio.timeout(SECONDS),
        StandIn(frames(range(1, 101)), options) as server,
        tailing(server, "--output", "ndjson") as process,
    ):
        first = await read_lines(process, 1)
        process.terminate()
        result = await ended(process)
    assert (result.code, result.err) == (0, "")
    indexes = [int(json.loads(line)["Key"].removeprefix("job-")) for line in first + result.lines]
    assert indexes == [*range(1, len(indexes) + 1)]
    assert result.out.endswith(b"\n") or not result.out


async def test_no_server_is_code_1() -> None:
    async with asyncio.timeout(SECONDS):
        async with StandIn() as server, server.down():
            result = await tail(server)
    assert (result.code, result.out, len(result.sentences)) == (1, b"", 1)
    assert "connection refused" in result.err and "NOMAD_ADDR" in result.err
    assert "Retrying" not in result.err


@pytest.mark.parametrize("release", list(Release))
async def test_a_refusal_is_code_3(release: Release) -> None:
    options = Options(release=release, tokens={SECRET: MANAGEMENT})
    async with asyncio.timeout(SECONDS), StandIn(options=options) as server:
        result = await tail(server)
    assert (result.code, result.out, len(result.sentences)) == (3, b"", 1)
    assert (
        "A request without a token (anonymous) may read none of these topics" in result.err
        and "NOMAD_TOKEN" in result.err
    )


async def test_a_token_for_some_topics_gets_those_and_the_rest_is_reported() -> None:
    reader = Token(namespaces={"default": frozenset({"read-job"})})
    options = Options(tokens={SECRET: reader}, namespaces=(), lead=ALL_FRAMES)
    async with asyncio.timeout(SECONDS), StandIn(frames([1]), options) as server:
        partly = await tail(server, "--token", SECRET, "--limit", "1")
        refused = await tail(server, "--token", SECRET, "--topic", "Node")
        allowed = await tail(server, "--token", SECRET, "--topic", "Job", "--namespace", "default", "--limit", "1")
    assert (partly.code, len(partly.lines), len(partly.sentences)) == (0, 1, 1)
    assert "Node (needs node:read)" in partly.err
    assert (refused.code, refused.out) == (3, b"")
    assert SECRET not in refused.err + partly.err
    assert (allowed.code, len(allowed.lines), allowed.err) == (0, 1, "")


async def test_wrong_usage_is_code_2() -> None:
    async with asyncio.timeout(SECONDS):
        result = await tail(None, "--limit", "many")
    assert (result.code, result.out, len(result.sentences)) == (2, b"", 1)
    assert "--limit" in result.err and "many" in result.err


async def test_a_server_that_does_not_return_is_code_1_after_the_retries() -> None:
    async with asyncio.timeout(SECONDS), StandIn(frames([1]), Options(lead=1)) as server:
        for retries, attempts in ((0, 0), (1, 1)):
            async with tailing(server, "--retries", str(retries)) as process:
                await read_lines(process, 1)
                async with server.down():
                    result = await ended(process)
            *tried, last = result.sentences
            assert (result.code, len(tried)) == (1, attempts)
            assert all("Retrying in" in each for each in tried) and "Retrying" not in last


# Start


def written(index: int, *, ago: float) -> bytes:
    """Return a frame whose event has a time."""
    evaluation = {"ID": f"e{index}", "ModifyIndex": index, "ModifyTime": time_ns() - int(ago * 1e9)}
    return frame(index, event("Evaluation", f"e{index}", Payload={"Evaluation": evaluation}))


async def test_live_prints_nothing_from_the_servers_buffer() -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn(frames(range(1, 51)), Options(lead=ALL_FRAMES)) as server,
        tailing(server, "--live", "--limit", "3", "--output", "ndjson") as process,
    ):
        await server.subscribed()
        server.publish(*frames([51, 52]))
        await read_lines(process, 2)
        server.inject(End())
        await server.until(lambda: server.subscribers == 0)
        await server.subscribed()
        server.publish(frame(53))
        result = await ended(process)
    assert [value["Key"] for value in result.values] == ["job-53"]
    assert result.code == 0
    [lost] = result.sentences
    assert "Retrying in" in lost


async def test_since_prints_events_from_then_on() -> None:
    lines = [written(1, ago=7200), frame(2), written(3, ago=1200), written(4, ago=300), frame(5), written(6, ago=1)]
    async with asyncio.timeout(SECONDS), StandIn(lines, Options(lead=ALL_FRAMES)) as server:
        result = await tail(server, "--since", "10m", "--limit", "3", "--output", "frames")
    assert [value["Index"] for value in result.values] == [4, 5, 6]
    assert (result.code, result.err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--since", "2h"],
            "The server's oldest event of these topics is 1 h 20 m old: the last 2 h were requested.",
        ),
        (
            ["--index", "2"],
            "Index 2 is not available; the next one that the server holds is 3.",
        ),
        (["--index", "5"], "Index 5 does not exist yet; the server's newest is 4. Events from 5 on are shown."),
    ],
    ids=["since", "gone", "not yet"],
)
async def test_an_unavailable_start_is_reported_in_one_line(arguments: list[str], words: str) -> None:
    lines = [written(3, ago=4830), written(4, ago=60)]
    async with (
        asyncio.timeout(SECONDS),
        StandIn(lines, Options(lead=ALL_FRAMES)) as server,
        tailing(server, *arguments, "--limit", "1") as process,
    ):
        assert process.stderr is not None
        found = await process.stderr.readline()
        server.publish(frame(5))
        result = await ended(process)
    assert found.decode() == f"nomad-tui: {words}\n"
    assert (result.code, len(result.lines), result.err) == (0, 1, "")


async def test_lines_mark_backlog_and_approximate_times() -> None:
    lines = [written(1, ago=600), frame(2)]
    async with (
        asyncio.timeout(SECONDS),
        StandIn(lines, Options(lead=ALL_FRAMES)) as server,
        tailing(server, "--limit", "4") as process,
    ):
        waited = await read_lines(process, 2)
        server.publish(written(3, ago=0), frame(4))
        result = await ended(process)
    printed = [line.decode() for line in [*waited, *result.lines]]
    assert [line[:2] for line in printed] == [" ‹", "‹~", "  ", "  "]
    assert all(line[2:6].isdigit() for line in printed), "the date begins in the same column"


# Messages


async def test_warnings_go_to_standard_error_once_however_often_it_reconnects() -> None:
    options = Options(lead=ALL_FRAMES, clock_offset=300.0, protocol="HTTP/0.0")
    async with (
        asyncio.timeout(SECONDS),
        StandIn(frames([1]), options) as server,
        tailing(server, "--limit", "3", "--topic", "Job", "--topic", "Bogus") as process,
    ):
        for index in (2, 3):
            await read_lines(process, 1)
            server.inject(End())
            await server.until(lambda: server.subscribers == 0)
            await server.subscribed()
            server.publish(frame(index))
        result = await ended(process)
    assert (result.code, len(result.lines)) == (0, 1)
    notices = [line.removeprefix("nomad-tui: ") for line in result.sentences]
    assert len([line for line in notices if "Retrying in" in line]) == 2
    for words in ("topic Bogus", "5 min ahead", "HTTP/0.0"):
        assert len([line for line in notices if words in line]) == 1, words
    assert len(notices) == 5


async def test_a_takeover_by_another_server_is_reported() -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn(frames([1]), Options(lead=1)) as first,
        StandIn(frames([1]), Options(lead=1)) as second,
        tailing(
            None, "--address", f"{first.address},{second.address}", "--limit", "2", "--output", "ndjson"
        ) as process,
    ):
        await read_lines(process, 1)
        async with first.down():
            await second.subscribed()
            second.publish(frame(2))
            result = await ended(process)
    assert [value["Key"] for value in result.values] == ["job-2"]
    lost, moved = result.sentences
    assert "ended the stream" in lost and "Retrying in" in lost
    assert f"Events come from {second.address} now" in moved and first.address in moved


async def test_a_reconnect_loses_and_repeats_nothing() -> None:
    faults = (
        Scheduled(fault=Cut(), after_frames=90, stream=0),
        Scheduled(fault=Reset(), after_frames=100, stream=1),
    )
    async with asyncio.timeout(SECONDS), StandIn(recorded("tour"), Options(from_start=True, faults=faults)) as server:
        result = await tail(server, "--output", "ndjson", "--limit", "625")
    assert result.lines == events_of(recorded("tour"))
    assert (result.code, len(result.sentences)) == (0, 2)
    assert all("Retrying in" in each for each in result.sentences)


async def test_a_gap_is_one_line_that_scripts_can_match() -> None:
    async with (
        asyncio.timeout(SECONDS),
        StandIn(frames([1, 2, 3]), Options(lead=ALL_FRAMES)) as server,
        tailing(server, "--limit", "4", "--output", "ndjson") as process,
    ):
        await read_lines(process, 3)
        await server.restart(frames([9]))
        result = await ended(process)
    assert [value["Key"] for value in result.values] == ["job-9"]
    assert result.code == 0
    [gap] = [line for line in result.sentences if line.startswith("gap:")]
    assert "4–8 may be missing" in gap


async def test_no_change_is_claimed_across_a_gap() -> None:
    def node(index: int, status: str) -> bytes:
        return frame(index, event("Node", "n1", "", Payload={"Node": {"ID": "n1", "Name": "edge", "Status": status}}))

    async with (
        asyncio.timeout(SECONDS),
        StandIn([node(1, "ready"), node(2, "down")], Options(lead=ALL_FRAMES)) as server,
        tailing(server, "--limit", "3") as process,
    ):
        found = await read_lines(process, 2)
        await server.restart([node(9, "ready")])
        result = await ended(process)
    assert "ready → down".encode() in found[1] and b"down" not in result.lines[0]


async def test_the_first_of_many_unreadable_lines_are_quoted_and_all_are_counted() -> None:
    lines = [b"\x1b[31mno frame %d" % number for number in range(2000)]
    options = Options(from_start=True, at_end=AtEnd.STAY, raw=True)
    async with asyncio.timeout(SECONDS), StandIn([*lines, frame(1)], options) as server:
        result = await tail(server, "--limit", "1")
    assert (result.code, len(result.lines)) == (0, 1)
    *quoted, count = result.sentences
    assert len(quoted) == 5 and "no frame 0" in quoted[0]
    assert "2,000 lines could not be read" in count
    assert "\x1b" not in result.err


def assert_harmless(printed: bytes) -> None:
    """Assert that there are no control characters."""
    text = printed.decode()
    assert set(re.findall(r"[\x00-\x1f\x7f-\x9f]", text)) <= {"\n"}
    assert not re.search(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]", text)


HOSTILE = [
    *recordings.lines("hostile"),
    frame(90, event("Job", "\x9b31m\u202e\x7f\u2028", "\x85\x00", Payload={"\x9d": "\x1b]0;title\x07"})),
    json.dumps({"Index": 91, "Events": [event("\u202eJob", "raw")]}, ensure_ascii=False).encode(),
    b'{"Index":92,\r\t"Events":[{"Topic":"Job","Key":"spaces","Payload":{"a":\r1}}]}',
    b'{"Index":93,"Events":[{"Topic":"Job","Key":"deep","Payload":' + b'{"\x1b[2J":' * 2000 + b"1" + b"}" * 2003,
    frame(94),
]
HOSTILE_FRAMES = [update for line in HOSTILE if isinstance(update := decode(line), Frame) and update.events]
HOSTILE_EVENTS = sum(len(update.events) for update in HOSTILE_FRAMES)


async def test_hostile_events_are_escaped_on_a_screen() -> None:
    options = Options(from_start=True, raw=True)
    async with asyncio.timeout(SECONDS), StandIn(HOSTILE, options) as server:
        result = await tail(server, "--limit", str(HOSTILE_EVENTS))
    assert (result.code, len(result.lines)) == (0, HOSTILE_EVENTS)
    assert_harmless(result.out)
    assert_harmless(result.err.encode())
    unreadable = sum(isinstance(decode(line), Unreadable) for line in HOSTILE)
    assert [line for line in result.sentences if not line.startswith("gap:")][-1] == (
        f"nomad-tui: {unreadable} lines could not be read."
    )


@pytest.mark.parametrize("output", ["ndjson", "frames"])
async def test_hostile_events_are_escaped_on_a_terminal_and_keep_their_values(output: str) -> None:
    options = Options(from_start=True, raw=True)
    arguments = ("--output", output, "--limit", str(HOSTILE_EVENTS))
    async with asyncio.timeout(SECONDS), StandIn(HOSTILE, options) as server:
        printed = await on_a_terminal(server, *arguments)
        piped = await tail(server, *arguments)
    assert_harmless(printed)
    assert len(printed.splitlines()) == len(piped.out.split(b"\n")) - 1
    for shown, sent in zip(printed.splitlines(), piped.out.split(b"\n"), strict=False):
        try:
            value = json.loads(sent.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            continue
        assert json.loads(shown) == value


async def on_a_terminal(server: StandIn, *arguments: str) -> bytes:
    """Return the bytes that reach a terminal."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    terminal = asyncio.StreamReader(limit=2**26)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(terminal), os.fdopen(master, "rb", buffering=0)
    )
    received = asyncio.create_task(terminal.readuntil(b"the end"))
    try:
        async with tailing(server, *arguments, out=slave) as process:
            result = await ended(process)
        os.write(slave, b"the end")
        printed = await received
    finally:
        received.cancel()
        transport.close()
        os.close(slave)
    assert result.code == 0
    return printed.removesuffix(b"the end")


# A reader that stalls


async def test_a_stalled_pipe_uses_no_server_memory_and_loses_no_event() -> None:
    """The stream is read until the buffer is full, then disconnected, and later resumed from there."""
    reading, writing = os.pipe()
    errors = io.StringIO()
    texts = [event("Job", f"job-{index}", Payload={"Text": "x" * 3_000}) for index in range(1, 401)]
    lines = [frame(index, text) for index, text in enumerate(texts, 1)]
    async with asyncio.timeout(SECONDS), StandIn(lines[:300], Options(lead=ALL_FRAMES, buffer_size=1_000)) as server:
        connection = Connection.from_environment({"address": server.address}, environ={})
        options = TailOptions(output=Output.NDJSON, limit=400, buffered=300_000)
        with os.fdopen(writing, "wb") as output:
            task = asyncio.create_task(run_tail(LiveServer(connection), options, output, errors))
            await server.subscribed()
            await server.until(lambda: server.subscribers == 0)
            assert "too slow" in errors.getvalue()
            server.publish(*lines[300:])
            pipe = os.fdopen(reading, "rb")
            printed = [json.loads(await asyncio.to_thread(pipe.readline))["Key"] for _ in range(400)]
            assert await task == 0
        pipe.close()
    assert printed == [f"job-{index}" for index in range(1, 401)]
    assert "reconnecting" in errors.getvalue() and "gap" not in errors.getvalue()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_a_signal_ends_tail_although_its_pipe_is_not_read(number: signal.Signals, code: int) -> None:
    reading, writing = os.pipe()
    lines = [frame(index, event("Job", f"job-{index}", Payload={"Text": "x" * 3_000})) for index in range(1, 200)]
    async with (
        asyncio.timeout(SECONDS),
        StandIn(lines, Options(lead=ALL_FRAMES)) as server,
        tailing(server, "--output", "ndjson", out=writing) as process,
    ):
        os.close(writing)
        assert (await asyncio.to_thread(os.read, reading, 1)) == b"{"
        process.send_signal(number)
        assert await process.wait() == code
    os.close(reading)


async def test_the_minimum_level_applies_to_every_output() -> None:
    tour = str(recordings.path("tour"))
    lines = await tail(None, tour, "--level", "failure")
    objects = await tail(None, tour, "--level", "failure", "--output", "ndjson")
    assert (lines.code, objects.code) == (0, 0)
    assert any(b"edge-2  ready \xe2\x86\x92 down" in line for line in lines.lines)
    assert not any(b"unchanged" in line or b"registered" in line for line in lines.lines)
    assert len(lines.lines) == len(objects.values) < 40


def test_a_report_counts_the_shown_events_and_contains_no_secret() -> None:
    ran = subprocess.run(
        [*command(), "tail", "-", "--output", "report", "--filter", "status:failed"],
        input=recordings.content("tour"), capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    report = ran.stdout.decode()
    events = len(subprocess.run(
        [*command(), "tail", "-", "--filter", "status:failed"],
        input=recordings.content("tour"), capture_output=True, timeout=60, check=True,
    ).stdout.splitlines())  # fmt: skip
    assert report.startswith("# Incident report: standard input")
    for part in ("- Filter: status:failed", f"- Events: {events}", "## Events every", "## Timeline"):
        assert part in report
    assert report.count("| 2026-11-23T") >= events
