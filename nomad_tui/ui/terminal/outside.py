"""Other programs: a pager or editor in the terminal while the stream is still read, a browser; and screenshots."""

import asyncio
import os
import shlex
import shutil
import signal
import sys
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, Final

from textual.app import App, SuspendNotSupported

from nomad_tui.core.text import printable
from nomad_tui.ui.dialogs.write_file import NotWrittenError, ThereAlreadyError, write, written
from nomad_tui.ui.terminal.clipboard import has_desktop
from nomad_tui.ui.terminal.outcome import Outcome

MAX_PER_SECOND: Final = 100
"""Screenshots saved in one second; from the second on, their names are numbered."""


def save_picture(app: App[Any], folder: Path | None = None, clock: Callable[[], datetime] = datetime.now) -> Outcome:
    """Saves a screenshot, with secrets masked as on the screen, as `nomad-tui-20261123-085403.svg`.

    In `folder` or the current one. Never replaces a file.
    """
    try:
        folder = Path.cwd() if folder is None else folder
    except OSError:
        return Outcome(False, "No picture saved: the current folder no longer exists. Start nomad-tui in another.")
    svg = app.export_screenshot()
    stem = f"nomad-tui-{clock():%Y%m%d-%H%M%S}"
    for number in range(1, MAX_PER_SECOND + 1):
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}.svg"
        try:
            return Outcome(True, written(path, write(path, svg, replace=False)))
        except ThereAlreadyError:
            continue
        except NotWrittenError as error:
            reason = str(error).partition(": ")[0]
            return Outcome(False, f"No picture saved: {reason}. Start nomad-tui in a writable folder.")
    shown = printable(str(folder), 200)
    return Outcome(False, f"No picture saved: {shown} is full of pictures of this second; try again.")


OPENERS: Final = ("xdg-open", "gio", "wslview")
BROWSER_TIMEOUT: Final = 2.0
"""Seconds after which an opener that is still running is assumed to be the browser itself."""


