"""The interface of a sink, and the deliveries that it is given."""

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
    """Events of a group that are only counted."""

    places: "array[int]" = field(default_factory=lambda: array("Q"))
    """Position and offset of each, one after the other."""
    counts: Counter[str] = field(default_factory=Counter)
    """What happened, and how often."""
    level: int = 0
    """The highest."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """One event on its way to a sink, or a gap.

    (Made for each event and sink: a quarter of the time that a frozen dataclass takes, measured.)
    """

    position: int
    """Of its record in the journal: events of one frame have the same."""
    offset: int
    """Which event of the record it is, from 0."""
    index: int
    """Of the frame."""
    received: int
    """When it came from the server, in ns since 1970."""
    source: bytes | Callable[[], list[bytes]]
    """The event as JSON, or the events of its frame where that is needed rarely."""
    event: Event | None = None
    """The same unmasked; None for a gap."""
    gap: Gap | None = None
    id: str = ""
    """The same whenever, from wherever and by whichever runner it is sent (`core.identity`)."""
    about: About | None = None
    """What it means, where the sink renders that; None for a gap, and for what is sent by hand."""
    resolves: bool = False
    """Whether it is sent because it ends what was reported before."""
    more: More | None = None
    """Of its group, those that came after it and are only counted."""
    group: str = ""
    """Items of one delivery that have the same are one message; "" where each is one."""

    @property
    def text(self) -> bytes:
        """The event as JSON in the server's own words, masked where the sink's definition says so; of a gap `{}`."""
        source = self.source
        return source if isinstance(source, bytes) else source()[self.offset]

    @property
    def size(self) -> int:
        """Bytes of the text, nearly."""
        if isinstance(self.source, bytes):
            return len(self.source)
        return len(self.event.payload) if self.event is not None else 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is sent and acknowledged as one."""

    id: str
    """The same each time that it is sent."""
    items: tuple[Item, ...]
    """At least one, in the order of the stream."""
    region: str
    """Of the cluster; "" where it is not known."""
    attempt: int = 1
    test: bool = False
    """Whether an operator sends it by hand, to see what comes back."""


class UndeliveredError(Exception):
    """The receiver did not take it. The text is one line that says what came back instead, fit to be drawn."""

    def __init__(self, what: str, *, done: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.done = done
        """Items, from the first, that were taken all the same."""


class UnavailableError(UndeliveredError):
    """It may take it later: tried again for as long as that takes."""

    def __init__(self, what: str, *, done: int = 0, retry_after: float | None = None) -> None:
        super().__init__(what, done=done)
        self.retry_after = retry_after
        """Seconds that the receiver asks to be left alone for."""


class RejectedError(UndeliveredError):
    """It will not take this, whenever it is sent."""

    def __init__(
        self, what: str, *, done: int = 0, too_large: bool = False, for_all: bool = False, final: bool = False
    ) -> None:
        super().__init__(what, done=done)
        self.too_large = too_large
        """Whether fewer items at once may be taken."""
        self.for_all = for_all
        """Whether the reason is in no item, such as credentials: each item alone would be refused too."""
        self.final = final
        """Whether another attempt would end the same, because nothing was sent."""


class Sink(Protocol):
    async def deliver(self, delivery: Delivery) -> str:
        """Returns the answer, as one printable line, once the receiver has acknowledged all of it.

        Raises `UndeliveredError` within the definition's timeout, and nothing else that can be foreseen.
        """
        ...

    async def close(self) -> None:
        """Gives back what it holds. May be called more than once."""
        ...
