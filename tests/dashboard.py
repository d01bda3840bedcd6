"""The real dashboard without a terminal, with a source that a test controls."""

import asyncio
import gc
import html
import itertools
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from functools import cache
from typing import Any, Final

from rich.cells import cell_len
from textual._compositor import LayoutUpdate
from textual.content import Content
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widget import Widget

from nomad_tui.core.history.history import History
from nomad_tui.core.updates import Connected, Update
from nomad_tui.core.wire import Frame, decode
from nomad_tui.session import Session
from nomad_tui.sources.source import Source
from nomad_tui.ui.app import NomadTui
from nomad_tui.ui.dashboard import DashboardOptions, Outcome
from nomad_tui.ui.events.event_list import EventList
from nomad_tui.ui.panes import Pane
from nomad_tui.ui.screen import DashboardScreen
from tests import recordings, scenes
from tests.keyboard import at_rest, has_worked, is_calm, notes, post_key, resize, until
from tests.recordings import frame

SECONDS: Final = 150
"""Seconds that a dashboard may be open in a test before it counts as hung."""

KEY_PAUSE: Final = 0.005
"""Seconds without a key after which a dashboard inspects the selection and applies a filter."""

WIDE: Final = (180, 50)
MEDIUM: Final = (100, 30)
NARROW: Final = (80, 24)
SIZES: Final = (WIDE, MEDIUM, NARROW)


class ScriptedSource:
    """A source that yields the given updates and those sent to it later, and stays connected."""

    name = "nomad.example.com:4646"
    live = True

    def __init__(self, *updates: Update) -> None:
        self._queued: asyncio.Queue[Update] = asyncio.Queue()
        self.send(*updates)

    def scope(self, region: str | None) -> str:
        return "all namespaces"

    def send(self, *updates: Update) -> None:
        for update in updates:
            self._queued.put_nowait(update)

    async def updates(self) -> AsyncGenerator[Update, None]:
        while True:
            yield await self._queued.get()


CONNECTED: Final = Connected("nomad.example.com:4646", "2.0.6", "global")


def event(topic: str, key: str, **payload: Any) -> dict[str, Any]:
    return {"Topic": topic, "Type": "JobRegistered", "Key": key, "Namespace": "default", "Payload": payload}


def jobs(numbers: Iterable[int]) -> list[Frame]:
    """Return a frame per number: the registration of job `job-NUMBER` at that index."""
    return [
        frame(number, event("Job", f"job-{number}", Job={"ID": f"job-{number}", "Type": "service"}))
        for number in numbers
    ]


@cache
def frames(recording: str) -> tuple[Frame, ...]:
    """Return all frames of a recording; `hostile` also has lines that are not frames."""
    return tuple(decoded for line in recordings.lines(recording) if isinstance(decoded := decode(line), Frame))


class Patient(NomadTui):
    """Keeps its notifications: on a busy machine a test may read them seconds later."""

    draws_when_read = True

    def notify(self, message: str, **options: Any) -> None:
        super().notify(message, **{**options, "timeout": SECONDS})


