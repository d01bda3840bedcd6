"""A notification of the desktop, by the terminal: OSC 9 or OSC 777, through tmux where that is let through.

No terminal says whether it shows one. Where it is known that none would come through, the bell rings instead.
"""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from nomad_tui.core.secrets import masked_text
from nomad_tui.core.text import printable

TITLE: Final = "nomad-tui"
LONGEST: Final = 200
"""Characters of the text."""
PATIENCE: Final = 2.0
"""Seconds that tmux has to answer."""
BELL: Final = "\a"


async def notification(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """What is to be written to the terminal for a text, which is untrusted."""
    text = printable(masked_text(text), LONGEST).replace(";", ",")
    if environ.get("STY"):
        return BELL
    if not environ.get("TMUX"):
        return _sequence(text, environ)
    if not await _tmux_lets_through(environ):
        return BELL
    return "\x1bPtmux;" + _sequence(text, environ).replace("\x1b", "\x1b\x1b") + "\x1b\\"


def _sequence(text: str, environ: Mapping[str, str]) -> str:
    """OSC 777 for those that only know that one: rxvt, and terminals made of VTE. A text behind OSC 9 that begins with
    a number would be taken for something else."""
    if environ.get("VTE_VERSION") or environ.get("TERM", "").startswith(("rxvt", "foot")):
        return f"\x1b]777;notify;{TITLE};{text}\x1b\\"
    return f"\x1b]9;{TITLE}: {text}{BELL}"


async def _tmux_lets_through(environ: Mapping[str, str]) -> bool:
    """Whether `allow-passthrough` is on for this pane; tmux before 3.3 has no such option."""
    command = ("tmux", "show-options", "-Apv", "allow-passthrough")
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(environ),
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(PATIENCE):
            answer, _ = await process.communicate()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return False
    return answer.strip() in (b"on", b"all")
