"""What writes to the program's log. It is silent until a runner says where its log goes (`sinks.logs`): a line of it
would stand between what other commands print or draw."""

from typing import Any


class Log:
    """A logger of structlog, which takes a while to import and is imported with the first line."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        import structlog

        if not structlog.is_configured():
            structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
        return getattr(structlog.get_logger(self._name), name)