@dataclass
class Dashboard:
    app: NomadTui
    pilot: Pilot[Outcome]

    @property
    def dashboard(self) -> DashboardScreen:
        return self.app.dashboard

    @property
    def events(self) -> EventList:
        return self.dashboard.event_list

    @property
    def history(self) -> History:
        return self.app.session.history

    @property
    def focus(self) -> str:
        """The pane with the focus: `topics`, `events`, `inspector`, `filter`, or "" for another widget."""
        node = self.app.focused
        names = [] if node is None else [each.id for each in node.ancestors_with_self]
        return next((name for name in names if name in (*Pane, "filter")), "") or ""

    @property
    def notes(self) -> list[str]:
        """Texts of the notifications, oldest first."""
        return notes(self.app)

    async def until(self, fact: Callable[[], object]) -> None:
        await until(self.app, fact)

    async def press(self, *keys: str) -> None:
        """Press keys by Textual's names, each after the previous one took effect.

        A key goes from the application to the focused widget and bubbles up through its ancestors, as do the messages
        that the widget posts. Each of them is awaited in turn.
        """
        for key in keys:
            post_key(self.app, key)
            for _ in range(2):
                await has_worked(self.app)
                if self.app.screen_stack:
                    for node in (self.app.focused or self.app.screen).ancestors_with_self:
                        await has_worked(node)
        await is_calm(self.app)

    async def click(self, part: type[Widget] | str, offset: tuple[int, int], times: int = 1) -> None:
        """Click on a widget; `part` is its class or a selector."""
        await self.pilot.click(part, offset=offset, times=times)
        await at_rest(self.app)

    async def resize(self, width: int, height: int) -> None:
        await resize(self.app, width, height)

    async def type(self, text: str) -> None:
        await self.press(*text)

    async def shows(self, received: int) -> None:
        """Wait until that many events were received and all panes show them."""
        await self.until(lambda: self.history.received_events >= received and self.dashboard.view.complete)
        await self.caught_up()

    async def caught_up(self) -> None:
        """Wait until the screen shows the state of the session, and the inspector the selected event."""
        await self.until(lambda: self.dashboard.view.complete)
        asked = False
        while True:
            self.events.sync()
            self.dashboard.sync()
            if scenes.settled(self.app):
                break
            if not asked:
                self.events.post_message(EventList.Selected(self.events.cursor))  # inspects the newest at once
                asked = True
            await asyncio.sleep(0.005)
        await at_rest(self.app)

    def rows(self) -> Sequence[str]:
        """The rows of the list as drawn."""
        return [self.events.render_line(y).text for y in range(self.events.scrollable_content_region.height)]

    def screen(self) -> list[str]:
        """The lines of the screen that contain text: like `drawn` for a picture, in a tenth of the time."""
        drawing = self.app.screen._compositor.render_update(full=True, screen_stack=self.app._background_screens)
        assert isinstance(drawing, LayoutUpdate)
        return [line for strips in drawing.strips if (line := Strip.join(strips).text.rstrip())]

    def __contains__(self, text: str) -> bool:
        """Whether a line of the screen contains the text."""
        return any(text in line for line in self.screen())

    async def appears(self, text: str) -> None:
        await self.until(lambda: text in self)

    @property
    def inspected(self) -> str | None:
        """Title of the inspector."""
        return Content.from_markup(str(self.dashboard.inspector.border_title)).plain


_opened: Final = itertools.count()


@asynccontextmanager
async def dashboard(
    source: Source, size: tuple[int, int] = MEDIUM, *, history: History | None = None, **settings: Any
) -> AsyncIterator[Dashboard]:
    """`settings` are those of the application."""
    async with dashboard_of(Session(source, history), size, **settings) as opened:
        yield opened


@asynccontextmanager
async def dashboard_of(session: Session, size: tuple[int, int] = MEDIUM, **settings: Any) -> AsyncIterator[Dashboard]:
    # The application collects garbage when it starts, which takes 150 ms for all that pytest holds. So this is frozen
    # before; the application unfreezes it when it ends.
    if next(_opened) % 25 == 0:
        gc.collect()
    gc.freeze()
    options = DashboardOptions(timezone=UTC, key_pause=KEY_PAUSE, collects_after=SECONDS, **settings)
    app = Patient(session, options)
    async with asyncio.timeout(SECONDS), app.run_test(size=size, notifications=True, tooltips=True) as pilot:
        opened = Dashboard(app, pilot)
        yield opened
        if app.is_running and app.screen_stack:
            opened.screen()  # draw at least once, even if the test never reads the screen


_TEXT: Final = re.compile(r'<text class="\S+-r\d+" x="([\d.]+)"[^>]*-line-(\d+)\)">([^<]*)</text>')
_CELL: Final = 12.2
"""Width of a cell in SVG pictures."""


def drawn(svg: str) -> list[str]:
    """Return the lines of a picture that contain text, as on the screen."""
    found = [(int(number), float(x), html.unescape(text)) for x, number, text in _TEXT.findall(svg)]
    lines = []
    for _, texts in itertools.groupby(found, lambda text: text[0]):
        line = ""
        for _, x, text in texts:
            line += " " * (round(x / _CELL) - cell_len(line)) + text.replace("\xa0", " ").rstrip("\n")
        lines.append(line.rstrip())
    return lines
