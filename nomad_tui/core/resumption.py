"""How an interrupted stream goes on: what to ask for, how far others had read it, and what of a frame is new."""

from collections.abc import Sequence

import msgspec

from nomad_tui.core.topics import ALL
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
    """By released names; None for all."""
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
