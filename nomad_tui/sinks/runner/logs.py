"""What a runner says while it runs, on standard error: a line for a person, or a JSON object a line."""

import logging
import os
import sys
from contextlib import suppress
from enum import StrEnum
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue
from threading import Thread
from typing import Final, TextIO

import structlog
from structlog.typing import Processor

MOST_WAITING: Final = 10_000
"""Lines."""
PATIENCE: Final = 1.0
"""Seconds that the end of the program waits for the log to be written."""


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class _Queueing(QueueHandler):
    """Leaves out what finds `MOST_WAITING` lines before it."""

    left_out = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            super().enqueue(record)
        except Full:
            self.left_out += 1


class Log(QueueListener):
    """Writes the log in a thread, so that a reader that reads nothing blocks nothing else.

    It must not end the program either: what cannot be written, as on a full disk or to a reader that has gone, is left
    out.
    """

    def __init__(self, output: TextIO | None, form: LogFormat) -> None:
        """`output` is None where the program was started without standard error."""
        waiting: Queue[logging.LogRecord] = Queue(MOST_WAITING)
        super().__init__(waiting)
        self._output = output
        self._form = form
        self._queueing = _Queueing(waiting)
        self.logger = logging.getLogger("nomad_tui")
        self.logger.addHandler(self._queueing)
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False
        self.start()

    def close(self) -> None:
        """Writes what waits, within `PATIENCE`."""
        self.logger.removeHandler(self._queueing)
        ending = Thread(target=self.stop, name="end of the log", daemon=True)
        ending.start()
        ending.join(PATIENCE)

    def enqueue_sentinel(self) -> None:
        with suppress(Full):
            super().enqueue_sentinel()

    def handle(self, record: logging.LogRecord) -> None:
        text = f"{record.getMessage()}\n"
        left_out, self._queueing.left_out = self._queueing.left_out, 0
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


def configure(form: LogFormat, output: TextIO | None = None) -> Log:
    """For the whole process; `output` is standard error unless it is given. The log is to be closed at the end."""
    output = output or sys.stderr
    log = Log(output, form)
    # Everything that is logged is named, and what came from elsewhere was made fit to be shown where it was logged.
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: Processor = structlog.processors.JSONRenderer()
    if form is LogFormat.TEXT:
        last = structlog.dev.ConsoleRenderer(colors=output is not None and output.isatty(), pad_event_to=28)
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: log.logger,
        cache_logger_on_first_use=False,
    )
    return log
