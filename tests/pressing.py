"""Keys for an application without a terminal, and waiting until they have had their effect.

Textual's own pilot takes an application for idle while the process gets no processor, which on a busy machine is before
a key has had any effect, and waits up to a second where the processor is its own.
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
"""Of the event loop, within which most is done; a new picture takes a sixtieth of a second."""


QUIET_TURNS: Final = 3
"""Turns of the event loop in a row: what one part deals with may send something to another."""
FIRST_PAUSE: Final = 0.005
LONGEST_PAUSE: Final = 0.04
"""Seconds between two looks at a fact."""


def post_key(app: App[Any], key: str) -> None:
    """Presses a key by Textual's name, or by its character."""
    app.post_message(events.Key(_NAMES.get(key, key), _CHARACTERS.get(key, key if len(key) == 1 else None)))


class Themed(App[None]):
    """An application of a test with the dashboard's colors."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {**super().get_theme_variable_defaults(), **VARIABLES}


def drawn(view: Widget) -> list[str]:
    """The lines that are on screen, without what is blank at their ends."""
    lines = [view.render_line(y).text.rstrip() for y in range(view.scrollable_content_region.height)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


async def pressed(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        post_key(pilot.app, key)
        await at_rest(pilot.app)


async def has_worked(pump: MessagePump) -> None:
    """Waits until everything that was sent to a part of the application has been dealt with."""
    await _is_called(pump, pump.call_later)


async def at_rest(app: App[Any]) -> None:
    """Waits until no part of the screen has anything left to do, and the screen is drawn. Timers are not waited for."""
    quiet = 0
    while app.is_running and quiet < 2:  # what one part deals with may send something to another
        for part in _parts(app):
            await has_worked(part)
        if app.screen_stack:
            await _is_called(app.screen, app.screen.call_after_refresh)
        quiet = 0 if any(part.message_queue_size for part in _parts(app)) else quiet + 1
    await app.animator.wait_until_complete()


async def is_calm(app: App[Any]) -> None:
    """Waits until no message is on its way to any part of the screen, and the screen is laid out.

    It costs half of what `Pilot.pause` does, which sends every part a message of its own.
    """
    turns = quiet = 0
    while app.is_running and quiet < QUIET_TURNS:
        await asyncio.sleep(0 if turns < TURNS else 0.002)
        turns += 1
        quiet = 0 if any(part.message_queue_size for part in _parts(app)) else quiet + 1
    if app.is_running and app.screen_stack:
        app.screen._on_timer_update()


async def until(app: App[Any], fact: Callable[[], object]) -> None:
    """Waits for a fact, and then for the messages that were on their way to any part of the screen.

    A fact may be read from the screen, which takes a while, so a fact that is long in coming is asked for less often.
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
    """What notifications say, the oldest first; those that have timed out say nothing any more."""
    return [note.message for note in app._notifications]


async def resize(app: App[Any], width: int, height: int) -> None:
    """Makes the terminal another size."""
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
