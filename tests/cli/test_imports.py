"""Modules imported before a command responds: the number of libraries determines its start-up time."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

import pytest

from tests import recordings
from tests.terminal.program import COMMAND

ANSWER = """
import sys
from nomad_tui.cli.main import main
sys.argv[0] = "nomad-tui"
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
loaded = {name.partition(".")[0] for name in sys.modules}
slow = {"asyncio", "socket", "ssl", "sqlite3", "tempfile", "json"} & loaded
print("LOADED", *sorted(loaded - sys.stdlib_module_names - {"__main__", "_distutils_hack"} | slow))
"""


def loaded(*arguments: str, **environment: str) -> set[str]:
    """Return all libraries outside the standard library, and its slow modules."""
    done = subprocess.run(
        [sys.executable, "-c", ANSWER, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"HOME": "/nowhere", **environment},
    )
    return set(done.stdout.rpartition("LOADED ")[2].split())


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["tail", "--help"], ["sink", "status", "--help"]])
def test_commands_without_a_cluster_import_only_the_command_line(arguments: list[str]) -> None:
    assert loaded(*arguments) == {"click", "nomad_tui"}


def test_completion_imports_only_the_command_line() -> None:
    asked = {"_NOMAD_TUI_COMPLETE": "bash_complete", "COMP_WORDS": "nomad-tui sink run --log-f", "COMP_CWORD": "3"}
    assert loaded(**asked) == {"click", "nomad_tui"}


NEEDED_LATER = frozenset(
    ("cryptography", "filelock", "jinja2", "lark", "nats", "prometheus_client", "pygments", "structlog")
)


def test_tail_imports_neither_a_screen_nor_modules_needed_later() -> None:
    modules = "nomad_tui.cli.source_factory, nomad_tui.cli.tail, nomad_tui.sources.live"
    code = f"import sys, {modules}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    found = {name.partition(".")[0] for name in done.stdout.split()}
    assert found & (NEEDED_LATER | {"rich", "sqlite3", "textual"}) == set()


IMPORTED = re.compile(rb"import time: +\d+ \| +\d+ \| +([\w.]+)")
AFTER_THE_PICTURE = (
    "nomad_tui.config.connection",
    "nomad_tui.config.watch_rules",
    "nomad_tui.core.diagnosis",
    "nomad_tui.core.export.formats",
    "nomad_tui.core.overview",
    "nomad_tui.core.timeline",
    "nomad_tui.doctor",
    "nomad_tui.journal",
    "nomad_tui.nomad.client",
    "nomad_tui.sinks",
    "nomad_tui.sources.live",
    "nomad_tui.standin",
    "nomad_tui.ui.dialogs.commands",
    "nomad_tui.ui.overview",
    "nomad_tui.ui.watch",
)
OTHER_SOURCES = {"aiohttp", "markdown_it", "sqlite3", "tarfile", "tomllib"}


def imported_before(shown: bytes, arguments: Sequence[str], home: Path) -> set[str]:
    """Return the modules imported until `shown` is on the terminal, to which Python writes them as well."""
    environment = {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPROFILEIMPORTTIME": "1",
        "TERM": "xterm-256color",
    }
    process, terminal = pty.fork()
    if process == 0:  # pragma: no cover
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 180, 0, 0))
        os.execve(COMMAND, [str(COMMAND), *arguments], environment)
    written = b""
    deadline = monotonic() + 60
    try:
        while shown not in written and monotonic() < deadline:
            if select.select([terminal], [], [], 1)[0]:
                written += os.read(terminal, 1 << 16)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)
    before, found, _ = written.partition(shown)
    assert found, written[-2_000:]
    return {name.decode() for name in IMPORTED.findall(before)}


@pytest.mark.parametrize("command", ["open", "demo"])
def test_the_first_frame_is_drawn_before_other_imports(command: str, tmp_path: Path) -> None:
    tour = tmp_path / "tour.ndjson"
    tour.write_bytes(b"".join(line + b"\n" for line in recordings.lines("tour")))
    # Background imports can occasionally overtake the thread that writes the first frame, but not every time.
    for _ in range(3):
        found = imported_before(b"registered", [command, str(tour)][: 1 + (command == "open")], tmp_path)
        early = {name for name in found if name.startswith(AFTER_THE_PICTURE)}
        early |= {name.partition(".")[0] for name in found} & (NEEDED_LATER | OTHER_SOURCES)
        if not early:
            break
    assert early == set()
    assert "nomad_tui.ui.events.event_list" in found
