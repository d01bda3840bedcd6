"""What a runner says while it runs, on standard error: a line for a person, or a JSON object a line."""

import logging
import sys
from contextlib import suppress
from enum import StrEnum
from typing import TextIO, cast

import structlog
from structlog.typing import Processor


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class _Lines:
    """What is logged must not end the program: what cannot be written, as on a full disk or to a reader that has gone,
    is left out."""

    def __init__(self, output: TextIO | None) -> None:
        """None where the program was started without standard error."""
        self._output = output

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            if self._output is not None:
                self._output.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            if self._output is not None:
                self._output.flush()

    def isatty(self) -> bool:
        return self._output is not None and self._output.isatty()


def configure(lines: LogFormat, output: TextIO | None = None, level: int = logging.INFO) -> None:
    """For the whole process; `output` is standard error unless it is given."""
    written = _Lines(output or sys.stderr)
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