async def open_page(url: str) -> bool:
    """Returns whether a graphical browser was opened. Over SSH, none is."""
    command = _opener(os.environ)
    if command is None:
        return False
    try:
        process = await asyncio.create_subprocess_exec(
            *command, url, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(BROWSER_TIMEOUT):
            return await process.wait() == 0
    except TimeoutError:
        return True


def _opener(environ: Mapping[str, str]) -> tuple[str, ...] | None:
    if not has_desktop(environ):
        return None
    names = ("open",) if sys.platform == "darwin" else OPENERS
    found = next((name for name in names if shutil.which(name, path=environ.get("PATH"))), None)
    return None if found is None else (found, "open") if found == "gio" else (found,)


PAGERS: Final = ("less", "more")
EDITORS: Final = ("vi", "nano")
"""Defaults if no variable names a program; the first that is installed is used."""

TOO_SHORT_TO_READ: Final = 0.3
"""Seconds. If a program ends sooner, its output stays on the terminal until Enter is pressed."""
TERMINATE_TIMEOUT: Final = 1.0
"""Seconds that a terminated program has to exit when the dashboard does."""


class _NoProgramError(ValueError):
    """Its message is a sentence that is safe to display."""


async def show_outside(
    app: App[Any], text: str, name: str, *, editor: bool = False, environ: Mapping[str, str] = os.environ
) -> Outcome:
    """Shows `text` in `$PAGER`, or in `$VISUAL` or `$EDITOR`, and returns when that program has ended.

    Run it in a worker: the event loop keeps running, but the screen is not drawn and reads no keys. `name` is the
    file's name, from `ui.dialogs.write_file.file_name`; the file has mode 0600 and is removed afterwards.
    """
    edited, outcome = await _open_outside(app, text, name, editor, environ)
    if outcome.done and edited is not None:
        return Outcome(True, "You changed a temporary copy, now deleted. Save the event with {app.save}.")
    return outcome


async def edit_outside(app: App[Any], text: str, name: str) -> tuple[str | None, Outcome]:
    """The text saved in `$VISUAL` or `$EDITOR`; None if it was not changed. Run it in a worker."""
    return await _open_outside(app, text, name, True, os.environ)


async def _open_outside(
    app: App[Any], text: str, name: str, editor: bool, environ: Mapping[str, str]
) -> tuple[str | None, Outcome]:
    """The text saved in the file, or None if it was not saved, and how the program ended."""
    edited: str | None = None
    try:
        program = _program(editor, environ)
        with TemporaryDirectory(prefix="nomad-tui-", ignore_cleanup_errors=True) as folder:
            file = Path(folder) / name
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
                opened.write(text.encode("utf-8", "replace"))
            written = file.stat().st_mtime_ns
            code = await _run(app, [*program, str(file)])
            if file.exists() and file.stat().st_mtime_ns != written:
                edited = file.read_bytes().decode("utf-8", "replace")
    except _NoProgramError as error:
        return None, Outcome(False, str(error))
    except SuspendNotSupported:
        return None, Outcome(False, "This terminal cannot run another program. Save the event with {app.save}.")
    except OSError as error:
        reason = printable(error.strerror or str(error), 200)
        return None, Outcome(False, f"The event could not be opened ({reason}). Save it with {{app.save}}.")
    shown = printable(program[0], 60)
    if code:
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        variable = "VISUAL" if editor else "PAGER"
        return None, Outcome(False, f"{shown} {ended}. Set {variable} to another program, or save with {{app.save}}.")
    return edited, Outcome(True, "")


def _program(editor: bool, environ: Mapping[str, str]) -> list[str]:
    """An installed program and its arguments. Raises `_NoProgramError`."""
    variables = ("VISUAL", "EDITOR") if editor else ("PAGER", "EDITOR", "VISUAL")
    fallbacks = EDITORS if editor else PAGERS
    path = environ.get("PATH")
    for variable in variables:
        text = environ.get(variable, "").strip()
        if not text:
            continue
        shown = f"{variable} is '{printable(text, 100)}'"
        try:
            program = shlex.split(text)
        except ValueError:
            raise _NoProgramError(f"{shown}, which has an unclosed quote. Correct or unset it.") from None
        if not program or shutil.which(program[0], path=path) is None:
            raise _NoProgramError(f"{shown}, which is not a program on this machine. Correct or unset it.")
        return program
    for fallback in fallbacks:
        if shutil.which(fallback, path=path) is not None:
            return [fallback]
    raise _NoProgramError(f"Neither {' nor '.join(fallbacks)} is installed. Set {variables[0]} to a program that is.")


async def _run(app: App[Any], command: list[str]) -> int:
    """The program's exit code, or the negative number of the signal that ended it.

    Raises SuspendNotSupported, and OSError if it cannot be started.
    """
    cancelled: asyncio.CancelledError | None = None
    failed: OSError | None = None
    code = 0
    # Draw nothing: Textual 8.2.8 writes to a suspended driver until it blocks.
    with app.batch_update():
        with app.suspend(), _ignore_terminal_signals():
            try:
                code = await _wait_for(command)
            except OSError as error:
                failed = error  # raised below: Textual does not restore the screen after an exception
            except asyncio.CancelledError as error:
                if not app.is_running:
                    raise  # the application is exiting; its screen must not be set up again
                cancelled = error
        if app.is_running:
            app.screen.refresh(layout=True)
    if cancelled is not None:
        raise cancelled
    if failed is not None:
        raise failed
    return code


async def _wait_for(command: list[str]) -> int:
    began = time.monotonic()
    # If standard output is not a terminal, the screen is drawn on standard error.
    terminal = sys.__stdout__ if sys.__stdout__ is not None and sys.__stdout__.isatty() else sys.__stderr__
    process = await asyncio.create_subprocess_exec(*command, stdout=terminal, stderr=terminal)
    try:
        code = await process.wait()
        if time.monotonic() - began < TOO_SHORT_TO_READ:
            await _wait_for_enter(command[0])
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), TERMINATE_TIMEOUT)
        raise
    return code


async def _wait_for_enter(program: str) -> None:
    """Waits until a line is typed or the terminal is gone."""
    sys.stderr.write(f"\n{printable(program, 60)} ended. Press Enter to return to nomad-tui. ")
    sys.stderr.flush()
    loop = asyncio.get_running_loop()
    typed = asyncio.Event()
    try:
        loop.add_reader(0, typed.set)
    except OSError:
        return  # standard input is a file, which cannot be waited for
    try:
        await typed.wait()
        with suppress(OSError):
            os.read(0, 4096)
    finally:
        loop.remove_reader(0)


@contextmanager
def _ignore_terminal_signals() -> Iterator[None]:
    """Leaves Ctrl+C, Ctrl+\\ and Ctrl+Z, which signal every program in the terminal, to the one in front.

    The first two are ignored by a function, because the program would inherit `SIG_IGN`. The last stops the dashboard
    too, but by default only under a shell that can resume it; Textual 8.2.8's handler would stop it in any case.
    """
    handlers: dict[signal.Signals, Any] = {
        signal.SIGINT: _ignore,
        signal.SIGQUIT: _ignore,
        signal.SIGTSTP: signal.SIG_DFL,
    }
    before: dict[signal.Signals, Any] = {}
    try:
        for number, handler in handlers.items():
            with suppress(ValueError):  # not the main thread, which alone handles signals
                before[number] = signal.signal(number, handler)
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    pass
