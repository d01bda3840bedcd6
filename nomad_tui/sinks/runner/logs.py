"""The runner's log on standard error: text or JSON lines."""

import logging
import os
import sys
from contextlib import suppress
from enum import StrEnum
from logging.handlers import QueueHandler, QueueListener
from pathlib import Path
from queue import Full, Queue
from threading import Thread
from typing import Final, TextIO

import structlog
from structlog.typing import Processor

MAX_WAITING: Final = 10_000
"""Lines in the queue, beyond which new ones are dropped."""
CLOSE_TIMEOUT: Final = 1.0
"""Seconds that `close` waits for the queue to be written."""


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class _Queueing(QueueHandler):
    """Drops lines while `MAX_WAITING` are in the queue."""

    left_out = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            super().enqueue(record)
        except Full:
            self.left_out += 1


class Log(QueueListener):
    """Writes the log in a thread, so that a pipe that nobody reads does not block the runner.

    Lines that cannot be written, to a full disk or a closed pipe, are dropped: they must not end the runner either.
    """

    def __init__(self, output: TextIO | None, form: LogFormat, file: Path | None = None) -> None:
        """`output` is None if the program was started without standard error; `file` is the file behind it, if any."""
        waiting: Queue[logging.LogRecord] = Queue(MAX_WAITING)
        super().__init__(waiting)
        self._output = output
        self._file = file
        self._form = form
        self._queueing = _Queueing(waiting)
        self.logger = logging.getLogger("nomad_tui")
        self.logger.addHandler(self._queueing)
        self.logger.setLevel(logging.INFO)
        self.logger.propagate = False
        self.start()

    def close(self) -> None:
        """Write the queued lines, within `CLOSE_TIMEOUT`."""
        self.logger.removeHandler(self._queueing)
        ending = Thread(target=self.stop, name="end of the log", daemon=True)
        ending.start()
        ending.join(CLOSE_TIMEOUT)

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
                if self._file is not None:
                    _reopen(self._output, self._file)
                _write(self._output, text)


def _reopen(output: TextIO, file: Path) -> None:
    """Reopen the file if logrotate has moved it."""
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(output.fileno()), file.stat()):
            return
    with file.open("ab") as new:
        os.dup2(new.fileno(), output.fileno(), inheritable=False)


def _write(output: TextIO, text: str) -> None:
    """Write to the descriptor if there is one: a thread that blocks in a buffered write keeps the interpreter alive."""
    try:
        descriptor = output.fileno()
    except (OSError, ValueError):  # a file object of a test
        output.write(text)
        output.flush()
        return
    left = text.encode("utf-8", "replace")
    while left:
        left = left[os.write(descriptor, left) :]


def configure(form: LogFormat, output: TextIO | None = None, file: Path | None = None) -> Log:
    """Set up logging for the process to `output`, by default standard error; `file` is the file behind it, if any.

    Close the log at the end.
    """
    output = output or sys.stderr
    log = Log(output, form, file)
    # Callers make untrusted values printable before they log them.
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
