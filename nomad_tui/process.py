"""Runs the commands that an operator configured, for watch rules and for sinks of type `exec`.

A command is an argument vector: no shell is involved, and nothing from the cluster is ever part of it. Data from the
cluster is passed as bytes on standard input and in a few named variables. A command has its own session and process
group, and therefore no terminal, and it ends within its time limit with everything it started.
"""

import asyncio
import os
import signal
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

from nomad_tui.core.objects.registry import kind
from nomad_tui.core.secrets import masked_text
from nomad_tui.core.text import printable
from nomad_tui.core.topics import released_topic
from nomad_tui.core.wire import Event

WITHHELD: Final = frozenset(("NOMAD_TOKEN", "NOMAD_HTTP_AUTH"))
"""Variables with secrets: a command inherits them only if it names them."""
PASSED: Final = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")
"""Variables that every command of a sink inherits."""
LONGEST_VALUE: Final = 1_000
"""Characters of a variable with text from the cluster."""
OUTPUT_KEPT: Final = 4_096
"""Bytes kept from the end of a command's output."""
LINES_QUOTED: Final = 3
LONGEST_QUOTE: Final = 200
"""Lines of output in an outcome's description, and characters of each."""
GRACE: Final = 2.0
"""Seconds between SIGTERM and SIGKILL."""


def event_fields(event: Event, index: int) -> dict[str, str]:
    """Variables that describe an event to a command; the values are untrusted."""
    return {
        "NOMAD_EVENT_TOPIC": released_topic(event.topic),
        "NOMAD_EVENT_TYPE": event.type,
        "NOMAD_EVENT_KEY": event.key,
        "NOMAD_EVENT_NAMESPACE": event.namespace,
        "NOMAD_EVENT_JOB": kind(released_topic(event.topic)).job_of(event.key, event.filter_keys or ()),
        "NOMAD_EVENT_INDEX": str(event.index if event.index >= 0 else index),
    }


def clean_environment(names: Iterable[str]) -> dict[str, str]:
    """`PASSED` and the named variables, if set: the runner's other variables may hold the secrets of other sinks."""
    return {name: os.environ[name] for name in (*PASSED, *names) if name in os.environ}


class CommandError(Exception):
    """A command could not be started. The text is one line, safe to display."""


@dataclass(frozen=True, slots=True)
class Command:
    argv: tuple[str, ...]
    """At least the program: a path, or a name found in PATH."""
    timeout: float = 10.0
    """Seconds."""
    inherit: frozenset[str] = frozenset()
    """Variables of `WITHHELD` to inherit."""


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int | None
    """The exit code; None if a signal ended it."""
    signal: int = 0
    timed_out: bool = False
    output: bytes = b""
    """The end of standard output and standard error; untrusted."""
    seconds: float = 0.0

    @property
    def succeeded(self) -> bool:
        return self.code == 0 and not self.timed_out

    def describe(self, timeout: float) -> str:
        """`exit 1: no such pager`, with the end of the output; one line, masked and safe to display."""
        if self.timed_out:
            text = f"ended after its time limit of {timeout:g} s"
        elif self.code is None:
            text = f"ended by signal {self.signal}"
        else:
            text = f"exit {self.code}"
        lines = [line.strip() for line in self.output.decode("utf-8", "replace").splitlines()]
        last = [printable(masked_text(line), LONGEST_QUOTE) for line in lines if line][-LINES_QUOTED:]
        return f"{text}: {' · '.join(last)}" if last else text


class CommandRunner:
    """Runs commands, at most `concurrency` at once; `close` ends those still running."""

    def __init__(self, concurrency: int = 4, environment: Mapping[str, str] | None = None) -> None:
        """`environment` is what commands inherit; None for this program's own."""
        self._slots = asyncio.Semaphore(concurrency)
        self._environment = environment
        self._running: set[_Process] = set()
        self._is_closed = False

    async def run(self, command: Command, content: bytes, fields: Mapping[str, str]) -> Outcome:
        """Runs a command with `content` on standard input and `fields` as variables.

        Raises `CommandError` if it cannot be started. If cancelled, ends the command first.
        """
        async with self._slots:
            if self._is_closed:
                raise CommandError("not started: the program is ending")
            begun = monotonic()
            process = await self._start(command, fields)
            self._running.add(process)
            try:
                if not self._is_closed:  # closed while it was being started
                    process.feed(content)
                    async with asyncio.timeout(command.timeout):
                        await process.exited.wait()
                timed_out = False
            except TimeoutError:
                timed_out = True
            finally:
                await asyncio.shield(self._end(process))
        if self._is_closed:
            raise CommandError("ended: the program is ending")
        return process.outcome(timed_out, monotonic() - begun)

    async def close(self) -> None:
        """Ends running commands. May be called more than once."""
        self._is_closed = True
        await asyncio.gather(*(self._end(process) for process in list(self._running)))

    async def _end(self, process: "_Process") -> None:
        await process.end()
        self._running.discard(process)

    async def _start(self, command: Command, fields: Mapping[str, str]) -> "_Process":
        inherited = os.environ if self._environment is None else self._environment
        environment = {
            name: value for name, value in inherited.items() if name not in WITHHELD or name in command.inherit
        }
        environment |= {name: _value(text) for name, text in fields.items()}
        try:
            _, process = await asyncio.get_running_loop().subprocess_exec(
                _Process,
                *command.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else str(error)
            raise CommandError(f"{printable(command.argv[0], 80)} cannot be started: {printable(why, 200)}") from None
        return process


def _value(text: str) -> str:
    """Text from the cluster as a variable: bounded, without NUL, and valid UTF-8."""
    return text.replace("\0", "")[:LONGEST_VALUE].encode("utf-8", "replace").decode()


class _Process(asyncio.SubprocessProtocol):
    """One running command. It is over when it exits, not when its output ends, which a process it leaves behind may
    keep open: asyncio's streams would wait for that."""

    def __init__(self) -> None:
        self.exited = asyncio.Event()
        self._closed = asyncio.Event()
        """Set once its output has ended too."""
        self._output = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._output += data
        del self._output[:-OUTPUT_KEPT]

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed.set()

    def feed(self, content: bytes) -> None:
        """Writes to standard input in the background; the command need not read it."""
        pipe = self._transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport), "started with a pipe"
        pipe.write(content)
        pipe.close()

    async def end(self) -> None:
        """Ends the rest of the command's process group, and reads the rest of its output."""
        if self._signal_group(signal.SIGTERM):
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await self.exited.wait()
            self._signal_group(signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):  # a process of another user cannot be killed
                await self.exited.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):  # a process that left the group may keep the output open
                await self._closed.wait()
        with suppress(PermissionError):
            self._transport.close()

    def _signal_group(self, number: signal.Signals) -> bool:
        """Signals the process group, led by the command (`start_new_session`). Returns whether any process was left."""
        try:
            os.killpg(self._transport.get_pid(), number)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def outcome(self, timed_out: bool, seconds: float) -> Outcome:
        code = self._transport.get_returncode()
        if code is None or code < 0:
            return Outcome(None, -(code or 0), timed_out, bytes(self._output), seconds)
        return Outcome(code, 0, timed_out, bytes(self._output), seconds)
