"""What a runner says while it runs, on standard error: a line for a person, or a JSON object a line."""

import logging
import os
import sys
from contextlib import suppress
from enum import StrEnum
from queue import Full, Queue
from threading import Thread
from typing import Final, TextIO, cast

import structlog
from structlog.typing import Processor

MOST_WAITING: Final = 10_000
"""Lines."""
PATIENCE: Final = 1.0
"""Seconds that the end of the program waits for the log to be written."""


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class Lines:
    """Where the log goes: written by a thread, so that a reader that stands still holds up nothing else.

    It must not end the program either: what cannot be written, as on a full disk or to a reader that has gone, is left
    out, and so is what finds `MOST_WAITING` lines before it.
    """

    def __init__(self, output: TextIO | None, form: LogFormat) -> None:
        """None where the program was started without standard error."""
        self._output = output
        self._form = form
        self._waiting: Queue[str | None] = Queue(MOST_WAITING)
        self._left_out = 0
        self._thread = Thread(target=self._write_all, name="log", daemon=True)
        self._thread.start()

    def write(self, text: str) -> None:
        try:
            self._waiting.put_nowait(text)
        except Full:
            self._left_out += 1

    def flush(self) -> None:
        """Lines are flushed as they are written."""

    def close(self) -> None:
        """Writes what waits, within `PATIENCE`."""
        with suppress(Full):
            self._waiting.put_nowait(None)
        self._thread.join(PATIENCE)

    def isatty(self) -> bool:
        return self._output is not None and self._output.isatty()

    def _write_all(self) -> None:
        while (text := self._waiting.get()) is not None:
            left_out, self._left_out = self._left_out, 0
            if left_out:
                is_json = self._form is LogFormat.JSON
                missing = f'{{"event": "log_lines_missing", "lines": {left_out}}}' if is_json else f"… {left_out} lines"
                text = f"{missing}\n{text}"
            if self._output is not None:
                with suppress(OSError, ValueError):
                    _write(self._output, text)


def _write(output: TextIO, text: str) -> None:
    """Past the buffer where there is a descriptor: the interpreter could not end while a thread waits in there."""
    try:
        descriptor = output.fileno()
    except (OSError, ValueError):  # a test's own
        output.write(text)
        output.flush()
        return
    left = text.encode("utf-8", "replace")
    while left:
        left = left[os.write(descriptor, left) :]


def configure(lines: LogFormat, output: TextIO | None = None, level: int = logging.INFO) -> Lines:
    """For the whole process; `output` is standard error unless it is given. What is returned is to be closed at the
    end."""
    written = Lines(output or sys.stderr, lines)
    # Everything that is logged is named, and what came from elsewhere was made fit to be shown where it was logged.
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: Processor = structlog.processors.JSONRenderer()
    if lines is LogFormat.TEXT:
        last = structlog.dev.ConsoleRenderer(colors=written.isatty(), pad_event_to=28)
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, written)),
        cache_logger_on_first_use=False,
    )
    return written
