"""Which topics to ask a server for, as the operator selects them, and when to reconnect for that.

A selection must never cost the operator the stream. A subscription that a server refuses is given up for the one that
it accepted last, and that for the one the session was started with, which is also never exceeded.
"""

from collections.abc import Callable
from time import monotonic

from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.subscription import Subscription


class TopicSelection:
    def __init__(
        self, most: Subscription, *, settle: float, refused_again: float, on_change: Callable[[], None]
    ) -> None:
        """`most` is what the session was started with. `settle` and `refused_again` are those of `Settings`;
        `on_change` is called when the connection may have to be left sooner."""
        self.most = most
        """The most that is asked for now."""
        self.accepted = most
        """What a server accepted last."""
        self.started_with = most
        self._permitted: frozenset[str] | None = None
        self._harmful: frozenset[str] = frozenset()
        self._topics: frozenset[str] | None = None
        """The operator's selection; None for all."""
        self._wanted = most
        self._settle = settle
        self._refused_again = refused_again
        self._on_change = on_change
        self._settled_at = 0.0
        self._refused: list[Subscription] = []
        """Subscriptions that were refused, for now."""
        self.holding = True
        """Whether the connection cannot be left yet for other topics."""
        self.is_changing = False
        """Whether a reconnect is wanted, now or later."""
        self._again = False
        """Whether to reconnect even for the same topics."""

    def watch(self, topics: frozenset[str] | None) -> None:
        """As `LiveServer.watch`."""
        self._topics = topics
        self._settled_at = monotonic() + self._settle
        self._choose()
        self._on_change()

    def reconnect(self) -> None:
        """Leaves the connection as soon as a frame is complete, and makes another."""
        self._again = self.is_changing = True
        self._on_change()

    def restrict(self, topics: frozenset[str] | None) -> None:
        """Limits the selection to what the token may read, by released names; None while no refusal is known."""
        self._permitted = topics
        self._limit()

    def leave_out(self, topics: frozenset[str]) -> bool:
        """Excludes topics, by released names. Returns whether that changes what is to be asked for."""
        before = self.most
        self._harmful = topics
        self._limit()
        return self.most != before

    @property
    def harmless(self) -> Subscription | None:
        """What the session was started with, without the topics to be left out; None if nothing remains."""
        return self.started_with.without(self._harmful)

    @property
    def permits_all(self) -> bool:
        """Whether nothing is left out for want of a permission."""
        return self.most == self.harmless

    def _limit(self) -> None:
        most = self.harmless
        if most is not None and self._permitted is not None:
            most = most.only(self._permitted)
        if most is not None and most != self.most:
            self.most = self.accepted = most
            self._refused.clear()
            self._choose()

    @property
    def readable(self) -> frozenset[str] | None:
        """Topics that a request may name, by released names; None while no refusal is known."""
        return None if self.most == self.started_with else self.most.released_topics

    def _choose(self) -> None:
        wanted = self.most if self._topics is None else self.most.only(self._topics) or self.accepted
        if wanted != self._wanted:
            self._wanted = wanted
            self._refused.clear()
        self._look_for_changes()

    def _look_for_changes(self) -> None:
        self.is_changing = self._again or self._wanted != self.accepted

    # Between two connections

    def subscription(self, anything_seen: bool) -> Subscription:
        """What to ask for next. Before anything was seen there is no index to resume from: nothing is left out."""
        first = self._wanted if anything_seen else self.most
        return next((each for each in (first, self.accepted, self.most) if each not in self._refused), first)

    def refuse(self, subscription: Subscription) -> bool:
        """Notes that a server refused it. Returns whether there is another one to ask for at once."""
        self._refused.append(subscription)
        self._settled_at = max(self._settled_at, monotonic() + self._refused_again)
        if all(each in self._refused for each in (self._wanted, self.accepted, self.most)):
            self._refused.clear()
            return False
        return True

    def forget_refusals(self) -> None:
        """The next server, or this one later, may accept what was refused."""
        self._refused.clear()

    # During one

    def begin(self) -> None:
        """A connection is being made, with everything known now."""
        self._again = False
        self._look_for_changes()

    def accept(self, subscription: Subscription) -> None:
        self.accepted = subscription
        self._look_for_changes()

    @property
    def refused_topics(self) -> tuple[str, ...]:
        """Topics that are selected and refused."""
        got = self.accepted.released_topics
        if got is None or self._wanted not in self._refused:
            return ()
        wanted = self._wanted.released_topics
        names = list(KINDS) if wanted is None else sorted(wanted)
        return tuple(name for name in names if name not in got)

    @property
    def is_due(self) -> bool:
        """Whether to reconnect now."""
        return self.seconds_left() == 0.0

    def seconds_left(self) -> float | None:
        """Until the next reconnect for other topics; None if there is none."""
        if self._again:
            return 0.0
        if self.holding or self._wanted == self.accepted:
            return None
        return max(0.0, self._settled_at - monotonic())
