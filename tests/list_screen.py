"""A screen with only the event list, which handles its messages as the dashboard does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any, ClassVar, Final

from textual.app import ComposeResult
from textual.pilot import Pilot
from textual.screen import Screen

from nomad_tui.config.folders import styles_folder
from nomad_tui.core.filter import Filter
from nomad_tui.core.history.history import History
from nomad_tui.core.search.view import View
from nomad_tui.core.wire import Frame
from nomad_tui.ui.events.columns import DEFAULT_COLUMNS, Column
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.events.go_to import GoTo
from nomad_tui.ui.themes import NOMAD_DARK
from tests.keyboard import Themed, at_rest, post_key, until
from tests.recordings import frame

SECONDS: Final = 120
NOW: Final = 1_795_423_940_000_000_000
"""2026-11-23 08:52:20 UTC, in ns since 1970."""


def event(topic: str, key: str, namespace: str = "default", **payload: Any) -> dict[str, Any]:
    return {"Topic": topic, "Type": "JobRegistered", "Key": key, "Namespace": namespace, "Payload": payload}


def job(number: int, moment: int = 0) -> Frame:
    """Return the registration of job `job-NUMBER` at that index, submitted at `moment` in ns since 1970 if not 0."""
    known = {"SubmitTime": moment, "JobModifyIndex": number} if moment else {}
    return frame(number, event("Job", f"job-{number}", Job={"ID": f"job-{number}", "Type": "service", **known}))


def history_of(frames: Iterable[Frame], received: int = 0) -> History:
    history = History()
    for each in frames:
        history.append(each, received)
    return history


class ListScreen(Screen[None]):
    """Handles the list's keys as the dashboard's screen does."""

    app: ListAlone

    def action_highlight(self) -> None:
        self.app.toggle_highlight()

    def action_fold(self) -> None:
        self.app.fold_asked += 1


class ListAlone(Themed):
    CSS_PATH: ClassVar = [styles_folder() / "events.tcss", styles_folder() / "go_to.tcss"]
    CSS = "EventList { height: 1fr; } "
    draws_when_read = True

    def __init__(self, history: History, columns: tuple[Column, ...], filter_text: str) -> None:
        super().__init__()
        self.chosen = Filter.parse(filter_text)
        self.view = View(history, self.chosen)
        self.events = EventList(self.view, UTC, lambda: NOW, columns=columns)
        self.fold_asked = 0
        self.register_theme(NOMAD_DARK)
        self.theme = NOMAD_DARK.name

    def compose(self) -> ComposeResult:
        yield self.events

    def get_default_screen(self) -> Screen[None]:
        return ListScreen()

    def toggle_highlight(self) -> None:
        matches = View(self.view.history, self.chosen) if self.events.viewport.matches is None else None
        self.view.show(Filter() if matches is not None else self.chosen)
        self.events.highlight(self.events.view, matches)


@dataclass
class Alone:
    app: ListAlone
    pilot: Pilot[None]

    @property
    def events(self) -> EventList:
        return self.app.events

    @property
    def subtitle(self) -> str:
        return str(self.events.border_subtitle)

    @property
    def selected(self) -> str | None:
        """Key of the selected event."""
        cursor = self.events.cursor
        return None if cursor is None else self.app.view.history.event(cursor).key

    @property
    def rows(self) -> list[str]:
        """The rows of the list as drawn."""
        return [self.events.render_line(y).text for y in range(self.events.scrollable_content_region.height)]

    def row_of(self, words: str) -> int:
        """Number of the screen line with this text."""
        return next(y for y, text in enumerate(self.rows) if words in text)

    async def press(self, *keys: str) -> None:
        for key in keys:
            post_key(self.app, key)
            await at_rest(self.app)

    async def at_once(self, keys: str) -> None:
        """Type all keys before any is handled; `\\r` is Enter."""
        for key in keys:
            post_key(self.app, "enter" if key == "\r" else key)
        await at_rest(self.app)

    async def until(self, fact: Callable[[], object]) -> None:
        await until(self.app, fact)

    def search(self) -> None:
        """Search to the end, which the dashboard does in slices."""
        for view in (self.app.view, self.events.viewport.matches):
            while view is not None and not view.complete:
                view.advance(0.01)
        self.events.sync()

    @property
    def prompt(self) -> GoTo | None:
        screen = self.app.screen
        return screen if isinstance(screen, GoTo) else None


@asynccontextmanager
async def list_alone(
    history: History,
    size: tuple[int, int] = (100, 30),
    columns: tuple[Column, ...] = DEFAULT_COLUMNS,
    filter_text: str = "",
) -> AsyncIterator[Alone]:
    app = ListAlone(history, columns, filter_text)
    async with asyncio.timeout(SECONDS), app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        alone = Alone(app, pilot)
        alone.search()
        await at_rest(app)
        yield alone
