"""Measures how soon the program responds, against the libraries that it needs.

python -m tests.bench.start

A recording of 10,764 events (29.8 MB) is opened until all are held, against a bare decode of the same file. Start-up is
subtracted from both: the time to the first frame for the dashboard, the imports for the decode.

They run in turn, so that other load slows all of them. Compare processor time: on a busy machine wall time includes
other programs. Everything measured is compiled before, as an installed program is.
"""

import argparse
import compileall
import fcntl
import os
import pty
import signal
import struct
import sys
import tempfile
import termios
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import nomad_tui
from tests import recordings
from tests.bench.__main__ import COLUMNS, ROWS, server

PROGRAM = str(Path(sys.executable).with_name("nomad-tui"))
HELLO = """
from textual.app import App
from textual.widgets import Label
class Hello(App):
    def compose(self):
        yield Label("Hello")
Hello().run()
"""
ROW = b"registered"
"""Text in rows of the tour."""
ALL_HELD = b"10,764"
"""Text in the header once all events of `load` are held."""
DECODING = "import sys, pathlib; from tests.bench.bare import read_file; read_file(pathlib.Path(sys.argv[1]))"
COMPLETING = {"_NOMAD_TUI_COMPLETE": "bash_complete", "COMP_WORDS": "nomad-tui sink run --log-f", "COMP_CWORD": "3"}


Measured = tuple[list[str], bytes | None, dict[str, str]]
"""A command, the text to wait for, and its environment."""


class Run(NamedTuple):
    """Duration in seconds."""

    wall: float
    processor: float


def run(command: Sequence[str], shows: bytes | None = None, **environment: str) -> Run:
    """Run until the program ends or, with `shows`, until that is on its terminal."""
    began = perf_counter()
    process, terminal = pty.fork()
    if process == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        os.execve(command[0], list(command), kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | environment)
    written = b""
    while shows is None or shows not in written:
        try:
            part = os.read(terminal, 1 << 16)
        except OSError:
            break
        written = written[-len(shows or b"") :] + part if part else b""
        if not part:
            break
    wall = perf_counter() - began
    if shows is not None:
        os.kill(process, signal.SIGKILL)
    _, status, used = os.wait4(process, 0)
    os.close(terminal)
    if (shows is None and status != 0) or (shows is not None and shows not in written):
        raise RuntimeError(f"{' '.join(command)}: {written!r}")
    return Run(wall, used.ru_utime + used.ru_stime)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="runs of each, of which the median counts")
    options = parser.parse_args()
    compileall.compile_dir(str(Path(nomad_tui.__file__).parent), quiet=1)
    with tempfile.TemporaryDirectory() as folder, server(1) as address:
        tour = Path(folder) / "tour.ndjson"
        tour.write_bytes(b"".join(line + b"\n" for line in recordings.lines("tour")))
        load = Path(folder) / "load.ndjson"
        load.write_bytes(b"".join(line + b"\n" for line in recordings.lines("load") if line))
        python = [sys.executable, "-c"]
        click: Measured = [*python, "import click"], None, {}
        libraries: Measured = [*python, "import aiohttp, msgspec"], None, {}
        hello: Measured = [*python, HELLO], b"Hello", {}
        home = {"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_STATE_HOME": folder}
        rows: list[tuple[str, Measured, int, str, str]] = [
            ("import click", click, 0, "", ""),
            ("--version", ([PROGRAM, "--version"], None, home), 0, "2.5", "1.5"),
            ("--help", ([PROGRAM, "--help"], None, home), 0, "2.5", "1.5"),
            ("completing a word", ([PROGRAM], None, home | COMPLETING), 0, "2.5", "1.5"),
            ("import aiohttp, msgspec", libraries, 4, "", ""),
            ("tail --limit 1", ([PROGRAM, "tail", "--limit", "1", "--address", address], None, home), 4, "2.0", "1.3"),
            ("Textual's hello, world", hello, 6, "", ""),
            ("open tour.ndjson", ([PROGRAM, "open", str(tour)], ROW, home), 6, "2.5", "1.6"),
            ("demo", ([PROGRAM, "demo"], ROW, home), 6, "3.2", "2.6"),
        ]
        rows += [
            ("imports of the bare decode", ([*python, "import tests.bench.bare"], None, {}), len(rows), "", ""),
            ("bare decode of 29.8 MB", ([*python, DECODING, str(load)], None, {}), len(rows), "", ""),
            ("open load.ndjson, all held", ([PROGRAM, "open", str(load)], ALL_HELD, home), len(rows), "", ""),
        ]
        runs: list[list[Run]] = [[] for _ in rows]
        for _ in range(options.runs):
            for (_, (command, shows, environment), *_), into in zip(rows, runs, strict=True):
                into.append(run(command, shows, **environment))
        print(f"{'':28}{'wall':>9}{'processor':>12}{'ratio':>8}{'at most':>9}{'aim':>6}")
        for (name, _, floor, most, aim), own in zip(rows, runs, strict=True):
            wall, processor = (median(column) for column in zip(*own, strict=True))
            ratio = processor / median(each.processor for each in runs[floor])
            print(f"{name:28}{wall * 1e3:6,.0f} ms{processor * 1e3:9,.0f} ms{ratio:8.2f}{most:>9}{aim:>6}")
        picture, _, imports, bare, held = (median(each.processor for each in own) for own in runs[-5:])
        ratio = (held - picture) / (bare - imports)
        print(f"{'reading 10,764 events':28}{'':12}{(held - picture) * 1e3:9,.0f} ms{ratio:8.2f}{'2.0':>9}{'1.5':>6}")


if __name__ == "__main__":
    main()
