"""A picture of the screen."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from textual.app import App

from nomad_tui.core.text import printable
from nomad_tui.ui.dialogs.write_file import NotWrittenError, ThereAlreadyError, write, written
from nomad_tui.ui.terminal.outcome import Outcome

MOST_OF_A_SECOND: Final = 100
"""Pictures of one second, which get a number."""


def save_picture(app: App[Any], folder: Path | None = None, clock: Callable[[], datetime] = datetime.now) -> Outcome:
    """Writes the screen as it is drawn, what is masked included, to `nomad-tui-20261123-085403.svg`.

    In `folder`, or in the current one. Never replaces anything.
    """
    try:
        folder = Path.cwd() if folder is None else folder
    except OSError:
        return Outcome(False, "No picture saved: the current folder no longer exists. Start nomad-tui in another.")
    svg = app.export_screenshot()
    stem = f"nomad-tui-{clock():%Y%m%d-%H%M%S}"
    for number in range(1, MOST_OF_A_SECOND + 1):
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
