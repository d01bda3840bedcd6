"""NDJSON on standard output: one line for a frame, or for an event."""

import os
import select
import sys
from typing import Final

from nomad_tui.sinks.definition import Definition
from nomad_tui.sinks.formats import messages
from nomad_tui.sinks.own_thread import Deliveries, OwnThread
from nomad_tui.sinks.sink import Delivery, UnavailableError

WAIT: Final = 1.0
"""Seconds for which a descriptor that somebody made non-blocking is waited for at a time."""


class StandardOutput:
    """A reader that stands still delays nothing but this sink. What was begun is finished once it reads on."""

    def __init__(self, definition: Definition, descriptor: int | None = None) -> None:
        """`descriptor` is written to; None for standard output's own."""
        self._definition = definition
        self._descriptor = descriptor
        self._thread = OwnThread(f"sink {definition.id}")
        self._deliveries: Deliveries[str] = Deliveries(self._thread)
        self._rest = b""
        """What is left of a line that was begun."""

    async def deliver(self, delivery: Delivery) -> str:
        overdue = (
            f"the reader of standard output has taken nothing for {self._definition.timeout:g} s: let it read on, "
            "or end it"
        )
        return await self._deliveries.bring(
            delivery.id, lambda: self._write(delivery), self._definition.timeout, overdue
        )

    async def close(self) -> None:
        self._thread.stop()

    def _write(self, delivery: Delivery) -> str:
        lines = messages(delivery.items, self._definition.format, region=delivery.region, test=delivery.test)
        try:
            self._put(self._rest)
            self._put(b"\n".join([*lines, b""]))
        except (OSError, ValueError) as error:
            if isinstance(error, BrokenPipeError):
                what = "the reader of standard output has gone (broken pipe): start nomad-tui again with one that stays"
            else:
                reason = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "it is closed"
                what = f"standard output cannot be written to ({reason}): see to where it leads"
            raise UnavailableError(what) from None
        return f"{len(lines)} line{'' if len(lines) == 1 else 's'} written"

    def _put(self, content: bytes) -> None:
        """Where a descriptor fails in the middle, what is left of the line under way comes first the next time."""
        left = memoryview(content)
        if (descriptor := self._descriptor) is None:
            if sys.stdout is None:  # the program was started without
                raise ValueError("closed")
            descriptor = sys.stdout.fileno()
        try:
            while left:
                try:
                    left = left[os.write(descriptor, left) :]
                except BlockingIOError:
                    select.select([], [descriptor], [], WAIT)
        except OSError:
            done = len(content) - len(left)
            if done and content[done - 1] != ord("\n"):
                end = content.index(b"\n", done) + 1
                self._rest = content[done:end]
            raise
        self._rest = b""
