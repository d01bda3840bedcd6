"""Tracks how far each topic has been read while the subscribed topics change.

Topics that are always subscribed to share one last index, which `core.continuity` keeps. A topic that is left out stops
at a place of its own. When it is subscribed to again, it resumes from that place and catches up frame by frame; if the
connection is lost before that, the topic stays at the place it has reached.

`topics` are always the topics of one request, by released names; None stands for all that the session was started with.
Unknown topics cannot be in such a set, so changing from None to a set also adds a place under `ALL`, for all topics
that have not been in any set since.
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
    """Where to resume a stream."""

    index: int
    """0 if no frame has been seen."""
    witnesses: list[Sequence[Event]]
    """Frames that prove continuity if they are sent again, each as its events in the form the server sent them."""


class ReadProgress(msgspec.Struct, frozen=True):
    """How far a stream had been read when another one took over."""

    namespace: str
    """`*` for all namespaces."""
    topics: frozenset[str] | None
    """Released names; None for all."""
    index: int
    lost: bool = False
    """Whether nobody was reading it when the other stream took over."""

    def covers(self, topic: str, namespace: str) -> bool:
        """Whether the stream includes events of this topic, by released name, and namespace, empty for none."""
        return self.namespace in (ALL, namespace or self.namespace) and (self.topics is None or topic in self.topics)


class Joined(msgspec.Struct, gc=False):
    """A frame without repeats."""

    frame: Frame | None
    """None if all of it had been seen; the same frame if none of it had."""
    gap: Gap | None
    """What may be missing before the frame."""
    repeats: int
    missed: Gap | None = None
    """What may be missing before the frame of topics that were not subscribed to for a while."""
    unread: Gap | None = None
    """What may be missing before the frame of namespaces unknown to earlier connections."""
    doubtful: bool = False
    """The frame has the last index seen but repeats nothing seen of that index: it may be the second frame of that
    index, or the server may have another history."""


MAX_FRAMES: Final = 4_096
MAX_BYTES: Final = 64 * 1024 * 1024
"""Limits for the frames kept of one index: a server that never changes its index must not exhaust memory."""


class Place(msgspec.Struct, eq=False):
    """Where reading stopped for one or more topics: everything below `index` was seen, and of `index` the frames
    here."""

    index: int
    newest: Sequence[Event] = ()
    """The events of its newest frame, as sent by the server. If sent again, they prove that the server holds the
    frame."""
    frames: deque[tuple[Sequence[Event], int]] = msgspec.field(default_factory=deque)
    """For each frame of that index, the events seen, of any topic, and the size of its line in bytes."""
    size: int = 0
    left: float = 0.0
    """When reading stopped, in seconds of any monotonic clock."""

    def add(self, events: Sequence[Event], size: int) -> None:
        self.frames.append((events, size))
        self.size += size
        while len(self.frames) > MAX_FRAMES or (len(self.frames) > 1 and self.size > MAX_BYTES):
            self.size -= self.frames.popleft()[1]


class Coverage:
    """Tracks which topics are behind the others, and where to resume each of them."""

    def __init__(self) -> None:
        self.topics: frozenset[str] | None = None
        """The topics of the current connection."""
        self._behind: dict[str, Place] = {}
        """By topic; `ALL` stands for the topics that are neither here nor in `_level`."""
        self._level: set[str] = set()
        """The topics that are not behind, if `ALL` is."""
        self._catching_up: dict[str, Place] = {}
        """Topics that are catching up in this connection, with their places at its start."""

    @property
    def behind(self) -> dict[str, Place]:
        """The place of each topic that is behind; `*` stands for all others that are not level."""
        return self._behind

    def places(self, topics: frozenset[str] | None) -> list[Place]:
        """The places, besides the last index, from which a connection for `topics` has to resume; empty if none is
        behind."""
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
        """Start a connection for `topics`; `now` is the place of all topics that are not behind."""
        if topics is not None:
            if ALL in self._behind:
                self._behind |= dict.fromkeys(self._level - topics, now)
                self._level &= topics
            else:
                self._behind[ALL] = now
                self._level = set(topics)
        self._catching_up = self._places(topics)
        self._behind |= self._catching_up
        self.topics = topics

    def asks_for(self, event: Event) -> bool:
        return self.topics is None or released_topic(event.topic) in self.topics

    def start(self, event: Event) -> Place | None:
        """The place of the event's topic at the start of the connection; None if it was level with the others."""
        if not self._catching_up:
            return None
        topic = released_topic(event.topic)
        return None if topic in self._level else self._catching_up.get(topic) or self._catching_up.get(ALL)

    def advance(self, index: int, sent: Sequence[Event], seen: Sequence[Event], size: int) -> None:
        """Record a frame up to the last index: `sent` are all its events, `seen` the new ones."""
        reached: Place | None = None
        for topic in self._catching_up:
            place = self._behind[topic]
            if place.index < index:
                reached = reached or Place(index, sent, left=place.left)
                self._behind[topic] = reached
        for place in {self._behind[topic] for topic in self._catching_up}:
            if place.index == index:
                place.newest = sent
                if seen:
                    place.add(seen, size)

    def caught_up(self) -> None:
        """Record that a frame beyond the last index was received: all topics of the connection are level now."""
        for topic in self._catching_up:
            del self._behind[topic]
        if self.topics is None:
            self._level.clear()
        else:
            self._level |= self._catching_up.keys()
        self._catching_up = {}

    def started_over(self, place: Place) -> None:
        """Reset all topics to `place`, where the server's new history begins; topics left out have no older state
        there."""
        self.caught_up()
        self._behind = dict.fromkeys(self._behind, place)

    def missed(self, first: int) -> tuple[int, tuple[str, ...], float] | None:
        """The lowest index after which topics may lack events if a connection's first frame has the index `first`,
        those topics, and when reading of the first of them stopped. None if nothing is missing."""
        # A topic never read before starts with the server's buffer, as in a first connection.
        lacking = {topic: place.index for topic, place in self._catching_up.items() if 0 < place.index < first}
        if not lacking:
            return None
        left = min(self._catching_up[topic].left for topic in lacking)
        return min(lacking.values()), tuple(self._expanded(lacking.keys())), left

    def _expanded(self, topics: Iterable[str]) -> list[str]:
        """`topics` with `ALL` expanded; `ALL` stays at the end, for topics that no known release sends."""
        named = set(topics)
        if ALL in named:
            named |= KINDS.keys() - self._behind.keys() - self._level
        return sorted(named, key=lambda topic: (topic == ALL, topic))
