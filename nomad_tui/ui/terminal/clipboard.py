"""The clipboard: the desktop's own, tmux's, or the terminal's by OSC 52.

A terminal does not confirm a copy, so only the other two are reported as copied.
"""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from signal import SIGKILL
from typing import Any, Final

from textual.app import App

from nomad_tui.core.readable import byte_count, number_of
from nomad_tui.core.text import printable
from nomad_tui.ui.terminal.outcome import Outcome

LARGEST_ENCODED: Final = 100_000
"""Bytes of base64. Terminals truncate or drop longer texts; the limits of hterm and tmux are the lowest known."""
TIMEOUT: Final = 2.0
"""Seconds that another program has to accept a text."""
SCREEN_CHUNK: Final = 240
"""Bytes per string that GNU screen passes on to its terminal; older versions drop strings above 256."""


async def copy(
    app: App[Any], text: str, what: str, environ: Mapping[str, str] = os.environ, *, patience: float = TIMEOUT
) -> Outcome:
    """Copies `text`, described by `what`. Run it in a worker: other programs may take up to `patience` seconds each.

    Tries the desktop's clipboard, then tmux, then the terminal.
    """
    app._clipboard = text  # for pasting within the dashboard
    copied = f"{number_of(len(text), 'character')}: {printable(what, 60)}"
    if has_desktop(environ) and await _copied_by_desktop(text, environ, patience):
        return Outcome(True, f"Copied {copied}.")
    encoded = b64encode(text.encode("utf-8", "replace")).decode()
    if len(encoded) > LARGEST_ENCODED:
        return Outcome(
            False,
            f"Not copied: {byte_count(len(encoded) * 3 // 4)} is more than terminals accept. "
            "Save the event with {app.save}.",
        )
    if environ.get("TMUX") and await _copied_by_tmux(text, environ, patience):
        return Outcome(True, f"Copied {copied} to tmux and the terminal.")
    driver = app._driver
    if driver is None or app.is_headless:
        return Outcome(False, "Not copied: no terminal. Save the event with {app.save}.")
    driver.write(terminal_sequence(encoded, environ))
    return Outcome(True, f"Sent {copied} to the terminal.")


def start_copying(app: App[Any], text: str, what: str = "text", warning: str = "") -> None:
    """Copies `text` in a worker and shows the outcome; `warning` says what running the text as a command may do."""

    async def copied() -> None:
        outcome = await copy(app, text, what)
        outcome.notify(app)
        if warning and outcome.done:
            app.notify(warning, severity="warning", markup=False, timeout=20)

    app.run_worker(copied, group="copy", exclusive=True)  # type: ignore[arg-type]


def terminal_sequence(encoded: str, environ: Mapping[str, str]) -> str:
    """The sequence that makes the terminal copy a text in base64, wrapped so that tmux or GNU screen passes it on."""
    sequence = f"\x1b]52;c;{encoded}\a"
    if environ.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("STY"):
        return "".join(f"\x1bP{chunk}\x1b\\" for chunk in _chunks(sequence))
    return sequence


def _chunks(sequence: str) -> Iterator[str]:
    return (sequence[start : start + SCREEN_CHUNK] for start in range(0, len(sequence), SCREEN_CHUNK))


def has_desktop(environ: Mapping[str, str]) -> bool:
    """Whether the desktop's clipboard is the operator's: over SSH it may belong to another user."""
    if any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")):
        return False
    if sys.platform == "darwin" or environ.get("WSL_DISTRO_NAME"):
        return True
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


async def _copied_by_desktop(text: str, environ: Mapping[str, str], patience: float) -> bool:
    """Returns whether the desktop's clipboard now holds the text.

    pyperclip runs in its own process, because the programs it starts may hang or write on the screen. It does not
    report failures, so the text is read back.
    """
    pyperclip = (sys.executable, "-P", "-X", "utf8", "-m", "pyperclip")
    if not await _accepted((*pyperclip, "--copy"), text, environ, patience):
        return False
    back = await _output_of((*pyperclip, "--paste"), "", PIPE, environ, patience)
    return back is not None and _lines(back) == _lines(text)


def _lines(text: str) -> list[str]:
    """The lines, ignoring the kind of line breaks and a final one, which some programs add."""
    return text.splitlines()


async def _copied_by_tmux(text: str, environ: Mapping[str, str], patience: float) -> bool:
    """Works even if `allow-passthrough` is off, which is the default; tmux before 3.2 has no `-w`."""
    return await _accepted(("tmux", "load-buffer", "-w", "-"), text, environ, patience)


async def _accepted(command: tuple[str, ...], text: str, environ: Mapping[str, str], patience: float) -> bool:
    """Returns whether a program has read `text` and exited with 0."""
    # Its output is discarded: the clipboard's owner stays in the background and would hold a pipe open.
    return await _output_of(command, text, DEVNULL, environ, patience) is not None


async def _output_of(
    command: tuple[str, ...], text: str, stdout: int, environ: Mapping[str, str], patience: float
) -> str | None:
    """A program's output for `text` as input; None if it fails, cannot be started or takes too long."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=stdout, stderr=DEVNULL, env=dict(environ), start_new_session=True
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(patience):
            answer, _ = await process.communicate(text.encode("utf-8", "replace"))
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, SIGKILL)  # with its children
            await process.wait()
    return (answer or b"").decode("utf-8", "replace") if process.returncode == 0 else None
