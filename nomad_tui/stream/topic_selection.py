"""Which topics to ask a server for, as the operator ticks them, and when to connect anew for that.

Ticks must never cost the operator the stream. A subscription that a server does not take is given up for the one it
took last, and that for the one the session was started with, which is also never exceeded.
"""

import asyncio
from time import monotonic
from typing import Final

import aiohttp

from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.subscription import Subscription

TICKS_SETTLE: Final = 3.0
"""Seconds without another tick before the server is asked for other topics: ticking through a list is one change."""
ASKED_AGAIN: Final = 60.0
"""Seconds before a server is asked again for what it did not take: each time costs a good connection."""


class Ticked:
    def __init__(self, whole: Subscription, settle: float = TICKS_SETTLE) -> None:
        """`whole` is what the session was started with; `settle` is in seconds."""
        self.whole = whole
        """The most that is asked for now."""
        self.accepted = whole
        """What a server took last."""
        self.started_with = whole
        self._permitted: frozenset[str] | None = None
        self._harmful: frozenset[str] = frozenset()
        self._topics: frozenset[str] | None = None
        """What the operator wants; None for all."""
        self._wanted = whole
        self._settle = settle
        self._settled_at = 0.0
        self._not_taken: list[Subscription] = []
        """What was asked for in vain, for now."""
        self._holding = True
        """Whether the connection cannot be left yet."""
        self._again = False
        """Whether it is to be made anew whatever it asks for."""
        self._interrupted = False
        self._waiting: asyncio.Timeout | None = None

    def watch(self, topics: frozenset[str] | None) -> None:
        """As `LiveServer.watch`."""
        self._topics = topics
        self._settled_at = monotonic() + self._settle
        self._choose()
        self._wake()

    def again(self) -> None:
        """The connection is to be made anew as soon as a frame is at its end."""
        self._again = True
        self._wake()

    def interrupt(self) -> None:
        """`chunk` is to return as soon as it can: there is something to say."""
        self._interrupted = True
        self._wake()

    def restrict(self, topics: frozenset[str] | None) -> None:
        """What the token may read, by released names; None as long as nothing is known to be refused."""
        self._permitted = topics
        self._limit()

    def leave_out(self, topics: frozenset[str]) -> bool:
        """Topics that must not be asked for, by released names; whether something else is to be asked for now."""
        before = self.whole
        self._harmful = topics
        self._limit()
        return self.whole != before

    @property
    def harmless(self) -> Subscription | None:
        """What the session was started with, but for what must not be asked for; None if nothing is left."""
        return self.started_with.without(self._harmful)

    @property
    def permits_all(self) -> bool:
        """Whether nothing is left out for want of a permission."""
        return self.whole == self.harmless

    def _limit(self) -> None:
        whole = self.harmless
        if whole is not None and self._permitted is not None:
            whole = whole.only(self._permitted)
        if whole is not None and whole != self.whole:
            self.whole = self.accepted = whole
            self._not_taken.clear()
            self._choose()

    @property
    def readable(self) -> frozenset[str] | None:
        """What a request may name at all, by released names; None as long as nothing is known to be refused."""
        return None if self.whole == self.started_with else self.whole.released_topics

    def _choose(self) -> None:
        wanted = self.whole if self._topics is None else self.whole.only(self._topics) or self.accepted
        if wanted != self._wanted:
            self._wanted = wanted
            self._not_taken.clear()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.expired():
            left = 0.0 if self._interrupted else self._seconds_left()
            self._waiting.reschedule(None if left is None else asyncio.get_running_loop().time() + left)

    # Between two connections

    def subscription(self, anything_seen: bool) -> Subscription:
        """What to ask for next. Before anything was seen there is no index to come back to: nothing is left out."""
        first = self._wanted if anything_seen else self.whole
        return next((each for each in (first, self.accepted, self.whole) if each not in self._not_taken), first)

    def not_taken(self, subscription: Subscription) -> bool:
        """A server did not take it; True if there is another one to ask for at once."""
        self._not_taken.append(subscription)
        self._settled_at = max(self._settled_at, monotonic() + ASKED_AGAIN)
        if all(each in self._not_taken for each in (self._wanted, self.accepted, self.whole)):
            self._not_taken.clear()
            return False
        return True

    def lost(self) -> None:
        """A connection ended or could not be made: whoever answers next may take what this server did not."""
        self._not_taken.clear()

    # During one

    def asked(self) -> None:
        """A connection is being made, with all that is known now."""
        self._again = False

    def taken(self, subscription: Subscription) -> None:
        self.accepted = subscription

    @property
    def refused_topics(self) -> tuple[str, ...]:
        """Topics that are ticked and cannot be had."""
        got = self.accepted.released_topics
        if got is None or self._wanted not in self._not_taken:
            return ()
        wanted = self._wanted.released_topics
        names = list(KINDS) if wanted is None else sorted(wanted)
        return tuple(name for name in names if name not in got)

    async def chunk(self, content: aiohttp.StreamReader, changeable: bool) -> bytes | None:
        """What comes next; empty at the stream's end, None if it is time to ask for other topics and it may be done, or
        after `interrupt`.

        Then what has arrived is left in `content`.
        """
        self._holding = not changeable
        left = 0.0 if self._interrupted else self._seconds_left()
        if left != 0:
            waiting = asyncio.timeout(left)
            try:
                async with waiting:
                    self._waiting = waiting
                    return await content.readany()
            except TimeoutError:
                if not waiting.expired():
                    raise
            finally:
                self._waiting = None
        self._interrupted = False
        if self.is_due:
            self._not_taken.clear()
        return None

    @property
    def is_due(self) -> bool:
        """Whether it is time to ask for other topics."""
        return self._seconds_left() == 0.0

    def _seconds_left(self) -> float | None:
        """Until the connection is to be made anew; None if it is not."""
        if self._again:
            return 0.0
        if self._holding or self._wanted == self.accepted:
            return None
        return max(0.0, self._settled_at - monotonic())
