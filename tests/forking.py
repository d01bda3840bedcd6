"""Starts the program as often as a test kills it: each time as a process of its own, forked from one that has loaded
everything already.

`python -m tests.forking` reads a line of JSON for each start, the arguments of `nomad-tui`, and answers with its PID.
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

# Loaded before the fork, whatever `sink run` loads only then.
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
        """The PID of `nomad-tui` with these arguments, which has only just begun."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments).encode() + b"\n")
        await self._process.stdin.drain()
        return int(await self._process.stdout.readline())

    @staticmethod
    async def end(pid: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends the signal, and returns once the process is gone."""
        os.kill(pid, number)
        with suppress(ProcessLookupError):
            while True:
                os.kill(pid, 0)
                await asyncio.sleep(0.005)


@asynccontextmanager
async def starter(log: Path) -> AsyncIterator[Starter]:
    """What the processes write to standard error is added to `log`."""
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.forking",
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
            os.killpg(process.pid, signal.SIGKILL)  # and whatever a failed test has left running
        await process.wait()


def _serve() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that are killed
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
