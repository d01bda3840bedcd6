"""What a runner says while it runs, on standard error: a line for a person, or a JSON object a line."""

import logging
import sys
from enum import StrEnum
from typing import TextIO

import structlog
from structlog.typing import Processor


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


def configure(lines: LogFormat, output: TextIO | None = None, level: int = logging.INFO) -> None:
    """For the whole process; `output` is standard error unless it is given."""
    output = output or sys.stderr
    # Everything that is logged is named, and what came from elsewhere was made fit to be shown where it was logged.
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: Processor = structlog.processors.JSONRenderer()
    if lines is LogFormat.TEXT:
        last = structlog.dev.ConsoleRenderer(colors=output.isatty(), pad_event_to=28)
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(output),
        cache_logger_on_first_use=False,
    )
