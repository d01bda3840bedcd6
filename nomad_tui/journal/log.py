"""The program's log. Silent until a runner sets up its output (`sinks.runner.logs`), so that other commands print and
draw without log lines in between."""

from typing import Any


class Log:
    """A structlog logger; structlog is imported with the first line, because that takes a while."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        import structlog

        if not structlog.is_configured():
            structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
        return getattr(structlog.get_logger(self._name), name)
