"""Presses keys in an application without a terminal, and waits for their effect.

Textual's pilot judges by processor time: on a busy machine it considers an application idle before a key took effect,
and on an idle one it waits for up to a second.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from textual import events
from textual.app import App
from textual.geometry import Size
from textual.message_pump import MessagePump
from textual.pilot import Pilot
from textual.widget import Widget

from nomad_tui.ui.key_queue import KeyQueue
from nomad_tui.ui.themes import VARIABLES

_NAMES: Final = {
    " ": "space",
    "/": "slash",
    "?": "question_mark",
    "<": "less_than_sign",
    ">": "greater_than_sign",
    ":": "colon",
    "-": "minus",
    "+": "plus",
    "@": "at",
}
_CHARACTERS: Final = {name: character for character, name in _NAMES.items()}


TURNS: Final = 10
"""Turns of the event loop to wait for at first; a new frame takes a sixtieth of a second."""


QUIET_TURNS: Final = 3
"""Consecutive quiet turns of the event loop that count as idle: handling a message may post another."""
FIRST_PAUSE: Final = 0.005
LONGEST_PAUSE: Final = 0.04
"""Longest pause between two checks of a fact, in seconds."""


def post_key(app: App[Any], key: str) -> None:
    """Press a key by Textual's name or by its character."""
    app.post_message(events.Key(_NAMES.get(key, key), _CHARACTERS.get(key, key if len(key) == 1 else None)))


class Themed(App[None]):
    """An application of a test with the dashboard's colors, in which each key acts once the one before has."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = KeyQueue(self, super().on_event, lambda key, has_left_line: 0.0)

    def on_mount(self) -> None:
        self.keys.start()
        self.call_later(self.keys.open)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await self.keys.take(event)
        else:
            await super().on_event(event)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {**super().get_theme_variable_defaults(), **VARIABLES}


def drawn(view: Widget) -> list[str]:
    """Return the lines of a widget on the screen, without trailing blanks."""
    lines = [view.render_line(y).text.rstrip() for y in range(view.scrollable_content_region.height)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


async def pressed(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        post_key(pilot.app, key)
        await at_rest(pilot.app)


async def has_worked(pump: MessagePump) -> None:
    """Wait until all messages posted to this pump so far have been handled."""
    await _is_called(pump, pump.call_later)


async def at_rest(app: App[Any]) -> None:
    """Wait until no widget has pending messages and the screen is drawn. Does not wait for timers."""
    quiet = 0
    while app.is_running and quiet < 2:  # handling a message may post another
        for part in _parts(app):
            await has_worked(part)
        if app.screen_stack:
            await _is_called(app.screen, app.screen.call_after_refresh)
        quiet = 0 if any(part.message_queue_size for part in _parts(app)) else quiet + 1
    await app.animator.wait_until_complete()


async def is_calm(app: App[Any]) -> None:
    """Wait until no widget has pending messages and the screen is laid out.

    Costs half of `Pilot.pause`, which posts a message to every widget.
    """
    turns = quiet = 0
    while app.is_running and quiet < QUIET_TURNS:
        await asyncio.sleep(0 if turns < TURNS else 0.002)
        turns += 1
        quiet = 0 if any(part.message_queue_size for part in _parts(app)) else quiet + 1
    if app.is_running and app.screen_stack:
        app.screen._on_timer_update()


async def until(app: App[Any], fact: Callable[[], object]) -> None:
    """Wait for a fact, and then for the messages pending at that time.

    Checking a fact may be slow, as it can read the screen, so it is checked less often over time.
    """
    if fact():
        return
    pause = FIRST_PAUSE
    while not fact():
        assert app.is_running, f"the application has ended with {app.return_code}"
        await asyncio.sleep(pause)
        pause = min(pause * 1.3, LONGEST_PAUSE)
    for part in _parts(app):
        await has_worked(part)


def notes(app: App[Any]) -> list[str]:
    """Return the texts of the current notifications, oldest first."""
    return [note.message for note in app._notifications]


async def resize(app: App[Any], width: int, height: int) -> None:
    """Resize the terminal."""
    driver = app._driver
    assert driver is not None
    driver._size = (width, height)
    size = Size(width, height)
    app.post_message(events.Resize(size, size))
    while app.screen.region.size != size:  # noqa: ASYNC110 - a timer sets it a moment later
        await asyncio.sleep(0.005)
    await at_rest(app)


def _parts(app: App[Any]) -> list[MessagePump]:
    return [app, *(app.screen.walk_children(with_self=True) if app.screen_stack else ())]


async def _is_called(pump: MessagePump, call: Callable[[Callable[[], object]], bool]) -> None:
    done = asyncio.Event()
    if pump.is_running and call(done.set):
        turns = 0
        while pump.is_running and not done.is_set():
            await asyncio.sleep(0 if turns < TURNS else 0.002)
            turns += 1
