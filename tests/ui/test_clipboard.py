"""The clipboard: what reaches the terminal and the programs that own a clipboard."""

import asyncio
import os
import pty
import re
import select
import subprocess
import sys
import time
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from textual.app import App

from nomad_tui.ui.terminal.clipboard import LARGEST_ENCODED, SCREEN_CHUNK, copy, has_desktop, terminal_sequence
from nomad_tui.ui.terminal.outcome import Outcome

TEXT = "3f2a91c4\n\x1b]0;title\a wörld"

COPIER = """
import asyncio, os, sys
from textual.app import App
from nomad_tui.ui.terminal.clipboard import copy

class Copier(App[None]):
    async def on_mount(self):
        self.run_worker(self.copied)

    async def copied(self):
        outcome = await copy(self, sys.argv[1], "Allocation ID")
        open(sys.argv[2], "w").write(outcome.sentence)
        self.exit()

Copier().run()
"""


def run_in_terminal(text: str, notice: Path, environ: dict[str, str]) -> bytes:
    """Copy `text` in a real application, and return what its terminal received."""
    master, terminal = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": str(notice.parent), **environ}
    process = subprocess.Popen(
        [sys.executable, "-c", COPIER, text, str(notice)],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
        start_new_session=True,
    )
    os.close(terminal)
    got = b""
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.05)[0]:
                try:
                    got += os.read(master, 65536)
                except OSError:  # the terminal was closed
                    break
    finally:
        process.kill()
        process.wait()
        os.close(master)
    return got


def test_the_text_is_sent_to_the_terminal(tmp_path: Path) -> None:
    got = run_in_terminal(TEXT, tmp_path / "notice", {})
    found = re.search(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07", got)
    assert found is not None
    assert b64decode(found[1]).decode() == TEXT
    notice = (tmp_path / "notice").read_text()
    assert notice == f"Sent {len(TEXT)} characters: Allocation ID to the terminal."


def test_tmux_gets_the_text_from_its_own_command(tmp_path: Path) -> None:
    folder = program(tmp_path, "tmux", f'echo "$@" > {tmp_path}/arguments; cat > {tmp_path}/copied')
    environ = {"TMUX": "/run/tmux/default,1,0", "PATH": f"{folder}:/usr/bin:/bin"}
    got = run_in_terminal(TEXT, tmp_path / "notice", environ)
    assert b"]52;" not in got
    assert (tmp_path / "copied").read_text() == TEXT
    assert (tmp_path / "arguments").read_text().split() == ["load-buffer", "-w", "-"]
    assert "to tmux and the terminal" in (tmp_path / "notice").read_text()


def test_a_tmux_without_that_command_passes_the_text_through(tmp_path: Path) -> None:
    folder = program(tmp_path, "tmux", "echo usage >&2; exit 1")
    got = run_in_terminal(
        TEXT, tmp_path / "notice", {"TMUX": "/run/tmux/default,1,0", "PATH": f"{folder}:/usr/bin:/bin"}
    )
    found = re.search(rb"\x1bPtmux;\x1b\x1b\]52;c;([A-Za-z0-9+/=]+)\x07\x1b\\", got)
    assert found is not None
    assert b64decode(found[1]).decode() == TEXT
    assert b"usage" not in got


def test_gnu_screen_passes_short_chunks_through() -> None:
    sequence = terminal_sequence("QUJD" * 300, {"STY": "1.pts-0.host"})
    pieces = re.findall(r"\x1bP(.*?)\x1b\\", sequence, re.DOTALL)
    assert "".join(pieces) == f"\x1b]52;c;{'QUJD' * 300}\a"
    assert max(map(len, pieces)) <= SCREEN_CHUNK
    assert terminal_sequence("QUJD", {}) == "\x1b]52;c;QUJD\a"


def program(folder: Path, name: str, script: str) -> Path:
    """Create an executable shell script, and return its folder for the front of PATH."""
    file = folder / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file.parent


async def copied(text: str, environ: dict[str, str]) -> Outcome:
    """Copy in an application without a terminal, where only the desktop and tmux can copy."""
    app: App[None] = App()
    async with asyncio.timeout(60), app.run_test():
        outcome = await copy(app, text, "value", environ)
        assert app.clipboard == text
    return outcome


def desktop(folder: Path) -> dict[str, str]:
    return {"DISPLAY": ":99", "PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}


async def test_the_desktop_gets_a_text_of_any_size(tmp_path: Path) -> None:
    store = tmp_path / "clipboard"
    # Like the real one, it stays in the background and keeps inherited descriptors open.
    folder = program(
        tmp_path,
        "xclip",
        f'case "$*" in *-o*) cat {store};; *) cat > {store}; echo noise >&2; sleep 20 & esac',
    )
    text = "wörld\nline\n" * 20_000
    outcome = await copied(text, desktop(folder))
    assert outcome == Outcome(True, "Copied 220,000 characters: value.")
    assert store.read_text() == text


@pytest.mark.parametrize("script", ["exit 1", "cat >/dev/null", "cat >/dev/null; echo other"])
async def test_success_is_not_reported_if_the_desktop_did_not_accept_the_text(tmp_path: Path, script: str) -> None:
    outcome = await copied("text", desktop(program(tmp_path, "xclip", script)))
    assert not outcome.done
    assert "{app.save}" in outcome.sentence


async def test_a_program_that_hangs_blocks_nothing(tmp_path: Path) -> None:
    folder = program(tmp_path, "xclip", f"echo $$ >> {tmp_path}/pids; exec sleep 60")
    app: App[None] = App()
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    async with asyncio.timeout(60), app.run_test():
        app.set_interval(0.02, tick)
        outcome = await copy(app, "text", "value", desktop(folder), patience=0.5)
        assert not outcome.done
        assert ticks > 3
        while any(map(is_running, pids(tmp_path))):  # noqa: ASYNC110 - not a child, so nothing reports its end
            await asyncio.sleep(0.01)


def pids(folder: Path) -> list[int]:
    file = folder / "pids"
    return [int(pid) for pid in file.read_text().split()] if file.exists() else []


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_a_text_too_large_for_a_terminal_is_refused_with_an_alternative() -> None:
    outcome = await copied("x" * LARGEST_ENCODED, {})
    assert outcome == Outcome(
        False, "Not copied: 100 kB is more than terminals accept. Save the event with {app.save}."
    )


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({"WSL_DISTRO_NAME": "Debian"}, True),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, False),
        ({"DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}, False),
    ],
)
def test_the_desktop_clipboard_is_not_used_over_ssh(environ: dict[str, Any], expected: bool) -> None:
    assert has_desktop(environ) is expected
