"""The measured dashboard: the real application on a real terminal, which records timestamps."""

import asyncio
import json
import resource
import sys
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from nomad_tui.config.connection import Connection
from nomad_tui.core.history.history import History
from nomad_tui.session import Session
from nomad_tui.sources.live import LiveServer
from nomad_tui.ui.app import NomadTui

TICK = 0.001
"""Seconds between checks whether the event loop is blocked."""
SCREENFUL = 40
"""Rows of a screen."""


class Measured(NomadTui):
    """Records when each row that a key selected is on the terminal, and how long the event loop is blocked."""

    def __init__(self, session: Session, expected: int, stays_open: bool, report: Path) -> None:
        super().__init__(session)
        self._expected = expected
        self._stays_open = stays_open
        self._report = report
        self._frames: list[float] = []
        self._drawn: int | None = None
        self._stalls: list[float] = []
        self._measuring = True
        self._running_panes = False
        self._searched: dict[str, float] = {}
        """When a screenful of each filter's result, or all of it, was on the terminal."""
        self._searching_stalls: list[float] = []

    def on_mount(self) -> None:
        # Textual calls the handlers of all classes, so this one does not call the base class's.
        self._running_panes = True
        self.run_worker(self._watch_loop(), group="bench")
        self.run_worker(self._watch_progress(), group="bench")

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        if self._running_panes and self.dashboard.event_list.cursor != self._drawn:
            self._drawn = self.dashboard.event_list.cursor
            self._frames.append(perf_counter())
        if self._running_panes and not self._measuring:
            rows, text = len(self.dashboard.view), str(self.dashboard.view.filter)
            if (self.dashboard.view.complete or rows >= SCREENFUL) and text:
                self._searched.setdefault(text, perf_counter())

    async def _watch_loop(self) -> None:
        last = perf_counter()
        while True:
            await asyncio.sleep(TICK)
            now = perf_counter()
            (self._stalls if self._measuring else self._searching_stalls).append(now - last - TICK)
            last = now

    async def _watch_progress(self) -> None:
        history = self.session.history
        while history.received_events == 0:
            await asyncio.sleep(TICK)
        started, processor = perf_counter(), process_time()
        while history.received_events < self._expected:
            await asyncio.sleep(0.01)
        seconds = perf_counter() - started
        self._measuring = False
        result = {
            "events": history.received_events,
            "seconds": seconds,
            "processor": process_time() - processor,
            "derived": sum(len(each.level) + len(each.status) for each in history.segments()),
            "stalls": self._stalls,
            "held": history.held,
            "retained": history.retained_bytes,
            "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
            "until": perf_counter(),
        }
        self._write(result)
        if not self._stays_open:
            self.exit()

    def _write(self, result: dict[str, Any]) -> None:
        result |= {"frames": self._frames, "searched": self._searched, "searching_stalls": self._searching_stalls}
        part = self._report.with_suffix(".part")
        part.write_text(json.dumps(result))
        part.rename(self._report)

    async def action_quit(self) -> None:
        """Add what was drawn since to the report; the measuring process sends this key last."""
        while not self.dashboard.view.complete:
            await asyncio.sleep(0.01)
        self._write(json.loads(self._report.read_text()))
        self.exit()


def main() -> None:
    address, expected, stays_open, report = sys.argv[1:5]
    connection = Connection.from_environment({"address": address}, environ={})
    session = Session(LiveServer(connection), History(max_events=2_000_000))
    Measured(session, int(expected), stays_open == "open", Path(report)).run()


if __name__ == "__main__":
    main()
