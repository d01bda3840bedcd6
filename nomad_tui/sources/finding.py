"""Finds the recordings at a path: a file, a pipe, an archive or a directory of `nomad operator debug`.

Checks that each file has something to read, so that a mistake is reported before the dashboard opens.
"""

import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from nomad_tui.core.capture import Capture
from nomad_tui.core.text import printable
from nomad_tui.sources.unpacking import (
    EVENT_STREAM,
    READ_ERRORS,
    BrokenArchiveError,
    Document,
    Interruptible,
    Opened,
    is_event_stream,
)
from nomad_tui.stream.start import STANDARD_INPUT

INSPECTED_BYTES: Final = 1024 * 1024
"""Bytes at the start of a file that must contain a frame, unless it is a single long line."""
REMEDY: Final = (
    "name a file of NDJSON, other JSON or a log with JSON in its lines (plain, .gz or .zst), an archive of nomad "
    "operator debug, or - for standard input"
)


class RecordingError(ValueError):
    """A recording that cannot be opened; the text says why and what to do."""


def find(path: str, max_line: int, *, follow: bool) -> list[Document]:
    """The documents at a path, which may be empty if it is followed. Raises `RecordingError`."""
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
        # Do not open a pipe here: data read from it is lost, and closing it ends its writer.
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
            return [Document(path)]
        with Path(path).open("rb") as file:
            return _of_file(path, file, max_line, follow)
    except READ_ERRORS as error:
        remedy = "check its name" if isinstance(error, FileNotFoundError) else REMEDY
        raise RecordingError(
            f"The recording {printable(path)} cannot be opened ({reason(error).lower()}): {remedy}."
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
        while not capture.read_any and length < INSPECTED_BYTES and (chunk := opened.read()):
            length += len(chunk)
            for _ in capture.feed(chunk):
                pass
        if length < INSPECTED_BYTES and not capture.read_any:
            for _ in capture.finish():
                pass
        # A single long line, or a log that starts with something else, can be judged only after reading all of it.
        is_done = capture.is_binary or (length < INSPECTED_BYTES and not follow)
        if is_done and not (capture.read_any or capture.is_empty):
            raise RecordingError(unlike(path, capture))
    except EOFError:
        pass  # the readable part of a truncated archive is shown
    finally:
        waiting.interrupt()
    return [Document(path)]


def _of_archive(path: str, opened: Opened) -> list[Document]:
    names: list[str] = []
    with suppress(*READ_ERRORS):
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
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, BrokenArchiveError) else f"the archive is damaged ({error})"


def is_pipe(path: str) -> bool:
    if path == STANDARD_INPUT:
        return True
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
