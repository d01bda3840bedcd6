"""Measures the inspector: large payloads opened and unfolded, and Down held through ordinary ones.

`python -m tests.bench.inspector` runs the real dashboard on the `tour` and `large-job` recordings without a terminal,
for which Textual does not write escape sequences, which saves 1–2 ms per frame.
The floors, from the same run: parsing the same payload, for a large payload; Down held in the list with the inspector
hidden, for the frames.
"""

import asyncio
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, Final

from textual.pilot import Pilot

from nomad_tui.core.history.history import History
from nomad_tui.core.payload import parse
from nomad_tui.core.updates import Update
from nomad_tui.session import Session
from nomad_tui.ui.app import NomadTui
from nomad_tui.ui.panes import Pane
from tests.dashboard import CONNECTED, ScriptedSource, frames
from tests.keyboard import post_key

SIZE: Final = (180, 50)
KEYS: Final = 120
"""Presses of Down, as of a key that is held."""
KEY_INTERVAL: Final = 1 / 30
"""Seconds between two presses."""


@dataclass
class Held:
    frames: list[float] = field(default_factory=list)
    """Seconds from a key to the frame that shows it, for keys with a frame of their own."""
    rested: float = 0.0
    """Seconds from the last key until the inspector showed the selected event."""


@dataclass
class Opened:
    size: int
    parsed: float
    """Seconds for parsing alone: the floor."""
    opened: float
    """Seconds until everything above the tree and the tree's first screenful were drawn."""
    unfolded: float
    """Seconds from the key that unfolds everything until the screen was drawn."""
    rows: int


class Watched(NomadTui):
    """Records when a frame shows another selection."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.drawn: list[tuple[float, int | None]] = []

    def _display(self, screen: Any, renderable: Any) -> None:
        super()._display(screen, renderable)
        if self.dashboard.event_list.is_attached:
            self.drawn.append((perf_counter(), self.dashboard.event_list.cursor))


async def _until(pilot: Pilot[Any], fact: Any) -> None:
    while not fact():
        await pilot.pause(0.001)


async def _hold_down(app: Watched, pilot: Pilot[Any]) -> Held:
    held = Held()
    app.drawn.clear()
    pressed: dict[int | None, float] = {}
    at = perf_counter()
    for _ in range(KEYS):
        row = app.dashboard.view.row_at(app.dashboard.event_list.cursor or 0) + 1
        pressed.setdefault(app.dashboard.view.sequence_at(min(row, len(app.dashboard.view) - 1)), perf_counter())
        post_key(app, "down")
        at += KEY_INTERVAL
        await asyncio.sleep(max(0.0, at - perf_counter()))
    last = perf_counter()
    await _until(
        pilot, lambda: (event := app.dashboard.inspector.event) and event.sequence == app.dashboard.event_list.cursor
    )
    held.rested = perf_counter() - last
    seen: set[int | None] = set()
    for moment, cursor in app.drawn:
        if cursor in pressed and cursor not in seen:
            seen.add(cursor)
            held.frames.append(moment - pressed[cursor])
    return held


async def hold_down() -> tuple[Held, Held]:
    """Hold Down through the payloads of the tour, with the list alone and with the inspector."""
    session = Session(ScriptedSource(CONNECTED, *frames("tour")), History())
    app = Watched(session)
    async with app.run_test(size=SIZE) as pilot:
        await _until(pilot, lambda: session.history.held == 625 and app.dashboard.view.complete)
        results = []
        for zoomed in (Pane.EVENTS, None):
            app.dashboard.panes.zoom(zoomed)
            app.dashboard.event_list.select(100)
            await pilot.pause(0.3)
            results.append(await _hold_down(app, pilot))
        return results[0], results[1]


async def open_large() -> Opened:
    """Open the largest payload of `large-job` in the inspector, with all its views."""
    updates: list[Update] = [CONNECTED, *frames("large-job")]
    session = Session(ScriptedSource(*updates), History())
    app = Watched(session)
    async with app.run_test(size=SIZE) as pilot:
        await _until(pilot, lambda: session.history.held and app.dashboard.view.complete)
        history = session.history
        largest = max(range(history.first, history.end), key=lambda sequence: len(history.payload(sequence)))
        payload = history.payload(largest)
        parsed = min(_timed(lambda: parse(payload)) for _ in range(5))
        app.dashboard.event_list.select(
            app.dashboard.view.row_at(history.first if largest != history.first else history.end - 1)
        )
        app.dashboard.inspecting.look()
        await pilot.pause(0.3)
        began = perf_counter()
        app.dashboard.event_list.select(app.dashboard.view.row_at(largest))
        app.dashboard.inspecting.look()
        opened = await _drawn(app, pilot, began)
        app.dashboard.action_pane("inspector")
        await pilot.pause(0.2)
        began = perf_counter()
        app.dashboard.inspector.payload_tree.action_unfold_all()
        unfolded = await _drawn(app, pilot, began)
        return Opened(len(payload), parsed, opened, unfolded, len(app.dashboard.inspector.payload_tree.rows))


async def _drawn(app: Watched, pilot: Pilot[Any], began: float) -> float:
    await _until(pilot, lambda: app.drawn and app.drawn[-1][0] > began)
    return app.drawn[-1][0] - began


def _timed(work: Any) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


async def main() -> None:
    opened = await open_large()
    print(f"{opened.size / 1e6:.2f} MB Job, parsed alone {opened.parsed * 1e3:.1f} ms")
    print(f"  opened in {opened.opened * 1e3:5.1f} ms, {opened.opened / opened.parsed:5.1f} times that")
    print(
        f"  unfolded  {opened.unfolded * 1e3:5.1f} ms, {opened.unfolded / opened.parsed:5.1f} times, {opened.rows} rows"
    )
    alone, beside = await hold_down()
    for name, held in (("in the list alone", alone), ("beside the inspector", beside)):
        times = sorted(held.frames)
        print(
            f"Down held {name}: {len(times)} of {KEYS} keys in frames of their own, median "
            f"{median(times) * 1e3:.1f} ms, longest {times[-1] * 1e3:.1f} ms; at rest the inspector followed after "
            f"{held.rested * 1e3:.0f} ms"
        )
    print(f"the inspector costs {median(beside.frames) / median(alone.frames):.2f} times the list alone")


if __name__ == "__main__":
    asyncio.run(main())
