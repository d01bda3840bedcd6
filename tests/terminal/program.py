"""Runs `nomad-tui` in a pseudo-terminal: keys, mouse, resizing, job control, and waiting for facts on the screen."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final, Self

from nomad_tui.ui.facets.picker import RANK_INTERVAL
from tests.terminal.emulator import Cell, Emulator

COMMAND: Final = Path(sys.executable).with_name("nomad-tui")
TIMEOUT: Final = 45.0
"""Seconds after which a missing fact is a failure, also on a busy machine."""
QUIET: Final = 0.3
"""Seconds without output after which the program has nothing more to draw: its slowest timer is 0.25 s."""
ESCAPE_DELAY: Final = 0.15
"""Seconds between Esc and the next key: sooner, the two would be parsed as one sequence."""
BUSY: Final = 0.25
"""Share of the time: a program that ran or was runnable for longer is still working, even without output."""
KEYS: Final = {
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "pageup": b"\x1b[5~",
    "pagedown": b"\x1b[6~",
    "delete": b"\x1b[3~",
    "enter": b"\r",
    "escape": b"\x1b",
    "tab": b"\t",
    "shift+tab": b"\x1b[Z",
    "space": b" ",
    "backspace": b"\x7f",
    "ctrl+left": b"\x1b[1;5D",
    "ctrl+right": b"\x1b[1;5C",
    "f1": b"\x1bOP",
    "f2": b"\x1bOQ",
    "f8": b"\x1b[19~",
    **{f"ctrl+{letter}": bytes([ord(letter) - 96]) for letter in "abcdefghjklnopqrstuvwxyz"},
}
_TICKING: Final = re.compile(r"\d[\d,.]*(?= ?(?:ms|s|m|h|d|/s)\b)|[▁▂▃▄▅▆▇█]+|● live|◌ connecting|○ reconnecting")
"""Text that changes by itself: ages, rates, sparklines, and the state of the connection to a paused server."""
_RATE: Final = re.compile(r" +\d[\d,.]*/s\b")
"""In the header if there is room for it: more digits need more."""
_BUSY: Final = re.compile(r"searching …|Topics …| of [\d,]+ …")
_FILLING: Final = re.compile(r"([ ─])\1+")
_MODES: Final = r"(?=following|follow off|at the end|row \d|▼|▮▮)"
_NOTE: Final = re.compile(rf"─ [^─]* · {_MODES}|─ {_MODES}")
"""The note about the last key in the list's border, shown for a few seconds."""
TOAST: Final = "▌"
"""The edge of a notification."""


