"""How far each topic has been read, while the topics that a server is asked for change.

Topics that are asked for all along are read up to one and the same index, which `core.continuity` keeps. A topic that
is left out stops at a place of its own. Asked for again it starts from that place, comes nearer with every frame and
is at the end level with the others; a connection lost on the way leaves it at the place it has come to.

`topics` is always what one request asks for, by released names; None is all that the session was started with. Names
that nobody has heard of yet cannot be in such a set, so leaving None also makes a place under `ALL`, for all topics
that are in no set since.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from nomad_tui.core.objects.registry import KINDS
from nomad_tui.core.topics import ALL, released_topic
from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Event, Frame


class Resumption(msgspec.Struct, frozen=True):
    """How to ask for a stream so that it goes on where it stopped."""

    index: int
    """0 if nothing has been seen."""
    witnesses: list[Sequence[Event]]
    """Frames that prove it if they are sent again; of each, its events as the server sent them."""


class ReadProgress(msgspec.Struct, frozen=True):
    """How far a stream was read that another takes over from."""

    namespace: str
    """`*` for all of them."""
    topics: frozenset[str] | None
    """Released names; None for all."""
    index: int
    lost: bool = False
    """Whether nobody was reading it when the other took over."""

    def covers(self, topic: str, namespace: str) -> bool:
        """Whether an event of the topic, by released name, and of the namespace, empty for none, comes in it."""
        return self.namespace in (ALL, namespace or self.namespace) and (self.topics is None or topic in self.topics)


class Joined(msgspec.Struct, gc=False):
    """What is left of a frame once repeats are dropped."""

    frame: Frame | None
    """None if all of it had been seen; the same frame if none of it had."""
    gap: Gap | None
    """What may be missing before it."""
    repeats: int
    missed: Gap | None = None
    """What may be missing before it of topics that were not subscribed to for a while."""
    unread: Gap | None = None
    """What may be missing before it of namespaces that the connections before this one could not know."""
    doubtful: bool = False
    """The frame has the last index seen, and nothing that was seen of that index came again: it may be the second
    frame of that index, or the server may have another history."""


MOST_FRAMES: Final = 4_096
MOST_BYTES: Final = 64 * 1024 * 1024
"""Bounds on the frames kept of one index: a server that never changes its index must not fill the memory."""


class Place(msgspec.Struct, eq=False):
    """Where the reading of one or more topics stopped: they were seen below `index`, and of it what is kept here."""

    index: int
    newest: Sequence[Event] = ()
    """The events of its newest frame, as the server sent them: sent again, they prove that the server holds it."""
    frames: deque[tuple[Sequence[Event], int]] = msgspec.field(default_factory=deque)
    """Per frame of that index the events seen, of any topic, and the bytes of its line."""
    size: int = 0
    left: float = 0.0
    """When the reading stopped, in seconds from anywhere."""

    def add(self, events: Sequence[Event], size: int) -> None:
        self.frames.append((events, size))
        self.size += size
        while len(self.frames) > MOST_FRAMES or (len(self.frames) > 1 and self.size > MOST_BYTES):
            self.size -= self.frames.popleft()[1]


class Coverage:
    """Which topics are behind the others, and from where each of them is to be read."""

    def __init__(self) -> None:
        self.topics: frozenset[str] | None = None
        """What the connection asks for."""
        self._behind: dict[str, Place] = {}
        """By topic; `ALL` is for the topics that are neither here nor in `_level`."""
        self._level: set[str] = set()
        """The topics that are not behind, while `ALL` is."""
        self._coming: dict[str, Place] = {}
        """Topics that this connection catches up with: their places when it began."""

    @property
    def behind(self) -> dict[str, Place]:
        """By topic, where the reading of those stopped that are behind; `*` for all others that are not level."""
        return self._behind

    def places(self, topics: frozenset[str] | None) -> list[Place]:
        """From where a connection for `topics` has to be read, beside the last index; empty if none is behind."""
        return list(dict.fromkeys(self._places(topics).values()))

    def _places(self, topics: frozenset[str] | None) -> dict[str, Place]:
        if topics is None:
            return dict(self._behind)
        return {topic: place for topic in topics if (place := self._place(topic)) is not None}

    def _place(self, topic: str) -> Place | None:
        if topic in self._level:
            return None
        return self._behind.get(topic) or self._behind.get(ALL)

    def reconnected(self, topics: frozenset[str] | None, now: Place) -> None:
        """A new connection asks for `topics`; `now` is the place that all topics have reached that are not behind."""
        if topics is not None:
            if ALL in self._behind:
                self._behind |= dict.fromkeys(self._level - topics, now)
                self._level &= topics
            else:
                self._behind[ALL] = now
                self._level = set(topics)
        self._coming = self._places(topics)
        self._behind |= self._coming
        self.topics = topics

    def asks_for(self, event: Event) -> bool:
        return self.topics is None or released_topic(event.topic) in self.topics

    def start(self, event: Event) -> Place | None:
        """Where the event's topic was when the connection began; None if it was level with the others."""
        if not self._coming:
            return None
        topic = released_topic(event.topic)
        return None if topic in self._level else self._coming.get(topic) or self._coming.get(ALL)

    def advance(self, index: int, sent: Sequence[Event], seen: Sequence[Event], size: int) -> None:
        """A frame came that is not beyond the last index: `sent` by the server, and `seen` for the first time."""
        reached: Place | None = None
        for topic in self._coming:
            place = self._behind[topic]
            if place.index < index:
                reached = reached or Place(index, sent, left=place.left)
                self._behind[topic] = reached
        for place in {self._behind[topic] for topic in self._coming}:
            if place.index == index:
                place.newest = sent
                if seen:
                    place.add(seen, size)

    def caught_up(self) -> None:
        """A frame came that is beyond the last index."""
        for topic in self._coming:
            del self._behind[topic]
        if self.topics is None:
            self._level.clear()
        else:
            self._level |= self._coming.keys()
        self._coming = {}

    def started_over(self, place: Place) -> None:
        """The server's indexes begin anew at `place`; what topics that are left out did before is not known."""
        self.caught_up()
        self._behind = dict.fromkeys(self._behind, place)

    def missed(self, first: int) -> tuple[int, tuple[str, ...], float] | None:
        """After which index what topics may lack something, if a connection's first frame has the index `first`, and
        when the reading of the first of them stopped."""
        # What was never read at all begins with what the server holds, as a first connection does.
        lacking = {topic: place.index for topic, place in self._coming.items() if 0 < place.index < first}
        if not lacking:
            return None
        left = min(self._coming[topic].left for topic in lacking)
        return min(lacking.values()), tuple(self._named(lacking.keys())), left

    def _named(self, topics: Iterable[str]) -> list[str]:
        """`ALL` spelt out; it stays at the end, for the topics that no release is known to send."""
        named = set(topics)
        if ALL in named:
            named |= KINDS.keys() - self._behind.keys() - self._level
        return sorted(named, key=lambda topic: (topic == ALL, topic))
