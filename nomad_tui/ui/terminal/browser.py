"""A page in the operator's browser, where that runs on this machine's own screen."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Mapping
from typing import Final

from nomad_tui.ui.terminal.clipboard import has_desktop

OPENERS: Final = ("xdg-open", "gio", "wslview")
PATIENCE: Final = 2.0
"""Seconds after which a program that has not failed is taken for the browser itself."""


async def open_page(url: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a graphical browser was opened. Over SSH there is none."""
    command = _opener(environ)
    if command is None:
        return False
    try:
        process = await asyncio.create_subprocess_exec(
            *command, url, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, env=dict(environ), start_new_session=True
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(PATIENCE):
            return await process.wait() == 0
    except TimeoutError:
        return True


def _opener(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    if not has_desktop(environ):
        return None
    names = ("open",) if sys.platform == "darwin" else OPENERS
    found = next((name for name in names if shutil.which(name, path=environ.get("PATH"))), None)
    return None if found is None else (found, "open") if found == "gio" else (found,)
