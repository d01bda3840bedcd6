"""Processes keys in the order in which they are typed: each acts after the previous one has.

A key is sent to the focused widget and bubbles up to the application, which runs its action; messages that the action
posts take the same path. A screen opened by the action mounts its widgets, and focuses one, only a moment later: until
then, a key would act on the screen below, or be lost.

A key acts at once if none of these widgets has messages in its queue. Otherwise it waits until they have processed the
messages sent to them before.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from time import perf_counter
from typing import Any, Final

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.widgets import Input

POLL_INTERVAL: Final = 0.02
"""Seconds between two checks whether the next key can act, while keys are waiting."""
LONGEST_ACT: Final = 1.0
"""Maximum seconds that a key waits for the previous key to act."""
LONGEST_OPENING: Final = 10.0
"""Maximum seconds that a key waits for a screen that the previous key opens: on another one, it has another meaning."""
MAX_ROUNDS: Final = 6
"""Rounds through the widgets after which a key counts as done, even if the focus still moves."""
AT_ONCE: Final = 4
"""Maximum presses of one key in flight, if the key has just acted without moving the focus."""
QUICK_AT_ONCE: Final = 16
"""The same for a key that acts within `POLL_INTERVAL`, so that the next key hardly waits."""
HELD_AFTER: Final = 0.3
"""Seconds of repeats after which a key counts as held; a burst of typed or pasted keys is shorter."""
REPEATED_WITHIN: Final = 0.1
"""Maximum seconds between two repeats of a held key; fingers are slower."""
INTERRUPT: Final = "ctrl+c"

Typed = events.Key | events.Paste


class KeyQueue:
    """All methods run in the application's message loop, so no two keys are sent at the same time."""

    def __init__(
        self, app: App[Any], send: Callable[[Typed], Awaitable[None]], patience: Callable[[Typed, bool], float]
    ) -> None:
        """`send` sends a key to the focused widget.

        `patience` returns the maximum seconds that a key waits for work in progress since an earlier key, or 0. Its
        arguments are the key, and whether the focus has just left an input line.
        """
        self._app = app
        self._send = send
        self._patience = patience
        self._waiting: deque[Typed] = deque()
        self.is_open = False
        """Whether keys have something to act on; until then they wait."""
        self._in_flight = 0
        """Number of keys sent that may not have acted yet."""
        self._pending_widgets: Iterator[DOMNode] | None = None
        """The widgets that still have to process the last key, while the queue waits for them."""
        self._step: Callable[[], Awaitable[None]]
        """The function that the next of them calls once it has processed its messages."""
        self._path: list[DOMNode] = []
        """The widget that the last key was sent to, and its ancestors."""
        self._last = self._repeatable = ""
        """The last key sent; and the last key that acted, if it did not move the focus."""
        self._at_once = AT_ONCE
        self._sent_at = 0.0
        """`perf_counter()` when the last key was sent."""
        self._begun_at = 0.0
        """`perf_counter()` when the key was sent that started the work in progress."""
        self._is_typed = False
        """Whether that key was text for an input line, which may not have dealt with it yet."""
        self._was_in_line = True
        """Whether the last key was sent to an input line: a key after a filter acts on its rows."""
        self._repeated = ""
        self._repeated_since = self._typed_at = 0.0
        """Times of the first repeat of the current key, and of the last key."""

    def __bool__(self) -> bool:
        """Whether a key waits."""
        return bool(self._waiting)

    def start(self) -> None:
        """Call once the application is running."""
        self._poll_timer = self._app.set_interval(POLL_INTERVAL, self._advance, pause=True)

    async def open(self) -> None:
        """Lets keys act."""
        self.is_open = True
        self._poll_timer.resume()
        await self._advance()

    async def take(self, event: Typed) -> None:
        """Queues a key. Ctrl+C discards the waiting keys, as in a terminal."""
        if _key(event) == INTERRUPT:
            self._waiting = deque(each for each in self._waiting if _key(each) == INTERRUPT)
        if self._is_held(event):
            while self._waiting and _key(self._waiting[-1]) == _key(event):
                self._waiting.pop()
        self._waiting.append(event)
        await self._advance()
        if self._waiting and self.is_open:
            self._poll_timer.resume()

    def _is_held(self, event: Typed) -> bool:
        """Whether a key is a repeat of one that is held down.

        If its action is slow, only one repeat waits, so that the key pressed next does not wait for many.
        """
        if isinstance(event, events.Paste):
            return False  # pastes may have different texts
        before, self._typed_at = self._typed_at, event.time
        if _key(event) != self._repeated or event.time - before > REPEATED_WITHIN:
            self._repeated, self._repeated_since = _key(event), event.time
        return event.time - self._repeated_since > HELD_AFTER

    async def _advance(self) -> None:
        """Sends the keys that need not wait any longer."""
        while self._waiting and self._app.screen_stack and not self._must_wait():
            await self._act(self._waiting.popleft())
        if not self._waiting:
            self._poll_timer.pause()

    def _must_wait(self) -> bool:
        if not self.is_open:
            return True
        waited = perf_counter() - self._sent_at
        if self._is_typed and not _is_text(self._waiting[0]):
            self._in_flight, self._is_typed = 1, False
        if self._in_flight and not self._app.screen.is_mounted:
            return waited < LONGEST_OPENING
        if self._in_flight and self._is_idle:
            self._has_acted()
        if self._in_flight:
            if self._repeatable and _key(self._waiting[0]) == self._repeatable and self._in_flight < self._at_once:
                return False
            if self._pending_widgets is None:
                self._wait_for(self._path, self._path, MAX_ROUNDS)
            return self._in_flight > 0 and waited < LONGEST_ACT
        return perf_counter() - self._begun_at < self._patience_of(self._waiting[0])

    def _patience_of(self, event: Typed) -> float:
        if _key(event) == INTERRUPT:
            return 0.0
        return self._patience(event, self._was_in_line and not isinstance(self._app.focused, Input))

    async def _act(self, event: Typed) -> None:
        node = self._app.focused or self._app.screen
        self._sent_at = perf_counter()
        if not self._patience_of(event):  # otherwise it has waited long enough, as have those after it
            self._begun_at = self._sent_at
        self._was_in_line = isinstance(node, Input)
        self._path = list(node.ancestors_with_self)
        self._pending_widgets = None
        if _key(event) != self._repeatable:
            self._repeatable = ""
        self._last = _key(event)
        await self._send(event)
        self._is_typed = self._was_in_line and _is_text(event)
        if not self._is_typed:  # otherwise only inserted
            self._in_flight += 1

    # Whether a key has acted

    @property
    def _focus_path(self) -> list[DOMNode]:
        """The focused widget and its ancestors."""
        return list((self._app.focused or self._app.screen).ancestors_with_self) if self._app.screen_stack else []

    @property
    def _is_idle(self) -> bool:
        """Whether the widgets of the last key, and those of the next one, have no messages in their queues."""
        return not any(node.message_queue_size for node in (*self._path, *self._focus_path))

    def _has_acted(self) -> None:
        self._pending_widgets, self._in_flight = None, 0
        self._repeatable = self._last if self._focus_path == self._path else ""
        self._at_once = QUICK_AT_ONCE if perf_counter() - self._sent_at < POLL_INTERVAL else AT_ONCE

    def _wait_for(self, nodes: list[DOMNode], before: list[DOMNode], rounds: int) -> None:
        """Waits until these widgets have processed their messages, one after another, and those that result from them.

        The first round ends with the key's action, the second with the messages that it posted, including those to a
        new screen, which processes nothing before it is mounted. If the focus moves in a round, another follows.
        """
        way = self._pending_widgets = iter(nodes)
        self._step = partial(self._resume, way, before, rounds)
        self._visit(way, before, rounds)

    def _visit(self, way: Iterator[DOMNode], before: list[DOMNode], rounds: int) -> None:
        for node in way:
            # Not by `call_later`: it makes another function each time, and Textual looks at the signature of each.
            if node.post_message(events.Callback(self._step)):
                return
        now = self._focus_path
        if rounds and (rounds == MAX_ROUNDS or now != before):
            self._wait_for([*dict.fromkeys((*before[:-1], *now))], now, rounds - 1)
        else:
            self._has_acted()

    async def _resume(self, way: Iterator[DOMNode], before: list[DOMNode], rounds: int) -> None:
        if way is self._pending_widgets:  # otherwise the next key no longer waits for this one
            self._visit(way, before, rounds)
            if not self._in_flight:
                await self._advance()


def _is_text(event: Typed) -> bool:
    return isinstance(event, events.Key) and event.is_printable


def _key(event: Typed) -> str:
    return event.key if isinstance(event, events.Key) else ""
