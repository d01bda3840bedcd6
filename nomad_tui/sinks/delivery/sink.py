"""The interface of a sink, and what it delivers."""

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from nomad_tui.core.updates import Gap
from nomad_tui.core.wire import Event
from nomad_tui.sinks.delivery.about import About


@dataclass(slots=True)
class More:
    """The events of a group that are only counted."""

    places: "array[int]" = field(default_factory=lambda: array("Q"))
    """Position and offset of each, one after the other."""
    counts: Counter[str] = field(default_factory=Counter)
    """How often each thing happened."""
    level: int = 0
    """The highest level among them."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """One event to deliver, or a gap.

    A struct because one is made for each event and sink: that takes a quarter of the time of a frozen dataclass.
    """

    position: int
    """Position of its record in the journal, the same for all events of one frame."""
    offset: int
    """Number of the event in its record, from 0."""
    index: int
    """Index of the frame."""
    received: int
    """When the frame was received, in ns since 1970."""
    source: bytes | Callable[[], list[bytes]]
    """The event as JSON, or a function that returns all events of its frame, for sinks that rarely need it."""
    event: Event | None = None
    """The event, not masked; None for a gap."""
    gap: Gap | None = None
    id: str = ""
    """Event ID, the same for every delivery by any runner (`core.identity`)."""
    about: About | None = None
    """What the event means, for sinks that render it; None for a gap and for events sent by hand."""
    resolves: bool = False
    """Whether it is sent because it resolves a reported incident."""
    more: More | None = None
    """Later events of its group that are only counted."""
    group: str = ""
    """Items of one delivery with the same group form one message; "" for a message of its own."""

    @property
    def text(self) -> bytes:
        """The event as the server sent it, masked if the definition says so; `{}` for a gap."""
        source = self.source
        return source if isinstance(source, bytes) else source()[self.offset]

    @property
    def size(self) -> int:
        """Approximate bytes of the text."""
        if isinstance(self.source, bytes):
            return len(self.source)
        return len(self.event.payload) if self.event is not None else 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """Items that are sent and acknowledged as a unit."""

    id: str
    """The same for each attempt."""
    items: tuple[Item, ...]
    """At least one, in stream order."""
    region: str
    """Region of the cluster; "" if unknown."""
    attempt: int = 1
    test: bool = False
    """Whether an operator sends it as a test."""


class UndeliveredError(Exception):
    """The receiver did not acknowledge. The text is one printable line that says what it answered instead."""

    def __init__(self, what: str, *, done: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.done = done
        """Number of items, from the first, that were acknowledged nevertheless."""


class UnavailableError(UndeliveredError):
    """A temporary failure: retried until it succeeds."""

    def __init__(self, what: str, *, done: int = 0, retry_after: float | None = None) -> None:
        super().__init__(what, done=done)
        self.retry_after = retry_after
        """Seconds that the receiver asks to wait."""


class LocalError(UnavailableError):
    """The reason is on this machine, such as a full disk, and no receiver is asked: tried again soon."""


class RejectedError(UndeliveredError):
    """A refusal of the content: retrying is unlikely to help."""

    def __init__(
        self, what: str, *, done: int = 0, too_large: bool = False, for_all: bool = False, final: bool = False
    ) -> None:
        super().__init__(what, done=done)
        self.too_large = too_large
        """Whether fewer items at a time may be accepted."""
        self.for_all = for_all
        """Whether the reason lies outside the items, such as credentials: each item alone would be refused too."""
        self.final = final
        """Whether nothing was sent, so that another attempt would fail in the same way."""


class Sink(Protocol):
    async def deliver(self, delivery: Delivery) -> str:
        """Return the answer as one printable line once the receiver has acknowledged all items.

        Raises only `UndeliveredError`, within the definition's timeout.
        """
        ...

    async def close(self) -> None:
        """Release resources. May be called more than once."""
        ...
