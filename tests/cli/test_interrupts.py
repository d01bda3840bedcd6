"""Ctrl+C: no traceback, and a second one always ends the program."""

import signal
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "code", "printed"), [("nomad_tui.cli", -signal.SIGINT, ""), ("nomad_tui.cli.main", 0, "interrupted\n")]
)
def test_ctrl_c_prints_no_traceback_during_imports(module: str, code: int, printed: str) -> None:
    program = f"""
import os, signal, {module}
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, printed, "")


STUBBORN = """
import asyncio
from nomad_tui.cli import interrupts
async def work():
    print("started", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("ending", flush=True)
        await asyncio.Event().wait()
interrupts.run(work())
"""


def test_a_second_ctrl_c_ends_a_program_that_waits_at_its_end() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in b"started\n", b"ending\n":
            assert process.stdout.readline() == line
            process.send_signal(signal.SIGINT)
        assert (process.wait(60), process.stderr.read()) == (-signal.SIGINT, b"")
