"""Finds the recordings at a path: a file, a pipe, an archive or a directory of `nomad operator debug`.

Looks into each file for something to read, so that a mistake is reported before any screen is opened.
"""

import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from nomad_tui.core.capture import Capture
from nomad_tui.core.text import printable
from nomad_tui.sources.unpacking import BROKEN, EVENT_STREAM, Document, Interruptible, Opened, is_event_stream
from nomad_tui.stream.start import STANDARD_INPUT

LOOKED_AT: Final = 1024 * 1024
"""Bytes of a file in which there must be something to read, unless it is one long line, before a screen is opened."""
REMEDY: Final = (
    "name a file of NDJSON, other JSON or a log with JSON in its lines (plain, .gz or .zst), an archive of nomad "
    "operator debug, or - for standard input"
)


class RecordingError(ValueError):
    """A recording that cannot be opened; the text says why and what to do."""


def find(path: str, max_line: int, *, follow: bool) -> list[Document]:
    """What there is to read at a path, which may grow if it is to be followed. Raises `RecordingError`."""
    if path == STANDARD_INPUT:
        return [Document(path)]
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            if follow:
                raise RecordingError(
                    f"{printable(path, 200)} is a directory, and --follow reads one file on as it grows: name a file."
                )
            return _of_directory(path)
        # What is read from a pipe is gone, and closing it ends its writer.
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            return [Document(path)]
        with Path(path).open("rb") as file:
            return _of_file(path, file, max_line, follow)
    except BROKEN as error:
        raise RecordingError(
            f"The recording {printable(path)} cannot be opened ({reason(error).lower()}): {REMEDY}."
        ) from None


def _of_directory(path: str) -> list[Document]:
    found = sorted(str(each) for each in Path(path).rglob(EVENT_STREAM) if each.is_file())
    if not found:
        raise RecordingError(
            f"{printable(path)} is a directory without an {EVENT_STREAM}, not of nomad operator debug: {REMEDY}."
        )
    return [Document(each) for each in found]


def _of_file(path: str, file: BinaryIO, max_line: int, follow: bool) -> list[Document]:
    waiting = Interruptible(file)
    try:
        opened = Opened(waiting)
        if opened.is_tar:
            return _of_archive(path, opened)
        capture = Capture(max_line)
        length = 0
        while not capture.read_any and length < LOOKED_AT and (chunk := opened.read()):
            length += len(chunk)
            for _ in capture.feed(chunk):
                pass
        if length < LOOKED_AT and not capture.read_any:
            for _ in capture.finish():
                pass
        # A single long line, or a log of something else at first, is seen only when all of it is read.
        is_done = capture.is_binary or (length < LOOKED_AT and not follow)
        if is_done and not (capture.read_any or capture.is_empty):
            raise RecordingError(unlike(path, capture))
    except EOFError:
        pass  # of an archive that is cut off, what can be read is shown
    finally:
        waiting.interrupt()
    return [Document(path)]


def _of_archive(path: str, opened: Opened) -> list[Document]:
    names: list[str] = []
    with suppress(*BROKEN):
        names.extend(name for name, _ in opened.members())
    count = sum(map(is_event_stream, names))
    if not count:
        ends = {Path(name).name for name in names}
        what = "a snapshot of Nomad's state" if "state.bin" in ends else f"a tar archive without an {EVENT_STREAM}"
        raise RecordingError(f"{printable(path)} is {what}, not of nomad operator debug: {REMEDY}.")
    return [Document(path, member) for member in range(count)]


def unlike(path: str, capture: Capture) -> str:
    return f"{printable(path)} is not a recording; it looks like {capture.likeness}: {REMEDY}."


def reason(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "the archive is truncated"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def is_pipe(path: str) -> bool:
    if path == STANDARD_INPUT:
        return True
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
