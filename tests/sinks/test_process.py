"""A runner as a process: signals, other runners on the same journal, and a log that breaks or moves."""

import asyncio
import fcntl
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import pytest

from nomad_tui.core.identity import Identities
from nomad_tui.journal.reader import JournalReader
from nomad_tui.standin import ALL_FRAMES, Options, StandIn
from tests import recordings
from tests.fork_server import command
from tests.forked_runners import Starter, starter
from tests.receiver import Fault, receiver
from tests.runner import SECONDS, define

FRAMES = recordings.frames("tour", 100)


@dataclass
class Place:
    folder: Path
    processes: Starter
    address: str

    @property
    def arguments(self) -> tuple[str, ...]:
        journal = str(self.folder / "test.journal")
        return "sink", "run", "--address", self.address, "--config", str(self.folder), "--journal", journal

    def webhook(self, url: str) -> None:
        define(self.folder, "hook", f'type = "webhook"\naddress = "{url}"\ntimeout = "1m"\n')

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    async def logged(self, text: str) -> None:
        while text not in self.log:  # noqa: ASYNC110  # written by another process
            await asyncio.sleep(0.01)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with (
        asyncio.timeout(SECONDS),
        StandIn([frame.line for frame in FRAMES], Options(lead=ALL_FRAMES, buffer_size=len(FRAMES))) as server,
        starter(tmp_path / "log") as processes,
    ):
        yield Place(tmp_path, processes, server.address)


async def test_sigterm_waits_for_a_hanging_receiver_only_until_its_deadline(place: Place) -> None:
    async with receiver() as hook:
        hook.answer(fault=Fault.HANG, times=None)
        place.webhook(hook.url)
        pid = await place.processes.start(*place.arguments, "--drain", "200ms")
        await hook.received(1)
        asked = monotonic()
        await place.processes.end(pid, signal.SIGTERM)
        assert 0.2 <= monotonic() - asked < 5
        assert "left={'hook': " in place.log


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_it_at_once(place: Place, asked: signal.Signals) -> None:
    async with receiver() as hook:
        hook.answer(fault=Fault.HANG, times=None)
        place.webhook(hook.url)
        pid = await place.processes.start(*place.arguments, "--drain", "1h")
        await hook.received(1)
        os.kill(pid, asked)
        await place.logged("draining")
        await place.processes.end(pid, asked)
        assert "runner_ended" in place.log


async def test_events_in_flight_at_the_end_are_resent_with_the_same_id(place: Place) -> None:
    async with receiver() as hook:
        hook.answer(fault=Fault.HANG)
        place.webhook(hook.url)
        pid = await place.processes.start(*place.arguments, "--drain", "10ms")
        await hook.received(1)
        await place.processes.end(pid, signal.SIGTERM)
        pid = await place.processes.start(*place.arguments)
        await hook.received(len(FRAMES) + 1)
        await place.processes.end(pid, signal.SIGTERM)
        ids = [request.headers["webhook-id"] for request in hook.requests]
        assert ids[0] == ids[1]
        assert len(set(ids)) == len(FRAMES)


async def test_sighup_and_a_stop_in_between_lose_nothing(place: Place) -> None:
    async with receiver() as hook, receiver() as other:
        place.webhook(hook.url)
        pid = await place.processes.start(*place.arguments)
        await hook.received(10)
        os.kill(pid, signal.SIGSTOP)
        define(place.folder, "other", f'type = "webhook"\naddress = "{other.url}"\nbegin = "oldest"\n')
        os.kill(pid, signal.SIGHUP)
        os.kill(pid, signal.SIGCONT)
        await asyncio.gather(hook.received(len(FRAMES)), other.received(len(FRAMES)))
        await place.processes.end(pid, signal.SIGTERM)
        for each in (hook, other):
            assert [request.json["Index"] for request in each.requests] == [frame.index for frame in FRAMES]


