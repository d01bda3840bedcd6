"""Commands of watch rules and sinks, as real processes."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nomad_tui.process import Command, CommandError, CommandRunner, Outcome


def python(code: str, timeout: float = 10.0) -> Command:
    return Command((sys.executable, "-S", "-c", code), timeout)


async def run(
    command: Command, content: bytes = b"", environment: dict[str, str] | None = None, **fields: str
) -> Outcome:
    async with asyncio.timeout(60):
        return await CommandRunner(environment=environment).run(command, content, fields)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110  # changed by another process
        await asyncio.sleep(0.01)


def is_running(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except FileNotFoundError:
        return False


async def test_a_command_reads_the_event_and_its_output_and_exit_code_are_kept() -> None:
    outcome = await run(python("import sys; print('got', len(sys.stdin.read())); sys.exit(3)"), b"x" * 300_000)
    assert (outcome.code, outcome.output, outcome.succeeded) == (3, b"got 300000\n", False)
    assert outcome.describe(10) == "exit 3: got 300000"


async def test_a_command_can_ignore_its_input_and_write_endlessly() -> None:
    outcome = await run(python("print('y' * 3_000_000); print('\\x1b[2Jlast')"), b"x" * 3_000_000)
    assert outcome.succeeded
    assert len(outcome.output) <= 4096
    assert outcome.describe(10) == f"exit 0: {'y' * 199}… · ␛[2Jlast"


async def test_variables_contain_cluster_text_without_invalid_characters() -> None:
    script = "import os; print(ascii([os.environ.get(n) for n in ('A', 'B', 'NOMAD_TOKEN', 'NOMAD_ADDR')]))"
    outer = {"NOMAD_TOKEN": "secret", "NOMAD_ADDR": "http://x"}
    outcome = await run(python(script), b"", outer, A="one\0two\n$(reboot)\ud800", B="b" * 2_000_000)
    assert outcome.output.decode().strip() == ascii(["onetwo\n$(reboot)?", "b" * 1000, None, "http://x"])
    named = Command(python(script).argv, inherit=frozenset(("NOMAD_TOKEN",)))
    assert b"secret" in (await run(named, b"", outer)).output


async def test_there_is_neither_a_shell_nor_a_terminal() -> None:
    script = "import os, sys; print(sys.argv[1], os.getpgrp() == os.getpid() == os.getsid(0)); os.open('/dev/tty', 2)"
    outcome = await run(Command((*python(script).argv, "$HOME;*")))
    assert outcome.output.startswith(b"$HOME;* True\n")
    assert b"/dev/tty" in outcome.output


async def test_the_time_limit_ends_the_command_and_its_children() -> None:
    code = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = os.fork()\n"
        "if child: print(os.getpid(), child, flush=True)\n"
        "time.sleep(600)"
    )
    outcome = await run(python(code, timeout=0.5))
    assert (outcome.code, outcome.signal, outcome.timed_out) == (None, signal.SIGKILL, True)
    assert outcome.describe(0.5).startswith("ended after its time limit of 0.5 s: ")
    async with asyncio.timeout(60):
        await until(lambda: not any(map(is_running, map(int, outcome.output.split()))))


async def test_children_that_a_command_leaves_end_with_it_and_are_not_waited_for() -> None:
    outcome = await run(python("import os, time\nchild = os.fork()\nif child: print(child)\nelse: time.sleep(600)"))
    assert outcome.code == 0
    assert outcome.seconds < 10
    async with asyncio.timeout(60):
        await until(lambda: not is_running(int(outcome.output)))


async def test_closing_ends_running_commands_and_starts_no_more(tmp_path: Path) -> None:
    runner, began = CommandRunner(concurrency=1), tmp_path / "began"
    code = f"import os, time; open({str(began)!r}, 'x').write(str(os.getpid())); time.sleep(600)"
    async with asyncio.timeout(60):
        runs = [asyncio.create_task(runner.run(python(code, timeout=600), b"", {})) for _ in range(2)]
        await until(lambda: began.exists() and bool(began.read_text()))
        await runner.close()
        ended, never = await asyncio.gather(*runs, return_exceptions=True)
    assert isinstance(ended, CommandError)
    assert isinstance(never, CommandError)
    assert not is_running(int(began.read_text()))


async def test_a_cancelled_run_leaves_no_process(tmp_path: Path) -> None:
    began = tmp_path / "began"
    code = f"import os, time; open({str(began)!r}, 'x').write(str(os.getpid())); time.sleep(600)"
    async with asyncio.timeout(60):
        running = asyncio.create_task(CommandRunner().run(python(code, timeout=600), b"", {}))
        await until(lambda: began.exists() and bool(began.read_text()))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert not is_running(int(began.read_text()))


@pytest.mark.parametrize(
    ("argv", "why"),
    [(("/no/such\x1bthing",), "no such file or directory"), ((os.sep,), "permission denied"), (("a\0b",), "null byte")],
)
async def test_a_command_that_cannot_be_started_says_why(argv: tuple[str, ...], why: str) -> None:
    with pytest.raises(CommandError, match=f"cannot be started: .*{why}") as error:
        await run(Command(argv))
    assert str(error.value).isprintable()
