"""NDJSON on standard output: one line per frame, or per event."""

import os
import select
import sys
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from nomad_tui.core.glyphs import escaped_json
from nomad_tui.sinks.definition.definition import Definition
from nomad_tui.sinks.delivery.sink import Delivery, UnavailableError
from nomad_tui.sinks.delivery.worker_thread import Deliveries, WorkerThread
from nomad_tui.sinks.types.formats import messages

WRITABLE_TIMEOUT: Final = 1.0
"""Seconds to wait at a time for a descriptor that another process made non-blocking."""


@dataclass(slots=True)
class _Output:
    """State shared by all sinks that write to the same file, including reopened ones."""

    turn: Lock = field(default_factory=Lock)
    rest: bytes = b""
    """The rest of an incomplete line."""


_outputs: Final[dict[tuple[int, int], _Output]] = {}
"""By device and inode."""


def reader_has_gone() -> bool:
    """Whether standard output is a pipe without a reader."""
    try:
        poller = select.poll()
        poller.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in poller.poll(0))
    except (OSError, ValueError, AttributeError):  # closed, replaced by a test, or not opened at start
        return False


class StandardOutput:
    """A stalled reader delays only this sink. An incomplete line is completed once the reader continues."""

    def __init__(self, definition: Definition, descriptor: int | None = None) -> None:
        """`descriptor` is written to; None for standard output."""
        self._definition = definition
        self._descriptor = descriptor
        self._thread = WorkerThread(f"sink {definition.id}")
        self._deliveries: Deliveries[str] = Deliveries(self._thread)

    async def deliver(self, delivery: Delivery) -> str:
        overdue = (
            f"the reader of standard output has taken nothing for {self._definition.timeout:g} s: let it read on, "
            "or end it"
        )
        return await self._deliveries.deliver(
            delivery.id, lambda: self._write(delivery), self._definition.timeout, overdue
        )

    async def close(self) -> None:
        self._thread.stop()

    def _write(self, delivery: Delivery) -> str:
        lines = messages(delivery.items, self._definition.format, region=delivery.region, test=delivery.test)
        try:
            descriptor = self._opened()
            if os.isatty(descriptor):
                lines = [escaped_json(line.decode()).encode() for line in lines]
            status = os.fstat(descriptor)
            output = _outputs.setdefault((status.st_dev, status.st_ino), _Output())
            with output.turn:
                _put(descriptor, output, output.rest)
                _put(descriptor, output, b"\n".join([*lines, b""]))
        except (OSError, ValueError) as error:
            if isinstance(error, BrokenPipeError):
                what = "the reader of standard output has gone (broken pipe): start nomad-tui again with one that stays"
            else:
                reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "it is closed"
                what = f"standard output cannot be written to ({reason}): see to where it leads"
            raise UnavailableError(what) from None
        return f"{len(lines)} line{'' if len(lines) == 1 else 's'} written"

    def _opened(self) -> int:
        if self._descriptor is not None:
            return self._descriptor
        if sys.stdout is None:  # not opened at start
            raise ValueError("closed")
        return sys.stdout.fileno()


def _put(descriptor: int, output: _Output, content: bytes) -> None:
    """Writes `content`. If that fails in the middle of a line, the rest of the line is written first next time."""
    left = memoryview(content)
    try:
        while left:
            try:
                left = left[os.write(descriptor, left) :]
            except BlockingIOError:
                select.select([], [descriptor], [], WRITABLE_TIMEOUT)
    except OSError:
        done = len(content) - len(left)
        if done and content[done - 1] != ord("\n"):
            end = content.index(b"\n", done) + 1
            output.rest = content[done:end]
        raise
    output.rest = b""