class Program:
    """A running `nomad-tui`, created by `running`."""

    def __init__(self, arguments: Sequence[str], width: int, height: int, environment: dict[str, str]) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:  # pragma: no cover
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
            os.chdir(environment["HOME"])
            os.execve(COMMAND, [str(COMMAND), *arguments], environment)
        self.terminal = Emulator(width, height, self.send)
        self.exit_code: int | None = None

    # Input

    def send(self, content: bytes) -> None:
        with suppress(OSError):
            os.write(self._terminal, content)

    def press(self, *keys: str) -> Self:
        """Press keys by name; other strings are typed literally."""
        for key in keys:
            self.send(KEYS.get(key) or key.encode())
            if key == "escape":
                self.read_for(ESCAPE_DELAY)
        return self

    def click(self, x: int, y: int, button: int = 0) -> Self:
        """Click a mouse button on a cell, counted from 0; buttons 64 and 65 are the wheel."""
        self.send(f"\x1b[<{button};{x + 1};{y + 1}M".encode())
        if button < 64:
            self.send(f"\x1b[<{button};{x + 1};{y + 1}m".encode())
        return self

    def resize(self, width: int, height: int) -> Self:
        self.read_for(0)
        self.terminal.resize(width, height)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        return self

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self) -> None:
        """Suspend the program as a shell's job control does, and wait until it has stopped."""
        self.signal(signal.SIGTSTP)
        self.wait_until_stopped()

    def wait_until_stopped(self) -> None:
        deadline = monotonic() + TIMEOUT
        while True:
            self.read_for(0.01)
            pid, status = os.waitpid(self.pid, os.WUNTRACED | os.WNOHANG)
            if pid and os.WIFSTOPPED(status):
                return
            assert not pid, "the program ended instead of stopping"
            assert monotonic() < deadline, "the program does not stop"

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Keep the terminal open, so that its attributes are not reset when the program closes it."""
        with Path(f"/proc/{self.pid}/fd/0").open("r+b", buffering=0):
            yield

    # Output

    @property
    def echoes(self) -> bool:
        """Whether the terminal echoes input."""
        return bool(termios.tcgetattr(self._terminal)[3] & termios.ECHO)

    @property
    def text(self) -> str:
        return self.terminal.text

    @property
    def lines(self) -> list[str]:
        return self.terminal.lines()

    def read_for(self, seconds: float) -> int:
        """Read output for that many seconds, or what is available for 0, and return the number of bytes."""
        end, got = monotonic() + seconds, 0
        while True:
            readable, _, _ = select.select([self._terminal], [], [], max(0.0, end - monotonic()))
            content = b""
            if readable:
                with suppress(OSError):  # EIO: the program's side is closed
                    content = os.read(self._terminal, 65536)
            if not content:
                if readable:
                    self._reap()
                return got
            self.terminal.feed(content)
            got += len(content)

    def settle(self, most: float = 1.5) -> Self:
        """Read until output pauses, at most for `most` seconds: a live stream never pauses."""
        deadline = monotonic() + most
        while self.exit_code is None and monotonic() < deadline:
            worked = self._worked()
            if not self.read_for(QUIET) and self._worked() - worked < BUSY * QUIET:
                break
        return self

    def _worked(self) -> float:
        """Seconds that the program's threads ran or were runnable; 0 without `/proc`."""
        nanoseconds = 0
        for thread in Path(f"/proc/{self.pid}/task").glob("*/schedstat"):
            with suppress(OSError):
                nanoseconds += sum(map(int, thread.read_text().split()[:2]))
        return nanoseconds / 1e9

    def wait_until_idle(self, most: float = 8.0) -> Self:
        """Wait until output pauses, and no search or count is visibly in progress."""
        deadline = monotonic() + most
        self.settle(most)
        while _BUSY.search(self.text) and monotonic() < deadline:
            self.settle()
        return self

    def wait_until(self, fact: Callable[[], bool], what: str) -> Self:
        deadline = monotonic() + TIMEOUT
        while True:
            self.read_for(0)
            if fact():
                return self
            assert self.exit_code is None, f"ended with {self.exit_code} before {what}\n{self.text}"
            assert monotonic() < deadline, f"never: {what}\n{self.text}"
            self.read_for(0.02)

    def wait_for(self, *texts: str) -> Self:
        return self.wait_until(lambda: all(text in self.text for text in texts), f"{texts} on the screen")

    def wait_gone(self, text: str) -> Self:
        return self.wait_until(lambda: text not in self.text, f"{text!r} gone from the screen")

    def wait_for_exit(self) -> int:
        deadline = monotonic() + TIMEOUT
        while self.exit_code is None:
            self.read_for(0.02)
            self._reap(os.WNOHANG)
            assert monotonic() < deadline, f"does not end\n{self.text}"
        self.read_for(QUIET)  # its last output, up to the end of file
        return self.exit_code

    def _reap(self, options: int = 0) -> None:
        if self.exit_code is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        if self.exit_code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._reap()
        os.close(self._terminal)

    # The redraw invariant

    def repainted(self) -> tuple[list[list[Cell]], list[list[Cell]]]:
        """Return the cells before and after a full repaint of the same state."""
        clears = self.terminal.before_clear
        clears.clear()
        self.press("ctrl+l").wait_until(lambda: len(clears) == 1, "a full repaint")
        self.press("ctrl+l").wait_until(lambda: len(clears) == 2, "another full repaint")
        return clears[0], clears[1]

    def stale(self, *, after_events: bool = False) -> list[str]:
        """Return the rows that a full repaint changes, before and after; empty if the screen was correct.

        `after_events` is whether events arrived until now: Facets chooses its rows once a second.

        Ignores text that changes by itself, such as ages, rates and sparklines: a cell is stale only if two repaints
        agree with each other and differ from it.
        """
        if after_events:
            self.read_for(RANK_INTERVAL + QUIET)
        self.wait_until_idle()
        before, after = self.repainted()
        if before == after:
            return []
        rows = [y for y in range(len(after)) if y >= len(before) or _differ(before[y], after[y])]
        if not rows:
            return []
        moving: set[int] = set()
        _, again = self.repainted()
        deadline = monotonic() + 2.5
        while True:
            moving.update(y for y in rows if y >= len(again) or _differ(again[y], after[y]))
            if moving.issuperset(rows) or monotonic() > deadline:
                break
            self.read_for(0.1)
            again = self.terminal.cells()
        return [f"{y:3} {_text(before[y])!r}\n    {_text(after[y])!r}" for y in rows if y not in moving]


def _text(row: list[Cell]) -> str:
    return "".join(cell.data for cell in row)


def _differ(before: list[Cell], after: list[Cell]) -> bool:
    """Whether two states of a row differ in more than text that changes by itself."""
    texts = _text(before), _text(after)
    if any(TOAST in text for text in texts):
        return False
    plain = [_NOTE.sub("─", _FILLING.sub(r"\1", _TICKING.sub("#", _RATE.sub("", text)))) for text in texts]
    return plain[0] != plain[1] or (texts[0] == texts[1] and before != after)


@contextmanager
def running(
    *arguments: str | Path,
    size: tuple[int, int] = (180, 50),
    home: Path,
    environment: dict[str, str] | None = None,
) -> Iterator[Program]:
    """Run `nomad-tui` with these arguments in a terminal of this size, with its own home folder; end it afterwards."""
    home.mkdir(parents=True, exist_ok=True)
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "PYTHONPATH") if name in os.environ}
    program = Program(
        [str(each) for each in arguments],
        *size,
        {
            **inherited,
            "HOME": str(home),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PAGER": "true",
            "EDITOR": "true",
            "PYTHONWARNINGS": "default",
            **(environment or {}),
        },
    )
    try:
        yield program
    finally:
        program.close()