async def test_a_moved_log_is_continued_in_a_new_file(place: Place) -> None:
    log, moved = place.folder / "own.log", place.folder / "own.log.1"
    pid = await place.processes.start(*place.arguments, "--log-file", str(log))
    while not log.exists() or "stream_connected" not in log.read_text():  # noqa: ASYNC110  # written by another process
        await asyncio.sleep(0.01)
    log.rename(moved)
    await place.processes.end(pid, signal.SIGTERM)
    assert "runner_started" in moved.read_text()
    assert "runner_ended" in log.read_text()
    assert "runner_ended" not in moved.read_text()


async def test_a_second_runner_reports_who_uses_the_journal(place: Place) -> None:
    async with receiver() as hook:
        place.webhook(hook.url)
        pid = await place.processes.start(*place.arguments)
        await hook.received(1)
        second = await asyncio.create_subprocess_exec(*(*command(), *place.arguments), stderr=asyncio.subprocess.PIPE)
        _, printed = await second.communicate()
        await place.processes.end(pid, signal.SIGKILL)
        assert second.returncode == 1
        assert f"is in use: process {pid} on " in printed.decode()
        # A lock ends with its process.
        await place.processes.end(await place.processes.start(*place.arguments, "--drain", "10ms"), signal.SIGTERM)


async def test_a_log_without_a_reader_does_not_end_the_runner(place: Place) -> None:
    async with receiver() as hook:
        place.webhook(hook.url)
        reading, writing = os.pipe()
        runner = await asyncio.create_subprocess_exec(*(*command(), *place.arguments), stderr=writing)
        os.close(writing)
        await asyncio.to_thread(os.read, reading, 1)
        os.close(reading)
        define(place.folder, "broken", "what is wrong here is logged")
        await hook.received(len(FRAMES))
        runner.send_signal(signal.SIGTERM)
        assert await runner.wait() == 0


async def test_events_keep_their_ids_while_no_server_responds_and_a_new_address_is_warned_about(place: Place) -> None:
    """The region is part of an ID, and is only known from a server."""
    journal = place.folder / "test.journal"
    async with receiver() as hook:
        await hook.down()
        place.webhook(hook.url)
        pid = await place.processes.start(*place.arguments)
        await place.logged("sink_refused_or_failed")
        with JournalReader(journal) as reader:
            while (  # noqa: ASYNC110  # written by another process
                runner := reader.overview().runner
            ) is None or runner.region != "global":
                await asyncio.sleep(0.01)
        await place.processes.end(pid)
        await hook.up()
        nowhere = replace(place, address="http://127.0.0.1:1")
        pid = await place.processes.start(*nowhere.arguments)
        await hook.received(1)
        await place.processes.end(pid)
    ids = Identities("global").of(FRAMES[0])
    assert hook.requests[0].headers["webhook-id"] in (ids[0], f"{ids[0]}+{ids[-1]}")
    assert "journal_of_another_address" in place.log


async def test_a_stalled_reader_of_the_log_delays_nothing(place: Place) -> None:
    async with receiver() as hook:
        hook.answer(400, times=None)  # each refusal is logged
        define(
            place.folder,
            "hook",
            f'type = "webhook"\naddress = "{hook.url}"\nheaders = {{ X-Long = "{"x" * 1000}" }}\n'
            "[retry]\nmax_attempts = 1\nmin_backoff = 0.01\nmax_backoff = 0.01\n",
        )
        reading, writing = os.pipe()
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # elsewhere pipes are small by default
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        process = await asyncio.create_subprocess_exec(*command(), *place.arguments, stderr=writing)
        os.close(writing)
        await hook.received(len(FRAMES))
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        os.close(reading)


async def test_a_runner_ends_with_the_reader_of_its_only_sink(place: Place) -> None:
    define(place.folder, "follow", 'type = "stdout"\nformat = "event"\nbegin = "oldest"\n')
    arguments = (*command(), *place.arguments[:2], "follow", *place.arguments[2:])
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(*arguments, stdout=writing, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    os.close(writing)
    with os.fdopen(reading, "rb") as output:
        assert (await asyncio.to_thread(output.readline)).startswith(b"{")
    message = await process.stderr.read()
    assert await process.wait() == 0
    assert b"reader_has_gone" in message
