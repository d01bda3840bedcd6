"""Limits the number of files through which a frame passes, from the socket to the history and to a painted row.

Someone who reads the code follows this path. A profiler records the functions called on it.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Coroutine, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType, FrameType, coroutine
from typing import Any, Final

import nomad_tui
from nomad_tui.config.connection import Connection
from nomad_tui.session import Session
from nomad_tui.sources.live import LiveServer
from nomad_tui.standin import StandIn
from tests import recordings
from tests.list_screen import list_alone

PACKAGE: Final = f"{Path(nomad_tui.__file__).parent}/"
SECONDS: Final = 60
"""Seconds after which the test counts as hung."""
FRAMES: Final = 30
"""Frames to read, which include all frequent kinds of events."""
FILES_TO_HISTORY: Final = 15
"""Measured: 12 if the history knows the object."""
FILES_TO_ROW: Final = 33
"""Including those up to the history. Up to seven of them describe the kinds of objects in the frame."""


class Passed:
    """Counts calls of the package's functions while it is enabled."""

    def __init__(self) -> None:
        self.calls: Counter[CodeType] = Counter()

    @property
    def files(self) -> set[str]:
        return {code.co_filename.removeprefix(PACKAGE) for code in self.calls}

    @contextmanager
    def counting(self) -> Iterator[None]:
        sys.setprofile(self._count)
        try:
            yield
        finally:
            sys.setprofile(None)

    def _count(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            self.calls[frame.f_code] += 1

    @coroutine
    def during(self, steps: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        """Run a coroutine and count its calls, but not those of other tasks between its steps."""
        step, given = steps.send, None
        with suppress(StopIteration):
            while True:
                with self.counting():
                    waits = step(given)
                try:
                    step, given = steps.send, (yield waits)
                except BaseException as error:  # such as cancellation
                    step, given = steps.throw, error


async def test_few_files_are_between_the_socket_and_a_row() -> None:
    frames = recordings.frames("tour")
    async with asyncio.timeout(SECONDS), StandIn() as server:
        session = Session(LiveServer(Connection.from_environment({"address": server.address}, environ={})))
        passed = Passed()
        async with list_alone(session.history) as alone:
            reading = asyncio.create_task(passed.during(session.run()))
            await server.subscribed()
            expected = 0
            for frame in frames[:FRAMES]:
                passed.calls.clear()
                server.publish(frame.line)
                expected += len(frame.events)
                while session.history.received_events < expected:  # noqa: ASYNC110 - a session is polled
                    await asyncio.sleep(0.001)
                to_history = passed.files
                alone.app.view.advance(1.0)
                with passed.counting():
                    alone.events.sync()
                    assert any(alone.rows)
                assert "ui/events/event_painter.py" in passed.files
                if frame is not frames[0]:  # the connection is made before the first frame
                    assert len(to_history) <= FILES_TO_HISTORY, sorted(to_history)
                    assert len(passed.files) <= FILES_TO_ROW, sorted(passed.files)
            reading.cancel()
            await asyncio.wait((reading,))
