"""Starts runners that a test kills: each is forked from a process that has already imported everything.

`python -m tests.forked_runners` reads the arguments of `nomad-tui` as a JSON line per start, and answers with the PID.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import nomad_tui.cli.run
import nomad_tui.cli.sink
import nomad_tui.config.profiles

# Modules that `sink run` imports lazily are imported before the fork.
import nomad_tui.journal.journal
import nomad_tui.sinks.runner.logs
import nomad_tui.sinks.runner.service
import nomad_tui.sinks.types.webhook  # noqa: F401
from nomad_tui.cli.main import main

ROOT = Path(__file__).parent.parent


class Starter:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def start(self, *arguments: str) -> int:
        """Start `nomad-tui` with these arguments, and return its PID."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments).encode() + b"\n")
        await self._process.stdin.drain()
        return int(await self._process.stdout.readline())

    @staticmethod
    async def end(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal, and wait until the process has ended."""
        os.kill(pid, number)
        with suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)
                await asyncio.sleep(0.005)


@asynccontextmanager
async def starter(log: Path) -> AsyncIterator[Starter]:
    """Append the standard error of all processes to `log`."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.forked_runners",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    try:
        yield Starter(process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # including processes that a failed test left running
        await process.wait()


def _serve() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # let the kernel reap the killed processes
    for line in sys.stdin:
        arguments: Sequence[str] = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(null, 1)
            try:
                main(arguments, prog_name="nomad-tui")
            finally:
                sys.stderr.flush()
                os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    _serve()
